//! What the headers say, checked and made small.

use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use exr::compression::Compression;
use exr::error::Error as ExrError;
use exr::meta::attribute::{AttributeValue, LevelMode, TileDescription};
use exr::meta::header::{Header, ImageAttributes, LayerAttributes};
use exr::meta::{
    BlockDescription, MetaData, compute_block_count, compute_level_count, compute_level_size,
};
use pixelbank_image::{
    Access, ImageSpec, Layout, LevelSpec, Orientation, Rect, Size, Stored, StoredSample, TileGrid,
    Transfer, Window,
};

use super::channels::Selection;
use crate::request::{check_size, malformed};
use crate::{Error, Format, Input, Limits, MetadataBlocks};

/// Headers may be as long as all blocks of metadata together; more is a bomb.
const MAX_OTHER_HEADER_BYTES: u64 = 1 << 20;

/// One part of a file.
#[derive(Debug)]
pub(super) struct Part {
    pub selection: Selection,
    pub levels: Vec<Level>,
    /// Where the table of the places of its blocks begins.
    table_at: u64,
    /// Bytes of one pixel with all channels of the file.
    stored_pixel_bytes: u64,
    n_channels: u64,
    compression: Compression,
    is_tiled: bool,
}

/// One resolution of a part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub grid: TileGrid,
    /// Blocks of the part that come before those of this level.
    blocks_before: u64,
}

impl Part {
    /// Where the place of a block stands in the file.
    pub(super) fn entry_at(&self, level: u32, column: u32, row: u32) -> u64 {
        let level = &self.levels[level as usize];
        let in_level = u64::from(row) * u64::from(level.grid.columns()) + u64::from(column);
        self.table_at + 8 * (level.blocks_before + in_level)
    }

    /// Bytes of a block of that size, unpacked, with all channels of the file.
    pub(super) fn stored_bytes(&self, block: Size) -> u64 {
        block.pixels().saturating_mul(self.stored_pixel_bytes)
    }

    /// How many packed bytes a block says that it has, given its first bytes.
    pub(super) fn packed_bytes_of(&self, meta: &MetaData, head: &[u8]) -> Option<u64> {
        // The part, where there are several; the row, or the tile's place and level; the size.
        let part = if meta.requirements.is_multilayer() {
            4
        } else {
            0
        };
        let at = part + if self.is_tiled { 16 } else { 4 };
        let bytes = head.get(at..at + 4)?.first_chunk::<4>()?;
        // Negative sizes are refused by the crate.
        u64::try_from(i32::from_le_bytes(*bytes)).ok()
    }

    /// An upper bound of what reading and unpacking a block of that size holds, the unpacked bytes included. Measured
    /// with a counting allocator and rounded up; unpackers hold the packed bytes, copies in which bytes are sorted
    /// otherwise, and tables.
    pub(super) fn unpacking_bytes(&self, block: Size) -> u64 {
        let bytes = self.stored_bytes(block);
        let samples = block.pixels().saturating_mul(self.n_channels);
        match self.compression {
            Compression::Uncompressed => bytes,
            Compression::RLE | Compression::B44 | Compression::B44A => bytes.saturating_mul(3),
            Compression::ZIP1 | Compression::ZIP16 => bytes.saturating_mul(4),
            Compression::PXR24 => bytes.saturating_mul(5).saturating_add(128 << 10),
            Compression::PIZ => (bytes.saturating_mul(3) / 2).saturating_add(1408 << 10),
            _ => samples.saturating_mul(17) / 2 + (1280 << 10),
        }
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        (self.levels.capacity() * size_of::<Level>()) as u64 + self.selection.heap_bytes()
    }
}

/// What is needed to read blocks.
#[derive(Debug)]
pub(super) struct Headers {
    pub meta: MetaData,
    pub parts: Vec<Part>,
    pub specs: Vec<ImageSpec>,
}

pub(super) fn unsupported(name: &str, feature: impl Into<String>) -> Error {
    Error::Unsupported {
        name: name.to_owned(),
        format: Format::OpenExr,
        feature: feature.into(),
    }
}

pub(super) fn error_of(name: &str, error: ExrError) -> Error {
    match error {
        ExrError::NotSupported(feature) => unsupported(name, feature_of(&feature)),
        ExrError::Invalid(reason) => malformed(name, Format::OpenExr, reason),
        ExrError::Io(source) => Error::Io {
            name: name.to_owned(),
            source,
        },
        ExrError::Aborted => malformed(name, Format::OpenExr, "reading was given up"),
    }
}

/// The feature in the crate's words for what it cannot read.
fn feature_of(message: &str) -> &str {
    match message {
        "file versions other than 2.0 are not supported" => "a file version other than 2.0",
        "too new file feature flags" => "features of a newer version",
        "unknown compression method" => "an unknown compression",
        _ => {
            let message = message
                .strip_prefix("yet unimplemented compression method: ")
                .unwrap_or(message);
            message
                .strip_suffix(" not supported yet")
                .unwrap_or(message)
        }
    }
}

