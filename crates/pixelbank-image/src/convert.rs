//! Copying pixels into another sample type, or only some of their channels.

use bytemuck::Pod;
use half::f16;
use half::slice::HalfFloatSliceExt;
use pulp::Arch;

use crate::{Error, PixelFormat, SampleType, View, ViewMut};

impl ViewMut<'_> {
    /// Copies all pixels of `source`, which must have the same size, into this view's format: as many channels as it has,
    /// beginning with `first_channel` of the source, each sample converted. Integers stand for 0 to 1; what floats have
    /// beyond that is cut off, and values between are rounded.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where the sizes differ or the source has not that many channels; nothing is copied then.
    pub fn convert_from(&mut self, source: View<'_>, first_channel: usize) -> Result<(), Error> {
        let (from, to) = (source.format(), self.format());
        if from == to && first_channel == 0 {
            return self.copy_from(source);
        }
        if source.size() != self.size() {
            return Err(Error::Mismatch {
                what: "sizes",
                left: source.size().to_string(),
                right: self.size().to_string(),
            });
        }
        let picked = first_channel.saturating_add(to.channels.count());
        if picked > from.channels.count() {
            return Err(Error::Mismatch {
                what: "numbers of channels",
                left: from.channels.count().to_string(),
                right: picked.to_string(),
            });
        }
        if !source.size().is_empty() {
            copier(from, to)(source, self, first_channel);
        }
        Ok(())
    }
}

/// Copies all rows of one view into another of the same size, beginning with a channel.
type Copier = fn(View<'_>, &mut ViewMut<'_>, usize);

fn copier(from: PixelFormat, to: PixelFormat) -> Copier {
    fn into<S>(to: SampleType) -> Copier
    where
        S: Sample + To<u8> + To<u16> + To<u32> + To<f16> + To<f32>,
    {
        match to {
            SampleType::U8 => copy::<S, u8>,
            SampleType::U16 => copy::<S, u16>,
            SampleType::U32 => copy::<S, u32>,
            SampleType::F16 => copy::<S, f16>,
            SampleType::F32 => copy::<S, f32>,
        }
    }
    match from.sample {
        SampleType::U8 => into::<u8>(to.sample),
        SampleType::U16 => into::<u16>(to.sample),
        SampleType::U32 => into::<u32>(to.sample),
        SampleType::F16 if to.sample == SampleType::F32 => copy_halves,
        SampleType::F16 => into::<f16>(to.sample),
        SampleType::F32 => into::<f32>(to.sample),
    }
}

fn copy<S: Sample + To<T>, T: Sample>(source: View<'_>, target: &mut ViewMut<'_>, first: usize) {
    // Compiled for several generations of processors, of which the one at hand is chosen.
    Arch::new().dispatch(
        #[inline(always)]
        || each_row(source, target, first, copy_row::<S, T>),
    );
}

/// Calls `copy` for each row: from its first wanted sample on, the row to fill, channels of a pixel there and here.
#[inline(always)]
fn each_row(
    source: View<'_>,
    target: &mut ViewMut<'_>,
    first: usize,
    copy: impl Fn(&[u8], &mut [u8], usize, usize),
) {
    let skipped = first * source.format().sample.bytes();
    let from = source.format().channels.count();
    let to = target.format().channels.count();
    for y in 0..source.size().height {
        copy(&source.row(y)[skipped..], target.row_mut(y), from, to);
    }
}

#[inline(always)]
fn copy_row<S: Sample + To<T>, T: Sample>(
    source: &[u8],
    target: &mut [u8],
    from: usize,
    to: usize,
) {
    let is_bytes = size_of::<S>() == 1 && size_of::<T>() == 1;
    match (from, to) {
        _ if from == to => copy_samples::<S, T>(source, target),
        (4, 3) if is_bytes => three_of_four(source, target),
        (_, 1) => pick_one::<S, T>(source, target, from),
        (4, 3) => pick::<S, T, 4, 3>(source, target),
        (4, 2) => pick::<S, T, 4, 2>(source, target),
        (3, 2) => pick::<S, T, 3, 2>(source, target),
        _ => {
            let pixels = source.chunks(from * size_of::<S>());
            for (pixel, out) in pixels.zip(target.chunks_exact_mut(to * size_of::<T>())) {
                copy_samples::<S, T>(&pixel[..to * size_of::<S>()], out);
            }
        }
    }
}

