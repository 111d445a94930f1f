//! Threads that work for a caller who must be able to leave.
//!
//! Python's signal handlers run on the main thread alone, so that must not be stuck in a read: it has another thread do
//! it, and looks for signals meanwhile. The same gives a deadline to work that knows of none, such as a source's own
//! code. The threads are kept for the next call: waking one costs some ten microseconds, starting one five times as much.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use pixelbank_memory::sync::Mutex;

use crate::process;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that wait for work, by their numbers.
#[derive(Default)]
struct Idle {
    generation: u32,
    next: u64,
    threads: Vec<(u64, SyncSender<Job>)>,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle {
    generation: 0,
    next: 0,
    threads: Vec::new(),
});

/// More than that are not kept.
const MOST_IDLE: usize = 4;

/// How long one waits for more work.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has another thread do it.
pub fn run(job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let mut job: Job = Box::new(job);
    if let Some(thread) = take_idle() {
        match thread.try_send(job) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => job = back,
        }
    }
    std::thread::Builder::new()
        .name("pixelbank read".to_owned())
        .spawn(move || work(job))?;
    Ok(())
}

fn take_idle() -> Option<SyncSender<Job>> {
    // Not to be waited for: in a child that was forked meanwhile, it stays locked for ever.
    let mut idle = IDLE.try_lock()?;
    if idle.generation != process::generation() {
        idle.generation = process::generation();
        // Their receivers are on the stacks of threads that are not there.
        std::mem::take(&mut idle.threads)
            .into_iter()
            .for_each(std::mem::forget);
    }
    idle.threads.pop().map(|(_, thread)| thread)
}

fn work(first: Job) {
    let (sender, receiver) = sync_channel(1);
    let mut job = first;
    loop {
        job();
        let Some(number) = enlist(&sender) else {
            return;
        };
        job = match next(&receiver, number) {
            Some(job) => job,
            None => return,
        };
    }
}

fn enlist(sender: &SyncSender<Job>) -> Option<u64> {
    let mut idle = IDLE.try_lock()?;
    if idle.threads.len() >= MOST_IDLE {
        return None;
    }
    idle.next += 1;
    let number = idle.next;
    idle.threads.push((number, sender.clone()));
    Some(number)
}

fn next(receiver: &Receiver<Job>, number: u64) -> Option<Job> {
    if let Ok(job) = receiver.recv_timeout(PATIENCE) {
        return Some(job);
    }
    let mut idle = IDLE.lock();
    let at = idle
        .threads
        .iter()
        .position(|(listed, _)| *listed == number);
    match at {
        Some(at) => {
            idle.threads.swap_remove(at);
            None
        }
        // Somebody took it off the list in this very moment, and is about to send.
        None => {
            drop(idle);
            receiver.recv().ok()
        }
    }
}
