use std::sync::OnceLock;

use pixelbank_image::{PixelFormat, Size};
use pixelbank_memory::{Bank, Wait};

use super::*;

fn bank() -> Bank {
    Bank::builder().host_bytes(64 << 20).build().unwrap()
}

/// A store whose files are described anew for each call, so that nothing but their tiles keeps their seats.
struct Kept(Store);

impl std::ops::Deref for Kept {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}

impl Kept {
    fn get(&self, key: &TileKey) -> Option<Tile> {
        self.0.get(&Spot {
            key: *key,
            seats: &OnceLock::new(),
        })
    }

    fn insert(&self, key: TileKey, tile: Tile, cost_nanos: u64) -> Tile {
        let seats = OnceLock::new();
        let spot = Spot { key, seats: &seats };
        let shape = Shape {
            n_subimages: 1,
            n_levels: 1,
            n_tiles: 1 << 18,
        };
        self.0.make_room(&spot, || shape, &Wait::never()).unwrap();
        self.0.insert(&spot, tile, cost_nanos)
    }
}

fn store(bank: &Bank, policy: Policy) -> Kept {
    Kept(Store::new(
        policy,
        bank.holder(Account::Descriptors, "tile index", "test"),
    ))
}

/// Of an account, what is on the books.
fn booked(bank: &Bank, account: Account) -> u64 {
    let ledger = bank.ledger();
    let mut rows = ledger.accounts.iter();
    rows.find(|row| row.account == account)
        .map_or(0, |row| row.live_bytes)
}

fn key(index: u64) -> TileKey {
    TileKey {
        file: index % 3,
        subimage: 0,
        level: 0,
        index,
    }
}

fn tile(bank: &Bank) -> Tile {
    let buffer = bank
        .holder(Account::Tiles, "tile", "test")
        .buffer(1024, &Wait::never())
        .unwrap();
    Tile::new(bank, buffer, Size::new(32, 32), PixelFormat::GRAY8)
}

#[test]
fn tiles_in_use_are_passed_over_and_idle_ones_go() {
    for policy in Policy::ALL {
        passes_over_what_is_in_use(policy);
    }
}

fn passes_over_what_is_in_use(policy: Policy) {
    let bank = bank();
    let store = store(&bank, policy);
    for i in 0..100 {
        store.insert(key(i), tile(&bank), 1);
    }
    let held: Vec<Tile> = (0..10).map(|i| store.get(&key(i)).unwrap()).collect();
    assert_eq!(store.reclaim(u64::MAX), 90 * 1024);
    assert_eq!(store.idle().amount, 10 * 1024);
    for i in 0..100 {
        assert_eq!(store.get(&key(i)).is_some(), i < 10);
    }
    drop(held);
    store.reclaim(u64::MAX);
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn a_scan_does_not_flush_what_is_asked_for_again() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    let room = 1000 * 1024;
    let insert = |i| {
        if store.get(&key(i)).is_none() {
            if store.idle().amount + 1024 > room {
                store.reclaim(1024);
            }
            store.insert(key(i), tile(&bank), 1);
        }
    };
    for _ in 0..4 {
        (0..300).for_each(insert);
    }
    (10_000..13_000).for_each(insert);
    let kept = (0..300).filter(|i| store.get(&key(*i)).is_some()).count();
    assert!(
        kept > 270,
        "{kept} of 300 survived a scan of three times the capacity"
    );
}

#[test]
fn removing_a_file_removes_its_tiles_alone() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    for i in 0..30 {
        store.insert(key(i), tile(&bank), 1);
    }
    let held = store.get(&key(3)).unwrap();
    store.remove(Some(0));
    assert!(store.get(&key(3)).is_none());
    assert_eq!(
        held.view().size(),
        Size::new(32, 32),
        "a holder keeps the old pixels"
    );
    assert!(store.get(&key(4)).is_some());
    assert_eq!(store.idle().amount, 20 * 1024);
    store.remove(None);
    drop(held);
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

