use std::f64::consts::PI;
use std::sync::LazyLock;

use fast_image_resize as fir;

/// The kernel of a resize. Sharper ones look further and cost more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Filter {
    /// The mean of the pixels covered; the nearest pixel when enlarging.
    Box,
    /// Linear interpolation; soft.
    Bilinear,
    /// Cubic interpolation with slight overshoot.
    CatmullRom,
    /// Cubic without visible overshoot, softer.
    Mitchell,
    /// Windowed sinc over six pixels: the sharpest, and the best for making things smaller.
    #[default]
    Lanczos3,
}

impl Filter {
    /// How far the kernel reaches from its centre, in pixels of the coarser of source and target.
    pub const fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::CatmullRom | Self::Mitchell => 2.0,
            Self::Lanczos3 => 3.0,
        }
    }

    pub(crate) fn kernel(self) -> fir::FilterType {
        match self {
            Self::Box => fir::FilterType::Box,
            Self::Bilinear => fir::FilterType::Bilinear,
            Self::CatmullRom => fir::FilterType::CatmullRom,
            Self::Mitchell => fir::FilterType::Mitchell,
            Self::Lanczos3 => fir::FilterType::Custom(
                fir::Filter::new("lanczos3", lanczos3, 3.0).expect("3 is a valid support"),
            ),
        }
    }
}

/// Table steps in a unit. Linear interpolation then errs by less than 2e-6, far below the 14 bits that weights are
/// rounded to at 8 bits a sample.
const STEPS: usize = 1024;

static LANCZOS3: LazyLock<[f32; 3 * STEPS + 2]> = LazyLock::new(|| {
    std::array::from_fn(|i| exact_lanczos3((i as f64 / STEPS as f64).min(3.0)) as f32)
});

fn exact_lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        }
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

/// Two sines a weight took a third of the time of a thumbnail, so the kernel is tabulated.
fn lanczos3(x: f64) -> f64 {
    let at = x.abs() * STEPS as f64;
    if at >= (3 * STEPS) as f64 {
        return 0.0;
    }
    let index = at as usize;
    let table = &*LANCZOS3;
    let (low, high) = (f64::from(table[index]), f64::from(table[index + 1]));
    low + (high - low) * (at - index as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_function() {
        let worst = (-40_000..40_000)
            .map(|i| f64::from(i) / 13_000.0)
            .map(|x| (lanczos3(x) - exact_lanczos3(x)).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2e-6, "{worst}");
        assert_eq!(lanczos3(0.0), 1.0);
        assert_eq!(lanczos3(3.0), 0.0);
    }
}
