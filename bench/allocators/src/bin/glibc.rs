//! The system's allocator.
fn main() {
    allocators::run();
}
