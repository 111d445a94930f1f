//! `pixelbank bench`: figures of this machine, on the user's own files.

pub mod cache;
mod timing;

use std::process::ExitCode;

use crate::arguments::{Bench, Budget};

pub fn run(bench: &Bench, budget: &Budget) -> anyhow::Result<ExitCode> {
    match bench {
        Bench::Cache(options) => cache::run(options, budget),
    }
}
