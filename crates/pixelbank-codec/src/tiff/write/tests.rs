use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use pixelbank_image::{Access, Alpha, Orientation, Rect};

use super::*;
use crate::reading::{self, opened};
use crate::{Decoder, Input, Limits, Region};

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

fn written(
    pixels: &[u8],
    size: Size,
    format: PixelFormat,
    options: &TiffOptions,
    embed: &Embed<'_>,
) -> Vec<u8> {
    let out = Shared::default();
    let mut writer =
        Box::new(TiffPyramidWriter::new(out.clone(), size, format, options, embed).unwrap());
    let view = View::packed(pixels, size, format).unwrap();
    // In bands of odd heights.
    let mut y = 0;
    while y < size.height {
        let height = (size.height - y).min(7 + y % 3);
        writer
            .write_rows(view.crop(Rect::new(0, y, size.width, height)).unwrap())
            .unwrap();
        y += height;
    }
    writer.finish().unwrap();
    out.0.lock().unwrap().get_ref().clone()
}

fn open(bytes: &[u8]) -> Box<dyn Decoder> {
    opened(bytes, "test.tif")
}

fn read(decoder: &mut dyn Decoder, level: u32, rect: Rect) -> Vec<u8> {
    reading::read(decoder, 0, level, rect).unwrap()
}

/// Smooth colours, so that JPEG comes close.
fn picture(size: Size, format: PixelFormat) -> Vec<u8> {
    let channels = format.channels.count() as u32;
    (0..size.height)
        .flat_map(|y| (0..size.width).map(move |x| (x, y)))
        .flat_map(|(x, y)| (0..channels).map(move |channel| (x * (channel + 1) + y * 2) * 97))
        .flat_map(|value| {
            let wave = if value / 0x1_0000 % 2 == 0 {
                value
            } else {
                !value
            } as u16;
            match format.sample {
                SampleType::U8 => vec![(wave >> 8) as u8],
                _ => wave.to_ne_bytes().to_vec(),
            }
        })
        .collect()
}

/// The next level, sample by sample.
fn halved(pixels: &[u8], size: Size, format: PixelFormat) -> Vec<u8> {
    let (channels, bytes) = (format.channels.count(), format.sample.bytes());
    let value = |x: u32, y: u32, channel: usize| {
        let (x, y) = (
            x.min(size.width - 1) as usize,
            y.min(size.height - 1) as usize,
        );
        let at = ((y * size.width as usize + x) * channels + channel) * bytes;
        match format.sample {
            SampleType::U8 => u32::from(pixels[at]),
            _ => u32::from(u16::from_ne_bytes([pixels[at], pixels[at + 1]])),
        }
    };
    let half = size.halved();
    let mut out = Vec::new();
    for y in 0..half.height {
        for x in 0..half.width {
            for c in 0..channels {
                let sum: u32 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .iter()
                    .map(|(i, j)| value(2 * x + i, 2 * y + j, c))
                    .sum();
                let mean = (sum + 2) / 4;
                match format.sample {
                    SampleType::U8 => out.push(mean as u8),
                    _ => out.extend((mean as u16).to_ne_bytes()),
                }
            }
        }
    }
    out
}

const TILE: Size = Size::new(32, 48);

fn options(compression: TiffCompression) -> TiffOptions {
    TiffOptions {
        tile: TILE,
        compression,
        ..TiffOptions::default()
    }
}

#[test]
fn every_level_comes_back_exactly() {
    use Channels::{Gray, GrayAlpha, Rgb, Rgba};
    for channels in [Gray, GrayAlpha, Rgb, Rgba] {
        for sample in [SampleType::U8, SampleType::U16] {
            let format = PixelFormat::new(channels, sample);
            for compression in [
                TiffCompression::None,
                TiffCompression::Deflate,
                TiffCompression::Lzw,
            ] {
                for (bigtiff, size) in [
                    (BigTiff::Auto, Size::new(203, 151)),
                    (BigTiff::Always, Size::new(64, 49)),
                    (BigTiff::Auto, Size::new(5, 1)),
                ] {
                    let mut pixels = picture(size, format);
                    let options = TiffOptions {
                        bigtiff,
                        ..options(compression)
                    };
                    let bytes = written(&pixels, size, format, &options, &Embed::default());
                    let mut decoder = open(&bytes);
                    let spec = decoder.info().subimages[0].clone();
                    assert_eq!(decoder.info().subimages.len(), 1, "{format} {size}");
                    assert_eq!(spec.format, format);
                    let mut expected = size;
                    for (number, level) in spec.levels.iter().enumerate() {
                        assert_eq!(level.size, expected);
                        assert_eq!(level.access, Access::Chunks(TILE));
                        let found = read(&mut *decoder, number as u32, expected.rect());
                        assert!(found == pixels, "{format}, {compression:?}, level {number}");
                        pixels = halved(&pixels, expected, format);
                        expected = expected.halved();
                    }
                    let last = spec.levels[spec.levels.len() - 1].size;
                    assert!(last.width <= TILE.width && last.height <= TILE.height);
                }
            }
        }
    }
}

