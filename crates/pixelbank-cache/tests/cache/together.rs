//! Reads that several threads load.

use pixelbank_cache::Stats;

use super::*;

const SIZE: Size = Size::new(1024, 1024);
const TILES: u64 = 8 * 16;

fn threaded(bank: &Bank, picture: &Generated, threads: usize) -> Cache {
    let picture = picture.clone();
    let mut options = CacheOptions::new("test", move |_| Ok(picture.open()));
    options.decode_threads = threads;
    Cache::new(bank, options).unwrap()
}

fn assert_all_is_given_back(bank: &Bank) {
    let ledger = bank.ledger();
    assert_eq!((ledger.host.live_bytes, ledger.files.live_bytes), (0, 0));
}

/// Over a picture of 8 × 16 tiles.
fn tile_by_tile(image: &Image) {
    for row in 0..16 {
        for column in 0..8 {
            let tile = image.tile(0, 0, column, row, &Wait::forever()).unwrap();
            let first = pixel(0, column * 256, row * 256 + 1, 0);
            assert_eq!(tile.view().row(1)[..3], first);
        }
    }
}

#[test]
fn all_threads_take_part_in_one_read_and_each_tile_is_decoded_once() {
    let (bank, picture) = (bank(64 * MIB, MIB), Generated::new(&[(1024, 1024, TILED)]));
    let cache = threaded(&bank, &picture, 3);
    let image = open(&cache);
    picture.gate.close();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&image, 0, SIZE.rect()));
        while picture.counters.decodes.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        picture.gate.open();
        assert_eq!(reader.join().unwrap(), expected(0, SIZE.rect(), 0));
    });
    assert_eq!(picture.counters.decodes.load(Ordering::SeqCst), TILES);
    drop((image, cache));
    assert_all_is_given_back(&bank);
}

#[test]
fn a_reader_does_not_wait_for_threads_that_are_busy() {
    let (bank, held_up, picture) = (
        bank(64 * MIB, MIB),
        Generated::new(&[(1024, 1024, TILED)]),
        Generated::new(&[(1024, 1024, TILED)]),
    );
    let (one, two) = (held_up.clone(), picture.clone());
    let mut options = CacheOptions::new("test", move |key| {
        Ok(if key == "held up" {
            one.open()
        } else {
            two.open()
        })
    });
    options.decode_threads = 2;
    let cache = Cache::new(&bank, options).unwrap();
    let other = cache
        .image(OsStr::new("held up"), &Wait::forever())
        .unwrap();
    held_up.gate.close();
    let region = Region {
        subimage: 0,
        level: 0,
        rect: SIZE.rect(),
    };
    let ahead = other.prefetch(&region, 0).unwrap();
    // One thread runs it, and the other one helps.
    while held_up.counters.decodes.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    let image = open(&cache);
    assert_eq!(read(&image, 0, SIZE.rect()), expected(0, SIZE.rect(), 0));
    assert!(!ahead.is_finished());
    held_up.gate.open();
    ahead.wait(&Wait::forever()).unwrap();
}

#[test]
fn a_budget_for_a_few_tiles_is_enough_and_holds() {
    for access in [TILED, Access::Chunks(Size::new(1024, 8))] {
        let (bank, picture) = (bank(MIB, MIB), Generated::new(&[(1024, 1024, access)]));
        let mut options = CacheOptions::new("test", {
            let picture = picture.clone();
            move |_| Ok(picture.open())
        });
        options.decode_threads = 4;
        options.tile = Size::new(64, 64);
        let cache = Cache::new(&bank, options).unwrap();
        let image = open(&cache);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    assert_eq!(read(&image, 0, SIZE.rect()), expected(0, SIZE.rect(), 0));
                });
            }
        });
        let ledger = bank.ledger();
        assert!(ledger.host.peak_bytes <= MIB && ledger.host.overdrafts == 0);
        drop((image, cache));
        assert_all_is_given_back(&bank);
    }
}

#[test]
fn what_a_helper_finds_damaged_is_the_readers_error() {
    let mut picture = Generated::new(&[(1024, 1024, TILED)]);
    picture.damaged_row = Some(700);
    let bank = bank(64 * MIB, MIB);
    let cache = threaded(&bank, &picture, 3);
    let error = try_read(&open(&cache), 0, SIZE.rect(), &Wait::forever()).unwrap_err();
    assert!(error.to_string().contains("damaged on purpose"), "{error}");
    drop(cache);
    assert_all_is_given_back(&bank);
}

#[test]
fn tiles_asked_for_one_after_the_other_are_loaded_ahead_and_others_are_not() {
    let of_one = |threads: usize, budget: u64, ask: &dyn Fn(&Image)| -> (Stats, u64) {
        // Large enough that making one takes longer than asking for help.
        let access = Access::Chunks(Size::new(256, 256));
        let (bank, picture) = (bank(budget, MIB), Generated::new(&[(2048, 4096, access)]));
        let cache = threaded(&bank, &picture, threads);
        let image = open(&cache);
        ask(&image);
        let stats = cache.stats();
        drop((image, cache));
        assert_all_is_given_back(&bank);
        (stats, picture.counters.decodes.load(Ordering::SeqCst))
    };
    let (stats, decodes) = of_one(3, 64 * MIB, &tile_by_tile);
    assert_eq!((stats.tiles_made, decodes), (TILES, TILES));
    assert!(stats.misses < TILES / 2, "{stats}");
    assert_eq!(stats.hits + stats.misses, TILES);
    let (stats, _) = of_one(1, 64 * MIB, &tile_by_tile);
    assert_eq!(stats.misses, TILES, "one thread has nothing to gain");
    let (stats, _) = of_one(3, 64 * MIB, &|image| {
        for n in 0..TILES as u32 {
            let at = n * 37 % TILES as u32;
            image.tile(0, 0, at % 8, at / 8, &Wait::forever()).unwrap();
        }
    });
    assert_eq!(stats.misses, TILES);
    // Where two tiles fill the budget, nothing is made in vain.
    let (stats, _) = of_one(3, MIB / 2, &tile_by_tile);
    assert_eq!(stats.tiles_made, TILES);
}
