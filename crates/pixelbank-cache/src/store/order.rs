//! Which tile goes next.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ghosts::{self, Ghost, Ghosts};
use super::policy::Policy;
use super::seats::Seats;
use super::shelf::{self, Entry, IN_WINDOW, Shelf};
use super::tally::{Noted, Tally};
use super::tile::{Pixels, TileKey};
use super::worth::{Balance, Scale, cost_weight};

/// Tiles of the main part that are looked at to find one of little worth. More find a poorer one; the hit ratio gains
/// nothing from 32 where tiles are of one size.
const SAMPLE: usize = 16;

/// What the tables of the store, and what a tile is beside its pixels, take for each tile, at most: vectors that double have
/// up to twice what they hold.
pub(super) const BYTES_A_TILE: u64 = {
    let window = 2 * 2 * size_of::<(u32, u32)>();
    // An entry of the list of those without a slot, and one of the main part.
    let lists = 2 * 2 * size_of::<u32>();
    let tile = 3 * size_of::<usize>() + size_of::<Pixels>();
    (shelf::BYTES_A_TILE + window + lists + ghosts::BYTES_A_TILE + tile) as u64
};

/// Takes a tile out of reach of those who look for it, unless somebody has it; then it stays, and this says `false`.
pub(super) type Unlink<'a> = dyn FnMut(&Entry) -> bool + 'a;

/// All tiles in the order of eviction, behind one lock that a hit does not take.
///
/// One for all of them: with several, each for some of the tiles, small stores lost hits.
pub(super) struct Order {
    policy: Policy,
    pub shelf: Shelf,
    /// New tiles, oldest first, with the stamps of their slots.
    window: VecDeque<(u32, u32)>,
    n_window: usize,
    window_bytes: u64,
    main: Vec<u32>,
    /// For [`Policy::Lru`]: all tiles by the last use that was seen when they were put here.
    by_use: BTreeSet<(u64, u32)>,
    bytes: u64,
    /// Bytes evicted and not yet filled again, and bytes filled again since the last eviction.
    vacated: u64,
    refilled: u64,
    ghosts: Ghosts,
    balance: Balance,
    costs: Costs,
    tick: u64,
    noted: Noted,
    random: u64,
}

/// What tiles cost, of late.
#[derive(Default)]
struct Costs {
    nanos: f32,
    bytes: f32,
    of_victims: Option<f32>,
}

impl Costs {
    fn add(&mut self, nanos_per_byte: f32, bytes: f32) {
        const FADE: f32 = 0.999;
        self.nanos = self.nanos * FADE + nanos_per_byte * bytes;
        self.bytes = self.bytes * FADE + bytes;
    }

    fn average(&self) -> f32 {
        if self.bytes > 0.0 {
            self.nanos / self.bytes
        } else {
            0.0
        }
    }
}

impl Order {
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            shelf: Shelf::default(),
            window: VecDeque::new(),
            n_window: 0,
            window_bytes: 0,
            main: Vec::new(),
            by_use: BTreeSet::new(),
            bytes: 0,
            vacated: 0,
            refilled: 0,
            ghosts: Ghosts::default(),
            balance: Balance::new(),
            costs: Costs::default(),
            tick: 0,
            noted: Noted::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Gives back the memory of an order without tiles.
    pub fn drop_tables(&mut self) {
        let visited = self.shelf.visited;
        self.shelf = Shelf::default();
        self.shelf.visited = visited;
        self.window = VecDeque::new();
        self.main = Vec::new();
        self.by_use = BTreeSet::new();
        self.ghosts = Ghosts::default();
    }

    /// The bytes that its tables have allocated.
    #[cfg(test)]
    pub fn table_bytes(&self) -> usize {
        self.shelf.table_bytes()
            + self.window.capacity() * size_of::<(u32, u32)>()
            + self.main.capacity() * size_of::<u32>()
            + self.ghosts.table_bytes()
    }

