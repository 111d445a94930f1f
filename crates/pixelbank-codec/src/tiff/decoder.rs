use std::cell::RefCell;
use std::sync::Arc;

use pixelbank_image::{Rect, Size, TileGrid, View, ViewMut};

use super::chunks::{ChunkTable, LevelName};
use super::directory::Source;
use super::fault::Fault;
use super::page::{Compression, Meaning, Page};
use super::rows::{self, Rows};
use super::unpack::allocate;
use super::{metadata, pages};
use crate::decoder::copy_bands;
use crate::jpeg::{self, StreamColor};
use crate::request::{check_working, find};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What every call holds beside pixels: windows of the arrays, lists of a few entries.
const FIXED_BYTES: u64 = 4096;

/// An open TIFF file.
///
/// What it keeps: some 250 bytes a level, and what [`ImageInfo`] holds. The places of chunks stay in the file.
#[derive(Debug)]
pub(super) struct TiffDecoder {
    /// Behind a cell because [`Decoder::working_bytes`] looks up how large the packed chunks are.
    source: RefCell<Source>,
    pictures: Vec<Vec<Page>>,
    info: Arc<ImageInfo>,
    limits: Limits,
}

impl TiffDecoder {
    pub(super) fn open(input: Input, limits: &Limits) -> Result<Self, Error> {
        let (mut source, first) = Source::open(input)?;
        let pictures = pages::read(&mut source, first, limits)?;
        let info = Arc::new(pages::info(&pictures));
        Ok(Self {
            source: RefCell::new(source),
            pictures: pictures.into_iter().map(|picture| picture.levels).collect(),
            info,
            limits: limits.clone(),
        })
    }

    fn page(&self, region: &Region) -> Result<&Page, Error> {
        find(&self.info, region, self.source.borrow().name())?;
        Ok(&self.pictures[region.subimage as usize][region.level as usize])
    }
}

