//! Counts of what many threads do, kept so that they do not write to the same place.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Apart;

/// Threads with counts of their own; those beyond share one.
const OWN: usize = 63;

/// How often tiles were found.
pub(super) struct Tally {
    threads: Box<[Apart<Finds>]>,
    /// Threads that ever counted.
    n_threads: AtomicUsize,
}

#[derive(Default)]
struct Finds {
    all: AtomicU64,
    /// Those that a caller of the cache had asked for.
    hits: AtomicU64,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            threads: (0..=OWN).map(|_| Apart(Finds::default())).collect(),
            n_threads: AtomicUsize::new(0),
        }
    }

    /// Counts something that the thread of that number found. No two threads have the same number at once.
    #[inline]
    pub fn found(&self, thread: usize, hits: u64) {
        let finds = &self.threads[thread.min(OWN)].0;
        let all = finds.all.load(Ordering::Relaxed);
        if all == 0 {
            self.n_threads
                .fetch_max(thread.min(OWN) + 1, Ordering::Relaxed);
        }
        if thread < OWN {
            // Nobody else writes here: a sum of two halves is right without a locked instruction.
            finds.all.store(all + 1, Ordering::Relaxed);
            finds
                .hits
                .store(finds.hits.load(Ordering::Relaxed) + hits, Ordering::Relaxed);
        } else {
            finds.all.fetch_add(1, Ordering::Relaxed);
            finds.hits.fetch_add(hits, Ordering::Relaxed);
        }
    }

    /// All finds of one of the threads that counted, and which: another with each `turn`.
    pub fn of_one(&self, turn: u64) -> (usize, u64) {
        let n = self.n_threads.load(Ordering::Relaxed).max(1);
        let thread = (turn % n as u64) as usize;
        (thread, self.threads[thread].0.all.load(Ordering::Relaxed))
    }

    pub fn hits(&self) -> u64 {
        let threads = self.threads.iter();
        threads
            .map(|finds| finds.0.hits.load(Ordering::Relaxed))
            .sum()
    }
}

/// What of a tally has been taken note of.
pub(super) struct Noted {
    threads: [u64; OWN + 1],
    turn: u64,
}

impl Noted {
    pub fn new() -> Self {
        Self {
            threads: [0; OWN + 1],
            turn: 0,
        }
    }

    /// Finds of one thread since it was last its turn.
    pub fn next(&mut self, tally: &Tally) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        let (thread, all) = tally.of_one(self.turn);
        all - std::mem::replace(&mut self.threads[thread], all)
    }
}
