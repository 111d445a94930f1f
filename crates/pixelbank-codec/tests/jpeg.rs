//! Reading JPEG through the public interface, against streams of an independent writer and pixels of an independent
//! reader.
#![allow(clippy::unwrap_used)]

mod reading;

use std::ops::ControlFlow;

use jpeg_encoder::{ColorType, SamplingFactor};
use pixelbank_codec::{Decoder, Error, Format, Input, Limits, Region, open};
use pixelbank_image::{Access, Orientation, PixelFormat, Rect, Size};
use reading::{Numbers, crop, exif, memory, opened, picture, read, region, whole};

fn open_bytes(file: &[u8]) -> Box<dyn Decoder> {
    opened(file, "test.jpg")
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    color: ColorType,
    sampling: SamplingFactor,
    progressive: bool,
    restarts: bool,
}

impl Kind {
    const fn baseline(color: ColorType, sampling: SamplingFactor) -> Self {
        Self {
            color,
            sampling,
            progressive: false,
            restarts: false,
        }
    }

    fn channels(self) -> usize {
        match self.color {
            ColorType::Luma => 1,
            ColorType::Cmyk | ColorType::CmykAsYcck => 4,
            _ => 3,
        }
    }

    fn encode(self, size: Size) -> Vec<u8> {
        self.encode_with(size, |_| {})
    }

    fn encode_with(
        self,
        size: Size,
        change: impl FnOnce(&mut jpeg_encoder::Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut stream, 90);
        encoder.set_sampling_factor(self.sampling);
        encoder.set_progressive(self.progressive);
        if self.restarts {
            encoder.set_restart_interval(3);
        }
        change(&mut encoder);
        let pixels = picture(size, self.channels());
        encoder
            .encode(&pixels, size.width as u16, size.height as u16, self.color)
            .unwrap();
        stream
    }
}

fn kinds() -> Vec<Kind> {
    use SamplingFactor as S;
    let mut kinds = vec![
        Kind::baseline(ColorType::Luma, S::F_1_1),
        Kind::baseline(ColorType::Cmyk, S::F_1_1),
        Kind::baseline(ColorType::CmykAsYcck, S::F_2_2),
    ];
    for sampling in [
        S::F_1_1,
        S::F_2_1,
        S::F_1_2,
        S::F_2_2,
        S::F_4_1,
        S::F_4_2,
        S::F_1_4,
        S::F_2_4,
    ] {
        kinds.push(Kind::baseline(ColorType::Rgb, sampling));
    }
    for index in 0..kinds.len() {
        kinds.push(Kind {
            progressive: true,
            ..kinds[index]
        });
    }
    kinds.push(Kind {
        restarts: true,
        ..Kind::baseline(ColorType::Rgb, S::F_2_2)
    });
    kinds
}

#[test]
fn the_header_tells_sizes_and_levels() {
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(101, 67));
    let decoder = open_bytes(&stream);
    let info = decoder.info();
    assert_eq!(info.format, Format::Jpeg);
    let spec = &info.subimages[0];
    assert_eq!(spec.format, PixelFormat::RGB8);
    assert_eq!(spec.orientation, Orientation::Normal);
    let sizes: Vec<Size> = spec.levels.iter().map(|level| level.size).collect();
    let expected = [(101, 67), (51, 34), (26, 17), (13, 9)];
    assert_eq!(sizes, expected.map(|(w, h)| Size::new(w, h)));
    assert!(spec.levels.iter().all(|level| level.access == Access::Pass));
}

#[test]
fn pixels_agree_with_another_decoder() {
    let size = Size::new(203, 149);
    for kind in kinds() {
        if kind.channels() == 4 {
            continue;
        }
        let stream = kind.encode(size);
        let ours = whole(&mut *open_bytes(&stream), 0, 0);
        let theirs = jpeg_decoder::Decoder::new(&stream[..]).decode().unwrap();
        assert_eq!(ours.len(), theirs.len());
        // Both may round each of transformation, upsampling and conversion the other way.
        let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        let mean = ours
            .iter()
            .zip(&theirs)
            .map(|(a, b)| f64::from(a.abs_diff(*b)))
            .sum::<f64>()
            / ours.len() as f64;
        println!("{kind:?}: worst {worst:?}, mean {mean:.3}");
        assert!(
            worst.unwrap() <= 5 && mean < 0.5,
            "{kind:?}: worst {worst:?}, mean {mean}"
        );
    }
}

