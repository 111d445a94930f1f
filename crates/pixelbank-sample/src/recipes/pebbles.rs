//! Stones on a beach, seen from above.

use wide::f32x4;

use crate::backdrop::Backdrop;
use crate::field::{Colour, blend, rgb};
use crate::finish::Grade;
use crate::frame::Frame;
use crate::noise::{Texture, fbm, fbm_gain, noise, smoothstep};
use crate::rng::{Rng, hash2};
use crate::scene::{Composition, Layer};

fn plain(c: Colour, structure: f32) -> Colour {
    let [r, g, b, _] = c.to_array();
    f32x4::new([r, g, b, structure])
}

struct Beach {
    salt: u32,
    light: (f32, f32),
    wet: bool,
}

const STONES: [[f32; 3]; 8] = [
    [0.32, 0.31, 0.30],
    [0.2, 0.2, 0.21],
    [0.40, 0.36, 0.31],
    [0.27, 0.22, 0.18],
    [0.47, 0.46, 0.43],
    [0.17, 0.18, 0.2],
    [0.34, 0.25, 0.2],
    [0.24, 0.26, 0.24],
];

impl Beach {
    /// One layer of stones: their colour, and how much of the place they cover.
    fn stones(&self, u: f32, v: f32, layer: u32) -> (Colour, f32) {
        let salt = self.salt ^ layer.wrapping_mul(0x51);
        let (u, v) = (
            u + 0.16 * fbm(u * 1.1, v * 1.1, 2),
            v + 0.16 * fbm(u * 1.1 + 30.0, v * 1.1, 2),
        );
        let (iu, iv) = (u.floor() as i32, v.floor() as i32);
        let (mut best, mut at, mut second) = (9.0f32, (0, 0, 0.0, 0.0), 9.0f32);
        for j in -1..=1 {
            for i in -1..=1 {
                let (a, b) = (iu + i, iv + j);
                let (dx, dy) = (
                    u - a as f32 - 0.15 - 0.7 * hash2(a, b, salt),
                    v - b as f32 - 0.15 - 0.7 * hash2(a, b, salt ^ 1),
                );
                // Stones are oval, each turned its own way.
                let t = hash2(a, b, salt ^ 9) * 3.1;
                let (p, q) = (dx * t.cos() + dy * t.sin(), dy * t.cos() - dx * t.sin());
                let size = 0.75 + 0.45 * hash2(a, b, salt ^ 8);
                let d = (p * p + q * q * 1.8).sqrt() / size;
                if d < best {
                    second = best;
                    best = d;
                    at = (a, b, dx, dy);
                } else if d < second {
                    second = d;
                }
            }
        }
        let (a, b, dx, dy) = at;
        let inside = (second - best).min((0.66 - best) * 1.6);
        let cover = smoothstep(0.03, 0.075, inside);
        let dome = smoothstep(0.0, 0.5, inside);
        let [r, g, bl] =
            STONES[(hash2(a, b, salt ^ 2) * STONES.len() as f32) as usize % STONES.len()];
        let speckle = fbm_gain(u * 8.0, v * 8.0, 4, 0.7);
        let vein = if hash2(a, b, salt ^ 3) < 0.22 {
            let t = hash2(a, b, salt ^ 4) * 3.1;
            smoothstep(
                0.05,
                0.02,
                ((dx * t.cos() + dy * t.sin()) - 0.1 + 0.04 * speckle).abs(),
            ) * 0.6
        } else {
            0.0
        };
        let lambert =
            (0.55 + (self.light.0 * dx + self.light.1 * dy) * 1.1 * (1.1 - dome) + 0.3 * dome)
                .max(0.06);
        let mut c = blend(rgb(r, g, bl), rgb(0.6, 0.58, 0.54), vein)
            * f32x4::splat(lambert * (1.0 + 0.25 * speckle) * (0.7 + 0.6 * hash2(a, b, salt ^ 5)));
        if self.wet {
            let shine = smoothstep(
                0.16,
                0.03,
                (dx - self.light.0 * 0.22).hypot(dy - self.light.1 * 0.25),
            );
            c *= f32x4::splat(0.55) + rgb(0.32, 0.36, 0.42) * f32x4::splat(shine * dome);
        }
        // Where neighbours lean over it, a stone is in shade.
        (
            c * f32x4::splat(0.35 + 0.65 * smoothstep(0.0, 0.22, inside)),
            cover,
        )
    }
}

pub(crate) fn pebbles(frame: &Frame, rng: &mut Rng) -> Composition {
    let side = frame.width.min(frame.height) as f32;
    let scale = rng.range(4.0, 11.0) / side;
    let beach = Beach {
        salt: rng.bits() as u32,
        light: (rng.range(-0.8, 0.8), -0.6),
        wet: rng.chance(0.45),
    };
    let squash = rng.range(0.75, 1.0);
    let field = Backdrop::paint_field(frame, |px, py| {
        let (u, v) = (px * scale, py * scale / squash);
        let sand =
            rgb(0.10, 0.085, 0.07) * f32x4::splat(0.6 + 0.5 * fbm_gain(u * 30.0, v * 30.0, 3, 0.8));
        let (small, small_cover) = beach.stones(u * 3.7 + 11.0, v * 3.7, 3);
        let mut c = blend(sand, small * f32x4::splat(0.8), small_cover);
        let (middle, middle_cover) = beach.stones(u * 1.9 + 5.0, v * 1.9 + 3.0, 2);
        c = blend(
            c * f32x4::splat(1.0 - 0.5 * middle_cover),
            middle,
            middle_cover,
        );
        // The large ones lie on top, with a shadow, and not everywhere.
        let there = smoothstep(-0.12, 0.0, noise(u * 0.55, v * 0.55) + 0.1);
        let (_, shadow) = beach.stones(u + beach.light.0 * 0.06, v + beach.light.1 * 0.08, 1);
        c *= f32x4::splat(1.0 - 0.62 * shadow * there);
        let (large, cover) = beach.stones(u, v, 1);
        plain(blend(c, large, cover * there), 0.16)
    });
    let texture = if frame.ratio() > 3.0 {
        Texture::Rough
    } else {
        Texture::Fine
    };
    Composition {
        layers: vec![Layer::Backdrop(Backdrop::new(frame, field, texture))],
        grade: Grade::random(rng),
        glows: Vec::new(),
    }
}
