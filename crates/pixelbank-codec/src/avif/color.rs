//! From luma and chroma to red, green and blue (ITU-T H.273).

use pixelbank_image::SampleType;
use re_rav1d::dav1d::{Picture, PlanarImageComponent};

use super::stream::{Coding, Plane, nclx_of};
use crate::heif::Nclx;

/// What the three planes stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Matrix {
    /// Green, blue, red.
    Identity,
    YCgCo,
    /// The share of red and of blue in luma.
    Shares(f64, f64),
}

impl Matrix {
    /// By its number, and that of the primaries for those that follow from them. `None` for one that is not known.
    pub(super) fn of(nclx: Nclx) -> Option<Self> {
        const BT709: Matrix = Matrix::Shares(0.2126, 0.0722);
        const BT601: Matrix = Matrix::Shares(0.299, 0.114);
        const BT2020: Matrix = Matrix::Shares(0.2627, 0.0593);
        Some(match (nclx.matrix, nclx.primaries) {
            (0, _) => Self::Identity,
            (1, _) | (12, 1) => BT709,
            // Where nothing is said, all writers mean this.
            (2 | 5 | 6, _) => BT601,
            (4, _) => Self::Shares(0.30, 0.11),
            (7, _) => Self::Shares(0.212, 0.087),
            (8, _) => Self::YCgCo,
            (9, _) | (12, 9) => BT2020,
            _ => return None,
        })
    }
}

/// How samples become values from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Range {
    luma_zero: f64,
    luma_scale: f64,
    chroma_zero: f64,
    chroma_scale: f64,
}

impl Range {
    fn new(bits: u8, is_full: bool) -> Self {
        let full = ((1u32 << bits) - 1) as f64;
        let step = (1u32 << (bits - 8)) as f64;
        let (luma_zero, luma, chroma) = if is_full {
            (0.0, full, full)
        } else {
            (16.0 * step, 219.0 * step, 224.0 * step)
        };
        Self {
            luma_zero,
            luma_scale: 1.0 / luma,
            chroma_zero: 128.0 * step,
            chroma_scale: 1.0 / chroma,
        }
    }
}

/// Rows of samples of a picture, as pixels of ours.
pub(super) struct Rows {
    coding: Coding,
    matrix: Matrix,
    range: Range,
    luma: Plane,
    chroma: Option<[Plane; 2]>,
    /// Columns and rows of chroma.
    chroma_size: (usize, usize),
    alpha: Option<(Plane, Range, u8)>,
    sample: SampleType,
    /// Of the row that was converted last.
    blended: [Vec<f64>; 2],
}

