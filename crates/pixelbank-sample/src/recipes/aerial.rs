//! From above: coasts and fields from a drone, clouds from an aeroplane, canyons.

use wide::f32x4;

use super::landscape::{finish, sky_layer, sun};
use crate::backdrop::Backdrop;
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, eroded, fbm, fbm_gain, mix, noise, smoothstep};
use crate::rng::{Rng, hash2};
use crate::scene::{Composition, Layer};
use crate::sky::{Atmosphere, Clouds, Sky};
use crate::terrain::{Air, Lay, Terrain};

fn plain(c: Colour, structure: f32) -> Colour {
    let [r, g, b, _] = c.to_array();
    f32x4::new([r, g, b, structure])
}

/// The subject fills the picture, so its own colour is no cast.
fn aerial_grade(rng: &mut Rng) -> Grade {
    let mut grade = Grade::random(rng);
    grade.neutral = 0.1;
    grade.warmth *= 0.6;
    grade.stops -= 0.3;
    grade
}

pub(crate) fn coast(frame: &Frame, rng: &mut Rng) -> Composition {
    let scale = 1.0 / frame.height.min(frame.width) as f32;
    let turn = rng.range(0.0, std::f32::consts::TAU);
    let (sin, cos) = (turn.sin(), turn.cos());
    let offset = (rng.range(0.0, 90.0), rng.range(0.0, 90.0));
    let place = rng.range(-0.15, 0.2);
    let deep = *rng.pick(&[
        rgb(0.005, 0.06, 0.12),
        rgb(0.008, 0.09, 0.13),
        rgb(0.004, 0.045, 0.09),
    ]);
    let shallow = *rng.pick(&[
        rgb(0.10, 0.46, 0.45),
        rgb(0.06, 0.34, 0.36),
        rgb(0.16, 0.42, 0.36),
    ]);
    let sand = *rng.pick(&[
        rgb(0.60, 0.48, 0.33),
        rgb(0.68, 0.60, 0.47),
        rgb(0.42, 0.35, 0.27),
        rgb(0.13, 0.125, 0.12),
    ]);
    let green = *rng.pick(&[
        rgb(0.035, 0.065, 0.018),
        rgb(0.05, 0.08, 0.03),
        rgb(0.08, 0.075, 0.03),
    ]);
    let (curl, beach, rocky) = (rng.range(0.15, 0.5), rng.range(0.06, 0.2), rng.chance(0.45));
    let (w, h) = (frame.width as f32, frame.height as f32);
    let field = Backdrop::paint_field(frame, |px, py| {
        let (x, y) = ((px - w * 0.5) * scale, (py - h * 0.5) * scale);
        let (u, v) = (x * cos + y * sin, y * cos - x * sin);
        let shore = v - place
            + curl * fbm(u * 1.3 + offset.0, v * 0.8 + offset.1, 3)
            + 0.035 * fbm(u * 6.0, v * 6.0 + offset.0, 5);
        if shore < 0.0 {
            let depth = -shore;
            let bed = fbm_gain(u * 4.0 + offset.1, v * 4.0, 6, 0.55);
            let reef = smoothstep(0.15, 0.45, bed) * smoothstep(0.02, 0.12, depth);
            let mut c = blend(shallow, deep, 1.0 - (-depth * 5.5).exp());
            c = blend(sand * f32x4::splat(0.85), c, 1.0 - (-depth * 38.0).exp());
            c *= f32x4::splat(1.0 - 0.45 * reef * (-depth * 3.0).exp());
            // Swell, bent by the shallows, and the lines where it breaks.
            let swell = ((v * 60.0 + fbm(u * 4.0, v * 4.0, 4) * 6.0)
                + fbm(u * 14.0, v * 20.0, 3) * 2.0)
                .sin();
            c *= f32x4::splat(1.0 + 0.05 * swell);
            let mut foam = 0.0f32;
            for (i, at) in [0.012f32, 0.055, 0.105].into_iter().enumerate() {
                let wobble = 0.022 * fbm(u * 5.0 + i as f32 * 17.0, offset.1 + i as f32, 4);
                let d = depth - at - wobble * (1.0 + i as f32 * 0.6);
                let lace = fbm_gain(u * 38.0, v * 38.0 + i as f32 * 9.0, 5, 0.65) * 0.5 + 0.5;
                let there = smoothstep(-0.2, 0.3, noise(u * 3.5 + i as f32 * 5.0, offset.0))
                    * if i == 0 { 1.0 } else { 0.8 };
                let band = smoothstep(0.028, 0.0, d) * smoothstep(-0.007, 0.0, d);
                foam = foam.max(
                    band * there.max(if i == 0 { 0.6 } else { 0.0 })
                        * smoothstep(0.25, 0.75, lace + band * 0.35),
                );
            }
            return plain(blend(c, rgb(0.86, 0.88, 0.88), foam), 0.07 + foam * 0.1);
        }
        let wet = smoothstep(0.028, 0.008, shore + 0.012 * fbm(u * 7.0, v * 7.0, 3));
        let mut c =
            sand * f32x4::splat(mix(1.0, 0.55, wet) * (1.0 + 0.12 * fbm(u * 20.0, v * 20.0, 4)));
        let mut detail = 0.08;
        let edge = shore - beach + 0.07 * fbm(u * 6.0 + 30.0, v * 6.0, 5);
        if rocky {
            let rock = smoothstep(-0.01, 0.02, edge) * smoothstep(0.16, 0.05, edge);
            let crag = fbm_gain(u * 18.0, v * 18.0, 6, 0.6);
            let slope = fbm_gain(u * 18.0 + 0.03, v * 18.0 - 0.03, 6, 0.6) - crag;
            c = blend(
                c,
                rgb(0.26, 0.22, 0.18) * f32x4::splat((0.8 + crag * 0.5 + slope * 5.0).max(0.15)),
                rock,
            );
            detail = mix(detail, 0.3, rock);
        }
        let grown = smoothstep(0.0, 0.05, edge - if rocky { 0.09 } else { 0.0 });
        let crowns = fbm_gain(u * 44.0, v * 44.0, 4, 0.7);
        let lit = fbm_gain(u * 44.0 + 0.12, v * 44.0 + 0.12, 4, 0.7) - crowns;
        let wood = green * f32x4::splat((0.85 + crowns * 0.7 + lit * 2.2).max(0.12));
        let clearing = smoothstep(0.25, 0.5, fbm(u * 3.0 + 60.0, v * 3.0, 5));
        c = blend(c, blend(wood, rgb(0.16, 0.15, 0.06), clearing * 0.8), grown);
        plain(c, mix(detail, 0.45, grown))
    });
    let texture = if frame.ratio() > 2.5 {
        Texture::Leaves
    } else {
        Texture::Fine
    };
    Composition {
        layers: vec![Layer::Backdrop(Backdrop::new(frame, field, texture))],
        grade: aerial_grade(rng),
        glows: Vec::new(),
    }
}

