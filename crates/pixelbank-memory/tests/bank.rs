//! The budget through its public face: what is given, refused, waited for, taken back, and shown.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use pixelbank_memory::{
    Account, Bank, Buffer, Cancel, Error, EventKind, Holder, Idle, Reclaim, Reservation, Resource,
    Wait,
};
use proptest::prelude::*;

const KIB: u64 = 1 << 10;

/// Keeps reservations idle until the bank wants them.
struct Shelf {
    account: Account,
    nanos_per_unit: f64,
    kept: Mutex<Vec<Reservation>>,
}

impl Shelf {
    fn new(bank: &Bank, account: Account, nanos_per_unit: f64) -> Arc<Self> {
        let shelf = Arc::new(Self {
            account,
            nanos_per_unit,
            kept: Mutex::new(Vec::new()),
        });
        let reclaimer: Arc<dyn Reclaim> = shelf.clone();
        bank.add_reclaimer(&reclaimer);
        shelf
    }

    fn keep(&self, reservation: Reservation) {
        self.kept.lock().unwrap().push(reservation);
    }

    fn bytes(&self) -> u64 {
        self.kept
            .lock()
            .unwrap()
            .iter()
            .map(Reservation::amount)
            .sum()
    }
}

impl Reclaim for Shelf {
    fn account(&self) -> Account {
        self.account
    }

    fn idle(&self) -> Idle {
        Idle {
            amount: self.bytes(),
            nanos_per_unit: self.nanos_per_unit,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        while freed < amount {
            let Some(reservation) = self.kept.lock().unwrap().pop() else {
                break;
            };
            freed += reservation.amount();
        }
        freed
    }
}

fn bank(host_bytes: u64) -> Bank {
    Bank::builder().host_bytes(host_bytes).build().unwrap()
}

fn fill(bank: &Bank, shelf: &Shelf, bytes: u64) {
    let holder = bank.holder(shelf.account, "kept", "shelf");
    for _ in 0..bytes / KIB {
        shelf.keep(holder.try_reserve(KIB).unwrap());
    }
}

#[test]
fn a_reservation_is_booked_until_it_is_dropped() {
    let bank = bank(100 * KIB);
    let holder = bank.holder(Account::Tiles, "tile", "photos");
    let mut first = holder.try_reserve(10 * KIB).unwrap();
    let second = first.split(4 * KIB);
    first.try_grow(KIB).unwrap();
    let ledger = bank.ledger();
    assert_eq!(ledger.host.live_bytes, 11 * KIB);
    assert_eq!(
        (ledger.types[0].count, ledger.types[0].live_bytes),
        (2, 11 * KIB)
    );
    assert_eq!(
        (
            ledger.types[0].kind.as_str(),
            ledger.types[0].owner.as_str()
        ),
        ("tile", "photos")
    );
    first.shrink_to(2 * KIB);
    drop(second);
    let ledger = bank.ledger();
    assert_eq!(
        (ledger.host.live_bytes, ledger.host.peak_bytes),
        (2 * KIB, 11 * KIB)
    );
    drop(first);
    let ledger = bank.ledger();
    assert_eq!(
        (
            ledger.host.live_bytes,
            ledger.types[0].count,
            ledger.types[0].peak_bytes
        ),
        (0, 0, 11 * KIB)
    );
}

#[test]
fn a_refusal_says_what_was_short_and_who_holds_it() {
    let bank = bank(100 * KIB);
    let hog = bank
        .holder(Account::Bitmaps, "bitmap", "hog")
        .try_reserve(90 * KIB)
        .unwrap();
    let error = bank
        .holder(Account::Tiles, "tile", "")
        .try_reserve(20 * KIB)
        .unwrap_err();
    let Error::NoRoom(shortage) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (shortage.requested, shortage.available, shortage.limit),
        (20 * KIB, 10 * KIB, 100 * KIB)
    );
    assert_eq!(
        shortage.holders,
        [(Account::Bitmaps, "bitmap".into(), "hog".into(), 90 * KIB)]
    );
    assert!(
        error
            .to_string()
            .contains("90 KiB by bitmaps/bitmap of hog"),
        "{error}"
    );
    drop(hog);
    let error = bank
        .holder(Account::Tiles, "tile", "")
        .try_reserve(101 * KIB)
        .unwrap_err();
    assert!(matches!(error, Error::NeverFits(_)), "{error}");
    assert_eq!(bank.ledger().host.refusals, 2);
}

