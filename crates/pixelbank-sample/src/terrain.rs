//! Ground in perspective: a height grid laid out in the camera's own view, shaded once, with exact outlines per column.
//!
//! The grid's columns are viewing angles and its rows are distances in geometric steps, so that it is as fine near the
//! camera as far away. Each column of the picture then walks the grid from front to back once and keeps what it sees:
//! a list of stretches of ground by height in the picture (the "voxel space" method of Comanche, 1992, turned into a
//! table so that rows can be painted in any order).

use wide::f32x4;

use crate::field::{Colour, Field, blend};
use crate::frame::{Camera, Frame, Span};
use crate::noise::{TILE, Texture, smoothstep, tile};
use crate::sky::Sky;

/// What the shader of a terrain is told about a point.
pub(crate) struct Ground {
    pub(crate) x: f32,
    pub(crate) z: f32,
    pub(crate) height: f32,
    /// Upward component of the unit normal: 1 level, 0 a cliff.
    pub(crate) level: f32,
    /// Random structure of one grid sample, standard deviation 1: crowns of a wood, say.
    pub(crate) grain: f32,
}

/// Air between the camera and the ground.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Air {
    /// Extinction of green light per kilometre.
    pub(crate) haze_per_km: f32,
    /// Extinction per kilometre of ground fog at height zero.
    pub(crate) fog_per_km: f32,
    /// Height over which ground fog thins to a third.
    pub(crate) fog_height_m: f32,
}

/// How to lay the ground out.
pub(crate) struct Lay {
    pub(crate) near_m: f32,
    pub(crate) far_m: f32,
    pub(crate) steps: usize,
    /// Height of random roughness added to outlines, in field samples.
    pub(crate) rough: f32,
    pub(crate) texture: Texture,
    /// Ground at or below zero is open water, left to another layer.
    pub(crate) sea: bool,
    /// Whether hills throw shadows on one another.
    pub(crate) shadows: bool,
}

/// Marks a stretch through which the layers behind show.
const OPEN: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Stretch {
    /// Top edge in the picture.
    y: f32,
    /// Grid row at the top edge and at the bottom edge, in 1/64.
    top: u16,
    bottom: u16,
}

pub(crate) struct Terrain {
    colours: Field,
    stretches: Vec<Stretch>,
    /// Start of each column's stretches, and one entry more.
    starts: Vec<u32>,
    columns_per_px: f32,
    texture: Texture,
    /// Topmost and lowest silhouette over all columns.
    pub(crate) covered_below: f32,
    pub(crate) top: f32,
    strength: f32,
}

