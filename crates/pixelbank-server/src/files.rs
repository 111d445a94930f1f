//! What the server believes of the files that it has answered from: which state each is in, and when that was last
//! looked at.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::paths::{Identity, Root};

/// A file is looked at no more often than this, however often it is asked for; that long a change may go unseen.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// One file.
#[derive(Debug)]
pub struct FileState {
    path: Box<[u8]>,
    identity: Mutex<Option<Identity>>,
    generation: AtomicU32,
    /// Milliseconds since the start, plus one; 0 before the first look.
    looked_at_ms: AtomicU64,
}

impl FileState {
    /// Its path below the served folder.
    pub fn path(&self) -> &OsStr {
        OsStr::from_bytes(&self.path)
    }

    /// Another number for each state that it was seen in.
    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Acquire)
    }
}

/// All files that anything is known of.
#[derive(Debug)]
pub struct Files {
    states: Mutex<HashMap<Box<[u8]>, Arc<FileState>>>,
    start: Instant,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            states: Mutex::default(),
            start: Instant::now(),
        }
    }
}

impl Files {
    /// The state of the file at `path`, whether it exists or not.
    pub fn get(&self, path: &[u8]) -> Arc<FileState> {
        const ALWAYS_KEPT: usize = 1024;
        let mut states = self.states.lock();
        if let Some(state) = states.get(path) {
            return state.clone();
        }
        // States that nothing refers to are dropped whenever the table would grow, so it follows what is in use.
        if states.len() == states.capacity() && states.len() >= ALWAYS_KEPT {
            states.retain(|_, state| Arc::strong_count(state) > 1);
        }
        let state = Arc::new(FileState {
            path: path.into(),
            identity: Mutex::new(None),
            generation: AtomicU32::new(0),
            looked_at_ms: AtomicU64::new(0),
        });
        states.insert(path.into(), state.clone());
        state
    }

    /// Whether the file was looked at so recently that it need not be again.
    pub fn is_trusted(&self, file: &FileState) -> bool {
        let looked_at = file.looked_at_ms.load(Ordering::Acquire);
        looked_at != 0 && self.now_ms() < looked_at + TRUSTED_FOR.as_millis() as u64
    }

    /// Looks at the file, which may block, and says which it is and in what state; `changed` is called where that is
    /// another than before.
    ///
    /// # Errors
    /// As [`Root::identify`]; the state counts as changed then, and the file is not trusted.
    pub fn look(
        &self,
        root: &Root,
        file: &FileState,
        changed: impl FnOnce(),
    ) -> io::Result<(Identity, u32)> {
        let now_ms = self.now_ms();
        let seen = root.identify(file.path());
        let (generation, has_changed) = {
            let mut identity = file.identity.lock();
            let has_changed = match (&*identity, &seen) {
                (Some(before), Ok(now)) => before != now,
                (Some(_), Err(_)) => true,
                (None, _) => false,
            };
            *identity = seen.as_ref().ok().copied();
            let generation = if has_changed {
                file.generation.fetch_add(1, Ordering::AcqRel) + 1
            } else {
                file.generation()
            };
            let looked_at_ms = if seen.is_ok() { now_ms } else { 0 };
            file.looked_at_ms.store(looked_at_ms, Ordering::Release);
            (generation, has_changed)
        };
        if has_changed {
            changed();
        }
        Ok((seen?, generation))
    }

    /// The state the file was in when it was last looked at, if it was.
    pub fn known(&self, file: &FileState) -> Option<(Identity, u32)> {
        let identity = file.identity.lock();
        identity.map(|identity| (identity, file.generation()))
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_gives_another_generation_and_is_told_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "1").expect("written");
        let root = Root::open(folder.path(), false).expect("opened");
        let files = Files::default();
        let file = files.get(b"a.jpg");
        assert!(!files.is_trusted(&file));
        let mut n_changes = 0;
        let (first, generation) = files.look(&root, &file, || n_changes += 1).expect("there");
        assert!(files.is_trusted(&file));
        assert_eq!(
            files.look(&root, &file, || n_changes += 1).expect("there"),
            (first, generation)
        );
        assert_eq!(n_changes, 0);
        std::fs::write(&path, "longer").expect("written");
        let (second, later) = files.look(&root, &file, || n_changes += 1).expect("there");
        assert!(second != first && later != generation);
        assert_eq!(n_changes, 1);
        std::fs::remove_file(&path).expect("removed");
        assert!(files.look(&root, &file, || n_changes += 1).is_err());
        assert!(!files.is_trusted(&file));
        assert_eq!((n_changes, file.generation() != later), (2, true));
    }

    #[test]
    fn states_that_nobody_uses_are_dropped() {
        let files = Files::default();
        let kept: Vec<_> = (0..10)
            .map(|n| files.get(format!("kept/{n}").as_bytes()))
            .collect();
        for n in 0..100_000 {
            let _ = files.get(format!("passed/{n}").as_bytes());
        }
        assert!(files.states.lock().len() < 10_000);
        for state in kept {
            assert!(Arc::ptr_eq(&state, &files.get(state.path().as_bytes())));
        }
    }
}