#[test]
fn floors_are_kept_free_and_ceilings_are_not_passed() {
    let bank = Bank::builder()
        .host_bytes(100 * KIB)
        .account(Account::Tiles, 40 * KIB, None)
        .account(Account::Bitmaps, 0, Some(30 * KIB))
        .build()
        .unwrap();
    let scratch = bank.holder(Account::Scratch, "strip", "");
    let held = scratch.try_reserve(60 * KIB).unwrap();
    assert!(
        scratch.try_reserve(1).is_err(),
        "the rest is the floor of tiles"
    );
    assert!(matches!(
        scratch.try_reserve(61 * KIB),
        Err(Error::NeverFits(_))
    ));
    let tiles = bank
        .holder(Account::Tiles, "tile", "")
        .try_reserve(40 * KIB)
        .unwrap();
    drop((held, tiles));
    let bitmaps = bank.holder(Account::Bitmaps, "bitmap", "");
    let _full = bitmaps.try_reserve(30 * KIB).unwrap();
    assert!(matches!(bitmaps.try_reserve(1), Err(Error::NoRoom(_))));
    assert!(matches!(
        bitmaps.try_reserve(31 * KIB),
        Err(Error::NeverFits(_))
    ));
}

#[test]
fn limits_that_cannot_hold_are_refused() {
    let too_many = Bank::builder()
        .host_bytes(10)
        .account(Account::Tiles, 8, None)
        .account(Account::Pool, 8, None);
    assert!(matches!(too_many.build(), Err(Error::BadLimit(_))));
    assert!(matches!(
        Bank::builder().account(Account::Tiles, 8, Some(4)).build(),
        Err(Error::BadLimit(_))
    ));
    assert!(matches!(
        Bank::builder()
            .device_bytes(0, 1)
            .device_bytes(0, 2)
            .build(),
        Err(Error::BadLimit(_))
    ));
    let bank = bank(10);
    assert!(
        bank.holder_of(Resource::Device(3), Account::Textures, "t", "")
            .is_err()
    );
}

#[test]
fn the_cheapest_idle_memory_goes_first_across_accounts() {
    let bank = bank(100 * KIB);
    let dear = Shelf::new(&bank, Account::Tiles, 10.0);
    let cheap = Shelf::new(&bank, Account::Encoded, 1.0);
    fill(&bank, &dear, 50 * KIB);
    fill(&bank, &cheap, 50 * KIB);
    assert_eq!(bank.ledger().host.idle_bytes, 100 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let first = holder.try_reserve(30 * KIB).unwrap();
    assert_eq!((dear.bytes(), cheap.bytes()), (50 * KIB, 20 * KIB));
    let second = holder.try_reserve(40 * KIB).unwrap();
    assert_eq!((dear.bytes(), cheap.bytes()), (30 * KIB, 0));
    drop((first, second));
}

#[test]
fn what_is_kept_only_in_case_takes_nothing_from_others() {
    let bank = bank(100 * KIB);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    fill(&bank, &shelf, 60 * KIB);
    let holder = bank.holder(Account::Tiles, "tile", "");
    assert!(holder.reserve_free(41 * KIB).is_none());
    assert_eq!(
        holder.reserve_free(40 * KIB).map(|r| r.amount()),
        Some(40 * KIB)
    );
    assert_eq!(shelf.bytes(), 60 * KIB);
}

#[test]
fn an_account_within_its_floor_gives_nothing_to_others_but_to_itself() {
    let bank = Bank::builder()
        .host_bytes(100 * KIB)
        .account(Account::Tiles, 40 * KIB, Some(60 * KIB))
        .build()
        .unwrap();
    let tiles = Shelf::new(&bank, Account::Tiles, 1.0);
    fill(&bank, &tiles, 60 * KIB);
    let other = bank.holder(Account::Scratch, "strip", "");
    let _strip = other.try_reserve(60 * KIB).unwrap();
    assert_eq!(tiles.bytes(), 40 * KIB, "what is above the floor was taken");
    assert!(other.try_reserve(KIB).is_err());
    assert_eq!(tiles.bytes(), 40 * KIB);
    let _tile = bank
        .holder(Account::Tiles, "tile", "")
        .try_reserve(10 * KIB)
        .unwrap();
    assert_eq!(tiles.bytes(), 30 * KIB);
}

#[test]
fn an_overdraft_is_given_recorded_and_blocks_others_until_paid_back() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Video, "frame", "");
    let over = holder.overdraw(15 * KIB);
    let ledger = bank.ledger();
    assert_eq!(
        (ledger.host.overdrawn_bytes, ledger.host.overdrafts),
        (5 * KIB, 1)
    );
    assert!(holder.try_reserve(1).is_err());
    drop(over);
    assert_eq!(bank.ledger().host.overdrawn_bytes, 0);
    assert!(holder.try_reserve(10 * KIB).is_ok());
}

