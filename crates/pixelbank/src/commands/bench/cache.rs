//! `pixelbank bench cache`: what looking up tiles and reading regions of a file costs, and what files cost that are known.

use std::hint::black_box;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use pixelbank::cache::{Cache, CacheOptions, FileSource, Image, Level};
use pixelbank::codec::{Limits, Region};
use pixelbank::image::{Channels, PixelFormat, Rect, SampleType, Size, TileGrid, ViewMut};
use pixelbank::memory::{Account, Bank, Wait, resident_bytes};
use serde_json::{Value, json};
use walkdir::WalkDir;

use super::show;
use super::timing::{Timing, shuffled, time, time_together};
use crate::arguments::{BenchCache, Budget};

/// Tiles that look-ups go over, if the image has as many and the budget room.
const MOST_TILES: usize = 4096;
/// The side of the regions that are read.
const SIDE: u32 = 64;

pub fn run(options: &BenchCache, budget: &Budget) -> anyhow::Result<ExitCode> {
    let means = budget.open()?;
    let mut cache = CacheOptions::from_source("bench", FileSource::new(Limits::default()));
    cache.scratch_dir = means.scratch_dir;
    let cache = Cache::new(&means.bank, cache)?;
    let files = files(&options.paths)?;
    let report = match &files[..] {
        [file] => {
            let image = cache.image(file.as_os_str(), &Wait::forever())?;
            of_one(&cache, &means.bank, &image)?
        }
        files => of_many(&cache, &means.bank, files)?,
    };
    show(&report, options.json, print)?;
    Ok(ExitCode::SUCCESS)
}

/// The files themselves, and those in folders.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    anyhow::ensure!(!files.is_empty(), "there is no file in these folders");
    Ok(files)
}

/// Bytes of each file that is known and closed, and of each that was read from once and stays open as far as the limit on
/// open files allows.
fn of_many(cache: &Cache, bank: &Bank, files: &[PathBuf]) -> anyhow::Result<Value> {
    let n = files.len() as u64;
    let resident = || resident_bytes().unwrap_or(0);
    let described = || {
        let ledger = bank.ledger();
        let row = ledger
            .accounts
            .iter()
            .find(|row| row.account == Account::Descriptors);
        row.map_or(0, |row| row.live_bytes)
    };
    // Whatever the first file brings along is not counted for each.
    drop(cache.image(files[0].as_os_str(), &Wait::forever())?);
    let before = resident();
    let mut images = Vec::with_capacity(files.len());
    let started = Instant::now();
    for file in files {
        let image = cache.image(file.as_os_str(), &Wait::forever());
        images.push(image.with_context(|| format!("{} cannot be described", file.display()))?);
    }
    let nanos = started.elapsed().as_nanos() as f64 / n as f64;
    bank.trim(1.0);
    let closed = json!({
        "resident_bytes_per_file": resident().saturating_sub(before) / n,
        "ledger_bytes_per_file": described() / n,
        "describe_nanos": nanos,
    });
    for image in &images {
        image.tile(0, 0, 0, 0, &Wait::forever())?;
    }
    let stats = cache.stats();
    let tiles = stats.tile_bytes;
    let ledger = bank.ledger();
    let read_once = json!({
        "resident_bytes_per_file": resident().saturating_sub(before + tiles) / n,
        "ledger_bytes_per_file": described() / n,
        "open_files": ledger.files.live_bytes,
        "tile_bytes": tiles,
    });
    Ok(json!({ "files": n, "closed": closed, "read_once": read_once }))
}

/// One level of one image, and the tiles of it that are kept in memory.
struct Bench<'a> {
    image: &'a Image,
    level: Level,
    grid: TileGrid,
    format: PixelFormat,
    /// Columns and rows that are in memory, from the top left.
    columns: u32,
    rows: u32,
}

impl<'a> Bench<'a> {
    fn new(image: &'a Image, bank: &Bank) -> anyhow::Result<Self> {
        let level = image.level(0, 0).context("the file has no level")?;
        let grid = TileGrid::new(level.size, level.tile);
        let format = image.spec(0).format;
        let limit = bank.ledger().host.limit_bytes;
        let most = (limit / 2 / format.image_bytes(level.tile)).clamp(1, MOST_TILES as u64) as u32;
        let columns = grid.columns().min(most.isqrt().max(1));
        let rows = grid.rows().min((most / columns).max(1));
        for row in 0..rows {
            for column in 0..columns {
                image.tile(0, 0, column, row, &Wait::forever())?;
            }
        }
        Ok(Self {
            image,
            level,
            grid,
            format,
            columns,
            rows,
        })
    }

