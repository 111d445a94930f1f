//! WebP: how long regions and levels take to read, and tiles to write.
//!
//! `cargo bench -p pixelbank-codec --bench webp`. Prints medians of CPU milliseconds (one thread).

mod measure;

use std::hint::black_box;
use std::sync::Arc;

use measure::{cpu_ms, decode, median, picture};
use pixelbank_codec::{Embed, WebPOptions, encode_webp};
use pixelbank_image::{PixelFormat, Rect, Size, View};

fn measure(name: &str, rounds: usize, mut work: impl FnMut() -> u64) {
    let times = (0..rounds)
        .map(|_| {
            let start = cpu_ms();
            black_box(work());
            cpu_ms() - start
        })
        .collect();
    println!("{name:<52} {:>9.2} ms", median(times));
}

fn main() {
    let size = Size::new(4000, 3000);
    let pixels = picture(size, 4);
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
