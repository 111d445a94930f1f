//! Procedural photographs: landscapes, coasts, cities, skies and close subjects that pass for photographs in a grid of
//! thumbnails and show structure down to the pixel at 48 megapixels and beyond.
//!
//! They are for trying Pixelbank out, for its tests and for its benchmarks: a set is fixed by its seed, and a picture of
//! any size is painted band by band, so that making one never needs memory for a frame.
//!
//! ```
//! use pixelbank_sample::{SampleSet, exif_block};
//!
//! let set = SampleSet { count: 3, megapixels: 0.02..=0.04, seed: 1, jpeg_only: true };
//! for plan in set.plan() {
//!     let rows = plan.stored_rows(plan.scene(2));
//!     let mut band = vec![0; rows.width() as usize * 16 * 3];
//!     rows.fill_rgb8(0, &mut band);
//!     assert!(!exif_block(&plan)?.is_empty());
//! }
//! # Ok::<(), pixelbank_sample::SampleError>(())
//! ```
//!
//! Not for art, and not for measuring codecs against real photographs: the noise is that of a sensor, but the statistics
//! of the subjects are only roughly those of nature.
//!
//! # How a picture comes about
//! [`Scene::of`] composes it: low-resolution fields of linear light (sky, ground, petals), outlines per column (hills,
//! trees) and lists of shapes (stars, lamps, flowers). Painting a row interpolates the fields, adds what is finer than
//! they are from small wrapping textures, and ends with lens, exposure, sensor noise, tone curve and grade. A row's
//! pixels depend on nothing but the scene, so bands can be painted in any order, on any thread.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backdrop;
mod city;
mod discs;
mod exif_block;
mod field;
mod finish;
mod frame;
mod noise;
mod places;
mod plan;
mod recipes;
mod rng;
mod scene;
mod sky;
mod stored;
mod terrain;
mod trees;
mod water;

pub use exif_block::{SampleError, exif_block};
pub use plan::{ChromaSubsampling, LocalTime, SampleFormat, SamplePlan, SampleSet, Shot};
pub use scene::{Scene, Subject};
pub use stored::StoredRows;
