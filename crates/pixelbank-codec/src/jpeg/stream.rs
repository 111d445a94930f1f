//! JPEG streams that stand inside other files: the tiles and strips of TIFF.

use pixelbank_image::{PixelFormat, Size, ViewMut};

pub(crate) use super::decompress::StreamColor;
use super::decompress::{Decompress, Output};
use super::fault::Fault;
use super::memory::{Component, Frame};
use super::source::Bytes;

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];

/// Decodes a stand-alone stream, after the tables that it shares with others if there are any, into `out`.
///
/// `expect` is the size that the container says of a whole tile or strip. The stream must be that wide, no higher, and
/// at least as high as `out`; `out` gets the top left part. Its format must be grey, RGB or CMYK of 8 bits, as `color`
/// says; CMYK comes as it is stored.
///
/// Streams of several scans are refused: they would need memory for all coefficients, and TIFF writers do not make them.
pub(crate) fn decode_stream(
    tables: Option<&[u8]>,
    stream: &[u8],
    expect: Size,
    color: StreamColor,
    mut out: ViewMut<'_>,
) -> Result<(), Fault> {
    let output = output_of(color);
    assert_eq!(
        out.format().pixel_bytes(),
        output.channels(),
        "pixels of {} for {color:?}",
        out.format()
    );
    if out.size().is_empty() {
        return Ok(());
    }
    let mut jpeg = match tables {
        Some(tables) => {
            let mut jpeg = Decompress::new(Bytes::Slice(tables))?;
            jpeg.read_tables(Bytes::Slice(stream))?;
            jpeg
        }
        None => Decompress::new(Bytes::Slice(stream))?,
    };
    jpeg.read_header()?;
    let found = jpeg.size();
    let wanted = out.size();
    if found.width != expect.width
        || found.height > expect.height
        || found.height < wanted.height
        || found.width < wanted.width
    {
        return Err(Fault::Malformed(format!(
            "a JPEG tile of {found} pixels where {expect} were announced"
        )));
    }
    if jpeg.has_multiple_scans() {
        return Err(Fault::Unsupported("a progressive JPEG tile".to_owned()));
    }
    jpeg.set_color(color)?;
    jpeg.start(1, output)?;

    let full_row = found.width as usize * output.channels();
    let row_bytes = out.row_bytes();
    if wanted.width == found.width {
        let last = wanted.height - 1;
        let above = last as usize * row_bytes;
        jpeg.read(&mut out.data_mut()[..above], row_bytes)?;
        // The last row may lack the padding.
        jpeg.read(out.row_mut(last), full_row)?;
    } else {
        let mut row = super::zeroed(full_row)?;
        for y in 0..wanted.height {
            jpeg.read(&mut row, full_row)?;
            let target = out.row_mut(y);
            target.copy_from_slice(&row[..target.len()]);
        }
    }
    Ok(())
}

fn output_of(color: StreamColor) -> Output {
    match color {
        StreamColor::Gray => Output::Gray,
        StreamColor::YCbCr | StreamColor::Rgb => Output::Rgb,
        StreamColor::Cmyk => Output::Cmyk,
    }
}

/// The format of pixels that [`decode_stream`] writes.
fn stream_format(color: StreamColor) -> PixelFormat {
    match color {
        StreamColor::Gray => PixelFormat::GRAY8,
        StreamColor::YCbCr | StreamColor::Rgb => PixelFormat::RGB8,
        StreamColor::Cmyk => PixelFormat::new(
            pixelbank_image::Channels::Cmyk,
            pixelbank_image::SampleType::U8,
        ),
    }
}

/// An upper bound of the bytes that [`decode_stream`] holds beside its arguments, whatever the stream's subsampling.
pub(crate) fn stream_working_bytes(expect: Size, color: StreamColor) -> u64 {
    let n = stream_format(color).channels.count();
    // Whichever the stream has; an MCU has ten blocks at most, so these are the extremes.
    let bound = |h: u32, v: u32| {
        let mut components = vec![Component { h: 1, v: 1 }; n];
        components[0] = Component { h, v };
        Frame {
            size: expect,
            components,
            multi_scan: false,
        }
        .library_bytes(1)
    };
    let row = u64::from(expect.width) * n as u64;
    let most = [(1, 1), (2, 2), (1, 4), (2, 4), (4, 2)].map(|(h, v)| bound(h, v));
    most.into_iter().max().unwrap_or_default() + row
}

