//! The vocabulary of images: geometry, sample and pixel formats, what is known of an image without its pixels, and
//! pixels themselves, owned and borrowed.
//!
//! Nothing here reads a file or starts a thread. Rows run from top to bottom, samples are interleaved and in the
//! machine's byte order, and a row may be longer than its pixels (`row_bytes`).
//!
//! ```
//! use pixelbank_image::{PixelFormat, Rect, Size, View};
//!
//! let pixels = [10u8, 20, 30, 40, 50, 60];
//! let view = View::packed(&pixels, Size::new(2, 1), PixelFormat::RGB8)?;
//! let right = view.crop(Rect::new(1, 0, 1, 1))?;
//! assert_eq!(right.row(0), [40, 50, 60]);
//! # Ok::<(), pixelbank_image::Error>(())
//! ```
//!
//! Not for computing on images: operations live in `pixelbank-pipeline`.
#![forbid(unsafe_code)]

mod alpha;
mod channels;
mod convert;
mod error;
mod format;
mod geometry;
mod orientation;
mod spec;
mod stored;
mod view;

pub use channels::{Channel, ChannelList, Shown};
pub use error::Error;
pub use format::{Alpha, Channels, PixelFormat, SampleType, Transfer};
pub use geometry::{Rect, Size, TileGrid, Window};
pub use orientation::Orientation;
pub use spec::{Access, ImageSpec, LevelSpec};
pub use stored::{Layout, SampleKind, Stored, StoredSample};
pub use view::{View, ViewMut};