#[test]
fn a_waiter_gets_what_another_thread_gives_back() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let held = holder.try_reserve(8 * KIB).unwrap();
    let waiter = thread::spawn({
        let holder = holder.clone();
        move || {
            holder
                .reserve(5 * KIB, &Wait::forever())
                .map(|r| r.amount())
        }
    });
    drop(held);
    assert_eq!(waiter.join().unwrap().unwrap(), 5 * KIB);
}

#[test]
fn waiting_ends_at_the_deadline_and_at_once_for_what_never_fits() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let _held = holder.try_reserve(8 * KIB).unwrap();
    let error = holder
        .reserve(5 * KIB, &Wait::at_most(Duration::from_millis(20)))
        .unwrap_err();
    assert!(matches!(error, Error::TimedOut(_)), "{error}");
    let error = holder.reserve(11 * KIB, &Wait::forever()).unwrap_err();
    assert!(matches!(error, Error::NeverFits(_)), "{error}");
    assert!(matches!(
        holder.reserve(5 * KIB, &Wait::never()),
        Err(Error::NoRoom(_))
    ));
}

#[test]
fn a_waiter_that_is_cancelled_leaves_the_queue_to_the_next() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let held = holder.try_reserve(8 * KIB).unwrap();
    let cancel = Cancel::new();
    let big = thread::spawn({
        let (holder, wait) = (holder.clone(), Wait::forever().cancelled_by(&cancel));
        move || holder.reserve(9 * KIB, &wait).map(|r| r.amount())
    });
    let small = thread::spawn({
        let holder = holder.clone();
        move || {
            holder
                .reserve(7 * KIB, &Wait::forever())
                .map(|r| r.amount())
        }
    });
    cancel.cancel();
    assert!(matches!(big.join().unwrap(), Err(Error::Cancelled)));
    drop(held);
    assert_eq!(small.join().unwrap().unwrap(), 7 * KIB);
}

#[test]
fn waiters_hear_of_memory_that_became_idle() {
    let bank = bank(10 * KIB);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    let in_use = bank
        .holder(Account::Tiles, "kept", "")
        .try_reserve(10 * KIB)
        .unwrap();
    let waiter = thread::spawn({
        let holder = bank.holder(Account::Scratch, "strip", "");
        move || {
            holder
                .reserve(4 * KIB, &Wait::at_most(Duration::from_secs(60)))
                .map(|r| r.amount())
        }
    });
    shelf.keep(in_use);
    bank.became_idle();
    assert_eq!(waiter.join().unwrap().unwrap(), 4 * KIB);
    assert_eq!(shelf.bytes(), 0);
}

#[test]
fn lowering_a_limit_takes_idle_memory_at_once() {
    let bank = bank(100 * KIB);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    fill(&bank, &shelf, 80 * KIB);
    bank.set_limit(Resource::Host, 50 * KIB).unwrap();
    assert_eq!(shelf.bytes(), 50 * KIB);
    assert_eq!(bank.limit(Resource::Host), Some(50 * KIB));
}

