//! Whole requests, on pyramids in memory.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use pixelbank_image::{
    Alpha, Channels, Orientation, PixelFormat, Rect, SampleType, Size, View, ViewMut,
};
use pixelbank_memory::{Bank, Cancel, Wait};
use pixelbank_pipeline::orient::orient;
use pixelbank_pipeline::quality::Quality;
use pixelbank_pipeline::render::{Picture, Plan, Render};
use pixelbank_pipeline::resize::Crop;
use pixelbank_pipeline::{Error, Profiles};
use proptest::prelude::*;
use support::{Pyramid, lanczos3, reference};

fn plan(pyramid: &Pyramid, request: &Render) -> Plan {
    let bank = support::bank();
    let profiles = Profiles::new(support::holder(&bank));
    Plan::new(&pyramid.spec, &pyramid.sizes, request, &profiles).unwrap()
}

fn run(pyramid: &Pyramid, request: &Render) -> (Bank, Picture) {
    let bank = support::bank();
    let plan = plan(pyramid, request);
    let picture = plan
        .run(
            &support::holder(&bank),
            &Wait::never(),
            &mut |level, rect, to| {
                assert!(plan.source_rect().contains(rect));
                pyramid.read(level, rect, to)
            },
        )
        .unwrap();
    assert_eq!(
        (picture.size(), picture.format()),
        (plan.size(), plan.format())
    );
    (bank, picture)
}

fn pixels(picture: &Picture) -> Vec<u8> {
    picture.view().rows().flatten().copied().collect()
}

fn by_rows(pyramid: &Pyramid, request: &Render) -> (Vec<u8>, u32) {
    let bank = support::bank();
    let plan = plan(pyramid, request);
    let (mut made, mut bands) = (Vec::new(), 0);
    plan.rows(
        &support::holder(&bank),
        &Wait::never(),
        &mut |level, rect, to| pyramid.read(level, rect, to),
        &mut |band| {
            assert_eq!(band.size().width, plan.size().width);
            made.extend(band.rows().flatten());
            bands += 1;
            Ok(())
        },
    )
    .unwrap();
    assert!(bank.ledger().host.peak_bytes <= plan.rows_bytes());
    assert_eq!(bank.ledger().host.live_bytes, 0);
    (made, bands)
}

/// The image as it is seen, at full size.
fn upright(pyramid: &Pyramid, level: usize) -> (Size, Vec<u8>) {
    let orientation = pyramid.spec.orientation;
    let source = pyramid.view(level);
    let size = orientation.displayed(source.size());
    let mut seen = vec![0; pyramid.spec.format.image_bytes(size) as usize];
    let mut target = ViewMut::packed(&mut seen, size, pyramid.spec.format).unwrap();
    orient(orientation, source, &mut target).unwrap();
    (size, seen)
}

fn crop(pixels: &[u8], size: Size, format: PixelFormat, rect: Rect) -> Vec<u8> {
    let view = View::packed(pixels, size, format).unwrap();
    view.crop(rect).unwrap().rows().flatten().copied().collect()
}

const FORMATS: [PixelFormat; 4] = [
    PixelFormat::GRAY8,
    PixelFormat::GRAYA8,
    PixelFormat::RGB8,
    PixelFormat::RGBA8,
];

#[test]
fn tiles_are_the_stored_pixels_whatever_the_orientation() {
    for format in FORMATS {
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif);
            let pyramid = Pyramid::scene(Size::new(256, 192), format).oriented(orientation);
            for level in 0..2u32 {
                let (size, seen) = upright(&pyramid, level as usize);
                for y in (0..size.height).step_by(64) {
                    for x in (0..size.width).step_by(64) {
                        let tile = Rect::new(x, y, 64, 64).intersect(size.rect());
                        let region = Rect::new(
                            x << level,
                            y << level,
                            tile.width << level,
                            tile.height << level,
                        );
                        let request = Render::new(region, tile.size());
                        let plan = plan(&pyramid, &request);
                        assert!(plan.is_copy());
                        assert_eq!(plan.level(), level);
                        let (_bank, picture) = run(&pyramid, &request);
                        assert_eq!(pixels(&picture), crop(&seen, size, format, tile));
                    }
                }
            }
        }
    }
}

