use image::codecs::qoi::QoiEncoder;
use image::{ExtendedColorType, ImageEncoder};
use pixelbank_codec::Format;
use pixelbank_image::{PixelFormat, Size};

use super::{Sample, scene};

pub fn samples() -> Vec<Sample> {
    let size = Size::new(37, 29);
    vec![
        sample("rgb.qoi", size, PixelFormat::RGB8),
        sample("rgba.qoi", size, PixelFormat::RGBA8),
        sample("one-pixel.qoi", Size::new(1, 1), PixelFormat::RGB8),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![sample("large.qoi", size, PixelFormat::RGBA8)]
}

/// Written by the `qoi` crate, so that our reader is checked by somebody else's writer.
fn sample(name: &str, size: Size, pixels: PixelFormat) -> Sample {
    let data = scene(size, pixels);
    let color = if pixels == PixelFormat::RGB8 {
        ExtendedColorType::Rgb8
    } else {
        ExtendedColorType::Rgba8
    };
    let mut bytes = Vec::new();
    QoiEncoder::new(&mut bytes)
        .write_image(&data, size.width, size.height, color)
        .unwrap();
    Sample::exact(name, bytes, Format::Qoi, size, pixels, data)
}
