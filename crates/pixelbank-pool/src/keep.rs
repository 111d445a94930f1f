//! Keeping what was let go of, and giving it up: by limit, by the bank's need, least recently used first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use pixelbank_memory::sync::Mutex;
use triomphe::UniqueArc;

use crate::AtLimit;
use crate::key::{Class, N_CLASSES};
use crate::local::{self, Batch, flag};
use crate::object::{Body, Object, Use};
use crate::shared::{Gone, Pending, Point, Shared, State};

impl Shared {
    /// Takes objects that had no place in their thread's cache.
    pub fn shelve(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let mut gone = Gone::new();
        {
            let mut state = self.state.lock();
            for object in batch {
                self.keep(&mut state, object, &mut gone);
            }
        }
        self.bank.became_idle();
    }

    /// Takes an object back from its last user, where the short way is closed to it.
    #[cold]
    pub fn let_go(&self, mut object: UniqueArc<Object>) {
        if object.origin.is_some() || self.watch.is_on() {
            self.watch.let_go(&mut object);
        }
        let tally = &self.tallies[usize::from(object.row)];
        tally
            .wasted_bytes
            .fetch_sub(object.waste, Ordering::Relaxed);
        object.show_waste(false);
        let mut uses = std::mem::take(object.uses.get_mut());
        if let Body::Stream(stream) = &object.body {
            uses.push(Use {
                stream: Arc::clone(stream),
                point: None,
            });
        }
        let points: Vec<Point> = uses
            .into_iter()
            .map(|Use { stream, point }| {
                let point = point.unwrap_or_else(|| stream.mark());
                (stream, point)
            })
            .filter(|(stream, point)| !stream.has_passed(*point))
            .collect();
        let mut gone = Gone::new();
        {
            let mut state = self.state.lock();
            self.count_in_full(&mut object);
            if self.flags.load(Ordering::SeqCst) & flag::CLOSED != 0 {
                drop(state);
                return finish_later(Pending { object, points });
            }
            if points.is_empty() {
                object.stamp = self.next_epoch(&state) * local::STAMPS_PER_EPOCH;
                self.keep(&mut state, object, &mut gone);
            } else {
                state.pending.push(Pending { object, points });
            }
        }
        if !gone.is_empty() || self.flags.load(Ordering::SeqCst) & flag::OVER_LIMIT != 0 {
            drop(gone);
            self.refresh_flags();
        }
        self.bank.became_idle();
    }

    /// Counts an object against the limit where that has been raised above its size since it was made.
    fn count_in_full(&self, object: &mut Object) {
        let device = &self.devices[usize::from(object.row) / N_CLASSES];
        if object.is_oversize && object.bytes <= device.limit_bytes.load(Ordering::SeqCst) {
            device
                .oversize_bytes
                .fetch_sub(object.bytes, Ordering::SeqCst);
            device.held_bytes.fetch_add(object.bytes, Ordering::SeqCst);
            object.is_oversize = false;
        }
    }

    /// Puts an idle object on the shelf, unless it must not stay, and takes others down that it is too much with.
    pub fn keep(&self, state: &mut State, object: UniqueArc<Object>, gone: &mut Gone) {
        let i = usize::from(object.row) / N_CLASSES;
        let device = &self.devices[i];
        let limit = device.limit_bytes.load(Ordering::SeqCst);
        let is_closed = self.flags.load(Ordering::SeqCst) & flag::CLOSED != 0;
        let must_go = limit == 0
            || object.is_oversize
            || object.bytes > limit
            || object.key.class == Class::Wrapper
            || is_closed
            || device.is_lost.load(Ordering::SeqCst);
        if must_go {
            gone.push(object);
            return;
        }
        state.shelf.insert(i, object);
        self.evict_excess(state, i, 0, gone);
    }

    /// Moves objects whose work has finished to the idle ones.
    pub fn settle(&self, state: &mut State, gone: &mut Gone) {
        let mut i = 0;
        while i < state.pending.len() {
            let passed = |(stream, point): &Point| stream.has_passed(*point);
            if !state.pending[i].points.iter().all(passed) {
                i += 1;
                continue;
            }
            let mut object = state.pending.swap_remove(i).object;
            if object.key.class == Class::Wrapper {
                gone.push(object);
                continue;
            }
            object.stamp = self.next_epoch(state) * local::STAMPS_PER_EPOCH;
            self.keep(state, object, gone);
        }
    }

    /// Moves objects whose work has finished to the idle ones, and drops what the limits do not allow.
    pub fn settle_now(&self) {
        let mut gone = Gone::new();
        self.settle(&mut self.state.lock(), &mut gone);
        drop(gone);
        self.refresh_flags();
    }

