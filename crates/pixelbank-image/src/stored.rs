//! How a file stores pixels, where that is not how they are delivered.

use std::fmt;

use crate::{SampleType, Size};

/// What the bits of a stored sample mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleKind {
    /// Whole numbers from 0 on.
    Unsigned,
    /// Whole numbers with a sign.
    Signed,
    /// Floating point.
    Float,
    /// Numbers of colours in a palette.
    Index,
}

/// One sample of a channel as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoredSample {
    /// What its bits mean.
    pub kind: SampleKind,
    /// How many bits it has before any compression.
    pub bits: u8,
}

impl StoredSample {
    /// A sample of that many `bits`.
    pub const fn new(kind: SampleKind, bits: u8) -> Self {
        Self { kind, bits }
    }

    /// One that is delivered just as it is stored.
    pub const fn of(sample: SampleType) -> Self {
        let kind = if sample.is_float() {
            SampleKind::Float
        } else {
            SampleKind::Unsigned
        };
        Self::new(kind, 8 * sample.bytes() as u8)
    }
}

/// `uint8`, `int16`, `half`, `float`, `double`, `uint1`, `index4`.
impl fmt::Display for StoredSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits;
        match (self.kind, bits) {
            (SampleKind::Unsigned, _) => write!(f, "uint{bits}"),
            (SampleKind::Signed, _) => write!(f, "int{bits}"),
            (SampleKind::Index, _) => write!(f, "index{bits}"),
            (SampleKind::Float, 16) => f.write_str("half"),
            (SampleKind::Float, 32) => f.write_str("float"),
            (SampleKind::Float, 64) => f.write_str("double"),
            (SampleKind::Float, _) => write!(f, "float{bits}"),
        }
    }
}

/// How the pixels of the first level lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Layout {
    /// Rows, with nothing said of parts that could be had by themselves.
    #[default]
    Rows,
    /// That many rows at a time.
    Strips(u32),
    /// Tiles of this size.
    Tiles(Size),
}

/// `rows`, `strips of 16 rows`, `tiles of 64×64`.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows => f.write_str("rows"),
            Self::Strips(1) => f.write_str("strips of 1 row"),
            Self::Strips(rows) => write!(f, "strips of {rows} rows"),
            Self::Tiles(size) => write!(f, "tiles of {size}"),
        }
    }
}

/// What the file says of the pixels of a subimage, beside what is delivered of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The samples of its channels; the widest of them where they differ (the list of channels has each, then).
    pub sample: StoredSample,
    /// How its pixels lie.
    pub layout: Layout,
}

impl Stored {
    /// Samples of this kind, in rows.
    pub const fn new(sample: StoredSample) -> Self {
        Self {
            sample,
            layout: Layout::Rows,
        }
    }

    /// Samples that are delivered as they are stored, in rows.
    pub const fn of(sample: SampleType) -> Self {
        Self::new(StoredSample::of(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_called_what_they_are() {
        let name = |kind, bits| StoredSample::new(kind, bits).to_string();
        assert_eq!(StoredSample::of(SampleType::U16).to_string(), "uint16");
        assert_eq!(StoredSample::of(SampleType::F16).to_string(), "half");
        assert_eq!(name(SampleKind::Float, 64), "double");
        assert_eq!(name(SampleKind::Signed, 8), "int8");
        assert_eq!(name(SampleKind::Unsigned, 1), "uint1");
        assert_eq!(name(SampleKind::Index, 4), "index4");
    }
}