#[test]
fn another_reader_sees_the_same() {
    for (compression, bigtiff) in [
        (TiffCompression::None, BigTiff::Always),
        (TiffCompression::Deflate, BigTiff::Auto),
        (TiffCompression::Lzw, BigTiff::Auto),
    ] {
        // Whole tiles: that reader's LZW stumbles over the padding of others.
        let size = Size::new(192, 144);
        let format = PixelFormat::RGB8;
        let pixels = picture(size, format);
        let options = TiffOptions {
            bigtiff,
            ..options(compression)
        };
        let bytes = written(&pixels, size, format, &options, &Embed::default());
        let mut reader = ::tiff::decoder::Decoder::new(Cursor::new(&bytes)).unwrap();
        assert_eq!(reader.dimensions().unwrap(), (192, 144));
        let mut found = vec![0; pixels.len()];
        reader.read_image_bytes(&mut found).unwrap();
        assert!(found == pixels, "{compression:?}");
        let mut n_pages = 1;
        while reader.more_images() {
            reader.next_image().unwrap();
            n_pages += 1;
            let kind: u32 = reader
                .find_tag_unsigned(::tiff::tags::Tag::NewSubfileType)
                .unwrap()
                .unwrap();
            assert_eq!(kind, 1, "a smaller version says so");
        }
        assert_eq!(n_pages, 4);
    }
}

fn worst(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn jpeg_tiles_come_close_and_can_be_handed_on() {
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
        let size = Size::new(203, 151);
        let pixels: Vec<u8> = (0..size.height)
            .flat_map(|y| (0..size.width).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                [x, y, (x + y) / 2]
                    .map(|v| v as u8)
                    .into_iter()
                    .take(format.channels.count())
            })
            .collect();
        let bytes = written(
            &pixels,
            size,
            format,
            &options(TiffCompression::Jpeg(95)),
            &Embed::default(),
        );
        let mut decoder = open(&bytes);
        assert_eq!(decoder.info().subimages[0].format, format);
        assert_eq!(decoder.info().subimages[0].levels.len(), 4);
        let whole = read(&mut *decoder, 0, size.rect());
        assert!(worst(&whole, &pixels) < 12, "{}", worst(&whole, &pixels));
        let half = halved(&pixels, size, format);
        let level_1 = read(&mut *decoder, 1, size.halved().rect());
        assert!(worst(&level_1, &half) < 12, "{}", worst(&level_1, &half));

        let tile = |x: u32, y: u32| Region {
            subimage: 0,
            level: 0,
            rect: Rect::new(x * 32, y * 48, 32, 48),
        };
        let stream = decoder.jpeg_stream(&tile(2, 1)).unwrap().unwrap();
        let input = Input::memory(Arc::from(&stream[..]), "tile.jpg");
        let mut jpeg = crate::jpeg::open(input, &Limits::default()).unwrap();
        assert_eq!(jpeg.info().subimages[0].format, format);
        let handed_on = read(&mut *jpeg, 0, TILE.rect());
        assert_eq!(handed_on, read(&mut *decoder, 0, tile(2, 1).rect));
        let mut other = jpeg_decoder::Decoder::new(&stream[..]);
        assert!(worst(&other.decode().unwrap(), &handed_on) <= 4);

        // At the border a tile has more pixels than the image; and a region that is none has no stream.
        let border = Region {
            rect: Rect::new(192, 0, 11, 48),
            ..tile(0, 0)
        };
        assert_eq!(decoder.jpeg_stream(&border).unwrap(), None);
        let shifted = Region {
            rect: Rect::new(1, 0, 32, 48),
            ..tile(0, 0)
        };
        assert_eq!(decoder.jpeg_stream(&shifted).unwrap(), None);
        let outside = Region {
            rect: Rect::new(192, 0, 32, 48),
            ..tile(0, 0)
        };
        assert!(matches!(
            decoder.jpeg_stream(&outside),
            Err(Error::BadRequest { .. })
        ));
    }
}

