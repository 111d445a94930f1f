//! What callers name: images, regions, channels, amounts of bytes.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::sync::Arc;

use pixelbank_cache::Image;
use pixelbank_codec::{Limits, Region};
use pixelbank_image::{Alpha, ImageSpec, Rect, SampleType, Size};
use pixelbank_memory::{Account, parse_bytes};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PySlice, PyString, PyTuple};

use crate::arrays::{Out, sample_of};
use crate::core::Core;
use crate::errors::{self, argument};
use crate::source::{Lease, Named};
use crate::waiting::Patience;

/// An image, and what keeps its source known where that has no name of its own.
pub struct Opened {
    pub image: Image,
    pub lease: Option<Arc<Lease>>,
}

/// The image that `path` names: a path, or an encoded file as bytes or as an object with `read`.
pub fn open(
    py: Python<'_>,
    core: &Arc<Core>,
    path: &Bound<'_, PyAny>,
    patience: &Patience,
) -> PyResult<Opened> {
    if let Ok(text) = path.cast::<PyString>()
        && let Ok(text) = text.to_str()
    {
        if let Some(image) = core.cache.known(text.as_ref()) {
            return Ok(Opened { image, lease: None });
        }
        if text.contains("://") && !core.sources.contains(text.as_ref()) {
            return fetch(py, core, text, patience);
        }
        return Ok(Opened {
            image: describe(py, core, text.into(), patience)?,
            lease: None,
        });
    }
    if path.is_instance_of::<PyBytes>()
        || path.is_instance_of::<PyByteArray>()
        || path.is_instance_of::<PyMemoryView>()
    {
        return from_bytes(py, core, path, core.sources.new_name("bytes"), patience);
    }
    if path.getattr_opt("__fspath__")?.is_none()
        && let Some(read) = path.getattr_opt("read")?
    {
        let content = read.call0()?;
        return from_bytes(
            py,
            core,
            &content,
            core.sources.new_name("file object"),
            patience,
        );
    }
    Ok(Opened {
        image: describe(py, core, os_path(path)?, patience)?,
        lease: None,
    })
}

/// A path as the system has it.
pub fn os_path(path: &Bound<'_, PyAny>) -> PyResult<OsString> {
    let found: PyResult<std::path::PathBuf> = path.extract();
    match found {
        Ok(path) if path.as_os_str().is_empty() => Err(argument("path", "it is empty")),
        Ok(path) => Ok(path.into_os_string()),
        Err(_) => Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "path: str, os.PathLike, bytes of an image file or an open file is wanted, not {}",
            path.get_type().name()?
        ))),
    }
}

fn describe(
    py: Python<'_>,
    core: &Arc<Core>,
    key: OsString,
    patience: &Patience,
) -> PyResult<Image> {
    if key.is_empty() {
        return Err(argument("path", "it is empty"));
    }
    let cache = core.cache.clone();
    patience
        .run(py, move |wait| cache.image(&key, wait))?
        .map_err(|error| errors::from_cache(py, &error))
}

/// An encoded file that is in memory: copied, and booked, until nobody uses the image any more.
fn from_bytes(
    py: Python<'_>,
    core: &Arc<Core>,
    content: &Bound<'_, PyAny>,
    name: OsString,
    patience: &Patience,
) -> PyResult<Opened> {
    let named = encoded(core, content)?;
    core.sources.add(name.clone(), named);
    let lease = Lease {
        cache: core.cache.clone(),
        sources: Arc::clone(&core.sources),
        name: name.clone(),
    };
    Ok(Opened {
        image: describe(py, core, name, patience)?,
        lease: Some(Arc::new(lease)),
    })
}

/// The bytes of a file as a source.
pub fn encoded(core: &Core, content: &Bound<'_, PyAny>) -> PyResult<Named> {
    let buffer = pyo3::buffer::PyBuffer::<u8>::get(content)?;
    let reservation = core
        .encoded
        .try_reserve(buffer.len_bytes() as u64)
        .map_err(|error| errors::from_memory(&error))?;
    let bytes = buffer.to_vec(content.py())?;
    Ok(Named::Bytes(bytes.into(), Limits::default(), reservation))
}

/// A URL: what `fsspec` reads there, under that name until it is invalidated.
fn fetch(py: Python<'_>, core: &Arc<Core>, url: &str, patience: &Patience) -> PyResult<Opened> {
    let content = py
        .import("pixelbank._urls")?
        .call_method1("fetch", (url,))?;
    core.sources.add(url.into(), encoded(core, &content)?);
    match describe(py, core, url.into(), patience) {
        Ok(image) => Ok(Opened { image, lease: None }),
        Err(error) => {
            core.sources.remove(OsStr::new(url));
            Err(error)
        }
    }
}

/// What a call reads.
pub struct Request {
    pub region: Region,
    pub first_channel: u8,
    pub n_channels: u8,
    pub sample: SampleType,
    pub alpha: Option<Alpha>,
}

