use image_webp::{ColorType, WebPEncoder};
use pixelbank_codec::{Embed, Format, WebPOptions, encode_webp};
use pixelbank_image::{PixelFormat, Size, View};

use super::{Known, Sample, scene};

const SIZE: Size = Size::new(67, 45);

pub fn samples() -> Vec<Sample> {
    vec![
        lossless("lossless.webp", SIZE, PixelFormat::RGB8),
        lossless("lossless-alpha.webp", SIZE, PixelFormat::RGBA8),
        lossy("lossy.webp", SIZE, PixelFormat::RGB8),
        lossy("lossy-alpha.webp", SIZE, PixelFormat::RGBA8),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![
        lossless("large-lossless.webp", size, PixelFormat::RGB8),
        lossy("large-lossy.webp", size, PixelFormat::RGB8),
    ]
}

/// Written by a crate that has nothing to do with libwebp.
fn lossless(name: &str, size: Size, pixels: PixelFormat) -> Sample {
    let data = scene(size, pixels);
    let color = if pixels == PixelFormat::RGB8 {
        ColorType::Rgb8
    } else {
        ColorType::Rgba8
    };
    let mut bytes = Vec::new();
    WebPEncoder::new(&mut bytes)
        .encode(&data, size.width, size.height, color)
        .unwrap();
    Sample::exact(name, bytes, Format::WebP, size, pixels, data)
}

fn lossy(name: &str, size: Size, pixels: PixelFormat) -> Sample {
    let data = scene(size, pixels);
    let view = View::packed(&data, size, pixels).unwrap();
    let options = WebPOptions {
        quality: 80,
        lossless: false,
    };
    let bytes = encode_webp(view, &options, &Embed::default()).unwrap();
    Sample {
        name: name.to_owned(),
        bytes,
        format: Format::WebP,
        subimages: vec![Known {
            size,
            pixels,
            data: None,
            tolerance: 0,
        }],
    }
}
