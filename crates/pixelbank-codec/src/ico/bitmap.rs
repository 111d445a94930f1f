//! A bitmap of an icon: a Windows bitmap without the header of the file, then a mask of one bit a pixel.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use pixelbank_image::{PixelFormat, Rect, SampleKind, SampleType, Size, StoredSample};

use crate::bands::Bands;
use crate::request::{check_size, malformed, read_error, zeroed};
use crate::{Band, Error, Flow, Format, Input, Limits};

/// What icons were drawn with before there was transparency by degrees.
const HEADER_BYTES: usize = 40;

#[derive(Debug)]
pub(super) struct Bitmap {
    pub(super) size: Size,
    bits: u16,
    /// Red, green, blue, unused.
    palette: Vec<[u8; 4]>,
    /// Where the pixels begin, last row first.
    pixels_at: u64,
    /// Where the mask begins, last row first; some writers leave it out.
    mask_at: Option<u64>,
    /// Whether the fourth byte of a pixel of 32 bits is its alpha: where all of them are 0 it is not. Found out at the
    /// first reading.
    uses_alpha: Option<bool>,
}

/// Bytes of a row, which are a multiple of 4.
fn row_bytes(width: u32, bits: u16) -> u64 {
    (u64::from(width) * u64::from(bits)).div_ceil(32) * 4
}

impl Bitmap {
    /// Reads the header and the palette of the bitmap in `range`.
    pub(super) fn open(
        input: &mut Input,
        range: &Range<u64>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let io = |source| read_error(&name, Format::Ico, source);
        let mut header = [0; HEADER_BYTES];
        input
            .seek(SeekFrom::Start(range.start))
            .and_then(|_| input.read_exact(&mut header))
            .map_err(io)?;
        let four = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
        let header_bytes = four(0);
        if !(40..=124).contains(&header_bytes) {
            return Err(malformed(
                &name,
                Format::Ico,
                format!("a picture is neither PNG nor a bitmap: it begins with {header_bytes}"),
            ));
        }
        // The height counts the mask too.
        let (width, height) = (four(4) as i32, four(8) as i32);
        if width <= 0 || height <= 1 {
            return Err(malformed(
                &name,
                Format::Ico,
                format!("a bitmap claims {width}×{height} pixels, mask included"),
            ));
        }
        let size = Size::new(width as u32, height as u32 / 2);
        check_size(&name, Format::Ico, size, limits)?;
        let bits = four(12).to_le_bytes();
        let bits = u16::from_le_bytes([bits[2], bits[3]]);
        let compression = four(16);
        if !matches!(bits, 1 | 4 | 8 | 16 | 24 | 32) || compression != 0 {
            return Err(Error::Unsupported {
                name,
                format: Format::Ico,
                feature: format!("a bitmap of {bits} bits and compression {compression}"),
            });
        }
        let most = if bits <= 8 { 1u32 << bits } else { 0 };
        let used = match four(32) {
            0 => most,
            used => used,
        };
        if used > 256 {
            return Err(malformed(
                &name,
                Format::Ico,
                format!("a palette claims {used} colours"),
            ));
        }
        input
            .seek(SeekFrom::Start(range.start + u64::from(header_bytes)))
            .map_err(io)?;
        let mut stored = vec![0; used as usize * 4];
        input.read_exact(&mut stored).map_err(io)?;
        let palette = stored
            .chunks_exact(4)
            .map(|color| [color[2], color[1], color[0], 255])
            .collect();
        let pixels_at = range.start + u64::from(header_bytes) + u64::from(used) * 4;
        // Sides are below 2^31 and pixels have at most 32 bits, so none of these can overflow.
        let pixels_end = pixels_at + row_bytes(size.width, bits) * u64::from(size.height);
        let mask_end = pixels_end + row_bytes(size.width, 1) * u64::from(size.height);
        Ok(Self {
            size,
            bits,
            palette,
            pixels_at,
            mask_at: (mask_end <= range.end).then_some(pixels_end),
            uses_alpha: None,
        })
    }

