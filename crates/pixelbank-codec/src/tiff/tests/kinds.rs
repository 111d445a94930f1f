//! Sample kinds and compressions, by files of another writer and files made field by field.

use std::io::Cursor;

use ::tiff::encoder::{
    Compression, DeflateLevel, Predictor, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard,
    colortype,
};
use pixelbank_image::{Access, Alpha, Channels, PixelFormat, SampleType, Transfer};

use super::*;

const SIZE: Size = Size::new(67, 45);

fn encoded<C: colortype::ColorType, K: TiffKind>(
    (compression, predictor): (Compression, Predictor),
    samples: &[C::Inner],
    rows: Option<u32>,
) -> Vec<u8>
where
    [C::Inner]: ::tiff::encoder::TiffValue,
{
    let mut bytes = Vec::new();
    let mut file = TiffEncoder::<_, K>::new_generic(Cursor::new(&mut bytes))
        .unwrap()
        .with_compression(compression)
        .with_predictor(predictor);
    let mut image = file.new_image::<C>(SIZE.width, SIZE.height).unwrap();
    if let Some(rows) = rows {
        image.rows_per_strip(rows).unwrap();
    }
    image.write_data(samples).unwrap();
    bytes
}

fn compressions() -> [(Compression, Predictor); 6] {
    [
        (Compression::Uncompressed, Predictor::None),
        (Compression::Lzw, Predictor::None),
        (Compression::Deflate(DeflateLevel::Fast), Predictor::None),
        (Compression::Packbits, Predictor::None),
        (Compression::Lzw, Predictor::Horizontal),
        (
            Compression::Deflate(DeflateLevel::Best),
            Predictor::Horizontal,
        ),
    ]
}

fn check(bytes: &[u8], format: PixelFormat, expected: &[u8]) {
    let mut decoder = open(bytes).unwrap();
    assert_eq!(decoder.info().subimages.len(), 1);
    assert_eq!(decoder.info().subimages[0].format, format);
    assert!(whole(&mut *decoder, 0, 0) == expected, "{format}");
    check_regions(&mut *decoder);
}

