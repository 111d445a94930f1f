use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::array::Array;
use crate::error::Fault;
use crate::{Books, Error};

/// Where a mesh comes from: a file, or bytes in memory.
#[derive(Debug)]
pub struct Input {
    name: String,
    bytes: Bytes,
    len: u64,
    /// Where files that it names are looked for.
    folder: Option<Folder>,
}

#[derive(Debug)]
enum Folder {
    At(PathBuf),
    Open(Dir),
}

enum Bytes {
    File(File),
    Memory(Arc<[u8]>),
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Memory(_) => "Memory",
        })
    }
}

impl Input {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Io`] where that fails, or it is no regular file: recognising formats takes going back in it.
    pub fn path(path: &Path) -> Result<Self, Error> {
        let name = path.to_string_lossy();
        let file = File::open(path).map_err(Error::from_io(&name))?;
        let mut input = Self::file(file, &name)?;
        input.folder = path.parent().map(|folder| Folder::At(folder.to_owned()));
        Ok(input)
    }

    /// A file that somebody opened who knows which files may be opened, and the folder that it lies in, where files that
    /// it names are looked for; without one there are none. `name` stands in messages, and its ending says the format
    /// where the content does not.
    ///
    /// # Errors
    /// [`Error::Io`] where it is no regular file.
    pub fn opened(file: File, folder: Option<File>, name: &str) -> Result<Self, Error> {
        let mut input = Self::file(file, name)?;
        input.folder = folder.map(|folder| Folder::Open(Dir::from_std_file(folder)));
        Ok(input)
    }

    /// A file that is open already.
    pub(crate) fn file(file: File, name: &str) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(Error::from_io(name))?;
        if !metadata.is_file() {
            let source = io::Error::other("not a regular file");
            return Err(Error::from_io(name)(source));
        }
        Ok(Self {
            name: name.to_owned(),
            bytes: Bytes::File(file),
            len: metadata.len(),
            folder: None,
        })
    }

    /// Bytes that someone else holds and pays for; `name` stands in messages, and its ending says the format where the
    /// content does not.
    pub fn memory(bytes: Arc<[u8]>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            len: bytes.len() as u64,
            bytes: Bytes::Memory(bytes),
            folder: None,
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A handle on the folder: no link leads out of it.
    pub(crate) fn folder(&self) -> Option<io::Result<Dir>> {
        self.folder.as_ref().map(|folder| match folder {
            Folder::At(path) if path.as_os_str().is_empty() => {
                Dir::open_ambient_dir(".", ambient_authority())
            }
            Folder::At(path) => Dir::open_ambient_dir(path, ambient_authority()),
            Folder::Open(dir) => dir.try_clone(),
        })
    }

    /// A reader from `offset` on.
    pub(crate) fn reader(&self, offset: u64) -> Reader<'_> {
        match &self.bytes {
            Bytes::File(file) => Reader::File { file, offset },
            Bytes::Memory(bytes) => {
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                Reader::Memory(&bytes[start..])
            }
        }
    }

    /// Reads into `to` from `offset` on, as much as there is; says how much that was.
    pub(crate) fn read_at(&self, offset: u64, to: &mut [u8]) -> io::Result<usize> {
        let mut reader = self.reader(offset);
        let mut n = 0;
        while n < to.len() {
            match reader.read(&mut to[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(n)
    }

    /// Reads all of `to` from `offset` on.
    pub(crate) fn read_exact_at(&self, offset: u64, to: &mut [u8]) -> Result<(), Fault> {
        if self.read_at(offset, to)? < to.len() {
            return Err(Fault::Malformed(format!(
                "it ends before byte {}",
                offset.saturating_add(to.len() as u64)
            )));
        }
        Ok(())
    }
}

/// Reads an input once through. Each has a place of its own in the file.
pub(crate) enum Reader<'a> {
    File { file: &'a File, offset: u64 },
    Memory(&'a [u8]),
}

impl Read for Reader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, offset } => {
                let n = file.read_at(to, *offset)?;
                *offset += n as u64;
                Ok(n)
            }
            Self::Memory(bytes) => bytes.read(to),
        }
    }
}

/// A reader with a window on the books, so that what is read by records, lines or words is read by blocks.
pub(crate) struct Window<R> {
    reader: R,
    buffer: Array<u8>,
    start: usize,
    end: usize,
    /// Where the buffer begins in the input.
    offset: u64,
    is_over: bool,
}

impl<R: Read> Window<R> {
    /// A window of `len` bytes on `reader`, which stands at `offset` of its input.
    pub(crate) fn new(books: &Books, reader: R, offset: u64, len: usize) -> Result<Self, Error> {
        Ok(Self {
            reader,
            buffer: Array::zeroed(books, "reading", len)?,
            start: 0,
            end: 0,
            offset,
            is_over: false,
        })
    }

    /// What is at hand.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Passes over `n` bytes of those at hand.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    /// Where in the input the bytes at hand begin.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.start as u64
    }

    /// Reads on behind what is at hand. `false` where nothing comes any more, or the window is full.
    #[cold]
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.offset += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.is_over || self.end == self.buffer.len() {
            return Ok(false);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.is_over = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the input has been read to its end. What is at hand may be left.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Makes at least `n` bytes be at hand, if there are so many and the window holds them.
    #[inline]
    pub(crate) fn want(&mut self, n: usize) -> io::Result<bool> {
        while self.end - self.start < n {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// How large a window is for an input of `len` bytes: a small file needs no large one.
pub(crate) fn window_bytes(len: u64) -> usize {
    (len / 64).next_power_of_two().clamp(64 << 10, 256 << 10) as usize
}
