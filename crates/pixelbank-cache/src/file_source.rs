use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pixelbank_codec::{Decoder, Error, Input, IoCounter, Limits};

use crate::source::{Io, Source, Stamp};

/// Files on disk, by their paths.
///
/// Two spellings of one path are one image, links included. A relative path is looked for in the folders of
/// [`search`](Self::search), in their order, and then where the process runs.
#[derive(Debug, Default)]
pub struct FileSource {
    limits: Limits,
    search: Vec<PathBuf>,
    missing: Option<PathBuf>,
    shares_identical: bool,
    io: Arc<IoCounter>,
}

impl FileSource {
    /// Any file that the process may read, decoded within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Adds a folder in which relative paths are looked for.
    #[must_use]
    pub fn search(mut self, folder: impl Into<PathBuf>) -> Self {
        self.search.push(folder.into());
        self
    }

    /// The image that stands for files that are not there. Without one, they are errors.
    #[must_use]
    pub fn missing(mut self, path: impl Into<PathBuf>) -> Self {
        self.missing = Some(path.into());
        self
    }

    /// Whether files of equal content share their pixels. Files of equal length and specification are read whole once to
    /// find out, so it is off unless asked for.
    #[must_use]
    pub fn share_identical(mut self, yes: bool) -> Self {
        self.shares_identical = yes;
        self
    }

    /// The folder's file that a relative path names, if one of them has it.
    fn found(&self, path: &Path) -> Option<PathBuf> {
        if path.is_absolute() {
            return None;
        }
        let beneath = |folder: &PathBuf| Some(folder.join(path)).filter(|path| path.exists());
        self.search.iter().find_map(beneath)
    }
}

impl Source for FileSource {
    fn open(&self, key: &OsStr) -> Result<Box<dyn Decoder>, Error> {
        let input = match (Input::path(key), &self.missing) {
            (Err(Error::Io { source, .. }), Some(stand_in))
                if source.kind() == ErrorKind::NotFound =>
            {
                Input::path(stand_in)
            }
            (input, _) => input,
        };
        pixelbank_codec::open(input?.counted(Arc::clone(&self.io)), &self.limits)
    }

    fn resolve<'a>(&self, key: &'a OsStr) -> Cow<'a, OsStr> {
        let path = Path::new(key);
        let found = self.found(path);
        // What is not there keeps its name, and fails by it.
        match fs::canonicalize(found.as_deref().unwrap_or(path)) {
            Ok(real) => Cow::Owned(real.into_os_string()),
            Err(_) => Cow::Borrowed(key),
        }
    }

    fn stamp(&self, key: &OsStr) -> Option<Stamp> {
        fs::metadata(key).ok().map(|found| stamp_of(&found))
    }

    fn shares_identical(&self) -> bool {
        self.shares_identical
    }

    fn digest(&self, key: &OsStr) -> Option<u128> {
        let mut digest = blake3::Hasher::new();
        let mut file = File::open(key).ok()?;
        io::copy(&mut file, &mut digest).ok()?;
        let half = *digest.finalize().as_bytes().first_chunk()?;
        Some(u128::from_le_bytes(half))
    }

    fn io(&self) -> Io {
        let (bytes, nanos) = self.io.so_far();
        Io { bytes, nanos }
    }
}

#[cfg(unix)]
fn stamp_of(found: &fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    Stamp {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.size(),
        modified_nanos: found.mtime().saturating_mul(1_000_000_000) + found.mtime_nsec(),
    }
}

#[cfg(not(unix))]
fn stamp_of(found: &fs::Metadata) -> Stamp {
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let modified = found.modified().ok().and_then(since).unwrap_or_default();
    Stamp {
        bytes: found.len(),
        modified_nanos: modified.as_nanos() as i64,
        ..Stamp::default()
    }
}
