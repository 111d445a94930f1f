//! Bytes to pixels and back.
//!
//! [`open`] recognises a file by its content, checks its header against [`Limits`] before any memory is taken, and
//! returns a [`Decoder`]. A decoder delivers regions of any level that the file offers by itself: mip levels of a
//! pyramid, or the scaled decoding of JPEG. How a level can be read ([`Access`](pixelbank_image::Access)) is part of
//! its specification, so that a cache can ask for single tiles where that is cheap and for one pass where it is not.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use pixelbank_codec::{Input, Limits, Region, open};
//!
//! let mut photo = open(Input::path("photo.jpg")?, &Limits::default())?;
//! let level = photo.info().subimages[0].levels[0];
//! let region = Region { subimage: 0, level: 0, rect: level.size.rect() };
//! println!("decoding takes up to {} bytes", photo.working_bytes(&region));
//! photo.decode(&region, &mut |band| {
//!     println!("rows from {}: {} bytes", band.rect.y, band.pixels.data().len());
//!     ControlFlow::Continue(())
//! })?;
//! # Ok::<(), pixelbank_codec::Error>(())
//! ```
//!
//! Not for keeping what was decoded: that is `pixelbank-cache`.

#[cfg(test)]
extern crate self as pixelbank_codec;

#[cfg(feature = "avif")]
mod avif;
mod bands;
#[cfg(any(feature = "jpeg2000", feature = "jxl"))]
mod boxes;
mod dds;
mod decoder;
mod encoder;
mod error;
mod exr;
mod heif;
mod ico;
mod input;
mod jpeg;
#[cfg(feature = "jpeg2000")]
mod jpeg2000;
#[cfg(feature = "jxl")]
mod jxl;
mod limits;
mod metadata;
mod open;
mod png;
#[cfg(test)]
#[path = "../tests/reading/mod.rs"]
mod reading;
mod request;
mod simple;
mod tiff;
mod webp;

pub use decoder::{Band, Decoder, Flow, Format, ImageInfo, MetadataBlocks, Region};
pub use encoder::{Embed, RowWriter};
pub use error::Error;
pub use input::{Input, IoCounter};
pub use jpeg::{JpegOptions, JpegWriter, Subsampling, encode_jpeg};
pub use limits::Limits;
pub use metadata::{Entry, Group, Location, Metadata, captured_and_orientation, orientation};
pub use open::open;
pub use png::{PngCompression, PngOptions, PngWriter, encode_png};
pub use tiff::{BigTiff, TiffCompression, TiffOptions, TiffPyramidWriter};
pub use webp::{WebPOptions, WebPWriter, encode_webp};