#[test]
fn tiles_of_odd_images_are_copies_too() {
    let pyramid = Pyramid::scene(Size::new(301, 203), PixelFormat::RGB8);
    for level in 0..3u32 {
        let size = pyramid.sizes[level as usize];
        for y in (0..203).step_by(64 << level) {
            for x in (0..301).step_by(64 << level) {
                let region =
                    Rect::new(x, y, 64 << level, 64 << level).intersect(pyramid.sizes[0].rect());
                let made = Size::new(
                    region.width.div_ceil(1 << level),
                    region.height.div_ceil(1 << level),
                );
                let request = Render::new(region, made);
                assert!(plan(&pyramid, &request).is_copy());
                let (_bank, picture) = run(&pyramid, &request);
                let tile = Rect::new(x >> level, y >> level, made.width, made.height);
                assert_eq!(
                    pixels(&picture),
                    crop(
                        &pyramid.levels[level as usize],
                        size,
                        PixelFormat::RGB8,
                        tile
                    )
                );
            }
        }
    }
}

#[test]
fn a_copied_tile_is_read_straight_into_the_picture() {
    let pyramid = Pyramid::scene(Size::new(512, 512), PixelFormat::RGB8);
    let request = Render::new(Rect::new(256, 0, 256, 256), Size::new(256, 256));
    let plan = plan(&pyramid, &request);
    let bank = support::bank();
    let mut reads = Vec::new();
    let picture = plan
        .run(
            &support::holder(&bank),
            &Wait::never(),
            &mut |level, rect, to| {
                reads.push((level, rect));
                pyramid.read(level, rect, to)
            },
        )
        .unwrap();
    assert_eq!(reads, [(0, request.region)]);
    // Nothing but the picture was ever held.
    let ledger = bank.ledger();
    assert_eq!(ledger.host.peak_bytes, 256 * 256 * 3);
    assert_eq!(ledger.host.live_bytes, 256 * 256 * 3);
    drop(picture);
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn resized_regions_follow_the_reference() {
    // One level only, so that the reference can do the same.
    let size = Size::new(120, 90);
    for exif in 1..=8 {
        let scene = support::scene(size, 3)
            .into_iter()
            .map(|v| 64 + v / 2)
            .collect();
        let pyramid = Pyramid {
            sizes: vec![size],
            ..Pyramid::of(scene, size, PixelFormat::RGB8, Alpha::None)
        }
        .oriented(Orientation::from_exif(exif));
        let (seen_size, seen) = upright(&pyramid, 0);
        let region = Rect::new(11, 7, 60, 50);
        let made = Size::new(37, 23);
        let (_bank, picture) = run(&pyramid, &Render::new(region, made));
        let exact: Vec<f64> = seen.iter().map(|&v| f64::from(v)).collect();
        let expected = reference(
            &exact,
            seen_size,
            3,
            Crop::from(region),
            made,
            lanczos3,
            3.0,
        );
        for (made, expected) in pixels(&picture).iter().zip(expected) {
            assert!(
                (f64::from(*made) - expected).abs() <= 3.0,
                "{made} {expected}"
            );
        }
    }
}

#[test]
fn regions_fit_together_at_any_scale() {
    let pyramid = Pyramid::scene(Size::new(640, 480), PixelFormat::RGB8);
    let (_bank, whole) = run(
        &pyramid,
        &Render::new(Rect::new(0, 0, 640, 480), Size::new(240, 180)),
    );
    let whole = pixels(&whole);
    for (x, y) in [(0, 0), (60, 45), (180, 135), (120, 0)] {
        let exact = Rect::new(x * 8 / 3, y * 8 / 3, 160, 120);
        let (_bank, part) = run(&pyramid, &Render::new(exact, Size::new(60, 45)));
        let expected = crop(
            &whole,
            Size::new(240, 180),
            PixelFormat::RGB8,
            Rect::new(x, y, 60, 45),
        );
        let worst = pixels(&part)
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst <= Some(1), "{worst:?} at {x}, {y}");
    }
}

