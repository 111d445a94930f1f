//! After dark: stars, northern lights, the moon, cities, fireworks, lights out of focus.

use wide::f32x4;

use super::landscape::Peaks;
use crate::backdrop::Backdrop;
use crate::city::{Building, Rank};
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, luminance, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, fbm, mix, noise, ridged, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Glow, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Direction, Sky};
use crate::terrain::{Air, Lay, Terrain};
use crate::trees::Stand;
use crate::water::Water;

fn dot(x: f32, y: f32, radius: f32, colour: Colour) -> Disc {
    Disc {
        x,
        y,
        radius_x: radius,
        radius_y: radius,
        colour,
        soft: 1.0,
        rim: 0.0,
        cover: 0.0,
    }
}

fn star_layer(
    frame: &Frame,
    rng: &mut Rng,
    horizon_y: f32,
    count: usize,
    band: impl Fn(f32, f32) -> f32,
) -> Layer {
    let unit = frame.milli();
    let mut discs = Vec::with_capacity(count);
    for _ in 0..count {
        let (x, y) = (rng.unit() * frame.width as f32, rng.unit() * horizon_y);
        if rng.unit() > 0.35 + band(x, y) {
            continue;
        }
        let power = rng.unit().max(0.002).powf(-0.62) * 0.013;
        let heat = rng.bell() * 0.25;
        let colour = rgb(1.0 + heat, 1.0, 1.0 - heat * 0.8) * f32x4::splat(power.min(2.2));
        discs.push(dot(
            x,
            y,
            unit * mix(0.42, 0.95, (power * 2.0).min(1.0)),
            colour,
        ));
    }
    Layer::Discs(Discs::new(frame, discs))
}

/// Ground lit by stars and whatever glows in the sky.
fn night_sky_light(ambient: Colour) -> Sky {
    let air = Atmosphere {
        sun: Direction::new(0.4, -0.5, -0.6),
        haze: 1.0,
    };
    let mut sky = Sky::new(air, Clouds::none(), false);
    sky.ambient = ambient;
    sky.sun_light = f32x4::ZERO;
    sky
}

fn night_ground(
    frame: &Frame,
    rng: &mut Rng,
    camera: &Camera,
    sky: &Sky,
    snow: bool,
    sea: bool,
) -> Layer {
    let mut peaks = Peaks::random(rng);
    peaks.start_m = rng.range(1500.0, 3500.0);
    peaks.height_m *= rng.range(0.5, 0.9);
    peaks.base_m = if sea { -40.0 } else { 0.0 };
    peaks.fit(frame, camera, 900.0, rng.range(0.08, 0.24));
    let offset = rng.range(0.0, 50.0);
    let lay = Lay {
        near_m: if sea { 600.0 } else { 60.0 },
        far_m: 26_000.0,
        steps: 420,
        rough: 0.25,
        texture: Texture::Rough,
        sea,
        shadows: false,
    };
    let air = Air {
        haze_per_km: 0.004,
        fog_per_km: 0.0,
        fog_height_m: 100.0,
    };
    let shore = rng.range(900.0, 1500.0);
    let terrain = Terrain::new(
        frame,
        camera,
        sky,
        air,
        &lay,
        |x, z, o| {
            let h = peaks.height(x, z, o);
            if sea {
                mix(
                    -50.0,
                    h + 60.0,
                    smoothstep(
                        shore,
                        shore * 1.6,
                        z + 300.0 * fbm(x / 900.0 + offset, z / 900.0, 4),
                    ),
                )
            } else {
                h
            }
        },
        |g| {
            let patch = fbm(g.x / 500.0 + offset, g.z / 500.0, 4);
            let white = if snow {
                smoothstep(0.5, 0.75, g.level + patch * 0.15)
            } else {
                0.0
            };
            let slope = 0.35 + 0.65 * ((g.level - 0.5) * 2.0).clamp(0.0, 1.0);
            let c = blend(rgb(0.05, 0.05, 0.05), rgb(0.7, 0.75, 0.8), white) * f32x4::splat(slope);
            let [r, gg, b, _] = c.to_array();
            f32x4::new([r, gg, b, 0.12])
        },
    );
    Layer::Terrain(Box::new(terrain))
}

