use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What the cache did since it was made.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

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
    /// Tiles read back from the scratch disk.
    tiles_unspilled,
    /// Tiles put on the scratch disk.
    tiles_spilled,
    /// Tiles dropped to make room.
    evictions,
    /// Passes over whole files.
    passes,
    /// Files opened.
    opens,
    /// Bytes of pixels that decoders delivered.
    decoded_bytes,
    /// Nanoseconds spent in decoders.
    decode_nanos,
}

/// Adds to a counter; their order among each other does not matter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
