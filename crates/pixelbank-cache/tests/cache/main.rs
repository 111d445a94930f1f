//! The cache through its public face, over images that are computed.
#![allow(clippy::unwrap_used)]

mod disk;
mod generated;
mod reading;
mod stress;
mod together;
#[cfg(feature = "watch")]
mod watching;

use std::ffi::OsStr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use generated::{Generated, pixel};
use pixelbank_cache::{Cache, CacheOptions, Error, Image};
use pixelbank_codec::Region;
use pixelbank_image::{Access, PixelFormat, Rect, Size, ViewMut};
use pixelbank_memory::{Account, Bank, Cancel, Wait};

const MIB: u64 = 1 << 20;
const TILED: Access = Access::Chunks(Size::new(128, 64));

fn bank(host_bytes: u64, scratch_bytes: u64) -> Bank {
    Bank::builder()
        .host_bytes(host_bytes)
        .scratch_bytes(scratch_bytes)
        .open_files(4)
        .build()
        .unwrap()
}

fn cache(bank: &Bank, image: &Generated) -> Cache {
    let image = image.clone();
    Cache::new(bank, CacheOptions::new("test", move |_| Ok(image.open()))).unwrap()
}

fn open(cache: &Cache) -> Image {
    cache
        .image(OsStr::new("picture"), &Wait::forever())
        .unwrap()
}

fn try_read(image: &Image, level: u32, rect: Rect, wait: &Wait) -> Result<Vec<u8>, Error> {
    let mut pixels = vec![0; PixelFormat::RGB8.image_bytes(rect.size()) as usize];
    let view = ViewMut::packed(&mut pixels, rect.size(), PixelFormat::RGB8).unwrap();
    image.read(
        &Region {
            subimage: 0,
            level,
            rect,
        },
        view,
        wait,
    )?;
    Ok(pixels)
}

fn read(image: &Image, level: u32, rect: Rect) -> Vec<u8> {
    try_read(image, level, rect, &Wait::forever()).unwrap()
}

fn expected(native: u32, rect: Rect, version: u64) -> Vec<u8> {
    let rows = rect.y..rect.bottom() as u32;
    rows.flat_map(|y| (rect.x..rect.right() as u32).flat_map(move |x| pixel(native, x, y, version)))
        .collect()
}

/// Half of the picture, by the plainest of loops.
fn halved(fine: &[u8], size: Size) -> (Vec<u8>, Size) {
    let half = size.halved();
    let mut out = Vec::new();
    for y in 0..half.height {
        for x in 0..half.width {
            for c in 0..3 {
                let at = |x: u32, y: u32| {
                    let (x, y) = (x.min(size.width - 1), y.min(size.height - 1));
                    u32::from(fine[((y * size.width + x) * 3 + c) as usize])
                };
                let (x, y) = (2 * x, 2 * y);
                out.push(
                    ((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4) as u8,
                );
            }
        }
    }
    (out, half)
}

#[test]
fn every_region_of_every_level_is_what_the_file_says() {
    let rects = [
        Rect::new(0, 0, 700, 500),
        Rect::new(255, 255, 2, 2),
        Rect::new(699, 0, 1, 500),
        Rect::new(13, 77, 301, 99),
    ];
    for access in [TILED, Access::Chunks(Size::new(700, 8)), Access::Pass] {
        for budget in [64 * MIB, 2 * MIB] {
            let bank = bank(budget, 64 * MIB);
            let cache = cache(
                &bank,
                &Generated::new(&[(700, 500, access), (350, 250, access)]),
            );
            let image = open(&cache);
            for rect in rects {
                assert_eq!(
                    read(&image, 0, rect),
                    expected(0, rect, 0),
                    "{access:?} {rect}"
                );
            }
            let small = Rect::new(100, 50, 250, 200);
            assert_eq!(read(&image, 1, small), expected(1, small, 0));
            // The levels behind are made by halving, however the file is read.
            let (mut fine, mut size) = (
                expected(1, Size::new(350, 250).rect(), 0),
                Size::new(350, 250),
            );
            for level in 2..image.n_levels(0) {
                (fine, size) = halved(&fine, size);
                assert_eq!(image.level(0, level).unwrap().size, size);
                assert_eq!(
                    read(&image, level, size.rect()),
                    fine,
                    "{access:?} level {level}"
                );
            }
        }
    }
}

#[test]
fn a_second_look_decodes_nothing() {
    for access in [TILED, Access::Pass] {
        let (bank, picture) = (bank(64 * MIB, MIB), Generated::new(&[(700, 500, access)]));
        let cache = cache(&bank, &picture);
        let rect = Rect::new(0, 0, 700, 500);
        read(&open(&cache), 0, rect);
        let decodes = picture.counters.decodes.load(Ordering::SeqCst);
        let before = cache.stats();
        read(&open(&cache), 0, rect);
        assert_eq!(picture.counters.decodes.load(Ordering::SeqCst), decodes);
        let after = cache.stats();
        assert_eq!(after.misses, before.misses);
        assert!(after.hits > before.hits);
    }
}

#[test]
fn many_threads_share_one_decoding() {
    for access in [Access::Chunks(Size::new(256, 256)), Access::Pass] {
        let (bank, picture) = (bank(64 * MIB, MIB), Generated::new(&[(256, 256, access)]));
        let cache = cache(&bank, &picture);
        let image = open(&cache);
        picture.gate.close();
        let start = Barrier::new(17);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    start.wait();
                    assert_eq!(
                        read(&image, 0, Rect::new(5, 6, 7, 8)),
                        expected(0, Rect::new(5, 6, 7, 8), 0)
                    );
                });
            }
            start.wait();
            picture.gate.open();
        });
        assert_eq!(
            picture.counters.decodes.load(Ordering::SeqCst),
            1,
            "{access:?}"
        );
    }
}