pub(crate) fn fields(frame: &Frame, rng: &mut Rng) -> Composition {
    let scale = rng.range(2.2, 5.0) / frame.height.min(frame.width) as f32;
    let turn = rng.range(0.0, 3.1);
    let (sin, cos) = (f32::sin(turn), f32::cos(turn));
    let salt = rng.bits() as u32;
    let offset = rng.range(0.0, 50.0);
    let crops = [
        rgb(0.10, 0.14, 0.035),
        rgb(0.16, 0.18, 0.05),
        rgb(0.34, 0.27, 0.11),
        rgb(0.42, 0.34, 0.15),
        rgb(0.15, 0.105, 0.065),
        rgb(0.20, 0.15, 0.09),
        rgb(0.07, 0.11, 0.03),
        rgb(0.36, 0.33, 0.05),
        rgb(0.13, 0.15, 0.06),
    ];
    let to_land = |px: f32, py: f32| {
        let (x, y) = (px * scale, py * scale);
        let (u, v) = (x * cos + y * sin, y * cos - x * sin);
        (
            u + 0.10 * fbm(u * 0.5 + offset, v * 0.5, 2) + 40.0,
            v + 0.10 * fbm(u * 0.5, v * 0.5 + offset, 2) + 40.0,
        )
    };
    // Strips of uneven width, each cut into fields.
    let cell = move |u: f32, v: f32| {
        let strip = u.floor();
        let left = strip + 0.3 * hash2(strip as i32, 1, salt);
        let (strip, left, right) = if u < left {
            (
                strip - 1.0,
                strip - 1.0 + 0.3 * hash2(strip as i32 - 1, 1, salt),
                left,
            )
        } else {
            (
                strip,
                left,
                strip + 1.0 + 0.3 * hash2(strip as i32 + 1, 1, salt),
            )
        };
        let length = 0.35 + 0.9 * hash2(strip as i32, 7, salt);
        let w = v / length + hash2(strip as i32, 3, salt);
        let row = w.floor();
        let edge = (u - left)
            .min(right - u)
            .min((w - row).min(row + 1.0 - w) * length);
        (strip as i32, row as i32, edge, u - left, (w - row) * length)
    };
    let field = Backdrop::paint_field(frame, |px, py| {
        let (u, v) = to_land(px, py);
        let (strip, row, edge, a, b) = cell(u, v);
        let crop = crops[(hash2(strip, row, salt ^ 5) * crops.len() as f32) as usize % crops.len()];
        let along = hash2(strip, row, salt ^ 6) < 0.6;
        let across = if along { a } else { b };
        let lines = (across * 210.0).sin() * 0.05 + (across * 52.0).sin() * 0.05;
        let tram = smoothstep(0.93, 1.0, (across * 26.0).sin()) * 0.18;
        let mottle = fbm(u * 4.0, v * 4.0, 5) * 0.22 + fbm(u * 22.0, v * 22.0, 3) * 0.10;
        let mut c = crop * f32x4::splat((1.0 + lines + mottle - tram).max(0.2));
        let mut detail = 0.13;
        let hedge = hash2(strip, row, salt ^ 8) < 0.55;
        let bank = smoothstep(0.022, 0.010, edge + 0.006 * fbm(u * 30.0, v * 30.0, 3));
        if hedge {
            let clump = fbm_gain(u * 55.0, v * 55.0, 3, 0.7);
            c = blend(
                c,
                rgb(0.032, 0.05, 0.018) * f32x4::splat((0.9 + clump).max(0.2)),
                bank,
            );
            detail = mix(detail, 0.4, bank);
        } else {
            c = blend(c, rgb(0.17, 0.17, 0.08), bank * 0.7);
        }
        // A lane across the land, and a stream with trees.
        let lane = (u - 43.0 + 0.5 * fbm(v * 0.35 + offset, 9.0, 2)).abs();
        c = blend(c, rgb(0.40, 0.36, 0.30), smoothstep(0.017, 0.012, lane));
        let stream = (v - 42.0 + 0.7 * fbm(u * 0.5 + offset, 3.0, 4)).abs();
        let wood = smoothstep(0.13, 0.09, stream + 0.06 * fbm(u * 9.0, v * 9.0, 4));
        let crowns = fbm_gain(u * 34.0, v * 34.0, 4, 0.65);
        let lit = fbm_gain(u * 34.0 + 0.1, v * 34.0 + 0.1, 4, 0.65) - crowns;
        c = blend(
            c,
            rgb(0.035, 0.055, 0.018) * f32x4::splat((0.9 + crowns * 0.7 + lit * 2.5).max(0.12)),
            wood,
        );
        detail = mix(detail, 0.45, wood);
        c = blend(c, rgb(0.02, 0.05, 0.06), smoothstep(0.022, 0.016, stream));
        plain(c, detail)
    });
    let mut discs = Vec::new();
    let tall = 0.016 / scale;
    for _ in 0..900 {
        let (x, y) = (
            rng.unit() * frame.width as f32,
            rng.unit() * frame.height as f32,
        );
        let (u, v) = to_land(x, y);
        let (.., edge, _, _) = cell(u, v);
        if edge > 0.02 && !rng.chance(0.02) {
            continue;
        }
        let r = tall * rng.range(0.5, 1.2);
        discs.push(Disc {
            x: x + r * 0.7,
            y: y + r * 0.55,
            radius_x: r * 1.2,
            radius_y: r * 1.1,
            colour: rgb(0.012, 0.016, 0.01),
            soft: 0.5,
            rim: 0.0,
            cover: 0.7,
        });
        for _ in 0..7 {
            let (dx, dy) = (rng.bell() * r * 0.32, rng.bell() * r * 0.32);
            let lit = 0.7 - (dx + dy) / r * 0.5;
            discs.push(Disc {
                x: x + dx,
                y: y + dy,
                radius_x: r * 0.55,
                radius_y: r * 0.5,
                colour: rgb(0.05, 0.075, 0.022) * f32x4::splat(lit.max(0.2)),
                soft: 0.5,
                rim: 0.0,
                cover: 0.95,
            });
        }
    }
    let texture = if frame.ratio() > 2.5 {
        Texture::Leaves
    } else {
        Texture::Fine
    };
    let layers = vec![
        Layer::Backdrop(Backdrop::new(frame, field, texture)),
        Layer::Discs(Discs::new(frame, discs)),
    ];
    Composition {
        layers,
        grade: aerial_grade(rng),
        glows: Vec::new(),
    }
}

