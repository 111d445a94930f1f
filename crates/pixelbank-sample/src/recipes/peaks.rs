//! High mountains: bare, mirrored in a lake, under snow.

use wide::f32x4;

use super::landscape::{finish, foreground_trees, sky_layer, sun, time_of_day};
use crate::field::{Colour, blend, rgb};
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, eroded, fbm, mix, noise, ridged, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Sky};
use crate::terrain::{Air, Ground, Lay, Terrain};
use crate::water::Water;

/// A picture's worth of parameters for high mountains.
pub(super) struct Peaks {
    offset: (f32, f32),
    scale_m: f32,
    pub(super) height_m: f32,
    sharp: f32,
    pub(super) start_m: f32,
    pub(super) base_m: f32,
}

impl Peaks {
    pub(super) fn random(rng: &mut Rng) -> Self {
        Self {
            offset: (rng.range(0.0, 100.0), rng.range(0.0, 100.0)),
            scale_m: rng.range(3800.0, 6500.0),
            height_m: rng.range(2100.0, 3400.0),
            sharp: rng.range(0.35, 0.8),
            start_m: rng.range(1500.0, 4500.0),
            base_m: 0.0,
        }
    }

    /// Lowers or raises the range until its highest part stands `share` of the picture's height above the horizon.
    pub(super) fn fit(&mut self, frame: &Frame, camera: &Camera, near_m: f32, share: f32) {
        let half_angle = frame.width as f32 * 0.5 / camera.focal_px;
        let mut tallest = 0.02f32;
        for k in 0..40 {
            let z = near_m * (30_000.0 / near_m).powf(k as f32 / 39.0);
            for i in -12..=12 {
                let h = self.height(i as f32 / 12.0 * half_angle * z, z, 5) - camera.height_m;
                tallest = tallest.max(h / z);
            }
        }
        let wanted = share * frame.height as f32 / camera.focal_px;
        self.height_m *= (wanted / tallest).clamp(0.25, 1.6);
    }

    pub(super) fn height(&self, x: f32, z: f32, octaves: u32) -> f32 {
        let (u, v) = (
            x / self.scale_m + self.offset.0,
            z / self.scale_m + self.offset.1,
        );
        let warp = noise(u * 1.3, v * 1.3) * 0.25;
        let soft = eroded(u * 1.1 + warp, v * 1.1, octaves.min(11)) * 1.1 - 0.15;
        let sharp = ridged(u * 0.8, v * 0.8 + warp, octaves.min(9)) * 1.25 - 0.1;
        let shape = mix(soft, sharp, self.sharp);
        let rise = smoothstep(self.start_m * 0.5, self.start_m * 2.6, z);
        shape.max(-0.1) * self.height_m * rise
            + fbm(u * 3.0, v * 3.0, octaves.min(6)) * 40.0
            + self.base_m
    }
}

/// Rock, scree, grass, forest and snow by height and slope.
struct Cover {
    rock: Colour,
    grass: Colour,
    forest: Colour,
    tree_line_m: f32,
    snow_line_m: f32,
    offset: f32,
}

impl Cover {
    fn random(rng: &mut Rng, peaks: &Peaks) -> Self {
        let rocks = [
            rgb(0.20, 0.185, 0.17),
            rgb(0.25, 0.21, 0.17),
            rgb(0.15, 0.15, 0.16),
            rgb(0.3, 0.27, 0.24),
            rgb(0.24, 0.17, 0.13),
        ];
        let grasses = [
            rgb(0.10, 0.125, 0.04),
            rgb(0.15, 0.15, 0.055),
            rgb(0.22, 0.16, 0.07),
            rgb(0.085, 0.11, 0.04),
        ];
        let forests = [
            rgb(0.022, 0.042, 0.018),
            rgb(0.03, 0.05, 0.015),
            rgb(0.11, 0.065, 0.018),
            rgb(0.018, 0.035, 0.02),
        ];
        Self {
            rock: *rng.pick(&rocks),
            grass: *rng.pick(&grasses),
            forest: *rng.pick(&forests),
            tree_line_m: peaks.height_m * rng.range(0.12, 0.4),
            snow_line_m: peaks.height_m * rng.range(0.35, 1.0),
            offset: rng.range(0.0, 50.0),
        }
    }

