//! What happens on a miss.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pixelbank_codec::Region;
use pixelbank_image::{ImageSpec, PixelFormat, Rect, Size, TileGrid, View, ViewMut};
use pixelbank_memory::{Buffer, Wait};

use crate::cache::Inner;
use crate::files::File;
use crate::level::{self, Level, Source};
use crate::made::Position;
use crate::pass::EachTile;
use crate::pyramid::halve_rows;
use crate::readers::Reader;
use crate::spill::LevelKey;
use crate::store::{Shape, Spot, Tile, TileKey};
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
    pub the_level: Level,
}

impl<'a> Place<'a> {
    /// `None` where the file has no such level.
    #[inline(always)]
    pub fn new(file: &'a Arc<File>, subimage: u32, level: u32) -> Option<Self> {
        let spec = file.specs.get(subimage as usize)?;
        Some(Self {
            file,
            subimage,
            level,
            the_level: level::level(spec, file.tile, level)?,
        })
    }

    /// The tiles of the level, if that one is among them.
    #[inline(always)]
    pub fn tile_grid(&self, column: u32, row: u32) -> Result<TileGrid, Error> {
        let grid = self.the_level.grid();
        if grid.has(column, row) {
            return Ok(grid);
        }
        Err(self.no_tile(column, row))
    }

    #[cold]
    fn no_tile(&self, column: u32, row: u32) -> Error {
        Error::BadRequest(format!(
            "no tile in column {column}, row {row} of {}",
            self.describe()
        ))
    }

