//! What passes make and memory cannot keep: tiles on the scratch disk, each in a slot of a nameless file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use pixelbank_image::{PixelFormat, TileGrid};
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Account, Bank, Error, Holder, Idle, Reclaim, Resource, ScratchFile};

/// One level of one subimage of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LevelKey {
    pub file: u64,
    pub subimage: u32,
    pub level: u32,
}

/// The scratch files of one cache.
#[derive(Debug)]
pub(crate) struct Spills {
    dir: PathBuf,
    holder: Holder,
    levels: Mutex<HashMap<LevelKey, Arc<Spill>>>,
    clock: AtomicU64,
}

/// The tiles of one level on disk.
#[derive(Debug)]
pub(crate) struct Spill {
    file: ScratchFile,
    slot_bytes: u64,
    present: Box<[AtomicU64]>,
    last_use: AtomicU64,
}

impl Spills {
    pub fn new(bank: &Bank, dir: PathBuf, owner: &str) -> Result<Self, Error> {
        Ok(Self {
            dir,
            holder: bank.holder_of(Resource::Disk, Account::Scratch, "spilled tiles", owner)?,
            levels: Mutex::new(HashMap::new()),
            clock: AtomicU64::new(0),
        })
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    pub fn find(&self, key: &LevelKey) -> Option<Arc<Spill>> {
        let spill = Arc::clone(self.levels.lock().get(key)?);
        spill.last_use.store(self.now(), Ordering::Relaxed);
        Some(spill)
    }

    /// Room on disk for a whole level, or `None` where the disk's budget (or the disk) does not have it.
    pub fn make(&self, key: LevelKey, grid: TileGrid, format: PixelFormat) -> Option<Arc<Spill>> {
        if let Some(spill) = self.find(&key) {
            return Some(spill);
        }
        let slot_bytes = format.image_bytes(grid.tile);
        let reservation = self
            .holder
            .try_reserve(grid.n_tiles().checked_mul(slot_bytes)?)
            .ok()?;
        let spill = Arc::new(Spill {
            file: ScratchFile::create(&self.dir, reservation).ok()?,
            slot_bytes,
            present: (0..grid.n_tiles().div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
            last_use: AtomicU64::new(self.now()),
        });
        self.levels.lock().insert(key, Arc::clone(&spill));
        Some(spill)
    }

    pub fn remove(&self, file: Option<u64>) {
        let gone: Vec<_> = self
            .levels
            .lock()
            .extract_if(|key, _| file.is_none_or(|file| key.file == file))
            .collect();
        drop(gone);
    }
}

impl Spill {
    pub fn has(&self, index: u64) -> bool {
        self.present[(index / 64) as usize].load(Ordering::Acquire) >> (index % 64) & 1 == 1
    }

    pub fn write(&self, index: u64, pixels: &[u8]) -> Result<(), Error> {
        self.file.write_at(pixels, index * self.slot_bytes)?;
        self.present[(index / 64) as usize].fetch_or(1 << (index % 64), Ordering::Release);
        Ok(())
    }

    /// # Errors
    /// What the system says; the caller makes the tile anew then.
    pub fn read(&self, index: u64, pixels: &mut [u8]) -> Result<(), Error> {
        self.file.read_at(pixels, index * self.slot_bytes)
    }
}

impl Reclaim for Spills {
    fn account(&self) -> Account {
        Account::Scratch
    }

    fn resource(&self) -> Resource {
        Resource::Disk
    }

    fn idle(&self) -> Idle {
        let levels = self.levels.lock();
        let idle = levels
            .values()
            .filter(|spill| Arc::strong_count(spill) == 1);
        Idle {
            amount: idle.map(|spill| spill.file.capacity_bytes()).sum(),
            nanos_per_unit: 3.0,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut freed = 0;
        while freed < amount {
            let mut levels = self.levels.lock();
            let idle = levels
                .iter()
                .filter(|(_, spill)| Arc::strong_count(spill) == 1);
            let oldest = idle
                .min_by_key(|(_, spill)| spill.last_use.load(Ordering::Relaxed))
                .map(|(key, _)| *key);
            let Some(spill) = oldest.and_then(|key| levels.remove(&key)) else {
                break;
            };
            drop(levels);
            freed += spill.file.capacity_bytes();
        }
        freed
    }
}
