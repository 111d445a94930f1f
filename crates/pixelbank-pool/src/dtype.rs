use std::fmt;

use crate::Error;

/// What the bits of an element mean, with DLPack's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// Signed integer.
    Int = 0,
    /// Unsigned integer.
    UInt = 1,
    /// IEEE 754 floating point.
    Float = 2,
    /// Brain floating point: a 32-bit float without its lower half.
    BFloat = 4,
    /// Two floats of half the bits each.
    Complex = 5,
    /// A byte that is 0 or 1.
    Bool = 6,
}

/// The type of a tensor's elements, as DLPack writes it: a kind, bits, and lanes of a vector (1 for plain elements).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DType {
    /// What the bits mean.
    pub kind: Kind,
    /// Bits of one lane.
    pub bits: u8,
    /// Lanes of one element.
    pub lanes: u16,
}

/// Every plain type, with its name in NumPy (`bfloat16` as in ml_dtypes and PyTorch).
const NAMES: [(&str, DType); 15] = [
    ("uint8", DType::U8),
    ("uint16", DType::U16),
    ("uint32", DType::U32),
    ("uint64", DType::U64),
    ("int8", DType::I8),
    ("int16", DType::I16),
    ("int32", DType::I32),
    ("int64", DType::I64),
    ("float16", DType::F16),
    ("float32", DType::F32),
    ("float64", DType::F64),
    ("bfloat16", DType::BF16),
    ("complex64", DType::C64),
    ("complex128", DType::C128),
    ("bool", DType::BOOL),
];

impl DType {
    /// 8-bit unsigned integer.
    pub const U8: Self = Self::plain(Kind::UInt, 8);
    /// 16-bit unsigned integer.
    pub const U16: Self = Self::plain(Kind::UInt, 16);
    /// 32-bit unsigned integer.
    pub const U32: Self = Self::plain(Kind::UInt, 32);
    /// 64-bit unsigned integer.
    pub const U64: Self = Self::plain(Kind::UInt, 64);
    /// 8-bit signed integer.
    pub const I8: Self = Self::plain(Kind::Int, 8);
    /// 16-bit signed integer.
    pub const I16: Self = Self::plain(Kind::Int, 16);
    /// 32-bit signed integer.
    pub const I32: Self = Self::plain(Kind::Int, 32);
    /// 64-bit signed integer.
    pub const I64: Self = Self::plain(Kind::Int, 64);
    /// Half precision.
    pub const F16: Self = Self::plain(Kind::Float, 16);
    /// Single precision.
    pub const F32: Self = Self::plain(Kind::Float, 32);
    /// Double precision.
    pub const F64: Self = Self::plain(Kind::Float, 64);
    /// Brain floating point.
    pub const BF16: Self = Self::plain(Kind::BFloat, 16);
    /// Two single-precision floats.
    pub const C64: Self = Self::plain(Kind::Complex, 64);
    /// Two double-precision floats.
    pub const C128: Self = Self::plain(Kind::Complex, 128);
    /// A truth value in a byte.
    pub const BOOL: Self = Self::plain(Kind::Bool, 8);

    const fn plain(kind: Kind, bits: u8) -> Self {
        Self {
            kind,
            bits,
            lanes: 1,
        }
    }

    /// The plain type of that name in NumPy: `float32`, `uint8`.
    ///
    /// # Errors
    /// [`Error::UnknownDType`] with the names that there are.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, dtype)| *dtype).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
            Error::UnknownDType(format!("'{name}'; there are {}", known.join(", ")))
        })
    }

    /// The type with DLPack's figures.
    ///
    /// # Errors
    /// [`Error::UnknownDType`] for a kind not among [`Kind`]'s, for bits that no element of it has, and for no lanes.
    pub fn from_dlpack(code: u8, bits: u8, lanes: u16) -> Result<Self, Error> {
        let known = NAMES
            .iter()
            .map(|(_, dtype)| *dtype)
            .find(|dtype| dtype.kind as u8 == code && dtype.bits == bits && lanes > 0);
        known.map(|dtype| Self { lanes, ..dtype }).ok_or_else(|| {
            Error::UnknownDType(format!("code {code} of {bits} bits in {lanes} lanes"))
        })
    }

    /// Bytes of one element.
    pub const fn bytes(self) -> u64 {
        self.bits as u64 / 8 * self.lanes as u64
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self { lanes: 1, ..*self };
        let name = NAMES.iter().find(|(_, dtype)| *dtype == plain);
        f.write_str(name.map_or("unnamed", |(name, _)| name))?;
        if self.lanes > 1 {
            write!(f, "x{}", self.lanes)?;
        }
        Ok(())
    }
}
