//! One load for everybody who wants the same at the same time.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};
use pixelbank_memory::Wait;

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
                let landing = Landing {
                    flights: self,
                    key,
                    flight: &flight,
                };
                let result = load();
                landing.land(&result);
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
pub(crate) fn sleep<T>(
    condition: &Condvar,
    guard: &mut parking_lot::MutexGuard<'_, T>,
    wait: &Wait,
) {
    const LOOK: std::time::Duration = std::time::Duration::from_millis(20);
    let look = wait.cancel().map(|_| std::time::Instant::now() + LOOK);
    match (wait.deadline(), look) {
        (Some(deadline), Some(look)) => drop(condition.wait_until(guard, deadline.min(look))),
        (Some(until), None) | (None, Some(until)) => drop(condition.wait_until(guard, until)),
        (None, None) => condition.wait(guard),
    }
}

struct Landing<'a, K: Eq + Hash + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: &'a K,
    flight: &'a Flight<V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Landing<'_, K, V> {
    fn land(self, result: &Result<V, Error>) {
        let outcome = match result {
            Err(error) if error.is_personal() => Outcome::Abandoned,
            result => Outcome::Landed(result.clone()),
        };
        *self.flight.outcome.lock() = outcome;
        // The rest is done by dropping.
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        self.flights.flights.lock().remove(self.key);
        let mut outcome = self.flight.outcome.lock();
        if matches!(*outcome, Outcome::Flying) {
            *outcome = Outcome::Abandoned;
        }
        self.flight.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_load_serves_all_who_wait() {
        let flights = Flights::<u32, u32>::new();
        let (loads, inside) = (AtomicU32::new(0), Barrier::new(2));
        thread::scope(|scope| {
            let leader = scope.spawn(|| {
                flights.join(&7, &Wait::forever(), String::new, || {
                    inside.wait();
                    inside.wait();
                    loads.fetch_add(1, Ordering::SeqCst);
                    Ok(42)
                })
            });
            inside.wait();
            let waiters: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        flights.join(&7, &Wait::forever(), String::new, || {
                            panic!("the load is under way")
                        })
                    })
                })
                .collect();
            let short = flights.join(
                &7,
                &Wait::at_most(Duration::from_millis(1)),
                || "7".into(),
                || Ok(0),
            );
            assert!(
                matches!(short, Err(Error::GaveUp { .. })),
                "one may give up"
            );
            // Only those that have arrived count as waiters; they hold the flight.
            while Arc::strong_count(&flights.flights.lock()[&7]) < 10 {
                thread::yield_now();
            }
            inside.wait();
            assert_eq!(leader.join().unwrap().unwrap(), 42);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap().unwrap(), 42);
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert!(flights.flights.lock().is_empty());
    }

    #[test]
    fn a_leader_that_gives_up_hands_over_and_one_that_panics_too() {
        for panics in [false, true] {
            let flights = Flights::<u32, u32>::new();
            let inside = Barrier::new(2);
            thread::scope(|scope| {
                let leader = scope.spawn(|| {
                    flights.join(&7, &Wait::forever(), String::new, || {
                        inside.wait();
                        inside.wait();
                        assert!(!panics, "on purpose");
                        Err(Error::GaveUp {
                            what: "mine".into(),
                        })
                    })
                });
                inside.wait();
                let follower =
                    scope.spawn(|| flights.join(&7, &Wait::forever(), String::new, || Ok(1)));
                while Arc::strong_count(&flights.flights.lock()[&7]) < 3 {
                    thread::yield_now();
                }
                inside.wait();
                assert_eq!(leader.join().is_err(), panics);
                assert_eq!(follower.join().unwrap().unwrap(), 1);
            });
        }
    }

    #[test]
    fn a_broken_file_is_the_same_news_for_all() {
        let flights = Flights::<u32, u32>::new();
        let error = flights.join(&1, &Wait::forever(), String::new, || {
            Err(Error::BadRequest("no".into()))
        });
        assert!(error.is_err());
        assert_eq!(
            flights
                .join(&1, &Wait::forever(), String::new, || Ok(2))
                .unwrap(),
            2,
            "and forgotten afterwards"
        );
    }
}
