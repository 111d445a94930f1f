//! Values that many files have in common, kept once: specifications, profiles, texts.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Holder, Reservation, Wait};

use crate::Error;

/// Equal values become one. A value that only the table holds goes with the next sweep.
#[derive(Debug)]
pub(crate) struct Interner<V: ?Sized> {
    table: Mutex<Table<V>>,
    hasher: DefaultHashBuilder,
    holder: Holder,
}

#[derive(Debug)]
struct Table<V: ?Sized> {
    entries: HashTable<Entry<V>>,
    /// How many were left by the last sweep: the next one comes when there are twice as many.
    swept: usize,
}

#[derive(Debug)]
struct Entry<V: ?Sized> {
    value: Arc<V>,
    reservation: Reservation,
}

/// What an entry costs beside its value: a slot of the table and its spare room.
const ENTRY_BYTES: u64 = 64;

impl<V: ?Sized + Hash + Eq> Interner<V> {
    pub fn new(holder: Holder) -> Self {
        Self {
            table: Mutex::new(Table {
                entries: HashTable::new(),
                swept: 64,
            }),
            hasher: DefaultHashBuilder::default(),
            holder,
        }
    }

    /// The one that is equal to `value`, or `value` itself, which occupies `bytes` and is paid for then.
    pub fn intern(&self, value: Arc<V>, bytes: u64, wait: &Wait) -> Result<Arc<V>, Error> {
        let hash = self.hasher.hash_one(&*value);
        let equal = |entry: &Entry<V>| *entry.value == *value;
        if let Some(entry) = self.table.lock().entries.find(hash, equal) {
            return Ok(Arc::clone(&entry.value));
        }
        // Not under the lock: making room may sweep this table.
        let reservation = self.holder.reserve(bytes + ENTRY_BYTES, wait)?;
        let mut table = self.table.lock();
        if let Some(entry) = table.entries.find(hash, equal) {
            return Ok(Arc::clone(&entry.value));
        }
        if table.entries.len() >= 2 * table.swept {
            table.sweep();
        }
        let rehash = |entry: &Entry<V>| self.hasher.hash_one(&*entry.value);
        let entry = Entry {
            value: Arc::clone(&value),
            reservation,
        };
        table.entries.insert_unique(hash, entry, rehash);
        Ok(value)
    }

    /// Drops what nobody else holds; the bytes that were booked for it.
    pub fn sweep(&self) -> u64 {
        self.table.lock().sweep()
    }
}

impl<V: ?Sized> Table<V> {
    fn sweep(&mut self) -> u64 {
        let mut freed = 0;
        // Values are cloned out of this table under its lock only, so a count of one stays one.
        self.entries.retain(|entry| {
            let keep = Arc::strong_count(&entry.value) > 1;
            if !keep {
                freed += entry.reservation.amount();
            }
            keep
        });
        self.swept = self.entries.len().max(64);
        freed
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank};

    use super::*;

    #[test]
    fn equal_values_are_one_and_go_with_their_last_user() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let interner =
            Interner::<[u8]>::new(bank.holder(Account::Descriptors, "attribute", "test"));
        let get = |text: &str| {
            let value: Arc<[u8]> = text.as_bytes().into();
            interner
                .intern(value, text.len() as u64, &Wait::never())
                .unwrap()
        };
        let (a, b, c) = (get("profile"), get("profile"), get("other"));
        assert!(Arc::ptr_eq(&a, &b));
        assert!(!Arc::ptr_eq(&a, &c));
        assert_eq!(bank.ledger().host.live_bytes, 12 + 2 * ENTRY_BYTES);
        drop((a, c));
        assert_eq!(interner.sweep(), 5 + ENTRY_BYTES);
        assert!(Arc::ptr_eq(&b, &get("profile")));
        drop(b);
        interner.sweep();
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }

    #[test]
    fn what_comes_and_goes_does_not_pile_up() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let interner = Interner::<u64>::new(bank.holder(Account::Descriptors, "number", "test"));
        for number in 0..100_000u64 {
            interner
                .intern(Arc::new(number), 16, &Wait::never())
                .unwrap();
        }
        assert!(bank.ledger().host.live_bytes <= 200 * (16 + ENTRY_BYTES));
    }
}
