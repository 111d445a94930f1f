//! Metadata, from blocks made here: what is understood, and that rubbish is borne.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pixelbank_codec::{
    Embed, Format, Group, Input, Limits, Metadata, MetadataBlocks, PngOptions,
    captured_and_orientation, encode_png, open, orientation,
};
use pixelbank_image::{Orientation, PixelFormat, Size, View};
use proptest::prelude::*;

/// A value of an EXIF field.
enum Value {
    Text(&'static str),
    Short(u16),
    Ratios(Vec<(u32, u32)>),
    /// The directory of that number.
    Directory(usize),
}

use Value::{Directory, Ratios, Short, Text};

/// An EXIF block of these directories, in either byte order.
fn exif(directories: &[Vec<(u16, Value)>], is_little_endian: bool) -> Vec<u8> {
    let two = |n: u16| {
        if is_little_endian {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    let four = |n: u32| {
        if is_little_endian {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    let mut starts = Vec::new();
    let mut at = 8;
    for fields in directories {
        starts.push(at);
        at += 2 + fields.len() as u32 * 12 + 4;
    }
    let mut block = if is_little_endian {
        b"II".to_vec()
    } else {
        b"MM".to_vec()
    };
    block.extend(two(42));
    block.extend(four(8));
    let mut values = Vec::new();
    for fields in directories {
        block.extend(two(fields.len() as u16));
        for (tag, value) in fields {
            let (kind, count, bytes) = match value {
                Text(text) => (2, text.len() as u32 + 1, [text.as_bytes(), b"\0"].concat()),
                Short(number) => (3, 1, two(*number).to_vec()),
                Ratios(ratios) => (
                    5,
                    ratios.len() as u32,
                    ratios
                        .iter()
                        .flat_map(|&(n, d)| [four(n), four(d)].concat())
                        .collect(),
                ),
                Directory(index) => (4, 1, four(starts[*index]).to_vec()),
            };
            block.extend(two(*tag));
            block.extend(two(kind));
            block.extend(four(count));
            if bytes.len() <= 4 {
                let mut bytes = bytes;
                bytes.resize(4, 0);
                block.extend(bytes);
            } else {
                block.extend(four(at + values.len() as u32));
                values.extend(bytes);
            }
        }
        block.extend(four(0));
    }
    block.extend(values);
    block
}

fn photograph(is_little_endian: bool) -> Vec<u8> {
    exif(
        &[
            vec![
                (0x010f, Text("Canon")),
                (0x0110, Text("Canon EOS R5")),
                (0x0112, Short(6)),
                (0x0132, Text("2025:01:01 00:00:00")),
                (0x8298, Text("\u{a9} 2024 Jana")),
                (0x8769, Directory(1)),
                (0x8825, Directory(2)),
            ],
            vec![
                (0x829a, Ratios(vec![(1, 250)])),
                (0x829d, Ratios(vec![(28, 10)])),
                (0x8827, Short(400)),
                (0x9003, Text("2024:05:01 12:33:07")),
                (0x9011, Text("+02:00")),
                (0x9207, Short(5)),
                (0x920a, Ratios(vec![(35, 1)])),
                (0xa432, Ratios(vec![(24, 1), (70, 1), (28, 10), (28, 10)])),
                (0xa434, Text("RF24-70mm F2.8 L IS USM")),
            ],
            vec![
                (1, Text("N")),
                (2, Ratios(vec![(54, 1), (7, 1), (2424, 100)])),
                (3, Text("W")),
                (4, Ratios(vec![(13, 1), (34, 1), (408, 100)])),
                (6, Ratios(vec![(25, 2)])),
            ],
        ],
        is_little_endian,
    )
}

fn value<'a>(metadata: &'a Metadata, name: &str) -> Option<(Group, &'a str)> {
    metadata
        .entries
        .iter()
        .find(|entry| entry.name == name)
        .map(|entry| (entry.group, entry.value.as_str()))
}

#[test]
fn exif_becomes_statements_in_both_byte_orders() {
    for is_little_endian in [true, false] {
        let blocks = MetadataBlocks {
            exif: Some(photograph(is_little_endian)),
            ..MetadataBlocks::default()
        };
        let metadata = Metadata::read(&blocks, Format::Jpeg);
        assert_eq!(
            metadata.captured.as_deref(),
            Some("2024-05-01T12:33:07+02:00")
        );
        assert_eq!(metadata.orientation, Orientation::Rotate90);
        assert_eq!(metadata.camera.as_deref(), Some("Canon EOS R5"));
        assert_eq!(metadata.lens.as_deref(), Some("RF24-70mm F2.8 L IS USM"));
        let location = metadata.location.unwrap();
        assert!((location.latitude - 54.1234).abs() < 1e-6);
        assert!((location.longitude + 13.5678).abs() < 1e-6);
        assert_eq!(location.altitude_m, Some(12.5));
        for (name, expected) in [
            ("Exposure time", (Group::Exposure, "1/250 s")),
            ("Aperture", (Group::Exposure, "f/2.8")),
            ("Sensitivity", (Group::Exposure, "ISO 400")),
            ("Metering mode", (Group::Exposure, "Pattern")),
            ("Focal length", (Group::Lens, "35 mm")),
            ("Lens range", (Group::Lens, "24–70 mm f/2.8")),
            ("Position", (Group::Place, "54.1234° N, 13.5678° W")),
            ("Altitude", (Group::Place, "12.5 m")),
            ("Copyright", (Group::Description, "© 2024 Jana")),
            ("Date", (Group::Image, "2024-05-01 12:33:07+02:00")),
        ] {
            assert_eq!(value(&metadata, name), Some(expected), "{name}");
        }
        let groups: Vec<Group> = metadata.entries.iter().map(|entry| entry.group).collect();
        assert!(groups.is_sorted(), "{groups:?}");
        assert_eq!(
            captured_and_orientation(&blocks),
            (metadata.captured, Orientation::Rotate90)
        );
    }
}

const XMP: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:ex="http://ns.adobe.com/xap/1.0/" ex:Rating="4" ex:CreateDate="2021-02-03T04:05"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  xmlns:exif="http://ns.adobe.com/exif/1.0/">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default">The &lt;old&gt; harbour &amp; night&#x21;</rdf:li>
   <rdf:li xml:lang="de">Der Hafen</rdf:li></rdf:Alt></dc:title>
 <dc:subject><rdf:Bag><rdf:li>harbour</rdf:li><rdf:li>night</rdf:li></rdf:Bag></dc:subject>
 <dc:creator><rdf:Seq><rdf:li>Jana Müller</rdf:li></rdf:Seq></dc:creator>
 <photoshop:City>Stralsund</photoshop:City>
 <exif:GPSLatitude>54,7.404N</exif:GPSLatitude><exif:GPSLongitude>13,34.068W</exif:GPSLongitude>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#;

#[test]
fn xmp_is_read_by_its_namespaces() {
    let blocks = MetadataBlocks {
        xmp: Some(XMP.into()),
        ..MetadataBlocks::default()
    };
    let metadata = Metadata::read(&blocks, Format::Jpeg);
    for (name, expected) in [
        ("Title", "The <old> harbour & night!"),
        ("Keywords", "harbour, night"),
        ("Creator", "Jana Müller"),
        ("City", "Stralsund"),
        ("Rating", "4 of 5"),
        ("Position", "54.1234° N, 13.5678° W"),
    ] {
        assert_eq!(
            value(&metadata, name).map(|(_, v)| v),
            Some(expected),
            "{name}"
        );
    }
    assert_eq!(metadata.captured.as_deref(), Some("2021-02-03T04:05:00"));
    assert_eq!(
        captured_and_orientation(&blocks).0.as_deref(),
        Some("2021-02-03T04:05:00")
    );
}

#[test]
fn exif_wins_over_xmp() {
    let blocks = MetadataBlocks {
        exif: Some(photograph(true)),
        xmp: Some(XMP.into()),
        ..MetadataBlocks::default()
    };
    let metadata = Metadata::read(&blocks, Format::Jpeg);
    assert_eq!(
        metadata.captured.as_deref(),
        Some("2024-05-01T12:33:07+02:00")
    );
    assert!((metadata.location.unwrap().latitude - 54.1234).abs() < 1e-6);
}

#[test]
fn blocks_come_out_of_a_png_as_they_went_in() {
    let pixels = [7u8; 12];
    let view = View::packed(&pixels, Size::new(2, 2), PixelFormat::RGB8).unwrap();
    let block = photograph(false);
    let profile: Vec<u8> = (0..3000u32).map(|n| (n % 251) as u8).collect();
    let embed = Embed {
        exif: Some(&block),
        xmp: Some(XMP.as_bytes()),
        icc: Some(&profile),
    };
    let file = encode_png(view, &PngOptions::default(), &embed).unwrap();
    let mut decoder = open(Input::memory(file.clone().into(), "x"), &Limits::default()).unwrap();
    let spec = &decoder.info().subimages[0];
    assert_eq!(spec.orientation, Orientation::Rotate90);
    assert_eq!(spec.icc.as_deref(), Some(&profile[..]));
    let blocks = decoder.metadata().unwrap();
    assert_eq!(blocks.exif.as_deref(), Some(&block[..]));
    assert_eq!(blocks.xmp.as_deref(), Some(XMP.as_bytes()));
    assert_eq!(blocks.icc.as_deref(), Some(&profile[..]));

    // Blocks above the limit are passed over, and the pixels are there all the same.
    let limits = Limits {
        max_metadata_bytes: 100,
        ..Limits::default()
    };
    let mut decoder = open(Input::memory(file.into(), "x"), &limits).unwrap();
    assert_eq!(decoder.metadata().unwrap(), MetadataBlocks::default());
    let region = pixelbank_codec::Region {
        subimage: 0,
        level: 0,
        rect: Size::new(2, 2).rect(),
    };
    decoder
        .decode(&region, &mut |band| {
            assert_eq!(band.pixels.data(), pixels);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
}

/// The most that a hostile block may make of itself: a directory of 65,535 fields that all name the same bytes.
#[test]
fn a_hostile_directory_stays_small() {
    let mut block = b"II*\0\x08\0\0\0\xff\xff".to_vec();
    for _ in 0..65_535u32 {
        block.extend(0x010eu16.to_le_bytes());
        block.extend(2u16.to_le_bytes());
        block.extend(700_000u32.to_le_bytes());
        block.extend(0u32.to_le_bytes());
    }
    block.resize(800_000, b'x');
    let blocks = MetadataBlocks {
        exif: Some(block),
        ..MetadataBlocks::default()
    };
    let metadata = Metadata::read(&blocks, Format::Jpeg);
    let bytes: usize = metadata.entries.iter().map(|entry| entry.value.len()).sum();
    assert!(bytes < 100_000, "{bytes}");
}

#[test]
fn directories_in_a_circle_end() {
    let circle = exif(
        &[vec![
            (0x8769, Directory(0)),
            (0x8825, Directory(0)),
            (0x0112, Short(3)),
        ]],
        true,
    );
    assert_eq!(orientation(&circle), Orientation::Rotate180);
    let blocks = MetadataBlocks {
        exif: Some(circle),
        ..MetadataBlocks::default()
    };
    assert_eq!(
        Metadata::read(&blocks, Format::Jpeg).orientation,
        Orientation::Rotate180
    );
}

proptest! {
    #[test]
    fn damaged_blocks_never_panic(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
        kind in 0..4,
    ) {
        let mut block = match kind {
            0 => photograph(true),
            1 => photograph(false),
            2 => XMP.as_bytes().to_vec(),
            _ => [&[0x1c, 2, 25, 0, 3][..], b"abc", &[0x1c, 2, 55, 0, 8], b"20240501"].concat(),
        };
        for (place, value) in places {
            let at = place.index(block.len());
            block[at] = value;
        }
        block.truncate(cut.index(block.len()) + 1);
        let _ = orientation(&block);
        let blocks = MetadataBlocks {
            exif: Some(block.clone()),
            xmp: Some(block.clone()),
            iptc: Some(block.clone()),
            icc: Some(block),
            texts: Vec::new(),
        };
        let metadata = Metadata::read(&blocks, Format::Jpeg);
        let _ = captured_and_orientation(&blocks);
        for entry in metadata.entries {
            prop_assert!(!entry.value.is_empty() && entry.value.len() <= 16 << 10);
        }
    }
}
