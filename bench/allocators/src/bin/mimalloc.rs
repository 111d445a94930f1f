//! mimalloc 3, configured through `MIMALLOC_*`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    allocators::run();
}
