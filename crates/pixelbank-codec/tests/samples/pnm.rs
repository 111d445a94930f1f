use std::fmt::Write as _;

use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Sample, format, levels, pack_bits, scene};

const SIZE: Size = Size::new(37, 29);

pub fn samples() -> Vec<Sample> {
    vec![
        bitmap(true),
        bitmap(false),
        map("gray8-text.pgm", SIZE, PixelFormat::GRAY8, true),
        map("rgb8-text.ppm", SIZE, PixelFormat::RGB8, true),
        map("gray8.pgm", SIZE, PixelFormat::GRAY8, false),
        map("rgb8.ppm", SIZE, PixelFormat::RGB8, false),
        map("one-pixel.ppm", Size::new(1, 1), PixelFormat::RGB8, false),
        map("rgb16.ppm", SIZE, PixelFormat::RGB16, false),
        map("rgb16-text.ppm", SIZE, PixelFormat::RGB16, true),
        map(
            "gray16.pgm",
            SIZE,
            format(Channels::Gray, SampleType::U16),
            false,
        ),
        arbitrary("rgba8.pam", PixelFormat::RGBA8, "RGB_ALPHA"),
        arbitrary("graya8.pam", PixelFormat::GRAYA8, "GRAYSCALE_ALPHA"),
        few_levels(),
        floats("rgb32f.pfm", Channels::Rgb, true),
        floats("gray32f-big-endian.pfm", Channels::Gray, false),
    ]
}

/// The last row first.
fn floats(name: &str, channels: Channels, is_little_endian: bool) -> Sample {
    let pixels = format(channels, SampleType::F32);
    let data = scene(SIZE, pixels);
    let kind = if channels == Channels::Rgb {
        "PF"
    } else {
        "Pf"
    };
    let scale = if is_little_endian { "-1.0" } else { "1.0" };
    let mut bytes = format!("{kind}\n{} {}\n{scale}\n", SIZE.width, SIZE.height).into_bytes();
    for row in data.chunks_exact(pixels.row_bytes(SIZE.width)).rev() {
        for sample in row.chunks_exact(4) {
            let value = f32::from_ne_bytes(sample.try_into().unwrap());
            bytes.extend(if is_little_endian {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            });
        }
    }
    Sample::exact(name, bytes, Format::Pnm, SIZE, pixels, data)
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        map("large.ppm", size, PixelFormat::RGB8, false),
        map("large-text.ppm", size, PixelFormat::RGB8, true),
    ]
}

fn big_endian(data: &[u8], pixels: PixelFormat) -> Vec<u8> {
    match pixels.sample {
        SampleType::U16 => data
            .chunks_exact(2)
            .flat_map(|pair| u16::from_ne_bytes([pair[0], pair[1]]).to_be_bytes())
            .collect(),
        _ => data.to_vec(),
    }
}

fn map(name: &str, size: Size, pixels: PixelFormat, is_text: bool) -> Sample {
    let data = scene(size, pixels);
    let (text, binary) = match pixels.channels {
        Channels::Gray => ("P2", "P5"),
        _ => ("P3", "P6"),
    };
    let top = match pixels.sample {
        SampleType::U16 => 65535,
        _ => 255,
    };
    let magic = if is_text { text } else { binary };
    let header = format!(
        "{magic}\n# a comment\n{} {}\n{top}\n",
        size.width, size.height
    );
    let mut bytes = header.into_bytes();
    let stored = big_endian(&data, pixels);
    if is_text {
        let mut text = String::new();
        for (index, sample) in stored.chunks(pixels.sample.bytes()).enumerate() {
            let value = sample
                .iter()
                .fold(0u32, |sum, &byte| sum << 8 | u32::from(byte));
            let space = if index % 17 == 16 { "\n" } else { " " };
            write!(text, "{value}{space}").unwrap();
        }
        bytes.extend(text.into_bytes());
    } else {
        bytes.extend(stored);
    }
    Sample::exact(name, bytes, Format::Pnm, size, pixels, data)
}

/// 1 is black.
fn bitmap(is_text: bool) -> Sample {
    let values = levels(SIZE, 2);
    let size = format!("{} {}\n", SIZE.width, SIZE.height);
    let (name, bytes) = if is_text {
        let digits: String = values
            .chunks(SIZE.width as usize)
            .map(|row| row.iter().map(|v| char::from(b'0' + v)).collect::<String>() + "\n")
            .collect();
        ("text.pbm", format!("P1\n{size}{digits}").into_bytes())
    } else {
        let mut bytes = format!("P4\n{size}").into_bytes();
        bytes.extend(pack_bits(&values, SIZE.width, 1).concat());
        ("binary.pbm", bytes)
    };
    let data = values.iter().map(|&value| 255 * (1 - value)).collect();
    Sample::exact(name, bytes, Format::Pnm, SIZE, PixelFormat::GRAY8, data)
}

fn arbitrary(name: &str, pixels: PixelFormat, kind: &str) -> Sample {
    let data = scene(SIZE, pixels);
    let mut bytes = format!(
        "P7\nWIDTH {}\nHEIGHT {}\nDEPTH {}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n",
        SIZE.width,
        SIZE.height,
        pixels.channels.count(),
    )
    .into_bytes();
    bytes.extend(&data);
    Sample::exact(name, bytes, Format::Pnm, SIZE, pixels, data)
}

/// White is 15, and becomes 255.
fn few_levels() -> Sample {
    let values = levels(SIZE, 16);
    let mut bytes = format!("P5 {} {} 15\n", SIZE.width, SIZE.height).into_bytes();
    bytes.extend(&values);
    let data = values.iter().map(|value| value * 17).collect();
    Sample::exact(
        "gray4.pgm",
        bytes,
        Format::Pnm,
        SIZE,
        PixelFormat::GRAY8,
        data,
    )
}
