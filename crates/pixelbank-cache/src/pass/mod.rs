//! Passes: one decoding of a whole level from the top, for everybody who waits for a tile of it.
//!
//! A pass cuts what the decoder delivers into tiles, makes the coarser levels that the file does not have on the way, and
//! hands wanted tiles to those who wait as soon as they are whole. The others are kept: in memory where the whole pass is
//! small beside the budget, on the scratch disk otherwise, and where there is none, in whatever memory is free. A pass
//! that nobody waits for any more, because all gave up, ends.

mod cutter;
mod job;

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use pixelbank_memory::sync::{Condvar, Mutex, MutexGuard};
use pixelbank_memory::{Cancel, Wait};

use self::job::Job;
use crate::cache::Inner;
use crate::flight::sleep;
use crate::load::Place;
use crate::spill::LevelKey;
use crate::store::{Tile, TileKey};
use crate::workers::Workers;
use crate::{Error, stats};

/// The passes under way, and the threads that run them.
#[derive(Debug)]
pub(crate) struct Passes {
    active: Mutex<HashMap<LevelKey, Arc<Pass>>>,
    workers: Workers,
}

#[derive(Debug)]
struct Pass {
    state: Mutex<State>,
    changed: Condvar,
    cancel: Cancel,
}

#[derive(Debug, Default)]
struct State {
    /// How many wait for each tile.
    wanted: HashMap<TileKey, u32>,
    /// What is ready for them; held until the last of them has taken it.
    delivered: HashMap<TileKey, Result<Tile, Error>>,
    /// Rows of tiles that are done, by level.
    rows_done: HashMap<u32, u32>,
    finished: Option<Result<(), Error>>,
}

impl State {
    /// One wish less for a tile; what was delivered for it, if anything.
    fn take(&mut self, key: &TileKey) -> Option<Result<Tile, Error>> {
        let count = self.wanted.get_mut(key)?;
        *count -= 1;
        if *count > 0 {
            return self.delivered.get(key).cloned();
        }
        self.wanted.remove(key);
        self.delivered.remove(key)
    }
}

/// A tile that a caller waits for, at a place in its list.
#[derive(Debug)]
struct Pending {
    at: usize,
    column: u32,
    row: u32,
    key: TileKey,
}

/// Takes a tile and its place in the list of those that were asked for.
pub(crate) type EachTile<'a> = dyn FnMut(usize, &Tile) -> Result<(), Error> + 'a;

impl Passes {
    pub fn start(n_threads: usize) -> std::io::Result<Self> {
        Ok(Self {
            active: Mutex::new(HashMap::new()),
            workers: Workers::start("decode", n_threads)?,
        })
    }

