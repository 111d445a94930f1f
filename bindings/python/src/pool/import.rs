//! Memory of other libraries as tensors, without copying: DLPack, and the buffer protocol for what has only that.

#![allow(unsafe_code)]

use std::ptr::NonNull;

use pixelbank_pool::{Device, Error, ForeignDesc, Layout, Pool, Shape, Tensor};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyException, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

use super::stream::PyStream;
use super::tensor::PyTensor;
use super::{ask, default, dtype};
use crate::bank::PyBank;
use crate::errors::{self, ArgumentError, argument};

/// The newest form of the protocol that is understood.
const MAX_VERSION: (u32, u32) = (1, 0);

/// A tensor over the memory of another library's array, not copied: of NumPy, PyTorch, JAX, CuPy, and of whatever else has
/// DLPack or the buffer protocol.
///
/// It counts no bytes on the bank, and keeps the array's memory until nothing uses the tensor any more. Nobody may write
/// to the memory while it is read, nor the array's owner free or resize it. On CUDA, `stream` is where the tensor will
/// be used: the other library then has its own work finish before. `bank` is the default one where none is given; it must
/// have the device.
///
/// Raises `ArgumentError` for what cannot be taken in: no array, an empty one, more than 8 dimensions, strides that run
/// backwards, types that are not in the machine's byte order.
///
/// >>> import numpy, pixelbank
/// >>> array = numpy.arange(6, dtype="int16").reshape(2, 3)
/// >>> tensor = pixelbank.from_dlpack(array)
/// >>> tensor.is_wrapper, tensor.address == array.ctypes.data
/// (True, True)
#[pyfunction]
#[pyo3(signature = (array, *, stream=None, bank=None))]
pub fn from_dlpack(
    py: Python<'_>,
    array: &Bound<'_, PyAny>,
    stream: Option<&Bound<'_, PyStream>>,
    bank: Option<&Bound<'_, PyBank>>,
) -> PyResult<PyTensor> {
    let share = default::share_of(py, bank)?;
    let tensor = wrap(&share.get()?.pool, array, stream)?;
    tensor.note_origin(|| ask::place(py));
    Ok(PyTensor::new(tensor))
}

/// Takes another library's array in.
fn wrap(
    pool: &Pool,
    array: &Bound<'_, PyAny>,
    stream: Option<&Bound<'_, PyStream>>,
) -> PyResult<Tensor> {
    let py = array.py();
    let failed = match array.getattr_opt("__dlpack__")? {
        None => None,
        Some(export) => match capsule(array, &export, stream) {
            Ok(capsule) => return from_capsule(pool, &capsule),
            Err(error) => Some(error),
        },
    };
    if failed
        .as_ref()
        .is_none_or(|error| error.is_instance_of::<PyBufferError>(py))
        && let Ok(buffer) = PyUntypedBuffer::get(array)
    {
        return from_buffer(pool, buffer);
    }
    match failed {
        Some(error) if error.is_instance_of::<PyException>(py) => {
            let said = argument(
                "array",
                format!("its library does not hand it out: {error}"),
            );
            said.set_cause(py, Some(error));
            Err(said)
        }
        Some(error) => Err(error),
        None => Err(argument(
            "array",
            format!(
                "{} has neither DLPack nor the buffer protocol",
                array.get_type()
            ),
        )),
    }
}

fn refused(error: &Error) -> PyErr {
    Python::attach(|py| {
        let said = errors::from_pool(error);
        match said.is_instance_of::<ArgumentError>(py) {
            true => argument("array", error),
            false => said,
        }
    })
}

/// What `__dlpack__` gives out.
fn capsule<'py>(
    array: &Bound<'py, PyAny>,
    export: &Bound<'py, PyAny>,
    stream: Option<&Bound<'py, PyStream>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    let arguments = PyDict::new(py);
    if let Some(stream) = stream
        && let Device::Cuda(_) = stream.get().handle()?.device()
    {
        arguments.set_item("stream", stream.get().handle()?.raw())?;
    }
    let newer = [("max_version", MAX_VERSION)].into_py_dict(py)?;
    newer.update(arguments.as_mapping())?;
    match export.call((), Some(&newer)) {
        // Libraries from before DLPack 1.0 know no versions.
        Err(error) if error.is_instance_of::<PyTypeError>(py) => export.call((), Some(&arguments)),
        made => made,
    }
}

fn from_capsule(pool: &Pool, capsule: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let forms = [
        (c"dltensor_versioned", c"used_dltensor_versioned", true),
        (c"dltensor", c"used_dltensor", false),
    ];
    for (name, used, is_current) in forms {
        // SAFETY: asks whether it is a capsule of that name.
        if unsafe { ffi::PyCapsule_IsValid(capsule.as_ptr(), name.as_ptr()) } == 0 {
            continue;
        }
        // SAFETY: it is one, so that it holds a pointer, which is not null.
        let managed = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), name.as_ptr()) };
        // SAFETY: from here on it is ours: by its new name the capsule's destructor knows. The name is never freed.
        let renamed = unsafe { ffi::PyCapsule_SetName(capsule.as_ptr(), used.as_ptr()) };
        let (0, Some(managed)) = (renamed, NonNull::new(managed)) else {
            return Err(PyErr::fetch(capsule.py()));
        };
        // SAFETY: the name says what it points to, by the protocol; that nobody writes while it is read is asked of
        // whoever calls `from_dlpack`.
        let tensor = unsafe {
            match is_current {
                true => pool.import(managed.cast()),
                false => pool.import_legacy(managed.cast()),
            }
        };
        return tensor.map_err(|error| refused(&error));
    }
    Err(argument(
        "array",
        "what its __dlpack__ returned is no capsule of a tensor",
    ))
}

fn from_buffer(pool: &Pool, buffer: PyUntypedBuffer) -> PyResult<Tensor> {
    let format = buffer.format().to_string_lossy().into_owned();
    let dtype = dtype::of_buffer(&format, buffer.item_size())
        .ok_or_else(|| argument("array", format!("elements of format '{format}'")))?;
    if buffer.suboffsets().is_some() {
        return Err(argument("array", "its rows are behind pointers"));
    }
    let extents: Vec<i64> = buffer.shape().iter().map(|extent| *extent as i64).collect();
    let mut strides: Vec<i64> = buffer.strides().iter().map(|step| *step as i64).collect();
    // A single number has no dimensions there, and one here.
    let shape = match extents.is_empty() {
        true => Shape::from([1]),
        false => Shape::new(&extents).map_err(|error| refused(&error))?,
    };
    strides.resize(shape.rank(), dtype.bytes() as i64);
    let desc = ForeignDesc {
        address: buffer.buf_ptr().expose_provenance() as u64,
        shape,
        dtype,
        layout: Layout::NONE,
        strides_bytes: Some(&strides),
        device: Device::Host,
        is_read_only: buffer.readonly(),
    };
    // SAFETY: the buffer says what memory there is, and its owner keeps it where it is until the buffer is released, which
    // is when it is dropped. That nobody writes while it is read is asked of whoever calls `from_dlpack`.
    unsafe { pool.wrap(&desc, buffer) }.map_err(|error| refused(&error))
}
