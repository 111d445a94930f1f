//! What a tile in memory is worth, and how much of memory new tiles get before they are judged.

use std::collections::VecDeque;

/// Half of what is known of a tile's uses is forgotten in this many requests for each tile in memory.
const HALF_LIFE: f64 = 30.0;

/// The part of memory that the window has: the least, and the most.
const WINDOW: (f64, f64) = (0.005, 0.8);

/// How often a tile that has not been asked for in a while may still be thought to be asked for: three times in that
/// while is what statistics say with 95 % certainty ("rule of three"). Where the window is small, popularity is steady and
/// this is taken generously; where it is large, what matters is how recently a tile was used, and this is taken strictly.
const PATIENCE: (f64, f64) = (4.0, 0.1);

/// The share of memory by which window and main part are imagined larger to see which would gain.
const MARGIN: f64 = 1.0 / 32.0;

/// By how much a single sign moves the size of the window.
const STEP: f64 = 0.02;

/// Costs within this factor of the average count as the average: clocks are not that exact.
const SAME_COST: f32 = 2.0;
const MOST_COST: f32 = 64.0;

/// The scale of values at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    now: u64,
    half_life: f64,
    patience: f64,
}

impl Scale {
    /// What is left of a score after so many requests.
    pub fn faded(&self, score: f32, requests: u64) -> f32 {
        score * (-(requests as f64) / self.half_life).exp2() as f32
    }

    /// Uses to be expected, in units of one use in the mean life of a score, times what each of them saves.
    pub fn value(&self, score: f32, idle_requests: u64, cost: f32) -> f32 {
        let mean_life = self.half_life / std::f64::consts::LN_2;
        let most = self.patience * mean_life / (idle_requests + 1) as f64;
        score.min(most as f32) * cost
    }

    pub fn since(&self, at: u64) -> u64 {
        self.now.saturating_sub(at)
    }
}

/// A tile's cost of making each byte again as a weight, beside the average of all.
pub(super) fn cost_weight(nanos_per_byte: f32, average: f32) -> f32 {
    if average <= 0.0 {
        return 1.0;
    }
    let ratio = nanos_per_byte / average;
    let beyond = if ratio > SAME_COST {
        ratio / SAME_COST
    } else if ratio < 1.0 / SAME_COST {
        ratio * SAME_COST
    } else {
        1.0
    };
    beyond.clamp(1.0 / MOST_COST, MOST_COST)
}

/// The clock in requests, and the size of the window, which follows what it would gain.
///
/// Two signs move it. A tile that comes back shortly after it left the window would have been found in a larger one. A
/// tile of the main part that is used although it was among the least valued there would have been lost to a larger
/// window. Either is counted over the same share of memory, so that the window rests where one more byte is worth as much
/// here as there. (W-TinyLFU's hill climbing, which tries sizes and compares hit ratios, was slower and less exact:
/// `docs/notes/eviction.md`.)
#[derive(Debug)]
pub(super) struct Balance {
    /// Requests so far, hits included.
    pub requests: u64,
    /// Bytes that came in so far.
    pub bytes_in: u64,
    window: f64,
    /// Values met in the main part, the latest last.
    met: VecDeque<f32>,
    until_sorted: usize,
    /// The value under which the least valued share of the main part lies.
    low: f32,
}

const MET: usize = 256;
const SORT_EVERY: usize = 64;

impl Balance {
    pub fn new() -> Self {
        Self {
            requests: 0,
            bytes_in: 0,
            window: WINDOW.0,
            met: VecDeque::with_capacity(MET),
            until_sorted: SORT_EVERY,
            low: 0.0,
        }
    }

    pub fn scale(&self, n_tiles: usize) -> Scale {
        let strictness = (self.window / WINDOW.0).ln() / (WINDOW.1 / WINDOW.0).ln();
        Scale {
            now: self.requests,
            half_life: HALF_LIFE * n_tiles.max(64) as f64,
            patience: PATIENCE.0 * (PATIENCE.1 / PATIENCE.0).powf(strictness),
        }
    }

