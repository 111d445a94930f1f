//! Lattice noise for building scenes, and wrapping detail tiles for the pixels.

use std::sync::OnceLock;

use crate::rng::Rng;

const PERIOD: usize = 128;

/// Random unit vectors on a wrapping lattice; a table is faster than hashing and 128 KiB stays in the second-level cache.
fn lattice() -> &'static [[f32; 2]] {
    static LATTICE: OnceLock<Vec<[f32; 2]>> = OnceLock::new();
    LATTICE.get_or_init(|| {
        let mut rng = Rng::new(0x6E6F_6973);
        (0..PERIOD * PERIOD)
            .map(|_| {
                let angle = rng.range(0.0, std::f32::consts::TAU);
                [angle.cos(), angle.sin()]
            })
            .collect()
    })
}

/// `f32::floor` compiles to a library call on baseline x86-64; this does not.
#[inline(always)]
pub(crate) fn floor_i(x: f32) -> i32 {
    let i = x as i32;
    i - i32::from((i as f32) > x)
}

#[inline(always)]
fn corner(table: &[[f32; 2]], x: i32, y: i32) -> [f32; 2] {
    table[((y as usize & (PERIOD - 1)) * PERIOD) | (x as usize & (PERIOD - 1))]
}

/// Gradient noise, about -0.7..0.7, zero at lattice points.
#[inline]
pub(crate) fn noise(x: f32, y: f32) -> f32 {
    let table = lattice();
    let (xi, yi) = (floor_i(x), floor_i(y));
    let (fx, fy) = (x - xi as f32, y - yi as f32);
    let u = fx * fx * fx * (fx * (fx * 6.0 - 15.0) + 10.0);
    let v = fy * fy * fy * (fy * (fy * 6.0 - 15.0) + 10.0);
    let dot = |g: [f32; 2], dx: f32, dy: f32| g[0] * dx + g[1] * dy;
    let a = dot(corner(table, xi, yi), fx, fy);
    let b = dot(corner(table, xi + 1, yi), fx - 1.0, fy);
    let c = dot(corner(table, xi, yi + 1), fx, fy - 1.0);
    let d = dot(corner(table, xi + 1, yi + 1), fx - 1.0, fy - 1.0);
    let top = a + (b - a) * u;
    let bottom = c + (d - c) * u;
    top + (bottom - top) * v
}

/// Value noise in 0..1 with its derivatives by x and y.
#[inline]
pub(crate) fn value_with_slope(x: f32, y: f32) -> (f32, f32, f32) {
    let table = lattice();
    let (xi, yi) = (floor_i(x), floor_i(y));
    let (fx, fy) = (x - xi as f32, y - yi as f32);
    let u = fx * fx * (3.0 - 2.0 * fx);
    let v = fy * fy * (3.0 - 2.0 * fy);
    let (du, dv) = (6.0 * fx * (1.0 - fx), 6.0 * fy * (1.0 - fy));
    let at = |x, y| corner(table, x, y)[0] * 0.5 + 0.5;
    let (a, b, c, d) = (
        at(xi, yi),
        at(xi + 1, yi),
        at(xi, yi + 1),
        at(xi + 1, yi + 1),
    );
    let k = a - b - c + d;
    (
        a + (b - a) * u + (c - a) * v + k * u * v,
        du * (b - a + k * v),
        dv * (c - a + k * u),
    )
}

/// Each octave is turned, so that the lattice never shows.
#[inline(always)]
pub(crate) fn turn(x: f32, y: f32) -> (f32, f32) {
    (1.6 * x - 1.2 * y + 17.3, 1.2 * x + 1.6 * y + 9.1)
}

/// Summed gradient noise, about -1..1.
pub(crate) fn fbm(x: f32, y: f32, octaves: u32) -> f32 {
    fbm_gain(x, y, octaves, 0.5)
}

/// As [`fbm`] with the weight of each octave relative to the one before.
pub(crate) fn fbm_gain(mut x: f32, mut y: f32, octaves: u32, gain: f32) -> f32 {
    let (mut sum, mut weight) = (0.0, 0.75);
    for _ in 0..octaves {
        sum += weight * noise(x, y);
        weight *= gain;
        (x, y) = turn(x, y);
    }
    sum * 1.5
}

/// Noise with sharp crests, 0..1 or so.
pub(crate) fn ridged(mut x: f32, mut y: f32, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut carry) = (0.0, 0.5, 1.0);
    for _ in 0..octaves {
        let r = (1.0 - (noise(x, y) * 1.6).abs()).max(0.0);
        let r = r * r * carry;
        sum += r * weight;
        carry = (r * 1.6).clamp(0.0, 1.0);
        weight *= 0.5;
        (x, y) = turn(x, y);
    }
    sum
}

