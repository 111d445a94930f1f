//! AVIF, by `re_rav1d`: still pictures of AV1, alone or in a grid, with their alpha.
//!
//! The container is read by `heif`; the library is shown the stream of one picture at a time. It decodes whole pictures, so
//! that only a grid has parts that can be had by themselves.

mod color;
mod decoder;
mod stream;

pub(crate) use decoder::open;
