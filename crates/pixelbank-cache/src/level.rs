use pixelbank_image::{Access, ImageSpec, LevelSpec, Size, TileGrid};

/// A resolution at which an image can be read; finest first, down to one that fits a single tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Pixels.
    pub size: Size,
    /// The size of the tiles in which it is kept.
    pub tile: Size,
    pub(crate) source: Source,
}

/// Where the pixels of a level come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Each tile is decoded by itself from this level of the file.
    Tiles { native: u32 },
    /// The file has strips as wide as the image: a row of tiles is decoded at once.
    Rows { native: u32 },
    /// A pass over this level of the file makes all tiles. The pass also makes the levels behind it that are not in the
    /// file; they name the same one.
    Pass { native: u32 },
    /// Made from the next finer level, tile by tile.
    Finer,
}

impl Level {
    /// The levels that a cache whose own tiles are of size `tile` has of an image, finest first.
    pub fn all(spec: &ImageSpec, tile: Size) -> impl Iterator<Item = Self> {
        (0..).map_while(move |number| level(spec, tile, number))
    }

    /// How its tiles lie.
    #[inline]
    pub fn grid(&self) -> TileGrid {
        TileGrid::new(self.size, self.tile)
    }

    fn fits_a_tile(&self) -> bool {
        self.size.width <= self.tile.width && self.size.height <= self.tile.height
    }
}

/// Chunks of the file serve as tiles between these sides; others are regrouped.
const TILE_SIDES: std::ops::RangeInclusive<u32> = 64..=1024;

/// How many levels an image has: those of the file, then each half of the one before, until one tile holds it.
pub(crate) fn n_levels(spec: &ImageSpec, tile: Size) -> u32 {
    let native = spec.levels.len() as u32;
    let Some(mut last) = native
        .checked_sub(1)
        .and_then(|last| level(spec, tile, last))
    else {
        return 0;
    };
    let mut n = native;
    while !last.fits_a_tile() {
        last.size = last.size.halved();
        n += 1;
    }
    n
}

/// Level `number`. Computed rather than kept: files by the ten thousand would keep little else.
#[inline(always)]
pub(crate) fn level(spec: &ImageSpec, tile: Size, number: u32) -> Option<Level> {
    match spec.levels.get(number as usize) {
        Some(native) => Some(of_file(native, number, tile)),
        None => coarser(spec, tile, number),
    }
}

/// A level that the file does not have.
fn coarser(spec: &ImageSpec, tile: Size, number: u32) -> Option<Level> {
    let native = (spec.levels.len() as u32).checked_sub(1)?;
    let mut level = of_file(&spec.levels[native as usize], native, tile);
    if !matches!(level.source, Source::Pass { .. }) {
        level.source = Source::Finer;
    }
    for _ in native..number {
        if level.fits_a_tile() {
            return None;
        }
        level.size = level.size.halved();
    }
    Some(level)
}

#[inline(always)]
fn of_file(level: &LevelSpec, native: u32, tile: Size) -> Level {
    let (tile, source) = match level.access {
        Access::Pass => (tile, Source::Pass { native }),
        Access::Chunks(chunk)
            if TILE_SIDES.contains(&chunk.width) && TILE_SIDES.contains(&chunk.height) =>
        {
            (chunk, Source::Tiles { native })
        }
        Access::Chunks(chunk) if chunk.width >= level.size.width && chunk.width > tile.width => {
            (tile, Source::Rows { native })
        }
        Access::Chunks(_) => (tile, Source::Tiles { native }),
    };
    Level {
        size: level.size,
        tile,
        source,
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_image::{
        Alpha, LevelSpec, Orientation, PixelFormat, SampleType, Stored, Transfer,
    };

    use super::*;

    fn spec(levels: &[(u32, u32, Access)]) -> ImageSpec {
        let first = Size::new(levels[0].0, levels[0].1);
        ImageSpec {
            format: PixelFormat::RGB8,
            stored: Stored::of(SampleType::U8),
            channels: None,
            alpha: Alpha::None,
            transfer: Transfer::Display,
            orientation: Orientation::Normal,
            data_window: first.into(),
            display_window: first.into(),
            icc: None,
            levels: levels
                .iter()
                .map(|&(w, h, access)| LevelSpec {
                    size: Size::new(w, h),
                    access,
                })
                .collect(),
        }
    }

    const TILE: Size = Size::new(256, 256);

    fn levels(spec: &ImageSpec) -> Vec<Level> {
        assert_eq!(level(spec, TILE, n_levels(spec, TILE)), None);
        let numbers = 0..n_levels(spec, TILE);
        numbers
            .map(|number| level(spec, TILE, number).unwrap())
            .collect()
    }

    #[test]
    fn a_scaling_decoder_serves_its_own_levels_and_its_last_pass_the_rest() {
        let spec = spec(&[
            (8000, 6000, Access::Pass),
            (4000, 3000, Access::Pass),
            (2000, 1500, Access::Pass),
            (1000, 750, Access::Pass),
        ]);
        let levels = levels(&spec);
        let sizes: Vec<_> = levels.iter().map(|level| level.size.width).collect();
        assert_eq!(sizes, [8000, 4000, 2000, 1000, 500, 250]);
        assert_eq!(levels[2].source, Source::Pass { native: 2 });
        assert_eq!(levels[5].source, Source::Pass { native: 3 });
    }

    #[test]
    fn tiles_of_the_file_are_tiles_of_the_cache_and_missing_levels_are_made() {
        let chunk = Access::Chunks(Size::new(512, 128));
        let levels = levels(&spec(&[(3000, 200, chunk)]));
        assert_eq!(
            levels[0],
            Level {
                size: Size::new(3000, 200),
                tile: Size::new(512, 128),
                source: Source::Tiles { native: 0 }
            }
        );
        assert_eq!(levels[1].source, Source::Finer);
        assert_eq!(levels.last().unwrap().size, Size::new(375, 25));
    }

    #[test]
    fn strips_are_read_by_rows_of_tiles() {
        let levels = levels(&spec(&[(3000, 2000, Access::Chunks(Size::new(3000, 8)))]));
        assert_eq!(
            (levels[0].tile, levels[0].source),
            (TILE, Source::Rows { native: 0 })
        );
        let tiny = self::levels(&spec(&[(30, 20, Access::Chunks(Size::new(30, 8)))]));
        assert_eq!(
            (tiny.len(), tiny[0].source),
            (1, Source::Tiles { native: 0 })
        );
    }
}
