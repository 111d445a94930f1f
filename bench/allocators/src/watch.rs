use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::resident;

/// Bytes that the program asked for and has not given back.
#[derive(Clone, Default)]
pub struct Live(Arc<AtomicU64>);

impl Live {
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn sub(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Samples resident size against live bytes every two milliseconds.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Peaks>,
}

/// Largest values seen, above the start.
#[derive(Default)]
pub struct Peaks {
    pub live: u64,
    pub resident: u64,
    pub over: u64,
}

impl Watch {
    pub fn start(live: &Live, start: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (live, stopped) = (live.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut peaks = Peaks::default();
            while !stopped.load(Ordering::Relaxed) {
                let live = live.0.load(Ordering::Relaxed);
                let resident = resident().saturating_sub(start);
                peaks.live = peaks.live.max(live);
                peaks.resident = peaks.resident.max(resident);
                peaks.over = peaks.over.max(resident.saturating_sub(live));
                std::thread::sleep(Duration::from_millis(2));
            }
            peaks
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Peaks {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sampler does not panic")
    }
}
