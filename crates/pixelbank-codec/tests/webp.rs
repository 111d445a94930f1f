//! WebP through the public interface, against an independent reader and writer.
#![allow(clippy::unwrap_used)]

mod reading;

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use pixelbank_codec::{
    Decoder, Embed, Error, Format, Input, Limits, RowWriter, WebPOptions, WebPWriter, encode_webp,
    open,
};
use pixelbank_image::{Alpha, Orientation, PixelFormat, Rect, Size, View};
use reading::{Numbers, crop, exif, memory, opened, picture, read, region, whole};

fn open_bytes(file: &[u8]) -> Box<dyn Decoder> {
    opened(file, "test.webp")
}

fn format(channels: usize) -> PixelFormat {
    match channels {
        3 => PixelFormat::RGB8,
        _ => PixelFormat::RGBA8,
    }
}

fn encode(size: Size, channels: usize, lossless: bool) -> Vec<u8> {
    let pixels = picture(size, channels);
    let view = View::packed(&pixels, size, format(channels)).unwrap();
    let options = WebPOptions {
        quality: 90,
        lossless,
    };
    encode_webp(view, &options, &Embed::default()).unwrap()
}

const KINDS: [(usize, bool); 4] = [(3, false), (3, true), (4, false), (4, true)];

fn theirs(file: &[u8]) -> Vec<u8> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).unwrap();
    let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut pixels).unwrap();
    pixels
}

#[test]
fn the_header_tells_size_and_alpha() {
    for (channels, lossless) in KINDS {
        let file = encode(Size::new(101, 67), channels, lossless);
        let decoder = open_bytes(&file);
        assert_eq!(decoder.info().format, Format::WebP);
        let spec = &decoder.info().subimages[0];
        assert_eq!(spec.format, format(channels));
        let alpha = if channels == 4 {
            Alpha::Straight
        } else {
            Alpha::None
        };
        assert_eq!(spec.alpha, alpha);
        let sizes: Vec<Size> = spec.levels.iter().map(|level| level.size).collect();
        let expected = [(101, 67), (51, 34), (26, 17), (13, 9)];
        assert_eq!(sizes, expected.map(|(w, h)| Size::new(w, h)));
    }
}

#[test]
fn pixels_agree_with_another_decoder() {
    let size = Size::new(203, 149);
    for (channels, lossless) in KINDS {
        let file = encode(size, channels, lossless);
        let ours = whole(&mut *open_bytes(&file), 0, 0);
        let theirs = theirs(&file);
        assert_eq!(ours.len(), theirs.len());
        let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        // The lossy format fixes the samples; turning them into RGB leaves room for rounding.
        let allowed = if lossless { 0 } else { 2 };
        assert!(
            worst.unwrap() <= allowed,
            "{channels} {lossless}: {worst:?}"
        );
        if lossless {
            assert_eq!(ours, picture(size, channels));
        }
    }
}

#[test]
fn files_of_another_encoder_are_read() {
    let size = Size::new(120, 90);
    for (channels, color) in [
        (3, image_webp::ColorType::Rgb8),
        (4, image_webp::ColorType::Rgba8),
    ] {
        let pixels = picture(size, channels);
        let mut file = Vec::new();
        let mut encoder = image_webp::WebPEncoder::new(&mut file);
        encoder.set_exif_metadata(exif(6));
        encoder.set_icc_profile(vec![7; 301]);
        encoder.encode(&pixels, 120, 90, color).unwrap();
        let mut decoder = open_bytes(&file);
        assert_eq!(whole(&mut *decoder, 0, 0), pixels);
        let spec = &decoder.info().subimages[0];
        assert_eq!(spec.orientation, Orientation::Rotate90);
        assert_eq!(spec.icc.as_deref(), Some(&[7; 301][..]));
        assert_eq!(decoder.metadata().unwrap().exif, Some(exif(6)));
    }
}

