//! The bank that is meant where none is given, found without asking Python each time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, Weak};

use pyo3::prelude::*;

use crate::bank::PyBank;
use crate::core::{Core, Share};
use crate::process;

/// What `pixelbank.default_bank()` last said.
struct Known {
    /// Of [`EPOCH`] before it was asked.
    epoch: u64,
    generation: u32,
    /// Weak: who sets another default bank, or none, means to let this one go.
    core: Weak<Core>,
}

static KNOWN: RwLock<Option<Known>> = RwLock::new(None);

/// How often the default bank was set.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Says that `pixelbank.default_bank()` has something else to say from now on.
#[pyfunction]
#[pyo3(name = "_default_changed")]
pub fn changed() {
    EPOCH.fetch_add(1, Ordering::Release);
}

/// A share in the given bank, or in the default one.
pub fn share_of(py: Python<'_>, bank: Option<&Bound<'_, PyBank>>) -> PyResult<Share> {
    match bank {
        Some(bank) => bank.get().share().another(),
        None => default_share(py),
    }
}

fn default_share(py: Python<'_>) -> PyResult<Share> {
    let epoch = EPOCH.load(Ordering::Acquire);
    // Not to be waited for: in a child that was forked while a thread wrote, it stays locked for ever. Python's answer does
    // as well, and takes longer.
    let known = KNOWN.try_read().ok().and_then(|known| {
        let known = known.as_ref()?;
        let is_current = known.epoch == epoch && known.generation == process::generation();
        is_current.then(|| known.core.upgrade())?
    });
    if let Some(core) = known {
        return Ok(Share::of(core));
    }
    let bank = py.import("pixelbank._bank")?.call_method0("default_bank")?;
    let share = bank.cast::<PyBank>()?.get().share().another()?;
    if let Ok(mut known) = KNOWN.try_write() {
        *known = Some(Known {
            epoch,
            generation: process::generation(),
            core: Arc::downgrade(share.even_closed()?),
        });
    }
    Ok(share)
}
