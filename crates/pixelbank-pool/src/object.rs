//! What the pool keeps, and the handle through which it is used.

use std::any::Any;
use std::sync::Arc as StdArc;

use pixelbank_memory::Reservation;
use pixelbank_memory::sync::Mutex;
use smallvec::SmallVec;
use triomphe::{Arc, UniqueArc};

use crate::Error;
use crate::backend::{Memory, Timeline};
use crate::key::{Class, Key};
use crate::local;
use crate::shape::Arrangement;
use crate::shared::Shared;
use crate::wrap::Foreign;

/// An object of the pool, in use or idle.
pub(crate) struct Object {
    pub key: Key,
    pub hash: u64,
    /// Device and class, as a number: where it is counted.
    pub row: u16,
    /// What it occupies, and what is booked for it.
    pub bytes: u64,
    /// Bytes beyond what its key needs, where it was made for a larger one.
    pub waste: u64,
    /// Whether it was larger than the limit when it was made.
    pub is_oversize: bool,
    /// When it was let go of, in the pool's own order.
    pub stamp: u64,
    pub arrangement: Arrangement,
    pub body: Body,
    /// Streams that have, or may have, work on it.
    pub uses: Mutex<Uses>,
    /// Its number among the outstanding objects, where those are listed.
    pub origin: Option<u64>,
    pub shared: StdArc<Shared>,
    /// Pays for `bytes`; goes back after the memory, fields being dropped in their order.
    pub reservation: Option<Reservation>,
}

pub(crate) type Uses = SmallVec<[Use; 1]>;

/// A stream that has work on an object.
pub(crate) struct Use {
    pub stream: StdArc<dyn Timeline>,
    /// After the last of that work; `None` where it is not known, so that all work submitted before the object is let go
    /// of may be.
    pub point: Option<u64>,
}

pub(crate) enum Body {
    /// Nothing: a wrapper's shell, or room whose owner has it.
    Empty,
    Memory(Box<dyn Memory>),
    Stream(StdArc<dyn Timeline>),
    /// A caller's object, or the room of a batch.
    Payload(Box<dyn Any + Send + Sync>),
    /// Memory that belongs to somebody else.
    Foreign(Foreign),
    /// A part of another object, from this byte on.
    Part(Handle, u64),
}

impl Object {
    /// Has the ledger show what it has beyond what its key needs, as long as it is in use.
    pub fn show_waste(&mut self, is_in_use: bool) {
        if let Some(reservation) = &mut self.reservation {
            reservation.set_wasted(if is_in_use { self.waste } else { 0 });
        }
    }

    /// The first byte of its memory, on its device.
    pub fn address(&self) -> u64 {
        match &self.body {
            Body::Memory(memory) => memory.address(),
            Body::Foreign(foreign) => foreign.address,
            Body::Part(whole, offset) => whole.get().address() + offset,
            Body::Empty | Body::Stream(_) | Body::Payload(_) => 0,
        }
    }

    /// Notes that `stream` has work on it, and on what it is a part of, up to `point`.
    pub fn add_use(&self, stream: &StdArc<dyn Timeline>, point: Option<u64>) {
        if let Body::Part(whole, _) = &self.body {
            whole.get().add_use(stream, point);
        }
        let mut uses = self.uses.lock();
        match uses.iter_mut().find(|known| same(&known.stream, stream)) {
            Some(known) => known.point = known.point.and(point),
            None => uses.push(Use {
                stream: StdArc::clone(stream),
                point,
            }),
        }
    }

    /// See [`Tensor::note_origin`](crate::Tensor::note_origin).
    pub fn note_origin(&self, place: impl FnOnce() -> String) {
        if let Some(origin) = self.origin {
            self.shared.watch.note_origin(origin, place());
        }
    }

    /// Blocks until the work that is known to be on it has finished, on what it is a part of as well.
    pub fn synchronize(&self) -> Result<(), Error> {
        if let Body::Part(whole, _) = &self.body {
            whole.get().synchronize()?;
        }
        let points: Vec<_> = {
            let uses = self.uses.lock();
            let points = uses.iter().map(|Use { stream, point }| {
                let point = point.unwrap_or_else(|| stream.mark());
                (StdArc::clone(stream), point)
            });
            points.collect()
        };
        for (stream, point) in points {
            stream
                .synchronize(point)
                .map_err(|error| self.shared.note_loss(error))?;
        }
        Ok(())
    }

    /// Lets go of what a wrapper refers to. Work on a part counts as work on the whole; somebody else's memory is kept until
    /// the work on it has finished.
    #[inline]
    pub fn release_borrowed(&mut self) {
        if self.key.class != Class::Wrapper {
            return;
        }
        if let Body::Part(..) = self.body {
            self.uses.get_mut().clear();
        }
        if self.uses.get_mut().is_empty() {
            self.body = Body::Empty;
        }
    }

    pub fn is_memory(&self) -> bool {
        matches!(self.key.class, Class::Tensor | Class::Image)
    }
}

/// Whether both are one stream.
pub(crate) fn same(a: &StdArc<dyn Timeline>, b: &StdArc<dyn Timeline>) -> bool {
    std::ptr::addr_eq(StdArc::as_ptr(a), StdArc::as_ptr(b))
}

impl Drop for Object {
    fn drop(&mut self) {
        self.shared.forget(self);
    }
}

/// Use of an object. The last one to go takes it back to the pool.
pub(crate) struct Handle(Option<Arc<Object>>);

impl Handle {
    pub fn new(object: UniqueArc<Object>) -> Self {
        Self(Some(object.shareable()))
    }

    pub fn get(&self) -> &Object {
        self.0.as_ref().expect("taken only when dropped")
    }

    /// The object, where this is the only handle.
    pub fn get_mut(&mut self) -> Option<&mut Object> {
        Arc::get_mut(self.0.as_mut()?)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        let Some(object) = self.0.take() else { return };
        // The second way is exact where several handles go at once; the first saves its write.
        let last = Arc::try_unique(object).or_else(|shared| Arc::into_unique(shared).ok_or(()));
        if let Ok(object) = last {
            local::recycle(object);
        }
    }
}
