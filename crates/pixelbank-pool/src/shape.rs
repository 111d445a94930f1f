use std::fmt;

use crate::{DType, Error};

/// The most dimensions that a tensor has.
pub const MAX_RANK: usize = 8;

/// The extent of each dimension, outermost first. None is zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Zero behind the last dimension, so that equal shapes are equal arrays.
    dims: [u64; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape with these extents.
    ///
    /// # Errors
    /// [`Error::BadShape`] for no dimensions or more than [`MAX_RANK`], and for extents of zero and less.
    pub fn new(extents: &[i64]) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadShape {
            shape: format!("{extents:?}"),
            reason,
        };
        if extents.is_empty() || extents.len() > MAX_RANK {
            return Err(bad(format!(
                "{} dimensions; there are 1 to {MAX_RANK}",
                extents.len()
            )));
        }
        let mut dims = [0; MAX_RANK];
        for (i, (dim, extent)) in dims.iter_mut().zip(extents).enumerate() {
            *dim = u64::try_from(*extent)
                .ok()
                .filter(|extent| *extent > 0)
                .ok_or_else(|| bad(format!("dimension {i} is {extent}")))?;
        }
        Ok(Self {
            dims,
            rank: extents.len() as u8,
        })
    }

    /// The extents, outermost first.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..usize::from(self.rank)]
    }

    /// How many dimensions there are.
    pub const fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Elements in all.
    ///
    /// # Errors
    /// [`Error::BadShape`] where there are more than 64 bits can count.
    pub fn elements(&self) -> Result<u64, Error> {
        self.dims()
            .iter()
            .try_fold(1u64, |product, dim| product.checked_mul(*dim))
            .ok_or_else(|| self.overflows())
    }

    pub(crate) fn overflows(&self) -> Error {
        Error::BadShape {
            shape: self.to_string(),
            reason: "its bytes overflow 64 bits".to_owned(),
        }
    }

    pub(crate) const fn padded(&self) -> [u64; MAX_RANK] {
        self.dims
    }
}

