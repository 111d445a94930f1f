//! The models that are loaded: those that somebody looks at, and idle ones that give way to whoever needs room.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pixelbank_memory::{Account, Bank, Cancel, Idle, Reclaim};
use pixelbank_mesh::{Mesh, Report};

use super::listing::{ListBody, Listed};
use crate::answer::HttpError;
use crate::app::App;
use crate::flight::Flights;
use crate::paths::Identity;

/// A model as a file had it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub path: Box<[u8]>,
    pub identity: Identity,
    pub mesh: Arc<Mesh>,
    pub report: Report,
    pub took: Duration,
}

impl Loaded {
    /// Nanoseconds of work to make one of its bytes again.
    fn nanos_per_byte(&self) -> f64 {
        self.took.as_nanos() as f64 / self.mesh.nbytes().max(1) as f64
    }
}

/// A model in use.
#[derive(Clone)]
pub(crate) struct Held {
    /// There until it is dropped.
    loaded: Option<Arc<Loaded>>,
    bank: Bank,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.loaded.fmt(f)
    }
}

impl std::ops::Deref for Held {
    type Target = Loaded;

    fn deref(&self) -> &Loaded {
        self.loaded.as_ref().expect("taken by drop alone")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.loaded.take();
        self.bank.became_idle();
    }
}

/// The most models that are kept; more would be no slower to load than to look for.
const MAX_KEPT: usize = 256;

#[derive(Debug, Default)]
struct Kept {
    /// What was asked for last stands last.
    models: Mutex<Vec<Arc<Loaded>>>,
}

fn is_idle(model: &Arc<Loaded>) -> bool {
    Arc::strong_count(model) == 1
}

impl Reclaim for Kept {
    fn account(&self) -> Account {
        Account::Meshes
    }

    fn idle(&self) -> Idle {
        let models = self.models.lock();
        let idle = || models.iter().filter(|model| is_idle(model));
        Idle {
            amount: idle().map(|model| model.mesh.nbytes()).sum(),
            nanos_per_unit: idle().next().map_or(0.0, |model| model.nanos_per_byte()),
        }
    }

    /// Gives up the models that were not asked for the longest.
    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        let mut gone = Vec::new();
        self.models.lock().retain(|model| {
            let goes = freed < amount && is_idle(model);
            if goes {
                freed += model.mesh.nbytes();
                gone.push(model.clone());
            }
            !goes
        });
        // Memory goes back to the books without the lock.
        drop(gone);
        freed
    }
}

/// All that the server knows of models.
#[derive(Debug)]
pub(crate) struct Models {
    bank: Bank,
    kept: Arc<Kept>,
    listed: Mutex<Option<Listed>>,
    pub(super) walks: Arc<Flights<Result<ListBody, HttpError>>>,
    pub(super) flights: Arc<Flights<Result<Held, HttpError>>>,
}

impl Models {
    /// Keeps models within the budget of `bank`.
    pub fn new(bank: &Bank) -> Self {
        let kept = Arc::new(Kept::default());
        let reclaim: Arc<dyn Reclaim> = kept.clone();
        bank.add_reclaimer(&reclaim);
        Self {
            bank: bank.clone(),
            kept,
            listed: Mutex::new(None),
            walks: Arc::default(),
            flights: Arc::default(),
        }
    }

    fn hold(&self, model: Arc<Loaded>) -> Held {
        Held {
            loaded: Some(model),
            bank: self.bank.clone(),
        }
    }

    /// The model at `path`, if it is there and the file is the one that it was loaded from.
    pub fn get(&self, path: &[u8], identity: &Identity) -> Option<Held> {
        let mut models = self.kept.models.lock();
        let at = models.iter().position(|model| &*model.path == path)?;
        let model = models.remove(at);
        if model.identity != *identity {
            return None;
        }
        models.push(model.clone());
        Some(self.hold(model))
    }

    /// Keeps a model in place of what was at its path before.
    pub fn keep(&self, model: Loaded) -> Held {
        let model = Arc::new(model);
        let mut gone = Vec::new();
        let mut models = self.kept.models.lock();
        if let Some(at) = models.iter().position(|other| other.path == model.path) {
            gone.push(models.remove(at));
        }
        if models.len() >= MAX_KEPT {
            gone.push(models.remove(0));
        }
        models.push(model.clone());
        drop(models);
        drop(gone);
        self.hold(model)
    }

    /// The models of the served folder, if somebody looked for them just now.
    pub fn listed(&self) -> Option<ListBody> {
        self.listed.lock().as_ref().and_then(Listed::recent)
    }

    /// Looks for the models of the served folder. Blocks.
    pub fn list(&self, app: &App, cancel: &Cancel) -> Result<ListBody, HttpError> {
        // Room for the new list may be that of the old one.
        drop(self.listed.lock().take());
        let new = Listed::walk(app, cancel)?;
        let list = new.body();
        *self.listed.lock() = Some(new);
        Ok(list)
    }
}
