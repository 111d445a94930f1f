//! The tiles in memory: sharded, evicted by S3-FIFO.
//!
//! S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): new tiles go through a small
//! queue, and only those asked for again reach the main one, so that a scan does not flush what is in use. There is no
//! capacity here: tiles stay until the bank wants their bytes back, and a tile that somebody holds is passed over.

use std::collections::VecDeque;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use parking_lot::Mutex;
use pixelbank_image::{PixelFormat, Size, View};
use pixelbank_memory::{Account, Bank, Buffer, Idle, Reclaim};

/// Which tile of which level of which image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TileKey {
    pub file: u64,
    pub subimage: u32,
    pub level: u32,
    pub index: u64,
}

/// A handle to decoded pixels. They stay in memory, on the books, as long as a handle is held.
#[derive(Clone)]
pub struct Tile(Arc<Pixels>);

struct Pixels {
    buffer: Buffer,
    size: Size,
    format: PixelFormat,
    bank: Bank,
}

impl Tile {
    pub(crate) fn new(bank: &Bank, buffer: Buffer, size: Size, format: PixelFormat) -> Self {
        Self(Arc::new(Pixels {
            buffer,
            size,
            format,
            bank: bank.clone(),
        }))
    }

    /// The pixels, in the format of the image's specification. Tiles at the right and bottom edge are cut off there.
    pub fn view(&self) -> View<'_> {
        View::packed(&self.0.buffer, self.0.size, self.0.format)
            .expect("a tile's buffer is made for its size")
    }

    fn bytes(&self) -> u64 {
        self.0.buffer.reserved_bytes()
    }
}

impl Drop for Tile {
    fn drop(&mut self) {
        // This handle and that of the store: from now on it is idle, and somebody may be waiting for its bytes.
        if Arc::strong_count(&self.0) == 2 {
            self.0.bank.became_idle();
        }
    }
}

impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({} {})", self.0.size, self.0.format)
    }
}

/// All tiles of one cache.
pub(crate) struct Store {
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    next_victim: AtomicUsize,
    bytes: AtomicU64,
    evictions: AtomicU64,
    cost_nanos: AtomicU64,
    cost_bytes: AtomicU64,
}

#[derive(Default)]
struct Shard {
    map: HashMap<TileKey, usize>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    small: VecDeque<Ticket>,
    main: VecDeque<Ticket>,
    small_bytes: u64,
    main_bytes: u64,
    ghosts: VecDeque<u64>,
    ghost_set: HashSet<u64>,
}

/// A place in a queue; void when the slot has been emptied or filled anew since.
#[derive(Clone, Copy)]
struct Ticket {
    slot: usize,
    stamp: u32,
}

#[derive(Default)]
struct Slot {
    stamp: u32,
    entry: Option<Entry>,
}

struct Entry {
    key: TileKey,
    tile: Tile,
    uses: u8,
    in_main: bool,
}

const MAX_USES: u8 = 3;

