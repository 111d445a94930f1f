use pixelbank_image::Rect;

use super::chunks::{ChunkTable, LevelName};
use super::directory::Source;
use super::fault::Fault;
use super::page::{Compression, Meaning, Page, Predictor};
use super::samples::{deliver_row, restore_row};
use super::unpack::{self, Unpacker, allocate};
use crate::Error;

/// Decompressed bytes that are turned into pixels at a time, where they cannot go straight to their place.
const BATCH_BYTES: u64 = 256 << 10;

/// Reads rows of chunks that are not JPEG streams, one chunk at a time and each from the top.
pub(super) struct Rows<'a> {
    page: &'a Page,
    name: LevelName,
    table: ChunkTable<'a>,
    /// One per plane.
    unpackers: Vec<Unpacker>,
    /// Rows of all planes, not yet delivered.
    raw: Vec<u8>,
    scratch: Vec<u8>,
    palette: Vec<u8>,
    /// Column and row of the chunk that is open.
    chunk: Option<(u32, u32)>,
    next_row: u32,
}

/// Whether a rectangle of that width needs no buffer between the chunk and the pixels.
fn goes_straight(page: &Page, width: u32) -> bool {
    page.is_direct() && width == page.chunk.width
}

fn batch_rows(page: &Page) -> u64 {
    (BATCH_BYTES / page.raw_row_bytes()).clamp(1, u64::from(page.chunk.height))
}

fn raw_bytes(page: &Page, narrowest: u32) -> u64 {
    if goes_straight(page, narrowest) {
        0
    } else {
        page.raw_row_bytes() * batch_rows(page) * page.planes() as u64
    }
}

fn scratch_bytes(page: &Page) -> u64 {
    if page.predictor == Predictor::Float {
        page.raw_row_bytes()
    } else {
        0
    }
}

fn palette_bytes(page: &Page) -> u64 {
    match page.meaning {
        // The table of the file has 16 bits an entry, and stands beside ours for a moment.
        Meaning::Palette(_) => 3u64 << page.bits,
        _ => 0,
    }
}

