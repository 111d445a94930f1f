use super::{Error, Format, Quality, Version};

/// The five parameters of an image request, as they stand in the address.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    /// Which version's rules hold.
    pub version: Version,
    /// The part of the image.
    pub region: Region,
    /// How large to make it.
    pub size: SizeRequest,
    /// How to turn it.
    pub rotation: Rotation,
    /// Its colours.
    pub quality: Quality,
    /// The format of the answer.
    pub format: Format,
}

/// The part of the image that is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Region {
    /// All of it.
    Full,
    /// The largest square in its middle.
    Square,
    /// Pixels; may reach beyond the image.
    Pixels {
        /// The leftmost column.
        x: u32,
        /// The topmost row.
        y: u32,
        /// Columns, at least 1.
        width: u32,
        /// Rows, at least 1.
        height: u32,
    },
    /// Percent of the image's width and height; may reach beyond the image.
    Percent {
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width, above 0.
        width: f64,
        /// Height, above 0.
        height: f64,
    },
}

/// The size that is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SizeRequest {
    /// Whether the result may be larger than the region (`^` in version 3).
    pub may_upscale: bool,
    /// The size itself.
    pub extent: Extent,
}

/// How the size of the answer is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// The size of the region (`max`, and `full` in version 2).
    Max,
    /// `w,`: this width, the height in proportion.
    Width(u32),
    /// `,h`: this height, the width in proportion.
    Height(u32),
    /// `pct:n`: percent of the region.
    Percent(f64),
    /// `w,h`: just this, whatever the proportion.
    Exact(u32, u32),
    /// `!w,h`: the largest that fits in this box, in proportion.
    Within(u32, u32),
}

/// How the result is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// Mirrored left to right before it is turned.
    pub mirror: bool,
    /// Clockwise, from 0 up to but not including 360.
    pub degrees: f64,
}

impl ImageRequest {
    /// Reads the four path segments `{region}/{size}/{rotation}/{quality}.{format}`, percent-decoded.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what the grammar of `version` does not allow, [`Error::Unsupported`] for formats that
    /// the standard names and this server does not write.
    pub fn parse(version: Version, segments: [&str; 4]) -> Result<Self, Error> {
        let [region, size, rotation, last] = segments;
        let region = parse_region(region)?;
        let size = parse_size(version, size)?;
        let rotation = parse_rotation(rotation)?;
        let (quality, format) = last
            .split_once('.')
            .ok_or_else(|| Error::malformed("quality", last, "expected {quality}.{format}"))?;
        let quality = parse_quality(quality)?;
        let format = parse_format(format)?;
        Ok(Self {
            version,
            region,
            size,
            rotation,
            quality,
            format,
        })
    }
}

fn parse_region(text: &str) -> Result<Region, Error> {
    let bad = |reason| Error::malformed("region", text, reason);
    match text {
        "full" => return Ok(Region::Full),
        "square" => return Ok(Region::Square),
        _ => {}
    }
    const FORMS: &str = "expected full, square, x,y,w,h or pct:x,y,w,h";
    if let Some(rest) = text.strip_prefix("pct:") {
        let [x, y, width, height] = four(rest, decimal).ok_or_else(|| bad(FORMS))?;
        if width <= 0.0 || height <= 0.0 {
            return Err(bad("width and height must be above 0"));
        }
        return Ok(Region::Percent {
            x,
            y,
            width,
            height,
        });
    }
    let [x, y, width, height] = four(text, integer).ok_or_else(|| bad(FORMS))?;
    if width == 0 || height == 0 {
        return Err(bad("width and height must be above 0"));
    }
    Ok(Region::Pixels {
        x,
        y,
        width,
        height,
    })
}

fn parse_size(version: Version, text: &str) -> Result<SizeRequest, Error> {
    let bad = |reason| Error::malformed("size", text, reason);
    let (rest, may_upscale) = match (version, text.strip_prefix('^')) {
        (Version::V3, Some(rest)) => (rest, true),
        (Version::V3, None) => (text, false),
        // Version 2 has no mark for it: an explicit size may be larger, as its feature `sizeAboveFull` says.
        (Version::V2, _) => (text, true),
    };
    let extent = parse_extent(version, rest).ok_or_else(|| {
        bad(match version {
            Version::V3 => "expected max, w, or ,h or pct:n or w,h or !w,h, with ^ before it to allow enlarging",
            Version::V2 => "expected full, max, w, or ,h or pct:n or w,h or !w,h",
        })
    })?;
    let is_empty = match extent {
        Extent::Max => false,
        Extent::Width(n) | Extent::Height(n) => n == 0,
        Extent::Percent(n) => n <= 0.0,
        Extent::Exact(width, height) | Extent::Within(width, height) => width == 0 || height == 0,
    };
    if is_empty {
        return Err(bad("width and height must be above 0"));
    }
    if let (Extent::Percent(n), false) = (extent, may_upscale)
        && n > 100.0
    {
        return Err(bad("more than 100 percent needs ^ before it"));
    }
    Ok(SizeRequest {
        may_upscale,
        extent,
    })
}

fn parse_extent(version: Version, text: &str) -> Option<Extent> {
    if text == "max" || (text == "full" && version == Version::V2) {
        return Some(Extent::Max);
    }
    if let Some(percent) = text.strip_prefix("pct:") {
        return decimal(percent).map(Extent::Percent);
    }
    if let Some(rest) = text.strip_prefix('!') {
        let (width, height) = rest.split_once(',')?;
        return Some(Extent::Within(integer(width)?, integer(height)?));
    }
    match text.split_once(',')? {
        ("", "") => None,
        ("", height) => integer(height).map(Extent::Height),
        (width, "") => integer(width).map(Extent::Width),
        (width, height) => Some(Extent::Exact(integer(width)?, integer(height)?)),
    }
}

