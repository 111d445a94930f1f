//! TIFF: strips by the `tiff` crate, tiles by our own writer, and what neither writes field by field.

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use ::tiff::encoder::{Compression, DeflateLevel, Predictor, TiffEncoder, colortype};
use pixelbank_codec::{Embed, Format, RowWriter, TiffCompression, TiffOptions, TiffPyramidWriter};
use pixelbank_image::{Channels, PixelFormat, SampleType, Size, View};

use super::{Known, Sample, scene};

const GRAY16: PixelFormat = PixelFormat::new(Channels::Gray, SampleType::U16);
const GRAY32F: PixelFormat = PixelFormat::new(Channels::Gray, SampleType::F32);

pub fn samples() -> Vec<Sample> {
    let size = Size::new(83, 61);
    let mut samples = vec![
        float_strips(size),
        zstd_strip(size),
        separate_planes(size),
        float_predictor(size),
    ];
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Deflate(DeflateLevel::Balanced),
        Compression::Packbits,
    ] {
        samples.push(strips(size, 9, compression));
    }
    for pixels in [
        PixelFormat::GRAY8,
        PixelFormat::RGB8,
        PixelFormat::RGBA8,
        GRAY16,
    ] {
        for compression in [
            TiffCompression::None,
            TiffCompression::Deflate,
            TiffCompression::Lzw,
        ] {
            samples.push(pyramid(size, pixels, Size::new(32, 16), compression));
        }
    }
    samples.push(pyramid(
        size,
        PixelFormat::RGB8,
        Size::new(32, 16),
        TiffCompression::Jpeg(90),
    ));
    samples
}

/// Strips that are read in one pass, and pyramids of tiles.
pub fn large(size: Size) -> Vec<Sample> {
    let tile = Size::new(256, 256);
    let mut samples = vec![
        zstd_strip(size),
        separate_planes(size),
        float_predictor(size),
    ];
    for compression in [
        Compression::Uncompressed,
        Compression::Lzw,
        Compression::Deflate(DeflateLevel::Fast),
        Compression::Packbits,
    ] {
        samples.push(strips(size, size.height, compression));
    }
    samples.push(strips(size, 8, Compression::Deflate(DeflateLevel::Fast)));
    for compression in [
        TiffCompression::None,
        TiffCompression::Deflate,
        TiffCompression::Lzw,
        TiffCompression::Jpeg(90),
    ] {
        samples.push(pyramid(size, PixelFormat::RGB8, tile, compression));
    }
    samples
}

fn strips(size: Size, rows: u32, compression: Compression) -> Sample {
    let data = scene(size, PixelFormat::RGB8);
    let mut bytes = Vec::new();
    let mut file = TiffEncoder::new(Cursor::new(&mut bytes))
        .unwrap()
        .with_compression(compression)
        .with_predictor(match compression {
            Compression::Lzw => Predictor::Horizontal,
            _ => Predictor::None,
        });
    let mut image = file
        .new_image::<colortype::RGB8>(size.width, size.height)
        .unwrap();
    image.rows_per_strip(rows).unwrap();
    image.write_data(&data).unwrap();
    let kind = match compression {
        Compression::Uncompressed => "plain",
        Compression::Lzw => "LZW",
        Compression::Deflate(_) => "deflate",
        Compression::Packbits => "PackBits",
    };
    let name = format!("{kind} strips of {rows} rows, {size}.tif");
    Sample::exact(&name, bytes, Format::Tiff, size, PixelFormat::RGB8, data)
}

fn float_strips(size: Size) -> Sample {
    let data = scene(size, GRAY32F);
    let floats: Vec<f32> = data
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&bytes| f32::from_ne_bytes(bytes))
        .collect();
    let mut bytes = Vec::new();
    TiffEncoder::new_big(Cursor::new(&mut bytes))
        .unwrap()
        .write_image::<colortype::Gray32Float>(size.width, size.height, &floats)
        .unwrap();
    Sample::exact("float strips.tif", bytes, Format::Tiff, size, GRAY32F, data)
}

/// One page, little-endian: tag, type and values of its fields, beside those that say where the chunks lie.
fn page(size: Size, fields: &[(u16, u16, &[u32])], chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    let mut offsets = Vec::new();
    for chunk in chunks {
        offsets.push(bytes.len() as u32);
        bytes.extend_from_slice(chunk);
    }
    let counts: Vec<u32> = chunks.iter().map(|chunk| chunk.len() as u32).collect();
    let mut all: Vec<(u16, u16, Vec<u32>)> = vec![
        (256, 4, vec![size.width]),
        (257, 4, vec![size.height]),
        (273, 4, offsets),
        (279, 4, counts),
    ];
    all.extend(
        fields
            .iter()
            .map(|(tag, kind, values)| (*tag, *kind, values.to_vec())),
    );
    all.sort();
    let mut entries = Vec::new();
    for (tag, kind, values) in all {
        let packed: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes()[..if kind == 3 { 2 } else { 4 }].to_vec())
            .collect();
        entries.extend([tag, kind].map(u16::to_le_bytes).concat());
        entries.extend((values.len() as u32).to_le_bytes());
        if packed.len() <= 4 {
            entries.extend(&packed);
            entries.resize(entries.len() + 4 - packed.len(), 0);
        } else {
            entries.extend((bytes.len() as u32).to_le_bytes());
            bytes.extend(packed);
        }
    }
    let at = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&at.to_le_bytes());
    bytes.extend(((entries.len() / 12) as u16).to_le_bytes());
    bytes.extend(entries);
    bytes.extend([0; 4]);
    bytes
}

