//! Two things done at once.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does both, at once where `is_much`: making a thread takes some tenths of a millisecond.
pub(crate) fn both_if<A, B: Send>(
    is_much: bool,
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    if is_much {
        both(first, second)
    } else {
        (first(), second())
    }
}

/// Does both, `second` in a thread of its own; in this one, after `first`, where there is none to be had. A panic of either
/// goes on here.
pub(crate) fn both<A, B: Send>(
    first: impl FnOnce() -> A,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    // A thread that cannot be made keeps what it was given.
    let second = Mutex::new(Some(second));
    let run = || {
        let taken = second.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.map(|second| second())
    };
    let (first, second) = thread::scope(|scope| {
        let beside = thread::Builder::new()
            .name("mesh".to_owned())
            .spawn_scoped(scope, run);
        let first = first();
        let second = match beside {
            Ok(beside) => beside.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => run(),
        };
        (first, second)
    });
    match second {
        Some(second) => (first, second),
        None => unreachable!("it is taken once, by whoever runs it"),
    }
}
