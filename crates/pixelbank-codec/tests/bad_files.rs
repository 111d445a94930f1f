//! Files that are known to be bad: each must give the right kind of error, with a message that says what is wrong and
//! with which file. `bad/make.py` makes them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use pixelbank_codec::{Error, Format, Input, Limits, Region, open};

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Malformed,
    TooLarge,
    Unknown,
    Unsupported,
}

use Kind::{Malformed, TooLarge, Unknown, Unsupported};

/// Every file, the kind of its error and a part of the message.
#[rustfmt::skip]
const EXPECTED: &[(&str, Kind, &str)] = &[
    ("avif-another-size.avif", Malformed, "its stream holds a picture of another kind than it says"),
    ("avif-box-of-nothing.avif", Malformed, "a box is shorter than its head"),
    ("avif-cropped.avif", Unsupported, "AVIF with a clean aperture is not supported"),
    ("avif-cut.avif", Malformed, "an item lies beyond the end of the file"),
    ("avif-cut-in-description.avif", Malformed, "its description ends early"),
    ("avif-empty-stream.avif", Malformed, "its stream is empty"),
    ("avif-damaged-stream.avif", Malformed, "its stream: Invalid argument"),
    ("avif-grid-of-itself.avif", Malformed, "it does not say how its stream is coded"),
    ("avif-grid-of-more.avif", Malformed, "its grid has not as many parts as it says"),
    ("avif-grid-of-others.avif", Malformed, "a part of its grid is missing"),
    ("avif-grid-too-large.avif", Malformed, "the parts of its grid do not cover it"),
    ("avif-mark-alone.avif", Malformed, "it does not describe a picture"),
    ("avif-matrix-14.avif", Unsupported, "AVIF with matrix coefficients 14 is not supported"),
    ("avif-nine-frames.avif", Unsupported, "AVIF with a picture of 9 frames is not supported"),
    ("avif-nothing-shown.avif", Malformed, "the picture that it shows is missing"),
    ("avif-rubbish.avif", Malformed, "it ends early"),
    ("avif-too-many-pixels.avif", TooLarge, "working memory (bytes)"),
    ("avif-too-wide.avif", TooLarge, "a side of 2147483647 exceeds the limit of 1048576"),
    ("avif-zero-height.avif", Malformed, "its size is 77×0, so it has no pixels"),
    ("bmp-cut-in-header.bmp", Malformed, "it ends early"),
    ("bmp-cut-in-pixels.bmp", Malformed, "it ends early"),
    ("bmp-depth-13.bmp", Malformed, "Invalid channel bit count for RGB: 13"),
    ("bmp-huge-runs.bmp", TooLarge, "working memory (bytes)"),
    ("bmp-huge.bmp", Malformed, "it ends early"),
    ("bmp-jpeg-inside.bmp", Unsupported, "JPEG compression"),
    ("bmp-low-height.bmp", TooLarge, "a side"),
    ("bmp-lowest-height.bmp", Malformed, "Invalid height"),
    ("bmp-mark-alone.bmp", Malformed, "it ends early"),
    ("bmp-masks-with-holes.bmp", Malformed, "Non-contiguous bitfield mask"),
    ("bmp-negative-width.bmp", Malformed, "Negative width (-4)"),
    ("bmp-palette-cut.bmp", Malformed, "it ends early"),
    ("bmp-palette-too-long.bmp", Malformed, "Palette size 1073741824 exceeds maximum"),
    ("bmp-planes.bmp", Malformed, "More than one plane"),
    ("bmp-run-past-the-end.bmp", Malformed, "Corrupt RLE data"),
    ("bmp-runs-cut.bmp", Malformed, "it ends early"),
    ("bmp-zero-width.bmp", Malformed, "Image dimensions (0x4 w/3 channels) are too"),
    ("empty", Unknown, "not an image of a known format"),
    ("empty.jpg", Malformed, "it is empty"),
    ("exr-absurd-tiles.exr", Malformed, "subimage 0, level 0, block 0, 0: it was"),
    ("exr-compression-13.exr", Unsupported, "compression 13"),
    ("exr-cut-in-header.exr", Malformed, "reference to missing bytes"),
    ("exr-huge-preview.exr", Malformed, "reference to missing bytes"),
    ("exr-huge-tiles.exr", TooLarge, "working memory (bytes)"),
    ("exr-huge-window.exr", Malformed, "missing or invalid display window attribute"),
    ("exr-inside-out.exr", Malformed, "subimage 0, level 0, block 0, 0: it was"),
    ("exr-long-attribute.exr", Malformed, "reference to missing bytes"),
    ("exr-many-channels.exr", Malformed, "reference to missing bytes"),
    ("exr-mark-alone.exr", Malformed, "reference to missing bytes"),
    ("exr-negative-attribute.exr", Malformed, "attribute size"),
    ("exr-no-channels.exr", Malformed, "missing or invalid compression attribute"),
    ("exr-no-chunks.exr", Malformed, "subimage 0, level 0, block 0, 0: reference"),
    ("exr-offsets-of-nothing.exr", Malformed, "subimage 0, level 0, block 0, 0: it was"),
    ("exr-tiles-of-nothing.exr", Malformed, "tile size"),
    ("exr-version-9.exr", Unsupported, "a file version other than 2.0"),
    ("gif-code-size.gif", Malformed, "invalid minimal code size"),
    ("gif-cut-in-header.gif", Malformed, "it ends early"),
    ("gif-cut-in-pixels.gif", Malformed, "it ends early"),
    ("gif-few-pixels.gif", Malformed, "a frame has too few pixels"),
    ("gif-no-frame.gif", Malformed, "it ends early"),
    ("gif-no-palette.gif", Malformed, "no color table available for current frame"),
    ("gif-unknown-block.gif", Malformed, "unknown block type encountered"),
    ("gif-zero-size.gif", Malformed, "its size is 0×0, so it has no pixels"),
    ("hdr-begins-with-run.hdr", Malformed, "First pixel of a scanline shouldn't be run"),
    ("hdr-cut.hdr", Malformed, "it ends early"),
    ("hdr-huge.hdr", Malformed, "Image dimensions (4000000000x4000000000)"),
    ("hdr-mark-alone.hdr", Malformed, "EOF in header"),
    ("hdr-no-size.hdr", Malformed, "EOF in dimensions line"),
    ("hdr-rotated.hdr", Unsupported, "Orientation +X -Y"),
    ("hdr-run-of-nothing.hdr", Malformed, "it ends early"),
    ("hdr-run-too-long.hdr", Malformed, "Wrong length of decoded scanline: got 127,"),
    ("hdr-size-in-words.hdr", Malformed, "Cannot parse height dimension value as u32:"),
    ("hdr-xyz.hdr", Unsupported, "encoding `32-bit_rle_xyze`"),
    ("hdr-zero-size.hdr", Malformed, "its size is 4×0, so it has no pixels"),
    ("html.jpg", Unknown, "not an image of a known format"),
    ("jpeg-cut-before-scan.jpg", Malformed, "it ends early"),
    ("jpeg-cut-in-scan.jpg", Malformed, "premature end of data segment"),
    ("jpeg-cut-in-tables.jpg", Malformed, "it ends early"),
    ("jpeg-end-at-once.jpg", Malformed, "it ends before the image data"),
    ("jpeg-huge.jpg", Malformed, "premature end of data segment"),
    ("jpeg-mark-alone.jpg", Malformed, "it ends early"),
    ("jpeg-no-frame.jpg", Malformed, "image data comes before the frame header"),
    ("jpeg-no-tables.jpg", Malformed, "Quantization table 0x00 was not defined"),
    ("jpeg-segment-too-long.jpg", Malformed, "it ends early"),
    ("jpeg-zero-width.jpg", Malformed, "its size is 0×16, so it has no pixels"),
    ("pam-depth-9.pam", Malformed, "Invalid depth (9) for tuple type RGB"),
    ("pam-endless.pam", Malformed, "Unexpected end of PNM header"),
    ("pam-no-depth.pam", Malformed, "Missing header line: have height=Some(2),"),
    ("pfm-cut.pfm", Malformed, "it ends early"),
    ("pfm-huge.pfm", TooLarge, "a side"),
    ("pfm-mark-alone.pfm", Malformed, "its header ends before its size and scale"),
    ("pfm-minus.pfm", Malformed, "a side of '-2' is no number of pixels"),
    ("pfm-no-scale.pfm", Malformed, "its header ends before its size and scale"),
    ("pfm-scale-0.pfm", Malformed, "a scale of '0' means nothing"),
    ("pfm-scale-in-words.pfm", Malformed, "a scale of 'little' means nothing"),
    ("pfm-zero-width.pfm", Malformed, "its size is 0×2, so it has no pixels"),
    ("png-100000-squared-interlaced.png", TooLarge, "working memory (bytes)"),
    ("png-100000-squared.png", Malformed, "IDAT or fDAT chunk does not have enough"),
    ("png-apple.png", Unsupported, "Apple's CgBI variant"),
    ("png-critical-chunk.png", Malformed, "unknown critical chunk XYZW"),
    ("png-cut-in-header.png", Malformed, "it ends early"),
    ("png-cut-in-pixels.png", Malformed, "it ends early"),
    ("png-depth-3.png", Malformed, "Invalid bit depth 3"),
    ("png-filter-9.png", Malformed, "Unknown filter method 9"),
    ("png-half-the-rows.png", Malformed, "IDAT or fDAT chunk does not have enough"),
    ("png-header-crc.png", Malformed, "CRC error: expected 0x0 have 0x4b6d29dc"),
    ("png-long-chunk.png", Malformed, "a chunk claims 4294967280 bytes"),
    ("png-no-palette.png", Malformed, "Missing palette of indexed image"),
    ("png-no-pixels.png", Malformed, "it has no pixels"),
    ("png-not-deflate.png", Malformed, "Corrupt deflate stream. BadZlibHeader"),
    ("png-pixels-crc.png", Malformed, "CRC error: expected 0x0 have 0x207f8719"),
    ("png-signature-alone.png", Malformed, "it ends early"),
    ("png-too-many-pixels.png", TooLarge, "a number of pixels"),
    ("png-too-wide.png", TooLarge, "a side"),
    ("png-zero-width.png", Malformed, "its size is 0×8, so it has no pixels"),
    ("pnm-cut-text.ppm", Malformed, "Not enough data was provided to the Decoder"),
    ("pnm-cut.ppm", Malformed, "it ends early"),
    ("pnm-huge.ppm", Malformed, "Image dimensions (4294967295x4294967295)"),
    ("pnm-letters.ppm", Malformed, "Non-ASCII-digit character when parsing"),
    ("pnm-long-width.ppm", Malformed, "Overflow when parsing integer in number in"),
    ("pnm-mark-alone.ppm", Malformed, "it ends early"),
    ("pnm-minus.pgm", Malformed, "Non-ASCII-digit character when parsing"),
    ("pnm-white-is-0.pgm", Malformed, "Image MAXVAL is zero"),
    ("pnm-white-is-65536.pgm", Malformed, "Image MAXVAL exceeds 65535: 65536"),
    ("pnm-zero-width.ppm", Malformed, "its size is 0×4, so it has no pixels"),
    ("qoi-5-channels.qoi", Malformed, "it claims 5 channels; 3 and 4 exist"),
    ("qoi-cut.qoi", Malformed, "it ends early"),
    ("qoi-huge.qoi", TooLarge, "a side"),
    ("qoi-mark-alone.qoi", Malformed, "it ends early"),
    ("qoi-zero-size.qoi", Malformed, "its size is 0×0, so it has no pixels"),
    ("text.png", Unknown, "not an image of a known format"),
    ("tga-alpha-of-15-bits.tga", Malformed, "More alpha bits than pixel bits"),
    ("tga-cut-in-header.tga", Unknown, "not an image of a known format"),
    ("tga-cut-in-pixels.tga", Malformed, "it ends early"),
    ("tga-index-beyond-map.tga", Malformed, "Invalid color map index"),
    ("tga-map-cut.tga", Malformed, "its colour map ends early"),
    ("tga-map-of-17-bits.tga", Unknown, "not an image of a known format"),
    ("tga-runs-cut-bottom-up.tga", Malformed, "it ends early"),
    ("tga-runs-cut.tga", Malformed, "it ends early"),
    ("tga-zero-size.tga", Unknown, "not an image of a known format"),
    ("tiff-absurd-tiles.tif", Malformed, "it needs the places of 134217728 chunks and"),
    ("tiff-big-count.tif", Malformed, "tag 256 has no whole numbers 0..1, or not"),
    ("tiff-big-cut.tif", Malformed, "it ends before"),
    ("tiff-bits-of-700.tif", Malformed, "tag 258 is 700"),
    ("tiff-compression-999.tif", Unsupported, "compression 999"),
    ("tiff-deflate-rubbish.tif", Malformed, "subimage 0, level 0, strip 0: its deflate"),
    ("tiff-directory-beyond.tif", Malformed, "it ends before byte 5002"),
    ("tiff-directory-cut.tif", Malformed, "it ends before byte 118"),
    ("tiff-fax2-rubbish.tif", Malformed, "strip 0: its fax data is damaged"),
    ("tiff-fax3-rubbish.tif", Malformed, "strip 0: a row of its fax data does not"),
    ("tiff-huge-strip.tif", Malformed, "subimage 0, level 0, strip 0: its deflate"),
    ("tiff-long-tables.tif", Malformed, "its JPEG tables of 4294967280 bytes"),
    ("tiff-lzw-rubbish.tif", Malformed, "subimage 0, level 0, strip 0: its LZW"),
    ("tiff-mark-alone.tif", Malformed, "it ends before byte 8"),
    ("tiff-no-fields.tif", Malformed, "the directory at byte 8 claims 0 fields"),
    ("tiff-overlapping.tif", Malformed, "it has no width"),
    ("tiff-strip-beyond.tif", Malformed, "subimage 0, level 0, strip 0: it lies"),
    ("tiff-strip-cut.tif", Malformed, "subimage 0, level 0, strip 0: it lies"),
    ("tiff-tile-of-nothing.tif", Malformed, "its tile width is out of range"),
    ("tiff-tiles-missing.tif", Malformed, "it needs the places of 65536 chunks and"),
    ("tiff-zero-width.tif", Malformed, "its width is out of range"),
    ("webp-chunk-too-long.webp", Malformed, "it ends within the image data"),
    ("webp-cut-lossless.webp", Malformed, "it ends within the image data"),
    ("webp-cut.webp", Malformed, "it ends within the image data"),
    ("webp-empty.webp", Malformed, "it ends before its image"),
    ("webp-mark-alone.webp", Malformed, "it ends before its image"),
    ("webp-no-picture.webp", Malformed, "it ends before its image"),
    ("webp-zero-size.webp", Malformed, "its image does not lie within its canvas"),
    ("apng-frame-crc.png", Malformed, "CRC error: expected 0x98155b8b have"),
    ("apng-frame-cut.png", Malformed, "it ends early"),
    ("apng-frame-with-few-rows.png", Malformed, "IDAT or fDAT chunk does not have enough"),
    ("apng-small-first-frame.png", Malformed, "its first frame is not as large as itself"),
    ("dds-array-of-a-billion.dds", Malformed, "it claims 1073741824 pictures; 2048 is the"),
    ("dds-cubes-that-overflow.dds", Malformed, "it claims 4294967295 pictures; 2048 is the"),
    ("dds-cut-in-header.dds", Malformed, "it ends early"),
    ("dds-cut-in-long-header.dds", Malformed, "it ends early"),
    ("dds-cut-in-pixels.dds", Malformed, "it ends early"),
    ("dds-deep-volume.dds", Malformed, "it claims 4294967295 pictures; 2048 is the"),
    ("dds-header-of-100.dds", Malformed, "its header claims 100 bytes, not 124"),
    ("dds-mark-alone.dds", Malformed, "it ends early"),
    ("dds-masks-with-holes.dds", Unsupported, "DDS with pixels of 16 bits with flags 0x40"),
    ("dds-too-many-levels.dds", Malformed, "it claims 5 levels, but 8×8 can be halved"),
    ("dds-too-many-pixels.dds", TooLarge, "a number of pixels"),
    ("dds-too-wide.dds", TooLarge, "a side"),
    ("dds-unknown-letters.dds", Unsupported, "DDS with pixels of kind WHAT is not"),
    ("dds-unknown-number.dds", Unsupported, "DDS with DXGI format 1000 is not supported"),
    ("dds-zero-height.dds", Malformed, "its size is 8×0, so it has no pixels"),
    ("ico-beyond-everything.ico", Malformed, "it ends early"),
    ("ico-beyond-the-end.ico", Malformed, "it ends early"),
    ("ico-cut-in-directory.ico", Malformed, "it ends early"),
    ("ico-cut-in-mask.ico", Malformed, "it ends early"),
    ("ico-cut-in-pixels.ico", Malformed, "it ends early"),
    ("ico-depth-7.ico", Unsupported, "ICO with a bitmap of 7 bits and compression"),
    ("ico-huge.ico", TooLarge, "a side"),
    ("ico-neither.ico", Malformed, "a picture is neither PNG nor a bitmap: it"),
    ("ico-palette-of-a-billion.ico", Malformed, "a palette claims 1073741824 colours"),
    ("ico-png-beyond-its-entry.ico", Malformed, "it ends early"),
    ("ico-png-cut.ico", Malformed, "it ends early"),
    ("ico-runs.ico", Unsupported, "ICO with a bitmap of 8 bits and compression"),
    ("ico-too-many.ico", Malformed, "it claims 65535 pictures, more than 1024"),
    ("ico-upside-down.ico", Malformed, "a bitmap claims 4×-8 pixels, mask included"),
    ("ico-zero-height.ico", Malformed, "a bitmap claims 4×0 pixels, mask included"),
    ("j2k-24-bits.j2k", Unsupported, "JPEG 2000 with 24 bits a sample is not supported"),
    ("j2k-33-levels.j2k", Malformed, "it has more than 32 levels"),
    ("j2k-all-the-layers.j2k", Malformed, "tile 0: it ends early: 65535 packets in"),
    ("j2k-beyond-31-bits.j2k", Unsupported, "coordinates of more than 31 bits"),
    ("j2k-code-blocks-too-large.j2k", Malformed, "its code-blocks are larger than the format allows"),
    ("j2k-components.j2k", Unsupported, "2000 components"),
    ("j2k-crossed-precincts.j2k", Unsupported, "tile 0: precincts of such sides"),
    ("j2k-cut-in-a-tile.j2k", Malformed, "subimage 0, level 0, tile 8: it ends early"),
    ("j2k-cut-in-header.j2k", Malformed, "it ends early"),
    ("j2k-density-of-nothing.j2k", Malformed, "a component has no density"),
    ("j2k-fewer-packets.j2k", Malformed, "tile 8: "),
    ("j2k-huge.j2k", TooLarge, "a side of 2147483647 exceeds the limit of 1048576"),
    ("j2k-least-code-blocks.j2k", TooLarge, "working memory (bytes)"),
    ("j2k-mark-alone.j2k", Malformed, "it ends early"),
    ("j2k-no-coding.j2k", Malformed, "it does not say how it is coded"),
    ("j2k-no-components.j2k", Malformed, "it has no components"),
    ("j2k-no-tiles.j2k", Malformed, "its code stream has no tiles"),
    ("j2k-packed-headers.j2k", Unsupported, "packet headers in the main header (PPM)"),
    ("j2k-part-2.j2k", Unsupported, "the marker ff77"),
    ("j2k-part-missing.j2k", Malformed, "tile 0: it ends early"),
    ("j2k-part-too-long.j2k", Malformed, "tile 0: it ends early"),
    ("j2k-parts-out-of-order.j2k", Malformed, "tile 0: its parts are not in order"),
    ("j2k-packets-of-one-sample.j2k", Malformed, "tile 0: it ends early: 1000000 packets in"),
    ("j2k-precincts-of-one-sample.j2k", TooLarge, "working memory (bytes)"),
    ("j2k-progression-9.j2k", Malformed, "it has a progression of kind 9"),
    ("j2k-rubbish.j2k", Malformed, "tile 0: "),
    ("j2k-tile-missing.j2k", Malformed, "subimage 0, level 0, tile 0: it is missing"),
    ("j2k-tile-outside.j2k", Malformed, "its first tile lies outside the picture"),
    ("j2k-tiles-of-nothing.j2k", Malformed, "its tiles have no pixels"),
    ("j2k-too-many-tiles.j2k", Malformed, "it has 274877906944 tiles, of which the format allows 65535"),
    ("j2k-zero-width.j2k", Malformed, "its size is 0×48, so it has no pixels"),
    ("jp2-box-of-nothing.jp2", Malformed, "a box of its description has a wrong length"),
    ("jp2-column-missing.jp2", Malformed, "a column that its palette does not have"),
    ("jp2-component-missing.jp2", Malformed, "a component that is not there"),
    ("jp2-lab.jp2", Unsupported, "colour space 14"),
    ("jp2-mark-alone.jp2", Malformed, "it has no code stream"),
    ("jp2-no-description.jp2", Malformed, "it does not describe its picture"),
    ("jp2-no-stream.jp2", Malformed, "it has no code stream"),
    ("jp2-palette-of-nothing.jp2", Malformed, "its palette has no colours"),
    ("jp2-palette-unused.jp2", Malformed, "it does not say what its palette is for"),
    ("jxl-box-beyond.jxl", Malformed, "it ends early"),
    ("jxl-box-of-nothing.jxl", Malformed, "it has no picture"),
    ("jxl-container-alone.jxl", Malformed, "it has no picture"),
    ("jxl-cut-in-header.jxl", Malformed, "it ends early"),
    ("jxl-cut.jxl", Malformed, "it ends early"),
    ("jxl-empty-stream.jxl", Malformed, "it ends early"),
    ("jxl-huge.jxl", Malformed, "frame area too large"),
    ("jxl-mark-alone.jxl", Malformed, "it ends early"),
    ("jxl-rubbish.jxl", Malformed, "PadZeroToByte() read non-zero bits"),
    ("jxl-transfer-of-nothing.jxl", Malformed, "its bytes make no sense"),
    ("zeros.tif", Unknown, "not an image of a known format"),
];

