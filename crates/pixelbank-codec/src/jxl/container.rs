//! The boxes of a file (ISO/IEC 18181-2). Walked here, since the library would unpack compressed metadata without a
//! bound; so it is shown the codestream alone.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::boxes::next_box;
use crate::request::{malformed, read_error};
use crate::{Error, Format, Input};

/// Boxes that are looked at.
const MAX_BOXES: u32 = 1 << 12;

/// What a file consists of, by position.
#[derive(Debug, Default)]
pub(super) struct Container {
    /// The parts of the codestream, in order.
    pub(super) codestream: Vec<Range<u64>>,
    /// EXIF, from the TIFF header on.
    pub(super) exif: Option<Range<u64>>,
    pub(super) xmp: Option<Range<u64>>,
}

impl Container {
    pub(super) fn read(input: &mut Input) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let io = |source| read_error(&name, Format::JpegXl, source);
        let length = input.len_bytes().map_err(io)?;
        let mut container = Self::default();
        let mut start = [0; 12];
        input.seek(SeekFrom::Start(0)).map_err(io)?;
        input.read_exact(&mut start[..2]).map_err(io)?;
        if start[..2] == [0xff, 0x0a] {
            container.codestream.push(0..length);
            return Ok(container);
        }
        let mut at = 0;
        for _ in 0..MAX_BOXES {
            if at >= length {
                break;
            }
            let Some((kind, body)) = next_box(input, at, length).map_err(io)? else {
                break;
            };
            // Cut off: what is there of the codestream is decoded, as far as it goes.
            let within = body.start..body.end.min(length);
            match &kind {
                b"jxlc" => container.codestream.push(within),
                // A number of the part stands in front; nobody writes them out of order.
                b"jxlp" if body.end - body.start >= 4 => {
                    container
                        .codestream
                        .push((within.start + 4).min(within.end)..within.end);
                }
                // The place of the TIFF header stands in front of it.
                b"Exif" if container.exif.is_none() && body.end <= length => {
                    let mut offset = [0; 4];
                    input
                        .seek(SeekFrom::Start(body.start))
                        .and_then(|_| input.read_exact(&mut offset))
                        .map_err(io)?;
                    let from = body.start + 4 + u64::from(u32::from_be_bytes(offset));
                    container.exif = (from < body.end).then_some(from..body.end);
                }
                b"xml " if container.xmp.is_none() && body.end <= length => {
                    container.xmp = Some(body.clone());
                }
                _ => {}
            }
            at = body.end;
        }
        if container.codestream.is_empty() {
            return Err(malformed(&name, Format::JpegXl, "it has no picture"));
        }
        Ok(container)
    }

    /// Bytes of the codestream.
    pub(super) fn codestream_bytes(&self) -> u64 {
        self.codestream
            .iter()
            .map(|part| part.end - part.start)
            .sum()
    }
}
