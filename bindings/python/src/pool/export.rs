//! A tensor's memory in other hands, without copying: NumPy, the buffer protocol, DLPack.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use numpy::PyArrayDescr;
use numpy::npyffi::{self, PY_ARRAY_API, npy_intp};
use pixelbank_pool::{
    DLManagedTensor, DLManagedTensorVersioned, Device, Error, Exported as Versioned,
    ExportedLegacy, MAX_RANK, Tensor,
};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::dtype;
use super::tensor::PyTensor;
use crate::arrays::{Exported, fill_buffer};
use crate::errors::{argument, from_pool};
use crate::process::Home;

/// What DLPack calls memory of the process, and memory of the process that is pinned for CUDA.
const DL_CPU: i32 = 1;
const DL_CUDA: i32 = 2;
const DL_CUDA_HOST: i32 = 3;

const CURRENT: &CStr = c"dltensor_versioned";
const LEGACY: &CStr = c"dltensor";

/// That NumPy can read it.
pub fn check_host(tensor: &Tensor) -> PyResult<()> {
    if tensor.device().is_host() {
        return Ok(());
    }
    Err(argument(
        "device",
        format!(
            "NumPy cannot read memory of {}; a library that can takes it by DLPack",
            super::device::name(tensor.device())
        ),
    ))
}

/// An array over the tensor's memory, which keeps `tensor` alive.
pub fn array<'py>(tensor: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let memory = tensor.get().tensor()?;
    check_host(memory)?;
    let descr = dtype::descr(py, memory.dtype())?.ok_or_else(|| {
        argument(
            "dtype",
            format!(
                "NumPy knows {} only where ml_dtypes is installed",
                memory.dtype()
            ),
        )
    })?;
    let shape: Vec<npy_intp> = memory
        .shape()
        .iter()
        .map(|extent| *extent as npy_intp)
        .collect();
    let strides = memory.strides_bytes().iter().map(|step| *step as npy_intp);
    // SAFETY: the type is that of the tensor's elements, which have that shape and those strides.
    unsafe { array_of(tensor, descr, shape, strides.collect()) }
}

/// The bytes of a packed tensor as an array, which keeps `tensor` alive.
pub fn bytes<'py>(tensor: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let memory = tensor.get().tensor()?;
    check_host(memory)?;
    if !memory.is_packed() {
        return Err(argument("tensor", "its rows have padding"));
    }
    let descr = PyArrayDescr::new(py, "uint8")?;
    // SAFETY: the elements of a packed tensor lie one behind the other, without gaps.
    unsafe {
        array_of(
            tensor,
            descr,
            vec![memory.span_bytes() as npy_intp],
            vec![1],
        )
    }
}

/// # Safety
/// The tensor's memory must be the process's own, and hold elements of that type, shape and strides.
unsafe fn array_of<'py>(
    tensor: &Bound<'py, PyTensor>,
    descr: Bound<'py, PyArrayDescr>,
    mut shape: Vec<npy_intp>,
    mut strides: Vec<npy_intp>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let memory = tensor.get().tensor()?;
    let flags = match memory.is_read_only() {
        true => 0,
        false => npyffi::NPY_ARRAY_WRITEABLE,
    };
    // SAFETY: the calls get what NumPy's documentation asks for: a type, of which a reference is given away; as many
    // extents and strides as dimensions, which it copies; memory that all of them stay within, which the base keeps
    // alive. A null pointer means that an exception was set.
    unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            npyffi::get_type_object(py, npyffi::NpyTypes::PyArray_Type),
            descr.into_ptr().cast(),
            shape.len() as c_int,
            shape.as_mut_ptr(),
            strides.as_mut_ptr(),
            ptr::with_exposed_provenance_mut(memory.address() as usize),
            flags,
            ptr::null_mut(),
        );
        let array = Bound::from_owned_ptr_or_err(py, array)?;
        let base = tensor.clone().into_ptr();
        if PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(array)
    }
}

