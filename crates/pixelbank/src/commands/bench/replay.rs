//! `pixelbank bench replay`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use pixelbank::cache::{Cache, CacheOptions, Image};
use pixelbank::codec::{Decoder, Error};
use pixelbank::memory::{Account, Bank, Wait, format_bytes};
use serde_json::json;

use super::blank::{self, Blank};
use super::trace::{Request, Trace};
use crate::arguments::Replay;

#[derive(Debug, Default)]
struct Count {
    requests: u64,
    hits: u64,
    bytes: u64,
    hit_bytes: u64,
}

/// Sends a trace through a cache with a bank of its own.
pub fn run(options: &Replay) -> anyhow::Result<ExitCode> {
    let mut trace = Trace::open(&options.trace)?;
    let bank = Bank::builder()
        // The capacity is that of tiles; what finds them comes on top, as in the caches that it is compared with.
        .host_bytes(options.capacity.saturating_mul(2).saturating_add(64 << 20))
        .account(Account::Tiles, 0, Some(options.capacity))
        .scratch_bytes(0)
        .build()?;
    let decodes = Arc::new(AtomicU64::new(0));
    let mut cache_options = CacheOptions::new("replay", {
        let decodes = Arc::clone(&decodes);
        move |key| open(key, &decodes)
    });
    cache_options.policy = options.policy;
    cache_options.decode_threads = 1;
    let cache = Cache::new(&bank, cache_options)?;

    let mut pictures: HashMap<u32, Image> = HashMap::new();
    let mut count = Count::default();
    let started = Instant::now();
    while let Some(Request { bytes, index }) = trace.next()? {
        let picture = match pictures.get(&bytes) {
            Some(picture) => picture,
            None => {
                anyhow::ensure!(
                    u64::from(bytes) <= options.capacity,
                    "{}: a tile of {bytes} bytes is larger than the capacity of {}",
                    trace.place(),
                    options.capacity
                );
                let key = OsString::from(bytes.to_string());
                let picture = cache
                    .image(&key, &Wait::never())
                    .with_context(|| trace.place())?;
                pictures.entry(bytes).or_insert(picture)
            }
        };
        let before = decodes.load(Ordering::Relaxed);
        picture
            .tile(
                0,
                0,
                index % blank::COLUMNS,
                index / blank::COLUMNS,
                &Wait::never(),
            )
            .with_context(|| trace.place())?;
        let is_hit = u64::from(decodes.load(Ordering::Relaxed) == before);
        count.requests += 1;
        count.hits += is_hit;
        count.bytes += u64::from(bytes);
        count.hit_bytes += is_hit * u64::from(bytes);
    }
    report(
        options,
        &count,
        trace.n_tiles(),
        cache.stats().evictions,
        started.elapsed().as_secs_f64(),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A picture is named after the bytes of its tiles.
fn open(key: &std::ffi::OsStr, decodes: &Arc<AtomicU64>) -> Result<Box<dyn Decoder>, Error> {
    let found = key
        .to_str()
        .and_then(|bytes| blank::tile(bytes.parse().ok()?));
    let (size, format) = found.ok_or_else(|| Error::BadRequest {
        name: "replay".to_owned(),
        reason: format!(
            "tiles of {} bytes are larger than the 16 MiB that a tile can have",
            key.to_string_lossy()
        ),
    })?;
    Ok(Box::new(Blank::new(size, format, decodes)))
}

fn report(
    options: &Replay,
    count: &Count,
    n_tiles: usize,
    evictions: u64,
    seconds: f64,
) -> anyhow::Result<()> {
    let ratio = |part: u64, all: u64| part as f64 / all.max(1) as f64;
    let (hit_ratio, byte_hit_ratio) = (
        ratio(count.hits, count.requests),
        ratio(count.hit_bytes, count.bytes),
    );
    let mut out = io::stdout().lock();
    if options.json {
        let document = json!({
            "trace": options.trace.to_string_lossy(),
            "policy": options.policy.name(),
            "capacity_bytes": options.capacity,
            "requests": count.requests,
            "tiles": n_tiles,
            "bytes": count.bytes,
            "hits": count.hits,
            "hit_ratio": hit_ratio,
            "hit_bytes": count.hit_bytes,
            "byte_hit_ratio": byte_hit_ratio,
            "evictions": evictions,
            "seconds": seconds,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{}: {} requests for {n_tiles} tiles, {} in all",
        options.trace.display(),
        count.requests,
        format_bytes(count.bytes)
    )?;
    writeln!(
        out,
        "  capacity   {}, policy {}",
        format_bytes(options.capacity),
        options.policy
    )?;
    writeln!(
        out,
        "  hits       {:.1} % of requests, {:.1} % of bytes",
        hit_ratio * 100.0,
        byte_hit_ratio * 100.0
    )?;
    writeln!(out, "  evictions  {evictions}")?;
    writeln!(out, "  time       {seconds:.3} s")?;
    Ok(())
}
