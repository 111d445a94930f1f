//! Writing tiled, pyramidal TIFF and BigTIFF.

mod container;
mod pack;
mod pyramid;
#[cfg(test)]
mod tests;

use std::io::{self, Seek, Write};

use pixelbank_image::{Channels, PixelFormat, SampleType, Size, View};

use self::container::Container;
use self::pack::Packer;
use self::pyramid::Pyramid;
use crate::{Embed, Error, Format, RowWriter};

/// How the tiles of a TIFF file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TiffCompression {
    /// Not at all: the fastest to read, and the largest.
    None,
    /// Deflate of the differences between neighbours: without loss, and read by everything.
    #[default]
    Deflate,
    /// LZW of the differences between neighbours: without loss, larger than deflate; for readers of the last century.
    Lzw,
    /// JPEG of this quality, 1 to 100, with a quarter of the chroma: a tenth of the bytes, and tiles that a server can
    /// hand on as they are. Grey and RGB of 8 bits alone.
    Jpeg(u8),
}

/// Whether offsets have 32 or 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum BigTiff {
    /// 64 bits where the file needs them, which is known once all of it is written.
    #[default]
    Auto,
    /// 64 bits always; old readers refuse such files.
    Always,
}

/// How a TIFF file is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TiffOptions {
    /// Size of a tile; both sides are multiples of 16. Larger tiles pack better, smaller ones waste less where a reader
    /// wants a few pixels. The writer holds a row of tiles of each level.
    pub tile: Size,
    /// How tiles are packed.
    pub compression: TiffCompression,
    /// Width of offsets.
    pub bigtiff: BigTiff,
    /// Whether to add smaller versions, each half of the one before, down to one that fits a tile: a third more bytes,
    /// for readers that show the whole without reading all of it.
    pub levels: bool,
}

impl Default for TiffOptions {
    fn default() -> Self {
        Self {
            tile: Size::new(256, 256),
            compression: TiffCompression::default(),
            bigtiff: BigTiff::default(),
            levels: true,
        }
    }
}

/// Something that takes bytes at any place.
trait Output: Write + Seek + Send {}

impl<T: Write + Seek + Send> Output for T {}

/// Writes a tiled TIFF file with its smaller versions, row by row.
///
/// Takes grey and RGB, with straight alpha or without, of 8 and 16 bits. Each smaller version is the mean of 2 × 2 pixels
/// of the one before, computed on the stored samples: neither linear light nor alpha is considered, as libvips does it.
/// Where a side is odd, the last pixel counts twice. Versions are pages of the main chain that say that they are reduced,
/// which is what libvips, iipsrv, GDAL and OpenSlide read.
///
/// Holds a row of tiles of each level (twice the bytes of `width × tile.height` pixels together) and 16 bytes for each tile
/// written. Tiles go out as they fill, the directories at the end.
pub struct TiffPyramidWriter {
    container: Container,
    packer: Packer,
    pyramid: Pyramid,
    size: Size,
    format: PixelFormat,
    rows_done: u32,
    failed: bool,
}

impl std::fmt::Debug for TiffPyramidWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TiffPyramidWriter")
            .field("size", &self.size)
            .field("format", &self.format)
            .field("rows_done", &self.rows_done)
            .finish_non_exhaustive()
    }
}

impl TiffPyramidWriter {
    /// Starts a file of `size` pixels of `format`. `out` must be empty and positioned at its start; it is sought back to
    /// when the file is finished.
    ///
    /// Of the EXIF block in `embed`, the fields of the first directory, the EXIF and the GPS directory are taken over; the
    /// notes of the maker are not.
    ///
    /// # Errors
    /// [`Error::Encode`] for sizes, formats and options that do not go together; [`Error::Io`].
    pub fn new(
        out: impl Write + Seek + Send + 'static,
        size: Size,
        format: PixelFormat,
        options: &TiffOptions,
        embed: &Embed<'_>,
    ) -> Result<Self, Error> {
        check(size, format, options)?;
        container::check_embed(embed)?;
        let levels = level_sizes(size, options);
        let pyramid = Pyramid::new(&levels, options.tile, format)?;
        let packer = Packer::new(options.tile, format, options.compression)?;
        let container = Container::new(Box::new(out), &levels, format, options, embed)?;
        Ok(Self {
            container,
            packer,
            pyramid,
            size,
            format,
            rows_done: 0,
            failed: false,
        })
    }

