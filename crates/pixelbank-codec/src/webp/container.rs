//! The RIFF container of WebP: where its parts lie, and how one is put together.
//!
//! Read and written here rather than by libwebp's demuxer, which wants the whole file in memory.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use pixelbank_image::{Rect, Size};

use crate::{Embed, Error, Format, Input, request};

/// Chunks that are looked at; an animation has one or two for each frame.
const MAX_CHUNKS: u32 = 1 << 16;

/// Bytes of an image chunk that tell its size.
const IMAGE_HEAD_BYTES: usize = 10;

/// Flags of the extended header.
const ALPHA: u8 = 16;
const ICCP: u8 = 32;
const EXIF: u8 = 8;
const XMP: u8 = 4;

/// What a file consists of, by position.
#[derive(Debug)]
pub(super) struct Container {
    /// The size of the whole picture.
    pub(super) canvas: Size,
    /// The still image, or the first frame of an animation.
    pub(super) image: Image,
    pub(super) iccp: Option<Range<u64>>,
    pub(super) exif: Option<Range<u64>>,
    pub(super) xmp: Option<Range<u64>>,
}

/// An image within the canvas.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) rect: Rect,
    /// Its chunks, headers included: alpha if there is any, then the picture.
    pub(super) bytes: Range<u64>,
    pub(super) coding: Coding,
}

/// How an image is stored, as far as memory depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Lossy { alpha: Plane },
    Lossless { alpha: bool },
}

/// The alpha plane beside a lossy image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    None,
    Raw,
    Compressed,
}

impl Coding {
    pub(super) fn has_alpha(self) -> bool {
        match self {
            Self::Lossy { alpha } => alpha != Plane::None,
            Self::Lossless { alpha } => alpha,
        }
    }
}

struct Chunk {
    name: [u8; 4],
    body: Range<u64>,
}

struct Walker<'a> {
    reader: BufReader<&'a mut Input>,
    file_len: u64,
    left: u32,
}

impl Walker<'_> {
    fn malformed(&self, reason: impl ToString) -> Error {
        request::malformed(self.reader.get_ref().name(), Format::WebP, reason)
    }

    fn failed(&self, source: io::Error) -> Error {
        request::read_error(self.reader.get_ref().name(), Format::WebP, source)
    }

    fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        let here = self.reader.stream_position();
        here.and_then(|here| self.reader.seek_relative(at as i64 - here as i64))
            .and_then(|()| self.reader.read_exact(&mut bytes))
            .map_err(|source| self.failed(source))?;
        Ok(bytes)
    }

    /// The chunk at `at`, of which at least the header must be there.
    fn chunk(&mut self, at: u64) -> Result<Chunk, Error> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| self.malformed("it has too many chunks"))?;
        let header: [u8; 8] = self.bytes(at)?;
        let [a, b, c, d, len @ ..] = header;
        let len = u64::from(u32::from_le_bytes(len));
        Ok(Chunk {
            name: [a, b, c, d],
            body: at + 8..at + 8 + len,
        })
    }

    /// The image whose first chunk is at `at`, `None` if that chunk is no part of one.
    fn image(&mut self, at: u64) -> Result<Option<(Size, Coding, Range<u64>)>, Error> {
        let mut chunk = self.chunk(at)?;
        let mut plane = Plane::None;
        if &chunk.name == b"ALPH" {
            let [flags] = self.bytes(chunk.body.start)?;
            plane = if flags & 3 == 0 {
                Plane::Raw
            } else {
                Plane::Compressed
            };
            chunk = self.chunk(end_of(&chunk))?;
        }
        let lossless = match &chunk.name {
            b"VP8 " => false,
            b"VP8L" => true,
            _ if plane == Plane::None => return Ok(None),
            _ => return Err(self.malformed("no image follows its alpha plane")),
        };
        if chunk.body.end > self.file_len {
            return Err(self.malformed("it ends within the image data"));
        }
        let head: [u8; IMAGE_HEAD_BYTES] = self.bytes(chunk.body.start)?;
        let (size, coding) = if lossless {
            let (size, alpha) = lossless_head(&head)
                .ok_or_else(|| self.malformed("its lossless image has no header"))?;
            (size, Coding::Lossless { alpha })
        } else {
            let size = lossy_head(&head)
                .ok_or_else(|| self.malformed("its lossy image does not begin with a key frame"))?;
            (size, Coding::Lossy { alpha: plane })
        };
        Ok(Some((size, coding, at..chunk.body.end)))
    }
}

/// Where the chunk behind this one begins: at an even position.
fn end_of(chunk: &Chunk) -> u64 {
    chunk.body.end + (chunk.body.end - chunk.body.start) % 2
}

