//! Daylight: the colour of the air, the sun and clouds.

use wide::f32x4;

use crate::field::{Colour, Field, blend, rgb};
use crate::noise::{fbm, fbm_gain, smoothstep};
use crate::rng::Rng;

const EARTH_M: f32 = 6_360_000.0;
const TOP_M: f32 = 6_450_000.0;
const SUN_POWER: f32 = 22.0;

/// A direction as east (right), up and north (away from the camera).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) z: f32,
}

impl Direction {
    pub(crate) fn new(x: f32, y: f32, z: f32) -> Self {
        let length = (x * x + y * y + z * z).sqrt();
        Self {
            x: x / length,
            y: y / length,
            z: z / length,
        }
    }

    pub(crate) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }
}

/// Single scattering by air, haze and ozone in a round atmosphere, after Nishita et al. 1993.
#[derive(Clone, Debug)]
pub(crate) struct Atmosphere {
    pub(crate) sun: Direction,
    /// Haze relative to clear air.
    pub(crate) haze: f32,
}

const AIR: [f32; 3] = [5.8e-6, 13.5e-6, 33.1e-6];
const OZONE: [f32; 3] = [0.8e-6, 2.3e-6, 0.1e-6];
const HAZE: f32 = 8.0e-6;

impl Atmosphere {
    /// Radiance of the sky without the disc of the sun.
    pub(crate) fn sky(&self, direction: Direction) -> Colour {
        let up = direction.y.max(0.003);
        let origin = EARTH_M + 300.0;
        let length = exit_distance(origin, up, TOP_M);
        let cos = direction.dot(self.sun);
        let air_phase = 0.0597 * (1.0 + cos * cos);
        let haze_phase = 0.75 * henyey(cos, 0.76) + 0.25 * henyey(cos, 0.2);
        let mut depth = [0.0f32; 3];
        let mut sum = [0.0f32; 3];
        let steps = 20;
        let mut from = 0.0f32;
        for i in 0..steps {
            // Steps grow with distance: the dense air is near.
            let to = length * ((i + 1) as f32 / steps as f32).powi(2);
            let (t, dt) = ((from + to) * 0.5, to - from);
            from = to;
            let (px, py) = (t * (1.0 - up * up).max(0.0).sqrt(), origin + t * up);
            let radius = (px * px + py * py).sqrt();
            let height = radius - EARTH_M;
            let (a, h, o) = densities(height);
            // Height angle of the sun where the light is scattered, which matters at twilight.
            let towards = if px > 1.0 {
                let horizontal = (direction.x * self.sun.x + direction.z * self.sun.z)
                    / (direction.x * direction.x + direction.z * direction.z)
                        .sqrt()
                        .max(1e-4);
                (horizontal * px + self.sun.y * py) / radius
            } else {
                self.sun.y
            };
            let light = self.sunlight(radius, towards);
            for c in 0..3 {
                let extinction = AIR[c] * a + HAZE * self.haze * h * 1.1 + OZONE[c] * o;
                depth[c] += extinction * dt * 0.5;
                let scattered = AIR[c] * a * air_phase + HAZE * self.haze * h * haze_phase;
                // A share of what is scattered out comes back from all sides.
                let around = (AIR[c] * a + HAZE * self.haze * h) * 0.026;
                sum[c] += (scattered + around) * light[c] * (-depth[c]).exp() * dt;
                depth[c] += extinction * dt * 0.5;
            }
        }
        rgb(sum[0] * SUN_POWER, sum[1] * SUN_POWER, sum[2] * SUN_POWER)
    }

    /// Transmittance from the sun to a point `radius` from the centre of the Earth.
    fn sunlight(&self, radius: f32, up: f32) -> [f32; 3] {
        let closest = radius * (1.0 - up * up).max(0.0).sqrt();
        let shade = if up < 0.0 {
            smoothstep(EARTH_M - 4_000.0, EARTH_M + 4_000.0, closest)
        } else {
            1.0
        };
        if shade <= 0.0 {
            return [0.0; 3];
        }
        let length = exit_distance(radius, up, TOP_M);
        let steps = 7;
        let (mut air, mut haze, mut ozone) = (0.0, 0.0, 0.0);
        for i in 0..steps {
            let t = length * (i as f32 + 0.5) / steps as f32;
            let height = (radius * radius + t * t + 2.0 * radius * t * up).sqrt() - EARTH_M;
            let (a, h, o) = densities(height.max(0.0));
            air += a;
            haze += h;
            ozone += o;
        }
        let step = length / steps as f32;
        std::array::from_fn(|c| {
            (-(AIR[c] * air + HAZE * self.haze * haze * 1.1 + OZONE[c] * ozone) * step).exp()
                * shade
        })
    }

    /// Light of the sun that reaches the ground, on a surface facing it.
    pub(crate) fn sun_at_ground(&self) -> Colour {
        let [r, g, b] = self.sunlight(EARTH_M + 600.0, self.sun.y.max(-0.02));
        rgb(r, g, b) * f32x4::splat(SUN_POWER * 0.32)
    }
}