pub(crate) fn above_clouds(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.3, 0.52),
        rng.range(40.0, 62.0),
        rng.range(1700.0, 3000.0),
    );
    let elevation = rng.range(2.5, 26.0);
    let ahead = elevation < 10.0 && rng.chance(0.6);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.15, 0.7),
    };
    let mut clouds = Clouds::none();
    clouds.cirrus = if rng.chance(0.6) {
        rng.range(0.2, 0.8)
    } else {
        0.0
    };
    clouds.offset = (rng.range(0.0, 80.0), rng.range(0.0, 80.0));
    let sky = Sky::new(air, clouds, true);
    let offset = rng.range(0.0, 90.0);
    let (tower, size) = (rng.range(900.0, 1700.0), rng.range(2200.0, 5000.0));
    let lay = Lay {
        near_m: 1200.0,
        far_m: 120_000.0,
        steps: 560,
        rough: 0.12,
        texture: Texture::Rough,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.003, 0.009),
        fog_per_km: 0.35,
        fog_height_m: 260.0,
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, octaves| {
            let (mut u, mut v) = (x / size + offset, z / size);
            let field = fbm(u * 0.35, v * 0.35, 3);
            let (mut sum, mut weight) = (0.0, 0.5);
            // Far heads are soft: what is finer than a sample would only glitter.
            let fine = (6.5 - (z / 4000.0).max(1.0).log2()).max(2.0) as u32;
            for _ in 0..octaves.min(fine) {
                // Rounded heads, creased where they meet.
                sum += weight * (noise(u, v).abs() * 1.9);
                weight *= 0.4;
                (u, v) = crate::noise::turn(u, v);
            }
            (sum - 0.25) * tower * (0.45 + smoothstep(-0.3, 0.6, field) * 1.4)
        },
        |g| {
            let crease = 0.8 + 0.2 * smoothstep(-120.0, 250.0, g.height);
            plain(rgb(0.96, 0.96, 0.97) * f32x4::splat(crease), 0.03)
        },
    );
    let layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn canyon(frame: &Frame, rng: &mut Rng) -> Composition {
    let deep = rng.range(300.0, 700.0);
    let camera = Camera::new(
        frame,
        rng.range(0.36, 0.55),
        rng.range(30.0, 50.0),
        deep * rng.range(0.3, 0.75),
    );
    let elevation = rng.range(5.0, 38.0);
    let air = Atmosphere {
        sun: sun(rng, elevation, false),
        haze: rng.range(0.5, 1.6),
    };
    let sky = Sky::new(air, Clouds::random(rng), true);
    let offset = (rng.range(0.0, 90.0), rng.range(0.0, 90.0));
    let size = rng.range(1600.0, 3000.0);
    let steps = rng.range(3.0, 6.0);
    let red = *rng.pick(&[
        rgb(0.42, 0.19, 0.10),
        rgb(0.46, 0.25, 0.14),
        rgb(0.36, 0.2, 0.13),
    ]);
    let pale = *rng.pick(&[rgb(0.58, 0.42, 0.28), rgb(0.5, 0.36, 0.24)]);
    let lay = Lay {
        near_m: 140.0,
        far_m: 34_000.0,
        steps: 680,
        rough: 0.15,
        texture: Texture::Rough,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.012, 0.035),
        fog_per_km: 0.0,
        fog_height_m: 100.0,
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| {
            let (u, v) = (x / size + offset.0, z / size + offset.1);
            let warp = fbm(u * 1.5, v * 1.5, 3) * 0.35;
            let n = fbm(u + warp, v + warp * 0.6, o.min(8)) * 0.62
                + 0.5
                + 0.04 * eroded(u * 9.0, v * 9.0, o.min(6));
            // Beds of hard rock make cliffs, soft ones slopes.
            let s = n.clamp(0.0, 1.0) * steps;
            let bed = s.floor();
            let f = s - bed;
            let stepped = (bed + smoothstep(0.50, 0.66, f) * 0.8 + f * 0.2) / steps;
            stepped * deep * smoothstep(80.0, 900.0, z) + fbm(u * 14.0, v * 14.0, o.min(5)) * 7.0
        },
        |g| {
            let layer = noise(g.height / 13.0, g.x / 4000.0) * 0.6
                + noise(g.height / 4.5 + 7.0, g.z / 3000.0) * 0.4;
            let patch = fbm(g.x / 240.0, g.z / 240.0 + offset.0, 5);
            let cliff = smoothstep(0.85, 0.55, g.level);
            let mut c = blend(
                pale,
                red,
                (0.55 + 0.8 * layer + 0.25 * cliff).clamp(0.0, 1.0),
            ) * f32x4::splat(1.0 + 0.2 * patch);
            let streak = noise(g.x / 16.0, g.height / 130.0 + g.z / 60.0) * cliff;
            c *= f32x4::splat(1.0 + 0.3 * streak);
            let scrub = smoothstep(0.9, 0.97, g.level)
                * smoothstep(0.0, 0.4, patch + 0.5 * noise(g.x / 14.0, g.z / 22.0));
            plain(
                blend(c, rgb(0.12, 0.13, 0.07), scrub * 0.7),
                0.16 + 0.1 * cliff,
            )
        },
    );
    let layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    finish(frame, &camera, &sky, rng, layers)
}