#[test]
fn metadata_is_taken_over() {
    let mut exif = b"MM\0\x2a\0\0\0\x08".to_vec();
    exif.extend([0, 3]);
    exif.extend([1, 0x10, 0, 2, 0, 0, 0, 8, 0, 0, 0, 50]); // Model
    exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0]); // Orientation
    exif.extend([0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 58]); // EXIF directory
    exif.extend([0; 4]);
    exif.extend(b"Brownie\0");
    exif.extend([0, 1]);
    exif.extend([0x82, 0x9a, 0, 5, 0, 0, 0, 1, 0, 0, 0, 76]); // ExposureTime
    exif.extend([0; 4]);
    exif.extend([0, 0, 0, 1, 0, 0, 0, 125]);
    let embed = Embed {
        exif: Some(&exif),
        xmp: Some(b"<x:xmpmeta/>"),
        icc: Some(b"a profile"),
    };
    for bigtiff in [BigTiff::Auto, BigTiff::Always] {
        let size = Size::new(100, 60);
        let options = TiffOptions {
            bigtiff,
            ..options(TiffCompression::Deflate)
        };
        let pixels = picture(size, PixelFormat::GRAY8);
        let bytes = written(&pixels, size, PixelFormat::GRAY8, &options, &embed);
        let mut decoder = open(&bytes);
        let spec = decoder.info().subimages[0].clone();
        assert_eq!(spec.orientation, Orientation::Rotate270);
        assert_eq!(spec.icc.as_deref(), Some(&b"a profile"[..]));
        let blocks = decoder.metadata().unwrap();
        assert_eq!(blocks.xmp.as_deref(), Some(&b"<x:xmpmeta/>"[..]));
        let exif = exif::Reader::new().read_raw(blocks.exif.unwrap()).unwrap();
        let field = |tag| exif.get_field(tag, exif::In::PRIMARY).unwrap();
        assert_eq!(
            field(exif::Tag::ExposureTime).display_value().to_string(),
            "1/125"
        );
        assert_eq!(
            field(exif::Tag::Model).display_value().to_string(),
            "\"Brownie\""
        );
    }
}

#[test]
fn alpha_is_straight() {
    let size = Size::new(16, 16);
    let pixels = picture(size, PixelFormat::RGBA8);
    let options = options(TiffCompression::None);
    let bytes = written(
        &pixels,
        size,
        PixelFormat::RGBA8,
        &options,
        &Embed::default(),
    );
    assert_eq!(open(&bytes).info().subimages[0].alpha, Alpha::Straight);
}

#[test]
fn misuse_is_refused() {
    let size = Size::new(40, 30);
    let start = |size, format, options: &TiffOptions| {
        TiffPyramidWriter::new(Shared::default(), size, format, options, &Embed::default())
    };
    let none = options(TiffCompression::None);
    let jpeg = options(TiffCompression::Jpeg(90));
    let odd = TiffOptions {
        tile: Size::new(30, 32),
        ..none.clone()
    };
    let float = PixelFormat::new(Channels::Rgb, SampleType::F32);
    for (size, format, options) in [
        (Size::new(0, 3), PixelFormat::RGB8, &none),
        (size, PixelFormat::RGB8, &odd),
        (size, float, &none),
        (size, PixelFormat::RGBA8, &jpeg),
        (size, PixelFormat::RGB8, &options(TiffCompression::Jpeg(0))),
    ] {
        assert!(matches!(
            start(size, format, options),
            Err(Error::Encode { .. })
        ));
    }

    let pixels = picture(size, PixelFormat::RGB8);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    let mut writer = Box::new(start(size, PixelFormat::RGB8, &none).unwrap());
    let narrow = view.crop(Rect::new(0, 0, 39, 30)).unwrap();
    assert!(matches!(
        writer.write_rows(narrow),
        Err(Error::Encode { .. })
    ));
    writer
        .write_rows(view.crop(Rect::new(0, 0, 40, 29)).unwrap())
        .unwrap();
    assert!(
        matches!(writer.write_rows(view), Err(Error::Encode { .. })),
        "too many"
    );
    assert!(
        matches!(writer.finish(), Err(Error::Encode { .. })),
        "a row is missing"
    );
}

/// Takes so many bytes and then is full.
struct Full(u64);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len() as u64)
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn a_full_disk_is_an_error_and_stays_one() {
    let size = Size::new(200, 200);
    let pixels = picture(size, PixelFormat::GRAY8);
    let view = View::packed(&pixels, size, PixelFormat::GRAY8).unwrap();
    let options = options(TiffCompression::None);
    let mut writer = Box::new(
        TiffPyramidWriter::new(
            Full(9000),
            size,
            PixelFormat::GRAY8,
            &options,
            &Embed::default(),
        )
        .unwrap(),
    );
    assert!(matches!(writer.write_rows(view), Err(Error::Io { .. })));
    assert!(writer.finish().is_err());
}