#[test]
fn regions_are_cut_from_the_whole() {
    let mut numbers = Numbers(7);
    for size in [Size::new(203, 149), Size::new(640, 97), Size::new(96, 352)] {
        for kind in kinds() {
            let stream = kind.encode(size);
            let mut decoder = open_bytes(&stream);
            let channels = decoder.info().subimages[0].format.pixel_bytes();
            for level in 0..4 {
                let all = whole(&mut *decoder, 0, level);
                let size = decoder.info().subimages[0].levels[level as usize].size;
                for _ in 0..24 {
                    let rect = numbers.rect(size);
                    let part = read(&mut *decoder, 0, level, rect).unwrap();
                    let expected = crop(&all, size, channels, rect);
                    assert!(part == expected, "{kind:?} level {level} of {size}: {rect}");
                }
            }
        }
    }
}

#[test]
fn gray_with_meaningless_sampling_factors() {
    let size = Size::new(150, 77);
    let mut stream = Kind::baseline(ColorType::Luma, SamplingFactor::F_1_1).encode(size);
    let plain = whole(&mut *open_bytes(&stream), 0, 0);
    let frame = stream.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    assert_eq!(stream[frame + 11], 0x11);
    // A single component is never interleaved, so its factors change nothing.
    stream[frame + 11] = 0x22;
    let mut decoder = open_bytes(&stream);
    assert_eq!(whole(&mut *decoder, 0, 0), plain);
    let mut numbers = Numbers(3);
    for level in 0..4 {
        let all = whole(&mut *decoder, 0, level);
        let size = decoder.info().subimages[0].levels[level as usize].size;
        for _ in 0..16 {
            let rect = numbers.rect(size);
            let part = read(&mut *decoder, 0, level, rect).unwrap();
            assert!(part == crop(&all, size, 1, rect), "level {level}: {rect}");
        }
    }
}

#[test]
fn levels_are_averages_of_the_pixels() {
    let size = Size::new(256, 160);
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_1_1).encode(size);
    let mut decoder = open_bytes(&stream);
    let full = whole(&mut *decoder, 0, 0);
    let eighth = whole(&mut *decoder, 0, 3);
    for y in 0..20 {
        for x in 0..32 {
            for c in 0..3 {
                let sum: u32 = (0..64)
                    .map(|i| u32::from(full[((y * 8 + i / 8) * 256 + x * 8 + i % 8) * 3 + c]))
                    .sum();
                let level = u32::from(eighth[(y * 32 + x) * 3 + c]);
                assert!((sum / 64).abs_diff(level) <= 3, "({x}, {y})");
            }
        }
    }
}

#[test]
fn tiny_images_have_all_their_pixels() {
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (8, 8), (17, 2)] {
        let size = Size::new(width, height);
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_2] {
            let stream = Kind::baseline(ColorType::Rgb, sampling).encode(size);
            let mut decoder = open_bytes(&stream);
            let levels = decoder.info().subimages[0].levels.len() as u32;
            for level in 0..levels {
                let size = decoder.info().subimages[0].levels[level as usize].size;
                let all = whole(&mut *decoder, 0, level);
                let last = Rect::new(size.width - 1, size.height - 1, 1, 1);
                let corner = read(&mut *decoder, 0, level, last).unwrap();
                assert_eq!(corner, all[all.len() - 3..]);
            }
        }
    }
}

#[test]
fn cmyk_becomes_rgb() {
    let size = Size::new(64, 32);
    let pixels: Vec<u8> = (0..64 * 32).flat_map(|_| [200, 100, 255, 51]).collect();
    for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let mut stream = Vec::new();
        jpeg_encoder::Encoder::new(&mut stream, 100)
            .encode(&pixels, 64, 32, color)
            .unwrap();
        assert!(stream.windows(5).any(|w| w == b"Adobe"));
        let mut decoder = open_bytes(&stream);
        assert_eq!(decoder.info().subimages[0].format, PixelFormat::RGB8);
        let rgb = whole(&mut *decoder, 0, 0);
        // The writer takes 0 as no ink, and inverts what it stores, as Adobe's marker says.
        for pixel in rgb.chunks_exact(3) {
            let expected = [55 * 204 / 255, 155 * 204 / 255, 0];
            for (value, expected) in pixel.iter().zip(expected) {
                assert!(
                    value.abs_diff(expected as u8) <= 3,
                    "{pixel:?} {expected:?}"
                );
            }
        }
        assert_eq!(rgb.len() as u64, size.pixels() * 3);
    }
}