    fn take(&mut self, rows: View<'_>) -> Result<(), Error> {
        let Self {
            container,
            packer,
            pyramid,
            ..
        } = self;
        for row in rows.rows() {
            pyramid.push(row, &mut |level, pixels| {
                let bytes = packer.pack(pixels)?;
                container.tile(level, bytes)
            })?;
        }
        Ok(())
    }
}

impl RowWriter for TiffPyramidWriter {
    fn write_rows(&mut self, rows: View<'_>) -> Result<(), Error> {
        if self.failed {
            return Err(refused("writing went on after an error"));
        }
        if rows.format() != self.format || rows.size().width != self.size.width {
            return Err(refused(format!(
                "rows of {} pixels of {} for an image of {} of {}",
                rows.size().width,
                rows.format(),
                self.size.width,
                self.format
            )));
        }
        let left = self.size.height - self.rows_done;
        if rows.size().height > left {
            return Err(refused(format!(
                "{} rows where {left} are left",
                rows.size().height
            )));
        }
        let taken = self.take(rows);
        self.failed = taken.is_err();
        self.rows_done += rows.size().height;
        taken
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if self.failed {
            return Err(refused("writing went on after an error"));
        }
        let left = self.size.height - self.rows_done;
        if left > 0 {
            return Err(refused(format!("{left} rows are missing")));
        }
        let tables = self.packer.into_tables();
        self.container.finish(tables)
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Encode {
        format: Format::Tiff,
        reason: reason.into(),
    }
}

fn io_error(source: io::Error) -> Error {
    Error::Io {
        name: "TIFF output".to_owned(),
        source,
    }
}

/// The sizes of all levels, each half of the one before, until one fits a tile.
fn level_sizes(size: Size, options: &TiffOptions) -> Vec<Size> {
    let mut levels = vec![size];
    let mut last = size;
    while options.levels && (last.width > options.tile.width || last.height > options.tile.height) {
        last = last.halved();
        levels.push(last);
    }
    levels
}

fn check(size: Size, format: PixelFormat, options: &TiffOptions) -> Result<(), Error> {
    let Size { width, height } = options.tile;
    if size.is_empty() {
        return Err(refused(format!("{size} pixels")));
    }
    if options.tile.is_empty()
        || !width.is_multiple_of(16)
        || !height.is_multiple_of(16)
        || width.max(height) > 1 << 14
    {
        return Err(refused(format!(
            "tiles of {}; each side must be a multiple of 16, and 16,384 at most",
            options.tile
        )));
    }
    let known = matches!(
        format.channels,
        Channels::Gray | Channels::GrayAlpha | Channels::Rgb | Channels::Rgba
    ) && matches!(format.sample, SampleType::U8 | SampleType::U16);
    if !known {
        return Err(refused(format!(
            "{format} pixels; it takes grey and RGB, with alpha or without, of 8 and 16 bits"
        )));
    }
    if let TiffCompression::Jpeg(quality) = options.compression {
        if !matches!(format, PixelFormat::GRAY8 | PixelFormat::RGB8) {
            return Err(refused(format!(
                "{format} pixels; JPEG takes grey and RGB of 8 bits"
            )));
        }
        if !(1..=100).contains(&quality) {
            return Err(refused(format!(
                "JPEG of quality {quality}; it goes from 1 to 100"
            )));
        }
    }
    Ok(())
}
