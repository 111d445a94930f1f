use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pixelbank_codec::Format;
use pixelbank_image::{PixelFormat, Size};

use super::{Known, Sample, scene};

const SIZE: Size = Size::new(67, 45);

pub fn samples() -> Vec<Sample> {
    vec![
        sample(
            "444.jpg",
            SIZE,
            PixelFormat::RGB8,
            SamplingFactor::F_1_1,
            false,
            0,
        ),
        sample(
            "420.jpg",
            SIZE,
            PixelFormat::RGB8,
            SamplingFactor::F_2_2,
            false,
            0,
        ),
        sample(
            "422-restarts.jpg",
            SIZE,
            PixelFormat::RGB8,
            SamplingFactor::F_2_1,
            false,
            3,
        ),
        sample(
            "gray.jpg",
            SIZE,
            PixelFormat::GRAY8,
            SamplingFactor::F_1_1,
            false,
            0,
        ),
        sample(
            "progressive.jpg",
            SIZE,
            PixelFormat::RGB8,
            SamplingFactor::F_2_2,
            true,
            0,
        ),
        sample(
            "one-pixel.jpg",
            Size::new(1, 1),
            PixelFormat::RGB8,
            SamplingFactor::F_2_2,
            false,
            0,
        ),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        sample(
            "large.jpg",
            size,
            PixelFormat::RGB8,
            SamplingFactor::F_2_2,
            false,
            0,
        ),
        sample(
            "large-progressive.jpg",
            size,
            PixelFormat::RGB8,
            SamplingFactor::F_2_2,
            true,
            0,
        ),
    ]
}

/// The format loses, so pixels are compared with each other alone; other tests compare them with other decoders.
fn sample(
    name: &str,
    size: Size,
    pixels: PixelFormat,
    sampling: SamplingFactor,
    is_progressive: bool,
    restart_interval: u16,
) -> Sample {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 85);
    encoder.set_sampling_factor(sampling);
    encoder.set_progressive(is_progressive);
    encoder.set_restart_interval(restart_interval);
    let color = if pixels == PixelFormat::GRAY8 {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    encoder
        .encode(
            &scene(size, pixels),
            size.width as u16,
            size.height as u16,
            color,
        )
        .unwrap();
    Sample {
        name: name.to_owned(),
        bytes,
        format: Format::Jpeg,
        subimages: vec![Known {
            size,
            pixels,
            data: None,
            tolerance: 0,
        }],
    }
}
