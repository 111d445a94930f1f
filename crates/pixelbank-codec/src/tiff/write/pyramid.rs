use pixelbank_image::{PixelFormat, SampleType, Size};

use super::io_error;
use crate::Error;

/// Collects rows into tiles, and into the rows of the level below.
#[derive(Debug)]
pub(super) struct Pyramid {
    levels: Vec<Level>,
    format: PixelFormat,
    tile: Size,
    /// The tile that is being cut out.
    pixels: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    size: Size,
    /// The rows of the current row of tiles.
    band: Vec<u8>,
    /// Rows that came so far.
    rows: u32,
    /// The row of the next level that is being made of two of this one.
    half: Vec<u8>,
}

fn zeroed(len: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let out_of_memory = || io_error(std::io::ErrorKind::OutOfMemory.into());
    let len = usize::try_from(len).map_err(|_| out_of_memory())?;
    bytes.try_reserve_exact(len).map_err(|_| out_of_memory())?;
    bytes.resize(len, 0);
    Ok(bytes)
}

impl Pyramid {
    pub(super) fn new(sizes: &[Size], tile: Size, format: PixelFormat) -> Result<Self, Error> {
        let level = |(index, &size): (usize, &Size)| {
            let next = sizes.get(index + 1).map_or(0, |next| next.width);
            let band = Size::new(size.width, size.height.min(tile.height));
            Ok(Level {
                size,
                band: zeroed(format.image_bytes(band))?,
                rows: 0,
                half: zeroed(format.row_bytes(next) as u64)?,
            })
        };
        Ok(Self {
            levels: sizes
                .iter()
                .enumerate()
                .map(level)
                .collect::<Result<_, Error>>()?,
            format,
            tile,
            pixels: zeroed(format.image_bytes(tile))?,
        })
    }

