//! Tiles, pins and prefetches: what keeps or brings pixels into memory.

use std::sync::Arc;

use pixelbank_cache::{Pin, Prefetch, Tile};
use pixelbank_image::Rect;
use pixelbank_memory::sync::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::arrays::{Exported, buffer_format, dtype_object, fill_buffer, release_buffer};
use crate::errors;
use crate::process::Home;
use crate::waiting::{Patience, PyCancel};

/// A tile as the cache keeps it: read-only memory that `numpy.asarray(tile)` shows without copying it. It stays in memory
/// as long as this object or such an array lives.
#[pyclass(frozen, name = "Tile", module = "pixelbank", weakref)]
pub struct PyTile {
    tile: Home<Tile>,
    rect: Rect,
}

impl PyTile {
    pub fn new(tile: Tile, rect: Rect) -> Self {
        Self {
            tile: Home::new(tile),
            rect,
        }
    }
}

#[pymethods]
impl PyTile {
    /// `(x, y, width, height)` of its pixels in the level.
    #[getter]
    fn region(&self) -> (u32, u32, u32, u32) {
        (self.rect.x, self.rect.y, self.rect.width, self.rect.height)
    }

    /// `(height, width, channels)`.
    #[getter]
    fn shape(&self) -> PyResult<(u32, u32, usize)> {
        let channels = self.tile.get()?.view().format().channels.count();
        Ok((self.rect.height, self.rect.width, channels))
    }

    /// The type of samples, as NumPy's object.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        dtype_object(py, self.tile.get()?.view().format().sample)
    }

    /// Bytes of its pixels.
    #[getter]
    fn nbytes(&self) -> PyResult<usize> {
        Ok(self.tile.get()?.view().data().len())
    }

    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: i32,
    ) -> PyResult<()> {
        let pixels = slf.get().tile.get()?.view();
        let (format, size) = (pixels.format(), pixels.size());
        let shape = [
            size.height as isize,
            size.width as isize,
            format.channels.count() as isize,
        ];
        let strides = [
            pixels.row_bytes() as isize,
            format.pixel_bytes() as isize,
            format.sample.bytes() as isize,
        ];
        let memory = Exported {
            first: pixels.data().as_ptr().cast_mut(),
            is_read_only: true,
            format: buffer_format(format.sample),
            item_bytes: format.sample.bytes(),
            shape: &shape,
            strides: &strides,
            is_packed: pixels.is_packed(),
        };
        // SAFETY: the interpreter hands the view over; the tile keeps its pixels where they are, and its object the tile.
        unsafe { fill_buffer(view, flags, slf.clone().into_any(), &memory) }
    }

    #[allow(unsafe_code)]
    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: filled by `__getbuffer__`.
        unsafe { release_buffer(view) };
    }

    fn __repr__(&self) -> PyResult<String> {
        let format = self.tile.get()?.view().format();
        Ok(format!("<Tile {}, {format}>", self.rect))
    }
}

/// Keeps a region in memory until it is released: a context manager.
#[pyclass(frozen, name = "Pin", module = "pixelbank", weakref)]
pub struct PyPin(Mutex<Option<Home<Pin>>>);

impl PyPin {
    pub fn new(pin: Pin) -> Self {
        Self(Mutex::new(Some(Home::new(pin))))
    }
}

#[pymethods]
impl PyPin {
    /// How many tiles are kept; 0 after `release`.
    #[getter]
    fn n_tiles(&self) -> PyResult<usize> {
        let pin = self.0.lock();
        pin.as_ref().map_or(Ok(0), |pin| Ok(pin.get()?.n_tiles()))
    }

    /// Lets the region go, if it was not yet.
    fn release(&self) {
        let gone = self.0.lock().take();
        drop(gone);
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) {
        self.release();
    }
}

/// A region that is being loaded. Dropping it lets the loading go on; `cancel` ends it.
#[pyclass(frozen, name = "Prefetch", module = "pixelbank", weakref)]
pub struct PyPrefetch(Home<Arc<Loading>>);

/// Lets the loading go on when nobody asks after it any more.
struct Loading(Option<Prefetch>);

impl Loading {
    fn prefetch(&self) -> &Prefetch {
        self.0.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        if let Some(prefetch) = self.0.take() {
            prefetch.detach();
        }
    }
}

impl PyPrefetch {
    pub fn new(prefetch: Prefetch) -> Self {
        Self(Home::new(Arc::new(Loading(Some(prefetch)))))
    }
}

#[pymethods]
impl PyPrefetch {
    /// Whether it has ended, well or not.
    fn done(&self) -> PyResult<bool> {
        Ok(self.0.get()?.prefetch().is_finished())
    }

    /// Ends it: what has not been begun is not loaded.
    fn cancel(&self) -> PyResult<()> {
        self.0.get()?.prefetch().cancel();
        Ok(())
    }

    /// Waits until everything is loaded, at most `timeout` seconds.
    ///
    /// Raises what is wrong with the file or the budget, and `WaitError`.
    #[pyo3(signature = (timeout=None, *, cancel=None))]
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        cancel: Option<&Bound<'_, PyCancel>>,
    ) -> PyResult<()> {
        let loading = Arc::clone(self.0.get()?);
        Patience::new(timeout, cancel)?
            .run(py, move |wait| loading.prefetch().wait(wait))?
            .map_err(|error| errors::from_cache(py, &error))
    }
}
