//! The picture's geometry, shared by every layer.

use crate::sky::Direction;

/// The picture in displayed orientation and the size of its low-resolution fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) threads: usize,
}

impl Frame {
    /// Pixels of the picture per field sample: fields stay near 1.2 megapixels however large the picture is.
    pub(crate) fn ratio(&self) -> f32 {
        let long = self.width.max(self.height) as f32;
        (long / (long / 5.0).clamp(700.0, 1500.0)).max(1.0)
    }

    pub(crate) fn field_size(&self) -> (usize, usize) {
        let r = self.ratio();
        (
            (self.width as f32 / r).ceil() as usize + 2,
            (self.height as f32 / r).ceil() as usize + 2,
        )
    }

    /// How strongly pixel textures show: a small picture stands for a large one scaled down, where they average out.
    pub(crate) fn texture_strength(&self) -> f32 {
        ((self.ratio() - 0.7) * 0.22).clamp(0.06, 0.75)
    }

    /// Pixels per thousandth of the picture's diagonal: the unit for sizes that should look alike at every resolution.
    pub(crate) fn milli(&self) -> f32 {
        (self.width as f32).hypot(self.height as f32) / 1000.0
    }
}

/// Pixels of one row: `x0`, `x0 + step`, `x0 + 2 * step`, ….
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) y: i32,
    pub(crate) x0: i32,
    pub(crate) step: i32,
}

impl Span {
    #[inline(always)]
    pub(crate) fn x(&self, i: usize) -> i32 {
        self.x0 + i as i32 * self.step
    }
}

/// A level camera; looking up or down moves the horizon, as a shift lens does, so that uprights stay upright.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    pub(crate) centre_x: f32,
    pub(crate) horizon_y: f32,
    pub(crate) focal_px: f32,
    pub(crate) height_m: f32,
}

impl Camera {
    /// `horizon` is a share of the height from the top, `fov_deg` spans the longer side.
    pub(crate) fn new(frame: &Frame, horizon: f32, fov_deg: f32, height_m: f32) -> Self {
        let long = frame.width.max(frame.height) as f32;
        Self {
            centre_x: frame.width as f32 * 0.5,
            horizon_y: frame.height as f32 * horizon,
            focal_px: long * 0.5 / (fov_deg.to_radians() * 0.5).tan(),
            height_m,
        }
    }

    pub(crate) fn direction(&self, x: f32, y: f32) -> Direction {
        Direction::new(
            (x - self.centre_x) / self.focal_px,
            (self.horizon_y - y) / self.focal_px,
            1.0,
        )
    }

    /// The direction that shows at a place given as shares of the picture.
    pub(crate) fn towards(&self, frame: &Frame, x: f32, y: f32) -> Direction {
        self.direction(x * frame.width as f32, y * frame.height as f32)
    }

    pub(crate) fn project(&self, d: Direction) -> Option<(f32, f32)> {
        (d.z > 0.01).then(|| {
            (
                self.centre_x + d.x / d.z * self.focal_px,
                self.horizon_y - d.y / d.z * self.focal_px,
            )
        })
    }
}
