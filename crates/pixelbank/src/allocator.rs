//! The C library's allocator, told to give memory back.
//!
//! Everything of 128 KiB and more, tiles among it, becomes a mapping of its own that goes back to the system when it is
//! freed; the rest shares a few arenas, trimmed when the budget trims. Measured against jemalloc and mimalloc in
//! `docs/benchmarks.md`.

use pixelbank::memory::Bank;

/// Sets the allocator up; to be called before any thread starts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn set_up() {
    // SAFETY: mallopt takes two integers and changes settings of the allocator under its own lock. Setting the threshold
    // also stops it from growing by itself, which would keep freed tiles resident.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_ARENA_MAX, 4);
    }
}

/// Has the allocator return its free pages whenever the bank trims.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim_with(bank: &Bank) {
    bank.after_trim(|| {
        // SAFETY: malloc_trim walks the allocator's own free lists under its locks.
        unsafe {
            libc::malloc_trim(0);
        }
    });
}

/// Other systems' allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn set_up() {}

/// Other systems' allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim_with(_bank: &Bank) {}