#[test]
fn bands_are_the_picture() {
    for exif in 1..=8 {
        let pyramid = Pyramid::scene(Size::new(1500, 1301), PixelFormat::RGB8)
            .oriented(Orientation::from_exif(exif));
        let all = pyramid.spec.orientation.displayed(pyramid.sizes[0]);
        let region = Rect::new(3, 5, all.width - 10, all.height - 11);
        for size in [
            region.size(),
            Size::new(region.width * 4 / 5, region.height * 5 / 6),
        ] {
            for (mirror, rotation_degrees, quality) in
                [(false, 0.0, Quality::Color), (true, 270.0, Quality::Gray)]
            {
                let request = Render {
                    mirror,
                    rotation_degrees,
                    quality,
                    ..Render::new(region, size)
                };
                let (made, bands) = by_rows(&pyramid, &request);
                let (_bank, picture) = run(&pyramid, &request);
                assert!(bands > 1);
                assert!(made == pixels(&picture), "{exif} {size} {mirror}");
            }
        }
    }
}

#[test]
fn mirrors_come_before_turns() {
    let pyramid = Pyramid::of(
        vec![1, 2, 3, 4, 5, 6],
        Size::new(3, 2),
        PixelFormat::GRAY8,
        Alpha::None,
    );
    let made = |mirror, rotation_degrees| {
        let request = Render {
            mirror,
            rotation_degrees,
            ..Render::new(Rect::new(0, 0, 3, 2), Size::new(3, 2))
        };
        pixels(&run(&pyramid, &request).1)
    };
    assert_eq!(made(false, 90.0), [4, 1, 5, 2, 6, 3]);
    assert_eq!(made(true, 0.0), [3, 2, 1, 6, 5, 4]);
    assert_eq!(made(true, 90.0), [6, 3, 5, 2, 4, 1]);
    assert_eq!(made(false, 360.0), [1, 2, 3, 4, 5, 6]);
    assert_eq!(made(false, -90.0), [3, 6, 2, 5, 1, 4]);
}

#[test]
fn odd_angles_grow_the_canvas() {
    let pyramid = Pyramid::scene(Size::new(100, 60), PixelFormat::RGB8);
    let request = Render {
        rotation_degrees: 30.0,
        ..Render::new(Rect::new(0, 0, 100, 60), Size::new(100, 60))
    };
    let (bank, picture) = run(&pyramid, &request);
    assert_eq!(picture.size(), Size::new(117, 102));
    assert_eq!(picture.format(), PixelFormat::RGBA8);
    assert_eq!(picture.view().row(0)[..4], [0, 0, 0, 0]);
    assert!(bank.ledger().host.peak_bytes <= plan(&pyramid, &request).bytes());
    let flat = Render {
        flatten: true,
        quality: Quality::Gray,
        ..request
    };
    let (_bank, picture) = run(&pyramid, &flat);
    assert_eq!(picture.format(), PixelFormat::GRAY8);
    assert_eq!(picture.view().row(0)[0], 255);
    assert!(!plan(&pyramid, &flat).has_rows());
    assert_eq!(by_rows(&pyramid, &flat), (pixels(&picture), 1));
}

#[test]
fn deep_pixels_are_converted_before_they_are_resized() {
    let size = Size::new(90, 700);
    let format = PixelFormat::new(Channels::Rgb, SampleType::U16);
    let small = support::scene(size, 3);
    let words: Vec<u16> = small.iter().map(|&v| u16::from(v) * 257).collect();
    let deep = Pyramid::of(
        bytemuck::cast_slice(&words).to_vec(),
        size,
        format,
        Alpha::None,
    );
    let flat = Pyramid {
        sizes: vec![size],
        ..Pyramid::of(small, size, PixelFormat::RGB8, Alpha::None)
    };
    for made in [size, Size::new(41, 333)] {
        let request = Render::new(size.rect(), made);
        let (_bank, from_deep) = run(&deep, &request);
        let (_bank, from_flat) = run(&flat, &request);
        assert_eq!(pixels(&from_deep), pixels(&from_flat));
        assert_eq!(by_rows(&deep, &request).0, pixels(&from_flat));
    }
}

#[test]
fn highlights_leave_no_rings() {
    // A lamp of 200 times white on middle grey: resized in light, it would be ringed with black.
    let size = Size::new(64, 64);
    let mut light = vec![0.2f32; 64 * 64];
    for y in 28..36 {
        light[y * 64 + 28..y * 64 + 36].fill(200.0);
    }
    let format = PixelFormat::new(Channels::Gray, SampleType::F32);
    let mut lamp = Pyramid::of(
        bytemuck::cast_slice(&light).to_vec(),
        size,
        format,
        Alpha::None,
    );
    lamp.spec.transfer = pixelbank_image::Transfer::Linear;
    let (_bank, picture) = run(&lamp, &Render::new(size.rect(), Size::new(25, 25)));
    let darkest = pixels(&picture).into_iter().min();
    assert!(darkest > Some(90), "{darkest:?}");
}

