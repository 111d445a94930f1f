//! Silhouettes with leaves: rows of conifers and broadleaved crowns, and the ground that they stand on.

use wide::f32x4;

use crate::field::{Colour, blend};
use crate::frame::{Frame, Span};
use crate::noise::{TILE, Texture, fbm, noise, tile};
use crate::rng::{Rng, hash2};

/// A layer of ground whose upper edge is known for every column, with trees on it.
pub(crate) struct Stand {
    /// Height in the picture of the ground's upper edge, by column.
    edge: Vec<f32>,
    lowest: f32,
    /// Highest point of the ground, and of ground and trees together.
    summit: f32,
    highest: f32,
    trees: Vec<Tree>,
    /// Colour at the edge and `depth_px` below it.
    pub(crate) near: Colour,
    pub(crate) far: Colour,
    pub(crate) depth_px: f32,
    /// Light caught by the side towards the sun.
    pub(crate) lit: Colour,
    pub(crate) lit_from_left: bool,
    /// Width of the edge in pixels, for layers out of focus.
    pub(crate) soft: f32,
    pub(crate) texture: Texture,
    pub(crate) detail: f32,
    /// Pixels of the picture to one sample of the texture.
    pub(crate) texel: f32,
    strength: f32,
    ratio: f32,
    salt: u32,
}

#[derive(Clone, Copy, Debug)]
struct Tree {
    x: f32,
    top: f32,
    base: f32,
    half: f32,
    conifer: bool,
    shade: f32,
}

impl Stand {
    /// Ground that undulates around `level` (share of the height) by `relief`, in waves of `wave` picture widths.
    pub(crate) fn new(frame: &Frame, rng: &mut Rng, level: f32, relief: f32, wave: f32) -> Self {
        let (width, height) = (frame.width as f32, frame.height as f32);
        let offset = rng.range(0.0, 100.0);
        let octaves = ((width / 12.0).log2() as u32).clamp(3, 9);
        let edge: Vec<f32> = (0..frame.width)
            .map(|x| {
                height
                    * (level
                        - relief
                            * fbm(
                                x as f32 / width / wave + offset,
                                offset * 0.7,
                                octaves.min(6),
                            ))
            })
            .collect();
        let mut stand = Self {
            edge,
            lowest: 0.0,
            summit: 0.0,
            highest: 0.0,
            trees: Vec::new(),
            near: f32x4::ZERO,
            far: f32x4::ZERO,
            depth_px: height * 0.3,
            lit: f32x4::ZERO,
            lit_from_left: false,
            soft: 1.0,
            texture: Texture::Fine,
            detail: 0.25,
            strength: frame.texture_strength() + 0.1,
            texel: 1.0,
            ratio: frame.ratio(),
            salt: rng.bits() as u32,
        };
        stand.measure();
        stand
    }

    /// Leans the ground: positive raises the left side by this share of the height.
    pub(crate) fn tilted(mut self, frame: &Frame, by: f32, curve: f32) -> Self {
        let n = self.edge.len() as f32;
        for (x, y) in self.edge.iter_mut().enumerate() {
            let t = x as f32 / n - 0.5;
            *y += frame.height as f32 * (by * t - curve * (0.25 - t * t));
        }
        self.measure();
        self
    }

    /// Leaves only the trees.
    pub(crate) fn without_ground(&mut self) {
        self.edge.fill(1e9);
        self.measure();
    }

    fn measure(&mut self) {
        self.lowest = self.edge.iter().copied().fold(f32::MIN, f32::max);
        self.summit = self.edge.iter().copied().fold(f32::MAX, f32::min);
        self.highest = self.summit;
        for tree in &self.trees {
            self.highest = self.highest.min(tree.top);
        }
    }

    pub(crate) fn edge_at(&self, x: f32) -> f32 {
        self.edge[(x.max(0.0) as usize).min(self.edge.len() - 1)]
    }

    /// Everything from this row down is hidden.
    pub(crate) fn covered_below(&self) -> f32 {
        self.lowest + self.soft
    }

    /// Plants trees `tall` pixels high, so many to a picture width, in clumps.
    pub(crate) fn plant(
        mut self,
        rng: &mut Rng,
        tall: f32,
        count: usize,
        conifer: bool,
        clumps: f32,
    ) -> Self {
        let width = self.edge.len() as f32;
        let offset = rng.range(0.0, 50.0);
        for _ in 0..count {
            let x = rng.range(-0.03, 1.03) * width;
            if noise(x / width * 4.0 + offset, offset) * 1.4 + 0.5 < clumps * rng.unit() {
                continue;
            }
            let own = tall * rng.range(0.55, 1.1);
            self.push_tree(rng, x, own, conifer);
        }
        self.trees.sort_by(|a, b| a.base.total_cmp(&b.base));
        self.measure();
        self
    }

    pub(crate) fn push_tree(&mut self, rng: &mut Rng, x: f32, tall: f32, conifer: bool) {
        let base = self.edge_at(x) + tall * rng.range(0.02, 0.12);
        let half = tall
            * if conifer {
                rng.range(0.13, 0.2)
            } else {
                rng.range(0.36, 0.5)
            };
        self.trees.push(Tree {
            x,
            top: base - tall,
            base,
            half,
            conifer,
            shade: rng.range(0.75, 1.25),
        });
        self.measure();
    }

