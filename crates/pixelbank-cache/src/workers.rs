//! Threads that run what others wait for. They end when the cache is dropped.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::thread::JoinHandle;

use pixelbank_memory::sync::{Condvar, Mutex};

/// The more urgent one is greater; among equals, the one that came first.
struct Job {
    priority: u8,
    number: u64,
    work: Box<dyn FnOnce() + Send>,
}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        let urgency = self.priority.cmp(&other.priority);
        urgency.then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Job {}

pub(crate) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// A job belongs to somebody who blocks until it is done or holds a handle to it, or it was let go by its owner: how long
    /// the queue grows is theirs to say.
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: BinaryHeap<Job>,
    n_submitted: u64,
    closed: bool,
}

impl Workers {
    pub fn start(name: &str, n: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
        });
        let mut workers = Self {
            shared,
            threads: Vec::new(),
        };
        for _ in 0..n.max(1) {
            let shared = Arc::clone(&workers.shared);
            let thread = std::thread::Builder::new()
                .name(name.into())
                .spawn(move || shared.work())?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    pub fn n_threads(&self) -> usize {
        self.threads.len()
    }

    pub fn submit(&self, priority: u8, work: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.queue.lock();
        queue.n_submitted += 1;
        let number = queue.n_submitted;
        queue.jobs.push(Job {
            priority,
            number,
            work: Box::new(work),
        });
        drop(queue);
        self.shared.filled.notify_one();
    }
}

impl Shared {
    fn work(&self) {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop() {
                drop(queue);
                // A decoder that panics costs its own pass; whoever waits is told by the pass's own guard.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.work));
                queue = self.queue.lock();
            } else if queue.closed {
                return;
            } else {
                self.filled.wait(&mut queue);
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        {
            let mut queue = self.shared.queue.lock();
            queue.closed = true;
            // A job that is dropped tells those who wait for it, which may take this lock.
            let jobs = std::mem::take(&mut queue.jobs);
            drop(queue);
            drop(jobs);
        }
        self.shared.filled.notify_all();
        for thread in self.threads.drain(..) {
            // The last handle of a cache may be dropped by one of its own workers.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers")
            .field("threads", &self.threads.len())
            .finish()
    }
}
