//! WebP: how long regions and levels take to read, and tiles to write.
//!
//! `cargo bench -p pixelbank-codec --bench webp`. Prints medians of CPU milliseconds (one thread).

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_codec::{Embed, Input, Limits, Region, WebPOptions, encode_webp, open};
use pixelbank_image::{PixelFormat, Rect, Size, View};

fn cpu_ms() -> f64 {
    // SAFETY: fills in the structure that it is given.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        time
    };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn measure(name: &str, rounds: usize, mut work: impl FnMut() -> u64) {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = cpu_ms();
            black_box(work());
            cpu_ms() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<52} {:>9.2} ms", times[rounds / 2]);
}

/// What a photograph has: areas, edges, grain.
fn picture(size: Size) -> Vec<u8> {
    let mut seed = 1_u32;
    let mut pixels = Vec::with_capacity(size.pixels() as usize * 3);
    for y in 0..size.height {
        for x in 0..size.width {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let grain = (seed >> 28) as f32;
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

fn decode(file: &Arc<[u8]>, level: u32, rect: Option<Rect>) -> u64 {
    let input = Input::memory(Arc::clone(file), "bench.webp");
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

fn main() {
    let size = Size::new(4000, 3000);
    let pixels = picture(size);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).expect("enough bytes");
    let tile_rect = Rect::new(1800, 1400, 256, 256);
    let tile = view.crop(tile_rect).expect("inside");
    for lossless in [false, true] {
        let options = WebPOptions {
            lossless,
            ..WebPOptions::default()
        };
        let encode = |view| encode_webp(view, &options, &Embed::default()).expect("encodes");
        let bytes = encode(tile).len();
        measure(
            &format!("encode 256×256, lossless {lossless}: {bytes} bytes"),
            9,
            || encode(tile).len() as u64,
        );
        let file: Arc<[u8]> = encode(view).into();
        println!("12 MP, lossless {lossless}: {} bytes", file.len());
        for level in 0..4 {
            measure(&format!("decode 12 MP at 1/{}", 1 << level), 5, || {
                decode(&file, level, None)
            });
        }
        let top = Rect::new(1800, 100, 512, 512);
        measure("decode 512×512 near the top", 5, || {
            decode(&file, 0, Some(top))
        });
        let bottom = Rect::new(1800, 2400, 512, 512);
        measure("decode 512×512 near the bottom", 5, || {
            decode(&file, 0, Some(bottom))
        });
    }
}