#[test]
fn one_who_gives_up_does_not_fail_the_others() {
    for access in [Access::Chunks(Size::new(256, 256)), Access::Pass] {
        let (bank, picture) = (bank(64 * MIB, MIB), Generated::new(&[(256, 256, access)]));
        let cache = cache(&bank, &picture);
        let image = open(&cache);
        picture.gate.close();
        thread::scope(|scope| {
            let patient = scope.spawn(|| read(&image, 0, Rect::new(0, 0, 256, 256)));
            while picture.counters.decodes.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let cancel = Cancel::new();
            let wait = Wait::forever().cancelled_by(&cancel);
            let hasty =
                scope.spawn(move || try_read(&open(&cache), 0, Rect::new(0, 0, 9, 9), &wait));
            cancel.cancel();
            assert!(matches!(hasty.join().unwrap(), Err(Error::GaveUp { .. })));
            picture.gate.open();
            assert_eq!(
                patient.join().unwrap(),
                expected(0, Rect::new(0, 0, 256, 256), 0)
            );
        });
    }
}

#[test]
fn a_pass_that_nobody_waits_for_ends() {
    let (bank, picture) = (
        bank(64 * MIB, MIB),
        Generated::new(&[(256, 16_000, Access::Pass)]),
    );
    let cache = cache(&bank, &picture);
    let image = open(&cache);
    picture.gate.close();
    let result = try_read(
        &image,
        0,
        Rect::new(0, 15_000, 9, 9),
        &Wait::at_most(Duration::from_millis(30)),
    );
    assert!(matches!(result, Err(Error::GaveUp { .. })));
    picture.gate.open();
    // The next pass starts afresh and ends; the first had at most a band or two to its name.
    read(&image, 0, Rect::new(0, 15_000, 9, 9));
    assert!(picture.counters.rows.load(Ordering::SeqCst) <= 16_000 + 64);
}

#[test]
fn a_pass_larger_than_the_budget_is_made_once_and_comes_back_from_disk() {
    let (bank, picture) = (
        bank(8 * MIB, 64 * MIB),
        Generated::new(&[(3000, 3000, Access::Pass)]),
    );
    let cache = cache(&bank, &picture);
    let image = open(&cache);
    for rect in [
        Rect::new(0, 0, 300, 300),
        Rect::new(2700, 2700, 300, 300),
        Rect::new(0, 1500, 3000, 10),
    ] {
        assert_eq!(read(&image, 0, rect), expected(0, rect, 0));
    }
    assert_eq!(
        read(&image, 0, Rect::new(0, 0, 3000, 3000)),
        expected(0, Rect::new(0, 0, 3000, 3000), 0)
    );
    assert_eq!(picture.counters.decodes.load(Ordering::SeqCst), 1);
    let (stats, ledger) = (cache.stats(), bank.ledger());
    assert!(stats.tiles_unspilled > 100, "{stats:?}");
    assert!(ledger.host.peak_bytes <= 8 * MIB && ledger.host.overdrafts == 0);
    assert!(ledger.disk.live_bytes >= 27_000_000);
}

