use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sync::Mutex;

/// A handle by which one thread tells others that their work is no longer wanted. Clones share it.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    wakers: Mutex<Wakers>,
}

#[derive(Default)]
struct Wakers {
    next: u64,
    list: Vec<(u64, Arc<dyn Fn() + Send + Sync>)>,
}

impl Cancel {
    /// A handle that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the work is no longer wanted, and wakes those that wait. Saying it again does nothing.
    pub fn cancel(&self) {
        if self.0.cancelled.swap(true, Ordering::SeqCst) {
            return;
        }
        // Called without the lock: a waker takes locks of its own.
        let wakers: Vec<_> = self
            .0
            .wakers
            .lock()
            .list
            .iter()
            .map(|(_, wake)| Arc::clone(wake))
            .collect();
        for wake in wakers {
            wake();
        }
    }

    /// Whether it has been said.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Calls `wake` when [`cancel`](Self::cancel) is called, until the guard is dropped; at once if it was already.
    pub fn on_cancel(&self, wake: impl Fn() + Send + Sync + 'static) -> CancelGuard<'_> {
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let id = {
            let mut wakers = self.0.wakers.lock();
            let id = wakers.next;
            wakers.next += 1;
            wakers.list.push((id, Arc::clone(&wake)));
            id
        };
        // Registered first and asked afterwards, so that no cancellation falls in between.
        if self.is_cancelled() {
            wake();
        }
        CancelGuard { cancel: self, id }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// Keeps a waker registered.
#[derive(Debug)]
pub struct CancelGuard<'a> {
    cancel: &'a Cancel,
    id: u64,
}

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        self.cancel
            .0
            .wakers
            .lock()
            .list
            .retain(|(id, _)| *id != self.id);
    }
}

/// How long a caller is willing to wait: until a deadline, until it is cancelled, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    deadline: Option<Instant>,
    cancel: Option<Cancel>,
}

impl Wait {
    /// As long as it takes.
    pub fn forever() -> Self {
        Self::default()
    }

    /// Not at all.
    pub fn never() -> Self {
        Self::until(Instant::now())
    }

    /// Until `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            cancel: None,
        }
    }

    /// For `duration` from now.
    pub fn at_most(duration: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(duration),
            cancel: None,
        }
    }

    /// The same, but no longer than until `cancel` is used.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// When to stop waiting, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The handle that ends the waiting early, if any.
    pub fn cancel(&self) -> Option<&Cancel> {
        self.cancel.as_ref()
    }

    /// Whether the caller gave up.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// Whether the deadline has passed.
    pub fn is_over(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn wakes_each_registered_once_and_late_comers_at_once() {
        let cancel = Cancel::new();
        let count = Arc::new(AtomicU32::new(0));
        let add = |n| {
            let count = Arc::clone(&count);
            move || {
                count.fetch_add(n, Ordering::SeqCst);
            }
        };
        let gone = cancel.on_cancel(add(1000));
        drop(gone);
        let _kept = cancel.on_cancel(add(1));
        cancel.cancel();
        cancel.cancel();
        assert_eq!(count.load(Ordering::SeqCst), 1);
        let _late = cancel.on_cancel(add(10));
        assert_eq!(count.load(Ordering::SeqCst), 11);
        assert!(cancel.is_cancelled());
    }
}
