//! Files made by the crate's writer, read by regions.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use exr::image::write::layers::WritableLayers;
use exr::math::RoundingMode;
use exr::prelude::{
    AnyChannel, AnyChannels, Blocks, Compression, Encoding, FlatSamples, Image, ImageAttributes,
    IntegerBounds, Layer, LayerAttributes, LevelMaps, Levels, LineOrder, RipMaps, SmallVec, Vec2,
    WritableImage as _,
};
use half::f16;
use pixelbank_image::{
    Access, Alpha, Channels, PixelFormat, Rect, SampleType, Size, Transfer, Window,
};

use crate::reading::{check_regions, read, whole};
use crate::{Decoder, Error, Input, Limits, Region};

fn open(bytes: &[u8]) -> Result<Box<dyn Decoder>, Error> {
    super::open(
        Input::memory(Arc::from(bytes), "test.exr"),
        &Limits::default(),
    )
}

/// A sample that differs by channel and place, and is exact in half precision.
fn sample(channel: usize, x: usize, y: usize) -> f32 {
    ((x * 3 + y * 5 + channel * 7) % 200) as f32 / 8.0 - 4.0
}

fn halves(channel: usize, size: Vec2<usize>) -> FlatSamples {
    let at = |index| f16::from_f32(sample(channel, index % size.0, index / size.0));
    FlatSamples::F16((0..size.0 * size.1).map(at).collect())
}

fn floats(channel: usize, size: Vec2<usize>) -> FlatSamples {
    let at = |index| sample(channel, index % size.0, index / size.0);
    FlatSamples::F32((0..size.0 * size.1).map(at).collect())
}

fn write<'s, L>(image: &'s Image<L>) -> Vec<u8>
where
    L: WritableLayers<'s>,
{
    let mut bytes = Vec::new();
    image
        .write()
        .non_parallel()
        .to_buffered(Cursor::new(&mut bytes))
        .unwrap();
    bytes
}

const SIZE: Vec2<usize> = Vec2(75, 61);

fn rgba(encoding: Encoding, samples: fn(usize, Vec2<usize>) -> FlatSamples) -> Vec<u8> {
    // In the order that the format demands; 3 stands for alpha.
    let channels = [("A", 3), ("B", 2), ("G", 1), ("R", 0)]
        .map(|(name, channel)| AnyChannel::new(name, samples(channel, SIZE)));
    let list = AnyChannels::sort(SmallVec::from_vec(channels.to_vec()));
    write(&Image::from_layer(Layer::new(
        SIZE,
        LayerAttributes::named("main"),
        encoding,
        list,
    )))
}

fn encoding(compression: Compression, blocks: Blocks) -> Encoding {
    Encoding {
        compression,
        blocks,
        line_order: LineOrder::Increasing,
    }
}

fn expected_floats() -> Vec<u8> {
    let pixels = (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)));
    pixels
        .flat_map(|(x, y)| (0..4).map(move |channel| sample(channel, x, y)))
        .flat_map(f32::to_ne_bytes)
        .collect()
}

fn expected_halves() -> Vec<u8> {
    let floats = expected_floats();
    let (floats, _) = floats.as_chunks::<4>();
    floats
        .iter()
        .flat_map(|&bytes| f16::from_f32(f32::from_ne_bytes(bytes)).to_ne_bytes())
        .collect()
}

#[test]
fn lossless_files_come_back() {
    let all = [
        Compression::Uncompressed,
        Compression::RLE,
        Compression::ZIP1,
        Compression::ZIP16,
        Compression::PIZ,
    ];
    for compression in all {
        for blocks in [
            Blocks::ScanLines,
            Blocks::Tiles(Vec2(32, 16)),
            Blocks::Tiles(Vec2(128, 128)),
        ] {
            let encoding = encoding(compression, blocks);
            let mut decoder = open(&rgba(encoding, halves)).unwrap();
            let spec = decoder.info().subimages[0].clone();
            assert_eq!(
                spec.format,
                PixelFormat::new(Channels::Rgba, SampleType::F16)
            );
            assert_eq!(
                (spec.alpha, spec.transfer),
                (Alpha::Premultiplied, Transfer::Linear)
            );
            assert!(
                whole(&mut *decoder, 0, 0) == expected_halves(),
                "{encoding:?}"
            );
            check_regions(&mut *decoder);
            let mut decoder = open(&rgba(encoding, floats)).unwrap();
            assert!(
                whole(&mut *decoder, 0, 0) == expected_floats(),
                "{encoding:?}"
            );
            match blocks {
                Blocks::Tiles(tile) => {
                    let tile = Size::new(tile.0 as u32, tile.1 as u32);
                    assert_eq!(spec.levels[0].access, Access::Chunks(tile));
                }
                Blocks::ScanLines => {
                    let rows = compression.scan_lines_per_block().min(61) as u32;
                    assert_eq!(spec.levels[0].access, Access::Chunks(Size::new(75, rows)));
                }
            }
        }
    }
}

