//! Being told by the operating system that files have changed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::cache::Inner;
use crate::{Cache, Error};

/// Watches folders, and [invalidates](Cache::invalidate) the files in them that a cache knows once they are written, replaced
/// or removed. Ends when dropped; does not keep the cache alive.
///
/// For the cache of a [`FileSource`](crate::FileSource), whose keys are paths. A link that leads out of the folder is not
/// followed: what it leads to is watched where it lies. Between a change and its news pass some milliseconds, in which the
/// old pixels are still served.
pub struct Watch {
    watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches nothing yet. `changed` is called on the watcher's thread with each file that the cache forgot for having
    /// changed: one that is written in several steps more than once.
    ///
    /// # Errors
    /// [`Error::Watch`] where the system refuses another watcher.
    pub fn new(cache: &Cache, changed: impl Fn(&Path) + Send + 'static) -> Result<Self, Error> {
        let cache = Arc::downgrade(&cache.0);
        let watcher = notify::recommended_watcher(move |event| {
            // A watcher that fails may have missed anything.
            match event {
                Ok(event) => heed(&cache, &event, &changed),
                Err(_) => look_at_all(&cache, &changed),
            }
        });
        Ok(Self {
            watcher: watcher.map_err(refused)?,
        })
    }

    /// Watches a folder and all that are in it. Costs a descriptor of the system for each of them on Linux.
    ///
    /// # Errors
    /// [`Error::Watch`] where it is not there, or the system refuses to watch so many.
    pub fn add(&mut self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = real(folder.as_ref())?;
        self.watcher
            .watch(&folder, RecursiveMode::Recursive)
            .map_err(refused)
    }

    /// Leaves a folder alone again.
    ///
    /// # Errors
    /// [`Error::Watch`] for one that was not [added](Self::add).
    pub fn remove(&mut self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = real(folder.as_ref())?;
        self.watcher.unwatch(&folder).map_err(refused)
    }
}

fn refused(error: notify::Error) -> Error {
    Error::Watch(Arc::new(error))
}

/// The path as a cache's keys have it.
fn real(folder: &Path) -> Result<PathBuf, Error> {
    fs::canonicalize(folder)
        .map_err(|error| refused(notify::Error::io(error).add_path(folder.to_owned())))
}

fn heed(cache: &Weak<Inner>, event: &Event, changed: &dyn Fn(&Path)) {
    if event.need_rescan() {
        // The system had more to tell than it could keep.
        return look_at_all(cache, changed);
    }
    let is_closed = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => return,
        _ => false,
    };
    let Some(cache) = cache.upgrade().map(Cache) else {
        return;
    };
    for path in &event.paths {
        // Who closes a file may have written within a tick of the clock that times its changes, after it was read.
        if cache.0.files.is_changed(path.as_os_str(), is_closed) {
            cache.invalidate(path.as_os_str());
            changed(path);
        }
    }
}

fn look_at_all(cache: &Weak<Inner>, changed: &dyn Fn(&Path)) {
    if let Some(cache) = cache.upgrade().map(Cache) {
        for key in cache.invalidate_changed() {
            changed(Path::new(&key));
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