/// Bad files whose pictures are there all the same, and how many there are.
const READABLE: &[(&str, usize)] = &[
    ("apng-control-crc.png", 1),
    ("apng-frame-beyond-the-edge.png", 1),
    ("tiff-cyclic-of-two.tif", 2),
    ("tiff-cyclic.tif", 1),
    ("tiff-long-text.tif", 1),
    ("tiff-sharing.tif", 1),
    ("tiff-sub-bomb.tif", 1),
    ("tiff-sub-cyclic.tif", 1),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Opens a file and decodes all of it. Its metadata, damaged as it may be, is no reason to fail.
fn read(path: &Path) -> Result<(), Error> {
    let mut decoder = open(Input::path(path)?, &Limits::default())?;
    decoder.metadata()?;
    let n_subimages = decoder.info().subimages.len() as u32;
    for subimage in 0..n_subimages {
        let rect = decoder.info().subimages[subimage as usize].size().rect();
        let region = Region {
            subimage,
            level: 0,
            rect,
        };
        decoder.decode(&region, &mut |_| ControlFlow::Continue(()))?;
    }
    Ok(())
}

fn kind(error: &Error) -> Option<Kind> {
    match error {
        Error::Malformed { .. } => Some(Malformed),
        Error::LimitExceeded { .. } => Some(TooLarge),
        Error::UnknownFormat { .. } => Some(Unknown),
        Error::Unsupported { .. } => Some(Unsupported),
        _ => None,
    }
}

#[test]
fn every_bad_file_gives_its_error() {
    let mut failures = Vec::new();
    for &(name, expected, phrase) in EXPECTED {
        // Without its feature, all that can be said of such a file is that it is not read.
        let is_jpeg_2000 = name.ends_with(".jp2") || name.ends_with(".j2k");
        let is_left_out = (name.ends_with(".jxl") && !cfg!(feature = "jxl"))
            || (is_jpeg_2000 && !cfg!(feature = "jpeg2000"))
            || (name.ends_with(".avif") && !cfg!(feature = "avif"));
        if is_left_out {
            continue;
        }
        match read(&folder().join(name)) {
            Ok(()) => failures.push(format!("{name}: read without an error")),
            Err(error) => {
                let message = error.to_string();
                if kind(&error) != Some(expected)
                    || !message.contains(phrase)
                    || !message.contains(name)
                {
                    failures.push(format!("{name}: {:?}: {message}", kind(&error)));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn what_can_be_read_of_a_bad_file_is_read() {
    for &(name, n_pictures) in READABLE {
        let path = folder().join(name);
        let decoder = open(Input::path(&path).unwrap(), &Limits::default()).unwrap();
        assert_eq!(decoder.info().subimages.len(), n_pictures, "{name}");
        drop(decoder);
        read(&path).unwrap();
    }
}

#[test]
fn every_bad_file_is_in_the_table() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "make.py")
        .collect();
    let table: BTreeSet<String> = EXPECTED
        .iter()
        .map(|(name, ..)| *name)
        .chain(READABLE.iter().map(|(name, _)| *name))
        .map(str::to_owned)
        .collect();
    assert_eq!(files, table);
    assert_eq!(
        table.len(),
        EXPECTED.len() + READABLE.len(),
        "a file stands twice"
    );
}

#[test]
fn a_folder_a_missing_and_an_unreadable_file_are_the_systems_errors() {
    for path in [folder(), folder().join("not-there.png")] {
        let error = read(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_file_is_what_its_bytes_say_not_its_name() {
    let png: &[u8] = &{
        let pixels = [10u8, 20, 30, 40, 50, 60];
        let size = pixelbank_image::Size::new(2, 1);
        let view = pixelbank_image::View::packed(&pixels, size, pixelbank_image::PixelFormat::RGB8)
            .unwrap();
        pixelbank_codec::encode_png(view, &Default::default(), &Default::default()).unwrap()
    };
    for name in ["photo.jpg", "photo.tga", "photo", "photo.txt"] {
        let decoder = open(Input::memory(png.into(), name), &Limits::default()).unwrap();
        assert_eq!(decoder.info().format, Format::Png, "{name}");
    }
}
