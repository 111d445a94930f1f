//! Every order in which a few threads can take each step, gone through by loom.
//!
//! The files under test are compiled a second time, with loom's locks in place of the memory crate's.
#![allow(clippy::unwrap_used, clippy::duplicate_mod, dead_code)]

#[path = "../flight.rs"]
mod flight;
mod seats;
#[path = "../store"]
#[allow(unsafe_code)]
mod store {
    pub mod marks;
    pub mod seat;
}
mod sync;
#[path = "../together"]
mod together {
    pub mod shared;
}

use std::sync::Arc;
use std::time::Duration;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use pixelbank_memory::Wait;

use self::flight::Flights;
use self::sync::Mutex;
use self::together::shared::Shared;
use crate::Error;

/// What is loaded stays: whoever comes late finds it, as a tile in the store.
#[derive(Debug)]
struct Desk {
    flights: Flights<u32, usize>,
    kept: Mutex<Option<usize>>,
    loads: AtomicUsize,
}

impl Desk {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            flights: Flights::new(),
            kept: Mutex::new(None),
            loads: AtomicUsize::new(0),
        })
    }

    fn ask(&self, gives_up: bool) -> Result<usize, Error> {
        self.flights.join(&7, &Wait::forever(), String::new, || {
            if let Some(kept) = *self.kept.lock() {
                return Ok(kept);
            }
            if gives_up {
                return Err(Error::GaveUp {
                    what: String::new(),
                });
            }
            self.loads.fetch_add(1, Ordering::Relaxed);
            *self.kept.lock() = Some(42);
            Ok(42)
        })
    }
}

#[test]
fn however_two_meet_they_load_once_and_both_have_it() {
    loom::model(|| {
        let desk = Desk::new();
        let other = Arc::clone(&desk);
        let other = thread::spawn(move || other.ask(false).unwrap());
        assert_eq!(desk.ask(false).unwrap(), 42);
        assert_eq!(other.join().unwrap(), 42);
        assert_eq!(desk.loads.load(Ordering::Relaxed), 1);
        assert_eq!(desk.flights.n_at(&7), 0, "nothing is left behind");
    });
}

#[test]
fn one_who_gives_up_leaves_the_load_to_the_other() {
    loom::model(|| {
        let desk = Desk::new();
        let hasty = Arc::clone(&desk);
        let hasty = thread::spawn(move || hasty.ask(true));
        assert_eq!(desk.ask(false).unwrap(), 42);
        match hasty.join().unwrap() {
            Ok(value) => assert_eq!(value, 42),
            Err(error) => assert!(error.is_personal()),
        }
        assert_eq!(desk.loads.load(Ordering::Relaxed), 1);
    });
}

/// A reader and a helper with `n_loads`, of which the helper cannot do number `fails`, and then leaves.
fn read_together(n_loads: usize, fails: Option<usize>) {
    loom::model(move || {
        let shared = Arc::new(Shared::new(n_loads));
        let made: Arc<Vec<AtomicUsize>> =
            Arc::new((0..n_loads).map(|_| AtomicUsize::new(0)).collect());
        let there = Arc::new(AtomicUsize::new(0));
        let helper = {
            let (shared, made, there) = (shared.clone(), made.clone(), there.clone());
            thread::spawn(move || {
                let Some(mut part) = shared.enter() else {
                    return;
                };
                there.store(1, Ordering::Relaxed);
                while let Some(at) = part.take() {
                    if fails == Some(at) {
                        break;
                    }
                    made[at].fetch_add(1, Ordering::Relaxed);
                    part.finish(Ok(()));
                }
                there.store(0, Ordering::Relaxed);
            })
        };
        let mut waited = Duration::ZERO;
        let mut seen = vec![0; n_loads];
        while let Some(at) = shared.next(&Wait::forever(), &mut waited).unwrap() {
            // It looks, as the reader of tiles does, and makes what is not there.
            if made[at].load(Ordering::Relaxed) == 0 {
                made[at].fetch_add(1, Ordering::Relaxed);
            }
            seen[at] += 1;
        }
        assert!(seen.iter().all(|times| *times == 1), "{seen:?}");
        assert!(made.iter().all(|made| made.load(Ordering::Relaxed) == 1));
        shared.end(&Wait::forever());
        assert_eq!(there.load(Ordering::Relaxed), 0, "the helper has left");
        helper.join().unwrap();
    });
}

#[test]
fn a_reader_and_a_helper_do_each_load_once_and_part_in_order() {
    read_together(1, None);
    read_together(3, None);
}

#[test]
fn what_a_helper_cannot_do_is_done_by_the_reader() {
    read_together(2, Some(0));
    read_together(3, Some(1));
}

#[test]
fn the_error_of_a_helper_is_the_readers_and_ends_both() {
    loom::model(|| {
        let shared = Arc::new(Shared::new(2));
        let helper = {
            let shared = shared.clone();
            thread::spawn(move || {
                let Some(mut part) = shared.enter() else {
                    return false;
                };
                let took = part.take().is_some();
                if took {
                    part.finish(Err(Error::BadRequest("damaged".to_owned())));
                }
                took
            })
        };
        let mut waited = Duration::ZERO;
        let outcome = loop {
            match shared.next(&Wait::forever(), &mut waited) {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        shared.end(&Wait::forever());
        assert_eq!(helper.join().unwrap(), outcome.is_err());
    });
}
