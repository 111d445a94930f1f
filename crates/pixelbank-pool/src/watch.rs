//! What is looked at on request, at the price of a lock for every use: profiles, and where objects were made.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pixelbank_memory::sync::Mutex;
use serde::Serialize;
use triomphe::UniqueArc;

use crate::Device;
use crate::key::Class;
use crate::object::Object;
use crate::shared::Shared;

#[derive(Default)]
pub(crate) struct Watch {
    n_profiles: AtomicUsize,
    traces_origins: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In use, while a profile is open.
    live_bytes: u64,
    profiles: Vec<(u64, Running)>,
    next_profile: u64,
    origins: HashMap<u64, Origin>,
    next_origin: u64,
}

struct Running {
    profile: Profile,
    began: Instant,
}

/// What happened while a [`ProfileScope`] was open, in all threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// How long it was open.
    pub duration: Duration,
    /// Objects handed out.
    pub taken: u64,
    /// Objects let go of.
    pub let_go: u64,
    /// Bytes in use when it began.
    pub live_bytes_before: u64,
    /// Bytes in use when it ended.
    pub live_bytes_after: u64,
    /// The most that was in use at once.
    pub peak_live_bytes: u64,
}

/// A stretch of a program whose use of the pool is counted. Scopes may be nested; the inner one's counts are the outer
/// one's as well. While one is open, every use takes a lock.
#[must_use = "nothing is counted after the scope is dropped"]
pub struct ProfileScope {
    shared: Arc<Shared>,
    id: u64,
    is_open: bool,
}

/// An object in use, and where it was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outstanding {
    /// What it is.
    pub class: Class,
    /// Where it is.
    #[serde(serialize_with = "as_text")]
    pub device: Device,
    /// Its extents: a tensor's shape, an image's width and height, a batch's capacity.
    pub extents: Vec<u64>,
    /// What it occupies.
    pub bytes: u64,
    /// File, line and column of the call.
    pub made_at: String,
    /// How long it has been in use.
    pub age: Duration,
}

struct Origin {
    class: Class,
    device: Device,
    extents: Vec<u64>,
    bytes: u64,
    made_at: Place,
    since: Instant,
}

/// Where an object was asked for.
enum Place {
    Here(&'static Location<'static>),
    /// In another language.
    Elsewhere(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(location) => location.fmt(f),
            Self::Elsewhere(place) => f.write_str(place),
        }
    }
}

pub(crate) fn as_text<S: serde::Serializer>(
    value: &impl std::fmt::Display,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

impl Watch {
    pub fn is_on(&self) -> bool {
        self.n_profiles.load(Ordering::Relaxed) > 0 || self.traces_origins.load(Ordering::Relaxed)
    }

    /// Whether origins are noted from now on. Those noted before stay until their objects are let go of.
    pub fn set_traces_origins(&self, on: bool) {
        self.traces_origins.store(on, Ordering::Relaxed);
    }

    #[cold]
    pub fn taken(&self, object: &mut UniqueArc<Object>, made_at: &'static Location<'static>) {
        let mut state = self.state.lock();
        state.live_bytes += object.bytes;
        let live = state.live_bytes;
        for (_, running) in &mut state.profiles {
            running.profile.taken += 1;
            running.profile.peak_live_bytes = running.profile.peak_live_bytes.max(live);
        }
        if self.traces_origins.load(Ordering::Relaxed) {
            let id = state.next_origin;
            state.next_origin += 1;
            let key = &object.key;
            state.origins.insert(
                id,
                Origin {
                    class: key.class,
                    device: key.device,
                    extents: key.words[..usize::from(key.n_words)].to_vec(),
                    bytes: object.bytes,
                    made_at: Place::Here(made_at),
                    since: Instant::now(),
                },
            );
            object.origin = Some(id);
        }
    }

    pub fn let_go(&self, object: &mut UniqueArc<Object>) {
        let mut state = self.state.lock();
        state.live_bytes = state.live_bytes.saturating_sub(object.bytes);
        for (_, running) in &mut state.profiles {
            running.profile.let_go += 1;
        }
        if let Some(origin) = object.origin.take() {
            state.origins.remove(&origin);
        }
    }

    /// Says where the object was asked for, where this process' own code did so for somebody else.
    pub fn note_origin(&self, origin: u64, place: String) {
        if let Some(origin) = self.state.lock().origins.get_mut(&origin) {
            origin.made_at = Place::Elsewhere(place);
        }
    }

    pub fn forget(&self, origin: u64) {
        self.state.lock().origins.remove(&origin);
    }

    /// Objects in use whose origin was noted, the largest first.
    pub fn outstanding(&self) -> Vec<Outstanding> {
        let state = self.state.lock();
        let mut all: Vec<Outstanding> = state
            .origins
            .values()
            .map(|origin| Outstanding {
                class: origin.class,
                device: origin.device,
                extents: origin.extents.clone(),
                bytes: origin.bytes,
                made_at: origin.made_at.to_string(),
                age: origin.since.elapsed(),
            })
            .collect();
        all.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(b.age.cmp(&a.age)));
        all
    }
}

impl ProfileScope {
    pub(crate) fn open(shared: &Arc<Shared>, name: &str) -> Self {
        let watch = &shared.watch;
        watch.n_profiles.fetch_add(1, Ordering::Relaxed);
        // Before the sums are taken: who lets go in between is then counted twice rather than not at all.
        shared.refresh_flags();
        let live = shared.live_bytes();
        let mut state = watch.state.lock();
        if state.profiles.is_empty() {
            state.live_bytes = live;
        }
        let id = state.next_profile;
        state.next_profile += 1;
        let live = state.live_bytes;
        let profile = Profile {
            name: name.to_owned(),
            duration: Duration::ZERO,
            taken: 0,
            let_go: 0,
            live_bytes_before: live,
            live_bytes_after: live,
            peak_live_bytes: live,
        };
        let began = Instant::now();
        state.profiles.push((id, Running { profile, began }));
        drop(state);
        Self {
            shared: Arc::clone(shared),
            id,
            is_open: true,
        }
    }

    /// Ends it, and says what happened.
    pub fn finish(mut self) -> Option<Profile> {
        self.close()
    }

    fn close(&mut self) -> Option<Profile> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        let watch = &self.shared.watch;
        let mut state = watch.state.lock();
        let i = state.profiles.iter().position(|(id, _)| *id == self.id)?;
        let (_, Running { mut profile, began }) = state.profiles.remove(i);
        profile.live_bytes_after = state.live_bytes;
        profile.duration = began.elapsed();
        drop(state);
        watch.n_profiles.fetch_sub(1, Ordering::Relaxed);
        self.shared.refresh_flags();
        Some(profile)
    }
}

impl Drop for ProfileScope {
    fn drop(&mut self) {
        self.close();
    }
}
