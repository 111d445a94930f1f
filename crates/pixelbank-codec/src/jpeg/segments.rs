//! The marker segments in front of the first scan.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::{Error, Format, Input, request};

pub(super) const SOF0: u8 = 0xC0;
pub(super) const SOF2: u8 = 0xC2;
pub(super) const SOS: u8 = 0xDA;
pub(super) const EOI: u8 = 0xD9;
pub(super) const APP1: u8 = 0xE1;
pub(super) const APP2: u8 = 0xE2;
pub(super) const APP13: u8 = 0xED;
pub(super) const APP14: u8 = 0xEE;
pub(super) const COM: u8 = 0xFE;

/// Bytes outside of segments that are passed over in search of the next one, as other readers do.
const MAX_GARBAGE_BYTES: u32 = 1 << 20;

/// Walks from segment to segment, reading no more than asked for.
pub(super) struct Segments<'a> {
    reader: BufReader<&'a mut Input>,
    /// What is left of the current segment.
    left: u32,
}

/// A marker with the length of what follows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) marker: u8,
    pub(super) len: u32,
}

impl<'a> Segments<'a> {
    /// Starts at the beginning of `input`, which must be a JPEG stream.
    pub(super) fn new(input: &'a mut Input) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let mut start = [0; 2];
        input
            .seek(SeekFrom::Start(0))
            .and_then(|_| input.read_exact(&mut start))
            .map_err(|source| request::read_error(&name, Format::Jpeg, source))?;
        let mut segments = Self {
            reader: BufReader::with_capacity(4096, input),
            left: 0,
        };
        if start != [0xFF, 0xD8] {
            return Err(segments.malformed("it does not begin with a JPEG marker"));
        }
        Ok(segments)
    }

    pub(super) fn name(&self) -> &str {
        self.reader.get_ref().name()
    }

    pub(super) fn malformed(&mut self, reason: impl ToString) -> Error {
        request::malformed(self.name(), Format::Jpeg, reason)
    }

    fn failed(&self, source: io::Error) -> Error {
        request::read_error(self.name(), Format::Jpeg, source)
    }

    /// The next segment; what was not read of the last one is passed over. Markers without a segment are too, bar
    /// the end of the image, which has the length 0.
    pub(super) fn next(&mut self) -> Result<Segment, Error> {
        self.reader
            .seek_relative(i64::from(self.left))
            .map_err(|source| self.failed(source))?;
        self.left = 0;
        let mut garbage = 0;
        let marker = loop {
            let byte = self.byte()?;
            if byte != 0xFF {
                garbage += 1;
                if garbage > MAX_GARBAGE_BYTES {
                    return Err(self.malformed("no marker where one is due"));
                }
                continue;
            }
            let mut marker = 0xFF;
            while marker == 0xFF {
                marker = self.byte()?;
            }
            match marker {
                EOI => {
                    return Ok(Segment { marker, len: 0 });
                }
                // An escaped 0xFF of image data, TEM, RSTn and another SOI.
                0 | 1 | 0xD0..=0xD8 => garbage += 2,
                _ => break marker,
            }
        };
        let len = u16::from_be_bytes([self.byte()?, self.byte()?]);
        let len = len
            .checked_sub(2)
            .ok_or_else(|| self.malformed("a segment shorter than its own length"))?;
        self.left = u32::from(len);
        Ok(Segment {
            marker,
            len: u32::from(len),
        })
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let mut byte = [0];
        self.reader
            .read_exact(&mut byte)
            .map_err(|source| self.failed(source))?;
        Ok(byte[0])
    }

    /// Up to `len` bytes of the current segment.
    pub(super) fn read(&mut self, len: u32) -> Result<Vec<u8>, Error> {
        let len = len.min(self.left);
        let mut bytes = vec![0; len as usize];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|source| self.failed(source))?;
        self.left -= len;
        Ok(bytes)
    }

    /// What is left of the current segment.
    pub(super) fn rest(&mut self) -> Result<Vec<u8>, Error> {
        self.read(self.left)
    }
}
