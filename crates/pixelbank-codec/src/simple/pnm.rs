//! PBM, PGM, PPM and PAM, in binary and in text. PFM, of the same family, is read by [`super::pfm`].

use std::io::{BufReader, Read, Seek};

use image::ImageDecoder;
use image::codecs::pnm::{PnmDecoder, PnmHeader, SampleEncoding};
use pixelbank_image::{PixelFormat, SampleKind, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use super::{SHOWN_BUFFER_BYTES, failed, pixel_format, read_shown};
use crate::request::{check_size, malformed, read_error};
use crate::{Decoder, Error, Format, Input, Limits};

/// Bytes that a header may have, comments included.
const MAX_HEADER_BYTES: u64 = 64 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let mut mark = [0; 2];
    let name = input.name().to_owned();
    input
        .read_exact(&mut mark)
        .and_then(|()| input.rewind())
        .map_err(|source| read_error(&name, Format::Pnm, source))?;
    if matches!(&mark, b"PF" | b"Pf") {
        return super::pfm::open(input, limits);
    }
    let mut reader = BufReader::new(&mut input);
    let decoder = PnmDecoder::new(reader.by_ref().take(MAX_HEADER_BYTES))
        .map_err(|error| failed(&name, Format::Pnm, error))?;
    let (width, height) = decoder.dimensions();
    let pixels = pixel_format(decoder.color_type())
        .ok_or_else(|| malformed(&name, Format::Pnm, "its pixels have no known layout"))?;
    let (_, header) = decoder.into_inner();
    // As many as the greatest value needs.
    let bits = (u32::BITS - header.maximal_sample().leading_zeros()) as u8;
    let shape = Shape {
        format: Format::Pnm,
        size: Size::new(width, height),
        pixels,
        stored: StoredSample::new(SampleKind::Unsigned, bits),
        transfer: Transfer::Display,
    };
    check_size(&name, Format::Pnm, shape.size, limits)?;
    let pixels_at = reader
        .stream_position()
        .map_err(|source| read_error(&name, Format::Pnm, source))?;
    let is_text = header.subtype().sample_encoding() == SampleEncoding::Ascii;
    let rows = Netpbm {
        name,
        row_bytes: stored_row_bytes(&header, pixels, width),
        header,
        is_text,
        pixels_at,
        position: pixels_at,
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

/// Bytes of a row in a binary file: bits in P4, else as many bytes as decoded.
fn stored_row_bytes(header: &PnmHeader, pixels: PixelFormat, width: u32) -> u64 {
    if header.as_bitmap().is_some() {
        u64::from(width).div_ceil(8)
    } else {
        pixels.row_bytes(width) as u64
    }
}

struct Netpbm {
    name: String,
    header: PnmHeader,
    is_text: bool,
    row_bytes: u64,
    pixels_at: u64,
    /// Where the next row of a text begins.
    position: u64,
}

impl std::fmt::Debug for Netpbm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Netpbm")
            .field("kind", &self.header.subtype())
            .field("pixels_at", &self.pixels_at)
            .finish_non_exhaustive()
    }
}

impl Netpbm {
    /// The header of an image of the same kind with `rows` rows.
    fn header_of(&self, rows: u32) -> Vec<u8> {
        let header: PnmHeader = if let Some(header) = self.header.as_bitmap() {
            let mut header = *header;
            header.height = rows;
            header.into()
        } else if let Some(header) = self.header.as_graymap() {
            let mut header = *header;
            header.height = rows;
            header.into()
        } else if let Some(header) = self.header.as_pixmap() {
            let mut header = *header;
            header.height = rows;
            header.into()
        } else {
            let mut header = self
                .header
                .as_arbitrary()
                .expect("a header is of one of four kinds")
                .clone();
            header.height = rows;
            header.into()
        };
        let mut bytes = Vec::new();
        header
            .write(&mut bytes)
            .expect("writing to memory does not fail");
        bytes
    }
}

impl Rows for Netpbm {
    fn is_random_access(&self) -> bool {
        !self.is_text
    }

    fn extra_bytes(&self, _rows: u32) -> u64 {
        SHOWN_BUFFER_BYTES as u64 + (4 << 10)
    }

    fn start(&mut self, _input: &mut Input, first: u32) -> Result<(), Error> {
        self.position = self.pixels_at + u64::from(first) * self.row_bytes;
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut Input,
        _first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let head = self.header_of(count);
        let file = (self.name.as_str(), Format::Pnm);
        self.position = read_shown(input, file, self.position, &head, |shown| {
            PnmDecoder::new(shown)?.read_image(target)
        })?;
        Ok(())
    }
}
