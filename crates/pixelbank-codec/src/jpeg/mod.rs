//! JPEG, by libjpeg-turbo's code as mozjpeg carries it.

mod blocks;
mod cmyk;
mod compress;
mod decode;
mod decompress;
mod destination;
mod encode;
mod fault;
mod header;
mod memory;
mod orientation;
mod segments;
mod source;
mod stream;

pub(crate) use decode::open;
pub use encode::{JpegOptions, JpegWriter, Subsampling, encode_jpeg};

pub(crate) use fault::Fault;
pub(crate) use orientation::of_exif as orientation_of_exif;
pub(crate) use stream::{StreamColor, decode_stream, merge_tables, stream_working_bytes};

/// That many zero bytes, or a fault where there is no memory for them.
fn zeroed(len: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Fault::Memory)?;
    bytes.resize(len, 0);
    Ok(bytes)
}