    /// How its colours are stored.
    pub(super) fn stored(&self) -> StoredSample {
        match self.bits {
            bits @ 1..=8 => StoredSample::new(SampleKind::Index, bits as u8),
            16 => StoredSample::new(SampleKind::Unsigned, 5),
            _ => StoredSample::of(SampleType::U8),
        }
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.palette.len() as u64 * 4
    }

    /// An upper bound of the heap bytes of decoding `rect`.
    pub(super) fn working_bytes(&self, rect: Rect) -> u64 {
        Bands::buffer_bytes(rect.size(), PixelFormat::RGBA8)
            + row_bytes(self.size.width, self.bits)
            + row_bytes(self.size.width, 1)
            + 512
    }

    /// Decodes `rect`, which must have pixels.
    pub(super) fn decode(
        &mut self,
        input: &mut Input,
        rect: Rect,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let name = input.name().to_owned();
        let mut stored = zeroed(&name, row_bytes(self.size.width, self.bits))?;
        let mut mask = zeroed(&name, row_bytes(self.size.width, 1))?;
        let uses_alpha = self.uses_alpha(input, &mut stored)?;
        let mut bands = Bands::new(&name, rect, PixelFormat::RGBA8)?;
        for y in rect.y..rect.bottom() as u32 {
            self.read_row(input, self.pixels_at, y, &mut stored)?;
            // Pixels with an alpha of their own need no mask.
            match self.mask_at {
                Some(at) if !uses_alpha => self.read_row(input, at, y, &mut mask)?,
                _ => {}
            }
            for (x, pixel) in (rect.x..).zip(bands.next_row().chunks_exact_mut(4)) {
                pixel.copy_from_slice(&self.pixel(&stored, x as usize));
                if !uses_alpha {
                    let is_hidden = mask[x as usize / 8] >> (7 - x % 8) & 1 == 1;
                    pixel[3] = if is_hidden { 0 } else { 255 };
                }
            }
            if bands.push(sink).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn read_row(
        &self,
        input: &mut Input,
        rows_at: u64,
        y: u32,
        row: &mut [u8],
    ) -> Result<(), Error> {
        let at = rows_at + u64::from(self.size.height - 1 - y) * row.len() as u64;
        input
            .seek(SeekFrom::Start(at))
            .and_then(|_| input.read_exact(row))
            .map_err(|source| read_error(input.name(), Format::Ico, source))
    }

    fn uses_alpha(&mut self, input: &mut Input, row: &mut [u8]) -> Result<bool, Error> {
        if let Some(known) = self.uses_alpha {
            return Ok(known);
        }
        let mut found = false;
        if self.bits == 32 {
            // In the order of the file.
            for y in (0..self.size.height).rev() {
                self.read_row(input, self.pixels_at, y, row)?;
                found = row.chunks_exact(4).any(|pixel| pixel[3] != 0);
                if found {
                    break;
                }
            }
        }
        self.uses_alpha = Some(found);
        Ok(found)
    }

    fn pixel(&self, row: &[u8], x: usize) -> [u8; 4] {
        // An index beyond the palette counts as black.
        let color = |index: u8| {
            let color = self.palette.get(usize::from(index));
            color.copied().unwrap_or([0, 0, 0, 255])
        };
        match self.bits {
            1 => color(row[x / 8] >> (7 - x % 8) & 1),
            4 => color(row[x / 2] >> (4 - x % 2 * 4) & 15),
            8 => color(row[x]),
            16 => {
                let pixel = u16::from_le_bytes([row[x * 2], row[x * 2 + 1]]);
                let [blue, green, red] = [0, 5, 10].map(|shift| {
                    let value = (pixel >> shift & 31) as u8;
                    value << 3 | value >> 2
                });
                [red, green, blue, 255]
            }
            24 => [row[x * 3 + 2], row[x * 3 + 1], row[x * 3], 255],
            _ => [row[x * 4 + 2], row[x * 4 + 1], row[x * 4], row[x * 4 + 3]],
        }
    }
}
