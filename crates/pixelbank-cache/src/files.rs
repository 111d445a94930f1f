//! Files by name: what is known of them, and decoders that wait to be used again.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::{Mutex, RwLock};
use pixelbank_codec::{Decoder, ImageInfo};
use pixelbank_image::{ImageSpec, Size};
use pixelbank_memory::{Account, Bank, Holder, Idle, Reclaim, Reservation, Resource, Wait};

use crate::flight::Flights;
use crate::level::{self, Level};
use crate::{Error, stats};

/// How the cache turns a name into something that decodes.
pub(crate) type Open =
    Box<dyn Fn(&OsStr) -> Result<Box<dyn Decoder>, pixelbank_codec::Error> + Send + Sync>;

/// What is known of a file. Handles share it; the table keeps it until the budget wants its bytes.
pub(crate) struct File {
    pub key: OsString,
    /// Stands for the file in the keys of its tiles; another one after it was invalidated.
    pub id: u64,
    pub info: Arc<ImageInfo>,
    /// By subimage.
    pub levels: Vec<Vec<Level>>,
    last_use: AtomicU64,
    reservation: Reservation,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("key", &self.key)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A decoder with the receipts for its file and its memory.
pub(crate) struct Reader {
    pub decoder: Box<dyn Decoder>,
    file: u64,
    _open_file: Reservation,
    _memory: Reservation,
}

pub(crate) struct Files {
    open: Open,
    tile: Size,
    name: String,
    by_key: RwLock<HashMap<OsString, Arc<File>>>,
    flights: Flights<OsString, Arc<File>>,
    generations: Mutex<Generations>,
    hasher: DefaultHashBuilder,
    clock: AtomicU64,
    descriptors: Holder,
    readers: Holder,
    open_files: Holder,
    /// Least recently used first.
    idle: Arc<IdleReaders>,
    opens: AtomicU64,
}

/// How often files were invalidated: all together, and by name where one was invalidated since.
#[derive(Default)]
struct Generations {
    all: u64,
    of_one: HashMap<OsString, u64>,
}

/// Decoders that nobody uses; their files stay open until the limit on open files wants them closed.
#[derive(Default)]
pub(crate) struct IdleReaders(Mutex<VecDeque<Reader>>);

impl Files {
    pub fn new(bank: &Bank, name: &str, open: Open, tile: Size) -> Result<Self, Error> {
        Ok(Self {
            open,
            tile,
            name: name.to_owned(),
            by_key: RwLock::new(HashMap::new()),
            flights: Flights::new(),
            generations: Mutex::default(),
            hasher: DefaultHashBuilder::default(),
            clock: AtomicU64::new(0),
            descriptors: bank.holder(Account::Descriptors, "file", name),
            readers: bank.holder(Account::Descriptors, "decoder", name),
            open_files: bank.holder_of(
                Resource::Files,
                Account::Descriptors,
                "image file",
                name,
            )?,
            idle: Arc::default(),
            opens: AtomicU64::new(0),
        })
    }

    pub fn idle_readers(&self) -> Arc<IdleReaders> {
        Arc::clone(&self.idle)
    }

    pub fn opens(&self) -> u64 {
        self.opens.load(Ordering::Relaxed)
    }

    /// What is known of the file, found out now where it is not known yet.
    pub fn describe(&self, key: &OsStr, wait: &Wait) -> Result<Arc<File>, Error> {
        if let Some(file) = self.known(key) {
            return Ok(file);
        }
        let what = || format!("{} to be opened by {}", key.to_string_lossy(), self.name);
        self.flights.join(&key.to_owned(), wait, what, || {
            if let Some(file) = self.known(key) {
                return Ok(file);
            }
            let id = self.id(key);
            let reader = self.open(key, id, wait)?;
            let info = Arc::clone(reader.decoder.info());
            let levels: Vec<Vec<Level>> = info
                .subimages
                .iter()
                .map(|spec| level::levels(spec, self.tile))
                .collect();
            let bytes = heap_bytes(key, &info, &levels);
            let reservation = self.descriptors.reserve(bytes, wait)?;
            let last_use = AtomicU64::new(self.now());
            let file = Arc::new(File {
                key: key.to_owned(),
                id,
                info,
                levels,
                last_use,
                reservation,
            });
            self.by_key
                .write()
                .insert(key.to_owned(), Arc::clone(&file));
            self.give_back(reader);
            Ok(file)
        })
    }

    /// The same for the same file as long as it is not invalidated, even if its description was reclaimed meanwhile, so
    /// that its tiles are found again. 64 bits of a keyed hash: a collision among a million files has odds of one in ten
    /// million.
    fn id(&self, key: &OsStr) -> u64 {
        let generations = self.generations.lock();
        let of_one = generations.of_one.get(key).copied().unwrap_or(0);
        self.hasher.hash_one((key, generations.all, of_one))
    }

