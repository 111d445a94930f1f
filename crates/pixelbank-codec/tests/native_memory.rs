//! What decoding JPEG and WebP really allocates, the C libraries' own memory included, against `working_bytes`.
//!
//! In a process of its own with a single test, since it replaces the C allocator's entry points by ones that count.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used)]

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use jpeg_encoder::{ColorType, SamplingFactor};
use pixelbank_codec::{Decoder, Embed, Input, Limits, Region, WebPOptions, encode_webp, open};
use pixelbank_image::{PixelFormat, Rect, Size, View};

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

fn bytes_of(block: *mut c_void) -> i64 {
    // SAFETY: null or a live block of glibc's allocator.
    unsafe { libc::malloc_usable_size(block) as i64 }
}

fn add(block: *mut c_void) -> *mut c_void {
    let bytes = bytes_of(block);
    PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    block
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: glibc's own function, called as its own.
    add(unsafe { __libc_malloc(size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: as above.
    add(unsafe { __libc_calloc(count, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    LIVE.fetch_sub(bytes_of(old), Relaxed);
    // SAFETY: as above.
    add(unsafe { __libc_realloc(old, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int {
    // SAFETY: as above.
    let block = add(unsafe { __libc_memalign(align, size) });
    // SAFETY: the caller passes a place for the result.
    unsafe { *out = block };
    if block.is_null() { libc::ENOMEM } else { 0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    LIVE.fetch_sub(bytes_of(block), Relaxed);
    // SAFETY: as above.
    unsafe { __libc_free(block) }
}

/// Bytes that `work` held at most beyond what was held before.
fn peak_of(work: impl FnOnce()) -> u64 {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    (PEAK.load(Relaxed) - before) as u64
}

fn encode(size: Size, color: ColorType, sampling: SamplingFactor, progressive: bool) -> Vec<u8> {
    let channels = match color {
        ColorType::Luma => 1,
        ColorType::Cmyk => 4,
        _ => 3,
    };
    let pixels: Vec<u8> = (0..size.pixels() * channels)
        .map(|i| (i / 5 % 251) as u8)
        .collect();
    let mut stream = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut stream, 80);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(progressive);
    let (width, height) = (size.width as u16, size.height as u16);
    encoder.encode(&pixels, width, height, color).unwrap();
    stream
}

fn check(decoder: &mut dyn Decoder, region: Region, name: &str, factor: u64) {
    let bound = decoder.working_bytes(&region);
    let peak = peak_of(|| {
        decoder
            .decode(&region, &mut |_| ControlFlow::Continue(()))
            .unwrap();
    });
    println!("{name} {region:?}: {peak} of {bound}");
    assert!(peak <= bound, "{name} {region:?}: {peak} exceeds {bound}");
    // Beside a fixed part that a small image does not use up.
    let loose = bound.saturating_sub(96 << 10);
    assert!(
        peak * factor > loose,
        "{name} {region:?}: {peak} is far below {bound}"
    );
}

/// The whole and a part of every level, from memory and from a file. The announced bytes may be `factor` times the
/// true ones.
fn check_all(file: Vec<u8>, name: &str, factor: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    std::fs::write(&path, &file).unwrap();
    let inputs = [
        Input::memory(Arc::from(file), "memory"),
        Input::path(&path).unwrap(),
    ];
    for input in inputs {
        let mut decoder = open(input, &Limits::default()).unwrap();
        let levels = decoder.info().subimages[0].levels.clone();
        for (level, spec) in (0..).zip(levels) {
            let size = spec.size;
            let middle = Rect::new(
                size.width / 3,
                size.height / 3,
                size.width / 4 + 1,
                size.height / 4 + 1,
            );
            for rect in [size.rect(), middle] {
                let region = Region {
                    subimage: 0,
                    level,
                    rect,
                };
                check(&mut *decoder, region, name, factor);
            }
        }
    }
}

/// Noise of different strength in different places: as hard to compress as can be, and with many sorts of blocks.
fn noise(size: Size, channels: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let strength = (x / 32 * 7 + y / 32 * 5) % 8;
            let mut value = [0; 4];
            for value in &mut value {
                seed ^= seed << 13;
                seed ^= seed >> 17;
                seed ^= seed << 5;
                *value = (seed >> 24 >> strength) as u8;
            }
            value.into_iter().take(channels)
        })
        .collect()
}

fn webp() {
    for (width, height) in [(40, 30), (1031, 771), (2100, 300), (300, 2100)] {
        let size = Size::new(width, height);
        for (format, channels) in [(PixelFormat::RGB8, 3), (PixelFormat::RGBA8, 4)] {
            for lossless in [false, true] {
                let pixels = noise(size, channels);
                let view = View::packed(&pixels, size, format).unwrap();
                let options = WebPOptions {
                    quality: 95,
                    lossless,
                };
                let file = encode_webp(view, &options, &Embed::default()).unwrap();
                // Lossless coding does not tell how many codes it has, nor alpha whether it takes one byte or four.
                let factor = match (lossless, channels) {
                    (true, _) => 3,
                    (false, 4) => 4,
                    _ => 2,
                };
                let name = format!("WebP {size} {format} lossless {lossless}");
                check_all(file, &name, factor);
            }
        }
    }
}

#[test]
fn decoding_stays_below_what_it_announces() {
    // The counting works at all.
    assert!(peak_of(|| drop(std::hint::black_box(vec![1_u8; 100_000]))) >= 100_000);
    jpeg();
    webp();
}

fn jpeg() {
    use SamplingFactor as S;
    let sizes = [(40, 30), (1031, 771), (4200, 300), (300, 4200)];
    for (width, height) in sizes {
        let size = Size::new(width, height);
        for (color, sampling) in [
            (ColorType::Luma, S::F_1_1),
            (ColorType::Rgb, S::F_1_1),
            (ColorType::Rgb, S::F_2_1),
            (ColorType::Rgb, S::F_1_2),
            (ColorType::Rgb, S::F_2_2),
            (ColorType::Rgb, S::F_4_2),
            (ColorType::Rgb, S::F_2_4),
            (ColorType::Cmyk, S::F_1_1),
        ] {
            for progressive in [false, true] {
                let stream = encode(size, color, sampling, progressive);
                let name = format!("{size} {color:?} {sampling:?} progressive {progressive}");
                check_all(stream, &name, 2);
            }
        }
    }
}
