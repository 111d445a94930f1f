use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Sample, levels};

const PIXELS: PixelFormat = PixelFormat::new(Channels::Rgb, SampleType::F32);

pub fn samples() -> Vec<Sample> {
    vec![
        sample("new.hdr", Size::new(37, 29), true, "#?RADIANCE"),
        sample("rgbe.hdr", Size::new(37, 29), true, "#?RGBE"),
        sample("flat.hdr", Size::new(37, 29), false, "#?RADIANCE"),
        sample("one-pixel.hdr", Size::new(1, 1), false, "#?RADIANCE"),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![sample("large.hdr", size, true, "#?RADIANCE")]
}

/// Mantissas and exponents, either each row in four runs or pixel by pixel.
fn sample(name: &str, size: Size, has_runs: bool, magic: &str) -> Sample {
    // Below 200 and above 1, so that nothing looks like a mark of either kind of run.
    let mantissas = levels(size, 198);
    let rgbe: Vec<[u8; 4]> = mantissas
        .iter()
        .enumerate()
        .map(|(i, &value)| [value + 2, (value / 2) + 3, 200, 120 + (i % 16) as u8])
        .collect();
    let mut bytes = format!(
        "{magic}\nSOFTWARE=a test\nFORMAT=32-bit_rle_rgbe\n\n-Y {} +X {}\n",
        size.height, size.width
    )
    .into_bytes();
    for row in rgbe.chunks(size.width as usize) {
        if has_runs {
            bytes.extend([2, 2, (size.width >> 8) as u8, size.width as u8]);
            for channel in 0..4 {
                let values: Vec<u8> = row.iter().map(|pixel| pixel[channel]).collect();
                for run in values.chunk_by(|a, b| a == b) {
                    for part in run.chunks(127) {
                        if part.len() > 2 {
                            bytes.extend([128 + part.len() as u8, part[0]]);
                        } else {
                            bytes.push(part.len() as u8);
                            bytes.extend(part);
                        }
                    }
                }
            }
        } else {
            bytes.extend(row.as_flattened());
        }
    }
    let data = rgbe
        .iter()
        .flat_map(|&[r, g, b, e]| {
            let scale = 2f32.powi(i32::from(e) - 128 - 8);
            [r, g, b].map(|mantissa| f32::from(mantissa) * scale)
        })
        .flat_map(f32::to_ne_bytes)
        .collect();
    Sample::exact(name, bytes, Format::Hdr, size, PIXELS, data)
}
