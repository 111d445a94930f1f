//! Pixels in NumPy's arrays, and in whatever else offers a buffer.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use numpy::npyffi::{self, NPY_TYPES, PY_ARRAY_API, npy_intp};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pixelbank_image::{Channels, PixelFormat, SampleType, Size, ViewMut};
use pixelbank_pool::{DType, MAX_RANK, Tensor};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{self, argument};
use crate::pool::PyTensor;

/// What an array of these samples is called, and the name of its type in NumPy's C interface.
const SAMPLES: [(SampleType, &str, DType, NPY_TYPES); 5] = [
    (SampleType::U8, "uint8", DType::U8, NPY_TYPES::NPY_UBYTE),
    (SampleType::U16, "uint16", DType::U16, NPY_TYPES::NPY_USHORT),
    (SampleType::U32, "uint32", DType::U32, NPY_TYPES::NPY_UINT),
    (SampleType::F16, "float16", DType::F16, NPY_TYPES::NPY_HALF),
    (SampleType::F32, "float32", DType::F32, NPY_TYPES::NPY_FLOAT),
];

fn entry(sample: SampleType) -> &'static (SampleType, &'static str, DType, NPY_TYPES) {
    let found = SAMPLES.iter().find(|(known, ..)| *known == sample);
    found.unwrap_or(&SAMPLES[0])
}

/// NumPy's name of the type.
pub fn dtype_name(sample: SampleType) -> &'static str {
    entry(sample).1
}

/// NumPy's object for the type.
pub fn dtype_object(py: Python<'_>, sample: SampleType) -> PyResult<Py<PyAny>> {
    Ok(PyArrayDescr::new(py, dtype_name(sample))?
        .into_any()
        .unbind())
}

/// The sample type of an argument `dtype`: a name, a type of NumPy's, anything that `numpy.dtype` takes.
pub fn sample_of(dtype: &Bound<'_, PyAny>) -> PyResult<SampleType> {
    if let Ok(name) = dtype.cast::<PyString>()
        && let Some((sample, ..)) = SAMPLES.iter().find(|(_, known, ..)| name == known)
    {
        return Ok(*sample);
    }
    let descr = PyArrayDescr::new(dtype.py(), dtype)?;
    sample_of_descr(&descr).ok_or_else(|| argument("dtype", unknown(&descr.to_string())))
}

/// That something is no sample type.
pub fn unknown(name: &str) -> String {
    let known = SAMPLES.map(|(_, name, ..)| name).join(", ");
    format!("{name} is none of {known}")
}

fn sample_of_descr(descr: &Bound<'_, PyArrayDescr>) -> Option<SampleType> {
    if descr.is_native_byteorder() == Some(false) {
        return None;
    }
    let number = descr.num();
    let found = SAMPLES.iter().find(|(.., npy)| *npy as c_int == number);
    found.map(|(sample, ..)| *sample)
}

/// The samples that a buffer's elements of that format and size are.
pub fn sample_of_format(format: &str, item_bytes: usize) -> Option<SampleType> {
    match (format.trim_start_matches(['=', '@', '<']), item_bytes) {
        ("B" | "?", 1) => Some(SampleType::U8),
        ("H", 2) => Some(SampleType::U16),
        ("I" | "L", 4) => Some(SampleType::U32),
        ("e", 2) => Some(SampleType::F16),
        ("f", 4) => Some(SampleType::F32),
        _ => None,
    }
}

/// A sample as Python's `struct` writes it.
pub fn buffer_format(sample: SampleType) -> &'static CStr {
    match sample {
        SampleType::U16 => c"H",
        SampleType::U32 => c"I",
        SampleType::F16 => c"e",
        SampleType::F32 => c"f",
        _ => c"B",
    }
}

/// The pool's type for the same samples.
pub fn pool_dtype(sample: SampleType) -> DType {
    entry(sample).2
}