    fn n_tiles(&self) -> usize {
        (self.columns * self.rows) as usize
    }

    fn position(&self, number: usize) -> (u32, u32) {
        let number = number as u32;
        (number % self.columns, number / self.columns)
    }

    fn look_up(&self, number: usize) {
        let (column, row) = self.position(number);
        drop(black_box(self.image.tile(
            0,
            0,
            column,
            row,
            &Wait::forever(),
        )));
    }

    /// Places for regions: in the corner of each tile, or across the corner where four meet.
    fn places(&self, across: bool) -> Vec<Rect> {
        let shift = if across { SIDE / 2 } else { 0 };
        let whole = self.level.size.rect();
        shuffled(self.n_tiles(), 3)
            .into_iter()
            .map(|number| {
                self.grid
                    .rect(self.position(number).0, self.position(number).1)
            })
            .filter(|tile| !across || (tile.x >= shift && tile.y >= shift))
            .map(|tile| {
                Rect::new(
                    tile.x.saturating_sub(shift),
                    tile.y.saturating_sub(shift),
                    SIDE,
                    SIDE,
                )
            })
            .filter(|rect| whole.contains(*rect))
            .collect()
    }

    fn read(&self, places: &[Rect], to: PixelFormat) -> Timing {
        let size = Size::new(SIDE, SIDE);
        let mut pixels = vec![0; to.image_bytes(size) as usize];
        time(|n| {
            let region = Region {
                subimage: 0,
                level: 0,
                rect: places[n % places.len()],
            };
            let target = ViewMut::packed(&mut pixels, size, to).expect("it is made for it");
            let read = self.image.read(&region, target, &Wait::forever());
            black_box((read.is_ok(), &mut pixels));
        })
    }

    /// Copying as many bytes from places as far apart: what reading cannot be faster than.
    fn copy(&self) -> Timing {
        let len = self.format.image_bytes(Size::new(SIDE, SIDE)) as usize;
        let n = self.n_tiles();
        let source = vec![1u8; n * len];
        let mut target = vec![0u8; len];
        let order = shuffled(n, 5);
        time(|at| {
            let from = order[at % n] * len;
            black_box(&mut target).copy_from_slice(black_box(&source[from..from + len]));
        })
    }
}

fn of_one(cache: &Cache, bank: &Bank, image: &Image) -> anyhow::Result<Value> {
    let cold = cold(cache, bank, image)?;
    // Into empty memory: where it is full, new tiles have to be worth more than old ones to stay.
    bank.trim(1.0);
    let bench = Bench::new(image, bank)?;
    let n = bench.n_tiles();
    let order = shuffled(n, 1);
    let mut rows = vec![
        row(
            "tile, random of those in memory",
            time(|at| bench.look_up(order[at % n])),
        ),
        row(
            "the same on two threads",
            time_together(
                (0..2u64)
                    .map(|thread| {
                        let (bench, order) = (&bench, shuffled(n, thread + 10));
                        move |at: usize| bench.look_up(order[at % n])
                    })
                    .collect(),
            ),
        ),
        row("the same tile again", time(|_| bench.look_up(0))),
    ];
    let mut cursor = image.cursor();
    let wait = Wait::forever();
    rows.push(row(
        "the same tile again, by a cursor",
        time(|_| {
            drop(black_box(
                cursor
                    .tile(0, 0, 0, 0, &wait)
                    .map(|tile| tile.view().data()[0]),
            ))
        }),
    ));
    let (inside, across) = (bench.places(false), bench.places(true));
    rows.push(row("copy of as many bytes", bench.copy()));
    if !inside.is_empty() {
        rows.push(row(
            "region 64 × 64 in a tile",
            bench.read(&inside, bench.format),
        ));
        let channels = bench.format.channels;
        if channels.count() > 3 {
            let to = PixelFormat::new(Channels::Rgb, bench.format.sample);
            rows.push(row("the same, three channels", bench.read(&inside, to)));
        }
        let to = PixelFormat::new(channels, SampleType::F32);
        rows.push(row("the same, as 32-bit floats", bench.read(&inside, to)));
    }
    if !across.is_empty() {
        rows.push(row(
            "region 64 × 64 across tiles",
            bench.read(&across, bench.format),
        ));
    }
    Ok(json!({
        "file": image.key().to_string_lossy(),
        "size": [bench.level.size.width, bench.level.size.height],
        "tile": [bench.level.tile.width, bench.level.tile.height],
        "format": bench.format.to_string(),
        "tiles_in_memory": n,
        "cold": cold,
        "nanos": rows,
    }))
}