#[test]
fn without_scratch_space_passes_are_repeated_and_pixels_are_right() {
    let (bank, picture) = (
        bank(6 * MIB, 0),
        Generated::new(&[(2000, 2000, Access::Pass)]),
    );
    let cache = cache(&bank, &picture);
    let image = open(&cache);
    for rect in [
        Rect::new(1500, 1500, 500, 500),
        Rect::new(0, 0, 500, 500),
        Rect::new(0, 0, 2000, 2000),
    ] {
        assert_eq!(read(&image, 0, rect), expected(0, rect, 0));
    }
    assert!(bank.ledger().host.peak_bytes <= 6 * MIB);
}

/// Threads by the dozen read whatever they like; the budget holds at every moment and all pixels are right.
#[test]
fn the_budget_holds_under_many_readers() {
    const LIMIT: u64 = 12 * MIB;
    let bank = bank(LIMIT, 256 * MIB);
    let tiled = Generated::new(&[(4000, 3000, TILED), (2000, 1500, TILED)]);
    let plain = Generated::new(&[(3000, 2000, Access::Pass), (1500, 1000, Access::Pass)]);
    let (one, two) = (tiled.clone(), plain.clone());
    let options = CacheOptions::new("test", move |key| {
        Ok(if key == "tiled" {
            one.open()
        } else {
            two.open()
        })
    });
    let cache = Cache::new(&bank, options).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..24u32)
            .map(|seed| {
                let cache = &cache;
                scope.spawn(move || {
                    let name = if seed % 2 == 0 { "tiled" } else { "plain" };
                    let image = cache.image(OsStr::new(name), &Wait::forever()).unwrap();
                    let mut random = seed.wrapping_mul(2_654_435_761) | 1;
                    for _ in 0..60 {
                        random ^= random << 13;
                        random ^= random >> 17;
                        random ^= random << 5;
                        let level = random % 2;
                        let size = image.level(0, level).unwrap().size;
                        let rect = Rect::new(
                            random % (size.width - 200),
                            random / 7 % (size.height - 100),
                            200,
                            100,
                        );
                        let pixels =
                            try_read(&image, level, rect, &Wait::at_most(Duration::from_secs(60)))
                                .unwrap();
                        assert_eq!(pixels, expected(level, rect, 0));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                assert!(bank.ledger().host.live_bytes <= LIMIT);
                thread::yield_now();
            }
        });
        let results: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        done.store(true, Ordering::SeqCst);
        assert!(results.iter().all(Result::is_ok));
    });
    let ledger = bank.ledger();
    assert!(ledger.host.peak_bytes <= LIMIT && ledger.host.overdrafts == 0);
    assert!(ledger.files.peak_bytes <= 4);
    assert!(
        tiled.counters.most_open.load(Ordering::SeqCst)
            + plain.counters.most_open.load(Ordering::SeqCst)
            <= 8
    );
    drop(cache);
    let ledger = bank.ledger();
    assert_eq!(
        (
            ledger.host.live_bytes,
            ledger.disk.live_bytes,
            ledger.files.live_bytes
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_changed_file_is_seen_after_invalidation_and_old_handles_stay_whole() {
    for access in [TILED, Access::Pass] {
        let (bank, picture) = (
            bank(4 * MIB, 64 * MIB),
            Generated::new(&[(1500, 1000, access)]),
        );
        let cache = cache(&bank, &picture);
        let rect = Rect::new(0, 0, 64, 64);
        let tile = open(&cache).tile(0, 0, 0, 0, &Wait::forever()).unwrap();
        assert_eq!(read(&open(&cache), 0, rect), expected(0, rect, 0));
        picture.counters.version.store(3, Ordering::SeqCst);
        assert_eq!(
            read(&open(&cache), 0, rect),
            expected(0, rect, 0),
            "nobody said that it changed"
        );
        cache.invalidate(OsStr::new("picture"));
        assert_eq!(read(&open(&cache), 0, rect), expected(0, rect, 3));
        assert_eq!(tile.view().row(0)[..3], pixel(0, 0, 0, 0));
        picture.counters.version.store(5, Ordering::SeqCst);
        cache.invalidate_all();
        assert_eq!(read(&open(&cache), 0, rect), expected(0, rect, 5));
    }
}

#[test]
fn a_load_that_began_before_an_invalidation_is_not_taken_for_the_new_file() {
    let (bank, picture) = (
        bank(64 * MIB, MIB),
        Generated::new(&[(256, 256, Access::Pass)]),
    );
    let cache = cache(&bank, &picture);
    let rect = Rect::new(0, 0, 256, 256);
    let old = open(&cache);
    picture.gate.close();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&old, 0, rect));
        while picture.counters.decodes.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        picture.counters.version.store(9, Ordering::SeqCst);
        cache.invalidate(OsStr::new("picture"));
        picture.gate.open();
        assert_eq!(reader.join().unwrap(), expected(0, rect, 0));
    });
    assert_eq!(read(&open(&cache), 0, rect), expected(0, rect, 9));
}

