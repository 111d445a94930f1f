//! Loom's locks with the signatures of ours.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use loom::sync;
pub(crate) use loom::sync::Arc;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// Loom keeps the order of all that is `SeqCst` at fences alone.
pub(crate) fn in_order() {
    loom::sync::atomic::fence(Ordering::SeqCst);
}

#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

/// Empty only while its condition is waited for.
pub(crate) struct MutexGuard<'a, T>(Option<sync::MutexGuard<'a, T>>);

pub(crate) struct Condvar(sync::Condvar);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap()))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

impl Condvar {
    pub fn new() -> Self {
        Self(sync::Condvar::new())
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.0 = guard.0.take().map(|guard| self.0.wait(guard).unwrap());
    }

    /// A model has no clock: whoever waits, waits for ever.
    pub fn wait_until<T>(&self, _: &mut MutexGuard<'_, T>, _: Instant) {
        unreachable!("models wait without a deadline")
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}
