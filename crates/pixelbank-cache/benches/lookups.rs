//! Nanoseconds of looking up a tile that is in memory, its handle's drop included, on one thread and on two.
//!
//! `cargo bench -p pixelbank-cache --bench lookups`. Prints the least of several rounds: the machine has other users.

#[path = "../tests/cache/generated.rs"]
#[allow(dead_code)]
mod generated;

use std::ffi::OsStr;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use generated::Generated;
use pixelbank_cache::{Cache, CacheOptions, Image};
use pixelbank_image::{Access, Size};
use pixelbank_memory::{Bank, Wait};

const SIDE: u32 = 64;
const LOOKUPS: u32 = 1_000_000;
const ROUNDS: usize = 9;

/// Look-ups by `threads` at once, each in a random order of its own; nanoseconds for each look-up of a thread.
fn measure(image: &Image, threads: u32, is_random: bool) -> f64 {
    let wait = Wait::forever();
    let start = Barrier::new(threads as usize);
    let slowest = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|seed| {
                let (image, start, wait) = (image, &start, &wait);
                scope.spawn(move || {
                    let mut random = seed.wrapping_mul(0x9e37_79b9) | 1;
                    start.wait();
                    let started = Instant::now();
                    for _ in 0..LOOKUPS {
                        random ^= random << 13;
                        random ^= random >> 17;
                        random ^= random << 5;
                        let at = if is_random { random } else { seed * 8 };
                        let (column, row) = (at % SIDE, at / SIDE % SIDE);
                        black_box(
                            image
                                .tile(0, 0, column, row, wait)
                                .expect("a tile in memory"),
                        );
                    }
                    started.elapsed().as_nanos() as f64 / f64::from(LOOKUPS)
                })
            })
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("no panic"))
            .fold(0.0, f64::max)
    });
    slowest
}

fn main() {
    let bank = Bank::builder()
        .host_bytes(256 << 20)
        .build()
        .expect("limits");
    let picture = Generated::new(&[(SIDE * 64, SIDE * 64, Access::Chunks(Size::new(64, 64)))]);
    let options = CacheOptions::new("lookups", move |_| Ok(picture.open()));
    let cache = Cache::new(&bank, options).expect("a cache");
    let image = cache
        .image(OsStr::new("picture"), &Wait::forever())
        .expect("an image");
    for at in 0..SIDE * SIDE {
        image
            .tile(0, 0, at % SIDE, at / SIDE, &Wait::forever())
            .expect("a tile");
    }
    let least = |threads, is_random| {
        (0..ROUNDS)
            .map(|_| measure(&image, threads, is_random))
            .fold(f64::INFINITY, f64::min)
    };
    let (one, two, same) = (least(1, true), least(2, true), least(1, false));
    println!("random of {} tiles, one thread: {one:.1} ns", SIDE * SIDE);
    println!(
        "the same on two threads: {two:.1} ns each, {:.2} times as many",
        one / two * 2.0
    );
    println!("the same tile again: {same:.1} ns");
}