/// The pixels of that many channels, whatever they mean.
pub fn pixel_format(channels: usize, sample: SampleType) -> PixelFormat {
    let channels = match channels {
        1 => Channels::Gray,
        2 => Channels::GrayAlpha,
        3 => Channels::Rgb,
        4 => Channels::Rgba,
        n => Channels::Other(n as u8),
    };
    PixelFormat::new(channels, sample)
}

/// An array over a tensor's memory, which it keeps in use.
pub fn array_over<'py>(
    py: Python<'py>,
    tensor: Tensor,
    shape: [usize; 3],
    sample: SampleType,
) -> PyResult<Bound<'py, PyAny>> {
    let address = tensor.address() as usize;
    let base = Bound::new(py, PyTensor::new(tensor))?;
    let first = ptr::with_exposed_provenance_mut(address);
    let flags = npyffi::NPY_ARRAY_WRITEABLE;
    // SAFETY: the tensor was made for that shape; the base keeps its memory, which nothing else writes to.
    let array = unsafe { new_array(py, &shape, sample, first, flags)? };
    set_base(&array, base.into_any())?;
    Ok(array)
}

/// An array in memory of NumPy's own, of any contents.
pub fn empty(py: Python<'_>, shape: [usize; 3], sample: SampleType) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: without memory, NumPy takes its own.
    unsafe { new_array(py, &shape, sample, ptr::null_mut(), 0) }
}

/// An array over somebody else's memory, read-only, which keeps `owner`.
///
/// # Safety
/// At `first` there must be as many samples as the shape has, as long as `owner` lives; nobody may write to them.
pub unsafe fn view_of<'py>(
    owner: &Bound<'py, PyAny>,
    first: *const u8,
    shape: &[usize],
    sample: SampleType,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    // SAFETY: the caller's promise; without the flag nobody writes through the array.
    let array = unsafe { new_array(py, shape, sample, first.cast_mut().cast(), 0)? };
    set_base(&array, owner.clone())?;
    Ok(array)
}

/// Points of a plane, copied: `(n, 2)` of `float32`.
pub fn points<'py>(py: Python<'py>, points: &[[f32; 2]]) -> PyResult<Bound<'py, PyAny>> {
    let shape = [points.len(), 2];
    // SAFETY: without memory, NumPy takes its own.
    let array = unsafe { new_array(py, &shape, SampleType::F32, ptr::null_mut(), 0)? };
    // SAFETY: a new array of that many floats, which nobody else has.
    unsafe {
        let first = (*array.as_ptr().cast::<npyffi::PyArrayObject>())
            .fields
            .data;
        ptr::copy_nonoverlapping(points.as_ptr(), first.cast(), points.len());
    }
    Ok(array)
}

/// Has `array` keep `base`.
fn set_base(array: &Bound<'_, PyAny>, base: Bound<'_, PyAny>) -> PyResult<()> {
    let py = array.py();
    // SAFETY: an array without a base yet, and a reference that is given away.
    let set =
        unsafe { PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base.into_ptr()) };
    match set {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// # Safety
/// `first` must be null, or point to memory for the shape that outlives the array.
unsafe fn new_array<'py>(
    py: Python<'py>,
    shape: &[usize],
    sample: SampleType,
    first: *mut c_void,
    flags: c_int,
) -> PyResult<Bound<'py, PyAny>> {
    let mut dims = [0; MAX_RANK];
    for (dim, extent) in dims.iter_mut().zip(shape) {
        *dim = *extent as npy_intp;
    }
    // SAFETY: the calls get what NumPy's documentation asks for: a type, of which a reference is given away; as many
    // extents as dimensions; memory as the caller promised. A null pointer means that an exception was set.
    unsafe {
        let descr = PY_ARRAY_API.PyArray_DescrFromType(py, entry(sample).3 as c_int);
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            npyffi::get_type_object(py, npyffi::NpyTypes::PyArray_Type),
            descr,
            shape.len() as c_int,
            dims.as_mut_ptr(),
            ptr::null_mut(),
            first,
            flags,
            ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)
    }
}

