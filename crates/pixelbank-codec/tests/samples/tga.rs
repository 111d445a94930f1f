use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, Size};

use super::{Sample, levels, palette, scene};

const SIZE: Size = Size::new(37, 41);

pub fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (kind, pixels) in [
        ("gray8", PixelFormat::GRAY8),
        ("graya8", PixelFormat::GRAYA8),
        ("rgb8", PixelFormat::RGB8),
        ("rgba8", PixelFormat::RGBA8),
    ] {
        for (order, is_bottom_up) in [("", false), ("-bottom-up", true)] {
            for (packing, has_runs) in [("", false), ("-runs", true)] {
                let name = format!("{kind}{order}{packing}.tga");
                samples.push(direct(&name, SIZE, pixels, is_bottom_up, has_runs));
            }
        }
    }
    samples.push(direct(
        "one-pixel.tga",
        Size::new(1, 1),
        PixelFormat::RGB8,
        true,
        true,
    ));
    samples.push(indexed(false));
    samples.push(indexed(true));
    samples
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        direct("large.tga", size, PixelFormat::RGB8, true, false),
        direct("large-runs.tga", size, PixelFormat::RGBA8, true, true),
    ]
}

/// Runs and literal packets; they do not stop at the end of a row, as those of many programs do not.
fn runs(pixels: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = pixels;
    while let Some(first) = rest.first() {
        let equal = rest.iter().take(128).take_while(|p| p == &first).count();
        if equal > 1 {
            bytes.push(0x7f + equal as u8);
            bytes.extend(*first);
            rest = &rest[equal..];
            continue;
        }
        let literal = rest
            .windows(2)
            .take(127)
            .take_while(|pair| pair[0] != pair[1])
            .count()
            .max(1);
        bytes.push(literal as u8 - 1);
        bytes.extend(rest[..literal].concat());
        rest = &rest[literal..];
    }
    bytes
}

fn store(
    data: &[u8],
    size: Size,
    pixel_bytes: usize,
    is_bottom_up: bool,
    has_runs: bool,
) -> Vec<u8> {
    let mut rows: Vec<&[u8]> = data.chunks(size.width as usize * pixel_bytes).collect();
    if is_bottom_up {
        rows.reverse();
    }
    let pixels: Vec<&[u8]> = rows
        .iter()
        .flat_map(|row| row.chunks(pixel_bytes))
        .collect();
    if has_runs {
        runs(&pixels)
    } else {
        pixels.concat()
    }
}

fn footer(bytes: &mut Vec<u8>) {
    bytes.extend([0; 8]);
    bytes.extend(b"TRUEVISION-XFILE.\0");
}

fn header(kind: u8, size: Size, depth: usize, alpha_bits: u8, is_bottom_up: bool) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend((size.width as u16).to_le_bytes());
    bytes.extend((size.height as u16).to_le_bytes());
    bytes.push(depth as u8);
    bytes.push(alpha_bits | if is_bottom_up { 0 } else { 0x20 });
    bytes
}

fn direct(
    name: &str,
    size: Size,
    pixels: PixelFormat,
    is_bottom_up: bool,
    has_runs: bool,
) -> Sample {
    let data = scene(size, pixels);
    let is_gray = matches!(pixels.channels, Channels::Gray | Channels::GrayAlpha);
    let kind = if is_gray { 3 } else { 2 } | if has_runs { 8 } else { 0 };
    let alpha_bits = if pixels.channels.has_alpha() { 8 } else { 0 };
    let pixel_bytes = pixels.pixel_bytes();
    let mut bytes = header(kind, size, pixel_bytes * 8, alpha_bits, is_bottom_up);
    let mut stored = data.clone();
    if !is_gray {
        for pixel in stored.chunks_mut(pixel_bytes) {
            pixel.swap(0, 2);
        }
    }
    bytes.extend(store(&stored, size, pixel_bytes, is_bottom_up, has_runs));
    footer(&mut bytes);
    Sample::exact(name, bytes, Format::Tga, size, pixels, data)
}

/// A colour map that begins with colour 5, behind a few words.
fn indexed(has_runs: bool) -> Sample {
    let colors = palette(100);
    let values = levels(SIZE, 100);
    let stored: Vec<u8> = values.iter().map(|value| value + 5).collect();
    let mut bytes = header(if has_runs { 9 } else { 1 }, SIZE, 8, 0, true);
    let note = b"a note";
    bytes[0] = note.len() as u8;
    bytes[1] = 1;
    bytes[3] = 5;
    bytes[5] = 100;
    bytes[7] = 24;
    bytes.extend(note);
    bytes.extend(colors.iter().flat_map(|&[r, g, b]| [b, g, r]));
    bytes.extend(store(&stored, SIZE, 1, true, has_runs));
    footer(&mut bytes);
    let data = values.iter().flat_map(|&i| colors[i as usize]).collect();
    let name = if has_runs {
        "indexed-runs.tga"
    } else {
        "indexed.tga"
    };
    Sample::exact(name, bytes, Format::Tga, SIZE, PixelFormat::RGB8, data)
}