/// For shapes written down in code.
///
/// # Panics
/// If an extent is zero or there are no dimensions or more than [`MAX_RANK`]; [`Shape::new`] says so with an error.
impl<const N: usize> From<[u64; N]> for Shape {
    fn from(extents: [u64; N]) -> Self {
        assert!(
            N > 0 && N <= MAX_RANK && extents.iter().all(|extent| *extent > 0),
            "{extents:?} is no shape of 1 to {MAX_RANK} dimensions"
        );
        let mut dims = [0; MAX_RANK];
        dims[..N].copy_from_slice(&extents);
        Self {
            dims,
            rank: N as u8,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.dims().iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What each dimension is, a letter each: `NHWC`. May be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Layout([u8; MAX_RANK]);

impl Layout {
    /// Nothing is known of the dimensions.
    pub const NONE: Self = Self([0; MAX_RANK]);
    /// Images one after the other, channels interleaved.
    pub const NHWC: Self = Self(*b"NHWC\0\0\0\0");
    /// Images one after the other, a plane for each channel.
    pub const NCHW: Self = Self(*b"NCHW\0\0\0\0");
    /// An image with interleaved channels.
    pub const HWC: Self = Self(*b"HWC\0\0\0\0\0");
    /// An image with a plane for each channel.
    pub const CHW: Self = Self(*b"CHW\0\0\0\0\0");

    /// The layout of these letters; empty is [`Layout::NONE`].
    ///
    /// # Errors
    /// [`Error::BadLayout`] for other characters than A to Z, for a letter that comes twice, and for more than
    /// [`MAX_RANK`].
    pub fn new(letters: &str) -> Result<Self, Error> {
        let bad = |reason: &str| Error::BadLayout {
            layout: letters.to_owned(),
            reason: reason.to_owned(),
        };
        if letters.len() > MAX_RANK {
            return Err(bad("more letters than dimensions are allowed"));
        }
        let mut label = [0; MAX_RANK];
        for (i, letter) in letters.bytes().enumerate() {
            if !letter.is_ascii_uppercase() {
                return Err(bad("a letter from A to Z for each dimension is wanted"));
            }
            if label[..i].contains(&letter) {
                return Err(bad("a letter comes twice"));
            }
            label[i] = letter;
        }
        Ok(Self(label))
    }

    fn letters(&self) -> &[u8] {
        let end = self.0.iter().position(|letter| *letter == 0);
        &self.0[..end.unwrap_or(MAX_RANK)]
    }

    pub(crate) const fn word(&self) -> u64 {
        u64::from_le_bytes(self.0)
    }

    /// The layout of what has lost that dimension.
    pub(crate) fn without(&self, dimension: usize) -> Self {
        let mut rest = [0; MAX_RANK];
        let kept = self.letters().iter().enumerate();
        let kept = kept.filter(|(i, _)| *i != dimension);
        for (to, (_, letter)) in rest.iter_mut().zip(kept) {
            *to = *letter;
        }
        Self(rest)
    }

    /// The dimension at which a row of an image begins: `W`, or the last one where there is none.
    fn row_start(&self, rank: usize) -> usize {
        let width = self.letters().iter().position(|letter| *letter == b'W');
        width.unwrap_or(rank - 1)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters()
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What bytes are: elements of a type, in a shape, and where each lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrangement {
    pub shape: Shape,
    pub dtype: DType,
    pub layout: Layout,
    /// From one element to the next of each dimension, in bytes.
    pub strides: [i64; MAX_RANK],
    /// From the first byte to behind the last.
    pub bytes: u64,
}

/// The most bytes that one object may have: what a signed offset reaches.
const MAX_BYTES: u64 = i64::MAX as u64;

impl Arrangement {
    /// Rows begin at multiples of `row_align`; everything else is packed.
    pub fn new(shape: &Shape, dtype: DType, layout: Layout, row_align: u32) -> Result<Self, Error> {
        check_alignment("row_align", u64::from(row_align))?;
        let rank = shape.rank();
        let named = layout.letters().len();
        if named != 0 && named != rank {
            return Err(Error::BadLayout {
                layout: layout.to_string(),
                reason: format!("{named} letters for shape {shape}"),
            });
        }
        let row_start = layout.row_start(rank);
        let mut strides = [0; MAX_RANK];
        let mut step = dtype.bytes();
        for (i, dim) in shape.dims().iter().enumerate().rev() {
            if step > MAX_BYTES {
                return Err(shape.overflows());
            }
            strides[i] = step as i64;
            step = step.checked_mul(*dim).ok_or_else(|| shape.overflows())?;
            if i == row_start {
                step = step
                    .checked_next_multiple_of(u64::from(row_align))
                    .ok_or_else(|| shape.overflows())?;
            }
        }
        if step > MAX_BYTES {
            return Err(shape.overflows());
        }
        Ok(Self {
            shape: *shape,
            dtype,
            layout,
            strides,
            bytes: step,
        })
    }

    /// That many bytes of which nothing else is known.
    pub fn opaque(bytes: u64) -> Self {
        Self {
            shape: Shape::from([1]),
            dtype: DType::U8,
            layout: Layout::NONE,
            strides: [0; MAX_RANK],
            bytes,
        }
    }

    /// Elements `strides` bytes apart, as somebody else has laid them out. `bytes` are from the first to behind the last.
    pub fn strided(
        shape: Shape,
        dtype: DType,
        layout: Layout,
        strides: &[i64],
    ) -> Result<Self, Error> {
        if strides.len() != shape.rank() {
            return Err(Error::BadArgument {
                argument: "strides",
                reason: format!("{} for shape {shape}", strides.len()),
            });
        }
        let mut all = [0; MAX_RANK];
        let mut span = dtype.bytes();
        for (i, (stride, dim)) in strides.iter().zip(shape.dims()).enumerate() {
            // A single element is never stepped over.
            let reach = stride.unsigned_abs().checked_mul(dim - 1);
            span = reach
                .and_then(|reach| span.checked_add(reach))
                .filter(|span| *span <= MAX_BYTES)
                .ok_or_else(|| shape.overflows())?;
            if *stride < 0 && *dim > 1 {
                return Err(Error::BadArgument {
                    argument: "strides",
                    reason: format!("dimension {i} runs backwards"),
                });
            }
            all[i] = *stride;
        }
        Ok(Self {
            shape,
            dtype,
            layout,
            strides: all,
            bytes: span,
        })
    }

    /// Whether the elements lie one behind the other, without gaps.
    pub fn is_packed(&self) -> bool {
        let mut step = self.dtype.bytes();
        self.shape
            .dims()
            .iter()
            .zip(&self.strides)
            .rev()
            .all(|(dim, stride)| {
                let fits = *dim == 1 || *stride as u64 == step;
                step = step.saturating_mul(*dim);
                fits
            })
    }
}

/// Alignments are powers of two of at most a page, which is what every block begins at.
pub(crate) fn check_alignment(argument: &'static str, align: u64) -> Result<(), Error> {
    let reason = if !align.is_power_of_two() {
        "it must be a power of two"
    } else if align > 4096 {
        "blocks begin at multiples of 4096"
    } else {
        return Ok(());
    };
    Err(Error::BadAlignment {
        argument,
        align,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_where_the_layout_says() {
        let hwc = Arrangement::new(&[4, 5, 3].into(), DType::U8, Layout::HWC, 64).unwrap();
        assert_eq!((&hwc.strides[..3], hwc.bytes), (&[64, 3, 1][..], 256));
        let chw = Arrangement::new(&[3, 4, 5].into(), DType::F32, Layout::CHW, 32).unwrap();
        assert_eq!((&chw.strides[..3], chw.bytes), (&[128, 32, 4][..], 384));
        let packed = Arrangement::new(&[2, 3].into(), DType::F64, Layout::NONE, 1).unwrap();
        assert_eq!((&packed.strides[..2], packed.bytes), (&[24, 8][..], 48));
    }

    #[test]
    fn impossible_shapes_are_refused_with_the_reason() {
        for (extents, word) in [
            (&[][..], "0 dimensions"),
            (&[1; 9][..], "9 dimensions"),
            (&[4, -1][..], "dimension 1 is -1"),
            (&[0][..], "dimension 0 is 0"),
        ] {
            let error = Shape::new(extents).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        for shape in [
            [u64::MAX, 1, 1],
            [1 << 21, 1 << 21, 1 << 21],
            [1 << 30, 1 << 31, 4],
        ] {
            let arranged = Arrangement::new(&shape.into(), DType::F64, Layout::NONE, 64);
            assert!(matches!(arranged, Err(Error::BadShape { .. })), "{shape:?}");
        }
        for align in [0, 3, 8192] {
            let arranged = Arrangement::new(&[4].into(), DType::U8, Layout::NONE, align);
            assert!(
                matches!(arranged, Err(Error::BadAlignment { .. })),
                "{align}"
            );
        }
        let arranged = Arrangement::new(&[4].into(), DType::U8, Layout::HWC, 1);
        assert!(matches!(arranged, Err(Error::BadLayout { .. })));
        for letters in ["nhwc", "NN", "ABCDEFGHI", "N C"] {
            assert!(matches!(Layout::new(letters), Err(Error::BadLayout { .. })));
        }
    }
}
