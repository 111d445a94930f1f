use pixelbank_image::{
    self as image, Access, Alpha, Channels, Layout, PixelFormat, SampleType, Size, Stored,
    StoredSample,
};

use super::directory::{Directory, Field, Source};
use crate::request::check_size;
use crate::{Error, Format, Limits};

pub(super) mod tag {
    pub const SUBFILE_TYPE: u16 = 254;
    pub const OLD_SUBFILE_TYPE: u16 = 255;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const IMAGE_DESCRIPTION: u16 = 270;
    pub const MAKE: u16 = 271;
    pub const MODEL: u16 = 272;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR_CONFIGURATION: u16 = 284;
    pub const PAGE_NAME: u16 = 285;
    pub const FAX3_OPTIONS: u16 = 292;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const SOFTWARE: u16 = 305;
    pub const DATE_TIME: u16 = 306;
    pub const ARTIST: u16 = 315;
    pub const HOST_COMPUTER: u16 = 316;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const INK_SET: u16 = 332;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    pub const XMP: u16 = 700;
    pub const TEXTURE_FORMAT: u16 = 33302;
    pub const COPYRIGHT: u16 = 33432;
    pub const IPTC: u16 = 33723;
    pub const ICC: u16 = 34675;
    pub const EXIF_IFD: u16 = 34665;
    pub const GPS_IFD: u16 = 34853;
}

/// Strips up to this size are chunks of their own; higher ones are read in one pass.
const MAX_STRIP_CHUNK_BYTES: u64 = 4 << 20;

/// What a high strip of plain bytes is cut into.
const PLAIN_CHUNK_BYTES: u64 = 1 << 20;

/// How the bytes of a chunk are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// Modified Huffman.
    Fax2,
    Fax3,
    /// Group 3 in two dimensions.
    Fax3Mixed,
    Fax4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

impl Compression {
    /// Whether it packs bilevel pages by the runs of their rows.
    pub(super) fn is_fax(self) -> bool {
        matches!(self, Self::Fax2 | Self::Fax3 | Self::Fax3Mixed | Self::Fax4)
    }
}

/// What was done to samples before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// Each sample less its left neighbour.
    Horizontal,
    /// The bytes of a row's floats sorted by significance, each less its left neighbour.
    Float,
}

/// What kind of numbers samples are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SampleKind {
    Unsigned,
    /// Delivered as floats, the highest value as 1.
    Signed,
    Float,
}

/// What must be done to the samples of the file for the pixels that are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing but byte order.
    Same,
    /// 0 is white.
    Inverted,
    /// Indices into a colour table.
    Palette(Field),
    /// Luminance and chroma; JPEG streams alone.
    YCbCr,
    /// RGB that its JPEG stream must not take for YCbCr.
    JpegRgb,
}

/// What the directory of one page (or level) says of its pixels. Small, since every level of an open file has one:
/// arrays of the file are only pointed to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub size: Size,
    /// Size of a chunk: a tile, or a strip of full width.
    pub chunk: Size,
    pub offsets: Field,
    pub counts: Option<Field>,
    pub jpeg_tables: Option<Field>,
    pub compression: Compression,
    pub predictor: Predictor,
    pub meaning: Meaning,
    /// Bits of a sample in the file.
    pub bits: u8,
    pub kind: SampleKind,
    /// Samples of a pixel.
    pub samples: u8,
    /// Whether each sample has chunks of its own.
    pub planar: bool,
    /// Whether the bits of each byte stand in reverse.
    pub bits_reversed: bool,
    pub format: PixelFormat,
    pub alpha: Alpha,
    /// Whether it says that it is a smaller version of another page.
    pub reduced: bool,
    /// Whether it is a transparency mask.
    pub mask: bool,
    /// Whether the file says that its pages are the levels of a texture.
    pub texture: bool,
    pub tiled: bool,
    /// Where its directory lies.
    pub at: u64,
}