    fn at(&self, g: &Ground) -> Colour {
        let (u, v) = (g.x / 700.0 + self.offset, g.z / 700.0);
        let patch = fbm(u, v, 4);
        let strata = noise(g.height / 38.0 + patch * 2.0, g.x / 900.0) * 0.22;
        let mut colour = self.rock * f32x4::splat((1.0 + strata + 0.35 * patch).max(0.3));
        let mut detail = 0.20;
        let green = smoothstep(0.62, 0.86, g.level + patch * 0.08)
            * smoothstep(
                self.tree_line_m * 2.6,
                self.tree_line_m * 1.4,
                g.height + patch * 120.0,
            );
        colour = blend(colour, self.grass * f32x4::splat(1.0 + 0.3 * patch), green);
        detail = mix(detail, 0.12, green);
        let wood = smoothstep(0.5, 0.72, g.level)
            * smoothstep(
                self.tree_line_m * 1.15,
                self.tree_line_m * 0.8,
                g.height + patch * 190.0,
            )
            * smoothstep(-0.25, 0.05, patch + 0.1);
        let clumps = (0.85 + 0.35 * noise(g.x / 60.0, g.z / 60.0) + 0.4 * g.grain).max(0.2);
        colour = blend(colour, self.forest * f32x4::splat(clumps), wood);
        detail = mix(detail, 0.38, wood);
        let snow = smoothstep(-60.0, 160.0, g.height - self.snow_line_m + patch * 260.0)
            * smoothstep(0.52, 0.72, g.level + 0.12 * patch);
        colour = blend(colour, rgb(0.82, 0.85, 0.9), snow);
        detail = mix(detail, 0.05, snow);
        let [r, gg, b, _] = colour.to_array();
        f32x4::new([r, gg, b, detail])
    }
}

pub(crate) fn mountains(frame: &Frame, rng: &mut Rng) -> Composition {
    let portrait = frame.height > frame.width;
    let camera = Camera::new(
        frame,
        rng.range(0.52, 0.68),
        rng.range(30.0, 58.0),
        rng.range(150.0, 420.0),
    );
    let elevation = time_of_day(rng);
    let ahead = elevation < 6.0 && rng.chance(0.5);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.5, 2.5),
    };
    let sky = Sky::new(air, Clouds::random(rng), true);
    let mut peaks = Peaks::random(rng);
    peaks.fit(
        frame,
        &camera,
        800.0,
        camera.horizon_y / frame.height as f32 - rng.range(0.1, 0.34),
    );
    let cover = Cover::random(rng, &peaks);
    let lay = Lay {
        near_m: 260.0,
        far_m: 42_000.0,
        steps: 620,
        rough: 0.22,
        texture: Texture::Rough,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.006, 0.032),
        fog_per_km: if rng.chance(0.4) {
            rng.range(0.1, 0.5)
        } else {
            0.0
        },
        fog_height_m: rng.range(60.0, 220.0),
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| peaks.height(x, z, o),
        |g| cover.at(g),
    );
    let mut layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    if rng.chance(if portrait { 0.7 } else { 0.5 }) {
        layers.push(foreground_trees(frame, rng, &sky, 0.93));
    }
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn lake(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.45, 0.6),
        rng.range(34.0, 60.0),
        rng.range(3.0, 14.0),
    );
    let elevation = time_of_day(rng);
    let ahead = elevation < 6.0 && rng.chance(0.5);
    let air = Atmosphere {
        sun: sun(rng, elevation, ahead),
        haze: rng.range(0.4, 2.0),
    };
    let sky = Sky::new(air, Clouds::random(rng), true);
    let mut peaks = Peaks::random(rng);
    peaks.start_m = rng.range(1200.0, 3000.0);
    peaks.base_m = -60.0;
    peaks.fit(
        frame,
        &camera,
        1500.0,
        camera.horizon_y / frame.height as f32 - rng.range(0.08, 0.28),
    );
    let cover = Cover::random(rng, &peaks);
    let lay = Lay {
        near_m: 500.0,
        far_m: 30_000.0,
        steps: 620,
        rough: 0.25,
        texture: Texture::Rough,
        sea: true,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.006, 0.03),
        fog_per_km: if rng.chance(0.4) {
            rng.range(0.05, 0.2)
        } else {
            0.0
        },
        fog_height_m: rng.range(30.0, 90.0),
    };
    let shore = rng.range(700.0, 1600.0);
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| {
            let bank = smoothstep(
                shore,
                shore * 1.5,
                z + 350.0 * fbm(x / 900.0 + peaks.offset.0, z / 900.0, 5),
            );
            mix(-50.0, peaks.height(x, z, o) + 75.0, bank)
        },
        |g| cover.at(g),
    );
    let mut layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    let water = Water {
        ratio: frame.ratio().floor(),
        mirror: preview(&layers, frame, frame.ratio() as u32),
        camera,
        waves: if rng.chance(0.5) {
            rng.range(0.001, 0.004)
        } else {
            rng.range(0.006, 0.02)
        },
        depth: sky.ambient
            * *rng.pick(&[
                rgb(0.01, 0.03, 0.04),
                rgb(0.01, 0.06, 0.07),
                rgb(0.015, 0.03, 0.02),
            ]),
        wave_m: rng.range(1.5, 5.0),
        foam: 0.0,
        light: sky.ambient,
    };
    layers.insert(1, Layer::Water(Box::new(water)));
    if rng.chance(0.35) {
        layers.push(foreground_trees(frame, rng, &sky, 1.0));
    }
    finish(frame, &camera, &sky, rng, layers)
}

