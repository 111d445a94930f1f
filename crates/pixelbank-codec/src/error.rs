use std::io;

use crate::Format;

/// Why a file could not be read or written. The variants say who is at fault.
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
    /// The file is no image of a kind that we read.
    #[error("{name}: not an image of a known format")]
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
    /// The file asks for more than [`Limits`](crate::Limits) allow; nothing was allocated.
    #[error("{name}: {what} of {requested} exceeds the limit of {limit}")]
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
    /// The caller asked for a subimage, level or rectangle that the file does not have.
    #[error("{name}: {reason}")]
    BadRequest {
        /// The file, as the caller named it.
        name: String,
        /// What was wrong with the request.
        reason: String,
    },
    /// Pixels cannot be written as this format.
    #[error("cannot write {format}: {reason}")]
    Encode {
        /// The format to be written.
        format: Format,
        /// What was wrong.
        reason: String,
    },
    /// The system could not read or write the file.
    #[error("{name}: {source}")]
    Io {
        /// The file, as the caller named it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}
