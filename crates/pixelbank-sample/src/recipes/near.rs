//! Close subjects: a flower, a cup on a table, woods in autumn.

use wide::f32x4;

use super::landscape::sun;
use crate::backdrop::Backdrop;
use crate::discs::{Disc, Discs};
use crate::field::{Colour, Field, blend, rgb};
use crate::finish::Grade;
use crate::frame::Frame;
use crate::noise::{Texture, fbm, fbm_gain, mix, noise, smoothstep};
use crate::rng::{Rng, hash2};
use crate::scene::{Composition, Layer};
use crate::sky::{Atmosphere, Clouds, Sky};
use crate::trees::Stand;

fn plain(c: Colour, structure: f32) -> Colour {
    let [r, g, b, _] = c.to_array();
    f32x4::new([r, g, b, structure])
}

/// What lies far behind a close subject: soft patches and discs of light.
fn blurred_garden(frame: &Frame, rng: &mut Rng) -> (Field, Layer) {
    let palettes = [
        [rgb(0.03, 0.06, 0.02), rgb(0.14, 0.2, 0.06)],
        [rgb(0.02, 0.04, 0.03), rgb(0.08, 0.15, 0.09)],
        [rgb(0.05, 0.04, 0.02), rgb(0.25, 0.19, 0.08)],
        [rgb(0.03, 0.03, 0.05), rgb(0.14, 0.13, 0.2)],
        [rgb(0.006, 0.008, 0.008), rgb(0.02, 0.03, 0.025)],
    ];
    let [dark, bright] = *rng.pick(&palettes);
    let offset = rng.range(0.0, 50.0);
    let (w, h) = (frame.width as f32, frame.height as f32);
    let field = Backdrop::paint_field(frame, |x, y| {
        let n = fbm_gain(x / w * 3.0 + offset, y / h * 3.0 * h / w, 3, 0.4) * 0.8 + 0.5;
        blend(dark, bright, n.clamp(0.0, 1.0)) * f32x4::splat(1.15 - 0.4 * y / h)
    });
    let count = if rng.chance(0.6) {
        rng.below(40) + 10
    } else {
        0
    };
    let discs = (0..count)
        .map(|_| {
            let r = frame.milli() * rng.range(18.0, 60.0);
            Disc {
                x: rng.unit() * w,
                y: rng.unit() * h * 0.75,
                radius_x: r,
                radius_y: r,
                colour: bright * f32x4::splat(rng.range(0.05, 0.5)),
                soft: rng.range(0.15, 0.5),
                rim: rng.range(0.0, 0.4),
                cover: 0.0,
            }
        })
        .collect();
    (field, Layer::Discs(Discs::new(frame, discs)))
}

#[derive(Clone, Copy)]
struct Petal {
    cos: f32,
    sin: f32,
    length: f32,
    width: f32,
    shade: f32,
    curl: f32,
    seed: f32,
}

