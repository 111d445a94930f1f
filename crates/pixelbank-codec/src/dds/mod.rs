//! DirectDraw Surface, the container of textures: BC1 to BC7, and uncompressed layouts of many kinds.
//!
//! Every pixel has a place that can be computed, so that a region costs the blocks that it touches. Mip levels are
//! levels; the faces of a cube, the elements of an array and the slices of a volume are subimages.

mod decoder;
mod header;
mod layout;

pub(crate) use decoder::open;
