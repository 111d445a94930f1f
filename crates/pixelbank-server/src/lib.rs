//! The web application.
#![forbid(unsafe_code)]

pub mod iiif;
