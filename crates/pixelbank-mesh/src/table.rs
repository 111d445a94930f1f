//! A hash table from keys of a few words to their numbers, five bytes a place: the keys stay where they are.

use std::hash::{BuildHasher, Hasher};

use pixelbank_memory::Holder;

use crate::array::Array;
use crate::{Books, Error};

/// Finds equal keys of `N` words. It keeps only their numbers, so that its callers say where the keys are.
///
/// Beside each number stands a byte of its key's hash: keys are all over memory, and are looked at only where that byte is
/// equal.
pub(crate) struct Table<const N: usize> {
    /// Of a place that is taken, the byte; else zero.
    tags: Array<u8>,
    numbers: Array<u32>,
    len: usize,
    /// From the system, so that no file can be made whose keys all meet in one place.
    seeds: [u64; 2],
    holder: Holder,
    books: Books,
}

/// The byte for a hash: of other bits than say the place, and never zero.
#[inline]
fn tag_of(hash: usize) -> u8 {
    (hash >> 32) as u8 | 0x80
}

impl<const N: usize> Table<N> {
    /// A table with room for `capacity` keys; it grows beyond.
    pub(crate) fn with_capacity(books: &Books, capacity: usize) -> Result<Self, Error> {
        let holder = books.holder("merging");
        let n_places = (capacity.max(64) * 4 / 3).next_power_of_two();
        let random = foldhash::quality::RandomState::default();
        let seed = |n: u64| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(n);
            hasher.finish() | 1
        };
        Ok(Self {
            tags: Array::on(&holder, books, n_places)?,
            numbers: Array::on(&holder, books, n_places)?,
            len: 0,
            seeds: [seed(1), seed(2)],
            holder,
            books: books.clone(),
        })
    }

    /// The number of a key equal to `key`; or `next`, which is then the number of this one: the count so far. `at` says what
    /// key a number has, for all numbers given so far.
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
        if self.len * 4 >= self.tags.len() * 3 {
            self.grow(&at)?;
        }
        let tags: &mut [u8] = &mut self.tags;
        let mask = tags.len() - 1;
        let tag = tag_of(hash);
        let mut place = hash & mask;
        while tags[place] != 0 {
            if tags[place] == tag {
                let number = self.numbers[place];
                if at(number) == key {
                    return Ok(number);
                }
            }
            place = (place + 1) & mask;
        }
        tags[place] = tag;
        self.numbers[place] = next;
        self.len += 1;
        Ok(next)
    }

    /// The number of a key equal to `key`, if there is one.
    pub(crate) fn find(&self, key: [u32; N], at: impl Fn(u32) -> [u32; N]) -> Option<u32> {
        let (tags, numbers): (&[u8], &[u32]) = (&self.tags, &self.numbers);
        let mask = tags.len() - 1;
        let hash = hash(key, self.seeds);
        let mut place = hash & mask;
        while tags[place] != 0 {
            if tags[place] == tag_of(hash) && at(numbers[place]) == key {
                return Some(numbers[place]);
            }
            place = (place + 1) & mask;
        }
        None
    }

    /// Forgets everything, and keeps its size.
    pub(crate) fn clear(&mut self) {
        self.tags.fill(0);
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self, at: &impl Fn(u32) -> [u32; N]) -> Result<(), Error> {
        let n_places = self.tags.len() * 2;
        // Keys are found again by counting, as numbers were given in order; so the old table goes before the new one comes.
        self.tags = Array::on(&self.holder, &self.books, 0)?;
        self.numbers = Array::on(&self.holder, &self.books, 0)?;
        self.tags = Array::on(&self.holder, &self.books, n_places)?;
        self.numbers = Array::on(&self.holder, &self.books, n_places)?;
        let (tags, numbers): (&mut [u8], &mut [u32]) = (&mut self.tags, &mut self.numbers);
        let mask = n_places - 1;
        for number in 0..self.len as u32 {
            let hash = hash(at(number), self.seeds);
            let mut place = hash & mask;
            while tags[place] != 0 {
                place = (place + 1) & mask;
            }
            tags[place] = tag_of(hash);
            numbers[place] = number;
        }
        Ok(())
    }
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
