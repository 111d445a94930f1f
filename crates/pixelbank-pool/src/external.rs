use std::any::{TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;

use crate::key::{Class, Key};
use crate::make::Plan;
use crate::object::{Body, Handle};
use crate::shape::MAX_RANK;
use crate::{Backend, Device, Error, Pool, Request};

/// An object of the caller's own that the pool keeps for reuse: an operator's buffers, a compiled filter. Clones are the
/// same object.
pub struct External<T> {
    handle: Handle,
    of: PhantomData<T>,
}

/// What decides whether a caller's object can serve another request, beside its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalKey {
    words: [u64; MAX_RANK],
    n_words: u8,
    device: Device,
}

impl ExternalKey {
    /// Words that are equal where one object can serve for the other.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for more than eight.
    pub fn new(parts: &[u64]) -> Result<Self, Error> {
        let mut words = [0; MAX_RANK];
        words
            .get_mut(..parts.len())
            .ok_or_else(|| Error::BadArgument {
                argument: "parts",
                reason: format!("{} words; there is room for {MAX_RANK}", parts.len()),
            })?
            .copy_from_slice(parts);
        Ok(Self {
            words,
            n_words: parts.len() as u8,
            device: Device::Host,
        })
    }

    /// For an object whose bytes are on this device.
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }
}

impl Pool {
    /// An object of type `T` with that key: an idle one, or what `make` makes. It is booked with `bytes`.
    ///
    /// # Errors
    /// [`Error::External`] with what `make` said; otherwise as [`tensor`](Self::tensor).
    #[track_caller]
    pub fn external<T, E>(
        &self,
        key: &ExternalKey,
        bytes: u64,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<External<T>, Error>
    where
        T: Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let key = Key {
            words: key.words,
            n_words: key.n_words,
            payload: TypeId::of::<T>(),
            ..Key::bare(Class::External, key.device)
        };
        let mut make = Some(make);
        let object = self.shared.acquire(
            &key,
            &Request::default(),
            || Ok(Plan::object(bytes)),
            |_: &dyn Backend, _| {
                let make = make
                    .take()
                    .expect("asked once: it is the caller's own error that ends it");
                let made = make().map_err(|source| Error::External {
                    what: type_name::<T>(),
                    source: source.into(),
                })?;
                Ok(Body::Payload(Box::new(made)))
            },
            Location::caller(),
        )?;
        Ok(External {
            handle: Handle::new(object),
            of: PhantomData,
        })
    }
}

impl<T: 'static> External<T> {
    /// The object, to be changed, where there is no clone.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        match &mut self.handle.get_mut()?.body {
            Body::Payload(payload) => payload.downcast_mut(),
            _ => None,
        }
    }
}

impl<T: 'static> Deref for External<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let payload = match &self.handle.get().body {
            Body::Payload(payload) => payload.downcast_ref(),
            _ => None,
        };
        payload.expect("the type is part of the key")
    }
}

impl<T> Clone for External<T> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            of: PhantomData,
        }
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for External<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("External").field(&**self).finish()
    }
}
