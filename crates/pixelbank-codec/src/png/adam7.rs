//! Adam7, PNG's way of storing an image in seven passes, each finer than those before.

use pixelbank_image::{Rect, Size};

/// First column, first row, step between columns, step between rows of each pass (PNG specification, section 8.2).
const PASSES: [[u32; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// A row of a pass: where its samples lie in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PassRow {
    /// The row of the image.
    pub(super) y: u32,
    x0: u32,
    dx: u32,
}

/// Every row of every pass that has pixels, in the order of the file.
pub(super) fn rows(size: Size) -> impl Iterator<Item = PassRow> {
    PASSES
        .into_iter()
        .filter(move |&[x0, ..]| x0 < size.width)
        .flat_map(move |[x0, y0, dx, dy]| {
            (y0..size.height)
                .step_by(dy as usize)
                .map(move |y| PassRow { y, x0, dx })
        })
}

/// Puts the pixels of a pass's row in their places in `target`, which holds the pixels of `rect` packed.
pub(super) fn place(
    row: PassRow,
    samples: &[u8],
    rect: Rect,
    pixel_bytes: usize,
    target: &mut [u8],
) {
    if row.y < rect.y || u64::from(row.y) >= rect.bottom() {
        return;
    }
    let line = (row.y - rect.y) as usize * rect.width as usize * pixel_bytes;
    let line = &mut target[line..][..rect.width as usize * pixel_bytes];
    // The first sample at or behind the left edge of the rectangle.
    let first = rect.x.saturating_sub(row.x0).div_ceil(row.dx);
    for (index, pixel) in samples
        .chunks_exact(pixel_bytes)
        .enumerate()
        .skip(first as usize)
    {
        let x = u64::from(row.x0) + index as u64 * u64::from(row.dx);
        if x >= rect.right() {
            break;
        }
        let at = (x - u64::from(rect.x)) as usize * pixel_bytes;
        line[at..at + pixel_bytes].copy_from_slice(pixel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_cover_every_pixel_once() {
        for (width, height) in [(1, 1), (1, 9), (5, 3), (8, 8), (9, 17), (4, 1)] {
            let size = Size::new(width, height);
            let mut count = vec![0u8; (width * height) as usize];
            for row in rows(size) {
                for x in (row.x0..width).step_by(row.dx as usize) {
                    count[(row.y * width + x) as usize] += 1;
                }
            }
            assert!(count.iter().all(|&n| n == 1), "{size}: {count:?}");
        }
    }

    #[test]
    fn a_crop_takes_its_own_pixels_only() {
        let size = Size::new(13, 11);
        let whole: Vec<u8> = (0..143).collect();
        let rect = Rect::new(3, 2, 7, 6);
        let mut target = vec![255; 42];
        for row in rows(size) {
            let samples: Vec<u8> = (row.x0..13)
                .step_by(row.dx as usize)
                .map(|x| whole[(row.y * 13 + x) as usize])
                .collect();
            place(row, &samples, rect, 1, &mut target);
        }
        let expected: Vec<u8> = (2..8)
            .flat_map(|y| (3..10).map(move |x| (y * 13 + x) as u8))
            .collect();
        assert_eq!(target, expected);
    }
}
