//! One load for everybody who wants the same at the same time.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;
use pixelbank_memory::Wait;

use super::sync::{Condvar, Mutex, MutexGuard};
use crate::Error;

/// Loads under way, by what they load.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    flights: Mutex<HashMap<K, Arc<Flight<V>>>>,
}

#[derive(Debug)]
struct Flight<V> {
    outcome: Mutex<Outcome<V>>,
    landed: Condvar,
}

#[derive(Debug)]
enum Outcome<V> {
    Flying,
    Landed(Result<V, Error>),
    /// Whoever flew gave up for reasons of its own; the next one has to fly.
    Abandoned,
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    pub fn new() -> Self {
        Self {
            flights: Mutex::new(HashMap::new()),
        }
    }

    /// How many are at the load of that key, whoever does it included.
    #[cfg(test)]
    pub fn n_at(&self, key: &K) -> usize {
        let flights = self.flights.lock();
        flights
            .get(key)
            .map_or(0, |flight| Arc::strong_count(flight) - 1)
    }

    /// What `load` gives, called by one of all the threads that are here with the same key; the others wait for it, each
    /// as long as it likes. `describe` says what was waited for.
    pub fn join(
        &self,
        key: &K,
        wait: &Wait,
        describe: impl Fn() -> String,
        load: impl FnOnce() -> Result<V, Error>,
    ) -> Result<V, Error> {
        loop {
            let (flight, is_mine) = {
                let mut flights = self.flights.lock();
                match flights.get(key) {
                    Some(flight) => (Arc::clone(flight), false),
                    None => {
                        let flight = Arc::new(Flight {
                            outcome: Mutex::new(Outcome::Flying),
                            landed: Condvar::new(),
                        });
                        flights.insert(key.clone(), Arc::clone(&flight));
                        (flight, true)
                    }
                }
            };
            if is_mine {
                // Lands as abandoned if `load` panics.
                let mut landing = Landing {
                    flights: self,
                    key,
                    flight: &flight,
                    outcome: Outcome::Abandoned,
                };
                let result = load();
                match &result {
                    Err(error) if error.is_personal() => {}
                    result => landing.outcome = Outcome::Landed(result.clone()),
                }
                return result;
            }
            if let Some(result) = flight.wait(wait, &describe)? {
                return result;
            }
        }
    }
}

impl<V: Clone> Flight<V> {
    /// The outcome; `None` where it was abandoned.
    fn wait(
        self: &Arc<Self>,
        wait: &Wait,
        describe: &impl Fn() -> String,
    ) -> Result<Option<Result<V, Error>>, Error> {
        let mut outcome = self.outcome.lock();
        loop {
            match &*outcome {
                Outcome::Landed(result) => return Ok(Some(result.clone())),
                Outcome::Abandoned => return Ok(None),
                Outcome::Flying => {}
            }
            if wait.is_cancelled() || wait.is_over() {
                return Err(Error::GaveUp { what: describe() });
            }
            sleep(&self.landed, &mut outcome, wait);
        }
    }
}

/// Waits for a notification, the deadline, or a short while where the caller may be cancelled: a load is over in
/// milliseconds, so looking now and then costs less than waking by registration.
pub(crate) fn sleep<T>(condition: &Condvar, guard: &mut MutexGuard<'_, T>, wait: &Wait) {
    const LOOK: std::time::Duration = std::time::Duration::from_millis(20);
    let look = wait.cancel().map(|_| std::time::Instant::now() + LOOK);
    match (wait.deadline(), look) {
        (Some(deadline), Some(look)) => condition.wait_until(guard, deadline.min(look)),
        (Some(until), None) | (None, Some(until)) => condition.wait_until(guard, until),
        (None, None) => condition.wait(guard),
    }
}

/// Ends a flight when it is dropped.
struct Landing<'a, K: Eq + Hash + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    flight: &'a Flight<V>,
    outcome: Outcome<V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        // In this order: one who hears that it was abandoned looks for the next one, and must not find this one again.
        self.flights.flights.lock().remove(self.key);
        *self.flight.outcome.lock() = std::mem::replace(&mut self.outcome, Outcome::Flying);
        self.flight.landed.notify_all();
    }
}
