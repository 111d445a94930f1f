//! Reading pixels in tests, with the promises about bands checked on the way; and pictures to read.
//!
//! The tests within the crate use it as well (`src/lib.rs`).

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_codec::{Band, Decoder, Error, Input, Limits, Region, open};
use pixelbank_image::{Rect, Size};

/// A file in memory.
pub fn memory(bytes: &[u8], name: &str) -> Input {
    Input::memory(Arc::from(bytes), name)
}

/// Opens a good file in memory.
pub fn opened(bytes: &[u8], name: &str) -> Box<dyn Decoder> {
    open(memory(bytes, name), &Limits::default()).unwrap()
}

pub fn region(subimage: u32, level: u32, rect: Rect) -> Region {
    Region {
        subimage,
        level,
        rect,
    }
}

/// The pixels of a region, packed. Checks the rules for bands on the way: right format, inside, disjoint, from top to
/// bottom, and covering all of it.
pub fn read(
    decoder: &mut dyn Decoder,
    subimage: u32,
    level: u32,
    rect: Rect,
) -> Result<Vec<u8>, Error> {
    let n_subimages = decoder.info().subimages.len();
    let known = (subimage as usize).min(n_subimages - 1);
    let format = decoder.info().subimages[known].format;
    let mut pixels = vec![0xaa; format.image_bytes(rect.size()) as usize];
    let mut covered = vec![false; rect.size().pixels() as usize];
    let mut last: Option<Rect> = None;
    decoder.decode(&region(subimage, level, rect), &mut |band: Band<'_>| {
        assert!(rect.contains(band.rect), "{} in {rect}", band.rect);
        assert!(!band.rect.is_empty(), "an empty band");
        assert_eq!(band.pixels.size(), band.rect.size());
        assert_eq!(band.pixels.format(), format);
        if let Some(last) = last {
            assert!(
                (band.rect.y, band.rect.x) > (last.y, last.x),
                "{} after {last}",
                band.rect
            );
        }
        last = Some(band.rect);
        for (y, row) in (band.rect.y - rect.y..).zip(band.pixels.rows()) {
            let start = y as usize * rect.width as usize + (band.rect.x - rect.x) as usize;
            for place in &mut covered[start..start + band.rect.width as usize] {
                assert!(!*place, "a pixel came twice");
                *place = true;
            }
            let start = start * format.pixel_bytes();
            pixels[start..start + row.len()].copy_from_slice(row);
        }
        ControlFlow::Continue(())
    })?;
    assert!(
        covered.iter().all(|&is_there| is_there),
        "a pixel is missing"
    );
    Ok(pixels)
}

/// All pixels of a level that is whole.
pub fn whole(decoder: &mut dyn Decoder, subimage: u32, level: u32) -> Vec<u8> {
    let size = decoder.info().subimages[subimage as usize].levels[level as usize].size;
    read(decoder, subimage, level, size.rect()).unwrap()
}

/// A part of packed pixels.
pub fn crop(pixels: &[u8], size: Size, pixel_bytes: usize, rect: Rect) -> Vec<u8> {
    (rect.y..rect.y + rect.height)
        .flat_map(|y| {
            let start = (y as usize * size.width as usize + rect.x as usize) * pixel_bytes;
            &pixels[start..start + rect.width as usize * pixel_bytes]
        })
        .copied()
        .collect()
}

/// Whether regions of all shapes, of every level, hold the same pixels as the whole level.
pub fn check_regions(decoder: &mut dyn Decoder) {
    let info = Arc::clone(decoder.info());
    for (subimage, spec) in info.subimages.iter().enumerate() {
        for (level, level_spec) in spec.levels.iter().enumerate() {
            let size = level_spec.size;
            let (subimage, level) = (subimage as u32, level as u32);
            let pixels = whole(decoder, subimage, level);
            let Size { width, height } = size;
            let rects = [
                Rect::new(width / 3, height / 3, width.div_ceil(3), height.div_ceil(3)),
                Rect::new(0, height - 1, width, 1),
                Rect::new(width - 1, 0, 1, height),
                Rect::new(width / 2, height / 2, 1, 1),
                Rect::new(0, 0, width.div_ceil(2), height),
                Rect::new(1.min(width - 1), 0, width - 1.min(width - 1), height),
            ];
            for rect in rects {
                let part = read(decoder, subimage, level, rect).unwrap();
                let expected = crop(&pixels, size, spec.format.pixel_bytes(), rect);
                assert!(part == expected, "{rect:?} of level {level} of {size}");
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) % u64::from(end)) as u32
    }

    pub fn rect(&mut self, size: Size) -> Rect {
        let x = self.below(size.width);
        let y = self.below(size.height);
        let width = 1 + self.below(size.width - x);
        let height = 1 + self.below(size.height - y);
        Rect::new(x, y, width, height)
    }
}

/// 8-bit pixels with smooth areas, edges and some noise, so that neighbouring rows and columns differ. The fourth channel
/// grows to the right, from nothing to all.
pub fn picture(size: Size, channels: usize) -> Vec<u8> {
    let mut seed = 0x2545_F491_u32;
    let mut pixels = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            let edge = if (x / 23 + y / 17) % 2 == 0 { 60 } else { 0 };
            let noise = (seed >> 28) as u8;
            let values = [
                x as u8 / 2 + edge + noise,
                y as u8 / 2 + noise,
                ((x + y) as u8) / 2 + edge,
                (x * 255 / size.width) as u8,
            ];
            pixels.extend(&values[..channels]);
        }
    }
    pixels
}

/// EXIF with nothing but an orientation.
pub fn exif(orientation: u16) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(orientation.to_be_bytes());
    exif.extend([0; 6]);
    exif
}
