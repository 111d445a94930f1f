//! What is known of an image without its pixels.

use pixelbank_cache::Image;
use pixelbank_image::{Alpha, ImageSpec, SampleKind, Transfer, Window};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{dtype_name, dtype_object};
use crate::process::Home;

/// What is known of a subimage: its size, its samples, its levels. Sizes are in pixels, as stored.
#[pyclass(frozen, name = "Spec", module = "pixelbank")]
pub struct PySpec {
    image: Home<Image>,
    subimage: u32,
}

impl PySpec {
    pub fn new(image: Image, subimage: u32) -> Self {
        Self {
            image: Home::new(image),
            subimage,
        }
    }

    fn spec(&self) -> PyResult<&ImageSpec> {
        Ok(self.image.get()?.spec(self.subimage))
    }
}

fn window(window: Window) -> (i32, i32, u32, u32) {
    (window.x, window.y, window.width, window.height)
}

#[pymethods]
impl PySpec {
    /// The name by which the image was found.
    #[getter]
    fn path(&self) -> PyResult<std::path::PathBuf> {
        Ok(self.image.get()?.key().into())
    }

    /// The file's format, by its content: `JPEG`, `TIFF`, `raw pixels`.
    #[getter]
    fn format(&self) -> PyResult<String> {
        Ok(self.image.get()?.format().to_string())
    }

    /// Pages, parts or frames of the file.
    #[getter]
    fn subimages(&self) -> PyResult<u32> {
        Ok(self.image.get()?.n_subimages())
    }

    /// Pixels in a row of level 0.
    #[getter]
    fn width(&self) -> PyResult<u32> {
        Ok(self.spec()?.size().width)
    }

    /// Rows of level 0.
    #[getter]
    fn height(&self) -> PyResult<u32> {
        Ok(self.spec()?.size().height)
    }

    /// Samples of a pixel.
    #[getter]
    fn channels(&self) -> PyResult<usize> {
        Ok(self.spec()?.format.channels.count())
    }

    /// `(height, width, channels)` of level 0.
    #[getter]
    fn shape(&self) -> PyResult<(u32, u32, usize)> {
        let spec = self.spec()?;
        Ok((
            spec.size().height,
            spec.size().width,
            spec.format.channels.count(),
        ))
    }

    /// The type of samples as they are read: `uint8`, `uint16`, `uint32`, `float16` or `float32`.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        dtype_object(py, self.spec()?.format.sample)
    }

    /// The channels' names, those of the file where it has any.
    #[getter]
    fn channel_names(&self) -> PyResult<Vec<String>> {
        let spec = self.spec()?;
        let n = spec.format.channels.count();
        Ok((0..n)
            .map(|number| spec.channel_name(number).into_owned())
            .collect())
    }

    /// `(width, height)` of each level that can be read, finest first: those of the file, and halves down to one tile.
    #[getter]
    fn levels(&self) -> PyResult<Vec<(u32, u32)>> {
        let levels = self.image.get()?.levels(self.subimage);
        Ok(levels
            .map(|level| (level.size.width, level.size.height))
            .collect())
    }

    /// `(width, height)` of tiles as they are kept.
    #[getter]
    fn tile(&self) -> PyResult<(u32, u32)> {
        let level = self
            .image
            .get()?
            .level(self.subimage, 0)
            .expect("every image has one");
        Ok((level.tile.width, level.tile.height))
    }

    /// What alpha means: `straight`, `premultiplied`, or None.
    #[getter]
    fn alpha(&self) -> PyResult<Option<&'static str>> {
        Ok(match self.spec()?.alpha {
            Alpha::None => None,
            Alpha::Straight => Some("straight"),
            Alpha::Premultiplied => Some("premultiplied"),
        })
    }

    /// How values relate to light: `display` (as sRGB or the profile says) or `linear`.
    #[getter]
    fn transfer(&self) -> PyResult<&'static str> {
        Ok(match self.spec()?.transfer {
            Transfer::Linear => "linear",
            Transfer::Display => "display",
        })
    }

    /// How the picture must be turned to be upright, in EXIF's numbers: 1 is upright.
    #[getter]
    fn orientation(&self) -> PyResult<u16> {
        Ok(self.spec()?.orientation.to_exif())
    }

    /// `(x, y, width, height)` of the stored pixels.
    #[getter]
    fn data_window(&self) -> PyResult<(i32, i32, u32, u32)> {
        Ok(window(self.spec()?.data_window))
    }

    /// `(x, y, width, height)` of the frame that a viewer shows.
    #[getter]
    fn display_window(&self) -> PyResult<(i32, i32, u32, u32)> {
        Ok(window(self.spec()?.display_window))
    }

    /// The ICC profile, or None.
    #[getter]
    fn icc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(self.spec()?.icc.as_ref().map(|icc| PyBytes::new(py, icc)))
    }

    /// What the file has in place of what is read: `sample` (`uint16`, `half`, `uint1`), `layout` (`rows`,
    /// `strips of 16 rows`, `tiles of 64×64`), and each channel's `sample` by its name.
    #[getter]
    fn native<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let spec = self.spec()?;
        let channels = PyDict::new(py);
        for number in 0..spec.format.channels.count() {
            channels.set_item(
                spec.channel_name(number),
                spec.channel_sample(number).to_string(),
            )?;
        }
        let native = PyDict::new(py);
        native.set_item("sample", spec.stored.sample.to_string())?;
        native.set_item("is_float", spec.stored.sample.kind == SampleKind::Float)?;
        native.set_item("layout", spec.stored.layout.to_string())?;
        native.set_item("channels", channels)?;
        Ok(native)
    }

    fn __repr__(&self) -> PyResult<String> {
        let (image, spec) = (self.image.get()?, self.spec()?);
        Ok(format!(
            "<Spec of {}: {}, {} {}, {} channels of {}>",
            image.key().display(),
            image.format(),
            spec.size(),
            spec.stored.layout,
            spec.format.channels.count(),
            dtype_name(spec.format.sample),
        ))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        match other.cast::<Self>() {
            Ok(other) => Ok(self.spec()? == other.get().spec()?),
            Err(_) => Ok(false),
        }
    }
}
