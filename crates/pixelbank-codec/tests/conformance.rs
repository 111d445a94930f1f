//! What every decoder must do, whatever the format: the contract of `Decoder`, checked on every sample.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reading;
mod samples;

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_codec::{Band, Decoder, Error, Flow, Input, Limits, Region, open};
use pixelbank_image::{Access, Rect, Size, ViewMut};
use proptest::prelude::*;
use reading::{crop, read, region};
use samples::Sample;

fn opened(sample: &Sample) -> Box<dyn Decoder> {
    open(sample.input(), &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {error}", sample.name))
}

fn decode(decoder: &mut dyn Decoder, region: &Region) -> Result<Vec<u8>, Error> {
    read(decoder, region.subimage, region.level, region.rect)
}

fn whole(decoder: &mut dyn Decoder, subimage: u32, level: u32) -> Result<Vec<u8>, Error> {
    let size = decoder.info().subimages[subimage as usize].levels[level as usize].size;
    read(decoder, subimage, level, size.rect())
}

/// Every subimage and level of a file.
fn levels(decoder: &dyn Decoder) -> Vec<(u32, u32)> {
    decoder
        .info()
        .subimages
        .iter()
        .enumerate()
        .flat_map(|(subimage, spec)| {
            (0..spec.levels.len()).map(move |level| (subimage as u32, level as u32))
        })
        .collect()
}

fn assert_close(name: &str, got: &[u8], expected: &[u8], tolerance: u8) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let worst = got
        .iter()
        .zip(expected)
        .map(|(a, b)| a.abs_diff(*b))
        .enumerate()
        .max_by_key(|&(_, difference)| difference);
    if let Some((at, difference)) = worst {
        assert!(
            difference <= tolerance,
            "{name}: byte {at} is {}, not {}",
            got[at],
            expected[at]
        );
    }
}

#[test]
fn the_header_says_what_is_there() {
    for sample in samples::all() {
        let decoder = opened(&sample);
        let info = decoder.info();
        assert_eq!(info.format, sample.format, "{}", sample.name);
        assert_eq!(
            info.subimages.len(),
            sample.subimages.len(),
            "{}",
            sample.name
        );
        for (spec, known) in info.subimages.iter().zip(&sample.subimages) {
            assert_eq!(spec.size(), known.size, "{}", sample.name);
            assert_eq!(spec.format, known.pixels, "{}", sample.name);
            assert_eq!(spec.data_window, known.size.into(), "{}", sample.name);
            for level in &spec.levels {
                if let Access::Chunks(chunk) = level.access {
                    assert!(!chunk.is_empty(), "{}: empty chunks", sample.name);
                }
            }
        }
    }
}

#[test]
fn whole_images_have_the_right_pixels() {
    for sample in samples::all() {
        let mut decoder = opened(&sample);
        for (index, known) in sample.subimages.iter().enumerate() {
            let got = whole(&mut *decoder, index as u32, 0)
                .unwrap_or_else(|error| panic!("{}: {error}", sample.name));
            if let Some(data) = &known.data {
                let name = format!("{} [{index}]", sample.name);
                assert_close(&name, &got, data, known.tolerance);
            }
        }
    }
}

#[test]
fn large_images_have_the_right_pixels() {
    for sample in samples::large() {
        let mut decoder = opened(&sample);
        let known = &sample.subimages[0];
        let got = whole(&mut *decoder, 0, 0).unwrap();
        if let Some(data) = &known.data {
            assert_close(&sample.name, &got, data, known.tolerance);
        }
        // Behind the first band, across a border between chunks, and not the full width.
        let rect = Rect::new(
            known.size.width / 3,
            known.size.height / 2,
            known.size.width / 2,
            known.size.height / 2,
        );
        let part = decode(&mut *decoder, &region(0, 0, rect)).unwrap();
        assert!(
            part == crop(&got, known.size, known.pixels.pixel_bytes(), rect),
            "{}: a region differs from the whole",
            sample.name
        );
    }
}

#[test]
fn chunks_are_the_pixels_of_the_whole() {
    for sample in samples::all() {
        let mut decoder = opened(&sample);
        for (subimage, level) in levels(&*decoder) {
            let spec = Arc::clone(decoder.info());
            let spec = &spec.subimages[subimage as usize];
            let level_spec = spec.levels[level as usize];
            let Access::Chunks(chunk) = level_spec.access else {
                continue;
            };
            let all = whole(&mut *decoder, subimage, level).unwrap();
            let grid = pixelbank_image::TileGrid::new(level_spec.size, chunk);
            for row in 0..grid.rows() {
                for column in 0..grid.columns() {
                    let rect = grid.rect(column, row);
                    let got = decode(&mut *decoder, &region(subimage, level, rect)).unwrap();
                    assert!(
                        got == crop(&all, level_spec.size, spec.format.pixel_bytes(), rect),
                        "{}: chunk {rect}",
                        sample.name
                    );
                }
            }
        }
    }
}