#[test]
fn lossy_files_come_back_closely() {
    for compression in [
        Compression::PXR24,
        Compression::B44,
        Compression::B44A,
        Compression::DWAA(Some(45.0)),
        Compression::DWAB(Some(45.0)),
    ] {
        let bytes = rgba(encoding(compression, Blocks::ScanLines), halves);
        let mut decoder = open(&bytes).unwrap();
        let pixels = whole(&mut *decoder, 0, 0);
        let expected = expected_halves();
        let value = |bytes: &[u8], index: usize| {
            f16::from_ne_bytes([bytes[2 * index], bytes[2 * index + 1]]).to_f32()
        };
        let n = expected.len() / 2;
        let sum: f32 = (0..n)
            .map(|i| (value(&pixels, i) - value(&expected, i)).abs())
            .sum();
        assert!(
            sum / (n as f32) < 0.3,
            "{compression:?}: {}",
            sum / n as f32
        );
        check_regions(&mut *decoder);
    }
}

/// The sizes of levels from 16 × 8 down, rounded down.
fn level_size(x: usize, y: usize) -> Vec2<usize> {
    Vec2((16 >> x).max(1), (8 >> y).max(1))
}

#[test]
fn mip_levels_are_levels() {
    let maps = (0..5)
        .map(|level| floats(level, level_size(level, level)))
        .collect();
    let levels = Levels::Mip {
        rounding_mode: RoundingMode::Down,
        level_data: maps,
    };
    let list = AnyChannels::sort(SmallVec::from_vec(vec![AnyChannel::new("Y", levels)]));
    let encoding = encoding(Compression::ZIP1, Blocks::Tiles(Vec2(4, 4)));
    let layer = Layer::new(Vec2(16, 8), LayerAttributes::named("mip"), encoding, list);
    let mut decoder = open(&write(&Image::from_layer(layer))).unwrap();
    assert_eq!(decoder.info().subimages[0].levels.len(), 5);
    for level in 0..5 {
        let size = level_size(level, level);
        assert_eq!(
            whole(&mut *decoder, 0, level as u32),
            bytes_of(&floats(level, size))
        );
    }
    check_regions(&mut *decoder);
}

