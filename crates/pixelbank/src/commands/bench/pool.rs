//! `pixelbank bench pool`: what making and dropping objects costs where they are reused.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use pixelbank::memory::{Bank, format_bytes};
use pixelbank::pool::{DType, Device, Pool, Request, Scope, Stats, Tensor, TensorDesc};
use serde_json::{Value, json};

use super::show;
use super::timing::{Timing, shuffled, time, time_together};
use crate::arguments::{BenchPool, Budget};

/// The tensor of the small figures.
const SHAPE: [u64; 3] = [16, 32, 4];
/// Objects of the same key in use.
const N_LIVE: usize = 5000;
const N_HANDED_OVER: usize = 1_000_000;
/// Tensors sent to the other thread at once, as a pipeline sends batches.
const HANDED_AT_ONCE: usize = 64;
const N_RANDOM: usize = 20_000;
/// Tensors of random shapes in use at any moment.
const N_IN_FLIGHT: usize = 4;

pub fn run(options: &BenchPool, budget: &Budget) -> anyhow::Result<ExitCode> {
    let bank = budget.open()?.bank;
    let nanos = times(&bank)?;
    let report = json!({
        "nanos": nanos
            .iter()
            .map(|(name, timing)| json!({
                "name": name, "median": timing.median, "min": timing.min, "max": timing.max,
            }))
            .collect::<Vec<Value>>(),
        "hand_over": hand_over(&bank)?,
        "random_shapes": [random_shapes(&bank, 0)?, random_shapes(&bank, 25)?],
    });
    show(&report, options.json, print)?;
    Ok(ExitCode::SUCCESS)
}

fn times(bank: &Bank) -> anyhow::Result<Vec<(&'static str, Timing)>> {
    let pool = Pool::new(bank)?;
    let desc = TensorDesc::new(SHAPE, DType::F32);
    let other = TensorDesc::new([8, 32, 4], DType::F32);
    let bytes = pool.tensor(&desc)?.span_bytes() as usize;
    let reuse = |desc: TensorDesc| {
        let pool = pool.clone();
        move |_: usize| drop(black_box(pool.tensor(black_box(&desc))))
    };
    let mut rows = vec![
        (
            "malloc and free of as many bytes",
            time(|_| drop(black_box(Vec::<u8>::with_capacity(bytes)))),
        ),
        ("made and dropped, reused", time(reuse(desc))),
    ];
    let live: Vec<Tensor> = (0..N_LIVE)
        .map(|_| pool.tensor(&desc))
        .collect::<Result<_, _>>()?;
    rows.push(("the same with 5,000 of them in use", time(reuse(desc))));
    drop(live);
    rows.push((
        "on two threads, a shape for each",
        time_together(vec![reuse(desc), reuse(other)]),
    ));
    rows.push((
        "on two threads, one shape for both",
        time_together(vec![reuse(desc), reuse(desc)]),
    ));
    let without = Pool::builder(bank).host_limit(0).build()?;
    rows.push((
        "made and dropped, nothing kept",
        time(|_| drop(black_box(without.tensor(black_box(&desc))))),
    ));
    Ok(rows)
}

/// One thread makes, another drops.
fn hand_over(bank: &Bank) -> anyhow::Result<Value> {
    let pool = Pool::new(bank)?;
    let desc = TensorDesc::new(SHAPE, DType::F32);
    let started = Instant::now();
    let dropped = thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Vec<Tensor>>(2);
        let dropper =
            scope.spawn(move || receiver.iter().map(|tensors| tensors.len()).sum::<usize>());
        for _ in 0..N_HANDED_OVER / HANDED_AT_ONCE {
            let batch = (0..HANDED_AT_ONCE).map(|_| pool.tensor(&desc));
            let Ok(batch) = batch.collect() else { break };
            if sender.send(batch).is_err() {
                break;
            }
        }
        drop(sender);
        dropper.join().unwrap_or(0)
    });
    let nanos = started.elapsed().as_nanos() as f64 / dropped as f64;
    let stats = pool.stats();
    Ok(json!({
        "objects": dropped,
        "nanos_each": nanos,
        "most_held": stats.classes.first().map_or(0, |row| row.peak_count),
        "left": pool.len(Scope::AllThreads),
    }))
}

/// Float images of 1000 to 2000 pixels a side, a few in use at a time.
fn random_shapes(bank: &Bank, larger_fit_percent: u32) -> anyhow::Result<Value> {
    let pool = Pool::new(bank)?;
    let limit = bank.ledger().host.limit_bytes / 2;
    pool.set_limit(Device::Host, limit)?;
    let request = Request {
        larger_fit_percent,
        ..Request::default()
    };
    let sides: Vec<usize> = shuffled(N_RANDOM * 2, 20)
        .into_iter()
        .map(|n| 1000 + n % 1001)
        .collect();
    let mut in_flight = VecDeque::new();
    let mut most = 0;
    let started = Instant::now();
    for side in sides.chunks_exact(2) {
        let desc = TensorDesc::new([side[0] as u64, side[1] as u64, 3], DType::F32);
        in_flight.push_back(pool.tensor_with(&desc, &request)?);
        if in_flight.len() > N_IN_FLIGHT {
            in_flight.pop_front();
        }
        most = most.max(bank.ledger().host.live_bytes);
    }
    let nanos = started.elapsed().as_nanos() as f64 / N_RANDOM as f64;
    let stats: Stats = pool.stats();
    let row = stats.classes.first();
    Ok(json!({
        "larger_fit_percent": larger_fit_percent,
        "objects": N_RANDOM,
        "limit_bytes": limit,
        "most_held_bytes": most,
        "hit_rate": row.map_or(0.0, |row| row.hit_rate()),
        "evictions": row.map_or(0, |row| row.evictions),
        "nanos_each": nanos,
    }))
}

fn print(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let bytes = |value: &Value| format_bytes(value.as_u64().unwrap_or(0));
    writeln!(out, "a tensor of 16 x 32 x 4 floats, nanoseconds")?;
    for row in report["nanos"].as_array().into_iter().flatten() {
        let name = row["name"].as_str().unwrap_or("");
        writeln!(out, "  {name:<36} {:>8.1}", number(&row["median"]))?;
    }
    let over = &report["hand_over"];
    writeln!(
        out,
        "  {:<36} {:>8.1}   ({} objects at most)",
        "made by one thread, dropped by another",
        number(&over["nanos_each"]),
        over["most_held"]
    )?;
    writeln!(out, "floats of 1000 to 2000 pixels a side, three channels")?;
    for row in report["random_shapes"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "  {:<36} {:>7.1}%   ({} held at most, limit {})",
            match row["larger_fit_percent"].as_u64() {
                Some(0) => "reused, equal shapes only".to_owned(),
                percent => format!("reused, up to {} % larger", percent.unwrap_or(0)),
            },
            number(&row["hit_rate"]) * 100.0,
            bytes(&row["most_held_bytes"]),
            bytes(&row["limit_bytes"])
        )?;
    }
    Ok(())
}
