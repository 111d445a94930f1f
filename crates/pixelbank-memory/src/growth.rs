//! How fast an amount grows.

/// An amount at a moment.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    at_ms: u64,
    bytes: u64,
}

/// An amount as it was at two moments a minute apart, so that its slope is always that of the last one to two minutes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Growth {
    older: Option<Anchor>,
    newer: Option<Anchor>,
}

const MINUTE_MS: u64 = 60_000;
/// Less than this is too short to tell growth from coming and going.
const SHORTEST_MS: u64 = 10_000;

impl Growth {
    /// Notes the amount, if that is due.
    pub fn sample(&mut self, now_ms: u64, bytes: u64) {
        let now = Anchor {
            at_ms: now_ms,
            bytes,
        };
        match self.newer {
            Some(newer) if now_ms.saturating_sub(newer.at_ms) < MINUTE_MS => {}
            Some(newer) => (self.older, self.newer) = (Some(newer), Some(now)),
            None => (self.older, self.newer) = (Some(now), Some(now)),
        }
    }

    /// The slope up to now, in bytes a minute.
    pub fn per_minute(&self, now_ms: u64, bytes: u64) -> Option<i64> {
        let from = self.older?;
        let span_ms = now_ms.saturating_sub(from.at_ms);
        let more = i128::from(bytes) - i128::from(from.bytes);
        (span_ms >= SHORTEST_MS)
            .then(|| (more * i128::from(MINUTE_MS) / i128::from(span_ms)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_last_minutes() {
        let mut growth = Growth::default();
        assert_eq!(growth.per_minute(0, 5), None, "nothing was sampled");
        // It grows by 1,000 bytes a second for five minutes, then stays.
        let at = |second: u64| second.min(300) * 1000;
        for second in 0..=360 {
            growth.sample(second * 1000, at(second));
            let slope = growth.per_minute(second * 1000, at(second));
            match second {
                0..10 => assert_eq!(slope, None, "{second} s are too short"),
                10..=300 => assert_eq!(slope, Some(60_000), "at {second} s"),
                _ => {}
            }
        }
        for second in 361..=480 {
            growth.sample(second * 1000, at(second));
        }
        assert_eq!(growth.per_minute(480_000, at(480)), Some(0));
        assert_eq!(growth.per_minute(480_000, 0), Some(-300_000));
    }
}
