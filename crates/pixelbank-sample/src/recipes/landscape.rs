//! Daylight landscapes.

use wide::f32x4;

use crate::backdrop::Backdrop;
use crate::discs::{Disc, Discs};
use crate::field::{Colour, blend, rgb};
use crate::finish::Grade;
use crate::frame::{Camera, Frame};
use crate::noise::{Texture, eroded, fbm, mix, noise, ridged, smoothstep};
use crate::rng::Rng;
use crate::scene::{Composition, Glow, Layer, preview};
use crate::sky::{Atmosphere, Clouds, Direction, Sky};
use crate::terrain::{Air, Ground, Lay, Terrain};
use crate::trees::Stand;
use crate::water::Water;

/// Times of day by the height of the sun in degrees.
fn time_of_day(rng: &mut Rng) -> f32 {
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

/// Dark conifers along the bottom.
fn foreground_trees(frame: &Frame, rng: &mut Rng, sky: &Sky, level: f32) -> Layer {
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
