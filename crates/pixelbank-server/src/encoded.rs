//! Answers kept in their encoded form, found by the address that was asked for.
//!
//! The eviction policy is SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024): a hit sets a mark and moves
//! nothing, so it needs only a short lock; a hand goes from the oldest answer to the newest, forgives those that are
//! marked and takes the others. What was asked for once, as in scrolling past, goes before what is asked for again.
//!
//! Every answer pays for itself with a reservation inside its bytes: it stays on the books until the last connection
//! has sent it, whether it is still kept here or not.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use hashbrown::HashTable;
use parking_lot::Mutex;
use pixelbank_memory::{Account, Idle, Reclaim, Reservation};

use crate::files::FileState;
use crate::head::Head;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Encoded {
    /// The address that it answers, as it was sent.
    pub target: Box<str>,
    /// The file that it was made from.
    pub file: Arc<FileState>,
    /// Which state of the file it was made from.
    pub generation: u32,
    /// Its headers.
    pub head: Head,
    /// The body.
    body: Vec<u8>,
    /// Pays for all of this.
    reservation: Reservation,
    is_wanted: AtomicBool,
}

impl Encoded {
    /// An answer that nobody has asked for again yet.
    pub fn new(
        target: Box<str>,
        file: Arc<FileState>,
        generation: u32,
        head: Head,
        body: Vec<u8>,
        reservation: Reservation,
    ) -> Self {
        Self {
            target,
            file,
            generation,
            head,
            body,
            reservation,
            is_wanted: AtomicBool::new(false),
        }
    }

    /// Bytes that an answer to `target` with a body of `body_bytes` is booked with: the body, and what surrounds it.
    pub fn footprint(target: &str, body_bytes: u64) -> u64 {
        // Headers, tags and links of an answer, and its place in the table, rounded up from what an allocator counts.
        const AROUND_BYTES: u64 = 1800;
        body_bytes + AROUND_BYTES + 3 * target.len() as u64
    }

    /// The body, to be sent: what stands behind it stays until the last connection is done with it.
    pub fn body(self: &Arc<Self>) -> Bytes {
        struct Sent(Arc<Encoded>);
        impl AsRef<[u8]> for Sent {
            fn as_ref(&self) -> &[u8] {
                &self.0.body
            }
        }
        Bytes::from_owner(Sent(self.clone()))
    }

    /// Bytes that it is booked with.
    pub fn booked_bytes(&self) -> u64 {
        self.reservation.amount()
    }

    /// Whether the file is still as it was when this answer was made.
    pub fn is_current(&self) -> bool {
        self.generation == self.file.generation()
    }
}

/// What the cache has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncodedStats {
    /// Answers found.
    pub hits: u64,
    /// Answers not found.
    pub misses: u64,
    /// Answers dropped to make room.
    pub evictions: u64,
    /// Answers kept.
    pub entries: u64,
    /// Bytes of what is kept, as booked.
    pub bytes: u64,
}

/// The answers that are kept.
pub struct EncodedCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Where reclaiming goes on, so that all shards give in turn.
    next_shard: AtomicU32,
    bytes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
    /// Time it took to make what was put in, and bytes of it: together they say what a byte costs to make again.
    made_nanos: AtomicU64,
    made_bytes: AtomicU64,
}

const N_SHARDS: usize = 16;