/// Joins shared tables and an abbreviated stream into one that every JPEG reader takes.
///
/// Readers guess the colours from markers that streams inside TIFF files do not have, so one is put in front: Adobe's
/// for RGB and CMYK, JFIF's otherwise. `None` where the parts are no JPEG streams, or have such a marker already
/// that may say something else.
pub(crate) fn merge_tables(
    tables: Option<&[u8]>,
    stream: &[u8],
    color: StreamColor,
) -> Option<Vec<u8>> {
    let body = stream.strip_prefix(&SOI)?;
    let tables = match tables {
        Some(tables) => {
            let inner = tables.strip_prefix(&SOI)?;
            inner.strip_suffix(&EOI).unwrap_or(inner)
        }
        None => &[],
    };
    let marker: &[u8] = match color {
        StreamColor::Gray | StreamColor::YCbCr => &JFIF,
        StreamColor::Rgb | StreamColor::Cmyk => &ADOBE_UNTRANSFORMED,
    };
    let marker = match leading_app(body) {
        None => marker,
        // What stands there already says the same.
        Some(0xE0) if matches!(color, StreamColor::Gray | StreamColor::YCbCr) => &[],
        Some(_) => return None,
    };
    let mut merged = Vec::new();
    let len = SOI.len() + marker.len() + tables.len() + body.len();
    merged.try_reserve_exact(len).ok()?;
    merged.extend_from_slice(&SOI);
    merged.extend_from_slice(marker);
    merged.extend_from_slice(tables);
    merged.extend_from_slice(body);
    Some(merged)
}

/// A JFIF header, version 1.1, square pixels, no thumbnail.
const JFIF: [u8; 18] = [
    0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0,
];

/// Adobe's marker, saying that components are stored as they are.
const ADOBE_UNTRANSFORMED: [u8; 16] = [
    0xFF, 0xEE, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, 0,
];