#[test]
fn the_first_of_two_equal_tiles_stays() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    let first = store.insert(key(1), tile(&bank), 1);
    let second = store.insert(key(1), tile(&bank), 1);
    assert!(Arc::ptr_eq(&first.pixels.share(), &second.pixels.share()));
    drop((first, second));
    assert_eq!(booked(&bank, Account::Tiles), 1024);
}

/// Two of the tiles of file 0 stand between a thousand of others; removing it looks at those two and no more.
#[test]
fn removing_a_file_takes_time_for_its_own_tiles_only() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    let key = |file, index| TileKey {
        file,
        subimage: 0,
        level: 0,
        index,
    };
    for index in 0..1000 {
        store.insert(key(1 + index % 7, index), tile(&bank), 1);
        if index % 500 == 250 {
            store.insert(key(0, index), tile(&bank), 1);
        }
    }
    let visited = || store.order.0.lock().shelf.visited;
    let before = visited();
    store.remove(Some(0));
    assert_eq!(visited() - before, 2);
    assert_eq!(store.idle().amount, 1000 * 1024);
    store.remove(Some(0));
    store.remove(Some(99));
    assert_eq!(visited() - before, 2, "there is nothing left to look at");
    // The lists hold after tiles went from their ends and their middle.
    store.reclaim(500 * 1024);
    let left = store.idle().amount / 1024;
    for file in 1..8 {
        store.remove(Some(file));
    }
    assert_eq!(visited() - before, 2 + left);
    assert_eq!((store.idle().amount, bank.ledger().host.live_bytes), (0, 0));
}

/// A store that is asked for `requests` (key, what making it costs) and has room for `room` tiles of 1 KiB; the hits.
fn replay(policy: Policy, room: u64, requests: impl Iterator<Item = (u64, u64)>) -> (u64, Kept) {
    let bank = bank();
    let store = store(&bank, policy);
    let mut hits = 0;
    for (index, nanos) in requests {
        if store.get(&key(index)).is_some() {
            hits += 1;
        } else {
            if store.idle().amount >= room * 1024 {
                store.reclaim(1024);
            }
            store.insert(key(index), tile(&bank), nanos);
        }
    }
    (hits, store)
}

#[test]
fn the_least_recently_used_goes_first_where_that_is_asked_for() {
    let bank = bank();
    let store = store(&bank, Policy::Lru);
    for i in 0..10 {
        store.insert(key(i), tile(&bank), 1);
    }
    for i in [3, 0, 7] {
        store.get(&key(i)).unwrap();
        // Uses between two insertions count as one moment.
        store.insert(key(100 + i), tile(&bank), 1);
    }
    let there = || -> Vec<u64> {
        let order = store.order.0.lock();
        let entries = (0..order.shelf.n_slots()).filter_map(|slot| order.shelf.get(slot));
        let mut found: Vec<u64> = entries.map(|entry| entry.key.index).collect();
        found.sort_unstable();
        found
    };
    store.reclaim(7 * 1024);
    assert_eq!(there(), [0, 3, 7, 100, 103, 107]);
    store.reclaim(1024);
    assert_eq!(there(), [0, 7, 100, 103, 107]);
    store.reclaim(2 * 1024);
    assert_eq!(there(), [7, 100, 107]);
}

#[test]
fn a_dear_tile_outlives_a_cheap_one_of_equal_use() {
    // Two files, as costs are averaged by file: 0 costs a hundred times what 1 does. There is room for all the dear
    // ones and some of the others.
    let requests = (0..40_000u64).map(|n| {
        let index = n % 400;
        let index = index / 2 * 3 + index % 2;
        (index, if index % 3 == 0 { 1_000_000 } else { 10_000 })
    });
    let (_, store) = replay(Policy::Adaptive, 260, requests);
    let kept = |file: u64| {
        (0..600)
            .filter(|i| i % 3 == file && store.get(&key(*i)).is_some())
            .count()
    };
    let (dear, cheap) = (kept(0), kept(1));
    assert!(dear > 190 && cheap < 70, "{dear} dear, {cheap} cheap");
    let price = store.idle().nanos_per_unit;
    assert!(
        (5.0..50.0).contains(&price),
        "{price}: what goes next costs some 10 ns a byte"
    );
}

