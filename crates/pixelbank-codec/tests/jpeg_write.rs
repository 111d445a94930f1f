//! Writing JPEG, read back by an independent decoder.
#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use pixelbank_codec::{
    Embed, Error, Input, JpegOptions, JpegWriter, Limits, Region, RowWriter, Subsampling,
    encode_jpeg, open,
};
use pixelbank_image::{PixelFormat, Rect, Size, View};

fn picture(size: Size, channels: usize) -> Vec<u8> {
    (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let wave = |a: f32, b: f32| {
                let phase = (x as f32 * a + y as f32 * b) / 9.0;
                (128.0 + 100.0 * phase.sin()) as u8
            };
            [wave(1.0, 0.3), wave(0.4, 0.9), wave(0.7, 0.1)]
                .into_iter()
                .take(channels)
        })
        .collect()
}

/// Peak signal to noise ratio in decibels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1e-9)).log10()
}

fn decode(stream: &[u8]) -> Vec<u8> {
    jpeg_decoder::Decoder::new(stream).decode().unwrap()
}

/// A file that can be looked at while someone else writes it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_by_rows(pixels: View<'_>, step: u32, options: &JpegOptions, embed: &Embed<'_>) -> Vec<u8> {
    let out = Shared::default();
    let mut writer: Box<dyn RowWriter> = Box::new(
        JpegWriter::new(out.clone(), pixels.size(), pixels.format(), options, embed).unwrap(),
    );
    let mut y = 0;
    while y < pixels.size().height {
        let height = step.min(pixels.size().height - y);
        let rows = Rect::new(0, y, pixels.size().width, height);
        writer.write_rows(pixels.crop(rows).unwrap()).unwrap();
        y += height;
    }
    writer.finish().unwrap();
    let bytes = out.0.lock().unwrap();
    bytes.clone()
}

#[test]
fn others_read_what_is_written() {
    for size in [Size::new(1, 1), Size::new(97, 65), Size::new(256, 256)] {
        for (format, channels) in [(PixelFormat::GRAY8, 1), (PixelFormat::RGB8, 3)] {
            let pixels = picture(size, channels);
            let view = View::packed(&pixels, size, format).unwrap();
            for subsampling in [Subsampling::Full, Subsampling::Half, Subsampling::Quarter] {
                for progressive in [false, true] {
                    let options = JpegOptions {
                        quality: 92,
                        subsampling,
                        progressive,
                    };
                    let stream = encode_jpeg(view, &options, &Embed::default()).unwrap();
                    let frame = if progressive { 0xC2 } else { 0xC0 };
                    assert!(stream.windows(2).any(|w| w == [0xFF, frame]));
                    let back = decode(&stream);
                    let psnr = psnr(&back, &pixels);
                    let least = match (channels, subsampling) {
                        (1, _) | (_, Subsampling::Full) => 38.0,
                        _ => 26.0,
                    };
                    assert!(psnr > least, "{size} {options:?}: {psnr:.1} dB");
                }
            }
        }
    }
}

#[test]
fn better_quality_costs_bytes_and_pays() {
    let size = Size::new(200, 150);
    let pixels = picture(size, 3);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    let mut last = (0, 0.0);
    for quality in [1, 30, 60, 85, 95, 100] {
        let options = JpegOptions {
            quality,
            ..JpegOptions::default()
        };
        let stream = encode_jpeg(view, &options, &Embed::default()).unwrap();
        let now = (stream.len(), psnr(&decode(&stream), &pixels));
        assert!(
            now.0 > last.0 && now.1 > last.1,
            "{quality}: {now:?} after {last:?}"
        );
        last = now;
    }
}

#[test]
fn rows_in_any_number_give_the_same_file() {
    let size = Size::new(123, 77);
    // Rows with padding behind them.
    let row_bytes = 400;
    let mut padded = vec![0xAA; row_bytes * 77];
    let pixels = picture(size, 3);
    for (row, source) in padded.chunks_mut(row_bytes).zip(pixels.chunks(369)) {
        row[..369].copy_from_slice(source);
    }
    let view = View::new(&padded, size, PixelFormat::RGB8, row_bytes).unwrap();
    let options = JpegOptions::default();
    let exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0";
    let embed = Embed {
        exif: Some(exif),
        ..Embed::default()
    };
    let whole = encode_jpeg(view, &options, &embed).unwrap();
    for step in [1, 7, 16, 77] {
        assert!(
            write_by_rows(view, step, &options, &embed) == whole,
            "{step}"
        );
    }
}

#[test]
fn more_than_the_buffers_hold() {
    let size = Size::new(900, 700);
    let mut seed = 1_u32;
    let noise: Vec<u8> = (0..900 * 700 * 3)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .collect();
    let view = View::packed(&noise, size, PixelFormat::RGB8).unwrap();
    let options = JpegOptions {
        quality: 100,
        subsampling: Subsampling::Full,
        progressive: false,
    };
    let stream = encode_jpeg(view, &options, &Embed::default()).unwrap();
    // Noise does not compress: the first guess of the size was far too low.
    assert!(stream.len() > 1_500_000, "{}", stream.len());
    assert!(psnr(&decode(&stream), &noise) > 40.0);
    assert!(write_by_rows(view, 64, &options, &Embed::default()) == stream);
}