impl Terrain {
    pub(crate) fn new(
        frame: &Frame,
        camera: &Camera,
        sky: &Sky,
        air: Air,
        lay: &Lay,
        height: impl Fn(f32, f32, u32) -> f32 + Sync,
        shade: impl Fn(&Ground) -> Colour + Sync,
    ) -> Self {
        let columns = frame.field_size().0;
        let columns_per_px = 1.0 / frame.ratio();
        // The bottom of the picture must not look nearer than the grid begins.
        let foot_m =
            camera.height_m * camera.focal_px / (frame.height as f32 - camera.horizon_y).max(1.0);
        let near_m = if lay.sea {
            lay.near_m
        } else {
            lay.near_m.min(foot_m * 0.5)
        };
        let growth = (lay.far_m / near_m).powf(1.0 / (lay.steps - 1) as f32);
        let distances: Vec<f32> = (0..lay.steps)
            .map(|k| near_m * growth.powi(k as i32))
            .collect();
        let angle = |i: f32| (i / columns_per_px - camera.centre_x) / camera.focal_px;

        // Heights: rows of the field are distances. Octaves beyond a sample's size would only alias.
        let heights = Field::build(columns, lay.steps, frame.threads, |i, k| {
            let z = distances[k];
            f32x4::splat(height(angle(i as f32) * z, z, 12))
        });
        let h = |i: usize, k: usize| heights.data[k * columns + i].to_array()[0];
        let shadow = Self::shadows(
            frame,
            camera,
            sky,
            lay,
            &distances,
            &height,
            columns,
            columns_per_px,
        );

        let sun = sky.air.sun;
        let horizon: Vec<Colour> = (0..columns)
            .map(|i| {
                let mut d = camera.direction(i as f32 / columns_per_px, camera.horizon_y);
                d.y = 0.07;
                let glow = d.dot(sun).max(0.0).powi(24) * 0.05 * smoothstep(-0.05, 0.1, sun.y);
                sky.clear(d) * f32x4::splat(0.92) + sky.sun_light * f32x4::splat(glow)
            })
            .collect();
        let crowns = tile(Texture::Leaves, 1.0);
        let spectrum = f32x4::new([0.78, 1.0, 1.3, 0.0]);
        let inverse_pi = f32x4::splat(1.0 / std::f32::consts::PI);
        let colours = Field::build(columns, lay.steps, frame.threads, |i, k| {
            let (i0, i1) = (i.saturating_sub(1), (i + 1).min(columns - 1));
            let (k0, k1) = (k.saturating_sub(1), (k + 1).min(lay.steps - 1));
            let (z, a) = (distances[k], angle(i as f32));
            let across = (h(i1, k) - h(i0, k)) / (z * (angle(i1 as f32) - angle(i0 as f32)));
            let along = (h(i, k1) - h(i, k0)) / (distances[k1] - distances[k0]) - a * across;
            let level = 1.0 / (1.0 + across * across + along * along).sqrt();
            let facing = ((sun.y - across * sun.x - along * sun.z) * level).max(0.0);
            let height = h(i, k);
            let ground = Ground {
                x: a * z,
                z,
                height,
                level,
                grain: crowns.at(i as i32, k as i32 * 2),
            };
            let albedo = shade(&ground);
            let lit = shadow.as_ref().map_or(1.0, |s| {
                s.at(i as f32 * 0.25, k as f32 * 0.25).to_array()[0]
            });
            let sunlight = sky.sun_light * f32x4::splat(facing * lit) * inverse_pi;
            let around = sky.ambient * f32x4::splat((0.25 + 0.75 * level) * 0.7);
            let radiance = albedo * (sunlight + around);
            // Air light, with the ground fog integrated along the ray.
            let km = z / 1000.0;
            let (low, high) = (
                height.min(camera.height_m),
                height.max(camera.height_m) + 1.0,
            );
            let scale = air.fog_height_m.max(1.0);
            let mean = ((-low / scale).exp() - (-high / scale).exp()) * scale / (high - low);
            let haze = spectrum * f32x4::splat(-air.haze_per_km * km);
            let fog = f32x4::splat(-air.fog_per_km * km * mean);
            let through = (haze + fog).exp();
            let colour = radiance * through + horizon[i] * (f32x4::splat(1.0) - through);
            let [r, g, b, _] = colour.to_array();
            let clear = through.to_array()[1];
            f32x4::new([r, g, b, albedo.to_array()[3] * clear])
        });
        let mut terrain = Self {
            colours,
            stretches: Vec::new(),
            starts: vec![0],
            columns_per_px,
            texture: lay.texture,
            covered_below: 0.0,
            top: frame.height as f32,
            strength: frame.texture_strength(),
        };
        terrain.see(frame, camera, lay, &heights, &distances);
        terrain
    }

