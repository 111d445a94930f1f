//! The small formats, mostly by the decoders of the `image` crate.
//!
//! Those decode whole frames. Where every row of a format has a place of its own, or rows follow each other without
//! knowing of what came before, a band of rows is shown to the decoder as an image of that height: the file's header
//! with another height, then the band's bytes. So the crate's knowledge of the formats is used, and memory stays that
//! of a band.

pub(crate) mod bmp;
pub(crate) mod gif;
pub(crate) mod hdr;
pub(crate) mod pfm;
pub(crate) mod pnm;
pub(crate) mod qoi;
mod rows;
pub(crate) mod tga;

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use image::{ColorType, ImageError};
use pixelbank_image::{Channels, PixelFormat, SampleType};

use crate::request::{malformed, read_error};
use crate::{Error, Format, Input};

/// Our name for a layout of the `image` crate; all of them are interleaved and in the machine's byte order.
fn pixel_format(color: ColorType) -> Option<PixelFormat> {
    let (channels, sample) = match color {
        ColorType::L8 => (Channels::Gray, SampleType::U8),
        ColorType::La8 => (Channels::GrayAlpha, SampleType::U8),
        ColorType::Rgb8 => (Channels::Rgb, SampleType::U8),
        ColorType::Rgba8 => (Channels::Rgba, SampleType::U8),
        ColorType::L16 => (Channels::Gray, SampleType::U16),
        ColorType::La16 => (Channels::GrayAlpha, SampleType::U16),
        ColorType::Rgb16 => (Channels::Rgb, SampleType::U16),
        ColorType::Rgba16 => (Channels::Rgba, SampleType::U16),
        ColorType::Rgb32F => (Channels::Rgb, SampleType::F32),
        ColorType::Rgba32F => (Channels::Rgba, SampleType::F32),
        _ => return None,
    };
    Some(PixelFormat::new(channels, sample))
}

/// A band as the `image` crate is shown it: a header, then the file from some place on.
type Shown<'a, 'b> = io::Chain<&'a [u8], &'a mut BufReader<&'b mut Input>>;

/// Bytes of the file that [`read_shown`] holds at a time.
const SHOWN_BUFFER_BYTES: usize = 32 << 10;

/// Has `decode` read a band that begins at byte `position` behind the header `head`; returns where it ends.
fn read_shown(
    input: &mut Input,
    (name, format): (&str, Format),
    position: u64,
    head: &[u8],
    decode: impl FnOnce(Shown<'_, '_>) -> Result<(), ImageError>,
) -> Result<u64, Error> {
    let io = |source| read_error(name, format, source);
    input.seek(SeekFrom::Start(position)).map_err(io)?;
    let mut reader = BufReader::with_capacity(SHOWN_BUFFER_BYTES, input);
    decode(Read::chain(head, reader.by_ref())).map_err(|error| failed(name, format, error))?;
    reader.stream_position().map_err(io)
}

/// Makes samples that were rounded from few bits to the nearest of 8 the same bits over and over again, which is what
/// OpenImageIO does, so that pixels agree. `bits` are those of each channel of a pixel; 8 leaves it alone.
fn repeat_bits(pixels: &mut [u8], bits: &[u8]) {
    for pixel in pixels.chunks_exact_mut(bits.len()) {
        for (sample, &bits) in pixel.iter_mut().zip(bits) {
            if (1..8).contains(&bits) {
                *sample = repeated(*sample, bits);
            }
        }
    }
}

fn repeated(sample: u8, bits: u8) -> u8 {
    let highest = (1u32 << bits) - 1;
    let value = (u32::from(sample) * highest + 127) / 255;
    let (mut wide, mut left) = (0, 8 - i32::from(bits));
    while left > 0 {
        wide |= value << left;
        left -= i32::from(bits);
    }
    (wide | value >> -left) as u8
}

/// An error of the `image` crate as one of ours.
fn failed(name: &str, format: Format, error: ImageError) -> Error {
    match error {
        ImageError::IoError(source) => read_error(name, format, source),
        ImageError::Unsupported(error) => {
            let feature = feature(&error.kind());
            // The crate's word for sizes that overflow its counts, which no feature of ours would mend.
            if feature.contains("are too large") {
                malformed(name, format, feature)
            } else {
                Error::Unsupported {
                    name: name.to_owned(),
                    format,
                    feature,
                }
            }
        }
        ImageError::Decoding(error) => {
            let reason = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            malformed(name, format, reason)
        }
        ImageError::Limits(error) => Error::Io {
            name: name.to_owned(),
            source: io::Error::new(io::ErrorKind::OutOfMemory, error.to_string()),
        },
        other => malformed(name, format, other),
    }
}

fn feature(kind: &image::error::UnsupportedErrorKind) -> String {
    use image::error::UnsupportedErrorKind::{Color, Format, GenericFeature};
    match kind {
        Color(color) => format!("pixels of kind {color:?}"),
        Format(hint) => format!("encoding {hint}"),
        GenericFeature(feature) => feature.clone(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_samples_become_repeated_bits() {
        for bits in 1..8u8 {
            let highest = (1u32 << bits) - 1;
            for value in 0..=highest {
                let rounded = ((value * 255 + highest / 2) / highest) as u8;
                let text = format!("{value:0width$b}", width = usize::from(bits)).repeat(8);
                let expected = u8::from_str_radix(&text[..8], 2).unwrap();
                assert_eq!(repeated(rounded, bits), expected, "{value} of {bits} bits");
            }
        }
        let mut pixels = [230, 156, 1, 58, 58, 2];
        repeat_bits(&mut pixels, &[5, 6, 8]);
        assert_eq!(pixels, [231, 158, 1, 57, 56, 2]);
    }
}
