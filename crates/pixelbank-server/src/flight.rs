//! Work that is under way: requests for the same thing share it, and it ends early once nobody waits any more.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use pixelbank_memory::Cancel;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

/// What is under way, by what was asked for.
#[derive(Debug)]
pub struct Flights<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    flights: HashMap<Box<str>, Flight<T>>,
    next_id: u64,
}

#[derive(Debug)]
struct Flight<T> {
    id: u64,
    result: watch::Receiver<Option<T>>,
    n_waiting: usize,
    cancel: Cancel,
    task: AbortHandle,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                flights: HashMap::new(),
                next_id: 0,
            }),
        }
    }
}

/// One who waits; whoever stops waiting drops it.
struct Ticket<'a, T> {
    flights: &'a Flights<T>,
    key: &'a str,
    id: u64,
}

impl<T> Drop for Ticket<'_, T> {
    fn drop(&mut self) {
        let mut state = self.flights.state.lock();
        let Some(flight) = state.flights.get_mut(self.key) else {
            return;
        };
        if flight.id != self.id {
            return;
        }
        flight.n_waiting -= 1;
        if flight.n_waiting == 0 {
            let flight = state.flights.remove(self.key);
            drop(state);
            if let Some(flight) = flight {
                // Aborting takes it out of the queue for a thread; a thread that works already looks at the handle.
                flight.cancel.cancel();
                flight.task.abort();
            }
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Waits for the work on `key`, starting it if nobody has. `None` if it panicked.
    ///
    /// Dropping the future gives up waiting; the last one to do so cancels the work.
    pub async fn join<F>(self: &Arc<Self>, key: &str, start: impl FnOnce(Cancel) -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (mut result, id) = self.board(key, start);
        let _ticket = Ticket {
            flights: self,
            key,
            id,
        };
        let result = result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }

    fn board<F>(
        self: &Arc<Self>,
        key: &str,
        start: impl FnOnce(Cancel) -> F,
    ) -> (watch::Receiver<Option<T>>, u64)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut state = self.state.lock();
        if let Some(flight) = state.flights.get_mut(key) {
            flight.n_waiting += 1;
            return (flight.result.clone(), flight.id);
        }
        let id = state.next_id;
        state.next_id += 1;
        let (sender, result) = watch::channel(None);
        let cancel = Cancel::new();
        let work = start(cancel.clone());
        let (flights, landing) = (self.clone(), Box::<str>::from(key));
        let task = tokio::spawn(async move {
            let done = work.await;
            // Told before it is forgotten, so that whoever comes in between need not start again.
            let _ = sender.send(Some(done));
            let mut state = flights.state.lock();
            if state.flights.get(&landing).is_some_and(|f| f.id == id) {
                state.flights.remove(&landing);
            }
        });
        state.flights.insert(
            key.into(),
            Flight {
                id,
                result: result.clone(),
                n_waiting: 1,
                cancel,
                task: task.abort_handle(),
            },
        );
        (result, id)
    }
}

/// Threads for work that blocks, so many at once.
#[derive(Debug)]
pub struct Workers {
    permits: Arc<Semaphore>,
}

impl Workers {
    /// At most `threads` at once.
    pub fn new(threads: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(threads.max(1))),
        }
    }

    /// Runs `work` once a thread is free. `None` if it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    }

    #[test]
    fn those_who_ask_for_the_same_share_one_piece_of_work() {
        runtime().block_on(async {
            let flights = Arc::new(Flights::default());
            let n_started = Arc::new(AtomicUsize::new(0));
            let (go, gate) = oneshot::channel::<()>();
            let mut gate = Some(gate);
            let mut waiting = Vec::new();
            for _ in 0..5 {
                let (shared, n_started, gate) = (flights.clone(), n_started.clone(), gate.take());
                waiting.push(tokio::spawn(async move {
                    let work = |_| async move {
                        n_started.fetch_add(1, Ordering::SeqCst);
                        gate.expect("started once").await.expect("opened");
                        7
                    };
                    shared.join("key", work).await
                }));
                // The first must be the one with the gate.
                while flights.state.lock().flights.is_empty() {
                    tokio::task::yield_now().await;
                }
            }
            while flights.state.lock().flights["key"].n_waiting < 5 {
                tokio::task::yield_now().await;
            }
            go.send(()).expect("awaited");
            for result in waiting {
                assert_eq!(result.await.expect("no panic"), Some(7));
            }
            assert_eq!(n_started.load(Ordering::SeqCst), 1);
            assert_eq!(flights.join("key", |_| async { 8 }).await, Some(8));
        });
    }

    #[test]
    fn the_last_to_leave_cancels_and_the_next_to_come_starts_anew() {
        runtime().block_on(async {
            let flights = Arc::new(Flights::<u32>::default());
            let (tell, mut told) = tokio::sync::mpsc::channel(1);
            let join = |flights: Arc<Flights<u32>>| {
                let tell = tell.clone();
                tokio::spawn(async move {
                    let work = |cancel: Cancel| async move {
                        tell.send(cancel).await.expect("heard");
                        std::future::pending().await
                    };
                    flights.join("key", work).await
                })
            };
            let first = join(flights.clone());
            let cancel = told.recv().await.expect("started");
            let second = join(flights.clone());
            while flights.state.lock().flights["key"].n_waiting < 2 {
                tokio::task::yield_now().await;
            }
            first.abort();
            let _ = first.await;
            assert!(!cancel.is_cancelled());
            second.abort();
            let _ = second.await;
            assert!(cancel.is_cancelled());
            assert_eq!(flights.join("key", |_| async { 8 }).await, Some(8));
        });
    }

    #[test]
    fn a_panic_is_an_answer_too() {
        runtime().block_on(async {
            let flights = Arc::new(Flights::<u32>::default());
            let result = flights
                .join("key", |_| async { panic!("on purpose") })
                .await;
            assert_eq!(result, None);
            assert_eq!(flights.join("key", |_| async { 8 }).await, Some(8));
            let workers = Workers::new(1);
            assert_eq!(workers.run(|| -> u32 { panic!("on purpose") }).await, None);
            assert_eq!(workers.run(|| 9).await, Some(9));
        });
    }
}
