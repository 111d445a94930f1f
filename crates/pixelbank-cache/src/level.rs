use pixelbank_image::{Access, ImageSpec, Size, TileGrid};

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
    pub(crate) fn grid(&self) -> TileGrid {
        TileGrid::new(self.size, self.tile)
    }
}

/// Chunks of the file serve as tiles between these sides; others are regrouped.
const TILE_SIDES: std::ops::RangeInclusive<u32> = 64..=1024;

/// The levels of an image: those of the file, then each half of the one before, until one tile holds it.
pub(crate) fn levels(spec: &ImageSpec, tile: Size) -> Vec<Level> {
    let mut levels: Vec<Level> = spec
        .levels
        .iter()
        .enumerate()
        .map(|(native, level)| {
            let native = native as u32;
            let (tile, source) = match level.access {
                Access::Pass => (tile, Source::Pass { native }),
                Access::Chunks(chunk)
                    if TILE_SIDES.contains(&chunk.width) && TILE_SIDES.contains(&chunk.height) =>
                {
                    (chunk, Source::Tiles { native })
                }
                Access::Chunks(chunk)
                    if chunk.width >= level.size.width && chunk.width > tile.width =>
                {
                    (tile, Source::Rows { native })
                }
                Access::Chunks(_) => (tile, Source::Tiles { native }),
            };
            Level {
                size: level.size,
                tile,
                source,
            }
        })
        .collect();
    while let Some(last) = levels.last().copied() {
        if last.size.width <= last.tile.width && last.size.height <= last.tile.height {
            break;
        }
        let source = if let Source::Pass { .. } = last.source {
            last.source
        } else {
            Source::Finer
        };
        levels.push(Level {
            size: last.size.halved(),
            tile: last.tile,
            source,
        });
    }
    levels
}

#[cfg(test)]
mod tests {
    use pixelbank_image::{Alpha, LevelSpec, Orientation, PixelFormat, Transfer};

    use super::*;

    fn spec(levels: &[(u32, u32, Access)]) -> ImageSpec {
        let first = Size::new(levels[0].0, levels[0].1);
        ImageSpec {
            format: PixelFormat::RGB8,
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

    #[test]
    fn a_scaling_decoder_serves_its_own_levels_and_its_last_pass_the_rest() {
        let spec = spec(&[
            (8000, 6000, Access::Pass),
            (4000, 3000, Access::Pass),
            (2000, 1500, Access::Pass),
            (1000, 750, Access::Pass),
        ]);
        let levels = levels(&spec, TILE);
        let sizes: Vec<_> = levels.iter().map(|level| level.size.width).collect();
        assert_eq!(sizes, [8000, 4000, 2000, 1000, 500, 250]);
        assert_eq!(levels[2].source, Source::Pass { native: 2 });
        assert_eq!(levels[5].source, Source::Pass { native: 3 });
    }

    #[test]
    fn tiles_of_the_file_are_tiles_of_the_cache_and_missing_levels_are_made() {
        let chunk = Access::Chunks(Size::new(512, 128));
        let levels = levels(&spec(&[(3000, 200, chunk)]), TILE);
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
        let levels = levels(
            &spec(&[(3000, 2000, Access::Chunks(Size::new(3000, 8)))]),
            TILE,
        );
        assert_eq!(
            (levels[0].tile, levels[0].source),
            (TILE, Source::Rows { native: 0 })
        );
        let tiny = super::levels(&spec(&[(30, 20, Access::Chunks(Size::new(30, 8)))]), TILE);
        assert_eq!(
            (tiny.len(), tiny[0].source),
            (1, Source::Tiles { native: 0 })
        );
    }
}
