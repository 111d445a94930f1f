use std::fmt;
use std::sync::Arc;

use pixelbank_memory::sync::{Condvar, Mutex};
use pixelbank_memory::{Cancel, Wait};

use crate::Error;
use crate::flight::sleep;

/// Tiles that are being loaded before anybody reads them. Dropping it ends that, unless it was
/// [detached](Self::detach); tiles that have come by then stay as all others do.
#[must_use = "a prefetch that is dropped is cancelled"]
pub struct Prefetch {
    shared: Arc<Shared>,
    is_detached: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    cancel: Cancel,
    outcome: Mutex<Option<Result<(), Error>>>,
    ended: Condvar,
}

impl Prefetch {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            is_detached: false,
        }
    }

    /// Ends it: what has not been begun is not loaded.
    pub fn cancel(&self) {
        self.shared.cancel.cancel();
    }

    /// Lets it go on by itself.
    pub fn detach(mut self) {
        self.is_detached = true;
    }

    /// Waits until everything is loaded.
    ///
    /// # Errors
    /// What is wrong with the file or the budget; [`Error::GaveUp`] where it was cancelled, or `wait` was over first.
    pub fn wait(&self, wait: &Wait) -> Result<(), Error> {
        let mut outcome = self.shared.outcome.lock();
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            if wait.is_cancelled() || wait.is_over() {
                return Err(Error::GaveUp {
                    what: "a prefetch".to_owned(),
                });
            }
            sleep(&self.shared.ended, &mut outcome, wait);
        }
    }

    /// Whether it has ended, well or not.
    pub fn is_finished(&self) -> bool {
        self.shared.outcome.lock().is_some()
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        if !self.is_detached {
            self.shared.cancel.cancel();
        }
    }
}

impl fmt::Debug for Prefetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefetch")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

/// A prefetch on its way to a thread. Tells its end when dropped, however that comes about.
pub(crate) struct Job {
    shared: Arc<Shared>,
    outcome: Result<(), Error>,
}

impl Job {
    pub fn new(shared: Arc<Shared>) -> Self {
        let outcome = Err(Error::GaveUp {
            what: "a prefetch, which was dropped".to_owned(),
        });
        Self { shared, outcome }
    }

    /// Does `load` for as long as nobody cancels it.
    pub fn run(mut self, load: impl FnOnce(&Wait) -> Result<(), Error>) {
        if !self.shared.cancel.is_cancelled() {
            self.outcome = load(&Wait::forever().cancelled_by(&self.shared.cancel));
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Ok(()));
        *self.shared.outcome.lock() = Some(outcome);
        self.shared.ended.notify_all();
    }
}
