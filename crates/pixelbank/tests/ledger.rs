//! The books against a counting allocator, while the process is busy.
#![allow(clippy::unwrap_used)]

mod work;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use pixelbank::memory::Bank;
use work::{MIB, cache, photographs, work};

static LIVE: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with the bytes that are out counted.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter beside it touches no memory of anybody's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_busy_process_holds_nothing_that_the_ledger_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let photographs = photographs(dir.path());
    let before = LIVE.load(Ordering::SeqCst);
    let bank = Bank::builder().host_bytes(48 * MIB).build().unwrap();
    let cache = cache(&bank);
    let done = AtomicBool::new(false);
    let (mut worst, mut samples) = (0.0f64, 0u32);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            work(&bank, &cache, &photographs, 80);
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) && !busy.is_finished() {
            // The books move between two looks at them; what was allocated between is on one of them.
            let first = bank.ledger().host.live_bytes;
            let allocated = LIVE.load(Ordering::SeqCst).saturating_sub(before);
            let booked = bank.ledger().host.live_bytes.max(first);
            if booked > 24 * MIB {
                samples += 1;
                worst = worst.max(allocated.saturating_sub(booked) as f64 / booked as f64);
            }
            thread::yield_now();
        }
    });
    assert!(samples > 20, "only {samples} looks while busy");
    assert!(
        worst < 0.05,
        "{:.1} % of the busy process were not in the ledger",
        worst * 100.0
    );
    assert!(bank.ledger().host.peak_bytes <= 48 * MIB);
}