fn parse_rotation(text: &str) -> Result<Rotation, Error> {
    let (number, mirror) = match text.strip_prefix('!') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let degrees = decimal(number)
        .filter(|degrees| *degrees <= 360.0)
        .ok_or_else(|| {
            Error::malformed(
                "rotation",
                text,
                "expected 0 to 360 degrees, with ! to mirror",
            )
        })?;
    // A full turn is none; the remainder also turns 360 into 0.
    Ok(Rotation {
        mirror,
        degrees: degrees % 360.0,
    })
}

fn parse_quality(text: &str) -> Result<Quality, Error> {
    match text {
        "default" => Ok(Quality::Default),
        "color" => Ok(Quality::Color),
        "gray" => Ok(Quality::Gray),
        "bitonal" => Ok(Quality::Bitonal),
        _ => Err(Error::malformed(
            "quality",
            text,
            "expected default, color, gray or bitonal",
        )),
    }
}

fn parse_format(text: &str) -> Result<Format, Error> {
    match text {
        "jpg" => Ok(Format::Jpg),
        "png" => Ok(Format::Png),
        "webp" => Ok(Format::Webp),
        "tif" | "gif" | "jp2" | "pdf" => Err(Error::unsupported(
            "format",
            text,
            "this server writes jpg, png and webp",
        )),
        _ => Err(Error::malformed(
            "format",
            text,
            "expected jpg, png or webp",
        )),
    }
}

fn four<T>(text: &str, number: fn(&str) -> Option<T>) -> Option<[T; 4]> {
    let mut parts = text.split(',').map(number);
    let four = [
        parts.next()??,
        parts.next()??,
        parts.next()??,
        parts.next()??,
    ];
    parts.next().is_none().then_some(four)
}

/// Digits alone. What exceeds 32 bits counts as the largest number: it is outside of every image either way.
fn integer(text: &str) -> Option<u32> {
    const MAX_DIGITS: usize = 20;
    if text.is_empty() || text.len() > MAX_DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u32::MAX))
}

/// Digits with an optional fraction; the standard wants a digit before the point, and knows no signs or exponents.
fn decimal(text: &str) -> Option<f64> {
    const MAX_CHARS: usize = 40;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.len() > MAX_CHARS || !digits(whole) || !digits(fraction) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(version: Version, text: &str) -> Result<SizeRequest, Error> {
        parse_size(version, text)
    }

    #[test]
    fn the_regions_of_the_specification() {
        assert_eq!(parse_region("full"), Ok(Region::Full));
        assert_eq!(parse_region("square"), Ok(Region::Square));
        assert_eq!(
            parse_region("125,15,120,140"),
            Ok(Region::Pixels {
                x: 125,
                y: 15,
                width: 120,
                height: 140
            })
        );
        assert_eq!(
            parse_region("pct:41.6,7.5,40,70"),
            Ok(Region::Percent {
                x: 41.6,
                y: 7.5,
                width: 40.0,
                height: 70.0
            })
        );
    }

    #[test]
    fn the_sizes_of_the_specification() {
        let v3 = |text: &str| size(Version::V3, text).map(|s| (s.may_upscale, s.extent));
        assert_eq!(v3("max"), Ok((false, Extent::Max)));
        assert_eq!(v3("^max"), Ok((true, Extent::Max)));
        assert_eq!(v3("150,"), Ok((false, Extent::Width(150))));
        assert_eq!(v3("^360,"), Ok((true, Extent::Width(360))));
        assert_eq!(v3(",150"), Ok((false, Extent::Height(150))));
        assert_eq!(v3("pct:50"), Ok((false, Extent::Percent(50.0))));
        assert_eq!(v3("^pct:120"), Ok((true, Extent::Percent(120.0))));
        assert_eq!(v3("225,100"), Ok((false, Extent::Exact(225, 100))));
        assert_eq!(v3("!225,100"), Ok((false, Extent::Within(225, 100))));
        assert_eq!(v3("^!360,360"), Ok((true, Extent::Within(360, 360))));
    }

    #[test]
    fn each_version_has_its_own_words() {
        assert!(size(Version::V3, "full").is_err());
        assert!(size(Version::V2, "full").is_ok());
        assert!(size(Version::V2, "^max").is_err());
        assert!(size(Version::V3, "pct:101").is_err());
        assert!(size(Version::V2, "pct:101").is_ok());
    }

    #[test]
    fn numbers_are_plain() {
        for bad in [
            "", "-1", "+1", " 1", "1 ", "1e3", "0x1", ".5", "5.", "1.2.3", "١", "NaN", "inf",
        ] {
            assert_eq!(decimal(bad), None, "{bad}");
            assert_eq!(integer(bad), None, "{bad}");
        }
        assert_eq!(decimal("0.5"), Some(0.5));
        assert_eq!(integer("007"), Some(7));
        assert_eq!(integer("99999999999"), Some(u32::MAX));
    }

    #[test]
    fn known_formats_that_we_do_not_write_are_not_the_client_s_mistake() {
        assert_eq!(parse_format("jp2").map_err(|e| e.status()), Err(501));
        assert_eq!(parse_format("jpeg").map_err(|e| e.status()), Err(400));
    }

    #[test]
    fn a_full_turn_is_none() {
        assert_eq!(
            parse_rotation("360"),
            Ok(Rotation {
                mirror: false,
                degrees: 0.0
            })
        );
        assert_eq!(
            parse_rotation("!22.5"),
            Ok(Rotation {
                mirror: true,
                degrees: 22.5
            })
        );
        assert!(parse_rotation("360.5").is_err());
        assert!(parse_rotation("-90").is_err());
    }
}
