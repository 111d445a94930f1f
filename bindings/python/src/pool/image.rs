//! `ImageBuffer`.

use pixelbank_image::{Channels, PixelFormat, SampleType, Size};
use pixelbank_pool::{Device, ImageBuffer, ImageDesc};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::ask::{self, Ask};
use super::stream::PyStream;
use super::tensor::{PyTensor, packed_bytes};
use super::{copy, default, device};
use crate::arrays::{dtype_name, pixel_format, sample_of};
use crate::bank::PyBank;
use crate::errors::argument;
use crate::process::Home;

/// What channels with a meaning are called.
const MEANINGS: [(&str, Channels); 5] = [
    ("gray", Channels::Gray),
    ("gray-alpha", Channels::GrayAlpha),
    ("rgb", Channels::Rgb),
    ("rgba", Channels::Rgba),
    ("cmyk", Channels::Cmyk),
];

/// Rows of pixels in memory that a pool reuses, of any contents when it is made: a tensor of shape (height, width,
/// channels) and layout `"HWC"`.
///
/// `size` is `(width, height)`. `channels` is `"gray"`, `"gray-alpha"`, `"rgb"`, `"rgba"`, `"cmyk"`, or how many there
/// are, from 1 to 255. `dtype` is `"uint8"`, `"uint16"`, `"uint32"`, `"float16"` or `"float32"`. `row_align` has rows
/// begin at multiples of so many bytes: 1 leaves no gaps, which Pillow and Arrow need; 64 suits SIMD.
///
/// The other arguments, and what is raised, are those of `Tensor`.
///
/// >>> import pixelbank
/// >>> image = pixelbank.ImageBuffer((640, 480), "rgba", row_align=64)
/// >>> image.shape, image.strides
/// ((480, 640, 4), (2560, 4, 1))
#[pyclass(frozen, extends = PyTensor, name = "ImageBuffer", module = "pixelbank")]
pub struct PyImageBuffer(Home<ImageBuffer>);

impl PyImageBuffer {
    pub fn init(image: ImageBuffer) -> PyClassInitializer<Self> {
        let tensor = PyTensor::new(image.tensor().clone());
        PyClassInitializer::from(tensor).add_subclass(Self(Home::new(image)))
    }

    pub fn image(&self) -> PyResult<&ImageBuffer> {
        self.0.get()
    }

    fn meaning(&self) -> PyResult<Option<&'static str>> {
        let channels = self.image()?.format().channels;
        let found = MEANINGS.iter().find(|(_, known)| *known == channels);
        Ok(found.map(|(name, _)| *name))
    }
}

