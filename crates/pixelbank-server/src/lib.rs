//! The web application: a photo browser, the IIIF Image API 3.0 and 2.1 over every image below a folder, the memory
//! ledger, and figures for Prometheus, all within the budget of a [`Bank`](pixelbank_memory::Bank).
//!
//! This is the only crate that is async. Decoding, scaling and encoding run on threads of their own, as many as are
//! allowed, and only after what they may take has been reserved.
//!
//! ```no_run
//! use pixelbank_memory::Bank;
//! use pixelbank_server::{ServeOptions, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bank = Bank::builder().host_bytes(128 << 20).build()?;
//! let server = Server::bind(ServeOptions::new("photos", bank))?;
//! println!("{}", server.url());
//! let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
//! runtime.block_on(server.run(async {
//!     let _ = tokio::signal::ctrl_c().await;
//! }))?;
//! # Ok(())
//! # }
//! ```
//!
//! Not for files outside of one folder, and not for the open internet without a proxy before it: there is no
//! encryption, and one token for all.
#![forbid(unsafe_code)]

mod answer;
mod api;
mod app;
mod auth;
mod detail;
mod encoded;
mod error;
mod failure;
mod files;
mod flight;
mod head;
pub mod iiif;
mod images;
mod library;
mod metrics;
mod models;
mod paths;
mod probe;
mod produce;
mod scan;
mod server;
mod walk;
mod web;

pub use auth::generate_token;
pub use error::Error;
pub use scan::ScanOptions;
pub use server::{ServeOptions, Server};
