//! The tiles in memory, by a number of their own, and those of each file in a list.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map;

use super::seats::Seats;
use super::tile::{HANDLES_OF_STORE, Pixels, TileKey};

/// A tile in memory, as eviction sees it.
pub(super) struct Entry {
    pub pixels: Arc<Pixels>,
    /// Those of its file.
    pub seats: Arc<Seats>,
    pub key: TileKey,
    pub hash: u64,
    /// Uses, faded to the moment `last_use`. The request that brought a tile in counts only once it has left the window:
    /// every tile was asked for once.
    pub score: f32,
    /// What making a byte of it costs, the mean of its level in its file: a single measurement may have met a busy moment.
    pub nanos_per_byte: f32,
    /// In requests, as far as the store has looked.
    pub last_use: u64,
    /// Where it stands in the main part; [`IN_WINDOW`] where it does not.
    pub place: u32,
}

pub(super) const IN_WINDOW: u32 = u32::MAX;

impl Entry {
    /// Whether nobody but the store has a handle that is counted. Those that are marked are looked for when it goes.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.pixels) <= HANDLES_OF_STORE
    }
}

#[derive(Default)]
pub(super) struct Shelf {
    slots: Vec<Slot>,
    free: Vec<u32>,
    files: HashMap<u64, FileTiles>,
    n_tiles: usize,
    /// Entries looked at while files were removed.
    pub visited: u64,
}

#[derive(Default)]
struct Slot {
    /// Counts the tiles that were here, so that a queue sees that its tile has gone.
    stamp: u32,
    entry: Option<Entry>,
    before: Option<u32>,
    after: Option<u32>,
}

struct FileTiles {
    first: u32,
    nanos_per_byte: [Option<f32>; COST_LEVELS],
}

/// Costs are averaged for each of the first levels, and for the rest together.
const COST_LEVELS: usize = 12;
/// The part of a new measurement in the average, and how far above the average it is believed.
const COST_GAIN: f32 = 1.0 / 8.0;
const COST_BELIEVED: f32 = 4.0;

/// The slots grow by a quarter at a time.
pub(super) const BYTES_A_TILE: usize = size_of::<Slot>() * 5 / 4;

impl Shelf {
    pub fn len(&self) -> usize {
        self.n_tiles
    }

    /// Slots that are or were in use: numbers are below this.
    pub fn n_slots(&self) -> u32 {
        self.slots.len() as u32
    }

    pub fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots[slot as usize].entry.as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots[slot as usize].entry.as_mut()
    }

    pub fn stamp(&self, slot: u32) -> u32 {
        self.slots[slot as usize].stamp
    }

    /// Puts a tile on the shelf, at the front of its file's list. `entry.nanos_per_byte` is the measurement; the average
    /// with it is what is kept.
    pub fn put(&mut self, mut entry: Entry) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            let n = self.slots.len();
            if n == self.slots.capacity() {
                self.slots.reserve_exact(n / 4 + 16);
            }
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let level = (entry.key.level as usize).min(COST_LEVELS - 1);
        let after = match self.files.entry(entry.key.file) {
            hash_map::Entry::Occupied(mut file) => {
                let file = file.get_mut();
                let mean = file.nanos_per_byte[level].get_or_insert(entry.nanos_per_byte);
                *mean += (entry.nanos_per_byte.min(*mean * COST_BELIEVED) - *mean) * COST_GAIN;
                entry.nanos_per_byte = *mean;
                Some(std::mem::replace(&mut file.first, slot))
            }
            hash_map::Entry::Vacant(place) => {
                let mut nanos_per_byte = [None; COST_LEVELS];
                nanos_per_byte[level] = Some(entry.nanos_per_byte);
                place.insert(FileTiles {
                    first: slot,
                    nanos_per_byte,
                });
                None
            }
        };
        if let Some(after) = after {
            self.slots[after as usize].before = Some(slot);
        }
        let place = &mut self.slots[slot as usize];
        *place = Slot {
            stamp: place.stamp.wrapping_add(1),
            entry: Some(entry),
            before: None,
            after,
        };
        self.n_tiles += 1;
        slot
    }

    pub fn take(&mut self, slot: u32) -> Option<Entry> {
        let place = &mut self.slots[slot as usize];
        let entry = place.entry.take()?;
        let (before, after) = (place.before.take(), place.after.take());
        if let Some(after) = after {
            self.slots[after as usize].before = before;
        }
        match (before, after) {
            (Some(before), _) => self.slots[before as usize].after = after,
            (None, Some(after)) => {
                if let Some(file) = self.files.get_mut(&entry.key.file) {
                    file.first = after;
                }
            }
            (None, None) => drop(self.files.remove(&entry.key.file)),
        }
        self.free.push(slot);
        self.n_tiles -= 1;
        Some(entry)
    }

    /// Without that of the files' lists, of which there are as many as files.
    #[cfg(test)]
    pub fn table_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.free.capacity() * size_of::<u32>()
    }

    /// Any tile of a file.
    pub fn first_of(&mut self, file: u64) -> Option<u32> {
        let first = self.files.get(&file)?.first;
        self.visited += 1;
        Some(first)
    }
}
