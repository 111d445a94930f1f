use std::borrow::Cow;
use std::ffi::OsStr;

use pixelbank_codec::{Decoder, Error};

/// Where a cache's images come from: what its keys mean.
///
/// A closure is enough for most ([`CacheOptions::new`](crate::CacheOptions::new)); files on disk are [`FileSource`](crate::FileSource).
pub trait Source: Send + Sync {
    /// Opens the image of that key. Called again whenever it is to be decoded by one thread more.
    ///
    /// # Errors
    /// Whatever is wrong with it; everybody who waits for it is told the same.
    fn open(&self, key: &OsStr) -> Result<Box<dyn Decoder>, Error>;

    /// The one name of an image that goes by several.
    fn resolve<'a>(&self, key: &'a OsStr) -> Cow<'a, OsStr> {
        Cow::Borrowed(key)
    }

    /// What is different once the image has changed; `None` where only its owner knows.
    fn stamp(&self, key: &OsStr) -> Option<Stamp> {
        let _ = key;
        None
    }

    /// Whether images of equal [`digest`](Self::digest) are to share their pixels.
    fn shares_identical(&self) -> bool {
        false
    }

    /// A digest of the image's bytes. Asked only where two images look alike: in length and specification.
    fn digest(&self, key: &OsStr) -> Option<u128> {
        let _ = key;
        None
    }

    /// What has been read so far.
    fn io(&self) -> Io {
        Io::default()
    }
}

/// By what a changed file is told from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Stamp {
    /// The device it lies on.
    pub device: u64,
    /// Its number there; a file that is written anew and renamed over the old one gets another.
    pub inode: u64,
    /// Its length.
    pub bytes: u64,
    /// When it was written last, in nanoseconds since 1970.
    pub modified_nanos: i64,
}

/// What was read from storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Io {
    /// Bytes.
    pub bytes: u64,
    /// Nanoseconds that reading took.
    pub nanos: u64,
}

/// A closure as a source.
pub(crate) struct Opener<F>(pub F);

impl<F> Source for Opener<F>
where
    F: Fn(&OsStr) -> Result<Box<dyn Decoder>, Error> + Send + Sync,
{
    fn open(&self, key: &OsStr) -> Result<Box<dyn Decoder>, Error> {
        (self.0)(key)
    }
}
