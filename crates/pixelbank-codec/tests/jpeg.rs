//! Reading JPEG through the public interface, against streams of an independent writer and pixels of an independent
//! reader.

use std::ops::ControlFlow;
use std::sync::Arc;

use jpeg_encoder::{ColorType, SamplingFactor};
use pixelbank_codec::{Decoder, Error, Format, Input, Limits, Region, open};
use pixelbank_image::{Access, Orientation, PixelFormat, Rect, Size};

/// Smooth areas, edges and some noise, so that neighbouring rows and columns differ.
fn picture(size: Size, channels: usize) -> Vec<u8> {
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
                (x * 2) as u8 / 2 + edge + noise,
                (y * 3) as u8 / 2 + noise,
                ((x + y) as u8) / 2 + edge,
                (x ^ y) as u8 / 2,
            ];
            pixels.extend(&values[..channels]);
        }
    }
    pixels
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    color: ColorType,
    sampling: SamplingFactor,
    progressive: bool,
    restarts: bool,
}

impl Kind {
    const fn baseline(color: ColorType, sampling: SamplingFactor) -> Self {
        Self {
            color,
            sampling,
            progressive: false,
            restarts: false,
        }
    }

    fn channels(self) -> usize {
        match self.color {
            ColorType::Luma => 1,
            ColorType::Cmyk | ColorType::CmykAsYcck => 4,
            _ => 3,
        }
    }

    fn encode(self, size: Size) -> Vec<u8> {
        self.encode_with(size, |_| {})
    }

    fn encode_with(
        self,
        size: Size,
        change: impl FnOnce(&mut jpeg_encoder::Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut stream, 90);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.progressive);
        if self.restarts {
            encoder.set_restart_interval(3);
        }
        change(&mut encoder);
        let pixels = picture(size, self.channels());
        encoder
            .encode(&pixels, size.width as u16, size.height as u16, self.color)
            .unwrap();
        stream
    }
}

fn kinds() -> Vec<Kind> {
    use SamplingFactor as S;
    let mut kinds = vec![
        Kind::baseline(ColorType::Luma, S::F_1_1),
        Kind::baseline(ColorType::Cmyk, S::F_1_1),
        Kind::baseline(ColorType::CmykAsYcck, S::F_2_2),
    ];
    for sampling in [S::F_1_1, S::F_2_1, S::F_1_2, S::F_2_2, S::F_4_1, S::F_4_2, S::F_1_4, S::F_2_4] {
        kinds.push(Kind::baseline(ColorType::Rgb, sampling));
    }
    for index in 0..kinds.len() {
        kinds.push(Kind {
            progressive: true,
            ..kinds[index]
        });
    }
    kinds.push(Kind {
        restarts: true,
        ..Kind::baseline(ColorType::Rgb, S::F_2_2)
    });
    kinds
}

fn memory(stream: &[u8]) -> Input {
    Input::memory(Arc::from(stream), "test.jpg")
}

fn open_bytes(stream: &[u8]) -> Box<dyn Decoder> {
    open(memory(stream), &Limits::default()).unwrap()
}

fn region(level: u32, rect: Rect) -> Region {
    Region {
        subimage: 0,
        level,
        rect,
    }
}

/// The pixels of a region, packed; checks the promises about bands on the way.
fn read(decoder: &mut dyn Decoder, level: u32, rect: Rect) -> Result<Vec<u8>, Error> {
    let format = decoder.info().subimages[0].format;
    let mut pixels = Vec::new();
    let mut next = rect.y;
    decoder.decode(&region(level, rect), &mut |band| {
        assert_eq!((band.rect.x, band.rect.width), (rect.x, rect.width));
        assert_eq!(band.rect.y, next);
        assert_eq!(band.pixels.size(), band.rect.size());
        assert_eq!(band.pixels.format(), format);
        next += band.rect.height;
        for row in band.pixels.rows() {
            pixels.extend_from_slice(row);
        }
        ControlFlow::Continue(())
    })?;
    assert_eq!(u64::from(next), rect.bottom());
    Ok(pixels)
}

fn whole(decoder: &mut dyn Decoder, level: u32) -> Vec<u8> {
    let size = decoder.info().subimages[0].levels[level as usize].size;
    read(decoder, level, size.rect()).unwrap()
}

fn crop(pixels: &[u8], size: Size, channels: usize, rect: Rect) -> Vec<u8> {
    let row_bytes = size.width as usize * channels;
    (rect.y..rect.y + rect.height)
        .flat_map(|y| {
            let start = y as usize * row_bytes + rect.x as usize * channels;
            &pixels[start..start + rect.width as usize * channels]
        })
        .copied()
        .collect()
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) % u64::from(end)) as u32
    }

    fn rect(&mut self, size: Size) -> Rect {
        let x = self.below(size.width);
        let y = self.below(size.height);
        let width = 1 + self.below(size.width - x);
        let height = 1 + self.below(size.height - y);
        Rect::new(x, y, width, height)
    }
}

#[test]
fn the_header_tells_sizes_and_levels() {
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(101, 67));
    let decoder = open_bytes(&stream);
    let info = decoder.info();
    assert_eq!(info.format, Format::Jpeg);
    let spec = &info.subimages[0];
    assert_eq!(spec.format, PixelFormat::RGB8);
    assert_eq!(spec.orientation, Orientation::Normal);
    let sizes: Vec<Size> = spec.levels.iter().map(|level| level.size).collect();
    let expected = [(101, 67), (51, 34), (26, 17), (13, 9)];
    assert_eq!(sizes, expected.map(|(w, h)| Size::new(w, h)));
    assert!(spec.levels.iter().all(|level| level.access == Access::Pass));
}

#[test]
fn pixels_agree_with_another_decoder() {
    let size = Size::new(203, 149);
    for kind in kinds() {
        if kind.channels() == 4 {
            continue;
        }
        let stream = kind.encode(size);
        let ours = whole(&mut *open_bytes(&stream), 0);
        let theirs = jpeg_decoder::Decoder::new(&stream[..]).decode().unwrap();
        assert_eq!(ours.len(), theirs.len());
        // Both may round each of transformation, upsampling and conversion the other way.
        let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        let mean = ours
            .iter()
            .zip(&theirs)
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum::<f64>()
            / ours.len() as f64;
        println!("{kind:?}: worst {worst:?}, mean {mean:.3}");
        assert!(
            worst.unwrap() <= 5 && mean < 0.5,
            "{kind:?}: worst {worst:?}, mean {mean}"
        );
    }
}

#[test]
fn regions_are_cut_from_the_whole() {
    let mut numbers = Numbers(7);
    for size in [Size::new(203, 149), Size::new(640, 97), Size::new(96, 352)] {
        for kind in kinds() {
            let stream = kind.encode(size);
            let mut decoder = open_bytes(&stream);
            let channels = decoder.info().subimages[0].format.pixel_bytes();
            for level in 0..4 {
                let all = whole(&mut *decoder, level);
                let size = decoder.info().subimages[0].levels[level as usize].size;
                for _ in 0..24 {
                    let rect = numbers.rect(size);
                    let part = read(&mut *decoder, level, rect).unwrap();
                    let expected = crop(&all, size, channels, rect);
                    assert!(part == expected, "{kind:?} level {level} of {size}: {rect}");
                }
            }
        }
    }
}
