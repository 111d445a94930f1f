//! What the benchmarks of photographic formats share: a clock, a picture, a way to decode.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_codec::{Input, Limits, Region, open};
use pixelbank_image::{Rect, Size};

/// Milliseconds of processor time that this thread has had.
pub fn cpu_ms() -> f64 {
    // SAFETY: fills in the structure that it is given.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        time
    };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// The middle one.
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What a photograph has: areas, edges, and grain of so many bits.
pub fn picture(size: Size, grain_bits: u32) -> Vec<u8> {
    let mut seed = 1_u32;
    let mut pixels = Vec::with_capacity(size.pixels() as usize * 3);
    for y in 0..size.height {
        for x in 0..size.width {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let grain = (seed >> (32 - grain_bits)) as f32;
            let (fx, fy) = (x as f32 / 90.0, y as f32 / 70.0);
            let wave = (fx.sin() * (fy * 1.3).cos() + (fx * 0.31 + fy * 0.17).sin()) * 55.0;
            let edge = if ((x / 190) ^ (y / 230)) & 1 == 0 {
                30.0
            } else {
                0.0
            };
            let base = 110.0 + wave + edge + grain;
            pixels.extend([
                base as u8,
                (base * 0.9 + 12.0) as u8,
                (base * 0.7 + 30.0) as u8,
            ]);
        }
    }
    pixels
}

/// Decodes a region, or all, of a level; the sum makes sure that somebody looks.
pub fn decode(file: &Arc<[u8]>, level: u32, rect: Option<Rect>) -> u64 {
    let input = Input::memory(Arc::clone(file), "bench");
    let mut decoder = open(input, &Limits::default()).expect("a good file");
    let size = decoder.info().subimages[0].levels[level as usize].size;
    let region = Region {
        subimage: 0,
        level,
        rect: rect.unwrap_or(size.rect()),
    };
    let mut sum = 0;
    decoder
        .decode(&region, &mut |band| {
            sum += u64::from(band.pixels.data()[0]);
            ControlFlow::Continue(())
        })
        .expect("a good file");
    sum
}