/// The side of the regions that a whole image is read by.
const COLD_SIDE: u32 = 1024;

/// Reads the finest level once, nothing of it being in memory: tile by tile, and by regions of many tiles.
fn cold(cache: &Cache, bank: &Bank, image: &Image) -> anyhow::Result<Value> {
    let level = image.level(0, 0).context("the file has no level")?;
    let format = image.spec(0).format;
    let by_tiles = cold_run(cache, bank, image, level.tile, |_, (column, row)| {
        image.tile(0, 0, column, row, &Wait::forever())?;
        Ok(())
    })?;
    let size = Size::new(COLD_SIDE, COLD_SIDE);
    let mut pixels = vec![0; format.image_bytes(size) as usize];
    let by_regions = cold_run(cache, bank, image, size, |rect, _| {
        let target = ViewMut::packed(&mut pixels, rect.size(), format)?;
        let region = Region {
            subimage: 0,
            level: 0,
            rect,
        };
        image.read(&region, target, &Wait::forever())?;
        Ok(())
    })?;
    Ok(json!({ "tile_by_tile": by_tiles, "by_regions": by_regions }))
}

/// Calls `read` for each cell of a grid over the finest level, by rows.
fn cold_run(
    cache: &Cache,
    bank: &Bank,
    image: &Image,
    cell: Size,
    mut read: impl FnMut(Rect, (u32, u32)) -> anyhow::Result<()>,
) -> anyhow::Result<Value> {
    let size = image.level(0, 0).context("the file has no level")?.size;
    let grid = TileGrid::new(size, cell);
    bank.trim(1.0);
    let before = cache.stats();
    let started = Instant::now();
    for row in 0..grid.rows() {
        for column in 0..grid.columns() {
            read(grid.rect(column, row), (column, row))?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let after = cache.stats();
    let bytes = image.spec(0).format.image_bytes(size);
    Ok(json!({
        "bytes": bytes,
        "seconds": seconds,
        "megabytes_per_second": bytes as f64 / 1e6 / seconds,
        "tiles_made": after.tiles_made - before.tiles_made,
        "tiles_remade": after.tiles_remade - before.tiles_remade,
        "peak_tile_bytes": after.peak_tile_bytes,
    }))
}

fn row(name: &str, timing: Timing) -> Value {
    json!({ "name": name, "median": timing.median, "min": timing.min, "max": timing.max })
}

fn print(out: &mut dyn Write, report: &Value) -> io::Result<()> {
    if let Some(n) = report["files"].as_u64() {
        writeln!(out, "{n} files")?;
        for (what, name) in [
            ("closed", "known and closed"),
            ("read_once", "read from once"),
        ] {
            let row = &report[what];
            writeln!(
                out,
                "  {name:<18} {:>8} bytes a file resident, {:>8} on the ledger",
                row["resident_bytes_per_file"], row["ledger_bytes_per_file"]
            )?;
        }
        return Ok(());
    }
    writeln!(
        out,
        "{}: {} × {}, {}, tiles of {} × {}, {} of them in memory",
        report["file"].as_str().unwrap_or_default(),
        report["size"][0],
        report["size"][1],
        report["format"].as_str().unwrap_or_default(),
        report["tile"][0],
        report["tile"][1],
        report["tiles_in_memory"]
    )?;
    for row in report["nanos"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "  {:<34} {:>10.1} ns  ({:.1} to {:.1})",
            row["name"].as_str().unwrap_or_default(),
            row["median"].as_f64().unwrap_or_default(),
            row["min"].as_f64().unwrap_or_default(),
            row["max"].as_f64().unwrap_or_default()
        )?;
    }
    for (key, name) in [
        ("tile_by_tile", "whole image, cold, tile by tile"),
        ("by_regions", "whole image, cold, by regions"),
    ] {
        let rate = report["cold"][key]["megabytes_per_second"].as_f64();
        writeln!(
            out,
            "  {name:<34} {:>10.0} MB/s of pixels",
            rate.unwrap_or_default()
        )?;
    }
    Ok(())
}
