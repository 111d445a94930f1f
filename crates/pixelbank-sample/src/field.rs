//! Low-resolution pictures of linear light that the pixel loops interpolate.

use wide::f32x4;

/// Red, green and blue in linear light plus one free channel.
pub(crate) type Colour = f32x4;

pub(crate) fn rgb(r: f32, g: f32, b: f32) -> Colour {
    f32x4::new([r, g, b, 0.0])
}

pub(crate) fn luminance(c: Colour) -> f32 {
    let [r, g, b, _] = c.to_array();
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

pub(crate) fn blend(a: Colour, b: Colour, t: f32) -> Colour {
    a + (b - a) * f32x4::splat(t)
}

/// A grid of colours stretched over a rectangle of the picture that starts at the top left corner.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) data: Vec<Colour>,
}

impl Field {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(2), height.max(2));
        Self {
            width,
            height,
            data: vec![f32x4::ZERO; width * height],
        }
    }

    /// Calls `make(column, row)` for every sample, rows shared out between `threads`.
    pub(crate) fn build(
        width: usize,
        height: usize,
        threads: usize,
        make: impl Fn(usize, usize) -> Colour + Sync,
    ) -> Self {
        let mut field = Self::new(width, height);
        let (width, height) = (field.width, field.height);
        // Small bands taken in turn: sky and ground rows differ much in cost.
        let bands: std::sync::Mutex<Vec<(usize, &mut [Colour])>> =
            std::sync::Mutex::new(field.data.chunks_mut(width * 8).enumerate().rev().collect());
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, height) {
                scope.spawn(|| {
                    loop {
                        let next = bands.lock().map_or(None, |mut b| b.pop());
                        let Some((band, rows)) = next else { break };
                        for (j, row) in rows.chunks_mut(width).enumerate() {
                            for (i, out) in row.iter_mut().enumerate() {
                                *out = make(i, band * 8 + j);
                            }
                        }
                    }
                });
            }
        });
        field
    }

    /// The colour at a position in samples, clamped to the edges.
    #[inline(always)]
    pub(crate) fn at(&self, u: f32, v: f32) -> Colour {
        let u = u.clamp(0.0, (self.width - 1) as f32 - 0.001);
        let v = v.clamp(0.0, (self.height - 1) as f32 - 0.001);
        let (i, j) = (u as usize, v as usize);
        let (fu, fv) = (f32x4::splat(u - i as f32), f32x4::splat(v - j as f32));
        let top = &self.data[j * self.width + i..][..2];
        let bottom = &self.data[(j + 1) * self.width + i..][..2];
        let a = top[0] + (top[1] - top[0]) * fu;
        let b = bottom[0] + (bottom[1] - bottom[0]) * fu;
        a + (b - a) * fv
    }
}
