//! A hash table from keys of a few words to their numbers, four bytes a slot: the keys stay where they are.

use std::hash::{BuildHasher, Hasher};

use pixelbank_memory::Holder;

use crate::array::Array;
use crate::{Books, Error};

const EMPTY: u32 = u32::MAX;

/// Finds equal keys of `N` words. It keeps only their numbers, so that its callers say where the keys are.
pub(crate) struct Table<const N: usize> {
    slots: Array<u32>,
    len: usize,
    /// From the system, so that no file can be made whose keys all meet in one slot.
    seeds: [u64; 2],
    holder: Holder,
    books: Books,
}

impl<const N: usize> Table<N> {
    /// A table with room for `capacity` keys; it grows beyond.
    pub(crate) fn with_capacity(books: &Books, capacity: usize) -> Result<Self, Error> {
        let holder = books.holder("merging");
        let n_slots = (capacity.max(64) * 4 / 3).next_power_of_two();
        let random = foldhash::quality::RandomState::default();
        let seed = |n: u64| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(n);
            hasher.finish() | 1
        };
        Ok(Self {
            slots: filled(&holder, books, n_slots)?,
            len: 0,
            seeds: [seed(1), seed(2)],
            holder,
            books: books.clone(),
        })
    }

    /// The number of a key equal to `key`; or `next`, which is then the number of this one. `at` says what key a number
    /// has, for all numbers given so far.
    #[inline]
    pub(crate) fn find_or_insert(
        &mut self,
        key: [u32; N],
        next: u32,
        at: impl Fn(u32) -> [u32; N],
    ) -> Result<u32, Error> {
        self.find_or_insert_hashed(key, hash(key, self.seeds), next, at)
    }

    /// The hash of a key, for callers that look elsewhere first.
    #[inline]
    pub(crate) fn hash(&self, key: [u32; N]) -> usize {
        hash(key, self.seeds)
    }

    /// As [`find_or_insert`](Self::find_or_insert), of a key whose hash is known.
    #[inline]
    pub(crate) fn find_or_insert_hashed(
        &mut self,
        key: [u32; N],
        hash: usize,
        next: u32,
        at: impl Fn(u32) -> [u32; N],
    ) -> Result<u32, Error> {
        // Full to three quarters at most.
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow(&at)?;
        }
        let slots: &mut [u32] = &mut self.slots;
        let mask = slots.len() - 1;
        let mut slot = hash & mask;
        loop {
            let number = slots[slot];
            if number == EMPTY {
                slots[slot] = next;
                self.len += 1;
                return Ok(next);
            }
            if at(number) == key {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The number of a key equal to `key`, if there is one.
    pub(crate) fn find(&self, key: [u32; N], at: impl Fn(u32) -> [u32; N]) -> Option<u32> {
        let slots: &[u32] = &self.slots;
        let mask = slots.len() - 1;
        let mut slot = hash(key, self.seeds) & mask;
        while slots[slot] != EMPTY {
            if at(slots[slot]) == key {
                return Some(slots[slot]);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Forgets everything, and keeps its size.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self, at: &impl Fn(u32) -> [u32; N]) -> Result<(), Error> {
        let n_slots = self.slots.len() * 2;
        // The numbers in it are found again by counting, so the old table goes before the new one comes. That takes that
        // numbers are given in order, as all callers do.
        self.slots = Array::zeroed(&self.books, "merging", 0)?;
        self.slots = filled(&self.holder, &self.books, n_slots)?;
        let slots: &mut [u32] = &mut self.slots;
        let mask = n_slots - 1;
        for number in 0..self.len as u32 {
            let mut slot = hash(at(number), self.seeds) & mask;
            while slots[slot] != EMPTY {
                slot = (slot + 1) & mask;
            }
            slots[slot] = number;
        }
        Ok(())
    }
}

fn filled(holder: &Holder, books: &Books, len: usize) -> Result<Array<u32>, Error> {
    let mut slots = Array::on(holder, books, len)?;
    slots.fill(EMPTY);
    Ok(slots)
}

/// Folds the words in by products of 128 bits, two words at a time, as foldhash does.
#[inline]
fn hash<const N: usize>(key: [u32; N], seeds: [u64; 2]) -> usize {
    let mut state = seeds[0];
    for pair in key.chunks(2) {
        let word = pair
            .iter()
            .rev()
            .fold(0, |word, part| word << 32 | u64::from(*part));
        let product = u128::from(state ^ word) * u128::from(seeds[1]);
        state = (product as u64) ^ (product >> 64) as u64;
    }
    (state ^ (state >> 32)) as usize
}

/// A position as a key. Both zeroes are one.
#[inline]
pub(crate) fn position_key(position: [f32; 3]) -> [u32; 3] {
    position.map(|value| (value + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_keys_have_one_number_and_others_their_own(keys in prop::collection::vec(prop::array::uniform3(0u32..4), 0..500)) {
            let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
            let books = Books::new(&bank, "test");
            let mut table = Table::<3>::with_capacity(&books, 0).unwrap();
            let mut known: Vec<[u32; 3]> = Vec::new();
            for key in keys {
                prop_assert_eq!(table.find(key, |n| known[n as usize]).is_some(), known.contains(&key));
                let next = known.len() as u32;
                let number = table.find_or_insert(key, next, |n| known[n as usize]).unwrap();
                prop_assert_eq!(known.iter().position(|other| *other == key).unwrap_or(known.len()), number as usize);
                if number == next {
                    known.push(key);
                }
            }
        }
    }

    #[test]
    fn grows_and_finds_what_it_had() {
        let bank = Bank::builder().host_bytes(8 << 20).build().unwrap();
        let books = Books::new(&bank, "test");
        let mut table = Table::with_capacity(&books, 0).unwrap();
        let key = |n: u32| [n, n.rotate_left(7), 1];
        for n in 0..50_000 {
            assert_eq!(table.find_or_insert(key(n), n, key).unwrap(), n);
        }
        for n in 0..50_000 {
            assert_eq!(table.find_or_insert(key(n), 50_000, key).unwrap(), n);
        }
        table.clear();
        assert_eq!(table.find_or_insert(key(9), 0, key).unwrap(), 0);
    }

    #[test]
    fn both_zeroes_are_one_place() {
        assert_eq!(
            position_key([0.0, -0.0, 1.0]),
            position_key([-0.0, 0.0, 1.0])
        );
    }
}