pub(crate) fn flower(frame: &Frame, rng: &mut Rng) -> Composition {
    let (w, h) = (frame.width as f32, frame.height as f32);
    let (background, lights) = blurred_garden(frame, rng);
    let radius = w.min(h) * rng.range(0.3, 0.46);
    let (cx, cy) = (w * rng.range(0.38, 0.62), h * rng.range(0.4, 0.55));
    let tilt = rng.range(0.62, 0.98);
    let colours = [
        (rgb(0.80, 0.78, 0.74), rgb(0.62, 0.6, 0.4)),
        (rgb(0.75, 0.18, 0.32), rgb(0.4, 0.04, 0.12)),
        (rgb(0.78, 0.5, 0.04), rgb(0.5, 0.16, 0.02)),
        (rgb(0.36, 0.2, 0.62), rgb(0.12, 0.05, 0.3)),
        (rgb(0.72, 0.08, 0.04), rgb(0.3, 0.02, 0.015)),
        (rgb(0.75, 0.42, 0.5), rgb(0.66, 0.15, 0.3)),
        (rgb(0.25, 0.32, 0.75), rgb(0.4, 0.36, 0.7)),
    ];
    let (tip, root) = *rng.pick(&colours);
    let per_ring = *rng.pick(&[5usize, 8, 13, 16, 21]);
    let rings = if per_ring == 5 { 1 } else { rng.below(3) + 1 };
    let broad = if per_ring == 5 {
        rng.range(0.44, 0.6)
    } else {
        2.5 / per_ring as f32 * rng.range(0.75, 1.2)
    };
    let heart = if per_ring == 5 {
        rng.range(0.08, 0.14)
    } else {
        rng.range(0.17, 0.28)
    };
    let spin = rng.range(0.0, 6.0);
    let mut petals = Vec::new();
    for ring in (0..rings).rev() {
        let grown = 1.0 - 0.2 * (rings - 1 - ring) as f32;
        let grown = 1.0 - (1.0 - grown) * 0.9 - 0.0;
        for i in 0..per_ring {
            let angle = spin
                + (i as f32 + ring as f32 * 0.5 + rng.bell() * 0.09) * std::f32::consts::TAU
                    / per_ring as f32;
            petals.push(Petal {
                cos: angle.cos(),
                sin: angle.sin(),
                length: grown * rng.range(0.88, 1.05),
                width: broad * rng.range(0.85, 1.1),
                shade: rng.range(0.82, 1.08) * (1.0 - 0.12 * ring as f32),
                curl: rng.bell() * 0.08,
                seed: rng.range(0.0, 90.0),
            });
        }
    }
    petals.sort_by(|a, b| b.length.total_cmp(&a.length));
    let ratio = frame.ratio();
    let soft = 1.3 * ratio / radius;
    let stem_bend = rng.range(-0.25, 0.25);
    let field = Field::build(
        background.width,
        background.height,
        frame.threads,
        |i, j| {
            let mut c = background.data[j * background.width + i];
            let (px, py) = (i as f32 * ratio, j as f32 * ratio);
            let (x, y) = ((px - cx) / radius, (py - cy) / radius / tilt);
            // The stem runs down out of focus.
            if y > 0.0 {
                let t = (py - cy) / h;
                let d = (px - cx - stem_bend * t * t * w) / radius;
                let thick = 0.055 + 0.01 * t;
                let a = smoothstep(thick + 0.025, thick - 0.02, d.abs());
                c = blend(
                    c,
                    rgb(0.07, 0.12, 0.035)
                        * f32x4::splat(0.6 + 0.5 * (1.0 - (d / thick + 0.4).powi(2)).max(-0.6)),
                    a,
                );
            }
            let mut structure = 0.0;
            let mut depth = 0.0f32;
            for p in &petals {
                let (along, across) = (x * p.cos + y * p.sin, y * p.cos - x * p.sin);
                let across = across + p.curl * along * along;
                if along < 0.02 || along > p.length {
                    continue;
                }
                let t = along / p.length;
                // Narrow at the heart, widest two thirds out, rounded at the tip, edge slightly wavy.
                let half = p.width
                    * 0.5
                    * (t * 1.25).min(1.0).powf(0.65)
                    * (1.0 - ((t - 0.55) / 0.46).max(0.0).powi(2)).max(0.0).sqrt();
                let half = half * (1.0 + 0.05 * noise(t * 7.0 + p.seed, p.seed));
                let inside = half - across.abs();
                // A shadow falls beside the petal on those beneath.
                let shadow =
                    smoothstep(-0.05, 0.015, half - (across - 0.02).abs() - 0.01 + 0.02) * 0.4;
                if inside < -soft {
                    c *= f32x4::splat(1.0 - shadow * smoothstep(0.0, 0.2, depth) * 0.7);
                    continue;
                }
                let a = smoothstep(-soft, soft, inside);
                let s = across / half.max(0.01);
                let vein = noise(s * 9.0 + p.seed, t * 1.2) * 0.5
                    + noise(s * 23.0, t * 2.0 + p.seed) * 0.4;
                let fold = 1.0 - 0.34 * (s + 0.25).powi(2) + 0.12 * s;
                let light = p.shade
                    * fold
                    * (0.62 + 0.45 * t)
                    * (1.0 + 0.16 * vein)
                    * (1.0 - 0.25 * smoothstep(0.75, 1.0, s.abs()));
                let petal = blend(root, tip, smoothstep(0.1, 0.75, t + 0.12 * vein))
                    * f32x4::splat(light.max(0.05));
                c = blend(c, petal, a);
                structure = mix(structure, 0.05, a);
                depth = depth.max(a);
            }
            let r = x.hypot(y);
            c *= f32x4::splat(1.0 - 0.5 * smoothstep(heart * 1.6, heart * 0.8, r) * depth);
            plain(c, structure)
        },
    );
    let mut discs = Vec::new();
    let kernel = *rng.pick(&[
        rgb(0.62, 0.38, 0.03),
        rgb(0.5, 0.42, 0.05),
        rgb(0.1, 0.05, 0.02),
        rgb(0.3, 0.28, 0.06),
    ]);
    let n = if per_ring == 5 { 90 } else { 620 };
    for k in (0..n).rev() {
        // Sunflower order (Vogel): every floret turned by the golden angle.
        let r = heart * ((k as f32 + 0.5) / n as f32).sqrt();
        let a = k as f32 * 2.399_963;
        let dome = (1.0 - (r / heart).powi(2)).max(0.0).sqrt();
        let size = radius * heart * 1.5 / (n as f32).sqrt() * rng.range(0.8, 1.1);
        let (x, y) = (
            cx + radius * r * a.cos(),
            cy + radius * tilt * r * a.sin() - dome * radius * 0.05,
        );
        let light = (0.45 + 0.75 * dome - 0.3 * a.sin() * r / heart) * rng.range(0.75, 1.2);
        discs.push(Disc {
            x: x + size * 0.2,
            y: y + size * 0.35,
            radius_x: size,
            radius_y: size,
            colour: kernel * f32x4::splat(0.2),
            soft: 0.6,
            rim: 0.0,
            cover: 0.8,
        });
        discs.push(Disc {
            x,
            y,
            radius_x: size * 0.75,
            radius_y: size * 0.75,
            colour: kernel * f32x4::splat(light.max(0.1)),
            soft: 0.5,
            rim: -0.4,
            cover: 1.0,
        });
    }
    // Background lights belong behind the flower, so they are painted into its field.
    let mut field = field;
    paint_behind(frame, &mut field, &lights);
    let layers = vec![
        Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine)),
        Layer::Discs(Discs::new(frame, discs)),
    ];
    let mut grade = Grade::random(rng);
    grade.neutral = 0.2;
    Composition {
        layers,
        grade,
        glows: Vec::new(),
    }
}

