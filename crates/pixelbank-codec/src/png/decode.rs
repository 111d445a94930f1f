use std::io;
use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, Channels, ImageSpec, LevelSpec, PixelFormat, SampleType, Size, Transfer,
};
use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::adam7;
use super::chunks::{Stitched, walk};
use crate::bands::{Bands, emit};
use crate::request::{accept, check_size, malformed, read_error, zeroed};
use crate::{
    Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region,
    orientation,
};

/// Opens a PNG file. Its metadata is looked at for orientation and profile alone.
pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let found = walk(&mut input, limits, false)?;
    let name = input.name().to_owned();
    let header = Header {
        head: found.head,
        data_at: found.data_at,
        size: Size::default(),
        format: PixelFormat::GRAY8,
        raw_row_bytes: 0,
        interlaced: false,
    };
    let size = claimed_size(&header.head)
        .ok_or_else(|| malformed(&name, Format::Png, "it does not begin with its header"))?;
    check_size(&name, Format::Png, size, limits)?;
    let reader = header.start(&mut input, &name, size)?;
    let (color, depth) = reader.output_color_type();
    let raw_row_bytes = raw_row_bytes(reader.info());
    let interlaced = reader.info().interlaced;
    drop(reader);
    let channels = match color {
        ColorType::Grayscale => Channels::Gray,
        ColorType::GrayscaleAlpha => Channels::GrayAlpha,
        ColorType::Rgb | ColorType::Indexed => Channels::Rgb,
        ColorType::Rgba => Channels::Rgba,
    };
    let sample = match depth {
        BitDepth::Sixteen => SampleType::U16,
        _ => SampleType::U8,
    };
    let format = PixelFormat::new(channels, sample);
    let spec = ImageSpec {
        format,
        alpha: if channels.has_alpha() {
            Alpha::Straight
        } else {
            Alpha::None
        },
        transfer: Transfer::Display,
        orientation: found
            .blocks
            .exif
            .as_deref()
            .map(orientation)
            .unwrap_or_default(),
        data_window: size.into(),
        display_window: size.into(),
        icc: found.blocks.icc.map(Arc::from),
        levels: vec![LevelSpec {
            size,
            access: Access::Pass,
        }],
    };
    Ok(Box::new(PngDecoder {
        input,
        name,
        limits: limits.clone(),
        header: Header {
            size,
            format,
            raw_row_bytes,
            interlaced,
            ..header
        },
        info: Arc::new(ImageInfo {
            format: Format::Png,
            subimages: vec![spec],
        }),
    }))
}

/// Width and height of the IHDR chunk, which stands first.
fn claimed_size(head: &[u8]) -> Option<Size> {
    let chunk = head.get(8..33)?;
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| chunk[at + i]));
    (&chunk[4..8] == b"IHDR").then(|| Size::new(number(8), number(12)))
}

/// Bytes of a row as it is stored, with the byte that names its filter.
fn raw_row_bytes(info: &png::Info<'_>) -> u64 {
    let bits = info.color_type.samples() as u64 * u64::from(info.bit_depth as u8);
    (u64::from(info.width) * bits).div_ceil(8) + 1
}

#[derive(Debug)]
struct Header {
    head: Vec<u8>,
    data_at: u64,
    size: Size,
    format: PixelFormat,
    raw_row_bytes: u64,
    interlaced: bool,
}

impl Header {
    /// A reader of the `png` crate, at the first row. It sees nothing but the pixels' chunks.
    fn start<'a>(
        &'a self,
        input: &'a mut Input,
        name: &str,
        size: Size,
    ) -> Result<png::Reader<Stitched<'a>>, Error> {
        let source = Stitched::new(&self.head, input, self.data_at)
            .map_err(|source| read_error(name, Format::Png, source))?;
        // The crate counts one row against its limit; 8 bytes is the largest pixel there is.
        let bytes = u64::from(size.width) * 8 + (128 << 10);
        let mut decoder = png::Decoder::new_with_limits(
            source,
            png::Limits {
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            },
        );
        decoder.set_transformations(Transformations::EXPAND);
        decoder.read_info().map_err(|error| failed(name, error))
    }

    /// An upper bound of what the `png` crate holds while it delivers rows. It keeps decompressed rows in a vector that
    /// starts with up to 128 KiB and grows by doubling until four rows or 128 KiB can be thrown out of its front; a
    /// vector that grows is there twice for a moment.
    fn crate_bytes(&self) -> u64 {
        const STATE: u64 = 96 << 10;
        const WINDOW: u64 = 32 << 10;
        const STEP: u64 = 8 << 10;
        const START: u64 = 128 << 10;
        let raw = self.raw_row_bytes;
        let total = raw * u64::from(self.size.height) + if self.interlaced { raw * 8 } else { 0 };
        let most = ((4 * raw).max(START) + 2 * raw + WINDOW + 2 * STEP).min(total + STEP);
        let start = (raw * u64::from(self.size.height.min(128)))
            .next_multiple_of(256)
            .min(START);
        let mut capacity = start;
        while capacity < most {
            capacity *= 2;
        }
        let stream = if capacity > start {
            capacity + capacity / 2
        } else {
            capacity
        };
        STATE + Stitched::BUFFER_BYTES as u64 + stream
    }
}

