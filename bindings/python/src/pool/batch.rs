//! `TensorBatch` and `ImageBatch`.

use pixelbank_memory::sync::Mutex;
use pixelbank_pool::{Batch, ImageBuffer, Tensor};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PySlice};

use super::default;
use super::image::PyImageBuffer;
use super::tensor::PyTensor;
use crate::bank::PyBank;
use crate::errors::{argument, from_pool};
use crate::process::Home;

/// A batch that may be used from several threads. What it held is dropped without the lock: that may run Python, which may
/// use the batch.
struct Shared<T: Send + Sync + 'static>(Home<Mutex<Batch<T>>>);

impl<T: Clone + Send + Sync + 'static> Shared<T> {
    fn new(batch: Batch<T>) -> Self {
        Self(Home::new(Mutex::new(batch)))
    }

    fn len(&self) -> PyResult<usize> {
        Ok(self.0.get()?.lock().len())
    }

    fn capacity(&self) -> PyResult<usize> {
        Ok(self.0.get()?.lock().capacity())
    }

    fn push(&self, item: T) -> PyResult<()> {
        let kept = item.clone();
        let pushed = self.0.get()?.lock().push(item);
        drop(kept);
        pushed.map_err(|error| from_pool(&error))
    }

    fn pop(&self) -> PyResult<T> {
        let popped = self.0.get()?.lock().pop();
        popped.ok_or_else(|| PyIndexError::new_err("the batch is empty"))
    }

    fn items(&self) -> PyResult<Vec<T>> {
        Ok(self.0.get()?.lock().to_vec())
    }

    fn clear(&self) -> PyResult<()> {
        let held = {
            let mut batch = self.0.get()?.lock();
            let held = batch.to_vec();
            batch.clear();
            held
        };
        drop(held);
        Ok(())
    }

    fn at(&self, index: isize) -> PyResult<T> {
        let batch = self.0.get()?.lock();
        let from_start = match index < 0 {
            true => index + batch.len() as isize,
            false => index,
        };
        usize::try_from(from_start)
            .ok()
            .and_then(|at| batch.get(at).cloned())
            .ok_or_else(|| PyIndexError::new_err(format!("index {index} of {}", batch.len())))
    }

    /// What `batch[index]` names, each made an object of Python by `object`.
    fn get<'py>(
        &self,
        index: &Bound<'py, PyAny>,
        object: impl Fn(T) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        if let Ok(slice) = index.cast::<PySlice>() {
            let items = self.items()?;
            let indices = slice.indices(items.len() as isize)?;
            let named = (0..indices.slicelength as isize)
                .map(|i| object(items[(indices.start + i * indices.step) as usize].clone()))
                .collect::<PyResult<Vec<_>>>()?;
            return Ok(PyList::new(py, named)?.into_any());
        }
        let index: isize = index
            .extract()
            .map_err(|_| argument("index", "a batch is indexed by numbers and slices"))?;
        object(self.at(index)?)
    }

    fn iterate<'py>(
        &self,
        py: Python<'py>,
        object: impl Fn(T) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let all = self.items()?;
        let all = all.into_iter().map(object).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, all)?.try_iter()?.into_any())
    }
}

/// The argument `capacity`.
fn room(capacity: i64) -> PyResult<usize> {
    usize::try_from(capacity)
        .map_err(|_| argument("capacity", format!("{capacity}; 1 is the least")))
}

/// Room for `capacity` tensors, which may differ in shape, type and device. The room is kept and reused; the tensors go
/// back to the pool when nobody else has them.
///
/// Raises `ArgumentError` for a capacity below 1, or one that no memory has room for, and `BudgetError`.
///
/// >>> import pixelbank
/// >>> batch = pixelbank.TensorBatch(2)
/// >>> batch.append(pixelbank.Tensor((4, 4)))
/// >>> len(batch), batch[0].shape
/// (1, (4, 4))
#[pyclass(frozen, name = "TensorBatch", module = "pixelbank", weakref, sequence)]
pub struct PyTensorBatch(Shared<Tensor>);

fn tensor_object(py: Python<'_>, tensor: Tensor) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, PyTensor::new(tensor))?.into_any())
}

#[pymethods]
impl PyTensorBatch {
    #[new]
    #[pyo3(signature = (capacity, *, bank=None))]
    fn make(py: Python<'_>, capacity: i64, bank: Option<&Bound<'_, PyBank>>) -> PyResult<Self> {
        let share = default::share_of(py, bank)?;
        let batch = share.get()?.pool.tensor_batch(room(capacity)?);
        Ok(Self(Shared::new(batch.map_err(|error| from_pool(&error))?)))
    }

    /// How many it has room for.
    #[getter]
    fn capacity(&self) -> PyResult<usize> {
        self.0.capacity()
    }

    /// Adds one. Raises `BatchFullError`.
    fn append(&self, tensor: &Bound<'_, PyTensor>) -> PyResult<()> {
        self.0.push(tensor.get().tensor()?.clone())
    }

    /// Takes the last one out. Raises `IndexError` where there is none.
    fn pop(&self) -> PyResult<PyTensor> {
        Ok(PyTensor::new(self.0.pop()?))
    }

    /// Lets go of all.
    fn clear(&self) -> PyResult<()> {
        self.0.clear()
    }

    fn __len__(&self) -> PyResult<usize> {
        self.0.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        self.0.get(index, |tensor| tensor_object(py, tensor))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.iterate(py, |tensor| tensor_object(py, tensor))
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!(
            "<TensorBatch: {} of {}>",
            self.0.len()?,
            self.0.capacity()?
        ))
    }
}

/// Room for `capacity` images, which may differ in size, channels, type and device. The room is kept and reused; the images
/// go back to the pool when nobody else has them.
///
/// Raises as `TensorBatch`.
#[pyclass(frozen, name = "ImageBatch", module = "pixelbank", weakref, sequence)]
pub struct PyImageBatch(Shared<ImageBuffer>);

fn image_object(py: Python<'_>, image: ImageBuffer) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, PyImageBuffer::init(image))?.into_any())
}

#[pymethods]
impl PyImageBatch {
    #[new]
    #[pyo3(signature = (capacity, *, bank=None))]
    fn make(py: Python<'_>, capacity: i64, bank: Option<&Bound<'_, PyBank>>) -> PyResult<Self> {
        let share = default::share_of(py, bank)?;
        let batch = share.get()?.pool.image_batch(room(capacity)?);
        Ok(Self(Shared::new(batch.map_err(|error| from_pool(&error))?)))
    }

    /// How many it has room for.
    #[getter]
    fn capacity(&self) -> PyResult<usize> {
        self.0.capacity()
    }

    /// Adds one. Raises `BatchFullError`.
    fn append(&self, image: &Bound<'_, PyImageBuffer>) -> PyResult<()> {
        self.0.push(image.get().image()?.clone())
    }

    /// Takes the last one out. Raises `IndexError` where there is none.
    fn pop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        image_object(py, self.0.pop()?)
    }

    /// Lets go of all.
    fn clear(&self) -> PyResult<()> {
        self.0.clear()
    }

    fn __len__(&self) -> PyResult<usize> {
        self.0.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        self.0.get(index, |image| image_object(py, image))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.iterate(py, |image| image_object(py, image))
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!(
            "<ImageBatch: {} of {}>",
            self.0.len()?,
            self.0.capacity()?
        ))
    }
}
