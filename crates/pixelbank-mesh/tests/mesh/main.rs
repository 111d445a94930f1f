//! Meshes through the public interface.
#![allow(clippy::unwrap_used)]

mod bad_files;
mod formats;
mod memory;
mod merging;
mod outlines;
mod packed;
mod queries;
mod shapes;
mod slices;
mod trees;
