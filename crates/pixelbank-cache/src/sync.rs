//! The locks of what `models` checks: there, others of the same names take their place.

pub(crate) use pixelbank_memory::sync::{Condvar, Mutex, MutexGuard};
