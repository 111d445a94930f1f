//! Files that lie, end early or lead in circles.

use pixelbank_image::Access;

use super::*;

fn page() -> TestPage {
    let size = Size::new(100, 80);
    let pixels = noise(size.pixels() as usize * 3);
    let mut page = TestPage::pixels(&pixels, size, Size::new(32, 32), 3, deflate);
    page.set(tag::COMPRESSION, 3, &[8]);
    page
}

#[test]
fn a_damaged_tile_costs_that_tile() {
    let mut broken = page();
    let middle = broken.chunks[5].len() / 2;
    broken.chunks[5][middle..].fill(0x55);
    let mut good = open(&file(&[page()], LITTLE).0).unwrap();
    let mut decoder = open(&file(&[page(), broken], LITTLE).0).unwrap();
    let tile = |index: u32| Rect::new(index % 4 * 32, index / 4 * 32, 32, 32);
    for index in [0, 1, 4, 6] {
        let expected = read(&mut *good, 0, 0, tile(index)).unwrap();
        assert_eq!(read(&mut *decoder, 1, 0, tile(index)).unwrap(), expected);
    }
    let error = read(&mut *decoder, 1, 0, tile(5)).map(drop).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }));
    let message = error.to_string();
    for part in ["test.tif", "subimage 1", "level 0", "tile 5"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_wrong_checksum_is_noticed() {
    let mut page = page();
    if let Some(last) = page.chunks[0].last_mut() {
        *last ^= 1;
    }
    let mut decoder = open(&file(&[page], LITTLE).0).unwrap();
    assert!(read(&mut *decoder, 0, 0, Rect::new(0, 0, 32, 32)).is_err());
    // Reading on after a fault begins the chunk anew.
    assert!(read(&mut *decoder, 0, 0, Rect::new(0, 0, 32, 8)).is_ok());
}

#[test]
fn spare_rows_of_the_last_strip_are_no_damage() {
    let pixels = noise(40 * 16);
    let mut page = TestPage::new(Size::new(40, 10), None, 1, 8);
    page.set(tag::ROWS_PER_STRIP, 3, &[8]);
    page.set(tag::COMPRESSION, 3, &[8]);
    page.chunks = pixels.chunks(40 * 8).map(deflate).collect();
    let mut decoder = open(&file(std::slice::from_ref(&page), LITTLE).0).unwrap();
    assert!(whole(&mut *decoder, 0, 0) == pixels[..400]);
    page.chunks[1] = deflate(&noise(40 * 100));
    let mut decoder = open(&file(&[page], LITTLE).0).unwrap();
    assert!(read(&mut *decoder, 0, 0, Rect::new(0, 0, 40, 10)).is_err());
}

#[test]
fn every_truncation_is_an_error_and_nothing_worse() {
    let (bytes, _) = file(&[page(), page()], LITTLE);
    for len in (0..bytes.len()).step_by(61) {
        let Ok(mut decoder) = open(&bytes[..len]) else {
            continue;
        };
        // The first page may be whole, where the cut comes behind it.
        let info = Arc::clone(decoder.info());
        assert_eq!(info.subimages.len(), 1, "cut at {len} of {}", bytes.len());
        whole(&mut *decoder, 0, 0);
    }
}

#[test]
fn circles_of_directories_end() {
    let (mut bytes, places) = file(&[page(), page()], LITTLE);
    let last = places[1] as usize;
    let link = last + LITTLE.link_at(n_entries(&page()));
    LITTLE.put(places[0], &mut bytes[link..link + 4]);
    assert_eq!(open(&bytes).unwrap().info().subimages.len(), 2);
    LITTLE.put(places[1], &mut bytes[link..link + 4]);
    assert_eq!(open(&bytes).unwrap().info().subimages.len(), 2);
}

#[test]
fn overlapping_directories_end() {
    // Each directory begins two bytes after the last, and all links read as "a bit further on".
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    for place in 0..20_000u32 {
        bytes.extend((place * 2 + 10).to_le_bytes());
    }
    assert!(matches!(open(&bytes), Err(Error::Malformed { .. })));
}

#[test]
fn bombs_are_refused_when_opened() {
    let refused = |change: &dyn Fn(&mut TestPage)| {
        let mut page = page();
        change(&mut page);
        open(&file(&[page], LITTLE).0).unwrap_err()
    };
    let limit = |error: &Error| matches!(error, Error::LimitExceeded { .. });
    let malformed = |error: &Error| matches!(error, Error::Malformed { .. });
    assert!(limit(&refused(&|p| p.set(tag::WIDTH, 4, &[0x7fff_ffff]))));
    assert!(limit(&refused(&|p| p.set(
        tag::TILE_LENGTH,
        4,
        &[0xffff_ffff]
    ))));
    // More tiles than are listed.
    assert!(malformed(&refused(&|p| p.set(tag::WIDTH, 4, &[1 << 19]))));
    assert!(malformed(&refused(&|p| p.set(tag::TILE_WIDTH, 4, &[1]))));
    assert!(malformed(&refused(&|p| p.set(tag::WIDTH, 4, &[0]))));
    assert!(malformed(&refused(&|p| p.set(tag::TILE_WIDTH, 4, &[0]))));
    assert!(malformed(&refused(&|p| p.set(
        tag::SAMPLES_PER_PIXEL,
        3,
        &[0]
    ))));
    assert!(matches!(
        refused(&|p| p.set(tag::COMPRESSION, 3, &[6])),
        Error::Unsupported { .. }
    ));
}

#[test]
fn a_high_tile_that_holds_little_is_refused_when_decoded() {
    let size = Size::new(16, 16);
    let mut page = TestPage::new(size, None, 1, 8);
    page.tiled = true;
    page.set(tag::TILE_WIDTH, 4, &[1 << 20]);
    page.set(tag::TILE_LENGTH, 4, &[1 << 16]);
    page.set(tag::SAMPLES_PER_PIXEL, 3, &[255]);
    page.set(tag::BITS_PER_SAMPLE, 3, &[8]);
    page.set(tag::PHOTOMETRIC, 3, &[5]);
    page.set(tag::COMPRESSION, 3, &[8]);
    page.chunks.push(deflate(&[0; 100]));
    let bytes = file(&[page], LITTLE).0;
    let limits = Limits {
        max_working_bytes: 64 << 20,
        ..Limits::default()
    };
    let input = Input::memory(Arc::from(&bytes[..]), "test.tif");
    let mut decoder = super::super::open(input, &limits).unwrap();
    assert_eq!(decoder.info().subimages[0].levels[0].access, Access::Pass);
    let error = read(&mut *decoder, 0, 0, size.rect()).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
}

#[test]
fn requests_for_what_is_not_there_are_refused() {
    let mut decoder = open(&file(&[page()], LITTLE).0).unwrap();
    for (subimage, level, rect) in [
        (1, 0, Rect::new(0, 0, 1, 1)),
        (0, 1, Rect::new(0, 0, 1, 1)),
        (0, 0, Rect::new(0, 0, 101, 1)),
        (0, 0, Rect::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX)),
    ] {
        let region = Region {
            subimage,
            level,
            rect,
        };
        let result = decoder.decode(&region, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(Error::BadRequest { .. })));
        assert_eq!(decoder.working_bytes(&region), 0);
    }
    assert!(
        read(&mut *decoder, 0, 0, Rect::new(3, 3, 0, 0))
            .unwrap()
            .is_empty()
    );
}
