//! Reading into new arrays, and into those of the caller.

use std::sync::Arc;

use pixelbank_cache::{Error, Image, ReadOptions};
use pixelbank_image::{ViewMut, Window};
use pixelbank_memory::Wait;
use pixelbank_pool::{Tensor, TensorDesc};
use pyo3::prelude::*;

use crate::arguments::{ReadArguments, Request};
use crate::arrays::{self, Out, array_over, pixel_format, pool_dtype};
use crate::core::Core;
use crate::errors;
use crate::waiting::Patience;

/// Up to this many bytes are copied with the interpreter held: giving it up and taking it again would cost as much.
const QUICK_BYTES: u64 = 256 << 10;

/// Arrays of up to this many bytes are in memory of NumPy's own.
const SMALL_BYTES: u64 = 4 << 10;

impl Request {
    /// Only from tiles in memory; whether they all were.
    fn fill_resident(&self, image: &Image, target: ViewMut<'_>) -> Result<bool, Error> {
        if self.alpha.is_some() {
            return Ok(false);
        }
        image.read_resident(&self.region, self.first_channel, target)
    }

    fn fill(&self, image: &Image, target: ViewMut<'_>, wait: &Wait) -> Result<(), Error> {
        let region = &self.region;
        if self.alpha.is_none() {
            return image.read_channels(region, self.first_channel, target, wait);
        }
        let spec = image.spec(region.subimage);
        let corner = |at: i32| at >> region.level.min(31);
        let window = Window {
            x: corner(spec.data_window.x).saturating_add_unsigned(region.rect.x),
            y: corner(spec.data_window.y).saturating_add_unsigned(region.rect.y),
            width: region.rect.width,
            height: region.rect.height,
        };
        let mut options = ReadOptions::default();
        options.first_channel = self.first_channel;
        options.alpha = self.alpha;
        image.read_window(
            region.subimage,
            region.level,
            window,
            &options,
            target,
            wait,
        )
    }

    fn bytes(&self) -> u64 {
        pixel_format(usize::from(self.n_channels), self.sample).image_bytes(self.region.rect.size())
    }
}

/// Reads what the arguments say.
pub fn read<'py>(
    py: Python<'py>,
    core: &Arc<Core>,
    image: &Image,
    arguments: &ReadArguments<'_, 'py>,
    out: Option<&Bound<'py, PyAny>>,
    patience: &Patience,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(out) = out else {
        let request = Request::new(image, arguments, None)?;
        return new_array(py, core, image, request, patience);
    };
    let target = Out::new(out)?;
    let request = Request::new(image, arguments, Some(&target))?;
    read_into(py, image, request, out, target, patience)?;
    Ok(out.clone())
}

fn read_into(
    py: Python<'_>,
    image: &Image,
    request: Request,
    out: &Bound<'_, PyAny>,
    mut target: Out,
    patience: &Patience,
) -> PyResult<()> {
    let failed = |error| errors::from_cache(py, &error);
    if request.bytes() <= QUICK_BYTES {
        #[allow(unsafe_code)]
        // SAFETY: the caller holds `out`, and nobody resizes it while the interpreter is held.
        let view = unsafe { target.view()? };
        if request.fill_resident(image, view).map_err(failed)? {
            return Ok(());
        }
    }
    let (image, kept) = (image.clone(), out.clone().unbind());
    patience
        .run(py, move |wait| {
            // Whoever stops waiting leaves this writing for a while: the memory must outlive that.
            let _kept = kept;
            #[allow(unsafe_code)]
            // SAFETY: `_kept` keeps the object; that nobody resizes it meanwhile is asked of the caller in `read`'s
            // documentation.
            let view =
                unsafe { target.view() }.map_err(|error| Error::BadRequest(error.to_string()))?;
            request.fill(&image, view, wait)
        })?
        .map_err(failed)
}

/// A new array: in memory of the pool, unless it is so small that booking it would cost more than making it.
pub fn new_array<'py>(
    py: Python<'py>,
    core: &Arc<Core>,
    image: &Image,
    request: Request,
    patience: &Patience,
) -> PyResult<Bound<'py, PyAny>> {
    let rect = request.region.rect;
    let shape = [
        rect.height as usize,
        rect.width as usize,
        usize::from(request.n_channels),
    ];
    let sample = request.sample;
    if request.bytes() <= SMALL_BYTES {
        let array = arrays::empty(py, shape, sample)?;
        let target = Out::new(&array)?;
        read_into(py, image, request, &array, target, patience)?;
        return Ok(array);
    }
    let desc = TensorDesc::new(shape.map(|extent| extent as u64), pool_dtype(sample));
    if request.bytes() <= QUICK_BYTES {
        let made = core.pool.tensor(&desc);
        let mut tensor = made.map_err(|error| errors::from_pool(&error))?;
        let view = pixels(&mut tensor, &request);
        let filled = request.fill_resident(image, view);
        if filled.map_err(|error| errors::from_cache(py, &error))? {
            return array_over(py, tensor, shape, sample);
        }
    }
    let (pool, image) = (core.pool.clone(), image.clone());
    let tensor = patience.run(py, move |wait| -> Result<Tensor, Failure> {
        let ask = pixelbank_pool::Request {
            wait: Some(wait.clone()),
            ..Default::default()
        };
        let mut tensor = pool.tensor_with(&desc, &ask).map_err(Failure::Pool)?;
        let view = pixels(&mut tensor, &request);
        request.fill(&image, view, wait).map_err(Failure::Cache)?;
        Ok(tensor)
    })?;
    let tensor = tensor.map_err(|failure| match failure {
        Failure::Pool(error) => errors::from_pool(&error),
        Failure::Cache(error) => errors::from_cache(py, &error),
    })?;
    array_over(py, tensor, shape, sample)
}

enum Failure {
    Pool(pixelbank_pool::Error),
    Cache(Error),
}

fn pixels<'a>(tensor: &'a mut Tensor, request: &Request) -> ViewMut<'a> {
    let bytes = tensor
        .as_bytes_mut()
        .expect("host memory that nobody else has");
    let format = pixel_format(usize::from(request.n_channels), request.sample);
    ViewMut::packed(bytes, request.region.rect.size(), format)
        .expect("it was made for these pixels")
}
