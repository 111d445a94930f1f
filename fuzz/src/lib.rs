//! What every fuzz target of a format does with its input.

pub mod mesh;

use std::ops::ControlFlow;

use pixelbank_codec::{Error, Input, Limits, Metadata, Region, open};
use pixelbank_image::{Rect, Size};

/// The targets of one format each: name, what stands in front of every input, and the ending of its files' names.
pub const FORMATS: &[(&str, &[u8], &[&str])] = &[
    ("png", b"\x89PNG\r\n\x1a\n", &["png"]),
    ("gif", b"GIF89a", &["gif"]),
    ("bmp", b"BM", &["bmp"]),
    ("pnm", b"P", &["pbm", "pgm", "ppm", "pam", "pfm"]),
    ("tga", b"", &["tga"]),
    ("qoi", b"qoif", &["qoi"]),
    ("hdr", b"#?RADIANCE", &["hdr"]),
    ("jpeg", b"\xff\xd8\xff", &["jpg"]),
    ("tiff", b"", &["tif"]),
    ("webp", b"RIFF", &["webp"]),
    ("exr", b"\x76\x2f\x31\x01", &["exr"]),
    ("dds", b"DDS ", &["dds"]),
    ("ico", b"\0\0", &["ico", "cur"]),
    ("jxl", b"", &["jxl"]),
    ("avif", b"", &["avif"]),
    ("jpeg2000", b"", &["jp2", "j2k", "jph"]),
];

/// Leaves panics of libraries to those who catch them: the codec tells them as damage. libFuzzer's own hook would end the
/// process at any panic. One that nobody catches ends it still.
pub fn allow_caught_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_ours = panic.location().is_none_or(|place| {
                !place.file().contains("/registry/src/") && !place.file().contains("/library/")
            });
            if is_ours {
                previous(panic);
            }
        }));
    });
}

/// Small, so that a run spends its time on the parsers rather than on filling memory.
fn limits() -> Limits {
    Limits {
        max_side: 1 << 14,
        max_pixels: 1 << 20,
        max_subimages: 16,
        max_metadata_bytes: 1 << 20,
        max_working_bytes: 64 << 20,
    }
}

/// Opens, decodes a part and the whole of what is there, and reads the metadata. Checks what bands must keep to.
///
/// What `target` puts in front stands there, so that the input reaches the parser of that format.
pub fn decode(target: &str, data: &[u8]) {
    let format = FORMATS.iter().find(|(name, ..)| *name == target);
    let (magic, ending) =
        format.map_or((&[][..], "any"), |(_, magic, endings)| (*magic, endings[0]));
    let bytes = [magic, data].concat();
    let name = format!("input.{ending}");
    let Ok(mut decoder) = open(Input::memory(bytes.into(), name), &limits()) else {
        return;
    };
    let info = std::sync::Arc::clone(decoder.info());
    assert!(!info.subimages.is_empty());
    for (subimage, spec) in info.subimages.iter().enumerate().take(4) {
        for (level, level_spec) in spec.levels.iter().enumerate().take(4) {
            let Size { width, height } = level_spec.size;
            assert!(u64::from(width) * u64::from(height) <= 1 << 20 && width > 0 && height > 0);
            for rect in [
                Rect::new(width / 3, height / 3, width.div_ceil(2), height.div_ceil(2)),
                level_spec.size.rect(),
            ] {
                let region = Region {
                    subimage: subimage as u32,
                    level: level as u32,
                    rect: rect.intersect(level_spec.size.rect()),
                };
                let mut n_pixels = 0;
                let result = decoder.decode(&region, &mut |band| {
                    assert!(region.rect.contains(band.rect));
                    assert_eq!(band.pixels.size(), band.rect.size());
                    assert_eq!(band.pixels.format(), spec.format);
                    n_pixels += band.rect.size().pixels();
                    ControlFlow::Continue(())
                });
                match result {
                    Ok(()) => assert_eq!(n_pixels, region.rect.size().pixels()),
                    Err(Error::BadRequest { .. }) => panic!("a region of the file's own"),
                    Err(_) => assert!(n_pixels <= region.rect.size().pixels()),
                }
            }
        }
    }
    if let Ok(blocks) = decoder.metadata() {
        let _ = Metadata::read(&blocks, info.format);
    }
}