#[pymethods]
impl PyImageBuffer {
    #[new]
    #[pyo3(
        signature = (size, channels=None, dtype=None, *, row_align=1, device=None, stream=None, larger_fit=0, timeout=None, bank=None),
        text_signature = "(size, channels='rgb', dtype='uint8', *, row_align=1, device='cpu', stream=None, larger_fit=0, timeout=None, bank=None)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn make(
        py: Python<'_>,
        size: (i64, i64),
        channels: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
        row_align: u32,
        device: Option<&str>,
        stream: Option<&Bound<'_, PyStream>>,
        larger_fit: u32,
        timeout: Option<f64>,
        bank: Option<&Bound<'_, PyBank>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let share = default::share_of(py, bank)?;
        let side = |side: i64| u32::try_from(side).ok().filter(|side| *side > 0);
        let (Some(width), Some(height)) = (side(size.0), side(size.1)) else {
            return Err(argument(
                "size",
                format!(
                    "({}, {}): width and height are wanted, from 1 on",
                    size.0, size.1
                ),
            ));
        };
        let sample = dtype.map_or(Ok(SampleType::U8), sample_of)?;
        let format = format(channels, sample)?;
        let desc = ImageDesc::new(Size::new(width, height), format)
            .row_align(row_align)
            .on(device.map_or(Ok(Device::Host), device::named)?);
        let ask = Ask {
            stream,
            larger_fit,
            timeout,
        };
        let bytes = format.image_bytes(desc.size);
        let image = ask.of(py, &share, bytes, move |pool, request| {
            pool.image_with(&desc, request)
        })?;
        image.tensor().note_origin(|| ask::place(py));
        Ok(Self::init(image))
    }

    /// Width and height in pixels.
    #[getter]
    fn size(&self) -> PyResult<(u32, u32)> {
        let Size { width, height } = self.image()?.size();
        Ok((width, height))
    }

    /// Pixels of a row.
    #[getter]
    fn width(&self) -> PyResult<u32> {
        Ok(self.image()?.size().width)
    }

    /// Rows.
    #[getter]
    fn height(&self) -> PyResult<u32> {
        Ok(self.image()?.size().height)
    }

    /// How many channels a pixel has.
    #[getter]
    fn channels(&self) -> PyResult<usize> {
        Ok(self.image()?.format().channels.count())
    }

    /// What the channels are: `"rgb"` and its like; None where that is not known.
    #[getter]
    fn mode(&self) -> PyResult<Option<&'static str>> {
        self.meaning()
    }

    /// From one row to the next, in bytes.
    #[getter]
    fn row_bytes(&self) -> PyResult<usize> {
        Ok(self.image()?.row_bytes())
    }

    /// An image of the same pixels, packed, in memory of its own of the same pool, as a tensor. Raises as `Tensor.copy`.
    fn copy(slf: &Bound<'_, Self>) -> PyResult<PyTensor> {
        Ok(PyTensor::new(copy::copied(slf.cast::<PyTensor>()?)?))
    }

    /// Another process gets a copy, from the pool of its default bank.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = slf.py();
        let format = slf.get().image()?.format();
        let rebuild = py.import("pixelbank._pool")?.getattr("_rebuild_image")?;
        let channels = match slf.get().meaning()? {
            Some(name) => PyString::new(py, name).into_any(),
            None => format.channels.count().into_pyobject(py)?.into_any(),
        };
        let arguments = (
            slf.get_type(),
            slf.get().size()?,
            channels,
            dtype_name(format.sample),
            packed_bytes(slf.cast::<PyTensor>()?)?,
        );
        Ok((rebuild, arguments.into_pyobject(py)?.into_any()))
    }

    fn __repr__(&self) -> PyResult<String> {
        let image = self.image()?;
        let channels = match self.meaning()? {
            Some(name) => format!("'{name}'"),
            None => image.format().channels.count().to_string(),
        };
        let place = match image.tensor().device() {
            Device::Host => String::new(),
            other => format!(", device='{}'", device::name(other)),
        };
        let Size { width, height } = image.size();
        Ok(format!(
            "ImageBuffer(({width}, {height}), {channels}, '{}'{place})",
            dtype_name(image.format().sample)
        ))
    }
}

/// The argument `channels`, of that type of samples.
fn format(channels: Option<&Bound<'_, PyAny>>, sample: SampleType) -> PyResult<PixelFormat> {
    let Some(given) = channels else {
        return Ok(PixelFormat::new(Channels::Rgb, sample));
    };
    if let Ok(name) = given.cast::<PyString>() {
        let name = name.to_cow()?;
        let found = MEANINGS.iter().find(|(known, _)| *known == name);
        return match found {
            Some((_, channels)) => Ok(PixelFormat::new(*channels, sample)),
            None => Err(argument(
                "channels",
                format!(
                    "'{name}' is none of {}",
                    MEANINGS.map(|(known, _)| known).join(", ")
                ),
            )),
        };
    }
    match given.extract::<u8>() {
        Ok(n) if n > 0 => Ok(pixel_format(usize::from(n), sample)),
        _ => Err(argument(
            "channels",
            format!("{given}: 1 to 255 are wanted, or a name"),
        )),
    }
}