/// Value noise damped where it is already steep: slopes look eroded, valleys smooth. About 0..1.3.
pub(crate) fn eroded(mut x: f32, mut y: f32, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut dx, mut dy) = (0.0, 0.7, 0.0f32, 0.0f32);
    for _ in 0..octaves {
        let (n, sx, sy) = value_with_slope(x, y);
        dx += sx;
        dy += sy;
        sum += weight * n / (1.0 + dx * dx + dy * dy);
        weight *= 0.5;
        (x, y) = turn(x, y);
    }
    sum
}

pub(crate) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Side of a detail tile in samples.
pub(crate) const TILE: usize = 512;

/// A wrapping square of noise, mean 0 and standard deviation 1, read per pixel where lattice noise would be too slow.
pub(crate) struct Tile {
    data: Vec<f32>,
}

impl Tile {
    #[inline(always)]
    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        self.data[((y as usize & (TILE - 1)) * TILE) | (x as usize & (TILE - 1))]
    }

    /// One row of the tile, to be indexed by `x & (TILE - 1)`.
    #[inline(always)]
    pub(crate) fn row(&self, y: i32) -> &[f32; TILE] {
        let start = (y as usize & (TILE - 1)) * TILE;
        self.data[start..start + TILE]
            .try_into()
            .expect("a row is TILE long")
    }

    /// The row at height `y` between samples, its first sample repeated at the end.
    pub(crate) fn row_between(&self, y: f32) -> [f32; TILE + 1] {
        let j = floor_i(y);
        let f = y - j as f32;
        let (top, bottom) = (self.row(j), self.row(j + 1));
        std::array::from_fn(|i| mix(top[i & (TILE - 1)], bottom[i & (TILE - 1)], f))
    }

    /// Linear interpolation between samples.
    #[inline(always)]
    pub(crate) fn smooth(&self, x: f32, y: f32) -> f32 {
        let (xi, yi) = (floor_i(x), floor_i(y));
        let (fx, fy) = (x - xi as f32, y - yi as f32);
        let a = self.at(xi, yi);
        let b = self.at(xi + 1, yi);
        let c = self.at(xi, yi + 1);
        let d = self.at(xi + 1, yi + 1);
        let top = a + (b - a) * fx;
        let bottom = c + (d - c) * fx;
        top + (bottom - top) * fy
    }
}

/// Reads a row made by [`Tile::row_between`] at a place between samples; `x` must not be negative.
#[inline(always)]
pub(crate) fn along(row: &[f32; TILE + 1], x: f32) -> f32 {
    let i = x as i32;
    let f = x - i as f32;
    let i = i as usize & (TILE - 1);
    row[i] + (row[i + 1] - row[i]) * f
}

/// What a detail tile looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texture {
    /// Blobs of all sizes up to a few samples: bark, soil, plaster, sensor noise of fine subjects.
    Fine,
    /// The same up to some 30 samples: rock, snow, waves.
    Rough,
    /// Upright streaks: grass.
    Blades,
    /// Round leaves and shadows between them.
    Leaves,
    /// Fine, nearly horizontal ripples: wind-blown sand.
    Ripples,
}

/// The tile of a texture, made on first use and kept for the process (1 MiB each).
///
/// `ratio` is the number of pixels to a field sample: the tile only adds what is finer than the field shows, so a small
/// picture gets a finer-grained tile than a large one.
pub(crate) fn tile(texture: Texture, ratio: f32) -> &'static Tile {
    static TILES: [[OnceLock<Tile>; 3]; 5] = [const { [const { OnceLock::new() }; 3] }; 5];
    let level = if ratio < 2.0 {
        0
    } else if ratio < 4.0 {
        1
    } else {
        2
    };
    TILES[texture as usize][level].get_or_init(|| make_tile(texture, level))
}

