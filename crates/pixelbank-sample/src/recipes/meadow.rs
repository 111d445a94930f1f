//! Meadows with flowers and a tree.

use wide::f32x4;

use super::landscape::{finish, sky_layer, sun};
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, rgb};
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, eroded, fbm, noise, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Layer};
use crate::sky::{Atmosphere, Clouds, Sky};
use crate::terrain::{Air, Lay, Terrain};
use crate::trees::Stand;

pub(crate) fn meadow(frame: &Frame, rng: &mut Rng) -> Composition {
    let in_flower = rng.chance(0.6);
    let eye_m = if in_flower {
        rng.range(1.3, 2.6)
    } else {
        rng.range(5.0, 26.0)
    };
    let camera = Camera::new(frame, rng.range(0.36, 0.56), rng.range(34.0, 60.0), eye_m);
    let elevation = rng.range(4.0, 48.0);
    let ahead = elevation < 8.0 && rng.chance(0.5);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.5, 2.0),
    };
    let mut clouds = Clouds::random(rng);
    clouds.cover = clouds.cover.max(0.25);
    clouds.body = clouds.body.max(0.5);
    let sky = Sky::new(air, clouds, true);
    let offset = rng.range(0.0, 100.0);
    let relief = rng.range(60.0, 220.0);
    let green = *rng.pick(&[
        rgb(0.11, 0.145, 0.04),
        rgb(0.17, 0.17, 0.055),
        rgb(0.08, 0.12, 0.035),
        rgb(0.27, 0.21, 0.09),
    ]);
    let woods = rng.range(-0.1, 0.25);
    let height = |x: f32, z: f32, o: u32| {
        let hills = fbm(x / 1500.0 + offset, z / 1300.0, o.min(5)) * 0.5 + 0.35;
        let far = smoothstep(3000.0, 14_000.0, z)
            * (eroded(x / 4000.0 + offset, z / 4000.0, o.min(8)))
            * 6.0;
        (hills + far) * relief * smoothstep(30.0, 900.0, z)
            + fbm(x / 60.0, z / 60.0 + offset, 3) * 0.9 * smoothstep(3.0, 40.0, z)
    };
    let wood = |x: f32, z: f32| {
        smoothstep(
            0.0,
            0.08,
            fbm(x / 420.0 + offset * 2.0, z / 300.0, 6) + woods - 0.22,
        ) * smoothstep(150.0, 400.0, z)
    };
    let lay = Lay {
        near_m: 2.2,
        far_m: 26_000.0,
        steps: 760,
        rough: 0.3,
        texture: Texture::Blades,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.02, 0.07),
        fog_per_km: if rng.chance(0.3) {
            rng.range(0.2, 1.0)
        } else {
            0.0
        },
        fog_height_m: rng.range(10.0, 40.0),
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| {
            let trees = wood(x, z);
            let crowns = if trees > 0.0 {
                trees * (7.0 + 6.0 * noise(x / 9.0, z / 11.0).abs())
            } else {
                0.0
            };
            height(x, z, o) + crowns
        },
        |g| {
            let near = smoothstep(70.0, 4.0, g.z);
            let patch = fbm(g.x / 130.0 + offset, g.z / 130.0, 4);
            let tufts = fbm(g.x * 1.3, g.z * 0.8, 4);
            let mowing = 1.0
                + 0.06 * smoothstep(60.0, 300.0, g.z) * ((g.x * 0.12 + g.z * 0.02 + patch).sin());
            let field = smoothstep(0.1, 0.16, noise(g.x / 260.0 + offset, g.z / 170.0))
                * smoothstep(200.0, 500.0, g.z);
            let mut colour = green
                * f32x4::splat((1.0 + 0.3 * patch + (0.2 + 0.5 * near) * tufts).max(0.25) * mowing);
            colour = blend(colour, rgb(0.33, 0.27, 0.1), field * 0.8);
            let trees = wood(g.x, g.z);
            colour = blend(
                colour,
                rgb(0.03, 0.055, 0.017)
                    * f32x4::splat(
                        (1.0 + 0.4 * noise(g.x / 14.0, g.z / 18.0) + 0.4 * g.grain).max(0.2),
                    ),
                trees,
            );
            // Standing blades catch more light than level ground would.
            let [r, gg, b, _] = colour.to_array();
            f32x4::new([r, gg, b, 0.08 + 0.22 * near + 0.25 * trees])
        },
    );
    let mut layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    if in_flower {
        layers.push(flowers(frame, rng, &camera, &sky));
    }
    if rng.chance(0.4) {
        layers.push(lone_tree(frame, rng, &camera, &sky));
    }
    finish(frame, &camera, &sky, rng, layers)
}

