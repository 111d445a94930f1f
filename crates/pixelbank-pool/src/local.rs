//! What each thread keeps for itself, found again without a lock.
//!
//! A thread's cache is a table of places. Only its thread puts objects in; whoever looks for memory may take one out, by
//! an atomic exchange, so that nothing is out of the pool's reach. All counts are of the thread alone, but for those of
//! what others took.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;
use crossbeam_utils::atomic::AtomicCell;
use pixelbank_memory::Bank;
use smallvec::SmallVec;
use triomphe::UniqueArc;

use crate::key::Key;
use crate::object::{Body, Object};
use crate::shared::Shared;

const SETS: usize = 8;
/// Objects of one key (or of keys that share a set) that a thread keeps.
const WAYS: usize = 8;
/// Objects that move between a thread's cache and the shelf at once, so that handing many over takes few locks.
pub(crate) const BATCH: usize = WAYS / 2;
/// Stamps are an epoch, which all threads share, and a thread's own count within it.
pub(crate) const STAMPS_PER_EPOCH: u64 = 256;
/// No object has this stamp.
const NOTHING: u64 = 0;

/// Bits of [`Local::flags`]: why an object cannot go the short way.
pub(crate) mod flag {
    /// More is held than a limit allows, or a limit is zero.
    pub const OVER_LIMIT: u32 = 1;
    /// Somebody wants every use counted as it happens.
    pub const WATCHED: u32 = 2;
    /// The pool has gone.
    pub const CLOSED: u32 = 4;
}

/// One thread's cache of one pool.
pub(crate) struct Local {
    sets: Box<[Set; SETS]>,
    counts: Box<[CachePadded<Counts>]>,
    pub flags: AtomicU32,
    /// The pool's epoch as this thread knows it; others write it.
    epoch: AtomicU64,
    bank: Bank,
}

/// Places, each an element of every array.
#[derive(Default)]
struct Set {
    /// The key's hash; zero where nothing is. A hint, as the three behind it: what counts is in the object.
    tags: [AtomicU64; WAYS],
    /// [`NOTHING`] where others find nothing. The owner writes it after it put an object in and after it took one out;
    /// others set it back, unless the owner has been there since, which an equal stamp excludes.
    stamps: [AtomicU64; WAYS],
    bytes: [AtomicU64; WAYS],
    rows: [AtomicU32; WAYS],
    objects: [AtomicCell<Option<UniqueArc<Object>>>; WAYS],
}

/// Of one class on one device. Bytes beside objects, in turn.
#[derive(Default)]
struct Counts {
    put: AtomicU64,
    put_bytes: AtomicU64,
    found: AtomicU64,
    found_bytes: AtomicU64,
    /// By others, and by the thread's own [`Local::steal`].
    stolen: AtomicU64,
    stolen_bytes: AtomicU64,
}

/// Objects on their way between a thread's cache and the shelf.
pub(crate) type Batch = SmallVec<[UniqueArc<Object>; BATCH]>;

/// Objects and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub count: u64,
    pub bytes: u64,
}

/// What was found where an object with a key was looked for.
pub(crate) enum Found {
    /// One, and the flags of this moment.
    Equal(UniqueArc<Object>, u32),
    /// One of another key with the same hash.
    Other(UniqueArc<Object>),
}

/// What became of an object that was let go of.
enum Put {
    Kept,
    /// The set was full: these, the oldest, had to leave.
    Displaced(Batch),
    /// It is for the pool to say.
    Ask(UniqueArc<Object>),
}

struct Entry {
    pool: u64,
    /// Takes over what is here when the thread ends.
    shared: Weak<Shared>,
    local: Arc<Local>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.retire(&self.local);
        }
    }
}