fn foreground(frame: &Frame, rng: &mut Rng, colour: Colour) -> Layer {
    let level = rng.range(0.84, 0.95);
    let mut stand =
        Stand::new(frame, rng, level, 0.04, 0.6).tilted(frame, rng.range(-0.12, 0.12), 0.0);
    stand.near = colour;
    stand.far = colour * f32x4::splat(0.4);
    let tall = frame.height as f32 * rng.range(0.14, 0.34);
    let count = rng.below(30) + 12;
    Layer::Stand(Box::new(stand.plant(
        rng,
        tall,
        count,
        rng.clone().chance(0.8),
        0.9,
    )))
}

fn night_grade(rng: &mut Rng, stops: f32) -> Grade {
    let mut grade = Grade::random(rng);
    grade.stops = stops + rng.bell() * 0.15;
    grade.grain *= 2.0;
    grade.fade = 0.0;
    grade.neutral = 0.0;
    grade
}

pub(crate) fn stars(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(frame, rng.range(0.72, 0.86), rng.range(70.0, 92.0), 40.0);
    let tilt = rng.range(-1.2, 1.2);
    let normal = Direction::new(tilt.cos(), tilt.sin() * 0.6, rng.range(-0.35, 0.35));
    let glow = *rng.pick(&[
        rgb(0.20, 0.12, 0.06),
        rgb(0.05, 0.10, 0.08),
        rgb(0.10, 0.08, 0.12),
        rgb(0.24, 0.11, 0.04),
    ]);
    let glow_x = rng.range(-0.8, 0.8);
    let base = *rng.pick(&[
        rgb(0.010, 0.016, 0.034),
        rgb(0.014, 0.018, 0.028),
        rgb(0.008, 0.018, 0.030),
    ]);
    let strength = rng.range(0.5, 1.0);
    let offset = rng.range(0.0, 80.0);
    let milky = |x: f32, y: f32| {
        let d = camera.direction(x, y);
        let b = d.dot(normal);
        let along = d.x * normal.y - d.y * normal.x + d.z * 0.5;
        let warp = fbm(along * 3.0 + offset, b * 6.0, 4) * 0.05;
        let width = 0.13 + 0.05 * noise(along * 2.0 + offset, 3.0);
        let core = (-((b + warp) / width).powi(2)).exp();
        let dust = smoothstep(
            0.32,
            0.85,
            ridged(along * 3.2 + offset, b * 7.0 + warp * 8.0, 6)
                * (-(b / 0.07).powi(2)).exp()
                * 1.5,
        );
        (
            core * (0.7 + 0.5 * fbm(along * 5.0, b * 9.0 + offset, 6)).max(0.0),
            dust,
        )
    };
    let field = Backdrop::paint_field(frame, |x, y| {
        let d = camera.direction(x, y.min(camera.horizon_y));
        let (core, dust) = milky(x, y.min(camera.horizon_y));
        let low = (-d.y.max(0.0) * 5.0).exp();
        let toward = (-(d.x - glow_x).powi(2) * 1.6).exp();
        let milk = rgb(0.13, 0.105, 0.095) * f32x4::splat(core * (1.0 - 0.85 * dust) * strength);
        base * f32x4::splat(1.0 + 0.6 * low)
            + glow * f32x4::splat(low * (0.1 + 0.9 * toward) * 0.7)
            + milk
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    layers.push(star_layer(frame, rng, camera.horizon_y, 9000, |x, y| {
        milky(x, y).0 * 0.6 * (1.0 - milky(x, y).1)
    }));
    let ambient = base * f32x4::splat(1.6) + glow * f32x4::splat(0.05);
    let snow = rng.chance(0.3);
    layers.push(night_ground(
        frame,
        rng,
        &camera,
        &night_sky_light(ambient),
        snow,
        false,
    ));
    if rng.chance(0.6) {
        layers.push(foreground(frame, rng, base * f32x4::splat(0.15)));
    }
    let mut grade = night_grade(rng, 0.0);
    grade.fixed_exposure = Some(rng.range(2.2, 3.4));
    Composition {
        layers,
        grade,
        glows: Vec::new(),
    }
}

pub(crate) fn aurora(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(frame, rng.range(0.62, 0.76), rng.range(60.0, 85.0), 8.0);
    let offset = rng.range(0.0, 80.0);
    let low_colour = *rng.pick(&[
        rgb(0.10, 0.75, 0.28),
        rgb(0.14, 0.7, 0.2),
        rgb(0.08, 0.7, 0.42),
    ]);
    let high_colour = *rng.pick(&[
        rgb(0.40, 0.10, 0.50),
        rgb(0.55, 0.10, 0.25),
        rgb(0.12, 0.25, 0.60),
    ]);
    let curtains: Vec<(f32, f32, f32, f32)> = (0..rng.below(3) + 2)
        .map(|i| {
            (
                0.25 + 0.2 * i as f32 + rng.range(-0.08, 0.08),
                rng.range(0.14, 0.34),
                rng.range(0.45, 1.0),
                rng.range(0.0, 40.0),
            )
        })
        .collect();
    let base = rgb(0.012, 0.022, 0.042);
    let field = Backdrop::paint_field(frame, |px, py| {
        let (x, y) = (
            px / frame.width as f32 * frame.width as f32 / frame.height as f32,
            (py / camera.horizon_y).min(1.0),
        );
        let mut sum = base * f32x4::splat(1.0 + y);
        for &(height, tall, power, seed) in &curtains {
            let bend = noise(x * 0.9 + seed, y * 0.35 + offset) * 0.9
                + noise(x * 2.3 + seed, y * 0.6) * 0.25;
            let xs = x + bend * 0.45;
            let base_y = 1.0 - height * 0.75
                + 0.26 * noise(xs * 1.1 + seed, offset)
                + 0.06 * noise(xs * 4.0, seed);
            let above = base_y - y;
            let rays = 0.45
                + 0.55
                    * (noise(xs * 16.0 + seed, y * 0.4)
                        + 0.5 * noise(xs * 44.0 + seed, y * 0.3)
                        + 0.35);
            let gaps = smoothstep(-0.3, 0.35, noise(xs * 0.8 + seed * 2.0, offset * 0.3));
            let reach = tall * (0.7 + 0.6 * rays);
            let v = smoothstep(-0.012, 0.03, above) * (-(above.max(0.0)) / reach).exp()
                + (-(above / tall).powi(2) * 3.0).exp() * 0.18;
            let colour = blend(low_colour, high_colour, smoothstep(0.3, 1.6, above / reach));
            sum += colour * f32x4::splat(v * rays.max(0.08) * gaps * power * 0.55);
        }
        let [r, g, b, _] = sum.to_array();
        rgb(r, g, b)
    });
    let mean = field.data.iter().fold(f32x4::ZERO, |a, &c| a + c)
        * f32x4::splat(1.0 / field.data.len() as f32);
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    layers.push(star_layer(frame, rng, camera.horizon_y, 3500, |_, _| 0.1));
    let lake = rng.chance(0.6);
    layers.push(night_ground(
        frame,
        rng,
        &camera,
        &night_sky_light(mean * f32x4::splat(0.9)),
        true,
        lake,
    ));
    if lake {
        let water = Water {
            ratio: frame.ratio().floor(),
            mirror: preview(&layers, frame, frame.ratio() as u32),
            camera,
            waves: rng.range(0.002, 0.014),
            depth: mean * f32x4::splat(0.03),
            wave_m: 3.0,
            foam: 0.0,
            light: mean,
        };
        layers.insert(2, Layer::Water(Box::new(water)));
    }
    if rng.chance(0.4) {
        layers.push(foreground(frame, rng, mean * f32x4::splat(0.03)));
    }
    Composition {
        layers,
        grade: night_grade(rng, -1.1),
        glows: Vec::new(),
    }
}

pub(crate) fn moon(frame: &Frame, rng: &mut Rng) -> Composition {
    let (w, h) = (frame.width as f32, frame.height as f32);
    let radius = w.min(h) * rng.range(0.2, 0.44);
    let (cx, cy) = (w * rng.range(0.42, 0.58), h * rng.range(0.44, 0.56));
    let phase = rng.range(-1.1, 1.1);
    let light = Direction::new(phase.sin(), rng.range(-0.2, 0.3), phase.cos());
    let offset = rng.range(0.0, 60.0);
    let craters: Vec<(f32, f32, f32, f32)> = (0..420)
        .map(|_| {
            let size = 0.006 + 0.07 * rng.unit().powi(6);
            (
                rng.range(-1.0, 1.0),
                rng.range(-1.0, 1.0),
                size,
                rng.range(0.3, 1.0),
            )
        })
        .collect();
    let warm = rng.range(0.0, 0.35);
    let field = Backdrop::paint_field(frame, |px, py| {
        let (x, y) = ((px - cx) / radius, (py - cy) / radius);
        let r2 = x * x + y * y;
        let halo = 0.010 * (-(r2.sqrt() - 1.0).max(0.0) * 3.0).exp();
        if r2 >= 1.0 {
            return rgb(0.0004, 0.0005, 0.0008) + rgb(1.0, 0.95, 0.85) * f32x4::splat(halo * 0.25);
        }
        let z = (1.0 - r2).sqrt();
        let (u, v) = (x * (1.0 + 0.25 * r2), y * (1.0 + 0.25 * r2));
        let maria = smoothstep(0.0, 0.32, fbm(u * 1.5 + offset, v * 1.5, 6) + 0.12);
        let mut bright = 0.33 - 0.17 * maria + 0.05 * fbm(u * 12.0, v * 12.0 + offset, 5);
        let (mut nx, mut ny) = (
            fbm(u * 22.0 + 5.0, v * 22.0, 3) * 0.16,
            fbm(u * 22.0, v * 22.0 + 40.0, 3) * 0.16,
        );
        for &(a, b, size, power) in &craters {
            let (dx, dy) = (u - a, v - b);
            let d = (dx * dx + dy * dy).sqrt() / size;
            if d < 1.25 {
                let wall = if d < 1.0 {
                    d * d * d
                } else {
                    (1.25 - d) * -3.0
                };
                nx -= dx / size * wall * 0.55 * power;
                ny -= dy / size * wall * 0.55 * power;
                bright += 0.03 * power * smoothstep(1.25, 0.9, d);
            } else if size > 0.045 && d < 9.0 {
                // Rays thrown out by the largest.
                let ray = noise(dy.atan2(dx) * 6.0 + a * 40.0, d * 0.3);
                bright += 0.1 * power * smoothstep(0.1, 0.5, ray) / d;
            }
        }
        let n = Direction::new(x + nx, -y - ny, z);
        let lit = n.dot(light).max(0.0).powf(0.75);
        rgb(1.0 + 0.25 * warm, 0.97, 0.92 - 0.4 * warm) * f32x4::splat(bright * lit + 0.0008)
            + f32x4::new([0.0, 0.0, 0.0, 0.05])
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(
        frame,
        field,
        if frame.ratio() > 3.0 {
            Texture::Rough
        } else {
            Texture::Fine
        },
    ))];
    if rng.chance(0.3) {
        layers.push(foreground(frame, rng, rgb(0.0005, 0.0005, 0.0006)));
    }
    let mut grade = night_grade(rng, 1.2);
    grade.stops = 0.0;
    grade.fixed_exposure = Some(2.6);
    Composition {
        layers,
        grade,
        glows: vec![Glow {
            x: cx,
            y: cy,
            radius: radius * 0.8,
            colour: rgb(0.006, 0.0055, 0.005),
        }],
    }
}

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