fn zstd_strip(size: Size) -> Sample {
    let data = scene(size, PixelFormat::RGB8);
    let fields: &[(u16, u16, &[u32])] = &[
        (258, 3, &[8, 8, 8]),
        (259, 3, &[50000]),
        (262, 3, &[2]),
        (277, 3, &[3]),
    ];
    let strip = zstd::bulk::compress(&data, 3).unwrap();
    let bytes = page(size, fields, &[strip]);
    let name = format!("one zstd strip, {size}.tif");
    Sample::exact(&name, bytes, Format::Tiff, size, PixelFormat::RGB8, data)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Strips of one sample each.
fn separate_planes(size: Size) -> Sample {
    let data = scene(size, PixelFormat::RGBA8);
    let fields: &[(u16, u16, &[u32])] = &[
        (258, 3, &[8, 8, 8, 8]),
        (259, 3, &[8]),
        (262, 3, &[2]),
        (277, 3, &[4]),
        (278, 4, &[40]),
        (284, 3, &[2]),
        (338, 3, &[2]),
    ];
    let strip = size.width as usize * 40;
    let chunks: Vec<Vec<u8>> = (0..4)
        .flat_map(|plane| {
            let plane: Vec<u8> = data.iter().skip(plane).step_by(4).copied().collect();
            plane.chunks(strip).map(deflate).collect::<Vec<_>>()
        })
        .collect();
    let bytes = page(size, fields, &chunks);
    let name = format!("separate planes, {size}.tif");
    Sample::exact(&name, bytes, Format::Tiff, size, PixelFormat::RGBA8, data)
}

/// The bytes of each row's floats sorted by significance, as differences.
fn float_predictor(size: Size) -> Sample {
    let data = scene(size, GRAY32F);
    let width = size.width as usize;
    let mut rows = Vec::new();
    for row in data.chunks(4 * width) {
        let mut sorted = vec![0; 4 * width];
        for (x, sample) in row.as_chunks::<4>().0.iter().enumerate() {
            let significant_first = f32::from_ne_bytes(*sample).to_be_bytes();
            for (rank, byte) in significant_first.into_iter().enumerate() {
                sorted[rank * width + x] = byte;
            }
        }
        for i in (1..sorted.len()).rev() {
            sorted[i] = sorted[i].wrapping_sub(sorted[i - 1]);
        }
        rows.push(sorted);
    }
    let strips: Vec<Vec<u8>> = rows
        .chunks(25)
        .map(|rows| deflate(&rows.concat()))
        .collect();
    let fields: &[(u16, u16, &[u32])] = &[
        (258, 3, &[32]),
        (259, 3, &[8]),
        (262, 3, &[1]),
        (278, 4, &[25]),
        (317, 3, &[3]),
        (339, 3, &[3]),
    ];
    let bytes = page(size, fields, &strips);
    let name = format!("float predictor, {size}.tif");
    Sample::exact(&name, bytes, Format::Tiff, size, GRAY32F, data)
}

/// A file in memory that outlives its writer.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.lock().unwrap().seek(to)
    }
}

fn pyramid(size: Size, pixels: PixelFormat, tile: Size, compression: TiffCompression) -> Sample {
    let data = scene(size, pixels);
    let options = TiffOptions {
        tile,
        compression,
        ..TiffOptions::default()
    };
    let out = Shared::default();
    let mut writer = Box::new(
        TiffPyramidWriter::new(out.clone(), size, pixels, &options, &Embed::default()).unwrap(),
    );
    writer
        .write_rows(View::packed(&data, size, pixels).unwrap())
        .unwrap();
    writer.finish().unwrap();
    let bytes = out.0.lock().unwrap().get_ref().clone();
    let is_jpeg = matches!(compression, TiffCompression::Jpeg(_));
    Sample {
        name: format!("pyramid of {pixels}, {compression:?}, {size}.tif"),
        bytes,
        format: Format::Tiff,
        subimages: vec![Known {
            size,
            pixels,
            data: (!is_jpeg).then_some(data),
            tolerance: 0,
        }],
    }
}
