//! Colour with alpha multiplied into it, or not.

use bytemuck::Pod;
use half::f16;

use crate::{Alpha, SampleType, ViewMut};

impl ViewMut<'_> {
    /// Brings pixels whose alpha is of the kind `from` to the kind `to`. Without an alpha channel, or where the kinds are
    /// the same or one of them is none, nothing changes.
    pub fn convert_alpha(&mut self, from: Alpha, to: Alpha) {
        let multiply = match (from, to) {
            (Alpha::Straight, Alpha::Premultiplied) => true,
            (Alpha::Premultiplied, Alpha::Straight) => false,
            _ => return,
        };
        if !self.format().channels.has_alpha() {
            return;
        }
        let n = self.format().channels.count();
        let row: fn(&mut [u8], usize, bool) = match self.format().sample {
            SampleType::U8 => convert_row::<u8>,
            SampleType::U16 => convert_row::<u16>,
            SampleType::U32 => convert_row::<u32>,
            SampleType::F16 => convert_row::<f16>,
            SampleType::F32 => convert_row::<f32>,
        };
        for y in 0..self.size().height {
            row(self.row_mut(y), n, multiply);
        }
    }
}

/// Alpha is the last of `n` channels.
fn convert_row<S: Sample>(row: &mut [u8], n: usize, multiply: bool) {
    let bytes = size_of::<S>();
    for pixel in row.chunks_exact_mut(n * bytes) {
        let (colors, alpha) = pixel.split_at_mut((n - 1) * bytes);
        let alpha = bytemuck::pod_read_unaligned::<S>(alpha).value();
        for sample in colors.chunks_exact_mut(bytes) {
            let color = bytemuck::pod_read_unaligned::<S>(sample).value();
            // Where nothing is seen there is no colour to come back to.
            let color = match multiply {
                true => color * alpha,
                false if alpha > 0.0 => color / alpha,
                false => 0.0,
            };
            sample.copy_from_slice(bytemuck::bytes_of(&S::of(color)));
        }
    }
}

/// A sample as a number of which 1 is full.
trait Sample: Pod {
    fn value(self) -> f64;
    fn of(value: f64) -> Self;
}

macro_rules! integer_sample {
    ($($type:ty)*) => {
        $(impl Sample for $type {
            fn value(self) -> f64 {
                f64::from(self) / f64::from(Self::MAX)
            }

            fn of(value: f64) -> Self {
                (value * f64::from(Self::MAX) + 0.5) as Self
            }
        })*
    };
}

integer_sample!(u8 u16 u32);

impl Sample for f32 {
    fn value(self) -> f64 {
        f64::from(self)
    }

    fn of(value: f64) -> Self {
        value as Self
    }
}

impl Sample for f16 {
    fn value(self) -> f64 {
        f64::from(self)
    }

    fn of(value: f64) -> Self {
        Self::from_f64(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Channels, PixelFormat, Size};

    #[test]
    fn what_is_seen_comes_back() {
        let format = PixelFormat::RGBA8;
        let size = Size::new(3, 1);
        let straight = [200u8, 100, 0, 255, 200, 100, 50, 128, 9, 9, 9, 0];
        let mut pixels = straight;
        let mut view = ViewMut::packed(&mut pixels, size, format).unwrap();
        view.convert_alpha(Alpha::Straight, Alpha::Straight);
        view.convert_alpha(Alpha::None, Alpha::Premultiplied);
        assert_eq!(view.data_mut(), straight);
        view.convert_alpha(Alpha::Straight, Alpha::Premultiplied);
        assert_eq!(
            view.data_mut(),
            [200, 100, 0, 255, 100, 50, 25, 128, 0, 0, 0, 0]
        );
        view.convert_alpha(Alpha::Premultiplied, Alpha::Straight);
        assert_eq!(view.data_mut()[..8], [200, 100, 0, 255, 199, 100, 50, 128]);
    }

    #[test]
    fn floats_keep_what_is_brighter_than_white() {
        let format = PixelFormat::new(Channels::GrayAlpha, SampleType::F32);
        let mut pixels = [4.0f32, 0.5];
        let bytes = bytemuck::cast_slice_mut(&mut pixels);
        ViewMut::packed(bytes, Size::new(1, 1), format)
            .unwrap()
            .convert_alpha(Alpha::Straight, Alpha::Premultiplied);
        assert_eq!(pixels, [2.0, 0.5]);
    }
}
