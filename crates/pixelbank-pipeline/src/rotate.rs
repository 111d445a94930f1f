//! Turning by any angle about the centre, onto a canvas that grows to hold the result.

use pixelbank_image::{Channels, PixelFormat, SampleType, Size, View, ViewMut};

use crate::Error;

/// The size of the smallest canvas that holds an image of `size` turned by `degrees`.
pub fn rotated_size(size: Size, degrees: f64) -> Size {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    // A corner may stick out by a thousandth: a quarter turn then keeps its exact size in spite of rounding.
    let up = |length: f64| ((length - 1e-3).ceil() as u32).max(1);
    Size::new(
        up(width * cos.abs() + height * sin.abs()),
        up(width * sin.abs() + height * cos.abs()),
    )
}

/// Turns `source` clockwise by `degrees` about its centre into `target`, whose size is [`rotated_size`]. Interpolates
/// linearly between the four nearest pixels; allocates nothing.
///
/// What lies outside the source is transparent where `target` has alpha and white where it has none; borders are
/// blended. Alpha is straight. Both are 8-bit with the same colours, and `target` has alpha if `source` has.
///
/// # Errors
/// [`Error::Image`] for other sizes, [`Error::Unsupported`] for other formats.
pub fn rotate(source: View<'_>, degrees: f64, target: &mut ViewMut<'_>) -> Result<(), Error> {
    let expected = rotated_size(source.size(), degrees);
    if target.size() != expected {
        return Err(pixelbank_image::Error::Mismatch {
            what: "sizes",
            left: expected.to_string(),
            right: target.size().to_string(),
        }
        .into());
    }
    use Channels::{Gray, GrayAlpha, Rgb, Rgba};
    let (from, to) = (source.format(), target.format());
    if from.sample != SampleType::U8 || to.sample != SampleType::U8 {
        return Err(unsupported(from, to));
    }
    match (from.channels, to.channels) {
        (Gray, Gray) => turn::<1, 1, 1>(source, degrees, target),
        (Gray, GrayAlpha) => turn::<1, 1, 2>(source, degrees, target),
        (GrayAlpha, GrayAlpha) => turn::<1, 2, 2>(source, degrees, target),
        (Rgb, Rgb) => turn::<3, 3, 3>(source, degrees, target),
        (Rgb, Rgba) => turn::<3, 3, 4>(source, degrees, target),
        (Rgba, Rgba) => turn::<3, 4, 4>(source, degrees, target),
        _ => return Err(unsupported(from, to)),
    }
    Ok(())
}

fn unsupported(from: PixelFormat, to: PixelFormat) -> Error {
    Error::Unsupported {
        operation: "turning",
        pixels: format!("{from} to {to}"),
    }
}

/// `COLORS` colour channels; `FROM` and `TO` channels in all.
fn turn<const COLORS: usize, const FROM: usize, const TO: usize>(
    source: View<'_>,
    degrees: f64,
    target: &mut ViewMut<'_>,
) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = (
        f64::from(source.size().width),
        f64::from(source.size().height),
    );
    let canvas = target.size();
    let (center_x, center_y) = (
        f64::from(canvas.width) / 2.0,
        f64::from(canvas.height) / 2.0,
    );
    for y in 0..canvas.height {
        let dy = f64::from(y) + 0.5 - center_y;
        let pixels = target.row_mut(y).as_chunks_mut::<TO>().0;
        for (x, pixel) in pixels.iter_mut().enumerate() {
            let dx = x as f64 + 0.5 - center_x;
            // Back to the source, in pixels from the centre of its first one.
            let from_x = dx * cos + dy * sin + width / 2.0 - 0.5;
            let from_y = dy * cos - dx * sin + height / 2.0 - 0.5;
            *pixel = sample::<COLORS, FROM, TO>(source, from_x, from_y);
        }
    }
}

