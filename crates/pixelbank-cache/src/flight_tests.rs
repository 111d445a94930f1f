//! One load for many, with real threads; `models` goes through what threads can do to each other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use pixelbank_memory::Wait;

use crate::Error;
use crate::flight::Flights;

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
        while flights.n_at(&7) < 9 {
            thread::yield_now();
        }
        inside.wait();
        assert_eq!(leader.join().unwrap().unwrap(), 42);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap().unwrap(), 42);
        }
    });
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    assert_eq!(flights.n_at(&7), 0);
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
            while flights.n_at(&7) < 2 {
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
