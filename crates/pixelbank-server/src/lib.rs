//! The web application.
#![forbid(unsafe_code)]

pub mod iiif;
pub mod paths;
pub mod library;
pub mod scan;
