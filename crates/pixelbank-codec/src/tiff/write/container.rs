use std::io::SeekFrom;
use std::sync::Arc;

use pixelbank_image::{Orientation, PixelFormat, Size};

use super::{BigTiff, Output, TiffCompression, TiffOptions, io_error, refused};
use crate::tiff::directory::{Directory, Order, Source};
use crate::tiff::entries::{Entry, Layout};
use crate::tiff::metadata::{EXIF_FIELDS, NOT_COPIED, copy_fields};
use crate::tiff::page::{optional, tag};
use crate::{Embed, Error, Input};

/// Room for the longer of the two headers.
const HEADER_BYTES: u64 = 16;

/// Files end below this place where offsets have 32 bits.
const CLASSIC_BYTES: u64 = u32::MAX as u64;

const NATIVE: Order = if cfg!(target_endian = "little") {
    Order::Little
} else {
    Order::Big
};

mod kind {
    pub const BYTE: u16 = 1;
    pub const SHORT: u16 = 3;
    pub const LONG: u16 = 4;
    pub const RATIONAL: u16 = 5;
    pub const UNDEFINED: u16 = 7;
    pub const LONG8: u16 = 16;
}

/// The file: tiles as they come, then the directories. Samples and fields are in the machine's order of bytes.
pub(super) struct Container {
    out: Box<dyn Output>,
    at: u64,
    levels: Vec<Level>,
    format: PixelFormat,
    options: TiffOptions,
    /// Fields of the first page about the picture as a whole.
    picture: Vec<Entry>,
    /// Fields of the directories that hang on the first page, by the field that points there.
    subs: Vec<(u16, Vec<Entry>)>,
}

struct Level {
    size: Size,
    offsets: Vec<u64>,
    counts: Vec<u64>,
}

