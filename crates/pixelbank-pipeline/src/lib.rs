//! Operations on regions of images: resize, turn, convert for display, and all of them at once as [`render`](mod@render)
//! does it for an image server.
//!
//! Operations take views and write into views; what they allocate beside is said by a `…_bytes` method, to be reserved
//! before. Large ones work band by band in a few megabytes.
#![forbid(unsafe_code)]

pub mod display;
mod error;
mod filter;
mod icc;
pub mod orient;
pub mod quality;
pub mod render;
pub mod resize;
pub mod rotate;
mod srgb;

pub use error::Error;
pub use filter::Filter;
pub use icc::Profiles;
