//! Frames laid over each other.

use pixelbank_image::{PixelFormat, Rect, SampleType, View};

use crate::bands::emit;
use crate::request::zeroed;
use crate::{Band, Error, Flow};

/// A part of what a viewer shows, transparent at first where the format can be.
pub(super) struct Canvas {
    rect: Rect,
    format: PixelFormat,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(name: &str, rect: Rect, format: PixelFormat) -> Result<Self, Error> {
        Ok(Self {
            rect,
            format,
            pixels: zeroed(name, format.image_bytes(rect.size()))?,
        })
    }

    /// The bytes of the pixels from `x` on, `width` of them, of row `y`, all of which must lie in it.
    fn span(&mut self, x: u32, y: u32, width: u32) -> &mut [u8] {
        let row = (y - self.rect.y) as usize * self.format.row_bytes(self.rect.width);
        let start = row + self.format.row_bytes(x - self.rect.x);
        &mut self.pixels[start..][..self.format.row_bytes(width)]
    }

    pub(super) fn clear(&mut self, rect: Rect) {
        for y in rect.y..rect.bottom() as u32 {
            self.span(rect.x, y, rect.width).fill(0);
        }
    }

    /// Puts `pixels` in its place: laid over what is there if `is_over`, else instead of it. They are of the canvas's
    /// format, or of that without alpha.
    pub(super) fn draw(&mut self, place: Rect, pixels: View<'_>, is_over: bool) {
        let channels = self.format.channels.count();
        let gains_alpha = pixels.format() != self.format;
        let blends = is_over && self.format.channels.has_alpha() && !gains_alpha;
        let sample = self.format.sample;
        for (y, from) in (place.y..).zip(pixels.rows()) {
            let to = self.span(place.x, y, place.width);
            match (sample, gains_alpha, blends) {
                (SampleType::U16, true, _) => add_alpha::<Sixteen>(from, to, channels),
                (SampleType::U16, _, true) => lay_over::<Sixteen>(from, to, channels),
                (_, true, _) => add_alpha::<Eight>(from, to, channels),
                (_, _, true) => lay_over::<Eight>(from, to, channels),
                (_, false, false) => to.copy_from_slice(from),
            }
        }
    }

    pub(super) fn emit(&self, sink: &mut dyn FnMut(Band<'_>) -> Flow) {
        emit(&self.pixels, self.rect, self.format, sink);
    }
}

/// A sample of 8 or 16 bits, read from bytes that need not be aligned.
trait Sample {
    const BYTES: usize;
    const MAX: u64;

    fn get(bytes: &[u8]) -> u64;
    fn put(value: u64, bytes: &mut [u8]);
}

struct Eight;

impl Sample for Eight {
    const BYTES: usize = 1;
    const MAX: u64 = 0xff;

    fn get(bytes: &[u8]) -> u64 {
        bytes[0].into()
    }

    fn put(value: u64, bytes: &mut [u8]) {
        bytes[0] = value as u8;
    }
}

struct Sixteen;

impl Sample for Sixteen {
    const BYTES: usize = 2;
    const MAX: u64 = 0xffff;

    fn get(bytes: &[u8]) -> u64 {
        u16::from_ne_bytes([bytes[0], bytes[1]]).into()
    }

    fn put(value: u64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&(value as u16).to_ne_bytes());
    }
}

/// Copies pixels of one channel less, and makes them opaque.
fn add_alpha<S: Sample>(from: &[u8], to: &mut [u8], channels: usize) {
    let color = (channels - 1) * S::BYTES;
    let pixels = from.chunks_exact(color);
    for (from, to) in pixels.zip(to.chunks_exact_mut(channels * S::BYTES)) {
        to[..color].copy_from_slice(from);
        S::put(S::MAX, &mut to[color..]);
    }
}

/// Lays pixels with straight alpha over others, rounded to the nearest (the formula of Porter and Duff's "over").
fn lay_over<S: Sample>(from: &[u8], to: &mut [u8], channels: usize) {
    let color = (channels - 1) * S::BYTES;
    let pixels = from.chunks_exact(channels * S::BYTES);
    for (from, to) in pixels.zip(to.chunks_exact_mut(channels * S::BYTES)) {
        let (above, below) = (S::get(&from[color..]), S::get(&to[color..]));
        if above == S::MAX || below == 0 {
            to.copy_from_slice(from);
            continue;
        }
        if above == 0 {
            continue;
        }
        // Weights of both, and the alpha that results, all times the largest value.
        let (upper, lower) = (above * S::MAX, (S::MAX - above) * below);
        let alpha = upper + lower;
        let (to_color, to_alpha) = to.split_at_mut(color);
        for (from, to) in from
            .chunks_exact(S::BYTES)
            .zip(to_color.chunks_exact_mut(S::BYTES))
        {
            let mixed = (S::get(from) * upper + S::get(to) * lower + alpha / 2) / alpha;
            S::put(mixed, to);
        }
        S::put((alpha + S::MAX / 2) / S::MAX, to_alpha);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laying_over_is_that_of_porter_and_duff() {
        for (above, below, expected) in [
            ([200, 0], [10, 255], [10, 255]),
            ([200, 255], [10, 255], [200, 255]),
            ([200, 128], [10, 0], [200, 128]),
            // 128/255 of 200 and 127/255 of 10.
            ([200, 128], [10, 255], [105, 255]),
            // Alpha 128/255 + 127/255 · 100/255; colour weighted by 128 · 255 and 127 · 100.
            ([200, 128], [10, 100], [147, 178]),
        ] {
            let mut to: [u8; 2] = below;
            lay_over::<Eight>(&above, &mut to, 2);
            assert_eq!(to, expected, "{above:?} over {below:?}");
            let wide = |[a, b]: [u8; 2]| [a, a, b, b];
            let mut to = wide(below);
            lay_over::<Sixteen>(&wide(above), &mut to, 2);
            for (got, expected) in to.chunks_exact(2).zip(expected) {
                let difference = Sixteen::get(got).abs_diff(u64::from(expected) * 257);
                assert!(difference <= 129, "{above:?} over {below:?}");
            }
        }
    }

    #[test]
    fn a_canvas_clears_and_draws_within_its_part() {
        let rect = Rect::new(2, 1, 3, 2);
        let mut canvas =
            Canvas::new("test", rect, PixelFormat::GRAYA8).expect("twelve bytes are there");
        let pixels = [1, 2, 3, 4];
        let view = View::packed(
            &pixels,
            pixelbank_image::Size::new(2, 2),
            PixelFormat::GRAY8,
        )
        .expect("four pixels");
        canvas.draw(Rect::new(3, 1, 2, 2), view, true);
        assert_eq!(canvas.pixels, [0, 0, 1, 255, 2, 255, 0, 0, 3, 255, 4, 255]);
        canvas.clear(Rect::new(4, 1, 1, 2));
        assert_eq!(canvas.pixels, [0, 0, 1, 255, 0, 0, 0, 0, 3, 255, 0, 0]);
    }
}
