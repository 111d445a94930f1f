//! Windows icons and cursors. Each picture of the directory is a subimage: a PNG file, or a bitmap with a mask.

mod bitmap;
mod decoder;

pub(crate) use decoder::open;
