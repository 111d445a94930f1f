use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};
use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

use super::{Known, Sample, foreign, format, scene};

const SIZE: Size = Size::new(77, 43);

/// Some are written by `zune-jpegxl`, others by libjxl, which read them again too: see `make_jxl.py`.
pub fn samples() -> Vec<Sample> {
    use Channels::{Gray, Rgb, Rgba};
    use SampleType::{F32, U8, U16};
    vec![
        lossless("gray8.jxl", SIZE, Gray, U8),
        lossless("rgb8.jxl", SIZE, Rgb, U8),
        lossless("rgba8.jxl", SIZE, Rgba, U8),
        lossless("rgb16.jxl", SIZE, Rgb, U16),
        // Larger than a group, and more than one band of them.
        lossless("groups.jxl", Size::new(300, 530), Gray, U8),
        foreign(
            Format::JpegXl,
            "lossy.jxl",
            include_bytes!("jxl/lossy.jxl"),
            include_bytes!("jxl/lossy.pixels"),
            Size::new(70, 50),
            PixelFormat::RGB8,
            1,
        ),
        foreign(
            Format::JpegXl,
            "alpha.jxl",
            include_bytes!("jxl/alpha.jxl"),
            include_bytes!("jxl/alpha.pixels"),
            Size::new(61, 47),
            PixelFormat::RGBA8,
            1,
        ),
        foreign(
            Format::JpegXl,
            "progressive.jxl",
            include_bytes!("jxl/progressive.jxl"),
            include_bytes!("jxl/progressive.pixels"),
            Size::new(61, 47),
            PixelFormat::GRAY8,
            0,
        ),
        foreign(
            Format::JpegXl,
            "sixteen.jxl",
            include_bytes!("jxl/sixteen.jxl"),
            include_bytes!("jxl/sixteen.pixels"),
            Size::new(33, 21),
            format(Rgb, U16),
            0,
        ),
        foreign(
            Format::JpegXl,
            "float.jxl",
            include_bytes!("jxl/float.jxl"),
            include_bytes!("jxl/float.pixels"),
            Size::new(33, 21),
            format(Rgb, F32),
            0,
        ),
        // On its side.
        foreign(
            Format::JpegXl,
            "jpeg.jxl",
            include_bytes!("jxl/jpeg.jxl"),
            include_bytes!("jxl/jpeg.pixels"),
            Size::new(40, 64),
            PixelFormat::RGB8,
            1,
        ),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    let lossy = Sample {
        name: "large-lossy.jxl".to_owned(),
        bytes: include_bytes!("jxl/large.jxl").to_vec(),
        format: Format::JpegXl,
        subimages: vec![Known {
            size: Size::new(1500, 1100),
            pixels: PixelFormat::RGB8,
            data: None,
            tolerance: 0,
        }],
    };
    vec![
        lossy,
        lossless("large-rgb8.jxl", size, Channels::Rgb, SampleType::U8),
    ]
}

fn lossless(name: &str, size: Size, channels: Channels, sample: SampleType) -> Sample {
    let pixels = format(channels, sample);
    let data = scene(size, pixels);
    let options = EncoderOptions::default()
        .set_width(size.width as usize)
        .set_height(size.height as usize)
        .set_depth(match sample {
            SampleType::U16 => BitDepth::Sixteen,
            _ => BitDepth::Eight,
        })
        .set_colorspace(match channels {
            Channels::Gray => ColorSpace::Luma,
            Channels::Rgb => ColorSpace::RGB,
            _ => ColorSpace::RGBA,
        });
    let mut bytes = Vec::new();
    JxlSimpleEncoder::new(&data, options)
        .encode(&mut bytes)
        .unwrap();
    Sample::exact(name, bytes, Format::JpegXl, size, pixels, data)
}