#[test]
fn trimming_takes_a_fraction_and_calls_the_allocator_hook() {
    let bank = bank(100 * KIB);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    fill(&bank, &shelf, 80 * KIB);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    bank.after_trim(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    assert_eq!(bank.trim(0.25), 20 * KIB);
    assert_eq!((shelf.bytes(), calls.load(Ordering::SeqCst)), (60 * KIB, 1));
    assert_eq!(bank.trim(1.0), 60 * KIB);
}

#[test]
fn two_banks_do_not_see_each_other() {
    let (one, two) = (bank(10 * KIB), bank(10 * KIB));
    let _held = one
        .holder(Account::Tiles, "tile", "")
        .try_reserve(10 * KIB)
        .unwrap();
    assert_eq!(two.ledger().host.live_bytes, 0);
    assert!(
        two.holder(Account::Tiles, "tile", "")
            .try_reserve(10 * KIB)
            .is_ok()
    );
}

#[test]
fn buffers_are_zero_aligned_and_paid_for() {
    let bank = bank(16 << 20);
    let holder = bank.holder(Account::Bitmaps, "bitmap", "");
    for len in [
        0usize,
        1,
        63,
        64,
        100_000,
        (2 << 20) - 1,
        2 << 20,
        (2 << 20) + 1,
        5_000_000,
    ] {
        let mut buffer = holder.buffer(len, &Wait::never()).unwrap();
        assert_eq!(buffer.len(), len);
        assert!(buffer.iter().all(|byte| *byte == 0));
        assert_eq!(buffer.as_ptr() as usize % 64, 0);
        buffer.fill(7);
        assert!(
            buffer.reserved_bytes() >= len as u64 && buffer.reserved_bytes() < len as u64 + 4096
        );
        assert_eq!(bank.ledger().host.live_bytes, Buffer::footprint(len));
    }
    assert_eq!(bank.ledger().host.live_bytes, 0);
    assert!(holder.buffer(17 << 20, &Wait::never()).is_err());
}

#[test]
fn a_row_disappears_with_its_last_holder() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Tiles, "tile", "gone");
    let reservation = holder.try_reserve(KIB).unwrap();
    drop(holder);
    assert_eq!(
        bank.ledger().types.len(),
        1,
        "the reservation still stands in it"
    );
    drop(reservation);
    assert_eq!(bank.ledger().types.len(), 0);
}

#[test]
fn what_was_taken_since_a_mark_is_told_from_what_was_there() {
    let bank = bank(100 * KIB);
    let holder = bank.holder(Account::Tiles, "tile", "photos");
    let old = holder.try_reserve(10 * KIB).unwrap();
    assert_eq!(bank.ledger().types[0].since_mark, None);
    let mark = bank.mark();
    assert_eq!(bank.ledger().mark, Some(mark));
    let mut new = holder.try_reserve(3 * KIB).unwrap();
    bank.mark();
    // What grows stays of its generation.
    new.try_grow(KIB).unwrap();
    let since = |generation: u32| {
        let row = &bank.ledger().types[0];
        let of_it = row
            .generations
            .iter()
            .find(|row| row.generation == generation);
        of_it.map_or((0, 0), |row| (row.count, row.live_bytes))
    };
    assert_eq!((since(1), since(2)), ((1, 4 * KIB), (0, 0)));
    let newest = bank.ledger().types[0].since_mark.unwrap();
    assert_eq!((newest.generation, newest.count), (2, 0));
    drop(old);
    assert_eq!(since(1), (1, 4 * KIB), "the old one was of no mark");
    drop(new);
    assert!(bank.ledger().types[0].generations.is_empty());
}

#[test]
fn bytes_that_serve_for_nothing_are_shown_until_they_do() {
    let bank = bank(100 * KIB);
    let holder = bank.holder(Account::Pool, "tensor", "");
    let wasted = || bank.ledger().types[0].wasted_bytes;
    let buffer = holder.buffer(100, &Wait::never()).unwrap();
    assert_eq!(wasted(), 28, "100 bytes are rounded to lines of 64");
    let mut reused = holder.try_reserve(KIB).unwrap();
    reused.set_wasted(200);
    assert_eq!(wasted(), 228);
    reused.set_wasted(50);
    drop(buffer);
    assert_eq!(wasted(), 50);
    drop(reused);
    assert_eq!(wasted(), 0);
}

