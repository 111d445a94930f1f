//! Small pictures that files carry along.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value};
use pixelbank_codec::{
    Embed, Format, Input, JpegOptions, Limits, PngOptions, WebPOptions, encode_jpeg, encode_png,
    encode_webp, open,
};
use pixelbank_image::{PixelFormat, Size, View};

fn picture(size: Size, embed: &Embed<'_>, format: Format) -> Vec<u8> {
    let pixels: Vec<u8> = (0..size.pixels() * 3).map(|i| (i % 251) as u8).collect();
    let view = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    match format {
        Format::Jpeg => encode_jpeg(view, &JpegOptions::default(), embed),
        Format::Png => encode_png(view, &PngOptions::default(), embed),
        _ => encode_webp(view, &WebPOptions::default(), embed),
    }
    .unwrap()
}

/// An EXIF block by another writer, with `thumbnail` in its second directory.
fn exif_with(thumbnail: &[u8], is_little_endian: bool) -> Vec<u8> {
    let field = Field {
        tag: Tag::Make,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![b"Maker".to_vec()]),
    };
    let mut writer = Writer::new();
    writer.push_field(&field);
    writer.set_jpeg(thumbnail, In::THUMBNAIL);
    let mut block = Cursor::new(Vec::new());
    writer.write(&mut block, is_little_endian).unwrap();
    block.into_inner()
}

fn thumbnail_of(file: Vec<u8>, limits: &Limits) -> Option<Vec<u8>> {
    let mut decoder = open(Input::memory(file.into(), "photo"), limits).unwrap();
    decoder.thumbnail().unwrap()
}

#[test]
fn thumbnails_come_out_of_exif_and_can_be_opened() {
    let small = Size::new(16, 12);
    let thumbnail = picture(small, &Embed::default(), Format::Jpeg);
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        for is_little_endian in [false, true] {
            let block = exif_with(&thumbnail, is_little_endian);
            let embed = Embed {
                exif: Some(&block),
                ..Embed::default()
            };
            let file = picture(Size::new(64, 48), &embed, format);
            let found = thumbnail_of(file, &Limits::default()).unwrap();
            assert_eq!(found, thumbnail, "{format}");
            let decoder = open(Input::memory(found.into(), "thumbnail"), &Limits::default());
            assert_eq!(decoder.unwrap().info().subimages[0].size(), small);
        }
    }
}

#[test]
fn files_without_one_have_none() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let file = picture(Size::new(64, 48), &Embed::default(), format);
        assert_eq!(thumbnail_of(file, &Limits::default()), None, "{format}");
    }
}

#[test]
fn a_block_longer_than_the_limit_is_passed_over() {
    let thumbnail = picture(Size::new(16, 12), &Embed::default(), Format::Jpeg);
    let block = exif_with(&thumbnail, true);
    let embed = Embed {
        exif: Some(&block),
        ..Embed::default()
    };
    let file = picture(Size::new(64, 48), &embed, Format::Png);
    let limits = Limits {
        max_metadata_bytes: block.len() as u64 - 1,
        ..Limits::default()
    };
    assert_eq!(thumbnail_of(file, &limits), None);
}

#[test]
fn damaged_directories_have_none() {
    let thumbnail = picture(Size::new(16, 12), &Embed::default(), Format::Jpeg);
    let block = exif_with(&thumbnail, true);
    let mut n_found = 0;
    for at in 0..block.len().min(120) {
        for value in [0, 0x7f, 0xff] {
            let mut block = block.clone();
            block[at] = value;
            let embed = Embed {
                exif: Some(&block),
                ..Embed::default()
            };
            let file = picture(Size::new(8, 8), &embed, Format::Png);
            // Whatever is found lies within the block and begins as a JPEG file does.
            if let Some(found) = thumbnail_of(file, &Limits::default()) {
                assert!(found.starts_with(b"\xff\xd8\xff") && found.len() < block.len());
                n_found += 1;
            }
        }
    }
    assert!(n_found > 0, "most places do not matter");
    // No JPEG stream at all.
    let block = exif_with(b"bare pixels", true);
    let embed = Embed {
        exif: Some(&block),
        ..Embed::default()
    };
    let file = picture(Size::new(8, 8), &embed, Format::Png);
    assert_eq!(thumbnail_of(file, &Limits::default()), None);
}
