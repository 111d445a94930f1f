//! The resident size when all is over, with the allocator that the program has.
#![allow(clippy::unwrap_used)]

#[path = "../src/allocator.rs"]
mod allocator;
mod work;

use std::thread;
use std::time::{Duration, Instant};

use pixelbank::memory::{Bank, resident_bytes};
use work::{MIB, cache, photographs, work};

#[test]
fn dropping_everything_gives_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let photographs = photographs(dir.path());
    let round = || {
        let bank = Bank::builder().host_bytes(96 * MIB).build().unwrap();
        let cache = cache(&bank);
        work(&bank, &cache, &photographs, 60);
        assert!(
            bank.ledger().host.live_bytes > 16 * MIB,
            "there is something to be given back"
        );
        drop(cache);
        let ledger = bank.ledger();
        assert_eq!(
            (
                ledger.host.live_bytes,
                ledger.disk.live_bytes,
                ledger.files.live_bytes
            ),
            (0, 0, 0)
        );
    };
    let start = resident_bytes().unwrap();
    round();
    round();
    let allowed = start + start / 20 + 16 * MIB;
    // The allocator gives freed pages back in its own time, which is short.
    let patience = Instant::now() + Duration::from_secs(10);
    while resident_bytes().unwrap() > allowed && Instant::now() < patience {
        thread::yield_now();
    }
    let end = resident_bytes().unwrap();
    assert!(
        end <= allowed,
        "{} MiB at the start, {} MiB at the end",
        start / MIB,
        end / MIB
    );
}
