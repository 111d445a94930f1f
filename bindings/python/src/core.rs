//! What a Python `Bank` stands for: one budget, an image cache and an object pool on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pixelbank_cache::{Cache, CacheOptions, FileSource};
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Account, Bank, Holder, PressureMonitor, PressureSources};
use pixelbank_pool::Pool;
use pyo3::prelude::*;

use crate::process::Home;
use crate::source::{Shared, Sources};
use crate::{errors, threads};

pub struct Core {
    // Dropped in this order: the cache first, whose threads may be in the middle of something.
    pub cache: Cache,
    pub pool: Pool,
    pub sources: Arc<Sources>,
    pub bank: Bank,
    /// Pays for encoded files in memory.
    pub encoded: Holder,
    is_closed: AtomicBool,
    _pressure: Option<PressureMonitor>,
    /// Lets other processes look at the ledger, until it is closed.
    #[cfg(unix)]
    published: Mutex<Option<pixelbank_analyzer::Published>>,
}

/// Beside the limits.
pub struct Options {
    pub cache: CacheOptions,
    pub pool: pixelbank_pool::PoolBuilder,
    pub watches_pressure: bool,
    pub is_published: bool,
}

impl Core {
    pub fn new(
        py: Python<'_>,
        bank: &Bank,
        files: FileSource,
        make: impl FnOnce(Shared) -> Options,
    ) -> PyResult<Self> {
        let sources = Arc::new(Sources::new(files));
        let options = make(Shared(Arc::clone(&sources)));
        let pressure = options
            .watches_pressure
            .then(|| PressureMonitor::start(bank, PressureSources::discover()))
            .transpose()?;
        bank.watch_allocator(|| crate::heap::_c_allocator().1 as u64);
        // Where the system does not let it be shown, it works all the same.
        #[cfg(unix)]
        let published = options
            .is_published
            .then(|| pixelbank_analyzer::publish(bank).ok());
        Ok(Self {
            cache: Cache::new(bank, options.cache)
                .map_err(|error| errors::from_cache(py, &error))?,
            pool: options
                .pool
                .build()
                .map_err(|error| errors::from_pool(&error))?,
            sources,
            encoded: bank.holder(Account::Encoded, "file in memory", "python"),
            bank: bank.clone(),
            is_closed: AtomicBool::new(false),
            _pressure: pressure,
            #[cfg(unix)]
            published: Mutex::new(published.flatten()),
        })
    }

    /// Gives up what is idle, and refuses what is asked for from now on.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        #[cfg(unix)]
        drop(self.published.lock().take());
        self.sources.clear();
        self.cache.invalidate_all();
        self.pool.clear(pixelbank_pool::Scope::AllThreads);
        self.bank.trim(1.0);
    }
}

/// A share in a bank. The last one to go takes the bank with it.
pub struct Share(Home<Option<Arc<Core>>>);

impl Share {
    pub fn new(core: Core) -> Self {
        Self(Home::new(Some(Arc::new(core))))
    }

    pub fn of(core: Arc<Core>) -> Self {
        Self(Home::new(Some(core)))
    }

    /// The bank, where it can be used: in the process that made it, and before it was closed.
    pub fn get(&self) -> PyResult<&Arc<Core>> {
        let core = self.0.get()?.as_ref().expect("taken only when dropped");
        if core.is_closed.load(Ordering::Relaxed) {
            return Err(errors::ClosedError::new_err("the bank was closed"));
        }
        Ok(core)
    }

    /// As `get`, for what may still be asked of one that was closed.
    pub fn even_closed(&self) -> PyResult<&Arc<Core>> {
        Ok(self.0.get()?.as_ref().expect("taken only when dropped"))
    }

    pub fn another(&self) -> PyResult<Self> {
        Ok(Self(Home::new(Some(Arc::clone(self.even_closed()?)))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Ok(core) = self.0.get_mut() else { return };
        let Some(last) = core.take().and_then(Arc::into_inner) else {
            return;
        };
        let mut last = Some(last);
        // The pool waits for work that has not finished, to which a job that drops its bank belongs.
        if crate::pool::is_in_job() {
            let of_thread = Arc::new(Mutex::new(last.take()));
            let other = Arc::clone(&of_thread);
            if threads::run(move || drop(other.lock().take())).is_err() {
                std::mem::forget(of_thread.lock().take());
            }
            return;
        }
        // Dropping waits for the cache's threads, of which one may be waiting for the interpreter.
        Python::try_attach(|py| {
            let last = last.take();
            py.detach(|| drop(last));
        });
    }
}
