//! What a fork leaves behind: memory whose locks and threads belong to another process.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use crate::errors;

/// How many forks lie between the process that loaded this module and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Has forks counted from now on.
pub fn watch_forks() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    #[cfg(unix)]
    #[allow(unsafe_code)]
    // SAFETY: the handler does what is allowed between fork and exec: it adds to an atomic number. It is code of this
    // module, which an interpreter never unloads.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    }
}

pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Something that works only in the process that made it. In a child that was forked it can neither be used nor dropped:
/// the threads that it would wait for are not there, and its locks may be held by them for ever.
pub struct Home<T> {
    inner: ManuallyDrop<T>,
    generation: u32,
}

impl<T> Home<T> {
    pub fn new(inner: T) -> Self {
        Self {
            inner: ManuallyDrop::new(inner),
            generation: generation(),
        }
    }

    pub fn get(&self) -> PyResult<&T> {
        if self.generation == generation() {
            return Ok(&self.inner);
        }
        Err(errors::Forked::new_err(
            "made in another process, of which this one is a fork; make a new Bank here",
        ))
    }

    pub fn get_mut(&mut self) -> PyResult<&mut T> {
        self.get()?;
        Ok(&mut self.inner)
    }
}

impl<T> Drop for Home<T> {
    fn drop(&mut self) {
        if self.generation == generation() {
            #[allow(unsafe_code)]
            // SAFETY: dropped once, here, and not used again.
            unsafe {
                ManuallyDrop::drop(&mut self.inner);
            }
        }
    }
}
