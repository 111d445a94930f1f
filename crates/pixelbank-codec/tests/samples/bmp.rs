use pixelbank_codec::Format;
use pixelbank_image::{PixelFormat, Size};

use super::{Sample, levels, pack_bits, palette, scene};

/// Odd, so that rows need padding.
const SIZE: Size = Size::new(37, 29);

pub fn samples() -> Vec<Sample> {
    let mut samples = vec![
        rgb("rgb24.bmp", SIZE, false),
        rgb("top-down.bmp", SIZE, true),
        rgb("one-pixel.bmp", Size::new(1, 1), false),
        core_header(),
        rgba(),
        rgb565(),
        run_lengths("rle8.bmp", SIZE),
    ];
    samples.extend([1, 4, 8].map(indexed));
    samples
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        rgb("large.bmp", size, false),
        run_lengths("large-rle8.bmp", size),
    ]
}

/// A file of these parts; `compression` 3 means masks.
fn file(size: (i32, i32), bits: u16, compression: u32, extra: &[u8], pixels: &[u8]) -> Vec<u8> {
    let header_bytes = 40 + extra.len();
    let mut bytes = b"BM".to_vec();
    bytes.extend(((14 + header_bytes + pixels.len()) as u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((14 + header_bytes as u32).to_le_bytes());
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(size.0.to_le_bytes());
    bytes.extend(size.1.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(compression.to_le_bytes());
    bytes.extend((pixels.len() as u32).to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(extra);
    bytes.extend(pixels);
    bytes
}

/// Rows from the bottom, each padded to four bytes.
fn bottom_up(mut rows: Vec<Vec<u8>>) -> Vec<u8> {
    rows.reverse();
    padded(rows)
}

fn padded(rows: Vec<Vec<u8>>) -> Vec<u8> {
    rows.into_iter()
        .flat_map(|mut row| {
            row.resize(row.len().next_multiple_of(4), 0);
            row
        })
        .collect()
}

fn bgr_rows(data: &[u8], width: u32) -> Vec<Vec<u8>> {
    data.chunks(width as usize * 3)
        .map(|row| {
            row.chunks(3)
                .flat_map(|rgb| [rgb[2], rgb[1], rgb[0]])
                .collect()
        })
        .collect()
}

fn rgb(name: &str, size: Size, is_top_down: bool) -> Sample {
    let data = scene(size, PixelFormat::RGB8);
    let rows = bgr_rows(&data, size.width);
    let (width, height) = (size.width as i32, size.height as i32);
    let bytes = if is_top_down {
        file((width, -height), 24, 0, &[], &padded(rows))
    } else {
        file((width, height), 24, 0, &[], &bottom_up(rows))
    };
    Sample::exact(name, bytes, Format::Bmp, size, PixelFormat::RGB8, data)
}

/// The header of OS/2.
fn core_header() -> Sample {
    let data = scene(SIZE, PixelFormat::RGB8);
    let pixels = bottom_up(bgr_rows(&data, SIZE.width));
    let mut bytes = b"BM".to_vec();
    bytes.extend((26 + pixels.len() as u32).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(26u32.to_le_bytes());
    bytes.extend(12u32.to_le_bytes());
    for number in [SIZE.width as u16, SIZE.height as u16, 1, 24] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(&pixels);
    Sample::exact(
        "core.bmp",
        bytes,
        Format::Bmp,
        SIZE,
        PixelFormat::RGB8,
        data,
    )
}

/// 32 bits with alpha, by masks in a header of version 3.
fn rgba() -> Sample {
    let data = scene(SIZE, PixelFormat::RGBA8);
    let rows = data
        .chunks(SIZE.width as usize * 4)
        .map(|row| {
            row.chunks(4)
                .flat_map(|p| [p[2], p[1], p[0], p[3]])
                .collect()
        })
        .collect();
    let masks: Vec<u8> = [0xff0000u32, 0xff00, 0xff, 0xff00_0000]
        .iter()
        .flat_map(|mask| mask.to_le_bytes())
        .collect();
    let mut bytes = file(
        (SIZE.width as i32, SIZE.height as i32),
        32,
        3,
        &masks,
        &bottom_up(rows),
    );
    bytes[14..18].copy_from_slice(&56u32.to_le_bytes());
    Sample::exact(
        "rgba32.bmp",
        bytes,
        Format::Bmp,
        SIZE,
        PixelFormat::RGBA8,
        data,
    )
}

fn rgb565() -> Sample {
    let scene = scene(SIZE, PixelFormat::RGB8);
    let mut data = Vec::new();
    let rows = scene
        .chunks(SIZE.width as usize * 3)
        .map(|row| {
            row.chunks(3)
                .flat_map(|p| {
                    let bits = [p[0] >> 3, p[1] >> 2, p[2] >> 3];
                    let [r, g, b] = bits;
                    data.extend([r << 3 | r >> 2, g << 2 | g >> 4, b << 3 | b >> 2]);
                    (u16::from(bits[0]) << 11 | u16::from(bits[1]) << 5 | u16::from(bits[2]))
                        .to_le_bytes()
                })
                .collect()
        })
        .collect();
    let masks: Vec<u8> = [0xf800u32, 0x07e0, 0x001f]
        .iter()
        .flat_map(|mask| mask.to_le_bytes())
        .collect();
    let bytes = file(
        (SIZE.width as i32, SIZE.height as i32),
        16,
        3,
        &masks,
        &bottom_up(rows),
    );
    Sample::exact(
        "rgb565.bmp",
        bytes,
        Format::Bmp,
        SIZE,
        PixelFormat::RGB8,
        data,
    )
}

fn palette_bytes(bits: u32) -> (Vec<[u8; 3]>, Vec<u8>) {
    let mut colors = palette((1 << bits).min(200));
    colors.resize(1 << bits, [0; 3]);
    let bytes = colors.iter().flat_map(|&[r, g, b]| [b, g, r, 0]).collect();
    (colors, bytes)
}

fn indexed(bits: u32) -> Sample {
    let (colors, stored) = palette_bytes(bits);
    let values = levels(SIZE, (1u32 << bits).min(200) as u8);
    let rows = pack_bits(&values, SIZE.width, bits);
    let bytes = file(
        (SIZE.width as i32, SIZE.height as i32),
        bits as u16,
        0,
        &stored,
        &bottom_up(rows),
    );
    let data = values.iter().flat_map(|&i| colors[i as usize]).collect();
    let name = format!("indexed{bits}.bmp");
    Sample::exact(&name, bytes, Format::Bmp, SIZE, PixelFormat::RGB8, data)
}

/// Runs of one pixel, and absolute ones at the end of each row.
fn run_lengths(name: &str, size: Size) -> Sample {
    let (colors, stored) = palette_bytes(8);
    let values = levels(size, 200);
    let mut pixels = Vec::new();
    for row in values.chunks(size.width as usize).rev() {
        let (runs, absolute) = row.split_at(row.len() - 4);
        for run in runs.chunk_by(|a, b| a == b) {
            for part in run.chunks(255) {
                pixels.extend([part.len() as u8, part[0]]);
            }
        }
        pixels.extend([0, 4]);
        pixels.extend(absolute);
        pixels.extend([0, 0]);
    }
    pixels.extend([0, 1]);
    let bytes = file(
        (size.width as i32, size.height as i32),
        8,
        1,
        &stored,
        &pixels,
    );
    let data = values.iter().flat_map(|&i| colors[i as usize]).collect();
    Sample::exact(name, bytes, Format::Bmp, size, PixelFormat::RGB8, data)
}
