//! Buildings by night: ranks of façades whose windows are worked out per pixel.

use wide::f32x4;

use crate::field::{Colour, blend};
use crate::frame::Span;
use crate::rng::hash2;

#[derive(Clone, Debug)]
pub(crate) struct Building {
    pub(crate) left: f32,
    pub(crate) right: f32,
    pub(crate) top: f32,
    /// Width and height of one window cell in pixels.
    pub(crate) cell: (f32, f32),
    /// Glass as a share of the cell.
    pub(crate) glass: (f32, f32),
    pub(crate) facade: Colour,
    /// Glass that is dark mirrors the sky.
    pub(crate) pane: Colour,
    /// Share of the windows that are lit.
    pub(crate) lit: f32,
    /// Whole floors are lit alike, as in offices.
    pub(crate) floors: bool,
    pub(crate) lamp: Colour,
    /// Width of a mast on the roof; none at zero.
    pub(crate) mast: f32,
    pub(crate) salt: u32,
}

/// One rank of buildings down to a common base line.
pub(crate) struct Rank {
    pub(crate) buildings: Vec<Building>,
    pub(crate) base: f32,
    /// Air between the camera and the rank: its colour, and how much of it.
    pub(crate) air: Colour,
    pub(crate) air_share: f32,
    /// Light from the streets below.
    pub(crate) street: Colour,
}

impl Rank {
    pub(crate) fn paint(&self, span: Span, px: &mut [Colour]) {
        let y = span.y as f32 + 0.5;
        if y > self.base + 0.5 {
            return;
        }
        for b in &self.buildings {
            let mast_top = b.top - (b.right - b.left) * 0.55;
            if y + 0.5 < if b.mast > 0.0 { mast_top } else { b.top } {
                continue;
            }
            let (left, right) = if y < b.top {
                let middle = (b.left + b.right) * 0.5;
                (middle - b.mast, middle + b.mast)
            } else {
                (b.left, b.right)
            };
            self.paint_building(b, left, right, y, span, px);
        }
    }

    fn paint_building(
        &self,
        b: &Building,
        left: f32,
        right: f32,
        y: f32,
        span: Span,
        px: &mut [Colour],
    ) {
        let step = span.step as f32;
        let from = ((left - span.x0 as f32 - 1.0) / step).floor().max(0.0);
        let to = ((right - span.x0 as f32 + 1.0) / step).ceil();
        if to < 0.0 || from >= px.len() as f32 {
            return;
        }
        let to = (to as usize).min(px.len() - 1);
        let height_share = ((self.base - y) / (self.base - b.top).max(1.0)).clamp(0.0, 1.0);
        let glow = (1.0 - height_share).powi(3);
        let wall = b.facade + self.street * f32x4::splat(glow);
        let v = (y - b.top) / b.cell.1;
        let floor = v.floor();
        let fv = v - floor;
        // Edges of windows are softened over a pixel, so that small windows average out.
        let soft = |f: f32, glass: f32, cell: f32| {
            let edge = (glass * 0.5 - (f - 0.5).abs()) * cell / step.max(1.0) + 0.5;
            edge.clamp(0.0, 1.0).min((glass * cell / step).max(0.0))
        };
        let row_cover = if v < 0.6 || self.base - y < b.cell.1 * 0.7 {
            0.0
        } else {
            soft(fv, b.glass.1, b.cell.1)
        };
        let top_cover = (y + 0.5 - if y < b.top { 0.0 } else { b.top }).clamp(0.0, 1.0);
        let air = f32x4::splat(self.air_share);
        for (i, out) in px.iter_mut().enumerate().take(to + 1).skip(from as usize) {
            let x = span.x(i) as f32 + 0.5;
            let edge = ((x - left).min(right - x) + 0.5).clamp(0.0, 1.0) * top_cover;
            if edge <= 0.0 {
                continue;
            }
            let mut colour = wall;
            if row_cover > 0.0 && y >= b.top {
                let u = (x - b.left) / b.cell.0;
                let column = u.floor();
                let cover = row_cover * soft(u - column, b.glass.0, b.cell.0);
                if cover > 0.0 {
                    let (c, f) = (column as i32, floor as i32);
                    let group = if b.floors {
                        hash2(c / 7, f, b.salt ^ 77)
                    } else {
                        hash2(c, f, b.salt)
                    };
                    let pane = if group < b.lit {
                        let bright = 0.25 + 0.9 * hash2(c, f, b.salt ^ 0x55).powi(2);
                        let warm = hash2(c, f, b.salt ^ 0x1234) - 0.5;
                        // A room: ceiling light above, furniture and curtains below.
                        let inside = 0.72
                            + 0.5 * (0.5 - fv)
                            + 0.22
                                * (hash2((u * 5.0) as i32, f * 3 + (fv * 3.0) as i32, b.salt ^ 9)
                                    - 0.5);
                        b.lamp
                            * f32x4::new([1.0 + 0.25 * warm, 1.0, 1.0 - 0.5 * warm, 0.0])
                            * f32x4::splat(bright * inside)
                    } else {
                        b.pane
                            * f32x4::splat(
                                0.6 + 0.8 * hash2(c, f, b.salt ^ 3) * (0.4 + 0.6 * height_share),
                            )
                    };
                    colour = blend(colour, pane, cover);
                }
            }
            colour = colour + (self.air - colour) * air;
            *out = if edge < 1.0 {
                blend(*out, colour, edge)
            } else {
                colour
            };
        }
    }
}
