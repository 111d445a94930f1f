//! `pixelbank ledger`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use pixelbank::analyzer::{Diff, Snapshot, Table, Tree, View, picture};
use pixelbank::memory::format_bytes;

use super::watched::Watched;
use crate::arguments::Ledger;

/// Looks once, and prints, draws, keeps or compares.
pub fn run(options: &Ledger) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if let Some(since) = &options.since {
        let before = saved(since)?;
        let after = match &options.until {
            Some(until) => saved(until)?,
            None => Snapshot::of(&Watched::find(&options.target)?.view(false)?.ledger),
        };
        let diff = Diff::between(&before, &after);
        if options.json {
            writeln!(out, "{}", serde_json::to_string(&diff)?)?;
        } else {
            writeln!(out, "{diff}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let watched = Watched::find(&options.target)?;
    if options.mark {
        let mark = watched.mark()?;
        eprintln!("Mark {} is set.", mark.generation);
        return Ok(ExitCode::SUCCESS);
    }
    if options.stacks {
        for trace in watched.traces()? {
            let of = match trace.owner.as_str() {
                "" => String::new(),
                owner => format!(" of {owner}"),
            };
            let (bytes, what) = (format_bytes(trace.bytes), trace.account);
            writeln!(
                out,
                "{bytes}  {what}/{}{of} ({})",
                trace.kind, trace.resource
            )?;
            writeln!(out, "{}", trace.stack)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let view = watched.view(options.png.is_some() || options.json)?;
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&view)?)?;
    } else if let Some(path) = &options.png {
        write(path, &picture::png(&view)?)?;
    } else if let Some(path) = &options.save {
        write(path, Snapshot::of(&view.ledger).to_json().as_bytes())?;
    } else if options.tree {
        write!(out, "{}", Tree::of(&view.ledger))?;
    } else {
        let mut table = Table::of(&view.ledger);
        table.sort(options.sort, options.reverse);
        if options.csv {
            write!(out, "{}", table.to_csv())?;
        } else {
            writeln!(out, "{}", title(&watched, &view))?;
            writeln!(out, "{table}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn title(watched: &Watched, view: &View) -> String {
    let host = &view.ledger.host;
    format!(
        "{watched}: {} of {} held ({} idle), at most {}; {} resident",
        format_bytes(host.live_bytes),
        format_bytes(host.limit_bytes),
        format_bytes(host.idle_bytes),
        format_bytes(host.peak_bytes),
        format_bytes(view.ledger.process.resident_bytes)
    )
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn saved(path: &Path) -> anyhow::Result<Snapshot> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(name)?;
    Snapshot::from_json(&text).with_context(name)
}
