//! PNG, by the `png` crate.

mod adam7;
mod chunks;
mod decode;
mod encode;

pub(crate) use decode::open;
pub use encode::{PngCompression, PngOptions, PngWriter, encode_png};
