//! Files on disk: their names, their changes, what is kept of each, and what is said of them.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use pixelbank_cache::{FileSource, Source};
use pixelbank_codec::{Decoder, Limits};

use super::*;

/// A picture of one shade of grey.
pub fn gray(side: usize, shade: u8) -> Vec<u8> {
    let mut file = format!("P5\n{side} {side}\n255\n").into_bytes();
    file.resize(file.len() + side * side, shade);
    file
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

pub fn files(bank: &Bank, source: FileSource) -> Cache {
    Cache::new(bank, CacheOptions::from_source("files", source)).unwrap()
}

pub fn source() -> FileSource {
    FileSource::new(Limits::default())
}

/// The shade of the first pixel.
pub fn shade(cache: &Cache, key: impl AsRef<OsStr>) -> Result<u8, Error> {
    let image = cache.image(key.as_ref(), &Wait::forever())?;
    let mut pixel = [0];
    let region = Region {
        subimage: 0,
        level: 0,
        rect: Rect::new(0, 0, 1, 1),
    };
    let view = ViewMut::packed(&mut pixel, Size::new(1, 1), PixelFormat::GRAY8).unwrap();
    image.read(&region, view, &Wait::forever())?;
    Ok(pixel[0])
}

#[test]
fn two_spellings_of_a_path_are_one_file() {
    let folder = folder();
    let path = write(folder.path(), "a.pgm", &gray(20, 5));
    symlink(&path, folder.path().join("link.pgm")).unwrap();
    let bank = bank(MIB, MIB);
    let cache = files(&bank, source());
    let roundabout = folder.path().join("./nowhere/../a.pgm");
    fs::create_dir(folder.path().join("nowhere")).unwrap();
    for spelling in [
        &path,
        &folder.path().join("link.pgm"),
        &roundabout,
        &roundabout,
    ] {
        assert_eq!(shade(&cache, spelling).unwrap(), 5);
    }
    let stats = cache.stats();
    assert_eq!((stats.files, stats.opens, stats.tiles_made), (1, 1, 1));
    cache.invalidate(roundabout.as_os_str());
    fs::write(&path, gray(20, 6)).unwrap();
    assert_eq!(
        shade(&cache, &path).unwrap(),
        6,
        "by whatever name it was forgotten"
    );
    bank.trim(1.0);
    assert_eq!(cache.stats().files, 0, "aliases keep nothing");
}

#[test]
fn a_file_rewritten_within_the_same_second_is_seen() {
    let folder = folder();
    let a = write(folder.path(), "a.pgm", &gray(20, 1));
    let b = write(folder.path(), "b.pgm", &gray(20, 2));
    let bank = bank(MIB, MIB);
    let cache = files(&bank, source());
    assert_eq!(
        (shade(&cache, &a).unwrap(), shade(&cache, &b).unwrap()),
        (1, 2)
    );
    assert_eq!(cache.invalidate_changed(), Vec::<OsString>::new());
    // As editors do: written beside it and renamed over it, with the length and the time of the old one.
    let time = fs::metadata(&a).unwrap().modified().unwrap();
    let fresh = write(folder.path(), "fresh", &gray(20, 3));
    fs::File::open(&fresh).unwrap().set_modified(time).unwrap();
    fs::rename(&fresh, &a).unwrap();
    assert_eq!(shade(&cache, &a).unwrap(), 1, "nobody looked");
    assert_eq!(cache.invalidate_changed(), [a.clone().into_os_string()]);
    assert_eq!(
        (shade(&cache, &a).unwrap(), shade(&cache, &b).unwrap()),
        (3, 2)
    );
    assert_eq!(cache.stats().tiles_made, 3, "the other one was left alone");
}

#[test]
fn a_file_that_changed_while_its_description_was_away_is_not_taken_for_the_old_one() {
    let folder = folder();
    let path = write(folder.path(), "a.pgm", &gray(20, 1));
    let bank = Bank::builder()
        .host_bytes(4 * MIB)
        .account(Account::Tiles, MIB, None)
        .build()
        .unwrap();
    let cache = files(&bank, source());
    assert_eq!(shade(&cache, &path).unwrap(), 1);
    bank.trim(1.0);
    assert_eq!(cache.stats().files, 0);
    fs::write(&path, gray(21, 2)).unwrap();
    assert_eq!(shade(&cache, &path).unwrap(), 2);
}

#[test]
fn relative_paths_are_searched_for_and_missing_files_replaced() {
    let (first, second) = (folder(), folder());
    write(second.path(), "a.pgm", &gray(20, 7));
    write(first.path(), "b.pgm", &gray(20, 8));
    write(second.path(), "b.pgm", &gray(20, 9));
    let bank = bank(MIB, MIB);
    let searching = || source().search(first.path()).search(second.path());
    let cache = files(&bank, searching());
    assert_eq!(shade(&cache, "a.pgm").unwrap(), 7);
    assert_eq!(
        shade(&cache, "b.pgm").unwrap(),
        8,
        "the first folder that has it"
    );
    let error = shade(&cache, "c.pgm").unwrap_err();
    assert!(error.to_string().contains("c.pgm"), "{error}");
    let cache = files(&bank, searching().missing(first.path().join("b.pgm")));
    assert_eq!(shade(&cache, "c.pgm").unwrap(), 8);
    write(first.path(), "broken.pgm", b"P5 nonsense");
    assert!(
        shade(&cache, "broken.pgm").is_err(),
        "only what is not there is replaced"
    );
}

#[test]
fn files_of_equal_content_share_their_pixels_until_one_changes() {
    let folder = folder();
    let a = write(folder.path(), "a.pgm", &gray(300, 1));
    let b = write(folder.path(), "b.pgm", &gray(300, 1));
    let other = write(folder.path(), "other.pgm", &gray(300, 2));
    for shares in [true, false] {
        let bank = bank(8 * MIB, MIB);
        let cache = files(&bank, source().share_identical(shares));
        for (path, expected) in [(&a, 1), (&b, 1), (&other, 2)] {
            assert_eq!(shade(&cache, path).unwrap(), expected);
        }
        // Two by two tiles of a whole picture, and one that is half of it.
        let each = cache
            .file_stats()
            .iter()
            .map(|file| file.tiles_made)
            .max()
            .unwrap();
        let times = if shares { 2 } else { 3 };
        assert_eq!(cache.stats().tiles_made, times * each);
        fs::write(&b, gray(300, 3)).unwrap();
        assert_eq!(cache.invalidate_changed().len(), 1);
        assert_eq!(shade(&cache, &a).unwrap(), 1);
        assert_eq!(shade(&cache, &b).unwrap(), 3);
        fs::write(&b, gray(300, 1)).unwrap();
    }
}

#[test]
fn ten_thousand_descriptions_cost_little_and_a_finished_cache_nothing() {
    let bank = bank(256 * MIB, MIB);
    let picture = Generated::new(&[(256, 256, Access::Chunks(Size::new(64, 64)))]);
    let many = cache(&bank, &picture);
    let n = 10_000;
    let images: Vec<Image> = (0..n)
        .map(|n| {
            let name = format!("textures/of/some/scene/{n:05}.tif");
            many.image(OsStr::new(&name), &Wait::forever()).unwrap()
        })
        .collect();
    let described = |kind: &str| {
        let ledger = bank.ledger();
        let of_kind = ledger.types.iter().filter(|row| row.kind == kind);
        of_kind.map(|row| row.live_bytes).sum::<u64>()
    };
    let a_file = described("file") / n;
    assert!(a_file < 450, "{a_file} bytes");
    assert!(described("specification") < 1000, "all of them are alike");
    drop((images, many));
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn twenty_thousand_subimages_cost_no_forty_bytes_a_level() {
    let bank = bank(256 * MIB, MIB);
    let sizes = (0..8).map(|level| 256 >> level);
    let levels: Vec<_> = sizes
        .map(|side| (side, side, Access::Chunks(Size::new(64, 64))))
        .collect();
    let mut picture = Generated::new(&levels);
    picture.n_subimages = 20_000;
    let cache = cache(&bank, &picture);
    let image = open(&cache);
    assert_eq!((image.n_subimages(), image.n_levels(19_999)), (20_000, 8));
    let ledger = bank.ledger();
    let rows = ledger
        .types
        .iter()
        .filter(|row| ["file", "specification"].contains(&&*row.kind));
    let bytes: u64 = rows.map(|row| row.live_bytes).sum();
    assert!(bytes < 20_000 * 8 * 40, "{bytes} bytes");
}

#[test]
fn what_was_dropped_and_made_again_is_told() {
    let bank = bank(MIB, 0);
    let cache = cache(&bank, &Generated::new(&[(1024, 1024, TILED)]));
    let image = open(&cache);
    for _ in 0..2 {
        read(&image, 0, Rect::new(0, 0, 1024, 100));
    }
    let before = cache.stats();
    assert_eq!((before.tiles_made, before.tiles_remade), (16, 0));
    for _ in 0..2 {
        read(&image, 0, Rect::new(0, 0, 1024, 1024));
    }
    let stats = cache.stats();
    assert!(stats.tiles_made > 128, "three MiB do not fit into one");
    assert_eq!(stats.tiles_remade, stats.tiles_made - 128);
    let of_file = image.stats();
    assert_eq!(cache.file_stats(), std::slice::from_ref(&of_file));
    assert_eq!(
        (of_file.tiles_made, of_file.tiles_remade),
        (stats.tiles_made, stats.tiles_remade)
    );
    assert_eq!(of_file.decoded_bytes, stats.decoded_bytes);
    assert_eq!(stats.decoded_bytes, stats.tiles_made * 128 * 64 * 3);
    assert!(stats.peak_tile_bytes <= MIB);
}

/// Fails every read so many times before it works.
struct Flaky(Arc<AtomicU32>);

impl Source for Flaky {
    fn open(&self, _key: &OsStr) -> Result<Box<dyn Decoder>, pixelbank_codec::Error> {
        let mut picture = Generated::new(&[(100, 100, TILED)]);
        picture.io_failures = Some(Arc::clone(&self.0));
        Ok(picture.open())
    }
}

#[test]
fn storage_that_fails_for_a_moment_is_tried_again_and_hopeless_files_are_not() {
    let bank = bank(MIB, MIB);
    let failures = Arc::new(AtomicU32::new(2));
    let mut options = CacheOptions::from_source("flaky", Flaky(Arc::clone(&failures)));
    options.retries = 2;
    options.max_failures = Some(3);
    let cache = Cache::new(&bank, options).unwrap();
    let image = open(&cache);
    let rect = Rect::new(0, 0, 10, 10);
    assert_eq!(read(&image, 0, rect), expected(0, rect, 0));
    assert_eq!(cache.stats().failures, 0);

    cache.invalidate_all();
    let image = open(&cache);
    failures.store(u32::MAX, Ordering::SeqCst);
    for _ in 0..3 {
        let error = try_read(&image, 0, rect, &Wait::forever()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("tile (0, 0) of level 0 of subimage 0 of picture"),
            "{text}"
        );
    }
    let tried = failures.load(Ordering::SeqCst);
    let error = try_read(&image, 0, rect, &Wait::forever()).unwrap_err();
    assert!(
        matches!(error, Error::GivenUp { failures: 3, .. }),
        "{error}"
    );
    assert_eq!(
        failures.load(Ordering::SeqCst),
        tried,
        "it was not even tried"
    );
    failures.store(0, Ordering::SeqCst);
    cache.invalidate(OsStr::new("picture"));
    assert_eq!(read(&open(&cache), 0, rect), expected(0, rect, 0));
}

#[test]
fn ten_thousand_short_lived_threads_leave_nothing_behind() {
    let bank = bank(4 * MIB, MIB);
    let cache = cache(&bank, &Generated::new(&[(512, 512, TILED)]));
    let image = open(&cache);
    let all = Rect::new(0, 0, 512, 512);
    read(&image, 0, all);
    let before = bank.ledger();
    for _ in 0..1000 {
        thread::scope(|scope| {
            for n in 0..10 {
                let image = &image;
                scope.spawn(move || {
                    let rect = Rect::new(n * 40, n * 40, 64, 64);
                    assert_eq!(read(image, 0, rect), expected(0, rect, 0));
                });
            }
        });
    }
    let after = bank.ledger();
    assert_eq!(after.host.live_bytes, before.host.live_bytes);
    assert_eq!(after.types, before.types);
    assert_eq!(after.host.idle_bytes, before.host.idle_bytes);
}

#[test]
fn colour_is_told_as_a_whole() {
    let folder = folder();
    let bank = bank(8 * MIB, MIB);
    let cache = files(&bank, source());
    let image = |name: &str, bytes: &[u8]| {
        let path = write(folder.path(), name, bytes);
        cache.image(path.as_os_str(), &Wait::forever()).unwrap()
    };
    let wait = Wait::forever();
    let even = image("even.pgm", &gray(600, 51));
    assert_eq!(even.constant(0, &wait).unwrap(), Some(vec![51]));
    let average = even.average(0, &wait).unwrap();
    assert!((average[0] - 0.2).abs() < 1e-6, "{average:?}");
    let mut bytes = gray(600, 51);
    *bytes.last_mut().unwrap() = 52;
    assert_eq!(image("spot.pgm", &bytes).constant(0, &wait).unwrap(), None);
    let half = bytes.len() - 600 * 300;
    bytes[half..].fill(153);
    let average = image("two.pgm", &bytes).average(0, &wait).unwrap();
    assert!((average[0] - 0.4).abs() < 0.002, "{average:?}");
}
