//! An array as an image: read where it lies, not copied.

#![allow(unsafe_code)]

use std::sync::Arc;

use pixelbank_cache::CacheOptions;
use pixelbank_codec::{Error, Format, ImageInfo, Region};
use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, SampleType, Size, Stored,
    Transfer, ViewMut, Window,
};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;

use super::reader::Pixels;
use crate::arrays::{pixel_format, sample_of_format, unknown};
use crate::errors::argument;

/// Pixels in memory that somebody else owns: height × width × channels, at any strides.
pub struct ArrayPixels {
    /// Keeps the memory where it is; its exporter must not resize it as long as this lives.
    _buffer: PyUntypedBuffer,
    first: *const u8,
    strides: [isize; 3],
    info: Arc<ImageInfo>,
}

// SAFETY: the pointer is to memory that the buffer keeps where it is; reading it needs no thread. The buffer itself is
// only dropped, which attaches to the interpreter.
unsafe impl Send for ArrayPixels {}
// SAFETY: as above.
unsafe impl Sync for ArrayPixels {}

/// What is known of pixels that are no file.
pub fn spec(format: PixelFormat, size: Size, levels: Vec<LevelSpec>) -> ImageSpec {
    let window = Window {
        x: 0,
        y: 0,
        width: size.width,
        height: size.height,
    };
    ImageSpec {
        format,
        stored: Stored::of(format.sample),
        channels: None,
        alpha: match format.channels.has_alpha() {
            true => Alpha::Straight,
            false => Alpha::None,
        },
        transfer: match format.sample.is_float() {
            true => Transfer::Linear,
            false => Transfer::Display,
        },
        orientation: Orientation::default(),
        data_window: window,
        display_window: window,
        icc: None,
        levels,
    }
}

/// Shape and strides as three dimensions, and what the elements are.
pub fn arrangement(
    name: &str,
    buffer: &PyUntypedBuffer,
) -> PyResult<([usize; 3], [isize; 3], SampleType)> {
    let format = buffer.format().to_string_lossy();
    let sample = sample_of_format(&format, buffer.item_size())
        .ok_or_else(|| argument(name, unknown(&format!("elements of format '{format}'"))))?;
    let (shape, strides) = match (buffer.shape(), buffer.strides()) {
        (&[h, w, c], &[y, x, s]) => ([h, w, c], [y, x, s]),
        (&[h, w], &[y, x]) => ([h, w, 1], [y, x, sample.bytes() as isize]),
        (shape, _) => {
            return Err(argument(
                name,
                format!("shape {shape:?}; (height, width, channels) or (height, width) is wanted"),
            ));
        }
    };
    Ok((shape, strides, sample))
}

impl ArrayPixels {
    pub fn new(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(array)?;
        let (shape, strides, sample) = arrangement("source", &buffer)?;
        let side = |extent| {
            u32::try_from(extent)
                .ok()
                .filter(|side| (1..=1 << 24).contains(side))
        };
        let (Some(height), Some(width), 1..=255) = (side(shape[0]), side(shape[1]), shape[2])
        else {
            return Err(argument(
                "source",
                format!("no picture has shape {shape:?}"),
            ));
        };
        let size = Size::new(width, height);
        let level = LevelSpec {
            size,
            access: Access::Chunks(CacheOptions::DEFAULT_TILE),
        };
        let info = ImageInfo {
            format: Format::Raw,
            subimages: vec![spec(pixel_format(shape[2], sample), size, vec![level])],
        };
        Ok(Self {
            first: buffer.buf_ptr().cast(),
            _buffer: buffer,
            strides,
            info: Arc::new(info),
        })
    }

    /// Copies a region that lies within into `target`, which has its size.
    fn copy(&self, region: &Region, target: &mut ViewMut<'_>) {
        let spec = &self.info.subimages[0];
        let (pixel_bytes, sample_bytes) = (spec.format.pixel_bytes(), spec.format.sample.bytes());
        let [row, column, channel] = self.strides;
        let is_packed = channel == sample_bytes as isize && column == pixel_bytes as isize;
        let rect = region.rect;
        for y in 0..rect.height {
            let into = target.row_mut(y);
            // SAFETY: row and column are within the shape that the buffer said, and with its strides lead into its
            // memory. Others may write to it meanwhile; then any bytes are copied, as by any function that reads an array.
            let start = unsafe {
                self.first
                    .offset((rect.y + y) as isize * row)
                    .offset(rect.x as isize * column)
            };
            if is_packed {
                // SAFETY: as above; the pixels of a row lie one behind the other.
                unsafe { start.copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) };
                continue;
            }
            for (number, sample) in into.chunks_exact_mut(sample_bytes).enumerate() {
                let (x, c) = (
                    number / spec.format.channels.count(),
                    number % spec.format.channels.count(),
                );
                // SAFETY: as above.
                unsafe {
                    start
                        .offset(x as isize * column)
                        .offset(c as isize * channel)
                        .copy_to_nonoverlapping(sample.as_mut_ptr(), sample_bytes);
                }
            }
        }
    }
}

impl Pixels for ArrayPixels {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn copies(&self) -> u64 {
        1
    }

    fn fill(&self, _: &str, region: &Region, target: &mut ViewMut<'_>) -> Result<(), Error> {
        self.copy(region, target);
        Ok(())
    }
}
