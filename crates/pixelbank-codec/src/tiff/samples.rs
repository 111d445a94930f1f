use pixelbank_image::SampleType;

use super::directory::Order;
use super::page::{Meaning, Page, Predictor, SampleKind};

/// Undoes what was done to the samples of a decompressed row, in place: predictor, byte order, inversion.
///
/// `scratch` is as long as `row` for the predictor of floats, and may be empty otherwise.
pub(super) fn restore_row(page: &Page, order: Order, row: &mut [u8], scratch: &mut [u8]) {
    let stride = page.samples_together();
    if page.predictor == Predictor::Float {
        restore_floats(row, scratch, usize::from(page.bits / 8), stride);
        return;
    }
    if !order.is_native() {
        match page.bits {
            16 => row
                .as_chunks_mut::<2>()
                .0
                .iter_mut()
                .for_each(|s| s.reverse()),
            32 => row
                .as_chunks_mut::<4>()
                .0
                .iter_mut()
                .for_each(|s| s.reverse()),
            64 => row
                .as_chunks_mut::<8>()
                .0
                .iter_mut()
                .for_each(|s| s.reverse()),
            _ => {}
        }
    }
    if page.predictor == Predictor::Horizontal {
        match page.bits {
            8 => sum_bytes(row, stride),
            16 => sum::<2>(row, stride, |a, b| {
                u16::from_ne_bytes(a)
                    .wrapping_add(u16::from_ne_bytes(b))
                    .to_ne_bytes()
            }),
            32 => sum::<4>(row, stride, |a, b| {
                u32::from_ne_bytes(a)
                    .wrapping_add(u32::from_ne_bytes(b))
                    .to_ne_bytes()
            }),
            _ => sum::<8>(row, stride, |a, b| {
                u64::from_ne_bytes(a)
                    .wrapping_add(u64::from_ne_bytes(b))
                    .to_ne_bytes()
            }),
        }
    }
    if page.meaning == Meaning::Inverted && matches!(page.bits, 8 | 16 | 32) {
        row.iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// The usual strides, known to the compiler: the running sums stay in registers.
fn sum_bytes(row: &mut [u8], stride: usize) {
    fn fixed<const N: usize>(row: &mut [u8]) {
        let mut sums = [0u8; N];
        for pixel in row.as_chunks_mut::<N>().0 {
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum = sum.wrapping_add(*sample);
                *sample = *sum;
            }
        }
    }
    match stride {
        1 => fixed::<1>(row),
        3 => fixed::<3>(row),
        4 => fixed::<4>(row),
        _ => {
            for i in stride..row.len() {
                row[i] = row[i].wrapping_add(row[i - stride]);
            }
        }
    }
}

fn sum<const N: usize>(row: &mut [u8], stride: usize, add: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (samples, _) = row.as_chunks_mut::<N>();
    for i in stride..samples.len() {
        samples[i] = add(samples[i], samples[i - stride]);
    }
}

/// Adobe's floating-point predictor: bytes of all samples of a row, the most significant ones first, as differences.
fn restore_floats(row: &mut [u8], scratch: &mut [u8], bytes: usize, stride: usize) {
    sum_bytes(row, stride);
    let scratch = &mut scratch[..row.len()];
    scratch.copy_from_slice(row);
    let n_samples = row.len() / bytes;
    for (index, sample) in row.chunks_exact_mut(bytes).enumerate() {
        for (rank, byte) in sample.iter_mut().enumerate() {
            *byte = scratch[rank * n_samples + index];
        }
        if cfg!(target_endian = "little") {
            sample.reverse();
        }
    }
}

/// Delivers `out.len()` bytes of pixels from a restored row, from column `first` on. The rows of separate planes begin
/// every `plane_bytes` of `row`.
pub(super) fn deliver_row(
    page: &Page,
    row: &[u8],
    plane_bytes: usize,
    palette: &[u8],
    first: u32,
    out: &mut [u8],
) {
    let pixel_bytes = page.format.pixel_bytes();
    let first = first as usize;
    if page.is_direct() {
        let start = first * pixel_bytes;
        out.copy_from_slice(&row[start..start + out.len()]);
        return;
    }
    if let Meaning::Palette(_) = page.meaning {
        for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
            let index = usize::from(bits_at(row, first + x, page.bits));
            pixel.copy_from_slice(&palette[index * 3..index * 3 + 3]);
        }
        return;
    }
    let sample_bytes = page.format.sample.bytes();
    let together = page.samples_together();
    for s in 0..usize::from(page.samples) {
        let (row, shift) = if page.planar {
            (&row[s * plane_bytes..], 0)
        } else {
            (row, s)
        };
        for (x, pixel) in out.chunks_exact_mut(pixel_bytes).enumerate() {
            let sample = &mut pixel[s * sample_bytes..][..sample_bytes];
            sample_at(page, row, (first + x) * together + shift, sample);
        }
    }
}

