//! PFM: floating-point grey or RGB, rows from the bottom to the top.

use std::io::{Read, Seek, SeekFrom};

use pixelbank_image::{Channels, PixelFormat, SampleType, Size, StoredSample, Transfer};

use super::rows::{RowDecoder, Rows, Shape};
use crate::request::{check_size, malformed, read_error};
use crate::{Decoder, Error, Format, Input, Limits};

/// Bytes that a header may have, comments included.
const MAX_HEADER_BYTES: u64 = 4 << 10;

/// Opens a file that begins with `PF` or `Pf`.
pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let wrong = |reason: &str| malformed(&name, Format::Pnm, reason);
    let mut head = Vec::new();
    input
        .by_ref()
        .take(MAX_HEADER_BYTES)
        .read_to_end(&mut head)
        .map_err(|source| read_error(&name, Format::Pnm, source))?;
    let channels = match head.get(..2) {
        Some(b"PF") => Channels::Rgb,
        Some(b"Pf") => Channels::Gray,
        _ => return Err(wrong("it does not begin with PF or Pf")),
    };
    let mut at = 2;
    let mut words = [""; 3];
    for word in &mut words {
        *word = next_word(&head, &mut at)
            .ok_or_else(|| wrong("its header ends before its size and scale are known"))?;
    }
    let side = |word: &str| {
        word.parse()
            .map_err(|_| wrong(&format!("a side of '{word}' is no number of pixels")))
    };
    let size = Size::new(side(words[0])?, side(words[1])?);
    check_size(&name, Format::Pnm, size, limits)?;
    let scale: f32 = words[2]
        .parse()
        .ok()
        .filter(|scale: &f32| scale.is_finite() && *scale != 0.0)
        .ok_or_else(|| wrong(&format!("a scale of '{}' means nothing", words[2])))?;
    let shape = Shape {
        format: Format::Pnm,
        size,
        pixels: PixelFormat::new(channels, SampleType::F32),
        stored: StoredSample::of(SampleType::F32),
        transfer: Transfer::Linear,
    };
    let rows = Floats {
        row_bytes: shape.pixels.row_bytes(size.width) as u64,
        height: size.height,
        // One white space alone follows the scale: behind it anything may be a pixel.
        pixels_at: at as u64 + 1,
        // The sign of the scale tells the order of bytes.
        swapped: (scale < 0.0) != cfg!(target_endian = "little"),
        scale: scale.abs(),
        name,
    };
    Ok(RowDecoder::open(input, limits, &shape, rows))
}

/// The word behind white space and comments at `at`, which is moved behind it.
fn next_word<'a>(head: &'a [u8], at: &mut usize) -> Option<&'a str> {
    loop {
        match *head.get(*at)? {
            b'#' => *at += head[*at..].iter().position(|&byte| byte == b'\n')?,
            byte if byte.is_ascii_whitespace() => *at += 1,
            _ => break,
        }
    }
    let len = head[*at..].iter().position(u8::is_ascii_whitespace)?;
    let word = &head[*at..*at + len];
    *at += len;
    std::str::from_utf8(word).ok()
}

#[derive(Debug)]
struct Floats {
    name: String,
    row_bytes: u64,
    height: u32,
    pixels_at: u64,
    swapped: bool,
    scale: f32,
}

impl Rows for Floats {
    fn is_random_access(&self) -> bool {
        true
    }

    fn extra_bytes(&self, _rows: u32) -> u64 {
        1 << 10
    }

    fn read(
        &mut self,
        input: &mut Input,
        first: u32,
        count: u32,
        target: &mut [u8],
    ) -> Result<(), Error> {
        let below = u64::from(self.height - first - count);
        input
            .seek(SeekFrom::Start(self.pixels_at + below * self.row_bytes))
            .and_then(|_| input.read_exact(target))
            .map_err(|source| read_error(&self.name, Format::Pnm, source))?;
        turn_over(target, self.row_bytes as usize);
        for sample in target.as_chunks_mut::<4>().0 {
            if self.swapped {
                sample.reverse();
            }
            if self.scale != 1.0 {
                *sample = (f32::from_ne_bytes(*sample) * self.scale).to_ne_bytes();
            }
        }
        Ok(())
    }
}

/// Puts the last row first.
fn turn_over(rows: &mut [u8], row_bytes: usize) {
    let mut rows = rows.chunks_exact_mut(row_bytes);
    while let (Some(upper), Some(lower)) = (rows.next(), rows.next_back()) {
        upper.swap_with_slice(lower);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use pixelbank_image::Rect;

    use super::*;
    use crate::Region;

    fn decoded(bytes: &[u8], rect: Rect) -> Result<Vec<f32>, Error> {
        let input = Input::memory(Arc::from(bytes), "test.pfm");
        let mut decoder = crate::open(input, &Limits::default())?;
        let region = Region {
            subimage: 0,
            level: 0,
            rect,
        };
        let mut values = Vec::new();
        decoder.decode(&region, &mut |band| {
            for row in band.pixels.rows() {
                values.extend_from_slice(bytemuck::cast_slice::<u8, f32>(row));
            }
            ControlFlow::Continue(())
        })?;
        Ok(values)
    }

    #[test]
    fn rows_come_from_the_top_in_either_order_of_bytes() {
        let rows = [[1.0f32, 2.0], [3.0, 4.0], [-5.0, f32::INFINITY]];
        let stored = || rows.iter().rev().flatten();
        let mut little = b"Pf\n# made by hand\n2 3\n-1.0\n".to_vec();
        little.extend(stored().flat_map(|value| value.to_le_bytes()));
        let mut big = b"Pf 2 3 1\n".to_vec();
        big.extend(stored().flat_map(|value| value.to_be_bytes()));
        for bytes in [little, big] {
            let whole = decoded(&bytes, Rect::new(0, 0, 2, 3)).unwrap();
            assert_eq!(whole, rows.concat());
            assert_eq!(
                decoded(&bytes, Rect::new(1, 1, 1, 2)).unwrap(),
                [4.0, f32::INFINITY]
            );
        }
    }

    #[test]
    fn values_are_scaled() {
        let mut bytes = b"Pf\n1 1\n-2.5\n".to_vec();
        bytes.extend(4.0f32.to_le_bytes());
        assert_eq!(decoded(&bytes, Rect::new(0, 0, 1, 1)).unwrap(), [10.0]);
    }
}
