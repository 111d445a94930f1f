//! JPEG XL, by `jxl-oxide`: bare codestreams and those in a container.
//!
//! The library decodes the groups of 256 to 1024 pixels that a region touches and no others, so a level is cut into
//! chunks. It wants the compressed picture in memory.

mod container;
mod decoder;
mod image;

pub(crate) use decoder::open;
