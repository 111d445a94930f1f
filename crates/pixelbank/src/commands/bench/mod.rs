//! `pixelbank bench`: figures of this machine, on the user's own files and requests.

mod blank;
pub mod cache;
mod pool;
mod replay;
mod timing;
mod trace;

use std::process::ExitCode;

use crate::arguments::{Bench, Budget};

pub fn run(bench: &Bench, budget: &Budget) -> anyhow::Result<ExitCode> {
    match bench {
        Bench::Cache(options) => cache::run(options, budget),
        Bench::Pool(options) => pool::run(options, budget),
        Bench::Replay(options) => replay::run(options),
    }
}
