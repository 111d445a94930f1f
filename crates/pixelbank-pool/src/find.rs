//! Finding an idle object: the thread's own first, then everybody's.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use triomphe::UniqueArc;

use crate::backend::Backend;
use crate::key::{Key, N_CLASSES};
use crate::local::{self, BATCH, Batch, Found, flag};
use crate::make::Plan;
use crate::object::{Body, Object, Use, same};
use crate::shared::{Gone, Pending, Point, Shared, State};
use crate::{Error, Request};

/// What is asked for, put in the terms of the pool.
pub(crate) struct Wanted<'a> {
    pub key: &'a Key,
    pub hash: u64,
    pub device: usize,
    pub row: u16,
    /// What an equal one would occupy, once that is known.
    pub bytes: u64,
    pub request: &'a Request<'a>,
}

impl Shared {
    /// An object with that key: an idle one, or what `plan` and `make` describe.
    #[inline]
    pub fn acquire(
        self: &Arc<Self>,
        key: &Key,
        request: &Request<'_>,
        plan: impl FnOnce() -> Result<Plan, Error>,
        make: impl FnMut(&dyn Backend, u64) -> Result<Body, Error>,
        made_at: &'static Location<'static>,
    ) -> Result<UniqueArc<Object>, Error> {
        let hash = key.hash();
        if request.larger_fit_percent == 0 {
            match local::take(self, hash, key) {
                Some(Found::Equal(object, flags)) => {
                    return self.ready(object, request, flags, made_at);
                }
                Some(Found::Other(object)) => self.shelve(Batch::from_iter([object])),
                None => {}
            }
        }
        let object = self.acquire_slowly(key, hash, request, plan, make)?;
        let flags = self.flags.load(Ordering::Relaxed);
        self.ready(object, request, flags, made_at)
    }

    /// Hands an idle object out.
    #[inline]
    fn ready(
        &self,
        mut object: UniqueArc<Object>,
        request: &Request<'_>,
        flags: u32,
        made_at: &'static Location<'static>,
    ) -> Result<UniqueArc<Object>, Error> {
        if let Some(stream) = request.stream {
            if !object.key.device.works_with(stream.device()) {
                let device = object.key.device;
                local::recycle(object);
                return Err(Error::BadArgument {
                    argument: "stream",
                    reason: format!(
                        "it is one of {}, the object is on {device}",
                        stream.device()
                    ),
                });
            }
            object.uses.get_mut().push(Use {
                stream: Arc::clone(stream.timeline()),
                point: None,
            });
        }
        if flags & flag::WATCHED != 0 {
            self.watch.taken(&mut object, made_at);
        }
        Ok(object)
    }

    #[inline(never)]
    fn acquire_slowly(
        self: &Arc<Self>,
        key: &Key,
        hash: u64,
        request: &Request<'_>,
        plan: impl FnOnce() -> Result<Plan, Error>,
        make: impl FnMut(&dyn Backend, u64) -> Result<Body, Error>,
    ) -> Result<UniqueArc<Object>, Error> {
        let device = self.device_index(key.device)?;
        if self.devices[device].is_lost.load(Ordering::SeqCst) {
            return Err(Error::DeviceLost(key.device));
        }
        let mut wanted = Wanted {
            key,
            hash,
            device,
            row: Self::row(device, key.class),
            bytes: 0,
            request,
        };
        let tally = &self.tallies[usize::from(wanted.row)];
        if let Some((mut object, points)) = self.find(&wanted) {
            tally.hits.fetch_add(1, Ordering::Relaxed);
            tally
                .wasted_bytes
                .fetch_add(object.waste, Ordering::Relaxed);
            object.show_waste(true);
            let mut points = points.into_iter();
            // `find` gives none with work on another stream unless one was given that can wait.
            while let (Some(stream), Some((other, point))) = (request.stream, points.next()) {
                if let Err(error) = stream.timeline().wait_for(&other, point) {
                    let not_waited_for = std::iter::once((other, point)).chain(points);
                    object
                        .uses
                        .get_mut()
                        .extend(not_waited_for.map(|(stream, point)| Use {
                            stream,
                            point: Some(point),
                        }));
                    local::recycle(object);
                    return Err(self.note_loss(error));
                }
            }
            return Ok(object);
        }
        let plan = plan()?;
        wanted.bytes = if plan.is_memory {
            self.devices[device]
                .backend
                .footprint(plan.arrangement.bytes)
        } else {
            plan.arrangement.bytes
        };
        if let Some(mut object) = self.find_larger(&wanted) {
            object.key = *key;
            object.hash = hash;
            object.arrangement = plan.arrangement;
            object.waste = object.bytes - wanted.bytes;
            tally.hits.fetch_add(1, Ordering::Relaxed);
            tally.larger_hits.fetch_add(1, Ordering::Relaxed);
            tally
                .wasted_bytes
                .fetch_add(object.waste, Ordering::Relaxed);
            object.show_waste(true);
            return Ok(object);
        }
        tally.misses.fetch_add(1, Ordering::Relaxed);
        self.make(&wanted, plan.arrangement, make)
    }

