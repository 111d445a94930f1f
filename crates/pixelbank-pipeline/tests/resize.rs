//! Resizing against a slow reference, and the law that blocks fit together.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use half::f16;
use pixelbank_image::{Alpha, Channels, PixelFormat, Rect, SampleType, Size, View, ViewMut};
use pixelbank_pipeline::resize::{Along, Crop, Kernels, Resize, ResizeSpec};
use pixelbank_pipeline::{Error, Filter};
use proptest::prelude::*;
use support::{catmull_rom, lanczos3, reference, scene, triangle};

fn spec(source: Size, crop: Crop, target: Size, format: PixelFormat) -> ResizeSpec {
    ResizeSpec {
        source,
        crop,
        target,
        format,
        alpha: Alpha::None,
        filter: Filter::Lanczos3,
        along: Along::Rows,
    }
}

fn run(spec: ResizeSpec, pixels: &[u8]) -> Vec<u8> {
    let mut made = vec![0u8; spec.format.image_bytes(spec.target) as usize];
    let source = View::packed(pixels, spec.source, spec.format).unwrap();
    let mut target = ViewMut::packed(&mut made, spec.target, spec.format).unwrap();
    Resize::new(spec).unwrap().run(source, &mut target).unwrap();
    made
}

/// A scene of middling contrast: what overshoots at edges stays within range. The kernels clamp between the two axes,
/// which the reference does not.
fn gentle(size: Size, channels: usize) -> Vec<u8> {
    scene(size, channels)
        .into_iter()
        .map(|sample| 64 + sample / 2)
        .collect()
}

fn worst(made: impl IntoIterator<Item = f64>, expected: &[f64], limit: f64) -> f64 {
    let made: Vec<_> = made.into_iter().collect();
    assert_eq!(made.len(), expected.len());
    made.iter()
        .zip(expected)
        .map(|(made, expected)| (made - expected.clamp(0.0, limit)).abs())
        .fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two roundings, one after each axis, and weights of 14 bits: at most 2 of 255 apart from the exact result.
    #[test]
    fn eight_bits_follow_the_reference(
        width in 4u32..70, height in 4u32..70, made_width in 1u32..60, made_height in 1u32..60,
        channels in 1usize..=4, filter in 0usize..3, cut in 0u32..4,
    ) {
        let size = Size::new(width, height);
        let target = Size::new(made_width, made_height);
        let (filter, kernel, support) = [
            (Filter::Lanczos3, lanczos3 as fn(f64) -> f64, 3.0),
            (Filter::CatmullRom, catmull_rom, 2.0),
            (Filter::Bilinear, triangle, 1.0),
        ][filter];
        let crop = Crop {
            x: f64::from(cut) * 0.37,
            y: f64::from(cut) * 0.61,
            width: f64::from(width) - f64::from(cut) * 0.9,
            height: f64::from(height) - f64::from(cut) * 0.7,
        };
        let format = PixelFormat::new(
            [Channels::Gray, Channels::GrayAlpha, Channels::Rgb, Channels::Rgba][channels - 1],
            SampleType::U8,
        );
        let pixels = gentle(size, channels);
        let made = run(ResizeSpec { filter, ..spec(size, crop, target, format) }, &pixels);
        let exact: Vec<f64> = pixels.iter().map(|&sample| f64::from(sample)).collect();
        let expected = reference(&exact, size, channels, crop, target, kernel, support);
        let worst = worst(made.into_iter().map(f64::from), &expected, 255.0);
        prop_assert!(worst <= 2.0, "{worst}");
    }
}

