//! Daylight landscapes, and what they have in common.

use wide::f32x4;

use crate::backdrop::Backdrop;
use crate::field::{blend, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, eroded, fbm, mix, noise, ridged, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Glow, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Direction, Sky};
use crate::terrain::{Air, Lay, Terrain};
use crate::trees::Stand;
use crate::water::Water;

/// Times of day by the height of the sun in degrees.
pub(super) fn time_of_day(rng: &mut Rng) -> f32 {
    match rng.below(10) {
        0 => rng.range(-4.5, -1.5),
        1..=3 => rng.range(0.5, 5.0),
        4 | 5 => rng.range(5.0, 14.0),
        6 | 7 => rng.range(14.0, 30.0),
        _ => rng.range(30.0, 55.0),
    }
}

/// A sun `elevation` degrees up; `ahead` puts it in the picture, otherwise it stands to the side or behind.
pub(super) fn sun(rng: &mut Rng, elevation: f32, ahead: bool) -> Direction {
    let azimuth = if ahead {
        rng.range(-22.0, 22.0)
    } else {
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        side * rng.range(55.0, 130.0)
    };
    let (e, a) = (elevation.to_radians(), azimuth.to_radians());
    Direction {
        x: a.sin() * e.cos(),
        y: e.sin(),
        z: a.cos() * e.cos(),
    }
}

pub(super) fn sky_layer(frame: &Frame, camera: &Camera, sky: &Sky) -> Layer {
    let field = Backdrop::paint_field(frame, |x, y| {
        let d = camera.direction(x, y.min(camera.horizon_y));
        sky.look(d)
    });
    let texture = if frame.ratio() > 3.0 {
        Texture::Rough
    } else {
        Texture::Fine
    };
    Layer::Backdrop(Backdrop::new(frame, field, texture))
}

fn glow(frame: &Frame, camera: &Camera, sky: &Sky, strength: f32) -> Vec<Glow> {
    let Some((x, y)) = camera.project(sky.air.sun) else {
        return Vec::new();
    };
    let (w, h) = (frame.width as f32, frame.height as f32);
    if sky.air.sun.y < -0.01
        || x < -0.2 * w
        || x > 1.2 * w
        || y < -0.3 * h
        || y > camera.horizon_y + 0.02 * h
    {
        return Vec::new();
    }
    vec![Glow {
        x,
        y,
        radius: frame.milli() * 90.0,
        colour: sky.sun_light * f32x4::splat(strength),
    }]
}

pub(super) fn finish(
    frame: &Frame,
    camera: &Camera,
    sky: &Sky,
    rng: &mut Rng,
    layers: Vec<Layer>,
) -> Composition {
    Composition {
        layers,
        grade: Grade::random(rng),
        glows: glow(frame, camera, sky, 0.035),
    }
}

/// Dark conifers along the bottom.
pub(super) fn foreground_trees(frame: &Frame, rng: &mut Rng, sky: &Sky, level: f32) -> Layer {
    let tall = frame.height as f32 * rng.range(0.1, 0.26);
    let mut stand = Stand::new(frame, rng, level, 0.04, 0.5).tilted(
        frame,
        rng.range(-0.16, 0.16),
        rng.range(-0.1, 0.05),
    );
    stand.near = sky.ambient * rgb(0.02, 0.03, 0.018);
    stand.far = sky.ambient * rgb(0.012, 0.016, 0.01);
    stand.lit = sky.sun_light * rgb(0.006, 0.009, 0.003);
    stand.lit_from_left = sky.air.sun.x < 0.0;
    Layer::Stand(Box::new(stand.plant(
        rng,
        tall,
        rng.clone().below(60) + 25,
        true,
        0.9,
    )))
}

