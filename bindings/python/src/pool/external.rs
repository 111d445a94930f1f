//! `ExternalItem`.

use pixelbank_memory::sync::Mutex;
use pixelbank_pool::{External, ExternalKey};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::{default, device};
use crate::arguments::bytes;
use crate::bank::PyBank;
use crate::errors::{ClosedError, Raised, argument, from_pool};
use crate::process::Home;

/// An object of Python's, as the pool keeps it. It is dropped without a lock of the pool's; where that happens without the
/// interpreter, it goes when somebody enters that next.
struct Item(Py<PyAny>);

/// An object of the caller's own that the pool keeps for reuse: an operator's buffers, a compiled filter.
///
/// `key` is up to eight numbers of 0 or more: objects of an equal key serve each other, whoever made them. Where none is
/// idle `factory()` makes one. It is on the books with `nbytes`, a number or text such as `"64M"`, in memory of `device`.
///
/// As a context manager it gives the object, and is released at the end. The object must not refer to its bank, which
/// could then never go. Raises what `factory` raises, `ArgumentError` for the key, and `BudgetError` where there is no
/// room.
///
/// >>> import pixelbank
/// >>> bank = pixelbank.Bank("64M")
/// >>> with pixelbank.ExternalItem((3, 3), list, 4096, bank=bank) as kernel:
/// ...     kernel.append(1)
/// >>> pixelbank.ExternalItem((3, 3), list, 4096, bank=bank).value
/// [1]
#[pyclass(frozen, name = "ExternalItem", module = "pixelbank", weakref)]
pub struct PyExternalItem {
    item: Mutex<Option<Home<External<Item>>>>,
    key: Vec<u64>,
}

#[pymethods]
impl PyExternalItem {
    #[new]
    #[pyo3(
        signature = (key, factory, nbytes=None, *, device=None, bank=None),
        text_signature = "(key, factory, nbytes=0, *, device='cpu', bank=None)"
    )]
    fn make(
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        factory: &Bound<'_, PyAny>,
        nbytes: Option<&Bound<'_, PyAny>>,
        device: Option<&str>,
        bank: Option<&Bound<'_, PyBank>>,
    ) -> PyResult<Self> {
        let share = default::share_of(py, bank)?;
        let nbytes = nbytes.map_or(Ok(0), |nbytes| bytes("nbytes", nbytes))?;
        let words = words(key)?;
        let mut key = ExternalKey::new(&words).map_err(|error| argument("key", error))?;
        if let Some(device) = device {
            key = key.on(device::named(device)?);
        }
        if !factory.is_callable() {
            return Err(argument("factory", "it cannot be called"));
        }
        let pool = &share.get()?.pool;
        let make = || {
            factory
                .call0()
                .map(|made| Item(made.unbind()))
                .map_err(Raised)
        };
        let item = pool
            .external(&key, nbytes, make)
            .map_err(|error| from_pool(&error))?;
        Ok(Self {
            item: Mutex::new(Some(Home::new(item))),
            key: words,
        })
    }

    /// The object. Raises `ClosedError` after `release`.
    #[getter]
    fn value(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let item = self.item.lock();
        let item = item
            .as_ref()
            .ok_or_else(|| ClosedError::new_err("the item was released"))?;
        Ok(item.get()?.0.clone_ref(py))
    }

    /// What it was asked for by.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.key)
    }

    /// Lets the object go, so that others get it, if that was not done yet.
    fn release(&self) {
        let gone = self.item.lock().take();
        drop(gone);
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.value(py)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.release();
    }

    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // `ExternalItem[Kernel]`, for annotations.
        let alias = class.py().import("types")?.getattr("GenericAlias")?;
        alias.call1((class, item))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let key = self.key(py)?;
        match self.value(py) {
            Ok(value) => Ok(format!("<ExternalItem {key}: {}>", value.bind(py).repr()?)),
            Err(_) => Ok(format!("<ExternalItem {key}, released>")),
        }
    }
}

/// The argument `key`: a number or several.
fn words(key: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let word = |part: &Bound<'_, PyAny>| -> PyResult<u64> {
        part.extract()
            .map_err(|error| argument("key", format!("{part}: {error}")))
    };
    match key.try_iter() {
        Ok(parts) => parts.map(|part| word(&part?)).collect(),
        Err(_) => Ok(vec![word(key)?]),
    }
}
