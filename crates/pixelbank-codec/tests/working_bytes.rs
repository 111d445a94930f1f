//! `Decoder::working_bytes` is an upper bound of what decoding allocates, and a tight one.
//!
//! A counting `#[global_allocator]` would see what Rust allocates, not what the C libraries do. So this program has its
//! own `malloc` and its family in front of glibc's, which the linker prefers for Rust's system allocator and for C
//! alike. A block counts with the bytes that glibc really set aside for it, and one that moves while it grows counts
//! twice for that moment.
//!
//! One test only, since the count is the process's.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod samples;

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use pixelbank_codec::{Limits, Region, open};
use pixelbank_image::{Rect, Size};

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

/// The bytes of a block of glibc's, or of no block.
fn bytes_of(block: *mut c_void) -> i64 {
    // SAFETY: called with null, which is allowed, or with what a function of this file has just got from glibc or been
    // given by a caller who got it there.
    unsafe { malloc_usable_size(block) as i64 }
}

fn took(block: *mut c_void) -> *mut c_void {
    let live = LIVE.fetch_add(bytes_of(block), Relaxed) + bytes_of(block);
    PEAK.fetch_max(live, Relaxed);
    block
}

// SAFETY (of every function below): they keep the contracts of the C functions whose names they bear by passing all
// arguments on to glibc's own, and call nothing else that could allocate. Blocks that glibc got by other ways than
// these are glibc's too, so that freeing them here is right.

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: see above.
    took(unsafe { __libc_malloc(size) })
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: see above.
    took(unsafe { __libc_calloc(count, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let before = bytes_of(block);
    // SAFETY: see above.
    let moved = unsafe { __libc_realloc(block, size) };
    if moved.is_null() && size > 0 {
        return moved;
    }
    let after = bytes_of(moved);
    if moved != block {
        PEAK.fetch_max(LIVE.load(Relaxed) + after, Relaxed);
    }
    let live = LIVE.fetch_add(after - before, Relaxed) + after - before;
    PEAK.fetch_max(live, Relaxed);
    moved
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    LIVE.fetch_sub(bytes_of(block), Relaxed);
    // SAFETY: see above.
    unsafe { __libc_free(block) }
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    // SAFETY: see above.
    took(unsafe { __libc_memalign(align, size) })
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    memalign(align, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> c_int {
    let block = memalign(align, size);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller says where the block's address is to go.
    unsafe { place.write(block) };
    0
}

/// The most bytes that `work` held at one moment beyond those held before.
fn peak_of(work: impl FnOnce()) -> i64 {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed) - before
}

/// The whole level, a tile in the middle, a strip at the top, a pixel at the end.
fn regions(size: Size) -> [Rect; 4] {
    let tile = Size::new(size.width.min(256), size.height.min(256));
    [
        size.rect(),
        Rect::new(
            (size.width - tile.width) / 2,
            (size.height - tile.height) / 2,
            tile.width,
            tile.height,
        ),
        Rect::new(0, 0, size.width, size.height.min(16)),
        Rect::new(size.width - 1, size.height - 1, 1, 1),
    ]
}

#[test]
fn working_bytes_is_a_tight_upper_bound() {
    // That C's allocations are counted at all.
    // SAFETY: the block is freed once and not used after.
    let counted = peak_of(|| unsafe { libc::free(std::hint::black_box(libc::malloc(1 << 20))) });
    assert!(counted >= 1 << 20, "malloc is not ours: {counted}");

    let mut failures = Vec::new();
    for sample in samples::large().into_iter().chain(samples::all()) {
        let mut decoder = open(sample.input(), &Limits::default()).unwrap();
        for subimage in 0..decoder.info().subimages.len() as u32 {
            let n_levels = decoder.info().subimages[subimage as usize].levels.len() as u32;
            for level in 0..n_levels {
                let size = decoder.info().subimages[subimage as usize].levels[level as usize].size;
                for rect in regions(size) {
                    let region = Region {
                        subimage,
                        level,
                        rect,
                    };
                    let promised = decoder.working_bytes(&region) as i64;
                    let peak = peak_of(|| {
                        decoder
                            .decode(&region, &mut |_| ControlFlow::Continue(()))
                            .unwrap();
                    });
                    let what = format!(
                        "{} [{subimage}] level {level}, {rect}: {promised} promised, {peak} held",
                        sample.name
                    );
                    if std::env::var_os("PIXELBANK_SHOW").is_some() {
                        println!("{what}");
                    }
                    if peak > promised {
                        failures.push(format!("{what}: too few"));
                    }
                    if promised > 2 * peak + (256 << 10) {
                        failures.push(format!("{what}: too many"));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