/// Samples lie where they lie: rows of views need not be aligned for their type.
#[inline(always)]
fn copy_samples<S: Sample + To<T>, T: Sample>(source: &[u8], target: &mut [u8]) {
    let samples = source.chunks_exact(size_of::<S>());
    for (sample, out) in samples.zip(target.chunks_exact_mut(size_of::<T>())) {
        let sample: S = bytemuck::pod_read_unaligned(sample);
        out.copy_from_slice(bytemuck::bytes_of(&sample.to()));
    }
}

/// The numbers of channels are known when compiling, so that the loop has no inner one. The last pixel may end early: the
/// row begins at the first channel that is wanted, not at that of a pixel.
#[inline(always)]
fn pick<S: Sample + To<T>, T: Sample, const FROM: usize, const TO: usize>(
    source: &[u8],
    target: &mut [u8],
) {
    let pixels = source.chunks(FROM * size_of::<S>());
    for (pixel, out) in pixels.zip(target.chunks_exact_mut(TO * size_of::<T>())) {
        copy_samples::<S, T>(&pixel[..TO * size_of::<S>()], out);
    }
}

/// Colour without its alpha, the commonest pick, eight pixels at a time: shifts in words, which compilers make vectors of,
/// as they do not of single bytes.
#[inline(always)]
fn three_of_four(source: &[u8], target: &mut [u8]) {
    /// The colour of two pixels.
    #[inline(always)]
    fn six(pixels: [u8; 8]) -> u64 {
        let both = u64::from_le_bytes(pixels);
        (both & 0xff_ffff) | ((both >> 8) & 0xffff_ff00_0000)
    }
    let (eights, _) = source.as_chunks::<32>();
    let (outs, _) = target.as_chunks_mut::<24>();
    let done = eights.len().min(outs.len());
    for (pixels, out) in eights.iter().zip(outs) {
        let (pairs, _) = pixels.as_chunks::<8>();
        let (a, b, c, d) = (six(pairs[0]), six(pairs[1]), six(pairs[2]), six(pairs[3]));
        let (words, _) = out.as_chunks_mut::<8>();
        words[0] = (a | b << 48).to_le_bytes();
        words[1] = (b >> 16 | c << 32).to_le_bytes();
        words[2] = (c >> 32 | d << 16).to_le_bytes();
    }
    let rest = target[24 * done..].chunks_exact_mut(3);
    for (pixel, out) in source[32 * done..].chunks(4).zip(rest) {
        out.copy_from_slice(&pixel[..3]);
    }
}

#[inline(always)]
fn pick_one<S: Sample + To<T>, T: Sample>(source: &[u8], target: &mut [u8], from: usize) {
    let samples = source.chunks_exact(size_of::<S>()).step_by(from);
    for (sample, out) in samples.zip(target.chunks_exact_mut(size_of::<T>())) {
        let sample: S = bytemuck::pod_read_unaligned(sample);
        out.copy_from_slice(bytemuck::bytes_of(&sample.to()));
    }
}

/// Half to single precision, by the processor's own instruction where it has one, which takes several at once.
fn copy_halves(source: View<'_>, target: &mut ViewMut<'_>, first: usize) {
    const AT_ONCE: usize = 256;
    each_row(source, target, first, |source, target, from, to| {
        let mut halves = [f16::ZERO; AT_ONCE];
        let mut floats = [0f32; AT_ONCE];
        let n_pixels = (AT_ONCE / to).max(1);
        if to > AT_ONCE {
            return copy_row::<f16, f32>(source, target, from, to);
        }
        let parts = source.chunks(n_pixels * from * 2);
        for (part, out) in parts.zip(target.chunks_mut(n_pixels * to * 4)) {
            let n = out.len() / 4;
            copy_row::<f16, f16>(
                part,
                &mut bytemuck::cast_slice_mut(&mut halves)[..2 * n],
                from,
                to,
            );
            halves[..n].convert_to_f32_slice(&mut floats[..n]);
            out.copy_from_slice(&bytemuck::cast_slice(&floats)[..4 * n]);
        }
    });
}

