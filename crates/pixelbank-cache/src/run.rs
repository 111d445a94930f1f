use std::sync::atomic::{AtomicU64, Ordering};

/// Notices that the tiles of a file are asked for one after the other, and says how many to load ahead.
///
/// One word a file, and a guess: two threads that go through one file each see the other's steps as breaks, and load
/// nothing ahead, having two processors at work already.
#[derive(Debug, Default)]
pub(crate) struct Run(AtomicU64);

/// The lower bits count the tiles of the run, the upper ones are the number of the tile that would go on with it.
const COUNT_BITS: u32 = 16;

/// A run of so many tiles may have one loaded ahead: what is loaded in vain, when it ends, is no more than that part of it.
const TILES_FOR_ONE: u64 = 4;

impl Run {
    /// Notes that tile `number` was not in memory. How many of those behind it to load as well, at most `most`; the run then
    /// goes on behind these.
    pub fn missed(&self, number: u64, most: u64) -> u64 {
        let number = number << COUNT_BITS;
        let before = self.0.load(Ordering::Relaxed);
        let highest = (1 << COUNT_BITS) - 1;
        let count = if before & !highest == number {
            before & highest
        } else {
            0
        };
        let ahead = (count / TILES_FOR_ONE).min(most);
        let count = (count + 1 + ahead).min(highest);
        let next = number.wrapping_add((1 + ahead) << COUNT_BITS);
        self.0.store(next | count, Ordering::Relaxed);
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_run_the_more_is_loaded_ahead_and_a_break_ends_it() {
        let run = Run::default();
        let mut next = 100;
        let mut ahead = Vec::new();
        while next < 200 {
            ahead.push(run.missed(next, 16));
            next += 1 + ahead[ahead.len() - 1];
        }
        assert!(ahead.is_sorted(), "{ahead:?}");
        assert_eq!((ahead[0], ahead[ahead.len() - 1]), (0, 16));
        assert_eq!(run.missed(next + 1, 16), 0, "one was passed over");
        for n in 0..1000 {
            assert_eq!(run.missed(n * 7, 16), 0, "no order at all");
        }
        for n in 0..1_000_000 {
            assert_eq!(run.missed(n, 0), 0, "nothing may be loaded ahead");
        }
    }
}
