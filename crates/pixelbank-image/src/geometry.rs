use std::fmt;

use crate::Error;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl Size {
    /// A size of `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Whether there is no pixel.
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The rectangle that covers all of it.
    pub const fn rect(self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    /// Width and height exchanged.
    pub const fn transposed(self) -> Self {
        Self::new(self.height, self.width)
    }

    /// The size of the next coarser mip level: half of each side, rounded up, at least 1.
    pub const fn halved(self) -> Self {
        Self::new(self.width.div_ceil(2), self.height.div_ceil(2))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// A rectangle of pixels within one level of an image; the top left pixel of the level is (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rect {
    /// The leftmost column.
    pub x: u32,
    /// The topmost row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Rect {
    /// The rectangle of `width` × `height` pixels with its top left pixel at (`x`, `y`).
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The column after the last one. In 64 bits, since a rectangle from hostile input may end beyond `u32`.
    pub const fn right(self) -> u64 {
        self.x as u64 + self.width as u64
    }

    /// The row after the last one.
    pub const fn bottom(self) -> u64 {
        self.y as u64 + self.height as u64
    }

    /// Width and height.
    pub const fn size(self) -> Size {
        Size::new(self.width, self.height)
    }

    /// Whether there is no pixel in it.
    pub const fn is_empty(self) -> bool {
        self.size().is_empty()
    }

    /// Whether every pixel of it lies in an image of this `size`.
    pub const fn fits(self, size: Size) -> bool {
        self.right() <= size.width as u64 && self.bottom() <= size.height as u64
    }

    /// Itself, if it [fits](Self::fits).
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] otherwise.
    pub fn within(self, size: Size) -> Result<Self, Error> {
        if self.fits(size) {
            Ok(self)
        } else {
            Err(Error::OutOfBounds { rect: self, size })
        }
    }

    /// The pixels that lie in both; empty (at an arbitrary place) where there are none.
    pub fn intersect(self, other: Self) -> Self {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let right = self.right().min(other.right());
        let bottom = self.bottom().min(other.bottom());
        Self::new(
            x,
            y,
            right.saturating_sub(u64::from(x)) as u32,
            bottom.saturating_sub(u64::from(y)) as u32,
        )
    }

    /// Whether every pixel of `other` lies in it.
    pub const fn contains(self, other: Self) -> bool {
        other.x >= self.x
            && other.y >= self.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at ({}, {})", self.size(), self.x, self.y)
    }
}

/// A rectangle whose corner may be negative, as the data and display windows of OpenEXR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// The leftmost column.
    pub x: i32,
    /// The topmost row.
    pub y: i32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl From<Size> for Window {
    fn from(size: Size) -> Self {
        Self {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        }
    }
}

/// An image cut into tiles of one size, numbered row by row from the top left; those at the right and bottom edge may
/// be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileGrid {
    /// The size of the image.
    pub image: Size,
    /// The size of a tile.
    pub tile: Size,
}

impl TileGrid {
    /// The grid of tiles of size `tile` over `image`.
    ///
    /// # Panics
    /// If `tile` is empty.
    #[inline]
    pub const fn new(image: Size, tile: Size) -> Self {
        assert!(!tile.is_empty(), "a tile has at least one pixel");
        Self { image, tile }
    }

    /// Tiles in a row.
    #[inline]
    pub const fn columns(self) -> u32 {
        self.image.width.div_ceil(self.tile.width)
    }

    /// Rows of tiles.
    pub const fn rows(self) -> u32 {
        self.image.height.div_ceil(self.tile.height)
    }

    /// Tiles in all.
    pub const fn n_tiles(self) -> u64 {
        self.columns() as u64 * self.rows() as u64
    }

    /// Whether there is a tile in `column` and `row`.
    #[inline]
    pub const fn has(self, column: u32, row: u32) -> bool {
        // Where it would begin: a product is sooner there than a quotient.
        (column as u64 * self.tile.width as u64) < self.image.width as u64
            && (row as u64 * self.tile.height as u64) < self.image.height as u64
    }

    /// The number of the tile in `column` and `row`.
    #[inline]
    pub const fn index(self, column: u32, row: u32) -> u64 {
        row as u64 * self.columns() as u64 + column as u64
    }

    /// The pixels of the tile in `column` and `row`, cut off at the image's edge.
    pub fn rect(self, column: u32, row: u32) -> Rect {
        let x = column.saturating_mul(self.tile.width);
        let y = row.saturating_mul(self.tile.height);
        Rect::new(x, y, self.tile.width, self.tile.height).intersect(self.image.rect())
    }

    /// Columns and rows of the tiles that `rect` touches, as half-open ranges; empty for an empty rectangle.
    pub fn touching(self, rect: Rect) -> (std::ops::Range<u32>, std::ops::Range<u32>) {
        let rect = rect.intersect(self.image.rect());
        if rect.is_empty() {
            return (0..0, 0..0);
        }
        let columns =
            rect.x / self.tile.width..(rect.right().div_ceil(u64::from(self.tile.width))) as u32;
        let rows =
            rect.y / self.tile.height..(rect.bottom().div_ceil(u64::from(self.tile.height))) as u32;
        (columns, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_covers_every_pixel_once() {
        let grid = TileGrid::new(Size::new(1000, 700), Size::new(256, 256));
        assert_eq!((grid.columns(), grid.rows(), grid.n_tiles()), (4, 3, 12));
        let covered: u64 = (0..3)
            .flat_map(|r| (0..4).map(move |c| grid.rect(c, r).size().pixels()))
            .sum();
        assert_eq!(covered, grid.image.pixels());
        assert_eq!(grid.rect(3, 2), Rect::new(768, 512, 232, 188));
        let has = [(3, 2), (4, 2), (3, 3), (u32::MAX, 0), (0, u32::MAX)];
        assert_eq!(
            has.map(|(column, row)| grid.has(column, row)),
            [true, false, false, false, false]
        );
    }

    #[test]
    fn touching_is_exact_at_tile_borders() {
        let grid = TileGrid::new(Size::new(1000, 700), Size::new(256, 256));
        assert_eq!(grid.touching(Rect::new(256, 0, 256, 256)), (1..2, 0..1));
        assert_eq!(grid.touching(Rect::new(255, 255, 2, 2)), (0..2, 0..2));
        assert_eq!(grid.touching(Rect::new(0, 0, 0, 5)), (0..0, 0..0));
    }

    #[test]
    fn hostile_rectangles_do_not_wrap() {
        let far = Rect::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX);
        assert!(!far.fits(Size::new(10, 10)));
        assert!(far.intersect(Rect::new(0, 0, 10, 10)).is_empty());
    }
}
