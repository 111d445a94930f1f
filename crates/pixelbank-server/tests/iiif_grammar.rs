//! The grammar of IIIF requests against an independent one, written as regular expressions from the standard's text:
//! thousands of addresses, valid, nearly valid and arbitrary, each give the right class of answer and never a panic.

use std::sync::LazyLock;

use pixelbank_image::Size;
use pixelbank_server::iiif::{
    Error, ImageRequest, OutputLimits, Resolved, Version, canonical_parameters, split_target,
};
use proptest::prelude::*;
use regex::Regex;

const NUMBER: &str = r"[0-9]{1,20}";
const DECIMAL: &str = r"[0-9]{1,19}(\.[0-9]{1,20})?";

fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})$")).expect("a valid pattern")
}

static REGION: LazyLock<Regex> = LazyLock::new(|| {
    let four = |n: &str| [n; 4].join(",");
    whole(&format!(
        "full|square|{}|pct:{}",
        four(NUMBER),
        four(DECIMAL)
    ))
});
static SIZE_V3: LazyLock<Regex> = LazyLock::new(|| {
    let n = NUMBER;
    whole(&format!(r"\^?(max|{n},|,{n}|pct:{DECIMAL}|!?{n},{n})"))
});
static SIZE_V2: LazyLock<Regex> = LazyLock::new(|| {
    let n = NUMBER;
    whole(&format!(r"full|max|{n},|,{n}|pct:{DECIMAL}|!?{n},{n}"))
});
static ROTATION: LazyLock<Regex> = LazyLock::new(|| whole(&format!("!?{DECIMAL}")));
static LAST: LazyLock<Regex> =
    LazyLock::new(|| whole(r"(color|gray|bitonal|default)\.(jpg|png|webp|tif|gif|jp2|pdf)"));

/// Whether the standard's grammar allows it, numbers' values aside.
fn is_grammatical(version: Version, [region, size, rotation, last]: [&str; 4]) -> bool {
    let sizes = match version {
        Version::V2 => &SIZE_V2,
        Version::V3 => &SIZE_V3,
    };
    REGION.is_match(region)
        && sizes.is_match(size)
        && ROTATION.is_match(rotation)
        && LAST.is_match(last)
}

fn answer(version: Version, segments: [&str; 4], image: Size) -> Result<Resolved, Error> {
    ImageRequest::parse(version, segments)?.resolve(image, OutputLimits::default())
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V2), Just(Version::V3)]
}

fn image() -> impl Strategy<Value = Size> {
    prop_oneof![
        (1u32..12_000, 1u32..12_000),
        (1u32..4, 1u32..60_000),
        (1u32..60_000, 1u32..4)
    ]
    .prop_map(|(width, height)| Size::new(width, height))
}

fn valid_segments() -> impl Strategy<Value = [String; 4]> {
    let region = prop_oneof![
        Just("full".to_owned()),
        Just("square".to_owned()),
        "[0-9]{1,5},[0-9]{1,5},[0-9]{1,5},[0-9]{1,5}",
        r"pct:[0-9]{1,2}(\.[0-9]{1,4})?,[0-9]{1,2}\.[0-9],[0-9]{1,3},[0-9]{1,2}",
    ];
    let size = prop_oneof![
        Just("max".to_owned()),
        r"\^?[0-9]{1,4},",
        r"\^?,[0-9]{1,4}",
        r"\^?pct:[0-9]{1,3}(\.[0-9]{1,3})?",
        r"\^?!?[0-9]{1,4},[0-9]{1,4}",
    ];
    let rotation = r"!?[0-9]{1,3}(\.[0-9]{1,3})?";
    let last = "(color|gray|bitonal|default)\\.(jpg|png|webp|tif)";
    (region, size, rotation, last).prop_map(|(a, b, c, d)| [a, b, c, d])
}

/// A valid request with one character changed, removed or added.
fn nearly_valid() -> impl Strategy<Value = [String; 4]> {
    const CHARS: &str = "0123456789,.:!^pctfulmaxsqr %/-+eé\u{0}\u{661}";
    let chars: Vec<char> = CHARS.chars().collect();
    (
        valid_segments(),
        0usize..4,
        0usize..24,
        0u8..3,
        prop::sample::select(chars),
    )
        .prop_map(|(mut segments, which, at, what, character)| {
            let mut text: Vec<char> = segments[which].chars().collect();
            let at = at % (text.len() + 1);
            match what {
                0 => text.insert(at, character),
                1 if at < text.len() => text[at] = character,
                _ if at < text.len() => {
                    text.remove(at);
                }
                _ => {}
            }
            segments[which] = text.into_iter().collect();
            segments
        })
}