fn densities(height: f32) -> (f32, f32, f32) {
    let ozone = (1.0 - (height - 25_000.0).abs() / 15_000.0).max(0.0);
    ((-height / 8_000.0).exp(), (-height / 1_300.0).exp(), ozone)
}

fn exit_distance(radius: f32, up: f32, top: f32) -> f32 {
    let b = radius * up;
    -b + (b * b + top * top - radius * radius).max(0.0).sqrt()
}

fn henyey(cos: f32, g: f32) -> f32 {
    (1.0 - g * g) / (12.566 * (1.0 + g * g - 2.0 * g * cos).powf(1.5))
}

/// How the clouds lie.
#[derive(Clone, Debug)]
pub(crate) struct Clouds {
    /// 0 none, 1 overcast.
    pub(crate) cover: f32,
    /// Size of a cloud relative to its height above the ground.
    pub(crate) size: f32,
    /// 0 soft and thin, 1 firm and thick.
    pub(crate) body: f32,
    /// Stretch along the wind; 1 none.
    pub(crate) stretch: f32,
    pub(crate) wind: f32,
    /// Thin high streaks, 0..1.
    pub(crate) cirrus: f32,
    pub(crate) offset: (f32, f32),
}

impl Clouds {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let cover = match rng.below(6) {
            0 => 0.0,
            1 => rng.range(0.15, 0.3),
            2 | 3 => rng.range(0.3, 0.5),
            4 => rng.range(0.5, 0.7),
            _ => rng.range(0.2, 0.6),
        };
        Self {
            cover,
            size: rng.range(0.7, 2.2),
            body: rng.range(0.25, 1.0),
            stretch: if rng.chance(0.4) {
                rng.range(1.5, 3.5)
            } else {
                1.0
            },
            wind: rng.range(0.0, 3.1),
            cirrus: if rng.chance(0.5) {
                rng.range(0.2, 0.9)
            } else {
                0.0
            },
            offset: (rng.range(0.0, 90.0), rng.range(0.0, 90.0)),
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            cover: 0.0,
            size: 1.0,
            body: 0.5,
            stretch: 1.0,
            wind: 0.0,
            cirrus: 0.0,
            offset: (0.0, 0.0),
        }
    }

    fn density(&self, x: f32, y: f32, octaves: u32) -> f32 {
        let (sin, cos) = (self.wind.sin(), self.wind.cos());
        let (u, v) = (x * cos + y * sin, (y * cos - x * sin) * self.stretch);
        let warp = fbm(u * 0.6 + 31.0, v * 0.6 + 7.0, 2);
        let n = fbm_gain(u + warp * 0.7, v + warp * 0.5, octaves, 0.52) * 0.5 + 0.5;
        let large = fbm(u * 0.23 + 3.0, v * 0.23 + 11.0, 2) * 0.22;
        let threshold = 1.0 - self.cover;
        let softness = 0.42 - 0.3 * self.body;
        smoothstep(threshold - softness * 0.35, threshold + softness, n + large)
    }

    fn streaks(&self, x: f32, y: f32) -> f32 {
        let (sin, cos) = ((self.wind + 0.5).sin(), (self.wind + 0.5).cos());
        let (u, v) = (x * cos + y * sin, (y * cos - x * sin) * 4.0);
        let warp = fbm(u * 0.4 + 51.0, v * 0.1 + 3.0, 3);
        let n = fbm_gain(u * 0.7 + warp, v * 0.7 + warp * 2.5, 5, 0.6) * 0.5 + 0.5;
        smoothstep(0.35, 1.0, n)
            * smoothstep(
                -0.2,
                0.5,
                fbm(x * 0.2 + 9.0, y * 0.2, 2) + self.cirrus * 0.4,
            )
    }
}

/// The daylight of one picture.
pub(crate) struct Sky {
    pub(crate) air: Atmosphere,
    pub(crate) clouds: Clouds,
    /// Sunlight on a surface facing the sun.
    pub(crate) sun_light: Colour,
    /// Light from the whole sky on a level surface.
    pub(crate) ambient: Colour,
    grid: Field,
    /// Whether the disc of the sun shows.
    pub(crate) disc: bool,
}

impl Sky {
    pub(crate) fn new(air: Atmosphere, clouds: Clouds, disc: bool) -> Self {
        // Directions by azimuth (all around) and by the square root of height, dense at the horizon.
        let (columns, rows) = (96, 40);
        let grid = Field::build(columns, rows, 1, |i, j| {
            let azimuth = (i as f32 / (columns - 1) as f32 - 0.5) * std::f32::consts::TAU;
            let up = (j as f32 / (rows - 1) as f32).powi(2);
            let flat = (1.0 - up * up).sqrt();
            air.sky(Direction {
                x: azimuth.sin() * flat,
                y: up,
                z: azimuth.cos() * flat,
            })
        });
        let mut ambient = f32x4::ZERO;
        for j in 0..rows {
            for i in (0..columns).step_by(4) {
                ambient += grid.data[j * columns + i];
            }
        }
        let ambient = ambient * f32x4::splat(1.35 / (rows * columns / 4) as f32);
        let shade = (1.0 - 0.75 * smoothstep(0.5, 0.85, clouds.cover))
            * smoothstep(-0.09, -0.005, air.sun.y);
        let sun_light = air.sun_at_ground() * f32x4::splat(shade);
        Self {
            air,
            clouds,
            sun_light,
            ambient,
            grid,
            disc,
        }
    }