/// The number of the first part's compression, where that is one that the crate does not know: it takes the attribute
/// for missing then.
fn unknown_compression(input: &mut Input, max_bytes: u64) -> Option<u8> {
    const ATTRIBUTE: &[u8] = b"\0compression\0compression\0\x01\0\0\0";
    const N_KNOWN: u8 = 12;
    let mut head = Vec::new();
    input.rewind().ok()?;
    input
        .by_ref()
        .take(max_bytes.min(64 << 10))
        .read_to_end(&mut head)
        .ok()?;
    let at = head
        .windows(ATTRIBUTE.len())
        .position(|window| window == ATTRIBUTE)?;
    let number = *head.get(at + ATTRIBUTE.len())?;
    (number >= N_KNOWN).then_some(number)
}

/// Calls the crate, which panics over some damaged files (version 1.74 where a B44 block ends early, for one). Nothing
/// that it works on outlives the call, so that no half-changed state is seen.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, ExrError>) -> Result<T, ExrError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(ExrError::Invalid("its bytes make no sense".into())))
}

/// Reads all headers; returns where they end, too.
fn read_meta(input: &mut Input, limits: &Limits) -> Result<(MetaData, u64), Error> {
    let name = input.name().to_owned();
    let io = |source| Error::Io {
        name: name.clone(),
        source,
    };
    let max = limits
        .max_metadata_bytes
        .saturating_add(MAX_OTHER_HEADER_BYTES);
    input.rewind().map_err(io)?;
    let mut reader = BufReader::new(&mut *input);
    let mut bounded = Counted {
        inner: &mut reader,
        read: 0,
        max,
    };
    let meta = guarded(|| {
        let meta = MetaData::read_from_buffered(&mut bounded, false)?;
        MetaData::validate(&meta.headers, false)?;
        Ok(meta)
    })
    .map_err(|error| error_of(&name, error));
    let end = bounded.read;
    drop(reader);
    let meta = match meta {
        Err(Error::Malformed { reason, .. }) if reason.contains("compression attribute") => {
            return Err(match unknown_compression(input, max) {
                Some(number) => unsupported(&name, format!("compression {number}")),
                None => malformed(&name, Format::OpenExr, reason),
            });
        }
        meta => meta?,
    };
    Ok((meta, end))
}

/// Ends after so many bytes, as a file would, and knows how many were read.
struct Counted<'a, R> {
    inner: &'a mut R,
    read: u64,
    max: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = (self.max - self.read).min(buf.len() as u64) as usize;
        let n = self.inner.read(&mut buf[..left])?;
        self.read += n as u64;
        Ok(n)
    }
}

pub(super) fn read(input: &mut Input, limits: &Limits) -> Result<Headers, Error> {
    let (mut meta, mut table_at) = read_meta(input, limits)?;
    let name = input.name();
    let (mut parts, mut specs) = (Vec::new(), Vec::new());
    for header in &mut meta.headers {
        if parts.len() == limits.max_subimages as usize {
            break;
        }
        let (part, spec) = part(name, header, table_at, limits)?;
        table_at += 8 * header.chunk_count as u64;
        parts.push(part);
        specs.push(spec);
        // Decoding needs none of these; `metadata` reads them again.
        let position = header.own_attributes.layer_position;
        header.own_attributes = LayerAttributes {
            layer_position: position,
            ..LayerAttributes::default()
        };
        header.shared_attributes = ImageAttributes::new(header.shared_attributes.display_window);
    }
    Ok(Headers { meta, parts, specs })
}

fn part(
    name: &str,
    header: &Header,
    table_at: u64,
    limits: &Limits,
) -> Result<(Part, ImageSpec), Error> {
    let size = checked_size(name, header.layer_size.0, header.layer_size.1, limits)?;
    let Some(selection) = Selection::new(&header.channels) else {
        return Err(unsupported(
            name,
            format!("{} channels", header.channels.list.len()),
        ));
    };
    let levels = match header.blocks {
        BlockDescription::ScanLines => {
            let rows = header.compression.scan_lines_per_block() as u32;
            let grid = TileGrid::new(size, Size::new(size.width, rows.min(size.height)));
            let level = Level {
                grid,
                blocks_before: 0,
            };
            vec![level]
        }
        BlockDescription::Tiles(tiles) => {
            let tile = checked_size(name, tiles.tile_size.0, tiles.tile_size.1, limits)?;
            tile_levels(header, tiles, tile)
        }
    };
    let window = |x: i32, y: i32, size: Size| Window {
        x,
        y,
        width: size.width,
        height: size.height,
    };
    let position = header.own_attributes.layer_position;
    let display = header.shared_attributes.display_window;
    let clamp = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let display_size = Size::new(clamp(display.size.0), clamp(display.size.1));
    let spec = ImageSpec {
        format: selection.format,
        stored: Stored {
            sample: StoredSample::of(selection.format.sample),
            layout: match header.blocks {
                BlockDescription::ScanLines => Layout::Strips(levels[0].grid.tile.height),
                BlockDescription::Tiles(_) => Layout::Tiles(levels[0].grid.tile),
            },
        },
        channels: selection.named.clone(),
        alpha: selection.alpha,
        transfer: Transfer::Linear,
        orientation: Orientation::Normal,
        data_window: window(position.0, position.1, size),
        display_window: window(display.position.0, display.position.1, display_size),
        icc: None,
        levels: levels
            .iter()
            .map(|level| LevelSpec {
                size: level.grid.image,
                access: Access::Chunks(level.grid.tile),
            })
            .collect(),
    };
    let part = Part {
        selection,
        levels,
        table_at,
        stored_pixel_bytes: header.channels.bytes_per_pixel as u64,
        n_channels: header.channels.list.len() as u64,
        compression: header.compression,
        is_tiled: header.blocks.has_tiles(),
    };
    Ok((part, spec))
}

