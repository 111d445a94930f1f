//! Locks without poison, and without anything that threads share beside the lock itself.
//!
//! The second matters where a process forks while its threads work, as Python's do: locks whose waiters queue in a table
//! of the whole process (those of `parking_lot`) leave a piece of it locked in the child for ever if a thread was just
//! there. These are the standard library's, which are words that the system's kernel knows, so that a lock made in the child is
//! free. A panic while one is held leaves what it guards as it is.

use std::ops::{Deref, DerefMut};
use std::sync::{self, PoisonError, TryLockError};
use std::time::Instant;

pub use std::sync::{RwLockReadGuard, RwLockWriteGuard};

/// One at a time.
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(sync::Mutex<T>);

/// The right to what a [`Mutex`] guards. `None` only while a [`Condvar`] has it.
#[derive(Debug)]
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    guard: Option<sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// What it guarded.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else has it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            lock: self,
            guard: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Takes it if nobody has it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard {
            lock: self,
            guard: Some(guard),
        })
    }

    /// What it guards, where nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> MutexGuard<'_, T> {
    /// Does something without the lock, and takes it again.
    pub fn unlocked<R>(guard: &mut Self, work: impl FnOnce() -> R) -> R {
        guard.guard = None;
        let result = work();
        *guard = guard.lock.lock();
        result
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.guard
            .as_ref()
            .expect("only a waiting thread is without")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.guard
            .as_mut()
            .expect("only a waiting thread is without")
    }
}

/// Where threads that hold a [`Mutex`] wait until another has changed what it guards.
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    /// One that nobody waits on.
    pub const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Wakes one of those that wait.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits to be woken; the lock is free meanwhile.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.guard = guard
            .guard
            .take()
            .map(|held| self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits to be woken, no longer than until `deadline`; the lock is free meanwhile.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: Instant) {
        let patience = deadline.saturating_duration_since(Instant::now());
        guard.guard = guard.guard.take().map(|held| {
            let woken = self.0.wait_timeout(held, patience);
            woken.unwrap_or_else(PoisonError::into_inner).0
        });
    }
}

/// Many readers, or one writer.
#[derive(Debug, Default)]
pub struct RwLock<T: ?Sized>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads or writes.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_waiter_is_woken_and_a_panic_leaves_the_lock_usable() {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let other = Arc::clone(&shared);
        let waiter = thread::spawn(move || {
            let mut value = other.0.lock();
            while *value == 0 {
                other.1.wait(&mut value);
            }
            *value
        });
        let other = Arc::clone(&shared);
        let panicked = thread::spawn(move || {
            let mut value = other.0.lock();
            *value = 5;
            other.1.notify_all();
            panic!("with the lock held");
        });
        assert!(panicked.join().is_err());
        assert_eq!(waiter.join().unwrap(), 5);
        assert_eq!(*shared.0.lock(), 5);
        let mut held = shared.0.lock();
        assert!(shared.0.try_lock().is_none());
        shared
            .1
            .wait_until(&mut held, Instant::now() + Duration::from_millis(1));
        assert_eq!(MutexGuard::unlocked(&mut held, || *shared.0.lock()), 5);
        assert!(shared.0.try_lock().is_none());
    }
}