#[derive(Debug)]
struct PngDecoder {
    input: Input,
    name: String,
    limits: Limits,
    header: Header,
    info: Arc<ImageInfo>,
}

impl Decoder for PngDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let format = self.header.format;
        let row = format.row_bytes(self.header.size.width) as u64;
        let own = if self.header.interlaced {
            // A whole pass lies between a row's pixels, so the region is collected.
            format.image_bytes(region.rect.size())
        } else {
            Bands::buffer_bytes(region.rect.size(), format)
        };
        self.header.crate_bytes() + row + own
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let reader = self
            .header
            .start(&mut self.input, &self.name, self.header.size)?;
        if self.header.interlaced {
            decode_passes(reader, &self.header, region, &self.name, sink)
        } else {
            decode_rows(reader, &self.header, region, &self.name, sink)
        }
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(walk(&mut self.input, &self.limits, true)?.blocks)
    }
}

fn decode_rows(
    mut reader: png::Reader<Stitched<'_>>,
    header: &Header,
    region: &Region,
    name: &str,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<(), Error> {
    let rect = region.rect;
    let format = header.format;
    let mut bands = Bands::new(name, rect, format)?;
    let is_full_width = rect.width == header.size.width;
    let mut row = zeroed(name, format.row_bytes(header.size.width) as u64)?;
    let left = format.row_bytes(rect.x);
    let wanted = left..left + format.row_bytes(rect.width);
    for y in 0..rect.bottom() as u32 {
        if y < rect.y {
            next(&mut reader, &mut row, name)?;
            continue;
        }
        let target = bands.next_row();
        if is_full_width {
            next(&mut reader, target, name)?;
        } else {
            next(&mut reader, &mut row, name)?;
            target.copy_from_slice(&row[wanted.clone()]);
        }
        to_native(target, format);
        if bands.push(sink).is_break() {
            return Ok(());
        }
    }
    finish(reader, header, rect.bottom(), name)
}

fn decode_passes(
    mut reader: png::Reader<Stitched<'_>>,
    header: &Header,
    region: &Region,
    name: &str,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<(), Error> {
    let rect = region.rect;
    let format = header.format;
    let mut pixels = zeroed(name, format.image_bytes(rect.size()))?;
    let mut row = zeroed(name, format.row_bytes(header.size.width) as u64)?;
    for pass_row in adam7::rows(header.size) {
        next(&mut reader, &mut row, name)?;
        adam7::place(pass_row, &row, rect, format.pixel_bytes(), &mut pixels);
    }
    finish(reader, header, u64::from(header.size.height), name)?;
    to_native(&mut pixels, format);
    emit(&pixels, rect, format, sink);
    Ok(())
}

/// Reads the next row, which must be there.
fn next(reader: &mut png::Reader<Stitched<'_>>, row: &mut [u8], name: &str) -> Result<(), Error> {
    match reader.read_row(row) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(malformed(name, Format::Png, "it has too few rows")),
        Err(error) => Err(failed(name, error)),
    }
}

/// Once all rows are there, has the rest of the pixels' chunks checked. That nothing follows them is no damage to the
/// picture.
fn finish(
    mut reader: png::Reader<Stitched<'_>>,
    header: &Header,
    rows_read: u64,
    name: &str,
) -> Result<(), Error> {
    if rows_read < u64::from(header.size.height) {
        return Ok(());
    }
    match reader.read_row(&mut []) {
        Ok(_) => Ok(()),
        Err(DecodingError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(())
        }
        Err(error) => Err(failed(name, error)),
    }
}

/// PNG stores 16-bit samples with the high byte first.
fn to_native(row: &mut [u8], format: PixelFormat) {
    if format.sample == SampleType::U16 && cfg!(target_endian = "little") {
        for sample in row.chunks_exact_mut(2) {
            sample.swap(0, 1);
        }
    }
}

fn failed(name: &str, error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(source) => read_error(name, Format::Png, source),
        DecodingError::Format(error) => {
            // Where a check sum is wrong, the crate goes on with a dump of its own types.
            let reason = error.to_string();
            let reason = reason.split(" while decoding").next().unwrap_or(&reason);
            malformed(name, Format::Png, reason.trim_end_matches('.'))
        }
        DecodingError::Parameter(error) => malformed(name, Format::Png, error),
        DecodingError::LimitsExceeded => malformed(
            name,
            Format::Png,
            "the chunks in front of its pixels are too long",
        ),
    }
}