/// An upper bound of what [`Rows`] holds for chunks of at most `packed_bytes`, where the `narrowest` rectangle asked
/// for is that wide.
pub(super) fn working_bytes(page: &Page, packed_bytes: u64, narrowest: u32) -> u64 {
    let planes = page.planes() as u64;
    let unpackers = unpack::working_bytes(page, packed_bytes) + size_of::<Unpacker>() as u64;
    planes * unpackers + raw_bytes(page, narrowest) + scratch_bytes(page) + 3 * palette_bytes(page)
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        source: &mut Source,
        page: &'a Page,
        name: LevelName,
        packed_bytes: u64,
        narrowest: u32,
    ) -> Result<Self, Error> {
        let unpackers = (0..page.planes())
            .map(|_| Unpacker::new(source, page, packed_bytes))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            page,
            name,
            table: ChunkTable::new(page),
            unpackers,
            raw: allocate(source, raw_bytes(page, narrowest))?,
            scratch: allocate(source, scratch_bytes(page))?,
            palette: palette(source, page)?,
            chunk: None,
            next_row: 0,
        })
    }

    /// Fills `out` with the pixels of `rect`, which lies in one column of chunks.
    pub(super) fn read(
        &mut self,
        source: &mut Source,
        rect: Rect,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let page = self.page;
        let column = rect.x / page.chunk.width;
        let out_row = page.format.row_bytes(rect.width);
        let bottom = rect.y + rect.height;
        let (mut y, mut out) = (rect.y, out);
        while y < bottom {
            let row = y / page.chunk.height;
            let top = row * page.chunk.height;
            let n = (bottom - y).min(page.rows_of(row) - (y - top));
            let (now, later) = out.split_at_mut(n as usize * out_row);
            self.open(source, column, row)
                .and_then(|()| self.rows(source, y - top, n, rect.x % page.chunk.width, now))
                .map_err(|fault| {
                    self.name
                        .error(source, page, self.index(column, row), fault)
                })?;
            (y, out) = (y + n, later);
        }
        Ok(())
    }

    fn index(&self, column: u32, row: u32) -> u64 {
        u64::from(row) * u64::from(self.page.columns()) + u64::from(column)
    }

    fn open(&mut self, source: &mut Source, column: u32, row: u32) -> Result<(), Fault> {
        if self.chunk == Some((column, row)) {
            return Ok(());
        }
        self.chunk = None;
        for plane in 0..self.unpackers.len() {
            let index = self.index(column, row) + plane as u64 * self.page.chunks_per_plane();
            let place = self.table.place(source, index)?;
            self.unpackers[plane].start(source, place.at, place.bytes)?;
        }
        self.chunk = Some((column, row));
        self.next_row = 0;
        Ok(())
    }

    /// Delivers `n` rows of the open chunk from row `first` on, their pixels from `column` on.
    fn rows(
        &mut self,
        source: &mut Source,
        first: u32,
        n: u32,
        column: u32,
        out: &mut [u8],
    ) -> Result<(), Fault> {
        let page = self.page;
        let row_bytes = page.raw_row_bytes() as usize;
        let order = source.order;
        let out_row = out.len() / n as usize;
        // A fault leaves the stream at an unknown place.
        let chunk = self.chunk.take();
        if goes_straight(page, (out_row / page.format.pixel_bytes()) as u32) {
            let unpacker = &mut self.unpackers[0];
            unpacker.skip_rows(source, first - self.next_row, row_bytes, out)?;
            unpacker.read(source, out)?;
            for row in out.chunks_exact_mut(row_bytes) {
                restore_row(page, order, row, &mut self.scratch);
            }
        } else {
            let plane_bytes = self.raw.len() / self.unpackers.len();
            let skipped = first - self.next_row;
            for (unpacker, raw) in self
                .unpackers
                .iter_mut()
                .zip(self.raw.chunks_mut(plane_bytes))
            {
                unpacker.skip_rows(source, skipped, row_bytes, raw)?;
            }
            let at_once = (plane_bytes / row_bytes) * out_row;
            for out in out.chunks_mut(at_once) {
                let raw_bytes = out.len() / out_row * row_bytes;
                let planes = self.raw.chunks_mut(plane_bytes);
                for (unpacker, raw) in self.unpackers.iter_mut().zip(planes) {
                    let raw = &mut raw[..raw_bytes];
                    unpacker.read(source, raw)?;
                    for row in raw.chunks_exact_mut(row_bytes) {
                        restore_row(page, order, row, &mut self.scratch);
                    }
                }
                for (index, out) in out.chunks_exact_mut(out_row).enumerate() {
                    let row = &self.raw[index * row_bytes..];
                    deliver_row(page, row, plane_bytes, &self.palette, column, out);
                }
            }
        }
        self.next_row = first + n;
        if let Some(rows) = chunk.map(|(_, row)| page.rows_of(row))
            && self.next_row == rows
        {
            let spare = u64::from(page.chunk.height - rows) * row_bytes as u64;
            for unpacker in &mut self.unpackers {
                unpacker.finish(source, spare)?;
            }
        }
        self.chunk = chunk;
        Ok(())
    }
}

/// The colour table as bytes of red, green and blue.
fn palette(source: &mut Source, page: &Page) -> Result<Vec<u8>, Error> {
    let Meaning::Palette(field) = &page.meaning else {
        return Ok(Vec::new());
    };
    let n = 1usize << page.bits;
    let mut values = vec![0u16; 3 * n];
    let mut window = [0u64; 64];
    for (index, out) in values.chunks_mut(window.len()).enumerate() {
        let start = (index * window.len()) as u64;
        let window = &mut window[..out.len()];
        source.uints(field, start..start + out.len() as u64, window)?;
        for (value, wide) in out.iter_mut().zip(window) {
            *value = *wide as u16;
        }
    }
    // Some writers fill in 8 bits where the format wants 16, others put zeros below them where it wants them repeated.
    let shift = if values.iter().all(|&value| value < 256) {
        Some(0)
    } else if values.iter().all(|&value| value.trailing_zeros() >= 8) {
        Some(8)
    } else {
        None
    };
    let mut palette = allocate(source, 3 * n as u64)?;
    for (index, pixel) in palette.chunks_exact_mut(3).enumerate() {
        for (channel, byte) in pixel.iter_mut().enumerate() {
            let value = values[channel * n + index];
            *byte = match shift {
                Some(shift) => (value >> shift) as u8,
                None => (value / 257) as u8,
            };
        }
    }
    Ok(palette)
}

/// Rows of a level of one column of chunks that make a band.
pub(super) fn band_rows(page: &Page, rect: Rect) -> u32 {
    const BAND_BYTES: u64 = 512 << 10;
    debug_assert!(page.compression != Compression::Jpeg);
    let row = (page.format.row_bytes(rect.width) as u64).max(1);
    (BAND_BYTES / row).clamp(1, u64::from(rect.height)) as u32
}