#[test]
fn qualities_and_alpha() {
    let size = Size::new(64, 64);
    let format = |from, quality, flatten, gray_as_rgb| {
        let pyramid = Pyramid::scene(size, from);
        let request = Render {
            quality,
            flatten,
            gray_as_rgb,
            ..Render::new(size.rect(), Size::new(20, 20))
        };
        let (_bank, picture) = run(&pyramid, &request);
        if quality == Quality::Bitonal {
            assert!(pixels(&picture).iter().all(|&v| v == 0 || v == 255));
        }
        picture.format()
    };
    use Quality::{Bitonal, Color, Gray};
    assert_eq!(
        format(PixelFormat::RGB8, Color, false, false),
        PixelFormat::RGB8
    );
    assert_eq!(
        format(PixelFormat::RGBA8, Color, false, false),
        PixelFormat::RGBA8
    );
    assert_eq!(
        format(PixelFormat::RGBA8, Color, true, false),
        PixelFormat::RGB8
    );
    assert_eq!(
        format(PixelFormat::RGBA8, Gray, false, false),
        PixelFormat::GRAYA8
    );
    assert_eq!(
        format(PixelFormat::RGBA8, Bitonal, false, false),
        PixelFormat::GRAY8
    );
    assert_eq!(
        format(PixelFormat::GRAYA8, Color, false, true),
        PixelFormat::RGBA8
    );
    assert_eq!(
        format(PixelFormat::GRAY8, Color, true, true),
        PixelFormat::RGB8
    );
}

#[test]
fn enlarging_keeps_flat_areas_flat() {
    let size = Size::new(8, 8);
    let pyramid = Pyramid::of(vec![77; 8 * 8 * 3], size, PixelFormat::RGB8, Alpha::None);
    let (_bank, picture) = run(
        &pyramid,
        &Render::new(Rect::new(2, 2, 4, 4), Size::new(100, 90)),
    );
    assert_eq!(picture.size(), Size::new(100, 90));
    assert!(pixels(&picture).iter().all(|&v| v == 77));
}

#[test]
fn the_books_are_never_passed_and_end_empty() {
    let pyramid =
        Pyramid::scene(Size::new(900, 700), PixelFormat::RGBA8).oriented(Orientation::Rotate90);
    let request = Render {
        quality: Quality::Gray,
        flatten: true,
        ..Render::new(Rect::new(0, 0, 700, 900), Size::new(300, 400))
    };
    let plan = plan(&pyramid, &request);
    let (bank, picture) = run(&pyramid, &request);
    assert_eq!(bank.ledger().host.peak_bytes, plan.bytes());
    assert_eq!(
        bank.ledger().host.live_bytes,
        (300 * 400u64).next_multiple_of(64)
    );
    drop(picture);
    assert_eq!(bank.ledger().host.live_bytes, 0);

    // A budget that is too small is refused before anything is read.
    let small = Bank::builder()
        .host_bytes(plan.bytes() - 1)
        .build()
        .unwrap();
    let error = plan
        .run(
            &support::holder(&small),
            &Wait::forever(),
            &mut |_, _, _| panic!("nothing is to be read"),
        )
        .unwrap_err();
    assert!(
        matches!(error, Error::Memory(pixelbank_memory::Error::NeverFits(_))),
        "{error}"
    );
}

