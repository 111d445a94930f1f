//! Writes the request traces into a folder, and prints for each and each capacity the hit ratios of other policies and of
//! the optimum, one JSON object a line: `eviction DIR`. `bench/eviction.py` runs it.

mod peers;
mod random;
mod tinylfu;
mod traces;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use peers::{Peer, Score};
use traces::{Request, TILE, Trace};

/// As `pixelbank bench replay` reads it: numbers where all tiles are of 16 KiB, text otherwise.
fn write(dir: &Path, trace: &Trace, requests: &[Request]) -> io::Result<PathBuf> {
    let is_plain = requests.iter().all(|request| request.bytes == TILE);
    let path = dir.join(format!(
        "{}.{}",
        trace.name,
        if is_plain { "bin" } else { "csv" }
    ));
    let mut out = BufWriter::new(File::create(&path)?);
    for request in requests {
        if is_plain {
            out.write_all(&(request.id as i32).to_le_bytes())?;
        } else {
            writeln!(out, "{},{}", request.id, request.bytes)?;
        }
    }
    out.flush()?;
    Ok(path)
}

fn main() -> io::Result<()> {
    let dir = PathBuf::from(std::env::args_os().nth(1).expect("a folder for the traces"));
    std::fs::create_dir_all(&dir)?;
    for trace in traces::ALL {
        let requests = trace.requests();
        let path = write(&dir, trace, &requests)?;
        let bytes: u64 = requests
            .iter()
            .map(|request| u64::from(request.bytes))
            .sum();
        let mean = bytes / requests.len() as u64;
        for capacity_mib in trace.capacities_mib {
            let room = capacity_mib << 20;
            let mut policies: [(&str, Box<dyn Peer>); 4] = [
                ("LRU", Box::new(peers::Lru::new(room))),
                ("SIEVE", Box::new(peers::Sieve::new(room))),
                ("S3-FIFO", Box::new(peers::S3Fifo::new(room))),
                (
                    "W-TinyLFU",
                    Box::new(tinylfu::TinyLfu::new(room, room / mean)),
                ),
            ];
            let mut scores: Vec<(&str, Score)> = policies
                .iter_mut()
                .map(|(name, peer)| (*name, peers::run(&mut **peer, &requests)))
                .collect();
            scores.push(("optimum", peers::belady(room, &requests)));
            let part = |hits: fn(&Score) -> u64, all: u64| {
                let parts = scores.iter().map(|(name, score)| {
                    format!("\"{name}\": {:.4}", hits(score) as f64 / all as f64)
                });
                parts.collect::<Vec<_>>().join(", ")
            };
            println!(
                "{{\"name\": \"{}\", \"title\": \"{}\", \"file\": \"{}\", \"capacity_mib\": {capacity_mib}, \
                 \"hits\": {{{}}}, \"bytes\": {{{}}}}}",
                trace.name,
                trace.title,
                path.file_name().unwrap_or_default().to_string_lossy(),
                part(|score| score.hits, requests.len() as u64),
                part(|score| score.hit_bytes, bytes),
            );
        }
    }
    Ok(())
}