/// The arguments of reading.
pub struct ReadArguments<'a, 'py> {
    pub region: Option<(i64, i64, i64, i64)>,
    pub level: i64,
    pub subimage: i64,
    pub channels: Option<&'a Bound<'py, PyAny>>,
    pub dtype: Option<&'a Bound<'py, PyAny>>,
    pub alpha: Option<&'a str>,
}

impl Request {
    pub fn new(
        image: &Image,
        arguments: &ReadArguments<'_, '_>,
        out: Option<&Out>,
    ) -> PyResult<Self> {
        let subimage = subimage(image, arguments.subimage)?;
        let spec = image.spec(subimage);
        let (level, size) = level(image, subimage, arguments.level)?;
        let rect = match arguments.region {
            None => size.rect(),
            Some(region) => rect(region, size)?,
        };
        let channels = match arguments.channels {
            None => 0..spec.format.channels.count() as u8,
            Some(channels) => channel_range(spec, channels)?,
        };
        let alpha = match arguments.alpha {
            None => None,
            Some("straight") => Some(Alpha::Straight),
            Some("premultiplied") => Some(Alpha::Premultiplied),
            Some(other) => {
                return Err(argument(
                    "alpha",
                    format!("'{other}' is neither 'straight' nor 'premultiplied'"),
                ));
            }
        };
        let sample = match (arguments.dtype, out) {
            (None, None) => spec.format.sample,
            (Some(dtype), None) => sample_of(dtype)?,
            (None, Some(out)) => out.format.sample,
            (Some(dtype), Some(out)) => {
                let sample = sample_of(dtype)?;
                if sample != out.format.sample {
                    return Err(argument("dtype", "not that of out"));
                }
                sample
            }
        };
        let request = Self {
            region: Region {
                subimage,
                level,
                rect,
            },
            first_channel: channels.start,
            n_channels: channels.end - channels.start,
            sample,
            alpha,
        };
        if let Some(out) = out {
            let wanted = (rect.size(), usize::from(request.n_channels));
            if (out.size, out.format.channels.count()) != wanted {
                return Err(argument(
                    "out",
                    format!(
                        "shape ({}, {}, {}) for pixels of shape ({}, {}, {})",
                        out.size.height,
                        out.size.width,
                        out.format.channels.count(),
                        rect.height,
                        rect.width,
                        request.n_channels
                    ),
                ));
            }
        }
        Ok(request)
    }
}

pub fn subimage(image: &Image, number: i64) -> PyResult<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| *number < image.n_subimages())
        .ok_or_else(|| {
            argument(
                "subimage",
                format!(
                    "{number} of {}, which has {}",
                    image.key().display(),
                    image.n_subimages()
                ),
            )
        })
}

/// A level and its size.
pub fn level(image: &Image, subimage: u32, number: i64) -> PyResult<(u32, Size)> {
    u32::try_from(number)
        .ok()
        .and_then(|number| Some((number, image.level(subimage, number)?.size)))
        .ok_or_else(|| {
            let n = image.n_levels(subimage);
            argument(
                "level",
                format!("{number} of {}, which has {n}", image.key().display()),
            )
        })
}

fn rect((x, y, width, height): (i64, i64, i64, i64), size: Size) -> PyResult<Rect> {
    let fits = |start: i64, length: i64, end: u32| {
        start >= 0
            && length > 0
            && start
                .checked_add(length)
                .is_some_and(|stop| stop <= i64::from(end))
    };
    if fits(x, width, size.width) && fits(y, height, size.height) {
        return Ok(Rect::new(x as u32, y as u32, width as u32, height as u32));
    }
    Err(argument(
        "region",
        format!(
            "(x, y, width, height) = ({x}, {y}, {width}, {height}) is empty or reaches outside of {size}"
        ),
    ))
}

/// Channels as a number, a name, a slice, or several that follow each other.
fn channel_range(spec: &ImageSpec, channels: &Bound<'_, PyAny>) -> PyResult<Range<u8>> {
    let n = spec.format.channels.count();
    if let Ok(slice) = channels.cast::<PySlice>() {
        let indices = slice.indices(n as isize)?;
        if indices.step != 1 || indices.slicelength == 0 {
            return Err(argument(
                "channels",
                format!("{slice}: channels that follow each other are wanted"),
            ));
        }
        return Ok(indices.start as u8..indices.stop as u8);
    }
    let one = |channel: &Bound<'_, PyAny>| -> PyResult<usize> {
        if let Ok(name) = channel.cast::<PyString>() {
            let name = name.to_cow()?;
            return (0..n)
                .find(|number| spec.channel_name(*number) == name)
                .ok_or_else(|| {
                    let names: Vec<_> = (0..n)
                        .map(|number| spec.channel_name(number).into_owned())
                        .collect();
                    argument(
                        "channels",
                        format!("'{name}' is none of {}", names.join(", ")),
                    )
                });
        }
        let number: i64 = channel.extract()?;
        usize::try_from(number)
            .ok()
            .filter(|number| *number < n)
            .ok_or_else(|| argument("channels", format!("{number}; there are {n}")))
    };
    if channels.is_instance_of::<PyString>() || channels.extract::<i64>().is_ok() {
        let number = one(channels)? as u8;
        return Ok(number..number + 1);
    }
    let mut range: Option<Range<usize>> = None;
    for channel in channels.try_iter()? {
        let number = one(&channel?)?;
        range = match range {
            None => Some(number..number + 1),
            Some(range) if range.end == number => Some(range.start..number + 1),
            Some(_) => {
                return Err(argument(
                    "channels",
                    "only channels that follow each other can be read at once",
                ));
            }
        };
    }
    let range = range.ok_or_else(|| argument("channels", "there are none"))?;
    Ok(range.start as u8..range.end as u8)
}