impl Store {
    pub fn new() -> Self {
        // Enough that threads seldom meet; a power of two, so that a hash picks one by its upper bits.
        let n = (std::thread::available_parallelism().map_or(4, usize::from) * 4)
            .next_power_of_two()
            .clamp(16, 256);
        Self {
            shards: (0..n).map(|_| Mutex::default()).collect(),
            hasher: DefaultHashBuilder::default(),
            next_victim: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            cost_nanos: AtomicU64::new(0),
            cost_bytes: AtomicU64::new(0),
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The map inside uses the low bits for its buckets and the top seven for its tags.
        &self.shards[(hash >> 32) as usize & (self.shards.len() - 1)]
    }

    pub fn get(&self, key: &TileKey) -> Option<Tile> {
        let mut shard = self.shard(self.hasher.hash_one(key)).lock();
        let slot = *shard.map.get(key)?;
        let entry = shard.slots[slot].entry.as_mut()?;
        entry.uses = (entry.uses + 1).min(MAX_USES);
        Some(entry.tile.clone())
    }

    /// Keeps `tile`, which took `cost_nanos` to make. Where the key is there already, the older one stays and is returned.
    pub fn insert(&self, key: TileKey, tile: Tile, cost_nanos: u64) -> Tile {
        let hash = self.hasher.hash_one(key);
        let bytes = tile.bytes();
        let mut shard = self.shard(hash).lock();
        let shard = &mut *shard;
        if let Some(entry) = shard
            .map
            .get(&key)
            .and_then(|slot| shard.slots[*slot].entry.as_ref())
        {
            return entry.tile.clone();
        }
        let in_main = shard.ghost_set.contains(&hash);
        let slot = shard.free.pop().unwrap_or_else(|| {
            shard.slots.push(Slot::default());
            shard.slots.len() - 1
        });
        let place = &mut shard.slots[slot];
        place.stamp = place.stamp.wrapping_add(1);
        place.entry = Some(Entry {
            key,
            tile: tile.clone(),
            uses: 0,
            in_main,
        });
        let ticket = Ticket {
            slot,
            stamp: place.stamp,
        };
        if in_main {
            shard.main.push_back(ticket);
            shard.main_bytes += bytes;
        } else {
            shard.small.push_back(ticket);
            shard.small_bytes += bytes;
        }
        shard.map.insert(key, slot);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.cost_nanos.fetch_add(cost_nanos, Ordering::Relaxed);
        self.cost_bytes.fetch_add(bytes, Ordering::Relaxed);
        tile
    }

    /// Drops every tile of `file`, or of all files; those that somebody holds live on with their holder.
    pub fn remove(&self, file: Option<u64>) {
        for shard in &self.shards {
            let mut gone = Vec::new();
            let mut shard = shard.lock();
            let slots: Vec<usize> = shard
                .map
                .iter()
                .filter(|(key, _)| file.is_none_or(|file| key.file == file))
                .map(|(_, s)| *s)
                .collect();
            for slot in slots {
                gone.extend(shard.take(slot));
            }
            drop(shard);
            let bytes: u64 = gone.iter().map(|entry| entry.tile.bytes()).sum();
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }
}

impl Shard {
    fn take(&mut self, slot: usize) -> Option<Entry> {
        let entry = self.slots[slot].entry.take()?;
        self.map.remove(&entry.key);
        self.free.push(slot);
        let bytes = entry.tile.bytes();
        if entry.in_main {
            self.main_bytes -= bytes;
        } else {
            self.small_bytes -= bytes;
        }
        Some(entry)
    }

    /// Drops the tile whose turn it is; `None` where all are in use.
    fn evict(&mut self, hasher: &DefaultHashBuilder) -> Option<Entry> {
        // Every tile may come up once for each use that it has to its credit, and once to be found in use.
        let mut tries = (self.small.len() + self.main.len()) * (usize::from(MAX_USES) + 1);
        while tries > 0 && !(self.small.is_empty() && self.main.is_empty()) {
            tries -= 1;
            let from_small = self.main.is_empty()
                || (!self.small.is_empty()
                    && self.small_bytes * 30 >= self.small_bytes + self.main_bytes);
            let ticket = if from_small {
                self.small.pop_front()
            } else {
                self.main.pop_front()
            }?;
            let slot = &mut self.slots[ticket.slot];
            let Some(entry) = slot.entry.as_mut().filter(|_| slot.stamp == ticket.stamp) else {
                continue;
            };
            // Handles are cloned from the map under this lock only, so a count of one stays one.
            let in_use = Arc::strong_count(&entry.tile.0) > 1;
            let keep = in_use || entry.uses > 0;
            if keep {
                let bytes = entry.tile.bytes();
                if from_small {
                    entry.in_main = true;
                    entry.uses = 0;
                    self.small_bytes -= bytes;
                    self.main_bytes += bytes;
                } else {
                    entry.uses = entry.uses.saturating_sub(1);
                }
                self.main.push_back(ticket);
                continue;
            }
            let hash = hasher.hash_one(entry.key);
            if from_small {
                self.remember(hash);
            }
            return self.take(ticket.slot);
        }
        None
    }

    /// Remembers half as many evicted keys as there are tiles.
    fn remember(&mut self, hash: u64) {
        if self.ghost_set.insert(hash) {
            self.ghosts.push_back(hash);
        }
        while self.ghosts.len() > (self.map.len() / 2).max(16) {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.ghost_set.remove(&oldest);
            }
        }
    }
}

impl Reclaim for Store {
    fn account(&self) -> Account {
        Account::Tiles
    }

