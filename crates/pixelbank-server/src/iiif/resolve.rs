use pixelbank_image::{Rect, Size};

use super::parse::{Extent, ImageRequest, Region};
use super::{Error, Format, Quality, Version};

/// What a request means for one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved {
    /// The pixels of the upright, full-size image.
    pub region: Rect,
    /// What they are scaled to, before they are turned.
    pub size: Size,
    /// Mirrored left to right, before they are turned.
    pub mirror: bool,
    /// Clockwise, from 0 up to but not including 360.
    pub degrees: f64,
    /// Colours.
    pub quality: Quality,
    /// Format of the answer.
    pub format: Format,
}

/// What the server lends itself to, whatever the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Pixels of an answer that is larger than the region it shows. Without a bound one short request could keep a
    /// processor busy for hours; answers that enlarge nothing are bounded by the image itself.
    pub max_enlarged_pixels: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            max_enlarged_pixels: 1 << 28,
        }
    }
}

impl Resolved {
    /// The size of the answer, after it was turned: turned by other than quarters, it is the box around it.
    pub fn turned_size(&self) -> Size {
        turned_size(self.size, self.degrees)
    }
}

/// The box around `size` turned by `degrees`.
fn turned_size(size: Size, degrees: f64) -> Size {
    if degrees == 0.0 || degrees == 180.0 {
        return size;
    }
    if degrees == 90.0 || degrees == 270.0 {
        return size.transposed();
    }
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let across = width * cos.abs() + height * sin.abs();
    let down = width * sin.abs() + height * cos.abs();
    // Rounding errors of the sine must not add a row.
    let whole = |side: f64| (side - 1e-6).ceil().max(1.0) as u32;
    Size::new(whole(across), whole(down))
}

impl ImageRequest {
    /// What the request means for an upright image of size `image`.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the region lies outside, where the size is larger than the region without leave, or
    /// larger than the format or `limits` allow.
    pub fn resolve(&self, image: Size, limits: OutputLimits) -> Result<Resolved, Error> {
        let region = self.resolve_region(image)?;
        let size = self.resolve_size(region.size())?;
        let resolved = Resolved {
            region,
            size,
            mirror: self.rotation.mirror,
            degrees: self.rotation.degrees,
            quality: self.quality,
            format: self.format,
        };
        let turned = resolved.turned_size();
        let too_large = |reason| Error::malformed("size", &turned.to_string(), reason);
        if turned.width.max(turned.height) > self.format.max_side() {
            return Err(too_large("larger than the format allows"));
        }
        let is_enlarged = size.width > region.width || size.height > region.height;
        if is_enlarged && turned.pixels() > limits.max_enlarged_pixels {
            return Err(too_large("larger than this server enlarges"));
        }
        Ok(resolved)
    }

    fn resolve_region(&self, image: Size) -> Result<Rect, Error> {
        let outside = || Error::Malformed {
            parameter: "region",
            value: format!("{:?}", self.region),
            reason: "lies outside of the image",
        };
        let asked = match self.region {
            Region::Full => image.rect(),
            Region::Square => {
                let side = image.width.min(image.height);
                Rect::new(
                    (image.width - side) / 2,
                    (image.height - side) / 2,
                    side,
                    side,
                )
            }
            Region::Pixels {
                x,
                y,
                width,
                height,
            } => Rect::new(x, y, width, height),
            Region::Percent {
                x,
                y,
                width,
                height,
            } => {
                let pixels = |percent: f64, side: u32| percent / 100.0 * f64::from(side);
                Rect::new(
                    pixels(x, image.width).round() as u32,
                    pixels(y, image.height).round() as u32,
                    pixels(width, image.width).round().max(1.0) as u32,
                    pixels(height, image.height).round().max(1.0) as u32,
                )
            }
        };
        let region = asked.intersect(image.rect());
        if region.is_empty() {
            return Err(outside());
        }
        Ok(region)
    }