pub(crate) fn sea(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.4, 0.68),
        rng.range(35.0, 62.0),
        rng.range(2.5, 12.0),
    );
    let elevation = if rng.chance(0.8) {
        rng.range(0.4, 7.0)
    } else {
        rng.range(-4.0, 35.0)
    };
    let ahead = elevation < 12.0;
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.8, 4.0),
    };
    let mut clouds = Clouds::random(rng);
    clouds.cover = clouds.cover.max(rng.range(0.2, 0.55));
    let sky = Sky::new(air, clouds, true);
    let mut layers = vec![sky_layer(frame, &camera, &sky)];
    if rng.chance(0.6) {
        let offset = rng.range(0.0, 100.0);
        let (place, tall) = (rng.range(-0.5, 0.5), rng.range(120.0, 420.0));
        let lay = Lay {
            near_m: 3000.0,
            far_m: 16_000.0,
            steps: 260,
            rough: 0.25,
            texture: Texture::Rough,
            sea: true,
            shadows: false,
        };
        let haze = Air {
            haze_per_km: rng.range(0.03, 0.09),
            fog_per_km: 0.0,
            fog_height_m: 50.0,
        };
        let terrain = Terrain::new(
            frame,
            &camera,
            &sky,
            haze,
            &lay,
            |x, z, o| {
                let island = fbm(x / 2600.0 + offset, z / 3000.0, 2) + 0.35
                    - ((x / z - place) * 2.2).powi(2);
                (island - 0.25) * tall * 1.4
                    + (eroded(x / 1500.0 + offset, z / 1500.0, o.min(9)) - 0.3)
                        * tall
                        * smoothstep(0.1, 0.6, island)
            },
            |g| f32x4::new([0.09, 0.085, 0.06, 0.2]) * f32x4::splat(0.7 + g.level * 0.3),
        );
        layers.push(Layer::Terrain(Box::new(terrain)));
    }
    let water = Water {
        ratio: frame.ratio().floor(),
        mirror: preview(&layers, frame, frame.ratio() as u32),
        camera,
        waves: rng.range(0.02, 0.055),
        depth: sky.ambient
            * *rng.pick(&[
                rgb(0.01, 0.05, 0.07),
                rgb(0.005, 0.03, 0.05),
                rgb(0.02, 0.07, 0.07),
            ]),
        wave_m: rng.range(3.0, 9.0),
        foam: if rng.chance(0.4) {
            rng.range(0.1, 0.5)
        } else {
            0.0
        },
        light: sky.ambient * f32x4::splat(0.8) + sky.sun_light * f32x4::splat(0.06),
    };
    layers.insert(1, Layer::Water(Box::new(water)));
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn dunes(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.3, 0.5),
        rng.range(36.0, 60.0),
        rng.range(14.0, 40.0),
    );
    let elevation = rng.range(4.0, 32.0);
    let air = Atmosphere {
        sun: sun(rng, elevation, false),
        haze: rng.range(0.8, 3.0),
    };
    let mut clouds = Clouds::random(rng);
    clouds.cover *= 0.6;
    let sky = Sky::new(air, clouds, true);
    let offset = (rng.range(0.0, 100.0), rng.range(0.0, 100.0));
    let wind = rng.range(-0.8, 0.8);
    let tall = rng.range(22.0, 60.0);
    let sand = *rng.pick(&[
        rgb(0.52, 0.32, 0.15),
        rgb(0.60, 0.42, 0.24),
        rgb(0.55, 0.26, 0.11),
        rgb(0.62, 0.5, 0.36),
    ]);
    let lay = Lay {
        near_m: 10.0,
        far_m: 9000.0,
        steps: 860,
        rough: 0.0,
        texture: Texture::Ripples,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.04, 0.12),
        fog_per_km: 0.0,
        fog_height_m: 50.0,
    };
    let dune = move |x: f32, z: f32, wave: f32, seed: f32| {
        let (u, v) = (
            x * wind.cos() + z * wind.sin(),
            z * wind.cos() - x * wind.sin(),
        );
        let warp = fbm(u / wave * 0.45 + seed, v / wave * 0.45 + offset.1, 3);
        let p = u / wave + warp * 1.1 + noise(v / wave * 0.9, seed) * 0.25;
        let t = p - p.floor();
        // A long climb and a short, steep lee, meeting in a crest that is only just rounded.
        let climb = smoothstep(0.0, 1.3, t / 0.72) * 1.12;
        let lee = (1.0 - t) / 0.28;
        let lee = lee * (1.7 - 0.6 * lee.min(1.0));
        let gap = (0.5 + 0.5 * (lee - climb) / 0.07).clamp(0.0, 1.0);
        let profile = mix(lee, climb, gap) - 0.07 * gap * (1.0 - gap);
        let strength = smoothstep(
            -0.45,
            0.4,
            noise(u / wave * 0.37 + 9.0, v / wave * 0.33 + seed),
        );
        profile * strength
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, _| {
            let big = dune(x, z, 210.0, offset.0) * tall;
            let small = dune(x + 70.0, z, 62.0, offset.1 + 5.0) * tall * 0.16;
            let swell =
                fbm(x / 900.0 + offset.1, z / 900.0, 3) * tall * 0.7 * smoothstep(20.0, 400.0, z);
            big * smoothstep(8.0, 60.0, z) + small + swell - tall * 0.2
        },
        |g| {
            let tone = 1.0 + 0.08 * fbm(g.x / 30.0, g.z / 30.0, 3);
            let near = smoothstep(220.0, 15.0, g.z);
            let ripple = 1.0
                + 0.10
                    * near
                    * ((g.z + g.x * 0.35 + 2.2 * fbm(g.x / 7.0, g.z / 7.0, 3)) * 3.2).sin();
            let [r, gg, b, _] = (sand * f32x4::splat(tone * ripple)).to_array();
            f32x4::new([r, gg, b, 0.035 + 0.03 * near])
        },
    );
    let layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn fog_forest(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(frame, 0.75, 45.0, 20.0);
    let elevation = rng.range(2.0, 14.0);
    let ahead = rng.chance(0.6);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(3.0, 8.0),
    };
    let sky = Sky::new(air, Clouds::none(), rng.chance(0.3));
    let tint = *rng.pick(&[
        rgb(1.0, 1.0, 1.0),
        rgb(0.85, 1.0, 1.05),
        rgb(1.1, 1.0, 0.85),
        rgb(0.8, 0.95, 1.2),
    ]);
    let fog = {
        let mut d = camera.towards(frame, 0.5, 0.4);
        d.y = 0.12;
        let c = sky.clear(d);
        (blend(c, sky.ambient, 0.5)) * tint
    };
    let field = Backdrop::paint_field(frame, |x, y| {
        let d = camera.direction(x, y.min(camera.horizon_y));
        let t = y / frame.height as f32;
        let drift = fbm(x / frame.width as f32 * 2.0, t * 5.0, 4) * 0.1;
        blend(
            sky.look(d) * tint,
            fog,
            (0.7 + t * 0.6 + drift).clamp(0.0, 1.0),
        ) * f32x4::new([1.0, 1.0, 1.0, 0.0])
    });
    let mut layers = vec![Layer::Backdrop(Backdrop::new(frame, field, Texture::Fine))];
    let ranks = rng.below(3) + 5;
    let slope = rng.range(-0.22, 0.22);
    let dark = *rng.pick(&[
        rgb(0.018, 0.026, 0.02),
        rgb(0.03, 0.03, 0.02),
        rgb(0.015, 0.022, 0.028),
    ]);
    for i in 0..ranks {
        let t = (i as f32 + 0.6) / ranks as f32;
        let level = mix(0.42, 1.02, t.powf(0.85)) + rng.range(-0.03, 0.03);
        let tall = frame.height as f32 * mix(0.09, 0.42, t.powf(1.4)) * rng.range(0.85, 1.15);
        let clear = t.powf(1.6);
        let mut stand = Stand::new(frame, rng, level, 0.05, 0.45).tilted(
            frame,
            slope * (1.0 - 0.5 * t) + rng.range(-0.08, 0.08),
            0.0,
        );
        let own = sky.ambient * dark;
        stand.near = blend(fog, own, clear);
        stand.far = blend(fog, own, (clear - 0.32).max(0.0));
        stand.depth_px = tall * 0.5;
        stand.detail = 0.06 + 0.2 * clear;
        stand.lit = sky.sun_light * rgb(0.002, 0.003, 0.001) * f32x4::splat(clear);
        stand.lit_from_left = sky.air.sun.x < 0.0;
        let count = (mix(170.0, 34.0, t) * frame.width as f32 / frame.height as f32 / 1.4) as usize;
        layers.push(Layer::Stand(Box::new(
            stand.plant(rng, tall, count, true, 0.75),
        )));
    }
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn mist(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.34, 0.5),
        rng.range(24.0, 44.0),
        rng.range(420.0, 800.0),
    );
    let elevation = rng.range(0.3, 9.0);
    let ahead = rng.chance(0.65);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.8, 3.5),
    };
    let mut clouds = Clouds::random(rng);
    clouds.cover *= 0.7;
    let sky = Sky::new(air, clouds, true);
    let offset = rng.range(0.0, 100.0);
    let tall = rng.range(350.0, 700.0);
    let lay = Lay {
        near_m: 700.0,
        far_m: 60_000.0,
        steps: 640,
        rough: 0.3,
        texture: Texture::Rough,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.03, 0.08),
        fog_per_km: rng.range(0.8, 2.5),
        fog_height_m: rng.range(50.0, 110.0),
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| {
            let long = ridged(
                x / 9000.0 + offset,
                z / 3800.0 + noise(x / 5000.0, offset) * 0.6,
                o.min(7),
            );
            let fine = eroded(x / 2600.0 + offset, z / 2600.0, o.min(9));
            (long * 0.9 + fine * 0.35 - 0.3) * tall * (0.3 + 0.7 * smoothstep(500.0, 3000.0, z))
        },
        |g| {
            let patch = fbm(g.x / 500.0, g.z / 500.0 + offset, 4);
            let [r, gg, b, _] = (rgb(0.035, 0.055, 0.025)
                * f32x4::splat((1.0 + 0.5 * patch + 0.4 * g.grain).max(0.2)))
            .to_array();
            f32x4::new([r, gg, b, 0.3])
        },
    );
    let mut layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    if rng.chance(0.45) {
        layers.push(foreground_trees(frame, rng, &sky, 0.97));
    }
    finish(frame, &camera, &sky, rng, layers)
}
