//! Truevision TGA.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use image::ImageDecoder;
use image::codecs::tga::TgaDecoder;
use pixelbank_image::{SampleKind, SampleType, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use super::{failed, pixel_format, repeat_bits};
use crate::request::{check_size, malformed, read_error};
use crate::{Decoder, Error, Format, Input, Limits};

const HEADER_BYTES: usize = 18;
const BUFFER_BYTES: usize = 32 << 10;

/// Marks kept of a run-length encoded file.
const MAX_MARKS: u32 = 1024;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let io = |source| read_error(&name, Format::Tga, source);
    let mut head = vec![0; HEADER_BYTES];
    input.read_exact(&mut head).map_err(io)?;
    let number = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let map_bytes = if head[1] == 1 {
        u64::from(number(5)) * u64::from(head[7]).div_ceil(8)
    } else {
        0
    };
    let size = Size::new(u32::from(number(12)), u32::from(number(14)));
    let (kind, depth, is_bottom_up) = (head[2], head[16], head[17] & 0x20 == 0);
    let map_bits = head[7];
    let behind = u64::from(head[0]) + map_bytes;
    input
        .by_ref()
        .take(behind)
        .read_to_end(&mut head)
        .map_err(io)?;
    let pixels_at = head.len() as u64;
    if pixels_at != HEADER_BYTES as u64 + behind {
        return Err(malformed(&name, Format::Tga, "its colour map ends early"));
    }
    check_size(&name, Format::Tga, size, limits)?;
    let decoder = TgaDecoder::new(&head[..]).map_err(|error| failed(&name, Format::Tga, error))?;
    let color = decoder.color_type();
    drop(decoder);
    let pixels = pixel_format(color)
        .ok_or_else(|| malformed(&name, Format::Tga, "its pixels have no known layout"))?;
    let pixel_bytes = usize::from(depth).div_ceil(8);
    if pixel_bytes > pixels.pixel_bytes() {
        return Err(Error::Unsupported {
            name,
            format: Format::Tga,
            feature: "a colour map whose indices are wider than its colours".to_owned(),
        });
    }
    let shape = Shape {
        format: Format::Tga,
        size,
        pixels,
        stored: match kind & 7 {
            1 => StoredSample::new(SampleKind::Index, depth),
            _ if matches!(depth, 15 | 16) => StoredSample::new(SampleKind::Unsigned, 5),
            _ => StoredSample::of(SampleType::U8),
        },
        transfer: Transfer::Display,
    };
    // The decoder is always shown uncompressed pixels.
    head[2] = kind & 7;
    let rows = Targa {
        name,
        head,
        size,
        pixel_bytes,
        has_few_bits: match kind & 7 {
            1 => matches!(map_bits, 15 | 16),
            2 => matches!(depth, 15 | 16),
            _ => false,
        },
        is_expanded: pixel_bytes != pixels.pixel_bytes() || kind & 7 == 1,
        pixels_at,
        is_bottom_up,
        runs: (kind & 8 != 0).then(Marks::default),
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

#[derive(Debug)]
struct Targa {
    name: String,
    /// Header, identification and colour map.
    head: Vec<u8>,
    size: Size,
    /// Bytes of a pixel (or of an index into the colour map) as stored.
    pixel_bytes: usize,
    /// Whether colours have 5 bits a channel, in pixels or in the colour map.
    has_few_bits: bool,
    /// Whether decoded pixels are other than stored ones in more than the order of channels.
    is_expanded: bool,
    pixels_at: u64,
    is_bottom_up: bool,
    /// For run-length encoded pixels.
    runs: Option<Marks>,
}

/// Where the rows of a run-length encoded file begin: what it takes to read from there on, for every so many rows. Made
/// when pixels are first asked for. Without them a file that is stored from the bottom, as most are, could only be read
/// as a whole.
#[derive(Debug, Default)]
struct Marks {
    every: u32,
    marks: Vec<Mark>,
}

/// The state of reading at the start of a row.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: u64,
    run: Run,
}

/// What is left of a packet: packets may go on into the next row.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    left: usize,
    /// The pixel that is repeated; `None` while pixels stand there one by one.
    repeated: Option<[u8; 4]>,
}

impl Targa {
    fn stored_row_bytes(&self) -> u64 {
        u64::from(self.size.width) * self.pixel_bytes as u64
    }

    /// The header of an image of `rows` rows.
    fn head_of(&self, rows: u32) -> Vec<u8> {
        let mut head = self.head.clone();
        head[14..16].copy_from_slice(&(rows as u16).to_le_bytes());
        head
    }

    /// Goes through the runs once. Stops without an error where the file is damaged: what lies before can be read.
    fn mark(&self, input: &mut Input) -> io::Result<Marks> {
        let every = self.size.height.div_ceil(MAX_MARKS).max(16);
        let mut marks = Vec::new();
        let mut runs = Runs::new(input, self.pixels_at, Run::default(), self.pixel_bytes)?;
        for row in 0..self.size.height {
            if row % every == 0 {
                marks.push(Mark {
                    at: runs.reader.stream_position()?,
                    run: runs.run,
                });
            }
            if runs.skip(self.size.width as usize).is_err() {
                break;
            }
        }
        Ok(Marks { every, marks })
    }

