//! `pixelbank bench`: figures of this machine, on the user's own files and requests.

mod blank;
pub mod cache;
mod pool;
mod replay;
mod timing;
mod trace;

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;

use crate::arguments::{Bench, Budget};

pub fn run(bench: &Bench, budget: &Budget) -> anyhow::Result<ExitCode> {
    match bench {
        Bench::Cache(options) => cache::run(options, budget),
        Bench::Pool(options) => pool::run(options, budget),
        Bench::Replay(options) => replay::run(options),
    }
}

/// Prints a report for programs, or for people as `print` does.
fn show(
    report: &Value,
    is_json: bool,
    print: fn(&mut dyn Write, &Value) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if is_json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        print(&mut out, report)?;
    }
    Ok(())
}
