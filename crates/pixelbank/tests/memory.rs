//! The books against the process itself: a counting allocator while it is busy, and the resident size when all is over.
//!
//! nextest gives each of these a process of its own. Under `cargo test` they share one, so they take turns.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use pixelbank::cache::{Cache, CacheOptions};
use pixelbank::codec::{
    Embed, Input, JpegOptions, JpegWriter, Limits, RowWriter, TiffOptions, TiffPyramidWriter, open,
};
use pixelbank::image::{PixelFormat, Rect, Size, View};
use pixelbank::memory::{Bank, Wait, resident_bytes};
use pixelbank::pipeline::render::{Render, Renderer};
use pixelbank_sample::{Scene, StoredRows, Subject};

static LIVE: AtomicU64 = AtomicU64::new(0);
static TURN: Mutex<()> = Mutex::new(());

/// The system's allocator, with the bytes that are out counted.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter beside it touches no memory of anybody's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: u64 = 1 << 20;

/// A handful of photographs of 3 megapixels, some JPEG, some tiled TIFF.
fn photographs(dir: &Path) -> Vec<PathBuf> {
    let size = Size::new(2048, 1536);
    (0..6u64)
        .map(|n| {
            let source = StoredRows::new(
                Scene::of(Subject::ALL[n as usize * 3], n, size.width, size.height, 2),
                1,
            );
            let path = dir.join(format!("{n}.{}", if n % 3 == 2 { "tif" } else { "jpg" }));
            let out = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .unwrap();
            let embed = Embed::default();
            let mut writer: Box<dyn RowWriter> = if n % 3 == 2 {
                Box::new(
                    TiffPyramidWriter::new(
                        out,
                        size,
                        PixelFormat::RGB8,
                        &TiffOptions::default(),
                        &embed,
                    )
                    .unwrap(),
                )
            } else {
                Box::new(
                    JpegWriter::new(
                        out,
                        size,
                        PixelFormat::RGB8,
                        &JpegOptions::default(),
                        &embed,
                    )
                    .unwrap(),
                )
            };
            let mut pixels = vec![0; size.pixels() as usize * 3];
            source.fill_rgb8(0, &mut pixels);
            writer
                .write_rows(View::packed(&pixels, size, PixelFormat::RGB8).unwrap())
                .unwrap();
            writer.finish().unwrap();
            path
        })
        .collect()
}

fn cache(bank: &Bank) -> Cache {
    let options = CacheOptions::new("photos", |key: &OsStr| {
        open(Input::path(key)?, &Limits::default())
    });
    Cache::new(bank, options).unwrap()
}

/// Thumbnails, tiles at full size, and odd scales, by four threads.
fn work(bank: &Bank, cache: &Cache, photographs: &[PathBuf], rounds: u32) {
    let renderer = Renderer::new(bank, "test");
    thread::scope(|scope| {
        for seed in 0..4u32 {
            let renderer = &renderer;
            scope.spawn(move || {
                let mut random = seed.wrapping_mul(2_654_435_761) | 1;
                for _ in 0..rounds {
                    random ^= random << 13;
                    random ^= random >> 17;
                    random ^= random << 5;
                    let path = &photographs[random as usize % photographs.len()];
                    let image = cache.image(path.as_os_str(), &Wait::forever()).unwrap();
                    let full = image.spec(0).size();
                    let at = |range: u32| random / 11 % range.max(1);
                    let request = match random % 4 {
                        0 => Render::new(full.rect(), Size::new(480, 360)),
                        1 => Render::new(full.rect(), Size::new(1111, 833)),
                        _ => {
                            let rect =
                                Rect::new(at(full.width - 512), at(full.height - 512), 512, 512);
                            Render::new(rect, Size::new(512, 512))
                        }
                    };
                    renderer
                        .render(&image, 0, &request, &Wait::forever())
                        .unwrap();
                }
            });
        }
    });
}

#[test]
fn a_busy_process_holds_nothing_that_the_ledger_does_not_know() {
    let _turn = TURN.lock();
    let dir = tempfile::tempdir().unwrap();
    let photographs = photographs(dir.path());
    let before = LIVE.load(Ordering::SeqCst);
    let bank = Bank::builder().host_bytes(48 * MIB).build().unwrap();
    let cache = cache(&bank);
    let done = AtomicBool::new(false);
    let (mut worst, mut samples) = (0.0f64, 0u32);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            work(&bank, &cache, &photographs, 80);
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) && !busy.is_finished() {
            // The books move between two looks at them; what was allocated between is on one of them.
            let first = bank.ledger().host.live_bytes;
            let allocated = LIVE.load(Ordering::SeqCst).saturating_sub(before);
            let booked = bank.ledger().host.live_bytes.max(first);
            if booked > 24 * MIB {
                samples += 1;
                worst = worst.max(allocated.saturating_sub(booked) as f64 / booked as f64);
            }
            thread::yield_now();
        }
    });
    assert!(samples > 20, "only {samples} looks while busy");
    assert!(
        worst < 0.05,
        "{:.1} % of the busy process were not in the ledger",
        worst * 100.0
    );
    assert!(bank.ledger().host.peak_bytes <= 48 * MIB);
}

#[test]
fn dropping_everything_gives_everything_back() {
    let _turn = TURN.lock();
    let dir = tempfile::tempdir().unwrap();
    let photographs = photographs(dir.path());
    let round = || {
        let bank = Bank::builder().host_bytes(96 * MIB).build().unwrap();
        let cache = cache(&bank);
        work(&bank, &cache, &photographs, 60);
        assert!(
            bank.ledger().host.live_bytes > 16 * MIB,
            "there is something to be given back"
        );
        drop(cache);
        let ledger = bank.ledger();
        assert_eq!(
            (
                ledger.host.live_bytes,
                ledger.disk.live_bytes,
                ledger.files.live_bytes
            ),
            (0, 0, 0)
        );
    };
    let start = resident_bytes().unwrap();
    round();
    round();
    let end = resident_bytes().unwrap();
    let allowed = start + start / 20 + 16 * MIB;
    assert!(
        end <= allowed,
        "{} MiB at the start, {} MiB at the end",
        start / MIB,
        end / MIB
    );
}