/// Fills a view for the buffer protocol.
///
/// # Safety
/// `view` must be one that the interpreter hands over to be filled.
pub unsafe fn buffer(
    tensor: &Bound<'_, PyTensor>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()> {
    let memory = tensor.get().tensor()?;
    let refused = |reason: String| Err(PyBufferError::new_err(reason));
    if !memory.device().is_host() {
        return refused(format!("{} is no memory of the process", memory.device()));
    }
    let Some(format) = dtype::buffer_format(memory.dtype()) else {
        return refused(format!("buffers have no format for {}", memory.dtype()));
    };
    let rank = memory.shape().len();
    let mut shape = [0; MAX_RANK];
    let mut strides = [0; MAX_RANK];
    for i in 0..rank {
        shape[i] = memory.shape()[i] as isize;
        strides[i] = memory.strides_bytes()[i] as isize;
    }
    let exported = Exported {
        first: ptr::with_exposed_provenance_mut(memory.address() as usize),
        is_read_only: memory.is_read_only(),
        format,
        item_bytes: memory.dtype().bytes() as usize,
        shape: &shape[..rank],
        strides: &strides[..rank],
        is_packed: memory.is_packed(),
    };
    // SAFETY: the caller's promise; the object keeps the tensor, and that its memory where it is.
    unsafe { fill_buffer(view, flags, tensor.clone().into_any(), &exported) }
}

/// What `__dlpack_device__` answers.
pub fn dl_device(device: Device) -> PyResult<(i32, i32)> {
    match device {
        Device::Host => Ok((DL_CPU, 0)),
        Device::Pinned => Ok((DL_CUDA_HOST, 0)),
        Device::Cuda(number) => Ok((DL_CUDA, i32::from(number))),
        other => Err(PyBufferError::new_err(format!(
            "DLPack has no name for {other}"
        ))),
    }
}

/// What a consumer asks for.
pub struct Wishes<'a, 'py> {
    pub stream: Option<&'a Bound<'py, PyAny>>,
    pub max_version: Option<(u32, u32)>,
    pub dl_device: Option<(i32, i32)>,
    pub copy: Option<bool>,
}

/// A capsule as `__dlpack__` gives one out.
pub fn capsule<'py>(
    tensor: &Bound<'py, PyTensor>,
    wishes: &Wishes<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let memory = tensor.get().tensor()?;
    let own = dl_device(memory.device())?;
    let wanted = wishes.dl_device.unwrap_or(own);
    let is_on_host = memory.device().is_host();
    if wanted != own && !(is_on_host && wanted == (DL_CPU, 0)) {
        return Err(PyBufferError::new_err(format!(
            "the tensor is on DLPack's device {own:?}, and is not copied to {wanted:?}"
        )));
    }
    wait(py, memory, wishes.stream)?;
    let copy = wishes.copy.unwrap_or(false);
    if copy && !is_on_host {
        return Err(PyBufferError::new_err(
            "only memory of the process is copied",
        ));
    }
    let memory = match copy {
        false => memory.clone(),
        true => super::copy::copied(tensor)?,
    };
    let device_type = wanted.0;
    if wishes.max_version.is_some_and(|(major, _)| major >= 1) {
        let mut exported = memory.export().map_err(unsayable)?;
        if copy {
            exported.mark_copied();
        }
        return current_capsule(py, exported, device_type);
    }
    if memory.is_read_only() {
        return Err(PyBufferError::new_err(
            "it is read-only, which DLPack can say from version 1.0 on: ask with max_version=(1, 0)",
        ));
    }
    let exported = memory.export_legacy().map_err(unsayable)?;
    legacy_capsule(py, exported, device_type)
}

/// What consumers expect where the protocol cannot say what the tensor is.
fn unsayable(error: Error) -> PyErr {
    PyBufferError::new_err(error.to_string())
}