#[inline]
fn sample<const COLORS: usize, const FROM: usize, const TO: usize>(
    source: View<'_>,
    x: f64,
    y: f64,
) -> [u8; TO] {
    let (left, top) = (x.floor(), y.floor());
    let (right_part, lower_part) = ((x - left) as f32, (y - top) as f32);
    let mut color = [0f32; COLORS];
    let mut coverage = 0f32;
    for (dy, part_y) in [(0, 1.0 - lower_part), (1, lower_part)] {
        let row = top as i64 + dy;
        if row < 0 || row >= i64::from(source.size().height) {
            continue;
        }
        let row = source.row(row as u32).as_chunks::<FROM>().0;
        for (dx, part_x) in [(0, 1.0 - right_part), (1, right_part)] {
            let column = left as i64 + dx;
            let Some(pixel) = usize::try_from(column).ok().and_then(|x| row.get(x)) else {
                continue;
            };
            let mut weight = part_x * part_y;
            if FROM > COLORS {
                weight *= f32::from(pixel[COLORS]) / 255.0;
            }
            coverage += weight;
            for (sum, sample) in color.iter_mut().zip(pixel) {
                *sum += weight * f32::from(*sample);
            }
        }
    }
    let mut made = [0u8; TO];
    if TO > COLORS {
        if coverage > 0.0 {
            for (made, sum) in made.iter_mut().zip(color) {
                *made = (sum / coverage + 0.5) as u8;
            }
            made[COLORS] = (coverage * 255.0 + 0.5) as u8;
        }
    } else {
        let white = (1.0 - coverage) * 255.0;
        for (made, sum) in made.iter_mut().zip(color) {
            *made = (sum + white + 0.5) as u8;
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_moves_pixels_and_changes_none() {
        let stored = [1u8, 2, 3, 4, 5, 6];
        let source = View::packed(&stored, Size::new(3, 2), PixelFormat::GRAY8).unwrap();
        let mut seen = [0u8; 6];
        assert_eq!(rotated_size(source.size(), 90.0), Size::new(2, 3));
        let mut target = ViewMut::packed(&mut seen, Size::new(2, 3), PixelFormat::GRAY8).unwrap();
        rotate(source, 90.0, &mut target).unwrap();
        assert_eq!(seen, [4, 1, 5, 2, 6, 3]);
    }

    #[test]
    fn corners_are_transparent_or_white_and_the_middle_keeps_its_color() {
        let size = Size::new(40, 40);
        let red = [200u8, 10, 20].repeat(1600);
        let source = View::packed(&red, size, PixelFormat::RGB8).unwrap();
        let canvas = rotated_size(size, 45.0);
        assert_eq!(canvas, Size::new(57, 57));
        let mut made = vec![9u8; canvas.pixels() as usize * 4];
        let mut target = ViewMut::packed(&mut made, canvas, PixelFormat::RGBA8).unwrap();
        rotate(source, 45.0, &mut target).unwrap();
        assert_eq!(target.row_mut(0)[..4], [0, 0, 0, 0]);
        assert_eq!(target.row_mut(28)[28 * 4..29 * 4], [200, 10, 20, 255]);
        let opaque: u64 = made.chunks_exact(4).map(|pixel| u64::from(pixel[3])).sum();
        let area = opaque as f64 / 255.0;
        // The canvas ends at the corners, which loses half a blended pixel around each.
        assert!((area - 1600.0).abs() < 12.0, "{area}");
        for pixel in made.chunks_exact(4).filter(|pixel| pixel[3] > 0) {
            assert_eq!(pixel[..3], [200, 10, 20], "borders keep their colour");
        }

        let mut made = vec![9u8; canvas.pixels() as usize * 3];
        let mut target = ViewMut::packed(&mut made, canvas, PixelFormat::RGB8).unwrap();
        rotate(source, 45.0, &mut target).unwrap();
        assert_eq!(target.row_mut(0)[..3], [255, 255, 255]);
        assert_eq!(target.row_mut(28)[28 * 3..29 * 3], [200, 10, 20]);
    }

    #[test]
    fn turns_clockwise() {
        // A white dot right of the centre goes down when turned a little.
        let size = Size::new(41, 41);
        let mut dot = vec![0u8; 41 * 41];
        dot[20 * 41 + 38] = 255;
        let source = View::packed(&dot, size, PixelFormat::GRAY8).unwrap();
        let canvas = rotated_size(size, 30.0);
        let mut made = vec![0u8; canvas.pixels() as usize * 2];
        let format = PixelFormat::GRAYA8;
        let mut target = ViewMut::packed(&mut made, canvas, format).unwrap();
        rotate(source, 30.0, &mut target).unwrap();
        let brightest = made
            .chunks_exact(2)
            .enumerate()
            .max_by_key(|(_, pixel)| u32::from(pixel[0]) * u32::from(pixel[1]))
            .map(|(at, _)| at as u32)
            .unwrap();
        let (x, y) = (brightest % canvas.width, brightest / canvas.width);
        let center = f64::from(canvas.width) / 2.0;
        let angle = (f64::from(y) + 0.5 - center).atan2(f64::from(x) + 0.5 - center);
        assert!((angle.to_degrees() - 30.0).abs() < 3.0, "{angle}");
    }
}