fn lone_tree(frame: &Frame, rng: &mut Rng, camera: &Camera, sky: &Sky) -> Layer {
    let (w, h) = (frame.width as f32, frame.height as f32);
    let level = camera.horizon_y / h + rng.range(0.03, 0.09);
    // Only the tree: its ground lies below the picture.
    let mut stand = Stand::new(frame, rng, level, 0.0, 1.0);
    stand.near = sky.ambient * rgb(0.035, 0.055, 0.016);
    stand.far = stand.near;
    stand.lit = sky.sun_light * rgb(0.025, 0.035, 0.008);
    stand.lit_from_left = sky.air.sun.x < 0.0;
    stand.texture = Texture::Leaves;
    let x = *rng.pick(&[0.3, 0.36, 0.64, 0.7]) * w;
    let tall = h.min(w) * rng.range(0.2, 0.42);
    stand.push_tree(rng, x, tall, false);
    stand.without_ground();
    Layer::Stand(Box::new(stand))
}

fn flowers(frame: &Frame, rng: &mut Rng, camera: &Camera, sky: &Sky) -> Layer {
    let petals = [
        rgb(0.75, 0.06, 0.03),
        rgb(0.85, 0.65, 0.04),
        rgb(0.35, 0.15, 0.6),
        rgb(0.85, 0.85, 0.82),
        rgb(0.8, 0.25, 0.4),
        rgb(0.15, 0.2, 0.7),
    ];
    let (main, second) = (*rng.pick(&petals), *rng.pick(&petals));
    let light = sky.ambient + sky.sun_light * f32x4::splat(0.16);
    let offset = rng.range(0.0, 50.0);
    let mut discs = Vec::new();
    for _ in 0..9000 {
        let near = camera.height_m * 1.4;
        let z = near * (46.0f32).powf(rng.unit().powf(0.8));
        let a = (rng.range(-0.05, 1.05) * frame.width as f32 - camera.centre_x) / camera.focal_px;
        let x = a * z;
        if fbm(x / 6.0 + offset, z / 8.0, 3) < rng.range(-0.5, 0.4) {
            continue;
        }
        let stem = rng.range(0.1, 0.5);
        let y = camera.horizon_y + (camera.height_m - stem) * camera.focal_px / z;
        let radius = rng.range(0.014, 0.034) * camera.focal_px / z;
        let colour = if rng.chance(0.8) { main } else { second };
        let shade = rng.range(0.45, 1.1);
        let blur = 1.0 + (z / 9.0 - 1.0).abs().min(1.0) * 0.6;
        let centre = (camera.centre_x + a * camera.focal_px, y);
        let tint = colour * light;
        let petal = |dx: f32, dy: f32, size: f32, shade: f32, colour: Colour, cover: f32| Disc {
            x: centre.0 + dx * radius,
            y: centre.1 + dy * radius,
            radius_x: radius * blur * size,
            radius_y: radius * blur * size * 0.8,
            colour: colour * f32x4::splat(shade),
            soft: (0.12 * blur * blur).min(0.8),
            rim: -0.3,
            cover,
        };
        if radius < frame.milli() * 2.2 {
            discs.push((z, petal(0.0, 0.0, 1.0, shade, tint, 0.9)));
            continue;
        }
        // Near enough to show petals: a ring of them around a dark heart, lit from above.
        let turn = rng.unit();
        let n = rng.below(3) + 4;
        for k in 0..n {
            let t = (k as f32 / n as f32 + turn) * std::f32::consts::TAU;
            let lit = shade * (0.86 - 0.2 * t.sin() + rng.range(-0.1, 0.1));
            discs.push((
                z,
                petal(
                    t.cos() * 0.55,
                    t.sin() * 0.42,
                    rng.range(0.5, 0.68),
                    lit,
                    tint,
                    0.96,
                ),
            ));
        }
        discs.push((
            z,
            petal(0.0, -0.05, 0.26, 0.35, rgb(0.3, 0.25, 0.05) * light, 0.9),
        ));
    }
    discs.sort_by(|a, b| b.0.total_cmp(&a.0));
    Layer::Discs(Discs::new(frame, discs.into_iter().map(|d| d.1).collect()))
}