#[test]
fn a_break_ends_the_call_with_ok() {
    for sample in samples::large() {
        let mut decoder = opened(&sample);
        let rect = sample.subimages[0].size.rect();
        let mut calls = 0;
        decoder
            .decode(&region(0, 0, rect), &mut |_: Band<'_>| -> Flow {
                calls += 1;
                ControlFlow::Break(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_eq!(calls, 1, "{}", sample.name);
        // And nothing of it is left over for the next call.
        let known = &sample.subimages[0];
        let got = whole(&mut *decoder, 0, 0).unwrap();
        if let Some(data) = &known.data {
            assert_close(&sample.name, &got, data, known.tolerance);
        }
    }
}

#[test]
fn regions_that_are_not_there_are_bad_requests() {
    for sample in samples::all() {
        let mut decoder = opened(&sample);
        let Size { width, height } = sample.subimages[0].size;
        let n_levels = decoder.info().subimages[0].levels.len() as u32;
        let n_subimages = decoder.info().subimages.len() as u32;
        for bad in [
            region(0, 0, Rect::new(0, 0, width + 1, height)),
            region(0, 0, Rect::new(0, height, 1, 1)),
            region(0, 0, Rect::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX)),
            region(0, n_levels, Rect::new(0, 0, 1, 1)),
            region(n_subimages, 0, Rect::new(0, 0, 1, 1)),
        ] {
            let result = decoder.decode(&bad, &mut |_: Band<'_>| -> Flow {
                panic!("{}: pixels of {bad:?}", sample.name)
            });
            assert!(
                matches!(result, Err(Error::BadRequest { .. })),
                "{}: {bad:?} gave {result:?}",
                sample.name
            );
        }
        assert!(whole(&mut *decoder, 0, 0).is_ok(), "{}", sample.name);
    }
}

#[test]
fn empty_regions_have_no_bands() {
    for sample in samples::all() {
        let mut decoder = opened(&sample);
        let mut n_bands = 0;
        let result = decoder.decode(&region(0, 0, Rect::default()), &mut |_: Band<'_>| {
            n_bands += 1;
            ControlFlow::Continue(())
        });
        assert!(result.is_ok(), "{}: {result:?}", sample.name);
        assert_eq!(n_bands, 0, "{}", sample.name);
    }
}

#[test]
fn working_memory_is_checked_before_work() {
    for sample in samples::large() {
        let limits = Limits {
            max_working_bytes: 1000,
            ..Limits::default()
        };
        let rect = sample.subimages[0].size.rect();
        // Where every region takes as much, the file is refused when it is opened.
        let result = open(sample.input(), &limits).and_then(|mut decoder| {
            decoder.decode(&region(0, 0, rect), &mut |_: Band<'_>| -> Flow {
                panic!("{}: pixels in spite of the limit", sample.name)
            })
        });
        assert!(
            matches!(result, Err(Error::LimitExceeded { limit: 1000, .. })),
            "{}: {result:?}",
            sample.name
        );
    }
}

#[test]
fn sizes_are_checked_when_opened() {
    for sample in samples::large() {
        for limits in [
            Limits {
                max_side: 1000,
                ..Limits::default()
            },
            Limits {
                max_pixels: 100_000,
                ..Limits::default()
            },
        ] {
            let result = open(sample.input(), &limits);
            assert!(
                matches!(result, Err(Error::LimitExceeded { .. })),
                "{}: {:?}",
                sample.name,
                result.map(|_| ())
            );
        }
    }
}