    pub fn spec(&self) -> &'a ImageSpec {
        &self.file.specs[self.subimage as usize]
    }

    pub fn format(&self) -> PixelFormat {
        self.spec().format
    }

    pub fn key(&self, index: u64) -> TileKey {
        TileKey {
            file: self.file.id,
            subimage: self.subimage,
            level: self.level,
            index,
        }
    }

    /// The same, with where it is found.
    #[inline]
    pub fn spot(&self, index: u64) -> Spot<'a> {
        Spot {
            key: self.key(index),
            seats: &self.file.seats,
        }
    }

    /// A tile of the level: where it is found, and its size.
    fn tile(&self, column: u32, row: u32) -> (Spot<'a>, Size) {
        let grid = self.the_level.grid();
        let spot = self.spot(grid.index(column, row));
        (spot, grid.rect(column, row).size())
    }

    /// What there may be of tiles in the file, and in the level.
    fn shape(&self) -> Shape {
        Shape {
            n_subimages: self.file.specs.len(),
            n_levels: level::n_levels(self.spec(), self.file.tile),
            n_tiles: self.the_level.grid().n_tiles(),
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

    /// What is said of a tile that cannot be had.
    fn describe_tile(&self, column: u32, row: u32) -> String {
        format!(
            "tile ({column}, {row}) of level {} of subimage {} of {}",
            self.level,
            self.subimage,
            self.file.key.to_string_lossy()
        )
    }

    /// What an error says beside the names of the file, the subimage and the level, which the one who reports it has said.
    fn reason(&self, native: u32, error: &pixelbank_codec::Error) -> String {
        let file = format!("{}: ", self.file.key.to_string_lossy());
        let level = format!("subimage {}, level {native}, ", self.subimage);
        let text = error.to_string();
        let text = text.strip_prefix(&file).unwrap_or(&text);
        text.replacen(&level, "", 1)
    }
}

/// What a tile costs beside its pixels: its decoder, its room, its place in the store. Without it, tiles that are made in next
/// to no time would differ by what the clock and fresh pages add, several times over.
const AROUND_NANOS: u64 = 16_000;

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
        if let Source::Pass { native } = place.the_level.source {
            return self
                .passes
                .fetch(self, place, native, positions, wait, each);
        }
        self.load_together(place, positions, wait, each)
    }

    /// One tile of a level that is not made by passes.
    pub fn tile(
        self: &Arc<Self>,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        let mut cost = Duration::ZERO;
        self.tile_at_cost(place, (column, row), wait, &mut cost)
    }

    /// The same; adds to `cost` what making it took, if it had to be made.
    fn tile_at_cost(
        self: &Arc<Self>,
        place: Place<'_>,
        (column, row): (u32, u32),
        wait: &Wait,
        cost: &mut Duration,
    ) -> Result<Tile, Error> {
        let level = place.the_level;
        let grid = level.grid();
        let index = grid.index(column, row);
        if let Some(tile) = self.store.peek(&place.spot(index)) {
            return Ok(tile);
        }
        let columns = if let Source::Rows { .. } = level.source {
            0..grid.columns()
        } else {
            column..column + 1
        };
        let group = GroupKey {
            level: place.level_key(),
            group: grid.index(columns.start, row),
        };
        let asked = Instant::now();
        let mut flew = Duration::ZERO;
        let tiles = self.groups.join(
            &group,
            wait,
            || place.describe_tile(column, row),
            || {
                // Somebody may have finished it between the look and the flight.
                let kept: Option<Arc<[Tile]>> = columns
                    .clone()
                    .map(|column| self.store.peek_surely(&place.spot(grid.index(column, row))))
                    .collect();
                if let Some(tiles) = kept {
                    return Ok(tiles);
                }
                let started = Instant::now();
                let made = self.make(place, columns.clone(), row, wait);
                flew = started.elapsed();
                let made = made?;
                *cost += made.cost;
                let nanos = made.cost.as_nanos() as u64 / made.tiles.len() as u64 + AROUND_NANOS;
                let kept = columns.clone().zip(made.tiles).map(|(column, tile)| {
                    let index = grid.index(column, row);
                    self.count_made(place, index);
                    self.store.insert(&place.spot(index), tile, nanos)
                });
                Ok(kept.collect())
            },
        );
        let waited = asked.elapsed().saturating_sub(flew);
        stats::add(&self.counters.wait_nanos, waited.as_nanos() as u64);
        Ok(tiles?[(column - columns.start) as usize].clone())
    }

    /// Makes tiles of one row, unless the file has failed too often to be tried again.
    fn make(
        self: &Arc<Self>,
        place: Place<'_>,
        columns: Range<u32>,
        row: u32,
        wait: &Wait,
    ) -> Result<Made, Error> {
        let native = match place.the_level.source {
            Source::Tiles { native } | Source::Rows { native } => native,
            Source::Finer | Source::Pass { .. } => {
                return self.halve(place, columns.start, row, wait);
            }
        };
        self.refuse_hopeless(place.file)?;
        let mut tries = 0;
        loop {
            let error = match self.decode_tiles(place, native, columns.clone(), row, wait) {
                Err(Error::Codec(error)) => error,
                result => return result,
            };
            tries += 1;
            let may_pass = matches!(*error, pixelbank_codec::Error::Io { .. });
            if !may_pass || tries > self.retries {
                self.count_failure(place.file);
                return Err(Error::Tile {
                    what: place.describe_tile(columns.start, row),
                    reason: place.reason(native, &error),
                    cause: error,
                });
            }
        }
    }

    /// A file that failed as often as is allowed is not tried again until it is invalidated.
    pub fn refuse_hopeless(&self, file: &File) -> Result<(), Error> {
        let failures = file.counters.failures.load(Ordering::Relaxed);
        match self.max_failures {
            Some(most) if failures >= most => Err(Error::GivenUp {
                name: file.key.to_string_lossy().into_owned(),
                failures,
            }),
            _ => Ok(()),
        }
    }

    pub fn count_failure(&self, file: &File) {
        stats::add(&self.counters.failures, 1);
        stats::add(&file.counters.failures, 1);
    }

    pub fn count_made(&self, place: Place<'_>, index: u64) {
        stats::add(&self.counters.tiles_made, 1);
        stats::add(&place.file.counters.tiles_made, 1);
        let at = Position {
            spec: place.spec(),
            tile: place.file.tile,
            subimage: place.subimage,
            level: place.level,
            index,
        };
        let n_subimages = place.file.specs.len();
        let made = place.file.seats.get().map(|seats| &seats.made);
        if made.is_some_and(|made| made.note(at, n_subimages, &self.notes)) {
            stats::add(&self.counters.tiles_remade, 1);
            stats::add(&place.file.counters.tiles_remade, 1);
        }
    }

    /// Room for a tile, which is zero as yet.
    pub fn blank(
        &self,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Buffer, Error> {
        let (spot, size) = place.tile(column, row);
        let bytes = usize::try_from(place.format().image_bytes(size))
            .map_err(|_| Error::BadRequest(format!("a tile of {size} is larger than memory")))?;
        self.store.make_room(&spot, || place.shape(), wait)?;
        Ok(self.tiles.buffer(bytes, wait)?)
    }

    /// The same, only from memory that nobody else keeps anything in.
    pub fn blank_if_free(&self, place: Place<'_>, column: u32, row: u32) -> Option<Buffer> {
        let (spot, size) = place.tile(column, row);
        let bytes = usize::try_from(place.format().image_bytes(size)).ok()?;
        if !self.store.make_room_if_free(&spot, || place.shape()) {
            return None;
        }
        let reservation = self.tiles.reserve_free(Buffer::footprint(bytes))?;
        Buffer::zeroed(bytes, reservation).ok()
    }

    /// Decodes tiles of one row, straight from the file into their buffers.
    fn decode_tiles(
        &self,
        place: Place<'_>,
        native: u32,
        columns: Range<u32>,
        row: u32,
        wait: &Wait,
    ) -> Result<Made, Error> {
        let (grid, format) = (place.the_level.grid(), place.format());
        let rects: Vec<Rect> = columns
            .clone()
            .map(|column| grid.rect(column, row))
            .collect();
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
        let mut reader = self
            .files
            .readers
            .take(&place.file.key, place.file.id, wait)?;
        let _working = self
            .working
            .reserve(reader.decoder.working_bytes(&region), wait)?;
        let mut buffers: Vec<_> = columns
            .map(|column| self.blank(place, column, row, wait))
            .collect::<Result<_, _>>()?;
        // What it costs to make them again does not include the wait for memory.
        let started = Instant::now();
        if let [buffer] = &mut buffers[..] {
            let target = ViewMut::packed(buffer, rect.size(), format)?;
            let decoded = reader.decoder.decode_into(&region, target);
            self.count_decoded(place.file, format.image_bytes(rect.size()), started);
            decoded?;
        } else {
            self.decode(place.file, &mut reader, &region, &mut |band, pixels| {
                for (rect, buffer) in rects.iter().zip(&mut buffers) {
                    let target = ViewMut::packed(buffer, rect.size(), format)?;
                    copy_common(pixels, band, 0, target, *rect)?;
                }
                Ok(())
            })?;
        }
        let cost = started.elapsed();
        self.files.give_back(place.file, reader);
        let tiles = rects.iter().zip(buffers);
        Ok(Made {
            tiles: tiles
                .map(|(rect, buffer)| Tile::new(&self.bank, buffer, rect.size(), format))
                .collect(),
            cost,
        })
    }

    /// Runs a decoder with its time and bytes counted.
    pub fn decode(
        &self,
        file: &File,
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
        self.count_decoded(file, bytes, started);
        decoded?;
        failed.map_or(Ok(()), Err)
    }

    fn count_decoded(&self, file: &File, bytes: u64, started: Instant) {
        let nanos = started.elapsed().as_nanos() as u64;
        stats::add(&self.counters.decoded_bytes, bytes);
        stats::add(&file.counters.decoded_bytes, bytes);
        stats::add(&self.counters.decode_nanos, nanos);
        stats::add(&file.counters.decode_nanos, nanos);
    }

    /// Makes a tile of a level that the file does not have from the tiles of the next finer one.
    fn halve(
        self: &Arc<Self>,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Made, Error> {
        let rect = place.the_level.grid().rect(column, row);
        let format = place.format();
        let Some(finer) = Place::new(place.file, place.subimage, place.level - 1) else {
            return Err(Error::BadRequest(format!(
                "{} has no finer level",
                place.describe()
            )));
        };
        let source = Rect::new(rect.x * 2, rect.y * 2, rect.width * 2, rect.height * 2)
            .intersect(finer.the_level.size.rect());
        let mut fine = self
            .working
            .buffer(format.image_bytes(source.size()) as usize, wait)?;
        let (columns, rows) = finer.the_level.grid().touching(source);
        let mut cost = Duration::ZERO;
        for (fine_column, fine_row) in
            rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
        {
            let tile = self.tile_at_cost(finer, (fine_column, fine_row), wait, &mut cost)?;
            let at = finer.the_level.grid().rect(fine_column, fine_row);
            copy_common(
                tile.view(),
                at,
                0,
                ViewMut::packed(&mut fine, source.size(), format)?,
                source,
            )?;
        }
        let fine = View::packed(&fine, source.size(), format)?;
        let mut buffer = self.blank(place, column, row, wait)?;
        let mut target = ViewMut::packed(&mut buffer, rect.size(), format)?;
        let started = Instant::now();
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
        Ok(Made {
            tiles: vec![Tile::new(&self.bank, buffer, rect.size(), format)],
            cost: cost + started.elapsed(),
        })
    }
}

/// New tiles, and the time that went into their pixels alone: what it would cost to have them again.
struct Made {
    tiles: Vec<Tile>,
    cost: Duration,
}

/// Copies the pixels that `from`, which lies at `from_rect` of a level, has in common with `into` at `into_rect`, in the
/// latter's format and beginning with `first_channel` of the former.
pub(crate) fn copy_common(
    from: View<'_>,
    from_rect: Rect,
    first_channel: usize,
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
        .convert_from(from.crop(within(from_rect))?, first_channel)?)
}
