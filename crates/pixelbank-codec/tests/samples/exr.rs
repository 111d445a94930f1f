//! OpenEXR, by the writer of the `exr` crate.

use std::io::Cursor;

use ::exr::prelude::{
    AnyChannel, AnyChannels, Blocks, Compression, Encoding, FlatSamples, Image, Layer,
    LayerAttributes, LineOrder, SmallVec, Vec2, WritableImage as _,
};
use half::f16;
use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Known, Sample, scene};

const RGB: PixelFormat = PixelFormat::new(Channels::Rgb, SampleType::F32);
const LOSSLESS: [Compression; 5] = [
    Compression::Uncompressed,
    Compression::RLE,
    Compression::ZIP1,
    Compression::ZIP16,
    Compression::PIZ,
];

pub fn samples() -> Vec<Sample> {
    let size = Size::new(83, 61);
    let mut samples = Vec::new();
    for compression in LOSSLESS {
        // PIZ needs a megabyte for its tables, bar where a tile is stored as it is, as small ones of noise are.
        let tile = match compression {
            Compression::PIZ => Vec2(128, 64),
            _ => Vec2(32, 16),
        };
        samples.push(sample(size, compression, Blocks::ScanLines, false));
        samples.push(sample(size, compression, Blocks::Tiles(tile), true));
    }
    samples.push(layers(size));
    samples
}

/// A main layer of halves, depth in floats, whole numbers, and another layer: seven channels of three types.
fn layers(size: Size) -> Sample {
    let pixels = PixelFormat::new(Channels::Other(7), SampleType::F32);
    // As they are delivered, then each to its place.
    let names = ["R", "G", "B", "A", "Z", "id", "diffuse.R"];
    let scene = scene(size, pixels);
    let values: Vec<f32> = (scene.as_chunks::<4>().0.iter().enumerate())
        .map(|(at, &bytes)| match at % 7 {
            5 => (f32::from_ne_bytes(bytes) * 64.0).round(),
            _ => f32::from_ne_bytes(bytes),
        })
        .collect();
    let channels = names.iter().enumerate().map(|(channel, name)| {
        let values = values.iter().skip(channel).step_by(7);
        let samples = match *name {
            "Z" => FlatSamples::F32(values.copied().collect()),
            "id" => FlatSamples::U32(values.map(|&value| value as u32).collect()),
            _ => FlatSamples::F16(values.map(|&value| f16::from_f32(value)).collect()),
        };
        AnyChannel::new(*name, samples)
    });
    let encoding = Encoding {
        compression: Compression::ZIP1,
        blocks: Blocks::Tiles(Vec2(32, 16)),
        line_order: LineOrder::Increasing,
    };
    let list = AnyChannels::sort(channels.collect());
    let extent = Vec2(size.width as usize, size.height as usize);
    let layer = Layer::new(extent, LayerAttributes::named("layers"), encoding, list);
    let mut bytes = Vec::new();
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(Cursor::new(&mut bytes))
        .unwrap();
    Sample {
        name: format!("seven channels, {size}.exr"),
        bytes,
        format: Format::OpenExr,
        subimages: vec![Known {
            size,
            pixels,
            data: Some(
                values
                    .iter()
                    .flat_map(|value| value.to_ne_bytes())
                    .collect(),
            ),
            tolerance: 0,
        }],
    }
}

/// As wide as the others, but lower: blocks do not grow with the height.
pub fn large(size: Size) -> Vec<Sample> {
    let size = Size::new(size.width, size.height / 4);
    let mut samples = Vec::new();
    let lossy = [
        Compression::PXR24,
        Compression::B44,
        Compression::DWAA(Some(45.0)),
        Compression::DWAB(Some(45.0)),
    ];
    for compression in LOSSLESS.into_iter().chain(lossy) {
        samples.push(sample(size, compression, Blocks::ScanLines, true));
    }
    for compression in [
        Compression::ZIP16,
        Compression::PIZ,
        Compression::DWAA(Some(45.0)),
    ] {
        let tiles = Blocks::Tiles(Vec2(256, 64));
        samples.push(sample(size, compression, Blocks::ScanLines, false));
        samples.push(sample(size, compression, tiles, true));
    }
    samples
}

fn sample(size: Size, compression: Compression, blocks: Blocks, half: bool) -> Sample {
    let data = scene(size, RGB);
    let values: Vec<f32> = data
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&bytes| f32::from_ne_bytes(bytes))
        .collect();
    let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
    let channels = [("B", 2), ("G", 1), ("R", 0)].map(|(name, channel)| {
        let samples = if half {
            FlatSamples::F16(halves.iter().skip(channel).step_by(3).copied().collect())
        } else {
            FlatSamples::F32(values.iter().skip(channel).step_by(3).copied().collect())
        };
        AnyChannel::new(name, samples)
    });
    let encoding = Encoding {
        compression,
        blocks,
        line_order: LineOrder::Increasing,
    };
    let list = AnyChannels::sort(SmallVec::from_vec(channels.to_vec()));
    let extent = Vec2(size.width as usize, size.height as usize);
    let layer = Layer::new(extent, LayerAttributes::named("scene"), encoding, list);
    let mut bytes = Vec::new();
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(Cursor::new(&mut bytes))
        .unwrap();
    let (pixels, data) = if half {
        let data = halves.iter().flat_map(|half| half.to_ne_bytes()).collect();
        (PixelFormat::new(Channels::Rgb, SampleType::F16), data)
    } else {
        (RGB, data)
    };
    Sample {
        name: format!("{compression:?}, {blocks:?}, {}, {size}.exr", pixels.sample),
        bytes,
        format: Format::OpenExr,
        subimages: vec![Known {
            size,
            pixels,
            data: LOSSLESS.contains(&compression).then_some(data),
            tolerance: 0,
        }],
    }
}
