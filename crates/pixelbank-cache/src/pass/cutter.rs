//! Rows of a level into tiles, and into the rows of the levels behind it.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashSet;
use pixelbank_image::{PixelFormat, Rect, View, ViewMut};
use pixelbank_memory::{Buffer, Wait};

use super::job::{Job, PATIENCE};
use crate::level::Level;
use crate::load::{Place, copy_common};
use crate::pyramid::halve_rows;
use crate::spill::Spill;
use crate::store::{Tile, TileKey};
use crate::{Error, stats};

/// Where tiles go that nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Memory,
    Disk,
}

/// Cuts rows into tiles, and halves them for the levels behind.
pub(super) struct Cutter<'a> {
    pub job: &'a Job,
    pub format: PixelFormat,
    pub stages: Vec<Stage>,
    /// One tile on its way to the disk.
    pub packed: Buffer,
    pub keep: Keep,
    pub last: Instant,
}

/// One level in the making: the rows of the row of tiles that is not whole yet.
pub(super) struct Stage {
    pub level: u32,
    pub shape: Level,
    pub strip: Buffer,
    /// Rows in the strip.
    pub filled: u32,
    /// The row of tiles it will be.
    pub row: u32,
    pub spill: Option<Arc<Spill>>,
}

impl Cutter<'_> {
    /// Whether nobody waits and nothing more can be kept.
    pub fn is_pointless(&self) -> bool {
        self.keep == Keep::Disk
            && self.stages.iter().all(|stage| stage.spill.is_none())
            && self.job.pass.state.lock().wanted.is_empty()
    }

    /// Takes the next rows. Bands come from top to bottom; those of one height side by side are put together in the strip.
    pub fn take(&mut self, band: Rect, pixels: View<'_>) -> Result<(), Error> {
        let stage = &mut self.stages[0];
        let (width, height) = (stage.shape.size.width, stage.shape.size.height);
        let mut done = 0;
        while done < band.height {
            let stage = &mut self.stages[0];
            let strip_y = stage.row * stage.shape.tile.height;
            let strip_rows = stage.shape.tile.height.min(height - strip_y);
            let y_in_strip = band.y + done - strip_y;
            let rows = (band.height - done).min(strip_rows - y_in_strip);
            let strip = Rect::new(0, strip_y, width, strip_rows);
            let part = Rect::new(band.x, band.y + done, band.width, rows);
            let view = ViewMut::packed(&mut stage.strip, strip.size(), self.format)?;
            copy_common(
                pixels.crop(Rect::new(0, done, band.width, rows))?,
                part,
                0,
                view,
                strip,
            )?;
            done += rows;
            // Only the band at the right edge completes its rows.
            if band.right() == u64::from(width) {
                stage.filled = y_in_strip + rows;
                if stage.filled == strip_rows {
                    self.complete(0)?;
                }
            }
        }
        Ok(())
    }

    /// The strip of stage `at` holds a whole row of tiles: hands them out, and passes half of it on.
    fn complete(&mut self, at: usize) -> Result<(), Error> {
        self.hand_out(at)?;
        let format = self.format;
        let rows = self.stages[at].filled;
        if at + 1 < self.stages.len() {
            let mut y = 0;
            while y < rows {
                let (finer, coarser) = self.stages.split_at_mut(at + 1);
                let (fine, coarse) = (&finer[at], &mut coarser[0]);
                let size = fine.shape.size;
                let view = View::packed(
                    &fine.strip,
                    pixelbank_image::Size::new(size.width, rows),
                    format,
                )?;
                let row_bytes = format.row_bytes(coarse.shape.size.width);
                let start = coarse.filled as usize * row_bytes;
                let target = &mut coarse.strip[start..start + row_bytes];
                halve_rows(
                    format,
                    size.width,
                    view.row(y),
                    view.row((y + 1).min(rows - 1)),
                    target,
                );
                coarse.filled += 1;
                let last = coarse.row * coarse.shape.tile.height + coarse.filled
                    == coarse.shape.size.height;
                if coarse.filled == coarse.shape.tile.height || last {
                    self.complete(at + 1)?;
                }
                y += 2;
            }
        }
        let stage = &mut self.stages[at];
        stage.filled = 0;
        stage.row += 1;
        Ok(())
    }

    fn hand_out(&mut self, at: usize) -> Result<(), Error> {
        let stage = &self.stages[at];
        let (job, format, keep) = (self.job, self.format, self.keep);
        let cache = &job.cache;
        let place = Place {
            file: &self.job.file,
            subimage: self.job.key.subimage,
            level: stage.level,
            the_level: stage.shape,
        };
        let grid = stage.shape.grid();
        let strip = Rect::new(
            0,
            stage.row * stage.shape.tile.height,
            stage.shape.size.width,
            stage.filled,
        );
        let view = View::packed(&stage.strip, strip.size(), self.format)?;
        let keys: Vec<TileKey> = (0..grid.columns())
            .map(|column| place.key(grid.index(column, stage.row)))
            .collect();
        let wanted: HashSet<TileKey> = {
            let state = self.job.pass.state.lock();
            keys.iter()
                .filter(|key| state.wanted.contains_key(*key))
                .copied()
                .collect()
        };
        // What this row of tiles took to make, shared out among them.
        let nanos = self.last.elapsed().as_nanos() as u64 / u64::from(grid.columns());
        self.last = Instant::now();
        let mut ready: Vec<(TileKey, Result<Tile, Error>)> = Vec::new();
        for (column, key) in (0..).zip(&keys) {
            let rect = grid.rect(column, stage.row);
            let pixels = view.crop(Rect { y: 0, ..rect })?;
            let is_wanted = wanted.contains(key);
            let wait = Wait::at_most(PATIENCE).cancelled_by(&job.pass.cancel);
            let buffer = match keep {
                _ if is_wanted => Some(cache.blank(place, column, stage.row, &wait)),
                Keep::Memory => cache
                    .blank(place, column, stage.row, &Wait::never())
                    .ok()
                    .map(Ok),
                Keep::Disk if stage.spill.is_none() => {
                    cache.blank_if_free(place, column, stage.row).map(Ok)
                }
                Keep::Disk => None,
            };
            let tile = match buffer {
                Some(Ok(mut buffer)) => {
                    ViewMut::packed(&mut buffer, rect.size(), format)?.copy_from(pixels)?;
                    cache.count_made(place, key.index);
                    let tile = Tile::new(&cache.bank, buffer, rect.size(), format);
                    Some(Ok(cache.store.insert(&place.spot(key.index), tile, nanos)))
                }
                Some(Err(error)) => Some(Err(error)),
                None => None,
            };
            if let Some(spill) = &stage.spill {
                let bytes = format.image_bytes(rect.size()) as usize;
                ViewMut::packed(&mut self.packed, rect.size(), format)?.copy_from(pixels)?;
                // A disk that is full costs a decode later, no more.
                if spill.write(key.index, &self.packed[..bytes]).is_ok() {
                    stats::add(&cache.counters.tiles_spilled, 1);
                }
            }
            if let Some(tile) = tile.filter(|_| is_wanted) {
                ready.push((*key, tile));
            }
        }
        let mut state = self.job.pass.state.lock();
        state.rows_done.insert(stage.level, stage.row + 1);
        for (key, tile) in ready {
            if state.wanted.contains_key(&key) {
                state.delivered.insert(key, tile);
            }
        }
        drop(state);
        self.job.pass.changed.notify_all();
        Ok(())
    }
}