    fn resolve_size(&self, region: Size) -> Result<Size, Error> {
        let too_large = |reason| Error::Malformed {
            parameter: "size",
            value: format!("{:?}", self.size.extent),
            reason,
        };
        let size = match self.size.extent {
            Extent::Max => region,
            Extent::Width(width) => {
                Size::new(width, proportion(region.height, width, region.width))
            }
            Extent::Height(height) => {
                Size::new(proportion(region.width, height, region.height), height)
            }
            Extent::Percent(percent) => {
                let scaled =
                    |side: u32| (f64::from(side) * percent / 100.0).round().max(1.0) as u32;
                Size::new(scaled(region.width), scaled(region.height))
            }
            Extent::Exact(width, height) => Size::new(width, height),
            Extent::Within(width, height) => self.fit(region, Size::new(width, height))?,
        };
        let is_larger = size.width > region.width || size.height > region.height;
        if is_larger && !self.size.may_upscale {
            return Err(too_large(
                "larger than the region; ^ before the size allows that",
            ));
        }
        if size.width == u32::MAX || size.height == u32::MAX {
            return Err(too_large("larger than any image"));
        }
        Ok(size)
    }

    /// The largest size in proportion that fits in `within`.
    fn fit(&self, region: Size, within: Size) -> Result<Size, Error> {
        let is_roomy = within.width > region.width && within.height > region.height;
        if is_roomy {
            // Version 2.1 asks for no more than "less than or equal to the requested": enlarging is left out there.
            if self.version == Version::V2 {
                return Ok(region);
            }
            if !self.size.may_upscale {
                return Err(Error::Malformed {
                    parameter: "size",
                    value: format!("!{},{}", within.width, within.height),
                    reason: "larger than the region; ^ before the size allows that",
                });
            }
        }
        let by_width = proportion(region.height, within.width, region.width);
        Ok(if by_width <= within.height {
            Size::new(within.width, by_width)
        } else {
            let by_height = proportion(region.width, within.height, region.height);
            Size::new(by_height.min(within.width), within.height)
        })
    }
}

