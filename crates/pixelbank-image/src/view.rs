use crate::{Error, PixelFormat, Rect, Size};

/// Borrowed pixels.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [u8],
    size: Size,
    format: PixelFormat,
    row_bytes: usize,
}

/// Borrowed pixels that can be written.
#[derive(Debug)]
pub struct ViewMut<'a> {
    data: &'a mut [u8],
    size: Size,
    format: PixelFormat,
    row_bytes: usize,
}

fn check(len: usize, size: Size, format: PixelFormat, row_bytes: usize) -> Result<(), Error> {
    let packed = format.row_bytes(size.width);
    if row_bytes < packed {
        return Err(Error::RowTooShort {
            row_bytes,
            width: size.width,
            pixel_bytes: format.pixel_bytes(),
        });
    }
    let needed = needed_bytes(size, packed, row_bytes);
    if (len as u64) < needed {
        return Err(Error::TooShort {
            got: len,
            needed,
            row_bytes,
            size,
        });
    }
    Ok(())
}

/// The last row needs no padding behind it.
fn needed_bytes(size: Size, packed: usize, row_bytes: usize) -> u64 {
    if size.is_empty() {
        0
    } else {
        u64::from(size.height - 1) * row_bytes as u64 + packed as u64
    }
}

fn range_of(rect: Rect, format: PixelFormat, row_bytes: usize) -> std::ops::Range<usize> {
    if rect.is_empty() {
        return 0..0;
    }
    let start = rect.y as usize * row_bytes + rect.x as usize * format.pixel_bytes();
    start..start + (rect.height as usize - 1) * row_bytes + format.row_bytes(rect.width)
}

impl<'a> View<'a> {
    /// `size` pixels of `format` in `data`, a row starting every `row_bytes` bytes.
    ///
    /// # Errors
    /// [`Error::RowTooShort`] or [`Error::TooShort`] where the bytes cannot hold the pixels.
    pub fn new(
        data: &'a [u8],
        size: Size,
        format: PixelFormat,
        row_bytes: usize,
    ) -> Result<Self, Error> {
        check(data.len(), size, format, row_bytes)?;
        Ok(Self {
            data,
            size,
            format,
            row_bytes,
        })
    }

    /// The same for rows that follow each other without padding.
    ///
    /// # Errors
    /// [`Error::TooShort`] where the bytes cannot hold the pixels.
    pub fn packed(data: &'a [u8], size: Size, format: PixelFormat) -> Result<Self, Error> {
        Self::new(data, size, format, format.row_bytes(size.width))
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The layout of a pixel.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Bytes from the start of one row to the next.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes from the first pixel on, padding included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The pixels of row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row(&self, y: u32) -> &'a [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size);
        let start = y as usize * self.row_bytes;
        &self.data[start..start + self.format.row_bytes(self.size.width)]
    }

    /// Every row from the top.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let view = *self;
        (0..view.size.height).map(move |y| view.row(y))
    }

    /// The pixels of `rect`, not copied.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] where it reaches outside.
    pub fn crop(&self, rect: Rect) -> Result<View<'a>, Error> {
        rect.within(self.size)?;
        let data = &self.data[range_of(rect, self.format, self.row_bytes)];
        Ok(Self {
            data,
            size: rect.size(),
            ..*self
        })
    }

    /// Whether rows follow each other without padding.
    pub fn is_packed(&self) -> bool {
        self.row_bytes == self.format.row_bytes(self.size.width)
    }
}

impl<'a> ViewMut<'a> {
    /// `size` pixels of `format` in `data`, a row starting every `row_bytes` bytes.
    ///
    /// # Errors
    /// [`Error::RowTooShort`] or [`Error::TooShort`] where the bytes cannot hold the pixels.
    pub fn new(
        data: &'a mut [u8],
        size: Size,
        format: PixelFormat,
        row_bytes: usize,
    ) -> Result<Self, Error> {
        check(data.len(), size, format, row_bytes)?;
        Ok(Self {
            data,
            size,
            format,
            row_bytes,
        })
    }

