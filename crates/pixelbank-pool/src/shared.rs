//! What every handle and every thread's cache of one pool refers to: finding, keeping and evicting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use pixelbank_memory::sync::{Mutex, RwLock};
use pixelbank_memory::{Account, Bank, Holder, Idle, Reclaim, Resource};
use triomphe::UniqueArc;

use crate::backend::{Backend, Timeline};
use crate::keep::finish;
use crate::key::{Class, N_CLASSES};
use crate::local::{self, Local, Sum, flag};
use crate::make::Hook;
use crate::object::Object;
use crate::shelf::Shelf;
use crate::stats::Tally;
use crate::watch::Watch;
use crate::{AtLimit, Device, Error};

pub(crate) struct Shared {
    pub id: u64,
    pub bank: Bank,
    pub devices: Vec<DeviceState>,
    /// By row: a device's classes, then those of the next.
    pub tallies: Box<[Tally]>,
    pub at_limit: AtLimit,
    pub hooks: RwLock<Vec<Hook>>,
    pub watch: Watch,
    pub state: Mutex<State>,
    epoch: AtomicU64,
    pub flags: AtomicU32,
}

pub(crate) struct DeviceState {
    pub device: Device,
    pub backend: Arc<dyn Backend>,
    pub limit_bytes: AtomicU64,
    /// In use and idle, but for those larger than the limit.
    pub held_bytes: AtomicU64,
    /// Objects that are larger than the limit: in use, and never kept. Nothing else goes for them.
    pub oversize_bytes: AtomicU64,
    pub is_lost: AtomicBool,
    /// By class.
    pub holders: Vec<Holder>,
    /// Nanoseconds to make a byte, averaged, as bits of a float.
    pub price: AtomicU64,
}

impl DeviceState {
    /// Where an object's bytes are counted.
    pub fn counter(&self, is_oversize: bool) -> &AtomicU64 {
        if is_oversize {
            &self.oversize_bytes
        } else {
            &self.held_bytes
        }
    }

    /// In use and idle.
    pub fn all_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::SeqCst) + self.oversize_bytes.load(Ordering::SeqCst)
    }
}

pub(crate) struct State {
    pub shelf: Shelf,
    /// Nobody has a handle, but work on them has not finished.
    pub pending: Vec<Pending>,
    pub locals: Vec<Arc<Local>>,
}

pub(crate) struct Pending {
    pub object: UniqueArc<Object>,
    pub points: Vec<Point>,
}

/// A place in a stream's work.
pub(crate) type Point = (Arc<dyn Timeline>, u64);

/// Objects to be dropped when no lock is held: they may own others, and the bank and the allocator have their own locks.
pub(crate) type Gone = Vec<UniqueArc<Object>>;