#[test]
fn truncated_files_are_refused() {
    let size = Size::new(203, 149);
    for kind in kinds() {
        let stream = kind.encode(size);
        let all = whole(&mut *open_bytes(&stream), 0, 0);
        for len in (0..stream.len() - 16).step_by(stream.len() / 40) {
            let cut = &stream[..len];
            let mut decoder = match open(memory(cut, "test.jpg"), &Limits::default()) {
                Ok(decoder) => decoder,
                Err(Error::Malformed { .. } | Error::UnknownFormat { .. }) => continue,
                Err(error) => panic!("{kind:?} cut to {len}: {error}"),
            };
            let row_bytes = all.len() / size.height as usize;
            let result = decoder.decode(&region(0, 0, size.rect()), &mut |band| {
                // What came before the cut is right.
                for (row, y) in band.pixels.rows().zip(band.rect.y as usize..) {
                    assert!(
                        row == &all[y * row_bytes..][..row_bytes],
                        "{kind:?} row {y}"
                    );
                }
                ControlFlow::Continue(())
            });
            assert!(
                matches!(result, Err(Error::Malformed { .. })),
                "{kind:?} cut to {len} of {}: {result:?}",
                stream.len()
            );
        }
    }
}

#[test]
fn a_missing_end_marker_is_forgiven_where_nothing_else_is_missing() {
    let size = Size::new(64, 64);
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(size);
    let all = whole(&mut *open_bytes(&stream), 0, 0);
    assert_eq!(
        whole(&mut *open_bytes(&stream[..stream.len() - 2]), 0, 0),
        all
    );
}

#[test]
fn a_region_above_the_damage_can_be_read() {
    let size = Size::new(256, 512);
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(size);
    let all = whole(&mut *open_bytes(&stream), 0, 0);
    let mut decoder = open_bytes(&stream[..stream.len() * 3 / 4]);
    let rect = Rect::new(0, 100, 256, 150);
    assert!(read(&mut *decoder, 0, 0, rect).unwrap() == crop(&all, size, 3, rect));
    let below = read(&mut *decoder, 0, 0, Rect::new(10, 490, 20, 20));
    assert!(matches!(below, Err(Error::Malformed { .. })), "{below:?}");
    // The decoder can be used again after an error.
    assert!(read(&mut *decoder, 0, 0, rect).is_ok());
}

#[test]
fn damaged_files_give_errors_or_pixels_and_nothing_else() {
    let size = Size::new(160, 120);
    let mut numbers = Numbers(11);
    let mut errors = 0;
    for kind in kinds() {
        let stream = kind.encode(size);
        for _ in 0..60 {
            let mut bad = stream.clone();
            for _ in 0..1 + numbers.below(4) {
                let at = numbers.below(bad.len() as u32) as usize;
                bad[at] = numbers.below(256) as u8;
            }
            let limits = Limits {
                max_working_bytes: 64 << 20,
                ..Limits::default()
            };
            let Ok(mut decoder) = open(memory(&bad, "test.jpg"), &limits) else {
                errors += 1;
                continue;
            };
            for level in 0..decoder.info().subimages[0].levels.len() as u32 {
                let size = decoder.info().subimages[0].levels[level as usize].size;
                errors += u32::from(read(&mut *decoder, 0, level, size.rect()).is_err());
            }
        }
    }
    assert!(errors > 300, "{errors}");
}

