//! A damaged tile costs that tile alone, and its error says where it is.
#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::io::Cursor;
use std::path::Path;

use exr::prelude::{
    AnyChannel, AnyChannels, Blocks, Compression, Encoding, FlatSamples, Image, Layer,
    LayerAttributes, LineOrder, SmallVec, Vec2, WritableImage as _,
};
use half::f16;
use pixelbank::cache::{self, Cache, CacheOptions};
use pixelbank::codec::{
    Embed, Input, Limits, RowWriter as _, TiffOptions, TiffPyramidWriter, open,
};
use pixelbank::image::{PixelFormat, Size, View};
use pixelbank::memory::{Bank, Wait};

const SIDE: u32 = 1024;
const TILE: u32 = 64;
const N_TILES: u32 = (SIDE / TILE) * (SIDE / TILE);

/// Bytes that do not pack well, so that tiles take some room.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    (0..len).map(next).collect()
}

fn exr_file() -> Vec<u8> {
    let samples = noise((SIDE * SIDE) as usize);
    let samples = samples.iter().map(|&byte| f16::from_f32(byte.into()));
    let channel = AnyChannel::new("Y", FlatSamples::F16(samples.collect()));
    let list = AnyChannels::sort(SmallVec::from_vec(vec![channel]));
    let encoding = Encoding {
        compression: Compression::ZIP16,
        blocks: Blocks::Tiles(Vec2(TILE as usize, TILE as usize)),
        line_order: LineOrder::Increasing,
    };
    let size = Vec2(SIDE as usize, SIDE as usize);
    let layer = Layer::new(size, LayerAttributes::named("main"), encoding, list);
    let mut bytes = Vec::new();
    Image::from_layer(layer)
        .write()
        .non_parallel()
        .to_buffered(Cursor::new(&mut bytes))
        .unwrap();
    bytes
}

fn tiff_file(path: &Path) -> Vec<u8> {
    let (size, format) = (Size::new(SIDE, SIDE), PixelFormat::GRAY8);
    let options = TiffOptions {
        tile: Size::new(TILE, TILE),
        levels: false,
        ..TiffOptions::default()
    };
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        TiffPyramidWriter::new(file, size, format, &options, &Embed::default()).unwrap();
    let pixels = noise((SIDE * SIDE) as usize);
    writer
        .write_rows(View::packed(&pixels, size, format).unwrap())
        .unwrap();
    Box::new(writer).finish().unwrap();
    std::fs::read(path).unwrap()
}

/// Reads every tile; the errors of those that cannot be had.
fn errors_of(path: &Path) -> Vec<(u32, u32, cache::Error)> {
    let bank = Bank::builder().host_bytes(32 << 20).build().unwrap();
    let options = CacheOptions::new("damage", |key: &OsStr| {
        open(Input::path(key)?, &Limits::default())
    });
    let cache = Cache::new(&bank, options).unwrap();
    let wait = Wait::forever();
    let image = cache.image(path.as_os_str(), &wait).unwrap();
    let level = image.level(0, 0).unwrap();
    assert_eq!(level.tile, Size::new(TILE, TILE));
    let places = (0..SIDE / TILE).flat_map(|row| (0..SIDE / TILE).map(move |column| (column, row)));
    places
        .filter_map(|(column, row)| {
            let error = image.tile(0, 0, column, row, &wait).err()?;
            Some((column, row, error))
        })
        .collect()
}

#[test]
fn one_bad_tile_of_many_costs_one() {
    let dir = tempfile::tempdir().unwrap();
    for (name, file) in [
        ("test.exr", exr_file()),
        ("test.tif", tiff_file(&dir.path().join("whole.tif"))),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, &file).unwrap();
        assert!(errors_of(&path).is_empty(), "{name} is whole");

        // Tiles lie one after the other, and fill most of the file.
        let bytes_of_a_tile = file.len() / N_TILES as usize;
        let at = file.len() / 2 + bytes_of_a_tile / 2;
        let mut damaged = file.clone();
        damaged[at..at + 16].fill(0x55);
        std::fs::write(&path, &damaged).unwrap();
        let errors = errors_of(&path);
        let [(column, row, error)] = &errors[..] else {
            panic!("{name}: {errors:?}")
        };
        let message = error.to_string();
        let tile = format!("tile ({column}, {row}) of level 0 of subimage 0");
        for part in [name, &tile, "damaged"] {
            assert!(message.contains(part), "no '{part}' in: {message}");
        }
        for part in [name, "subimage", "level 0"] {
            let times = message.matches(part).count();
            assert_eq!(times, 1, "'{part}' is said {times} times: {message}");
        }
    }
}

#[test]
fn a_file_that_ends_early_keeps_the_tiles_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("short.exr");
    let file = exr_file();
    std::fs::write(&path, &file[..file.len() / 2]).unwrap();
    let lost = errors_of(&path).len() as u32;
    assert!(
        lost.abs_diff(N_TILES / 2) < N_TILES / 16,
        "{lost} of {N_TILES} tiles are lost"
    );
}
