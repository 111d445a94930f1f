//! Pictures and a slow, exact resize to compare with.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, Size, Stored, Transfer,
    View, ViewMut,
};
use pixelbank_memory::{Account, Bank, Holder};
use pixelbank_pipeline::Error;
use pixelbank_pipeline::resize::Crop;

/// A picture with edges, ramps and texture.
pub fn scene(size: Size, channels: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(size.pixels() as usize * channels);
    let mut state = 0x2545_F491_u32;
    for y in 0..size.height {
        for x in 0..size.width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (state >> 24) as i32 % 24 - 12;
            for channel in 0..channels as u32 {
                let ramp = (x * (2 + channel) + y * 3) % 200;
                let edge = if (x / 9 + y / 7 + channel) % 3 == 0 {
                    55
                } else {
                    0
                };
                pixels.push((ramp as i32 + edge + grain).clamp(0, 255) as u8);
            }
        }
    }
    pixels
}

/// Resampled in f64, without any rounding between. `kernel` is a function of the distance in target or source pixels,
/// whichever are larger, and vanishes beyond `support`.
pub fn reference(
    source: &[f64],
    size: Size,
    channels: usize,
    crop: Crop,
    target: Size,
    kernel: fn(f64) -> f64,
    support: f64,
) -> Vec<f64> {
    let weights = |start: f64, length: f64, source: u32, target: u32| -> Vec<Vec<(usize, f64)>> {
        let scale = length / f64::from(target);
        let stretch = scale.max(1.0);
        (0..target)
            .map(|i| {
                let center = start + (f64::from(i) + 0.5) * scale;
                let taps: Vec<_> = (0..source)
                    .map(|j| (j as usize, (f64::from(j) + 0.5 - center) / stretch))
                    .filter(|(_, distance)| distance.abs() < support)
                    .map(|(j, distance)| (j, kernel(distance)))
                    .collect();
                let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
                taps.into_iter()
                    .map(|(j, weight)| (j, weight / sum))
                    .collect()
            })
            .collect()
    };
    let columns = weights(crop.x, crop.width, size.width, target.width);
    let rows = weights(crop.y, crop.height, size.height, target.height);
    let mut made = Vec::new();
    for row in &rows {
        for column in &columns {
            for channel in 0..channels {
                let mut sum = 0.0;
                for (y, wy) in row {
                    for (x, wx) in column {
                        sum += wy * wx * source[(y * size.width as usize + x) * channels + channel];
                    }
                }
                made.push(sum);
            }
        }
    }
    made
}

pub fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
        }
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

pub fn catmull_rom(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

pub fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// Levels in memory, each the mean of four pixels of the one before, sides rounded up.
pub struct Pyramid {
    pub spec: ImageSpec,
    pub sizes: Vec<Size>,
    pub levels: Vec<Vec<u8>>,
}

impl Pyramid {
    pub fn of(pixels: Vec<u8>, size: Size, format: PixelFormat, alpha: Alpha) -> Self {
        let (mut sizes, mut levels) = (vec![size], vec![pixels]);
        while sizes[sizes.len() - 1].pixels() > 64 * 64 && format.sample.bytes() == 1 {
            let (above, pixels) = (sizes[sizes.len() - 1], &levels[levels.len() - 1]);
            let channels = format.pixel_bytes();
            let below = above.halved();
            let mut made = Vec::new();
            for y in 0..below.height {
                for x in 0..below.width {
                    for channel in 0..channels {
                        let at = |x: u32, y: u32| {
                            let (x, y) = (x.min(above.width - 1), y.min(above.height - 1));
                            let pixel = y as usize * above.width as usize + x as usize;
                            u32::from(pixels[pixel * channels + channel])
                        };
                        let (x, y) = (2 * x, 2 * y);
                        let sum = at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1);
                        made.push(((sum + 2) / 4) as u8);
                    }
                }
            }
            sizes.push(below);
            levels.push(made);
        }
        Self {
            spec: spec(format, alpha, &sizes),
            sizes,
            levels,
        }
    }

    pub fn scene(size: Size, format: PixelFormat) -> Self {
        let alpha = if format.channels.has_alpha() {
            Alpha::Straight
        } else {
            Alpha::None
        };
        Self::of(scene(size, format.pixel_bytes()), size, format, alpha)
    }

    pub fn oriented(mut self, orientation: Orientation) -> Self {
        self.spec.orientation = orientation;
        self
    }

    pub fn view(&self, level: usize) -> View<'_> {
        View::packed(&self.levels[level], self.sizes[level], self.spec.format).unwrap()
    }

    pub fn read(&self, level: u32, rect: Rect, mut to: ViewMut<'_>) -> Result<(), Error> {
        to.copy_from(self.view(level as usize).crop(rect)?)?;
        Ok(())
    }
}

pub fn spec(format: PixelFormat, alpha: Alpha, sizes: &[Size]) -> ImageSpec {
    ImageSpec {
        format,
        stored: Stored::of(format.sample),
        channels: None,
        alpha,
        transfer: Transfer::Display,
        orientation: Orientation::Normal,
        data_window: sizes[0].into(),
        display_window: sizes[0].into(),
        icc: None,
        levels: sizes
            .iter()
            .map(|size| LevelSpec {
                size: *size,
                access: Access::Chunks(Size::new(256, 256)),
            })
            .collect(),
    }
}

pub fn with_icc(mut spec: ImageSpec, icc: Vec<u8>) -> ImageSpec {
    spec.icc = Some(Arc::from(icc));
    spec
}

pub fn holder(bank: &Bank) -> Holder {
    bank.holder(Account::Scratch, "render", "test")
}

pub fn bank() -> Bank {
    Bank::builder().host_bytes(256 << 20).build().unwrap()
}
