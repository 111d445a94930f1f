//! jemalloc for the whole process, the C libraries included, with freed pages given back after 20 ms.
//!
//! The budget is only as good as the allocator: what is freed must leave the process, or another file's tiles would come
//! on top of it. Measured in `docs/benchmarks.md` against glibc's, whose arenas keep twice the budget in holes, and
//! mimalloc, which gives back only pages that are empty as a whole.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Read by jemalloc when it starts. Blocks of 128 KiB and more, tiles and decoders' frames, go back at once: the thread that
/// purges wakes only every 100 ms, by when the budget has been spent again. Smaller ones wait 20 ms to be used again, and
/// the thread gives back those of a program that has become idle. Two arenas, as each has its own holes. Blocks of 16 KiB and
/// more are not moved to another cache line each, which takes a page more a block: a quarter of a small tile.
const SETTINGS: &std::ffi::CStr =
    c"background_thread:true,dirty_decay_ms:20,muzzy_decay_ms:0,narenas:2,oversize_threshold:131072,cache_oblivious:false";

/// The symbol that jemalloc looks for: a pointer to text, or null.
#[unsafe(export_name = "malloc_conf")]
static MALLOC_CONF: Option<&'static std::ffi::c_char> = {
    // SAFETY: the pointer is to a static string's first character, which is there even in an empty string, and C reads on
    // from it only within that string.
    Some(unsafe { &*SETTINGS.as_ptr() })
};