fn sample_at(page: &Page, row: &[u8], index: usize, out: &mut [u8]) {
    let bits = page.bits;
    if page.kind == SampleKind::Signed {
        let size = usize::from(bits / 8);
        let value = signed(&row[index * size..(index + 1) * size]);
        out.copy_from_slice(&value.to_ne_bytes());
        return;
    }
    match bits {
        8 | 16 | 32 => out.copy_from_slice(&row[index * out.len()..(index + 1) * out.len()]),
        64 => {
            let mut value = [0; 8];
            value.copy_from_slice(&row[index * 8..index * 8 + 8]);
            out.copy_from_slice(&(f64::from_ne_bytes(value) as f32).to_ne_bytes());
        }
        _ => {
            let max = (1u32 << bits) - 1;
            let mut value = u32::from(bits_at(row, index, bits));
            if page.meaning == Meaning::Inverted {
                value = max - value;
            }
            if page.format.sample == SampleType::U8 {
                out[0] = widen(value, bits, 8) as u8;
            } else {
                out.copy_from_slice(&(widen(value, bits, 16) as u16).to_ne_bytes());
            }
        }
    }
}

/// A number of `from` bits as one of `to` bits: exact at both ends, rounded down in between, which the nearest would not
/// be better than and OpenImageIO does too, so that pixels agree.
fn widen(value: u32, from: u8, to: u8) -> u32 {
    let highest = |bits: u8| (1u64 << bits) - 1;
    (u64::from(value) * highest(to) / highest(from)) as u32
}

/// A whole number with a sign, in the machine's order of bytes, as a part of the highest one.
fn signed(bytes: &[u8]) -> f32 {
    let (value, highest) = match *bytes {
        [a] => (f32::from(a as i8), f32::from(i8::MAX)),
        [a, b] => (f32::from(i16::from_ne_bytes([a, b])), f32::from(i16::MAX)),
        [a, b, c, d] => (i32::from_ne_bytes([a, b, c, d]) as f32, i32::MAX as f32),
        _ => (0.0, 1.0),
    };
    // Not a quotient, so that the last bit is that of other readers.
    value * (1.0 / highest)
}

/// Sample `index` of a row of samples of up to 16 bits without gaps, most significant bit first.
fn bits_at(row: &[u8], index: usize, bits: u8) -> u16 {
    let bits = usize::from(bits);
    let start = index * bits;
    let mut window = 0u32;
    for byte in 0..3 {
        window = window << 8 | u32::from(row.get(start / 8 + byte).copied().unwrap_or(0));
    }
    (window >> (24 - start % 8 - bits) & ((1 << bits) - 1)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_few_bits_become_wider() {
        assert_eq!(widen(0b10, 2, 8), 0b1010_1010);
        assert_eq!(widen(717, 10, 16), 45932);
        for (from, to) in [(1, 8), (4, 8), (6, 8), (7, 8), (8, 8), (9, 16), (15, 16)] {
            assert_eq!(widen(0, from, to), 0);
            assert_eq!(widen((1 << from) - 1, from, to), (1 << to) - 1);
        }
    }

    #[test]
    fn the_highest_number_with_a_sign_is_one() {
        assert_eq!(signed(&i8::MAX.to_ne_bytes()), 1.0);
        assert_eq!(signed(&i16::MAX.to_ne_bytes()), 1.0);
        assert_eq!(signed(&i32::MAX.to_ne_bytes()), 1.0);
        assert_eq!(signed(&(-i8::MAX).to_ne_bytes()), -1.0);
        assert!(signed(&i8::MIN.to_ne_bytes()) < -1.0);
        assert_eq!(signed(&0i16.to_ne_bytes()), 0.0);
    }

    #[test]
    fn bits_are_found_at_any_place() {
        let row = [0b1011_0001, 0b1110_0000, 0b1111_1111, 0b0000_0001];
        let two: Vec<_> = (0..8).map(|i| bits_at(&row, i, 2)).collect();
        assert_eq!(two, [2, 3, 0, 1, 3, 2, 0, 0]);
        assert_eq!(bits_at(&row, 0, 12), 0b1011_0001_1110);
        assert_eq!(bits_at(&row, 1, 12), 0b0000_1111_1111);
        assert_eq!(bits_at(&row, 31, 1), 1);
        assert_eq!(bits_at(&row, 1, 15), 0b011_1111_1100_0000);
    }

    #[test]
    fn float_rows_come_back() {
        let samples = [1.5f32, -2.25, 1e-9, 3e20, 0.0, 7.0];
        // Two channels: as the predictor is defined, written out here.
        let mut bytes = vec![0u8; 24];
        for (i, sample) in samples.iter().enumerate() {
            for (rank, byte) in sample.to_be_bytes().into_iter().enumerate() {
                bytes[rank * 6 + i] = byte;
            }
        }
        for i in (2..24).rev() {
            bytes[i] = bytes[i].wrapping_sub(bytes[i - 2]);
        }
        let mut scratch = [0; 24];
        restore_floats(&mut bytes, &mut scratch, 4, 2);
        let restored: Vec<f32> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_ne_bytes(*b))
            .collect();
        assert_eq!(restored, samples);
    }
}