#[test]
fn what_happens_to_the_budget_is_listed() {
    let bank = bank(20 * KIB);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    fill(&bank, &shelf, 8 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let _held = holder.try_reserve(16 * KIB).unwrap();
    assert!(holder.try_reserve(10 * KIB).is_err());
    let _over = holder.overdraw(8 * KIB);
    bank.set_limit(Resource::Host, 40 * KIB).unwrap();
    bank.mark();
    bank.trim(1.0);
    let events = bank.events();
    let of = |kind| {
        let event = events.iter().find(|event| event.kind == kind);
        let event = event.unwrap_or_else(|| panic!("{kind:?} among {events:?}"));
        (event.account, event.amount)
    };
    assert_eq!(of(EventKind::Reclaimed).0, Some(Account::Tiles));
    assert!(of(EventKind::Reclaimed).1 >= 4 * KIB);
    assert_eq!(of(EventKind::Refused), (Some(Account::Scratch), 10 * KIB));
    assert_eq!(of(EventKind::Overdrawn), (Some(Account::Scratch), 8 * KIB));
    assert_eq!(of(EventKind::Limit), (None, 40 * KIB));
    assert_eq!(of(EventKind::Marked), (None, 1));
    assert_eq!(of(EventKind::Trimmed).0, None);
    assert!(events.is_sorted_by_key(|event| event.time_ms));
}

#[inline(never)]
fn a_place_that_takes_much(holder: &Holder) -> Reservation {
    holder.try_reserve(50 * KIB).unwrap()
}

#[test]
fn large_reservations_say_where_they_were_made_while_that_is_wanted() {
    let bank = bank(500 * KIB);
    let holder = bank.holder(Account::Bitmaps, "bitmap", "scene");
    let before = a_place_that_takes_much(&holder);
    bank.trace_from(Some(20 * KIB));
    let small = holder.try_reserve(KIB).unwrap();
    let mut large = a_place_that_takes_much(&holder);
    let larger = holder.try_reserve(60 * KIB).unwrap();
    bank.trace_from(None);
    let after = a_place_that_takes_much(&holder);
    let traces = bank.traces();
    assert_eq!(
        traces.iter().map(|trace| trace.bytes).collect::<Vec<_>>(),
        [60 * KIB, 50 * KIB]
    );
    let trace = &traces[1];
    assert_eq!(
        (trace.account, trace.kind.as_str(), trace.owner.as_str()),
        (Account::Bitmaps, "bitmap", "scene")
    );
    assert!(
        trace.stack.contains("a_place_that_takes_much"),
        "{}",
        trace.stack
    );
    assert!(!traces[0].stack.contains("a_place_that_takes_much"));
    // Its row is the same as that of the others, and outlives the holder with it.
    let part = large.split(10 * KIB);
    drop((holder, before, small, larger, after, large));
    assert_eq!(bank.traces().len(), 1, "a part of it is held still");
    assert_eq!(bank.ledger().types[0].live_bytes, 10 * KIB);
    drop(part);
    assert_eq!((bank.traces().len(), bank.ledger().types.len()), (0, 0));
}

#[test]
fn what_is_resident_beside_the_books_is_split() {
    let bank = bank(1 << 20);
    let before = bank.ledger().process;
    assert!(before.resident_bytes > 0 && before.file_bytes > 0);
    assert_eq!(before.allocator_bytes, None);
    bank.watch_allocator(|| 3 * KIB);
    let process = bank.ledger().process;
    assert_eq!(process.allocator_bytes, Some(3 * KIB));
    assert_eq!(
        process.unclassified_bytes,
        process.unaccounted_bytes - process.file_bytes - 3 * KIB
    );
    bank.watch_allocator(|| u64::MAX);
    assert_eq!(bank.ledger().process.unclassified_bytes, 0);
}

/// Many threads reserve, wait, split and keep idle; the limit holds at every moment and all comes back.
#[test]
fn the_limit_holds_under_stress() {
    const LIMIT: u64 = 1000 * KIB;
    let bank = bank(LIMIT);
    let shelf = Shelf::new(&bank, Account::Tiles, 1.0);
    let start = Barrier::new(9);
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for seed in 0..8u64 {
            let (bank, shelf, start, done) = (&bank, &shelf, &start, &done);
            scope.spawn(move || {
                start.wait();
                let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
                let holder = bank.holder(Account::ALL[(seed % 5) as usize], "object", "");
                let mut held: Vec<Reservation> = Vec::new();
                for _ in 0..2000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let bytes = random % (100 * KIB) + 1;
                    match random >> 60 {
                        0..=4 => held.extend(holder.try_reserve(bytes)),
                        // With nothing in hand, so that those who wait cannot wait for each other.
                        5..=7 => {
                            // The shelf speaks for the account of tiles alone.
                            for reservation in
                                held.drain(..).filter(|_| holder.account() == shelf.account)
                            {
                                shelf.keep(reservation);
                            }
                            bank.became_idle();
                            held.push(holder.reserve(bytes, &Wait::forever()).unwrap());
                        }
                        8..=9 => {
                            if let Some(last) = held.last_mut() {
                                let half = last.amount() / 2;
                                let cut = last.split(half);
                                held.push(cut);
                            }
                        }
                        _ => drop(held.pop()),
                    }
                }
                drop(held);
                bank.became_idle();
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        start.wait();
        while done.load(Ordering::SeqCst) < 8 {
            let ledger = bank.ledger();
            assert!(ledger.host.live_bytes <= LIMIT);
            assert_eq!(
                ledger.host.live_bytes,
                ledger.accounts.iter().map(|a| a.live_bytes).sum::<u64>()
            );
            assert_eq!(
                ledger.host.live_bytes,
                ledger.types.iter().map(|t| t.live_bytes).sum::<u64>()
            );
            thread::yield_now();
        }
    });
    bank.trim(1.0);
    let ledger = bank.ledger();
    assert_eq!((ledger.host.live_bytes, ledger.host.overdrafts), (0, 0));
    assert!(ledger.host.peak_bytes <= LIMIT);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(usize, u64),
    Overdraw(usize, u64),
    Grow(usize, u64),
    Shrink(usize, u64),
    Split(usize, u64),
    Drop(usize),
    Mark,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4usize;
    let bytes = 0..50u64;
    prop_oneof![
        4 => (which.clone(), bytes.clone()).prop_map(|(w, b)| Step::Reserve(w, b)),
        1 => (which, bytes.clone()).prop_map(|(w, b)| Step::Overdraw(w, b)),
        1 => (any::<usize>(), bytes.clone()).prop_map(|(i, b)| Step::Grow(i, b)),
        1 => (any::<usize>(), bytes.clone()).prop_map(|(i, b)| Step::Shrink(i, b)),
        1 => (any::<usize>(), bytes).prop_map(|(i, b)| Step::Split(i, b)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => Just(Step::Mark),
    ]
}

proptest! {
    /// Books and a simple model agree after every step, and all is zero at the end.
    #[test]
    fn books_agree_with_a_model(steps in proptest::collection::vec(step(), 1..120)) {
        const ACCOUNTS: [Account; 4] = [Account::Tiles, Account::Bitmaps, Account::Scratch, Account::Pool];
        const FLOOR: [u64; 4] = [30, 0, 0, 0];
        const CEILING: [u64; 4] = [u64::MAX, 40, u64::MAX, u64::MAX];
        let bank = Bank::builder()
            .host_bytes(200)
            .account(Account::Tiles, 30, None)
            .account(Account::Bitmaps, 0, Some(40))
            .build()
            .unwrap();
        let holders: Vec<Holder> = ACCOUNTS.iter().map(|a| bank.holder(*a, "x", "")).collect();
        // Account, generation, receipt.
        let mut held: Vec<(usize, u32, Reservation)> = Vec::new();
        let mut marks = 0;
        let mut live = [0u64; 4];
        let fits = |live: &[u64; 4], which: usize, more: u64| {
            let mut after = *live;
            after[which] += more;
let others: u64 = (0..4).filter(|i| *i != which).map(|i| live[i].max(FLOOR[i])).sum();
            after[which] <= CEILING[which] && others + after[which] <= 200
        };
        for step in steps {
            match step {
                Step::Reserve(which, bytes) => {
                    let got = holders[which].try_reserve(bytes);
                    prop_assert_eq!(got.is_ok(), bytes == 0 || fits(&live, which, bytes));
                    if let Ok(reservation) = got {
                        live[which] += bytes;
                        held.push((which, marks, reservation));
                    }
                }
                Step::Overdraw(which, bytes) => {
                    held.push((which, marks, holders[which].overdraw(bytes)));
                    live[which] += bytes;
                }
                Step::Grow(i, bytes) if !held.is_empty() => {
                    let i = i % held.len();
                    let which = held[i].0;
                    let expected = bytes == 0 || fits(&live, which, bytes);
                    prop_assert_eq!(held[i].2.try_grow(bytes).is_ok(), expected);
                    if expected {
                        live[which] += bytes;
                    }
                }
                Step::Shrink(i, bytes) if !held.is_empty() => {
                    let i = i % held.len();
                    live[held[i].0] -= held[i].2.amount().saturating_sub(bytes);
                    held[i].2.shrink_to(bytes);
                }
                Step::Split(i, bytes) if !held.is_empty() => {
                    let i = i % held.len();
                    let bytes = bytes.min(held[i].2.amount());
                    let cut = held[i].2.split(bytes);
                    held.push((held[i].0, held[i].1, cut));
                }
                Step::Drop(i) if !held.is_empty() => {
                    let (which, _, reservation) = held.swap_remove(i % held.len());
                    live[which] -= reservation.amount();
                }
                Step::Mark => {
                    marks += 1;
                    prop_assert_eq!(bank.mark().generation, marks);
                }
                _ => {}
            }
            let ledger = bank.ledger();
            for row in &ledger.types {
                for generation in 1..=marks {
                    let of_it = || held.iter().filter(|(which, of, _)| {
                        ACCOUNTS[*which] == row.account && *of == generation
                    });
                    let listed = row.generations.iter().find(|row| row.generation == generation);
                    prop_assert_eq!(listed.map_or(0, |row| row.count), of_it().count() as u64);
                    let bytes: u64 = of_it().map(|(_, _, receipt)| receipt.amount()).sum();
                    prop_assert_eq!(listed.map_or(0, |row| row.live_bytes), bytes);
                }
                prop_assert_eq!(row.since_mark.map(|row| row.generation), (marks > 0).then_some(marks));
            }
            for (which, account) in ACCOUNTS.iter().enumerate() {
                let row = ledger.accounts.iter().find(|row| row.account == *account).unwrap();
                prop_assert_eq!(row.live_bytes, live[which]);
                prop_assert_eq!(row.count, held.iter().filter(|(w, _, _)| *w == which).count() as u64);
            }
            prop_assert_eq!(ledger.host.live_bytes, live.iter().sum::<u64>());
        }
        held.clear();
        let ledger = bank.ledger();
        prop_assert_eq!(ledger.host.live_bytes, 0);
        prop_assert!(ledger.accounts.iter().all(|row| row.count == 0));
    }
}

/// Nobody who waits is passed over for ever by others who wait for less.
#[test]
fn a_large_waiter_is_served_before_small_ones_that_came_later() {
    let bank = bank(10 * KIB);
    let holder = bank.holder(Account::Scratch, "strip", "");
    let held = holder.try_reserve(6 * KIB).unwrap();
    let order = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let large = scope.spawn(|| {
            let got = holder.reserve(9 * KIB, &Wait::forever()).unwrap();
            order.lock().unwrap().push("large");
            drop(got);
        });
        while bank.waiting() < 1 {
            thread::yield_now();
        }
        let small = scope.spawn(|| {
            let _got = holder.reserve(5 * KIB, &Wait::forever()).unwrap();
            order.lock().unwrap().push("small");
        });
        while bank.waiting() < 2 {
            thread::yield_now();
        }
        drop(held);
        large.join().unwrap();
        small.join().unwrap();
    });
    assert_eq!(*order.lock().unwrap(), ["large", "small"]);
}
