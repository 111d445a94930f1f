use std::sync::Arc;

/// Why pixels could not be had. Cheap to clone, since everybody who waited for one load is told the same.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    Codec(Arc<pixelbank_codec::Error>),
    /// A part of the file is damaged; the rest of it may be whole.
    #[error("{what}: {reason}")]
    Tile {
        /// File, subimage, level and tile.
        what: String,
        /// What is wrong with it: what the cause says, without the place.
        reason: String,
        /// The decoder's error. Not a `source`: the message has it already, and printing both says it twice.
        cause: Arc<pixelbank_codec::Error>,
    },
    /// The file failed so often that it is not tried again before it is [invalidated](crate::Cache::invalidate).
    #[error("{name} failed {failures} times and is not tried again")]
    GivenUp {
        /// The file.
        name: String,
        /// How often.
        failures: u64,
    },
    /// The budget has no room.
    #[error(transparent)]
    Memory(Arc<pixelbank_memory::Error>),
    /// The caller gave up, or its deadline passed, while somebody else was loading.
    #[error("gave up waiting for {what}")]
    GaveUp {
        /// What was waited for.
        what: String,
    },
    /// The caller asked for something that the image does not have.
    #[error("{0}")]
    BadRequest(String),
    /// The cache could not start its threads.
    #[error("the cache cannot start a thread: {0}")]
    Threads(Arc<std::io::Error>),
    /// The system does not watch a folder.
    #[cfg(feature = "watch")]
    #[error("cannot be watched: {0}")]
    Watch(Arc<notify::Error>),
}

impl From<pixelbank_codec::Error> for Error {
    fn from(error: pixelbank_codec::Error) -> Self {
        Self::Codec(Arc::new(error))
    }
}

impl From<pixelbank_memory::Error> for Error {
    fn from(error: pixelbank_memory::Error) -> Self {
        Self::Memory(Arc::new(error))
    }
}

impl From<pixelbank_image::Error> for Error {
    fn from(error: pixelbank_image::Error) -> Self {
        Self::BadRequest(error.to_string())
    }
}

impl Error {
    /// What the codec said, where the file is the reason.
    pub fn codec(&self) -> Option<&pixelbank_codec::Error> {
        match self {
            Self::Codec(error) | Self::Tile { cause: error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anything being mended.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Memory(error) => error.is_temporary(),
            Self::GaveUp { .. } => true,
            _ => false,
        }
    }

    /// Whether it is due to this caller's own patience, so that others who wait for the same must not hear of it.
    pub(crate) fn is_personal(&self) -> bool {
        match self {
            Self::Memory(error) => {
                error.is_temporary() || matches!(**error, pixelbank_memory::Error::Cancelled)
            }
            Self::GaveUp { .. } => true,
            _ => false,
        }
    }
}
