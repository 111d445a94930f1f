use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Error, ImageRequest, Version};

/// What an address below `/iiif/` names. Identifiers are still percent-encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/iiif/3/{id}`: redirects to the description.
    Base {
        /// Which version.
        version: Version,
        /// The identifier as it stands in the address.
        id: &'a str,
    },
    /// `/iiif/3/{id}/info.json`.
    Info {
        /// Which version.
        version: Version,
        /// The identifier as it stands in the address.
        id: &'a str,
    },
    /// `/iiif/3/{id}/{region}/{size}/{rotation}/{quality}.{format}`.
    Image {
        /// Which version.
        version: Version,
        /// The identifier as it stands in the address.
        id: &'a str,
        /// The four last segments as they stand in the address.
        parameters: [&'a str; 4],
    },
}

/// Takes the path of an address apart, as it was sent: it must not be decoded before, since an identifier holds
/// encoded slashes. `None` where the number of segments or the version fits nothing: such an address names nothing.
pub fn split_target(path: &str) -> Option<Target<'_>> {
    let rest = path.strip_prefix("/iiif/")?;
    let (number, rest) = rest.split_once('/')?;
    let version = match number {
        "2" => Version::V2,
        "3" => Version::V3,
        _ => return None,
    };
    let mut segments = rest.split('/');
    let id = segments.next().filter(|id| !id.is_empty())?;
    let Some(first) = segments.next() else {
        return Some(Target::Base { version, id });
    };
    let Some(second) = segments.next() else {
        return (first == "info.json").then_some(Target::Info { version, id });
    };
    let parameters = [first, second, segments.next()?, segments.next()?];
    segments.next().is_none().then_some(Target::Image {
        version,
        id,
        parameters,
    })
}

impl ImageRequest {
    /// Reads the four last segments of an address, percent-encoded as they were sent (`^` often is).
    ///
    /// # Errors
    /// As [`ImageRequest::parse`]; also [`Error::Malformed`] for what is not UTF-8 once decoded.
    pub fn parse_encoded(version: Version, parameters: [&str; 4]) -> Result<Self, Error> {
        const NAMES: [&str; 4] = ["region", "size", "rotation", "quality"];
        let mut decoded = [const { Cow::Borrowed("") }; 4];
        for ((to, from), name) in decoded.iter_mut().zip(parameters).zip(NAMES) {
            *to = percent_decode_str(from)
                .decode_utf8()
                .map_err(|_| Error::malformed(name, from, "not UTF-8"))?;
        }
        Self::parse(version, [0, 1, 2, 3].map(|n| decoded[n].as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_segments_decides() {
        assert_eq!(
            split_target("/iiif/3/a%2Fb.jpg"),
            Some(Target::Base {
                version: Version::V3,
                id: "a%2Fb.jpg"
            })
        );
        assert_eq!(
            split_target("/iiif/2/x/info.json"),
            Some(Target::Info {
                version: Version::V2,
                id: "x"
            })
        );
        assert_eq!(
            split_target("/iiif/3/x/full/max/0/default.jpg"),
            Some(Target::Image {
                version: Version::V3,
                id: "x",
                parameters: ["full", "max", "0", "default.jpg"]
            })
        );
        for nothing in [
            "/iiif/",
            "/iiif/3",
            "/iiif/3/",
            "/iiif/1/x/info.json",
            "/iiif/3//info.json",
            "/iiif/3/x/",
            "/iiif/3/x/other.json",
            "/iiif/3/x/full/max/0",
            "/iiif/3/a/b/full/max/0/default.jpg",
            "/other/3/x/info.json",
        ] {
            assert_eq!(split_target(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn parameters_may_be_percent_encoded() {
        let plain = ImageRequest::parse_encoded(
            Version::V3,
            ["pct:0,0,50,50", "^!10,10", "!90", "default.jpg"],
        );
        let encoded = ImageRequest::parse_encoded(
            Version::V3,
            [
                "pct%3A0%2C0,50,50",
                "%5E%2110,10",
                "%2190",
                "def%61ult%2ejpg",
            ],
        );
        assert!(plain.is_ok());
        assert_eq!(plain, encoded);
        let broken = ImageRequest::parse_encoded(Version::V3, ["%FF", "max", "0", "default.jpg"]);
        assert_eq!(broken.map_err(|e| e.status()), Err(400));
    }
}
