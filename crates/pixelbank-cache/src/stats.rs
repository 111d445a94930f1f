use std::ffi::OsStr;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_memory::format_bytes;
use serde::Serialize;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What the cache did since it was made.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        impl Stats {
            /// What was done after `earlier`; of tiles and files in memory, what there is now.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self {
                    tile_bytes: self.tile_bytes,
                    peak_tile_bytes: self.peak_tile_bytes,
                    files: self.files,
                    ..Self { $($name: self.$name.saturating_sub(earlier.$name),)* }
                }
            }

            /// Every figure with its name.
            pub fn figures(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub $name: AtomicU64,)* }

        impl Counters {
            pub fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Tiles asked for that were in memory.
    hits,
    /// Tiles asked for that were not.
    misses,
    /// Tiles made by decoding or from finer levels.
    tiles_made,
    /// Of those, tiles that had been made before and were dropped since: with more memory, they would have stayed.
    tiles_remade,
    /// Tiles read back from the scratch disk.
    tiles_unspilled,
    /// Tiles put on the scratch disk.
    tiles_spilled,
    /// Tiles dropped to make room.
    evictions,
    /// Bytes of the tiles in memory now, in use and idle.
    tile_bytes,
    /// The most that they ever were.
    peak_tile_bytes,
    /// Files whose description is known now.
    files,
    /// Passes over whole files.
    passes,
    /// Files opened.
    opens,
    /// Loads that failed.
    failures,
    /// Bytes read from storage, where the source counts them.
    read_bytes,
    /// Nanoseconds spent reading them.
    read_nanos,
    /// Bytes of pixels that decoders delivered.
    decoded_bytes,
    /// Nanoseconds spent in decoders, reading included.
    decode_nanos,
    /// Nanoseconds that callers waited for what others were loading.
    wait_nanos,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figure) in self.figures() {
            let name = name.replace('_', " ");
            if let Some(name) = name.strip_suffix(" nanos") {
                writeln!(f, "{name:<16} {:>12.3} s", figure as f64 / 1e9)?;
            } else if let Some(name) = name.strip_suffix(" bytes") {
                writeln!(f, "{name:<16} {:>14}", format_bytes(figure))?;
            } else {
                writeln!(f, "{name:<16} {figure:>14}")?;
            }
        }
        Ok(())
    }
}

/// Adds to a counter; their order among each other does not matter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// What the cache did with one file since it was described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileStats {
    /// Its key, readable.
    pub key: String,
    /// Tiles made from it.
    pub tiles_made: u64,
    /// Of those, tiles that had been made before and were dropped since.
    pub tiles_remade: u64,
    /// Bytes of pixels that its decoders delivered.
    pub decoded_bytes: u64,
    /// Nanoseconds spent in its decoders.
    pub decode_nanos: u64,
    /// Loads that failed.
    pub failures: u64,
}

/// The figures of one file, kept with its description.
#[derive(Debug, Default)]
pub(crate) struct FileCounters {
    pub tiles_made: AtomicU64,
    pub tiles_remade: AtomicU64,
    pub decoded_bytes: AtomicU64,
    pub decode_nanos: AtomicU64,
    pub failures: AtomicU64,
}

impl FileCounters {
    /// What decoding a tile took on average; 0 before there was one.
    pub fn nanos_a_tile(&self) -> u64 {
        let nanos = self.decode_nanos.load(Ordering::Relaxed);
        let tiles = self.tiles_made.load(Ordering::Relaxed);
        nanos.checked_div(tiles).unwrap_or(0)
    }

    pub fn snapshot(&self, key: &OsStr) -> FileStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FileStats {
            key: key.to_string_lossy().into_owned(),
            tiles_made: get(&self.tiles_made),
            tiles_remade: get(&self.tiles_remade),
            decoded_bytes: get(&self.decoded_bytes),
            decode_nanos: get(&self.decode_nanos),
            failures: get(&self.failures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_since_a_moment_and_for_people() {
        let earlier = Stats {
            hits: 5,
            tile_bytes: 4096,
            ..Stats::default()
        };
        let later = Stats {
            hits: 12,
            tile_bytes: 2048,
            wait_nanos: 1_500_000_000,
            ..Stats::default()
        };
        let between = later.since(&earlier);
        assert_eq!((between.hits, between.tile_bytes), (7, 2048));
        let text = later.to_string();
        for line in [
            "hits                         12",
            "wait                    1.500 s",
        ] {
            assert!(text.lines().any(|l| l == line), "{text}");
        }
        assert!(text.contains("2 KiB"), "{text}");
    }
}
