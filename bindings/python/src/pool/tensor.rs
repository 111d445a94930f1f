//! `Tensor`.

use pixelbank_pool::{DType, Device, Tensor, TensorDesc};
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::ask::{self, Ask};
use super::export::{self, Wishes};
use super::stream::PyStream;
use super::{copy, default, device, dtype, index};
use crate::arrays::release_buffer;
use crate::bank::PyBank;
use crate::errors::{argument, from_pool};
use crate::process::Home;

/// An array of elements in memory that a pool reuses, of any contents when it is made.
///
/// `shape` is a tuple of 1 to 8 extents, or one number; `dtype` the name of an element's type (`"float32"`, `"uint8"`,
/// `"bfloat16"`), or NumPy's or PyTorch's object for it. `layout` names the dimensions, a letter each: `"NHWC"`.
/// `row_align` has rows begin at multiples of so many bytes, a power of two up to 4096; a row begins at dimension `W`, or
/// is the last dimension. `device` is `"cpu"`, or one of the bank's `devices`.
///
/// `stream` is where it will be used: memory on which there is still work is then given out if that stream can wait for
/// it. `larger_fit` lets an object serve that is up to so many percent larger. `timeout` is how many seconds to wait for
/// memory that others hold; without one the call fails at once. `bank` is the default one where none is given.
///
/// Its memory goes back to the pool, to be used again, when the tensor, its parts, and everything that it was exported to
/// have gone. It is exchanged without copying: `numpy.asarray(tensor)`, `torch.from_dlpack(tensor)`,
/// `memoryview(tensor)`. Nothing guards it against being read while somebody writes.
///
/// Raises `ArgumentError` for a shape, type, layout or alignment that no memory can have, `BudgetError` where there is no
/// room, `WaitError` where there was none in time, and `DeviceError`.
///
/// >>> import pixelbank
/// >>> tensor = pixelbank.Tensor((2, 3), "float32")
/// >>> tensor.fill(1)
/// >>> tensor.numpy()
/// array([[1., 1., 1.],
///        [1., 1., 1.]], dtype=float32)
#[pyclass(frozen, subclass, name = "Tensor", module = "pixelbank", weakref)]
pub struct PyTensor(Home<Tensor>);

impl PyTensor {
    pub fn new(tensor: Tensor) -> Self {
        Self(Home::new(tensor))
    }

    pub fn tensor(&self) -> PyResult<&Tensor> {
        self.0.get()
    }

    /// What was asked for to get one like it.
    fn described(&self) -> PyResult<String> {
        let tensor = self.tensor()?;
        let layout = match tensor.layout().to_string() {
            none if none.is_empty() => none,
            letters => format!(", layout='{letters}'"),
        };
        let place = match tensor.device() {
            Device::Host => String::new(),
            other => format!(", device='{}'", device::name(other)),
        };
        let shape = match tensor.shape() {
            [one] => format!("({one},)"),
            shape => format!(
                "({})",
                shape
                    .iter()
                    .map(u64::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        Ok(format!("{shape}, '{}'{layout}{place}", tensor.dtype()))
    }
}

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(
        signature = (shape, dtype=None, *, layout=None, row_align=1, device=None, stream=None, larger_fit=0, timeout=None, bank=None),
        text_signature = "(shape, dtype='float32', *, layout=None, row_align=1, device='cpu', stream=None, larger_fit=0, timeout=None, bank=None)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn make(
        py: Python<'_>,
        shape: &Bound<'_, PyAny>,
        dtype: Option<&Bound<'_, PyAny>>,
        layout: Option<&str>,
        row_align: u32,
        device: Option<&str>,
        stream: Option<&Bound<'_, PyStream>>,
        larger_fit: u32,
        timeout: Option<f64>,
        bank: Option<&Bound<'_, PyBank>>,
    ) -> PyResult<Self> {
        let share = default::share_of(py, bank)?;
        let desc = TensorDesc {
            shape: ask::shape(shape)?,
            dtype: dtype.map_or(Ok(DType::F32), dtype::named)?,
            layout: ask::layout(layout)?,
            row_align,
            usage: Default::default(),
            device: device.map_or(Ok(Device::Host), device::named)?,
        };
        let elements = desc.shape.elements().map_err(|error| from_pool(&error))?;
        let bytes = elements.saturating_mul(desc.dtype.bytes());
        let ask = Ask {
            stream,
            larger_fit,
            timeout,
        };
        let tensor = ask.of(py, &share, bytes, move |pool, request| {
            pool.tensor_with(&desc, request)
        })?;
        tensor.note_origin(|| ask::place(py));
        Ok(Self::new(tensor))
    }

    /// The extent of each dimension.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.tensor()?.shape())
    }

    /// How many dimensions there are.
    #[getter]
    fn ndim(&self) -> PyResult<usize> {
        Ok(self.tensor()?.shape().len())
    }

    /// NumPy's object for the type of its elements. `bfloat16` is that of the package `ml_dtypes`, or the text
    /// `"bfloat16"` where that is not installed.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dtype = self.tensor()?.dtype();
        Ok(match dtype::descr(py, dtype)? {
            Some(descr) => descr.into_any(),
            None => dtype.to_string().into_pyobject(py)?.into_any(),
        })
    }