impl Container {
    pub(super) fn new(
        mut out: Box<dyn Output>,
        sizes: &[Size],
        format: PixelFormat,
        options: &TiffOptions,
        embed: &Embed<'_>,
    ) -> Result<Self, Error> {
        let (mut picture, subs) = embedded(embed);
        for (tag, kind, bytes) in [
            (tag::XMP, kind::BYTE, embed.xmp),
            (tag::ICC, kind::UNDEFINED, embed.icc),
        ] {
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                picture.push(Entry {
                    tag,
                    kind,
                    count: bytes.len() as u64,
                    values: bytes.to_vec(),
                });
            }
        }
        // A header that leads nowhere, until the file is finished: readers will refuse it.
        out.write_all(&[0; HEADER_BYTES as usize])
            .map_err(io_error)?;
        let levels = sizes
            .iter()
            .map(|&size| Level {
                size,
                offsets: Vec::new(),
                counts: Vec::new(),
            })
            .collect();
        Ok(Self {
            out,
            at: HEADER_BYTES,
            levels,
            format,
            options: options.clone(),
            picture,
            subs,
        })
    }

    /// Appends the next tile of a level.
    pub(super) fn tile(&mut self, level: usize, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(io_error)?;
        let level = &mut self.levels[level];
        level.offsets.push(self.at);
        level.counts.push(bytes.len() as u64);
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Writes the directories and the header.
    pub(super) fn finish(mut self, tables: Option<Vec<u8>>) -> Result<(), Error> {
        let layout = Layout {
            order: NATIVE,
            big: self.options.bigtiff == BigTiff::Always || self.at + self.rest() > CLASSIC_BYTES,
        };
        // Directories begin on even bytes.
        if self.at % 2 == 1 {
            self.append(&[0])?;
        }
        for (pointer, entries) in std::mem::take(&mut self.subs) {
            let at = self.at;
            self.append(&layout.directory(entries, at, 0))?;
            self.picture.push(long(layout, pointer, at));
        }
        let first = self.at;
        for index in 0..self.levels.len() {
            let entries = self.entries(index, layout, tables.as_deref());
            let is_last = index + 1 == self.levels.len();
            let at = self.at;
            // How long a directory is does not depend on where the next one stands.
            let len = layout.directory(entries.clone(), at, 0).len() as u64;
            let next = if is_last { 0 } else { at + len };
            self.append(&layout.directory(entries, at, next))?;
        }
        let mut header = [0; HEADER_BYTES as usize];
        header[..2].copy_from_slice(if NATIVE == Order::Little {
            b"II"
        } else {
            b"MM"
        });
        if layout.big {
            layout.put(43, &mut header[2..4]);
            layout.put(8, &mut header[4..6]);
            layout.put(first, &mut header[8..16]);
        } else {
            layout.put(42, &mut header[2..4]);
            layout.put(first, &mut header[4..8]);
        }
        self.out.flush().map_err(io_error)?;
        self.out.seek(SeekFrom::Start(0)).map_err(io_error)?;
        self.out.write_all(&header).map_err(io_error)?;
        self.out.flush().map_err(io_error)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(io_error)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// At least the bytes that directories will take.
    fn rest(&self) -> u64 {
        let tiles: usize = self.levels.iter().map(|level| level.offsets.len()).sum();
        let subs = self.subs.iter().flat_map(|(_, entries)| entries);
        let values: usize = subs
            .chain(&self.picture)
            .map(|entry| entry.values.len() + 20)
            .sum();
        16 * tiles as u64 + values as u64 + 4096 * self.levels.len() as u64
    }

    fn entries(&self, index: usize, layout: Layout, tables: Option<&[u8]>) -> Vec<Entry> {
        let level = &self.levels[index];
        let short = |tag, value: u64| shorts(layout, tag, &[value]);
        let channels = self.format.channels.count();
        let bits = 8 * self.format.sample.bytes() as u64;
        let is_colour = channels >= 3;
        let is_jpeg = matches!(self.options.compression, TiffCompression::Jpeg(_));
        let compression = match self.options.compression {
            TiffCompression::None => 1,
            TiffCompression::Lzw => 5,
            TiffCompression::Jpeg(_) => 7,
            TiffCompression::Deflate => 8,
        };
        let photometric = match (is_colour, is_jpeg) {
            (false, _) => 1,
            (true, false) => 2,
            (true, true) => 6,
        };
        let mut entries = vec![
            long(layout, tag::SUBFILE_TYPE, u64::from(index > 0)),
            long(layout, tag::WIDTH, level.size.width.into()),
            long(layout, tag::HEIGHT, level.size.height.into()),
            shorts(layout, tag::BITS_PER_SAMPLE, &vec![bits; channels]),
            short(tag::COMPRESSION, compression),
            short(tag::PHOTOMETRIC, photometric),
            short(tag::SAMPLES_PER_PIXEL, channels as u64),
            short(tag::PLANAR_CONFIGURATION, 1),
            long(layout, tag::TILE_WIDTH, self.options.tile.width.into()),
            long(layout, tag::TILE_LENGTH, self.options.tile.height.into()),
            longs(layout, tag::TILE_OFFSETS, &level.offsets),
            longs(layout, tag::TILE_BYTE_COUNTS, &level.counts),
        ];
        if matches!(
            self.options.compression,
            TiffCompression::Lzw | TiffCompression::Deflate
        ) {
            entries.push(short(tag::PREDICTOR, 2));
        }
        if self.format.channels.has_alpha() {
            entries.push(short(tag::EXTRA_SAMPLES, 2));
        }
        if let Some(tables) = tables {
            entries.push(Entry {
                tag: tag::JPEG_TABLES,
                kind: kind::UNDEFINED,
                count: tables.len() as u64,
                values: tables.to_vec(),
            });
            if is_colour {
                entries.push(shorts(layout, tag::YCBCR_SUBSAMPLING, &[2, 2]));
                // The full range of a byte, as JPEG has it; the default of TIFF is another.
                let range = [0u64, 255, 128, 255, 128, 255];
                let values = range
                    .iter()
                    .flat_map(|&value| [value, 1])
                    .collect::<Vec<_>>();
                let mut entry = longs(
                    Layout {
                        big: false,
                        ..layout
                    },
                    tag::REFERENCE_BLACK_WHITE,
                    &values,
                );
                (entry.kind, entry.count) = (kind::RATIONAL, 6);
                entries.push(entry);
            }
        }
        if index == 0 {
            entries.extend_from_slice(&self.picture);
        }
        entries
    }
}

fn shorts(layout: Layout, tag: u16, values: &[u64]) -> Entry {
    numbers(layout, tag, kind::SHORT, 2, values)
}

fn long(layout: Layout, tag: u16, value: u64) -> Entry {
    // Sizes and the like fit 32 bits also in a file whose places do not.
    if layout.big && value > u64::from(u32::MAX) {
        numbers(layout, tag, kind::LONG8, 8, &[value])
    } else {
        numbers(layout, tag, kind::LONG, 4, &[value])
    }
}

fn longs(layout: Layout, tag: u16, values: &[u64]) -> Entry {
    if layout.big {
        numbers(layout, tag, kind::LONG8, 8, values)
    } else {
        numbers(layout, tag, kind::LONG, 4, values)
    }
}

fn numbers(layout: Layout, tag: u16, kind: u16, size: usize, values: &[u64]) -> Entry {
    let mut bytes = vec![0; size * values.len()];
    for (value, bytes) in values.iter().zip(bytes.chunks_exact_mut(size)) {
        layout.put(*value, bytes);
    }
    Entry {
        tag,
        kind,
        count: values.len() as u64,
        values: bytes,
    }
}

type Fields = (Vec<Entry>, Vec<(u16, Vec<Entry>)>);

/// The fields of an EXIF block, in our order of bytes. A block that cannot be read has none.
fn embedded(embed: &Embed<'_>) -> Fields {
    let upright = || {
        let layout = Layout {
            order: NATIVE,
            big: false,
        };
        let normal = u64::from(Orientation::Normal.to_exif());
        vec![shorts(layout, tag::ORIENTATION, &[normal])]
    };
    match embed.exif.map(exif_fields) {
        Some(Ok((mut first, subs))) => {
            if !first.iter().any(|entry| entry.tag == tag::ORIENTATION) {
                first.extend(upright());
            }
            (first, subs)
        }
        _ => (upright(), Vec::new()),
    }
}

fn exif_fields(exif: &[u8]) -> Result<Fields, Error> {
    let input = Input::memory(Arc::from(exif), "EXIF block");
    let (mut source, first) = Source::open(input)?;
    let directory = source.directory(first)?;
    let swap = source.order != NATIVE;
    let fields = |source: &mut Source, directory: &Directory, wanted: &dyn Fn(u16) -> bool| {
        let mut entries = copy_fields(source, directory, wanted)?;
        if swap {
            entries.iter_mut().for_each(swap_values);
        }
        Ok::<_, Error>(entries)
    };
    let entries = fields(&mut source, &directory, &|tag| EXIF_FIELDS.contains(&tag))?;
    let mut subs = Vec::new();
    for pointer in [tag::EXIF_IFD, tag::GPS_IFD] {
        let Some(at) = optional(&mut source, &directory, pointer)? else {
            continue;
        };
        let sub = source.directory(at)?;
        let entries = fields(&mut source, &sub, &|tag| !NOT_COPIED.contains(&tag))?;
        if !entries.is_empty() {
            subs.push((pointer, entries));
        }
    }
    Ok((entries, subs))
}

fn swap_values(entry: &mut Entry) {
    let size = match entry.kind {
        3 | 8 => 2,
        4 | 5 | 9 | 10 | 11 | 13 => 4,
        12 => 8,
        _ => return,
    };
    entry
        .values
        .chunks_exact_mut(size)
        .for_each(<[u8]>::reverse);
}

/// Refuses blocks that a field cannot hold in a file of 32-bit offsets.
pub(super) fn check_embed(embed: &Embed<'_>) -> Result<(), Error> {
    for block in [embed.exif, embed.xmp, embed.icc].into_iter().flatten() {
        if block.len() as u64 >= CLASSIC_BYTES / 4 {
            return Err(refused(format!("{} bytes of metadata", block.len())));
        }
    }
    Ok(())
}
