use crate::{Rect, Size};

/// How stored pixels must be turned to be upright: the eight values of EXIF and TIFF tag 274.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Orientation {
    /// 1: upright as stored.
    #[default]
    Normal,
    /// 2: mirrored left to right.
    FlipHorizontal,
    /// 3: turned by half.
    Rotate180,
    /// 4: mirrored top to bottom.
    FlipVertical,
    /// 5: mirrored along the diagonal from top left.
    Transpose,
    /// 6: must be turned a quarter clockwise.
    Rotate90,
    /// 7: mirrored along the diagonal from top right.
    Transverse,
    /// 8: must be turned a quarter counter-clockwise.
    Rotate270,
}

impl Orientation {
    /// The orientation of EXIF value 1 to 8; anything else counts as upright, as readers commonly do.
    pub const fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Normal,
        }
    }

    /// The EXIF value, 1 to 8.
    pub const fn to_exif(self) -> u16 {
        match self {
            Self::Normal => 1,
            Self::FlipHorizontal => 2,
            Self::Rotate180 => 3,
            Self::FlipVertical => 4,
            Self::Transpose => 5,
            Self::Rotate90 => 6,
            Self::Transverse => 7,
            Self::Rotate270 => 8,
        }
    }

    /// Whether width and height change places.
    pub const fn transposes(self) -> bool {
        matches!(
            self,
            Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270
        )
    }

    /// The size as seen of an image stored with `size`.
    pub const fn displayed(self, size: Size) -> Size {
        if self.transposes() {
            size.transposed()
        } else {
            size
        }
    }

    /// The stored pixels that are seen as `rect`, given the `stored` size of the image.
    pub fn stored_rect(self, rect: Rect, stored: Size) -> Rect {
        let seen = self.displayed(stored);
        let flip_x = |r: Rect| Rect {
            x: (u64::from(seen.width) - r.right()) as u32,
            ..r
        };
        let flip_y = |r: Rect| Rect {
            y: (u64::from(seen.height) - r.bottom()) as u32,
            ..r
        };
        let swap = |r: Rect| Rect::new(r.y, r.x, r.height, r.width);
        match self {
            Self::Normal => rect,
            Self::FlipHorizontal => flip_x(rect),
            Self::Rotate180 => flip_x(flip_y(rect)),
            Self::FlipVertical => flip_y(rect),
            Self::Transpose => swap(rect),
            // Seen (x, y) was stored at (y, seen.width - 1 - x).
            Self::Rotate90 => swap(flip_x(rect)),
            Self::Transverse => swap(flip_x(flip_y(rect))),
            Self::Rotate270 => swap(flip_y(rect)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exif_values_round_trip() {
        for value in 1..=8 {
            assert_eq!(u32::from(Orientation::from_exif(value).to_exif()), value);
        }
        assert_eq!(Orientation::from_exif(0), Orientation::Normal);
        assert_eq!(Orientation::from_exif(99), Orientation::Normal);
    }

    #[test]
    fn the_corner_seen_at_top_left_is_found_where_it_was_stored() {
        // Orientation 6: the stored image must be turned clockwise, so the corner seen top left was stored bottom left.
        let stored = Size::new(40, 30);
        let corner = Rect::new(0, 0, 1, 1);
        assert_eq!(
            Orientation::Rotate90.stored_rect(corner, stored),
            Rect::new(0, 29, 1, 1)
        );
        assert_eq!(
            Orientation::Rotate270.stored_rect(corner, stored),
            Rect::new(39, 0, 1, 1)
        );
        assert_eq!(
            Orientation::Rotate180.stored_rect(corner, stored),
            Rect::new(39, 29, 1, 1)
        );
        assert_eq!(
            Orientation::Transverse.stored_rect(corner, stored),
            Rect::new(39, 29, 1, 1)
        );
        assert_eq!(
            Orientation::Transpose.stored_rect(Rect::new(2, 1, 3, 4), stored),
            Rect::new(1, 2, 4, 3)
        );
    }
}
