//! Idle objects that any thread may have: found by key, by size, or by age.

use std::collections::{BTreeSet, HashMap};

use triomphe::UniqueArc;

use crate::key::Key;
use crate::local::Sum;
use crate::object::Object;

/// In the order of their stamps, for each device; with an index by key and one by size.
#[derive(Default)]
pub(crate) struct Shelf {
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_key: HashMap<u64, usize, foldhash::fast::FixedState>,
    /// Row, bytes, slot; of memory only. There from the first time on that somebody looks for a larger object.
    by_size: Option<BTreeSet<(u16, u64, usize)>>,
    ages: Vec<Ages>,
    sums: Vec<Sum>,
}

#[derive(Default)]
struct Slot {
    object: Option<UniqueArc<Object>>,
    /// The next of the same hash.
    next_of_key: Option<usize>,
    before_of_key: Option<usize>,
    older: Option<usize>,
    newer: Option<usize>,
}

#[derive(Default, Clone, Copy)]
struct Ages {
    oldest: Option<usize>,
    newest: Option<usize>,
}

impl Shelf {
    pub fn new(n_devices: usize, n_rows: usize) -> Self {
        Self {
            ages: vec![Ages::default(); n_devices],
            sums: vec![Sum::default(); n_rows],
            ..Self::default()
        }
    }

    pub fn idle(&self, row: usize) -> Sum {
        self.sums[row]
    }

    pub fn insert(&mut self, device: usize, object: UniqueArc<Object>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() - 1
        });
        let (hash, row, bytes, stamp) = (object.hash, object.row, object.bytes, object.stamp);
        let sum = &mut self.sums[usize::from(row)];
        sum.count += 1;
        sum.bytes += bytes;
        if let Some(by_size) = self.by_size.as_mut().filter(|_| object.is_memory()) {
            by_size.insert((row, bytes, slot));
        }
        // Most come with the newest stamp; those of a thread that ended do not.
        let mut older = self.ages[device].newest;
        while let Some(other) = older.filter(|other| self.stamp(*other) > stamp) {
            older = self.slots[other].older;
        }
        let newer = match older {
            Some(older) => self.slots[older].newer.replace(slot),
            None => self.ages[device].oldest.replace(slot),
        };
        match newer {
            Some(newer) => self.slots[newer].older = Some(slot),
            None => self.ages[device].newest = Some(slot),
        }
        let next_of_key = self.by_key.insert(hash, slot);
        if let Some(next) = next_of_key {
            self.slots[next].before_of_key = Some(slot);
        }
        self.slots[slot] = Slot {
            object: Some(object),
            next_of_key,
            before_of_key: None,
            older,
            newer,
        };
    }

    fn stamp(&self, slot: usize) -> u64 {
        self.slots[slot]
            .object
            .as_ref()
            .map_or(0, |object| object.stamp)
    }

    fn remove(&mut self, device: usize, slot: usize) -> Option<UniqueArc<Object>> {
        let Slot {
            object,
            next_of_key,
            before_of_key,
            older,
            newer,
        } = std::mem::take(&mut self.slots[slot]);
        let object = object?;
        self.free.push(slot);
        match older {
            Some(older) => self.slots[older].newer = newer,
            None => self.ages[device].oldest = newer,
        }
        match newer {
            Some(newer) => self.slots[newer].older = older,
            None => self.ages[device].newest = older,
        }
        if let Some(next) = next_of_key {
            self.slots[next].before_of_key = before_of_key;
        }
        match (before_of_key, next_of_key) {
            (Some(before), next) => self.slots[before].next_of_key = next,
            (None, Some(next)) => {
                self.by_key.insert(object.hash, next);
            }
            (None, None) => {
                self.by_key.remove(&object.hash);
            }
        }
        let sum = &mut self.sums[usize::from(object.row)];
        sum.count -= 1;
        sum.bytes -= object.bytes;
        if let Some(by_size) = &mut self.by_size {
            by_size.remove(&(object.row, object.bytes, slot));
        }
        Some(object)
    }

    /// The newest with that key.
    pub fn take(&mut self, device: usize, hash: u64, key: &Key) -> Option<UniqueArc<Object>> {
        let mut at = self.by_key.get(&hash).copied();
        while let Some(slot) = at {
            let object = self.slots[slot].object.as_ref()?;
            if object.key == *key {
                return self.remove(device, slot);
            }
            at = self.slots[slot].next_of_key;
        }
        None
    }

    /// The smallest of that row with `least` to `most` bytes and the same usage.
    pub fn take_larger(
        &mut self,
        device: usize,
        row: u16,
        key: &Key,
        least: u64,
        most: u64,
    ) -> Option<UniqueArc<Object>> {
        let slots = &self.slots;
        let by_size = self.by_size.get_or_insert_with(|| {
            let objects = slots.iter().enumerate();
            objects
                .filter_map(|(slot, kept)| Some((slot, kept.object.as_ref()?)))
                .filter(|(_, object)| object.is_memory())
                .map(|(slot, object)| (object.row, object.bytes, slot))
                .collect()
        });
        let fitting = by_size.range((row, least, 0)..=(row, most, usize::MAX));
        let slot = fitting.map(|(_, _, slot)| *slot).find(|slot| {
            let object = slots[*slot].object.as_ref();
            object.is_some_and(|object| object.key.usage == key.usage)
        })?;
        self.remove(device, slot)
    }

    /// When the one that is idle for the longest was let go of.
    pub fn oldest(&self, device: usize) -> Option<u64> {
        self.ages[device].oldest.map(|slot| self.stamp(slot))
    }

    pub fn take_oldest(&mut self, device: usize) -> Option<UniqueArc<Object>> {
        let slot = self.ages[device].oldest?;
        self.remove(device, slot)
    }
}
