//! The image cache: any region of any level of any file, through tiles that stay as long as the budget lets them.
//!
//! Every file looks tiled and mip-mapped. Where a file offers tiles, a miss decodes one; where it can only be read from
//! the top (an ordinary JPEG or PNG), a miss starts one *pass* over it that serves everybody who waits, and what the pass
//! makes is kept in memory or on the scratch disk. Levels that a file does not have are made from finer ones.
//!
//! ```no_run
//! use pixelbank_cache::{Cache, CacheOptions, FileSource};
//! use pixelbank_codec::{Limits, Region};
//! use pixelbank_image::{Rect, ViewMut};
//! use pixelbank_memory::{Bank, Wait};
//!
//! let bank = Bank::builder().host_bytes(128 << 20).build()?;
//! let files = FileSource::new(Limits::default());
//! let cache = Cache::new(&bank, CacheOptions::from_source("photos", files))?;
//! let photo = cache.image("holiday.jpg".as_ref(), &Wait::forever())?;
//! let rect = Rect::new(0, 0, 512, 512);
//! let mut pixels = vec![0; photo.spec(0).format.image_bytes(rect.size()) as usize];
//! let view = ViewMut::packed(&mut pixels, rect.size(), photo.spec(0).format)?;
//! photo.read(&Region { subimage: 0, level: 0, rect }, view, &Wait::forever())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Calls block; none of them holds a lock while a file is read or decoded. Not for pixels that change: a file that is
//! rewritten is seen once it is [invalidated](Cache::invalidate), or [looked for](Cache::invalidate_changed); with the feature
//! `watch`, a `Watch` on its folder does the former.
#![deny(unsafe_code)]

mod cache;
mod color;
mod cursor;
mod error;
mod file_source;
mod files;
mod flight;
#[cfg(test)]
mod flight_tests;
mod image;
mod intern;
mod level;
mod load;
mod made;
#[cfg(test)]
mod models;
mod pass;
mod prefetch;
mod pyramid;
mod readers;
mod run;
mod source;
mod spill;
mod stats;
mod store;
mod sync;
mod together;
mod twins;
mod udim;
#[cfg(feature = "watch")]
mod watch;
mod workers;

pub use cache::{Cache, CacheOptions};
pub use cursor::Cursor;
pub use error::Error;
pub use file_source::FileSource;
pub use image::{Image, Pin, ReadOptions};
pub use level::Level;
pub use prefetch::Prefetch;
pub use source::{Io, Source, Stamp};
pub use stats::{FileStats, Stats};
pub use store::{Policy, Tile};
pub use udim::Udim;
#[cfg(feature = "watch")]
pub use watch::Watch;