impl Page {
    pub(super) fn read(
        source: &mut Source,
        directory: &Directory,
        at: u64,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let size = Size::new(
            required(source, directory, tag::WIDTH, "width")?,
            required(source, directory, tag::HEIGHT, "height")?,
        );
        check_size(source.name(), Format::Tiff, size, limits)?;
        let (tiled, chunk) = match (
            directory.get(tag::TILE_WIDTH),
            directory.get(tag::TILE_LENGTH),
        ) {
            (Some(_), Some(_)) => {
                let chunk = Size::new(
                    required(source, directory, tag::TILE_WIDTH, "tile width")?,
                    required(source, directory, tag::TILE_LENGTH, "tile length")?,
                );
                check_size(source.name(), Format::Tiff, chunk, limits)?;
                (true, chunk)
            }
            _ => {
                let rows = optional(source, directory, tag::ROWS_PER_STRIP)?
                    .filter(|&rows| rows > 0)
                    .unwrap_or(u64::MAX);
                let rows = rows.min(u64::from(size.height)) as u32;
                (false, Size::new(size.width, rows))
            }
        };
        let compression = compression(source, directory)?;
        let samples = optional(source, directory, tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let samples = u8::try_from(samples)
            .map_err(|_| source.unsupported(format!("{samples} samples a pixel")))?;
        if samples == 0 {
            return Err(source.malformed("its pixels have no samples"));
        }
        let bits = same_for_all(source, directory, tag::BITS_PER_SAMPLE, 1)?;
        let sample_format = same_for_all(source, directory, tag::SAMPLE_FORMAT, 1)?;
        let (kind, sample) = sample_type(source, bits, sample_format)?;
        let (format, alpha, meaning) =
            pixels(source, directory, samples, bits, sample, compression)?;
        let predictor = predictor(source, directory, compression, bits, kind)?;
        let planar = samples > 1
            && optional(source, directory, tag::PLANAR_CONFIGURATION)?.unwrap_or(1) == 2;
        if compression == Compression::Jpeg && planar {
            return Err(source.unsupported("JPEG compression of separate planes"));
        }
        if compression.is_fax()
            && (bits != 1 || samples != 1 || chunk.width > u32::from(u16::MAX - 1))
        {
            return Err(source.unsupported("fax compression of anything but narrow bilevel pages"));
        }
        let subfile = optional(source, directory, tag::SUBFILE_TYPE)?;
        let old_subfile = optional(source, directory, tag::OLD_SUBFILE_TYPE)?;
        let (offsets, counts) = if tiled {
            (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
        } else {
            (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        let Some(&offsets) = directory.get(offsets) else {
            return Err(source.malformed("it does not say where its pixels lie"));
        };
        let jpeg_tables = directory.get(tag::JPEG_TABLES).copied();
        if let Some(tables) = &jpeg_tables
            && (tables.bytes() > limits.max_metadata_bytes || !source.holds(tables))
        {
            return Err(source.malformed(format!(
                "its JPEG tables of {} bytes are too long, or not within the file",
                tables.bytes()
            )));
        }
        let page = Self {
            size,
            chunk,
            offsets,
            counts: directory.get(counts).copied(),
            jpeg_tables,
            compression,
            predictor,
            meaning,
            bits,
            kind,
            samples,
            planar,
            bits_reversed: optional(source, directory, tag::FILL_ORDER)? == Some(2),
            format,
            alpha,
            reduced: subfile.is_some_and(|kind| kind & 1 != 0) || old_subfile == Some(2),
            mask: subfile.is_some_and(|kind| kind & 4 != 0),
            texture: directory.get(tag::TEXTURE_FORMAT).is_some(),
            tiled,
            at,
        };
        page.check_arrays(source)?;
        Ok(page)
    }

    /// What the file says of its pixels.
    pub(super) fn stored(&self) -> Stored {
        let kind = match (self.meaning, self.kind) {
            (Meaning::Palette(_), _) => image::SampleKind::Index,
            (_, SampleKind::Unsigned) => image::SampleKind::Unsigned,
            (_, SampleKind::Signed) => image::SampleKind::Signed,
            (_, SampleKind::Float) => image::SampleKind::Float,
        };
        Stored {
            sample: StoredSample::new(kind, self.bits),
            layout: if self.tiled {
                Layout::Tiles(self.chunk)
            } else {
                Layout::Strips(self.chunk.height)
            },
        }
    }

    /// Chunks in a row of one plane.
    pub(super) fn columns(&self) -> u32 {
        self.size.width.div_ceil(self.chunk.width)
    }

    /// Rows of chunks of one plane.
    pub(super) fn rows(&self) -> u32 {
        self.size.height.div_ceil(self.chunk.height)
    }

    pub(super) fn chunks_per_plane(&self) -> u64 {
        u64::from(self.columns()) * u64::from(self.rows())
    }

    /// Planes that are stored one after the other.
    pub(super) fn planes(&self) -> usize {
        if self.planar {
            usize::from(self.samples)
        } else {
            1
        }
    }

    /// Samples that stand next to each other in a chunk.
    pub(super) fn samples_together(&self) -> usize {
        if self.planar {
            1
        } else {
            usize::from(self.samples)
        }
    }

    /// Bytes of a row of a chunk in the file, once decompressed.
    pub(super) fn raw_row_bytes(&self) -> u64 {
        (u64::from(self.chunk.width) * self.samples_together() as u64 * u64::from(self.bits))
            .div_ceil(8)
    }

    /// Bytes of a whole chunk of one plane, once decompressed.
    pub(super) fn raw_chunk_bytes(&self) -> u64 {
        self.raw_row_bytes()
            .saturating_mul(u64::from(self.chunk.height))
    }

    /// Whether pixels are delivered byte for byte as they stand in the file, apart from the order of bytes, the
    /// predictor and inversion, which need no second buffer.
    pub(super) fn is_direct(&self) -> bool {
        !self.planar
            && !matches!(self.meaning, Meaning::Palette(_))
            && self.format.row_bytes(self.chunk.width) as u64 == self.raw_row_bytes()
            && matches!(self.bits, 8 | 16 | 32)
            && self.kind != SampleKind::Signed
    }

    /// Rows of a chunk that are really in the image; the last strip may be shorter.
    pub(super) fn rows_of(&self, chunk_row: u32) -> u32 {
        let top = chunk_row * self.chunk.height;
        if self.tiled {
            self.chunk.height
        } else {
            self.chunk.height.min(self.size.height - top)
        }
    }

    pub(super) fn access(&self) -> Access {
        let row_bytes = self.format.row_bytes(self.chunk.width) as u64;
        let chunk_bytes = self.format.image_bytes(self.chunk);
        if self.columns() > 1 || chunk_bytes <= MAX_STRIP_CHUNK_BYTES {
            Access::Chunks(self.chunk)
        } else if self.compression == Compression::None {
            // Any row of plain bytes can be sought, whatever strip it lies in.
            let rows = (PLAIN_CHUNK_BYTES / row_bytes).max(1) as u32;
            Access::Chunks(Size::new(self.size.width, rows.min(self.size.height)))
        } else {
            Access::Pass
        }
    }

    fn check_arrays(&self, source: &Source) -> Result<(), Error> {
        let n_chunks = self.chunks_per_plane().saturating_mul(self.planes() as u64);
        let fits = |field: &Field| field.count >= n_chunks && source.holds(field);
        if !fits(&self.offsets) {
            return Err(source.malformed(format!(
                "it needs the places of {n_chunks} chunks and lists {}, or not within the file",
                self.offsets.count
            )));
        }
        match &self.counts {
            Some(counts) if fits(counts) => Ok(()),
            // A few old writers left the sizes out; plain bytes have a known one.
            None if self.compression == Compression::None => Ok(()),
            _ => Err(source.malformed(format!(
                "it does not list the sizes of its {n_chunks} chunks within the file"
            ))),
        }
    }
}

pub(super) fn optional(
    source: &mut Source,
    directory: &Directory,
    tag: u16,
) -> Result<Option<u64>, Error> {
    match directory.get(tag) {
        Some(field) if field.count > 0 => source.uint(field, 0).map(Some),
        _ => Ok(None),
    }
}

fn required(
    source: &mut Source,
    directory: &Directory,
    tag: u16,
    what: &str,
) -> Result<u32, Error> {
    match optional(source, directory, tag)?.map(u32::try_from) {
        Some(Ok(value)) if value > 0 => Ok(value),
        Some(_) => Err(source.malformed(format!("its {what} is out of range"))),
        None => Err(source.malformed(format!("it has no {what}"))),
    }
}

/// The value of a field that has one per sample, all of which must agree.
fn same_for_all(
    source: &mut Source,
    directory: &Directory,
    tag: u16,
    default: u8,
) -> Result<u8, Error> {
    let Some(field) = directory.get(tag).filter(|field| field.count > 0) else {
        return Ok(default);
    };
    let mut values = [0; 255];
    let values = &mut values[..field.count.min(255) as usize];
    source.uints(field, 0..values.len() as u64, values)?;
    if values.iter().any(|&value| value != values[0]) {
        return Err(source.unsupported("samples of different kinds"));
    }
    u8::try_from(values[0]).map_err(|_| source.malformed(format!("tag {tag} is {}", values[0])))
}

fn compression(source: &mut Source, directory: &Directory) -> Result<Compression, Error> {
    Ok(
        match optional(source, directory, tag::COMPRESSION)?.unwrap_or(1) {
            1 => Compression::None,
            2 => Compression::Fax2,
            3 if optional(source, directory, tag::FAX3_OPTIONS)?.unwrap_or(0) & 1 != 0 => {
                Compression::Fax3Mixed
            }
            3 => Compression::Fax3,
            4 => Compression::Fax4,
            5 => Compression::Lzw,
            7 => Compression::Jpeg,
            8 | 32946 => Compression::Deflate,
            32773 => Compression::PackBits,
            50000 => Compression::Zstd,
            other => {
                let name = match other {
                    6 => "old-style JPEG",
                    34712 => "JPEG 2000",
                    34887 => "LERC",
                    34925 => "LZMA",
                    50001 => "WebP",
                    50002 => "JPEG XL",
                    _ => return Err(source.unsupported(format!("compression {other}"))),
                };
                return Err(source.unsupported(format!("{name} compression")));
            }
        },
    )
}

fn predictor(
    source: &mut Source,
    directory: &Directory,
    compression: Compression,
    bits: u8,
    kind: SampleKind,
) -> Result<Predictor, Error> {
    // The tag means nothing elsewhere, and writers leave it there.
    if !matches!(
        compression,
        Compression::Lzw | Compression::Deflate | Compression::Zstd
    ) {
        return Ok(Predictor::None);
    }
    match optional(source, directory, tag::PREDICTOR)?.unwrap_or(1) {
        1 => Ok(Predictor::None),
        2 if matches!(bits, 8 | 16 | 32 | 64) => Ok(Predictor::Horizontal),
        3 if kind == SampleKind::Float => Ok(Predictor::Float),
        other => Err(source.unsupported(format!("predictor {other} on {bits}-bit samples"))),
    }
}

/// What samples are in the file, and what they are delivered as.
fn sample_type(
    source: &Source,
    bits: u8,
    sample_format: u8,
) -> Result<(SampleKind, SampleType), Error> {
    Ok(match (sample_format, bits) {
        // 4 stands for "not known", which readers take for whole numbers.
        (1 | 4, 1..=8) => (SampleKind::Unsigned, SampleType::U8),
        (1 | 4, 9..=16) => (SampleKind::Unsigned, SampleType::U16),
        (1 | 4, 32) => (SampleKind::Unsigned, SampleType::U32),
        (2, 8 | 16 | 32) => (SampleKind::Signed, SampleType::F32),
        (3, 16) => (SampleKind::Float, SampleType::F16),
        (3, 32 | 64) => (SampleKind::Float, SampleType::F32),
        (2, _) => return Err(source.unsupported(format!("signed samples of {bits} bits"))),
        (5 | 6, _) => return Err(source.unsupported("complex samples")),
        _ => return Err(source.unsupported(format!("samples of {bits} bits"))),
    })
}

fn pixels(
    source: &mut Source,
    directory: &Directory,
    samples: u8,
    bits: u8,
    sample: SampleType,
    compression: Compression,
) -> Result<(PixelFormat, Alpha, Meaning), Error> {
    let is_jpeg = compression == Compression::Jpeg;
    if is_jpeg && (bits != 8 || sample != SampleType::U8) {
        return Err(source.unsupported(format!("JPEG compression of {bits}-bit samples")));
    }
    let photometric = optional(source, directory, tag::PHOTOMETRIC)?.unwrap_or(match samples {
        1 | 2 => 1,
        _ => 2,
    });
    let (colours, channels, meaning) = match photometric {
        0 if sample.is_float() => (1, Channels::Gray, Meaning::Same),
        0 => (1, Channels::Gray, Meaning::Inverted),
        1 | 4 => (1, Channels::Gray, Meaning::Same),
        2 if is_jpeg => (3, Channels::Rgb, Meaning::JpegRgb),
        2 => (3, Channels::Rgb, Meaning::Same),
        3 if samples == 1 && bits <= 8 => {
            let n_entries = 3u64 << bits;
            return match directory.get(tag::COLOR_MAP) {
                Some(&map) if map.kind == 3 && map.count >= n_entries && source.holds(&map) => {
                    Ok((PixelFormat::RGB8, Alpha::None, Meaning::Palette(map)))
                }
                _ => Err(source.malformed("its colour table is missing or short")),
            };
        }
        3 => return Err(source.unsupported("a colour table for such samples")),
        5 if optional(source, directory, tag::INK_SET)?.unwrap_or(1) == 1 && !sample.is_float() => {
            (4, Channels::Cmyk, Meaning::Same)
        }
        5 => (samples, Channels::Other(samples), Meaning::Same),
        6 if is_jpeg => (3, Channels::Rgb, Meaning::YCbCr),
        6 => return Err(source.unsupported("YCbCr without JPEG compression")),
        8..=10 => return Err(source.unsupported("L*a*b* colour")),
        32844 | 32845 => return Err(source.unsupported("LogLuv colour")),
        32803 | 34892 => return Err(source.unsupported("raw sensor data")),
        other => return Err(source.unsupported(format!("photometric interpretation {other}"))),
    };
    let Some(extra) = samples.checked_sub(colours) else {
        return Err(source.malformed(format!("{channels} cannot have {samples} samples")));
    };
    if is_jpeg && (extra > 0 || !matches!(samples, 1 | 3 | 4)) {
        return Err(source.unsupported(format!("JPEG compression of {samples} samples a pixel")));
    }
    let (channels, alpha) = match (channels, extra) {
        (_, 0) => (channels, Alpha::None),
        (Channels::Gray | Channels::Rgb, 1) => {
            let alpha = match optional(source, directory, tag::EXTRA_SAMPLES)? {
                Some(1) => Alpha::Premultiplied,
                Some(2) => Alpha::Straight,
                _ => Alpha::None,
            };
            let channels = if colours == 1 {
                Channels::GrayAlpha
            } else {
                Channels::Rgba
            };
            (channels, alpha)
        }
        _ => (Channels::Other(samples), Alpha::None),
    };
    Ok((PixelFormat::new(channels, sample), alpha, meaning))
}
