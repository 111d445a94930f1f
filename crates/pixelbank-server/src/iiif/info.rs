use pixelbank_image::Size;
use serde::Serialize;

use super::Version;

/// What `info.json` says of an image.
#[derive(Debug, Clone, Copy)]
pub struct ImageDescription<'a> {
    /// The address of the image: scheme, host, prefix and percent-encoded identifier.
    pub base_uri: &'a str,
    /// The size as seen.
    pub size: Size,
    /// The tiles that cost least.
    pub tile: Size,
}

#[derive(Serialize)]
struct InfoV3<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: &'static str,
    profile: &'static str,
    width: u32,
    height: u32,
    sizes: Vec<Dimensions>,
    tiles: [Tiles; 1],
    #[serde(rename = "preferredFormats")]
    preferred_formats: &'static [&'static str],
    #[serde(rename = "extraFormats")]
    extra_formats: &'static [&'static str],
    #[serde(rename = "extraQualities")]
    extra_qualities: &'static [&'static str],
    #[serde(rename = "extraFeatures")]
    extra_features: &'static [&'static str],
}

#[derive(Serialize)]
struct InfoV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    protocol: &'static str,
    width: u32,
    height: u32,
    sizes: Vec<Dimensions>,
    tiles: [Tiles; 1],
    profile: (&'static str, ProfileV2),
}

#[derive(Serialize)]
struct ProfileV2 {
    formats: &'static [&'static str],
    qualities: &'static [&'static str],
    supports: &'static [&'static str],
}

#[derive(Serialize)]
struct Dimensions {
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Tiles {
    width: u32,
    height: u32,
    #[serde(rename = "scaleFactors")]
    scale_factors: Vec<u32>,
}

const PROTOCOL: &str = "http://iiif.io/api/image";

/// Features beyond level 2.
const FEATURES_V3: &[&str] = &[
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "rotationArbitrary",
    "sizeUpscaling",
];
const FEATURES_V2: &[&str] = &[
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "regionSquare",
    "rotationArbitrary",
    "sizeAboveFull",
];

/// The description of an image as JSON.
///
/// # Panics
/// If a side of the tile is zero.
pub fn info_json(version: Version, image: &ImageDescription<'_>) -> Vec<u8> {
    let ImageDescription {
        base_uri,
        size,
        tile,
    } = *image;
    let scale_factors = scale_factors(size, tile);
    let sizes = sizes(size);
    let tiles = [Tiles {
        width: tile.width,
        height: tile.height,
        scale_factors,
    }];
    let json = match version {
        Version::V3 => serde_json::to_vec(&InfoV3 {
            context: version.context(),
            id: base_uri,
            kind: "ImageService3",
            protocol: PROTOCOL,
            profile: "level2",
            width: size.width,
            height: size.height,
            sizes,
            tiles,
            preferred_formats: &["jpg", "webp", "png"],
            extra_formats: &["webp"],
            extra_qualities: &["color", "gray", "bitonal"],
            extra_features: FEATURES_V3,
        }),
        Version::V2 => serde_json::to_vec(&InfoV2 {
            context: version.context(),
            id: base_uri,
            protocol: PROTOCOL,
            width: size.width,
            height: size.height,
            sizes,
            tiles,
            profile: (
                version.profile(),
                ProfileV2 {
                    formats: &["jpg", "png", "webp"],
                    qualities: &["default", "color", "gray", "bitonal"],
                    supports: FEATURES_V2,
                },
            ),
        }),
    };
    json.expect("strings and numbers always serialise")
}

/// 1, 2, 4 and so on until one tile holds the whole image.
///
/// # Panics
/// If a side of the tile is zero.
pub fn scale_factors(size: Size, tile: Size) -> Vec<u32> {
    let tiles = size
        .width
        .div_ceil(tile.width)
        .max(size.height.div_ceil(tile.height))
        .max(1);
    let n_doublings = tiles.next_power_of_two().trailing_zeros();
    (0..=n_doublings).map(|n| 1 << n).collect()
}

/// The whole image at the sizes of its mip levels, from the smallest: these are what the server has at hand.
fn sizes(size: Size) -> Vec<Dimensions> {
    const SMALLEST_SIDE: u32 = 64;
    let mut sizes: Vec<_> = std::iter::successors(Some(size), |s| Some(s.halved()))
        .take_while(|s| *s == size || s.width.max(s.height) >= SMALLEST_SIDE)
        .map(|s| Dimensions {
            width: s.width,
            height: s.height,
        })
        .collect();
    sizes.reverse();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(version: Version) -> serde_json::Value {
        let json = info_json(
            version,
            &ImageDescription {
                base_uri: "http://localhost:1/iiif/3/a%2Fb.jpg",
                size: Size::new(6000, 4000),
                tile: Size::new(512, 512),
            },
        );
        serde_json::from_slice(&json).expect("JSON")
    }

    #[test]
    fn version_3_says_what_the_standard_wants() {
        let info = described(Version::V3);
        assert_eq!(info["@context"], "http://iiif.io/api/image/3/context.json");
        assert_eq!(info["id"], "http://localhost:1/iiif/3/a%2Fb.jpg");
        assert_eq!(info["type"], "ImageService3");
        assert_eq!(info["protocol"], "http://iiif.io/api/image");
        assert_eq!(info["profile"], "level2");
        assert_eq!(
            (&info["width"], &info["height"]),
            (&6000.into(), &4000.into())
        );
        assert_eq!(
            info["tiles"][0]["scaleFactors"],
            serde_json::json!([1, 2, 4, 8, 16])
        );
        assert_eq!(
            info["sizes"][0],
            serde_json::json!({"width": 94, "height": 63})
        );
        assert_eq!(info["sizes"][6]["width"], 6000);
    }

    #[test]
    fn version_2_says_what_the_standard_wants() {
        let info = described(Version::V2);
        assert_eq!(info["@context"], "http://iiif.io/api/image/2/context.json");
        assert_eq!(info["@id"], "http://localhost:1/iiif/3/a%2Fb.jpg");
        assert_eq!(info["profile"][0], "http://iiif.io/api/image/2/level2.json");
        assert!(info.get("type").is_none() && info.get("id").is_none());
    }

    #[test]
    fn scale_factors_end_with_a_single_tile() {
        let tile = Size::new(256, 256);
        assert_eq!(scale_factors(Size::new(1, 1), tile), [1]);
        assert_eq!(scale_factors(Size::new(256, 256), tile), [1]);
        assert_eq!(scale_factors(Size::new(257, 1), tile), [1, 2]);
        assert_eq!(scale_factors(Size::new(1, 1025), tile), [1, 2, 4, 8]);
    }
}
