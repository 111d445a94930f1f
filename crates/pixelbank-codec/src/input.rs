use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::Error;

/// Where the bytes of an image come from: an open file or memory. Knows the name to use in messages.
///
/// Reads go straight to the file; a decoder that reads in small pieces wraps it in a `BufReader`.
#[derive(Debug)]
pub struct Input {
    name: String,
    bytes: Bytes,
    counter: Option<Arc<IoCounter>>,
}

/// Adds up what several inputs read.
#[derive(Debug, Default)]
pub struct IoCounter {
    bytes: AtomicU64,
    nanos: AtomicU64,
}

impl IoCounter {
    /// The bytes read so far, and the nanoseconds that it took.
    pub fn so_far(&self) -> (u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (get(&self.bytes), get(&self.nanos))
    }
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Cursor<Arc<[u8]>>),
}

impl Input {
    /// The file at `path`, opened now.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be opened, or is not a regular file.
    pub fn path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.to_string_lossy().into_owned();
        // Asked before it is opened: opening a pipe would wait for somebody to write to it.
        let opened = std::fs::metadata(path).and_then(|kind| {
            if kind.is_file() {
                File::open(path)
            } else {
                Err(io::Error::other("not a regular file"))
            }
        });
        match opened {
            Ok(file) => Ok(Self::file(file, name)),
            Err(source) => Err(Error::Io { name, source }),
        }
    }

    /// An open file; `name` is used in messages.
    pub fn file(file: File, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bytes: Bytes::File(file),
            counter: None,
        }
    }

    /// Bytes in memory; `name` is used in messages.
    pub fn memory(bytes: Arc<[u8]>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bytes: Bytes::Memory(Cursor::new(bytes)),
            counter: None,
        }
    }

    /// The same, with what is read added to `counter`.
    #[must_use]
    pub fn counted(mut self, counter: Arc<IoCounter>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All bytes, where they are in memory already; their position is that of no one.
    pub(crate) fn in_memory(&self) -> Option<Arc<[u8]>> {
        match &self.bytes {
            Bytes::File(_) => None,
            Bytes::Memory(cursor) => Some(Arc::clone(cursor.get_ref())),
        }
    }

    /// The number of bytes.
    ///
    /// # Errors
    /// What the system says of the open file.
    pub fn len_bytes(&self) -> io::Result<u64> {
        match &self.bytes {
            Bytes::File(file) => Ok(file.metadata()?.len()),
            Bytes::Memory(cursor) => Ok(cursor.get_ref().len() as u64),
        }
    }
}

impl Input {
    /// Fills `buffer` from byte `at` on, wherever the last read ended; where the next one begins is left open.
    pub(crate) fn read_exact_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        #[cfg(unix)]
        if let Bytes::File(file) = &self.bytes {
            use std::os::unix::fs::FileExt;
            // Systems refuse places that no file can have. A file that points there ends before.
            if i64::try_from(at).is_err() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let started = self.counter.as_ref().map(|_| Instant::now());
            file.read_exact_at(buffer, at)?;
            self.count(started, buffer.len());
            return Ok(());
        }
        self.seek(SeekFrom::Start(at))?;
        self.read_exact(buffer)
    }

    fn count(&self, started: Option<Instant>, n: usize) {
        if let (Some(counter), Some(started)) = (&self.counter, started) {
            let nanos = started.elapsed().as_nanos() as u64;
            counter.bytes.fetch_add(n as u64, Ordering::Relaxed);
            counter.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let started = self.counter.as_ref().map(|_| Instant::now());
        let read = match &mut self.bytes {
            Bytes::File(file) => file.read(buf),
            Bytes::Memory(cursor) => cursor.read(buf),
        };
        if let Ok(n) = &read {
            self.count(started, *n);
        }
        read
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let sought = match &mut self.bytes {
            Bytes::File(file) => file.seek(to),
            Bytes::Memory(cursor) => cursor.seek(to),
        };
        match (sought, to) {
            // Systems refuse places that no file can have. A file that points there ends before.
            (Err(error), SeekFrom::Start(_)) if error.kind() == io::ErrorKind::InvalidInput => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            (sought, _) => sought,
        }
    }
}
