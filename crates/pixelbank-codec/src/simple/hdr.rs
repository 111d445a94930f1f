//! Radiance's RGBE pictures, as linear floating-point RGB.

use std::io::{BufReader, Read, Seek};

use image::ImageDecoder;
use image::codecs::hdr::HdrDecoder;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use super::{SHOWN_BUFFER_BYTES, failed, read_shown};
use crate::request::{check_size, read_error};
use crate::{Decoder, Error, Format, Input, Limits};

/// Bytes that a header may have.
const MAX_HEADER_BYTES: u64 = 64 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let mut reader = BufReader::new(&mut input);
    // Strictness would refuse files that begin with `#?RGBE`, as many programs write.
    let decoder = HdrDecoder::new_nonstrict(reader.by_ref().take(MAX_HEADER_BYTES))
        .map_err(|error| failed(&name, Format::Hdr, error))?;
    let (width, height) = decoder.dimensions();
    let shape = Shape {
        format: Format::Hdr,
        size: Size::new(width, height),
        pixels: PixelFormat::new(Channels::Rgb, SampleType::F32),
        stored: StoredSample::of(SampleType::F32),
        transfer: Transfer::Linear,
    };
    drop(decoder);
    check_size(&name, Format::Hdr, shape.size, limits)?;
    let pixels_at = reader
        .stream_position()
        .map_err(|source| read_error(&name, Format::Hdr, source))?;
    let rows = Scanlines {
        name,
        width,
        pixels_at,
        position: pixels_at,
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

#[derive(Debug)]
struct Scanlines {
    name: String,
    width: u32,
    pixels_at: u64,
    /// Where the next row begins; each is compressed by itself, to a length of its own.
    position: u64,
}

impl Rows for Scanlines {
    fn is_random_access(&self) -> bool {
        false
    }

    fn extra_bytes(&self, _rows: u32) -> u64 {
        // A row before it becomes floating point, four bytes a pixel.
        SHOWN_BUFFER_BYTES as u64 + u64::from(self.width) * 4 + (4 << 10)
    }

    fn start(&mut self, _input: &mut Input, _first: u32) -> Result<(), Error> {
        self.position = self.pixels_at;
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut Input,
        _first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let head = format!(
            "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {count} +X {}\n",
            self.width
        );
        let file = (self.name.as_str(), Format::Hdr);
        self.position = read_shown(input, file, self.position, head.as_bytes(), |shown| {
            HdrDecoder::new(shown)?.read_image(target)
        })?;
        Ok(())
    }
}