    /// Takes the next row of the finest level; `emit` gets each tile that is full, with the number of its level. The tiles
    /// of a level come by rows, from left to right.
    pub(super) fn push(
        &mut self,
        row: &[u8],
        emit: &mut impl FnMut(usize, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self {
            levels,
            format,
            tile,
            pixels,
        } = self;
        push(levels, 0, row, *format, *tile, pixels, emit)
    }
}

fn push(
    levels: &mut [Level],
    number: usize,
    row: &[u8],
    format: PixelFormat,
    tile: Size,
    pixels: &mut [u8],
    emit: &mut impl FnMut(usize, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some((level, below)) = levels.split_first_mut() else {
        return Ok(());
    };
    let row_bytes = format.row_bytes(level.size.width);
    let in_band = (level.rows % tile.height) as usize;
    level.band[in_band * row_bytes..][..row_bytes].copy_from_slice(row);
    level.rows += 1;
    let is_last = level.rows == level.size.height;
    if is_last || level.rows.is_multiple_of(tile.height) {
        let n_rows = in_band + 1;
        let band = &level.band[..n_rows * row_bytes];
        for column in 0..level.size.width.div_ceil(tile.width) {
            cut(band, row_bytes, column, format.pixel_bytes(), tile, pixels);
            emit(number, pixels)?;
        }
    }
    if below.is_empty() || (level.rows % 2 == 1 && !is_last) {
        return Ok(());
    }
    // The row before, or the same again where the height is odd.
    let before = if level.rows % 2 == 1 {
        in_band
    } else {
        in_band - 1
    };
    let above = &level.band[before * row_bytes..][..row_bytes];
    mean_of_rows(above, row, format, &mut level.half);
    let half = std::mem::take(&mut level.half);
    let result = push(below, number + 1, &half, format, tile, pixels, emit);
    level.half = half;
    result
}

/// Cuts a tile out of a band; what lies outside repeats the last pixel and the last row, which costs the least bytes
/// and keeps JPEG from ringing at the border.
fn cut(band: &[u8], row_bytes: usize, column: u32, pixel_bytes: usize, tile: Size, out: &mut [u8]) {
    let out_row = tile.width as usize * pixel_bytes;
    let from = column as usize * out_row;
    let len = out_row.min(row_bytes - from);
    let n_rows = band.len() / row_bytes;
    for (y, out) in out.chunks_exact_mut(out_row).enumerate() {
        let row = &band[y.min(n_rows - 1) * row_bytes..][..row_bytes];
        out[..len].copy_from_slice(&row[from..from + len]);
        let last = &row[row_bytes - pixel_bytes..];
        for pixel in out[len..].chunks_exact_mut(pixel_bytes) {
            pixel.copy_from_slice(last);
        }
    }
}

/// The mean of 2 × 2 samples, rounded to nearest; the last column counts twice where their number is odd.
fn mean_of_rows(above: &[u8], below: &[u8], format: PixelFormat, out: &mut [u8]) {
    match (format.sample, format.channels.count()) {
        (SampleType::U8, 1) => means::<1>(above, below, out),
        (SampleType::U8, 2) => means::<2>(above, below, out),
        (SampleType::U8, 3) => means::<3>(above, below, out),
        (SampleType::U8, _) => means::<4>(above, below, out),
        (_, 1) => wide_means::<1>(above, below, out),
        (_, 2) => wide_means::<2>(above, below, out),
        (_, 3) => wide_means::<3>(above, below, out),
        (_, _) => wide_means::<4>(above, below, out),
    }
}

fn means<const N: usize>(above: &[u8], below: &[u8], out: &mut [u8]) {
    let rows = [above, below].map(|row| row.as_chunks::<N>().0);
    let mean = |pixels: [&[u8; N]; 4]| {
        let mut out = [0; N];
        for (channel, out) in out.iter_mut().enumerate() {
            let sum: u16 = pixels.iter().map(|pixel| u16::from(pixel[channel])).sum();
            *out = ((sum + 2) / 4) as u8;
        }
        out
    };
    reduce(rows, out.as_chunks_mut::<N>().0, mean);
}

fn wide_means<const N: usize>(above: &[u8], below: &[u8], out: &mut [u8]) {
    let rows = [above, below].map(|row| row.as_chunks::<2>().0.as_chunks::<N>().0);
    let mean = |pixels: [&[[u8; 2]; N]; 4]| {
        let mut out = [[0; 2]; N];
        for (channel, out) in out.iter_mut().enumerate() {
            let sum: u32 = pixels
                .iter()
                .map(|pixel| u32::from(u16::from_ne_bytes(pixel[channel])))
                .sum();
            *out = (((sum + 2) / 4) as u16).to_ne_bytes();
        }
        out
    };
    reduce(
        rows,
        out.as_chunks_mut::<2>().0.as_chunks_mut::<N>().0,
        mean,
    );
}

fn reduce<P>([above, below]: [&[P]; 2], out: &mut [P], mean: impl Fn([&P; 4]) -> P) {
    let (above, last_above) = above.as_chunks::<2>();
    let (below, last_below) = below.as_chunks::<2>();
    for (([a, b], [c, d]), out) in above.iter().zip(below).zip(out.iter_mut()) {
        *out = mean([a, b, c, d]);
    }
    if let ([a], [c], Some(out)) = (last_above, last_below, out.last_mut()) {
        *out = mean([a, a, c, c]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_round_to_nearest_and_repeat_the_last_column() {
        let mut out = [0; 2];
        mean_of_rows(&[1, 2, 200], &[3, 4, 101], PixelFormat::GRAY8, &mut out);
        assert_eq!(out, [3, 151]);
        let mut out = [0; 6];
        let (above, below) = (
            [255, 0, 7, 255, 1, 9, 4, 5, 6],
            [255, 0, 8, 255, 2, 9, 4, 5, 6],
        );
        mean_of_rows(&above, &below, PixelFormat::RGB8, &mut out);
        assert_eq!(out, [255, 1, 8, 4, 5, 6]);
        let wide = |samples: [u16; 4]| samples.map(u16::to_ne_bytes).concat();
        let format = PixelFormat::new(pixelbank_image::Channels::GrayAlpha, SampleType::U16);
        let mut out = [0; 4];
        let (above, below) = (wide([65535, 0, 65535, 100]), wide([65535, 300, 65535, 200]));
        mean_of_rows(&above, &below, format, &mut out);
        assert_eq!(out[..], [65535u16, 150].map(u16::to_ne_bytes).concat());
    }
}