trait Sample: Pod {}

impl<T: Pod> Sample for T {}

/// The same value as another type of sample.
trait To<T>: Copy {
    fn to(self) -> T;
}

impl<T: Copy> To<T> for T {
    #[inline(always)]
    fn to(self) -> T {
        self
    }
}

macro_rules! convert {
    ($($from:ty => $to:ty: |$value:ident| $result:expr;)*) => {
        $(impl To<$to> for $from {
            #[inline(always)]
            fn to(self) -> $to {
                let $value = self;
                $result
            }
        })*
    };
}

const MAX16: f32 = u16::MAX as f32;
const MAX32: f64 = u32::MAX as f64;

convert! {
    u8 => u16: |v| u16::from(v) * 257;
    u8 => u32: |v| u32::from(v) * 0x0101_0101;
    u8 => f32: |v| f32::from(v) * (1.0 / 255.0);
    u8 => f16: |v| f16::from_f32(v.to());
    u16 => u8: |v| ((u32::from(v) * 255 + 32_767) / 65_535) as u8;
    u16 => u32: |v| u32::from(v) * 0x0001_0001;
    u16 => f32: |v| f32::from(v) * (1.0 / MAX16);
    u16 => f16: |v| f16::from_f32(v.to());
    u32 => u8: |v| (f64::from(v) * (255.0 / MAX32)).round() as u8;
    u32 => u16: |v| (f64::from(v) * (65_535.0 / MAX32)).round() as u16;
    u32 => f32: |v| (f64::from(v) / MAX32) as f32;
    u32 => f16: |v| f16::from_f32(v.to());
    // A cast cuts off what is out of range, and makes 0 of what is not a number.
    f32 => u8: |v| (v * 255.0 + 0.5) as u8;
    f32 => u16: |v| (v * MAX16 + 0.5) as u16;
    f32 => u32: |v| (f64::from(v) * MAX32).round() as u32;
    f32 => f16: |v| f16::from_f32(v);
    f16 => u8: |v| f32::from(v).to();
    f16 => u16: |v| f32::from(v).to();
    f16 => u32: |v| f32::from(v).to();
    f16 => f32: |v| f32::from(v);
}

#[cfg(test)]
mod tests {
    use bytemuck::{cast_slice, cast_slice_mut};

    use super::*;
    use crate::{Channels, Size};

    fn convert<S: Pod, T: Pod + Default>(
        from: PixelFormat,
        to: PixelFormat,
        first: usize,
        values: &[S],
    ) -> Vec<T> {
        let n = values.len() / from.channels.count();
        let size = Size::new(n as u32, 1);
        let mut out = vec![T::default(); n * to.channels.count()];
        let source = View::packed(cast_slice(values), size, from).unwrap();
        ViewMut::packed(cast_slice_mut(&mut out), size, to)
            .unwrap()
            .convert_from(source, first)
            .unwrap();
        out
    }

    const fn gray(sample: SampleType) -> PixelFormat {
        PixelFormat::new(Channels::Gray, sample)
    }

    #[test]
    fn every_integer_survives_the_way_through_every_wider_type() {
        use SampleType::{F16, F32, U8, U16, U32};
        let bytes: Vec<u8> = (0..=255).collect();
        for wide in [U16, U32, F16, F32] {
            let back: Vec<u8> = match wide.bytes() {
                2 => convert::<u16, u8>(
                    gray(wide),
                    gray(U8),
                    0,
                    &convert(gray(U8), gray(wide), 0, &bytes),
                ),
                _ => convert::<u32, u8>(
                    gray(wide),
                    gray(U8),
                    0,
                    &convert(gray(U8), gray(wide), 0, &bytes),
                ),
            };
            assert_eq!(back, bytes, "through {wide}");
        }
        let words: Vec<u16> = (0..=u16::MAX).collect();
        for wide in [U32, F32] {
            let through: Vec<u32> = convert(gray(U16), gray(wide), 0, &words);
            assert_eq!(
                convert::<u32, u16>(gray(wide), gray(U16), 0, &through),
                words,
                "through {wide}"
            );
        }
    }

