//! The locks and atomics of what `models` checks: there, others of the same names take their place.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

pub(crate) use pixelbank_memory::sync::{Condvar, Mutex, MutexGuard};

/// Between a write and a read of another place that must not be taken the other way round. Both are `SeqCst`, which is
/// enough but in a model: loom keeps that order at fences alone.
#[inline(always)]
pub(crate) fn in_order() {}