/// The levels of a mip map, or those of a rip map that are reduced alike in both directions.
fn tile_levels(header: &Header, tiles: TileDescription, tile: Size) -> Vec<Level> {
    let (width, height) = (header.layer_size.0, header.layer_size.1);
    let round = tiles.rounding_mode;
    let size = |x: u32, y: u32| {
        Size::new(
            compute_level_size(round, width, x as usize) as u32,
            compute_level_size(round, height, y as usize) as u32,
        )
    };
    let blocks = |size: Size| {
        (compute_block_count(size.width as usize, tile.width as usize)
            * compute_block_count(size.height as usize, tile.height as usize)) as u64
    };
    let count = |side: usize| compute_level_count(round, side) as u32;
    let mut levels = Vec::new();
    let mut blocks_before = 0;
    match tiles.level_mode {
        LevelMode::Singular => levels.push(Level {
            grid: TileGrid::new(size(0, 0), tile),
            blocks_before,
        }),
        LevelMode::MipMap => {
            for level in 0..count(width.max(height)) {
                let grid = TileGrid::new(size(level, level), tile);
                levels.push(Level {
                    grid,
                    blocks_before,
                });
                blocks_before += blocks(grid.image);
            }
        }
        LevelMode::RipMap => {
            for y in 0..count(height) {
                for x in 0..count(width) {
                    let grid = TileGrid::new(size(x, y), tile);
                    if x == y {
                        levels.push(Level {
                            grid,
                            blocks_before,
                        });
                    }
                    blocks_before += blocks(grid.image);
                }
            }
        }
    }
    levels
}

fn checked_size(name: &str, width: usize, height: usize, limits: &Limits) -> Result<Size, Error> {
    // The crate reads sides as 32-bit numbers.
    let side = |side| u32::try_from(side).unwrap_or(u32::MAX);
    let size = Size::new(side(width), side(height));
    check_size(name, Format::OpenExr, size, limits)?;
    Ok(size)
}

/// The attributes of the first part that describe the picture.
pub(super) fn metadata(input: &mut Input, limits: &Limits) -> Result<MetadataBlocks, Error> {
    let (meta, _) = read_meta(input, limits)?;
    let mut blocks = MetadataBlocks::default();
    let Some(header) = meta.headers.first() else {
        return Ok(blocks);
    };
    let own = &header.own_attributes;
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            blocks.texts.push((name.to_owned(), value));
        }
    };
    let text = |value: &Option<exr::meta::attribute::Text>| value.as_ref().map(ToString::to_string);
    let number = |value: Option<f32>| value.map(|value| value.to_string());
    put("owner", text(&own.owner));
    put("comments", text(&own.comments));
    put("capDate", text(&own.capture_date));
    put("utcOffset", number(own.utc_offset));
    put("longitude", number(own.longitude));
    put("latitude", number(own.latitude));
    put("altitude", number(own.altitude));
    put("focus", number(own.focus));
    put("expTime", number(own.exposure));
    put("aperture", number(own.aperture));
    put("isoSpeed", number(own.iso_speed));
    put("wrapmodes", text(&own.wrap_mode_name));
    put("name", text(&own.layer_name));
    put("view", text(&own.view_name));
    put("software", text(&own.software_name));
    let mut others: Vec<_> = own
        .other
        .iter()
        .chain(&header.shared_attributes.other)
        .collect();
    others.sort_by_key(|(name, _)| name.to_string());
    for (name, value) in others {
        let (name, value) = match value {
            AttributeValue::Text(text) => (name.to_string(), text.to_string()),
            AttributeValue::F32(value) => (name.to_string(), value.to_string()),
            AttributeValue::F64(value) => (name.to_string(), value.to_string()),
            AttributeValue::I32(value) => (name.to_string(), value.to_string()),
            _ => continue,
        };
        if name.eq_ignore_ascii_case("xmp") {
            blocks.xmp = Some(value.into_bytes());
        } else {
            blocks.texts.push((name, value));
        }
    }
    Ok(blocks)
}

/// Columns and rows of blocks, with the part of `rect` in each, by rows from left to right.
pub(super) fn blocks_of(grid: TileGrid, rect: Rect) -> impl Iterator<Item = (u32, u32, Rect)> {
    let (columns, rows) = grid.touching(rect);
    rows.flat_map(move |row| {
        columns
            .clone()
            .map(move |column| (column, row, grid.rect(column, row).intersect(rect)))
    })
}