    /// An idle object with that key, and the points that the stream has to wait for. More of the kind come along to this
    /// thread's cache.
    fn find(self: &Arc<Self>, wanted: &Wanted<'_>) -> Option<(UniqueArc<Object>, Vec<Point>)> {
        let mut gone = Gone::new();
        let mut more = Batch::new();
        let found = {
            let mut state = self.state.lock();
            self.settle(&mut state, &mut gone);
            let state = &mut *state;
            let Wanted {
                device, hash, key, ..
            } = *wanted;
            if let Some(object) = state.shelf.take(device, hash, key) {
                while more.len() < BATCH - 1
                    && let Some(object) = state.shelf.take(device, hash, key)
                {
                    more.push(object);
                }
                Some((object, Vec::new()))
            } else {
                let stolen = self.steal_exact(state, wanted);
                stolen
                    .map(|object| (object, Vec::new()))
                    .or_else(|| state.take_pending(wanted))
            }
        };
        if !more.is_empty() {
            local::with(self, |local| local.restock(&mut more));
            self.shelve(more);
        }
        found
    }

    fn steal_exact(&self, state: &mut State, wanted: &Wanted<'_>) -> Option<UniqueArc<Object>> {
        for i in 0..state.locals.len() {
            while let Some(object) = state.locals[i].steal(|seen| seen.hash == wanted.hash) {
                if object.key == *wanted.key {
                    return Some(object);
                }
                let device = usize::from(object.row) / N_CLASSES;
                state.shelf.insert(device, object);
            }
        }
        None
    }

    /// The smallest idle object that is large enough, and not too large.
    fn find_larger(&self, wanted: &Wanted<'_>) -> Option<UniqueArc<Object>> {
        if wanted.request.larger_fit_percent == 0 {
            return None;
        }
        let slack = u128::from(wanted.bytes) * u128::from(wanted.request.larger_fit_percent) / 100;
        let most = wanted
            .bytes
            .saturating_add(u64::try_from(slack).unwrap_or(u64::MAX));
        let fits = wanted.bytes..=most;
        let mut state = self.state.lock();
        let state = &mut *state;
        for i in 0..state.locals.len() {
            while let Some(object) =
                state.locals[i].steal(|seen| seen.row == wanted.row && fits.contains(&seen.bytes))
            {
                let device = usize::from(object.row) / N_CLASSES;
                state.shelf.insert(device, object);
            }
        }
        let (least, key) = (wanted.bytes, wanted.key);
        state
            .shelf
            .take_larger(wanted.device, wanted.row, key, least, most)
    }
}

impl State {
    /// An object on which work has not finished: on the same stream it needs no wait; another waits for that work.
    fn take_pending(&mut self, wanted: &Wanted<'_>) -> Option<(UniqueArc<Object>, Vec<Point>)> {
        let stream = wanted.request.stream?.timeline();
        let fits = |pending: &Pending| pending.object.key == *wanted.key;
        let is_own =
            |pending: &Pending| pending.points.iter().all(|(other, _)| same(other, stream));
        let all = &self.pending;
        let i = all
            .iter()
            .position(|pending| fits(pending) && is_own(pending))
            .or_else(|| all.iter().position(fits))?;
        let mut pending = self.pending.swap_remove(i);
        pending.points.retain(|(other, _)| !same(other, stream));
        Some((pending.object, pending.points))
    }
}
