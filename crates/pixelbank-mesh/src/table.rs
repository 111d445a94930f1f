//! A hash table from keys of a few words to their numbers, four bytes a place: the keys stay where they are.

use std::hash::{BuildHasher, Hasher};

use pixelbank_memory::Holder;

use crate::array::Array;
use crate::{Books, Error};

/// Finds equal keys of `N` words. It keeps only their numbers, so that its callers say where the keys are.
///
/// A number is below the count of places, so of its 32 bits some are left: they hold as many of its key's hash. Keys are all
/// over memory, and are looked at only where those bits are equal.
pub(crate) struct Table<const N: usize> {
    /// Zero, or a number and one, with bits of the hash above.
    places: Array<u32>,
    len: usize,
    /// From the system, so that no file can be made whose keys all meet in one place.
    seeds: [u64; 2],
    holder: Holder,
    books: Books,
}

/// How the hash and the number of a key make what stands in a place.
#[derive(Clone, Copy)]
struct Places {
    bits: u32,
}

impl Places {
    fn of(places: &[u32]) -> Self {
        Self {
            bits: places.len().trailing_zeros(),
        }
    }

    #[inline]
    fn first(self, hash: u64) -> usize {
        (hash & ((1 << self.bits) - 1)) as usize
    }

    #[inline]
    fn next(self, place: usize) -> usize {
        (place + 1) & ((1 << self.bits) - 1)
    }

    /// The bits of a hash that stand above a number: of those that do not say the place, unless places are very many.
    #[inline]
    fn tag(self, hash: u64) -> u32 {
        ((hash >> 32) << self.bits) as u32
    }

    #[inline]
    fn is_tagged(self, entry: u32, tag: u32) -> bool {
        u64::from(entry ^ tag) >> self.bits == 0
    }

    #[inline]
    fn number(self, entry: u32) -> u32 {
        (u64::from(entry) & ((1 << self.bits) - 1)) as u32 - 1
    }
}

impl<const N: usize> Table<N> {
    /// A table with room for `capacity` keys; it grows beyond.
    pub(crate) fn with_capacity(books: &Books, capacity: usize) -> Result<Self, Error> {
        let holder = books.holder("merging");
        let n_places = (capacity.max(64).saturating_mul(4) / 3 + 1).next_power_of_two();
        let random = foldhash::quality::RandomState::default();
        let seed = |n: u64| {
            let mut hasher = random.build_hasher();
            hasher.write_u64(n);
            hasher.finish() | 1
        };
        Ok(Self {
            places: Array::on(&holder, books, n_places)?,
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

    /// What the hashes of keys are made with, for callers that look elsewhere first: [`hash`].
    pub(crate) fn seeds(&self) -> [u64; 2] {
        self.seeds
    }

    /// As [`find_or_insert`](Self::find_or_insert), of a key whose hash is known.
    #[inline]
    pub(crate) fn find_or_insert_hashed(
        &mut self,
        key: [u32; N],
        hash: u64,
        next: u32,
        at: impl Fn(u32) -> [u32; N],
    ) -> Result<u32, Error> {
        // Full to three quarters at most.
        if self.len * 4 >= self.places.len() * 3 {
            self.grow(&at)?;
        }
        let places: &mut [u32] = &mut self.places;
        let how = Places::of(places);
        let tag = how.tag(hash);
        let mut place = how.first(hash);
        while places[place] != 0 {
            let entry = places[place];
            if how.is_tagged(entry, tag) {
                let number = how.number(entry);
                if at(number) == key {
                    return Ok(number);
                }
            }
            place = how.next(place);
        }
        places[place] = tag | (next + 1);
        self.len += 1;
        Ok(next)
    }

    /// Looks at the places where keys of these hashes would be looked for first, and where the key is that seems to be the
    /// one. Nothing is decided: the processor waits for many places of its memory together, and
    /// [`find_or_insert_hashed`](Self::find_or_insert_hashed) finds them near. `look` gets the numbers.
    ///
    /// What comes back says nothing, and is to be kept, so that the looking is not left out.
    #[inline]
    pub(crate) fn look_ahead(
        &self,
        hashes: impl Iterator<Item = u64> + Clone,
        scratch: &mut [u32],
        look: impl Fn(u32) -> u32,
    ) -> u32 {
        let places: &[u32] = &self.places;
        let how = Places::of(places);
        for (entry, hash) in scratch.iter_mut().zip(hashes.clone()) {
            *entry = places[how.first(hash)];
        }
        let mut seen = 0u32;
        for (entry, hash) in scratch.iter().zip(hashes) {
            if *entry != 0 && how.is_tagged(*entry, how.tag(hash)) {
                seen = seen.wrapping_add(look(how.number(*entry)));
            }
        }
        seen
    }

    /// The number of a key equal to `key`, if there is one.
    pub(crate) fn find(&self, key: [u32; N], at: impl Fn(u32) -> [u32; N]) -> Option<u32> {
        self.find_hashed(key, hash(key, self.seeds), at)
    }

    /// As [`find`](Self::find), of a key whose hash is known.
    #[inline]
    pub(crate) fn find_hashed(
        &self,
        key: [u32; N],
        hash: u64,
        at: impl Fn(u32) -> [u32; N],
    ) -> Option<u32> {
        let places: &[u32] = &self.places;
        let how = Places::of(places);
        let tag = how.tag(hash);
        let mut place = how.first(hash);
        while places[place] != 0 {
            let entry = places[place];
            if how.is_tagged(entry, tag) && at(how.number(entry)) == key {
                return Some(how.number(entry));
            }
            place = how.next(place);
        }
        None
    }

    /// Forgets everything, and keeps its size.
    pub(crate) fn clear(&mut self) {
        self.places.fill(0);
        self.len = 0;
    }

    #[cold]
    fn grow(&mut self, at: &impl Fn(u32) -> [u32; N]) -> Result<(), Error> {
        let n_places = self.places.len() * 2;
        // Keys are found again by counting, as numbers were given in order; so the old table goes before the new one comes.
        self.places = Array::on(&self.holder, &self.books, 0)?;
        self.places = Array::on(&self.holder, &self.books, n_places)?;
        let places: &mut [u32] = &mut self.places;
        let how = Places::of(places);
        for number in 0..self.len as u32 {
            let hash = hash(at(number), self.seeds);
            let mut place = how.first(hash);
            while places[place] != 0 {
                place = how.next(place);
            }
            places[place] = how.tag(hash) | (number + 1);
        }
        Ok(())
    }
}

/// Folds the words in by products of 128 bits, two words at a time, as foldhash does.
#[inline]
pub(crate) fn hash<const N: usize>(key: [u32; N], seeds: [u64; 2]) -> u64 {
    let mut state = seeds[0];
    for pair in key.chunks(2) {
        let word = pair
            .iter()
            .rev()
            .fold(0, |word, part| word << 32 | u64::from(*part));
        let product = u128::from(state ^ word) * u128::from(seeds[1]);
        state = (product as u64) ^ (product >> 64) as u64;
    }
    state ^ (state >> 32)
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
