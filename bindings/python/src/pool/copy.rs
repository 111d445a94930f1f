//! Elements copied from one tensor or array to another, by NumPy.

use pixelbank_pool::Tensor;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use super::export;
use super::tensor::PyTensor;
use crate::errors::{argument, from_pool};

/// A tensor of the same elements, packed, in the same pool.
pub fn copied(tensor: &Bound<'_, PyTensor>) -> PyResult<Tensor> {
    let py = tensor.py();
    let memory = tensor.get().tensor()?;
    export::check_host(memory)?;
    let copy = memory.alike().map_err(|error| from_pool(&error))?;
    copy.note_origin(|| super::ask::place(py));
    if let (Some(from), true) = (memory.as_bytes(), memory.is_packed()) {
        let span = from.len();
        let to = std::ptr::with_exposed_provenance_mut::<u8>(copy.address() as usize);
        #[allow(unsafe_code)]
        // SAFETY: both are `span` bytes of host memory: a packed tensor has no others than its elements. The copy was just
        // made, so that nobody else has it.
        unsafe {
            std::ptr::copy_nonoverlapping(from.as_ptr(), to, span);
        }
        return Ok(copy);
    }
    let target = Bound::new(py, PyTensor::new(copy.clone()))?;
    fill(&target, &export::array(tensor)?)?;
    Ok(copy)
}

/// Writes the elements of `array` into the tensor.
pub fn fill(tensor: &Bound<'_, PyTensor>, array: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = tensor.py();
    let target = writable(tensor)?;
    let numpy = py.import("numpy")?;
    let casting = [("casting", "same_kind")].into_py_dict(py)?;
    numpy
        .call_method("copyto", (target, array), Some(&casting))
        .map_err(|error| bad_value(py, "array", error))?;
    Ok(())
}

/// Sets all elements to one value.
pub fn set(tensor: &Bound<'_, PyTensor>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    writable(tensor)?
        .call_method1("fill", (value,))
        .map_err(|error| bad_value(tensor.py(), "value", error))?;
    Ok(())
}

fn writable<'py>(tensor: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    if tensor.get().tensor()?.is_read_only() {
        return Err(argument("tensor", "it is read-only"));
    }
    export::array(tensor)
}

fn bad_value(py: Python<'_>, name: &str, error: PyErr) -> PyErr {
    let is_callers = error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<pyo3::exceptions::PyOverflowError>(py);
    match is_callers {
        true => argument(name, error.value(py)),
        false => error,
    }
}
