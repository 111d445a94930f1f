use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pixelbank_memory::Wait;

use super::super::flight::sleep;
use super::super::sync::{Condvar, Mutex};
use crate::Error;

/// Who does what of the loads of one read, which go by number.
#[derive(Debug)]
pub(crate) struct Shared {
    n_loads: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Loads from here on are nobody's yet.
    next: usize,
    /// What helpers are through with, for the reader to take; a load that they could not do counts as one that is done, as
    /// the reader looks for itself.
    ready: VecDeque<(usize, Result<(), Error>)>,
    /// Loads that helpers are at.
    n_taken: usize,
    /// Helpers that are there.
    n_helpers: usize,
    ended: bool,
}

/// Loads that helpers may be ahead of the reader, which is busy with one of its own meanwhile: on a small budget, what they
/// make would push itself out.
const MOST_READY: usize = 32;

impl Shared {
    pub fn new(n_loads: usize) -> Self {
        Self {
            n_loads,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// What the reader is to do next: take what a helper has made, or load it itself; it cannot tell, and need not.
    /// `None` when all is done. Adds the time that it waits for helpers to `waited`.
    ///
    /// # Errors
    /// That of a helper's load; `None` where `wait` is over before the helpers are done.
    pub fn next(&self, wait: &Wait, waited: &mut Duration) -> Result<Option<usize>, Option<Error>> {
        let mut state = self.state.lock();
        loop {
            if let Some((at, loaded)) = state.ready.pop_front() {
                return loaded.map(|()| Some(at)).map_err(Some);
            }
            if state.next < self.n_loads {
                state.next += 1;
                return Ok(Some(state.next - 1));
            }
            if state.n_taken == 0 {
                return Ok(None);
            }
            if wait.is_cancelled() || wait.is_over() {
                return Err(None);
            }
            let asleep = Instant::now();
            sleep(&self.changed, &mut state, wait);
            *waited += asleep.elapsed();
        }
    }

    /// Nobody takes anything from now on. Waits until the helpers have left, or `wait` is over.
    pub fn end(&self, wait: &Wait) {
        let mut state = self.state.lock();
        state.ended = true;
        while state.n_helpers > 0 && !wait.is_cancelled() && !wait.is_over() {
            sleep(&self.changed, &mut state, wait);
        }
    }

    /// A helper's part; `None` where it comes too late.
    pub fn enter(&self) -> Option<Part<'_>> {
        let mut state = self.state.lock();
        if state.ended || state.next == self.n_loads {
            return None;
        }
        state.n_helpers += 1;
        Some(Part {
            shared: self,
            taken: None,
        })
    }
}

/// What a helper does. Dropping it, be it in a panic, leaves what it was at to the reader.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    shared: &'a Shared,
    taken: Option<usize>,
}

impl Part<'_> {
    /// The next load; `None` where there is nothing to do any more.
    pub fn take(&mut self) -> Option<usize> {
        let mut state = self.shared.state.lock();
        if state.ended || state.next == self.shared.n_loads || state.ready.len() >= MOST_READY {
            return None;
        }
        self.taken = Some(state.next);
        state.next += 1;
        state.n_taken += 1;
        self.taken
    }

    /// It is done, or failed for everybody.
    pub fn finish(&mut self, loaded: Result<(), Error>) {
        let Some(at) = self.taken.take() else { return };
        let mut state = self.shared.state.lock();
        state.n_taken -= 1;
        state.ready.push_back((at, loaded));
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.finish(Ok(()));
        self.shared.state.lock().n_helpers -= 1;
        self.shared.changed.notify_all();
    }
}
