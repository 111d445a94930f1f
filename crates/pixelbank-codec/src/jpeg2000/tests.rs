//! What only this format has: tiles that are lost by themselves, parts that are put together, places on a grid.

use std::ops::Range;

use pixelbank_image::{Access, Layout, Rect, Size};

use crate::reading::{crop, read};
use crate::{Decoder, Error, Input, Limits, open};

/// 77×43 pixels of three channels, in tiles of 32×16.
const TILES: &[u8] = include_bytes!("../../tests/samples/jpeg2000/tiles.j2k");
const PIXELS: &[u8] = include_bytes!("../../tests/samples/jpeg2000/tiles.pixels");
const SIZE: Size = Size::new(77, 43);

fn opened(bytes: &[u8]) -> Box<dyn Decoder> {
    open(Input::memory(bytes.into(), "tiles.j2k"), &Limits::default()).expect("it is sound")
}

/// Where the tile-parts lie, and how long the headers before them are.
fn tile_parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_start = |at: &usize| bytes[*at..].starts_with(&[0xff, 0x90, 0, 10]);
    let mut at = (0..bytes.len()).find(is_start).expect("it has tiles");
    let mut parts = Vec::new();
    while bytes[at..].starts_with(&[0xff, 0x90]) {
        let length = bytes[at + 6..at + 10].iter();
        let length = length.fold(0, |all, byte| all << 8 | usize::from(*byte));
        parts.push(at..at + length);
        at += length;
    }
    parts
}

/// A tile-part with the same packets, of which it says this.
fn part(tile: u8, number: u8, count: u8, packets: &[u8]) -> Vec<u8> {
    let length = (packets.len() as u32 + 14).to_be_bytes();
    let mut part = vec![0xff, 0x90, 0, 10, 0, tile];
    part.extend(length);
    part.extend([number, count, 0xff, 0x93]);
    part.extend(packets);
    part
}

/// The tiles that can be read with the right pixels, and the errors of the others.
fn readable(bytes: &[u8]) -> (Vec<usize>, Vec<String>) {
    let mut decoder = opened(bytes);
    let (mut good, mut errors) = (Vec::new(), Vec::new());
    for tile in 0..9 {
        let (column, row) = (tile as u32 % 3, tile as u32 / 3);
        let (x, y) = (column * 32, row * 16);
        let rect = Rect::new(x, y, 32.min(77 - x), 16.min(43 - y));
        match read(&mut *decoder, 0, 0, rect) {
            Ok(pixels) => {
                assert!(pixels == crop(PIXELS, SIZE, 3, rect), "tile {tile}");
                good.push(tile);
            }
            Err(error @ Error::Malformed { .. }) => errors.push(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
    (good, errors)
}

#[test]
fn a_damaged_tile_costs_that_tile_alone() {
    let parts = tile_parts(TILES);
    let mut bytes = TILES.to_vec();
    bytes[parts[4].start + 14..parts[4].end].fill(0xfe);
    let (good, errors) = readable(&bytes);
    assert_eq!(good, [0, 1, 2, 3, 5, 6, 7, 8]);
    assert!(
        errors[0].contains("tiles.j2k: damaged JPEG 2000 file: subimage 0, level 0, tile 4: "),
        "{errors:?}"
    );
}

#[test]
fn of_a_file_that_is_cut_the_tiles_that_are_there_are_read() {
    let parts = tile_parts(TILES);
    for (index, cut) in parts.iter().enumerate() {
        let (good, errors) = readable(&TILES[..cut.end - 10]);
        assert_eq!(good, (0..index).collect::<Vec<_>>());
        assert!(errors[0].contains("it ends early"), "{errors:?}");
        assert!(
            errors[1..]
                .iter()
                .all(|error| error.contains("it is missing"))
        );
    }
}

#[test]
fn parts_of_tiles_come_in_any_order() {
    let parts = tile_parts(TILES);
    let header = &TILES[..parts[0].start];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (tile, range) in parts.iter().enumerate() {
        let packets = &TILES[range.start + 14..range.end];
        let (front, back) = packets.split_at(packets.len() / 3);
        // Only the last of them says how many there are.
        first.splice(0..0, part(tile as u8, 0, 0, front));
        second.extend(part(tile as u8, 1, 2, back));
    }
    let bytes = [header, &first, &second, &[0xff, 0xd9]].concat();
    let (good, errors) = readable(&bytes);
    assert_eq!(good.len(), 9, "{errors:?}");
    // Without the second ones, packets are missing, though no length says so.
    let hidden = [header, &first, &[0xff, 0xd9]].concat();
    let (good, errors) = readable(&hidden);
    assert_eq!((good.len(), errors.len()), (0, 9));
}

#[test]
fn levels_and_tiles_are_told() {
    let decoder = opened(TILES);
    let spec = &decoder.info().subimages[0];
    let sizes: Vec<_> = spec.levels.iter().map(|level| level.size).collect();
    assert_eq!(sizes, [SIZE, Size::new(39, 22), Size::new(20, 11)]);
    assert_eq!(spec.stored.layout, Layout::Tiles(Size::new(32, 16)));
    // Small tiles are read by the handful.
    assert_eq!(spec.levels[0].access, Access::Chunks(Size::new(256, 256)));
}

#[test]
fn a_picture_lies_where_its_header_says() {
    let bytes = include_bytes!("../../tests/samples/jpeg2000/offset.jp2");
    let pixels = include_bytes!("../../tests/samples/jpeg2000/offset.pixels");
    let mut decoder = opened(bytes);
    let spec = decoder.info().subimages[0].clone();
    assert_eq!((spec.data_window.x, spec.data_window.y), (5, 3));
    assert_eq!((spec.data_window.width, spec.data_window.height), (77, 43));
    let all = read(&mut *decoder, 0, 0, SIZE.rect()).expect("it is sound");
    assert!(all == pixels);
    for level in 0..spec.levels.len() as u32 {
        let size = spec.levels[level as usize].size;
        let all = read(&mut *decoder, 0, level, size.rect()).expect("it is sound");
        for y in 0..size.height {
            for x in 0..size.width {
                let rect = Rect::new(x, y, 1, 1);
                let one = read(&mut *decoder, 0, level, rect).expect("it is sound");
                assert!(one == crop(&all, size, 3, rect), "level {level}, {rect}");
            }
        }
    }
}
