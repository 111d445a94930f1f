//! Lights of towns: skylines, fireworks, lamps out of focus.

use wide::f32x4;

use super::night::{dot, night_grade};
use crate::backdrop::Backdrop;
use crate::city::{Building, Rank};
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, luminance, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, fbm, mix, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Direction, Sky};
use crate::trees::Stand;
use crate::water::Water;

/// Ranks of towers and houses between `left` and `right`.
pub(crate) fn skyline(
    frame: &Frame,
    rng: &mut Rng,
    base_y: f32,
    tall: f32,
    sky_low: Colour,
    lamp_power: f32,
) -> Vec<Layer> {
    let w = frame.width as f32;
    let mut layers = Vec::new();
    let lamps = [
        rgb(1.0, 0.72, 0.38),
        rgb(1.0, 0.82, 0.55),
        rgb(0.85, 0.95, 1.0),
        rgb(1.0, 0.62, 0.28),
    ];
    let centre = rng.range(0.3, 0.7);
    for rank in 0..4 {
        let near = rank as f32 / 3.0;
        let mut buildings = Vec::new();
        let mut x = -rng.range(0.0, 0.05) * w;
        while x < w {
            let width = w * rng.range(0.018, 0.055) * mix(0.8, 1.35, near);
            let hump = 0.35 + 0.65 * (-((x / w - centre) / 0.28).powi(2)).exp();
            let height = tall * (0.16 + 0.84 * rng.unit().powf(1.7)) * hump * mix(1.0, 0.55, near);
            let cell = w / mix(1500.0, 760.0, near) * rng.range(2.0, 3.4);
            let cells = (width / cell).floor().max(2.0);
            let shade = rng.range(0.5, 1.4);
            let dark = blend(
                sky_low,
                rgb(1.0, 1.0, 1.1) * f32x4::splat(luminance(sky_low)),
                0.6,
            ) * f32x4::splat(0.05 * shade);
            buildings.push(Building {
                left: x,
                right: x + cells * cell,
                top: base_y - height,
                cell: (cell, cell * rng.range(1.0, 1.7)),
                glass: (rng.range(0.45, 0.9), rng.range(0.4, 0.75)),
                facade: dark,
                pane: sky_low * f32x4::splat(rng.range(0.04, 0.14)),
                lit: rng.range(0.08, 0.36),
                floors: rng.chance(0.35),
                lamp: *rng.pick(&lamps) * f32x4::splat(lamp_power * rng.range(0.6, 1.3)),
                mast: if height > tall * 0.5 && rng.chance(0.4) {
                    (w * 0.0006).max(0.6)
                } else {
                    0.0
                },
                salt: rng.bits() as u32,
            });
            x += width * rng.range(0.6, 1.25);
        }
        // Nearer houses first painted last: tall ones must not hide behind their neighbours' edges.
        buildings.sort_by(|a, b| a.top.total_cmp(&b.top));
        layers.push(Layer::Rank(Rank {
            buildings,
            base: base_y,
            air: sky_low,
            air_share: mix(0.26, 0.02, near),
            street: rgb(0.9, 0.55, 0.22) * f32x4::splat(lamp_power * 0.015),
        }));
    }
    layers
}

fn dusk(frame: &Frame, rng: &mut Rng, camera: &Camera) -> (Sky, Layer, Colour) {
    let elevation = rng.range(-8.5, -4.0);
    let (e, a) = (
        f32::to_radians(elevation),
        f32::to_radians(rng.range(-50.0, 50.0)),
    );
    let air = Atmosphere {
        sun: Direction {
            x: a.sin() * e.cos(),
            y: e.sin(),
            z: a.cos() * e.cos(),
        },
        haze: rng.range(0.6, 2.0),
    };
    let mut clouds = Clouds::random(rng);
    clouds.cover *= 0.8;
    let sky = Sky::new(air, clouds, false);
    let field = Backdrop::paint_field(frame, |x, y| {
        sky.look(camera.direction(x, y.min(camera.horizon_y)))
    });
    let mut low = camera.towards(frame, 0.5, camera.horizon_y / frame.height as f32);
    low.y = 0.05;
    let low = sky.clear(low);
    (
        sky,
        Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine)),
        low,
    )
}

