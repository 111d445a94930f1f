//! Tiles of one read, loaded on several threads.
//!
//! Whoever reads takes part: reader and helpers each take the next load that nobody has taken, so the reader never waits
//! for a helper that has not come. Helpers do not wait for memory, and hold nothing that they have made: a tile that they
//! finish is idle like any other until the reader looks it up, and what there was no room for is left to the reader, who
//! may wait. So a budget that one thread can read with is enough for all.

mod shared;

use std::sync::{Arc, Weak};
use std::time::Duration;

use pixelbank_memory::{Cancel, Resource, Wait};

use self::shared::Shared;
use crate::cache::Inner;
use crate::files::File;
use crate::level::Source;
use crate::load::Place;
use crate::pass::EachTile;
use crate::store::Tile;
use crate::{Error, stats};

/// Reads that miss fewer bytes are over before a helper is awake.
const WORTH_BYTES: u64 = 128 << 10;

/// Somebody waits for what helpers do, and for what is fetched ahead of time nobody does yet.
const URGENT: u8 = u8::MAX;

impl Inner {
    /// Gives `each` the tiles at `positions` (column, row) of a level that is not made by passes, with their place in that
    /// list, in the order in which they become ready.
    pub fn load_together(
        self: &Arc<Self>,
        place: Place<'_>,
        positions: &[(u32, u32)],
        wait: &Wait,
        each: &mut EachTile<'_>,
    ) -> Result<(), Error> {
        let mut take = |at: usize| -> Result<(), Error> {
            if wait.is_cancelled() {
                return Err(gave_up(place));
            }
            let (column, row) = positions[at];
            each(at, &self.tile(place, column, row, wait)?)
        };
        let missing_bytes = positions.len() as u64 * self.tile_bytes(place);
        // A reader without time would have none to wait for helpers either.
        if missing_bytes < WORTH_BYTES || self.prefetchers.n_threads() < 2 || wait.is_over() {
            return (0..positions.len()).try_for_each(take);
        }
        let starts = starts(place, positions);
        let end_of = |at: usize| starts.get(at + 1).copied().unwrap_or(positions.len());
        let shared = self.ask_for_help(place, starts.iter().map(|at| positions[*at]), wait);
        let _end = End {
            shared: &shared,
            wait,
        };
        while let Some(at) = self.next(&shared, place, wait)? {
            (starts[at]..end_of(at)).try_for_each(&mut take)?;
        }
        Ok(())
    }

    /// One tile, and those behind it where the tiles of the file are asked for one after the other.
    pub fn load_run(
        self: &Arc<Self>,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        let grid = place.the_level.grid();
        let index = grid.index(column, row);
        let most = self.most_ahead(place).min(grid.n_tiles() - 1 - index);
        let level = u64::from(place.subimage) << 36 | u64::from(place.level) << 32;
        let ahead = match most {
            0 => 0,
            most => place.file.run.missed(index.wrapping_add(level), most),
        };
        if ahead == 0 || wait.is_over() {
            return self.tile(place, column, row, wait);
        }
        let columns = u64::from(grid.columns());
        let position = |index: u64| ((index % columns) as u32, (index / columns) as u32);
        let ahead: Vec<_> = (index + 1..=index + ahead).map(position).collect();
        let shared = self.ask_for_help(place, ahead.iter().copied(), wait);
        let _end = End {
            shared: &shared,
            wait,
        };
        let tile = self.tile(place, column, row, wait)?;
        // What is wrong with the others is for those to hear who ask for them, and no room is no reason to wait.
        while let Ok(Some(at)) = self.next(&shared, place, wait) {
            let (column, row) = ahead[at];
            if self.tile(place, column, row, &Wait::never()).is_err() {
                break;
            }
        }
        Ok(tile)
    }

