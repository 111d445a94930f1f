use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Known, Sample, foreign, format};

/// Written by libavif, bar the boxes of the grid, and read again by libavif: see `make_avif.py`.
pub fn samples() -> Vec<Sample> {
    use Channels::{Rgb, Rgba};
    let (plain, wide) = (Size::new(77, 43), Size::new(61, 47));
    macro_rules! sample {
        ($name:literal, $size:expr, $pixels:expr, $tolerance:expr) => {
            foreign(
                Format::Avif,
                concat!($name, ".avif"),
                include_bytes!(concat!("avif/", $name, ".avif")),
                include_bytes!(concat!("avif/", $name, ".pixels")),
                $size,
                $pixels,
                $tolerance,
            )
        };
    }
    vec![
        sample!("gray", plain, PixelFormat::GRAY8, 0),
        sample!("rgb", plain, PixelFormat::RGB8, 0),
        sample!("rgba", plain, PixelFormat::RGBA8, 0),
        sample!("ten", wide, format(Rgb, SampleType::U16), 0),
        sample!("twelve", wide, format(Rgba, SampleType::U16), 0),
        sample!("grid", Size::new(150, 100), PixelFormat::RGB8, 0),
        // libavif leaves the conversion to libyuv, which is less exact.
        sample!("lossy", Size::new(70, 50), PixelFormat::RGB8, 2),
        sample!("described", Size::new(70, 50), PixelFormat::RGB8, 2),
    ]
}

pub fn large(_: Size) -> Vec<Sample> {
    vec![Sample {
        name: "large.avif".to_owned(),
        bytes: include_bytes!("avif/large.avif").to_vec(),
        format: Format::Avif,
        subimages: vec![Known {
            size: Size::new(1200, 900),
            pixels: PixelFormat::RGBA8,
            data: None,
            tolerance: 0,
        }],
    }]
}
