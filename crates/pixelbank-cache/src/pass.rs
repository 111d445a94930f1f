//! Passes: one decoding of a whole level from the top, for everybody who waits for a tile of it.
//!
//! A pass cuts what the decoder delivers into tiles, makes the coarser levels that the file does not have on the way, and
//! hands wanted tiles to those who wait as soon as they are whole. The others are kept: in memory where the whole pass is
//! small beside the budget, on the scratch disk otherwise, and where there is none, in whatever memory is free. A pass
//! that nobody waits for any more, because all gave up, ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};
use parking_lot::{Condvar, Mutex, MutexGuard};
use pixelbank_codec::Region;
use pixelbank_image::{PixelFormat, Rect, View, ViewMut};
use pixelbank_memory::{Buffer, Cancel, Resource, Wait};

use crate::cache::Inner;
use crate::files::File;
use crate::flight::sleep;
use crate::level::{self, Level, Source};
use crate::load::{Place, copy_common};
use crate::pyramid::halve_rows;
use crate::spill::{LevelKey, Spill};
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

/// How long a pass waits for memory. Those who wait for the pass have deadlines of their own.
const PATIENCE: Duration = Duration::from_secs(30);

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
                let found = match cache.store.get(&wish.key) {
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
        if wishes
            .iter()
            .any(|wish| cache.store.get(&wish.key).is_some())
        {
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
    let mut buffer = cache.blank(place.format(), size, wait)?;
    // A disk that fails costs a decode, no more.
    if spill.read(index, &mut buffer).is_err() {
        return Ok(None);
    }
    stats::add(&cache.counters.tiles_unspilled, 1);
    let tile = Tile::new(&cache.bank, buffer, size, place.format());
    Ok(Some(cache.store.insert(
        place.key(index),
        tile,
        started.elapsed().as_nanos() as u64,
    )))
}

/// A pass on its way to a worker. Ends the pass when dropped, however that comes about.
struct Job {
    cache: Arc<Inner>,
    file: Arc<File>,
    key: LevelKey,
    pass: Arc<Pass>,
    result: Result<(), Error>,
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut active = self.cache.passes.active.lock();
        if active
            .get(&self.key)
            .is_some_and(|pass| Arc::ptr_eq(pass, &self.pass))
        {
            active.remove(&self.key);
        }
        drop(active);
        self.pass.finish(self.result.clone());
    }
}

impl Job {
    fn run(mut self) {
        if self.pass.cancel.is_cancelled() {
            return;
        }
        stats::add(&self.cache.counters.passes, 1);
        self.result = Err(Error::Codec(Arc::new(pixelbank_codec::Error::BadRequest {
            name: self.file.key.to_string_lossy().into_owned(),
            reason: "the decoder panicked".to_owned(),
        })));
        self.result = self.decode();
        if let Err(Error::Codec(_)) = self.result {
            self.cache.count_failure(&self.file);
        }
    }