impl Default for EncodedCache {
    fn default() -> Self {
        Self {
            shards: (0..N_SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next_shard: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            made_nanos: AtomicU64::new(0),
            made_bytes: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for EncodedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncodedCache").field(&self.stats()).finish()
    }
}

impl EncodedCache {
    /// The answer to `target`, if it is kept. Whether it is still right, the caller asks of the file.
    pub fn get(&self, target: &str) -> Option<Arc<Encoded>> {
        let hash = self.hasher.hash_one(target);
        let found = self.shard(hash).lock().get(hash, target);
        let count = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps an answer that took `nanos` to make, in place of an older one for the same address.
    pub fn insert(&self, answer: &Arc<Encoded>, nanos: u64) {
        let bytes = answer.booked_bytes();
        self.made_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.made_bytes.fetch_add(bytes, Ordering::Relaxed);
        let hash = self.hasher.hash_one(&*answer.target);
        let replaced = self.shard(hash).lock().insert(hash, answer.clone());
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(replaced) = replaced {
            self.forget(&replaced);
        }
    }

    /// Drops the answer to `target`.
    pub fn remove(&self, target: &str) {
        let hash = self.hasher.hash_one(target);
        let removed = self.shard(hash).lock().remove(hash, target);
        if let Some(removed) = removed {
            self.forget(&removed);
        }
    }

    /// What it has done so far.
    pub fn stats(&self) -> EncodedStats {
        EncodedStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
            entries: self
                .shards
                .iter()
                .map(|s| s.lock().table.len() as u64)
                .sum(),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The table inside takes the upper bits for its tags and the lower ones for its places.
        &self.shards[(hash >> 32) as usize % N_SHARDS]
    }

    fn forget(&self, answer: &Encoded) -> u64 {
        let bytes = answer.booked_bytes();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        bytes
    }
}

impl Reclaim for EncodedCache {
    fn account(&self) -> Account {
        Account::Encoded
    }

    fn idle(&self) -> Idle {
        let made_bytes = self.made_bytes.load(Ordering::Relaxed).max(1);
        Idle {
            amount: self.bytes.load(Ordering::Relaxed),
            nanos_per_unit: self.made_nanos.load(Ordering::Relaxed) as f64 / made_bytes as f64,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        let mut n_empty = 0;
        while freed < amount && n_empty < N_SHARDS {
            let at = self.next_shard.fetch_add(1, Ordering::Relaxed) as usize % N_SHARDS;
            // Dropped behind the lock.
            let evicted = self.shards[at].lock().evict();
            match evicted {
                Some(answer) => {
                    n_empty = 0;
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                    freed += self.forget(&answer);
                }
                None => n_empty += 1,
            }
        }
        freed
    }
}

/// Answers in the order in which they came, as a list through a table of places.
#[derive(Default)]
struct Shard {
    table: HashTable<u32>,
    places: Vec<Place>,
    free: Vec<u32>,
    newest: Option<u32>,
    oldest: Option<u32>,
    hand: Option<u32>,
}

struct Place {
    hash: u64,
    answer: Option<Arc<Encoded>>,
    newer: Option<u32>,
    older: Option<u32>,
}

impl Shard {
    fn find(&self, hash: u64, target: &str) -> Option<u32> {
        let is_it = |place: &u32| {
            let answer = &self.places[*place as usize].answer;
            answer.as_ref().is_some_and(|a| *a.target == *target)
        };
        self.table.find(hash, is_it).copied()
    }

    fn get(&self, hash: u64, target: &str) -> Option<Arc<Encoded>> {
        let place = self.find(hash, target)?;
        let answer = self.places[place as usize].answer.as_ref()?;
        answer.is_wanted.store(true, Ordering::Relaxed);
        Some(answer.clone())
    }

    fn insert(&mut self, hash: u64, answer: Arc<Encoded>) -> Option<Arc<Encoded>> {
        let replaced = self.remove(hash, &answer.target);
        let place = Place {
            hash,
            answer: Some(answer),
            newer: None,
            older: self.newest,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        };
        match self.newest {
            Some(newest) => self.places[newest as usize].newer = Some(at),
            None => self.oldest = Some(at),
        }
        self.newest = Some(at);
        let places = &self.places;
        self.table
            .insert_unique(hash, at, |at| places[*at as usize].hash);
        replaced
    }

    fn remove(&mut self, hash: u64, target: &str) -> Option<Arc<Encoded>> {
        let at = self.find(hash, target)?;
        self.take(at)
    }

    fn take(&mut self, at: u32) -> Option<Arc<Encoded>> {
        let place = &mut self.places[at as usize];
        let (hash, newer, older) = (place.hash, place.newer, place.older);
        let answer = place.answer.take();
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        match newer {
            Some(newer) => self.places[newer as usize].older = older,
            None => self.newest = older,
        }
        match older {
            Some(older) => self.places[older as usize].newer = newer,
            None => self.oldest = newer,
        }
        if self.hand == Some(at) {
            self.hand = newer;
        }
        self.free.push(at);
        answer
    }

    /// Takes the next answer that nobody has asked for since the hand last came by, and that nobody is sending: the
    /// bytes of those come free only when they are sent.
    fn evict(&mut self) -> Option<Arc<Encoded>> {
        // Twice round: the first time may only take marks away.
        for _ in 0..2 * self.table.len() {
            let at = self.hand.or(self.oldest)?;
            let place = &self.places[at as usize];
            self.hand = place.newer;
            let answer = place.answer.as_ref()?;
            let is_sent = Arc::strong_count(answer) > 1;
            if !answer.is_wanted.swap(false, Ordering::Relaxed) && !is_sent {
                return self.take(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;
    use proptest::prelude::*;

    use super::*;
    use crate::files::Files;
    use crate::paths::Identity;

    struct Fixture {
        bank: Bank,
        files: Files,
        cache: EncodedCache,
    }

    fn fixture() -> Fixture {
        Fixture {
            bank: Bank::builder()
                .host_bytes(64 << 20)
                .build()
                .expect("limits that fit"),
            files: Files::default(),
            cache: EncodedCache::default(),
        }
    }

    impl Fixture {
        fn put(&self, target: &str, body: &[u8]) {
            let holder = self.bank.holder(Account::Encoded, "answer", "test");
            let bytes = Encoded::footprint(target, body.len() as u64);
            let reservation = holder.try_reserve(bytes).expect("room");
            let answer = Encoded::new(
                target.into(),
                self.files.get(b"a.jpg"),
                0,
                Head::new(
                    "image/jpeg",
                    &Identity {
                        inode: 1,
                        bytes: 1,
                        modified_nanos: 1,
                    },
                    target,
                    "http://localhost",
                    target.to_owned(),
                    "p",
                )
                .expect("plain names"),
                body.to_vec(),
                reservation,
            );
            self.cache.insert(&Arc::new(answer), 1000);
        }

        fn live_bytes(&self) -> u64 {
            self.bank.ledger().host.live_bytes
        }
    }

    #[test]
    fn finds_what_was_put_in_and_books_it() {
        let f = fixture();
        f.put("/a", b"one");
        f.put("/b", b"three");
        assert_eq!(f.cache.get("/a").expect("kept").body(), "one");
        assert!(f.cache.get("/c").is_none());
        let stats = f.cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 2));
        assert_eq!(f.live_bytes(), stats.bytes);
        f.put("/a", b"new");
        assert_eq!(f.cache.get("/a").expect("kept").body(), "new");
        assert_eq!(f.live_bytes(), f.cache.stats().bytes);
    }

    #[test]
    fn what_is_being_sent_stays_and_is_on_the_books_until_it_is_sent() {
        let f = fixture();
        f.put("/a", &[1; 5000]);
        let body = f.cache.get("/a").expect("kept").body();
        assert_eq!(f.cache.reclaim(u64::MAX), 0);
        f.cache.remove("/a");
        assert!(f.live_bytes() >= 5000);
        drop(body);
        assert_eq!(f.live_bytes(), 0);
    }

    #[test]
    fn what_is_asked_for_again_outlives_what_was_passed_by() {
        let f = fixture();
        for n in 0..2000 {
            f.put(&format!("/{n}"), &[0; 100]);
        }
        for n in 0..20 {
            assert!(f.cache.get(&format!("/{n}")).is_some());
        }
        // Shards give in turn, so half of it can go before the first shard has nothing else left.
        let each = Encoded::footprint("/123", 100);
        while f.cache.stats().entries > 1000 {
            assert!(f.cache.reclaim(each) > 0);
        }
        for n in 0..20 {
            assert!(f.cache.get(&format!("/{n}")).is_some(), "/{n}");
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_map_that_forgets(
            steps in prop::collection::vec((0u8..4, 0u8..40, 1usize..3000), 1..300),
        ) {
            let f = fixture();
            let mut model = std::collections::HashMap::new();
            for (what, key, len) in steps {
                let target = format!("/{key}");
                match what {
                    0 => {
                        f.put(&target, &vec![key; len]);
                        model.insert(target, vec![key; len]);
                    }
                    1 => {
                        if let Some(answer) = f.cache.get(&target) {
                            prop_assert_eq!(Some(answer.body().to_vec()), model.get(&target).cloned());
                        }
                    }
                    2 => {
                        f.cache.remove(&target);
                        prop_assert!(f.cache.get(&target).is_none());
                    }
                    _ => {
                        let before = f.live_bytes();
                        let freed = f.cache.reclaim(len as u64);
                        prop_assert!(freed >= (len as u64).min(before));
                        prop_assert_eq!(f.live_bytes(), before - freed);
                    }
                }
                prop_assert_eq!(f.live_bytes(), f.cache.stats().bytes);
            }
            f.cache.reclaim(u64::MAX);
            prop_assert_eq!((f.live_bytes(), f.cache.stats().entries), (0, 0));
        }
    }
}