/// A progressive file of `scans` refinements of nothing.
fn scan_bomb(side: u16, scans: usize) -> Vec<u8> {
    let kind = Kind {
        progressive: true,
        ..Kind::baseline(ColorType::Luma, SamplingFactor::F_1_1)
    };
    let stream = kind.encode(Size::new(8, 8));
    // Everything up to the first scan, then that scan again and again.
    let first = stream.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap();
    let second = first
        + 2
        + stream[first + 2..]
            .windows(2)
            .position(|w| w[0] == 0xFF && !matches!(w[1], 0 | 0xFF))
            .unwrap();
    let mut bomb = stream[..first].to_vec();
    let frame = bomb.windows(2).position(|w| w == [0xFF, 0xC2]).unwrap();
    bomb[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
    bomb[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
    for _ in 0..scans {
        bomb.extend_from_slice(&stream[first..second]);
    }
    bomb.extend_from_slice(&[0xFF, 0xD9]);
    bomb
}

#[test]
fn scans_without_end_are_refused() {
    let bomb = scan_bomb(8, 5000);
    let result = read(&mut *open_bytes(&bomb), 0, 0, Rect::new(0, 0, 8, 8));
    assert!(
        matches!(
            result,
            Err(Error::LimitExceeded { .. } | Error::Malformed { .. })
        ),
        "{result:?}"
    );
}

#[test]
fn what_exceeds_the_limits_is_refused_before_it_is_allocated() {
    let limit = |limits: Limits, stream: &[u8]| match open(memory(stream, "test.jpg"), &limits) {
        Err(Error::LimitExceeded { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(300, 200));
    let limits = Limits {
        max_side: 299,
        ..Limits::default()
    };
    limit(limits, &stream);
    let limits = Limits {
        max_pixels: 59_999,
        ..Limits::default()
    };
    limit(limits, &stream);
    // Claims 65,000 × 65,000 pixels, all coefficients of which would have to be kept: 8 GB.
    limit(Limits::default(), &scan_bomb(65_000, 1));
    let limits = Limits {
        max_working_bytes: 10_000,
        ..Limits::default()
    };
    let mut decoder = open(memory(&stream, "test.jpg"), &limits).unwrap();
    let refused = read(&mut *decoder, 0, 0, Rect::new(0, 0, 300, 200));
    assert!(
        matches!(refused, Err(Error::LimitExceeded { .. })),
        "{refused:?}"
    );
}

#[test]
fn requests_beyond_the_image_are_refused() {
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(64, 48));
    let mut decoder = open_bytes(&stream);
    let bad = [
        region(0, 0, Rect::new(1, 0, 64, 48)),
        region(0, 1, Rect::new(0, 0, 33, 24)),
        region(0, 4, Rect::new(0, 0, 1, 1)),
        region(0, 0, Rect::new(u32::MAX, 0, u32::MAX, 1)),
        Region {
            subimage: 1,
            ..region(0, 0, Rect::new(0, 0, 1, 1))
        },
    ];
    for region in bad {
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
fn the_receiver_can_stop() {
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(640, 480));
    let mut decoder = open_bytes(&stream);
    let mut bands = 0;
    decoder
        .decode(&region(0, 0, Rect::new(0, 0, 640, 480)), &mut |_| {
            bands += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(bands, 1);
}

#[test]
fn files_and_memory_give_the_same() {
    let size = Size::new(640, 480);
    let kind = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2);
    // A long segment, so that the source has to jump beyond its buffer.
    let stream = kind.encode_with(size, |encoder| {
        for _ in 0..4 {
            encoder.add_app_segment(7, vec![0xFF; 60_000]).unwrap();
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    std::fs::write(&path, &stream).unwrap();
    let mut file = open(Input::path(&path).unwrap(), &Limits::default()).unwrap();
    let mut memory = open_bytes(&stream);
    for level in 0..4 {
        assert!(whole(&mut *file, 0, level) == whole(&mut *memory, 0, level));
    }
    assert_eq!(file.metadata().unwrap(), memory.metadata().unwrap());
}

#[test]
fn a_file_that_changed_is_refused() {
    let kind = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    std::fs::write(&path, kind.encode(Size::new(64, 48))).unwrap();
    let mut decoder = open(Input::path(&path).unwrap(), &Limits::default()).unwrap();
    std::fs::write(&path, kind.encode(Size::new(96, 48))).unwrap();
    let result = read(&mut *decoder, 0, 0, Rect::new(0, 0, 64, 48));
    assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
}

#[test]
fn exif_orientation_is_reported_and_not_applied() {
    let size = Size::new(64, 48);
    let kind = Kind::baseline(ColorType::Rgb, SamplingFactor::F_1_1);
    let plain = whole(&mut *open_bytes(&kind.encode(size)), 0, 0);
    for value in 1..=8 {
        let stream = kind.encode_with(size, |encoder| {
            encoder.add_exif_metadata(&exif(value)).unwrap();
        });
        let mut decoder = open_bytes(&stream);
        let spec = &decoder.info().subimages[0];
        assert_eq!(spec.orientation, Orientation::from_exif(value.into()));
        assert_eq!(spec.size(), size);
        assert_eq!(whole(&mut *decoder, 0, 0), plain);
    }
}

#[test]
fn metadata_is_found_and_joined() {
    let profile: Vec<u8> = (0..150_000_u32).map(|i| ((i * 7) >> 3) as u8).collect();
    let guid = b"0123456789ABCDEF0123456789ABCDEF";
    let extension = b"<x:xmpmeta><rdf:RDF xmlns:rdf='r'><far/></rdf:RDF></x:xmpmeta>";
    let main = [
        &b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:RDF><near g='"[..],
        guid,
        b"'/></rdf:RDF></x:xmpmeta>",
    ]
    .concat();
    let piece = |from: usize, to: usize| {
        let mut segment = b"http://ns.adobe.com/xmp/extension/\0".to_vec();
        segment.extend(guid);
        segment.extend((extension.len() as u32).to_be_bytes());
        segment.extend((from as u32).to_be_bytes());
        segment.extend(&extension[from..to]);
        segment
    };
    let iptc = b"\x1C\x02\x78\0\x05hello";
    let mut resources =
        b"Photoshop 3.0\08BIM\x04\x25\0\0\0\0\0\x03abc\08BIM\x04\x04\x03xyz".to_vec();
    resources.extend((iptc.len() as u32).to_be_bytes());
    resources.extend(iptc);
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode_with(
        Size::new(64, 48),
        |encoder| {
            encoder.add_exif_metadata(&exif(3)).unwrap();
            encoder.add_app_segment(1, main.clone()).unwrap();
            encoder
                .add_app_segment(1, piece(20, extension.len()))
                .unwrap();
            encoder.add_app_segment(1, piece(0, 20)).unwrap();
            encoder.add_app_segment(13, resources).unwrap();
            encoder.add_icc_profile(&profile).unwrap();
        },
    );
    let comment = b"\xFF\xFE\0\x0Da comment\0\0";
    let stream = [&stream[..2], comment, &stream[2..]].concat();

    let mut decoder = open_bytes(&stream);
    assert_eq!(
        decoder.info().subimages[0].icc.as_deref(),
        Some(&profile[..])
    );
    let blocks = decoder.metadata().unwrap();
    assert_eq!(blocks.exif, Some(exif(3)));
    assert_eq!(blocks.icc, Some(profile));
    assert_eq!(blocks.iptc.as_deref(), Some(&iptc[..]));
    assert_eq!(
        blocks.texts,
        [("Comment".to_owned(), "a comment".to_owned())]
    );
    let xmp = String::from_utf8(blocks.xmp.unwrap()).unwrap();
    assert!(xmp.ends_with("'/><far/></rdf:RDF></x:xmpmeta>"), "{xmp}");

    // Blocks beyond the limit are passed over.
    let limits = Limits {
        max_metadata_bytes: 1000,
        ..Limits::default()
    };
    let mut decoder = open(memory(&stream, "test.jpg"), &limits).unwrap();
    assert_eq!(decoder.info().subimages[0].icc, None);
    let blocks = decoder.metadata().unwrap();
    assert_eq!(blocks.icc, None);
    assert_eq!(blocks.exif, Some(exif(3)));
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let stream = Kind::baseline(ColorType::Rgb, SamplingFactor::F_2_2).encode(Size::new(64, 48));
    let frame = stream.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    let with = |at: usize, value: u8| {
        let mut changed = stream.clone();
        changed[frame + at] = value;
        open(memory(&changed, "test.jpg"), &Limits::default())
    };
    for (at, value) in [(1, 0xC3), (1, 0xC9), (4, 12)] {
        let result = with(at, value);
        assert!(
            matches!(result, Err(Error::Unsupported { .. })),
            "{result:?}"
        );
    }
    // No height: it would follow the first scan, which nobody writes.
    let mut changed = stream.clone();
    changed[frame + 5..frame + 7].fill(0);
    let result = open(memory(&changed, "test.jpg"), &Limits::default());
    assert!(matches!(result, Err(Error::Malformed { .. })), "{result:?}");
}