/// The first of APP0 and APP14 before the frame header, if any.
fn leading_app(mut body: &[u8]) -> Option<u8> {
    while let [0xFF, marker, high, low, ..] = *body {
        match marker {
            0xE0 | 0xEE => return Some(marker),
            // A frame or scan header.
            0xC0..=0xC3 | 0xDA => return None,
            _ => {
                let len = usize::from(u16::from_be_bytes([high, low]));
                body = body.get(2 + len..)?;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: Size, channels: usize) -> Vec<u8> {
        (0..size.height)
            .flat_map(|y| (0..size.width).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                [(x * 3 + y) as u8, (y * 2) as u8, (x + y * 3) as u8, 90]
                    .into_iter()
                    .take(channels)
            })
            .collect()
    }

    fn encode(size: Size, color: jpeg_encoder::ColorType, channels: usize) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut stream, 95);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
        let pixels = picture(size, channels);
        encoder
            .encode(&pixels, size.width as u16, size.height as u16, color)
            .unwrap();
        stream
    }

    /// Cuts a stream into its tables and the rest, as TIFF stores them, without markers of applications.
    fn split(stream: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut tables, mut rest) = (SOI.to_vec(), SOI.to_vec());
        let mut at = 2;
        loop {
            let marker = stream[at + 1];
            let len = usize::from(u16::from_be_bytes([stream[at + 2], stream[at + 3]])) + 2;
            match marker {
                0xDB | 0xC4 => tables.extend_from_slice(&stream[at..at + len]),
                0xE0..=0xEF => {}
                0xDA => {
                    rest.extend_from_slice(&stream[at..]);
                    break;
                }
                _ => rest.extend_from_slice(&stream[at..at + len]),
            }
            at += len;
        }
        tables.extend_from_slice(&EOI);
        (tables, rest)
    }

    fn decode(
        tables: Option<&[u8]>,
        stream: &[u8],
        expect: Size,
        out: Size,
        color: StreamColor,
    ) -> Result<Vec<u8>, Fault> {
        let format = stream_format(color);
        let mut pixels = vec![0; format.image_bytes(out) as usize];
        let view = ViewMut::packed(&mut pixels, out, format).unwrap();
        decode_stream(tables, stream, expect, color, view)?;
        Ok(pixels)
    }

    fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    }

    #[test]
    fn an_abbreviated_stream_needs_its_tables() {
        let size = Size::new(48, 32);
        let whole = encode(size, jpeg_encoder::ColorType::Rgb, 3);
        let (tables, stream) = split(&whole);
        let color = StreamColor::YCbCr;
        let pixels = decode(Some(&tables), &stream, size, size, color).unwrap();
        assert!(largest_difference(&pixels, &picture(size, 3)) < 12);
        assert_eq!(pixels, decode(None, &whole, size, size, color).unwrap());
        assert!(decode(None, &stream, size, size, color).is_err());
    }

    #[test]
    fn colours_are_what_the_container_says() {
        let size = Size::new(40, 24);
        let (tables, stream) = split(&encode(size, jpeg_encoder::ColorType::Ycbcr, 3));
        // Stored without a conversion, so as RGB they come back as they were.
        let rgb = decode(Some(&tables), &stream, size, size, StreamColor::Rgb).unwrap();
        assert!(largest_difference(&rgb, &picture(size, 3)) < 12);
        let ycc = decode(Some(&tables), &stream, size, size, StreamColor::YCbCr).unwrap();
        assert!(largest_difference(&ycc, &picture(size, 3)) > 50);
        let gray = decode(Some(&tables), &stream, size, size, StreamColor::Gray);
        assert!(matches!(gray, Err(Fault::Malformed(_))), "{gray:?}");
    }

    #[test]
    fn the_part_inside_the_image_is_cut_out() {
        let size = Size::new(64, 48);
        let stream = encode(size, jpeg_encoder::ColorType::Luma, 1);
        let whole = decode(None, &stream, size, size, StreamColor::Gray).unwrap();
        let part = Size::new(37, 21);
        let pixels = decode(None, &stream, size, part, StreamColor::Gray).unwrap();
        for y in 0..21 {
            assert_eq!(pixels[y * 37..][..37], whole[y * 64..][..37]);
        }
    }

    #[test]
    fn sizes_other_than_announced_are_refused() {
        let stream = encode(Size::new(64, 48), jpeg_encoder::ColorType::Luma, 1);
        let out = Size::new(16, 16);
        for wrong in [Size::new(65, 48), Size::new(64, 47), Size::new(32, 48)] {
            assert!(decode(None, &stream, wrong, out, StreamColor::Gray).is_err());
        }
        // The last strip may be lower than the others.
        decode(None, &stream, Size::new(64, 100), out, StreamColor::Gray).unwrap();
    }

    #[test]
    fn damage_is_an_error() {
        let size = Size::new(64, 48);
        let stream = encode(size, jpeg_encoder::ColorType::Rgb, 3);
        for len in [0, 1, 3, 50, stream.len() / 2, stream.len() - 100] {
            let cut = decode(None, &stream[..len], size, size, StreamColor::YCbCr);
            assert!(matches!(cut, Err(Fault::Malformed(_))), "{len}: {cut:?}");
        }
    }

    #[test]
    fn merged_streams_say_their_colours_themselves() {
        let size = Size::new(40, 24);
        let (tables, stream) = split(&encode(size, jpeg_encoder::ColorType::Ycbcr, 3));
        for color in [StreamColor::Rgb, StreamColor::YCbCr] {
            let merged = merge_tables(Some(&tables), &stream, color).unwrap();
            let mut reader = jpeg_decoder::Decoder::new(&merged[..]);
            let theirs = reader.decode().unwrap();
            let ours = decode(Some(&tables), &stream, size, size, color).unwrap();
            assert!(largest_difference(&ours, &theirs) <= 4, "{color:?}");
        }
        assert!(merge_tables(Some(&tables), &stream[1..], StreamColor::Rgb).is_none());
    }
}
