//! The same seed gives the same pixels, however they are asked for.

use pixelbank_sample::{Scene, StoredRows, Subject};
use proptest::prelude::*;

fn whole(scene: &Scene) -> Vec<u8> {
    let mut picture = vec![0; scene.width() as usize * scene.height() as usize * 3];
    scene.render_rows(0, &mut picture);
    picture
}

#[test]
fn every_subject_is_the_same_in_bands_and_on_any_number_of_threads() {
    for subject in Subject::ALL {
        let scene = Scene::of(subject, 7, 190, 128, 1);
        let expected = whole(&scene);
        let mut banded = vec![0u8; expected.len()];
        let row_bytes = 190 * 3;
        // Last band first, of uneven heights: nothing may be carried from one to the next.
        for (from, to) in [(97, 128), (40, 97), (1, 40), (0, 1)] {
            scene.render_rows(
                from,
                &mut banded[from as usize * row_bytes..to as usize * row_bytes],
            );
        }
        assert!(banded == expected, "{subject:?} depends on the bands");
        let other = Scene::of(subject, 7, 190, 128, 3);
        assert!(
            whole(&other) == expected,
            "{subject:?} depends on the number of threads"
        );
    }
}

#[test]
fn pictures_have_shades_and_no_two_are_alike() {
    let mut seen = std::collections::BTreeSet::new();
    for subject in Subject::ALL {
        for seed in [1, 2] {
            let picture = whole(&Scene::of(subject, seed, 120, 80, 2));
            let mut histogram = [0u32; 256];
            for &v in &picture {
                histogram[usize::from(v)] += 1;
            }
            let shades = histogram.iter().filter(|&&n| n > 0).count();
            assert!(shades > 50, "{subject:?} {seed} has only {shades} shades");
            assert!(
                seen.insert(picture),
                "{subject:?} {seed} equals another picture"
            );
        }
    }
}

#[test]
fn stored_rows_turn_the_picture_as_exif_says() {
    let (w, h) = (96usize, 64usize);
    let displayed = whole(&Scene::of(Subject::City, 3, 96, 64, 2));
    let pixel = |x: usize, y: usize| &displayed[(y * w + x) * 3..][..3];
    for orientation in [1u8, 3, 6, 8] {
        let stored = StoredRows::new(Scene::of(Subject::City, 3, 96, 64, 2), orientation);
        let (sw, sh) = (stored.width() as usize, stored.height() as usize);
        assert_eq!((sw, sh), if orientation >= 5 { (h, w) } else { (w, h) });
        let mut rows = vec![0u8; sw * sh * 3];
        // In two bands, the lower one first.
        let cut = 37 * sw * 3;
        stored.fill_rgb8(37, &mut rows[cut..]);
        stored.fill_rgb8(0, &mut rows[..cut]);
        for y in 0..h {
            for x in 0..w {
                // From TIFF 6.0: where the 0th row and the 0th column of the stored picture are when displayed.
                let (sx, sy) = match orientation {
                    3 => (w - 1 - x, h - 1 - y),
                    6 => (y, w - 1 - x),
                    8 => (h - 1 - y, x),
                    _ => (x, y),
                };
                assert_eq!(
                    &rows[(sy * sw + sx) * 3..][..3],
                    pixel(x, y),
                    "orientation {orientation} at {x},{y}"
                );
            }
        }
    }
}

#[test]
fn sixteen_bit_rows_round_to_the_eight_bit_ones() {
    let stored = StoredRows::new(Scene::of(Subject::Lake, 5, 80, 60, 2), 1);
    let mut fine = vec![0u16; 80 * 60 * 3];
    let mut coarse = vec![0u8; 80 * 60 * 3];
    stored.fill_rgb16(0, &mut fine);
    stored.fill_rgb8(0, &mut coarse);
    for (f, c) in fine.iter().zip(&coarse) {
        assert!(
            (f64::from(*f) / 257.0 - f64::from(*c)).abs() <= 0.51,
            "{f} became {c}"
        );
    }
    assert!(
        fine.iter().any(|v| v % 257 != 0),
        "no more than eight bits were there"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_size_and_seed_can_be_painted(subject in 0..Subject::ALL.len(), seed: u64, width in 16u32..200, height in 16u32..200) {
        let scene = Scene::of(Subject::ALL[subject], seed, width, height, 2);
        prop_assert_eq!((scene.width(), scene.height()), (width, height));
        prop_assert_eq!(whole(&scene).len(), (width * height * 3) as usize);
    }
}