    #[test]
    fn the_ends_are_the_ends() {
        let to_float =
            |v: u8| convert::<u8, f32>(gray(SampleType::U8), gray(SampleType::F32), 0, &[v])[0];
        assert_eq!((to_float(0), to_float(255)), (0.0, 1.0));
        let word =
            |v: u16| convert::<u16, f32>(gray(SampleType::U16), gray(SampleType::F32), 0, &[v])[0];
        assert_eq!(word(u16::MAX), 1.0);
        let from_float =
            |v: f32| convert::<f32, u8>(gray(SampleType::F32), gray(SampleType::U8), 0, &[v])[0];
        assert_eq!(
            [-1.0, 0.5, 7.0, f32::NAN, f32::INFINITY].map(from_float),
            [0, 128, 255, 0, 255]
        );
    }

    #[test]
    fn channels_are_picked_from_any_place() {
        let rgba = [1u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let of = |channels| PixelFormat::new(channels, SampleType::U8);
        let from = PixelFormat::RGBA8;
        assert_eq!(
            convert::<u8, u8>(from, PixelFormat::RGB8, 0, &rgba),
            [1, 2, 3, 5, 6, 7, 9, 10, 11]
        );
        assert_eq!(
            convert::<u8, u8>(from, PixelFormat::RGB8, 1, &rgba),
            [2, 3, 4, 6, 7, 8, 10, 11, 12]
        );
        assert_eq!(
            convert::<u8, u8>(from, PixelFormat::GRAY8, 3, &rgba),
            [4, 8, 12]
        );
        assert_eq!(
            convert::<u8, u8>(from, of(Channels::Other(2)), 2, &rgba),
            [3, 4, 7, 8, 11, 12]
        );
        let five = of(Channels::Other(5));
        assert_eq!(
            convert::<u8, u8>(five, PixelFormat::RGB8, 1, &rgba[..10]),
            [2, 3, 4, 7, 8, 9]
        );
    }

    #[test]
    fn every_pick_of_every_length_is_that_of_the_plainest_loop() {
        for n in 0..70usize {
            for (from, to) in [(4, 3), (4, 2), (3, 2), (4, 1), (5, 3), (5, 4), (6, 6)] {
                for first in 0..=from - to {
                    let of = |n| PixelFormat::new(Channels::Other(n as u8), SampleType::U8);
                    let bytes: Vec<u8> = (0..n * from).map(|i| (i * 37 % 251) as u8).collect();
                    let picked: Vec<u8> = (0..n * to)
                        .map(|i| bytes[i / to * from + first + i % to])
                        .collect();
                    let got: Vec<u8> = convert(of(from), of(to), first, &bytes);
                    assert_eq!(got, picked, "{n} pixels, {to} of {from} from {first}");
                    let half =
                        |format: PixelFormat| PixelFormat::new(format.channels, SampleType::F16);
                    let single = PixelFormat::new(of(to).channels, SampleType::F32);
                    let halves: Vec<f16> = bytes
                        .iter()
                        .map(|v| f16::from_f32(f32::from(*v) / 8.0))
                        .collect();
                    let floats: Vec<f32> = picked.iter().map(|v| f32::from(*v) / 8.0).collect();
                    assert_eq!(
                        convert::<f16, f32>(half(of(from)), single, first, &halves),
                        floats
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let pixels = [0u8; 6];
        let mut out = [0u8; 6];
        let view = View::packed(&pixels, Size::new(2, 1), PixelFormat::RGB8).unwrap();
        let mut target = ViewMut::packed(&mut out, Size::new(2, 1), PixelFormat::RGB8).unwrap();
        assert!(target.convert_from(view, 1).is_err());
        assert!(target.convert_from(view, usize::MAX).is_err());
        let mut narrow = ViewMut::packed(&mut out, Size::new(1, 1), PixelFormat::GRAY8).unwrap();
        assert!(narrow.convert_from(view, 0).is_err());
    }
}