    fn decode(&self) -> Result<(), Error> {
        let (cache, file) = (&self.cache, &self.file);
        let wait = Wait::at_most(PATIENCE).cancelled_by(&self.pass.cancel);
        let spec = &file.specs[self.key.subimage as usize];
        let source = Source::Pass {
            native: self.key.level,
        };
        let made: Vec<(u32, Level)> = (self.key.level..level::n_levels(spec, file.tile))
            .filter_map(|number| Some((number, level::level(spec, file.tile, number)?)))
            .filter(|(_, level)| level.source == source)
            .collect();
        let size = made[0].1.size;
        let region = Region {
            subimage: self.key.subimage,
            level: self.key.level,
            rect: size.rect(),
        };
        cache.refuse_hopeless(file)?;
        let mut reader = cache.files.readers.take(&file.key, file.id, &wait)?;
        let strip_bytes = |level: &Level| {
            spec.format.row_bytes(level.size.width)
                * level.tile.height.min(level.size.height) as usize
        };
        let strips: u64 = made
            .iter()
            .map(|(_, level)| Buffer::footprint(strip_bytes(level)))
            .sum();
        let tile_bytes = spec.format.image_bytes(made[0].1.tile) as usize;
        // One reservation for all, so that two passes never hold a part each and wait for the rest.
        let mut working = cache.working.reserve(
            reader.decoder.working_bytes(&region) + strips + Buffer::footprint(tile_bytes),
            &wait,
        )?;
        let packed = Buffer::zeroed(tile_bytes, working.split(Buffer::footprint(tile_bytes)))?;
        let keep = self.decide(&made, spec.format);
        let mut stages = Vec::new();
        for (level, shape) in made {
            let bytes = strip_bytes(&shape);
            let strip = Buffer::zeroed(bytes, working.split(Buffer::footprint(bytes)))?;
            let spill = match keep {
                Keep::Disk => {
                    cache
                        .spills
                        .make(LevelKey { level, ..self.key }, shape.grid(), spec.format)
                }
                Keep::Memory => None,
            };
            stages.push(Stage {
                level,
                shape,
                strip,
                filled: 0,
                row: 0,
                spill,
            });
        }
        let mut cutter = Cutter {
            job: self,
            format: spec.format,
            stages,
            packed,
            keep,
            last: Instant::now(),
        };
        cache.decode(file, &mut reader, &region, &mut |band, pixels| {
            if self.pass.cancel.is_cancelled() || cutter.is_pointless() {
                return Err(Error::GaveUp {
                    what: "a pass nobody waits for".to_owned(),
                });
            }
            cutter.take(band, pixels)
        })?;
        cache.files.give_back(file, reader);
        Ok(())
    }

    /// Where to keep tiles that nobody waits for.
    fn decide(&self, made: &[(u32, Level)], format: PixelFormat) -> Keep {
        let bytes: u64 = made
            .iter()
            .map(|(_, level)| format.image_bytes(level.size))
            .sum();
        // A pass of more than a quarter of the budget would push everybody else's tiles out.
        let limit = self.cache.bank.limit(Resource::Host).unwrap_or(0);
        if bytes <= limit / 4 {
            Keep::Memory
        } else {
            Keep::Disk
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Memory,
    Disk,
}

/// Cuts rows into tiles, and halves them for the levels behind.
struct Cutter<'a> {
    job: &'a Job,
    format: PixelFormat,
    stages: Vec<Stage>,
    /// One tile on its way to the disk.
    packed: Buffer,
    keep: Keep,
    last: Instant,
}

/// One level in the making: the rows of the row of tiles that is not whole yet.
struct Stage {
    level: u32,
    shape: Level,
    strip: Buffer,
    /// Rows in the strip.
    filled: u32,
    /// The row of tiles it will be.
    row: u32,
    spill: Option<Arc<Spill>>,
}

impl Cutter<'_> {
    /// Whether nobody waits and nothing more can be kept.
    fn is_pointless(&self) -> bool {
        self.keep == Keep::Disk
            && self.stages.iter().all(|stage| stage.spill.is_none())
            && self.job.pass.state.lock().wanted.is_empty()
    }

    /// Takes the next rows. Bands come from top to bottom; those of one height side by side are put together in the strip.
    fn take(&mut self, band: Rect, pixels: View<'_>) -> Result<(), Error> {
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
                _ if is_wanted => Some(cache.blank(format, rect.size(), &wait)),
                Keep::Memory => cache
                    .blank(format, rect.size(), &Wait::never())
                    .ok()
                    .map(Ok),
                Keep::Disk if stage.spill.is_none() => {
                    cache.blank_if_free(format, rect.size()).map(Ok)
                }
                Keep::Disk => None,
            };
            let tile = match buffer {
                Some(Ok(mut buffer)) => {
                    ViewMut::packed(&mut buffer, rect.size(), format)?.copy_from(pixels)?;
                    cache.count_made(place, key.index);
                    let tile = Tile::new(&cache.bank, buffer, rect.size(), format);
                    Some(Ok(cache.store.insert(*key, tile, nanos)))
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
