use pixelbank_image::{Rect, Size};

use crate::resize::Crop;

/// Which level to take pixels from, and which of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) level: u32,
    /// In pixels of that level, as stored.
    pub(super) crop: Crop,
    /// Whether there are fewer pixels than are to be made.
    pub(super) enlarges: bool,
}

/// The coarsest level that still has a pixel for each that is to be made of `region` (in pixels of level 0, as
/// stored); level 0 where none has.
pub(super) fn choose(levels: &[Size], region: Rect, made: Size) -> Choice {
    let full = levels.first().copied().unwrap_or_default();
    let mut best: Option<(u64, Choice)> = None;
    for (level, &size) in (0..).zip(levels) {
        let halvings = halvings(full, size);
        let column = Span::new(
            (region.x, region.width),
            (full.width, size.width),
            halvings,
            made.width,
        );
        let row = Span::new(
            (region.y, region.height),
            (full.height, size.height),
            halvings,
            made.height,
        );
        let choice = Choice {
            level,
            crop: Crop {
                x: column.start,
                y: row.start,
                width: column.length,
                height: row.length,
            },
            enlarges: !(column.suffices && row.suffices),
        };
        let coarser = best.is_none_or(|(pixels, _)| size.pixels() < pixels);
        if level == 0 || (!choice.enlarges && coarser) {
            best = Some((size.pixels(), choice));
        }
    }
    best.map_or(
        Choice {
            level: 0,
            crop: region.into(),
            enlarges: true,
        },
        |(_, choice)| choice,
    )
}

/// How often `full` was halved, sides rounded up, to give `size`; `None` where it was made otherwise.
fn halvings(full: Size, size: Size) -> Option<u32> {
    let mut halved = full;
    for n in 0..32 {
        if halved == size {
            return Some(n);
        }
        if halved.width < size.width || halved.height < size.height {
            return None;
        }
        halved = halved.halved();
    }
    None
}

/// One axis of a region in a level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: f64,
    length: f64,
    suffices: bool,
}

impl Span {
    /// Takes the pixels (`start`, `length`) from a side of `full` pixels to one of `size`. A level made by halvings has
    /// pixels of exactly a power of two of those of level 0, the last one reaching beyond the edge; any other is the
    /// whole image stretched.
    fn new(
        (start, length): (u32, u32),
        (full, size): (u32, u32),
        halvings: Option<u32>,
        made: u32,
    ) -> Self {
        if let Some(n) = halvings {
            let pixel = 1u64 << n;
            let (from, to) = (u64::from(start), u64::from(start) + u64::from(length));
            let ends = to.is_multiple_of(pixel) || to == u64::from(full);
            // A tile of the level: its very pixels, and a partial one at the edge counts as whole.
            if from.is_multiple_of(pixel)
                && ends
                && u64::from(length).div_ceil(pixel) == u64::from(made)
            {
                return Self {
                    start: (from / pixel) as f64,
                    length: f64::from(made),
                    suffices: true,
                };
            }
        }
        let scale = match halvings {
            Some(n) => (1u64 << n) as f64,
            None => f64::from(full) / f64::from(size),
        };
        let start = (f64::from(start) / scale).min(f64::from(size));
        let length = (f64::from(length) / scale).min(f64::from(size) - start);
        Self {
            start,
            length,
            // Sizes are asked for in whole pixels, so a fraction of one is no reason to read four times as many.
            suffices: length.ceil() >= f64::from(made),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pyramid(mut size: Size) -> Vec<Size> {
        let mut levels = vec![size];
        while size != Size::new(1, 1) {
            size = size.halved();
            levels.push(size);
        }
        levels
    }

    #[test]
    fn tiles_of_a_level_are_its_own_pixels() {
        let levels = pyramid(Size::new(1001, 701));
        for (level, size) in (0..4u32).zip(&levels) {
            let pixel = 1u32 << level;
            let side = 64 * pixel;
            for y in (0..701).step_by(side as usize) {
                for x in (0..1001).step_by(side as usize) {
                    let tile = Rect::new(x, y, side, side).intersect(levels[0].rect());
                    let made = Size::new(tile.width.div_ceil(pixel), tile.height.div_ceil(pixel));
                    let choice = choose(&levels, tile, made);
                    assert_eq!(choice.level, level);
                    assert!(!choice.enlarges);
                    let expected = Rect::new(x / pixel, y / pixel, made.width, made.height);
                    assert!(expected.fits(*size));
                    assert_eq!(choice.crop, expected.into());
                }
            }
        }
    }

    #[test]
    fn the_coarsest_sufficient_level_is_taken() {
        let levels = pyramid(Size::new(6000, 4000));
        let all = levels[0].rect();
        let level_for = |made| choose(&levels, all, made).level;
        assert_eq!(level_for(Size::new(6000, 4000)), 0);
        assert_eq!(level_for(Size::new(3001, 2000)), 0);
        assert_eq!(level_for(Size::new(3000, 2000)), 1);
        assert_eq!(level_for(Size::new(480, 320)), 3);
        assert_eq!(level_for(Size::new(480, 10)), 3);
        assert_eq!(level_for(Size::new(1, 1)), 13);
        let larger = choose(&levels, all, Size::new(9000, 6000));
        assert!(larger.enlarges && larger.level == 0);
    }

    #[test]
    fn levels_of_other_makers_are_stretched() {
        // Halved with rounding down, as some writers do.
        let levels = [Size::new(1001, 501), Size::new(500, 250)];
        let choice = choose(&levels, Rect::new(0, 0, 1001, 501), Size::new(300, 150));
        assert_eq!(choice.level, 1);
        assert_eq!(choice.crop, Rect::new(0, 0, 500, 250).into());
        let choice = choose(&levels, Rect::new(501, 0, 500, 501), Size::new(200, 200));
        assert!((choice.crop.x - 501.0 / 2.002).abs() < 1e-9);
        assert!(choice.crop.x + choice.crop.width <= 500.0);
    }
}