#[test]
fn sixteen_bits_and_floats_follow_the_reference() {
    let (size, target) = (Size::new(61, 47), Size::new(23, 19));
    let crop = Crop::from(size.rect());
    for channels in 1..=4 {
        let layout = [
            Channels::Gray,
            Channels::GrayAlpha,
            Channels::Rgb,
            Channels::Rgba,
        ][channels - 1];
        let small = gentle(size, channels);
        let words: Vec<u16> = small.iter().map(|&v| u16::from(v) * 251).collect();
        let exact: Vec<f64> = words.iter().map(|&v| f64::from(v)).collect();
        let expected = reference(&exact, size, channels, crop, target, lanczos3, 3.0);

        let format = PixelFormat::new(layout, SampleType::U16);
        let made = run(
            spec(size, crop, target, format),
            bytemuck::cast_slice(&words),
        );
        let made: Vec<u16> = bytemuck::pod_collect_to_vec(&made);
        let off = worst(made.into_iter().map(f64::from), &expected, 65_535.0);
        assert!(off <= 2.0, "{off}");

        // Floating point is not clamped: what overshoots stays.
        let floats: Vec<f32> = words.iter().map(|&v| f32::from(v)).collect();
        let format = PixelFormat::new(layout, SampleType::F32);
        let made = run(
            spec(size, crop, target, format),
            bytemuck::cast_slice(&floats),
        );
        let made: Vec<f32> = bytemuck::pod_collect_to_vec(&made);
        for (made, expected) in made.iter().zip(&expected) {
            assert!(
                (f64::from(*made) - expected).abs() < 0.2,
                "{made} {expected}"
            );
        }

        let halves: Vec<f16> = small
            .iter()
            .map(|&v| f16::from_f32(f32::from(v) / 8.0))
            .collect();
        let format = PixelFormat::new(layout, SampleType::F16);
        let made = run(
            spec(size, crop, target, format),
            bytemuck::cast_slice(&halves),
        );
        let made: Vec<f16> = bytemuck::pod_collect_to_vec(&made);
        for (made, expected) in made.iter().zip(&expected) {
            let expected = expected / 251.0 / 8.0;
            let off = (f64::from(made.to_f32()) - expected).abs();
            assert!(off < 0.001 * expected.abs() + 0.01, "{made} {expected}");
        }
    }
}

#[test]
fn transparent_pixels_do_not_bleed() {
    // Opaque red beside transparent green: no blend of the two may have any green.
    let size = Size::new(32, 32);
    let pixels: Vec<u8> = (0..32 * 32)
        .flat_map(|i| {
            if (i / 3) % 2 == 0 {
                [255, 0, 0, 255]
            } else {
                [0, 255, 0, 0]
            }
        })
        .collect();
    let target = Size::new(13, 13);
    let straight = ResizeSpec {
        alpha: Alpha::Straight,
        ..spec(size, size.rect().into(), target, PixelFormat::RGBA8)
    };
    let made = run(straight, &pixels);
    let mut partial = 0;
    for pixel in made.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
        assert_eq!(pixel[1], 0, "{pixel:?}");
        partial += u32::from((20..235).contains(&pixel[3]));
    }
    assert!(partial > 20);
}

#[test]
fn rows_with_gaps_and_odd_addresses_give_the_same() {
    let (size, target) = (Size::new(40, 30), Size::new(17, 11));
    let format = PixelFormat::new(Channels::Rgb, SampleType::U16);
    let pixels = scene(size, 6);
    let plan = spec(size, size.rect().into(), target, format);
    let expected = run(plan, &pixels);

    let row_bytes = format.row_bytes(size.width) + 7;
    let mut spaced = vec![0xEE; row_bytes * 30 + 1];
    for (y, row) in pixels
        .chunks_exact(format.row_bytes(size.width))
        .enumerate()
    {
        spaced[1 + y * row_bytes..][..row.len()].copy_from_slice(row);
    }
    let made_bytes = format.row_bytes(target.width) + 5;
    let mut made = vec![0xEE; made_bytes * 11 + 1];
    let mut to = ViewMut::new(&mut made[1..], target, format, made_bytes).unwrap();
    let from = View::new(&spaced[1..], size, format, row_bytes).unwrap();
    Resize::new(plan).unwrap().run(from, &mut to).unwrap();
    let packed: Vec<u8> = to.as_view().rows().flatten().copied().collect();
    assert_eq!(packed, expected);
    assert_eq!(made[made_bytes], 0xEE, "padding is left alone");
}

/// Makes every block from a copy of just the pixels that it says it needs.
fn assemble(plan: ResizeSpec, pixels: &[u8]) -> (Vec<u8>, u32) {
    let resize = Resize::new(plan).unwrap();
    let source = View::packed(pixels, plan.source, plan.format).unwrap();
    let mut made = vec![0u8; plan.format.image_bytes(plan.target) as usize];
    let largest = resize.largest_block();
    for index in (0..resize.n_blocks()).rev() {
        let block = resize.block(index);
        let fits = |rect: Rect, size: Size| Rect::new(0, 0, rect.width, rect.height).fits(size);
        assert!(fits(block.source, largest.source) && fits(block.target, largest.target));
        let part: Vec<u8> = source
            .crop(block.source)
            .unwrap()
            .rows()
            .flatten()
            .copied()
            .collect();
        let part = View::packed(&part, block.source.size(), plan.format).unwrap();
        let all = ViewMut::packed(&mut made, plan.target, plan.format).unwrap();
        let mut to = all.crop(block.target).unwrap();
        resize
            .run_block(&mut Kernels::default(), index, part, &mut to)
            .unwrap();
    }
    (made, resize.n_blocks())
}