    /// What each dimension is, a letter each; None where that is not known.
    #[getter]
    fn layout(&self) -> PyResult<Option<String>> {
        let layout = self.tensor()?.layout().to_string();
        Ok(Some(layout).filter(|layout| !layout.is_empty()))
    }

    /// From one element to the next of each dimension, in bytes.
    #[getter]
    fn strides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.tensor()?.strides_bytes())
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self) -> PyResult<u64> {
        Ok(self.tensor()?.dtype().bytes())
    }

    /// Bytes of its elements, without the padding of rows.
    #[getter]
    fn nbytes(&self) -> PyResult<u64> {
        let tensor = self.tensor()?;
        Ok(tensor.shape().iter().product::<u64>() * tensor.dtype().bytes())
    }

    /// Bytes that are on the books for it: 0 for a part, and for memory that belongs to somebody else.
    #[getter]
    fn booked_bytes(&self) -> PyResult<u64> {
        Ok(self.tensor()?.booked_bytes())
    }

    /// Where it is: `"cpu"`, `"pinned"`, `"cuda:0"`.
    #[getter]
    fn device(&self) -> PyResult<String> {
        Ok(device::name(self.tensor()?.device()))
    }

    /// The address of its first byte on its device.
    #[getter]
    fn address(&self) -> PyResult<u64> {
        Ok(self.tensor()?.address())
    }

    /// Whether it must not be written to.
    #[getter]
    fn read_only(&self) -> PyResult<bool> {
        Ok(self.tensor()?.is_read_only())
    }

    /// Whether its memory belongs to another library, or to a tensor that this is a part of.
    #[getter]
    fn is_wrapper(&self) -> PyResult<bool> {
        Ok(self.tensor()?.is_wrapper())
    }

    /// Whether its elements lie one behind the other, without gaps.
    #[getter]
    fn is_packed(&self) -> PyResult<bool> {
        Ok(self.tensor()?.is_packed())
    }

    /// An array over the same memory, not copied, which keeps the tensor.
    ///
    /// Raises `ArgumentError` for memory that is not the process's own.
    fn numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        export::array(slf)
    }

    /// A tensor of the same elements, packed, in memory of its own of the same pool.
    ///
    /// Raises as `Tensor`, and `ArgumentError` for memory that is not the process's own.
    fn copy(slf: &Bound<'_, Self>) -> PyResult<Self> {
        Ok(Self::new(copy::copied(slf)?))
    }

    /// Writes the elements of `array`, of anything that NumPy takes for an array, broadcast and converted as
    /// `numpy.copyto` does it.
    ///
    /// Raises `ArgumentError` where shapes or types don't fit, for read-only memory, and for memory that is not the
    /// process's own.
    fn copy_from(slf: &Bound<'_, Self>, array: &Bound<'_, PyAny>) -> PyResult<()> {
        copy::fill(slf, array)
    }

    /// Sets all elements to `value`. Raises as `copy_from`.
    fn fill(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        copy::set(slf, value)
    }

    /// Says that work which uses it was put on `stream` by others than `Stream.submit`: its memory is not used again
    /// before what is on the stream when the tensor goes has finished.
    ///
    /// Raises `ArgumentError` for a stream of another device.
    fn used_on(&self, stream: &Bound<'_, PyStream>) -> PyResult<()> {
        self.tensor()?
            .used_on(&*stream.get().handle()?)
            .map_err(|error| from_pool(&error))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(self.tensor()?.shape()[0] as usize)
    }

    /// A part of it, not copied, which keeps the whole in use: `tensor[2]`, `tensor[:, 10:20]`, `tensor[..., 0]`.
    ///
    /// Raises `IndexError` for what is outside, and `ArgumentError` for steps and for a single element.
    fn __getitem__(&self, index: &Bound<'_, PyAny>) -> PyResult<Self> {
        let part = index::part(self.tensor()?, index)?;
        part.map(Self::new).ok_or_else(|| {
            argument(
                "index",
                "a single element is no tensor; numpy() has elements",
            )
        })
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        #[allow(unsafe_code)]
        // SAFETY: the object is alive, and has the methods of a sequence; the result is a new reference, or null with an
        // exception set.
        unsafe {
            let iterator = ffi::PySeqIter_New(slf.as_ptr());
            Bound::from_owned_ptr_or_err(slf.py(), iterator)
        }
    }

    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: i32,
    ) -> PyResult<()> {
        // SAFETY: the interpreter hands the view over.
        unsafe { export::buffer(&slf, view, flags) }
    }

    #[allow(unsafe_code)]
    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: filled by `__getbuffer__`.
        unsafe { release_buffer(view) };
    }

    /// The tensor for another library, as the DLPack protocol has it: a view of the same memory, or with `copy=True` of a
    /// copy from the same pool. The memory stays on the books until the other library lets go of it.
    ///
    /// Work that is known to be on the tensor is waited for, unless `stream` is -1. Before other libraries on CUDA let go
    /// of it, their own work on it must have finished. Raises `BufferError` where the protocol cannot say what it is.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        stream: Option<&Bound<'py, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wishes = Wishes {
            stream,
            max_version,
            dl_device,
            copy,
        };
        export::capsule(slf, &wishes)
    }

    /// DLPack's type and number of the device.
    fn __dlpack_device__(&self) -> PyResult<(i32, i32)> {
        export::dl_device(self.tensor()?.device())
    }

    /// What Numba, CuPy and others read of memory on a CUDA device; other tensors don't have it.
    #[getter]
    fn __cuda_array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tensor = self.tensor()?;
        let missing = || PyAttributeError::new_err("__cuda_array_interface__");
        let Device::Cuda(_) = tensor.device() else {
            return Err(missing());
        };
        let typestr = dtype::typestr(tensor.dtype()).ok_or_else(missing)?;
        py.detach(|| tensor.synchronize())
            .map_err(|error| from_pool(&error))?;
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", self.shape(py)?)?;
        interface.set_item("strides", self.strides(py)?)?;
        interface.set_item("typestr", typestr)?;
        interface.set_item("data", (tensor.address(), tensor.is_read_only()))?;
        // The work on it has finished: there is no stream to be waited for.
        interface.set_item("stream", py.None())?;
        Ok(interface)
    }

    /// Its bytes as an array over the same memory, where they are packed.
    fn _bytes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        export::bytes(slf)
    }

    /// Another process gets a copy, from the pool of its default bank.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = slf.py();
        let (tensor, kind) = (slf.get().tensor()?, slf.get_type());
        let bytes = packed_bytes(slf)?;
        let rebuild = py.import("pixelbank._pool")?.getattr("_rebuild")?;
        let arguments = (
            kind,
            slf.get().shape(py)?,
            tensor.dtype().to_string(),
            slf.get().layout()?,
            bytes,
        );
        Ok((rebuild, arguments.into_pyobject(py)?.into_any()))
    }

    fn __copy__(slf: &Bound<'_, Self>) -> PyResult<Self> {
        Self::copy(slf)
    }

    fn __deepcopy__(slf: &Bound<'_, Self>, _memo: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::copy(slf)
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Tensor({})", self.described()?))
    }
}

/// The elements, packed, as an array of bytes, of which `pickle` knows how to pass it on without copying once more.
pub fn packed_bytes<'py>(tensor: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let packed = match tensor.get().tensor()?.is_packed() {
        true => tensor.clone(),
        false => Bound::new(py, PyTensor::new(copy::copied(tensor)?))?,
    };
    export::bytes(&packed)
}