thread_local! {
    static ENTRIES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with this thread's cache of that pool, made where there is none yet; `None` while the thread is ending.
#[inline]
pub(crate) fn with<T>(shared: &Arc<Shared>, f: impl FnOnce(&Local) -> T) -> Option<T> {
    ENTRIES
        .try_with(|entries| {
            let entries = entries.try_borrow().ok()?;
            let entry = entries.iter().find(|entry| entry.pool == shared.id)?;
            Some(f(&entry.local))
        })
        .ok()?
}

/// As [`with`], but makes the cache.
fn with_new<T>(shared: &Arc<Shared>, f: impl FnOnce(&Local) -> T) -> Option<T> {
    ENTRIES
        .try_with(|entries| {
            let local = shared.enlist()?;
            let entry = Entry {
                pool: shared.id,
                shared: Arc::downgrade(shared),
                local: Arc::clone(&local),
            };
            let mut entries = entries.try_borrow_mut().ok()?;
            // Pools that have gone leave empty tables.
            entries.retain(|entry| entry.local.flags.load(Ordering::Relaxed) & flag::CLOSED == 0);
            entries.push(entry);
            drop(entries);
            Some(f(&local))
        })
        .ok()?
}

/// An idle object of this thread with that key, which nothing has work on.
#[inline]
pub(crate) fn take(shared: &Arc<Shared>, hash: u64, key: &Key) -> Option<Found> {
    with(shared, |local| local.find(hash, key))?
}

/// Takes an object back from its last user.
#[inline]
pub(crate) fn recycle(mut object: UniqueArc<Object>) {
    object.release_borrowed();
    match put(object) {
        Put::Kept => {}
        Put::Displaced(batch) => {
            let Some(first) = batch.first() else { return };
            let shared = Arc::clone(&first.shared);
            shared.shelve(batch);
        }
        Put::Ask(object) => {
            let shared = Arc::clone(&object.shared);
            shared.let_go(object);
        }
    }
}

#[inline]
fn put(object: UniqueArc<Object>) -> Put {
    let id = object.shared.id;
    let mut object = Some(object);
    let put = ENTRIES.try_with(|entries| {
        let entries = entries.try_borrow().ok()?;
        let entry = entries.iter().find(|entry| entry.pool == id)?;
        Some(entry.local.put(object.take()?))
    });
    if let Ok(Some(put)) = put {
        return put;
    }
    let Some(object) = object else {
        return Put::Kept;
    };
    let shared = Arc::clone(&object.shared);
    let mut object = Some(object);
    let put = with_new(&shared, |local| Some(local.put(object.take()?)));
    match (put, object) {
        (Some(Some(put)), _) => put,
        (_, Some(object)) => Put::Ask(object),
        (_, None) => Put::Kept,
    }
}

impl Local {
    pub fn new(bank: &Bank, n_rows: usize, flags: u32, epoch: u64) -> Self {
        Self {
            sets: Box::default(),
            counts: (0..n_rows).map(|_| CachePadded::default()).collect(),
            flags: AtomicU32::new(flags),
            epoch: AtomicU64::new(epoch * STAMPS_PER_EPOCH),
            bank: bank.clone(),
        }
    }

    #[inline]
    fn set(&self, hash: u64) -> &Set {
        &self.sets[(hash >> 32) as usize % SETS]
    }

    #[inline]
    fn find(&self, hash: u64, key: &Key) -> Option<Found> {
        let set = self.set(hash);
        for (way, tag) in set.tags.iter().enumerate() {
            if tag.load(Ordering::Relaxed) != hash {
                continue;
            }
            let Some(object) = set.take_back(way) else {
                continue;
            };
            let counts = &self.counts[usize::from(object.row)];
            bump(&counts.found, 1);
            bump(&counts.found_bytes, object.bytes);
            return Some(if object.key == *key {
                Found::Equal(object, self.flags.load(Ordering::Relaxed))
            } else {
                Found::Other(object)
            });
        }
        None
    }

    #[inline]
    fn put(&self, mut object: UniqueArc<Object>) -> Put {
        let flags = self.flags.load(Ordering::Relaxed);
        if flags != 0 || object.waste > 0 || object.is_oversize || !object.uses.get_mut().is_empty()
        {
            return Put::Ask(object);
        }
        // Origins that were noted are forgotten even where none are noted any more.
        if object.origin.is_some() {
            return Put::Ask(object);
        }
        // A stream may have work although no object has.
        if let Body::Stream(_) = object.body {
            return Put::Ask(object);
        }
        object.stamp = self.next_stamp(&object.shared);
        let set = self.set(object.hash);
        let Some(way) = set.vacant() else {
            let mut batch = self.take_oldest(set);
            batch.push(object);
            return Put::Displaced(batch);
        };
        self.place(set, way, object);
        self.bank.became_idle();
        // Who raised a flag looks through all places afterwards; who puts looks at the flags afterwards. One of them sees
        // the other, both being in one order (`AtomicCell` and these are sequentially consistent).
        if self.flags.load(Ordering::SeqCst) != 0
            && let Some(back) = set.take_back(way)
        {
            self.count_stolen(&back);
            return Put::Ask(back);
        }
        Put::Kept
    }

    #[inline]
    fn place(&self, set: &Set, way: usize, object: UniqueArc<Object>) {
        let counts = &self.counts[usize::from(object.row)];
        bump(&counts.put, 1);
        bump(&counts.put_bytes, object.bytes);
        set.bytes[way].store(object.bytes, Ordering::Relaxed);
        set.rows[way].store(u32::from(object.row), Ordering::Relaxed);
        set.tags[way].store(object.hash, Ordering::Relaxed);
        let stamp = object.stamp;
        let before = set.objects[way].swap(Some(object));
        debug_assert!(before.is_none(), "only the owner puts objects in");
        set.stamps[way].store(stamp, Ordering::Release);
    }

    /// Takes what was let go of before; gives back what there is no place for. For the owner.
    pub fn restock(&self, batch: &mut Batch) {
        while let Some(object) = batch.pop() {
            let set = self.set(object.hash);
            let Some(way) = set.vacant() else {
                batch.push(object);
                return;
            };
            self.place(set, way, object);
        }
    }

    /// Takes the oldest half of a set out. For the owner.
    #[cold]
    fn take_oldest(&self, set: &Set) -> Batch {
        // Read once: others may set them back meanwhile, and what is sorted by must stand still.
        let mut by_age: [(u64, usize); WAYS] =
            std::array::from_fn(|way| (set.stamps[way].load(Ordering::Relaxed), way));
        by_age.sort_unstable();
        let oldest = by_age.into_iter().take(BATCH - 1);
        oldest
            .filter_map(|(_, way)| {
                let object = set.take_back(way)?;
                self.count_stolen(&object);
                Some(object)
            })
            .collect()
    }

    #[inline]
    fn next_stamp(&self, shared: &Shared) -> u64 {
        let stamp = self.epoch.load(Ordering::Relaxed) + 1;
        if stamp.is_multiple_of(STAMPS_PER_EPOCH) {
            return shared.new_epoch() * STAMPS_PER_EPOCH;
        }
        self.epoch.store(stamp, Ordering::Relaxed);
        stamp
    }

    /// From now on this thread's stamps are above all that were given before.
    pub fn enter_epoch(&self, epoch: u64) {
        self.epoch
            .fetch_max(epoch * STAMPS_PER_EPOCH, Ordering::Relaxed);
    }

    fn count_stolen(&self, object: &Object) {
        let counts = &self.counts[usize::from(object.row)];
        counts.stolen.fetch_add(1, Ordering::Relaxed);
        counts
            .stolen_bytes
            .fetch_add(object.bytes, Ordering::Relaxed);
    }

    /// Takes an object out whose place looks right; whether it is, is for the caller to see. From any thread.
    pub fn steal(&self, wanted: impl Fn(&Seen) -> bool) -> Option<UniqueArc<Object>> {
        let places = self
            .sets
            .iter()
            .flat_map(|set| (0..WAYS).map(move |way| (set, way)));
        for (set, way) in places {
            let Some(seen) = set.seen(way).filter(&wanted) else {
                continue;
            };
            let object = set.objects[way].take();
            let _ = set.stamps[way].compare_exchange(
                seen.stamp,
                NOTHING,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if let Some(object) = object {
                self.count_stolen(&object);
                return Some(object);
            }
        }
        None
    }

    /// What its places say they have.
    pub fn seen(&self) -> impl Iterator<Item = Seen> + '_ {
        self.sets
            .iter()
            .flat_map(|set| (0..WAYS).filter_map(move |way| set.seen(way)))
    }

    /// Objects that are here, by class and device.
    pub fn idle(&self, row: usize) -> Sum {
        let counts = &self.counts[row];
        // What left is read first: reading what came later can only show too much.
        let [stolen, found, put] =
            [&counts.stolen, &counts.found, &counts.put].map(|n| n.load(Ordering::Relaxed));
        let [stolen_bytes, found_bytes, put_bytes] =
            [&counts.stolen_bytes, &counts.found_bytes, &counts.put_bytes]
                .map(|n| n.load(Ordering::Relaxed));
        Sum {
            count: put.saturating_sub(stolen + found),
            bytes: put_bytes.saturating_sub(stolen_bytes + found_bytes),
        }
    }

    /// How often this thread found an object here.
    pub fn hits(&self, row: usize) -> u64 {
        self.counts[row].found.load(Ordering::Relaxed)
    }
}

/// What a place says of its object.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub hash: u64,
    pub stamp: u64,
    pub bytes: u64,
    pub row: u16,
}

