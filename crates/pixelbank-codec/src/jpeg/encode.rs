//! Writing JPEG.

use std::io::Write;

use pixelbank_image::{PixelFormat, Size, View};

use super::blocks::{EXIF, ICC, XMP};
use super::compress::{Compress, Settings};
use super::destination::Sink;
use super::segments::{APP1, APP2};
use crate::{Embed, Error, Format, RowWriter};

/// The longest side that libjpeg writes, a little less than the format allows.
const MAX_SIDE: u32 = 65_500;

/// Bytes of a segment behind its length.
const MAX_SEGMENT_BYTES: usize = 65_533;

/// How much of the chroma is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Subsampling {
    /// All of it: for graphics, text and saturated edges. Some 30 % more bytes and time than [`Half`](Self::Half).
    Full,
    /// Every second column.
    Half,
    /// Every second column of every second row: what cameras and the web use, and what the eye hardly sees in
    /// photographs.
    #[default]
    Quarter,
}

/// How a JPEG stream is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JpegOptions {
    /// 1 (smallest) to 100 (nearly without loss), on libjpeg's scale.
    pub quality: u8,
    /// How much of the chroma is kept; without effect on grey images.
    pub subsampling: Subsampling,
    /// Coarse first, then finer. A few per cent smaller and shown earlier by browsers, but the writer holds two to three
    /// bytes for each sample of the image, takes several times as long, and readers hold as much.
    pub progressive: bool,
}

impl Default for JpegOptions {
    fn default() -> Self {
        Self {
            quality: 85,
            subsampling: Subsampling::default(),
            progressive: false,
        }
    }
}

/// Writes a JPEG file row by row.
///
/// Takes [`PixelFormat::GRAY8`] and [`PixelFormat::RGB8`], up to 65,500 pixels a side. Holds a few rows and a buffer of
/// 32 KiB, and with [`JpegOptions::progressive`] the coefficients of the whole image.
#[derive(Debug)]
pub struct JpegWriter {
    compress: Compress,
    size: Size,
    format: PixelFormat,
}

impl JpegWriter {
    /// Starts a file of `size` pixels of `format` and writes its header and metadata to `out`.
    ///
    /// # Errors
    /// [`Error::Encode`] for sizes, formats, options and metadata that JPEG cannot hold; [`Error::Io`].
    pub fn new(
        out: impl Write + Send + 'static,
        size: Size,
        format: PixelFormat,
        options: &JpegOptions,
        embed: &Embed<'_>,
    ) -> Result<Self, Error> {
        let settings = check(size, format, options, embed)?;
        let sink = Sink::writer(Box::new(out)).map_err(|fault| fault.into_encode_error())?;
        Ok(Self {
            compress: start(sink, settings, embed)?,
            size,
            format,
        })
    }
}

impl RowWriter for JpegWriter {
    fn write_rows(&mut self, rows: View<'_>) -> Result<(), Error> {
        let size = rows.size();
        if size.width != self.size.width || rows.format() != self.format {
            return Err(refused(format!(
                "rows of {} pixels of {} where {} of {} are due",
                size.width,
                rows.format(),
                self.size.width,
                self.format
            )));
        }
        let left = self.compress.rows_left();
        if size.height > left {
            return Err(refused(format!(
                "{} rows where only {left} are due",
                size.height
            )));
        }
        self.compress
            .write(rows)
            .map_err(|fault| fault.into_encode_error())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let left = self.compress.rows_left();
        if left > 0 {
            return Err(refused(format!("{left} rows are missing")));
        }
        match self.compress.finish() {
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.into_encode_error()),
        }
    }
}

/// Encodes `pixels`, grey or RGB of 8 bits, to a JPEG stream in memory.
///
/// # Errors
/// [`Error::Encode`] for sizes, formats, options and metadata that JPEG cannot hold.
pub fn encode_jpeg(
    pixels: View<'_>,
    options: &JpegOptions,
    embed: &Embed<'_>,
) -> Result<Vec<u8>, Error> {
    let size = pixels.size();
    let settings = check(size, pixels.format(), options, embed)?;
    let metadata: usize = [embed.exif, embed.xmp, embed.icc]
        .into_iter()
        .flatten()
        .map(<[u8]>::len)
        .sum();
    // A byte for three pixels: more than most photographs need at quality 85.
    let expected = (size.pixels() / 3) as usize + metadata + 1024;
    let sink = Sink::memory(expected).map_err(|fault| fault.into_encode_error())?;
    let mut compress = start(sink, settings, embed)?;
    compress
        .write(pixels)
        .and_then(|()| compress.finish())
        .map_err(|fault| fault.into_encode_error())
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Encode {
        format: Format::Jpeg,
        reason: reason.into(),
    }
}

fn check(
    size: Size,
    format: PixelFormat,
    options: &JpegOptions,
    embed: &Embed<'_>,
) -> Result<Settings, Error> {
    if size.is_empty() || size.width.max(size.height) > MAX_SIDE {
        return Err(refused(format!(
            "{size} pixels; JPEG takes 1 to {MAX_SIDE} a side"
        )));
    }
    if !matches!(format, PixelFormat::GRAY8 | PixelFormat::RGB8) {
        return Err(refused(format!(
            "{format} pixels; JPEG takes grey and RGB of 8 bits"
        )));
    }
    if !(1..=100).contains(&options.quality) {
        return Err(refused(format!(
            "a quality of {}; it goes from 1 to 100",
            options.quality
        )));
    }
    let room = |prefix: usize, segments: usize| (MAX_SEGMENT_BYTES - prefix) * segments;
    let blocks = [
        ("EXIF", embed.exif, room(EXIF.len(), 1)),
        ("XMP", embed.xmp, room(XMP.len(), 1)),
        ("an ICC profile", embed.icc, room(ICC.len() + 2, 255)),
    ];
    for (what, block, most) in blocks {
        let len = block.map_or(0, <[u8]>::len);
        if len > most {
            return Err(refused(format!(
                "{what} of {len} bytes; at most {most} fit"
            )));
        }
    }
    Ok(Settings {
        size,
        channels: format.pixel_bytes(),
        quality: options.quality,
        subsampling: match options.subsampling {
            Subsampling::Full => (1, 1),
            Subsampling::Half => (2, 1),
            Subsampling::Quarter => (2, 2),
        },
        progressive: options.progressive,
    })
}

fn start(sink: Sink, settings: Settings, embed: &Embed<'_>) -> Result<Compress, Error> {
    let started = Compress::start(sink, settings).and_then(|mut compress| {
        if let Some(exif) = embed.exif {
            compress.marker(APP1, &[EXIF, exif].concat())?;
        }
        if let Some(xmp) = embed.xmp {
            compress.marker(APP1, &[XMP, xmp].concat())?;
        }
        if let Some(icc) = embed.icc {
            let pieces = icc.chunks(MAX_SEGMENT_BYTES - ICC.len() - 2);
            let count = pieces.len() as u8;
            for (number, piece) in (1..=count).zip(pieces) {
                compress.marker(APP2, &[ICC, &[number, count], piece].concat())?;
            }
        }
        Ok(compress)
    });
    started.map_err(|fault| fault.into_encode_error())
}