#[test]
fn regions_are_cut_from_the_whole() {
    let mut numbers = Numbers(5);
    for size in [Size::new(203, 149), Size::new(64, 300)] {
        for (channels, lossless) in KINDS {
            let file = encode(size, channels, lossless);
            let mut decoder = open_bytes(&file);
            for level in 0..4 {
                let all = whole(&mut *decoder, 0, level);
                let size = decoder.info().subimages[0].levels[level as usize].size;
                for _ in 0..40 {
                    let rect = numbers.rect(size);
                    let part = read(&mut *decoder, 0, level, rect).unwrap();
                    let expected = crop(&all, size, channels, rect);
                    assert!(
                        part == expected,
                        "{channels} {lossless} level {level}: {rect}"
                    );
                }
            }
        }
    }
}

#[test]
fn levels_are_averages_of_the_pixels() {
    let size = Size::new(256, 160);
    for lossless in [false, true] {
        let mut decoder = open_bytes(&encode(size, 3, lossless));
        let full = whole(&mut *decoder, 0, 0);
        for (level, n) in [(1, 2), (2, 4), (3, 8)] {
            let coarse = whole(&mut *decoder, 0, level);
            let (width, height) = (256 / n, 160 / n);
            let mut off = 0.0;
            for y in 0..height {
                for x in 0..width {
                    for c in 0..3 {
                        let sum: usize = (0..n * n)
                            .map(|i| {
                                usize::from(full[((y * n + i / n) * 256 + x * n + i % n) * 3 + c])
                            })
                            .sum();
                        let level = f64::from(coarse[(y * width + x) * 3 + c]);
                        off += (sum as f64 / (n * n) as f64 - level).abs();
                    }
                }
            }
            let mean = off / (width * height * 3) as f64;
            // Lossy images are scaled before their chroma is brought to full resolution, and without the loop filter.
            let allowed = if lossless { 1.0 } else { 4.0 };
            assert!(
                mean < allowed,
                "lossless {lossless}, 1/{n}: off by {mean:.2}"
            );
        }
    }
}

#[test]
fn truncated_files_are_refused() {
    for (channels, lossless) in KINDS {
        let file = encode(Size::new(203, 149), channels, lossless);
        for len in (0..file.len() - 2).step_by(file.len() / 50) {
            let result = open(memory(&file[..len], "test.webp"), &Limits::default());
            assert!(
                matches!(
                    result,
                    Err(Error::Malformed { .. } | Error::UnknownFormat { .. })
                ),
                "{channels} {lossless} cut to {len}: {result:?}"
            );
        }
        // The lengths adjusted, so that only the decoder can notice.
        if channels == 3 {
            let len = (file.len() / 2) & !1;
            let mut cut = file[..len].to_vec();
            cut[4..8].copy_from_slice(&(len as u32 - 8).to_le_bytes());
            cut[16..20].copy_from_slice(&(len as u32 - 20).to_le_bytes());
            let mut decoder = open_bytes(&cut);
            let result = read(&mut *decoder, 0, 0, Rect::new(0, 0, 203, 149));
            assert!(
                matches!(result, Err(Error::Malformed { .. })),
                "{lossless}: {result:?}"
            );
        }
    }
}

#[test]
fn damaged_files_give_errors_or_pixels_and_nothing_else() {
    let mut numbers = Numbers(13);
    let mut errors = 0;
    for (channels, lossless) in KINDS {
        let file = encode(Size::new(160, 120), channels, lossless);
        for _ in 0..200 {
            let mut bad = file.clone();
            for _ in 0..1 + numbers.below(4) {
                let at = numbers.below(bad.len() as u32) as usize;
                bad[at] = numbers.below(256) as u8;
            }
            let limits = Limits {
                max_working_bytes: 64 << 20,
                ..Limits::default()
            };
            let Ok(mut decoder) = open(memory(&bad, "test.webp"), &limits) else {
                errors += 1;
                continue;
            };
            let levels = decoder.info().subimages[0].levels.clone();
            for (level, spec) in (0..).zip(levels) {
                errors += u32::from(read(&mut *decoder, 0, level, spec.size.rect()).is_err());
            }
        }
    }
    assert!(errors > 100, "{errors}");
}