    /// Takes note of tiles that were found, and of one that was not. Says what the clock shows to those who use tiles: it
    /// goes on when enough has happened for it to make a difference, so that they seldom find it changed.
    pub fn note_finds(&mut self, tally: &Tally) -> u64 {
        self.balance.requests += self.noted.next(tally) + 1;
        let step = match self.policy {
            Policy::Adaptive => self.shelf.len() as u64 / 64,
            Policy::Lru => 1,
        };
        // One ahead: whatever is used from now on is used after what comes in now.
        if self.balance.requests + 1 >= self.tick + step {
            self.tick = self.balance.requests + 1;
        }
        self.tick
    }

    /// The part of memory that new tiles have, from 0 to 1.
    pub fn window_share(&self) -> f64 {
        self.balance.window_share()
    }

    /// Takes a tile in that took `cost_nanos` to make.
    pub fn put(
        &mut self,
        seats: &Arc<Seats>,
        key: TileKey,
        hash: u64,
        pixels: Arc<Pixels>,
        cost_nanos: u64,
    ) {
        let bytes = pixels.bytes();
        let now = self.balance.requests;
        let mut entry = Entry {
            pixels,
            seats: Arc::clone(seats),
            key,
            hash,
            score: 0.0,
            nanos_per_byte: cost_nanos as f32 / bytes.max(1) as f32,
            last_use: now,
            place: IN_WINDOW,
        };
        entry.pixels.last_use.store(now, Ordering::Relaxed);
        if self.policy == Policy::Adaptive {
            // What the same reader asks for at once is still the request that brought it in.
            entry.pixels.last_use.store(self.tick, Ordering::Relaxed);
            self.balance.bytes_in += bytes;
            if let Some(ghost) = self.ghosts.take(hash, now, self.balance.bytes_in) {
                entry.score = self
                    .scale()
                    .faded(ghost.score, now.saturating_sub(ghost.at));
                if let Some(left) = ghost.left_window_at {
                    let relative = self.relative(bytes);
                    self.balance.came_back(left, relative, self.bytes);
                }
            }
        }
        let slot = self.shelf.put(entry);
        let nanos_per_byte = self
            .shelf
            .get(slot)
            .map_or(0.0, |entry| entry.nanos_per_byte);
        self.costs.add(nanos_per_byte, bytes as f32);
        self.bytes += bytes;
        match self.policy {
            Policy::Lru => drop(self.by_use.insert((now, slot))),
            Policy::Adaptive => {
                self.let_out(bytes);
                self.window.push_back((slot, self.shelf.stamp(slot)));
                self.n_window += 1;
                self.window_bytes += bytes;
            }
        }
    }

    /// Lets tiles out of the window without a contest where it holds more than it should, because it was made smaller or
    /// because `bytes` come into memory that was free: nothing has to go for those. What comes in where something was
    /// evicted stays until the next eviction.
    fn let_out(&mut self, bytes: u64) {
        while let Some(slot) = self.overdue(self.refilled) {
            // Its uses so far are those of a tile in the window.
            self.value(slot);
            self.promote(slot);
        }
        let refilled = bytes.min(self.vacated);
        self.vacated -= refilled;
        self.refilled += refilled;
        if self.window.len() > 2 * self.n_window + 64 {
            let shelf = &self.shelf;
            self.window
                .retain(|(slot, stamp)| is_in_window(shelf, *slot, *stamp));
        }
    }

    fn scale(&self) -> Scale {
        self.balance.scale(self.shelf.len())
    }

    /// Bytes beside the mean of all tiles.
    fn relative(&self, bytes: u64) -> f64 {
        bytes as f64 * self.shelf.len().max(1) as f64 / self.bytes.max(1) as f64
    }

    /// What it costs to make a byte again of what goes next, judged by what went last.
    pub fn price(&self) -> f32 {
        self.costs.of_victims.unwrap_or(self.costs.average())
    }

