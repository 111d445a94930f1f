//! From linear light to the file: lens, exposure, sensor noise, tone curve and colour grade.

use wide::f32x4;

use crate::field::{Colour, Field, luminance};
use crate::rng::Rng;

/// The look of one picture.
#[derive(Clone, Debug)]
pub(crate) struct Grade {
    /// Warmth, -1 cold to 1 warm.
    pub(crate) warmth: f32,
    /// Magenta positive, green negative.
    pub(crate) tint: f32,
    pub(crate) saturation: f32,
    pub(crate) contrast: f32,
    /// Raises black, as faded prints do.
    pub(crate) fade: f32,
    /// Colours mixed into shadows and highlights.
    pub(crate) shadows: [f32; 3],
    pub(crate) highlights: [f32; 3],
    /// Brightness aimed at, in stops relative to a normal exposure.
    pub(crate) stops: f32,
    pub(crate) grain: f32,
    pub(crate) vignette: f32,
    pub(crate) grey: bool,
    /// How far automatic white balance takes a cast out, 0..1.
    pub(crate) neutral: f32,
    /// Exposure set by hand.
    pub(crate) fixed_exposure: Option<f32>,
}

impl Grade {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let split = if rng.chance(0.5) {
            rng.range(0.0, 0.035)
        } else {
            0.0
        };
        let teal = rng.chance(0.7);
        Self {
            warmth: rng.bell() * 0.22 + 0.05,
            tint: rng.bell() * 0.05,
            saturation: 1.0 + rng.bell() * 0.09,
            contrast: 1.14 + rng.bell() * 0.06,
            fade: if rng.chance(0.2) {
                rng.range(0.01, 0.05)
            } else {
                0.0
            },
            shadows: if teal {
                [-split, split * 0.2, split]
            } else {
                [split * 0.5, -split * 0.3, split * 0.6]
            },
            highlights: if teal {
                [split, split * 0.3, -split]
            } else {
                [split * 0.6, split * 0.4, -split * 0.5]
            },
            stops: rng.bell() * 0.15,
            grain: rng.range(0.004, 0.012),
            vignette: rng.range(0.05, 0.32),
            grey: false,
            neutral: 0.42,
            fixed_exposure: None,
        }
    }
}

/// Range of linear light (after exposure) that the tone curve covers.
const WHITE: f32 = 16.0;
const CURVE: usize = 4096;
const GRAIN: usize = 256;
/// Pixels that share one stretch of the veil and of the grain.
const STEP: usize = 16;
/// Rows of the grain table repeat their beginning, so that a stretch never wraps.
const GRAIN_ROW: usize = GRAIN + STEP;

/// Turns rows of linear light into rows of samples.
pub(crate) struct Finish {
    /// Colour matrix by columns, exposure and warmth included.
    matrix: [f32x4; 3],
    /// Added light in the first three channels, a factor in the fourth.
    veil: Field,
    veil_cell: f32,
    curves: [Vec<u16>; 3],
    grain: Vec<f32x4>,
    seed: u32,
}

