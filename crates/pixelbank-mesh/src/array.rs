//! Arrays on the books: flat ones of a known length, and ones that grow by pieces.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use pixelbank_memory::{Buffer, Holder};

use crate::{Books, Error};

/// A flat array that holds the reservation that pays for it.
pub(crate) struct Array<T> {
    buffer: Buffer,
    kind: PhantomData<T>,
}

impl<T: Pod> Array<T> {
    /// `len` zeroes.
    pub(crate) fn zeroed(books: &Books, kind: &str, len: usize) -> Result<Self, Error> {
        Self::on(&books.holder(kind), books, len)
    }

    /// `len` zeroes on a line of the ledger that is at hand.
    pub(crate) fn on(holder: &Holder, books: &Books, len: usize) -> Result<Self, Error> {
        // What cannot be addressed cannot be had either; the bank says so with its figures.
        let bytes = len.saturating_mul(size_of::<T>()).min(isize::MAX as usize);
        let buffer = holder
            .buffer(bytes, books.wait())
            .map_err(|source| books.refused(source))?;
        Ok(Self {
            buffer,
            kind: PhantomData,
        })
    }

    pub(crate) fn copied(books: &Books, kind: &str, from: &[T]) -> Result<Self, Error> {
        let mut array = Self::zeroed(books, kind, from.len())?;
        array.copy_from_slice(from);
        Ok(array)
    }

    /// Bytes it is booked with.
    pub(crate) fn reserved_bytes(&self) -> u64 {
        self.buffer.reserved_bytes()
    }
}

impl<T: Pod> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.buffer)
    }
}

impl<T: Pod> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.buffer)
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.buffer.fmt(f)
    }
}

/// An array whose length is not known beforehand. It grows by pieces, so that nothing is copied and at most a piece is
/// reserved in vain.
pub(crate) struct Growing<T> {
    /// The first `n_small` elements, none or [`MANY`], by pieces of [`FEW`].
    small: Vec<Array<T>>,
    n_small: usize,
    /// The others, by pieces of [`MANY`], which are mappings of their own and go back to the system at once.
    large: Vec<Array<T>>,
    len: usize,
    holder: Holder,
    books: Books,
}

const FEW_BITS: usize = 13;
const FEW: usize = 1 << FEW_BITS;
const MANY_BITS: usize = 18;
const MANY: usize = 1 << MANY_BITS;

impl<T: Pod> Growing<T> {
    pub(crate) fn new(books: &Books, kind: &str) -> Self {
        Self::for_some(books, kind, 0)
    }

    /// Where some `len` elements are expected. Small pieces come from the allocator, which keeps some of them when they go:
    /// what fills a large one has none.
    pub(crate) fn for_some(books: &Books, kind: &str, len: usize) -> Self {
        Self {
            small: Vec::new(),
            n_small: if len < MANY / 4 * 3 { MANY } else { 0 },
            large: Vec::new(),
            len: 0,
            holder: books.holder(kind),
            books: books.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> T {
        if index < self.n_small {
            self.small[index >> FEW_BITS][index & (FEW - 1)]
        } else {
            self.large[(index - self.n_small) >> MANY_BITS][index & (MANY - 1)]
        }
    }

    fn place(&mut self, index: usize) -> &mut T {
        if index < self.n_small {
            &mut self.small[index >> FEW_BITS][index & (FEW - 1)]
        } else {
            &mut self.large[(index - self.n_small) >> MANY_BITS][index & (MANY - 1)]
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) -> Result<(), Error> {
        let index = self.len;
        if index & (FEW - 1) == 0 && index == self.n_places() {
            self.grow()?;
        }
        *self.place(index) = value;
        self.len += 1;
        Ok(())
    }

    /// As [`push`](Self::push), one after the other.
    pub(crate) fn extend(&mut self, mut values: &[T]) -> Result<(), Error> {
        while !values.is_empty() {
            if self.len == self.n_places() {
                self.grow()?;
            }
            let room = self.rest_of_piece();
            let (now, later) = values.split_at(room.len().min(values.len()));
            room[..now.len()].copy_from_slice(now);
            self.len += now.len();
            values = later;
        }
        Ok(())
    }

    /// How many elements there is room for.
    fn n_places(&self) -> usize {
        self.small.len() * FEW + self.large.len() * MANY
    }

    /// The places from the next element's to the end of its piece, which is there.
    fn rest_of_piece(&mut self) -> &mut [T] {
        let index = self.len;
        if index < self.n_small {
            &mut self.small[index >> FEW_BITS][index & (FEW - 1)..]
        } else {
            &mut self.large[(index - self.n_small) >> MANY_BITS][index & (MANY - 1)..]
        }
    }

    #[cold]
    fn grow(&mut self) -> Result<(), Error> {
        let (pieces, len) = if self.n_places() < self.n_small {
            (&mut self.small, FEW)
        } else {
            (&mut self.large, MANY)
        };
        pieces.push(Array::on(&self.holder, &self.books, len)?);
        Ok(())
    }

    /// Forgets the elements from `len` on, and keeps their pieces.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The elements, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[T]> {
        let mut left = self.len;
        self.small.iter().chain(&self.large).map(move |piece| {
            let n = piece.len().min(left);
            left -= n;
            &piece[..n]
        })
    }

    /// One flat array; the pieces go.
    pub(crate) fn into_flat(self, kind: &str) -> Result<Array<T>, Error> {
        let mut flat = Array::zeroed(&self.books, kind, self.len)?;
        let mut rest: &mut [T] = &mut flat;
        for piece in self.small.into_iter().chain(self.large) {
            let n = piece.len().min(rest.len());
            let (now, later) = std::mem::take(&mut rest).split_at_mut(n);
            now.copy_from_slice(&piece[..n]);
            rest = later;
        }
        Ok(flat)
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;

    use super::*;

    #[test]
    fn what_grew_is_found_again_and_flat_in_the_end() {
        let bank = Bank::builder().host_bytes(64 << 20).build().unwrap();
        let books = Books::new(&bank, "test");
        let mut growing = Growing::<u32>::new(&books, "numbers");
        let n = MANY * 2 + 5;
        let values: Vec<u32> = (0..n as u32).collect();
        // One by one, and by lots that begin and end anywhere.
        for lot in values.chunks(FEW / 3) {
            if lot[0] % 2 == 0 {
                lot.iter().for_each(|value| growing.push(*value).unwrap());
            } else {
                growing.extend(lot).unwrap();
            }
        }
        assert_eq!(growing.len(), n);
        for index in [0, FEW - 1, FEW, MANY - 1, MANY, 2 * MANY - 1, 2 * MANY] {
            assert_eq!(growing.get(index), index as u32);
        }
        growing.truncate(n - 3);
        growing.push(7).unwrap();
        let flat = growing.into_flat("flat").unwrap();
        assert_eq!(flat.len(), n - 2);
        assert!(
            flat[..n - 3]
                .iter()
                .enumerate()
                .all(|(i, value)| *value == i as u32)
        );
        assert_eq!(flat[n - 3], 7);
        drop(flat);
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_owners_name() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let books = Books::new(&bank, "model.stl");
        let error = Array::<[f32; 3]>::zeroed(&books, "mesh", 1 << 20).unwrap_err();
        assert!(error.to_string().starts_with("model.stl: "), "{error}");
        assert!(Array::<[f32; 3]>::zeroed(&books, "mesh", usize::MAX).is_err());
    }
}