#[test]
fn giving_up_stops_between_bands() {
    let pyramid = Pyramid::scene(Size::new(1500, 1301), PixelFormat::RGB8);
    let request = Render::new(pyramid.sizes[0].rect(), pyramid.sizes[0]);
    let plan = plan(&pyramid, &request);
    let bank = support::bank();
    let cancel = Cancel::new();
    let mut reads = 0;
    let error = plan
        .run(
            &support::holder(&bank),
            &Wait::forever().cancelled_by(&cancel),
            &mut |level, rect, to| {
                reads += 1;
                cancel.cancel();
                pyramid.read(level, rect, to)
            },
        )
        .unwrap_err();
    assert!(
        matches!(error, Error::Memory(pixelbank_memory::Error::Cancelled)),
        "{error}"
    );
    assert_eq!(reads, 1);
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn errors_of_the_reader_come_through() {
    let pyramid = Pyramid::scene(Size::new(64, 64), PixelFormat::RGB8);
    let plan = plan(
        &pyramid,
        &Render::new(Rect::new(0, 0, 64, 64), Size::new(30, 30)),
    );
    let bank = support::bank();
    let error = plan
        .run(&support::holder(&bank), &Wait::never(), &mut |_, _, _| {
            Err(pixelbank_codec::Error::UnknownFormat {
                name: "a.jpg".to_owned(),
            }
            .into())
        })
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Codec(pixelbank_codec::Error::UnknownFormat { .. })
    ));
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn senseless_requests_are_refused() {
    let pyramid =
        Pyramid::scene(Size::new(64, 48), PixelFormat::RGB8).oriented(Orientation::Rotate90);
    let bank = support::bank();
    let profiles = Profiles::new(support::holder(&bank));
    let refused = |request: &Render| {
        let error = Plan::new(&pyramid.spec, &pyramid.sizes, request, &profiles).unwrap_err();
        assert!(matches!(error, Error::BadRequest { .. }), "{error}");
    };
    let size = Size::new(10, 10);
    refused(&Render::new(Rect::new(0, 0, 49, 64), size));
    refused(&Render::new(Rect::new(0, 0, 0, 64), size));
    refused(&Render::new(Rect::new(u32::MAX, 0, 2, 2), size));
    refused(&Render::new(Rect::new(0, 0, 48, 64), Size::new(0, 5)));
    refused(&Render {
        rotation_degrees: f64::NAN,
        ..Render::new(Rect::new(0, 0, 48, 64), size)
    });
    // What no memory can hold is planned, and refused when it is to be run.
    let vast = Render::new(Rect::new(0, 0, 48, 64), Size::new(u32::MAX, u32::MAX));
    let plan = Plan::new(&pyramid.spec, &pyramid.sizes, &vast, &profiles).unwrap();
    let error = plan
        .run(&support::holder(&bank), &Wait::forever(), &mut |_, _, _| {
            panic!("nothing is to be read")
        })
        .unwrap_err();
    assert!(
        matches!(error, Error::Memory(pixelbank_memory::Error::NeverFits(_))),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for: it has the size and format that the plan says, bands and whole are the same, and the books
    /// hold.
    #[test]
    fn any_request_is_served(
        (width, height) in (1u32..150, 1u32..150),
        (x, y, w, h) in (0.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64),
        (made_width, made_height) in (1u32..120, 1u32..120),
        exif in 1u32..=8,
        format in prop::sample::select(FORMATS.to_vec()),
        mirror: bool,
        rotation_degrees in prop::sample::select(vec![0.0, 0.0, 90.0, 180.0, 270.0, 22.5, 359.9]),
        quality in prop::sample::select(vec![Quality::Color, Quality::Gray, Quality::Bitonal]),
        (flatten, gray_as_rgb) in any::<(bool, bool)>(),
    ) {
        let pyramid = Pyramid::scene(Size::new(width, height), format)
            .oriented(Orientation::from_exif(exif));
        let seen = pyramid.spec.orientation.displayed(pyramid.sizes[0]);
        let side = |at: f64, part: f64, length: u32| {
            let at = ((at * f64::from(length)) as u32).min(length - 1);
            (at, (part * f64::from(length - at)).ceil().max(1.0) as u32)
        };
        let ((x, w), (y, h)) = (side(x, w, seen.width), side(y, h, seen.height));
        let request = Render {
            mirror,
            rotation_degrees,
            quality,
            flatten,
            gray_as_rgb,
            ..Render::new(Rect::new(x, y, w, h), Size::new(made_width, made_height))
        };
        let (bank, picture) = run(&pyramid, &request);
        let upright = if rotation_degrees == 90.0 || rotation_degrees == 270.0 {
            request.size.transposed()
        } else {
            request.size
        };
        if rotation_degrees % 90.0 == 0.0 {
            prop_assert_eq!(picture.size(), upright);
        }
        prop_assert!(bank.ledger().host.peak_bytes <= plan(&pyramid, &request).bytes());
        prop_assert_eq!(by_rows(&pyramid, &request).0, pixels(&picture));
    }
}