#[test]
fn what_exceeds_the_limits_is_refused_before_it_is_allocated() {
    let file = encode(Size::new(300, 200), 3, false);
    for limits in [
        Limits {
            max_side: 299,
            ..Limits::default()
        },
        Limits {
            max_pixels: 59_999,
            ..Limits::default()
        },
    ] {
        let result = open(memory(&file, "test.webp"), &limits);
        assert!(
            matches!(result, Err(Error::LimitExceeded { .. })),
            "{result:?}"
        );
    }
    let limits = Limits {
        max_working_bytes: 100_000,
        ..Limits::default()
    };
    let mut decoder = open(memory(&file, "test.webp"), &limits).unwrap();
    let refused = read(&mut *decoder, 0, 0, Rect::new(0, 0, 300, 200));
    assert!(
        matches!(refused, Err(Error::LimitExceeded { .. })),
        "{refused:?}"
    );
}

#[test]
fn requests_beyond_the_image_are_refused() {
    let mut decoder = open_bytes(&encode(Size::new(64, 48), 3, false));
    for region in [
        region(0, 0, Rect::new(1, 0, 64, 48)),
        region(0, 1, Rect::new(0, 0, 33, 24)),
        region(0, 4, Rect::new(0, 0, 1, 1)),
    ] {
        let result = decoder.decode(&region, &mut |_| panic!("a band of {region:?}"));
        assert!(
            matches!(result, Err(Error::BadRequest { .. })),
            "{result:?}"
        );
    }
    assert_eq!(
        read(&mut *decoder, 0, 0, Rect::new(5, 5, 0, 0)).unwrap(),
        []
    );
}

#[test]
fn files_and_memory_give_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for (channels, lossless) in KINDS {
        let file = encode(Size::new(150, 110), channels, lossless);
        let path = dir.path().join("a.webp");
        std::fs::write(&path, &file).unwrap();
        let mut on_disk = open(Input::path(&path).unwrap(), &Limits::default()).unwrap();
        let mut memory = open_bytes(&file);
        for level in 0..4 {
            assert!(whole(&mut *on_disk, 0, level) == whole(&mut *memory, 0, level));
        }
    }
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend((body.len() as u32).to_le_bytes());
    chunk.extend(body);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn u24(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

/// An animation of two frames, the first of them at (20, 10) of a canvas of 100 × 80.
fn animation(frame: &[u8], size: Size, x: u32, y: u32) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    let vp8x = [&[0x12, 0, 0, 0][..], &u24(99), &u24(79)].concat();
    body.extend(chunk(b"VP8X", &vp8x));
    body.extend(chunk(b"ANIM", &[0; 6]));
    let head = [
        u24(x / 2),
        u24(y / 2),
        u24(size.width - 1),
        u24(size.height - 1),
        u24(100),
    ];
    let mut anmf = head.concat();
    anmf.push(0);
    // The image chunk without the RIFF header.
    anmf.extend(&frame[12..]);
    body.extend(chunk(b"ANMF", &anmf));
    body.extend(chunk(b"ANMF", &anmf));
    chunk(b"RIFF", &body)
}

#[test]
fn the_first_frame_of_an_animation_lies_on_its_canvas() {
    let size = Size::new(60, 40);
    for lossless in [false, true] {
        let frame = encode(size, 3, lossless);
        let still = whole(&mut *open_bytes(&frame), 0, 0);
        let file = animation(&frame, size, 20, 10);
        let mut decoder = open_bytes(&file);
        assert_eq!(decoder.info().subimages.len(), 1);
        let spec = &decoder.info().subimages[0];
        assert_eq!(
            (spec.size(), spec.format),
            (Size::new(100, 80), PixelFormat::RGBA8)
        );
        let canvas = whole(&mut *decoder, 0, 0);
        for y in 0..80 {
            for x in 0..100 {
                let pixel = &canvas[(y * 100 + x) * 4..][..4];
                if (20..80).contains(&x) && (10..50).contains(&y) {
                    let expected = &still[((y - 10) * 60 + x - 20) * 3..][..3];
                    assert_eq!((&pixel[..3], pixel[3]), (expected, 255));
                } else {
                    assert_eq!(pixel, [0; 4]);
                }
            }
        }
        let mut numbers = Numbers(1);
        for _ in 0..60 {
            let rect = numbers.rect(Size::new(100, 80));
            let part = read(&mut *decoder, 0, 0, rect).unwrap();
            assert!(part == crop(&canvas, Size::new(100, 80), 4, rect), "{rect}");
        }
        // A frame that sticks out.
        let result = open(
            memory(&animation(&frame, size, 42, 10), "test.webp"),
            &Limits::default(),
        );
        assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
    }
}