pub(crate) fn city(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(frame, rng.range(0.58, 0.74), rng.range(34.0, 55.0), 6.0);
    let (_, sky_layer, low) = dusk(frame, rng, &camera);
    let power = luminance(low) * rng.range(1.6, 3.2);
    let mut layers = vec![sky_layer];
    let base = camera.horizon_y + frame.height as f32 * 0.012;
    let tall = frame.height as f32 * rng.range(0.28, 0.46);
    layers.extend(skyline(frame, rng, base, tall, low, power));
    let mut lights = Vec::new();
    for _ in 0..rng.below(60) + 70 {
        let x = rng.unit() * frame.width as f32;
        let colour = *rng.pick(&[
            rgb(1.0, 0.62, 0.25),
            rgb(1.0, 0.75, 0.4),
            rgb(1.0, 0.9, 0.75),
            rgb(0.9, 0.1, 0.06),
            rgb(0.3, 0.9, 0.5),
        ]);
        let y = base - frame.height as f32 * rng.range(0.002, 0.018);
        lights.push(dot(
            x,
            y,
            frame.milli() * rng.range(0.8, 1.5),
            colour * f32x4::splat(power * 6.0),
        ));
        lights.push(dot(
            x,
            y,
            frame.milli() * rng.range(4.0, 9.0),
            colour * f32x4::splat(power * 0.16),
        ));
    }
    layers.push(Layer::Discs(Discs::new(frame, lights)));
    let water = Water {
        ratio: frame.ratio().floor(),
        mirror: preview(&layers, frame, frame.ratio() as u32),
        camera,
        waves: rng.range(0.012, 0.045),
        depth: low * rgb(0.02, 0.03, 0.04),
        wave_m: rng.range(1.2, 3.0),
        foam: 0.0,
        light: low,
    };
    layers.insert(1, Layer::Water(Box::new(water)));
    if rng.chance(0.25) {
        layers.push(bokeh_discs(frame, rng, 26, power * 0.5, (0.72, 1.02)));
    }
    let mut grade = Grade::random(rng);
    grade.stops -= 0.7;
    grade.saturation *= 0.9;
    grade.neutral = 0.0;
    grade.warmth -= 0.3;
    Composition {
        layers,
        grade,
        glows: Vec::new(),
    }
}

fn bokeh_discs(frame: &Frame, rng: &mut Rng, count: usize, power: f32, rows: (f32, f32)) -> Layer {
    let palettes: [&[Colour]; 4] = [
        &[
            rgb(1.0, 0.55, 0.16),
            rgb(1.0, 0.72, 0.35),
            rgb(1.0, 0.3, 0.1),
        ],
        &[
            rgb(1.0, 0.5, 0.15),
            rgb(0.2, 0.5, 1.0),
            rgb(1.0, 0.15, 0.3),
            rgb(0.3, 1.0, 0.6),
        ],
        &[rgb(0.3, 0.55, 1.0), rgb(0.6, 0.8, 1.0), rgb(1.0, 0.7, 0.4)],
        &[
            rgb(1.0, 0.25, 0.5),
            rgb(0.6, 0.3, 1.0),
            rgb(1.0, 0.75, 0.35),
        ],
    ];
    let palette = *rng.pick(&palettes);
    let size = frame.milli() * rng.range(16.0, 46.0);
    let discs = (0..count)
        .map(|_| {
            let x = rng.unit() * frame.width as f32;
            let y = rng.range(rows.0, rows.1) * frame.height as f32;
            let radius = size * rng.range(0.55, 1.15);
            // Towards the corners the lens barrel cuts the disc.
            let squeeze = 1.0 - 0.25 * ((x / frame.width as f32 - 0.5).abs() * 2.0).powi(2);
            Disc {
                x,
                y,
                radius_x: radius * squeeze,
                radius_y: radius,
                colour: *rng.pick(palette)
                    * f32x4::splat(power * rng.unit().powi(2) * 1.5 + power * 0.12),
                soft: rng.range(0.04, 0.12),
                rim: rng.range(0.1, 0.8),
                cover: 0.0,
            }
        })
        .collect();
    Layer::Discs(Discs::new(frame, discs))
}