/// Adds a layer of lights to the parts of a field that are out of focus.
fn paint_behind(frame: &Frame, field: &mut Field, lights: &Layer) {
    let step = frame.ratio();
    let mut row = vec![f32x4::ZERO; frame.width as usize];
    let width = field.width;
    for (j, out) in field.data.chunks_mut(width).enumerate() {
        let y = (j as f32 * step) as i32;
        if y >= frame.height as i32 {
            break;
        }
        row.fill(f32x4::ZERO);
        lights.paint(&mut [], crate::frame::Span { y, x0: 0, step: 1 }, &mut row);
        for (i, c) in out.iter_mut().enumerate() {
            let behind = 1.0 - (c.to_array()[3] * 20.0).min(1.0);
            let x = ((i as f32 * step) as usize).min(row.len() - 1);
            *c += row[x] * f32x4::new([behind, behind, behind, 0.0]);
        }
    }
}

pub(crate) fn cup(frame: &Frame, rng: &mut Rng) -> Composition {
    let (w, h) = (frame.width as f32, frame.height as f32);
    let side = w.min(h);
    let woods = [
        rgb(0.23, 0.12, 0.06),
        rgb(0.34, 0.21, 0.12),
        rgb(0.12, 0.075, 0.05),
        rgb(0.42, 0.33, 0.24),
        rgb(0.2, 0.19, 0.18),
    ];
    let wood = *rng.pick(&woods);
    let plank = side / rng.range(2.5, 5.0);
    let turn = *rng.pick(&[0.0, std::f32::consts::FRAC_PI_2, 0.3, -0.25]);
    let (sin, cos) = (turn.sin(), turn.cos());
    let salt = rng.bits() as u32;
    let (cx, cy, r) = (
        w * rng.range(0.38, 0.62),
        h * rng.range(0.4, 0.6),
        side * rng.range(0.2, 0.3),
    );
    let china = *rng.pick(&[
        rgb(0.78, 0.77, 0.74),
        rgb(0.12, 0.14, 0.17),
        rgb(0.5, 0.56, 0.55),
        rgb(0.6, 0.42, 0.3),
        rgb(0.15, 0.28, 0.36),
    ]);
    let milk = rng.chance(0.7);
    let handle = rng.range(0.0, std::f32::consts::TAU);
    let light = rng.range(0.0, std::f32::consts::TAU);
    let (lx, ly) = (light.cos(), light.sin());
    let art = rng.range(2.0, 8.0).floor();
    let (rings_wide, leafy, round) = (
        rng.range(9.0, 30.0),
        rng.range(0.3, 7.0),
        rng.range(0.02, 0.16),
    );
    let window = rng.range(0.0, 6.0);
    let field = Backdrop::paint_field(frame, |px, py| {
        let (a, b) = (
            px * cos + py * sin + side * 3.0,
            py * cos - px * sin + side * 3.0,
        );
        let board = (b / plank).floor();
        let f = b / plank - board;
        let own = hash2(board as i32, 0, salt);
        let grain_x = a / side * 1.1 + own * 50.0;
        let grain = fbm_gain(
            grain_x,
            f * 9.0 + own * 30.0 + 0.5 * noise(grain_x * 1.5, own * 9.0),
            5,
            0.6,
        );
        let fine = noise(grain_x * 6.0, f * 70.0) * 0.35 + noise(grain_x * 12.0, f * 190.0) * 0.25;
        let rings = (f * 16.0 + grain * 6.0).sin() * 0.12;
        let seam = smoothstep(0.0, 0.012, f.min(1.0 - f));
        let mut c = wood
            * f32x4::splat(
                (1.0 + 0.35 * grain + 0.3 * fine + rings + (own - 0.5) * 0.35).max(0.15)
                    * mix(0.12, 1.0, seam),
            );
        // Window light falls across the table.
        let fall = 0.75 + 0.55 * smoothstep(0.9, -0.9, ((px - cx) * lx + (py - cy) * ly) / side);
        c *= f32x4::splat(fall);
        let mut structure = 0.12;
        let (x, y) = ((px - cx) / r, (py - cy) / r);
        let d = x.hypot(y);
        // Shadows: of the saucer, away from the light.
        let shade = |ox: f32, size: f32, blur: f32| {
            smoothstep(size + blur, size - blur, (x - lx * ox).hypot(y - ly * ox))
        };
        c *= f32x4::splat(1.0 - 0.72 * shade(0.16, 1.62, 0.16));
        if d < 1.64 {
            let dip = (d - 1.25) * 2.2;
            let slope = (x * lx + y * ly) / d.max(0.1);
            let lit = 0.82 - 0.16 * slope * dip.clamp(-1.0, 1.0)
                + 0.10 * smoothstep(1.55, 1.62, d) * -slope;
            let edge = smoothstep(1.64, 1.62, d);
            let dish = china * f32x4::splat(lit * (1.0 - 0.55 * shade(0.26, 1.03, 0.2)) * fall);
            c = blend(c, dish, edge);
            structure = mix(structure, 0.015, edge);
        }
        // Handle.
        let (hx, hy) = (
            x * handle.cos() + y * handle.sin(),
            y * handle.cos() - x * handle.sin(),
        );
        let grip = smoothstep(0.105, 0.085, hy.abs())
            * smoothstep(0.95, 0.98, hx)
            * smoothstep(1.46, 1.42, hx);
        c = blend(
            c,
            china * f32x4::splat((0.95 - hy.abs() * 3.0) * fall),
            grip,
        );
        if d < 1.0 {
            let rim = smoothstep(0.90, 0.915, d);
            let slope = (x * lx + y * ly) / d.max(0.1);
            let edge = smoothstep(1.0, 0.985, d);
            let ring = china
                * f32x4::splat(
                    (1.0 - 0.25 * slope + 0.35 * smoothstep(0.03, 0.0, (d - 0.955).abs())) * fall,
                );
            c = blend(c, ring, edge);
            let inner = china * f32x4::splat((0.55 + 0.35 * slope) * fall);
            c = blend(c, inner, 1.0 - rim);
            let (sx, sy) = (x - lx * 0.03, y - ly * 0.03);
            let s = sx.hypot(sy);
            let coffee_edge = smoothstep(0.835, 0.825, s);
            let swirl = fbm(x * 3.0 + window, y * 3.0, 4);
            let mut brew = blend(
                rgb(0.035, 0.015, 0.006),
                rgb(0.20, 0.095, 0.035),
                smoothstep(0.55, 0.83, s + 0.06 * swirl),
            );
            if milk {
                let (u, v) = (sx * 1.25, sy * 1.25);
                let angle = v.atan2(u);
                let leaf = 0.6 + round * (angle * art).cos() + 0.05 * swirl;
                let ribs = smoothstep(
                    -0.25,
                    0.25,
                    (u.hypot(v) * rings_wide + (angle - handle).cos() * leafy + swirl * 2.5).sin(),
                );
                let foam = smoothstep(leaf, leaf - 0.06, u.hypot(v))
                    * ribs.max(smoothstep(0.3, 0.1, u.hypot(v)));
                brew = blend(
                    rgb(0.25, 0.12, 0.05) * f32x4::splat(1.0 + 0.25 * swirl),
                    rgb(0.72, 0.58, 0.42),
                    foam,
                );
            }
            let pane = (sx + 0.35 * lx).abs().max((sy + 0.4 * ly).abs());
            let shine = smoothstep(0.2, 0.13, pane)
                * smoothstep(0.0, 0.02, (sx + 0.35 * lx).abs())
                * if milk { 0.05 } else { 0.4 };
            let shadow = 1.0 - 0.55 * smoothstep(0.35, 0.85, -(sx * lx + sy * ly));
            c = blend(
                c,
                brew * f32x4::splat(shadow * fall) + rgb(0.5, 0.53, 0.56) * f32x4::splat(shine),
                coffee_edge,
            );
            structure = 0.03;
        }
        plain(c, structure)
    });
    let mut grade = Grade::random(rng);
    grade.neutral = 0.2;
    let texture = Texture::Fine;
    Composition {
        layers: vec![Layer::Backdrop(Backdrop::new(frame, field, texture))],
        grade,
        glows: Vec::new(),
    }
}

