use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
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
    window: Option<Window>,
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

/// A part of the bytes that is read as if it were all of them.
#[derive(Debug)]
struct Window {
    range: Range<u64>,
    /// Where the next byte is read, counted from the start of the range.
    at: u64,
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
            window: None,
        }
    }

    /// Bytes in memory; `name` is used in messages.
    pub fn memory(bytes: Arc<[u8]>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            bytes: Bytes::Memory(Cursor::new(bytes)),
            counter: None,
            window: None,
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

    /// All bytes, where they are in memory already; their position is that of no one. None of a part.
    pub(crate) fn in_memory(&self) -> Option<Arc<[u8]>> {
        match &self.bytes {
            Bytes::Memory(cursor) if self.window.is_none() => Some(Arc::clone(cursor.get_ref())),
            _ => None,
        }
    }

    /// Does `work` with an input that holds the bytes of `range` alone, and stands at their start: a file within the
    /// file. Afterwards it holds all bytes again and stands anywhere.
    pub(crate) fn within<R>(
        &mut self,
        range: Range<u64>,
        work: impl FnOnce(&mut Self) -> R,
    ) -> io::Result<R> {
        self.window = None;
        self.seek(SeekFrom::Start(range.start))?;
        self.window = Some(Window { range, at: 0 });
        let result = work(self);
        self.window = None;
        Ok(result)
    }

    /// The number of bytes.
    ///
    /// # Errors
    /// What the system says of the open file.
    pub fn len_bytes(&self) -> io::Result<u64> {
        let all = match &self.bytes {
            Bytes::File(file) => file.metadata()?.len(),
            Bytes::Memory(cursor) => cursor.get_ref().len() as u64,
        };
        Ok(match &self.window {
            Some(window) => window.range.end.min(all).saturating_sub(window.range.start),
            None => all,
        })
    }
}

impl Input {
    /// Fills `buffer` from byte `at` on, wherever the last read ended; where the next one begins is left open.
    pub(crate) fn read_exact_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        #[cfg(unix)]
        if let (Bytes::File(file), None) = (&self.bytes, &self.window) {
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
        let wanted = match &self.window {
            Some(window) => {
                let left = (window.range.end - window.range.start).saturating_sub(window.at);
                usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()))
            }
            None => buf.len(),
        };
        let started = self.counter.as_ref().map(|_| Instant::now());
        let read = self.bytes.read(&mut buf[..wanted])?;
        self.count(started, read);
        if let Some(window) = &mut self.window {
            window.at += read as u64;
        }
        Ok(read)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let Some(window) = &mut self.window else {
            return self.bytes.seek(to);
        };
        let length = window.range.end - window.range.start;
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => window.at.checked_add_signed(by),
            SeekFrom::End(by) => length.checked_add_signed(by),
        };
        let at = at.ok_or(io::ErrorKind::InvalidInput)?;
        let place = window.range.start.checked_add(at);
        let place = place.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.bytes.seek(SeekFrom::Start(place))?;
        window.at = at;
        Ok(at)
    }
}

impl Bytes {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buf),
            Self::Memory(cursor) => cursor.read(buf),
        }
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let sought = match self {
            Self::File(file) => file.seek(to),
            Self::Memory(cursor) => cursor.seek(to),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_as_if_it_were_all() {
        let mut input = Input::memory(Arc::from(*b"0123456789"), "digits");
        let part: io::Result<io::Result<String>> = input.within(3..7, |input| {
            assert_eq!(input.len_bytes()?, 4);
            assert!(input.in_memory().is_none());
            let mut all = String::new();
            input.read_to_string(&mut all)?;
            assert_eq!(input.seek(SeekFrom::End(-1))?, 3);
            input.read_to_string(&mut all)?;
            assert_eq!(input.seek(SeekFrom::Current(-2))?, 2);
            input.read_to_string(&mut all)?;
            assert_eq!(input.seek(SeekFrom::Start(9))?, 9);
            assert_eq!(input.read(&mut [0])?, 0);
            assert!(input.seek(SeekFrom::Current(-10)).is_err());
            Ok(all)
        });
        assert_eq!(part.and_then(|part| part).expect("in memory"), "3456656");
        assert_eq!(input.len_bytes().expect("in memory"), 10);
        assert!(input.in_memory().is_some());
    }

    #[test]
    fn a_part_beyond_the_end_has_what_is_there() {
        let mut input = Input::memory(Arc::from(*b"0123"), "digits");
        let part = input.within(2..u64::MAX, |input| {
            let mut all = String::new();
            input.read_to_string(&mut all).expect("in memory");
            (all, input.len_bytes().expect("in memory"))
        });
        assert_eq!(part.expect("in memory"), ("23".to_owned(), 2));
    }
}
