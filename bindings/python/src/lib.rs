//! The native half of the Python package `pixelbank`: what must be fast, and what only Rust has. The other half, in
//! `python/pixelbank`, is what reads better in Python.
//!
//! Calls that may take long are made without the interpreter (`waiting.rs`); no lock of ours is held while it is taken.
#![deny(unsafe_code)]

mod arguments;
mod arrays;
mod bank;
mod core;
mod errors;
mod heap;
mod image;
mod leaving;
mod mesh;
mod pool;
mod process;
mod read;
mod source;
mod spec;
mod threads;
mod tile;
mod waiting;

/// Pixelbank's native half.
#[pyo3::pymodule(name = "_core", gil_used = false)]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::bank::PyBank;
    #[pymodule_export]
    use crate::heap::{_c_allocator, _c_trim, _walk};
    #[pymodule_export]
    use crate::image::PyImage;
    #[pymodule_export]
    use crate::leaving::leave;
    #[pymodule_export]
    use crate::mesh::PyMesh;
    #[pymodule_export]
    use crate::pool::{
        PyExternalItem, PyImageBatch, PyImageBuffer, PyPool, PyPoolProfile, PyStream, PyTensor,
        PyTensorBatch, changed, from_dlpack,
    };
    #[pymodule_export]
    use crate::spec::PySpec;
    #[pymodule_export]
    use crate::tile::{PyPin, PyPrefetch, PyTile};
    #[pymodule_export]
    use crate::waiting::PyCancel;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::process::watch_forks();
        let leave = module.getattr("_leave")?;
        module
            .py()
            .import("atexit")?
            .call_method1("register", (leave,))?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