impl Shared {
    pub fn new(bank: &Bank, devices: Vec<DeviceState>, at_limit: AtLimit) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n_rows = devices.len() * N_CLASSES;
        let shared = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            bank: bank.clone(),
            tallies: (0..n_rows).map(|_| Tally::default()).collect(),
            at_limit,
            hooks: RwLock::default(),
            watch: Watch::default(),
            state: Mutex::new(State {
                shelf: Shelf::new(devices.len(), n_rows),
                pending: Vec::new(),
                locals: Vec::new(),
            }),
            epoch: AtomicU64::new(1),
            flags: AtomicU32::new(0),
            devices,
        };
        shared.set_flags(&shared.state.lock());
        shared
    }

    pub fn device_index(&self, device: Device) -> Result<usize, Error> {
        self.devices
            .iter()
            .position(|state| state.device == device)
            .ok_or(Error::UnknownDevice(device))
    }

    pub fn row(device: usize, class: Class) -> u16 {
        (device * N_CLASSES + class as usize) as u16
    }

    // Threads.

    /// A cache for this thread; `None` where the pool has gone.
    pub fn enlist(&self) -> Option<Arc<Local>> {
        let mut state = self.state.lock();
        let flags = self.flags.load(Ordering::SeqCst);
        if flags & flag::CLOSED != 0 {
            return None;
        }
        let epoch = self.epoch.load(Ordering::Relaxed);
        let local = Arc::new(Local::new(&self.bank, self.tallies.len(), flags, epoch));
        state.locals.push(Arc::clone(&local));
        Some(local)
    }

    /// The thread of that cache has ended: everybody may have what it kept.
    pub fn retire(&self, local: &Arc<Local>) {
        let mut gone = Gone::new();
        let mut state = self.state.lock();
        while let Some(object) = local.steal(|_| true) {
            self.keep(&mut state, object, &mut gone);
        }
        for (row, tally) in self.tallies.iter().enumerate() {
            tally.hits.fetch_add(local.hits(row), Ordering::Relaxed);
        }
        state.locals.retain(|other| !Arc::ptr_eq(other, local));
    }

    /// Stamps given from now on are later than those before, in every thread.
    pub fn new_epoch(&self) -> u64 {
        self.next_epoch(&self.state.lock())
    }

    pub fn next_epoch(&self, state: &State) -> u64 {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        for local in &state.locals {
            local.enter_epoch(epoch);
        }
        epoch
    }

    /// Decides whether objects may go the short way, and says it to every thread.
    pub fn set_flags(&self, state: &State) {
        let over = self.devices.iter().any(|device| {
            let limit = device.limit_bytes.load(Ordering::SeqCst);
            limit == 0
                || device.held_bytes.load(Ordering::SeqCst) > limit
                || device.is_lost.load(Ordering::SeqCst)
        });
        let closed = self.flags.load(Ordering::SeqCst) & flag::CLOSED;
        let flags = closed
            | if over { flag::OVER_LIMIT } else { 0 }
            | if self.watch.is_on() { flag::WATCHED } else { 0 };
        self.flags.store(flags, Ordering::SeqCst);
        for local in &state.locals {
            local.flags.store(flags, Ordering::SeqCst);
        }
    }

    /// As [`set_flags`](Self::set_flags), for whoever has no lock.
    pub fn refresh_flags(&self) {
        self.set_flags(&self.state.lock());
    }

    /// Drops the idle objects of this thread's cache.
    pub fn clear_thread(self: &Arc<Self>) {
        let mut gone = Gone::new();
        local::with(self, |local| {
            while let Some(object) = local.steal(|_| true) {
                gone.push(object);
            }
        });
        drop(gone);
        self.settle_now();
    }

    /// Drops all idle objects.
    pub fn clear(&self) {
        let mut gone = Gone::new();
        {
            let mut state = self.state.lock();
            self.settle(&mut state, &mut gone);
            state.take_all(self.devices.len(), &mut gone);
        }
        drop(gone);
        self.refresh_flags();
    }

    /// The last [`Pool`](crate::Pool) has gone: idle objects go now, those in use when they are let go of.
    pub fn close(&self) {
        let mut gone = Gone::new();
        let pending = {
            let mut state = self.state.lock();
            self.flags.fetch_or(flag::CLOSED, Ordering::SeqCst);
            self.set_flags(&state);
            state.take_all(self.devices.len(), &mut gone);
            state.locals.clear();
            std::mem::take(&mut state.pending)
        };
        pending.into_iter().for_each(finish);
    }

    /// The object has been dropped.
    pub fn forget(&self, object: &Object) {
        if let Some(origin) = object.origin {
            self.watch.forget(origin);
        }
        let row = usize::from(object.row);
        self.tallies[row].dropped(object.bytes);
        self.devices[row / N_CLASSES]
            .counter(object.is_oversize)
            .fetch_sub(object.bytes, Ordering::SeqCst);
    }

    /// Remembers that a device is lost, and drops what is idle on it.
    pub fn note_loss(&self, error: Error) -> Error {
        if let Error::DeviceLost(lost) = &error {
            for (i, device) in self.devices.iter().enumerate() {
                if device.device == *lost && !device.is_lost.swap(true, Ordering::SeqCst) {
                    self.refresh_flags();
                    self.reclaim(i, u64::MAX);
                }
            }
        }
        error
    }

    // Asking.

    /// What is idle, by row; what work has not finished on is in use.
    pub fn idle(&self) -> Vec<Sum> {
        let mut gone = Gone::new();
        let mut state = self.state.lock();
        self.settle(&mut state, &mut gone);
        let sums = (0..self.tallies.len()).map(|row| {
            let shelf = state.shelf.idle(row);
            state.locals.iter().fold(shelf, |sum, local| {
                let more = local.idle(row);
                Sum {
                    count: sum.count + more.count,
                    bytes: sum.bytes + more.bytes,
                }
            })
        });
        sums.collect()
    }

    /// Hits by row.
    pub fn hits(&self) -> Vec<u64> {
        let state = self.state.lock();
        (0..self.tallies.len())
            .map(|row| {
                let local: u64 = state.locals.iter().map(|local| local.hits(row)).sum();
                local + self.tallies[row].hits.load(Ordering::Relaxed)
            })
            .collect()
    }
}

impl State {
    fn take_all(&mut self, n_devices: usize, gone: &mut Gone) {
        for local in &self.locals {
            while let Some(object) = local.steal(|_| true) {
                gone.push(object);
            }
        }
        for device in 0..n_devices {
            while let Some(object) = self.shelf.take_oldest(device) {
                gone.push(object);
            }
        }
    }
}

/// A device's idle memory, as the bank sees it.
pub(crate) struct Idler {
    pub shared: std::sync::Weak<Shared>,
    pub device: usize,
    pub resource: Resource,
}

impl Reclaim for Idler {
    fn account(&self) -> Account {
        Account::Pool
    }

    fn resource(&self) -> Resource {
        self.resource
    }

    fn idle(&self) -> Idle {
        let Some(shared) = self.shared.upgrade() else {
            return Idle::default();
        };
        let rows = self.device * N_CLASSES..(self.device + 1) * N_CLASSES;
        let price = shared.devices[self.device].price.load(Ordering::Relaxed);
        Idle {
            amount: shared.idle()[rows].iter().map(|sum| sum.bytes).sum(),
            nanos_per_unit: f64::from_bits(price),
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        self.shared
            .upgrade()
            .map_or(0, |shared| shared.reclaim(self.device, amount))
    }
}
