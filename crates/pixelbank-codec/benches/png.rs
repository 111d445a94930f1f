//! Time and size of writing PNG by each way that the `png` crate offers, on something like a photograph: the figures
//! of `docs/notes/png-encoding.md`.
//!
//! `cargo bench -p pixelbank-codec --bench png`

use std::io::Write;
use std::time::{Duration, Instant};

use pixelbank_codec::{Embed, PngCompression, PngOptions, encode_png};
use pixelbank_image::{PixelFormat, Rect, Size, View};
use png::{BitDepth, ColorType, DeflateCompression, Filter};

const SIZE: Size = Size::new(1024, 1024);

/// Smooth shapes of several sizes with a sensor's noise on top.
fn photograph() -> Vec<u8> {
    let mut random = 0x2545_f491u32;
    let mut pixels = Vec::new();
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let (x, y) = (f64::from(x), f64::from(y));
            for channel in 0..3 {
                let phase = f64::from(channel);
                let shapes = (x / 211.0 + phase).sin() * (y / 157.0).cos() * 60.0
                    + (x / 31.0 - y / 43.0 + phase).sin() * 25.0
                    + ((x * x + y * y).sqrt() / 9.0).sin() * 6.0;
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let noise = f64::from(random % 9) - 4.0;
                pixels.push((128.0 + shapes + noise).clamp(0.0, 255.0) as u8);
            }
        }
    }
    pixels
}

/// Flat areas with sharp edges, as on a screen.
fn drawing() -> Vec<u8> {
    (0..SIZE.height)
        .flat_map(|y| (0..SIZE.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let is_line = (x / 3 + y / 5) % 11 == 0 && (x / 64 + y / 48) % 3 == 0;
            let area = (x / 90 * 37 + y / 70 * 91) % 200;
            if is_line {
                [20, 20, 30]
            } else {
                [area as u8, 240, (255 - area) as u8]
            }
        })
        .collect()
}

/// The shortest of seven runs, and the bytes.
fn measure(mut encode: impl FnMut() -> usize) -> (Duration, usize) {
    (0..7)
        .map(|_| {
            let start = Instant::now();
            let bytes = encode();
            (start.elapsed(), bytes)
        })
        .min()
        .expect("seven is more than none")
}

fn by_crate(view: View<'_>, compression: DeflateCompression, filter: Filter) -> usize {
    let mut file = Vec::new();
    let size = view.size();
    let mut encoder = png::Encoder::new(&mut file, size.width, size.height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(compression);
    encoder.set_filter(filter);
    let mut writer = encoder.write_header().expect("writing to memory");
    let mut stream = writer.stream_writer().expect("writing to memory");
    for row in view.rows() {
        stream.write_all(row).expect("writing to memory");
    }
    stream.finish().expect("writing to memory");
    writer.finish().expect("writing to memory");
    file.len()
}

fn main() {
    let (photograph, drawing) = (photograph(), drawing());
    let view = |pixels| View::packed(pixels, SIZE, PixelFormat::RGB8).expect("as long as that");
    let tile = view(&photograph)
        .crop(Rect::new(700, 500, 256, 256))
        .expect("the tile lies inside");
    for (what, view) in [
        ("A photograph of 1024 × 1024", view(&photograph)),
        ("A tile of 256 × 256 of it", tile),
        ("A drawing of 1024 × 1024", view(&drawing)),
    ] {
        println!("\n{what}\n| way | ms | KiB |\n| --- | --- | --- |");
        let show = |way: &str, (time, bytes): (Duration, usize)| {
            println!(
                "| {way} | {:.2} | {} |",
                time.as_secs_f64() * 1000.0,
                bytes / 1024
            );
        };
        for (name, compression) in [
            ("fdeflate", DeflateCompression::FdeflateUltraFast),
            ("level 1", DeflateCompression::Level(1)),
            ("level 3", DeflateCompression::Level(3)),
            ("level 6", DeflateCompression::Level(6)),
            ("level 7", DeflateCompression::Level(7)),
            ("level 8", DeflateCompression::Level(8)),
            ("level 9", DeflateCompression::Level(9)),
        ] {
            for (filter_name, filter) in [
                ("up", Filter::Up),
                ("sub", Filter::Sub),
                ("adaptive", Filter::Adaptive),
            ] {
                let way = format!("{name}, {filter_name}");
                show(&way, measure(|| by_crate(view, compression, filter)));
            }
        }
        for compression in [
            PngCompression::Fast,
            PngCompression::Default,
            PngCompression::Best,
        ] {
            let options = PngOptions { compression };
            let encoded = measure(|| {
                encode_png(view, &options, &Embed::default())
                    .expect("writing to memory")
                    .len()
            });
            show(&format!("**{compression:?}**"), encoded);
        }
    }
}
