use crate::{Rect, Size};

/// What can be wrong with a use of this crate; always the caller's mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rectangle reaches outside the pixels that it addresses.
    #[error("rectangle {rect} lies outside the {size} image")]
    OutOfBounds {
        /// The rectangle asked for.
        rect: Rect,
        /// The size of what it was asked of.
        size: Size,
    },
    /// A byte slice is too short for the pixels that it is said to hold.
    #[error(
        "{got} bytes cannot hold {size} pixels with rows of {row_bytes} bytes: {needed} are needed"
    )]
    TooShort {
        /// Bytes given.
        got: usize,
        /// Bytes needed.
        needed: u64,
        /// Bytes from one row to the next.
        row_bytes: usize,
        /// Pixels described.
        size: Size,
    },
    /// Rows are shorter than their pixels.
    #[error("rows of {row_bytes} bytes cannot hold {width} pixels of {pixel_bytes} bytes")]
    RowTooShort {
        /// Bytes from one row to the next.
        row_bytes: usize,
        /// Pixels in a row.
        width: u32,
        /// Bytes of a pixel.
        pixel_bytes: usize,
    },
    /// Two views that must agree in size or format do not.
    #[error("{what} differ: {left} and {right}")]
    Mismatch {
        /// What should have been equal.
        what: &'static str,
        /// The first value.
        left: String,
        /// The second value.
        right: String,
    },
}
