//! A seat, looked into by some while others take out what is there.

use std::sync::atomic::Ordering as StdOrdering;

use loom::sync::atomic::AtomicUsize;
use loom::thread;

use super::store::marks::{Lent, Marked, Marks, Registry};
use super::store::seat::{Held, Seat};
use super::sync::Arc;

/// What sits there: loom notices where it is used after it went, as its count is loom's, and if it never goes.
struct Thing(AtomicUsize);

const WHOLE: usize = 7;

loom::lazy_static! {
    static ref REGISTRY: Registry<Thing> = Registry::new();
}

loom::thread_local! {
    static LENT: Lent<Thing> = Thing::registry().lend();
}

impl Marked for Thing {
    fn registry() -> &'static Registry<Self> {
        &REGISTRY
    }

    fn of_this_thread() -> Option<&'static Marks<Self>> {
        LENT.try_with(|lent| lent.0).ok()
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.0.store(0, StdOrdering::Relaxed);
    }
}

fn seat() -> (Arc<Seat<Thing>>, Arc<Thing>) {
    let thing = Arc::new(Thing(AtomicUsize::new(WHOLE)));
    let seat = Seat::empty();
    assert!(seat.put(Arc::clone(&thing)).is_ok());
    (Arc::new(seat), thing)
}

fn get(seat: &Seat<Thing>) -> Option<Held<Thing>> {
    seat.get(Thing::of_this_thread())
}

fn look(seat: &Seat<Thing>) -> bool {
    let held = get(seat);
    if let Some(held) = &held {
        assert_eq!(held.0.load(StdOrdering::Relaxed), WHOLE);
    }
    held.is_some()
}

#[test]
fn what_is_held_stays_and_what_is_idle_goes() {
    loom::model(|| {
        let (seat, thing) = seat();
        let reader = {
            let seat = Arc::clone(&seat);
            thread::spawn(move || look(&seat))
        };
        let is_out = seat.take_idle(&thing, 2);
        drop(thing);
        // One who comes while it is out, and may come back, finds nothing: hence a second look, under a lock.
        reader.join().unwrap();
        assert_eq!(is_out, !look(&seat), "it is out, or it is there");
    });
}

#[test]
fn who_holds_what_is_taken_away_keeps_it() {
    loom::model(|| {
        let (seat, thing) = seat();
        drop(thing);
        let reader = {
            let seat = Arc::clone(&seat);
            thread::spawn(move || {
                let first = get(&seat);
                let again = get(&seat);
                for held in [&first, &again].into_iter().flatten() {
                    assert_eq!(held.0.load(StdOrdering::Relaxed), WHOLE);
                }
                // A handle may outlive its thread.
                first
            })
        };
        drop(seat.take());
        assert!(get(&seat).is_none());
        if let Some(held) = reader.join().unwrap() {
            assert_eq!(held.0.load(StdOrdering::Relaxed), WHOLE);
        }
    });
}

#[test]
fn a_clone_counts_before_its_origin_goes() {
    loom::model(|| {
        let (seat, thing) = seat();
        let reader = {
            let seat = Arc::clone(&seat);
            thread::spawn(move || {
                let held = get(&seat)?;
                let clone = held.clone();
                drop(held);
                Some(clone)
            })
        };
        let is_out = seat.take_idle(&thing, 2);
        drop(thing);
        let clone = reader.join().unwrap();
        if let Some(clone) = &clone {
            assert_eq!(clone.0.load(StdOrdering::Relaxed), WHOLE);
        }
        assert!(!(is_out && clone.is_some()), "it was taken from somebody");
    });
}