#[test]
fn metadata_is_embedded() {
    let size = Size::new(16, 16);
    let pixels = picture(size, 3);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    let xmp = b"<x:xmpmeta/>".to_vec();
    let icc: Vec<u8> = (0..140_000_u32).map(|i| (i % 251) as u8).collect();
    let embed = Embed {
        exif: Some(&exif),
        xmp: Some(&xmp),
        icc: Some(&icc),
    };
    let stream = encode_jpeg(view, &JpegOptions::default(), &embed).unwrap();
    let mut theirs = jpeg_decoder::Decoder::new(&stream[..]);
    theirs.decode().unwrap();
    assert_eq!(theirs.icc_profile().as_deref(), Some(&icc[..]));
    assert_eq!(theirs.exif_data(), Some(&exif[..]));
    let mut ours = open(Input::memory(stream.into(), "a.jpg"), &Limits::default()).unwrap();
    let blocks = ours.metadata().unwrap();
    assert_eq!(
        (blocks.exif, blocks.xmp, blocks.icc),
        (Some(exif), Some(xmp), Some(icc))
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let size = Size::new(8, 8);
    let pixels = vec![0; 8 * 8 * 4];
    let view = |format| View::packed(&pixels, size, format).unwrap();
    let refused = |result: Result<Vec<u8>, Error>| {
        assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    };
    let options = JpegOptions::default();
    let embed = Embed::default();
    refused(encode_jpeg(view(PixelFormat::RGBA8), &options, &embed));
    for quality in [0, 101] {
        let options = JpegOptions {
            quality,
            ..options.clone()
        };
        refused(encode_jpeg(view(PixelFormat::RGB8), &options, &embed));
    }
    let long = vec![0; 70_000];
    let embed = Embed {
        exif: Some(&long),
        ..embed
    };
    refused(encode_jpeg(view(PixelFormat::RGB8), &options, &embed));
    let too_large = JpegWriter::new(
        io::sink(),
        Size::new(65_501, 1),
        PixelFormat::GRAY8,
        &options,
        &Embed::default(),
    );
    assert!(matches!(too_large, Err(Error::Encode { .. })));
    let empty = JpegWriter::new(
        io::sink(),
        Size::new(0, 1),
        PixelFormat::GRAY8,
        &options,
        &Embed::default(),
    );
    assert!(matches!(empty, Err(Error::Encode { .. })));
}

#[test]
fn wrong_rows_are_refused() {
    let size = Size::new(8, 8);
    let pixels = vec![0; 16 * 16 * 3];
    let new = || {
        let options = JpegOptions::default();
        let embed = Embed::default();
        Box::new(JpegWriter::new(io::sink(), size, PixelFormat::RGB8, &options, &embed).unwrap())
    };
    let rows =
        |width, height, format| View::packed(&pixels, Size::new(width, height), format).unwrap();
    let refused = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    };
    refused(new().write_rows(rows(9, 1, PixelFormat::RGB8)));
    refused(new().write_rows(rows(8, 1, PixelFormat::GRAY8)));
    refused(new().write_rows(rows(8, 9, PixelFormat::RGB8)));
    let mut writer = new();
    writer.write_rows(rows(8, 7, PixelFormat::RGB8)).unwrap();
    refused(writer.finish());
}

/// Fails after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let size = Size::new(600, 600);
    let mut seed = 1_u32;
    let noise: Vec<u8> = (0..600 * 600 * 3)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        })
        .collect();
    let view = View::packed(&noise, size, PixelFormat::RGB8).unwrap();
    for room in [0, 40_000] {
        let options = JpegOptions::default();
        let embed = Embed::default();
        let mut writer = Box::new(
            JpegWriter::new(Full(room), size, PixelFormat::RGB8, &options, &embed).unwrap(),
        );
        let result = writer.write_rows(view).and_then(|()| writer.finish());
        let Err(Error::Io { source, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn an_unfinished_file_is_refused_by_readers() {
    let size = Size::new(64, 64);
    let pixels = picture(size, 3);
    let out = Shared::default();
    let options = JpegOptions::default();
    let embed = Embed::default();
    let mut writer =
        JpegWriter::new(out.clone(), size, PixelFormat::RGB8, &options, &embed).unwrap();
    let rows = Rect::new(0, 0, 64, 40);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    writer.write_rows(view.crop(rows).unwrap()).unwrap();
    drop(writer);
    let bytes: Arc<[u8]> = out.0.lock().unwrap().clone().into();
    let read = open(Input::memory(bytes, "a.jpg"), &Limits::default()).and_then(|mut decoder| {
        let region = Region {
            subimage: 0,
            level: 0,
            rect: size.rect(),
        };
        decoder.decode(&region, &mut |_| ControlFlow::Continue(()))
    });
    assert!(read.is_err());
}