impl Rows {
    pub(super) fn new(
        picture: &Picture,
        coding: Coding,
        nclx: Nclx,
        matrix: Matrix,
        alpha: Option<(&Picture, Coding)>,
        sample: SampleType,
    ) -> Self {
        use PlanarImageComponent::{U, V, Y};
        let half =
            |side: u32, halved: bool| (if halved { side.div_ceil(2) } else { side }) as usize;
        let size = (
            half(picture.width(), coding.halves.0),
            half(picture.height(), coding.halves.1),
        );
        let room = || vec![0.0; if coding.is_gray { 0 } else { size.0 }];
        Self {
            coding,
            matrix,
            range: Range::new(coding.bits, nclx.is_full_range),
            luma: Plane::new(picture, Y),
            chroma: (!coding.is_gray).then(|| [U, V].map(|plane| Plane::new(picture, plane))),
            chroma_size: size,
            alpha: alpha.map(|(alpha, coding)| {
                let range = Range::new(coding.bits, nclx_of(alpha).is_full_range);
                (Plane::new(alpha, Y), range, coding.bits)
            }),
            sample,
            blended: [room(), room()],
        }
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub(super) fn room_bytes(width: u32) -> u64 {
        2 * 8 * u64::from(width)
    }

    /// Converts the pixels of a row from column `first` on, as many as `out` has.
    pub(super) fn convert(&mut self, y: u32, first: u32, out: &mut [u8]) {
        let (y, first) = (y as usize, first as usize);
        let channels =
            if self.chroma.is_some() { 3 } else { 1 } + usize::from(self.alpha.is_some());
        self.blend_rows(y);
        let pixel_bytes = channels * self.sample.bytes();
        let luma = self.luma.row(y);
        let alpha = self
            .alpha
            .as_ref()
            .map(|(plane, range, bits)| (plane.row(y), range, *bits));
        for (at, pixel) in out.chunks_exact_mut(pixel_bytes).enumerate() {
            let x = first + at;
            let value =
                (read(luma, x, self.coding.bits) - self.range.luma_zero) * self.range.luma_scale;
            let mut values = [value, 0.0, 0.0, 0.0];
            if self.chroma.is_some() {
                let [b, r] = [0, 1].map(|plane| self.chroma_at(plane, x));
                let [red, green, blue] = self.color(value, b, r);
                values = [red, green, blue, 0.0];
            }
            if let Some((row, range, bits)) = &alpha {
                values[channels - 1] = (read(row, x, *bits) - range.luma_zero) * range.luma_scale;
            }
            match self.sample {
                SampleType::U8 => {
                    for (sample, value) in pixel.iter_mut().zip(values) {
                        *sample = (value * 255.0 + 0.5) as u8;
                    }
                }
                _ => {
                    for (sample, value) in pixel.as_chunks_mut::<2>().0.iter_mut().zip(values) {
                        *sample = ((value * 65_535.0 + 0.5) as u16).to_ne_bytes();
                    }
                }
            }
        }
    }

    /// Chroma of a row of pixels: where it has half the rows, three parts of the nearest one and one of the next.
    fn blend_rows(&mut self, y: usize) {
        let Some(planes) = &self.chroma else {
            return;
        };
        let (near, far) = match self.coding.halves.1 {
            false => (y, y),
            true => neighbours(y, self.chroma_size.1),
        };
        for (plane, blended) in planes.iter().zip(&mut self.blended) {
            let (near, far) = (plane.row(near), plane.row(far));
            for (x, value) in blended.iter_mut().enumerate() {
                let bits = self.coding.bits;
                *value = 0.75 * read(near, x, bits) + 0.25 * read(far, x, bits);
            }
        }
    }

    /// Chroma of a pixel, the same by columns.
    fn chroma_at(&self, plane: usize, x: usize) -> f64 {
        let row = &self.blended[plane];
        if self.coding.halves.0 {
            let (near, far) = neighbours(x, self.chroma_size.0);
            0.75 * row[near] + 0.25 * row[far]
        } else {
            row[x]
        }
    }

    fn color(&self, luma: f64, b: f64, r: f64) -> [f64; 3] {
        let range = self.range;
        let centered = |value: f64| (value - range.chroma_zero) * range.chroma_scale;
        match self.matrix {
            Matrix::Identity => {
                let plain = |value: f64| (value - range.luma_zero) * range.luma_scale;
                [plain(r), luma, plain(b)]
            }
            Matrix::YCgCo => {
                let (green, orange) = (centered(b), centered(r));
                let rest = luma - green;
                [rest + orange, luma + green, rest - orange]
            }
            Matrix::Shares(red, blue) => {
                let (b, r) = (centered(b), centered(r));
                let green = 1.0 - red - blue;
                [
                    luma + 2.0 * (1.0 - red) * r,
                    luma - 2.0 * (red * (1.0 - red) * r + blue * (1.0 - blue) * b) / green,
                    luma + 2.0 * (1.0 - blue) * b,
                ]
            }
        }
    }
}

/// Of `count` samples at half the density, lying between two pixels each: the one nearest to pixel `at`, and the next.
fn neighbours(at: usize, count: usize) -> (usize, usize) {
    let near = at / 2;
    let far = if at.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(count - 1)
    };
    (near, far)
}

fn read(row: &[u8], x: usize, bits: u8) -> f64 {
    if bits > 8 {
        f64::from(u16::from_ne_bytes([row[2 * x], row[2 * x + 1]]))
    } else {
        f64::from(row[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_between_pixels_is_taken_from_both_sides() {
        let pairs: Vec<_> = (0..5).map(|at| neighbours(at, 3)).collect();
        assert_eq!(pairs, [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1)]);
        assert_eq!(neighbours(0, 1), (0, 0));
        assert_eq!(neighbours(1, 1), (0, 0));
    }

    #[test]
    fn matrices_are_known_by_their_number() {
        let of = |matrix, primaries| {
            Matrix::of(Nclx {
                primaries,
                transfer: 13,
                matrix,
                is_full_range: true,
            })
        };
        assert_eq!(of(0, 1), Some(Matrix::Identity));
        assert_eq!(of(2, 2), of(6, 1));
        assert_eq!(of(12, 9), of(9, 1));
        assert_eq!(of(14, 9), None);
    }
}
