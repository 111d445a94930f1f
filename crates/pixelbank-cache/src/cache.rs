use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use pixelbank_codec::Decoder;
use pixelbank_image::Size;
use pixelbank_memory::{Account, Bank, Holder, Reclaim, Wait};

use crate::files::Files;
use crate::flight::Flights;
use crate::image::Image;
use crate::load::GroupKey;
use crate::pass::Passes;
use crate::readers::Readers;
use crate::source::{Opener, Source};
use crate::spill::Spills;
use crate::stats::Counters;
use crate::store::{Policy, Store, Tile};
use crate::workers::Workers;
use crate::{Error, FileStats, Stats};

/// How a [`Cache`] is made.
pub struct CacheOptions {
    /// The owner that the ledger shows for what the cache holds.
    pub name: String,
    /// What the keys mean: files, or anything else that can decode itself.
    pub source: Box<dyn Source>,
    /// The size of tiles of files that have none of their own. An even number of rows; 256 × 256 unless changed. Larger
    /// ones cost less overhead, and more bytes for a small look.
    pub tile: Size,
    /// Passes that run at once. More use more processors, and more memory for their strips.
    pub decode_threads: usize,
    /// How often a load is tried again where storage failed, which it may do for a moment.
    pub retries: u32,
    /// After how many failures a file is not tried again; `None` tries always.
    pub max_failures: Option<u64>,
    /// Where scratch files are made.
    pub scratch_dir: PathBuf,
    /// Which tiles go first when the budget wants memory back.
    pub policy: Policy,
}

impl CacheOptions {
    /// The size of tiles where nothing else is asked for.
    pub const DEFAULT_TILE: Size = Size::new(256, 256);

    /// The defaults, with `open` turning a key into an open image.
    pub fn new(
        name: &str,
        open: impl Fn(&OsStr) -> Result<Box<dyn Decoder>, pixelbank_codec::Error>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::from_source(name, Opener(open))
    }

    /// The defaults, over the images of `source`.
    pub fn from_source(name: &str, source: impl Source + 'static) -> Self {
        Self {
            name: name.to_owned(),
            source: Box::new(source),
            tile: Self::DEFAULT_TILE,
            decode_threads: std::thread::available_parallelism().map_or(2, usize::from),
            retries: 0,
            max_failures: None,
            scratch_dir: std::env::temp_dir(),
            policy: Policy::default(),
        }
    }
}

impl fmt::Debug for CacheOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheOptions")
            .field("name", &self.name)
            .field("tile", &self.tile)
            .finish_non_exhaustive()
    }
}

/// An image cache over one bank. Clones share it.
#[derive(Clone, Debug)]
pub struct Cache(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub bank: Bank,
    pub files: Arc<Files>,
    pub store: Arc<Store>,
    pub spills: Arc<Spills>,
    pub groups: Flights<GroupKey, Arc<[Tile]>>,
    pub passes: Passes,
    /// Those who fetch ahead wait for passes, so they have threads of their own.
    pub prefetchers: Workers,
    pub counters: Arc<Counters>,
    pub tiles: Holder,
    pub working: Holder,
    pub notes: Holder,
    pub retries: u32,
    pub max_failures: Option<u64>,
    name: String,
}

