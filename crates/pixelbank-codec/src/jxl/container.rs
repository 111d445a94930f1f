//! The boxes of a file (ISO/IEC 18181-2). Walked here, since the library would unpack compressed metadata without a
//! bound; so it is shown the codestream alone.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

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

/// The name of the box at `at` and the place of its body; `None` where its header is cut off or makes no sense.
fn next_box(
    input: &mut Input,
    at: u64,
    length: u64,
) -> std::io::Result<Option<([u8; 4], Range<u64>)>> {
    input.seek(SeekFrom::Start(at))?;
    let mut header = [0; 16];
    let available = (length - at).min(16) as usize;
    input.read_exact(&mut header[..available])?;
    let [a, b, c, d, kind @ ..] = header;
    let kind = [kind[0], kind[1], kind[2], kind[3]];
    let (header_bytes, size) = match u32::from_be_bytes([a, b, c, d]) {
        // To the end of the file.
        0 => (8, length - at),
        1 => {
            let mut size = [0; 8];
            size.copy_from_slice(&header[8..]);
            (16, u64::from_be_bytes(size))
        }
        size => (8, size.into()),
    };
    if available < header_bytes as usize || size < header_bytes {
        return Ok(None);
    }
    Ok(at
        .checked_add(size)
        .map(|end| (kind, at + header_bytes..end)))
}
