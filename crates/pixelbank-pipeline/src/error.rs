/// Why an operation failed. What the crates below say is passed on as it is, so that a limit stays recognisable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rectangle, size or format does not fit the pixels given; the caller's mistake.
    #[error(transparent)]
    Image(#[from] pixelbank_image::Error),
    /// The memory could not be had, or the caller gave up.
    #[error(transparent)]
    Memory(#[from] pixelbank_memory::Error),
    /// Pixels could not be had from the cache.
    #[error(transparent)]
    Cache(#[from] pixelbank_cache::Error),
    /// An encoder or decoder failed.
    #[error(transparent)]
    Codec(#[from] pixelbank_codec::Error),
    /// The request makes no sense for this image, such as an empty region; the caller's mistake.
    #[error("{reason}")]
    BadRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// The operation does not know this kind of pixel.
    #[error("{operation} of {pixels} pixels is not supported")]
    Unsupported {
        /// What was asked for.
        operation: &'static str,
        /// The kind of pixel.
        pixels: String,
    },
}

impl Error {
    /// What the books said, where memory is the reason, whoever asked for it.
    pub fn memory(&self) -> Option<&pixelbank_memory::Error> {
        match self {
            Self::Memory(error) => Some(error),
            Self::Cache(pixelbank_cache::Error::Memory(error)) => Some(error),
            _ => None,
        }
    }

    /// What the codec said, where the file or its encoding is the reason.
    pub fn codec(&self) -> Option<&pixelbank_codec::Error> {
        match self {
            Self::Codec(error) => Some(error),
            Self::Cache(error) => error.codec(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anything being mended.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Memory(error) => error.is_temporary(),
            Self::Cache(error) => error.is_temporary(),
            _ => false,
        }
    }

    pub(crate) fn bad(reason: impl Into<String>) -> Self {
        Self::BadRequest {
            reason: reason.into(),
        }
    }
}