    /// How many tiles behind a missing one may be loaded with it: enough that all threads have something to do, and next to
    /// nothing of the budget. None where they are made faster than threads talk to each other.
    fn most_ahead(&self, place: Place<'_>) -> u64 {
        const LEAST_NANOS: u64 = 20_000;
        const MOST_TILES: u64 = 64;
        const MOST_BYTES: u64 = 2 << 20;
        let is_one_by_one = matches!(place.the_level.source, Source::Tiles { .. });
        let is_costly = place.file.counters.nanos_a_tile() >= LEAST_NANOS;
        if self.prefetchers.n_threads() < 2 || !is_one_by_one || !is_costly {
            return 0;
        }
        let limit = self.bank.limit(Resource::Host).unwrap_or(u64::MAX);
        (MOST_BYTES.min(limit / 64) / self.tile_bytes(place).max(1)).min(MOST_TILES)
    }

    fn tile_bytes(&self, place: Place<'_>) -> u64 {
        place.format().image_bytes(place.the_level.tile)
    }

    fn next(&self, shared: &Shared, place: Place<'_>, wait: &Wait) -> Result<Option<usize>, Error> {
        let mut waited = Duration::ZERO;
        let next = shared.next(wait, &mut waited);
        stats::add(&self.counters.wait_nanos, waited.as_nanos() as u64);
        next.map_err(|stop| stop.unwrap_or_else(|| gave_up(place)))
    }

    /// Sets helpers to work on the tiles at `positions`.
    fn ask_for_help(
        self: &Arc<Self>,
        place: Place<'_>,
        positions: impl ExactSizeIterator<Item = (u32, u32)>,
        wait: &Wait,
    ) -> Arc<Shared> {
        let shared = Arc::new(Shared::new(positions.len()));
        let n_helpers = (self.prefetchers.n_threads() - 1).min(positions.len());
        let positions: Arc<[(u32, u32)]> = positions.collect();
        for _ in 0..n_helpers {
            // The reader may be done, and everything dropped, before a thread is free: helpers hold nothing until then.
            let helper = Helper {
                cache: Arc::downgrade(self),
                file: Arc::downgrade(place.file),
                subimage: place.subimage,
                level: place.level,
                positions: Arc::clone(&positions),
                shared: Arc::clone(&shared),
                cancel: wait.cancel().cloned(),
            };
            self.prefetchers.submit(URGENT, move || {
                helper.run();
            });
        }
        shared
    }
}

/// Where the loads begin: each tile is one, or all that are asked for of a row that is decoded at once.
fn starts(place: Place<'_>, positions: &[(u32, u32)]) -> Vec<usize> {
    let by_rows = matches!(place.the_level.source, Source::Rows { .. });
    let begins = |at: usize| !by_rows || at == 0 || positions[at].1 != positions[at - 1].1;
    (0..positions.len()).filter(|at| begins(*at)).collect()
}

fn gave_up(place: Place<'_>) -> Error {
    Error::GaveUp {
        what: place.describe(),
    }
}

/// Ends what the reader began, however it ends: helpers take nothing more, and are waited for, unless the reader has no
/// time to.
struct End<'a> {
    shared: &'a Shared,
    wait: &'a Wait,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.shared.end(self.wait);
    }
}

struct Helper {
    cache: Weak<Inner>,
    file: Weak<File>,
    subimage: u32,
    level: u32,
    positions: Arc<[(u32, u32)]>,
    shared: Arc<Shared>,
    cancel: Option<Cancel>,
}

impl Helper {
    fn run(&self) -> Option<()> {
        // Dropped last: when the reader hears that the helper has left, it holds nothing any more.
        let mut part = self.shared.enter()?;
        let (cache, file) = (self.cache.upgrade()?, self.file.upgrade()?);
        let place = Place::new(&file, self.subimage, self.level)?;
        while let Some(at) = part.take() {
            if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
                break;
            }
            let (column, row) = self.positions[at];
            let loaded = cache.tile(place, column, row, &Wait::never());
            match loaded.map(drop) {
                Err(error) if error.is_personal() => break,
                loaded => part.finish(loaded),
            }
        }
        Some(())
    }
}