impl Finish {
    /// `preview` is the unfinished picture, a few thousand pixels of it, by which exposure is chosen.
    pub(crate) fn new(
        grade: &Grade,
        preview: &Field,
        mut veil: Field,
        veil_cell: f32,
        grain_scale: f32,
        seed: u64,
    ) -> Self {
        let exposure = grade.fixed_exposure.unwrap_or_else(|| expose(preview)) * grade.stops.exp2();
        let balance = white_balance(preview, grade.neutral);
        let aspect = veil.width as f32 / veil.height as f32;
        let (w, h) = (veil.width, veil.height);
        for j in 0..h {
            for i in 0..w {
                let x = (i as f32 / (w - 1) as f32 - 0.5) * aspect;
                let y = j as f32 / (h - 1) as f32 - 0.5;
                let r2 = (x * x + y * y) / (0.25 * aspect * aspect + 0.25);
                let [r, g, b, _] = veil.data[j * w + i].to_array();
                veil.data[j * w + i] =
                    f32x4::new([r, g, b, 1.0 - grade.vignette * r2 * (1.6 - 0.6 * r2)]);
            }
        }
        let warm = [
            1.0 + 0.28 * grade.warmth,
            1.0 - 0.06 * grade.tint,
            1.0 - 0.30 * grade.warmth,
        ];
        let s = if grade.grey { 0.0 } else { grade.saturation };
        let weights = [0.27, 0.66, 0.07];
        let matrix = std::array::from_fn(|from| {
            let column: [f32; 4] = std::array::from_fn(|to| {
                if to == 3 {
                    return 0.0;
                }
                let own = if to == from { s } else { 0.0 };
                (own + (1.0 - s) * weights[from])
                    * if grade.grey {
                        1.0
                    } else {
                        warm[from] * balance[from]
                    }
                    * exposure
            });
            f32x4::new(column)
        });
        let curves = std::array::from_fn(|c| {
            (0..CURVE)
                .map(|i| {
                    let root = i as f32 / (CURVE - 1) as f32 * WHITE.sqrt();
                    let mut v = tone(root * root);
                    // Contrast turns about middle grey; the ends stay.
                    let pivot = 0.42f32;
                    v = if v < pivot {
                        pivot * (v / pivot).powf(grade.contrast)
                    } else {
                        1.0 - (1.0 - pivot) * ((1.0 - v) / (1.0 - pivot)).powf(grade.contrast)
                    };
                    if !grade.grey {
                        v += grade.shadows[c] * (1.0 - v).powi(2) * 0.8 * (v * 8.0).min(1.0)
                            + grade.highlights[c] * v * v * (1.0 - v) * 3.0;
                    }
                    v = grade.fade + v * (1.0 - grade.fade);
                    (v.clamp(0.0, 1.0) * 65535.0 + 0.5) as u16
                })
                .collect()
        });
        Self {
            matrix,
            veil,
            veil_cell,
            curves,
            grain: grain(grade, grain_scale),
            seed: seed as u32 ^ (seed >> 32) as u32,
        }
    }

    /// Writes one row span; `emit` gets the pixel's index and its three 16-bit samples.
    #[inline(always)]
    pub(crate) fn row(
        &self,
        y: u32,
        x0: u32,
        px: &[Colour],
        mut emit: impl FnMut(usize, [u16; 3]),
    ) {
        let inverse = 1.0 / self.veil_cell;
        let v = y as f32 * inverse;
        let scale = f32x4::splat((CURVE - 1) as f32 / WHITE.sqrt());
        let top = f32x4::splat((CURVE - 1) as f32);
        let [red, green, blue] = &self.curves;
        let (red, green, blue): (&[u16; CURVE], &[u16; CURVE], &[u16; CURVE]) =
            (table(red), table(green), table(blue));
        // The veil is smooth: two samples and a line between them. Blocks lie alike wherever the span begins.
        let mut done = 0;
        while done < px.len() {
            let x = x0 as usize + done;
            let begin = x / STEP * STEP;
            let count = (begin + STEP - x).min(px.len() - done);
            let a = self.veil.at(begin as f32 * inverse, v);
            let b = self.veil.at((begin + STEP) as f32 * inverse, v);
            let slope = (b - a) * f32x4::splat(1.0 / STEP as f32);
            let grain = self.grain_block(begin as u32, y);
            for (i, &c) in px[done..done + count].iter().enumerate() {
                let across = x - begin + i;
                let veil = a + slope * f32x4::splat(across as f32);
                let lit = c * f32x4::splat(veil.to_array()[3]) + veil;
                let [r, g, b, _] = lit.to_array();
                let c = self.matrix[0] * f32x4::splat(r)
                    + self.matrix[1] * f32x4::splat(g)
                    + self.matrix[2] * f32x4::splat(b);
                let root = c.max(f32x4::ZERO).sqrt();
                let index = ((root + grain[across]) * scale)
                    .max(f32x4::ZERO)
                    .min(top)
                    .to_array();
                emit(
                    done + i,
                    [
                        red[index[0] as u16 as usize & (CURVE - 1)],
                        green[index[1] as u16 as usize & (CURVE - 1)],
                        blue[index[2] as u16 as usize & (CURVE - 1)],
                    ],
                );
            }
            done += count;
        }
    }

