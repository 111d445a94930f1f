//! The web application.
#![forbid(unsafe_code)]

pub mod answer;
pub mod auth;
pub mod encoded;
pub mod files;
pub mod iiif;
pub mod library;
pub mod paths;
pub mod scan;
pub mod web;
