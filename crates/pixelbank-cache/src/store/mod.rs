//! The tiles in memory: an index in shards to find them by, and one order to evict them by.
//!
//! There is no capacity here: tiles stay until the bank wants their bytes back, and a tile that somebody holds is passed
//! over. A hit takes the lock of one shard and writes into the tile; the order, behind a lock of its own, reads it there
//! when something has to go. Where both locks are taken, the order's comes first.

mod ghosts;
mod order;
mod policy;
mod room;
mod shelf;
#[cfg(test)]
mod tests;
mod tile;
mod worth;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashTable};
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Account, Error, Holder, Idle, Reclaim, Reservation, Wait};

use self::order::Order;
pub use self::policy::Policy;
use self::room::Room;
use self::shelf::Entry;
pub use self::tile::Tile;
pub(crate) use self::tile::TileKey;
use self::tile::{HANDLES_OF_STORE, Pixels};

/// All tiles of one cache.
pub(crate) struct Store {
    shards: Box<[Apart<Mutex<Shard>>]>,
    hasher: DefaultHashBuilder,
    /// What the order's clock showed last.
    tick: Apart<AtomicU64>,
    order: Apart<Mutex<Order>>,
    bytes: AtomicU64,
    evictions: AtomicU64,
    price: AtomicU32,
    n_tiles: AtomicU64,
    room: Room,
}

/// Keeps its content away from what other threads write: a cache line, and the one that is fetched with it.
#[repr(align(128))]
struct Apart<T>(T);

#[derive(Default)]
struct Shard {
    table: HashTable<(TileKey, Arc<Pixels>)>,
    /// Tiles found here that the order does not know of yet.
    uses: u64,
    /// Those of them, and of all before, that a caller of the cache had asked for.
    hits: u64,
}

/// The part of all bytes that is freed at once.
const SPARE: u64 = 1024;

/// Entries taken out under one lock, while others wait for it: of a file that goes, and of those that make room.
const BATCH: usize = 128;
const EVICTED_AT_ONCE: usize = 1;

impl Store {
    /// An empty store, whose tables are paid for through `holder`.
    pub fn new(policy: Policy, holder: Holder) -> Self {
        // Enough that threads seldom meet; a power of two, so that a hash picks one by its upper bits.
        let n = (std::thread::available_parallelism().map_or(4, usize::from) * 8)
            .next_power_of_two()
            .clamp(64, 512);
        Self {
            shards: (0..n).map(|_| Apart(Mutex::default())).collect(),
            hasher: DefaultHashBuilder::default(),
            tick: Apart(AtomicU64::new(0)),
            order: Apart(Mutex::new(Order::new(policy))),
            bytes: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            price: AtomicU32::new(0),
            n_tiles: AtomicU64::new(0),
            room: Room::new(holder),
        }
    }

    /// Pays for what it takes to keep another tile, beside its pixels. To be called without a lock held.
    pub fn make_room(&self, wait: &Wait) -> Result<(), Error> {
        self.room.ensure(self.n_tiles.load(Ordering::Relaxed), wait)
    }

    /// The same, only from memory that nobody else keeps anything in.
    pub fn make_room_if_free(&self) -> bool {
        self.room.ensure_free(self.n_tiles.load(Ordering::Relaxed))
    }

    /// Drops the tables of a store without tiles, and what is remembered of those that were there; what was paid for them.
    fn drop_tables(&self, order: &mut Order) -> Vec<Reservation> {
        if order.shelf.len() > 0 {
            return Vec::new();
        }
        order.drop_tables();
        for shard in &self.shards {
            shard.0.lock().table = HashTable::new();
        }
        self.room.empty()
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The table inside uses the low bits for its buckets and the top seven for its tags.
        &self.shards[(hash >> 40) as usize & (self.shards.len() - 1)].0
    }

    /// The tile, asked for by a caller of the cache, which is a hit where it is here.
    #[inline]
    pub fn get(&self, key: &TileKey) -> Option<Tile> {
        self.find(key, 1)
    }

    /// The tile, for the cache's own use: to make others from it, or to look again.
    pub fn peek(&self, key: &TileKey) -> Option<Tile> {
        self.find(key, 0)
    }

    #[inline]
    fn find(&self, key: &TileKey, hits: u64) -> Option<Tile> {
        let hash = self.hasher.hash_one(key);
        let tick = self.tick.0.load(Ordering::Relaxed);
        let mut shard = self.shard(hash).lock();
        let (_, pixels) = shard.table.find(hash, |(found, _)| found == key)?;
        pixels.touch(tick);
        let tile = Tile(Arc::clone(pixels));
        shard.uses += 1;
        shard.hits += hits;
        Some(tile)
    }

