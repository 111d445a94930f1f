//! Mirroring and quarter turns: the eight ways a picture can lie, as EXIF numbers them.

use pixelbank_image::{Orientation, View, ViewMut};

use crate::Error;

/// Pixels of a square that is turned at once: its lines of source and target stay in the first-level cache.
const SQUARE: u32 = 32;

/// Where the pixel seen at (`x`, `y`) was stored: `swap` exchanges the coordinates first, then each may be counted from
/// the far end of the stored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    swap: bool,
    reverse_x: bool,
    reverse_y: bool,
}

const TURNS: [(Orientation, Turn); 8] = {
    const fn turn(swap: bool, reverse_x: bool, reverse_y: bool) -> Turn {
        Turn {
            swap,
            reverse_x,
            reverse_y,
        }
    }
    [
        (Orientation::Normal, turn(false, false, false)),
        (Orientation::FlipHorizontal, turn(false, true, false)),
        (Orientation::Rotate180, turn(false, true, true)),
        (Orientation::FlipVertical, turn(false, false, true)),
        (Orientation::Transpose, turn(true, false, false)),
        (Orientation::Rotate90, turn(true, false, true)),
        (Orientation::Transverse, turn(true, true, true)),
        (Orientation::Rotate270, turn(true, true, false)),
    ]
};

impl Turn {
    fn of(orientation: Orientation) -> Self {
        TURNS[usize::from(orientation.to_exif()) - 1].1
    }

    fn orientation(self) -> Orientation {
        TURNS
            .iter()
            .find(|(_, turn)| *turn == self)
            .map(|(orientation, _)| *orientation)
            .unwrap_or_default()
    }
}

/// The orientation that does what `first` and then `second` do.
pub fn then(first: Orientation, second: Orientation) -> Orientation {
    let (first, second) = (Turn::of(first), Turn::of(second));
    // What is seen in the end is looked up through `second` first. Its reversals are of coordinates that `first` may
    // exchange.
    let (x, y) = if first.swap {
        (second.reverse_y, second.reverse_x)
    } else {
        (second.reverse_x, second.reverse_y)
    };
    Turn {
        swap: first.swap != second.swap,
        reverse_x: first.reverse_x != x,
        reverse_y: first.reverse_y != y,
    }
    .orientation()
}

/// The orientation that undoes this one.
pub fn inverse(orientation: Orientation) -> Orientation {
    match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        own => own,
    }
}

/// The orientation of pictures to be turned clockwise by `quarters` of a full turn.
pub fn quarter_turns(quarters: u32) -> Orientation {
    match quarters % 4 {
        0 => Orientation::Normal,
        1 => Orientation::Rotate90,
        2 => Orientation::Rotate180,
        _ => Orientation::Rotate270,
    }
}

/// Writes `source`, which lies as `orientation` says, upright into `target`. Allocates nothing.
///
/// ```
/// use pixelbank_image::{Orientation, PixelFormat, Size, View, ViewMut};
///
/// let stored = [1u8, 2, 3, 4, 5, 6];
/// let mut seen = [0u8; 6];
/// pixelbank_pipeline::orient::orient(
///     Orientation::Rotate90,
///     View::packed(&stored, Size::new(3, 2), PixelFormat::GRAY8)?,
///     &mut ViewMut::packed(&mut seen, Size::new(2, 3), PixelFormat::GRAY8)?,
/// )?;
/// assert_eq!(seen, [4, 1, 5, 2, 6, 3]);
/// # Ok::<(), pixelbank_pipeline::Error>(())
/// ```
///
/// # Errors
/// [`Error::Image`] where the sizes or formats do not belong together.
pub fn orient(
    orientation: Orientation,
    source: View<'_>,
    target: &mut ViewMut<'_>,
) -> Result<(), Error> {
    let mismatch = |what, left: String, right: String| {
        Err(pixelbank_image::Error::Mismatch { what, left, right }.into())
    };
    let seen = orientation.displayed(source.size());
    if seen != target.size() {
        return mismatch("sizes", seen.to_string(), target.size().to_string());
    }
    if source.format() != target.format() {
        return mismatch(
            "pixel formats",
            source.format().to_string(),
            target.format().to_string(),
        );
    }
    if seen.is_empty() {
        return Ok(());
    }
    if orientation == Orientation::Normal {
        target.copy_from(source)?;
        return Ok(());
    }
    let turn = Turn::of(orientation);
    match source.format().pixel_bytes() {
        1 => fixed::<1>(turn, source, target),
        2 => fixed::<2>(turn, source, target),
        3 => fixed::<3>(turn, source, target),
        4 => fixed::<4>(turn, source, target),
        6 => fixed::<6>(turn, source, target),
        8 => fixed::<8>(turn, source, target),
        12 => fixed::<12>(turn, source, target),
        16 => fixed::<16>(turn, source, target),
        bytes => any(turn, source, target, bytes),
    }
    Ok(())
}

