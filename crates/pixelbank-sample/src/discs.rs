//! Round things by the thousand: stars, lights out of focus, petals in a meadow, sparks.

use wide::f32x4;

use crate::field::{Colour, blend};
use crate::frame::{Frame, Span};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Disc {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius_x: f32,
    pub(crate) radius_y: f32,
    pub(crate) colour: Colour,
    /// Share of the radius over which the edge fades: 1 a soft blob, 0.05 a lens disc.
    pub(crate) soft: f32,
    /// How much brighter the rim is than the middle.
    pub(crate) rim: f32,
    /// Added to what is behind it (light) or laid over it (paint), as an opacity.
    pub(crate) cover: f32,
}

const BAND: usize = 64;

/// Discs sorted into bands of rows; painted in the order given.
pub(crate) struct Discs {
    discs: Vec<Disc>,
    bands: Vec<Vec<u32>>,
}

impl Discs {
    pub(crate) fn new(frame: &Frame, mut discs: Vec<Disc>) -> Self {
        // Nothing may fall between the pixels.
        for d in &mut discs {
            let grow = |r: &mut f32| {
                let before = *r;
                *r = r.max(0.75);
                before / *r
            };
            let kept = grow(&mut d.radius_x) * grow(&mut d.radius_y);
            if d.cover > 0.0 {
                d.cover *= kept;
            } else {
                d.colour *= f32x4::splat(kept);
            }
        }
        let mut bands = vec![Vec::new(); frame.height as usize / BAND + 1];
        for (index, d) in discs.iter().enumerate() {
            let from = (d.y - d.radius_y - 1.0).max(0.0) as usize / BAND;
            let to = (d.y + d.radius_y + 1.0).max(-1.0);
            if to < 0.0 {
                continue;
            }
            for band in bands.iter_mut().take(to as usize / BAND + 1).skip(from) {
                band.push(index as u32);
            }
        }
        Self { discs, bands }
    }

    pub(crate) fn paint(&self, span: Span, px: &mut [Colour]) {
        let Some(band) = self.bands.get(span.y as usize / BAND) else {
            return;
        };
        for &index in band {
            let d = &self.discs[index as usize];
            let dy = (span.y as f32 + 0.5 - d.y) / d.radius_y;
            if dy.abs() >= 1.0 {
                continue;
            }
            let half = d.radius_x * (1.0 - dy * dy).sqrt();
            let step = span.step as f32;
            let from = ((d.x - half - span.x0 as f32 - 0.5) / step).ceil().max(0.0);
            let to = ((d.x + half - span.x0 as f32 - 0.5) / step).floor();
            if to < from || from >= px.len() as f32 {
                continue;
            }
            let to = (to as usize).min(px.len() - 1);
            let edge = 1.0 / d.soft.max(1.0 / d.radius_x.min(d.radius_y)).min(1.0);
            for (i, out) in px.iter_mut().enumerate().take(to + 1).skip(from as usize) {
                let dx = (span.x(i) as f32 + 0.5 - d.x) / d.radius_x;
                let r2 = dx * dx + dy * dy;
                let r = r2.sqrt();
                let a = ((1.0 - r) * edge).min(1.0);
                let a = a * a * (3.0 - 2.0 * a);
                let bright = 1.0 + d.rim * r2 * r2;
                if d.cover > 0.0 {
                    *out = blend(*out, d.colour * f32x4::splat(bright), a * d.cover);
                } else {
                    *out += d.colour * f32x4::splat(a * bright);
                }
            }
        }
    }
}
