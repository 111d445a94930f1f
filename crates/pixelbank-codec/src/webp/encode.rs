//! Writing WebP.

use std::fmt;
use std::io::Write;

use pixelbank_image::{PixelFormat, Size, View, ViewMut};

use super::container;
use super::library::{self, Effort, Fault};
use crate::{Embed, Error, Format, RowWriter, request};

/// The longest side that the format allows.
const MAX_SIDE: u32 = 16_383;

/// How a WebP file is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebPOptions {
    /// 0 (smallest) to 100; without effect if `lossless`.
    pub quality: u8,
    /// Every pixel as it is: several times the bytes of a lossy photograph, a fraction of those of a drawing.
    pub lossless: bool,
}

impl Default for WebPOptions {
    fn default() -> Self {
        Self {
            quality: 80,
            lossless: false,
        }
    }
}

/// Writes a WebP file.
///
/// Takes [`PixelFormat::RGB8`] and [`PixelFormat::RGBA8`] (straight alpha), up to 16,383 pixels a side. The format can
/// only be written from the whole image, so this collects all rows, and libwebp makes a copy of them in its own form.
pub struct WebPWriter {
    out: Box<dyn Write + Send>,
    pixels: Vec<u8>,
    size: Size,
    format: PixelFormat,
    rows_done: u32,
    options: WebPOptions,
    metadata: Metadata,
}

/// An [`Embed`] of its own.
#[derive(Debug, Default)]
struct Metadata {
    exif: Option<Vec<u8>>,
    xmp: Option<Vec<u8>>,
    icc: Option<Vec<u8>>,
}

impl fmt::Debug for WebPWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPWriter")
            .field("size", &self.size)
            .field("format", &self.format)
            .field("rows_done", &self.rows_done)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl WebPWriter {
    /// Prepares a file of `size` pixels of `format`; nothing is written to `out` before it is finished.
    ///
    /// # Errors
    /// [`Error::Encode`] for sizes, formats and options that WebP cannot hold; [`Error::Io`] where there is no memory.
    pub fn new(
        out: impl Write + Send + 'static,
        size: Size,
        format: PixelFormat,
        options: &WebPOptions,
        embed: &Embed<'_>,
    ) -> Result<Self, Error> {
        check(size, format, options)?;
        Ok(Self {
            out: Box::new(out),
            pixels: request::zeroed("WebP output", format.image_bytes(size))?,
            size,
            format,
            rows_done: 0,
            options: options.clone(),
            metadata: Metadata {
                exif: embed.exif.map(<[u8]>::to_vec),
                xmp: embed.xmp.map(<[u8]>::to_vec),
                icc: embed.icc.map(<[u8]>::to_vec),
            },
        })
    }
}

impl RowWriter for WebPWriter {
    fn write_rows(&mut self, rows: View<'_>) -> Result<(), Error> {
        let size = rows.size();
        let left = self.size.height - self.rows_done;
        if size.width != self.size.width || rows.format() != self.format || size.height > left {
            return Err(refused(format!(
                "{size} pixels of {} where {left} rows of {} of {} are due",
                rows.format(),
                self.size.width,
                self.format
            )));
        }
        let start = self.rows_done as usize * self.format.row_bytes(self.size.width);
        ViewMut::packed(&mut self.pixels[start..], size, self.format)
            .and_then(|mut target| target.copy_from(rows))
            .map_err(|error| refused(error.to_string()))?;
        self.rows_done += size.height;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        let left = self.size.height - self.rows_done;
        if left > 0 {
            return Err(refused(format!("{left} rows are missing")));
        }
        let pixels = View::packed(&self.pixels, self.size, self.format)
            .map_err(|error| refused(error.to_string()))?;
        let embed = Embed {
            exif: self.metadata.exif.as_deref(),
            xmp: self.metadata.xmp.as_deref(),
            icc: self.metadata.icc.as_deref(),
        };
        let file = encode_webp(pixels, &self.options, &embed)?;
        self.out
            .write_all(&file)
            .and_then(|()| self.out.flush())
            .map_err(|source| Error::Io {
                name: "WebP output".to_owned(),
                source,
            })
    }
}

/// Encodes `pixels`, RGB or RGBA (straight alpha) of 8 bits, to a WebP file in memory.
///
/// # Errors
/// [`Error::Encode`] for sizes, formats and options that WebP cannot hold; [`Error::Io`] where there is no memory.
pub fn encode_webp(
    pixels: View<'_>,
    options: &WebPOptions,
    embed: &Embed<'_>,
) -> Result<Vec<u8>, Error> {
    check(pixels.size(), pixels.format(), options)?;
    // A photographic tile of 256 × 256 (`benches/webp.rs`): method 2 takes 3.0 ms for 5.5 KB, libwebp's default of 4
    // takes 7.1 ms for 5.2 KB; lossless, level 2 takes 13 ms for 67 KB, level 4 29 ms for 62 KB.
    let effort = if options.lossless {
        Effort::Lossless { level: 2 }
    } else {
        Effort::Lossy {
            quality: options.quality,
            method: 2,
        }
    };
    let file = library::encode(pixels, effort).map_err(|fault| match fault {
        Fault::Memory => Error::Io {
            name: "WebP output".to_owned(),
            source: std::io::ErrorKind::OutOfMemory.into(),
        },
        Fault::Refused(reason) => refused(reason),
        Fault::Malformed(reason) | Fault::Unsupported(reason) => refused(reason),
    })?;
    let has_alpha = pixels.format() == PixelFormat::RGBA8;
    container::embed(file, pixels.size(), has_alpha, embed)
}

fn check(size: Size, format: PixelFormat, options: &WebPOptions) -> Result<(), Error> {
    if size.is_empty() || size.width.max(size.height) > MAX_SIDE {
        return Err(refused(format!(
            "{size} pixels; WebP takes 1 to {MAX_SIDE} a side"
        )));
    }
    if !matches!(format, PixelFormat::RGB8 | PixelFormat::RGBA8) {
        return Err(refused(format!(
            "{format} pixels; WebP takes RGB and RGBA of 8 bits"
        )));
    }
    if options.quality > 100 {
        return Err(refused(format!(
            "a quality of {}; it goes from 0 to 100",
            options.quality
        )));
    }
    Ok(())
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Encode {
        format: Format::WebP,
        reason: reason.into(),
    }
}