    /// Keeps `tile`, which took `cost_nanos` to make. Where the key is there already, the older one stays and is returned.
    pub fn insert(&self, key: TileKey, tile: Tile, cost_nanos: u64) -> Tile {
        let hash = self.hasher.hash_one(key);
        let pixels = Arc::clone(&tile.0);
        let bytes = pixels.bytes();
        let mut order = self.order.0.lock();
        {
            let mut shard = self.shard(hash).lock();
            if let Some((_, pixels)) = shard.table.find(hash, |(found, _)| *found == key) {
                return Tile(Arc::clone(pixels));
            }
            let uses = std::mem::take(&mut shard.uses);
            self.tick.0.store(order.tick(uses), Ordering::Relaxed);
            let hasher = &self.hasher;
            shard
                .table
                .insert_unique(hash, (key, Arc::clone(&pixels)), |(key, _)| {
                    hasher.hash_one(key)
                });
        }
        order.put(key, hash, pixels, cost_nanos);
        self.n_tiles
            .store(order.shelf.len() as u64, Ordering::Relaxed);
        self.price.store(order.price().to_bits(), Ordering::Relaxed);
        // Before the lock is let go: whoever removes the tile subtracts.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        tile
    }

    /// Takes a tile out of the index, so that it is not found any more; not where `only_idle` is set and somebody has it.
    fn unlink(&self, entry: &Entry, only_idle: bool) -> bool {
        let mut shard = self.shard(entry.hash).lock();
        // Handles are cloned from the table under this lock only, so what is idle here stays so.
        if only_idle && Arc::strong_count(&entry.pixels) > HANDLES_OF_STORE {
            return false;
        }
        if let Ok(found) = shard
            .table
            .find_entry(entry.hash, |(key, _)| *key == entry.key)
        {
            found.remove();
        }
        true
    }

    /// Drops every tile of `file`, or of all files; those that somebody holds live on with their holder. Takes time for
    /// each tile of that file, and none for others.
    pub fn remove(&self, file: Option<u64>) {
        let mut slot = 0;
        loop {
            // Dropped without a lock: the bank and the allocator have their own.
            let mut gone = Vec::with_capacity(BATCH);
            let mut order = self.order.0.lock();
            let is_done = loop {
                let next = match file {
                    Some(file) => order.shelf.first_of(file),
                    None => (slot < order.shelf.n_slots()).then_some(slot),
                };
                let Some(next) = next else { break true };
                slot = next + 1;
                if let Some(entry) = order.take(next) {
                    self.unlink(&entry, false);
                    gone.push(entry);
                }
                if gone.len() == BATCH {
                    break false;
                }
            };
            self.n_tiles
                .store(order.shelf.len() as u64, Ordering::Relaxed);
            let paid = self.drop_tables(&mut order);
            drop(order);
            drop(paid);
            let bytes: u64 = gone.iter().map(|entry| entry.pixels.bytes()).sum();
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            if is_done {
                return;
            }
        }
    }

    pub fn hits(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.lock().hits).sum()
    }

    pub fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }
}

impl Reclaim for Store {
    fn account(&self) -> Account {
        Account::Tiles
    }

    fn idle(&self) -> Idle {
        Idle {
            // Counts those in use as well; `reclaim` says when there is nothing else left.
            amount: self.bytes.load(Ordering::Relaxed),
            nanos_per_unit: f64::from(f32::from_bits(self.price.load(Ordering::Relaxed))),
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        // A little more than is asked for, so that not every tile that comes in asks.
        let amount = amount.max(self.bytes.load(Ordering::Relaxed) / SPARE);
        let mut freed = 0;
        while freed < amount {
            // Dropped without a lock: the bank and the allocator have their own.
            let mut gone = Vec::new();
            let mut batch = 0;
            let mut order = self.order.0.lock();
            while freed + batch < amount && gone.len() < EVICTED_AT_ONCE {
                let Some(entry) = order.evict(&mut |entry| self.unlink(entry, true)) else {
                    break;
                };
                batch += entry.pixels.bytes();
                gone.push(entry);
            }
            self.price.store(order.price().to_bits(), Ordering::Relaxed);
            self.n_tiles
                .store(order.shelf.len() as u64, Ordering::Relaxed);
            let paid = self.drop_tables(&mut order);
            drop(order);
            drop(paid);
            if gone.is_empty() {
                break;
            }
            freed += batch;
            self.bytes.fetch_sub(batch, Ordering::Relaxed);
            self.evictions
                .fetch_add(gone.len() as u64, Ordering::Relaxed);
        }
        freed
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("bytes", &self.bytes)
            .field("window", &self.order.0.lock().window_share())
            .finish_non_exhaustive()
    }
}