    #[allow(clippy::too_many_arguments)]
    fn shadows(
        frame: &Frame,
        camera: &Camera,
        sky: &Sky,
        lay: &Lay,
        distances: &[f32],
        height: &(impl Fn(f32, f32, u32) -> f32 + Sync),
        columns: usize,
        columns_per_px: f32,
    ) -> Option<Field> {
        let sun = sky.air.sun;
        if !lay.shadows || sun.y <= 0.0 {
            return None;
        }
        Some(Field::build(
            columns / 4 + 2,
            lay.steps / 4 + 2,
            frame.threads,
            |i, k| {
                let z = distances[(k * 4).min(lay.steps - 1)];
                let x = (i as f32 * 4.0 / columns_per_px - camera.centre_x) / camera.focal_px * z;
                let base = height(x, z, 6);
                let mut lit = 1.0f32;
                let mut distance = z * 0.012;
                for _ in 0..9 {
                    let there = height(x + sun.x * distance, z + sun.z * distance, 6);
                    let over = (base + sun.y * distance - there) / (distance * 0.06 + 1.0);
                    lit = lit.min(smoothstep(-1.0, 0.6, over));
                    distance *= 1.75;
                }
                f32x4::splat(lit)
            },
        ))
    }

    fn see(
        &mut self,
        frame: &Frame,
        camera: &Camera,
        lay: &Lay,
        heights: &Field,
        distances: &[f32],
    ) {
        let width = frame.width as usize;
        let chunk = width.div_ceil(frame.threads.max(1));
        let parts: Vec<(Vec<Stretch>, Vec<u32>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..width)
                .step_by(chunk)
                .map(|from| {
                    let to = (from + chunk).min(width);
                    let ratio = self.columns_per_px;
                    scope.spawn(move || {
                        let mut all = Vec::new();
                        let mut counts = Vec::new();
                        for x in from..to {
                            let before = all.len();
                            see_column(&mut all, x, ratio, frame, camera, lay, heights, distances);
                            counts.push((all.len() - before) as u32);
                        }
                        (all, counts)
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|w| w.join().expect("the column walk does not panic"))
                .collect()
        });
        for (stretches, counts) in parts {
            self.stretches.extend(stretches);
            for count in counts {
                self.starts.push(self.starts[self.starts.len() - 1] + count);
            }
        }
        let tops = self.starts.windows(2).map(|w| {
            if w[0] < w[1] {
                self.stretches[w[0] as usize].y
            } else {
                f32::MAX
            }
        });
        for top in tops {
            self.covered_below = self.covered_below.max(top);
            self.top = self.top.min(top);
        }
        if lay.sea {
            self.covered_below = f32::MAX;
        }
    }

    /// Where each column's list stands at a row; pass it to [`Self::paint`] for that row and the ones below.
    pub(crate) fn cursor(&self, span: Span, count: usize) -> Vec<u32> {
        (0..count)
            .map(|i| {
                let x = span.x(i) as usize;
                let list = &self.stretches[self.starts[x] as usize..self.starts[x + 1] as usize];
                self.starts[x]
                    + list
                        .partition_point(|s| s.y < span.y as f32)
                        .saturating_sub(1) as u32
            })
            .collect()
    }

    pub(crate) fn paint(&self, cursor: &mut [u32], span: Span, px: &mut [Colour]) {
        let y = span.y as f32;
        if y + 1.0 < self.top {
            return;
        }
        let texture = tile(self.texture, 1.0 / self.columns_per_px);
        let detail = texture.row(span.y);
        let side = texture.row(span.y + 170);
        for (i, (out, at)) in px.iter_mut().zip(cursor).enumerate() {
            let x = span.x(i);
            let (start, end) = (self.starts[x as usize], self.starts[x as usize + 1]);
            if start == end {
                continue;
            }
            while *at + 1 < end && self.stretches[*at as usize + 1].y <= y {
                *at += 1;
            }
            let s = self.stretches[*at as usize];
            if s.y >= y + 1.0 || s.top == OPEN {
                continue;
            }
            let n = detail[x as usize & (TILE - 1)];
            let u = x as f32 * self.columns_per_px + side[(x + 77) as usize & (TILE - 1)] * 0.4;
            let next = if *at + 1 < end {
                Some(self.stretches[*at as usize + 1])
            } else {
                None
            };
            let floor = next.map_or(f32::MAX, |s| s.y);
            let middle = y + 0.5;
            let colour = self.ground(s, floor, middle.min(floor), u, n);
            // The stretch that ends inside this pixel shares it with the one in front.
            let colour = match next {
                Some(front) if floor < y + 1.0 && front.top != OPEN => blend(
                    colour,
                    self.ground(front, f32::MAX, floor, u, n),
                    y + 1.0 - floor,
                ),
                _ => colour,
            };
            let open_above = *at == start || self.stretches[*at as usize - 1].top == OPEN;
            let mut cover = if open_above {
                (y + 1.0 - s.y).min(1.0)
            } else {
                1.0
            };
            if next.is_some_and(|s| s.top == OPEN) {
                cover *= (floor - y).clamp(0.0, 1.0);
            }
            *out = if cover < 1.0 {
                blend(*out, colour, cover)
            } else {
                colour
            };
        }
    }

    #[inline(always)]
    fn ground(&self, s: Stretch, floor: f32, y: f32, u: f32, n: f32) -> Colour {
        let t = if floor - s.y > 1e-3 && floor < 1e9 {
            ((y - s.y) / (floor - s.y)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let (top, bottom) = (f32::from(s.top), f32::from(s.bottom));
        let colour = self
            .colours
            .at(u, (top + (bottom - top) * t) * (1.0 / 64.0));
        let strength = colour.to_array()[3];
        colour * f32x4::splat((1.0 + n * strength * self.strength).max(0.06))
    }
}

#[allow(clippy::too_many_arguments)]
fn see_column(
    out: &mut Vec<Stretch>,
    x: usize,
    ratio: f32,
    frame: &Frame,
    camera: &Camera,
    lay: &Lay,
    heights: &Field,
    distances: &[f32],
) {
    let begin = out.len();
    let u = x as f32 * ratio;
    let i = (u as usize).min(heights.width - 2);
    let f = u - i as f32;
    let bump = tile(Texture::Rough, 1.0 / ratio);
    let mut lowest = frame.height as f32 + 2.0;
    let mut previous = (if lay.sea { f32::MAX } else { lowest + 1.0 }, !lay.sea);
    let rough_px = lay.rough / ratio;
    for (k, &z) in distances.iter().enumerate() {
        let row = &heights.data[k * heights.width + i..][..2];
        let (a, b) = (row[0].to_array()[0], row[1].to_array()[0]);
        let h = a + (b - a) * f;
        let wet = lay.sea && h <= 0.0;
        let y = if wet {
            f32::MAX
        } else {
            camera.horizon_y
                - (h - camera.height_m) * camera.focal_px / z
                - bump.at(x as i32 + (k as i32) * 131, k as i32 * 29) * rough_px
        };
        let shore = camera.horizon_y + camera.height_m * camera.focal_px / z;
        if lay.sea && !wet && !previous.1 && shore < lowest - 0.02 && previous.0 > 1e9 {
            // Water shows between here and what is nearer.
            out.push(Stretch {
                y: shore,
                top: OPEN,
                bottom: OPEN,
            });
            lowest = shore;
        }
        if y < lowest - 0.02 {
            let seen_before = previous.1 && out.len() > begin;
            let from = if seen_before {
                k as f32 - 1.0
            } else if previous.0 < 1e9 && previous.0 > lowest {
                k as f32 - (lowest - y) / (previous.0 - y).max(1e-3)
            } else {
                k as f32
            };
            let top = (k * 64) as u16;
            match out.last_mut() {
                // Steps that move less than a pixel are one stretch.
                Some(last) if seen_before && last.y - y < 0.6 => {
                    last.y = y;
                    last.top = top;
                }
                _ => out.push(Stretch {
                    y,
                    top,
                    bottom: (from.max(0.0) * 64.0) as u16,
                }),
            }
            lowest = y;
            previous = (y, true);
        } else {
            previous = (y, false);
        }
        if lowest <= 0.0 {
            break;
        }
    }
    out[begin..].reverse();
}
