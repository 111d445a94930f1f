//! The tiles in memory: seats of each file to find them in, and one order to evict them by.
//!
//! There is no capacity here: tiles stay until the bank wants their bytes back, and a tile that somebody holds is passed
//! over. A hit takes no lock: it marks the tile in the seat as held, and notes there that it was used; the order, behind a
//! lock, reads that when something has to go. Tiles are put into seats and taken out of them under that lock alone.

mod ghosts;
#[allow(unsafe_code)]
mod marks;
mod order;
mod policy;
mod room;
#[allow(unsafe_code)]
mod seat;
mod seats;
mod shelf;
mod tally;
#[cfg(test)]
mod tests;
mod tile;
mod worth;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashMap};
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Account, Error, Holder, Idle, Reclaim, Reservation, Wait};

use self::marks::Marked;
use self::order::Order;
pub use self::policy::Policy;
use self::room::Room;
pub(crate) use self::seats::{Seats, Shape, Spot};
use self::shelf::Entry;
use self::tally::Tally;
pub use self::tile::Tile;
pub(crate) use self::tile::TileKey;
use self::tile::{HANDLES_OF_STORE, Pixels};

/// All tiles of one cache.
pub(crate) struct Store {
    /// The seats of files that have any, for files that get another description.
    seats: Mutex<HashMap<u64, Weak<Seats>>>,
    tally: Tally,
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

/// The part of all bytes that is freed at once.
const SPARE: u64 = 1024;

/// Entries taken out under one lock, while others wait for it: of a file that goes, and of those that make room.
const BATCH: usize = 128;
const EVICTED_AT_ONCE: usize = 1;

impl Store {
    /// An empty store, whose tables are paid for through `holder`.
    pub fn new(policy: Policy, holder: Holder) -> Self {
        Self {
            seats: Mutex::default(),
            tally: Tally::new(),
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

    /// Pays for what it takes to keep the tile, beside its pixels. To be called without a lock held.
    pub fn make_room(
        &self,
        spot: &Spot<'_>,
        shape: impl FnOnce() -> Shape,
        wait: &Wait,
    ) -> Result<(), Error> {
        let n_tiles = self.n_tiles.load(Ordering::Relaxed);
        self.room.ensure(n_tiles, wait)?;
        self.make_seat(spot, shape, |bytes| self.room.reserve(bytes, wait))
    }

    /// The same, only from memory that nobody else keeps anything in.
    pub fn make_room_if_free(&self, spot: &Spot<'_>, shape: impl FnOnce() -> Shape) -> bool {
        let n_tiles = self.n_tiles.load(Ordering::Relaxed);
        let reserve = |bytes| self.room.reserve_free(bytes).ok_or(());
        self.room.ensure_free(n_tiles) && self.make_seat(spot, shape, reserve).is_ok()
    }

    fn make_seat<E>(
        &self,
        spot: &Spot<'_>,
        shape: impl FnOnce() -> Shape,
        reserve: impl Fn(u64) -> Result<Reservation, E>,
    ) -> Result<(), E> {
        let known = self.seats_of(spot);
        if known.is_some_and(|seats| seats.seat(&spot.key).is_some()) {
            return Ok(());
        }
        let shape = shape();
        let seats = match known {
            Some(seats) => seats,
            None => {
                let reservation = reserve(Seats::bytes(shape.n_subimages))?;
                let seats = Seats::new(spot.key.file, shape.n_subimages, reservation);
                let seats = self.agree_on(Arc::new(seats));
                spot.seats.get_or_init(|| seats)
            }
        };
        seats.make(&spot.key, shape, reserve)
    }

    /// These seats, or those that somebody else has made for the same file.
    fn agree_on(&self, new: Arc<Seats>) -> Arc<Seats> {
        let mut all = self.seats.lock();
        if let Some(known) = all.get(&new.file).and_then(Weak::upgrade) {
            return known;
        }
        if all.len() == all.capacity() {
            // What is left of files that are gone.
            all.retain(|_, seats| seats.strong_count() > 0);
        }
        all.insert(new.file, Arc::downgrade(&new));
        new
    }

    /// The seats of the file, which may have been there before this description of it.
    #[inline]
    fn seats_of<'a>(&self, spot: &Spot<'a>) -> Option<&'a Arc<Seats>> {
        match spot.seats.get() {
            Some(seats) => Some(seats),
            None => {
                let known = self.seats.lock().get(&spot.key.file)?.upgrade()?;
                Some(spot.seats.get_or_init(|| known))
            }
        }
    }

