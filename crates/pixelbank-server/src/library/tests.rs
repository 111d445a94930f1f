use super::*;

fn found(path: &str, bytes: u64) -> Found {
    Found {
        path: path.as_bytes().into(),
        identity: Identity {
            inode: 1,
            bytes,
            modified_nanos: 5,
        },
    }
}

fn readable(date: Option<[u16; 6]>) -> Outcome {
    Outcome::Readable {
        size: Size::new(300, 200),
        captured: date.and_then(Captured::new),
    }
}

fn scan(library: &Library, images: &[Found]) {
    library.begin_scan();
    library.found(images);
    library.end_walk();
}

fn paths(library: &Library, query: &Query) -> Vec<String> {
    library
        .page(query, 0, 1000)
        .images
        .iter()
        .map(|image| String::from_utf8_lossy(&image.path).into_owned())
        .collect()
}

fn by(sort: Sort, order: Order, folder: &str) -> Query {
    Query {
        sort,
        order,
        folder: folder.as_bytes().into(),
    }
}

fn dated() -> Library {
    let library = Library::new();
    let images = [
        "b/new.jpg",
        "a.jpg",
        "b/none.jpg",
        "b/old.jpg",
        "ab/same.jpg",
    ];
    scan(&library, &images.map(|path| found(path, 1)));
    let outcomes = std::iter::from_fn(|| library.next_to_probe())
        .map(|image| {
            let outcome = match &*image.path {
                b"b/new.jpg" => readable(Some([2024, 5, 1, 12, 33, 0])),
                b"b/none.jpg" => readable(None),
                b"b/old.jpg" => readable(Some([1999, 12, 31, 23, 59, 59])),
                _ => readable(Some([2001, 1, 1, 0, 0, 0])),
            };
            (image, outcome)
        })
        .collect();
    library.probed(outcomes);
    library.end_scan();
    library
}

#[test]
fn images_without_a_date_come_last_and_equal_ones_by_path() {
    let library = dated();
    assert_eq!(
        paths(&library, &Query::default()),
        [
            "b/new.jpg",
            "a.jpg",
            "ab/same.jpg",
            "b/old.jpg",
            "b/none.jpg"
        ]
    );
    assert_eq!(
        paths(&library, &by(Sort::Date, Order::Ascending, "")),
        [
            "b/old.jpg",
            "a.jpg",
            "ab/same.jpg",
            "b/new.jpg",
            "b/none.jpg"
        ]
    );
    assert_eq!(
        paths(&library, &by(Sort::Name, Order::Ascending, "")),
        [
            "a.jpg",
            "ab/same.jpg",
            "b/new.jpg",
            "b/none.jpg",
            "b/old.jpg"
        ]
    );
}

#[test]
fn a_folder_is_no_prefix() {
    let library = dated();
    let in_a = by(Sort::Name, Order::Ascending, "a");
    assert_eq!(paths(&library, &in_a), [""; 0]);
    assert_eq!(
        paths(&library, &by(Sort::Name, Order::Descending, "b")),
        ["b/old.jpg", "b/none.jpg", "b/new.jpg"]
    );
    let (_, folders) = library.folders();
    let folders: Vec<_> = folders
        .iter()
        .map(|f| (String::from_utf8_lossy(&f.path).into_owned(), f.count))
        .collect();
    assert_eq!(folders, [("".into(), 5), ("ab".into(), 1), ("b".into(), 3)]);
}

#[test]
fn pages_end_where_the_list_does() {
    let library = dated();
    let page = library.page(&Query::default(), 3, 10);
    assert_eq!((page.total, page.images.len()), (5, 2));
    assert!(
        library
            .page(&Query::default(), u64::MAX, u64::MAX)
            .images
            .is_empty()
    );
    assert_eq!(page.scan.indexed, 5);
    assert!(!page.scan.is_running);
}

#[test]
fn a_second_scan_drops_what_is_gone_and_probes_what_changed_alone() {
    let library = dated();
    let before = library.revision();
    scan(
        &library,
        &[found("a.jpg", 1), found("b/new.jpg", 2), found("c.jpg", 1)],
    );
    assert!(library.revision() > before);
    let waiting: Vec<_> = std::iter::from_fn(|| library.next_to_probe())
        .map(|image| image.path)
        .collect();
    assert_eq!(
        waiting,
        [b"b/new.jpg".as_slice().into(), b"c.jpg".as_slice().into()] as [Box<[u8]>; 2]
    );
    assert_eq!(
        library.scan_state(),
        ScanState {
            is_running: true,
            found: 3,
            indexed: 1
        }
    );
    assert!(library.get(b"b/old.jpg").is_none());
    assert!(library.get(b"a.jpg").expect("kept").size.is_some());
}

#[test]
fn scanning_an_unchanged_folder_again_is_no_change() {
    let library = Library::new();
    scan(&library, &[found("a.jpg", 1)]);
    library.end_scan();
    let revision = library.revision();
    scan(&library, &[found("a.jpg", 1)]);
    library.end_scan();
    assert_eq!(library.revision(), revision);
}

#[test]
fn an_outcome_for_a_file_that_has_changed_since_is_dropped() {
    let library = Library::new();
    scan(&library, &[found("a.jpg", 1)]);
    let taken = library.next_to_probe().expect("waiting");
    library.found(&[found("a.jpg", 2)]);
    library.probed(vec![(taken, Outcome::Broken("too short".into()))]);
    assert_eq!(library.get(b"a.jpg").expect("listed").error, None);
    let again = library.next_to_probe().expect("waits again");
    library.probed(vec![(again, Outcome::Broken("too short".into()))]);
    assert_eq!(
        library.get(b"a.jpg").expect("listed").error.as_deref(),
        Some("too short")
    );
    assert_eq!(library.sizes(&Query::default()).1, [None]);
}

#[test]
fn dates_print_as_they_were_given() {
    let date = Captured::new([2024, 5, 1, 12, 33, 9]).expect("a date");
    assert_eq!(date.to_string(), "2024-05-01T12:33:09");
    for no_date in [
        [0, 1, 1, 0, 0, 0],
        [2024, 13, 1, 0, 0, 0],
        [2024, 1, 1, 24, 0, 0],
    ] {
        assert_eq!(Captured::new(no_date), None);
    }
}

#[test]
fn a_hundred_thousand_images_take_little_memory() {
    let library = Library::new();
    let images: Vec<_> = (0..100_000)
        .map(|n| found(&format!("{:03}/DSC_{n:06}.jpg", n / 500), 1))
        .collect();
    scan(&library, &images);
    let _ = library.page(&Query::default(), 0, 1);
    assert!(library.heap_bytes() < 16 << 20, "{}", library.heap_bytes());
}