/// Calls `visit` with each chunk that `rect` touches and the part of `rect` in it, by rows from left to right.
fn for_each_chunk<E>(
    page: &Page,
    rect: Rect,
    mut visit: impl FnMut(u64, Rect) -> Result<Flow, E>,
) -> Result<(), E> {
    let grid = TileGrid::new(page.size, page.chunk);
    let (columns, rows) = grid.touching(rect);
    for row in rows {
        for column in columns.clone() {
            let index = u64::from(row) * u64::from(page.columns()) + u64::from(column);
            let part = grid.rect(column, row).intersect(rect);
            if visit(index, part)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The most packed bytes of a chunk that `rect` touches.
fn largest_chunk(source: &mut Source, page: &Page, rect: Rect) -> u64 {
    let (columns, rows) = TileGrid::new(page.size, page.chunk).touching(rect);
    let table = ChunkTable::new(page);
    let mut largest = 0;
    for plane in 0..page.planes() as u64 {
        for row in rows.clone() {
            let start =
                plane * page.chunks_per_plane() + u64::from(row) * u64::from(page.columns());
            let indices = columns.clone().map(|column| start + u64::from(column));
            largest = largest.max(table.largest(source, indices));
        }
    }
    largest
}

/// The largest and the narrowest part of a chunk that `rect` touches: bytes of pixels, columns.
fn parts(page: &Page, rect: Rect) -> (u64, u32) {
    let grid = TileGrid::new(page.size, page.chunk);
    let (columns, rows) = grid.touching(rect);
    let span = |range: std::ops::Range<u32>, chunk: u32, start: u32, end: u64| {
        let part = |index: u32| {
            let from = index * chunk;
            (end.min(u64::from(from) + u64::from(chunk)) as u32) - from.max(start)
        };
        let (first, last) = (part(range.start), part(range.end - 1));
        // Those between are whole.
        let largest = if range.len() > 2 {
            chunk
        } else {
            first.max(last)
        };
        (largest, first.min(last))
    };
    if columns.is_empty() {
        return (0, 0);
    }
    let (width, narrowest) = span(columns, page.chunk.width, rect.x, rect.right());
    let (height, _) = span(rows, page.chunk.height, rect.y, rect.bottom());
    (page.format.image_bytes(Size::new(width, height)), narrowest)
}

fn stream_color(page: &Page) -> StreamColor {
    match page.meaning {
        Meaning::YCbCr => StreamColor::YCbCr,
        Meaning::JpegRgb => StreamColor::Rgb,
        _ if page.samples == 4 => StreamColor::Cmyk,
        _ => StreamColor::Gray,
    }
}

/// An upper bound of what decoding `rect` holds, whose largest chunk has `packed` bytes.
fn working_bytes(page: &Page, rect: Rect, packed: u64) -> u64 {
    if rect.is_empty() {
        return 0;
    }
    let (part_bytes, narrowest) = parts(page, rect);
    if page.compression == Compression::Jpeg {
        let tables = page.jpeg_tables.map_or(0, |field| field.bytes());
        let library = jpeg::stream_working_bytes(page.chunk, stream_color(page));
        // Decoding goes up to the corner of the part, which is then cut out of that.
        let decoded = page.format.image_bytes(page.chunk);
        return FIXED_BYTES + packed + tables + library + decoded;
    }
    let band = if page.columns() == 1 {
        let rows = rows::band_rows(page, rect);
        page.format.image_bytes(Size::new(rect.width, rows))
    } else {
        part_bytes
    };
    FIXED_BYTES + rows::working_bytes(page, packed, narrowest) + band
}

/// Decodes chunks that are not JPEG streams, the largest of `packed` bytes.
fn decode_rows(
    source: &mut Source,
    page: &Page,
    name: LevelName,
    (rect, packed): (Rect, u64),
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<(), Error> {
    let (part_bytes, narrowest) = parts(page, rect);
    let mut reader = Rows::new(source, page, name, packed, narrowest)?;
    if page.columns() > 1 {
        let mut band = allocate(source, part_bytes)?;
        return for_each_chunk(page, rect, |_, part| {
            let pixels = &mut band[..page.format.image_bytes(part.size()) as usize];
            reader.read(source, part, pixels)?;
            deliver(source, page, part, pixels, sink)
        });
    }
    // One column: bands need not end where strips do.
    let band_rows = rows::band_rows(page, rect);
    let size = Size::new(rect.width, band_rows);
    let mut band = allocate(source, page.format.image_bytes(size))?;
    let mut y = rect.y;
    while u64::from(y) < rect.bottom() {
        let height = band_rows.min((rect.bottom() - u64::from(y)) as u32);
        let part = Rect::new(rect.x, y, rect.width, height);
        let pixels = &mut band[..page.format.image_bytes(part.size()) as usize];
        reader.read(source, part, pixels)?;
        if deliver(source, page, part, pixels, sink)?.is_break() {
            break;
        }
        y += height;
    }
    Ok(())
}

fn deliver(
    source: &Source,
    page: &Page,
    rect: Rect,
    pixels: &[u8],
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<Flow, Error> {
    let pixels = View::packed(pixels, rect.size(), page.format)
        .map_err(|error| source.malformed(error.to_string()))?;
    Ok(sink(Band { rect, pixels }))
}

fn jpeg_tables(
    source: &mut Source,
    page: &Page,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, Error> {
    match &page.jpeg_tables {
        Some(field) => source.raw(field, limits.max_metadata_bytes),
        None => Ok(None),
    }
}

fn decode_jpeg(
    source: &mut Source,
    page: &Page,
    name: LevelName,
    (rect, packed): (Rect, u64),
    limits: &Limits,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<(), Error> {
    let tables = jpeg_tables(source, page, limits)?;
    let color = stream_color(page);
    let mut stream = allocate(source, packed)?;
    let mut pixels = Vec::new();
    let table = ChunkTable::new(page);
    let grid = TileGrid::new(page.size, page.chunk);
    for_each_chunk(page, rect, |index, part| {
        let chunk = grid.rect(part.x / page.chunk.width, part.y / page.chunk.height);
        // The stream is decoded from its corner on.
        let reached = Size::new(
            part.x - chunk.x + part.width,
            part.y - chunk.y + part.height,
        );
        let bytes = page.format.image_bytes(reached) as usize;
        if pixels.len() < bytes {
            pixels = allocate(source, bytes as u64)?;
        }
        let pixels = &mut pixels[..bytes];
        let mut decode = || -> Result<(), Fault> {
            let place = table.place(source, index)?;
            let stream = &mut stream[..place.bytes as usize];
            source.read_at(place.at, stream)?;
            let out = ViewMut::packed(pixels, reached, page.format)
                .map_err(|error| Fault::Damaged(error.to_string()))?;
            jpeg::decode_stream(tables.as_deref(), stream, page.chunk, color, out)
                .map_err(|fault| Fault::File(fault.into_error(source.name(), Format::Tiff)))
        };
        decode().map_err(|fault| name.error(source, page, index, fault))?;
        if page.meaning == Meaning::Inverted {
            pixels.iter_mut().for_each(|byte| *byte = !*byte);
        }
        let view = View::packed(pixels, reached, page.format)
            .and_then(|view| {
                let Rect {
                    x,
                    y,
                    width,
                    height,
                } = part;
                view.crop(Rect::new(x - chunk.x, y - chunk.y, width, height))
            })
            .map_err(|error| source.malformed(error.to_string()))?;
        Ok(sink(Band {
            rect: part,
            pixels: view,
        }))
    })
}

/// The size in the frame header of a sequential JPEG stream.
fn frame_size(stream: &[u8]) -> Option<Size> {
    let mut rest = stream.get(2..)?;
    while let [0xff, marker, high, low, ref body @ ..] = *rest {
        match (marker, body) {
            (0xc0 | 0xc1, [_, h1, h0, w1, w0, ..]) => {
                let side = |bytes| u32::from(u16::from_be_bytes(bytes));
                return Some(Size::new(side([*w1, *w0]), side([*h1, *h0])));
            }
            (0xc2..=0xcf, _) if marker != 0xc4 && marker != 0xcc => return None,
            (0xd0..=0xda | 0x00 | 0x01 | 0xff, _) => return None,
            _ => rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?,
        }
    }
    None
}

impl Decoder for TiffDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match self.page(region) {
            Ok(page) => {
                let packed = largest_chunk(&mut self.source.borrow_mut(), page, region.rect);
                working_bytes(page, region.rect, packed)
            }
            // Nothing is decoded then.
            Err(_) => 0,
        }
    }

    fn heap_bytes(&self) -> u64 {
        let list = self.pictures.capacity() * size_of::<Vec<Page>>();
        let pages = |picture: &Vec<Page>| picture.capacity() * size_of::<Page>();
        let pages: usize = self.pictures.iter().map(pages).sum();
        let name = self.source.borrow().name().len();
        (size_of::<Self>() + list + pages + name) as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let page = self.page(region)?;
        let rect = region.rect;
        if rect.is_empty() {
            return Ok(());
        }
        let source = &mut *self.source.borrow_mut();
        let packed = largest_chunk(source, page, rect);
        check_working(
            source.name(),
            working_bytes(page, rect, packed),
            &self.limits,
        )?;
        let name = LevelName {
            subimage: region.subimage,
            level: region.level,
        };
        if page.compression == Compression::Jpeg {
            decode_jpeg(source, page, name, (rect, packed), &self.limits, sink)
        } else {
            decode_rows(source, page, name, (rect, packed), sink)
        }
    }

    fn decode_into(&mut self, region: &Region, mut target: ViewMut<'_>) -> Result<(), Error> {
        let page = self.page(region)?;
        let rect = region.rect;
        let is_one_column = !rect.is_empty()
            && u64::from(rect.x / page.chunk.width)
                == (rect.right() - 1) / u64::from(page.chunk.width);
        let goes_straight = page.compression != Compression::Jpeg
            && is_one_column
            && (target.size(), target.format()) == (rect.size(), page.format)
            && target.as_view().is_packed();
        if !goes_straight {
            return copy_bands(self, region, target);
        }
        let source = &mut *self.source.borrow_mut();
        let packed = largest_chunk(source, page, rect);
        let working = working_bytes(page, rect, packed);
        check_working(source.name(), working, &self.limits)?;
        let name = LevelName {
            subimage: region.subimage,
            level: region.level,
        };
        let bytes = page.format.image_bytes(rect.size()) as usize;
        Rows::new(source, page, name, packed, rect.width)?.read(
            source,
            rect,
            &mut target.data_mut()[..bytes],
        )
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let at = self.pictures[0][0].at;
        metadata::read(self.source.get_mut(), at, &self.limits)
    }

    fn jpeg_stream(&mut self, region: &Region) -> Result<Option<Vec<u8>>, Error> {
        let page = self.page(region)?;
        let rect = region.rect;
        if page.compression != Compression::Jpeg
            || page.meaning == Meaning::Inverted
            || rect.size() != page.chunk
            || !rect.x.is_multiple_of(page.chunk.width)
            || !rect.y.is_multiple_of(page.chunk.height)
            || !page.tiled
        {
            return Ok(None);
        }
        let index = u64::from(rect.y / page.chunk.height) * u64::from(page.columns())
            + u64::from(rect.x / page.chunk.width);
        let source = &mut *self.source.borrow_mut();
        let name = LevelName {
            subimage: region.subimage,
            level: region.level,
        };
        let tables = jpeg_tables(source, page, &self.limits)?;
        let stream = ChunkTable::new(page)
            .place(source, index)
            .and_then(|place| {
                let mut stream = allocate(source, place.bytes)?;
                source.read_at(place.at, &mut stream)?;
                Ok(stream)
            })
            .map_err(|fault| name.error(source, page, index, fault))?;
        // What the stream says of itself is what a browser would believe.
        if frame_size(&stream) != Some(page.chunk) {
            return Ok(None);
        }
        Ok(jpeg::merge_tables(
            tables.as_deref(),
            &stream,
            stream_color(page),
        ))
    }
}
