//! Windows bitmaps.

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use image::ImageDecoder;
use image::codecs::bmp::BmpDecoder;
use pixelbank_image::{Access, PixelFormat, SampleKind, SampleType, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use super::{failed, pixel_format, repeat_bits};
use crate::bands::emit;
use crate::request::{accept, check_size, malformed, read_error, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// File header, the longest information header, masks and a palette of 256 colours.
const HEAD_BYTES: u64 = 14 + 124 + 16 + 1024;

/// What the decoder keeps: the palette as read and as used, and its reader's buffer.
const DECODER_BYTES: u64 = 12 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let io = |source| read_error(&name, Format::Bmp, source);
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(io)?;
    let decoder = BmpDecoder::new(Cursor::new(&head[..]))
        .map_err(|error| failed(&name, Format::Bmp, error))?;
    let (width, height) = decoder.dimensions();
    let pixels = pixel_format(decoder.color_type())
        .ok_or_else(|| malformed(&name, Format::Bmp, "its pixels have no known layout"))?;
    let header = Header::read(&head)
        .ok_or_else(|| malformed(&name, Format::Bmp, "its header ends early"))?;
    let shape = Shape {
        format: Format::Bmp,
        size: Size::new(width, height),
        pixels,
        stored: match header.bits {
            bits @ 1..=8 => StoredSample::new(SampleKind::Index, bits as u8),
            16 => StoredSample::new(SampleKind::Unsigned, 5),
            _ => StoredSample::of(SampleType::U8),
        },
        transfer: Transfer::Display,
    };
    check_size(&name, Format::Bmp, shape.size, limits)?;
    if header.is_run_length_encoded {
        return Ok(Box::new(RunLength {
            input,
            name,
            limits: limits.clone(),
            info: shape.info(Access::Pass),
            size: shape.size,
            pixels,
        }));
    }
    let rows = Uncompressed {
        name,
        size: shape.size,
        stride: (u64::from(header.bits) * u64::from(width)).div_ceil(32) * 4,
        n_channels: pixels.channels.count(),
        head,
        header,
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

/// The fields that the crate does not tell.
#[derive(Debug, Clone, Copy)]
struct Header {
    /// The first header of OS/2 has 16-bit numbers.
    is_core: bool,
    is_top_down: bool,
    bits: u16,
    is_run_length_encoded: bool,
    /// Whether masks say where in a pixel its channels are.
    has_masks: bool,
    pixels_at: u64,
}

impl Header {
    fn read(head: &[u8]) -> Option<Self> {
        let two = |at: usize| Some(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
        let four = |at: usize| Some(u32::from(two(at)?) | u32::from(two(at + 2)?) << 16);
        let is_core = four(14)? == 12;
        Some(Self {
            is_core,
            is_top_down: !is_core && (four(22)? as i32) < 0,
            bits: two(if is_core { 24 } else { 28 })?,
            is_run_length_encoded: !is_core && matches!(four(30)?, 1 | 2),
            has_masks: !is_core && matches!(four(30)?, 3 | 6),
            pixels_at: u64::from(four(10)?),
        })
    }

    /// Bits of red, green, blue and alpha, where pixels have 16.
    fn channel_bits(self, head: &[u8]) -> Option<[u8; 4]> {
        const MASKS_AT: usize = 54;
        if self.bits != 16 {
            return None;
        }
        if !self.has_masks {
            return Some([5, 5, 5, 8]);
        }
        let mut masks = head.get(MASKS_AT..)?.chunks_exact(4);
        let mut bits = [8; 4];
        for bits in &mut bits {
            let mask = masks.next().and_then(<[u8]>::first_chunk);
            *bits = mask.map_or(8, |mask| u32::from_le_bytes(*mask).count_ones() as u8);
        }
        Some(bits)
    }

    /// The head of a file of `rows` rows, whose pixels follow at once.
    fn patched(self, head: &[u8], rows: u32) -> Vec<u8> {
        let mut head = head.to_vec();
        let pixels_at = head.len() as u32;
        head[10..14].copy_from_slice(&pixels_at.to_le_bytes());
        if self.is_core {
            head[20..22].copy_from_slice(&(rows as u16).to_le_bytes());
        } else {
            let height = rows as i32;
            let height = if self.is_top_down { -height } else { height };
            head[22..26].copy_from_slice(&height.to_le_bytes());
        }
        head
    }
}

/// A file whose rows all have the same length.
#[derive(Debug)]
struct Uncompressed {
    name: String,
    head: Vec<u8>,
    header: Header,
    size: Size,
    /// Bytes from one row to the next.
    stride: u64,
    /// Of a decoded pixel.
    n_channels: usize,
}

impl Rows for Uncompressed {
    fn is_random_access(&self) -> bool {
        true
    }

    fn extra_bytes(&self, _rows: u32) -> u64 {
        self.stride + Patched::BUFFER_BYTES as u64 + DECODER_BYTES + self.head.len() as u64
    }

    fn read(
        &mut self,
        input: &mut Input,
        first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let row_in_file = if self.header.is_top_down {
            first
        } else {
            self.size.height - first - count
        };
        let head = self.header.patched(&self.head, count);
        let body_at = self.header.pixels_at + u64::from(row_in_file) * self.stride;
        let source = Patched::new(head, input, body_at)
            .map_err(|source| read_error(&self.name, Format::Bmp, source))?;
        BmpDecoder::new(source)
            .and_then(|decoder| decoder.read_image(target))
            .map_err(|error| failed(&self.name, Format::Bmp, error))?;
        if let Some(bits) = self.header.channel_bits(&self.head) {
            repeat_bits(target, &bits[..self.n_channels]);
        }
        Ok(())
    }
}

/// A head of our own, then the file from some place on. The crate's decoder seeks, to and fro in the head and once to
/// the pixels.
struct Patched<'a> {
    head: Cursor<Vec<u8>>,
    body: BufReader<&'a mut Input>,
    body_at: u64,
}

impl<'a> Patched<'a> {
    const BUFFER_BYTES: usize = 32 << 10;

    fn new(head: Vec<u8>, input: &'a mut Input, body_at: u64) -> io::Result<Self> {
        input.seek(SeekFrom::Start(body_at))?;
        Ok(Self {
            head: Cursor::new(head),
            body: BufReader::with_capacity(Self::BUFFER_BYTES, input),
            body_at,
        })
    }

    fn is_in_head(&self) -> bool {
        self.head.position() < self.head.get_ref().len() as u64
    }
}

impl Read for Patched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.is_in_head() {
            self.head.read(buf)
        } else {
            self.body.read(buf)
        }
    }
}

impl BufRead for Patched<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.is_in_head() {
            self.head.fill_buf()
        } else {
            self.body.fill_buf()
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.is_in_head() {
            self.head.consume(amount);
        } else {
            self.body.consume(amount);
        }
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.head.get_ref().len() as u64;
        let here = if self.is_in_head() {
            self.head.position()
        } else {
            length + (self.body.stream_position()? - self.body_at)
        };
        let target = match to {
            SeekFrom::Start(target) => Some(target),
            SeekFrom::Current(by) => here.checked_add_signed(by),
            SeekFrom::End(_) => None,
        }
        .ok_or(io::ErrorKind::Unsupported)?;
        self.head.set_position(target.min(length));
        let in_body = target.saturating_sub(length);
        self.body.seek(SeekFrom::Start(self.body_at + in_body))?;
        Ok(target)
    }
}

