use std::io;

use crate::Format;

/// Why a mesh could not be read, held, worked on or written. The variants say who is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file breaks its own format's rules, or ends early.
    #[error("{name}: damaged {format} file: {reason}")]
    Malformed {
        /// The file, as the caller named it.
        name: String,
        /// What it claims to be.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// The file is no mesh of a kind that we read.
    #[error("{name}: not a mesh of a known format")]
    UnknownFormat {
        /// The file, as the caller named it.
        name: String,
    },
    /// The file is valid, but uses something that we do not read.
    #[error("{name}: {format} with {feature} is not supported")]
    Unsupported {
        /// The file, as the caller named it.
        name: String,
        /// What it is.
        format: Format,
        /// What it uses.
        feature: String,
    },
    /// The file asks for more than [`Limits`](crate::Limits) allow; nothing was allocated for it.
    #[error("{name}: {requested} {what} exceed the limit of {limit}")]
    LimitExceeded {
        /// The file, as the caller named it.
        name: String,
        /// What is limited.
        what: &'static str,
        /// What the file asks for.
        requested: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The budget has no room for it.
    #[error("{name}: {source}")]
    Memory {
        /// The file or owner.
        name: String,
        /// The figures, and who holds what.
        source: pixelbank_memory::Error,
    },
    /// The caller asked for something that makes no sense for this mesh.
    #[error("{0}")]
    BadRequest(String),
    /// The system could not read or write the file.
    #[error("{name}: {source}")]
    Io {
        /// The file, as the caller named it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// What the system said, with the name of the file.
    pub(crate) fn from_io(name: &str) -> impl FnOnce(io::Error) -> Self {
        let name = name.to_owned();
        move |source| Self::Io { name, source }
    }
}

/// What goes wrong inside an importer, which does not know the file's name.
#[derive(Debug)]
pub(crate) enum Fault {
    Malformed(String),
    Unsupported(String),
    Limit {
        what: &'static str,
        requested: u64,
        limit: u64,
    },
    Memory(pixelbank_memory::Error),
    Io(io::Error),
    /// Something that has its name already.
    Named(Error),
}

impl Fault {
    pub(crate) fn named(self, name: &str, format: Format) -> Error {
        let name = name.to_owned();
        match self {
            Self::Malformed(reason) => Error::Malformed {
                name,
                format,
                reason,
            },
            Self::Unsupported(feature) => Error::Unsupported {
                name,
                format,
                feature,
            },
            Self::Limit {
                what,
                requested,
                limit,
            } => Error::LimitExceeded {
                name,
                what,
                requested,
                limit,
            },
            Self::Memory(source) => Error::Memory { name, source },
            Self::Io(source) => Error::Io { name, source },
            Self::Named(error) => error,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Named(error)
    }
}

/// A fault of the file's own rules.
pub(crate) fn malformed<T>(reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Malformed(reason.into()))
}

/// Refuses what exceeds a limit.
pub(crate) fn check_limit(what: &'static str, requested: u64, limit: u64) -> Result<(), Fault> {
    if requested > limit {
        Err(Fault::Limit {
            what,
            requested,
            limit,
        })
    } else {
        Ok(())
    }
}
