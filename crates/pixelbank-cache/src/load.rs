//! What happens on a miss.

use std::sync::Arc;
use std::time::Instant;

use pixelbank_codec::Region;
use pixelbank_image::{PixelFormat, Rect, Size, View, ViewMut};
use pixelbank_memory::{Buffer, Wait};

use crate::cache::Inner;
use crate::files::{File, Reader};
use crate::level::{Level, Source};
use crate::pass::EachTile;
use crate::pyramid::halve_rows;
use crate::spill::LevelKey;
use crate::store::{Tile, TileKey};
use crate::{Error, stats};

/// Tiles that are decoded together: one, or a row of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    level: LevelKey,
    group: u64,
}

/// One level of one subimage of a file, with everything needed to load from it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: &'a Arc<File>,
    pub subimage: u32,
    pub level: u32,
}

impl Place<'_> {
    pub fn levels(&self) -> &[Level] {
        &self.file.levels[self.subimage as usize]
    }

    pub fn the_level(&self) -> Level {
        self.levels()[self.level as usize]
    }

    pub fn format(&self) -> PixelFormat {
        self.file.info.subimages[self.subimage as usize].format
    }

    pub fn key(&self, index: u64) -> TileKey {
        TileKey {
            file: self.file.id,
            subimage: self.subimage,
            level: self.level,
            index,
        }
    }

    pub fn level_key(&self) -> LevelKey {
        LevelKey {
            file: self.file.id,
            subimage: self.subimage,
            level: self.level,
        }
    }

    pub fn describe(&self) -> String {
        format!(
            "level {} of {}",
            self.level,
            self.file.key.to_string_lossy()
        )
    }
}

impl Inner {
    /// Gives `each` the tiles at `positions` (column, row) with their place in that list, in the order in which they become
    /// ready.
    pub fn tiles(
        self: &Arc<Self>,
        place: Place<'_>,
        positions: &[(u32, u32)],
        wait: &Wait,
        each: &mut EachTile<'_>,
    ) -> Result<(), Error> {
        if let Source::Pass { native } = place.the_level().source {
            return self
                .passes
                .fetch(self, place, native, positions, wait, each);
        }
        for (at, &(column, row)) in positions.iter().enumerate() {
            each(at, &self.tile(place, column, row, wait)?)?;
        }
        Ok(())
    }

    /// One tile of a level that is not made by passes.
    fn tile(
        self: &Arc<Self>,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        let level = place.the_level();
        let grid = level.grid();
        let index = grid.index(column, row);
        if let Some(tile) = self.store.get(&place.key(index)) {
            stats::add(&self.counters.hits, 1);
            return Ok(tile);
        }
        stats::add(&self.counters.misses, 1);
        let columns = if let Source::Rows { .. } = level.source {
            0..grid.columns()
        } else {
            column..column + 1
        };
        let group = GroupKey {
            level: place.level_key(),
            group: grid.index(columns.start, row),
        };
        let tiles = self.groups.join(
            &group,
            wait,
            || place.describe(),
            || {
                // Somebody may have finished it between the look and the flight.
                if let (1, Some(tile)) = (columns.len(), self.store.get(&place.key(index))) {
                    return Ok(Arc::from([tile]));
                }
                let started = Instant::now();
                let tiles = match level.source {
                    Source::Tiles { native } | Source::Rows { native } => {
                        self.decode_tiles(place, native, columns.clone(), row, wait)?
                    }
                    Source::Finer | Source::Pass { .. } => {
                        vec![self.halve(place, column, row, wait)?]
                    }
                };
                let nanos = started.elapsed().as_nanos() as u64 / tiles.len() as u64;
                let kept = columns.clone().zip(tiles).map(|(column, tile)| {
                    stats::add(&self.counters.tiles_made, 1);
                    self.store
                        .insert(place.key(grid.index(column, row)), tile, nanos)
                });
                Ok(kept.collect())
            },
        )?;
        Ok(tiles[(column - columns.start) as usize].clone())
    }

    /// Room for the tile at `rect`, which is zero as yet.
    pub fn blank(&self, format: PixelFormat, size: Size, wait: &Wait) -> Result<Buffer, Error> {
        let bytes = usize::try_from(format.image_bytes(size))
            .map_err(|_| Error::BadRequest(format!("a tile of {size} is larger than memory")))?;
        Ok(self.tiles.buffer(bytes, wait)?)
    }

    /// The same, only from memory that nobody else keeps anything in.
    pub fn blank_if_free(&self, format: PixelFormat, size: Size) -> Option<Buffer> {
        let bytes = usize::try_from(format.image_bytes(size)).ok()?;
        let reservation = self.tiles.reserve_free(Buffer::footprint(bytes))?;
        Buffer::zeroed(bytes, reservation).ok()
    }

