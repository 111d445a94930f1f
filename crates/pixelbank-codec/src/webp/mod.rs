//! WebP, by libwebp.

mod container;
mod decode;
mod encode;
mod library;

pub(crate) use decode::open;
pub use encode::{WebPOptions, WebPWriter, encode_webp};