    /// Noise for the `STEP` pixels from `x` on, which must be a multiple of `STEP`.
    #[inline(always)]
    fn grain_block(&self, x: u32, y: u32) -> &[f32x4; STEP] {
        // Each block of the picture starts elsewhere in the table, so that it never shows as a pattern.
        let block = (x / GRAIN as u32).wrapping_mul(0x9E37_79B1)
            ^ (y / GRAIN as u32).wrapping_mul(0x85EB_CA77)
            ^ self.seed;
        let block = block.wrapping_mul(0x2C1B_3C6D);
        let (dx, dy) = (block >> 8, block >> 20);
        let (u, v) = (
            (x + dx) as usize & (GRAIN - 1),
            (y + dy) as usize & (GRAIN - 1),
        );
        let start = v * GRAIN_ROW + u;
        self.grain[start..start + STEP]
            .try_into()
            .expect("rows of grain are STEP longer than their period")
    }
}

fn table(curve: &[u16]) -> &[u16; CURVE] {
    curve.try_into().expect("curves have CURVE entries")
}

/// Exposure that brings the picture's log average to middle grey and keeps most of it below white.
fn expose(preview: &Field) -> f32 {
    let mut values: Vec<f32> = preview
        .data
        .iter()
        .map(|&c| luminance(c).max(1e-6))
        .collect();
    values.sort_by(f32::total_cmp);
    let middle: f32 = values.iter().map(|v| v.ln()).sum::<f32>() / values.len() as f32;
    let at = |share: f32| values[((values.len() - 1) as f32 * share) as usize];
    let by_middle = 0.165 / middle.exp();
    let by_bright = 0.85 / at(0.95);
    // Mostly the highlights decide, as a careful photographer would have it.
    by_middle.powf(0.45) * by_bright.powf(0.55)
}

/// Gains that take part of the picture's overall cast away, as cameras do.
fn white_balance(preview: &Field, neutral: f32) -> [f32; 3] {
    let mut mean = [1e-6f32; 3];
    for &c in &preview.data {
        let weight = 1.0 / (luminance(c) + 1e-4);
        for (m, v) in mean.iter_mut().zip(c.to_array()) {
            *m += v.max(0.0) * weight;
        }
    }
    let grey = mean.iter().sum::<f32>() / 3.0;
    let gains = mean.map(|m| (grey / m).clamp(0.4, 2.5).powf(neutral));
    let keep = 0.2126 * gains[0] + 0.7152 * gains[1] + 0.0722 * gains[2];
    gains.map(|g| g / keep)
}

/// Filmic curve (fit by Narkowicz, 2016) followed by the sRGB transfer function.
fn tone(x: f32) -> f32 {
    let x = x * 0.8;
    let v = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
    let v = v.clamp(0.0, 1.0);
    if v <= 0.003_130_8 {
        v * 12.92
    } else {
        1.055 * v.powf(1.0 / 2.4) - 0.055
    }
}

fn grain(grade: &Grade, scale: f32) -> Vec<f32x4> {
    let mut rng = Rng::new(0x6772_6169);
    let raw: Vec<[f32; 4]> = (0..GRAIN * GRAIN)
        .map(|_| [rng.bell(), rng.bell(), rng.bell(), rng.bell()])
        .collect();
    let at = |x: usize, y: usize| raw[(y & (GRAIN - 1)) * GRAIN + (x & (GRAIN - 1))];
    let chroma = if grade.grey { 0.0 } else { 0.45 };
    (0..GRAIN * GRAIN_ROW)
        .map(|i| {
            let (x, y) = (i % GRAIN_ROW, i / GRAIN_ROW);
            // Demosaicing and noise reduction leave noise a little wider than a pixel.
            let (a, b, c, d) = (at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1));
            let mixed: [f32; 4] =
                std::array::from_fn(|k| (a[k] * 1.2 + b[k] * 0.6 + c[k] * 0.6 + d[k] * 0.3) / 1.5);
            let luma = mixed[3];
            f32x4::new(std::array::from_fn(|k| {
                if k < 3 {
                    (luma + chroma * mixed[k]) * grade.grain * scale
                } else {
                    0.0
                }
            }))
        })
        .collect()
}
