//! What a name stands for: a file, or something that a program has or makes.

mod array;
mod object;
mod reader;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_cache::{Cache, FileSource, Io, Source, Stamp};
use pixelbank_codec::{Decoder, Error, Input, Limits};
use pixelbank_memory::Reservation;
use pixelbank_memory::sync::RwLock;
use pyo3::prelude::*;

pub use array::ArrayPixels;
pub use object::ObjectSource;
use reader::Reader;

/// Something other than a file.
pub enum Named {
    /// An encoded file in memory.
    Bytes(Arc<[u8]>, Limits, Reservation),
    /// Pixels in memory that somebody else owns.
    Array(Arc<ArrayPixels>),
    /// An object that is asked for pixels.
    Object(Arc<ObjectSource>),
}

impl Named {
    fn open(&self, name: &OsStr) -> Result<Box<dyn Decoder>, Error> {
        let name = name.to_string_lossy();
        match self {
            Self::Bytes(bytes, limits, _) => {
                pixelbank_codec::open(Input::memory(Arc::clone(bytes), name), limits)
            }
            Self::Array(pixels) => Ok(Box::new(Reader::new(Arc::clone(pixels), &name))),
            Self::Object(object) => Ok(Box::new(Reader::new(Arc::clone(object), &name))),
        }
    }
}

/// Files, and what was given a name.
pub struct Sources {
    files: FileSource,
    named: RwLock<HashMap<OsString, Arc<Named>>>,
    next: AtomicU64,
}

impl Sources {
    pub fn new(files: FileSource) -> Self {
        Self {
            files,
            named: RwLock::default(),
            next: AtomicU64::new(1),
        }
    }

    /// A name for something that came without one.
    pub fn new_name(&self, kind: &str) -> OsString {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("<{kind} {number}>").into()
    }

    /// Gives it a name; what had the name before.
    pub fn add(&self, name: OsString, named: Named) -> Option<Arc<Named>> {
        self.named.write().insert(name, Arc::new(named))
    }

    pub fn remove(&self, name: &OsStr) -> Option<Arc<Named>> {
        self.named.write().remove(name)
    }

    pub fn contains(&self, name: &OsStr) -> bool {
        self.named.read().contains_key(name)
    }

    pub fn clear(&self) {
        let gone = std::mem::take(&mut *self.named.write());
        drop(gone);
    }
}

/// As a cache asks for it.
pub struct Shared(pub Arc<Sources>);

impl Source for Shared {
    fn open(&self, key: &OsStr) -> Result<Box<dyn Decoder>, Error> {
        let named = self.0.named.read().get(key).cloned();
        match named {
            Some(named) => named.open(key),
            None => self.0.files.open(key),
        }
    }

    fn resolve<'a>(&self, key: &'a OsStr) -> Cow<'a, OsStr> {
        match self.0.contains(key) {
            true => Cow::Borrowed(key),
            false => self.0.files.resolve(key),
        }
    }

    fn stamp(&self, key: &OsStr) -> Option<Stamp> {
        match self.0.contains(key) {
            true => None,
            false => self.0.files.stamp(key),
        }
    }

    fn shares_identical(&self) -> bool {
        self.0.files.shares_identical()
    }

    fn digest(&self, key: &OsStr) -> Option<u128> {
        match self.0.contains(key) {
            true => None,
            false => self.0.files.digest(key),
        }
    }

    fn io(&self) -> Io {
        self.0.files.io()
    }
}

/// Takes a name away again when nobody uses it any more, and the tiles that were made from it.
pub struct Lease {
    pub cache: Cache,
    pub sources: Arc<Sources>,
    pub name: OsString,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let gone = self.sources.remove(&self.name);
        self.cache.invalidate(&self.name);
        drop(gone);
    }
}

/// A Python object's attribute, `None` where it has none.
fn optional<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(object.getattr_opt(name)?.filter(|value| !value.is_none()))
}
