//! `pixelbank serve`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use pixelbank::memory::{PressureMonitor, PressureSources, Resource, format_bytes};
use pixelbank::server::{ServeOptions, Server, generate_token};

use crate::arguments::{Budget, Serve};
use crate::interrupt::wait_for_end;

/// Serves until it is told to end.
pub fn run(options: &Serve, budget: &Budget) -> anyhow::Result<ExitCode> {
    let means = budget.open()?;
    means.bank.trace_from(options.stacks_from);
    let token = match &options.token {
        Some(token) => Some(token.clone()),
        None if options.address.is_loopback() => None,
        None => Some(generate_token()?),
    };
    let mut serve = ServeOptions::new(&options.root, means.bank.clone());
    serve.address = SocketAddr::new(options.address, options.port);
    serve.token = token;
    serve.follow_links = options.follow_links;
    serve.title = options.title.clone();
    serve.web = options.web.clone();
    serve.allowed_hosts = options.allowed_hosts.clone();
    serve.trusts_forwarded = options.trust_forwarded;
    serve.scratch_dir = Some(means.scratch_dir);
    let server = Server::bind(serve)?;
    // Watches until the server ends. Without it only the pressure of this program's own budget counts.
    let _pressure = PressureMonitor::start(&means.bank, PressureSources::discover())
        .inspect_err(|error| eprintln!("pixelbank: memory pressure is not watched: {error}"));
    // Lets `pixelbank top` and `ledger` find it by its number.
    let _published = pixelbank::analyzer::publish(&means.bank)
        .inspect_err(|error| eprintln!("pixelbank: the ledger is not shown to others: {error}"));
    let limit = means.bank.limit(Resource::Host).unwrap_or_default();
    // The address alone goes to standard output, for programs that start this one.
    eprintln!(
        "Serving {} in {} of memory; Ctrl-C ends.",
        options.root.display(),
        format_bytes(limit)
    );
    writeln!(io::stdout(), "{}", server.url())?;
    io::stdout().flush()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(server.run(wait_for_end()))?;
    Ok(ExitCode::SUCCESS)
}
