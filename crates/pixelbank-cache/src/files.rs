//! Files by name: what is known of them.

use std::borrow::Borrow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use pixelbank_codec::Format;
use pixelbank_image::{ChannelList, ImageSpec, LevelSpec, Size};
use pixelbank_memory::sync::{Mutex, RwLock};
use pixelbank_memory::{Account, Bank, Holder, Idle, Reclaim, Reservation, Wait};

use crate::Error;
use crate::flight::Flights;
use crate::intern::Interner;
use crate::readers::{Reader, Readers};
use crate::run::Run;
use crate::source::Stamp;
use crate::stats::FileCounters;
use crate::store::Seats;
use crate::twins::Twins;

/// What is known of a file. Handles share it; the table keeps it until the budget wants its bytes.
pub(crate) struct File {
    pub key: Box<OsStr>,
    /// Stands for the file in the keys of its tiles; another one once it has changed or was invalidated.
    pub id: u64,
    pub format: Format,
    /// By subimage; one that others have too is the same in memory.
    pub specs: Box<[Arc<ImageSpec>]>,
    /// The size of tiles where the file has none.
    pub tile: Size,
    pub stamp: Option<Stamp>,
    pub counters: FileCounters,
    pub run: Run,
    /// Those of its tiles, once one was kept.
    pub seats: OnceLock<Arc<Seats>>,
    last_use: AtomicU64,
    /// Other spellings of the name in the table.
    aliases: AtomicU32,
    reservation: Reservation,
}