    fn known(&self, key: &OsStr) -> Option<Arc<File>> {
        let file = Arc::clone(self.by_key.read().get(key)?);
        file.last_use.store(self.now(), Ordering::Relaxed);
        Some(file)
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// A decoder for `file`: one that waited, or a new one.
    pub fn reader(&self, file: &File, wait: &Wait) -> Result<Reader, Error> {
        {
            let mut idle = self.idle.0.lock();
            // The most recently used one is the likeliest to have its buffers warm.
            let found = idle.iter().rposition(|reader| reader.file == file.id);
            if let Some(reader) = found.and_then(|found| idle.remove(found)) {
                return Ok(reader);
            }
        }
        self.open(&file.key, file.id, wait)
    }

    /// Keeps a decoder for the next who needs it. Not to be called with one that failed.
    pub fn give_back(&self, reader: Reader) {
        self.idle.0.lock().push_back(reader);
    }

    fn open(&self, key: &OsStr, id: u64, wait: &Wait) -> Result<Reader, Error> {
        let open_file = self.open_files.reserve(1, wait)?;
        // While a header is read, nobody knows how large it is; the limits bound it, and this covers every honest one.
        let mut memory = self.readers.reserve(256 << 10, wait)?;
        let decoder = (self.open)(key)?;
        stats::add(&self.opens, 1);
        let bytes = decoder.heap_bytes();
        memory.shrink_to(bytes);
        let missing = bytes.saturating_sub(memory.amount());
        if missing > 0 {
            memory.try_grow(missing)?;
        }
        Ok(Reader {
            decoder,
            file: id,
            _open_file: open_file,
            _memory: memory,
        })
    }

    /// Forgets a file, and returns the number that stood for it. Loads under way still carry that number, so what they
    /// make is never taken for the new file's.
    pub fn forget(&self, key: &OsStr) -> u64 {
        let id = self.id(key);
        *self
            .generations
            .lock()
            .of_one
            .entry(key.to_owned())
            .or_default() += 1;
        self.by_key.write().remove(key);
        let closed: Vec<Reader> = {
            let mut idle = self.idle.0.lock();
            let (closed, kept): (Vec<_>, Vec<_>) =
                idle.drain(..).partition(|reader| reader.file == id);
            *idle = kept.into();
            closed
        };
        drop(closed);
        id
    }

    pub fn forget_all(&self) {
        {
            let mut generations = self.generations.lock();
            generations.all += 1;
            generations.of_one.clear();
        }
        self.by_key.write().clear();
        let closed = std::mem::take(&mut *self.idle.0.lock());
        drop(closed);
    }
}

/// What a description occupies: the table's entry, two copies of the name, and what the header said.
fn heap_bytes(key: &OsStr, info: &ImageInfo, levels: &[Vec<Level>]) -> u64 {
    let of_spec = |spec: &ImageSpec| {
        size_of::<ImageSpec>()
            + spec.levels.capacity() * size_of::<pixelbank_image::LevelSpec>()
            + spec.icc.as_ref().map_or(0, |icc| icc.len())
    };
    let bytes = size_of::<File>()
        + size_of::<ImageInfo>()
        + 2 * (key.len() + size_of::<OsString>())
        + info.subimages.iter().map(of_spec).sum::<usize>()
        + levels
            .iter()
            .map(|levels| size_of::<Vec<Level>>() + levels.capacity() * size_of::<Level>())
            .sum::<usize>();
    // The allocator's rounding and the table's spare room.
    (bytes + bytes / 4 + 64) as u64
}

/// Opening a small file anew, spread over the bytes of its description.
const REOPEN_NANOS_PER_BYTE: f64 = 50.0;

impl Reclaim for Files {
    fn account(&self) -> Account {
        Account::Descriptors
    }

    fn idle(&self) -> Idle {
        let files = self.by_key.read();
        let idle = files.values().filter(|file| Arc::strong_count(file) == 1);
        let readers: u64 = self
            .idle
            .0
            .lock()
            .iter()
            .map(|reader| reader._memory.amount())
            .sum();
        Idle {
            amount: idle.map(|file| file.reservation.amount()).sum::<u64>() + readers,
            nanos_per_unit: REOPEN_NANOS_PER_BYTE,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        while freed < amount {
            let Some(reader) = self.idle.0.lock().pop_front() else {
                break;
            };
            freed += reader._memory.amount();
        }
        if freed < amount {
            let mut files = self.by_key.write();
            let mut idle: Vec<(u64, OsString)> = files
                .values()
                .filter(|file| Arc::strong_count(file) == 1)
                .map(|file| (file.last_use.load(Ordering::Relaxed), file.key.clone()))
                .collect();
            idle.sort_unstable();
            for (_, key) in idle {
                if freed >= amount {
                    break;
                }
                freed += files
                    .remove(&key)
                    .map_or(0, |file| file.reservation.amount());
            }
        }
        freed
    }
}

impl Reclaim for IdleReaders {
    fn account(&self) -> Account {
        Account::Descriptors
    }

    fn resource(&self) -> Resource {
        Resource::Files
    }

    fn idle(&self) -> Idle {
        // Some 50 µs to open a file and read its header.
        Idle {
            amount: self.0.lock().len() as u64,
            nanos_per_unit: 50_000.0,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let closed: Vec<Reader> = {
            let mut idle = self.0.lock();
            let n = idle
                .len()
                .min(usize::try_from(amount).unwrap_or(usize::MAX));
            idle.drain(..n).collect()
        };
        closed.len() as u64
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
