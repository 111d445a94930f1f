//! Where the tiles of a file are found: a seat for each, near those that were ever kept.

use std::fmt;
use std::sync::{Arc, OnceLock};

use pixelbank_memory::Reservation;
use pixelbank_memory::sync::Mutex;

use super::seat::Seat;
use super::tile::{Pixels, TileKey};
use crate::made::Made;

/// Seats are made by so many at once, of neighbours in a level.
const BLOCK: u64 = 64;

type Block = Box<[Seat<Pixels>]>;
type Level = Box<[OnceLock<Block>]>;
type Subimage = Box<[OnceLock<Level>]>;

/// The seats of a file, which all that is known of it under any name has in common. Looking something up goes by
/// numbers from subimage to level to block to seat: no hash, and no lock.
pub(crate) struct Seats {
    pub file: u64,
    /// Which of them have had a tile.
    pub made: Made,
    subimages: Box<[OnceLock<Subimage>]>,
    paid: Mutex<Vec<Reservation>>,
}

/// A tile, and what has to be known to make a seat for it.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'a> {
    pub key: TileKey,
    /// Those of its file, once there are any.
    pub seats: &'a OnceLock<Arc<Seats>>,
}

/// The counts that seats are made by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub n_subimages: usize,
    pub n_levels: u32,
    /// Of the level.
    pub n_tiles: u64,
}

impl Seats {
    /// What it takes in memory, without any seats: an entry in the store's table of all files among it.
    pub fn bytes(n_subimages: usize) -> u64 {
        const IN_TABLE: usize = 9 * (2 * size_of::<u64>() + 1) / 4;
        let heap = size_of::<Self>() + 2 * size_of::<usize>() + 2 * size_of::<Reservation>();
        (heap + IN_TABLE + n_subimages * size_of::<OnceLock<Subimage>>()) as u64
    }

    /// Without seats as yet, paid for by `reservation`.
    pub fn new(file: u64, n_subimages: usize, reservation: Reservation) -> Self {
        Self {
            file,
            made: Made::default(),
            subimages: (0..n_subimages).map(|_| OnceLock::new()).collect(),
            paid: Mutex::new(vec![reservation]),
        }
    }

    /// What was paid for it so far.
    #[cfg(test)]
    pub fn booked(&self) -> u64 {
        self.paid.lock().iter().map(Reservation::amount).sum()
    }

    /// The seat of a tile, where there is one.
    #[inline]
    pub fn seat(&self, key: &TileKey) -> Option<&Seat<Pixels>> {
        let levels = self.subimages.get(key.subimage as usize)?.get()?;
        let blocks = levels.get(key.level as usize)?.get()?;
        let block = blocks.get((key.index / BLOCK) as usize)?.get()?;
        block.get((key.index % BLOCK) as usize)
    }

    /// Sees to it that the tile has a seat. What that takes is paid for by `reserve` first.
    pub fn make<E>(
        &self,
        key: &TileKey,
        shape: Shape,
        reserve: impl FnOnce(u64) -> Result<Reservation, E>,
    ) -> Result<(), E> {
        if self.seat(key).is_some() {
            return Ok(());
        }
        let n_blocks = shape.n_tiles.div_ceil(BLOCK);
        let first = key.index / BLOCK * BLOCK;
        let n_seats = BLOCK.min(shape.n_tiles.saturating_sub(first));
        let Some(subimage) = self.subimages.get(key.subimage as usize) else {
            return Ok(());
        };
        let levels = subimage.get();
        let blocks = levels.and_then(|levels| levels.get(key.level as usize)?.get());
        // Two that make the same pay twice; it happens once in the life of a file.
        let mut bytes = n_seats as usize * size_of::<Seat<Pixels>>() + 2 * size_of::<Reservation>();
        if blocks.is_none() {
            bytes += n_blocks as usize * size_of::<OnceLock<Block>>();
        }
        if levels.is_none() {
            bytes += shape.n_levels as usize * size_of::<OnceLock<Level>>();
        }
        let reservation = reserve(bytes as u64)?;
        self.paid.lock().push(reservation);
        let levels = subimage.get_or_init(|| empty(u64::from(shape.n_levels)));
        if let Some(level) = levels.get(key.level as usize)
            && let Some(block) = level
                .get_or_init(|| empty(n_blocks))
                .get((key.index / BLOCK) as usize)
        {
            block.get_or_init(|| (0..n_seats).map(|_| Seat::empty()).collect());
        }
        Ok(())
    }
}

fn empty<T>(n: u64) -> Box<[OnceLock<T>]> {
    (0..n).map(|_| OnceLock::new()).collect()
}

impl fmt::Debug for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seats")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