pub(crate) fn snow(frame: &Frame, rng: &mut Rng) -> Composition {
    let camera = Camera::new(
        frame,
        rng.range(0.5, 0.62),
        rng.range(30.0, 52.0),
        rng.range(60.0, 260.0),
    );
    let elevation = rng.range(1.0, 22.0);
    let air = Atmosphere {
        sun: sun(rng, elevation, false),
        haze: rng.range(0.3, 1.2),
    };
    let sky = Sky::new(air, Clouds::random(rng), true);
    let mut peaks = Peaks::random(rng);
    peaks.sharp = rng.range(0.2, 0.5);
    peaks.fit(
        frame,
        &camera,
        800.0,
        camera.horizon_y / frame.height as f32 - rng.range(0.1, 0.32),
    );
    let wood_line = peaks.height_m * rng.range(0.08, 0.25);
    let offset = rng.range(0.0, 50.0);
    let lay = Lay {
        near_m: 90.0,
        far_m: 40_000.0,
        steps: 640,
        rough: 0.18,
        texture: Texture::Rough,
        sea: false,
        shadows: true,
    };
    let haze = Air {
        haze_per_km: rng.range(0.008, 0.03),
        fog_per_km: if rng.chance(0.4) {
            rng.range(0.1, 0.5)
        } else {
            0.0
        },
        fog_height_m: rng.range(60.0, 200.0),
    };
    let terrain = Terrain::new(
        frame,
        &camera,
        &sky,
        haze,
        &lay,
        |x, z, o| peaks.height(x, z, o),
        |g| {
            let patch = fbm(g.x / 600.0 + offset, g.z / 600.0, 4);
            let rock = smoothstep(0.66, 0.5, g.level + patch * 0.1);
            let wood = smoothstep(wood_line * 1.2, wood_line * 0.7, g.height + patch * 160.0)
                * smoothstep(-0.1, 0.1, patch + 0.05)
                * smoothstep(300.0, 900.0, g.z);
            let mut colour = blend(rgb(0.84, 0.86, 0.9), rgb(0.16, 0.15, 0.15), rock);
            colour = blend(
                colour,
                rgb(0.05, 0.065, 0.06) * f32x4::splat((1.0 + 0.5 * g.grain).max(0.2)),
                wood * (0.8 + 0.2 * g.grain).clamp(0.0, 1.0),
            );
            let [r, gg, b, _] = colour.to_array();
            f32x4::new([r, gg, b, 0.03 + 0.2 * rock + 0.4 * wood])
        },
    );
    let mut layers = vec![
        sky_layer(frame, &camera, &sky),
        Layer::Terrain(Box::new(terrain)),
    ];
    if rng.chance(0.5) {
        layers.push(foreground_trees(frame, rng, &sky, 0.95));
    }
    finish(frame, &camera, &sky, rng, layers)
}