pub(crate) fn autumn(frame: &Frame, rng: &mut Rng) -> Composition {
    let elevation = rng.range(8.0, 30.0);
    let air = Atmosphere {
        sun: sun(rng, elevation, false),
        haze: rng.range(2.0, 5.0),
    };
    let sky = Sky::new(air, Clouds::random(rng), true);
    let camera = crate::frame::Camera::new(frame, 0.62, 45.0, 10.0);
    let mut d = camera.towards(frame, 0.5, 0.5);
    d.y = 0.1;
    let fog = blend(sky.clear(d), sky.ambient, 0.4);
    let field = Backdrop::paint_field(frame, |x, y| {
        let t = y / frame.height as f32;
        blend(
            sky.look(camera.direction(x, y.min(camera.horizon_y))),
            fog,
            (0.2 + t).min(1.0),
        )
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    let season: &[Colour] = match rng.below(4) {
        0 | 3 => &[
            rgb(0.40, 0.12, 0.015),
            rgb(0.48, 0.26, 0.02),
            rgb(0.28, 0.05, 0.012),
            rgb(0.12, 0.12, 0.02),
        ],
        1 => &[
            rgb(0.07, 0.11, 0.022),
            rgb(0.10, 0.14, 0.03),
            rgb(0.05, 0.085, 0.02),
        ],
        _ => &[
            rgb(0.5, 0.3, 0.03),
            rgb(0.42, 0.3, 0.05),
            rgb(0.16, 0.15, 0.03),
            rgb(0.38, 0.16, 0.02),
        ],
    };
    let ranks = 5;
    for i in 0..ranks {
        let t = (i as f32 + 0.7) / ranks as f32;
        let clear = t.powf(0.8);
        for pass in 0..3 {
            let tint = *rng.pick(season);
            let level = mix(0.52, 0.99, t) + pass as f32 * 0.012;
            let tall = frame.height as f32 * mix(0.12, 0.4, t * t) * rng.range(0.85, 1.15);
            let mut stand =
                Stand::new(frame, rng, level, 0.03, 0.6).tilted(frame, rng.range(-0.07, 0.07), 0.0);
            let own = sky.ambient * tint * f32x4::splat(0.55);
            stand.near = blend(fog, own, clear);
            stand.far = blend(fog, own * f32x4::splat(0.5), clear);
            stand.depth_px = tall * 0.4;
            stand.lit = sky.sun_light * tint * f32x4::splat(0.22 * clear);
            stand.lit_from_left = sky.air.sun.x < 0.0;
            stand.texture = Texture::Leaves;
            stand.detail = 0.3;
            let count = (mix(26.0, 5.0, t) * frame.width as f32 / frame.height as f32) as usize + 1;
            layers.push(Layer::Stand(Box::new(
                stand.plant(rng, tall, count, false, 0.5),
            )));
        }
    }
    Composition {
        layers,
        grade: Grade::random(rng),
        glows: Vec::new(),
    }
}
