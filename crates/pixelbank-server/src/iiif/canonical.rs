use std::fmt::Write as _;

use pixelbank_image::Size;

use super::{Quality, Resolved, Version};

/// `{region}/{size}/{rotation}/{quality}.{format}` in the one form that the standard calls canonical, so that all
/// spellings of a request have the same address.
pub fn canonical_parameters(version: Version, resolved: &Resolved, image: Size) -> String {
    let Resolved {
        region,
        size,
        mirror,
        degrees,
        quality,
        format,
    } = *resolved;
    let mut text = String::with_capacity(64);
    // Writing to a string cannot fail.
    let _ = if region == image.rect() {
        write!(text, "full/")
    } else {
        write!(
            text,
            "{},{},{},{}/",
            region.x, region.y, region.width, region.height
        )
    };
    let is_larger = size.width > region.width || size.height > region.height;
    let _ = match version {
        Version::V3 if size == region.size() => write!(text, "max/"),
        Version::V3 if is_larger => write!(text, "^{},{}/", size.width, size.height),
        Version::V3 => write!(text, "{},{}/", size.width, size.height),
        Version::V2 if size == region.size() => write!(text, "full/"),
        Version::V2 if is_in_proportion(region.size(), size) => write!(text, "{},/", size.width),
        Version::V2 => write!(text, "{},{}/", size.width, size.height),
    };
    let mark = if mirror { "!" } else { "" };
    let quality = match quality {
        Quality::Default | Quality::Color => Quality::Default.word(),
        Quality::Gray | Quality::Bitonal => quality.word(),
    };
    let _ = write!(text, "{mark}{degrees}/{quality}.{}", format.ending());
    text
}

/// Whether `w,` would give the same size.
fn is_in_proportion(region: Size, size: Size) -> bool {
    let exact = f64::from(region.height) * f64::from(size.width) / f64::from(region.width);
    exact.round().max(1.0) == f64::from(size.height)
}

#[cfg(test)]
mod tests {
    use super::super::{Error, ImageRequest, OutputLimits};
    use super::*;

    const IMAGE: Size = Size::new(600, 400);

    fn canonical(version: Version, path: &str) -> Result<String, Error> {
        let segments: Vec<&str> = path.split('/').collect();
        let request = ImageRequest::parse(version, segments.try_into().expect("four segments"))?;
        let resolved = request.resolve(IMAGE, OutputLimits::default())?;
        Ok(canonical_parameters(version, &resolved, IMAGE))
    }

    #[test]
    fn spellings_of_one_request_have_one_form() {
        for (spelling, form) in [
            ("full/max/0/default.jpg", "full/max/0/default.jpg"),
            (
                "0,0,600,400/600,400/360/color.jpg",
                "full/max/0/default.jpg",
            ),
            (
                "0,0,9999,9999/pct:100/0/default.jpg",
                "full/max/0/default.jpg",
            ),
            (
                "pct:0,0,50,50/150,/90/gray.png",
                "0,0,300,200/150,100/90/gray.png",
            ),
            (
                "square/,200/!22.50/default.jpg",
                "100,0,400,400/200,200/!22.5/default.jpg",
            ),
            (
                "full/^pct:200/0/bitonal.webp",
                "full/^1200,800/0/bitonal.webp",
            ),
        ] {
            assert_eq!(canonical(Version::V3, spelling).as_deref(), Ok(form));
        }
        for (spelling, form) in [
            ("full/max/0/default.jpg", "full/full/0/default.jpg"),
            ("full/,200/0/color.jpg", "full/300,/0/default.jpg"),
            ("full/300,100/0/default.jpg", "full/300,100/0/default.jpg"),
            ("full/!300,300/0/default.jpg", "full/300,/0/default.jpg"),
        ] {
            assert_eq!(canonical(Version::V2, spelling).as_deref(), Ok(form));
        }
    }

    #[test]
    fn the_canonical_form_is_its_own() {
        for version in [Version::V2, Version::V3] {
            let once = canonical(version, "pct:10,10,33.3,12.5/77,/45/default.jpg").expect("valid");
            assert_eq!(canonical(version, &once), Ok(once.clone()));
        }
    }
}