pub(crate) fn bokeh(frame: &Frame, rng: &mut Rng) -> Composition {
    let (w, h) = (frame.width as f32, frame.height as f32);
    let base = *rng.pick(&[
        rgb(0.02, 0.03, 0.06),
        rgb(0.05, 0.025, 0.015),
        rgb(0.02, 0.045, 0.03),
        rgb(0.05, 0.02, 0.05),
    ]);
    let offset = rng.range(0.0, 50.0);
    let line = rng.range(0.45, 0.7);
    let field = Backdrop::paint_field(frame, |x, y| {
        let (u, v) = (x / w, y / h);
        let soft = fbm(u * 2.0 + offset, v * 2.2, 3);
        let band = (-((v - line) / 0.2).powi(2)).exp();
        base * f32x4::splat((0.5 + soft * 0.8 + band * 1.6).max(0.1))
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    layers.push(bokeh_discs(
        frame,
        rng,
        46,
        0.45,
        (line - 0.35, line + 0.25),
    ));
    if rng.chance(0.5) {
        layers.push(bokeh_discs(frame, rng, 40, 0.5, (line - 0.2, line + 0.1)));
    }
    match rng.below(3) {
        0 => layers.push(rain_drops(frame, rng)),
        1 => {
            let mut stand = Stand::new(frame, rng, 0.86, 0.03, 0.7);
            stand.near = base * f32x4::splat(0.12);
            stand.far = base * f32x4::splat(0.05);
            let tall = h * rng.range(0.35, 0.6);
            let count = rng.below(7) + 4;
            layers.push(Layer::Stand(Box::new(
                stand.plant(rng, tall, count, true, 0.6),
            )));
        }
        _ => {}
    }
    let mut grade = night_grade(rng, 0.0);
    grade.fixed_exposure = Some(rng.range(0.6, 1.1));
    Composition {
        layers,
        grade,
        glows: Vec::new(),
    }
}

/// Drops on a pane in front of the lights: dark rims and a bright fleck each.
fn rain_drops(frame: &Frame, rng: &mut Rng) -> Layer {
    let unit = frame.milli();
    let mut discs = Vec::new();
    for _ in 0..700 {
        let (x, y) = (
            rng.unit() * frame.width as f32,
            rng.unit() * frame.height as f32,
        );
        let r = unit * (0.9 + 7.0 * rng.unit().powi(4));
        let tall = rng.range(0.95, 1.35);
        discs.push(Disc {
            x,
            y,
            radius_x: r,
            radius_y: r * tall,
            colour: rgb(0.012, 0.012, 0.016),
            soft: 0.35,
            rim: 0.0,
            cover: 0.55,
        });
        discs.push(Disc {
            x,
            y: y + r * 0.3,
            radius_x: r * 0.7,
            radius_y: r * 0.55 * tall,
            colour: rgb(0.35, 0.26, 0.16),
            soft: 0.9,
            rim: 0.0,
            cover: 0.35,
        });
        discs.push(dot(x - r * 0.25, y - r * 0.35, r * 0.3, rgb(0.5, 0.5, 0.5)));
    }
    Layer::Discs(Discs::new(frame, discs))
}

pub(crate) fn fireworks(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(frame, rng.range(0.76, 0.86), 50.0, 6.0);
    let (w, h) = (frame.width as f32, frame.height as f32);
    let bursts: Vec<(f32, f32, f32, Colour, Colour)> = (0..rng.below(4) + 2)
        .map(|_| {
            let colours = [
                rgb(1.0, 0.55, 0.15),
                rgb(1.0, 0.12, 0.1),
                rgb(0.2, 0.9, 0.35),
                rgb(0.35, 0.45, 1.0),
                rgb(0.9, 0.3, 1.0),
                rgb(1.0, 0.85, 0.6),
            ];
            (
                rng.range(0.15, 0.85) * w,
                rng.range(0.12, 0.5) * h,
                rng.range(0.12, 0.3) * w.min(h),
                *rng.pick(&colours),
                *rng.pick(&colours),
            )
        })
        .collect();
    let offset = rng.range(0.0, 50.0);
    let field = Backdrop::paint_field(frame, |x, y| {
        let v = y / h;
        let smoke = (0.45 + fbm(x / w * 3.0 + offset, v * 4.0, 5)).max(0.0);
        let mut c = rgb(0.006, 0.009, 0.018) * f32x4::splat(0.5 + v)
            + rgb(0.03, 0.017, 0.008) * f32x4::splat((v - 0.4).max(0.0).powi(2));
        for &(bx, by, r, colour, _) in &bursts {
            let d = (x - bx).hypot(y - by) / r;
            c += colour * f32x4::splat(0.05 * (-d * 1.3).exp() * (0.35 + smoke));
        }
        c
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    let mut discs = Vec::new();
    let unit = frame.milli();
    for &(bx, by, radius, outer, inner) in &bursts {
        let sparks = rng.below(90) + 90;
        let willow = rng.chance(0.35);
        for s in 0..sparks {
            // Even directions on a sphere, seen from the side.
            let z = rng.range(-1.0, 1.0);
            let a = rng.range(0.0, std::f32::consts::TAU);
            let flat = (1.0f32 - z * z).sqrt();
            let reach = radius * rng.range(0.85, 1.05) * if s % 4 == 0 { 0.55 } else { 1.0 };
            let colour = if s % 4 == 0 { inner } else { outer };
            let steps = 46;
            for k in 0..steps {
                let t = (k as f32 + rng.unit()) / steps as f32;
                let out = 1.0 - (1.0 - t).powi(3);
                let drop = radius * t * t * if willow { 0.75 } else { 0.22 };
                let (x, y) = (
                    bx + a.cos() * flat * reach * out,
                    by + z * reach * out + drop,
                );
                let bright = if willow {
                    0.5 * (1.0 - t) + 0.1
                } else {
                    0.12 + 0.9 * smoothstep(0.3, 0.95, t)
                };
                let white = blend(colour, rgb(1.0, 0.95, 0.85), 0.5 * (1.0 - t));
                discs.push(dot(
                    x,
                    y,
                    unit * mix(0.75, 1.3, t),
                    white * f32x4::splat(bright * 0.5),
                ));
            }
        }
        discs.push(dot(
            bx,
            by,
            unit * 14.0,
            rgb(1.0, 0.95, 0.9) * f32x4::splat(0.12),
        ));
    }
    layers.push(Layer::Discs(Discs::new(frame, discs)));
    let low = rgb(0.02, 0.016, 0.018);
    let tall = h * rng.range(0.08, 0.2);
    layers.extend(skyline(
        frame,
        rng,
        camera.horizon_y + h * 0.01,
        tall,
        low,
        0.22,
    ));
    let water = Water {
        ratio: frame.ratio().floor(),
        mirror: preview(&layers, frame, frame.ratio() as u32),
        camera,
        waves: rng.range(0.015, 0.04),
        depth: rgb(0.002, 0.003, 0.004),
        wave_m: 2.0,
        foam: 0.0,
        light: low,
    };
    layers.insert(1, Layer::Water(Box::new(water)));
    let mut grade = night_grade(rng, -0.9);
    grade.fixed_exposure = Some(rng.range(2.6, 4.0));
    Composition {
        layers,
        grade,
        glows: Vec::new(),
    }
}
