//! The last step before an encoder: grey, black and white, alpha blended onto white, or grey as RGB.

use pixelbank_image::{Channels, PixelFormat, SampleType};

use crate::Error;

/// What becomes of colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// They stay; grey pictures stay grey.
    #[default]
    Color,
    /// Luma after Rec. 709, of the encoded values.
    Gray,
    /// White from half of the luma on, else black. Transparent pixels are seen on white.
    Bitonal,
}

/// A row conversion between display-ready 8-bit formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    from: PixelFormat,
    to: PixelFormat,
    quality: Quality,
}

impl Finish {
    /// From grey or RGB, with or without straight alpha, all 8-bit. `flatten` blends alpha onto white;
    /// `gray_as_rgb` repeats grey three times, for encoders that know no grey.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for any other format.
    pub fn new(
        from: PixelFormat,
        quality: Quality,
        flatten: bool,
        gray_as_rgb: bool,
    ) -> Result<Self, Error> {
        use Channels::{Gray, GrayAlpha, Rgb, Rgba};
        if from.sample != SampleType::U8 || !matches!(from.channels, Gray | GrayAlpha | Rgb | Rgba)
        {
            return Err(Error::Unsupported {
                operation: "finishing",
                pixels: from.to_string(),
            });
        }
        let gray = quality != Quality::Color || matches!(from.channels, Gray | GrayAlpha);
        let alpha = from.channels.has_alpha() && !flatten && quality != Quality::Bitonal;
        let channels = match (gray && !gray_as_rgb, alpha) {
            (true, false) => Gray,
            (true, true) => GrayAlpha,
            (false, false) => Rgb,
            (false, true) => Rgba,
        };
        Ok(Self {
            from,
            to: PixelFormat::new(channels, SampleType::U8),
            quality,
        })
    }

    /// What it makes.
    pub fn format(&self) -> PixelFormat {
        self.to
    }

    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        let colorless = matches!(self.from.channels, Channels::Gray | Channels::GrayAlpha);
        self.from == self.to
            && (self.quality == Quality::Color || (self.quality == Quality::Gray && colorless))
    }

    /// Converts a row.
    ///
    /// # Panics
    /// If the rows have not the same number of whole pixels.
    pub fn row(&self, from: &[u8], to: &mut [u8]) {
        use Channels::{Gray, GrayAlpha, Rgb};
        match self.from.channels {
            Gray => self.row_to::<1>(from, to),
            GrayAlpha => self.row_to::<2>(from, to),
            Rgb => self.row_to::<3>(from, to),
            _ => self.row_to::<4>(from, to),
        }
    }

    fn row_to<const FROM: usize>(&self, from: &[u8], to: &mut [u8]) {
        match self.to.channels.count() {
            1 => self.pixels::<FROM, 1>(from, to),
            2 => self.pixels::<FROM, 2>(from, to),
            3 => self.pixels::<FROM, 3>(from, to),
            _ => self.pixels::<FROM, 4>(from, to),
        }
    }

    fn pixels<const FROM: usize, const TO: usize>(&self, from: &[u8], to: &mut [u8]) {
        let (from, to) = (from.as_chunks::<FROM>().0, to.as_chunks_mut::<TO>().0);
        assert_eq!(from.len(), to.len(), "rows differ in length");
        let quality = self.quality;
        for (from, to) in from.iter().zip(to) {
            let alpha = match FROM {
                2 => from[1],
                4 => from[3],
                _ => 255,
            };
            let keeps_alpha = TO.is_multiple_of(2);
            let mut color = if FROM >= 3 {
                [from[0], from[1], from[2]]
            } else {
                [from[0]; 3]
            };
            if !keeps_alpha && FROM.is_multiple_of(2) {
                color = color.map(|sample| on_white(sample, alpha));
            }
            if quality != Quality::Color && FROM >= 3 {
                color = [luma(color); 3];
            }
            if quality == Quality::Bitonal {
                color = [if color[0] >= 128 { 255 } else { 0 }; 3];
            }
            match TO {
                1 => to[0] = color[0],
                2 => (to[0], to[1]) = (color[0], alpha),
                3 => to.copy_from_slice(&color),
                _ => {
                    to[..3].copy_from_slice(&color);
                    to[3] = alpha;
                }
            }
        }
    }
}

/// Rec. 709 weights in 1/65,536.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((13_933 * u32::from(red) + 46_871 * u32::from(green) + 4_732 * u32::from(blue) + 32_768) >> 16)
        as u8
}

fn on_white(sample: u8, alpha: u8) -> u8 {
    let sum = u32::from(sample) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
    // Rounded division by 255, exact for sums up to 255².
    ((sum + 128 + ((sum + 128) >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finish(
        from: PixelFormat,
        quality: Quality,
        flatten: bool,
        rgb: bool,
        row: &[u8],
    ) -> Vec<u8> {
        let finish = Finish::new(from, quality, flatten, rgb).unwrap();
        let pixels = row.len() / from.pixel_bytes();
        let mut made = vec![0; pixels * finish.format().pixel_bytes()];
        finish.row(row, &mut made);
        made
    }

    #[test]
    fn gray_is_rec_709_luma() {
        let row = [
            255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 77, 77, 77,
        ];
        let made = finish(PixelFormat::RGB8, Quality::Gray, false, false, &row);
        assert_eq!(made, [54, 182, 18, 255, 0, 77]);
    }

    #[test]
    fn bitonal_has_two_values_and_sees_transparency_as_white() {
        let row = [0, 0, 0, 0, 0, 0, 0, 255, 200, 200, 200, 255];
        let made = finish(PixelFormat::RGBA8, Quality::Bitonal, false, false, &row);
        assert_eq!(made, [255, 0, 255]);
        let made = finish(
            PixelFormat::GRAY8,
            Quality::Bitonal,
            false,
            false,
            &[127, 128],
        );
        assert_eq!(made, [0, 255]);
    }

    #[test]
    fn flattening_rounds_to_the_nearest() {
        for sample in 0..=255u8 {
            for alpha in 0..=255u8 {
                let (s, a) = (f64::from(sample), f64::from(alpha) / 255.0);
                let exact = (s * a + 255.0 * (1.0 - a)).round();
                assert_eq!(
                    f64::from(on_white(sample, alpha)),
                    exact,
                    "{sample} {alpha}"
                );
            }
        }
        let made = finish(
            PixelFormat::GRAYA8,
            Quality::Color,
            true,
            false,
            &[0, 255, 0, 0],
        );
        assert_eq!(made, [0, 255]);
    }

    #[test]
    fn gray_can_be_repeated() {
        let made = finish(PixelFormat::GRAYA8, Quality::Color, false, true, &[7, 9]);
        assert_eq!(made, [7, 7, 7, 9]);
        let made = finish(PixelFormat::RGB8, Quality::Gray, false, true, &[9, 9, 9]);
        assert_eq!(made, [9, 9, 9]);
    }

    #[test]
    fn color_without_alpha_is_left_alone() {
        let finish = Finish::new(PixelFormat::RGB8, Quality::Color, true, false).unwrap();
        assert!(finish.is_identity());
        let finish = Finish::new(PixelFormat::GRAY8, Quality::Gray, true, false).unwrap();
        assert_eq!(finish.format(), PixelFormat::GRAY8);
        assert!(finish.is_identity());
    }
}