/// Memory of somebody else that pixels are written into: the argument `out`. Its object must be kept alive by whoever has
/// this.
pub struct Out {
    first: *mut u8,
    len: usize,
    pub size: Size,
    pub format: PixelFormat,
    row_bytes: usize,
}

// SAFETY: a pointer into memory that the object behind `out` keeps where it is; writing to it needs no thread.
unsafe impl Send for Out {}

impl Out {
    pub fn new(out: &Bound<'_, PyAny>) -> PyResult<Self> {
        match out.cast::<PyUntypedArray>() {
            Ok(array) => Self::of_array(array),
            Err(_) => Self::of_buffer(out),
        }
    }

    fn of_array(array: &Bound<'_, PyUntypedArray>) -> PyResult<Self> {
        let descr = array.dtype();
        let sample = sample_of_descr(&descr)
            .ok_or_else(|| argument("out", unknown(&format!("dtype {descr}"))))?;
        let pointer = array.as_array_ptr();
        // SAFETY: the array is alive, and its fields are read while the interpreter is held.
        let (first, flags) = unsafe { ((*pointer).fields.data, (*pointer).fields.flags) };
        let strides: &[isize] = array.strides();
        let is_read_only = flags & npyffi::NPY_ARRAY_WRITEABLE == 0;
        Self::checked(first.cast(), array.shape(), strides, sample, is_read_only)
    }

    fn of_buffer(out: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(out)
            .map_err(|error| argument("out", format!("neither an array nor a buffer: {error}")))?;
        let format = buffer.format().to_string_lossy().into_owned();
        let sample = sample_of_format(&format, buffer.item_size())
            .ok_or_else(|| argument("out", unknown(&format!("elements of format '{format}'"))))?;
        let first = buffer.buf_ptr().cast();
        let made = Self::checked(
            first,
            buffer.shape(),
            buffer.strides(),
            sample,
            buffer.readonly(),
        );
        // The memory stays where it is as long as the object is not resized, which is its owner's promise, as for arrays.
        buffer.release(out.py());
        made
    }

    fn checked(
        first: *mut u8,
        shape: &[usize],
        strides: &[isize],
        sample: SampleType,
        is_read_only: bool,
    ) -> PyResult<Self> {
        if is_read_only {
            return Err(argument("out", "it is read-only"));
        }
        let (height, width, channels) = match *shape {
            [height, width, channels] => (height, width, channels),
            [height, width] => (height, width, 1),
            _ => {
                return Err(argument(
                    "out",
                    format!(
                        "{} dimensions; (height, width, channels) is wanted",
                        shape.len()
                    ),
                ));
            }
        };
        let pixel_bytes = channels * sample.bytes();
        let is_packed =
            (channels <= 1 || shape.len() == 2 || strides[2] == sample.bytes() as isize)
                && (width <= 1 || strides[1] == pixel_bytes as isize)
                && (height <= 1 || strides[0] >= (width * pixel_bytes) as isize);
        if !is_packed {
            return Err(argument(
                "out",
                format!(
                    "strides {strides:?}: the pixels of a row must lie one behind the other, and rows must not overlap"
                ),
            ));
        }
        let side = |extent| u32::try_from(extent).ok().filter(|side| *side > 0);
        let (Some(rows), Some(columns), 1..=255) = (side(height), side(width), channels) else {
            return Err(argument("out", format!("no picture has shape {shape:?}")));
        };
        if !first.addr().is_multiple_of(sample.bytes()) {
            return Err(argument("out", "its elements are not aligned"));
        }
        let row_bytes = match height {
            1 => width * pixel_bytes,
            _ => strides[0] as usize,
        };
        Ok(Self {
            first,
            len: (height - 1) * row_bytes + width * pixel_bytes,
            size: Size::new(columns, rows),
            format: pixel_format(channels, sample),
            row_bytes,
        })
    }

