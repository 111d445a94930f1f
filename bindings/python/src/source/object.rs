//! An object of the caller's that is asked for pixels: what `pixelbank.Source` describes.

use std::io;
use std::sync::Arc;

use pixelbank_cache::CacheOptions;
use pixelbank_codec::{Error, Format, ImageInfo, Region};
use pixelbank_image::{Access, LevelSpec, Size, View, ViewMut};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;

use super::array::{arrangement, spec};
use super::optional;
use super::reader::Pixels;
use crate::arrays::{dtype_name, pixel_format, sample_of};
use crate::errors::{ArgumentError, Raised, argument};

pub struct ObjectSource {
    object: Py<PyAny>,
    info: Arc<ImageInfo>,
}

impl ObjectSource {
    /// Asks the object what it is.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let side = |name: &str| -> PyResult<u32> {
            let value = optional(object, name)?;
            let value = value.ok_or_else(|| argument("source", format!("it has no {name}")))?;
            let value: i64 = value.extract()?;
            u32::try_from(value)
                .ok()
                .filter(|side| (1..=1 << 24).contains(side))
                .ok_or_else(|| argument("source", format!("{name} is {value}")))
        };
        let size = Size::new(side("width")?, side("height")?);
        let channels: i64 = match optional(object, "channels")? {
            Some(channels) => channels.extract()?,
            None => 3,
        };
        if !(1..=255).contains(&channels) {
            return Err(argument("source", format!("{channels} channels")));
        }
        let sample = match optional(object, "dtype")? {
            Some(dtype) => sample_of(&dtype)?,
            None => pixelbank_image::SampleType::U8,
        };
        let tile = match optional(object, "tile")? {
            Some(tile) => {
                let (width, height): (u32, u32) = tile.extract()?;
                if width == 0 || height == 0 {
                    return Err(argument("source", format!("tile is {width} × {height}")));
                }
                Size::new(width, height)
            }
            None => CacheOptions::DEFAULT_TILE,
        };
        if object
            .getattr_opt("read")?
            .is_none_or(|read| !read.is_callable())
        {
            return Err(argument("source", "it has no method `read`"));
        }
        let mut levels = vec![LevelSpec {
            size,
            access: Access::Chunks(tile),
        }];
        if let Some(sizes) = optional(object, "levels")? {
            for (width, height) in sizes.extract::<Vec<(u32, u32)>>()? {
                let before = levels[levels.len() - 1].size;
                if width == 0 || height == 0 || width > before.width || height > before.height {
                    return Err(argument(
                        "source",
                        format!("a level of {width} × {height} after one of {before}"),
                    ));
                }
                levels.push(LevelSpec {
                    size: Size::new(width, height),
                    access: Access::Chunks(tile),
                });
            }
        }
        let info = ImageInfo {
            format: Format::Raw,
            subimages: vec![spec(pixel_format(channels as usize, sample), size, levels)],
        };
        Ok(Self {
            object: object.clone().unbind(),
            info: Arc::new(info),
        })
    }

    fn ask(&self, py: Python<'_>, region: &Region, target: &mut ViewMut<'_>) -> PyResult<()> {
        let rect = region.rect;
        let arguments = (rect.x, rect.y, rect.width, rect.height, region.level);
        let answer = self.object.bind(py).call_method1("read", arguments)?;
        let buffer = PyUntypedBuffer::get(&answer)?;
        let (shape, _, sample) = arrangement("what the source's read returned", &buffer)?;
        let format = self.info.subimages[0].format;
        let wanted = [
            rect.height as usize,
            rect.width as usize,
            format.channels.count(),
        ];
        if shape != wanted || sample != format.sample {
            return Err(ArgumentError::new_err(format!(
                "the source's read returned {} of shape {shape:?} for {} of shape {wanted:?}",
                dtype_name(sample),
                dtype_name(format.sample),
            )));
        }
        if !buffer.is_c_contiguous() {
            return Err(ArgumentError::new_err(
                "the source's read returned an array that is not contiguous",
            ));
        }
        #[allow(unsafe_code)]
        // SAFETY: contiguous, as long as it says, and held by `buffer`; the interpreter is held, so nobody who needs it
        // writes meanwhile.
        let bytes =
            unsafe { std::slice::from_raw_parts(buffer.buf_ptr().cast(), buffer.len_bytes()) };
        let bad = |error: pixelbank_image::Error| ArgumentError::new_err(error.to_string());
        target
            .copy_from(View::packed(bytes, rect.size(), format).map_err(bad)?)
            .map_err(bad)
    }
}

impl Pixels for ObjectSource {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    /// The band, and the array that the object makes.
    fn copies(&self) -> u64 {
        2
    }

    fn fill(&self, name: &str, region: &Region, target: &mut ViewMut<'_>) -> Result<(), Error> {
        let io = |error: PyErr| Error::Io {
            name: name.to_owned(),
            source: io::Error::other(Raised(error)),
        };
        let asked = crate::leaving::attach(|py| self.ask(py, region, target));
        match asked {
            Some(read) => read.map_err(io),
            None => Err(Error::Io {
                name: name.to_owned(),
                source: io::Error::other("the interpreter is shutting down"),
            }),
        }
    }
}