/// The size in the header of a VP8 key frame (RFC 6386, 9.1).
fn lossy_head(head: &[u8; IMAGE_HEAD_BYTES]) -> Option<Size> {
    let [tag, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *head else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    (tag & 1 == 0).then(|| Size::new(side(w0, w1), side(h0, h1)))
}

/// The size and the use of alpha in the header of a VP8L image.
fn lossless_head(head: &[u8; IMAGE_HEAD_BYTES]) -> Option<(Size, bool)> {
    let [0x2F, a, b, c, d, ..] = *head else {
        return None;
    };
    let bits = u32::from_le_bytes([a, b, c, d]);
    let size = Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
    (bits >> 29 == 0).then_some((size, bits >> 28 & 1 == 1))
}

fn u24(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

impl Container {
    /// Finds the parts; of an animation the first frame.
    pub(super) fn read(input: &mut Input) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let failed = |source| request::read_error(&name, Format::WebP, source);
        let file_len = input.len_bytes().map_err(failed)?;
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut walker = Walker {
            reader: BufReader::with_capacity(512, input),
            file_len,
            left: MAX_CHUNKS,
        };
        let riff: [u8; 12] = walker.bytes(0)?;
        if !riff.starts_with(b"RIFF") || !riff.ends_with(b"WEBP") {
            return Err(walker.malformed("it does not begin with a WebP header"));
        }
        let mut canvas = None;
        let mut image = None;
        let (mut iccp, mut exif, mut xmp) = (None, None, None);
        let mut at = 12;
        // The length in the RIFF header is often wrong, that of the file never.
        while at + 8 <= file_len {
            let chunk = walker.chunk(at)?;
            at = end_of(&chunk);
            let complete = chunk.body.end <= file_len;
            match &chunk.name {
                b"VP8X" if canvas.is_none() => {
                    let head: [u8; 10] = walker.bytes(chunk.body.start)?;
                    canvas = Some(Size::new(u24(&head[4..]) + 1, u24(&head[7..]) + 1));
                }
                b"ICCP" if complete => iccp = iccp.or(Some(chunk.body)),
                b"EXIF" if complete => exif = exif.or(Some(chunk.body)),
                b"XMP " if complete => xmp = xmp.or(Some(chunk.body)),
                b"ANMF" if image.is_none() => {
                    let head: [u8; 16] = walker.bytes(chunk.body.start)?;
                    let (x, y) = (2 * u24(&head), 2 * u24(&head[3..]));
                    let Some((size, coding, bytes)) = walker.image(chunk.body.start + 16)? else {
                        return Err(walker.malformed("its first frame holds no image"));
                    };
                    let rect = Rect::new(x, y, size.width, size.height);
                    image = Some(Image {
                        rect,
                        bytes,
                        coding,
                    });
                }
                b"ALPH" | b"VP8 " | b"VP8L" if image.is_none() => {
                    let start = chunk.body.start - 8;
                    if let Some((size, coding, bytes)) = walker.image(start)? {
                        at = bytes.end + (bytes.end - start) % 2;
                        let rect = size.rect();
                        image = Some(Image {
                            rect,
                            bytes,
                            coding,
                        });
                    }
                }
                _ => {}
            }
        }
        let Some(image) = image else {
            return Err(walker.malformed("it ends before its image"));
        };
        let canvas = canvas.unwrap_or(image.rect.size());
        if image.rect.is_empty() || !image.rect.fits(canvas) {
            return Err(walker.malformed("its image does not lie within its canvas"));
        }
        Ok(Self {
            canvas,
            image,
            iccp,
            exif,
            xmp,
        })
    }
}

/// Adds metadata to what libwebp wrote, which is a simple file, or an extended one with alpha.
pub(super) fn embed(
    file: Vec<u8>,
    size: Size,
    has_alpha: bool,
    metadata: &Embed<'_>,
) -> Result<Vec<u8>, Error> {
    if metadata.exif.is_none() && metadata.xmp.is_none() && metadata.icc.is_none() {
        return Ok(file);
    }
    let too_long = || Error::Encode {
        format: Format::WebP,
        reason: "the file would exceed 4 GB".to_owned(),
    };
    // Behind the RIFF header, and an extended header if there is one.
    let images = match file.get(12..16) {
        Some(b"VP8X") => file.get(30..),
        _ => file.get(12..),
    }
    .unwrap_or_default();
    let mut flags = if has_alpha { ALPHA } else { 0 };
    for (block, flag) in [
        (metadata.icc, ICCP),
        (metadata.exif, EXIF),
        (metadata.xmp, XMP),
    ] {
        flags |= if block.is_some() { flag } else { 0 };
    }
    let mut body = b"WEBP".to_vec();
    let mut head = [0; 10];
    head[0] = flags;
    head[4..7].copy_from_slice(&(size.width - 1).to_le_bytes()[..3]);
    head[7..10].copy_from_slice(&(size.height - 1).to_le_bytes()[..3]);
    let add = |body: &mut Vec<u8>, name: &[u8; 4], data: &[u8]| {
        let len = u32::try_from(data.len()).map_err(|_| too_long())?;
        body.extend_from_slice(name);
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(2), 0);
        Ok::<(), Error>(())
    };
    add(&mut body, b"VP8X", &head)?;
    if let Some(icc) = metadata.icc {
        add(&mut body, b"ICCP", icc)?;
    }
    body.extend_from_slice(images);
    if let Some(exif) = metadata.exif {
        add(&mut body, b"EXIF", exif)?;
    }
    if let Some(xmp) = metadata.xmp {
        add(&mut body, b"XMP ", xmp)?;
    }
    let len = u32::try_from(body.len()).map_err(|_| too_long())?;
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&len.to_le_bytes());
    file.append(&mut body);
    Ok(file)
}