    /// Takes idle objects down until the device's limit leaves room for `more`.
    fn evict_excess(&self, state: &mut State, device: usize, more: u64, gone: &mut Gone) {
        let limit = self.devices[device].limit_bytes.load(Ordering::SeqCst);
        let held = self.devices[device].held_bytes.load(Ordering::SeqCst);
        let going: u64 = gone
            .iter()
            .filter(|object| usize::from(object.row) / N_CLASSES == device && !object.is_oversize)
            .map(|object| object.bytes)
            .sum();
        let excess = (held + more).saturating_sub(limit).saturating_sub(going);
        let amount = match self.at_limit {
            AtLimit::ClearAll if excess > 0 => u64::MAX,
            _ => excess,
        };
        self.evict(state, device, amount, gone);
    }

    /// Takes `amount` of idle bytes down, least recently used first, and says how much it was.
    pub fn evict(&self, state: &mut State, device: usize, amount: u64, gone: &mut Gone) -> u64 {
        let mut freed = 0;
        while freed < amount {
            let Some(object) = self.take_oldest(state, device) else {
                break;
            };
            freed += object.bytes;
            self.tallies[usize::from(object.row)]
                .evictions
                .fetch_add(1, Ordering::Relaxed);
            gone.push(object);
        }
        freed
    }

    /// The idle object of a device that was let go of first.
    fn take_oldest(&self, state: &mut State, device: usize) -> Option<UniqueArc<Object>> {
        loop {
            let on_shelf = state.shelf.oldest(device);
            let in_threads = state
                .locals
                .iter()
                .flat_map(|local| local.seen().map(move |seen| (seen, local)))
                .filter(|(seen, _)| usize::from(seen.row) / N_CLASSES == device)
                .min_by_key(|(seen, _)| seen.stamp);
            let (seen, local) = match in_threads {
                Some((seen, local)) if on_shelf.is_none_or(|stamp| seen.stamp < stamp) => {
                    (seen, local)
                }
                _ => return state.shelf.take_oldest(device),
            };
            match local.steal(|other| other.stamp == seen.stamp) {
                Some(object) if object.stamp == seen.stamp => return Some(object),
                // Its owner was quicker and has put another there, which is as idle.
                Some(object) => {
                    let device = usize::from(object.row) / N_CLASSES;
                    state.shelf.insert(device, object);
                }
                None => {}
            }
        }
    }

    /// Makes room for `bytes` more on a device and counts them as held. Says whether they are more than the limit, so that
    /// nothing could make room for them.
    pub fn claim(&self, device: usize, bytes: u64) -> bool {
        let mut gone = Gone::new();
        let is_oversize = {
            let mut state = self.state.lock();
            self.settle(&mut state, &mut gone);
            let limit = self.devices[device].limit_bytes.load(Ordering::SeqCst);
            let is_oversize = bytes > limit && limit > 0;
            if !is_oversize {
                self.evict_excess(&mut state, device, bytes, &mut gone);
            }
            self.devices[device]
                .counter(is_oversize)
                .fetch_add(bytes, Ordering::SeqCst);
            is_oversize
        };
        drop(gone);
        self.refresh_flags();
        is_oversize
    }

    /// Gives idle memory of a device up, least recently used first.
    pub fn reclaim(&self, device: usize, amount: u64) -> u64 {
        let mut freed = 0;
        while freed < amount {
            // A few at a time, so that others get the lock in between.
            const SLICE: u64 = 64 << 20;
            let mut gone = Gone::new();
            let mut state = self.state.lock();
            self.settle(&mut state, &mut gone);
            let slice = (amount - freed).min(SLICE);
            let got = self.evict(&mut state, device, slice, &mut gone);
            drop(state);
            if got == 0 {
                break;
            }
            freed += got;
        }
        freed
    }

    pub fn set_limit(&self, device: usize, limit_bytes: u64) {
        let mut gone = Gone::new();
        {
            let mut state = self.state.lock();
            let old = self.devices[device]
                .limit_bytes
                .swap(limit_bytes, Ordering::SeqCst);
            // Who lets go meanwhile sees the flag, or is seen below.
            self.set_flags(&state);
            self.settle(&mut state, &mut gone);
            if limit_bytes == 0 {
                self.evict(&mut state, device, u64::MAX, &mut gone);
            } else if limit_bytes < old {
                self.evict_excess(&mut state, device, 0, &mut gone);
            }
        }
        drop(gone);
        self.refresh_flags();
    }
}

/// Drops an object when the work on it has finished, however long that takes: its memory must not go before.
pub(crate) fn finish(pending: Pending) {
    for (stream, point) in &pending.points {
        // Only a lost device refuses, and on that nothing runs any more.
        let _ = stream.synchronize(*point);
    }
}

/// As [`finish`], without blocking: whoever lets go may hold what the work needs to go on, such as an interpreter's lock.
fn finish_later(pending: Pending) {
    if pending.points.is_empty() {
        return;
    }
    let pending = Arc::new(Mutex::new(Some(pending)));
    let waiting = Arc::clone(&pending);
    let finish_it = move || {
        if let Some(pending) = waiting.lock().take() {
            finish(pending);
        }
    };
    let name = "pool finish".to_owned();
    if std::thread::Builder::new()
        .name(name)
        .spawn(finish_it)
        .is_err()
        && let Some(pending) = pending.lock().take()
    {
        finish(pending);
    }
}
