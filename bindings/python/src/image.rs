//! An image that reads only what is asked of it.

use std::sync::Arc;

use pixelbank_cache::Image;
use pixelbank_codec::{PngOptions, Region, encode_png};
use pixelbank_image::{Rect, Size};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyTuple};

use crate::arguments::{self, Index, Opened, ReadArguments, Request, Span};
use crate::arrays::{dtype_name, dtype_object, pixel_format};
use crate::core::{Core, Share};
use crate::errors;
use crate::process::Home;
use crate::read;
use crate::source::Lease;
use crate::spec::PySpec;
use crate::waiting::{Patience, PyCancel};

/// A level of an image. It holds no pixels: indexing reads just what is asked for, through the bank's cache.
///
/// Dimensions are (height, width, channels), of stored pixels: `spec.orientation` says how to turn them.
#[pyclass(frozen, name = "Image", module = "pixelbank", weakref)]
pub struct PyImage {
    share: Share,
    image: Home<Image>,
    lease: Option<Home<Arc<Lease>>>,
    subimage: u32,
    level: u32,
}

impl PyImage {
    pub fn new(share: Share, opened: Opened, subimage: u32, level: u32) -> Self {
        Self {
            share,
            image: Home::new(opened.image),
            lease: opened.lease.map(Home::new),
            subimage,
            level,
        }
    }

    fn core(&self) -> PyResult<&Arc<Core>> {
        self.share.get()
    }

    pub fn inner(&self) -> PyResult<&Image> {
        self.image.get()
    }

    fn size(&self) -> PyResult<Size> {
        let level = self.inner()?.level(self.subimage, self.level);
        Ok(level.map(|level| level.size).unwrap_or_default())
    }

    fn n_channels(&self) -> PyResult<usize> {
        Ok(self.inner()?.spec(self.subimage).format.channels.count())
    }

    fn other(&self, subimage: u32, level: u32) -> PyResult<Self> {
        let lease = self
            .lease
            .as_ref()
            .map(|lease| lease.get().cloned())
            .transpose()?;
        let opened = Opened {
            image: self.inner()?.clone(),
            lease,
        };
        Ok(Self::new(self.share.another()?, opened, subimage, level))
    }

    fn read_whole<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = ReadArguments {
            region: None,
            level: self.level.into(),
            subimage: self.subimage.into(),
            channels: None,
            dtype,
            alpha: None,
        };
        read::read(
            py,
            self.core()?,
            self.inner()?,
            &arguments,
            None,
            &Patience::default(),
        )
    }
}

#[pymethods]
impl PyImage {
    /// The name by which the image was found.
    #[getter]
    fn path(&self) -> PyResult<std::path::PathBuf> {
        Ok(self.inner()?.key().into())
    }

    /// What is known of the image without its pixels.
    #[getter]
    fn spec(&self) -> PyResult<PySpec> {
        Ok(PySpec::new(self.inner()?.clone(), self.subimage))
    }

    /// `(height, width, channels)`, in pixels of this level.
    #[getter]
    fn shape(&self) -> PyResult<(u32, u32, usize)> {
        let size = self.size()?;
        Ok((size.height, size.width, self.n_channels()?))
    }

    /// Three: rows, columns, channels.
    #[getter]
    fn ndim(&self) -> usize {
        3
    }

    /// Pixels of a row.
    #[getter]
    fn width(&self) -> PyResult<u32> {
        Ok(self.size()?.width)
    }

    /// Rows.
    #[getter]
    fn height(&self) -> PyResult<u32> {
        Ok(self.size()?.height)
    }