/// Pixels of `N` bytes.
fn fixed<const N: usize>(turn: Turn, source: View<'_>, target: &mut ViewMut<'_>) {
    if turn.swap {
        return transpose::<N>(turn, source, target);
    }
    let height = source.size().height;
    for y in 0..height {
        let from = source.row(if turn.reverse_y { height - 1 - y } else { y });
        let to = target.row_mut(y);
        if turn.reverse_x {
            let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
            for (to, from) in to.iter_mut().zip(from.iter().rev()) {
                *to = *from;
            }
        } else {
            to.copy_from_slice(from);
        }
    }
}

fn transpose<const N: usize>(turn: Turn, source: View<'_>, target: &mut ViewMut<'_>) {
    let (stored, seen) = (source.size(), target.size());
    let (data, row_bytes) = (source.data(), source.row_bytes());
    for top in (0..seen.height).step_by(SQUARE as usize) {
        for left in (0..seen.width).step_by(SQUARE as usize) {
            let right = (left + SQUARE).min(seen.width);
            for y in top..(top + SQUARE).min(seen.height) {
                let column = if turn.reverse_x {
                    stored.width - 1 - y
                } else {
                    y
                };
                let at = column as usize * N;
                let to =
                    &mut target.row_mut(y).as_chunks_mut::<N>().0[left as usize..right as usize];
                for (x, to) in (left..right).zip(to) {
                    let row = if turn.reverse_y {
                        stored.height - 1 - x
                    } else {
                        x
                    };
                    let start = row as usize * row_bytes + at;
                    to.copy_from_slice(&data[start..start + N]);
                }
            }
        }
    }
}

/// Pixels of an unusual number of bytes.
fn any(turn: Turn, source: View<'_>, target: &mut ViewMut<'_>, bytes: usize) {
    let stored = source.size();
    for y in 0..target.size().height {
        for (x, to) in (0..).zip(target.row_mut(y).chunks_exact_mut(bytes)) {
            let (column, row) = if turn.swap { (y, x) } else { (x, y) };
            let column = if turn.reverse_x {
                stored.width - 1 - column
            } else {
                column
            };
            let row = if turn.reverse_y {
                stored.height - 1 - row
            } else {
                row
            };
            let at = column as usize * bytes;
            to.copy_from_slice(&source.row(row)[at..at + bytes]);
        }
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_image::Size;

    use super::*;

    #[test]
    fn agrees_with_the_place_that_the_specification_names() {
        let stored = Size::new(7, 5);
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif);
            let turn = Turn::of(orientation);
            let seen = orientation.displayed(stored);
            for y in 0..seen.height {
                for x in 0..seen.width {
                    let rect = pixelbank_image::Rect::new(x, y, 1, 1);
                    let expected = orientation.stored_rect(rect, stored);
                    let (column, row) = if turn.swap { (y, x) } else { (x, y) };
                    let column = if turn.reverse_x {
                        stored.width - 1 - column
                    } else {
                        column
                    };
                    let row = if turn.reverse_y {
                        stored.height - 1 - row
                    } else {
                        row
                    };
                    assert_eq!((column, row), (expected.x, expected.y), "{orientation:?}");
                }
            }
        }
    }

    #[test]
    fn turns_compose() {
        use Orientation as O;
        assert_eq!(then(O::Rotate90, O::Rotate90), O::Rotate180);
        assert_eq!(then(O::Rotate270, O::Rotate90), O::Normal);
        assert_eq!(then(O::FlipHorizontal, O::Rotate180), O::FlipVertical);
        // 1 2 / 3 4 mirrored is 2 1 / 4 3, turned 4 2 / 3 1: 1 and 4 changed places across the diagonal from top right.
        assert_eq!(then(O::FlipHorizontal, O::Rotate90), O::Transverse);
        for exif in 1..=8 {
            let orientation = O::from_exif(exif);
            assert_eq!(then(orientation, inverse(orientation)), O::Normal);
        }
    }
}