/// An amount of bytes: a number, or text such as `512M`.
pub fn bytes(name: &str, amount: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(text) = amount.cast::<PyString>() {
        return parse_bytes(&text.to_cow()?).map_err(|reason| argument(name, reason));
    }
    let number: i128 = amount.extract()?;
    u64::try_from(number).map_err(|_| argument(name, format!("{number} bytes")))
}

pub fn account(name: &str) -> PyResult<Account> {
    Account::from_name(name).ok_or_else(|| {
        let known = Account::ALL.map(Account::name).join(", ");
        argument("accounts", format!("'{name}' is none of {known}"))
    })
}

/// What `image[...]` names: a region and channels, and which dimensions go because one number stands for them.
pub struct Index {
    pub rows: Span,
    pub columns: Span,
    pub channels: Span,
}

/// One dimension of it.
#[derive(Clone, Copy)]
pub struct Span {
    /// The first element that is read.
    pub start: u32,
    /// How many are read, from the first to the last that is wanted.
    pub length: u32,
    /// From one that is wanted to the next, among those that are read; negative from the last to the first.
    pub step: i32,
    /// Whether the dimension goes.
    pub is_one: bool,
}

impl Index {
    pub fn new(index: &Bound<'_, PyAny>, size: Size, channels: usize) -> PyResult<Self> {
        let extents = [size.height, size.width, channels as u32];
        let mut spans = extents.map(|length| Span {
            start: 0,
            length,
            step: 1,
            is_one: false,
        });
        let single;
        let parts = match index.cast::<PyTuple>() {
            Ok(parts) => parts,
            Err(_) => {
                single = PyTuple::new(index.py(), [index])?;
                &single
            }
        };
        let ellipses = parts.iter().filter(is_ellipsis).count();
        if ellipses > 1 || parts.len() - ellipses > spans.len() {
            return Err(pyo3::exceptions::PyIndexError::new_err(
                "an image has three dimensions: rows, columns and channels",
            ));
        }
        let mut at = 0;
        for part in parts.iter() {
            if is_ellipsis(&part) {
                at = spans.len() - (parts.len() - 1 - at);
                continue;
            }
            spans[at] = Span::new(&part, extents[at])?;
            at += 1;
        }
        let [rows, columns, channels] = spans;
        Ok(Self {
            rows,
            columns,
            channels,
        })
    }

    /// Whether what is read is just what is wanted.
    pub fn is_plain(&self) -> bool {
        [self.rows, self.columns, self.channels]
            .iter()
            .all(|span| span.step == 1 && !span.is_one)
    }
}

fn is_ellipsis(part: &Bound<'_, PyAny>) -> bool {
    part.is(part.py().Ellipsis())
}

impl Span {
    fn new(part: &Bound<'_, PyAny>, extent: u32) -> PyResult<Self> {
        if let Ok(slice) = part.cast::<PySlice>() {
            let indices = slice.indices(extent as isize)?;
            let n = indices.slicelength as i64;
            if n == 0 {
                return Err(argument("index", format!("{slice} of {extent} is empty")));
            }
            let last = indices.start as i64 + (n - 1) * indices.step as i64;
            let first = last.min(indices.start as i64);
            return Ok(Self {
                start: first as u32,
                length: ((indices.start as i64 - last).unsigned_abs() + 1) as u32,
                step: if n == 1 { 1 } else { indices.step as i32 },
                is_one: false,
            });
        }
        let number: i64 = part.extract().map_err(|_| {
            pyo3::exceptions::PyTypeError::new_err(
                "an image is indexed by numbers, slices and `...`",
            )
        })?;
        let at = if number < 0 {
            number + i64::from(extent)
        } else {
            number
        };
        let start = u32::try_from(at)
            .ok()
            .filter(|at| *at < extent)
            .ok_or_else(|| {
                pyo3::exceptions::PyIndexError::new_err(format!(
                    "index {number} of a dimension of {extent}"
                ))
            })?;
        Ok(Self {
            start,
            length: 1,
            step: 1,
            is_one: true,
        })
    }
}
