//! One picture within a PNG file: the pixels of a still image, or those of a frame.

use std::io;

use pixelbank_image::{Channels, PixelFormat, Rect, SampleKind, SampleType, Size, StoredSample};
use png::{BitDepth, ColorType, DecodingError, Transformations};

use super::adam7;
use super::chunks::Stitched;
use super::frames::Frame;
use crate::bands::{Bands, emit};
use crate::request::{check_size, malformed, read_error, zeroed};
use crate::{Band, Error, Flow, Format, Input, Limits};

/// What must be known to decode a picture.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// The signature and the chunks that the pixels depend on.
    head: Vec<u8>,
    data_at: u64,
    is_frame: bool,
    size: Size,
    format: PixelFormat,
    /// Bits of a pixel as it is stored.
    bits: u64,
    stored: StoredSample,
    interlaced: bool,
}

/// Width and height of the IHDR chunk, which stands first.
fn claimed_size(head: &[u8]) -> Option<Size> {
    let chunk = head.get(8..33)?;
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| chunk[at + i]));
    (&chunk[4..8] == b"IHDR").then(|| Size::new(number(8), number(12)))
}

impl Picture {
    /// The still image whose chunks are `head`, and whose pixels begin at `data_at`.
    pub(super) fn open(
        input: &mut Input,
        head: Vec<u8>,
        data_at: u64,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let size = claimed_size(&head)
            .ok_or_else(|| malformed(&name, Format::Png, "it does not begin with its header"))?;
        check_size(&name, Format::Png, size, limits)?;
        let picture = Self {
            head,
            data_at,
            is_frame: false,
            size,
            format: PixelFormat::GRAY8,
            bits: 0,
            stored: StoredSample::of(SampleType::U8),
            interlaced: false,
        };
        let reader = picture.start(input, &name)?;
        let (color, depth) = reader.output_color_type();
        let info = reader.info();
        let bits = info.color_type.samples() as u64 * u64::from(info.bit_depth as u8);
        let kind = match info.color_type {
            ColorType::Indexed => SampleKind::Index,
            _ => SampleKind::Unsigned,
        };
        let stored = StoredSample::new(kind, info.bit_depth as u8);
        let interlaced = info.interlaced;
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
        Ok(Self {
            format: PixelFormat::new(channels, sample),
            bits,
            stored,
            interlaced,
            ..picture
        })
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn format(&self) -> PixelFormat {
        self.format
    }

    /// How its samples are stored.
    pub(super) fn stored(&self) -> StoredSample {
        self.stored
    }

    /// The picture of a frame of the same file.
    pub(super) fn of_frame(&self, frame: &Frame) -> Self {
        let size = frame.rect.size();
        let mut head = self.head.clone();
        // Behind the signature, the length of IHDR and its name.
        head[16..20].copy_from_slice(&size.width.to_be_bytes());
        head[20..24].copy_from_slice(&size.height.to_be_bytes());
        let crc = crc32fast::hash(&head[12..29]);
        head[29..33].copy_from_slice(&crc.to_be_bytes());
        Self {
            head,
            data_at: frame.data_at,
            is_frame: !frame.is_default,
            size,
            ..*self
        }
    }

    /// An upper bound of the heap bytes of decoding `rect` of a picture of this kind and that `size`.
    pub(super) fn working_bytes(&self, size: Size, rect: Rect) -> u64 {
        let row = self.format.row_bytes(size.width) as u64;
        let own = if self.interlaced {
            // A whole pass lies between a row's pixels, so the region is collected.
            self.format.image_bytes(rect.size())
        } else {
            Bands::buffer_bytes(rect.size(), self.format)
        };
        self.crate_bytes(size) + row + own
    }

    /// Decodes `rect`, which must have pixels.
    pub(super) fn decode(
        &self,
        input: &mut Input,
        rect: Rect,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let name = input.name().to_owned();
        let reader = self.start(input, &name)?;
        if self.interlaced {
            self.decode_passes(reader, rect, &name, sink)
        } else {
            self.decode_rows(reader, rect, &name, sink)
        }
    }

    /// A reader of the `png` crate, at the first row. It sees nothing but the pixels' chunks.
    fn start<'a>(
        &'a self,
        input: &'a mut Input,
        name: &str,
    ) -> Result<png::Reader<Stitched<'a>>, Error> {
        let source = Stitched::new(&self.head, input, self.data_at, self.is_frame)
            .map_err(|source| read_error(name, Format::Png, source))?;
        // The crate counts one row against its limit; 8 bytes is the largest pixel there is.
        let bytes = u64::from(self.size.width) * 8 + (128 << 10);
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
    fn crate_bytes(&self, size: Size) -> u64 {
        const STATE: u64 = 96 << 10;
        const WINDOW: u64 = 32 << 10;
        const STEP: u64 = 8 << 10;
        const START: u64 = 128 << 10;
        // With the byte that names its filter.
        let raw = (u64::from(size.width) * self.bits).div_ceil(8) + 1;
        let total = raw * u64::from(size.height) + if self.interlaced { raw * 8 } else { 0 };
        let most = ((4 * raw).max(START) + 2 * raw + WINDOW + 2 * STEP).min(total + STEP);
        let start = (raw * u64::from(size.height.min(128)))
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

    fn decode_rows(
        &self,
        mut reader: png::Reader<Stitched<'_>>,
        rect: Rect,
        name: &str,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let format = self.format;
        let mut bands = Bands::new(name, rect, format)?;
        let is_full_width = rect.width == self.size.width;
        let mut row = zeroed(name, format.row_bytes(self.size.width) as u64)?;
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
        self.finish(reader, rect.bottom(), name)
    }

    fn decode_passes(
        &self,
        mut reader: png::Reader<Stitched<'_>>,
        rect: Rect,
        name: &str,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let format = self.format;
        let mut pixels = zeroed(name, format.image_bytes(rect.size()))?;
        let mut row = zeroed(name, format.row_bytes(self.size.width) as u64)?;
        for pass_row in adam7::rows(self.size) {
            next(&mut reader, &mut row, name)?;
            adam7::place(pass_row, &row, rect, format.pixel_bytes(), &mut pixels);
        }
        self.finish(reader, u64::from(self.size.height), name)?;
        to_native(&mut pixels, format);
        emit(&pixels, rect, format, sink);
        Ok(())
    }

    /// Once all rows are there, has the rest of the pixels' chunks checked. That nothing follows them is no damage to the
    /// picture.
    fn finish(
        &self,
        mut reader: png::Reader<Stitched<'_>>,
        rows_read: u64,
        name: &str,
    ) -> Result<(), Error> {
        if rows_read < u64::from(self.size.height) {
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
}

/// Reads the next row, which must be there.
fn next(reader: &mut png::Reader<Stitched<'_>>, row: &mut [u8], name: &str) -> Result<(), Error> {
    match reader.read_row(row) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(malformed(name, Format::Png, "it has too few rows")),
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
