//! The books against a counting allocator, in a process of its own: what libraries allocate inside a call was reserved
//! before.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pixelbank_memory::Bank;
use pixelbank_mesh::{Books, Mesh, Packing, Tree};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is handed to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        PEAK.fetch_max(live, Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work`, and returns what it allocated at most and what was booked at most meanwhile, beyond what was before.
/// Mappings of 2 MiB and more pass the allocator by, so meshes here are smaller than that.
fn measured<T>(bank: &Bank, work: impl FnOnce() -> T) -> (T, u64, u64) {
    let (live, booked) = (LIVE.load(Ordering::SeqCst), bank.ledger().host.live_bytes);
    PEAK.store(live, Ordering::SeqCst);
    // Held for a moment: the books' peak is then at least what it was.
    let done = work();
    let allocated = PEAK.load(Ordering::SeqCst) - live;
    (
        done,
        allocated as u64,
        bank.ledger().host.peak_bytes - booked,
    )
}

/// The counts are the whole process's, so tests here run one after the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn grid(books: &Books, n: u32, bump: impl Fn(u32) -> f32) -> Mesh {
    let row = n + 1;
    let positions: Vec<_> = (0..row * row)
        .map(|k| [(k % row) as f32, (k / row) as f32, bump(k)])
        .collect();
    let faces: Vec<_> = (0..n * n)
        .flat_map(|k| {
            let a = k / n * row + k % n;
            [[a, a + 1, a + row + 1], [a, a + row + 1, a + row]]
        })
        .collect();
    Mesh::new(books, &positions, &faces).unwrap()
}

fn noise(k: u32) -> f32 {
    let mixed = (k ^ 0x5555).wrapping_mul(0x9E37_79B9);
    (mixed ^ mixed >> 15) as f32 * 1e-6
}

#[test]
fn what_is_allocated_was_booked() {
    let _alone = ONE_AT_A_TIME.lock();
    let smooth: fn(u32) -> f32 = |k| (k as f32 * 0.01).sin();
    let flat: fn(u32) -> f32 = |_| 0.0;
    for (n, bump) in [
        (150, smooth),
        (150, flat),
        (150, noise as fn(u32) -> f32),
        (3, smooth),
    ] {
        // A bank for each, as its peak is since it was made.
        let tree = {
            let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
            let mesh = Arc::new(grid(&Books::new(&bank, "test"), n, bump));
            measured(&bank, || Tree::build(&mesh).unwrap().nbytes())
        };
        let packing = [Packing::Lossless, Packing::Within(0.01)].map(|packing| {
            let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
            let mesh = grid(&Books::new(&bank, "test"), n, bump);
            measured(&bank, || mesh.pack(packing).unwrap().nbytes())
        });
        let [exact, near] = packing;
        for (what, (_, allocated, booked)) in
            [("tree", tree), ("packing", exact), ("packing within", near)]
        {
            println!("{n}: {what}: {allocated} allocated, {booked} booked");
            // What lines of the ledger, stacks and the like take.
            assert!(
                allocated <= booked + 8192,
                "{n}: {what}: {allocated} allocated, {booked} booked"
            );
        }
    }
}

#[test]
fn what_opening_allocates_was_booked() {
    let _alone = ONE_AT_A_TIME.lock();
    let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
    let books = Books::new(&bank, "test");
    let packed = grid(&books, 150, noise)
        .pack(Packing::Within(0.01))
        .unwrap();
    let live = bank.ledger().host.live_bytes;
    let (_, allocated, _) = measured(&bank, || packed.open().unwrap());
    // With less room than that it is refused, so no less than that is reserved.
    let room = live + allocated - 8192;
    bank.set_limit(pixelbank_memory::Resource::Host, room)
        .unwrap();
    assert!(packed.open().is_err(), "{allocated} allocated");
}
