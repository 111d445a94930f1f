//! What the allocator says of itself.

use tikv_jemalloc_ctl::{epoch, stats};

/// What the allocator has resident and nobody uses: its own tables, pages that it has not given back yet, and holes.
pub fn unused_bytes() -> u64 {
    // The figures are those of the last epoch.
    let read = || -> Result<_, tikv_jemalloc_ctl::Error> {
        epoch::advance()?;
        Ok(stats::resident::read()?.saturating_sub(stats::allocated::read()?))
    };
    read().map_or(0, |bytes| bytes as u64)
}
