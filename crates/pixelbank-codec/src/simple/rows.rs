//! A decoder for files that are read in bands, whichever their format.

use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, Size, Stored,
    StoredSample, Transfer, View,
};

use crate::request::{accept, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// Decoded bytes that a band of whole rows aims at.
const BAND_BYTES: u64 = 256 << 10;

/// Decoded bytes of a chunk of a file whose rows can be got at one by one. A cache keeps whole chunks.
const CHUNK_BYTES: u64 = 1 << 20;

/// What a format has to know to be read in bands.
pub(super) trait Rows: Send + std::fmt::Debug {
    /// Whether any rows can be read without those above them.
    fn is_random_access(&self) -> bool;

    /// The heap bytes of reading a band of `rows` rows, beside the band's pixels.
    fn extra_bytes(&self, rows: u32) -> u64;

    /// Makes ready for reading rows from `first` on. Where access is not random, `first` is 0. Whoever is told each time
    /// where to read has nothing to do here.
    fn start(&mut self, _input: &mut Input, _first: u32) -> Result<(), Error> {
        Ok(())
    }

    /// Reads the next `count` rows into `target`, which is as long as their pixels.
    fn read(
        &mut self,
        input: &mut Input,
        first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error>;
}

/// Width, height and meaning of the pixels of a file of one subimage with one level.
pub(super) struct Shape {
    pub(super) format: Format,
    pub(super) size: Size,
    pub(super) pixels: PixelFormat,
    pub(super) stored: StoredSample,
    pub(super) transfer: Transfer,
}

impl Shape {
    pub(super) fn info(&self, access: Access) -> Arc<ImageInfo> {
        Arc::new(ImageInfo {
            format: self.format,
            subimages: vec![ImageSpec {
                format: self.pixels,
                stored: Stored::new(self.stored),
                channels: None,
                alpha: if self.pixels.channels.has_alpha() {
                    Alpha::Straight
                } else {
                    Alpha::None
                },
                transfer: self.transfer,
                orientation: Orientation::Normal,
                data_window: self.size.into(),
                display_window: self.size.into(),
                icc: None,
                levels: vec![LevelSpec {
                    size: self.size,
                    access,
                }],
            }],
        })
    }
}

/// A file that is read in bands.
#[derive(Debug)]
pub(super) struct RowDecoder<R> {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    size: Size,
    pixels: PixelFormat,
    rows: R,
}

impl<R: Rows + 'static> RowDecoder<R> {
    pub(super) fn open(input: Input, limits: &Limits, shape: &Shape, rows: R) -> Box<dyn Decoder> {
        let access = if rows.is_random_access() {
            Access::Chunks(Size::new(
                shape.size.width,
                rows_of(CHUNK_BYTES, shape.size, shape.pixels),
            ))
        } else {
            Access::Pass
        };
        Box::new(Self {
            name: input.name().to_owned(),
            input,
            limits: limits.clone(),
            info: shape.info(access),
            size: shape.size,
            pixels: shape.pixels,
            rows,
        })
    }

    /// The rows that must be read to have those of `rect`.
    fn rows_to_read(&self, rect: Rect) -> (u32, u32) {
        let first = if self.rows.is_random_access() {
            rect.y
        } else {
            0
        };
        (first, rect.bottom() as u32)
    }

    fn band_rows(&self, rect: Rect) -> u32 {
        let (first, end) = self.rows_to_read(rect);
        let size = Size::new(self.size.width, end - first);
        rows_of(BAND_BYTES, size, self.pixels)
    }
}

/// The whole rows that fit into that many bytes, at least one and at most all.
fn rows_of(bytes: u64, size: Size, pixels: PixelFormat) -> u32 {
    let row = pixels.row_bytes(size.width).max(1) as u64;
    ((bytes / row) as u32).clamp(1, size.height.max(1))
}

impl<R: Rows + 'static> Decoder for RowDecoder<R> {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let rect = region.rect.intersect(self.size.rect());
        let rows = self.band_rows(rect);
        self.pixels.row_bytes(self.size.width) as u64 * u64::from(rows)
            + self.rows.extra_bytes(rows)
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
        let band_rows = self.band_rows(rect);
        let row_bytes = self.pixels.row_bytes(self.size.width);
        let mut band = zeroed(&self.name, row_bytes as u64 * u64::from(band_rows))?;
        let (first, end) = self.rows_to_read(rect);
        self.rows.start(&mut self.input, first)?;
        let mut y = first;
        while y < end {
            let count = band_rows.min(end - y);
            let target = &mut band[..row_bytes * count as usize];
            self.rows.read(&mut self.input, y, count, target)?;
            let read = Rect::new(0, y, self.size.width, count);
            y += count;
            let wanted = read.intersect(rect);
            if wanted.is_empty() {
                continue;
            }
            let pixels = View::packed(target, read.size(), self.pixels)
                .and_then(|view| {
                    view.crop(Rect {
                        y: wanted.y - read.y,
                        ..wanted
                    })
                })
                .expect("the band holds the rows that were read");
            if sink(Band {
                rect: wanted,
                pixels,
            })
            .is_break()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks::default())
    }
}
