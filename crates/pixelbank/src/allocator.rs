//! jemalloc for the whole process, the C libraries included, with freed pages given back after 20 ms.
//!
//! The budget is only as good as the allocator: what is freed must leave the process, or another file's tiles would come
//! on top of it. Measured in `docs/benchmarks.md` against glibc's, whose arenas keep twice the budget in holes, and
//! mimalloc, which gives back only pages that are empty as a whole.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Read by jemalloc when it starts. Freed pages wait 20 ms, so that tile after tile can use the same ones; a thread gives
/// them back, as an idle program makes no calls in which to do so. Two arenas, as each has its own holes.
const SETTINGS: &std::ffi::CStr =
    c"background_thread:true,dirty_decay_ms:20,muzzy_decay_ms:0,narenas:2";

/// The symbol that jemalloc looks for: a pointer to text, or null.
#[unsafe(export_name = "malloc_conf")]
static MALLOC_CONF: Option<&'static std::ffi::c_char> = {
    // SAFETY: the pointer is to a static string's first character, which is there even in an empty string, and C reads on
    // from it only within that string.
    Some(unsafe { &*SETTINGS.as_ptr() })
};
