//! The program `pixelbank`: serves, describes and scales pictures, and works on meshes, inside a memory budget, and shows
//! who holds what of it.
//!
//! Exit codes: 0 all went well, 1 something failed (which, stands on standard error), 2 the command line was wrong.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod arguments;
mod commands;
mod interrupt;
mod progress;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod unused;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let budget = &arguments.budget;
    let done = match arguments.command {
        Command::Serve(options) => commands::serve::run(&options, budget),
        Command::Info(options) => commands::info::run(&options, budget),
        Command::Thumb(options) => commands::thumb::run(&options, budget),
        Command::Extract(options) => commands::extract::run(&options, budget),
        Command::Sample(options) => commands::sample::run(&options),
        Command::Mesh(mesh) => commands::mesh::run(&mesh, budget),
        Command::Ledger(options) => commands::ledger::run(&options),
        Command::Top(options) => commands::top::run(&options),
        Command::Bench(bench) => commands::bench::run(&bench, budget),
        Command::Completions { shell } => commands::shell::completions(shell),
        Command::Man { out } => commands::shell::man(out.as_deref()),
    };
    match done {
        Ok(code) => code,
        // Whoever reads our output has closed it (`pixelbank info *.jpg | head`): nothing to complain about.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pixelbank: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        // JSON that cannot be written hides the reason in itself.
        let json = cause.downcast_ref::<serde_json::Error>();
        io.or(json.and_then(serde_json::Error::io_error_kind))
            == Some(std::io::ErrorKind::BrokenPipe)
    })
}
