//! Open water: mirrors what stands above it through waves that shrink with distance.

use wide::f32x4;

use crate::field::{Colour, Field, blend, rgb};
use crate::frame::{Camera, Span};
use crate::noise::{Texture, along, tile};

pub(crate) struct Water {
    /// What stands above the water, sampled every `ratio` pixels.
    pub(crate) mirror: Field,
    pub(crate) ratio: f32,
    pub(crate) camera: Camera,
    /// Slope of the waves: 0.002 a still lake, 0.05 an open sea.
    pub(crate) waves: f32,
    /// Radiance of the water itself, seen straight down.
    pub(crate) depth: Colour,
    /// Length of the largest waves.
    pub(crate) wave_m: f32,
    /// White crests, 0..1.
    pub(crate) foam: f32,
    pub(crate) light: Colour,
}

impl Water {
    pub(crate) fn paint(&self, span: Span, px: &mut [Colour]) {
        let camera = &self.camera;
        let below = span.y as f32 + 0.5 - camera.horizon_y;
        if below < 0.0 {
            return;
        }
        let texture = tile(Texture::Rough, 8.0);
        let below = below.max(0.25);
        let distance = camera.height_m * camera.focal_px / below;
        // Metres that one row spans, which sets the finest wave worth drawing.
        let row_m = distance / below;
        let texel = 32.0 / self.wave_m;
        // Three octaves of waves around what a row can show.
        let finest = (1.0 / (row_m * 0.35)).min(texel * 64.0);
        let mut scales = [0.0f32; 4];
        let mut weights = [0.0f32; 4];
        let mut scale = texel * 0.25;
        let octaves = (finest / scale).log2().clamp(0.0, 24.0);
        for (j, (s, w)) in scales.iter_mut().zip(&mut weights).enumerate() {
            let octave = (octaves.floor() - j as f32).max(0.0);
            *s = scale * octave.exp2();
            // The newest octave fades in, the oldest fades out.
            *w = match j {
                0 => octaves.fract(),
                3 => 1.0 - octaves.fract(),
                _ => 1.0,
            };
        }
        scale = distance / camera.focal_px;
        let grazing = below / (below * below + camera.focal_px * camera.focal_px).sqrt();
        let calm = 1.0 / (1.0 + row_m * 0.02 / self.wave_m);
        let reach = self.waves * camera.focal_px * (0.25 + 0.75 * calm);
        let base_y = 2.0 * camera.horizon_y - span.y as f32;
        let deep = self.depth;
        let inverse = 1.0 / self.ratio;
        // Every octave keeps its height over the row, so the tile is interpolated down once and then only across.
        let down = |j: usize| distance * scales[j] * 1.7 + j as f32 * 71.0;
        let waves: [_; 4] = std::array::from_fn(|j| texture.row_between(down(j)));
        let sway: [_; 2] = std::array::from_fn(|j| texture.row_between(down(j) + 131.0));
        for (i, out) in px.iter_mut().enumerate() {
            let x = span.x(i);
            let across = (x as f32 - camera.centre_x) * scale;
            let (mut n, mut m) = (0.0f32, 0.0f32);
            for j in 0..4 {
                n += along(&waves[j], across * scales[j] + 8192.0 + j as f32 * 37.0) * weights[j];
            }
            for j in 0..2 {
                m += along(&sway[j], across * scales[j] + 8392.0 + j as f32 * 37.0) * weights[j];
            }
            let tilt = n * 0.5;
            // A mirror that tips towards the viewer shows the higher sky; away, the lower.
            let reflected_y = base_y - tilt.abs() * reach * 1.6 + tilt * reach * 0.5;
            let reflected_y = if reflected_y > camera.horizon_y {
                2.0 * camera.horizon_y - reflected_y
            } else {
                reflected_y
            };
            let sample = self.mirror.at(
                (x as f32 + m * reach * 0.45) * inverse,
                reflected_y.max(0.0) * inverse,
            );
            let steep = (grazing + tilt * self.waves * 2.0).clamp(0.0, 1.0);
            let fresnel = 0.03 + 0.95 * (1.0 - steep).powi(5);
            let mut colour = blend(
                deep * f32x4::splat((1.0 + tilt * 0.25).max(0.3)),
                sample,
                fresnel,
            );
            if self.foam > 0.0 {
                let white = ((n * 0.55 - 1.6 + self.foam) * 2.5).clamp(0.0, 1.0);
                colour = blend(colour, self.light, white * 0.8);
            }
            let [r, g, b, _] = colour.to_array();
            *out = rgb(r, g, b);
        }
    }
}