    fn idle(&self) -> Idle {
        let made = self.cost_bytes.load(Ordering::Relaxed).max(1);
        Idle {
            // Counts those in use as well; `reclaim` says when there is nothing else left.
            amount: self.bytes.load(Ordering::Relaxed),
            nanos_per_unit: self.cost_nanos.load(Ordering::Relaxed) as f64 / made as f64,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let (mut freed, mut barren) = (0, 0);
        // One from each shard in turn keeps the order near to that of a single queue.
        while freed < amount && barren < self.shards.len() {
            let next = self.next_victim.fetch_add(1, Ordering::Relaxed) % self.shards.len();
            let evicted = self.shards[next].lock().evict(&self.hasher);
            match evicted {
                Some(entry) => {
                    barren = 0;
                    freed += entry.tile.bytes();
                    self.bytes.fetch_sub(entry.tile.bytes(), Ordering::Relaxed);
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                }
                None => barren += 1,
            }
        }
        freed
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Wait;

    use super::*;

    fn bank() -> Bank {
        Bank::builder().host_bytes(1 << 20).build().unwrap()
    }

    fn key(index: u64) -> TileKey {
        TileKey {
            file: index % 3,
            subimage: 0,
            level: 0,
            index,
        }
    }

    fn tile(bank: &Bank) -> Tile {
        let buffer = bank
            .holder(Account::Tiles, "tile", "test")
            .buffer(1024, &Wait::never())
            .unwrap();
        Tile::new(bank, buffer, Size::new(32, 32), PixelFormat::GRAY8)
    }

    #[test]
    fn tiles_in_use_are_passed_over_and_idle_ones_go() {
        let (bank, store) = (bank(), Store::new());
        for i in 0..100 {
            store.insert(key(i), tile(&bank), 1);
        }
        let held: Vec<Tile> = (0..10).map(|i| store.get(&key(i)).unwrap()).collect();
        assert_eq!(store.reclaim(u64::MAX), 90 * 1024);
        assert_eq!(store.idle().amount, 10 * 1024);
        for i in 0..100 {
            assert_eq!(store.get(&key(i)).is_some(), i < 10);
        }
        drop(held);
        store.reclaim(u64::MAX);
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }

    #[test]
    fn a_scan_does_not_flush_what_is_asked_for_again() {
        let (bank, store) = (bank(), Store::new());
        let room = 1000 * 1024;
        let insert = |i| {
            if store.get(&key(i)).is_none() {
                if store.idle().amount + 1024 > room {
                    store.reclaim(1024);
                }
                store.insert(key(i), tile(&bank), 1);
            }
        };
        for _ in 0..4 {
            (0..300).for_each(insert);
        }
        (10_000..13_000).for_each(insert);
        let kept = (0..300).filter(|i| store.get(&key(*i)).is_some()).count();
        assert!(
            kept > 270,
            "{kept} of 300 survived a scan of three times the capacity"
        );
    }

    #[test]
    fn removing_a_file_removes_its_tiles_alone() {
        let (bank, store) = (bank(), Store::new());
        for i in 0..30 {
            store.insert(key(i), tile(&bank), 1);
        }
        let held = store.get(&key(3)).unwrap();
        store.remove(Some(0));
        assert!(store.get(&key(3)).is_none());
        assert_eq!(
            held.view().size(),
            Size::new(32, 32),
            "a holder keeps the old pixels"
        );
        assert!(store.get(&key(4)).is_some());
        assert_eq!(store.idle().amount, 20 * 1024);
        store.remove(None);
        drop(held);
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }

    #[test]
    fn the_first_of_two_equal_tiles_stays() {
        let (bank, store) = (bank(), Store::new());
        let first = store.insert(key(1), tile(&bank), 1);
        let second = store.insert(key(1), tile(&bank), 1);
        assert!(Arc::ptr_eq(&first.0, &second.0));
        drop((first, second));
        assert_eq!(bank.ledger().host.live_bytes, 1024);
    }

    /// Numbers from 0 to `n`, the small ones oftener, by Zipf's law with exponent `s`; the same for the same seed.
    fn zipf(n: usize, s: f64, seed: u64) -> impl FnMut() -> u64 {
        let mut sums: Vec<f64> = (1..=n)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / (rank as f64).powf(s);
                Some(*sum)
            })
            .collect();
        let total = sums[n - 1];
        sums.iter_mut().for_each(|sum| *sum /= total);
        let mut random = seed | 1;
        move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = (random >> 11) as f64 / (1u64 << 53) as f64;
            // Neighbours in rank are not neighbours in the file.
            (sums.partition_point(|sum| *sum < at) as u64).wrapping_mul(7919) % n as u64
        }
    }

