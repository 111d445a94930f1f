//! QOI, the Quite OK Image format.
//!
//! Read here rather than by the `qoi` crate, which decodes whole frames: the format is one page long
//! (<https://qoiformat.org/qoi-specification.pdf>), and row by row it takes no more memory than a band. The crate checks
//! the tests.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use pixelbank_image::{PixelFormat, SampleType, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use crate::request::{check_size, malformed, read_error};
use crate::{Decoder, Error, Format, Input, Limits};

const HEADER_BYTES: u64 = 14;
const BUFFER_BYTES: usize = 32 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let mut header = [0; HEADER_BYTES as usize];
    input
        .read_exact(&mut header)
        .map_err(|source| read_error(&name, Format::Qoi, source))?;
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| header[at + i]));
    let pixels = match header[12] {
        3 => PixelFormat::RGB8,
        4 => PixelFormat::RGBA8,
        other => {
            return Err(malformed(
                &name,
                Format::Qoi,
                format!("it claims {other} channels; 3 and 4 exist"),
            ));
        }
    };
    let shape = Shape {
        format: Format::Qoi,
        size: Size::new(number(4), number(8)),
        pixels,
        stored: StoredSample::of(SampleType::U8),
        // The header's note on linear values is "purely informative" and often wrong.
        transfer: Transfer::Display,
    };
    check_size(&name, Format::Qoi, shape.size, limits)?;
    let rows = Pixels {
        name,
        pixel_bytes: pixels.pixel_bytes(),
        position: HEADER_BYTES,
        state: State::default(),
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

#[derive(Debug)]
struct Pixels {
    name: String,
    pixel_bytes: usize,
    /// Where the next row begins.
    position: u64,
    state: State,
}

/// What the next pixel may refer to.
#[derive(Debug)]
struct State {
    last: [u8; 4],
    seen: [[u8; 4]; 64],
    run: u8,
}

impl Default for State {
    fn default() -> Self {
        Self {
            last: [0, 0, 0, 255],
            seen: [[0; 4]; 64],
            run: 0,
        }
    }
}

impl State {
    fn next(&mut self, source: &mut impl BufRead) -> io::Result<[u8; 4]> {
        if self.run > 0 {
            self.run -= 1;
            return Ok(self.last);
        }
        let [r, g, b, a] = self.last;
        let tag = byte(source)?;
        let low = tag & 0x3f;
        let pixel = match tag {
            0xfe => [byte(source)?, byte(source)?, byte(source)?, a],
            0xff => [byte(source)?, byte(source)?, byte(source)?, byte(source)?],
            0x00..=0x3f => self.seen[usize::from(low)],
            0x40..=0x7f => {
                // Differences of -2 to 1.
                let add = |value: u8, bits: u8| value.wrapping_add(bits & 3).wrapping_sub(2);
                [add(r, low >> 4), add(g, low >> 2), add(b, low), a]
            }
            0x80..=0xbf => {
                // Green's difference, and how those of the others differ from it.
                let second = byte(source)?;
                let green = low.wrapping_sub(32);
                let add = |value: u8, bits: u8| {
                    value.wrapping_add(green).wrapping_add(bits).wrapping_sub(8)
                };
                [
                    add(r, second >> 4),
                    g.wrapping_add(green),
                    add(b, second & 15),
                    a,
                ]
            }
            0xc0..=0xfd => {
                // The run's length is stored less one, and this pixel is the first of it.
                self.run = low;
                self.last
            }
        };
        let [r, g, b, a] = pixel.map(usize::from);
        self.seen[(r * 3 + g * 5 + b * 7 + a * 11) % 64] = pixel;
        self.last = pixel;
        Ok(pixel)
    }
}

#[inline]
fn byte(source: &mut impl BufRead) -> io::Result<u8> {
    let byte = *source
        .fill_buf()?
        .first()
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    source.consume(1);
    Ok(byte)
}

impl Rows for Pixels {
    fn is_random_access(&self) -> bool {
        false
    }

    fn extra_bytes(&self, _rows: u32) -> u64 {
        BUFFER_BYTES as u64 + (1 << 10)
    }

    fn start(&mut self, _input: &mut Input, _first: u32) -> Result<(), Error> {
        self.position = HEADER_BYTES;
        self.state = State::default();
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut Input,
        _first: u32,
        _count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let io = |source| read_error(&self.name, Format::Qoi, source);
        input.seek(SeekFrom::Start(self.position)).map_err(io)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, input);
        for place in target.chunks_exact_mut(self.pixel_bytes) {
            let pixel = self.state.next(&mut reader).map_err(io)?;
            place.copy_from_slice(&pixel[..self.pixel_bytes]);
        }
        self.position = reader.stream_position().map_err(io)?;
        Ok(())
    }
}
