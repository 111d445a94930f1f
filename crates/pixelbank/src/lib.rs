//! One memory budget over everything that an image-hungry program holds.
//!
//! This crate gathers the parts under one name; each can be used alone as `pixelbank-memory`, `pixelbank-image`,
//! `pixelbank-codec`, `pixelbank-cache`, `pixelbank-pipeline`, `pixelbank-mesh`, `pixelbank-analyzer` and `pixelbank-server`. A [`Bank`](memory::Bank) is the
//! budget; a [`Cache`](cache::Cache) reads any region of any image within it; a [`Renderer`](pipeline::render::Renderer)
//! makes pictures of such regions.
//!
//! ```
//! use pixelbank::cache::{Cache, CacheOptions, FileSource};
//! use pixelbank::codec::Limits;
//! use pixelbank::memory::Bank;
//!
//! let bank = Bank::builder().host_bytes(128 << 20).build()?;
//! let cache = Cache::new(&bank, CacheOptions::from_source("photos", FileSource::new(Limits::default())))?;
//! assert_eq!(bank.ledger().host.limit_bytes, 128 << 20);
//! # drop(cache);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The program of the same name serves a folder of photographs: `pixelbank serve PHOTOS`.
#![forbid(unsafe_code)]

pub use pixelbank_analyzer as analyzer;
pub use pixelbank_cache as cache;
pub use pixelbank_codec as codec;
pub use pixelbank_image as image;
pub use pixelbank_memory as memory;
pub use pixelbank_mesh as mesh;
pub use pixelbank_pipeline as pipeline;
pub use pixelbank_pool as pool;
pub use pixelbank_server as server;
