use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use exr::block::UncompressedBlock;
use exr::block::chunk::Chunk;
use exr::math::Vec2;
use exr::meta::MetaData;
use exr::meta::attribute::ChannelDescription;
use exr::meta::header::Header;
use pixelbank_image::{Rect, Size, View};

use super::header::{self, Part, blocks_of, error_of, guarded};
use crate::request::{check_working, find, malformed, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What every call holds beside pixels: the name, a buffer, lists of a few entries.
const FIXED_BYTES: u64 = 4096;

/// Bytes that are read to learn how long a block is; what remains goes straight to its place.
const HEAD_BYTES: usize = 64;

/// An open OpenEXR file. Keeps its headers, in which the crate leaves room for three, without their descriptive
/// attributes: about 5 KB for a file of up to three parts.
#[derive(Debug)]
pub(super) struct ExrDecoder {
    input: Input,
    len_bytes: u64,
    meta: MetaData,
    parts: Vec<Part>,
    info: Arc<ImageInfo>,
    limits: Limits,
}

impl ExrDecoder {
    pub(super) fn open(mut input: Input, limits: &Limits) -> Result<Self, Error> {
        let headers = header::read(&mut input, limits)?;
        let len_bytes = input.len_bytes().map_err(|source| Error::Io {
            name: input.name().to_owned(),
            source,
        })?;
        Ok(Self {
            input,
            len_bytes,
            meta: headers.meta,
            parts: headers.parts,
            info: Arc::new(ImageInfo {
                format: Format::OpenExr,
                subimages: headers.specs,
            }),
            limits: limits.clone(),
        })
    }

    fn part(&self, region: &Region) -> Result<&Part, Error> {
        find(&self.info, region, self.input.name())?;
        Ok(&self.parts[region.subimage as usize])
    }
}

/// The block at `column`, `row`, unpacked, with all of its channels.
fn read_block(
    input: &mut Input,
    meta: &MetaData,
    len_bytes: u64,
    part: &Part,
    region: &Region,
    (column, row): (u32, u32),
) -> Result<Vec<u8>, exr::error::Error> {
    let invalid = |reason: &'static str| exr::error::Error::Invalid(reason.into());
    let mut entry = [0; 8];
    input.seek(SeekFrom::Start(part.entry_at(region.level, column, row)))?;
    input.read_exact(&mut entry)?;
    let at = u64::from_le_bytes(entry);
    if at == 0 {
        return Err(invalid("it was never written"));
    }
    if at >= len_bytes {
        return Err(invalid("it lies beyond the end of the file"));
    }
    let rect = part.levels[region.level as usize].grid.rect(column, row);
    let mut reader = BufReader::with_capacity(HEAD_BYTES, input);
    reader.seek(SeekFrom::Start(at))?;
    // Writers store a block as it is where packing does not make it smaller.
    let claimed = part.packed_bytes_of(meta, reader.fill_buf()?);
    if claimed.is_some_and(|bytes| bytes > part.stored_bytes(rect.size())) {
        return Err(invalid("it claims more bytes than its pixels have"));
    }
    let chunk = Chunk::read(&mut reader, meta)?;
    if chunk.layer_index != region.subimage as usize {
        return Err(invalid("its place belongs to another part"));
    }
    let block = guarded(|| UncompressedBlock::decompress_chunk(chunk, meta, false))?;
    let level = region.level as usize;
    let index = block.index;
    if index.level != Vec2(level, level)
        || index.pixel_position != Vec2(rect.x as usize, rect.y as usize)
        || index.pixel_size != Vec2(rect.width as usize, rect.height as usize)
    {
        return Err(invalid("its place belongs to another block"));
    }
    Ok(block.data)
}

impl Decoder for ExrDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let Ok(part) = self.part(region) else {
            return 0;
        };
        let Some(largest) = largest_part(part, region) else {
            return 0;
        };
        let grid = part.levels[region.level as usize].grid;
        let (columns, rows) = grid.touching(region.rect);
        // Only the last column and row have smaller blocks.
        let block = grid.rect(columns.start, rows.start).size();
        FIXED_BYTES + part.unpacking_bytes(block) + part.selection.format.image_bytes(largest)
    }

    fn heap_bytes(&self) -> u64 {
        let channels =
            |header: &Header| header.channels.list.capacity() * size_of::<ChannelDescription>();
        let mut headers: usize = self.meta.headers.iter().map(channels).sum();
        // The first few stand in the decoder itself.
        if self.meta.headers.spilled() {
            headers += self.meta.headers.capacity() * size_of::<Header>();
        }
        let parts: u64 = self.parts.iter().map(Part::heap_bytes).sum::<u64>()
            + (self.parts.capacity() * size_of::<Part>()) as u64;
        headers as u64 + parts + size_of::<Self>() as u64 + self.input.name().len() as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let part = self.part(region)?;
        let Some(largest) = largest_part(part, region) else {
            return Ok(());
        };
        check_working(self.input.name(), self.working_bytes(region), &self.limits)?;
        // `part` borrows all of `self`, whose input must be read.
        let part = &self.parts[region.subimage as usize];
        let name = self.input.name().to_owned();
        let format = part.selection.format;
        let mut band = zeroed(&name, format.image_bytes(largest))?;
        let grid = part.levels[region.level as usize].grid;
        for (column, row, rect) in blocks_of(grid, region.rect) {
            let data = read_block(
                &mut self.input,
                &self.meta,
                self.len_bytes,
                part,
                region,
                (column, row),
            )
            .map_err(|error| located(&name, region, (column, row), error))?;
            let block = grid.rect(column, row);
            let width = block.width as usize;
            let row_bytes = part.selection.stored_row_bytes(width);
            let pixels = &mut band[..format.image_bytes(rect.size()) as usize];
            let stored = data
                .chunks_exact(row_bytes)
                .skip((rect.y - block.y) as usize);
            for (out, row) in pixels
                .chunks_exact_mut(format.row_bytes(rect.width))
                .zip(stored)
            {
                let first = (rect.x - block.x) as usize;
                part.selection.deliver_row(row, width, first, out);
            }
            drop(data);
            let pixels = View::packed(pixels, rect.size(), format)
                .map_err(|error| malformed(&name, Format::OpenExr, error))?;
            if sink(Band { rect, pixels }).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        match header::metadata(&mut self.input, &self.limits) {
            Err(Error::Malformed { .. } | Error::Unsupported { .. }) => {
                Ok(MetadataBlocks::default())
            }
            other => other,
        }
    }
}

/// The size of the largest part of a block that a region touches; `None` where it is empty.
fn largest_part(part: &Part, region: &Region) -> Option<Size> {
    let grid = part.levels[region.level as usize].grid;
    let Rect { width, height, .. } = region.rect;
    let size = Size::new(width.min(grid.tile.width), height.min(grid.tile.height));
    (!size.is_empty()).then_some(size)
}

fn located(
    name: &str,
    region: &Region,
    (column, row): (u32, u32),
    error: exr::error::Error,
) -> Error {
    let Region {
        subimage, level, ..
    } = region;
    let place = format!("subimage {subimage}, level {level}, block {column}, {row}");
    match error_of(name, error) {
        Error::Malformed { reason, .. } => {
            malformed(name, Format::OpenExr, format!("{place}: {reason}"))
        }
        Error::Unsupported { feature, .. } => {
            header::unsupported(name, format!("{feature} ({place})"))
        }
        other => other,
    }
}
