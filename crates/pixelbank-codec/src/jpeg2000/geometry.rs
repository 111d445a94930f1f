//! Places on the reference grid of a code stream, and what becomes of them at lower resolutions.

use pixelbank_image::{Rect, Size};

/// A rectangle of the reference grid, or of a component or resolution: first column and row, and those behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub x0: u32,
    pub y0: u32,
    pub x1: u32,
    pub y1: u32,
}

impl Area {
    pub fn width(&self) -> u32 {
        self.x1.saturating_sub(self.x0)
    }

    pub fn height(&self) -> u32 {
        self.y1.saturating_sub(self.y0)
    }

    pub fn size(&self) -> Size {
        Size::new(self.width(), self.height())
    }

    pub fn is_empty(&self) -> bool {
        self.x0 >= self.x1 || self.y0 >= self.y1
    }

    pub fn samples(&self) -> u64 {
        u64::from(self.width()) * u64::from(self.height())
    }

    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }

    /// Every coordinate divided, rounded up: how samples lie in a component of less density.
    pub fn divided(&self, dx: u32, dy: u32) -> Self {
        Self {
            x0: self.x0.div_ceil(dx),
            y0: self.y0.div_ceil(dy),
            x1: self.x1.div_ceil(dx),
            y1: self.y1.div_ceil(dy),
        }
    }

    /// The same at a resolution that is lower by `steps` halvings.
    pub fn reduced(&self, steps: u32) -> Self {
        let reduce = |value| reduced(value, steps);
        Self {
            x0: reduce(self.x0),
            y0: reduce(self.y0),
            x1: reduce(self.x1),
            y1: reduce(self.y1),
        }
    }

    /// A rectangle that is counted from the corner of this area.
    pub fn part(&self, rect: Rect) -> Self {
        Self {
            x0: self.x0 + rect.x,
            y0: self.y0 + rect.y,
            x1: self.x0 + rect.x + rect.width,
            y1: self.y0 + rect.y + rect.height,
        }
    }

    /// Where this area lies, counted from the corner of `whole`.
    pub fn within(&self, whole: &Self) -> Rect {
        Rect::new(
            self.x0 - whole.x0,
            self.y0 - whole.y0,
            self.width(),
            self.height(),
        )
    }
}

/// `value` halved `steps` times, rounded up.
pub(super) fn reduced(value: u32, steps: u32) -> u32 {
    match steps {
        32.. => u32::from(value > 0),
        _ => ((u64::from(value) + (1u64 << steps) - 1) >> steps) as u32,
    }
}

/// How many cells of a grid of `1 << exponent` lie between `start` and `end`, those that are cut among them.
pub(super) fn cells(start: u32, end: u32, exponent: u32) -> u64 {
    if start >= end {
        return 0;
    }
    let first = u64::from(start) >> exponent;
    let last = u64::from(end - 1) >> exponent;
    last - first + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_rounds_up() {
        assert_eq!([0, 1, 4, 5].map(|value| reduced(value, 2)), [0, 1, 1, 2]);
        assert_eq!(reduced(u32::MAX, 32), 1);
        assert_eq!(reduced(u32::MAX, 1), 1 << 31);
    }

    #[test]
    fn cells_are_counted_from_zero_on() {
        assert_eq!(cells(0, 64, 6), 1);
        assert_eq!(cells(63, 65, 6), 2);
        assert_eq!(cells(5, 5, 6), 0);
        assert_eq!(cells(7, 10, 0), 3);
    }
}
