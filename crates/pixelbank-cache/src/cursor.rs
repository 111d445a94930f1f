use pixelbank_memory::Wait;

use crate::{Error, Image, Tile};

/// Looks at the tiles of one image, one after the other, and keeps the last one at hand: looking at it again costs no lock
/// and no counting. For code that asks pixel by pixel; each thread has its own.
///
/// The tile at hand is in use: it stays in memory until another one is asked for, or the cursor is dropped.
#[derive(Debug)]
pub struct Cursor {
    image: Image,
    at: Position,
    tile: Option<Tile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Position {
    subimage: u32,
    level: u32,
    column: u32,
    row: u32,
}

impl Cursor {
    pub(crate) fn new(image: Image) -> Self {
        Self {
            image,
            at: Position::default(),
            tile: None,
        }
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// One tile of a level.
    ///
    /// # Errors
    /// As [`Image::tile`].
    #[inline]
    pub fn tile(
        &mut self,
        subimage: u32,
        level: u32,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<&Tile, Error> {
        let at = Position {
            subimage,
            level,
            column,
            row,
        };
        if self.tile.is_none() || self.at != at {
            self.tile = None;
            let tile = self.image.tile(subimage, level, column, row, wait)?;
            self.at = at;
            self.tile = Some(tile);
        }
        Ok(self.tile.as_ref().expect("it was just put there"))
    }
}