/// Has the work that is known to be on the tensor finish, so that any stream may use it; -1 asks not to.
fn wait(py: Python<'_>, tensor: &Tensor, stream: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let stream: Option<i64> = stream.map(|stream| stream.extract()).transpose()?;
    if tensor.device().is_host() && !matches!(stream, None | Some(-1)) {
        return Err(argument("stream", "memory of the process has none"));
    }
    if stream == Some(-1) {
        return Ok(());
    }
    py.detach(|| tensor.synchronize())
        .map_err(|error| from_pool(&error))
}

/// A tensor on its way out, as the protocol has it, and what its deleter drops. In a child that was forked the deleter
/// leaves the tensor alone, as all that belongs to the parent.
#[repr(C)]
struct Outgoing<M, E> {
    managed: M,
    _exported: Home<E>,
}

fn current_capsule(
    py: Python<'_>,
    exported: Versioned,
    device_type: i32,
) -> PyResult<Bound<'_, PyAny>> {
    let mut managed = *exported.managed();
    managed.dl_tensor.device.device_type.0 = device_type as _;
    managed.deleter = Some(delete_current);
    let outgoing = Box::new(Outgoing {
        managed,
        _exported: Home::new(exported),
    });
    // SAFETY: a `DLManagedTensorVersioned` is the first thing that it points to.
    unsafe { capsule_of(py, Box::into_raw(outgoing).cast(), CURRENT, drop_current) }
}

fn legacy_capsule(
    py: Python<'_>,
    exported: ExportedLegacy,
    device_type: i32,
) -> PyResult<Bound<'_, PyAny>> {
    let mut managed = *exported.managed();
    managed.dl_tensor.device.device_type.0 = device_type as _;
    managed.deleter = Some(delete_legacy);
    let outgoing = Box::new(Outgoing {
        managed,
        _exported: Home::new(exported),
    });
    // SAFETY: a `DLManagedTensor` is the first thing that it points to.
    unsafe { capsule_of(py, Box::into_raw(outgoing).cast(), LEGACY, drop_legacy) }
}

/// # Safety
/// The argument must come from `current_capsule`, and not be used again.
unsafe extern "C" fn delete_current(managed: *mut DLManagedTensorVersioned) {
    // SAFETY: it is the first field of what `current_capsule` leaked; whoever has it calls this once.
    drop(unsafe { Box::from_raw(managed.cast::<Outgoing<DLManagedTensorVersioned, Versioned>>()) });
}

/// # Safety
/// The argument must come from `legacy_capsule`, and not be used again.
unsafe extern "C" fn delete_legacy(managed: *mut DLManagedTensor) {
    // SAFETY: as in `delete_current`.
    drop(unsafe { Box::from_raw(managed.cast::<Outgoing<DLManagedTensor, ExportedLegacy>>()) });
}

/// # Safety
/// `managed` must be what a capsule of that name holds by the protocol, and `destructor` delete it.
unsafe fn capsule_of<'py>(
    py: Python<'py>,
    managed: *mut c_void,
    name: &'static CStr,
    destructor: unsafe extern "C" fn(*mut ffi::PyObject),
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the pointer is not null, the name is never freed, and the destructor is what the caller says.
    unsafe {
        let capsule = ffi::PyCapsule_New(managed, name.as_ptr(), Some(destructor));
        Bound::from_owned_ptr_or_err(py, capsule)
    }
}

/// What nobody took goes with its capsule: who takes it gives the capsule another name.
unsafe extern "C" fn drop_current(capsule: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls it with a capsule that `current_capsule` made.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, CURRENT.as_ptr()) == 1 {
            delete_current(ffi::PyCapsule_GetPointer(capsule, CURRENT.as_ptr()).cast());
        }
    }
}

unsafe extern "C" fn drop_legacy(capsule: *mut ffi::PyObject) {
    // SAFETY: as in `drop_current`.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, LEGACY.as_ptr()) == 1 {
            delete_legacy(ffi::PyCapsule_GetPointer(capsule, LEGACY.as_ptr()).cast());
        }
    }
}
