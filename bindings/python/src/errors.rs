//! What Rust says is wrong, as Python's exceptions. The classes are in `pixelbank/errors.py`.

use std::io;

use pixelbank_cache as cache;
use pixelbank_codec as codec;
use pixelbank_memory as memory;
use pixelbank_pool as pool;
use pyo3::exceptions::PyOSError;
use pyo3::import_exception;
use pyo3::prelude::*;

import_exception!(pixelbank.errors, ArgumentError);
import_exception!(pixelbank.errors, BatchFullError);
import_exception!(pixelbank.errors, BudgetError);
import_exception!(pixelbank.errors, ClosedError);
import_exception!(pixelbank.errors, DamagedError);
import_exception!(pixelbank.errors, DeviceError);
import_exception!(pixelbank.errors, ForkedError);
import_exception!(pixelbank.errors, FileError);
import_exception!(pixelbank.errors, LimitError);
import_exception!(pixelbank.errors, MissingError);
import_exception!(pixelbank.errors, ReadError);
import_exception!(pixelbank.errors, SourceError);
import_exception!(pixelbank.errors, UnknownFormatError);
import_exception!(pixelbank.errors, UnsupportedError);
import_exception!(pixelbank.errors, WaitError);

pub type Forked = ForkedError;

/// An argument that makes no sense, named.
pub fn argument(name: &str, reason: impl std::fmt::Display) -> PyErr {
    ArgumentError::new_err(format!("{name}: {reason}"))
}

/// A Python source's exception, where `error` carries one.
fn raised(error: &io::Error) -> Option<&PyErr> {
    error
        .get_ref()?
        .downcast_ref::<Raised>()
        .map(|raised| &raised.0)
}

/// A Python exception on its way through Rust.
#[derive(Debug)]
pub struct Raised(pub PyErr);

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Raised {}

pub fn from_codec(py: Python<'_>, error: &codec::Error) -> PyErr {
    let text = error.to_string();
    match error {
        codec::Error::Malformed { .. } => DamagedError::new_err(text),
        codec::Error::UnknownFormat { .. } => UnknownFormatError::new_err(text),
        codec::Error::Unsupported { .. } => UnsupportedError::new_err(text),
        codec::Error::LimitExceeded { .. } => LimitError::new_err(text),
        codec::Error::BadRequest { .. } => ArgumentError::new_err(text),
        codec::Error::Io { source, name } => match raised(source) {
            Some(cause) => {
                let error = SourceError::new_err(text);
                error.set_cause(py, Some(cause.clone_ref(py)));
                error
            }
            None => from_io(source, name),
        },
        _ => FileError::new_err(text),
    }
}

pub fn from_io(error: &io::Error, name: &str) -> PyErr {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    let code = match error.raw_os_error() {
        None if is_missing => Some(libc::ENOENT),
        code => code,
    };
    let text = error.to_string();
    let Some(code) = code else {
        return ReadError::new_err(format!("{name}: {text}"));
    };
    // Python's own form, from which it fills in `errno`, `strerror` and `filename`.
    let end = text.find(" (os error").unwrap_or(text.len());
    let arguments = (code, text[..end].to_owned(), name.to_owned());
    match is_missing {
        true => MissingError::new_err(arguments),
        false => ReadError::new_err(arguments),
    }
}

pub fn from_cache(py: Python<'_>, error: &cache::Error) -> PyErr {
    let text = error.to_string();
    match error {
        cache::Error::Codec(error) => from_codec(py, error),
        cache::Error::Tile { cause, .. } => match &**cause {
            codec::Error::Io { source, .. } if raised(source).is_some() => from_codec(py, cause),
            _ => DamagedError::new_err(text),
        },
        cache::Error::GivenUp { .. } => FileError::new_err(text),
        cache::Error::Memory(error) => from_memory(error),
        cache::Error::GaveUp { .. } => WaitError::new_err(text),
        cache::Error::BadRequest(_) => ArgumentError::new_err(text),
        cache::Error::Threads(_) => PyOSError::new_err(text),
        _ => FileError::new_err(text),
    }
}

pub fn from_memory(error: &memory::Error) -> PyErr {
    let text = error.to_string();
    match error {
        memory::Error::NeverFits(_)
        | memory::Error::NoRoom(_)
        | memory::Error::OutOfMemory { .. } => BudgetError::new_err(text),
        memory::Error::TimedOut(_) | memory::Error::Cancelled => WaitError::new_err(text),
        memory::Error::BadLimit(_) => ArgumentError::new_err(text),
        _ => PyOSError::new_err(text),
    }
}

pub fn from_pool(error: &pool::Error) -> PyErr {
    let text = error.to_string();
    match error {
        pool::Error::Memory(error) => from_memory(error),
        pool::Error::DeviceOutOfMemory { .. } => BudgetError::new_err(text),
        pool::Error::Unavailable { .. }
        | pool::Error::DeviceLost(_)
        | pool::Error::Device { .. }
        | pool::Error::HookPanicked(_) => DeviceError::new_err(text),
        pool::Error::External { source, .. } => match source.downcast_ref::<Raised>() {
            Some(raised) => Python::attach(|py| raised.0.clone_ref(py)),
            None => ArgumentError::new_err(text),
        },
        pool::Error::BatchFull { .. } => BatchFullError::new_err(text),
        pool::Error::Report { .. } => PyOSError::new_err(text),
        _ => ArgumentError::new_err(text),
    }
}
