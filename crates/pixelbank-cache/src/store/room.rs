//! What finding and judging tiles takes in memory, on the books.

use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Error, Holder, Reservation, Wait};

use super::order;

/// The reservation for the order and the ghosts; seats have their own. It grows ahead of them, before a tile is made and where waiting
/// is allowed, as they grow under a lock that a reclaimer takes; and it goes when they are empty.
#[derive(Debug)]
pub(super) struct Room {
    holder: Holder,
    tiles: AtomicU64,
    paid: Mutex<Vec<Reservation>>,
}

/// Tiles more than there are that there is always room for: those that several threads are making.
const SPARE_TILES: u64 = 16;

impl Room {
    pub fn new(holder: Holder) -> Self {
        Self {
            holder,
            tiles: AtomicU64::new(0),
            paid: Mutex::default(),
        }
    }

    /// Makes room for some tiles more than `n_tiles`.
    pub fn ensure(&self, n_tiles: u64, wait: &Wait) -> Result<(), Error> {
        self.grow(n_tiles, |bytes| self.holder.reserve(bytes, wait))
    }

    /// The same, from memory that nobody else keeps anything in.
    pub fn ensure_free(&self, n_tiles: u64) -> bool {
        let free = |bytes| self.holder.reserve_free(bytes).ok_or(());
        self.grow(n_tiles, free).is_ok()
    }

    /// Pays for something of which the holder keeps account itself.
    pub fn reserve(&self, bytes: u64, wait: &Wait) -> Result<Reservation, Error> {
        self.holder.reserve(bytes, wait)
    }

    /// The same, from memory that nobody else keeps anything in.
    pub fn reserve_free(&self, bytes: u64) -> Option<Reservation> {
        self.holder.reserve_free(bytes)
    }

    fn grow<E>(
        &self,
        n_tiles: u64,
        reserve: impl FnOnce(u64) -> Result<Reservation, E>,
    ) -> Result<(), E> {
        if n_tiles + SPARE_TILES <= self.tiles.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Two that come here at once make more room than is needed yet, which the next ones find.
        let more = n_tiles / 4 + 2 * SPARE_TILES;
        let reservation = reserve(more * order::BYTES_A_TILE)?;
        let mut paid = self.paid.lock();
        paid.push(reservation);
        self.tiles.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// What was paid for tables that have been dropped.
    #[must_use = "it goes back to the bank, which is not to be called under a lock of the store"]
    pub fn empty(&self) -> Vec<Reservation> {
        let mut paid = self.paid.lock();
        self.tiles.store(0, Ordering::Relaxed);
        std::mem::take(&mut *paid)
    }
}