fn make_tile(texture: Texture, level: usize) -> Tile {
    let mut data = vec![0.0f32; TILE * TILE];
    let largest = [2, 8, 32][level];
    match texture {
        Texture::Fine => {
            for (cell, weight) in [(1, 0.55), (2, 0.7), (4, 0.8), (8, 0.6)] {
                if cell <= largest {
                    add_octave(&mut data, cell, cell, weight, cell as u64);
                }
            }
        }
        Texture::Rough => {
            for (cell, weight) in [
                (1, 0.3),
                (2, 0.45),
                (4, 0.6),
                (8, 0.7),
                (16, 0.7),
                (32, 0.5),
            ] {
                if cell <= largest {
                    add_octave(&mut data, cell, cell, weight, 100 + cell as u64);
                }
            }
            // Crests and cracks: fold the smooth sum a little.
            for v in &mut data {
                *v += 0.22 * (1.0 - (*v * 1.3).abs());
            }
        }
        Texture::Blades => {
            for (cell_x, cell_y, weight) in [(1, 8, 0.7), (2, 16, 0.8), (4, 16, 0.6), (16, 16, 0.4)]
            {
                if cell_x <= largest {
                    add_octave(
                        &mut data,
                        cell_x,
                        (cell_y >> (2 - level)).max(2),
                        weight,
                        200 + (cell_x * 7 + cell_y) as u64,
                    );
                }
            }
            shear(&mut data);
        }
        Texture::Leaves => leaves(&mut data, [0.5, 0.75, 1.0][level]),
        Texture::Ripples => {
            for (cell_x, cell_y, weight) in [
                (16, 2, 0.6),
                (32, 4, 0.8),
                (64, 8, 0.5),
                (1, 1, 0.35),
                (2, 2, 0.3),
            ] {
                if cell_y <= largest {
                    add_octave(
                        &mut data,
                        (cell_x >> (2 - level)).max(1),
                        cell_y,
                        weight,
                        300 + (cell_x * 7 + cell_y) as u64,
                    );
                }
            }
        }
    }
    normalise(&mut data);
    Tile { data }
}

/// Adds wrapping value noise whose cells are `cell_x` by `cell_y` samples, both powers of two.
fn add_octave(data: &mut [f32], cell_x: usize, cell_y: usize, weight: f32, salt: u64) {
    let mut rng = Rng::new(0x7469_6C65 ^ salt);
    let (nx, ny) = (TILE / cell_x, TILE / cell_y);
    let lattice: Vec<f32> = (0..nx * ny).map(|_| rng.range(-1.0, 1.0)).collect();
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    for y in 0..TILE {
        let (cy, fy) = (y / cell_y, ease((y % cell_y) as f32 / cell_y as f32));
        let (top, bottom) = (
            &lattice[cy * nx..][..nx],
            &lattice[(cy + 1) % ny * nx..][..nx],
        );
        for x in 0..TILE {
            let (cx, fx) = (x / cell_x, ease((x % cell_x) as f32 / cell_x as f32));
            let a = mix(top[cx], bottom[cx], fy);
            let b = mix(top[(cx + 1) % nx], bottom[(cx + 1) % nx], fy);
            data[y * TILE + x] += weight * mix(a, b, fx);
        }
    }
}

/// Leans the streaks of each row block to one side or the other, as blades of grass do.
fn shear(data: &mut [f32]) {
    let source = data.to_vec();
    for y in 0..TILE {
        let lean = ((y as f32 / TILE as f32) * std::f32::consts::TAU * 3.0).sin() * 6.0;
        for x in 0..TILE {
            let shift = lean * ((x as f32 / TILE as f32) * std::f32::consts::TAU * 5.0).cos();
            let from = (x as i32 + shift as i32).rem_euclid(TILE as i32) as usize;
            data[y * TILE + x] = source[y * TILE + from];
        }
    }
}

/// Overlapping small discs lit from above, drawn over one another from dark to bright.
fn leaves(data: &mut [f32], scale: f32) {
    let mut rng = Rng::new(0x6C65_6166);
    data.fill(-1.4);
    let count = (14_000.0 / (scale * scale)) as usize;
    for i in 0..count {
        let depth = i as f32 / count as f32;
        let radius = rng.range(1.3, 4.8) * scale;
        let (cx, cy) = (rng.range(0.0, TILE as f32), rng.range(0.0, TILE as f32));
        let (squash, angle) = (rng.range(0.45, 0.9), rng.range(0.0, std::f32::consts::PI));
        let (sin, cos) = (angle.sin(), angle.cos());
        let bright = mix(-0.9, 0.9, depth) + rng.range(-0.5, 0.5);
        let reach = radius.ceil() as i32 + 1;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (px, py) = (dx as f32, dy as f32);
                let (u, v) = (
                    (px * cos + py * sin) / radius,
                    (py * cos - px * sin) / (radius * squash),
                );
                if u * u + v * v < 1.0 {
                    let x = (cx as i32 + dx).rem_euclid(TILE as i32) as usize;
                    let y = (cy as i32 + dy).rem_euclid(TILE as i32) as usize;
                    data[y * TILE + x] = bright - py / radius * 0.35 - v * v * 0.3;
                }
            }
        }
    }
}

fn normalise(data: &mut [f32]) {
    let n = data.len() as f32;
    let mean = data.iter().sum::<f32>() / n;
    let variance = data.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    let scale = 1.0 / variance.sqrt();
    for v in data {
        *v = ((*v - mean) * scale).clamp(-3.0, 3.0);
    }
}