fn bytes_of(samples: &FlatSamples) -> Vec<u8> {
    match samples {
        FlatSamples::F32(samples) => samples
            .iter()
            .flat_map(|sample| sample.to_ne_bytes())
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_diagonal_of_a_rip_map_is_levels() {
    let map_data: LevelMaps<FlatSamples> = (0..4)
        .flat_map(|y| (0..5).map(move |x| floats(x * 10 + y, level_size(x, y))))
        .collect();
    let levels = Levels::Rip {
        rounding_mode: RoundingMode::Down,
        level_data: RipMaps {
            map_data,
            level_count: Vec2(5, 4),
        },
    };
    let list = AnyChannels::sort(SmallVec::from_vec(vec![AnyChannel::new("Y", levels)]));
    let encoding = encoding(Compression::Uncompressed, Blocks::Tiles(Vec2(4, 4)));
    let layer = Layer::new(Vec2(16, 8), LayerAttributes::named("rip"), encoding, list);
    let mut decoder = open(&write(&Image::from_layer(layer))).unwrap();
    assert_eq!(decoder.info().subimages[0].levels.len(), 4);
    for level in 0..4 {
        let expected = bytes_of(&floats(level * 11, level_size(level, level)));
        assert_eq!(
            whole(&mut *decoder, 0, level as u32),
            expected,
            "level {level}"
        );
    }
}

#[test]
fn parts_are_subimages_with_their_windows() {
    let part = |name: &str, size: Vec2<usize>, position: Vec2<i32>, channel: &str, number| {
        let list = AnyChannels::sort(SmallVec::from_vec(vec![AnyChannel::new(
            channel,
            floats(number, size),
        )]));
        let attributes = LayerAttributes {
            comments: Some("from the test".into()),
            ..LayerAttributes::named(name).with_position(position)
        };
        Layer::new(
            size,
            attributes,
            encoding(Compression::ZIP16, Blocks::ScanLines),
            list,
        )
    };
    let display = IntegerBounds::new(Vec2(0, 0), Vec2(640, 480));
    let layers = vec![
        part("a", Vec2(20, 30), Vec2(-5, 7), "Y", 1),
        part("b", Vec2(11, 40), Vec2(3, 3), "Z", 2),
    ];
    let image = Image::from_layers(ImageAttributes::new(display), layers);
    let mut decoder = open(&write(&image)).unwrap();
    let info = Arc::clone(decoder.info());
    assert_eq!(info.subimages.len(), 2);
    let window = |x, y, width, height| Window {
        x,
        y,
        width,
        height,
    };
    assert_eq!(info.subimages[0].data_window, window(-5, 7, 20, 30));
    assert_eq!(info.subimages[1].data_window, window(3, 3, 11, 40));
    assert_eq!(info.subimages[1].display_window, window(0, 0, 640, 480));
    assert_eq!(
        whole(&mut *decoder, 0, 0),
        bytes_of(&floats(1, Vec2(20, 30)))
    );
    assert_eq!(
        whole(&mut *decoder, 1, 0),
        bytes_of(&floats(2, Vec2(11, 40)))
    );
    check_regions(&mut *decoder);
    let texts = decoder.metadata().unwrap().texts;
    assert!(texts.contains(&("comments".to_owned(), "from the test".to_owned())));
}

/// Where the table of blocks begins: behind the header's last zero byte.
fn table_at(bytes: &[u8], n_blocks: usize) -> usize {
    let first_block =
        |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    (0..bytes.len() - 8)
        .find(|&at| first_block(at) == at + 8 * n_blocks)
        .unwrap()
}

#[test]
fn a_damaged_block_costs_that_block() {
    let mut bytes = rgba(
        encoding(Compression::ZIP1, Blocks::Tiles(Vec2(32, 32))),
        halves,
    );
    let table = table_at(&bytes, 6);
    let entry = |bytes: &[u8], index: usize| {
        let at = table + 8 * index;
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
    };
    let at = entry(&bytes, 4);
    bytes[at + 30..at + 60].fill(0x99);
    let mut decoder = open(&bytes).unwrap();
    let tile = |column: u32, row: u32| Rect::new(column * 32, row * 32, 11, 29);
    for good in [tile(0, 0), tile(2, 0), tile(0, 1), tile(2, 1)] {
        read(&mut *decoder, 0, 0, good).unwrap();
    }
    let message = read(&mut *decoder, 0, 0, tile(1, 1))
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(message.contains("block 1, 1"), "{message}");

    // Places that are swapped, missing or outside are damage, too.
    let (first, second) = (entry(&bytes, 0) as u64, entry(&bytes, 1) as u64);
    for wrong in [second, 0, bytes.len() as u64, u64::MAX] {
        bytes[table..table + 8].copy_from_slice(&wrong.to_le_bytes());
        let mut decoder = open(&bytes).unwrap();
        let result = read(&mut *decoder, 0, 0, tile(0, 0)).map(drop);
        assert!(
            matches!(result, Err(Error::Malformed { .. })),
            "{wrong}: {result:?}"
        );
    }
    bytes[table..table + 8].copy_from_slice(&first.to_le_bytes());
    assert!(read(&mut *open(&bytes).unwrap(), 0, 0, tile(0, 0)).is_ok());
}

#[test]
fn every_truncation_is_an_error_and_nothing_worse() {
    let bytes = rgba(encoding(Compression::PIZ, Blocks::ScanLines), halves);
    for len in (0..bytes.len() - 1).step_by(13) {
        let Ok(mut decoder) = open(&bytes[..len]) else {
            continue;
        };
        let all = Rect::new(0, 0, 75, 61);
        let result = read(&mut *decoder, 0, 0, all).map(drop);
        assert!(
            matches!(result, Err(Error::Malformed { .. })),
            "{len}: {result:?}"
        );
    }
}

#[test]
fn changed_bytes_never_panic() {
    let whole_file = [
        rgba(encoding(Compression::PIZ, Blocks::ScanLines), halves),
        rgba(
            encoding(Compression::ZIP16, Blocks::Tiles(Vec2(32, 32))),
            floats,
        ),
        rgba(encoding(Compression::B44, Blocks::ScanLines), halves),
    ];
    let limits = Limits {
        max_working_bytes: 64 << 20,
        ..Limits::default()
    };
    for bytes in whole_file {
        for at in (0..bytes.len().min(1200)).step_by(3) {
            for value in [0x7f, bytes[at] ^ 0x10] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let input = Input::memory(Arc::from(&changed[..]), "test.exr");
                let Ok(mut decoder) = super::open(input, &limits) else {
                    continue;
                };
                let size = decoder.info().subimages[0].levels[0].size;
                let rect = Size::new(size.width.min(75), size.height.min(61)).rect();
                let region = Region {
                    subimage: 0,
                    level: 0,
                    rect,
                };
                let _ = decoder.decode(&region, &mut |_| ControlFlow::Continue(()));
            }
        }
    }
}
