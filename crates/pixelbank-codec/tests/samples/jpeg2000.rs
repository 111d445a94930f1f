use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Known, Sample, foreign, format};

/// Written by OpenJPEG and OpenJPH: see `make_jpeg2000.py`.
pub fn samples() -> Vec<Sample> {
    let (plain, wide) = (Size::new(77, 43), Size::new(61, 47));
    let gray16 = format(Channels::Gray, SampleType::U16);
    macro_rules! sample {
        ($name:literal, $ending:literal, $size:expr, $pixels:expr, $tolerance:expr) => {
            foreign(
                Format::Jpeg2000,
                concat!($name, ".", $ending),
                include_bytes!(concat!("jpeg2000/", $name, ".", $ending)),
                include_bytes!(concat!("jpeg2000/", $name, ".pixels")),
                $size,
                $pixels,
                $tolerance,
            )
        };
    }
    vec![
        sample!("gray", "jp2", plain, PixelFormat::GRAY8, 0),
        sample!("gray-alpha", "jp2", plain, PixelFormat::GRAYA8, 0),
        sample!("rgba", "jp2", plain, PixelFormat::RGBA8, 0),
        sample!("tiles", "j2k", plain, PixelFormat::RGB8, 0),
        sample!("layers", "jp2", Size::new(150, 100), PixelFormat::RGB8, 0),
        sample!("marks", "jp2", Size::new(120, 81), PixelFormat::RGB8, 0),
        sample!("modes", "jp2", plain, PixelFormat::GRAY8, 0),
        sample!("bypass", "jp2", plain, PixelFormat::GRAY8, 0),
        sample!("bits-1", "jp2", wide, PixelFormat::GRAY8, 0),
        sample!("bits-5", "jp2", wide, PixelFormat::GRAY8, 0),
        sample!("bits-12", "jp2", wide, gray16, 0),
        sample!("bits-16", "jp2", wide, gray16, 0),
        sample!("int8", "j2k", wide, PixelFormat::GRAY8, 0),
        sample!("int16", "j2k", wide, gray16, 0),
        sample!("high-throughput", "jph", plain, PixelFormat::RGB8, 0),
        sample!("lossy", "jp2", Size::new(150, 100), PixelFormat::RGB8, 1),
        sample!("order", "jp2", plain, PixelFormat::RGBA8, 0),
        sample!("palette", "jp2", wide, PixelFormat::RGB8, 0),
        sample!("sycc", "jp2", Size::new(90, 60), PixelFormat::RGB8, 0),
        sample!("halves", "j2k", Size::new(91, 61), PixelFormat::RGB8, 1),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    let sample = |name: &str, bytes: &[u8], pixels| Sample {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        format: Format::Jpeg2000,
        subimages: vec![Known {
            size,
            pixels,
            data: None,
            tolerance: 0,
        }],
    };
    vec![
        sample(
            "large.jp2",
            include_bytes!("jpeg2000/large.jp2"),
            PixelFormat::RGB8,
        ),
        sample(
            "large-tiles.j2k",
            include_bytes!("jpeg2000/large-tiles.j2k"),
            PixelFormat::RGB8,
        ),
        sample(
            "large-gray.jp2",
            include_bytes!("jpeg2000/large-gray.jp2"),
            PixelFormat::GRAY8,
        ),
        sample(
            "large-high-throughput.jph",
            include_bytes!("jpeg2000/large-high-throughput.jph"),
            PixelFormat::GRAY8,
        ),
    ]
}