    /// The clear sky.
    pub(crate) fn clear(&self, d: Direction) -> Colour {
        let azimuth = d.x.atan2(d.z);
        let u = (azimuth / std::f32::consts::TAU + 0.5) * 95.0;
        let v = d.y.max(0.0).sqrt() * 39.0;
        self.grid.at(u, v)
    }

    /// Everything above the horizon: air, sun and clouds. The fourth channel is how much fine structure there is.
    pub(crate) fn look(&self, d: Direction) -> Colour {
        let mut colour = self.clear(d);
        let sun_cos = d.dot(self.air.sun);
        if self.disc {
            colour += self.sun_disc(sun_cos);
        }
        let mut structure = 0.0;
        let height = d.y.max(0.0);
        if self.clouds.cirrus > 0.0 && height > 0.01 {
            let t = 1.6 / (height + 0.09);
            let a =
                self.clouds.streaks(d.x * t + self.clouds.offset.1, d.z * t) * self.clouds.cirrus;
            let a = a * smoothstep(0.01, 0.12, height) * 0.75;
            let lit = self.sun_light * f32x4::splat(0.10 + 0.45 * henyey(sun_cos, 0.6))
                + self.ambient * f32x4::splat(0.55);
            colour = blend(colour, lit, a);
            structure = a * 0.15;
        }
        if self.clouds.cover > 0.02 && height > 0.004 {
            let (cloud, alpha) = self.cloud(d, sun_cos);
            colour = blend(colour, cloud, alpha);
            structure += alpha * (1.0 - alpha) * 0.3 + alpha * 0.04;
        }
        let [r, g, b, _] = colour.to_array();
        f32x4::new([r, g, b, structure])
    }

    pub(crate) fn sun_disc(&self, cos: f32) -> Colour {
        // Larger than the real half degree: lenses and sensors spread it.
        let angle = (1.0 - cos).max(0.0).sqrt() * 1.414;
        let disc = smoothstep(0.0125, 0.006, angle) * 30.0;
        let glow =
            1.2 * (-angle * 55.0).exp() + 0.3 * (-angle * 16.0).exp() + 0.04 * (-angle * 5.0).exp();
        self.sun_light * f32x4::splat(disc + glow)
    }

    fn cloud(&self, d: Direction, sun_cos: f32) -> (Colour, f32) {
        let clouds = &self.clouds;
        // The layer is curved, so that it comes down to the horizon.
        let t = 1.0 / (d.y + 0.055 + 0.02 * (1.0 - d.y));
        let scale = 1.0 / clouds.size;
        let (x, y) = (
            d.x * t * scale + clouds.offset.0,
            d.z * t * scale + clouds.offset.1,
        );
        let octaves = if d.y > 0.12 { 8 } else { 6 };
        let density = clouds.density(x, y, octaves);
        if density <= 0.002 {
            return (f32x4::ZERO, 0.0);
        }
        let sun = self.air.sun;
        let step = 0.13;
        let flat = (sun.x * sun.x + sun.z * sun.z).sqrt().max(0.05);
        let low = 1.0 + 1.5 * (1.0 - sun.y.max(0.0));
        let mut depth = density * 0.35;
        for i in 1..=3 {
            let r = step * (i * i) as f32 * 0.5 * low.min(2.0);
            depth += clouds.density(x + sun.x / flat * r, y + sun.z / flat * r, 4)
                * (0.45 + 0.25 * i as f32);
        }
        let through = (-depth * (0.5 + 1.4 * clouds.body)).exp();
        let powder = 1.0 - 0.45 * (-density * 2.5).exp();
        let phase = 0.16 + 0.22 * henyey(sun_cos, 0.72) + 0.1 * henyey(sun_cos, -0.2);
        let direct = self.sun_light * f32x4::splat(through * powder * phase * 2.0);
        let around = self.ambient * f32x4::splat((0.62 - 0.34 * density * clouds.body) * 0.9);
        let mut colour = direct + around;
        // Far clouds fade into the air.
        let far = (-0.9 * (t - 1.0).max(0.0) * 0.12).exp();
        colour = blend(self.clear(d), colour, far);
        let alpha =
            (1.0 - (-density * (1.5 + 6.0 * clouds.body)).exp()) * smoothstep(0.0, 0.035, d.y);
        (colour, alpha)
    }
}
