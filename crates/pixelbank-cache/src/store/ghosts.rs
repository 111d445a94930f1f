//! What is remembered of tiles that are gone.

/// How much was thought of a tile when it went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ghost {
    /// Uses, decayed.
    pub score: f32,
    /// When it went, in requests.
    pub at: u64,
    /// Bytes that had come in by then, where it went because it had been in the window only.
    pub left_window_at: Option<u64>,
}

/// Four to eight for each tile in memory, in sets of four; in a full set the oldest makes room. Twelve bytes each.
///
/// A tag of 16 bits takes one name for another in a set once in some sixteen thousand times; that costs a wrong guess.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    sets: Vec<[Packed; 4]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Packed {
    tag: u16,
    score: u16,
    at: u32,
    /// 0 where it did not leave the window.
    left_window_at: u32,
}

pub(super) const BYTES_A_TILE: usize = 2 * size_of::<[Packed; 4]>();

/// Scores are kept in units of 1/64.
const SCORE_UNIT: f32 = 64.0;
/// Requests in a unit of time, and bytes in a unit of what came in, so that both fit 32 bits.
const REQUESTS: u32 = 6;
const BYTES: u32 = 10;

impl Ghosts {
    /// Makes room for those of `tiles` tiles. Growing forgets all there are: while a store fills there are none, and later
    /// it is rare.
    pub fn grow_for(&mut self, tiles: usize) {
        if tiles > self.sets.len() {
            self.sets = vec![Default::default(); tiles.next_power_of_two().max(64)];
        }
    }

    #[cfg(test)]
    pub fn table_bytes(&self) -> usize {
        self.sets.capacity() * size_of::<[Packed; 4]>()
    }

    fn place(&self, hash: u64) -> (usize, u16) {
        // The highest bits pick the shard, the lowest the place in its table; both are as good here.
        let set = (hash >> 20) as usize & (self.sets.len() - 1);
        (set, (hash as u16).max(1))
    }

    pub fn put(&mut self, hash: u64, ghost: Ghost) {
        if self.sets.is_empty() {
            return;
        }
        let (set, tag) = self.place(hash);
        let at = (ghost.at >> REQUESTS) as u32;
        let set = &mut self.sets[set];
        let Some(oldest) = set.iter_mut().max_by_key(|packed| {
            (
                packed.tag == tag,
                packed.tag == 0,
                at.wrapping_sub(packed.at),
            )
        }) else {
            return;
        };
        *oldest = Packed {
            tag,
            score: (ghost.score * SCORE_UNIT) as u16,
            at,
            left_window_at: ghost
                .left_window_at
                .map_or(0, |bytes| ((bytes >> BYTES) as u32).max(1)),
        };
    }

    /// What is known of the tile; it is a ghost no longer.
    pub fn take(&mut self, hash: u64, now: u64, bytes_now: u64) -> Option<Ghost> {
        if self.sets.is_empty() {
            return None;
        }
        let (set, tag) = self.place(hash);
        let packed = self.sets[set].iter_mut().find(|packed| packed.tag == tag)?;
        let packed = std::mem::take(packed);
        let since = |now: u64, then: u32, shift: u32| {
            u64::from(((now >> shift) as u32).wrapping_sub(then)) << shift
        };
        Some(Ghost {
            score: f32::from(packed.score) / SCORE_UNIT,
            at: now.saturating_sub(since(now, packed.at, REQUESTS)),
            left_window_at: (packed.left_window_at != 0)
                .then(|| bytes_now.saturating_sub(since(bytes_now, packed.left_window_at, BYTES))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn what_went_is_remembered_once_and_the_oldest_is_forgotten() {
        let mut ghosts = Ghosts::default();
        ghosts.put(
            hash(1),
            Ghost {
                score: 1.0,
                at: 0,
                left_window_at: None,
            },
        );
        assert_eq!(
            ghosts.take(hash(1), 0, 0),
            None,
            "nothing is kept for no tiles"
        );
        ghosts.grow_for(1000);
        for n in 0..100_000u64 {
            let left_window_at = (n % 2 == 0).then_some(n << 14);
            ghosts.put(
                hash(n),
                Ghost {
                    score: 2.5,
                    at: n * 64,
                    left_window_at,
                },
            );
        }
        let now = 100_000 * 64;
        let known = |ghosts: &mut Ghosts, range: std::ops::Range<u64>| {
            let all = range.end - range.start;
            let found = range.filter(|n| {
                ghosts
                    .take(hash(*n), now, 100_000 << 14)
                    .is_some_and(|ghost| {
                        assert_eq!(ghost.score, 2.5);
                        ghost.at == n * 64
                            && ghost.left_window_at == (n % 2 == 0).then_some(n << 14)
                    })
            });
            found.count() as f64 / all as f64
        };
        assert!(known(&mut ghosts, 98_000..100_000) > 0.95);
        assert!(known(&mut ghosts, 98_000..100_000) < 0.01, "taken already");
        assert!(known(&mut ghosts, 0..50_000) < 0.01);
    }
}
