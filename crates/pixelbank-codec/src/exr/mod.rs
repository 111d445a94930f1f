//! OpenEXR, by the `exr` crate: it reads headers and unpacks blocks. Which blocks to read is decided here, so that a
//! region costs the blocks that it touches; the crate's own readers load all places of blocks, and list all blocks, for
//! every call.
//!
//! Read are lines and tiles, mip maps, of rip maps the levels that are reduced alike in both directions, several parts, and
//! every compression up to DWAB. Refused by name are deep data, subsampled channels (also in a part beside others: the
//! crate gives up the file), and compressions that came after DWAB: HTJ2K when it is decoded, others when it is opened.

mod channels;
mod decoder;
mod header;
#[cfg(test)]
mod tests;

use crate::{Decoder, Error, Input, Limits};

/// Opens a file that begins like an OpenEXR file, reading its headers alone.
pub(crate) fn open(input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    Ok(Box::new(decoder::ExrDecoder::open(input, limits)?))
}
