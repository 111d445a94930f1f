//! Writing PNG: what is written comes back, and wrong use is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use pixelbank_codec::{
    Embed, Error, Input, Limits, PngCompression, PngOptions, PngWriter, Region, RowWriter,
    encode_png, open,
};
use pixelbank_image::{Channels, PixelFormat, Rect, SampleType, Size, View};

const SIZE: Size = Size::new(61, 47);

/// A file that can be looked at while somebody else owns it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn formats() -> impl Iterator<Item = PixelFormat> {
    [
        Channels::Gray,
        Channels::GrayAlpha,
        Channels::Rgb,
        Channels::Rgba,
    ]
    .into_iter()
    .flat_map(|channels| {
        [SampleType::U8, SampleType::U16].map(|sample| PixelFormat::new(channels, sample))
    })
}

fn scene(format: PixelFormat) -> Vec<u8> {
    (0..format.image_bytes(SIZE) as u32)
        .map(|n| (n.wrapping_mul(n / 7 + 3) >> 3) as u8)
        .collect()
}

fn read(file: Vec<u8>) -> (PixelFormat, Vec<u8>) {
    let mut decoder = open(Input::memory(file.into(), "written"), &Limits::default()).unwrap();
    let format = decoder.info().subimages[0].format;
    let mut pixels = Vec::new();
    let region = Region {
        subimage: 0,
        level: 0,
        rect: SIZE.rect(),
    };
    decoder
        .decode(&region, &mut |band| {
            band.pixels.rows().for_each(|row| pixels.extend(row));
            ControlFlow::Continue(())
        })
        .unwrap();
    (format, pixels)
}

#[test]
fn every_format_and_compression_comes_back() {
    for format in formats() {
        for compression in [
            PngCompression::Fast,
            PngCompression::Default,
            PngCompression::Best,
        ] {
            let options = PngOptions { compression };
            let pixels = scene(format);
            let view = View::packed(&pixels, SIZE, format).unwrap();
            let at_once = encode_png(view, &options, &Embed::default()).unwrap();
            assert!(
                read(at_once) == (format, pixels.clone()),
                "{format} {compression:?}"
            );

            let file = Shared::default();
            let mut writer =
                PngWriter::new(file.clone(), SIZE, format, &options, &Embed::default()).unwrap();
            for y in (0..SIZE.height).step_by(5) {
                let rows = Rect::new(0, y, SIZE.width, 5.min(SIZE.height - y));
                writer.write_rows(view.crop(rows).unwrap()).unwrap();
            }
            Box::new(writer).finish().unwrap();
            let bytes = file.0.lock().unwrap().clone();
            assert!(
                read(bytes) == (format, pixels),
                "{format} {compression:?} by rows"
            );
        }
    }
}

#[test]
fn rows_with_padding_are_written_without_it() {
    let format = PixelFormat::RGB8;
    let pixels = scene(format);
    let row = format.row_bytes(SIZE.width);
    let padded: Vec<u8> = pixels
        .chunks(row)
        .flat_map(|line| [line, &[99; 13]].concat())
        .collect();
    let view = View::new(&padded, SIZE, format, row + 13).unwrap();
    let file = encode_png(view, &PngOptions::default(), &Embed::default()).unwrap();
    assert!(read(file) == (format, pixels));
}

fn writer(file: Shared) -> PngWriter {
    PngWriter::new(
        file,
        SIZE,
        PixelFormat::GRAY8,
        &PngOptions::default(),
        &Embed::default(),
    )
    .unwrap()
}

#[test]
fn wrong_rows_are_refused_and_right_ones_still_taken() {
    let file = Shared::default();
    let mut writer = writer(file.clone());
    let pixels = scene(PixelFormat::RGB8);
    let view =
        |width, height, format| View::packed(&pixels, Size::new(width, height), format).unwrap();
    for wrong in [
        view(SIZE.width - 1, 1, PixelFormat::GRAY8),
        view(SIZE.width, 1, PixelFormat::RGB8),
        view(SIZE.width, SIZE.height + 1, PixelFormat::GRAY8),
    ] {
        let result = writer.write_rows(wrong);
        assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    }
    writer
        .write_rows(view(SIZE.width, SIZE.height, PixelFormat::GRAY8))
        .unwrap();
    assert!(
        writer
            .write_rows(view(SIZE.width, 1, PixelFormat::GRAY8))
            .is_err()
    );
    Box::new(writer).finish().unwrap();
    let bytes = file.0.lock().unwrap().clone();
    assert_eq!(read(bytes).1, pixels[..SIZE.pixels() as usize]);
}

#[test]
fn a_file_with_rows_missing_is_not_finished_and_not_readable() {
    let file = Shared::default();
    let mut writer = writer(file.clone());
    let pixels = scene(PixelFormat::GRAY8);
    let rows = View::packed(&pixels, Size::new(SIZE.width, 20), PixelFormat::GRAY8).unwrap();
    writer.write_rows(rows).unwrap();
    let result = Box::new(writer).finish();
    assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    let bytes: Vec<u8> = file.0.lock().unwrap().clone();
    let region = Region {
        subimage: 0,
        level: 0,
        rect: SIZE.rect(),
    };
    let result = open(Input::memory(bytes.into(), "cut"), &Limits::default())
        .and_then(|mut decoder| decoder.decode(&region, &mut |_| ControlFlow::Continue(())));
    assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
}

#[test]
fn formats_without_a_place_in_png_are_refused() {
    for format in [
        PixelFormat::new(Channels::Cmyk, SampleType::U8),
        PixelFormat::new(Channels::Rgb, SampleType::F32),
    ] {
        let pixels = vec![0; format.image_bytes(SIZE) as usize];
        let view = View::packed(&pixels, SIZE, format).unwrap();
        let result = encode_png(view, &PngOptions::default(), &Embed::default());
        assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    }
    let empty = View::packed(&[], Size::default(), PixelFormat::RGB8).unwrap();
    assert!(encode_png(empty, &PngOptions::default(), &Embed::default()).is_err());
}
