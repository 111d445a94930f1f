//! The end of the interpreter: threads of ours must not be about to enter it when it goes.
//!
//! Before 3.14 CPython ends a foreign thread that waits for the interpreter while that is being torn down, by unwinding
//! its stack, which Rust does not survive. So nobody enters any more once the exit handlers have run, and those wait for
//! whoever is inside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::process;

/// Set when nobody may enter any more.
const CLOSED: u64 = 1 << 63;
/// Where the number of forks is kept, by which a child knows that those inside are not in it.
const GENERATION_SHIFT: u32 = 24;
const INSIDE: u64 = (1 << GENERATION_SHIFT) - 1;

static DOOR: AtomicU64 = AtomicU64::new(0);

/// Whoever is inside for longer than this is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

fn own_generation() -> u64 {
    u64::from(process::generation()) << GENERATION_SHIFT
}

/// Calls `f` with the interpreter, from a thread that is not Python's; `None` where the interpreter is leaving.
pub fn attach<T>(f: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            DOOR.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let enter = |door: u64| {
        let inside = match door & !CLOSED & !INSIDE == own_generation() {
            true => door & INSIDE,
            false => 0,
        };
        (door & CLOSED == 0).then(|| own_generation() | (inside + 1))
    };
    DOOR.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter)
        .ok()?;
    let _inside = Inside;
    Python::try_attach(f)
}

/// Lets nobody in any more, and waits for those inside.
#[pyfunction]
#[pyo3(name = "_leave")]
pub fn leave(py: Python<'_>) {
    let door = DOOR.fetch_or(CLOSED, Ordering::SeqCst);
    if door & !CLOSED & !INSIDE != own_generation() {
        return;
    }
    py.detach(|| {
        let began = Instant::now();
        while DOOR.load(Ordering::SeqCst) & INSIDE > 0 && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
