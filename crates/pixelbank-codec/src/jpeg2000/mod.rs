//! JPEG 2000 (ISO/IEC 15444-1) and its fast variant HTJ2K (15444-15): JP2 and JPH files, and bare code streams.
//!
//! OpenJPEG decodes; what it is given is made here. It is shown one tile at a time, as a code stream of its own: the headers
//! that the tile needs, one tile-part with all its packets, and nothing else. So it holds no list of tiles, a damaged tile
//! costs no other, a tile is found at once, and what the library will allocate can be computed from few numbers
//! ([`memory`]) before it is called.

mod boxes;
mod color;
mod decoder;
mod geometry;
mod header;
mod library;
mod memory;
mod parts;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use decoder::open;
