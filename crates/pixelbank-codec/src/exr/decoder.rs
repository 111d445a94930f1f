use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use exr::block::UncompressedBlock;
use exr::block::chunk::Chunk;
use exr::math::Vec2;
use exr::meta::MetaData;
use pixelbank_image::{Rect, Size, View};

use super::header::{self, Part, blocks_of, error_of, guarded, malformed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// Bytes that are read to learn how long a block is; what remains goes straight to its place.
const HEAD_BYTES: usize = 64;

/// An open OpenEXR file. Keeps its headers without their descriptive attributes: about 2 KB a part.
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
        let bad = |reason| Error::BadRequest {
            name: self.input.name().to_owned(),
            reason,
        };
        let Some(part) = self.parts.get(region.subimage as usize) else {
            return Err(bad(format!(
                "it has {} parts, and {} was asked for",
                self.parts.len(),
                region.subimage
            )));
        };
        let Some(level) = part.levels.get(region.level as usize) else {
            return Err(bad(format!(
                "part {} has {} levels, and {} was asked for",
                region.subimage,
                part.levels.len(),
                region.level
            )));
        };
        match region.rect.within(level.grid.image) {
            Ok(_) => Ok(part),
            Err(error) => Err(bad(error.to_string())),
        }
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
    let mut reader = BufReader::with_capacity(HEAD_BYTES, input);
    reader.seek(SeekFrom::Start(at))?;
    let chunk = Chunk::read(&mut reader, meta)?;
    if chunk.layer_index != region.subimage as usize {
        return Err(invalid("its place belongs to another part"));
    }
    let block = guarded(|| UncompressedBlock::decompress_chunk(chunk, meta, false))?;
    let rect = part.levels[region.level as usize].grid.rect(column, row);
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
        // Packed and unpacked bytes stand side by side, and unpackers sort bytes in a copy or two of their own; the
        // wavelets of PIZ and the blocks of DWA need tables beside.
        let unpacking = 4 * part.max_block_bytes + (1 << 20);
        HEAD_BYTES as u64 + unpacking + part.selection.format.image_bytes(largest)
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
        let needed = self.working_bytes(region);
        if needed > self.limits.max_working_bytes {
            return Err(Error::LimitExceeded {
                name: self.input.name().to_owned(),
                what: "memory for decoding",
                requested: needed,
                limit: self.limits.max_working_bytes,
            });
        }
        // `part` borrows all of `self`, whose input must be read.
        let part = &self.parts[region.subimage as usize];
        let name = self.input.name().to_owned();
        let format = part.selection.format;
        let mut band = allocate(&name, format.image_bytes(largest))?;
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
                .map_err(|error| malformed(&name, error.to_string()))?;
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
    let place =
        |reason| format!("subimage {subimage}, level {level}, block {column}, {row}: {reason}");
    match error_of(name, error) {
        Error::Malformed { reason, .. } => malformed(name, place(reason)),
        Error::Unsupported { feature, .. } => header::unsupported(name, place(feature)),
        other => other,
    }
}

fn allocate(name: &str, bytes: u64) -> Result<Vec<u8>, Error> {
    let mut buffer = Vec::new();
    let reserved = usize::try_from(bytes)
        .ok()
        .and_then(|bytes| buffer.try_reserve_exact(bytes).ok().map(|()| bytes));
    let Some(bytes) = reserved else {
        return Err(Error::Io {
            name: name.to_owned(),
            source: io::ErrorKind::OutOfMemory.into(),
        });
    };
    buffer.resize(bytes, 0);
    Ok(buffer)
}