    /// Drops the tile whose turn it is; `None` where all are in use.
    pub fn evict(&mut self, unlink: &mut Unlink<'_>) -> Option<Entry> {
        let entry = match self.policy {
            Policy::Lru => self.evict_least_recent(unlink),
            Policy::Adaptive => self.evict_least_valued(unlink),
        }?;
        let (bytes, cost) = (entry.pixels.bytes(), entry.nanos_per_byte);
        self.vacated = (self.vacated + bytes).min(self.bytes / 16 + bytes);
        self.refilled = 0;
        let before = self.costs.of_victims.unwrap_or(cost);
        self.costs.of_victims = Some(before + (cost - before) / 8.0);
        Some(entry)
    }

    /// Takes a tile out wherever it stands.
    pub fn take(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.shelf.take(slot)?;
        let bytes = entry.pixels.bytes();
        self.bytes -= bytes;
        match self.policy {
            Policy::Lru => drop(self.by_use.remove(&(entry.last_use, slot))),
            Policy::Adaptive if entry.place == IN_WINDOW => {
                self.n_window -= 1;
                self.window_bytes -= bytes;
            }
            Policy::Adaptive => {
                let place = entry.place as usize;
                self.main.swap_remove(place);
                if let Some(moved) = self.main.get(place).copied()
                    && let Some(moved) = self.shelf.get_mut(moved)
                {
                    moved.place = entry.place;
                }
            }
        }
        Some(entry)
    }

    fn evict_least_recent(&mut self, unlink: &mut Unlink<'_>) -> Option<Entry> {
        // Each may come up once to be put where it belongs, and once to be found in use.
        for _ in 0..2 * self.shelf.len() {
            let (seen, slot) = *self.by_use.first()?;
            let now = self.balance.requests;
            let entry = self.shelf.get_mut(slot)?;
            let last_use = entry.pixels.last_use.load(Ordering::Relaxed);
            let later = if last_use > seen {
                last_use
            } else if !entry.is_idle() || !unlink(entry) {
                now.max(seen + 1)
            } else {
                return self.take(slot);
            };
            entry.last_use = later;
            self.by_use.pop_first();
            self.by_use.insert((later, slot));
        }
        None
    }

    /// The oldest tile of the window, where that holds more than it should, by more than `grace`.
    fn overdue(&mut self, grace: u64) -> Option<u32> {
        while let Some((slot, stamp)) = self.window.front().copied() {
            if is_in_window(&self.shelf, slot, stamp) {
                let is_over = self.window_bytes > self.balance.window_bytes(self.bytes) + grace;
                return is_over.then_some(slot);
            }
            self.window.pop_front();
        }
        None
    }

    /// From the window into the main part.
    fn promote(&mut self, slot: u32) {
        let place = self.main.len() as u32;
        if let Some(entry) = self.shelf.get_mut(slot) {
            entry.place = place;
            entry.score += 1.0;
            self.n_window -= 1;
            self.window_bytes -= entry.pixels.bytes();
            self.main.push(slot);
        }
    }

    fn evict_least_valued(&mut self, unlink: &mut Unlink<'_>) -> Option<Entry> {
        while let Some(newcomer) = self.overdue(0) {
            let value = self.value(newcomer).filter(|_| self.is_idle(newcomer));
            let victim = self.poor_one();
            let loser = match (value, victim) {
                (None, _) => {
                    self.promote(newcomer);
                    continue;
                }
                (Some(value), Some((victim, least))) if value > least => {
                    self.promote(newcomer);
                    victim
                }
                _ => newcomer,
            };
            if let Some(entry) = self.part_with(loser, unlink) {
                return Some(entry);
            }
            if loser == newcomer {
                self.promote(newcomer);
            }
        }
        for _ in 0..4 {
            let Some((victim, _)) = self.poor_one() else {
                break;
            };
            if let Some(entry) = self.part_with(victim, unlink) {
                return Some(entry);
            }
        }
        // Next to nothing is idle: whatever is will do.
        (0..self.shelf.n_slots()).find_map(|slot| {
            let is_idle = self.is_idle(slot);
            is_idle.then(|| self.part_with(slot, unlink)).flatten()
        })
    }