    /// Decodes tiles of one row, straight from the file into their buffers.
    fn decode_tiles(
        &self,
        place: Place<'_>,
        native: u32,
        columns: std::ops::Range<u32>,
        row: u32,
        wait: &Wait,
    ) -> Result<Vec<Tile>, Error> {
        let (grid, format) = (place.the_level().grid(), place.format());
        let rects: Vec<Rect> = columns.map(|column| grid.rect(column, row)).collect();
        let (first, last) = (rects[0], rects[rects.len() - 1]);
        let rect = Rect {
            width: (last.right() - u64::from(first.x)) as u32,
            ..first
        };
        let region = Region {
            subimage: place.subimage,
            level: native,
            rect,
        };
        let mut reader = self.files.reader(place.file, wait)?;
        let _working = self
            .working
            .reserve(reader.decoder.working_bytes(&region), wait)?;
        let mut buffers: Vec<_> = rects
            .iter()
            .map(|rect| self.blank(format, rect.size(), wait))
            .collect::<Result<_, _>>()?;
        self.decode(&mut reader, &region, &mut |band, pixels| {
            for (rect, buffer) in rects.iter().zip(&mut buffers) {
                copy_common(
                    pixels,
                    band,
                    ViewMut::packed(buffer, rect.size(), format)?,
                    *rect,
                )?;
            }
            Ok(())
        })?;
        self.files.give_back(reader);
        let tiles = rects.iter().zip(buffers);
        Ok(tiles
            .map(|(rect, buffer)| Tile::new(&self.bank, buffer, rect.size(), format))
            .collect())
    }

    /// Runs a decoder with its time and bytes counted.
    pub fn decode(
        &self,
        reader: &mut Reader,
        region: &Region,
        take: &mut dyn FnMut(Rect, View<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let started = Instant::now();
        let (mut failed, mut bytes) = (None, 0);
        let decoded = reader.decoder.decode(region, &mut |band| {
            bytes += band.pixels.format().image_bytes(band.rect.size());
            match take(band.rect, band.pixels) {
                Ok(()) => std::ops::ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    std::ops::ControlFlow::Break(())
                }
            }
        });
        stats::add(&self.counters.decoded_bytes, bytes);
        stats::add(
            &self.counters.decode_nanos,
            started.elapsed().as_nanos() as u64,
        );
        decoded?;
        failed.map_or(Ok(()), Err)
    }

    /// Makes a tile of a level that the file does not have from the tiles of the next finer one.
    fn halve(
        self: &Arc<Self>,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        let rect = place.the_level().grid().rect(column, row);
        let format = place.format();
        let finer = Place {
            level: place.level - 1,
            ..place
        };
        let source = Rect::new(rect.x * 2, rect.y * 2, rect.width * 2, rect.height * 2)
            .intersect(finer.the_level().size.rect());
        let mut fine = self
            .working
            .buffer(format.image_bytes(source.size()) as usize, wait)?;
        let (columns, rows) = finer.the_level().grid().touching(source);
        for (fine_column, fine_row) in
            rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
        {
            let tile = self.tile(finer, fine_column, fine_row, wait)?;
            let at = finer.the_level().grid().rect(fine_column, fine_row);
            copy_common(
                tile.view(),
                at,
                ViewMut::packed(&mut fine, source.size(), format)?,
                source,
            )?;
        }
        let fine = View::packed(&fine, source.size(), format)?;
        let mut buffer = self.blank(format, rect.size(), wait)?;
        let mut target = ViewMut::packed(&mut buffer, rect.size(), format)?;
        for y in 0..rect.height {
            let lower = (2 * y + 1).min(source.height - 1);
            halve_rows(
                format,
                source.width,
                fine.row(2 * y),
                fine.row(lower),
                target.row_mut(y),
            );
        }
        Ok(Tile::new(&self.bank, buffer, rect.size(), format))
    }
}

/// Copies the pixels that `from`, which lies at `from_rect` of a level, has in common with `into` at `into_rect`.
pub(crate) fn copy_common(
    from: View<'_>,
    from_rect: Rect,
    into: ViewMut<'_>,
    into_rect: Rect,
) -> Result<(), Error> {
    let common = from_rect.intersect(into_rect);
    if common.is_empty() {
        return Ok(());
    }
    let within = |rect: Rect| Rect {
        x: common.x - rect.x,
        y: common.y - rect.y,
        ..common
    };
    Ok(into
        .crop(within(into_rect))?
        .copy_from(from.crop(within(from_rect))?)?)
}