#[test]
fn a_loop_larger_than_memory_keeps_what_fits() {
    let requests = || (0..50_000u64).map(|n| (n % 600, 1));
    let (adaptive, _) = replay(Policy::Adaptive, 500, requests());
    assert!(adaptive > 35_000, "{adaptive} of 50,000");
    let (lru, _) = replay(Policy::Lru, 500, requests());
    assert_eq!(lru, 0);
}

#[test]
fn the_window_grows_where_only_the_recent_past_counts() {
    // Eight looks at each tile, spread over the time in which a thousand new ones come, then none.
    let requests = || {
        let mut random = 1u64;
        (0..150_000u64).map(move |n| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((n / 8).saturating_sub((random >> 33) % 1000), 1)
        })
    };
    let (adaptive, store) = replay(Policy::Adaptive, 800, requests());
    let (lru, _) = replay(Policy::Lru, 800, requests());
    assert!(
        adaptive as f64 > lru as f64 * 0.85,
        "{adaptive} hits, {lru} with LRU"
    );
    let share = store.order.0.lock().window_share();
    assert!(share > 0.1, "a window of {share}");
}

/// Numbers from 0 to `n`, the small ones oftener, by Zipf's law with exponent `s`; the same for the same seed.
fn zipf(n: usize, s: f64, seed: u64) -> impl FnMut() -> u64 {
    let mut sums: Vec<f64> = (1..=n)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / (rank as f64).powf(s);
            Some(*sum)
        })
        .collect();
    let total = sums[n - 1];
    sums.iter_mut().for_each(|sum| *sum /= total);
    let mut random = seed | 1;
    move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = (random >> 11) as f64 / (1u64 << 53) as f64;
        // Neighbours in rank are not neighbours in the file.
        (sums.partition_point(|sum| *sum < at) as u64).wrapping_mul(7919) % n as u64
    }
}

/// The share of requests that find their tile, in the store and in quick_cache with the same room.
fn hit_ratios(room: u64, requests: impl Iterator<Item = u64>) -> (f64, f64) {
    let other = quick_cache::sync::Cache::<u64, ()>::new(room as usize);
    let (mut n, mut theirs) = (0u32, 0u32);
    let requests = requests.inspect(|request| {
        n += 1;
        if other.get(request).is_some() {
            theirs += 1;
        } else {
            other.insert(*request, ());
        }
    });
    let (ours, _) = replay(Policy::Adaptive, room, requests.map(|request| (request, 1)));
    (ours as f64 / f64::from(n), f64::from(theirs) / f64::from(n))
}

/// Why an eviction policy stands here although there is a library: it must be better, and evict when the bank asks.
/// `docs/notes/eviction.md` has the figures.
#[test]
fn hit_ratios_are_above_those_of_a_well_kept_cache() {
    const KEYS: usize = 16_384;
    for (name, room, scan, exponent) in [
        ("Zipf 0.9, 1/64 of the keys", 256, false, 0.9),
        ("Zipf 0.9, 1/16", 1024, false, 0.9),
        ("Zipf 0.9, 1/4", 4096, false, 0.9),
        ("Zipf 0.9 with scans, 1/8", 2048, true, 0.9),
        ("Zipf 0.7, 1/8", 2048, false, 0.7),
    ] {
        let mut next = zipf(KEYS, exponent, 42);
        let requests = (0..200_000u64).map(|n| {
            // Every other thousand is a walk through what nobody else asks for.
            if scan && (n / 1000) % 2 == 1 {
                KEYS as u64 + n
            } else {
                next()
            }
        });
        let (ours, theirs) = hit_ratios(room, requests);
        println!("{name}: {ours:.3}, quick_cache {theirs:.3}");
        assert!(ours > theirs, "{name}: {ours:.3}, quick_cache {theirs:.3}");
    }
}