#[test]
fn strips_of_another_writer_come_back() {
    let n = SIZE.pixels() as usize;
    let bytes = noise(n * 16);
    let rgb8 = &bytes[..n * 3];
    let rgba16: Vec<u16> = bytes[..n * 8]
        .chunks(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    let gray32: Vec<f32> = bytes[..n]
        .iter()
        .map(|&b| f32::from(b) / 3.0 - 7.0)
        .collect();
    for packing in compressions() {
        for rows in [None, Some(1), Some(7), Some(45)] {
            let classic = encoded::<colortype::RGB8, TiffKindStandard>(packing, rgb8, rows);
            check(&classic, PixelFormat::RGB8, rgb8);
            let big = encoded::<colortype::RGB8, TiffKindBig>(packing, rgb8, rows);
            check(&big, PixelFormat::RGB8, rgb8);
            check(
                &encoded::<colortype::RGBA16, TiffKindStandard>(packing, &rgba16, rows),
                PixelFormat::new(Channels::Rgba, SampleType::U16),
                bytemuck::cast_slice(&rgba16),
            );
            if packing.1 == Predictor::None {
                check(
                    &encoded::<colortype::Gray32Float, TiffKindBig>(packing, &gray32, rows),
                    PixelFormat::new(Channels::Gray, SampleType::F32),
                    bytemuck::cast_slice(&gray32),
                );
            }
        }
    }
}

#[test]
fn tiles_of_every_layout_come_back() {
    let pixels = noise(SIZE.pixels() as usize * 3);
    for tile in [
        Size::new(16, 16),
        Size::new(32, 16),
        Size::new(80, 64),
        Size::new(80, 16),
    ] {
        let plain = TestPage::pixels(&pixels, SIZE, tile, 3, <[u8]>::to_vec);
        let mut packed = TestPage::pixels(&pixels, SIZE, tile, 3, deflate);
        packed.set(tag::COMPRESSION, 3, &[8]);
        let mut zstd = TestPage::pixels(&pixels, SIZE, tile, 3, |bytes| {
            zstd::bulk::compress(bytes, 3).unwrap()
        });
        zstd.set(tag::COMPRESSION, 3, &[50000]);
        for page in [plain, packed, zstd] {
            for order in [Order::Little, Order::Big] {
                for big in [false, true] {
                    let (bytes, _) = file(std::slice::from_ref(&page), Layout { order, big });
                    check(&bytes, PixelFormat::RGB8, &pixels);
                    let access = open(&bytes).unwrap().info().subimages[0].levels[0].access;
                    assert_eq!(access, Access::Chunks(tile));
                }
            }
        }
    }
}

#[test]
fn separate_planes_are_interleaved() {
    let pixels = noise(SIZE.pixels() as usize * 3);
    let tile = Size::new(32, 32);
    let mut page = TestPage::new(SIZE, Some(tile), 3, 8);
    page.set(tag::PLANAR_CONFIGURATION, 3, &[2]);
    page.set(tag::COMPRESSION, 3, &[8]);
    for plane in 0..3 {
        let samples: Vec<u8> = pixels.iter().skip(plane).step_by(3).copied().collect();
        page.chunks
            .extend(TestPage::pixels(&samples, SIZE, tile, 1, deflate).chunks);
    }
    check(&file(&[page], LITTLE).0, PixelFormat::RGB8, &pixels);
}

/// One row of samples of few bits.
fn one_row(bits: u16, photometric: u64, width: u32, row: &[u8]) -> TestPage {
    let mut page = TestPage::new(Size::new(width, 1), None, 1, bits);
    page.set(tag::PHOTOMETRIC, 3, &[photometric]);
    page.chunks.push(row.to_vec());
    page
}

#[test]
fn few_bits_become_eight() {
    let pixels = |page: TestPage| {
        let mut decoder = open(&file(&[page], LITTLE).0).unwrap();
        whole(&mut *decoder, 0, 0)
    };
    assert_eq!(
        pixels(one_row(1, 1, 5, &[0b1010_1000])),
        [255, 0, 255, 0, 255]
    );
    assert_eq!(
        pixels(one_row(1, 0, 5, &[0b1010_1000])),
        [0, 255, 0, 255, 0]
    );
    assert_eq!(
        pixels(one_row(2, 1, 4, &[0b00_01_10_11])),
        [0, 85, 170, 255]
    );
    assert_eq!(pixels(one_row(4, 1, 3, &[0x0f, 0x70])), [0, 255, 119]);
    assert_eq!(pixels(one_row(8, 0, 3, &[0, 100, 255])), [255, 155, 0]);
    let twelve = pixels(one_row(12, 1, 2, &[0xff, 0xf0, 0x00]));
    assert_eq!(twelve, [255, 255, 0, 0], "two samples of 16 bits");
    let mut reversed = one_row(1, 1, 5, &[0b0001_0101]);
    reversed.set(tag::FILL_ORDER, 3, &[2]);
    assert_eq!(pixels(reversed), [255, 0, 255, 0, 255]);
}

#[test]
fn numbers_with_a_sign_are_floats() {
    let mut page = one_row(16, 1, 3, &[0xff, 0x7f, 0x01, 0x80, 0x00, 0x40]);
    page.set(tag::SAMPLE_FORMAT, 3, &[2]);
    let mut decoder = open(&file(std::slice::from_ref(&page), LITTLE).0).unwrap();
    let format = PixelFormat::new(Channels::Gray, SampleType::F32);
    assert_eq!(decoder.info().subimages[0].format, format);
    let half = 16384.0f32 * (1.0 / 32767.0);
    let expected = [1.0f32, -1.0, half].map(f32::to_ne_bytes).concat();
    assert_eq!(whole(&mut *decoder, 0, 0), expected);
    page = one_row(12, 1, 2, &[0xff, 0xf0, 0x00]);
    page.set(tag::SAMPLE_FORMAT, 3, &[2]);
    assert!(matches!(
        open(&file(&[page], LITTLE).0),
        Err(Error::Unsupported { .. })
    ));
}

#[test]
fn colour_tables_are_looked_up() {
    let mut table = vec![0u64; 48];
    let mut page = one_row(4, 3, 2, &[0x30]);
    // As the format wants it; with zeros below 8 bits; with 8 bits alone; with values that no 8 bits give.
    for (values, colour) in [
        ([0xffff, 0x8080, 0x0101], [255, 128, 1]),
        ([0xff00, 0x8000, 0x0100], [255, 128, 1]),
        ([0xff, 0x80, 0x01], [255, 128, 1]),
        ([0xffff, 0x8012, 0x01ff], [255, 127, 1]),
    ] {
        (table[3], table[16 + 3], table[32 + 3]) = values.into();
        page.set(tag::COLOR_MAP, 3, &table);
        let mut decoder = open(&file(std::slice::from_ref(&page), LITTLE).0).unwrap();
        assert_eq!(decoder.info().subimages[0].format, PixelFormat::RGB8);
        let pixels = whole(&mut *decoder, 0, 0);
        assert_eq!(pixels, [colour, [0; 3]].concat(), "{values:x?}");
    }
    page.set(tag::COLOR_MAP, 3, &table[..47]);
    assert!(matches!(
        open(&file(&[page], LITTLE).0),
        Err(Error::Malformed { .. })
    ));
}

#[test]
fn alpha_is_what_the_file_says() {
    for (extra, alpha) in [
        (0, Alpha::None),
        (1, Alpha::Premultiplied),
        (2, Alpha::Straight),
    ] {
        let pixels = noise(16 * 16 * 4);
        let size = Size::new(16, 16);
        let mut page = TestPage::pixels(&pixels, size, size, 4, <[u8]>::to_vec);
        page.set(tag::EXTRA_SAMPLES, 3, &[extra]);
        let decoder = open(&file(&[page], LITTLE).0).unwrap();
        let spec = &decoder.info().subimages[0];
        assert_eq!((spec.alpha, spec.format), (alpha, PixelFormat::RGBA8));
    }
}

#[test]
fn high_strips_are_chunks_only_where_rows_can_be_sought() {
    let size = Size::new(1000, 6000);
    let mut page = TestPage::new(size, None, 1, 8);
    let pixels = noise(size.pixels() as usize);
    page.chunks.push(pixels.clone());
    let mut decoder = open(&file(std::slice::from_ref(&page), LITTLE).0).unwrap();
    assert_eq!(
        decoder.info().subimages[0].levels[0].access,
        Access::Chunks(Size::new(1000, 1048))
    );
    let rect = Rect::new(10, 5000, 900, 700);
    let part = read(&mut *decoder, 0, 0, rect).unwrap();
    assert!(part[..900] == pixels[5_000_010..5_000_910]);

    page.set(tag::COMPRESSION, 3, &[8]);
    page.chunks = vec![deflate(&pixels)];
    let mut decoder = open(&file(&[page], LITTLE).0).unwrap();
    assert_eq!(decoder.info().subimages[0].levels[0].access, Access::Pass);
    assert_eq!(read(&mut *decoder, 0, 0, rect).unwrap(), part);
    let all = Region {
        subimage: 0,
        level: 0,
        rect: size.rect(),
    };
    let needed = decoder.working_bytes(&all);
    assert!(needed < 2 << 20, "{needed} bytes for a pass over 6 MB");
}

#[test]
fn floats_are_linear_and_doubles_become_floats() {
    let mut page = TestPage::new(Size::new(2, 1), None, 1, 64);
    page.set(tag::SAMPLE_FORMAT, 3, &[3]);
    page.chunks
        .push([1.5f64.to_le_bytes(), (-3e5f64).to_le_bytes()].concat());
    let mut decoder = open(&file(&[page], LITTLE).0).unwrap();
    let spec = &decoder.info().subimages[0];
    assert_eq!(
        spec.format,
        PixelFormat::new(Channels::Gray, SampleType::F32)
    );
    assert_eq!(spec.transfer, Transfer::Linear);
    let bytes = whole(&mut *decoder, 0, 0);
    assert_eq!(
        bytes,
        [1.5f32.to_ne_bytes(), (-3e5f32).to_ne_bytes()].concat()
    );
}

#[test]
fn metadata_is_found() {
    let mut page = one_row(8, 1, 1, &[9]);
    let text = |text: &str| text.bytes().chain([0]).map(u64::from).collect::<Vec<_>>();
    page.set(tag::MODEL, 2, &text("Box Brownie"));
    page.set(tag::ORIENTATION, 3, &[6]);
    page.set(tag::ICC, 7, &[1, 2, 3, 4, 5]);
    page.set(tag::XMP, 1, &text("<x/>"));
    for order in [Order::Little, Order::Big] {
        let (bytes, _) = file(std::slice::from_ref(&page), Layout { order, big: false });
        let mut decoder = open(&bytes).unwrap();
        let spec = &decoder.info().subimages[0];
        assert_eq!(spec.orientation, pixelbank_image::Orientation::Rotate90);
        assert_eq!(spec.icc.as_deref(), Some(&[1, 2, 3, 4, 5][..]));
        let blocks = decoder.metadata().unwrap();
        assert_eq!(blocks.icc.as_deref(), Some(&[1, 2, 3, 4, 5][..]));
        assert_eq!(blocks.xmp.as_deref(), Some(&b"<x/>\0"[..]));
        assert_eq!(
            blocks.texts,
            [("Model".to_owned(), "Box Brownie".to_owned())]
        );
        let exif = exif::Reader::new().read_raw(blocks.exif.unwrap()).unwrap();
        let model = exif.get_field(exif::Tag::Model, exif::In::PRIMARY).unwrap();
        assert_eq!(model.display_value().to_string(), "\"Box Brownie\"");
        let turned = exif
            .get_field(exif::Tag::Orientation, exif::In::PRIMARY)
            .unwrap();
        assert_eq!(turned.value.get_uint(0), Some(6));
    }
}