    /// Drops the tables of a store without tiles, and what is remembered of those that were there; what was paid for them.
    fn drop_tables(&self, order: &mut Order) -> Vec<Reservation> {
        if order.shelf.len() > 0 {
            return Vec::new();
        }
        order.drop_tables();
        self.room.empty()
    }

    /// The tile, asked for by a caller of the cache, which is a hit where it is here.
    #[inline(always)]
    pub fn get(&self, spot: &Spot<'_>) -> Option<Tile> {
        self.find(spot, 1)
    }

    /// The tile, for the cache's own use: to make others from it, or to look again.
    pub fn peek(&self, spot: &Spot<'_>) -> Option<Tile> {
        self.find(spot, 0)
    }

    /// The same, final: without the lock, a tile that was to be evicted and is held after all may be missed.
    pub fn peek_surely(&self, spot: &Spot<'_>) -> Option<Tile> {
        self.peek(spot).or_else(|| {
            let _order = self.order.0.lock();
            self.peek(spot)
        })
    }

    // In one piece with the caller: what is handed on in memory is waited for.
    #[inline(always)]
    fn find(&self, spot: &Spot<'_>, hits: u64) -> Option<Tile> {
        let seat = self.seats_of(spot)?.seat(&spot.key)?;
        let marks = Pixels::of_this_thread();
        let pixels = seat.get(marks)?;
        pixels.touch(self.tick.0.load(Ordering::Relaxed));
        let thread = marks.map_or(usize::MAX, |marks| marks.number);
        self.tally.found(thread, hits);
        Some(Tile::from(pixels))
    }

    /// Keeps `tile`, which took `cost_nanos` to make and for which there is room. Where there is one already, the older one
    /// stays and is returned.
    pub fn insert(&self, spot: &Spot<'_>, tile: Tile, cost_nanos: u64) -> Tile {
        let Some(seats) = self.seats_of(spot) else {
            return tile;
        };
        let Some(seat) = seats.seat(&spot.key) else {
            return tile;
        };
        let hash = self.hasher.hash_one(spot.key);
        let pixels = tile.pixels.share();
        let bytes = pixels.bytes();
        let mut order = self.order.0.lock();
        if let Some(older) = seat.get(Pixels::of_this_thread()) {
            return Tile::from(older);
        }
        self.tick
            .0
            .store(order.note_finds(&self.tally), Ordering::Relaxed);
        order.put(seats, spot.key, hash, Arc::clone(&pixels), cost_nanos);
        // Last: what can be found can be asked for.
        let is_put = seat.put(pixels).is_ok();
        debug_assert!(is_put, "tiles are put into seats under the lock alone");
        self.n_tiles
            .store(order.shelf.len() as u64, Ordering::Relaxed);
        self.price.store(order.price().to_bits(), Ordering::Relaxed);
        // Before the lock is let go: whoever removes the tile subtracts.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        tile
    }

    /// Takes a tile out of its seat, so that it is not found any more; not where `only_idle` is set and somebody has it.
    fn unlink(entry: &Entry, only_idle: bool) -> bool {
        match entry.seats.seat(&entry.key) {
            Some(seat) if only_idle => seat.take_idle(&entry.pixels, HANDLES_OF_STORE),
            Some(seat) => {
                drop(seat.take());
                true
            }
            None => true,
        }
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
                    Self::unlink(&entry, false);
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
        self.tally.hits()
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
                let Some(entry) = order.evict(&mut |entry| Self::unlink(entry, true)) else {
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