#[test]
fn the_tables_are_paid_for_as_they_grow_and_go_with_the_last_tile() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    let for_seats = |store: &Store| -> u64 {
        let all = store.seats.lock();
        all.values()
            .filter_map(Weak::upgrade)
            .map(|seats| seats.booked())
            .sum()
    };
    let on_the_books = || booked(&bank, Account::Descriptors);
    for i in 0..20_000 {
        store.insert(key(i), tile(&bank), 1);
        // Tiles that went leave ghosts behind.
        if i % 3 == 0 {
            store.reclaim(1024);
        }
        let n_tiles = store.n_tiles.load(Ordering::Relaxed);
        let beside = n_tiles as usize * size_of::<Pixels>();
        let allocated = (store.order.0.lock().table_bytes() + beside) as u64;
        let paid = on_the_books() - for_seats(&store);
        assert!(
            allocated <= paid,
            "{n_tiles} tiles: {allocated} bytes, {paid} paid for"
        );
    }
    let seats = for_seats(&store);
    // Three files, and a seat for every tile in each, in nodes of 64.
    let nodes = 3 * (2000 + (20_000 / 64 + 1) * (64 * 8 + 48) + 10 * 64 * 32);
    assert!(seats > 20_000 * 8 && seats <= nodes, "{seats} of {nodes}");
    let paid = on_the_books() - seats;
    assert!(paid < 2 * 13_334 * 400, "{paid}");
    store.reclaim(u64::MAX);
    assert_eq!(bank.ledger().host.live_bytes, 0);
    assert_eq!(store.order.0.lock().table_bytes(), 0);
}

/// A tile whose every byte tells which it is.
fn told(bank: &Bank, index: u64) -> Tile {
    let mut buffer = bank
        .holder(Account::Tiles, "tile", "test")
        .buffer(1024, &Wait::never())
        .unwrap();
    buffer.fill((index % 251) as u8);
    Tile::new(bank, buffer, Size::new(32, 32), PixelFormat::GRAY8)
}

/// Threads find tiles, more of them at once than they have marks, clone them and hand them to each other, while tiles are
/// evicted and removed under their hands.
#[test]
fn what_is_held_stays_good_whatever_happens_to_the_store() {
    const THREADS: u64 = 6;
    const TILES: u64 = 60;
    for policy in Policy::ALL {
        let bank = bank();
        let store = store(&bank, policy);
        let handed_on = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, bank, handed_on) = (&store, &bank, &handed_on);
                scope.spawn(move || {
                    let mut random = thread.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let mut next = move || {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        random >> 20
                    };
                    let mut held: Vec<(u64, Tile)> = Vec::new();
                    for _ in 0..20_000 {
                        let index = next() % TILES;
                        match next() % 8 {
                            0..4 => {
                                let found = store.get(&key(index));
                                let tile = found.unwrap_or_else(|| {
                                    store.insert(key(index), told(bank, index), 1)
                                });
                                held.push((index, tile));
                            }
                            4 => held.extend(held.first().cloned()),
                            5 => handed_on.lock().extend(held.pop()),
                            6 => held.extend(handed_on.lock().pop()),
                            _ if next() % 16 == 0 => store.remove(Some(index % 3)),
                            _ => drop(store.reclaim(1024 * (next() % 8))),
                        }
                        for (index, tile) in &held {
                            let told = [(index % 251) as u8; 32];
                            assert!(tile.view().rows().all(|row| row == told), "{index}");
                        }
                        if held.len() as u64 > next() % 20 {
                            held.clear();
                        }
                    }
                });
            }
        });
        handed_on.lock().clear();
        store.remove(None);
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }
}

#[test]
fn threads_that_end_leave_their_marks_to_the_next() {
    let bank = bank();
    let store = store(&bank, Policy::Adaptive);
    store.insert(key(1), tile(&bank), 1);
    for _ in 0..500 {
        let found = std::thread::scope(|scope| {
            let pair = [(); 2].map(|()| scope.spawn(|| store.get(&key(1))));
            pair.map(|thread| thread.join().unwrap())
        });
        assert!(found.iter().all(Option::is_some));
        assert_eq!(
            store.reclaim(u64::MAX),
            0,
            "it is held, by threads that are no more"
        );
    }
    assert_eq!(store.hits(), 1000);
    // Two at a time, the thread of the test, and as many again that end while their successors begin.
    let marks = Pixels::registry().len();
    assert!(marks <= 8, "marks of {marks} threads");
    assert_eq!(store.reclaim(u64::MAX), 1024);
}