    /// Gives `each` the tiles at `positions` of a level that passes over the level `native` of the file make, with their
    /// place in `positions`, in the order in which they become ready: so the caller need not hold them all at once.
    pub fn fetch(
        &self,
        cache: &Arc<Inner>,
        place: Place<'_>,
        native: u32,
        positions: &[(u32, u32)],
        wait: &Wait,
        each: &mut EachTile<'_>,
    ) -> Result<(), Error> {
        let grid = place.the_level.grid();
        let mut pending: Vec<Pending> = (0..)
            .zip(positions)
            .map(|(at, &(column, row))| Pending {
                at,
                column,
                row,
                key: place.key(grid.index(column, row)),
            })
            .collect();
        let mut until_end = false;
        loop {
            let mut missing = Vec::new();
            for wish in pending {
                let found = match cache.store.peek(&place.spot(wish.key.index)) {
                    Some(tile) => Some(tile),
                    None => unspill(cache, place, wish.column, wish.row, wait)?,
                };
                match found {
                    Some(tile) => each(wish.at, &tile)?,
                    None => missing.push(wish),
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
            let Some(pass) = self.join(cache, place, native, &missing) else {
                pending = missing;
                continue;
            };
            let asked = Instant::now();
            let collected = pass.collect(missing, wait, until_end, &place, each);
            stats::add(
                &cache.counters.wait_nanos,
                asked.elapsed().as_nanos() as u64,
            );
            pending = collected?;
            // What the pass had made before it was asked is looked for once where it is kept; after that, only a new pass
            // helps.
            until_end = true;
        }
    }

    /// The pass under way over that level, or a new one, with the wishes made known to it before it can end; `None` where
    /// a wish has come true meanwhile.
    fn join(
        &self,
        cache: &Arc<Inner>,
        place: Place<'_>,
        native: u32,
        wishes: &[Pending],
    ) -> Option<Arc<Pass>> {
        let key = LevelKey {
            level: native,
            ..place.level_key()
        };
        let mut active = self.active.lock();
        if let Some(pass) = active.get(&key).filter(|pass| !pass.cancel.is_cancelled()) {
            let pass = Arc::clone(pass);
            pass.want(wishes);
            return Some(pass);
        }
        // A pass leaves this table after its tiles are in the store: one that ended since the caller looked there has
        // made them, and need not be run again.
        if wishes.iter().any(|wish| {
            cache
                .store
                .peek_surely(&place.spot(wish.key.index))
                .is_some()
        }) {
            return None;
        }
        let pass = Arc::new(Pass {
            state: Mutex::default(),
            changed: Condvar::new(),
            cancel: Cancel::new(),
        });
        pass.want(wishes);
        active.insert(key, Arc::clone(&pass));
        drop(active);
        let job = Job {
            cache: Arc::clone(cache),
            file: Arc::clone(place.file),
            key,
            pass: Arc::clone(&pass),
            result: Err(Error::GaveUp {
                what: format!("a pass over {}, which was dropped", place.describe()),
            }),
        };
        self.workers.submit(0, move || job.run());
        Some(pass)
    }
}

impl Pass {
    fn want(&self, wishes: &[Pending]) {
        let mut state = self.state.lock();
        for wish in wishes {
            *state.wanted.entry(wish.key).or_default() += 1;
        }
    }

    /// Gives `each` what was wished for as it comes, and returns what cannot come any more: what the pass had made, and
    /// handed to nobody, before it was wanted. `until_end` waits for the pass to end even then.
    fn collect(
        &self,
        mut pending: Vec<Pending>,
        wait: &Wait,
        until_end: bool,
        place: &Place<'_>,
        each: &mut EachTile<'_>,
    ) -> Result<Vec<Pending>, Error> {
        let mut state = self.state.lock();
        let result = loop {
            let (ready, open): (Vec<_>, Vec<_>) = pending
                .into_iter()
                .partition(|wish| state.delivered.contains_key(&wish.key));
            pending = open;
            if !ready.is_empty() {
                let tiles: Vec<_> = ready
                    .iter()
                    .map(|wish| (wish.at, state.take(&wish.key)))
                    .collect();
                let used = MutexGuard::unlocked(&mut state, || {
                    tiles.into_iter().try_for_each(|(at, tile)| match tile {
                        Some(tile) => each(at, &tile?),
                        None => Ok(()),
                    })
                });
                match used {
                    Ok(()) => continue,
                    Err(error) => break Err(error),
                }
            }
            let made = |wish: &Pending| {
                state
                    .rows_done
                    .get(&wish.key.level)
                    .is_some_and(|done| wish.row < *done)
            };
            let settled = !until_end && pending.iter().all(made);
            match &state.finished {
                _ if pending.is_empty() || settled => break Ok(()),
                Some(Err(error)) => break Err(error.clone()),
                Some(Ok(())) => break Ok(()),
                None => {}
            }
            if wait.is_cancelled() || wait.is_over() {
                break Err(Error::GaveUp {
                    what: place.describe(),
                });
            }
            sleep(&self.changed, &mut state, wait);
        };
        for wish in &pending {
            state.take(&wish.key);
        }
        if state.wanted.is_empty()
            && state.finished.is_none()
            && matches!(result, Err(Error::GaveUp { .. }))
        {
            self.cancel.cancel();
        }
        result.map(|()| pending)
    }

    fn finish(&self, result: Result<(), Error>) {
        self.state.lock().finished = Some(result);
        self.changed.notify_all();
    }
}

/// A tile that an earlier pass put on the scratch disk.
fn unspill(
    cache: &Inner,
    place: Place<'_>,
    column: u32,
    row: u32,
    wait: &Wait,
) -> Result<Option<Tile>, Error> {
    let grid = place.the_level.grid();
    let index = grid.index(column, row);
    let Some(spill) = cache
        .spills
        .find(&place.level_key())
        .filter(|spill| spill.has(index))
    else {
        return Ok(None);
    };
    let size = grid.rect(column, row).size();
    let started = Instant::now();
    let mut buffer = cache.blank(place, column, row, wait)?;
    // A disk that fails costs a decode, no more.
    if spill.read(index, &mut buffer).is_err() {
        return Ok(None);
    }
    stats::add(&cache.counters.tiles_unspilled, 1);
    let tile = Tile::new(&cache.bank, buffer, size, place.format());
    Ok(Some(cache.store.insert(
        &place.spot(index),
        tile,
        started.elapsed().as_nanos() as u64,
    )))
}