/// A run-length encoded file. Its runs may jump from row to row, so the crate decodes the frame at once.
#[derive(Debug)]
struct RunLength {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    size: Size,
    pixels: PixelFormat,
}

impl Decoder for RunLength {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let _ = region;
        self.pixels.image_bytes(self.size) + DECODER_BYTES + Patched::BUFFER_BYTES as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let rect = region.rect;
        self.input
            .seek(SeekFrom::Start(0))
            .map_err(|source| read_error(&self.name, Format::Bmp, source))?;
        let mut frame = zeroed(&self.name, self.pixels.image_bytes(self.size))?;
        BmpDecoder::new(BufReader::with_capacity(
            Patched::BUFFER_BYTES,
            &mut self.input,
        ))
        .and_then(|decoder| decoder.read_image(&mut frame))
        .map_err(|error| failed(&self.name, Format::Bmp, error))?;
        if rect != self.size.rect() {
            crop_in_place(&mut frame, self.size, rect, self.pixels);
        }
        emit(&frame, rect, self.pixels, sink);
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks::default())
    }
}

/// Leaves the pixels of `rect` alone, packed at the start.
fn crop_in_place(
    frame: &mut Vec<u8>,
    size: Size,
    rect: pixelbank_image::Rect,
    pixels: PixelFormat,
) {
    let row = pixels.row_bytes(size.width);
    let length = pixels.row_bytes(rect.width);
    for index in 0..rect.height as usize {
        let from = (rect.y as usize + index) * row + pixels.row_bytes(rect.x);
        frame.copy_within(from..from + length, index * length);
    }
    frame.truncate(length * rect.height as usize);
}
