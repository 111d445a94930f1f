use std::sync::Mutex;

use pixelbank_memory::{Account, Bank, Buffer, Holder, Wait};

use crate::watch::Live;

const TILE_BYTES: usize = 196_608;
const TILES_LIVE: usize = 400;
const ENCODED_LIVE: usize = 800;
const OBJECTS_LIVE: usize = 20_000;

/// Tables that all threads put into and take from, so that most memory is freed by another thread than took it.
struct Tables {
    tiles: Vec<Mutex<Option<Held<Buffer>>>>,
    encoded: Vec<Mutex<Option<Held<Vec<u8>>>>>,
    objects: Vec<Mutex<Option<Held<Box<[u8]>>>>>,
}

/// Something allocated, counted as live until it is dropped.
struct Held<T> {
    _what: T,
    bytes: u64,
    live: Live,
}

impl<T> Held<T> {
    /// Counts before it allocates, so that what is resident but not yet counted is never taken for waste.
    fn new(bytes: usize, live: &Live, make: impl FnOnce() -> T) -> Self {
        live.add(bytes as u64);
        Self {
            _what: make(),
            bytes: bytes as u64,
            live: live.clone(),
        }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.live.sub(self.bytes);
    }
}

fn table<T>(len: usize) -> Vec<Mutex<Option<T>>> {
    std::iter::repeat_with(|| Mutex::new(None))
        .take(len)
        .collect()
}

fn put<T>(table: &[Mutex<Option<T>>], random: &mut Random, what: T) {
    let old = table[random.below(table.len())]
        .lock()
        .expect("nobody panics")
        .replace(what);
    drop(old);
}

/// `threads` threads do `steps` things each; then everything is dropped.
pub fn serve(bank: &Bank, live: &Live, threads: u64, steps: u64) {
    let tables = Tables {
        tiles: table(TILES_LIVE),
        encoded: table(ENCODED_LIVE),
        objects: table(OBJECTS_LIVE),
    };
    let tiles = bank.holder(Account::Tiles, "tile", "bench");
    let bitmaps = bank.holder(Account::Bitmaps, "bitmap", "bench");
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (tables, tiles, bitmaps) = (&tables, &tiles, &bitmaps);
            scope.spawn(move || worker(tables, tiles, bitmaps, live, Random(thread + 1), steps));
        }
    });
}

fn worker(
    tables: &Tables,
    tiles: &Holder,
    bitmaps: &Holder,
    live: &Live,
    mut random: Random,
    steps: u64,
) {
    for _ in 0..steps {
        match random.below(100) {
            // A tile is decoded: rows and a decoder's own memory beside it.
            0..30 => {
                let _c = CBlock::filled(random.between(2 << 10, 300 << 10), live);
                let row_bytes = random.between(8 << 10, 72 << 10);
                let _row = Held::new(row_bytes, live, || vec![1u8; row_bytes]);
                let tile = Held::new(TILE_BYTES, live, || pixels(tiles, TILE_BYTES));
                put(&tables.tiles, &mut random, tile);
            }
            // A tile is encoded; the vector grows as the bytes come.
            30..60 => {
                let bytes = random.between(5 << 10, 30 << 10);
                let encoded = Held::new(bytes, live, || {
                    let mut encoded = Vec::new();
                    while encoded.len() < bytes {
                        encoded.extend_from_slice(&[7; 4096]);
                    }
                    encoded.truncate(bytes);
                    encoded.shrink_to_fit();
                    encoded
                });
                put(&tables.encoded, &mut random, encoded);
            }
            // A request: names, headers, entries of tables. Some of them stay.
            60..99 => {
                for _ in 0..40 {
                    let bytes = random.between(16, 600);
                    let object = Held::new(bytes, live, || vec![3u8; bytes].into_boxed_slice());
                    if random.below(8) == 0 {
                        put(&tables.objects, &mut random, object);
                    }
                }
            }
            // A thumbnail's or a region's pixels, on its way through.
            _ => {
                let bytes = random.skewed(100 << 10, 8 << 20);
                drop(Held::new(bytes, live, || pixels(bitmaps, bytes)));
            }
        }
    }
}

/// 200 pictures of 100 KB to 366 MB, at most eight and 700 MB of them alive, from one thread after the other.
pub fn pictures(bank: &Bank, live: &Live) {
    let bitmaps = bank.holder(Account::Bitmaps, "picture", "bench");
    let mut random = Random(99);
    let mut alive: Vec<Held<Buffer>> = Vec::new();
    for _ in 0..200 {
        let bytes = random.skewed(100_000, 366_000_000);
        while alive.len() >= 8
            || alive.iter().map(|held| held.bytes).sum::<u64>() + bytes as u64 > 700_000_000
        {
            if alive.is_empty() {
                break;
            }
            alive.swap_remove(random.below(alive.len()));
        }
        let picture = std::thread::scope(|scope| {
            let decoder = scope.spawn(|| {
                let _c = CBlock::filled(bytes / 40, live);
                Held::new(bytes, live, || pixels(&bitmaps, bytes))
            });
            decoder.join().expect("nobody panics")
        });
        alive.push(picture);
    }
}

/// A buffer with one byte written in each page: the time that is measured is the allocator's and the kernel's.
fn pixels(holder: &Holder, bytes: usize) -> Buffer {
    let mut buffer = holder
        .buffer(bytes, &Wait::never())
        .expect("the budget is large");
    for byte in buffer.iter_mut().step_by(4096) {
        *byte = 1;
    }
    buffer
}

/// What a C library takes for a while: glibc's, whatever the global allocator is.
struct CBlock {
    block: *mut libc::c_void,
    _held: Held<()>,
}

impl CBlock {
    fn filled(bytes: usize, live: &Live) -> Self {
        let held = Held::new(bytes, live, || ());
        // SAFETY: the block is checked before it is written, and written only inside.
        let block = unsafe {
            let block = libc::malloc(bytes);
            assert!(!block.is_null());
            std::slice::from_raw_parts_mut(block.cast::<std::mem::MaybeUninit<u8>>(), bytes)
                .iter_mut()
                .step_by(4096)
                .for_each(|byte| {
                    byte.write(1);
                });
            block
        };
        Self { block, _held: held }
    }
}

impl Drop for CBlock {
    fn drop(&mut self) {
        // SAFETY: it came from malloc and is freed once.
        unsafe { libc::free(self.block) }
    }
}

/// Xorshift: the same sequence in every round.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from)
    }

    /// Evenly spread over the logarithm: many small, few large.
    fn skewed(&mut self, from: usize, to: usize) -> usize {
        let fraction = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (from as f64 * (to as f64 / from as f64).powf(fraction)) as usize
    }
}