    fn decode(&self, source: impl Read, rows: u32, target: &mut [u8]) -> Result<(), Error> {
        let head = self.head_of(rows);
        TgaDecoder::new(Read::chain(&head[..], source))
            .and_then(|decoder| decoder.read_image(target))
            .map_err(|error| failed(&self.name, Format::Tga, error))?;
        if self.has_few_bits {
            repeat_bits(target, &[5]);
        }
        Ok(())
    }
}

impl Rows for Targa {
    fn is_random_access(&self) -> bool {
        true
    }

    fn extra_bytes(&self, rows: u32) -> u64 {
        let map = self.head.len() as u64;
        let marks = match self.runs {
            Some(_) => 2 * u64::from(MAX_MARKS) * size_of::<Mark>() as u64,
            None => 0,
        };
        // The crate keeps a copy of what it expands, and reads the colour map again for every band.
        let copy = match self.is_expanded {
            true => self.stored_row_bytes() * u64::from(rows),
            false => 0,
        };
        BUFFER_BYTES as u64 + 4 * map + copy + marks
    }

    fn start(&mut self, input: &mut Input, _first: u32) -> Result<(), Error> {
        if matches!(&self.runs, Some(marks) if marks.marks.is_empty()) {
            let marks = self
                .mark(input)
                .map_err(|source| read_error(&self.name, Format::Tga, source))?;
            self.runs = Some(marks);
        }
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut Input,
        first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let io = |source| read_error(&self.name, Format::Tga, source);
        let row_in_file = if self.is_bottom_up {
            self.size.height - first - count
        } else {
            first
        };
        let Some(marks) = &self.runs else {
            let at = self.pixels_at + u64::from(row_in_file) * self.stored_row_bytes();
            input.seek(SeekFrom::Start(at)).map_err(io)?;
            let source = BufReader::with_capacity(BUFFER_BYTES, input);
            return self.decode(source, count, target);
        };
        let index = row_in_file / marks.every;
        let mark = marks
            .marks
            .get(index as usize)
            .ok_or_else(|| malformed(&self.name, Format::Tga, "it ends early"))?;
        let mut runs = Runs::new(input, mark.at, mark.run, self.pixel_bytes).map_err(io)?;
        for _ in index * marks.every..row_in_file {
            runs.skip(self.size.width as usize).map_err(io)?;
        }
        self.decode(runs, count, target)
    }
}

/// Run-length encoded pixels, read as if they were not.
struct Runs<'a> {
    reader: BufReader<&'a mut Input>,
    run: Run,
    pixel_bytes: usize,
}

impl<'a> Runs<'a> {
    fn new(input: &'a mut Input, at: u64, run: Run, pixel_bytes: usize) -> io::Result<Self> {
        input.seek(SeekFrom::Start(at))?;
        Ok(Self {
            reader: BufReader::with_capacity(BUFFER_BYTES, input),
            run,
            pixel_bytes,
        })
    }

    /// Begins the next packet where the last one is used up.
    fn refill(&mut self) -> io::Result<()> {
        if self.run.left > 0 {
            return Ok(());
        }
        let mut packet = [0];
        self.reader.read_exact(&mut packet)?;
        self.run.left = usize::from(packet[0] & 0x7f) + 1;
        self.run.repeated = if packet[0] & 0x80 == 0 {
            None
        } else {
            let mut pixel = [0; 4];
            self.reader.read_exact(&mut pixel[..self.pixel_bytes])?;
            Some(pixel)
        };
        Ok(())
    }

    /// Goes past that many pixels.
    fn skip(&mut self, mut pixels: usize) -> io::Result<()> {
        while pixels > 0 {
            self.refill()?;
            let count = pixels.min(self.run.left);
            if self.run.repeated.is_none() {
                let mut bytes = count * self.pixel_bytes;
                while bytes > 0 {
                    let here = self.reader.fill_buf()?.len().min(bytes);
                    if here == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.reader.consume(here);
                    bytes -= here;
                }
            }
            self.run.left -= count;
            pixels -= count;
        }
        Ok(())
    }
}

impl Read for Runs<'_> {
    /// Delivers whole pixels, so the buffer must have room for one; the decoder asks for rows.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = buf.len() / self.pixel_bytes;
        if room == 0 {
            return Ok(0);
        }
        self.refill()?;
        let count = room.min(self.run.left);
        let target = &mut buf[..count * self.pixel_bytes];
        match self.run.repeated {
            Some(pixel) => {
                for place in target.chunks_exact_mut(self.pixel_bytes) {
                    place.copy_from_slice(&pixel[..self.pixel_bytes]);
                }
            }
            None => self.reader.read_exact(target)?,
        }
        self.run.left -= count;
        Ok(count * self.pixel_bytes)
    }
}
