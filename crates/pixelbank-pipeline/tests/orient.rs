//! Laws of mirroring and turning.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use pixelbank_image::{Channels, Orientation, PixelFormat, Rect, SampleType, Size, View, ViewMut};
use pixelbank_pipeline::orient::{inverse, orient, then};
use proptest::prelude::*;

fn turned(orientation: Orientation, pixels: &[u8], size: Size, format: PixelFormat) -> Vec<u8> {
    let mut made = vec![0; pixels.len()];
    let mut target = ViewMut::packed(&mut made, orientation.displayed(size), format).unwrap();
    orient(
        orientation,
        View::packed(pixels, size, format).unwrap(),
        &mut target,
    )
    .unwrap();
    made
}

fn orientations() -> impl Strategy<Value = Orientation> {
    (1u32..=8).prop_map(Orientation::from_exif)
}

fn formats() -> impl Strategy<Value = PixelFormat> {
    use SampleType as S;
    prop::sample::select(vec![
        PixelFormat::GRAY8,
        PixelFormat::GRAYA8,
        PixelFormat::RGB8,
        PixelFormat::RGBA8,
        PixelFormat::RGB16,
        PixelFormat::new(Channels::Rgba, S::U16),
        PixelFormat::new(Channels::Rgb, S::F32),
        PixelFormat::new(Channels::Rgba, S::F32),
        PixelFormat::new(Channels::Other(5), S::U8),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_inverse_undoes_it(first in orientations(), format in formats(), width in 1u32..80, height in 1u32..80) {
        let size = Size::new(width, height);
        let pixels = support::scene(size, format.pixel_bytes());
        let made = turned(first, &pixels, size, format);
        prop_assert_eq!(turned(inverse(first), &made, first.displayed(size), format), pixels);
    }

    #[test]
    fn two_in_turn_are_one(first in orientations(), second in orientations(), format in formats(), width in 1u32..40, height in 1u32..40) {
        let size = Size::new(width, height);
        let pixels = support::scene(size, format.pixel_bytes());
        let made = turned(first, &pixels, size, format);
        let made = turned(second, &made, first.displayed(size), format);
        prop_assert_eq!(turned(then(first, second), &pixels, size, format), made);
    }

    #[test]
    fn every_pixel_comes_from_where_it_was_stored(orientation in orientations(), format in formats(), width in 1u32..40, height in 1u32..40) {
        let size = Size::new(width, height);
        let pixels = support::scene(size, format.pixel_bytes());
        let source = View::packed(&pixels, size, format).unwrap();
        let seen = orientation.displayed(size);
        let made = turned(orientation, &pixels, size, format);
        let made = View::packed(&made, seen, format).unwrap();
        for y in 0..seen.height {
            for x in 0..seen.width {
                let one = Rect::new(x, y, 1, 1);
                let from = orientation.stored_rect(one, size);
                prop_assert_eq!(made.crop(one).unwrap().row(0), source.crop(from).unwrap().row(0));
            }
        }
    }
}

#[test]
fn views_within_larger_images_are_turned_too() {
    let size = Size::new(50, 40);
    let pixels = support::scene(size, 3);
    let source = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    let part = source.crop(Rect::new(5, 6, 37, 21)).unwrap();
    let packed: Vec<u8> = part.rows().flatten().copied().collect();
    let expected = turned(
        Orientation::Rotate90,
        &packed,
        part.size(),
        PixelFormat::RGB8,
    );
    let mut made = vec![7u8; 30 * 3 * 40];
    let all = ViewMut::packed(&mut made, Size::new(30, 40), PixelFormat::RGB8).unwrap();
    let mut target = all.crop(Rect::new(4, 2, 21, 37)).unwrap();
    orient(Orientation::Rotate90, part, &mut target).unwrap();
    let made: Vec<u8> = target.as_view().rows().flatten().copied().collect();
    assert_eq!(made, expected);
}

#[test]
fn sizes_and_formats_must_fit() {
    let pixels = [0u8; 6];
    let source = View::packed(&pixels, Size::new(3, 2), PixelFormat::GRAY8).unwrap();
    let mut made = [0u8; 6];
    let mut target = ViewMut::packed(&mut made, Size::new(3, 2), PixelFormat::GRAY8).unwrap();
    assert!(orient(Orientation::Rotate90, source, &mut target).is_err());
    let mut target = ViewMut::packed(&mut made, Size::new(1, 2), PixelFormat::RGB8).unwrap();
    assert!(orient(Orientation::Normal, source, &mut target).is_err());
}
