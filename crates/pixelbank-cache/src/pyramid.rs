//! Halving pictures, and doing so row by row while a pass delivers them.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use half::f16;
use pixelbank_image::{PixelFormat, SampleType};

/// Halves one row from two: each pixel is the mean of up to 2 × 2, in the space of the samples. An odd last column
/// counts twice; for an odd last row pass it as both.
///
/// # Panics
/// If `out` is not the row of `width.div_ceil(2)` pixels, or a source row is shorter than `width` pixels.
pub(crate) fn halve_rows(
    format: PixelFormat,
    width: u32,
    upper: &[u8],
    lower: &[u8],
    out: &mut [u8],
) {
    let n = format.channels.count();
    match format.sample {
        SampleType::U8 => match n {
            1 => halve::<u8, 1>(width, upper, lower, out),
            2 => halve::<u8, 2>(width, upper, lower, out),
            3 => halve::<u8, 3>(width, upper, lower, out),
            4 => halve::<u8, 4>(width, upper, lower, out),
            _ => halve_any::<u8>(n, width, upper, lower, out),
        },
        SampleType::U16 => match n {
            1 => halve::<u16, 1>(width, upper, lower, out),
            3 => halve::<u16, 3>(width, upper, lower, out),
            4 => halve::<u16, 4>(width, upper, lower, out),
            _ => halve_any::<u16>(n, width, upper, lower, out),
        },
        SampleType::U32 => halve_any::<u32>(n, width, upper, lower, out),
        SampleType::F16 => halve_any::<f16>(n, width, upper, lower, out),
        SampleType::F32 => halve_any::<f32>(n, width, upper, lower, out),
        other => unreachable!("sample type {other} is not one of ours"),
    }
}

trait Mean: Pod {
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self;
}

macro_rules! integer_mean {
    ($type:ty, $wide:ty) => {
        impl Mean for $type {
            #[inline(always)]
            fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
                ((<$wide>::from(a) + <$wide>::from(b) + <$wide>::from(c) + <$wide>::from(d) + 2)
                    / 4) as $type
            }
        }
    };
}

integer_mean!(u8, u16);
integer_mean!(u16, u32);
integer_mean!(u32, u64);

impl Mean for f32 {
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
        (a + b + c + d) * 0.25
    }
}

impl Mean for f16 {
    fn mean(a: Self, b: Self, c: Self, d: Self) -> Self {
        f16::from_f32(f32::mean(a.to_f32(), b.to_f32(), c.to_f32(), d.to_f32()))
    }
}

/// The number of channels is known when compiling, so that the loop becomes vector code.
fn halve<T: Mean, const N: usize>(width: u32, upper: &[u8], lower: &[u8], out: &mut [u8]) {
    let pixels = width as usize;
    let (upper, lower) = (
        &cast_slice::<u8, T>(upper)[..pixels * N],
        &cast_slice::<u8, T>(lower)[..pixels * N],
    );
    let out = &mut cast_slice_mut::<u8, T>(out)[..pixels.div_ceil(2) * N];
    let pairs = upper
        .chunks_exact(2 * N)
        .zip(lower.chunks_exact(2 * N))
        .zip(out.chunks_exact_mut(N));
    for ((u, l), o) in pairs {
        for c in 0..N {
            o[c] = T::mean(u[c], u[N + c], l[c], l[N + c]);
        }
    }
    if pixels % 2 == 1 {
        let last = (pixels - 1) * N;
        for c in 0..N {
            let (u, l) = (upper[last + c], lower[last + c]);
            out[(pixels / 2) * N + c] = T::mean(u, u, l, l);
        }
    }
}

fn halve_any<T: Mean>(n: usize, width: u32, upper: &[u8], lower: &[u8], out: &mut [u8]) {
    let pixels = width as usize;
    let (upper, lower) = (cast_slice::<u8, T>(upper), cast_slice::<u8, T>(lower));
    let out = cast_slice_mut::<u8, T>(out);
    for x in 0..pixels.div_ceil(2) {
        let (left, right) = (2 * x, (2 * x + 1).min(pixels - 1));
        for c in 0..n {
            let at = |row: &[T], pixel: usize| row[pixel * n + c];
            out[x * n + c] = T::mean(
                at(upper, left),
                at(upper, right),
                at(lower, left),
                at(lower, right),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_image::Channels;

    use super::*;

    #[test]
    fn means_are_rounded_and_edges_count_twice() {
        let upper = [0u8, 10, 20];
        let lower = [1u8, 11, 21];
        let mut out = [0; 2];
        halve_rows(PixelFormat::GRAY8, 3, &upper, &lower, &mut out);
        assert_eq!(out, [6, 21]);
        halve_rows(PixelFormat::GRAY8, 3, &upper, &upper, &mut out);
        assert_eq!(out, [5, 20]);
    }

    #[test]
    fn the_fast_loops_agree_with_the_general_one() {
        let width = 7;
        for n in [1usize, 2, 3, 4] {
            let upper: Vec<u16> = (0..width * n).map(|i| (i * 9973 % 65521) as u16).collect();
            let lower: Vec<u16> = (0..width * n).map(|i| (i * 7919 % 65521) as u16).collect();
            let channels = [
                Channels::Gray,
                Channels::GrayAlpha,
                Channels::Rgb,
                Channels::Rgba,
            ][n - 1];
            let (mut fast, mut general) = (vec![0u16; 4 * n], vec![0u16; 4 * n]);
            let format = PixelFormat::new(channels, SampleType::U16);
            let (upper, lower) = (cast_slice(&upper), cast_slice(&lower));
            halve_rows(
                format,
                width as u32,
                upper,
                lower,
                cast_slice_mut(&mut fast),
            );
            halve_any::<u16>(n, width as u32, upper, lower, cast_slice_mut(&mut general));
            assert_eq!(fast, general);
        }
    }

    #[test]
    fn floats_keep_values_beyond_one() {
        let row: Vec<f32> = vec![2.0, 4.0];
        let mut out = [0u8; 4];
        halve_rows(
            PixelFormat::new(Channels::Gray, SampleType::F32),
            2,
            cast_slice(&row),
            cast_slice(&row),
            &mut out,
        );
        assert_eq!(f32::from_ne_bytes(out), 3.0);
    }
}
