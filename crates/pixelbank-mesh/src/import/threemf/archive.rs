use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use pixelbank_memory::Reservation;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};

use crate::error::{Fault, malformed};
use crate::import::Input;
use crate::import::xml::{Tag, elements};
use crate::{Books, Limits};

/// An archive and the two files in it that say where everything is.
pub(super) struct Archive<'a> {
    zip: ZipArchive<At<'a>>,
    buffer: Vec<u8>,
    /// Bytes that may still be inflated.
    left: u64,
    pub(super) max_element_bytes: u64,
    /// Pays for the buffers here, of the inflater and of the XML reader.
    _paid: Reservation,
}

/// An input, read at any place.
pub(super) struct At<'a>(&'a Input);

impl ReaderAt for At<'_> {
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(offset, to)
    }
}

impl<'a> Archive<'a> {
    pub(super) fn open(input: &'a Input, books: &Books, limits: &Limits) -> Result<Self, Fault> {
        let max_element_bytes = u64::from(limits.max_line_bytes);
        let bytes = (256 << 10) + 4 * max_element_bytes;
        let paid = books.reserve("reading", bytes)?;
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let located = ZipLocator::new().locate_in_reader(At(input), &mut buffer, input.len());
        let zip = match located {
            Ok(zip) => zip,
            Err((_, error)) => return malformed(format!("no ZIP archive: {error}")),
        };
        Ok(Self {
            zip,
            buffer,
            left: limits.max_inflated_bytes,
            max_element_bytes,
            _paid: paid,
        })
    }

    /// The name of the model that the archive is about.
    pub(super) fn root_model(&mut self) -> Result<String, Fault> {
        let fallback = "3D/3dmodel.model".to_owned();
        if self.find("_rels/.rels")?.is_none() {
            return Ok(fallback);
        }
        let mut target = None;
        self.xml("_rels/.rels", |event| {
            if event.name() == "Relationship" {
                let kind = event.attribute("Type")?.unwrap_or_default();
                if kind.ends_with("/3dmodel") && target.is_none() {
                    target = event.attribute("Target")?;
                }
            }
            Ok(())
        })?;
        Ok(target.map_or(fallback, |target| normal(&target)))
    }

    fn find(
        &mut self,
        name: &str,
    ) -> Result<Option<(ZipArchiveEntryWayfinder, CompressionMethod)>, Fault> {
        let mut entries = self.zip.entries(&mut self.buffer);
        loop {
            let entry = match entries.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(None),
                Err(error) => return malformed(format!("its list of files: {error}")),
            };
            let path = entry.file_path();
            let path = String::from_utf8_lossy(path.as_ref());
            if normal(&path).eq_ignore_ascii_case(name) {
                return Ok(Some((entry.wayfinder(), entry.compression_method())));
            }
        }
    }

    /// Calls `each` with the beginning and the end of every element of a file in the archive.
    pub(super) fn xml(
        &mut self,
        name: &str,
        each: impl FnMut(&Tag) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some((wayfinder, method)) = self.find(name)? else {
            return malformed(format!("it has no '{name}'"));
        };
        let entry = match self.zip.get_entry(wayfinder) {
            Ok(entry) => entry,
            Err(error) => return malformed(format!("'{name}': {error}")),
        };
        let inflated: Box<dyn Read + '_> = match method {
            CompressionMethod::STORE => Box::new(entry.reader()),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.reader())),
            _ => return Err(Fault::Unsupported("this method of compression".to_owned())),
        };
        let left = std::mem::replace(&mut self.left, 0);
        let mut left = Limited {
            inner: inflated,
            left,
        };
        let read = elements(&mut left, self.max_element_bytes, each);
        self.left = left.left;
        match read {
            Err(Fault::Malformed(reason)) => malformed(format!("'{name}': {reason}")),
            other => other,
        }
    }
}

/// A name as the archive's list has it: without the slash that names of packages begin with.
pub(super) fn normal(name: &str) -> String {
    name.trim_start_matches('/').replace('\\', "/")
}

/// Ends what inflates without end.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(to)?;
        if n as u64 > self.left {
            return Err(io::Error::other("it inflates to more than is allowed"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}