    /// The share of requests that find their tile, in the store and in quick_cache with the same room.
    fn hit_ratios(room: u64, requests: impl Iterator<Item = u64>) -> (f64, f64) {
        let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
        let holder = bank.holder(Account::Tiles, "tile", "test");
        let (store, other) = (
            Store::new(),
            quick_cache::sync::Cache::<u64, ()>::new(room as usize),
        );
        let (mut n, mut ours, mut theirs) = (0u32, 0u32, 0u32);
        for request in requests {
            n += 1;
            if store.get(&key(request)).is_some() {
                ours += 1;
            } else {
                if store.idle().amount >= room * 64 {
                    store.reclaim(64);
                }
                let buffer = holder.buffer(64, &Wait::never()).unwrap();
                store.insert(
                    key(request),
                    Tile::new(&bank, buffer, Size::new(8, 8), PixelFormat::GRAY8),
                    1,
                );
            }
            if other.get(&request).is_some() {
                theirs += 1;
            } else {
                other.insert(request, ());
            }
        }
        (
            f64::from(ours) / f64::from(n),
            f64::from(theirs) / f64::from(n),
        )
    }

    /// Why an eviction policy stands here although there is a library: it must be no worse, and evict when the bank asks.
    /// `docs/notes/eviction.md` has the figures.
    #[test]
    fn hit_ratios_are_those_of_a_well_kept_cache() {
        const KEYS: usize = 16_384;
        for (name, room, scan, exponent) in [
            ("Zipf 0.9, 1/16 of the keys", 1024, false, 0.9),
            ("Zipf 0.9, 1/8", 2048, false, 0.9),
            ("Zipf 0.9, 1/4", 4096, false, 0.9),
            ("Zipf 0.9 with scans, 1/8", 2048, true, 0.9),
            ("Zipf 0.7, 1/8", 2048, false, 0.7),
        ] {
            let mut next = zipf(KEYS, exponent, 42);
            let requests = (0..300_000u64).map(|n| {
                // Every other thousand is a walk through what nobody else asks for.
                if scan && (n / 1000) % 2 == 1 {
                    KEYS as u64 + n
                } else {
                    next()
                }
            });
            let (ours, theirs) = hit_ratios(room, requests);
            println!("{name}: {ours:.3}, quick_cache {theirs:.3}");
            assert!(
                ours > theirs * 0.97,
                "{name}: {ours:.3}, quick_cache {theirs:.3}"
            );
        }
        let loops = (0..200_000u64).map(|n| n % 2500);
        let (ours, theirs) = hit_ratios(2048, loops);
        println!("loop over 2,500 with room for 2,048: {ours:.3}, quick_cache {theirs:.3}");
    }
}