/// `side × numerator ÷ denominator`, to the nearest, at least 1: a long panorama has a thumbnail of one row.
fn proportion(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator);
    let exact = u64::from(side) * u64::from(numerator);
    u32::try_from((exact + denominator / 2) / denominator)
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image of the specification's examples.
    const IMAGE: Size = Size::new(300, 200);

    fn resolve(version: Version, path: &str) -> Result<Resolved, Error> {
        let segments: Vec<&str> = path.split('/').collect();
        let request = ImageRequest::parse(version, segments.try_into().expect("four segments"))?;
        request.resolve(IMAGE, OutputLimits::default())
    }

    fn v3(region: &str, size: &str) -> Result<(Rect, Size), u16> {
        resolve(Version::V3, &format!("{region}/{size}/0/default.jpg"))
            .map(|r| (r.region, r.size))
            .map_err(|e| e.status())
    }

    #[test]
    fn the_region_examples_of_the_specification() {
        assert_eq!(v3("full", "max"), Ok((IMAGE.rect(), IMAGE)));
        assert_eq!(
            v3("square", "max").map(|r| r.0),
            Ok(Rect::new(50, 0, 200, 200))
        );
        assert_eq!(
            v3("125,15,120,140", "max").map(|r| r.1),
            Ok(Size::new(120, 140))
        );
        assert_eq!(
            v3("pct:41.6,7.5,40,70", "max").map(|r| r.0),
            Ok(Rect::new(125, 15, 120, 140))
        );
        // Cropped at the image's edge.
        assert_eq!(
            v3("125,15,200,200", "max").map(|r| r.1),
            Ok(Size::new(175, 185))
        );
        assert_eq!(
            v3("pct:41.6,7.5,66.6,100", "max").map(|r| r.1),
            Ok(Size::new(175, 185))
        );
        assert_eq!(v3("300,0,10,10", "max"), Err(400));
        assert_eq!(v3("0,200,10,10", "max"), Err(400));
        assert_eq!(v3("pct:100,0,10,10", "max"), Err(400));
        assert_eq!(v3("99999999999,0,99999999999,9", "max"), Err(400));
        assert_eq!(
            v3("0,0,99999999999,99999999999", "max").map(|r| r.1),
            Ok(IMAGE)
        );
    }

    #[test]
    fn the_size_examples_of_the_specification() {
        let size = |text| v3("full", text).map(|r| r.1);
        assert_eq!(size("150,"), Ok(Size::new(150, 100)));
        assert_eq!(size("^360,"), Ok(Size::new(360, 240)));
        assert_eq!(size(",150"), Ok(Size::new(225, 150)));
        assert_eq!(size("^,240"), Ok(Size::new(360, 240)));
        assert_eq!(size("pct:50"), Ok(Size::new(150, 100)));
        assert_eq!(size("^pct:120"), Ok(Size::new(360, 240)));
        assert_eq!(size("225,100"), Ok(Size::new(225, 100)));
        assert_eq!(size("^360,360"), Ok(Size::new(360, 360)));
        assert_eq!(size("!225,100"), Ok(Size::new(150, 100)));
        assert_eq!(size("^!360,360"), Ok(Size::new(360, 240)));
        assert_eq!(size("^max"), Ok(IMAGE));
    }

    #[test]
    fn enlarging_needs_leave_in_version_3() {
        for text in ["301,", ",201", "301,100", "100,201", "!301,201", "!999,999"] {
            assert_eq!(v3("full", text), Err(400), "{text}");
            assert!(v3("full", &format!("^{text}")).is_ok(), "{text}");
        }
        // The box is no larger in one direction: nothing is enlarged.
        assert_eq!(v3("full", "!300,999").map(|r| r.1), Ok(IMAGE));
        assert_eq!(v3("full", "!999,100").map(|r| r.1), Ok(Size::new(150, 100)));
    }

    #[test]
    fn version_2_enlarges_where_it_is_told_and_never_to_fill_a_box() {
        let size = |text: &str| {
            resolve(Version::V2, &format!("full/{text}/0/default.jpg")).map(|r| r.size)
        };
        assert_eq!(size("600,"), Ok(Size::new(600, 400)));
        assert_eq!(size("pct:200"), Ok(Size::new(600, 400)));
        assert_eq!(size("!999,999"), Ok(IMAGE));
        assert_eq!(size("full"), Ok(IMAGE));
    }

    #[test]
    fn extreme_proportions_keep_a_pixel() {
        let wide = ImageRequest::parse(Version::V3, ["full", "!480,480", "0", "default.jpg"])
            .and_then(|r| r.resolve(Size::new(100_000, 10), OutputLimits::default()));
        assert_eq!(wide.map(|r| r.size), Ok(Size::new(480, 1)));
        let box_in_tall = ImageRequest::parse(Version::V3, ["full", "!3,100", "0", "default.jpg"])
            .and_then(|r| r.resolve(Size::new(7, 234), OutputLimits::default()));
        assert_eq!(box_in_tall.map(|r| r.size), Ok(Size::new(3, 100)));
    }

    #[test]
    fn sizes_beyond_format_and_limit_are_refused() {
        assert_eq!(v3("full", "^99999999999,"), Err(400));
        assert_eq!(v3("full", "^70000,"), Err(400));
        assert_eq!(v3("full", "^30000,20000"), Err(400));
        let webp = resolve(Version::V3, "full/^16384,10/0/default.webp");
        assert_eq!(webp.map_err(|e| e.status()), Err(400));
    }

    #[test]
    fn turned_by_quarters_sides_change_places_and_otherwise_a_box_holds_it() {
        assert_eq!(turned_size(IMAGE, 90.0), IMAGE.transposed());
        assert_eq!(turned_size(IMAGE, 180.0), IMAGE);
        // 300·cos 45° + 200·sin 45° = 353.55
        assert_eq!(turned_size(IMAGE, 45.0), Size::new(354, 354));
    }
}
