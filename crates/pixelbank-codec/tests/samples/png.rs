use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};
use png::{BitDepth, ColorType};

use super::{Sample, format, levels, pack_bits, palette, scene};

const SIZE: Size = Size::new(37, 29);

pub fn samples() -> Vec<Sample> {
    let mut samples = vec![
        truecolor("gray8.png", SIZE, Channels::Gray, SampleType::U8),
        truecolor("graya8.png", SIZE, Channels::GrayAlpha, SampleType::U8),
        truecolor("rgb8.png", SIZE, Channels::Rgb, SampleType::U8),
        truecolor("rgba8.png", SIZE, Channels::Rgba, SampleType::U8),
        truecolor("gray16.png", SIZE, Channels::Gray, SampleType::U16),
        truecolor("rgb16.png", SIZE, Channels::Rgb, SampleType::U16),
        truecolor("rgba16.png", SIZE, Channels::Rgba, SampleType::U16),
        truecolor(
            "one-pixel.png",
            Size::new(1, 1),
            Channels::Rgb,
            SampleType::U8,
        ),
        truecolor(
            "one-row.png",
            Size::new(300, 1),
            Channels::Gray,
            SampleType::U8,
        ),
        truecolor(
            "one-column.png",
            Size::new(1, 300),
            Channels::Rgba,
            SampleType::U8,
        ),
        key_color(),
    ];
    samples.extend([1, 2, 4].map(|bits| few_bits(bits, false)));
    samples.extend([1, 2, 4, 8].map(|bits| indexed(bits, false)));
    samples.push(indexed(8, true));
    samples.push(interlaced("interlaced.png", SIZE));
    samples.push(interlaced("interlaced-small.png", Size::new(3, 2)));
    samples
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        truecolor("large-rgb8.png", size, Channels::Rgb, SampleType::U8),
        truecolor("large-rgba16.png", size, Channels::Rgba, SampleType::U16),
        // Rows so long that the crate's own buffer is what counts.
        truecolor(
            "wide.png",
            Size::new(200_000, 8),
            Channels::Rgba,
            SampleType::U8,
        ),
        interlaced("large-interlaced.png", size),
    ]
}

fn encode(
    size: Size,
    color: ColorType,
    depth: BitDepth,
    rows: &[u8],
    also: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    also(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rows).unwrap();
    writer.finish().unwrap();
    bytes
}

fn color_type(channels: Channels) -> ColorType {
    match channels {
        Channels::Gray => ColorType::Grayscale,
        Channels::GrayAlpha => ColorType::GrayscaleAlpha,
        Channels::Rgb => ColorType::Rgb,
        _ => ColorType::Rgba,
    }
}

fn truecolor(name: &str, size: Size, channels: Channels, sample: SampleType) -> Sample {
    let pixels = format(channels, sample);
    let data = scene(size, pixels);
    let (depth, rows) = match sample {
        SampleType::U16 => (
            BitDepth::Sixteen,
            data.chunks_exact(2)
                .flat_map(|pair| u16::from_ne_bytes([pair[0], pair[1]]).to_be_bytes())
                .collect(),
        ),
        _ => (BitDepth::Eight, data.clone()),
    };
    let bytes = encode(size, color_type(channels), depth, &rows, |_| {});
    Sample::exact(name, bytes, Format::Png, size, pixels, data)
}

/// Grey of 1, 2 or 4 bits, which becomes 8.
fn few_bits(bits: u32, _: bool) -> Sample {
    let top = (1u8 << bits) - 1;
    let values = levels(SIZE, top + 1);
    let rows = pack_bits(&values, SIZE.width, bits).concat();
    let depth = BitDepth::from_u8(bits as u8).unwrap();
    let bytes = encode(SIZE, ColorType::Grayscale, depth, &rows, |_| {});
    let data = values.iter().map(|value| value * (255 / top)).collect();
    let name = format!("gray{bits}.png");
    Sample::exact(&name, bytes, Format::Png, SIZE, PixelFormat::GRAY8, data)
}

fn indexed(bits: u32, with_alpha: bool) -> Sample {
    let count = (1usize << bits).min(200);
    let values = levels(SIZE, count as u8);
    let colors = palette(count);
    let alphas: Vec<u8> = (0..count as u8).collect();
    let rows = pack_bits(&values, SIZE.width, bits).concat();
    let depth = BitDepth::from_u8(bits as u8).unwrap();
    let bytes = encode(SIZE, ColorType::Indexed, depth, &rows, |encoder| {
        encoder.set_palette(colors.concat());
        if with_alpha {
            encoder.set_trns(alphas.clone());
        }
    });
    let data = values
        .iter()
        .flat_map(|&index| {
            let mut pixel = colors[index as usize].to_vec();
            if with_alpha {
                pixel.push(alphas[index as usize]);
            }
            pixel
        })
        .collect();
    let (name, pixels) = if with_alpha {
        ("indexed-alpha.png".to_owned(), PixelFormat::RGBA8)
    } else {
        (format!("indexed{bits}.png"), PixelFormat::RGB8)
    };
    Sample::exact(&name, bytes, Format::Png, SIZE, pixels, data)
}

/// RGB in which one colour is transparent.
fn key_color() -> Sample {
    let opaque = scene(SIZE, PixelFormat::RGB8);
    let key = [200, 200, 200];
    let trns = key
        .iter()
        .flat_map(|&value| [0, value])
        .collect::<Vec<u8>>();
    let bytes = encode(SIZE, ColorType::Rgb, BitDepth::Eight, &opaque, |encoder| {
        encoder.set_trns(trns);
    });
    let data: Vec<u8> = opaque
        .chunks_exact(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], if rgb == key { 0 } else { 255 }])
        .collect();
    assert!(data.chunks_exact(4).any(|pixel| pixel[3] == 0));
    Sample::exact(
        "key-colour.png",
        bytes,
        Format::Png,
        SIZE,
        PixelFormat::RGBA8,
        data,
    )
}

/// The `png` crate does not write Adam7, so the chunks are put together here, without filters.
fn interlaced(name: &str, size: Size) -> Sample {
    const PASSES: [[u32; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];
    let data = scene(size, PixelFormat::RGB8);
    let mut raw = Vec::new();
    for [x0, y0, dx, dy] in PASSES {
        if x0 >= size.width {
            continue;
        }
        for y in (y0..size.height).step_by(dy as usize) {
            raw.push(0);
            for x in (x0..size.width).step_by(dx as usize) {
                let at = (y * size.width + x) as usize * 3;
                raw.extend(&data[at..at + 3]);
            }
        }
    }
    let mut header = Vec::new();
    header.extend(size.width.to_be_bytes());
    header.extend(size.height.to_be_bytes());
    header.extend([8, 2, 0, 0, 1]);
    let bytes = file(&[
        (*b"IHDR", header),
        (*b"IDAT", fdeflate::compress_to_vec(&raw)),
        (*b"IEND", Vec::new()),
    ]);
    Sample::exact(name, bytes, Format::Png, size, PixelFormat::RGB8, data)
}

/// A file of these chunks.
pub fn file(chunks: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        let covered = [kind.as_slice(), data].concat();
        bytes.extend(&covered);
        bytes.extend(crc(&covered).to_be_bytes());
    }
    bytes
}

/// CRC-32 as PNG's annex D has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