fn check(version: Version, segments: &[String; 4], image: Size) -> Result<(), TestCaseError> {
    let segments = [0, 1, 2, 3].map(|n| segments[n].as_str());
    match answer(version, segments, image) {
        Ok(resolved) => {
            prop_assert!(is_grammatical(version, segments), "accepted {segments:?}");
            prop_assert!(!resolved.region.is_empty() && resolved.region.fits(image));
            prop_assert!(!resolved.size.is_empty());
            prop_assert!((0.0..360.0).contains(&resolved.degrees));
            if version == Version::V3 && !segments[1].starts_with('^') {
                prop_assert!(resolved.size.width <= resolved.region.width);
                prop_assert!(resolved.size.height <= resolved.region.height);
            }
            let canonical = canonical_parameters(version, &resolved, image);
            let again: Vec<&str> = canonical.split('/').collect();
            let again = answer(version, again.try_into().expect("four segments"), image);
            let again = again.map_err(|e| TestCaseError::fail(format!("{canonical}: {e}")))?;
            prop_assert_eq!((again.region, again.size), (resolved.region, resolved.size));
            prop_assert_eq!(
                (again.mirror, again.degrees),
                (resolved.mirror, resolved.degrees)
            );
        }
        Err(error) => {
            let is_unknown_format = is_grammatical(version, segments)
                && ["tif", "gif", "jp2", "pdf"].contains(&&segments[3][segments[3].len() - 3..]);
            match error.status() {
                400 => {}
                501 => prop_assert!(is_unknown_format, "{segments:?}: {error}"),
                other => prop_assert!(false, "{segments:?}: status {other}"),
            }
            prop_assert!(error.to_string().chars().count() < 300);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn valid_requests(version in version(), segments in valid_segments(), image in image()) {
        check(version, &segments, image)?;
    }

    #[test]
    fn nearly_valid_requests(version in version(), segments in nearly_valid(), image in image()) {
        check(version, &segments, image)?;
    }

    #[test]
    fn arbitrary_requests(
        version in version(),
        segments in prop::array::uniform4("\\PC{0,12}"),
        image in image(),
    ) {
        check(version, &segments, image)?;
    }

    #[test]
    fn what_the_grammar_allows_is_refused_for_its_numbers_alone(
        version in version(),
        segments in valid_segments(),
    ) {
        // An image so large, and a region that covers it: only zeros, enlarging, the format's own limit and the
        // formats that we do not write remain as reasons.
        let image = Size::new(10_000, 10_000);
        let strs = ["full", segments[1].as_str(), "0", segments[3].as_str()];
        if is_grammatical(version, strs)
            && let Err(error) = answer(version, strs, image)
        {
            let text = error.to_string();
            prop_assert!(
                ["above 0", "^ before", "larger than", "this server writes"]
                    .iter()
                    .any(|reason| text.contains(reason)),
                "{strs:?}: {text}"
            );
        }
    }

    #[test]
    fn any_address_can_be_split(path in "/iiif/[23]?/?\\PC{0,40}") {
        let _ = split_target(&path);
    }

    #[test]
    fn a_whole_image_at_its_own_size_is_always_there(version in version(), image in image()) {
        let resolved = answer(version, ["full", "max", "0", "default.png"], image);
        prop_assert_eq!(resolved.map(|r| r.size), Ok(image));
    }

    #[test]
    fn a_box_is_filled_in_one_direction_and_kept_in_both(
        image in image(),
        width in 1u32..2000,
        height in 1u32..2000,
    ) {
        let size = format!("^!{width},{height}");
        let resolved = answer(Version::V3, ["full", &size, "0", "default.png"], image);
        let size = resolved.map_err(|e| TestCaseError::fail(e.to_string()))?.size;
        prop_assert!(size.width <= width && size.height <= height);
        prop_assert!(size.width == width || size.height == height);
    }
}