    fn is_idle(&self, slot: u32) -> bool {
        self.shelf.get(slot).is_some_and(Entry::is_idle)
    }

    /// An idle tile of the main part of little worth, and that worth.
    fn poor_one(&mut self) -> Option<(u32, f32)> {
        let mut poorest: Option<(u32, f32)> = None;
        let mut n_idle = 0;
        for round in 0..4 {
            for (n, slot) in self.pick_some().into_iter().enumerate() {
                let Some(slot) = slot else { break };
                if let Some(value) = self.value(slot) {
                    if round == 0 && n < 2 {
                        self.balance.met(value);
                    }
                    if self.is_idle(slot) {
                        n_idle += 1;
                        if poorest.is_none_or(|(_, least)| value < least) {
                            poorest = Some((slot, value));
                        }
                    }
                }
                if n_idle == SAMPLE {
                    return poorest;
                }
            }
        }
        poorest
    }

    /// Some tiles of the main part. What they are judged by lies all over memory: it is asked for here, for all at once, and
    /// is near by the time that each is looked at.
    fn pick_some(&mut self) -> [Option<u32>; SAMPLE] {
        let picked = std::array::from_fn(|_| self.pick());
        let entries = picked.iter().flatten().map(|slot| self.shelf.get(*slot));
        let uses = entries
            .flatten()
            .map(|entry| entry.pixels.uses.load(Ordering::Relaxed));
        std::hint::black_box(uses.fold(0, u32::wrapping_add));
        picked
    }

    /// Any tile of the main part.
    fn pick(&mut self) -> Option<u32> {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let at = (u128::from(self.random) * self.main.len() as u128) >> 64;
        self.main.get(at as usize).copied()
    }

    /// What a tile is worth now, with the uses that it has had since it was last looked at.
    fn value(&mut self, slot: u32) -> Option<f32> {
        let scale = self.scale();
        let average = self.costs.average();
        let entry = self.shelf.get_mut(slot)?;
        let weight = cost_weight(entry.nanos_per_byte, average);
        if entry.pixels.uses.load(Ordering::Relaxed) > 0 {
            let uses = entry.pixels.uses.swap(0, Ordering::Relaxed);
            let last_use = entry
                .pixels
                .last_use
                .load(Ordering::Relaxed)
                .max(entry.last_use);
            let between = last_use - entry.last_use;
            let faded = scale.faded(entry.score, between);
            let (is_main, bytes) = (entry.place != IN_WINDOW, entry.pixels.bytes());
            entry.score = faded + uses as f32;
            entry.last_use = last_use;
            if is_main {
                let before = scale.value(faded, between / u64::from(uses), weight);
                let relative = self.relative(bytes);
                self.balance.was_used(before, relative);
            }
        }
        let entry = self.shelf.get(slot)?;
        let idle_requests = scale.since(entry.last_use);
        Some(scale.value(
            scale.faded(entry.score, idle_requests),
            idle_requests,
            weight,
        ))
    }

    /// Drops a tile and remembers it; `None` where somebody has got hold of it meanwhile.
    fn part_with(&mut self, slot: u32, unlink: &mut Unlink<'_>) -> Option<Entry> {
        if !unlink(self.shelf.get(slot)?) {
            return None;
        }
        self.ghosts.grow_for(self.shelf.len());
        let scale = self.scale();
        let entry = self.take(slot)?;
        let is_new = entry.place == IN_WINDOW;
        self.ghosts.put(
            entry.hash,
            Ghost {
                score: scale.faded(entry.score, scale.since(entry.last_use))
                    + if is_new { 1.0 } else { 0.0 },
                at: self.balance.requests,
                left_window_at: is_new.then_some(self.balance.bytes_in),
            },
        );
        Some(entry)
    }
}

fn is_in_window(shelf: &Shelf, slot: u32, stamp: u32) -> bool {
    shelf.stamp(slot) == stamp
        && shelf
            .get(slot)
            .is_some_and(|entry| entry.place == IN_WINDOW)
}
