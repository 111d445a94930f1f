//! Streams without a device: a thread for each, which runs what was submitted, in turn.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pixelbank_memory::sync::{Condvar, Mutex};

use super::Timeline;
use crate::{Device, Error};

/// Jobs that may wait on one stream; submitting more waits, as on a device whose queue is full.
const QUEUE_LENGTH: usize = 1024;

/// What a simulated device sees of the work on it. The host has none.
pub(super) trait Observer: Send + Sync {
    /// An error where the device is lost.
    fn check(&self) -> Result<(), Error>;
    fn begin(&self, stream: u64, addresses: &[u64]);
    fn end(&self, stream: u64, addresses: &[u64]);
}

pub(super) struct QueueStream {
    queue: Arc<Queue>,
    device: Device,
    observer: Option<Arc<dyn Observer>>,
    id: u64,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Something was submitted, finished, or the stream was closed.
    changed: Condvar,
    /// Jobs that have finished. Written under the lock; read without.
    finished: AtomicU64,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    submitted: u64,
    is_closed: bool,
}

struct Job {
    addresses: Vec<u64>,
    work: Work,
}

enum Work {
    Call(Box<dyn FnOnce() + Send>),
    /// Until another stream has passed a point.
    Wait(Arc<Queue>, u64),
}

impl QueueStream {
    pub fn open(device: Device, observer: Option<Arc<dyn Observer>>) -> Result<Arc<Self>, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::new(Queue::default());
        let (of_thread, watching) = (Arc::clone(&queue), observer.clone());
        thread::Builder::new()
            .name(format!("stream-{id}"))
            .spawn(move || of_thread.run(id, watching.as_deref()))
            .map_err(|error| Error::Device {
                device,
                operation: "starting a stream's thread",
                reason: error.to_string(),
            })?;
        Ok(Arc::new(Self {
            queue,
            device,
            observer,
            id,
        }))
    }

    fn check(&self) -> Result<(), Error> {
        self.observer
            .as_ref()
            .map_or(Ok(()), |observer| observer.check())
    }

    fn push(&self, job: Job) -> Result<(), Error> {
        self.check()?;
        let mut state = self.queue.state.lock();
        while state.jobs.len() >= QUEUE_LENGTH {
            self.queue.changed.wait(&mut state);
        }
        state.jobs.push_back(job);
        state.submitted += 1;
        drop(state);
        self.queue.changed.notify_all();
        Ok(())
    }
}

impl Queue {
    fn run(&self, id: u64, observer: Option<&dyn Observer>) {
        loop {
            let job = {
                let mut state = self.state.lock();
                loop {
                    if let Some(job) = state.jobs.pop_front() {
                        break job;
                    }
                    if state.is_closed {
                        return;
                    }
                    self.changed.wait(&mut state);
                }
            };
            match job.work {
                Work::Call(call) => {
                    if let Some(observer) = observer {
                        observer.begin(id, &job.addresses);
                    }
                    // A panicking job ends alone: what waits for it on other streams must not wait for ever.
                    let _ = catch_unwind(AssertUnwindSafe(call));
                    if let Some(observer) = observer {
                        observer.end(id, &job.addresses);
                    }
                }
                Work::Wait(other, point) => other.wait_until(point),
            }
            let state = self.state.lock();
            self.finished.fetch_add(1, Ordering::Release);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn wait_until(&self, point: u64) {
        let mut state = self.state.lock();
        while self.finished.load(Ordering::Acquire) < point {
            self.changed.wait(&mut state);
        }
    }
}

impl Timeline for QueueStream {
    fn mark(&self) -> u64 {
        self.queue.state.lock().submitted
    }

    fn has_passed(&self, point: u64) -> bool {
        self.queue.finished.load(Ordering::Acquire) >= point || self.check().is_err()
    }

    fn wait_for(&self, other: &Arc<dyn Timeline>, point: u64) -> Result<(), Error> {
        let other = other
            .as_any()
            .downcast_ref::<Self>()
            .ok_or_else(|| Error::BadArgument {
                argument: "stream",
                reason: format!("it is not one of {}", self.device),
            })?;
        self.push(Job {
            addresses: Vec::new(),
            work: Work::Wait(Arc::clone(&other.queue), point),
        })
    }

    fn synchronize(&self, point: u64) -> Result<(), Error> {
        self.check()?;
        self.queue.wait_until(point);
        Ok(())
    }

    fn submit(&self, addresses: Vec<u64>, job: Box<dyn FnOnce() + Send>) -> Result<(), Error> {
        self.push(Job {
            addresses,
            work: Work::Call(job),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for QueueStream {
    fn drop(&mut self) {
        self.queue.state.lock().is_closed = true;
        self.queue.changed.notify_all();
    }
}

impl fmt::Debug for QueueStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueueStream({}, {})", self.device, self.id)
    }
}