#[test]
fn a_frame_that_fills_the_canvas_is_like_a_still_image() {
    let size = Size::new(100, 80);
    let frame = encode(size, 3, false);
    let file = animation(&frame, size, 0, 0);
    let mut decoder = open_bytes(&file);
    assert_eq!(decoder.info().subimages[0].format, PixelFormat::RGB8);
    assert_eq!(decoder.info().subimages[0].levels.len(), 4);
    assert_eq!(
        whole(&mut *decoder, 0, 0),
        whole(&mut *open_bytes(&frame), 0, 0)
    );
}

#[test]
fn metadata_is_embedded_and_found() {
    let size = Size::new(40, 30);
    let icc = vec![3; 1001];
    let xmp = b"<x:xmpmeta/>".to_vec();
    for (channels, lossless) in KINDS {
        let pixels = picture(size, channels);
        let view = View::packed(&pixels, size, format(channels)).unwrap();
        let options = WebPOptions {
            quality: 90,
            lossless,
        };
        let exif = exif(8);
        let embed = Embed {
            exif: Some(&exif),
            xmp: Some(&xmp),
            icc: Some(&icc),
        };
        let file = encode_webp(view, &options, &embed).unwrap();
        let plain = encode_webp(view, &options, &Embed::default()).unwrap();

        let mut reader = image_webp::WebPDecoder::new(Cursor::new(&file)).unwrap();
        assert_eq!(reader.exif_metadata().unwrap().as_ref(), Some(&exif));
        assert_eq!(reader.icc_profile().unwrap().as_ref(), Some(&icc));
        assert_eq!(reader.xmp_metadata().unwrap().as_ref(), Some(&xmp));
        assert_eq!(theirs(&file), theirs(&plain));

        let mut decoder = open_bytes(&file);
        let spec = &decoder.info().subimages[0];
        assert_eq!(spec.orientation, Orientation::Rotate270);
        assert_eq!(spec.icc.as_deref(), Some(&icc[..]));
        let blocks = decoder.metadata().unwrap();
        assert_eq!(blocks.exif, Some(exif));
        assert_eq!(blocks.xmp.as_ref(), Some(&xmp));
        assert_eq!(blocks.icc.as_ref(), Some(&icc));
        assert_eq!(
            whole(&mut *decoder, 0, 0),
            whole(&mut *open_bytes(&plain), 0, 0)
        );
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn rows_in_any_number_give_the_same_file() {
    let size = Size::new(50, 41);
    let pixels = picture(size, 4);
    let view = View::packed(&pixels, size, PixelFormat::RGBA8).unwrap();
    let options = WebPOptions::default();
    let exif = exif(2);
    let embed = Embed {
        exif: Some(&exif),
        ..Embed::default()
    };
    let expected = encode_webp(view, &options, &embed).unwrap();
    for step in [1, 16, 41] {
        let out = Shared::default();
        let mut writer = Box::new(
            WebPWriter::new(out.clone(), size, PixelFormat::RGBA8, &options, &embed).unwrap(),
        );
        for y in (0..41).step_by(step as usize) {
            let rows = Rect::new(0, y, 50, step.min(41 - y));
            writer.write_rows(view.crop(rows).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        assert!(*out.0.lock().unwrap() == expected, "{step}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let pixels = vec![0; 64 * 64 * 4];
    let size = Size::new(16, 16);
    let options = WebPOptions::default();
    let embed = Embed::default();
    let refused = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Encode { .. })), "{result:?}");
    };
    let gray = View::packed(&pixels, size, PixelFormat::GRAY8).unwrap();
    refused(encode_webp(gray, &options, &embed).map(drop));
    let rgb = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    let bad = WebPOptions {
        quality: 101,
        ..options.clone()
    };
    refused(encode_webp(rgb, &bad, &embed).map(drop));
    let new = |size| WebPWriter::new(std::io::sink(), size, PixelFormat::RGB8, &options, &embed);
    refused(new(Size::new(16_384, 1)).map(drop));
    let mut writer = new(Size::new(16, 17)).unwrap();
    writer.write_rows(rgb).unwrap();
    refused(writer.write_rows(rgb));
    refused(Box::new(writer).finish());
}
