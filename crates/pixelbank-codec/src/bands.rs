//! Rows, one after the other, gathered into bands of a moderate size.

use std::ops::ControlFlow;

use pixelbank_image::{PixelFormat, Rect, Size, View};

use crate::request::zeroed;
use crate::{Band, Error, Flow};

/// Bytes that a band aims at: enough that what is done once a band costs little beside its pixels, little enough to
/// stay in a core's cache until the receiver has looked at it.
const BAND_BYTES: u64 = 256 << 10;

/// Gathers the rows of a region from the top and hands them on in bands.
pub(crate) struct Bands {
    rect: Rect,
    format: PixelFormat,
    buffer: Vec<u8>,
    capacity_rows: u32,
    /// Rows in the buffer.
    held: u32,
    /// The row of the level that the buffer starts with.
    first: u32,
}

impl Bands {
    /// For the rows of `rect`, which must have pixels.
    pub(crate) fn new(name: &str, rect: Rect, format: PixelFormat) -> Result<Self, Error> {
        Ok(Self {
            rect,
            format,
            buffer: zeroed(name, Self::buffer_bytes(rect.size(), format))?,
            capacity_rows: Self::rows(rect.size(), format),
            held: 0,
            first: rect.y,
        })
    }

    /// Rows of a band of a region of this `size`.
    pub(crate) fn rows(size: Size, format: PixelFormat) -> u32 {
        let row = format.row_bytes(size.width).max(1) as u64;
        ((BAND_BYTES / row) as u32).clamp(1, size.height.max(1))
    }

    /// Bytes that [`new`](Self::new) allocates.
    pub(crate) fn buffer_bytes(size: Size, format: PixelFormat) -> u64 {
        format.row_bytes(size.width) as u64 * u64::from(Self::rows(size, format))
    }

    /// The place for the next row, to be followed by [`push`](Self::push).
    pub(crate) fn next_row(&mut self) -> &mut [u8] {
        let row = self.format.row_bytes(self.rect.width);
        let start = self.held as usize * row;
        &mut self.buffer[start..start + row]
    }

    /// Takes the row that was written to [`next_row`](Self::next_row); hands over the band once it is full or done.
    pub(crate) fn push(&mut self, sink: &mut dyn FnMut(Band<'_>) -> Flow) -> Flow {
        self.held += 1;
        let end = u64::from(self.first) + u64::from(self.held);
        if self.held < self.capacity_rows && end < self.rect.bottom() {
            return ControlFlow::Continue(());
        }
        let rect = Rect::new(self.rect.x, self.first, self.rect.width, self.held);
        let pixels = View::packed(&self.buffer, rect.size(), self.format)
            .expect("the buffer was made for this many rows");
        self.first += self.held;
        self.held = 0;
        sink(Band { rect, pixels })
    }
}

/// Hands over the pixels of `rect` that lie packed in `pixels`, in bands of the usual size.
pub(crate) fn emit(
    pixels: &[u8],
    rect: Rect,
    format: PixelFormat,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) {
    let rows = Bands::rows(rect.size(), format);
    let row_bytes = format.row_bytes(rect.width);
    for (index, chunk) in pixels.chunks(rows as usize * row_bytes).enumerate() {
        let height = (chunk.len() / row_bytes) as u32;
        let band = Rect::new(rect.x, rect.y + index as u32 * rows, rect.width, height);
        let pixels =
            View::packed(chunk, band.size(), format).expect("a chunk consists of whole rows");
        if sink(Band { rect: band, pixels }).is_break() {
            return;
        }
    }
}
