//! Boxes, the parts of files that the families of JPEG 2000 and MPEG-4 share: a length, a name, and content.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::Input;

/// The name of the box at `at`, which is before the end of the file, and the place of its body; `None` where its header is
/// cut off or makes no sense.
pub(crate) fn next_box(
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