impl Set {
    /// A place without an object. For the owner.
    #[inline]
    fn vacant(&self) -> Option<usize> {
        let is_empty = |way: &usize| self.tags[*way].load(Ordering::Relaxed) == 0;
        // What others took is empty too, though its tag is still there.
        let is_emptied = |way: &usize| self.stamps[*way].load(Ordering::Acquire) == NOTHING;
        (0..WAYS)
            .find(is_empty)
            .or_else(|| (0..WAYS).find(is_emptied))
    }

    fn seen(&self, way: usize) -> Option<Seen> {
        let stamp = self.stamps[way].load(Ordering::Acquire);
        (stamp != NOTHING).then(|| Seen {
            stamp,
            hash: self.tags[way].load(Ordering::Relaxed),
            bytes: self.bytes[way].load(Ordering::Relaxed),
            row: self.rows[way].load(Ordering::Relaxed) as u16,
        })
    }

    /// For the owner.
    #[inline]
    fn take_back(&self, way: usize) -> Option<UniqueArc<Object>> {
        let object = self.objects[way].take();
        self.tags[way].store(0, Ordering::Relaxed);
        self.stamps[way].store(NOTHING, Ordering::Relaxed);
        object
    }
}

/// Adds to a count that only this thread writes.
#[inline]
fn bump(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}
