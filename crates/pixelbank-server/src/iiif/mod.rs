//! The IIIF Image API, versions 3.0 and 2.1: the grammar of a request, its meaning for an image of a known size, its
//! canonical form, and `info.json`. Nothing here knows HTTP, files or pixels.
//!
//! Specifications: <https://iiif.io/api/image/3.0/> and <https://iiif.io/api/image/2.1/>.

mod canonical;
mod info;
mod parse;
mod resolve;
mod target;

pub use canonical::canonical_parameters;
pub use info::{ImageDescription, info_json, scale_factors};
pub use parse::{Extent, ImageRequest, Region, Rotation, SizeRequest};
pub use resolve::{OutputLimits, Resolved};
pub use target::{Target, split_target};

/// Which version of the Image API a request follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 2.1.
    V2,
    /// 3.0.
    V3,
}

impl Version {
    /// The number in the address.
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// The JSON-LD context of `info.json`.
    pub const fn context(self) -> &'static str {
        match self {
            Self::V2 => "http://iiif.io/api/image/2/context.json",
            Self::V3 => "http://iiif.io/api/image/3/context.json",
        }
    }

    /// The compliance level that the server claims, as an address.
    pub const fn profile(self) -> &'static str {
        match self {
            Self::V2 => "http://iiif.io/api/image/2/level2.json",
            Self::V3 => "http://iiif.io/api/image/3/level2.json",
        }
    }
}

/// What to do with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// As the image is; the same as colour.
    Default,
    /// All colours.
    Color,
    /// Grey only.
    Gray,
    /// Black and white.
    Bitonal,
}

impl Quality {
    /// The word in the address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Color => "color",
            Self::Gray => "gray",
            Self::Bitonal => "bitonal",
        }
    }
}

/// The format of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG.
    Jpg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}

impl Format {
    /// The ending in the address.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Jpg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// The longest side that the format can hold.
    pub const fn max_side(self) -> u32 {
        match self {
            Self::Jpg => 65_500,
            Self::Png => i32::MAX as u32,
            Self::Webp => 16_383,
        }
    }
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The parameter breaks the grammar, or asks for what the standard forbids for this image: status 400.
    #[error("{parameter} '{value}': {reason}")]
    Malformed {
        /// Which parameter.
        parameter: &'static str,
        /// What stood there.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The standard knows it, this server does not do it: status 501.
    #[error("{parameter} '{value}' is not supported: {reason}")]
    Unsupported {
        /// Which parameter.
        parameter: &'static str,
        /// What stood there.
        value: String,
        /// What is supported instead.
        reason: &'static str,
    },
}

impl Error {
    /// The HTTP status that the standard gives for it.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed { .. } => 400,
            Self::Unsupported { .. } => 501,
        }
    }

    pub(crate) fn malformed(parameter: &'static str, value: &str, reason: &'static str) -> Self {
        Self::Malformed {
            parameter,
            value: shorten(value),
            reason,
        }
    }

    pub(crate) fn unsupported(parameter: &'static str, value: &str, reason: &'static str) -> Self {
        Self::Unsupported {
            parameter,
            value: shorten(value),
            reason,
        }
    }
}

/// A message repeats no more of a hostile request than a person would read.
fn shorten(value: &str) -> String {
    const MAX_CHARS: usize = 60;
    if value.chars().count() <= MAX_CHARS {
        value.to_owned()
    } else {
        value.chars().take(MAX_CHARS).chain(['…']).collect()
    }
}
