//! Dark skies: stars, northern lights, the moon.

use wide::f32x4;

use super::peaks::Peaks;
use crate::backdrop::Backdrop;
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, fbm, mix, noise, ridged, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Glow, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Direction, Sky};
use crate::terrain::{Air, Lay, Terrain};
use crate::trees::Stand;
use crate::water::Water;

pub(super) fn dot(x: f32, y: f32, radius: f32, colour: Colour) -> Disc {
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

pub(super) fn night_grade(rng: &mut Rng, stops: f32) -> Grade {
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