    /// The type of samples, as NumPy's object.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        dtype_object(py, self.inner()?.spec(self.subimage).format.sample)
    }

    /// Which level this is; 0 is the finest.
    #[getter]
    fn level(&self) -> u32 {
        self.level
    }

    /// Which page, part or frame this is.
    #[getter]
    fn subimage(&self) -> u32 {
        self.subimage
    }

    /// How many levels can be read.
    #[getter]
    fn n_levels(&self) -> PyResult<u32> {
        Ok(self.inner()?.n_levels(self.subimage))
    }

    /// How many pages, parts or frames the file has.
    #[getter]
    fn n_subimages(&self) -> PyResult<u32> {
        Ok(self.inner()?.n_subimages())
    }

    /// The same image at level `number`; 0 is the finest, each further one about half as wide and high.
    ///
    /// Raises `ArgumentError` where there is no such level.
    fn at_level(&self, number: i64) -> PyResult<Self> {
        let (level, _) = arguments::level(self.inner()?, self.subimage, number)?;
        self.other(self.subimage, level)
    }

    /// The same image at the coarsest level with at least `scale` times the pixels of level 0 along each side.
    fn at_scale(&self, scale: f64) -> PyResult<Self> {
        if !scale.is_finite() || scale <= 0.0 {
            return Err(errors::argument(
                "scale",
                format!("{scale}; more than 0 is wanted"),
            ));
        }
        self.other(self.subimage, self.inner()?.level_for(self.subimage, scale))
    }

    /// Another page, part or frame of the file, at its finest level.
    ///
    /// Raises `ArgumentError` where there is no such one.
    fn at_subimage(&self, number: i64) -> PyResult<Self> {
        let subimage = arguments::subimage(self.inner()?, number)?;
        self.other(subimage, 0)
    }

    /// Reads a region `(x, y, width, height)` of this level, or all of it: see `Bank.read`.
    #[pyo3(signature = (region=None, *, channels=None, dtype=None, alpha=None, out=None, timeout=None, cancel=None))]
    #[allow(clippy::too_many_arguments)]
    fn read<'py>(
        &self,
        py: Python<'py>,
        region: Option<(i64, i64, i64, i64)>,
        channels: Option<&Bound<'py, PyAny>>,
        dtype: Option<&Bound<'py, PyAny>>,
        alpha: Option<&str>,
        out: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
        cancel: Option<&Bound<'py, PyCancel>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = ReadArguments {
            region,
            level: self.level.into(),
            subimage: self.subimage.into(),
            channels,
            dtype,
            alpha,
        };
        let patience = Patience::new(timeout, cancel)?;
        read::read(py, self.core()?, self.inner()?, &arguments, out, &patience)
    }

    /// `image[rows, columns, channels]`: reads the smallest region that has what is asked for, as an array.
    ///
    /// Numbers, slices (with steps) and `...` work as on arrays; what lies outside of an image is cut off, and an empty
    /// slice is an `ArgumentError`.
    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let image = self.inner()?;
        let index = Index::new(index, self.size()?, self.n_channels()?)?;
        let request = Request {
            region: Region {
                subimage: self.subimage,
                level: self.level,
                rect: Rect::new(
                    index.columns.start,
                    index.rows.start,
                    index.columns.length,
                    index.rows.length,
                ),
            },
            first_channel: index.channels.start as u8,
            n_channels: index.channels.length as u8,
            sample: image.spec(self.subimage).format.sample,
            alpha: None,
        };
        let array = read::new_array(py, self.core()?, image, request, &Patience::default())?;
        if index.is_plain() {
            return Ok(array);
        }
        let picked = [index.rows, index.columns, index.channels].map(|span| picked(py, span));
        let picked = picked.into_iter().collect::<PyResult<Vec<_>>>()?;
        array.get_item(PyTuple::new(py, picked)?)
    }

    /// How many rows there are.
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.size()?.height as usize)
    }

    /// The whole level as an array: what `numpy.asarray(image)` asks for.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if copy == Some(false) {
            return Err(PyValueError::new_err(
                "an image has no array to be shared: reading it makes one",
            ));
        }
        let whole = self.read_whole(py, None)?;
        match dtype {
            // NumPy's own rules for whatever type is asked for.
            Some(dtype) => whole.call_method1("astype", (dtype,)),
            None => Ok(whole),
        }
    }

    /// A PNG for notebooks: of this level, or of the coarsest one that still has 512 pixels along a side.
    fn _repr_png_<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let image = self.inner()?;
        let levels: Vec<_> = image.levels(self.subimage).collect();
        let level = levels
            .iter()
            .rposition(|level| level.size.width.max(level.size.height) >= 512)
            .unwrap_or(0)
            .max(self.level as usize);
        let shown = image.spec(self.subimage).shown();
        let n_channels = shown.channels.count().min(4);
        let reading = Request {
            region: Region {
                subimage: self.subimage,
                level: level as u32,
                rect: levels[level].size.rect(),
            },
            first_channel: shown.first,
            n_channels: n_channels as u8,
            sample: pixelbank_image::SampleType::U8,
            alpha: None,
        };
        let array = read::new_array(py, self.core()?, image, reading, &Patience::default())?;
        let buffer = pyo3::buffer::PyBuffer::<u8>::get(&array)?;
        let bytes = buffer.to_vec(py)?;
        let format = pixel_format(n_channels, pixelbank_image::SampleType::U8);
        let view = pixelbank_image::View::packed(&bytes, levels[level].size, format)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let png = py.detach(|| encode_png(view, &PngOptions::default(), &Default::default()));
        Ok(png.ok().map(|png| PyBytes::new(py, &png)))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (std::path::PathBuf, u32, u32))> {
        if self.core()?.sources.contains(self.inner()?.key()) {
            return Err(PyValueError::new_err(
                "an image that is no file cannot be pickled: its source is in this process alone",
            ));
        }
        let rebuild = py.import("pixelbank._bank")?.getattr("_reopen")?;
        Ok((rebuild, (self.path()?, self.subimage, self.level)))
    }

    fn __repr__(&self) -> PyResult<String> {
        let (image, size) = (self.inner()?, self.size()?);
        Ok(format!(
            "<Image {}: ({}, {}, {}) {}, level {} of {}>",
            image.key().display(),
            size.height,
            size.width,
            self.n_channels()?,
            dtype_name(image.spec(self.subimage).format.sample),
            self.level,
            image.n_levels(self.subimage),
        ))
    }
}

fn picked(py: Python<'_>, span: Span) -> PyResult<Bound<'_, PyAny>> {
    if span.is_one {
        return Ok(0i32.into_pyobject(py)?.into_any());
    }
    let whole = py.None().into_bound(py);
    let step = span.step.into_pyobject(py)?.into_any();
    let slice = py.get_type::<PySlice>().call1((&whole, &whole, step))?;
    Ok(slice)
}
