//! Times of small operations.

use std::time::{Duration, Instant};

/// What one run of an operation takes, in nanoseconds: the median of several batches, and the extremes.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

const BATCHES: usize = 9;
const BATCH: Duration = Duration::from_millis(25);

/// Runs `operation` over and over, in batches long enough for the clock; it is given a number that grows by one.
pub fn time(mut operation: impl FnMut(usize)) -> Timing {
    let mut n = 0;
    let mut batch = |length: usize| {
        let started = Instant::now();
        for _ in 0..length {
            operation(n);
            n += 1;
        }
        started.elapsed()
    };
    // The first runs fill caches and tell how many make a batch.
    let mut length = 1;
    while batch(length) < BATCH / 2 {
        length *= 2;
    }
    let mut nanos: Vec<f64> = (0..BATCHES)
        .map(|_| batch(length).as_nanos() as f64 / length as f64)
        .collect();
    nanos.sort_by(f64::total_cmp);
    Timing {
        median: nanos[BATCHES / 2],
        min: nanos[0],
        max: nanos[BATCHES - 1],
    }
}

/// The same on several threads at once, each with an operation of its own: the time of one run on one thread. Twice as
/// many threads that do not disturb each other leave it as it is.
pub fn time_together<F: FnMut(usize) + Send>(operations: Vec<F>) -> Timing {
    let timings: Vec<Timing> = std::thread::scope(|scope| {
        let threads: Vec<_> = operations
            .into_iter()
            .map(|operation| scope.spawn(|| time(operation)))
            .collect();
        let joined = threads.into_iter().filter_map(|thread| thread.join().ok());
        joined.collect()
    });
    let n = timings.len().max(1) as f64;
    Timing {
        median: timings.iter().map(|timing| timing.median).sum::<f64>() / n,
        min: timings
            .iter()
            .map(|timing| timing.min)
            .fold(f64::MAX, f64::min),
        max: timings.iter().map(|timing| timing.max).fold(0.0, f64::max),
    }
}

/// Numbers below `n` in a fixed order without a pattern, each as often as any other.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..n).collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..n).rev() {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        numbers.swap(i, random as usize % (i + 1));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_loses_nothing_and_is_repeatable() {
        let order = shuffled(1000, 7);
        assert_eq!(order, shuffled(1000, 7));
        assert_ne!(order, shuffled(1000, 8));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_ne!(order, sorted);
        assert!(sorted.iter().copied().eq(0..1000));
    }
}