    /// The part of memory that the window has, from 0 to 1.
    pub fn window_share(&self) -> f64 {
        self.window
    }

    /// Bytes of the window, of `all` bytes in memory.
    pub fn window_bytes(&self, all: u64) -> u64 {
        (self.window * all as f64) as u64
    }

    /// A tile that came back: would a larger window have had it still?
    pub fn came_back(&mut self, left_window_at: u64, relative_bytes: f64, all: u64) {
        if self.bytes_in.saturating_sub(left_window_at) as f64 <= MARGIN * all as f64 {
            self.shift(relative_bytes);
        }
    }

    /// A tile of the main part was used that was worth `value` before: would a larger window have cost it?
    pub fn was_used(&mut self, value: f32, relative_bytes: f64) {
        if value <= self.low {
            self.shift(-relative_bytes);
        }
    }

    /// `relative_bytes` are those of the tile beside the mean of all.
    fn shift(&mut self, relative_bytes: f64) {
        let factor = (STEP * relative_bytes.clamp(-16.0, 16.0)).exp();
        self.window = (self.window * factor).clamp(WINDOW.0, WINDOW.1);
    }

    /// Notes the value of a tile of the main part that was looked at by chance.
    pub fn met(&mut self, value: f32) {
        if self.met.len() == MET {
            self.met.pop_front();
        }
        self.met.push_back(value);
        self.until_sorted -= 1;
        if self.until_sorted == 0 {
            self.until_sorted = SORT_EVERY;
            let mut values: Vec<f32> = self.met.iter().copied().collect();
            let at = (MARGIN / (1.0 - self.window) * values.len() as f64) as usize;
            let at = at.min(values.len() - 1);
            self.low = *values.select_nth_unstable_by(at, f32::total_cmp).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_halves_in_its_half_life_and_silence_bounds_what_it_is_worth() {
        let mut balance = Balance::new();
        balance.requests = 30 * 1000;
        let scale = balance.scale(1000);
        assert!((scale.faded(8.0, 30_000) - 4.0).abs() < 1e-3);
        assert_eq!(scale.value(5.0, 0, 2.0), 10.0);
        assert!(scale.value(100.0, 30_000, 1.0) < 10.0);
        assert!(scale.value(100.0, 30_000, 1.0) > scale.value(100.0, 60_000, 1.0));
    }

    #[test]
    fn only_costs_that_differ_clearly_count() {
        assert_eq!(cost_weight(1.7, 1.0), 1.0);
        assert_eq!(cost_weight(0.6, 1.0), 1.0);
        assert_eq!(cost_weight(20.0, 1.0), 10.0);
        assert_eq!(cost_weight(0.05, 1.0), 0.1);
        assert_eq!(cost_weight(1e9, 1.0), MOST_COST);
        assert_eq!(cost_weight(0.0, 0.0), 1.0);
    }

    #[test]
    fn the_window_grows_for_what_comes_back_soon_and_shrinks_for_what_is_used_at_the_bottom() {
        let mut balance = Balance::new();
        let small = balance.window_bytes(1_000_000);
        balance.bytes_in = 1_000_000;
        for _ in 0..1000 {
            balance.came_back(900_000, 1.0, 1_000_000);
        }
        assert_eq!(balance.window_bytes(1_000_000), small, "it came back late");
        for _ in 0..1000 {
            balance.came_back(990_000, 1.0, 1_000_000);
        }
        assert_eq!(balance.window_bytes(1_000_000), 800_000);
        for value in 0..1000 {
            balance.met(value as f32);
        }
        for _ in 0..1000 {
            balance.was_used(990.0, 1.0);
        }
        assert_eq!(
            balance.window_bytes(1_000_000),
            800_000,
            "it was well valued"
        );
        for _ in 0..1000 {
            balance.was_used(700.0, 1.0);
        }
        assert_eq!(balance.window_bytes(1_000_000), small);
    }
}