#[test]
fn blocks_made_apart_equal_the_whole() {
    let size = Size::new(2100, 1400);
    let pixels = scene(size, 3);
    let crop = Crop {
        x: 3.25,
        y: 1.5,
        width: 2090.0,
        height: 1390.75,
    };
    for target in [Size::new(700, 500), Size::new(1999, 1301), Size::new(61, 9)] {
        for along in [Along::Rows, Along::Columns] {
            let plan = ResizeSpec {
                along,
                ..spec(size, crop, target, PixelFormat::RGB8)
            };
            let (made, n_blocks) = assemble(plan, &pixels);
            assert!(n_blocks > 1);
            assert_eq!(made, run(plan, &pixels), "{target} {along:?}");
        }
    }
    let format = PixelFormat::new(Channels::Rgb, SampleType::U16);
    let size = Size::new(1050, 1400);
    let crop = Crop::from(size.rect());
    let plan = spec(size, crop, Size::new(333, 777), format);
    let (made, n_blocks) = assemble(plan, &pixels);
    assert!(n_blocks > 1);
    assert_eq!(made, run(plan, &pixels));
}

#[test]
fn block_borders_do_not_show() {
    // However it is cut, the result is the exact one to within rounding; so no border can be seen.
    let size = Size::new(2100, 1400);
    let pixels = scene(size, 3);
    let target = Size::new(300, 200);
    let make = |along| {
        let crop = Crop::from(size.rect());
        run(
            ResizeSpec {
                along,
                ..spec(size, crop, target, PixelFormat::RGB8)
            },
            &pixels,
        )
    };
    let (rows, columns) = (make(Along::Rows), make(Along::Columns));
    let worst = rows.iter().zip(&columns).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "{worst:?}");
}

#[test]
fn neighbouring_crops_fit_together() {
    let size = Size::new(400, 300);
    let pixels = scene(size, 3);
    let whole = run(
        spec(
            size,
            size.rect().into(),
            Size::new(150, 100),
            PixelFormat::RGB8,
        ),
        &pixels,
    );
    let whole = View::packed(&whole, Size::new(150, 100), PixelFormat::RGB8).unwrap();
    for (x, y) in [(0, 0), (50, 0), (100, 50), (50, 50)] {
        let crop = Crop {
            x: f64::from(x) * 400.0 / 150.0,
            y: f64::from(y) * 3.0,
            width: 50.0 * 400.0 / 150.0,
            height: 150.0,
        };
        let tile = run(
            spec(size, crop, Size::new(50, 50), PixelFormat::RGB8),
            &pixels,
        );
        let part = whole.crop(Rect::new(x, y, 50, 50)).unwrap();
        let worst = tile
            .iter()
            .zip(part.rows().flatten())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst <= Some(1), "{worst:?} at {x}, {y}");
    }
}

#[test]
fn a_copy_copies_any_format() {
    let size = Size::new(9, 8);
    let format = PixelFormat::new(Channels::Other(5), SampleType::U32);
    let pixels: Vec<u8> = (0..9 * 8 * 20u32).map(|i| i as u8).collect();
    let crop = Rect::new(2, 3, 4, 5);
    let plan = spec(size, crop.into(), crop.size(), format);
    assert!(Resize::new(plan).unwrap().is_copy());
    let expected: Vec<u8> = View::packed(&pixels, size, format)
        .unwrap()
        .crop(crop)
        .unwrap()
        .rows()
        .flatten()
        .copied()
        .collect();
    assert_eq!(run(plan, &pixels), expected);
    assert_eq!(Resize::new(plan).unwrap().block(0).source, crop);
}

#[test]
fn senseless_plans_are_refused() {
    let size = Size::new(10, 10);
    let bad = |crop, target, format| Resize::new(spec(size, crop, target, format)).unwrap_err();
    let all = Crop::from(size.rect());
    assert!(matches!(
        bad(all, Size::new(0, 3), PixelFormat::RGB8),
        Error::BadRequest { .. }
    ));
    for crop in [
        Crop { x: -0.5, ..all },
        Crop { width: 10.5, ..all },
        Crop {
            height: f64::NAN,
            ..all
        },
        Crop { width: 0.0, ..all },
    ] {
        assert!(
            matches!(bad(crop, size, PixelFormat::RGB8), Error::BadRequest { .. }),
            "{crop:?}"
        );
    }
    let format = PixelFormat::new(Channels::Gray, SampleType::U32);
    assert!(matches!(
        bad(all, Size::new(3, 3), format),
        Error::Unsupported { .. }
    ));
}
