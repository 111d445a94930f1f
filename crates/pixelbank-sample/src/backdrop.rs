//! The rearmost layer: a field over the whole picture, roughened down to the pixel.

use wide::f32x4;

use crate::field::{Colour, Field};
use crate::frame::{Frame, Span};
use crate::noise::{TILE, Texture, tile};

/// A field stretched over the picture. Its fourth channel says how strongly the texture shows at a place.
pub(crate) struct Backdrop {
    pub(crate) field: Field,
    ratio: f32,
    warp_px: f32,
    strength: f32,
    texture: Texture,
}

impl Backdrop {
    pub(crate) fn new(frame: &Frame, field: Field, texture: Texture) -> Self {
        let ratio = frame.ratio();
        Self {
            field,
            ratio,
            warp_px: ratio * frame.texture_strength() * 1.2,
            strength: frame.texture_strength() * 1.3,
            texture,
        }
    }

    /// Evaluates `make(x, y)` in pixels of the picture.
    pub(crate) fn paint_field(frame: &Frame, make: impl Fn(f32, f32) -> Colour + Sync) -> Field {
        let (width, height) = frame.field_size();
        let r = frame.ratio();
        Field::build(width, height, frame.threads, |i, j| {
            make(i as f32 * r, j as f32 * r)
        })
    }

    pub(crate) fn paint(&self, span: Span, px: &mut [Colour]) {
        let texture = tile(self.texture, self.ratio);
        let (row, other) = (texture.row(span.y), texture.row(span.y + 217));
        let inverse = 1.0 / self.ratio;
        let v = span.y as f32 * inverse;
        let j = (v as usize).min(self.field.height - 2);
        let fv = f32x4::splat((v - j as f32).min(1.0));
        let width = self.field.width;
        let top = &self.field.data[j * width..][..width];
        let bottom = &self.field.data[(j + 1) * width..][..width];
        for (i, out) in px.iter_mut().enumerate() {
            let x = span.x(i);
            let u = x as f32 * inverse;
            let k = (u as usize).min(width - 2);
            let fu = f32x4::splat(u - k as f32);
            let a = top[k] + (top[k + 1] - top[k]) * fu;
            let b = bottom[k] + (bottom[k + 1] - bottom[k]) * fu;
            let mut colour = a + (b - a) * fv;
            let strength = colour.to_array()[3];
            if strength > 0.004 {
                let n = row[x as usize & (TILE - 1)];
                let m = other[(x + 91) as usize & (TILE - 1)];
                let reach = self.warp_px * inverse * (strength * 6.0).min(1.0);
                colour = self.field.at(u + m * reach, v + n * reach)
                    * f32x4::splat((1.0 + n * strength * self.strength).max(0.05));
            }
            *out = colour;
        }
    }
}
