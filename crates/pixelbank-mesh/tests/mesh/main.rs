//! Meshes through the public interface.

mod bad_files;
mod formats;
mod memory;
mod packed;
mod queries;
mod shapes;
mod slices;
mod trees;
