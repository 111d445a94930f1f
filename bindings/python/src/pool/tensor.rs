//! Tensors.

use pixelbank_pool::Tensor;
use pyo3::prelude::*;

use crate::process::Home;

/// An array of elements in memory that a pool reuses.
#[pyclass(frozen, name = "Tensor", module = "pixelbank", weakref)]
pub struct PyTensor(Home<Tensor>);

impl PyTensor {
    pub fn new(tensor: Tensor) -> Self {
        Self(Home::new(tensor))
    }
}

#[pymethods]
impl PyTensor {
    /// The extent of each dimension.
    #[getter]
    fn shape(&self) -> PyResult<Vec<u64>> {
        Ok(self.0.get()?.shape().to_vec())
    }
}