    /// The same for rows that follow each other without padding.
    ///
    /// # Errors
    /// [`Error::TooShort`] where the bytes cannot hold the pixels.
    pub fn packed(data: &'a mut [u8], size: Size, format: PixelFormat) -> Result<Self, Error> {
        Self::new(data, size, format, format.row_bytes(size.width))
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The layout of a pixel.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Bytes from the start of one row to the next.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// The bytes from the first pixel on, padding included.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.data
    }

    /// The same pixels, to read.
    pub fn as_view(&self) -> View<'_> {
        View {
            data: self.data,
            size: self.size,
            format: self.format,
            row_bytes: self.row_bytes,
        }
    }

    /// The same pixels for a shorter time.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        ViewMut {
            data: self.data,
            size: self.size,
            format: self.format,
            row_bytes: self.row_bytes,
        }
    }

    /// The pixels of row `y`, without padding.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row_mut(&mut self, y: u32) -> &mut [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size);
        let start = y as usize * self.row_bytes;
        let len = self.format.row_bytes(self.size.width);
        &mut self.data[start..start + len]
    }

    /// The pixels of `rect`, not copied.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] where it reaches outside.
    pub fn crop(self, rect: Rect) -> Result<ViewMut<'a>, Error> {
        rect.within(self.size)?;
        let range = range_of(rect, self.format, self.row_bytes);
        Ok(Self {
            data: &mut self.data[range],
            size: rect.size(),
            format: self.format,
            row_bytes: self.row_bytes,
        })
    }

    /// Makes all samples zero.
    pub fn clear(&mut self) {
        for y in 0..self.size.height {
            self.row_mut(y).fill(0);
        }
    }

    /// Copies all pixels of `source`, which must have the same size and format.
    ///
    /// # Errors
    /// [`Error::Mismatch`] where they differ; nothing is copied then.
    pub fn copy_from(&mut self, source: View<'_>) -> Result<(), Error> {
        if source.size() != self.size {
            return Err(Error::Mismatch {
                what: "sizes",
                left: source.size().to_string(),
                right: self.size.to_string(),
            });
        }
        if source.format() != self.format {
            return Err(Error::Mismatch {
                what: "pixel formats",
                left: source.format().to_string(),
                right: self.format.to_string(),
            });
        }
        if source.is_packed() && self.as_view().is_packed() {
            let len = self.format.row_bytes(self.size.width) * self.size.height as usize;
            self.data[..len].copy_from_slice(&source.data()[..len]);
        } else {
            for y in 0..self.size.height {
                self.row_mut(y).copy_from_slice(source.row(y));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_addresses_the_pixels_it_names() {
        let data: Vec<u8> = (0..48).collect();
        let view = View::new(&data, Size::new(3, 4), PixelFormat::RGB8, 12).unwrap();
        let crop = view.crop(Rect::new(1, 2, 2, 2)).unwrap();
        assert_eq!(
            crop.rows().collect::<Vec<_>>(),
            [&data[27..33], &data[39..45]]
        );
        assert!(view.crop(Rect::new(2, 0, 2, 1)).is_err());
    }

    #[test]
    fn the_last_row_needs_no_padding() {
        let data = [0u8; 21];
        assert!(View::new(&data, Size::new(3, 2), PixelFormat::RGB8, 12).is_ok());
        assert!(View::new(&data[..20], Size::new(3, 2), PixelFormat::RGB8, 12).is_err());
        assert!(View::new(&data, Size::new(3, 2), PixelFormat::RGB8, 8).is_err());
    }

    #[test]
    fn copies_between_different_strides() {
        let source = [1u8, 2, 3, 4, 0, 0, 5, 6, 7, 8];
        let mut target = [0u8; 8];
        let from = View::new(&source, Size::new(4, 2), PixelFormat::GRAY8, 6).unwrap();
        ViewMut::packed(&mut target, Size::new(4, 2), PixelFormat::GRAY8)
            .unwrap()
            .copy_from(from)
            .unwrap();
        assert_eq!(target, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
