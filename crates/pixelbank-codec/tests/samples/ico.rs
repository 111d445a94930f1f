use pixelbank_codec::Format;
use pixelbank_image::{PixelFormat, Size};

use super::{Known, Sample, levels, pack_bits, palette, png, scene};

const SIZE: Size = Size::new(21, 18);

pub fn samples() -> Vec<Sample> {
    let pictures: Vec<_> = [1, 4, 8]
        .map(indexed)
        .into_iter()
        .chain([
            sixteen(),
            truecolor(),
            with_alpha(),
            without_alpha(),
            without_mask(),
        ])
        .collect();
    let mut all = pictures.clone();
    all.push(of_png());
    vec![
        icon("icon.ico", 1, &all),
        icon("cursor.cur", 2, &all[2..6]),
        icon("one.ico", 1, &all[5..6]),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    let rgba = scene(size, PixelFormat::RGBA8);
    let bitmap = bitmap(size, 32, &[], &bgra_rows(&rgba, size), None);
    vec![icon(
        "large.ico",
        1,
        &[(size, PixelFormat::RGBA8, bitmap, rgba)],
    )]
}

/// Size, format, stored picture, and the pixels that it has.
type Picture = (Size, PixelFormat, Vec<u8>, Vec<u8>);

fn icon(name: &str, kind: u8, pictures: &[Picture]) -> Sample {
    let mut bytes = vec![0, 0, kind, 0, pictures.len() as u8, 0];
    let mut at = 6 + 16 * pictures.len();
    for (size, _, stored, _) in pictures {
        bytes.extend([size.width as u8, size.height as u8, 0, 0, 3, 0, 4, 0]);
        bytes.extend((stored.len() as u32).to_le_bytes());
        bytes.extend((at as u32).to_le_bytes());
        at += stored.len();
    }
    let mut subimages = Vec::new();
    for (size, pixels, stored, data) in pictures {
        bytes.extend(stored);
        subimages.push(Known {
            size: *size,
            pixels: *pixels,
            data: Some(data.clone()),
            tolerance: 0,
        });
    }
    Sample {
        name: name.to_owned(),
        bytes,
        format: Format::Ico,
        subimages,
    }
}

/// A bitmap of these rows, the first of them the uppermost, and of a mask.
fn bitmap(
    size: Size,
    bits: u16,
    colors: &[[u8; 3]],
    rows: &[Vec<u8>],
    mask: Option<&[bool]>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(size.width.to_le_bytes());
    bytes.extend((size.height * 2).to_le_bytes());
    bytes.extend([1, 0]);
    bytes.extend(bits.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend([0; 4]);
    bytes.extend((colors.len() as u32).to_le_bytes());
    bytes.extend([0; 4]);
    for [red, green, blue] in colors {
        bytes.extend([*blue, *green, *red, 0]);
    }
    let mut push = |row: &[u8]| {
        bytes.extend(row);
        let padding = row.len().next_multiple_of(4) - row.len();
        bytes.extend(vec![0; padding]);
    };
    for row in rows.iter().rev() {
        push(row);
    }
    if let Some(mask) = mask {
        let values: Vec<u8> = mask.iter().map(|&is_hidden| is_hidden.into()).collect();
        for row in pack_bits(&values, size.width, 1).iter().rev() {
            push(row);
        }
    }
    bytes
}

fn bgra_rows(rgba: &[u8], size: Size) -> Vec<Vec<u8>> {
    rgba.chunks_exact(size.width as usize * 4)
        .map(|row| {
            row.chunks_exact(4)
                .flat_map(|pixel| [pixel[2], pixel[1], pixel[0], pixel[3]])
                .collect()
        })
        .collect()
}

fn mask() -> Vec<bool> {
    levels(SIZE, 5).iter().map(|&value| value == 2).collect()
}

/// Opaque pixels, but for those that the mask hides.
fn masked(colors: impl Iterator<Item = [u8; 3]>, mask: &[bool]) -> Vec<u8> {
    colors
        .zip(mask)
        .flat_map(|([red, green, blue], &is_hidden)| {
            [red, green, blue, if is_hidden { 0 } else { 255 }]
        })
        .collect()
}

fn indexed(bits: u16) -> Picture {
    let count = (1usize << bits).min(200);
    let values = levels(SIZE, count as u8);
    let colors = palette(count);
    let rows = pack_bits(&values, SIZE.width, bits.into());
    let data = masked(values.iter().map(|&index| colors[index as usize]), &mask());
    // All colours that there can be, or as many as are said to be used.
    let stored = bitmap(SIZE, bits, &colors, &rows, Some(&mask()));
    (SIZE, PixelFormat::RGBA8, stored, data)
}

fn sixteen() -> Picture {
    let values = levels(SIZE, 32);
    let rows: Vec<Vec<u8>> = values
        .chunks_exact(SIZE.width as usize)
        .map(|row| {
            row.iter()
                .flat_map(|&value| {
                    let value = u16::from(value);
                    (value << 10 | (31 - value) << 5 | (value / 2)).to_le_bytes()
                })
                .collect()
        })
        .collect();
    let wide = |value: u8| value << 3 | value >> 2;
    let colors = values
        .iter()
        .map(|&value| [wide(value), wide(31 - value), wide(value / 2)]);
    let data = masked(colors, &mask());
    let stored = bitmap(SIZE, 16, &[], &rows, Some(&mask()));
    (SIZE, PixelFormat::RGBA8, stored, data)
}

fn truecolor() -> Picture {
    let rgb = scene(SIZE, PixelFormat::RGB8);
    let rows: Vec<Vec<u8>> = rgb
        .chunks_exact(SIZE.width as usize * 3)
        .map(|row| {
            row.chunks_exact(3)
                .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]])
                .collect()
        })
        .collect();
    let colors = rgb
        .chunks_exact(3)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let data = masked(colors, &mask());
    let stored = bitmap(SIZE, 24, &[], &rows, Some(&mask()));
    (SIZE, PixelFormat::RGBA8, stored, data)
}

/// The mask does not count beside an alpha channel.
fn with_alpha() -> Picture {
    let rgba = scene(SIZE, PixelFormat::RGBA8);
    let stored = bitmap(SIZE, 32, &[], &bgra_rows(&rgba, SIZE), Some(&mask()));
    (SIZE, PixelFormat::RGBA8, stored, rgba)
}

/// An alpha channel of nothing but zeros is none.
fn without_alpha() -> Picture {
    let mut rgba = scene(SIZE, PixelFormat::RGBA8);
    for pixel in rgba.chunks_exact_mut(4) {
        pixel[3] = 0;
    }
    let stored = bitmap(SIZE, 32, &[], &bgra_rows(&rgba, SIZE), Some(&mask()));
    let colors = rgba
        .chunks_exact(4)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    let data = masked(colors, &mask());
    (SIZE, PixelFormat::RGBA8, stored, data)
}

fn without_mask() -> Picture {
    let values = levels(SIZE, 16);
    let colors = palette(16);
    let rows = pack_bits(&values, SIZE.width, 4);
    let shown = values.iter().map(|&index| colors[index as usize]);
    let data = masked(shown, &vec![false; values.len()]);
    let stored = bitmap(SIZE, 4, &colors, &rows, None);
    (SIZE, PixelFormat::RGBA8, stored, data)
}

fn of_png() -> Picture {
    let png = png::samples()
        .into_iter()
        .find(|sample| sample.name == "graya8.png")
        .unwrap();
    let known = &png.subimages[0];
    (
        known.size,
        known.pixels,
        png.bytes.clone(),
        known.data.clone().unwrap(),
    )
}
