//! A set's plan is varied, believable and always the same; its EXIF blocks read back.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use exif::{In, Reader, Tag, Value};
use pixelbank_sample::{SampleFormat, SamplePlan, SampleSet, Subject, exif_block};

fn set(count: u32) -> SampleSet {
    SampleSet {
        count,
        megapixels: 12.0..=48.0,
        seed: 1,
        jpeg_only: false,
    }
}

#[test]
fn a_plan_depends_on_its_seed_alone() {
    assert_eq!(set(60).plan(), set(60).plan());
    assert_ne!(set(60).plan(), SampleSet { seed: 2, ..set(60) }.plan());
}

#[test]
fn two_hundred_pictures_cover_every_subject_format_and_orientation() {
    let plans = set(200).plan();
    assert_eq!(plans.len(), 200);
    let subjects: BTreeSet<Subject> = plans.iter().map(|p| p.subject).collect();
    assert_eq!(subjects.len(), Subject::ALL.len(), "missing subjects");
    let orientations: BTreeSet<u8> = plans.iter().map(|p| p.orientation).collect();
    assert_eq!(orientations, BTreeSet::from([1, 3, 6, 8]));
    let formats: std::collections::HashSet<_> =
        plans.iter().map(|p| discriminant(&p.format)).collect();
    assert_eq!(formats.len(), 11, "missing formats");
    let jpegs = plans
        .iter()
        .filter(|p| matches!(p.format, SampleFormat::Jpeg { .. }))
        .count();
    assert!(jpegs > 120, "{jpegs} JPEGs of 200");
    let upright = plans.iter().filter(|p| p.height > p.width).count();
    assert!(
        (20..120).contains(&upright),
        "{upright} upright pictures of 200"
    );
    let seeds: BTreeSet<u64> = plans.iter().map(|p| p.scene_seed).collect();
    assert_eq!(seeds.len(), 200);
}

#[test]
fn paths_are_relative_unique_and_fit_their_format() {
    let plans = set(500).plan();
    let paths: BTreeSet<_> = plans.iter().map(|p| &p.path).collect();
    assert_eq!(paths.len(), plans.len());
    for p in &plans {
        assert!(p.path.is_relative());
        assert_eq!(
            p.path.extension().and_then(|e| e.to_str()),
            Some(p.format.extension())
        );
        assert_eq!(p.path.components().count(), 3, "{}", p.path.display());
    }
    let names: String = plans.iter().map(|p| p.path.to_string_lossy()).collect();
    assert!(
        names.contains(' ') && names.contains('ü') && names.contains('🌊'),
        "no awkward names"
    );
}

#[test]
fn sizes_stay_within_the_range_asked_for() {
    for p in set(200).plan() {
        let megapixels = f64::from(p.width) * f64::from(p.height) / 1e6;
        assert!(megapixels < 48.5, "{megapixels} in {}", p.path.display());
        if matches!(
            p.format,
            SampleFormat::Jpeg {
                progressive: false,
                ..
            } | SampleFormat::Tiff { .. }
        ) {
            assert!(megapixels > 11.8, "{megapixels} in {}", p.path.display());
        }
    }
    let exact = SampleSet {
        megapixels: 12.0..=12.0,
        jpeg_only: true,
        ..set(40)
    };
    for p in exact.plan() {
        assert!(matches!(
            p.format,
            SampleFormat::Jpeg {
                progressive: false,
                grey: false,
                ..
            }
        ));
        assert!((f64::from(p.width) * f64::from(p.height) / 1e6 - 12.0).abs() < 0.2);
    }
}

#[test]
fn pictures_come_in_trips_in_order_of_time() {
    let plans = set(200).plan();
    assert!(
        plans.is_sorted_by_key(|p| (p.shot.taken.year, p.shot.taken.month)),
        "trips are out of order"
    );
    let mut folders: BTreeMap<_, Vec<&SamplePlan>> = BTreeMap::new();
    for p in &plans {
        folders.entry(p.path.parent()).or_default().push(p);
    }
    assert!(folders.len() > 10, "{} folders", folders.len());
    let years: BTreeSet<u16> = plans.iter().map(|p| p.shot.taken.year).collect();
    assert!(years.len() >= 3, "only {years:?}");
}

#[test]
fn exif_reads_back() {
    for plan in set(120).plan() {
        let bytes = exif_block(&plan).unwrap();
        let exif = Reader::new().read_raw(bytes).unwrap();
        let get = |tag| exif.get_field(tag, In::PRIMARY);
        let shown = |tag| {
            get(tag)
                .unwrap_or_else(|| panic!("{tag} is missing"))
                .display_value()
                .to_string()
        };
        assert_eq!(
            get(Tag::Orientation).unwrap().value.get_uint(0),
            Some(u32::from(plan.orientation))
        );
        let t = plan.shot.taken;
        assert_eq!(
            shown(Tag::DateTimeOriginal),
            format!(
                "{}-{:02}-{:02} {:02}:{:02}:{:02}",
                t.year, t.month, t.day, t.hour, t.minute, t.second
            )
        );
        assert_eq!(shown(Tag::Model), format!("{:?}", plan.shot.model));
        assert!(shown(Tag::ImageDescription).contains(&format!("{:?}", plan.subject)));
        assert_eq!(
            get(Tag::PhotographicSensitivity).unwrap().value.get_uint(0),
            Some(u32::from(plan.shot.iso))
        );
        let offset = shown(Tag::OffsetTimeOriginal);
        assert_eq!(offset.trim_matches('"').len(), 6, "{offset}");
        let Some((latitude, longitude, _)) = plan.shot.position else {
            assert!(get(Tag::GPSLatitude).is_none());
            continue;
        };
        for (tag, reference, expected) in [
            (Tag::GPSLatitude, Tag::GPSLatitudeRef, latitude),
            (Tag::GPSLongitude, Tag::GPSLongitudeRef, longitude),
        ] {
            let Value::Rational(v) = &get(tag).unwrap().value else {
                panic!("{tag} is not rational")
            };
            let degrees = v[0].to_f64() + v[1].to_f64() / 60.0 + v[2].to_f64() / 3600.0;
            let sign = if matches!(shown(reference).trim_matches('"'), "S" | "W") {
                -1.0
            } else {
                1.0
            };
            assert!(
                (degrees * sign - expected).abs() < 1e-6,
                "{degrees} is not {expected}"
            );
        }
    }
}