    /// The memory as pixels.
    ///
    /// # Safety
    /// The object that this was made from must be alive, and not have been resized.
    pub unsafe fn view(&mut self) -> PyResult<ViewMut<'_>> {
        // SAFETY: `checked` saw that strides and shape stay within `len` bytes, and the caller that they are still there.
        // Others that look at the array meanwhile see pixels come, as with any function that fills an array.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.first, self.len) };
        ViewMut::new(bytes, self.size, self.format, self.row_bytes)
            .map_err(|error| errors::argument("out", error))
    }
}

/// Dimensions that a buffer's view points to.
struct Dims {
    shape: [isize; MAX_RANK],
    strides: [isize; MAX_RANK],
}

/// What a view of memory says.
pub struct Exported<'a> {
    pub first: *mut u8,
    pub is_read_only: bool,
    /// As Python's `struct` writes it.
    pub format: &'static CStr,
    pub item_bytes: usize,
    pub shape: &'a [isize],
    pub strides: &'a [isize],
    pub is_packed: bool,
}

/// Fills a view for the buffer protocol; `owner` is kept until the view is released.
///
/// # Safety
/// `view` must be one that the interpreter hands over to be filled, and the memory must stay where it is as long as
/// `owner` lives.
pub unsafe fn fill_buffer(
    view: *mut ffi::Py_buffer,
    flags: c_int,
    owner: Bound<'_, PyAny>,
    memory: &Exported<'_>,
) -> PyResult<()> {
    let asks = |flag: c_int| flags & flag == flag;
    if asks(ffi::PyBUF_WRITABLE) && memory.is_read_only {
        return Err(PyBufferError::new_err(
            "it is read-only: others read it as well",
        ));
    }
    if !asks(ffi::PyBUF_STRIDES) && !memory.is_packed {
        return Err(PyBufferError::new_err(
            "its rows have padding, which a consumer that asks for no strides cannot see",
        ));
    }
    let mut dims = Box::new(Dims {
        shape: [0; MAX_RANK],
        strides: [0; MAX_RANK],
    });
    dims.shape[..memory.shape.len()].copy_from_slice(memory.shape);
    dims.strides[..memory.strides.len()].copy_from_slice(memory.strides);
    let items: isize = memory.shape.iter().product();
    let dims = Box::into_raw(dims);
    // SAFETY: the view is the caller's to be filled; `dims` was just made and stays until `release_buffer`.
    unsafe {
        (*view).buf = memory.first.cast();
        (*view).obj = owner.into_ptr();
        (*view).len = items * memory.item_bytes as isize;
        (*view).itemsize = memory.item_bytes as isize;
        (*view).readonly = memory.is_read_only.into();
        (*view).ndim = memory.shape.len() as c_int;
        (*view).format = match asks(ffi::PyBUF_FORMAT) {
            true => memory.format.as_ptr().cast_mut(),
            false => ptr::null_mut(),
        };
        (*view).shape = match asks(ffi::PyBUF_ND) {
            true => (&raw mut (*dims).shape).cast(),
            false => ptr::null_mut(),
        };
        (*view).strides = match asks(ffi::PyBUF_STRIDES) {
            true => (&raw mut (*dims).strides).cast(),
            false => ptr::null_mut(),
        };
        (*view).suboffsets = ptr::null_mut();
        (*view).internal = dims.cast();
    }
    Ok(())
}

/// Gives back what `fill_buffer` took.
///
/// # Safety
/// The view must have been filled by it, and be released once.
pub unsafe fn release_buffer(view: *mut ffi::Py_buffer) {
    // SAFETY: `internal` is the box that `fill_buffer` made.
    drop(unsafe { Box::from_raw((*view).internal.cast::<Dims>()) });
}
