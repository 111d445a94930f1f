use super::directory::Source;
use super::fault::Fault;
use super::page::Page;
use super::window::{WINDOW, Window};
use crate::Error;

/// Where a chunk lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub at: u64,
    pub bytes: u64,
}

/// The places of the chunks of a level.
#[derive(Debug)]
pub(super) struct ChunkTable<'a> {
    page: &'a Page,
}

impl<'a> ChunkTable<'a> {
    pub(super) fn new(page: &'a Page) -> Self {
        Self { page }
    }

    /// The place of chunk `index`, checked against the length of the file.
    pub(super) fn place(&self, source: &mut Source, index: u64) -> Result<Place, Fault> {
        let window = &source.window;
        let is_there = window.directory == self.page.at
            && (window.first..window.first + window.len as u64).contains(&index);
        if !is_there {
            self.load(source, index)?;
        }
        let window = &source.window;
        let slot = (index - window.first) as usize;
        let place = Place {
            at: window.offsets[slot],
            bytes: window.counts[slot],
        };
        match place.at.checked_add(place.bytes) {
            _ if place.bytes == 0 => Err("it is empty".into()),
            Some(end) if end <= source.len_bytes => Ok(place),
            _ => Err("it lies beyond the end of the file".into()),
        }
    }

    /// The most packed bytes of a chunk of `indices`, as far as the file has them.
    pub(super) fn largest(&self, source: &mut Source, indices: impl Iterator<Item = u64>) -> u64 {
        indices
            .filter_map(|index| self.place(source, index).ok())
            .map(|place| place.bytes)
            .max()
            .unwrap_or(0)
    }

    fn load(&self, source: &mut Source, index: u64) -> Result<(), Error> {
        let page = self.page;
        let n_chunks = page.chunks_per_plane() * page.planes() as u64;
        let len = (n_chunks - index).min(WINDOW as u64) as usize;
        let range = index..index + len as u64;
        let mut window = Window {
            directory: page.at,
            first: index,
            len,
            ..Window::default()
        };
        source.uints(&page.offsets, range.clone(), &mut window.offsets[..len])?;
        match &page.counts {
            Some(counts) => source.uints(counts, range, &mut window.counts[..len])?,
            None => {
                for (slot, bytes) in window.counts[..len].iter_mut().enumerate() {
                    let row = (index + slot as u64) % page.chunks_per_plane();
                    let row = row / u64::from(page.columns());
                    *bytes = page.raw_row_bytes() * u64::from(page.rows_of(row as u32));
                }
            }
        }
        source.window = window;
        Ok(())
    }
}

/// What a level is called in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct LevelName {
    pub subimage: u32,
    pub level: u32,
}

impl LevelName {
    /// The error of a chunk that cannot be read. What a system could not read stays the system's error.
    pub(super) fn error(self, source: &Source, page: &Page, chunk: u64, fault: Fault) -> Error {
        let place = |reason: &str| {
            let Self { subimage, level } = self;
            let kind = if page.tiled { "tile" } else { "strip" };
            format!("subimage {subimage}, level {level}, {kind} {chunk}: {reason}")
        };
        match fault {
            Fault::Damaged(reason) => source.malformed(place(&reason)),
            Fault::File(Error::Malformed { reason, .. }) => source.malformed(place(&reason)),
            Fault::File(Error::Unsupported { feature, .. }) => source.unsupported(place(&feature)),
            Fault::File(error) => error,
        }
    }
}