/// Decodes all that a possibly broken file offers; `Ok` with the pixels of the first subimage.
fn attempt(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, Error> {
    let limits = Limits {
        max_pixels: 1 << 22,
        max_working_bytes: 64 << 20,
        ..Limits::default()
    };
    let mut decoder = open(Input::memory(bytes.into(), name), &limits)?;
    let _ = decoder.metadata();
    let mut first = None;
    for (subimage, level) in levels(&*decoder).into_iter().take(8) {
        let pixels = whole(&mut *decoder, subimage, level)?;
        first.get_or_insert(pixels);
    }
    Ok(first.unwrap_or_default())
}

#[test]
fn a_truncated_file_is_an_error_or_has_the_same_pixels() {
    for sample in samples::all() {
        let intact = attempt(sample.bytes.clone(), &sample.name).unwrap();
        let length = sample.bytes.len();
        let step = (length / 150).max(1);
        let mut n_errors = 0;
        let cuts = (0..length.min(64))
            .chain((64..length).step_by(step))
            .chain(length.saturating_sub(24)..length);
        for cut in cuts {
            // Of a number in plain text, the first digits are a number too.
            if sample.name.contains("text") && cut + 6 > length {
                continue;
            }
            match attempt(sample.bytes[..cut].to_vec(), &sample.name) {
                Ok(pixels) => assert!(
                    pixels == intact,
                    "{}: other pixels after {cut} of {length} bytes",
                    sample.name
                ),
                Err(Error::BadRequest { .. } | Error::Io { .. } | Error::Encode { .. }) => {
                    panic!("{}: the wrong one is blamed at {cut}", sample.name)
                }
                Err(_) => n_errors += 1,
            }
        }
        assert!(n_errors > 0, "{}", sample.name);
    }
}

#[test]
fn a_decoder_works_on_after_an_error() {
    for sample in samples::large() {
        let half = sample.bytes[..sample.bytes.len() / 2].to_vec();
        let Ok(mut decoder) = open(
            Input::memory(half.into(), sample.name.clone()),
            &Limits::default(),
        ) else {
            continue;
        };
        let known = &sample.subimages[0];
        let first = whole(&mut *decoder, 0, 0);
        // The half may hold the first of several pictures.
        if first.is_ok() && sample.subimages.len() > 1 {
            continue;
        }
        assert!(first.is_err(), "{}", sample.name);
        // Some rows are left: the upper ones, or where files begin with the last row, the lower ones.
        let rows = [0, known.size.height - 1]
            .map(|y| Rect::new(0, y, known.size.width, 1))
            .map(|rect| (rect, decode(&mut *decoder, &region(0, 0, rect))));
        let mut n_right = 0;
        for (rect, row) in rows {
            if let (Ok(row), Some(data)) = (row, &known.data) {
                assert!(
                    row == crop(data, known.size, known.pixels.pixel_bytes(), rect),
                    "{}",
                    sample.name
                );
                n_right += 1;
            }
        }
        // Of JPEG XL, what is missing would be made up from what is there, so nothing is shown of half a frame.
        let keeps_rows = ["interlaced", "rle", "jxl"]
            .iter()
            .all(|kind| !sample.name.contains(kind));
        assert!(
            n_right > 0 || !keeps_rows || known.data.is_none(),
            "{}",
            sample.name
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_region_is_a_crop_of_the_whole(
        pick in any::<prop::sample::Index>(),
        corners in any::<[u32; 4]>(),
    ) {
        thread_local! { static SAMPLES: Vec<Sample> = samples::all(); }
        SAMPLES.with(|all| {
            let sample = pick.get(all);
            let mut decoder = opened(sample);
            for (subimage, level) in levels(&*decoder) {
                let spec = Arc::clone(decoder.info());
                let spec = &spec.subimages[subimage as usize];
                let size = spec.levels[level as usize].size;
                let x = corners[0] % size.width;
                let y = corners[1] % size.height;
                let rect = Rect::new(
                    x,
                    y,
                    1 + corners[2] % (size.width - x),
                    1 + corners[3] % (size.height - y),
                );
                let all = whole(&mut *decoder, subimage, level).unwrap();
                let part = decode(&mut *decoder, &region(subimage, level, rect)).unwrap();
                assert!(
                    part == crop(&all, size, spec.format.pixel_bytes(), rect),
                    "{}: {rect} of level {level} of subimage {subimage}",
                    sample.name
                );
                let mut straight = vec![0; part.len()];
                let target = ViewMut::packed(&mut straight, rect.size(), spec.format).unwrap();
                let region = region(subimage, level, rect);
                decoder.decode_into(&region, target).unwrap();
                assert!(straight == part, "{}: {rect}, straight to its place", sample.name);
            }
        });
    }

    #[test]
    fn damage_never_panics(
        pick in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        in_header in any::<bool>(),
    ) {
        thread_local! { static SAMPLES: Vec<Sample> = samples::all(); }
        SAMPLES.with(|all| {
            let sample = pick.get(all);
            let mut bytes = sample.bytes.clone();
            for (place, value) in places {
                let range = if in_header { bytes.len().min(64) } else { bytes.len() };
                let at = place.index(range);
                bytes[at] = value;
            }
            let _ = attempt(bytes, &sample.name);
        });
    }
}
