//! Where large reservations were made, for whoever wants to know.

use std::backtrace::Backtrace;
use std::fmt;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Account;
use crate::process::now_ms;
use crate::sync::Mutex;

/// A large reservation that is held, and where it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The account it is on.
    pub account: Account,
    /// What it occupies: `host`, `disk`, `device 0`.
    pub resource: String,
    /// What kind of object.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Reserved when it was made; it may have grown or been cut since.
    pub bytes: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The calls that led there, the innermost first.
    pub stack: String,
}

/// A [`Trace`] whose stack has not been put into words.
pub(crate) struct Taken {
    pub account: Account,
    pub resource: String,
    pub kind: String,
    pub owner: String,
    bytes: u64,
    time_ms: u64,
    stack: Backtrace,
}

impl Taken {
    /// Of a reservation that is being made by this thread.
    pub fn here(
        account: Account,
        (resource, kind, owner): (String, String, String),
        bytes: u64,
    ) -> Self {
        Self {
            account,
            resource,
            kind,
            owner,
            bytes,
            time_ms: now_ms(),
            stack: Backtrace::force_capture(),
        }
    }

    fn told(&self) -> Trace {
        Trace {
            account: self.account,
            resource: self.resource.clone(),
            kind: self.kind.clone(),
            owner: self.owner.clone(),
            bytes: self.bytes,
            time_ms: self.time_ms,
            stack: self.stack.to_string(),
        }
    }
}

/// The large reservations that are held, while somebody wants to know of them.
pub(crate) struct Traces {
    /// From this many bytes on.
    from_bytes: AtomicU64,
    taken: Mutex<Vec<Weak<Taken>>>,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            from_bytes: AtomicU64::new(u64::MAX),
            taken: Mutex::new(Vec::new()),
        }
    }
}

impl Traces {
    pub fn set(&self, from_bytes: Option<u64>) {
        self.from_bytes
            .store(from_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether a reservation of so many bytes is wanted.
    #[inline]
    pub fn wants(&self, bytes: u64) -> bool {
        bytes >= self.from_bytes.load(Ordering::Relaxed)
    }

    pub fn add(&self, new: Weak<Taken>) {
        let mut taken = self.taken.lock();
        // Those that are gone are swept out when there are as many again as there may be of use.
        if taken.len() == taken.capacity() {
            taken.retain(|taken| taken.strong_count() > 0);
        }
        taken.push(new);
    }

    /// Those that are held, the largest first.
    pub fn list(&self) -> Vec<Trace> {
        let taken: Vec<_> = self.taken.lock().iter().filter_map(Weak::upgrade).collect();
        let mut traces: Vec<Trace> = taken.iter().map(|taken| taken.told()).collect();
        traces.sort_by_key(|trace| std::cmp::Reverse(trace.bytes));
        traces
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.from_bytes).finish()
    }
}