    pub(crate) fn paint(&self, span: Span, px: &mut [Colour]) {
        let y = span.y as f32 + 0.5;
        if y < self.highest - self.soft - 2.0 {
            return;
        }
        let fine = tile(self.texture, self.ratio);
        let row = fine.row((span.y as f32 / self.texel) as i32);
        for tree in &self.trees {
            if y >= tree.top - 1.0 && y <= tree.base {
                self.paint_tree(tree, y, span, px);
            }
        }
        if y < self.summit - self.soft * 2.0 {
            return;
        }
        let inverse = 1.0 / self.soft;
        let texel = 1.0 / self.texel;
        for (i, out) in px.iter_mut().enumerate() {
            let x = span.x(i);
            let edge = self.edge[x as usize];
            let n = row[(x as f32 * texel) as usize & (TILE - 1)];
            let cover = ((y - edge + n * self.soft * 0.3) * inverse + 0.5).clamp(0.0, 1.0);
            if cover > 0.0 {
                let t = ((y - edge) / self.depth_px).clamp(0.0, 1.0);
                let colour = blend(self.near, self.far, t)
                    * f32x4::splat((1.0 + n * self.detail * self.strength).max(0.1));
                *out = if cover < 1.0 {
                    blend(*out, colour, cover)
                } else {
                    colour
                };
            }
        }
    }

    fn paint_tree(&self, tree: &Tree, y: f32, span: Span, px: &mut [Colour]) {
        let tall = tree.base - tree.top;
        let t = (y - tree.top) / tall;
        // Branch tiers hang down: wide at the bottom of a tier, narrow where the next begins.
        let (left, right) = if tree.conifer {
            let tiers = 9.0 + tree.shade * 8.0;
            let phase = t.powf(0.75) * tiers;
            let side = |s: i32| {
                let p = phase + s as f32 * 0.43 + tree.shade * 5.0;
                let tier = p - p.floor();
                let uneven =
                    0.75 + 0.5 * hash2(p.floor() as i32, (tree.x as i32) * 2 + s, self.salt);
                (t.powf(0.85) * (0.42 + 0.62 * tier) * uneven + 0.012).min(1.2) * tree.half
            };
            (side(0), side(1))
        } else {
            let crown = crown_width(t, tree);
            (crown.0 * tree.half, crown.1 * tree.half)
        };
        let trunk = tree.half * if tree.conifer { 0.045 } else { 0.07 } * (0.6 + t);
        let (left, right) = (left.max(trunk), right.max(trunk));
        let step = span.step as f32;
        let spread = if tree.conifer { 0.0 } else { tree.half * 0.4 };
        let from = ((tree.x - left - spread - self.soft - span.x0 as f32) / step)
            .floor()
            .max(0.0);
        let to = ((tree.x + right + spread + self.soft - span.x0 as f32) / step).ceil();
        if to < 0.0 || from >= px.len() as f32 {
            return;
        }
        let leaf = tile(Texture::Leaves, self.ratio);
        let boughs = tile(Texture::Rough, 8.0);
        let scale = if tree.conifer {
            (tall / 420.0).clamp(0.35, 3.0)
        } else {
            (tall / 520.0).clamp(0.35, 4.0)
        };
        let inverse_scale = 1.0 / scale;
        let to = (to as usize).min(px.len() - 1);
        let ragged = 0.22;
        let sunward = if self.lit_from_left { -1.0 } else { 1.0 };
        let shift = (tree.shade * 977.0) as i32;
        let base = blend(
            self.near,
            self.far,
            ((y - self.edge_at(tree.x)) / self.depth_px).clamp(0.0, 1.0),
        );
        for (i, out) in px.iter_mut().enumerate().take(to + 1).skip(from as usize) {
            let x = span.x(i) as f32 + 0.5;
            let dx = x - tree.x;
            let half = if dx < 0.0 { left } else { right };
            let n = leaf.smooth(
                x * inverse_scale + shift as f32,
                y * inverse_scale * if tree.conifer { 1.6 } else { 1.0 },
            );
            // Positive inside; leaves roughen the edge, boughs shape a crown.
            let (inside, bough) = if tree.conifer {
                (
                    (half - dx.abs() + n * ragged * tree.half * (t * 0.5).min(0.3))
                        .min((y - tree.top) * 2.0),
                    0.0,
                )
            } else {
                let (u, v) = (x / tall, y / tall);
                let (u, v) = (u * 48.0 + tree.shade * 500.0, v * 58.0);
                let bough = boughs.smooth(u, v) * 0.34 + leaf.smooth(u * 0.7, v * 0.7) * 0.12;
                (
                    (half - dx.abs()).min((0.86 - t) * tall)
                        + (bough * 0.36 + n * 0.045) * tree.half,
                    bough,
                )
            };
            let cover = (inside / self.soft.max(scale) + 0.5).clamp(0.0, 1.0);
            let cover = if dx.abs() < trunk { 1.0 } else { cover };
            if cover <= 0.0 {
                continue;
            }
            let side = (dx / tree.half * sunward).clamp(-1.0, 1.0);
            let light = ((side * 0.6 + 0.4 - t * 0.3) + n * 0.2 + bough * 0.9).clamp(0.0, 1.3);
            let colour = (base + self.lit * f32x4::splat(light))
                * f32x4::splat(tree.shade * (1.0 + 0.16 * n).max(0.2));
            *out = blend(*out, colour, cover);
        }
    }
}

/// Half widths left and right of a rounded crown above a bare trunk, relative to the tree's own.
fn crown_width(t: f32, tree: &Tree) -> (f32, f32) {
    if t > 0.9 {
        return (0.0, 0.0);
    }
    // Widest below the middle, flat underneath.
    let u = (t / 0.86).min(1.0);
    let round = (1.0 - (1.0 - u / 0.62).powi(2)).max(0.0).sqrt();
    let under = if u > 0.62 {
        (1.0 - ((u - 0.62) / 0.42).powi(2)).max(0.0).sqrt()
    } else {
        1.0
    };
    let lean = (tree.shade - 1.0) * 0.4;
    let width = (if u > 0.62 { under } else { round }) * 0.8;
    (width * (1.0 + lean), width * (1.0 - lean))
}