impl File {
    /// Whether nobody but the table holds it. To be asked under the table's lock, which handles are made under.
    fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 + self.aliases.load(Ordering::Relaxed) as usize
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("key", &self.key)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A file in the table, found by its name.
struct Named(Arc<File>);

impl Borrow<OsStr> for Named {
    fn borrow(&self) -> &OsStr {
        &self.0.key
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

#[derive(Default)]
struct Table {
    files: HashSet<Named>,
    /// Reserved for them, in use or not.
    bytes: u64,
    aliases: HashMap<Box<OsStr>, Alias>,
}

/// Another spelling of a file's name.
struct Alias {
    file: Arc<File>,
    _reservation: Reservation,
}

impl Table {
    fn find(&self, key: &OsStr) -> Option<&Arc<File>> {
        match self.files.get(key) {
            Some(Named(file)) => Some(file),
            None => self.aliases.get(key).map(|alias| &alias.file),
        }
    }

    fn insert(&mut self, file: Arc<File>) {
        self.bytes += file.reservation.amount();
        if let Some(Named(before)) = self.files.replace(Named(file)) {
            self.bytes -= before.reservation.amount();
        }
    }

    fn remove(&mut self, key: &OsStr) -> Option<Arc<File>> {
        let Named(file) = self.files.take(key)?;
        self.bytes -= file.reservation.amount();
        if file.aliases.load(Ordering::Relaxed) > 0 {
            self.aliases.retain(|_, alias| alias.file.key != file.key);
        }
        Some(file)
    }
}

pub(crate) struct Files {
    pub readers: Arc<Readers>,
    tile: Size,
    name: String,
    table: RwLock<Table>,
    flights: Flights<OsString, Arc<File>>,
    generations: Mutex<Generations>,
    specs: Interner<ImageSpec>,
    /// Profiles, and whatever else of a file's attributes is the same in others.
    pub values: Interner<[u8]>,
    channels: Interner<ChannelList>,
    twins: Twins,
    hasher: DefaultHashBuilder,
    clock: AtomicU64,
    descriptors: Holder,
}

/// How often files were invalidated: all together, and by name where one was invalidated since.
#[derive(Default)]
struct Generations {
    all: u64,
    of_one: HashMap<OsString, u64>,
}

impl Files {
    pub fn new(bank: &Bank, name: &str, readers: Arc<Readers>, tile: Size) -> Self {
        let holder = |kind| bank.holder(Account::Descriptors, kind, name);
        Self {
            readers,
            tile,
            name: name.to_owned(),
            table: RwLock::default(),
            flights: Flights::new(),
            generations: Mutex::default(),
            specs: Interner::new(holder("specification")),
            values: Interner::new(holder("attribute")),
            channels: Interner::new(holder("channel list")),
            twins: Twins::default(),
            hasher: DefaultHashBuilder::default(),
            clock: AtomicU64::new(0),
            descriptors: holder("file"),
        }
    }

    /// What is known of the file, found out now where it is not known yet.
    pub fn describe(&self, key: &OsStr, wait: &Wait) -> Result<Arc<File>, Error> {
        if let Some(file) = self.known(key) {
            return Ok(file);
        }
        let name = self.readers.source().resolve(key);
        let file = self.describe_resolved(&name, wait)?;
        if *name != *key {
            self.add_alias(key, &file, wait)?;
        }
        Ok(file)
    }

    fn describe_resolved(&self, key: &OsStr, wait: &Wait) -> Result<Arc<File>, Error> {
        let what = || format!("{} to be opened by {}", key.to_string_lossy(), self.name);
        self.flights.join(&key.to_owned(), wait, what, || {
            if let Some(file) = self.known(key) {
                return Ok(file);
            }
            // Before the file is read: what changes meanwhile is noticed afterwards.
            let stamp = self.readers.source().stamp(key);
            let generation = self.generation(key);
            let mut id = self.hasher.hash_one((key, generation, stamp));
            let mut reader = self.readers.open(key, id, wait)?;
            let info = Arc::clone(reader.decoder.info());
            let specs = info
                .subimages
                .iter()
                .map(|spec| self.intern(spec, wait))
                .collect::<Result<Box<[_]>, _>>()?;
            if let Some(twin) = self
                .twins
                .id_of(key, id, stamp, &specs, self.readers.source())
            {
                id = twin;
                reader.file = id;
            }
            let reservation = self
                .descriptors
                .reserve(self.heap_bytes(key, &specs), wait)?;
            let file = Arc::new(File {
                key: key.into(),
                id,
                format: info.format,
                specs,
                tile: self.tile,
                stamp,
                counters: FileCounters::default(),
                run: Run::default(),
                seats: OnceLock::new(),
                last_use: AtomicU64::new(self.now()),
                aliases: AtomicU32::new(0),
                reservation,
            });
            // A file that was invalidated meanwhile is described to whoever asked, and to nobody after.
            let mut table = self.table.write();
            if self.generation(key) == generation {
                table.insert(Arc::clone(&file));
                self.readers.give_back(reader);
            }
            Ok(file)
        })
    }

    fn intern(&self, spec: &ImageSpec, wait: &Wait) -> Result<Arc<ImageSpec>, Error> {
        let mut spec = spec.clone();
        spec.levels.shrink_to_fit();
        if let Some(icc) = spec.icc.take() {
            let bytes = icc.len() as u64 + 16;
            spec.icc = Some(self.values.intern(icc, bytes, wait)?);
        }
        if let Some(channels) = spec.channels.take() {
            let bytes = 16 + size_of::<ChannelList>() + channels.heap_bytes();
            spec.channels = Some(self.channels.intern(channels, bytes as u64, wait)?);
        }
        let bytes = 16 + size_of::<ImageSpec>() + spec.levels.len() * size_of::<LevelSpec>();
        self.specs.intern(Arc::new(spec), bytes as u64, wait)
    }

    fn add_alias(&self, key: &OsStr, file: &Arc<File>, wait: &Wait) -> Result<(), Error> {
        let bytes = key.len() + size_of::<Alias>() + 48;
        let reservation = self.descriptors.reserve(bytes as u64, wait)?;
        let mut table = self.table.write();
        let is_current = |known: &Named| Arc::ptr_eq(&known.0, file);
        if table.files.get(&*file.key).is_some_and(is_current) && !table.aliases.contains_key(key) {
            file.aliases.fetch_add(1, Ordering::Relaxed);
            let alias = Alias {
                file: Arc::clone(file),
                _reservation: reservation,
            };
            table.aliases.insert(key.into(), alias);
        }
        Ok(())
    }

    /// How often the file was invalidated. Part of its number, which is the same as long as the file is, even if its
    /// description was reclaimed meanwhile, so that its tiles are found again. 64 bits of a keyed hash: a collision among
    /// a million files has odds of one in ten million.
    fn generation(&self, key: &OsStr) -> (u64, u64) {
        let generations = self.generations.lock();
        let of_one = generations.of_one.get(key).copied().unwrap_or(0);
        (generations.all, of_one)
    }

    /// What is known of the file by now.
    pub fn known(&self, key: &OsStr) -> Option<Arc<File>> {
        let file = Arc::clone(self.table.read().find(key)?);
        file.last_use.store(self.now(), Ordering::Relaxed);
        Some(file)
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    pub fn n_known(&self) -> u64 {
        self.table.read().files.len() as u64
    }

    /// Everything that is known, in no order.
    pub fn all(&self) -> Vec<Arc<File>> {
        let table = self.table.read();
        let files = table.files.iter();
        files.map(|Named(file)| Arc::clone(file)).collect()
    }

    /// Forgets a file, and those of equal content with it; the numbers that stood for them. Loads under way still carry
    /// those numbers, so what they make is never taken for the new file's.
    pub fn forget(&self, key: &OsStr) -> Vec<u64> {
        let known = self.table.read().find(key).cloned();
        let name = match &known {
            Some(file) => file.key.to_os_string(),
            None => self.readers.source().resolve(key).into_owned(),
        };
        let mut names = vec![name];
        if let Some(file) = &known {
            names.extend(self.twins.forget(file.id));
        }
        let mut gone = Vec::new();
        {
            let mut generations = self.generations.lock();
            for name in &names {
                *generations.of_one.entry(name.clone()).or_default() += 1;
            }
        }
        {
            let mut table = self.table.write();
            gone.extend(names.iter().filter_map(|name| table.remove(name)));
        }
        let mut ids: Vec<u64> = gone.iter().map(|file| file.id).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in &ids {
            self.readers.close(Some(*id));
        }
        drop((gone, known));
        self.sweep();
        ids
    }

    pub fn forget_all(&self) {
        {
            let mut generations = self.generations.lock();
            generations.all += 1;
            generations.of_one.clear();
        }
        let gone = std::mem::take(&mut *self.table.write());
        drop(gone);
        self.twins.clear();
        self.readers.close(None);
        self.sweep();
    }

    /// Whether a file is known and not any more what it was when it was described; with `in_any_case`, whether it is known.
    #[cfg(feature = "watch")]
    pub fn is_changed(&self, key: &OsStr, in_any_case: bool) -> bool {
        let Some(file) = self.table.read().find(key).cloned() else {
            return false;
        };
        in_any_case || file.stamp != self.readers.source().stamp(&file.key)
    }

    /// The names of files that are not any more what they were when they were described.
    pub fn changed(&self) -> Vec<OsString> {
        let source = self.readers.source();
        let files = self.all();
        let changed = files
            .iter()
            .filter(|file| file.stamp.is_some() && source.stamp(&file.key) != file.stamp);
        changed.map(|file| file.key.to_os_string()).collect()
    }

    /// What a description occupies: itself, its slot in the table and that one's spare room, and the allocator's rounding.
    fn heap_bytes(&self, key: &OsStr, specs: &[Arc<ImageSpec>]) -> u64 {
        let bytes = 16 + size_of::<File>() + key.len() + size_of_val(specs);
        let as_twin = if self.readers.source().shares_identical() {
            Twins::bytes(key)
        } else {
            0
        };
        (bytes + bytes / 8 + 24 + as_twin) as u64
    }

    /// Keeps a decoder of `file` for the next who needs it, unless the file was forgotten meanwhile. Not to be called with
    /// one that failed.
    pub fn give_back(&self, file: &File, reader: Reader) {
        let table = self.table.read();
        if table
            .files
            .get(&*file.key)
            .is_some_and(|Named(known)| known.id == reader.file)
        {
            self.readers.give_back(reader);
        }
    }

    fn sweep(&self) -> u64 {
        // Specifications hold profiles and names.
        self.specs.sweep() + self.values.sweep() + self.channels.sweep()
    }
}

/// Opening a small file anew, spread over the bytes of its description.
const REOPEN_NANOS_PER_BYTE: f64 = 50.0;

impl Reclaim for Files {
    fn account(&self) -> Account {
        Account::Descriptors
    }

    fn idle(&self) -> Idle {
        // Asked for every tile that goes, so it must not go through all files: those in use count as well, and `reclaim`
        // says when there is nothing else left.
        let described = self.table.read().bytes;
        Idle {
            amount: described + self.readers.idle_bytes(),
            nanos_per_unit: REOPEN_NANOS_PER_BYTE,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        while freed < amount {
            let Some(bytes) = self.readers.close_oldest() else {
                break;
            };
            freed += bytes;
        }
        if freed < amount {
            freed += self.reclaim_descriptions(amount - freed);
        }
        freed
    }
}

impl Files {
    fn reclaim_descriptions(&self, amount: u64) -> u64 {
        let mut freed = 0;
        let mut gone = Vec::new();
        let mut table = self.table.write();
        let mut idle: Vec<(u64, Arc<File>)> = table
            .files
            .iter()
            .filter(|Named(file)| file.is_idle())
            .map(|Named(file)| (file.last_use.load(Ordering::Relaxed), Arc::clone(file)))
            .collect();
        idle.sort_unstable_by_key(|(last_use, _)| *last_use);
        for (_, file) in idle {
            if freed >= amount {
                break;
            }
            freed += file.reservation.amount();
            gone.extend(table.remove(&file.key));
        }
        drop(table);
        drop(gone);
        freed + self.sweep()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