#[test]
fn a_damaged_tile_costs_itself_and_a_damaged_pass_what_lies_behind() {
    let bank = bank(64 * MIB, MIB);
    let mut picture = Generated::new(&[(1024, 1024, Access::Chunks(Size::new(128, 128)))]);
    picture.damaged_row = Some(300);
    let image = open(&cache(&bank, &picture));
    let error = try_read(&image, 0, Rect::new(0, 256, 10, 10), &Wait::forever()).unwrap_err();
    assert!(error.to_string().contains("damaged on purpose"), "{error}");
    assert_eq!(
        read(&image, 0, Rect::new(0, 384, 10, 10)),
        expected(0, Rect::new(0, 384, 10, 10), 0)
    );
    picture.levels[0].access = Access::Pass;
    for panics in [false, true] {
        picture.panics = panics;
        let image = open(&cache(&bank, &picture));
        assert_eq!(
            read(&image, 0, Rect::new(0, 0, 10, 10)),
            expected(0, Rect::new(0, 0, 10, 10), 0)
        );
        let error = try_read(&image, 0, Rect::new(0, 600, 10, 10), &Wait::forever()).unwrap_err();
        assert!(
            error.to_string().contains(if panics {
                "panicked"
            } else {
                "damaged on purpose"
            }),
            "{error}"
        );
    }
}

#[test]
fn what_can_never_fit_is_said_at_once() {
    let bank = bank(MIB, 64 * MIB);
    let cache = cache(&bank, &Generated::new(&[(20_000, 20_000, Access::Pass)]));
    let error = try_read(&open(&cache), 0, Rect::new(0, 0, 1, 1), &Wait::forever()).unwrap_err();
    assert!(!error.is_temporary(), "{error}");
    assert!(error.to_string().contains("never fit"), "{error}");
    assert!(bank.ledger().host.peak_bytes <= MIB);
}

#[test]
fn idle_files_are_closed_for_new_ones_and_descriptions_give_way() {
    let (bank, picture) = (bank(4 * MIB, MIB), Generated::new(&[(300, 300, TILED)]));
    let cache = cache(&bank, &picture);
    for n in 0..50 {
        let image = cache
            .image(OsStr::new(&format!("picture {n}")), &Wait::forever())
            .unwrap();
        assert_eq!(
            read(&image, 0, Rect::new(0, 0, 9, 9)),
            expected(0, Rect::new(0, 0, 9, 9), 0)
        );
    }
    assert!(picture.counters.most_open.load(Ordering::SeqCst) <= 4);
    let described = |bank: &Bank| {
        bank.ledger()
            .accounts
            .iter()
            .find(|a| a.account == Account::Descriptors)
            .unwrap()
            .live_bytes
    };
    let before = described(&bank);
    let kept = cache
        .image(OsStr::new("picture 7"), &Wait::forever())
        .unwrap();
    bank.trim(1.0);
    assert!(
        described(&bank) < before / 10,
        "{before} to {}",
        described(&bank)
    );
    assert_eq!(
        read(&kept, 0, Rect::new(0, 0, 9, 9)),
        expected(0, Rect::new(0, 0, 9, 9), 0),
        "a handle stays valid"
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let bank = bank(MIB, MIB);
    let image = open(&cache(&bank, &Generated::new(&[(300, 300, TILED)])));
    let wait = Wait::forever();
    for (level, rect) in [
        (0, Rect::new(299, 0, 2, 1)),
        (9, Rect::new(0, 0, 1, 1)),
        (0, Rect::new(u32::MAX, 0, 2, 1)),
    ] {
        assert!(matches!(
            try_read(&image, level, rect, &wait),
            Err(Error::BadRequest(_))
        ));
    }
    assert!(matches!(
        image.tile(0, 0, 3, 0, &wait),
        Err(Error::BadRequest(_))
    ));
    assert!(matches!(
        image.tile(1, 0, 0, 0, &wait),
        Err(Error::BadRequest(_))
    ));
    assert!(read(&image, 0, Rect::new(5, 5, 0, 0)).is_empty());
    let odd = CacheOptions {
        tile: Size::new(256, 255),
        ..CacheOptions::new("odd", |_| unreachable!())
    };
    assert!(Cache::new(&bank, odd).is_err());
}
