//! Where the tiles of a file are found: a seat for each, near those that were ever kept.

use std::fmt;
use std::sync::{Arc, OnceLock};

use pixelbank_memory::Reservation;
use pixelbank_memory::sync::Mutex;

use super::seat::Seat;
use super::tile::{Pixels, TileKey};
use crate::made::Made;

/// So many seats are made at once, of neighbours in a level, and so many nodes are below another.
const FAN: u64 = 1 << FAN_BITS;
const FAN_BITS: u32 = 6;

/// The seats of a level, in a tree: a level may have tiles by the billion, of which few are ever asked for.
struct Level {
    root: Node,
    /// How many nodes are above the seats.
    height: u32,
}

enum Node {
    Nodes(Box<[OnceLock<Node>]>),
    Seats(Box<[Seat<Pixels>]>),
}

type Subimage = Box<[OnceLock<Level>]>;

/// The seats of a file, which all that is known of it under any name has in common. Looking something up goes by
/// numbers from subimage to level, node and seat: no hash, and no lock.
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
        let level = levels.get(key.level as usize)?.get()?;
        let mut node = &level.root;
        let mut height = level.height;
        loop {
            let at = (key.index >> (height * FAN_BITS)) % FAN;
            match node {
                Node::Seats(seats) => return seats.get(at as usize),
                Node::Nodes(nodes) => node = nodes.get(at as usize)?.get()?,
            }
            height -= 1;
        }
    }

    /// Sees to it that the tile has a seat. What that takes is paid for by `reserve` first.
    pub fn make<E>(
        &self,
        key: &TileKey,
        shape: Shape,
        reserve: impl FnOnce(u64) -> Result<Reservation, E>,
    ) -> Result<(), E> {
        let Some(subimage) = self.subimages.get(key.subimage as usize) else {
            return Ok(());
        };
        if self.seat(key).is_some() || key.index >= shape.n_tiles {
            return Ok(());
        }
        let height = Node::height(shape.n_tiles);
        // Two that make the same pay twice; it happens once in the life of a node.
        let known = subimage
            .get()
            .and_then(|levels| levels.get(key.level as usize)?.get());
        let missing = known.map_or(height + 1, |level| level.n_missing(key.index));
        let nodes = (0..missing).map(|height| Node::bytes(key.index, height, shape.n_tiles));
        let mut bytes = nodes.sum::<u64>() + 2 * size_of::<Reservation>() as u64;
        if subimage.get().is_none() {
            bytes += u64::from(shape.n_levels) * size_of::<OnceLock<Level>>() as u64;
        }
        let reservation = reserve(bytes)?;
        self.paid.lock().push(reservation);
        let levels =
            subimage.get_or_init(|| (0..shape.n_levels).map(|_| OnceLock::new()).collect());
        let Some(level) = levels.get(key.level as usize) else {
            return Ok(());
        };
        let new = |height| Node::new(key.index, height, shape.n_tiles);
        let level = level.get_or_init(|| Level {
            root: new(height),
            height,
        });
        let (mut node, mut height) = (&level.root, level.height);
        while let Node::Nodes(nodes) = node {
            let at = (key.index >> (height * FAN_BITS)) % FAN;
            let Some(below) = nodes.get(at as usize) else {
                break;
            };
            height -= 1;
            node = below.get_or_init(|| new(height));
        }
        Ok(())
    }
}

impl Level {
    /// How many nodes there are not, of those above a tile.
    fn n_missing(&self, index: u64) -> u32 {
        let (mut node, mut height) = (&self.root, self.height);
        while let Node::Nodes(nodes) = node {
            let at = (index >> (height * FAN_BITS)) % FAN;
            match nodes.get(at as usize).and_then(OnceLock::get) {
                Some(below) => node = below,
                None => return height,
            }
            height -= 1;
        }
        0
    }
}

impl Node {
    /// Of the topmost one of so many tiles.
    fn height(n_tiles: u64) -> u32 {
        let last = n_tiles.saturating_sub(1);
        u64::BITS.saturating_sub(last.leading_zeros() + 1) / FAN_BITS
    }

    /// How many nodes or seats are below the node of that height above a tile.
    fn n_below(index: u64, height: u32, n_tiles: u64) -> u64 {
        let each = 1 << (height * FAN_BITS);
        let first = index / each / FAN * FAN;
        FAN.min(n_tiles.div_ceil(each).saturating_sub(first))
    }

    fn new(index: u64, height: u32, n_tiles: u64) -> Self {
        let n = Self::n_below(index, height, n_tiles);
        if height == 0 {
            Self::Seats((0..n).map(|_| Seat::empty()).collect())
        } else {
            Self::Nodes((0..n).map(|_| OnceLock::new()).collect())
        }
    }

    fn bytes(index: u64, height: u32, n_tiles: u64) -> u64 {
        let each = match height {
            0 => size_of::<Seat<Pixels>>(),
            _ => size_of::<OnceLock<Self>>(),
        };
        Self::n_below(index, height, n_tiles) * each as u64
    }
}

impl fmt::Debug for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seats")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank};

    use super::*;

    #[test]
    fn every_tile_of_any_level_has_one_seat_of_its_own() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let holder = bank.holder(Account::Descriptors, "tile index", "test");
        for n_tiles in [1, 63, 64, 65, 4096, 4097, 262_145, 1 << 32, u64::MAX] {
            let seats = Seats::new(7, 1, holder.try_reserve(Seats::bytes(1)).unwrap());
            let shape = Shape {
                n_subimages: 1,
                n_levels: 2,
                n_tiles,
            };
            let key = |index| TileKey {
                file: 7,
                subimage: 0,
                level: 1,
                index,
            };
            let tried = [
                0,
                1,
                62,
                63,
                64,
                4095,
                4096,
                262_144,
                n_tiles / 2,
                n_tiles - 1,
            ];
            let mut tried: Vec<u64> = tried.into_iter().filter(|n| *n < n_tiles).collect();
            tried.sort_unstable();
            tried.dedup();
            for index in &tried {
                let reserve = |bytes| holder.try_reserve(bytes);
                seats.make(&key(*index), shape, reserve).unwrap();
            }
            let found: std::collections::HashSet<_> = tried
                .iter()
                .map(|index| std::ptr::from_ref(seats.seat(&key(*index)).unwrap()).addr())
                .collect();
            assert_eq!(found.len(), tried.len(), "of {n_tiles}");
            // A path of nodes for each, whatever the size of the level.
            assert!(seats.booked() < 12 * 10 * FAN * 32, "{}", seats.booked());
            let never = |_| -> Result<Reservation, ()> { unreachable!("there are seats") };
            for index in tried {
                seats.make(&key(index), shape, never).unwrap();
            }
        }
    }
}
