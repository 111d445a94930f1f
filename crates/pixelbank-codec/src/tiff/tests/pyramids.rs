//! Which pages are levels of one picture.

use super::*;

/// A grey page of that size, all of one value, in tiles.
fn page(width: u32, height: u32, reduced: bool) -> TestPage {
    let size = Size::new(width, height);
    let pixels = vec![width as u8; size.pixels() as usize];
    let mut page = TestPage::pixels(&pixels, size, Size::new(64, 64), 1, <[u8]>::to_vec);
    if reduced {
        page.set(tag::SUBFILE_TYPE, 4, &[1]);
    }
    page
}

fn sizes(pages: &[TestPage]) -> Vec<Vec<(u32, u32)>> {
    let mut decoder = open(&file(pages, LITTLE).0).unwrap();
    check_regions(&mut *decoder);
    let info = Arc::clone(decoder.info());
    for (subimage, spec) in info.subimages.iter().enumerate() {
        for (level, size) in spec.levels.iter().enumerate() {
            let pixels = whole(&mut *decoder, subimage as u32, level as u32);
            assert!(pixels.iter().all(|&value| value == size.size.width as u8));
        }
    }
    info.subimages
        .iter()
        .map(|spec| {
            spec.levels
                .iter()
                .map(|level| (level.size.width, level.size.height))
                .collect()
        })
        .collect()
}

#[test]
fn flagged_pages_are_levels_of_the_page_before() {
    let pages = [
        page(401, 300, false),
        page(201, 150, true),
        page(100, 75, true),
    ];
    assert_eq!(sizes(&pages), [[(401, 300), (201, 150), (100, 75)]]);
    // In whatever order they come.
    let pages = [
        page(401, 300, false),
        page(100, 75, true),
        page(201, 150, true),
    ];
    assert_eq!(sizes(&pages), [[(401, 300), (201, 150), (100, 75)]]);
}

#[test]
fn two_pyramids_are_two_pictures() {
    let pages = [
        page(400, 300, false),
        page(200, 150, true),
        page(300, 300, false),
        page(150, 150, true),
    ];
    assert_eq!(
        sizes(&pages),
        [[(400, 300), (200, 150)], [(300, 300), (150, 150)]]
    );
}

#[test]
fn pages_of_a_document_stay_apart() {
    let pages = [
        page(400, 300, false),
        page(400, 300, false),
        page(200, 140, true),
    ];
    assert_eq!(sizes(&pages), [[(400, 300)], [(400, 300)], [(200, 140)]]);
    // Another kind of pixel is another picture, whatever the flag says.
    let size = Size::new(200, 150);
    let mut colour = TestPage::pixels(
        &vec![200; 200 * 150 * 3],
        size,
        Size::new(64, 64),
        3,
        <[u8]>::to_vec,
    );
    colour.set(tag::SUBFILE_TYPE, 4, &[1]);
    assert_eq!(
        sizes(&[page(400, 300, false), colour]),
        [[(400, 300)], [(200, 150)]]
    );
}

#[test]
fn unflagged_pages_count_only_in_a_chain_of_halves() {
    let pages = [
        page(401, 300, false),
        page(200, 150, false),
        page(100, 75, false),
    ];
    assert_eq!(sizes(&pages), [[(401, 300), (200, 150), (100, 75)]]);
    let pages = [page(400, 300, false), page(100, 75, false)];
    assert_eq!(sizes(&pages), [[(400, 300)], [(100, 75)]]);
}

#[test]
fn sub_directories_are_levels_where_they_show_the_same() {
    let mut first = page(400, 300, false);
    first.subs = vec![
        page(200, 150, false),
        page(100, 75, false),
        page(90, 90, false),
    ];
    let pages = [first, page(64, 64, false)];
    let expected = vec![
        vec![(400, 300), (200, 150), (100, 75)],
        vec![(90, 90)],
        vec![(64, 64)],
    ];
    assert_eq!(sizes(&pages), expected);
}
