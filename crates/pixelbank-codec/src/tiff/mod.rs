//! TIFF and BigTIFF.
//!
//! The container is read here, and well-kept crates do the unpacking (`flate2`, `weezl`, `zstd`, `fax`, and libjpeg by
//! way of [`crate::jpeg`]). The `tiff` crate (0.11) was tried first, and serves the tests as an independent writer and
//! reader. It does not fit a cache that jumps between the tiles and levels of many open files: it reads the arrays of
//! tile places whole, as a list of 32-byte values, again at each change of level; keeps 16 bytes a tile; has neither
//! palettes nor Group 3 fax nor the tables of JPEG streams; and cannot skip within a strip.

mod chunks;
mod decoder;
mod directory;
mod entries;
mod fault;
mod fax;
mod metadata;
mod page;
mod pages;
mod rows;
mod samples;
mod unpack;
mod window;
mod write;

pub use write::{BigTiff, TiffCompression, TiffOptions, TiffPyramidWriter};

use crate::{Decoder, Error, Input, Limits};

/// Opens a file that begins like a TIFF or BigTIFF file.
///
/// Reads the directories alone: a few hundred bytes a page.
pub(crate) fn open(input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    Ok(Box::new(decoder::TiffDecoder::open(input, limits)?))
}

#[cfg(test)]
mod tests;