impl Cache {
    /// An empty cache whose tiles, descriptions, decoders, open files and scratch files are paid for from `bank`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a tile size that is empty or of odd height; [`Error::Threads`].
    pub fn new(bank: &Bank, options: CacheOptions) -> Result<Self, Error> {
        let tile = options.tile;
        if tile.is_empty() || !tile.height.is_multiple_of(2) {
            return Err(Error::BadRequest(format!(
                "tiles of {tile} cannot be halved row by row"
            )));
        }
        let name = options.name.as_str();
        let readers = Arc::new(Readers::new(bank, name, options.source)?);
        let files = Arc::new(Files::new(bank, name, readers.clone(), tile));
        let index = bank.holder(Account::Descriptors, "tile index", name);
        let store = Arc::new(Store::new(options.policy, index));
        let spills = Arc::new(Spills::new(bank, options.scratch_dir, name)?);
        // The bank holds these weakly: they go with the cache.
        let reclaimers: [Arc<dyn Reclaim>; 4] =
            [store.clone(), spills.clone(), files.clone(), readers];
        for reclaimer in &reclaimers {
            bank.add_reclaimer(reclaimer);
        }
        let refused = |error| Error::Threads(Arc::new(error));
        let passes = Passes::start(options.decode_threads).map_err(refused)?;
        let prefetchers = Workers::start("prefetch", options.decode_threads).map_err(refused)?;
        Ok(Self(Arc::new(Inner {
            bank: bank.clone(),
            files,
            store,
            spills,
            groups: Flights::new(),
            passes,
            prefetchers,
            counters: Arc::default(),
            tiles: bank.holder(Account::Tiles, TILE, name),
            working: bank.holder(Account::Scratch, "decoding", name),
            notes: bank.holder(Account::Descriptors, "statistics", name),
            retries: options.retries,
            max_failures: options.max_failures,
            name: options.name,
        })))
    }

    /// The image of that key: its header is read where it is not known yet. The handle keeps the description, not pixels.
    ///
    /// # Errors
    /// What is wrong with the file, or with the budget.
    pub fn image(&self, key: &OsStr, wait: &Wait) -> Result<Image, Error> {
        let file = self.0.files.describe(key, wait)?;
        Ok(Image::new(Arc::clone(&self.0), file))
    }

    /// The image of that key, where its header has been read before and is still known: neither reads anything nor waits.
    pub fn known(&self, key: &OsStr) -> Option<Image> {
        let file = self.0.files.known(key)?;
        Some(Image::new(Arc::clone(&self.0), file))
    }

    /// Forgets what is known of a file, its tiles included: call it when the file has changed. Handles and readers under way
    /// go on with the old pixels.
    pub fn invalidate(&self, key: &OsStr) {
        for id in self.0.files.forget(key) {
            self.0.store.remove(Some(id));
            self.0.spills.remove(Some(id));
        }
    }

    /// Forgets every file that is not any more what it was when it was described, by its source's
    /// [stamp](Source::stamp); their keys.
    pub fn invalidate_changed(&self) -> Vec<OsString> {
        let changed = self.0.files.changed();
        for key in &changed {
            self.invalidate(key);
        }
        changed
    }

    /// Forgets all files.
    pub fn invalidate_all(&self) {
        self.0.files.forget_all();
        self.0.store.remove(None);
        self.0.spills.remove(None);
    }

    /// What the cache did so far.
    pub fn stats(&self) -> Stats {
        let inner = &*self.0;
        let mut stats = inner.counters.snapshot();
        let readers = &inner.files.readers;
        stats.hits = inner.store.hits();
        stats.opens = readers.opens();
        stats.files = inner.files.n_known();
        stats.evictions = inner.store.evictions();
        let io = readers.source().io();
        (stats.read_bytes, stats.read_nanos) = (io.bytes, io.nanos);
        let ledger = inner.bank.ledger();
        let mut rows = ledger.types.iter();
        if let Some(row) = rows.find(|row| row.kind == TILE && row.owner == inner.name) {
            (stats.tile_bytes, stats.peak_tile_bytes) = (row.live_bytes, row.peak_bytes);
        }
        stats
    }

    /// What the cache did with each file that it knows, those first whose decoding took longest.
    pub fn file_stats(&self) -> Vec<FileStats> {
        let files = self.0.files.all();
        let mut stats: Vec<_> = files
            .iter()
            .map(|file| file.counters.snapshot(&file.key))
            .collect();
        stats.sort_by(|a, b| b.decode_nanos.cmp(&a.decode_nanos).then(a.key.cmp(&b.key)));
        stats
    }
}

/// The type of tiles in the ledger.
const TILE: &str = "tile";
