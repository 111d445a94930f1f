//! PNG, by the `png` crate.

mod adam7;
mod chunks;
mod compose;
mod decode;
mod encode;
mod frames;
mod picture;

pub(crate) use chunks::SIGNATURE;
pub(crate) use decode::{PngFile, open};
pub use encode::{PngCompression, PngOptions, PngWriter, encode_png};
