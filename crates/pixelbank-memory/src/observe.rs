//! What a bank tells of itself: its ledger, what happened to it, and what others say beside it.

use std::collections::HashMap;
use std::time::Instant;

use crate::bank::{DISK, FILES, HOST, Shared};
use crate::events::Events;
use crate::history::Ring;
use crate::process::now_ms;
use crate::sync::{Mutex, RwLock};
use crate::trace::Traces;
use crate::{
    Account, Bank, DeviceAllocator, DeviceMemory, DeviceRow, Event, EventKind, History, Ledger,
    Mark, Pressure, ProcessRow, Resource, Trace, process,
};

/// A question to somebody outside.
type Ask<T> = dyn Fn() -> T + Send + Sync;

/// What is known beside the books.
pub(crate) struct Records {
    /// Says what the allocator keeps and nobody uses.
    allocator: RwLock<Option<Box<Ask<u64>>>>,
    /// Asks each device what it says itself.
    devices: RwLock<HashMap<u8, Box<Ask<Option<DeviceMemory>>>>>,
    /// Asks whoever hands out each device's memory within this process.
    device_allocators: RwLock<HashMap<u8, Box<Ask<Option<DeviceAllocator>>>>>,
    history: Mutex<Ring>,
    events: Mutex<Events>,
    pressure: Mutex<Option<Pressure>>,
    pub traces: Traces,
    started: Instant,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            allocator: RwLock::default(),
            devices: RwLock::default(),
            device_allocators: RwLock::default(),
            history: Mutex::default(),
            events: Mutex::default(),
            pressure: Mutex::default(),
            traces: Traces::default(),
            started: Instant::now(),
        }
    }
}

impl Bank {
    /// Has the ledger ask `unused` what the allocator keeps and nobody uses: resident pages less what is allocated.
    pub fn watch_allocator(&self, unused: impl Fn() -> u64 + Send + Sync + 'static) {
        *self.0.records.allocator.write() = Some(Box::new(unused));
    }

    /// Has the ledger ask `memory` what the device itself says, and show it beside the books.
    pub fn watch_device(
        &self,
        device: u8,
        memory: impl Fn() -> Option<DeviceMemory> + Send + Sync + 'static,
    ) {
        self.0
            .records
            .devices
            .write()
            .insert(device, Box::new(memory));
    }

    /// Has the ledger ask `allocator` what it has of the device and what of that it handed out, and show it beside the books.
    pub fn watch_device_allocator(
        &self,
        device: u8,
        allocator: impl Fn() -> Option<DeviceAllocator> + Send + Sync + 'static,
    ) {
        self.0
            .records
            .device_allocators
            .write()
            .insert(device, Box::new(allocator));
    }

    /// Sets a mark: from now on the ledger tells what was reserved since from what was there before, for whoever looks for
    /// what is not given back.
    pub fn mark(&self) -> Mark {
        let mark = {
            let mut state = self.0.state.lock();
            let mark = Mark {
                generation: state.books.begin_generation(),
                time_ms: now_ms(),
            };
            state.mark = Some(mark);
            mark
        };
        let number = u64::from(mark.generation);
        self.note(EventKind::Marked, Resource::Host, None, number);
        mark
    }

    /// What happened to the budget lately, oldest first: the last 256 events.
    pub fn events(&self) -> Vec<Event> {
        self.0.records.events.lock().list()
    }

    /// Has every reservation of so many bytes and more remember where it is made, which unwinds the stack for each; `None` stops
    /// that. Those made before are not known.
    pub fn trace_from(&self, bytes: Option<u64>) {
        self.0.records.traces.set(bytes);
    }

    /// The reservations that are held and remember where they were made, the largest first. Putting stacks into words takes
    /// milliseconds each.
    pub fn traces(&self) -> Vec<Trace> {
        self.0.records.traces.list()
    }

    /// How short memory was when a [`PressureMonitor`](crate::PressureMonitor) last looked; `None` where none was started.
    pub fn pressure(&self) -> Option<Pressure> {
        *self.0.records.pressure.lock()
    }

    pub(crate) fn set_pressure(&self, pressure: Pressure) {
        *self.0.records.pressure.lock() = Some(pressure);
    }

    pub(crate) fn note(
        &self,
        kind: EventKind,
        resource: Resource,
        account: Option<Account>,
        amount: u64,
    ) {
        self.0.note(kind, resource, account, amount);
    }

    /// Who holds what, now.
    pub fn ledger(&self) -> Ledger {
        let idle = |resource| {
            self.0
                .reclaimers_of(resource)
                .iter()
                .map(|r| r.idle().amount)
                .sum::<u64>()
        };
        let (idle_host, idle_disk, idle_files) = (
            idle(Resource::Host),
            idle(Resource::Disk),
            idle(Resource::Files),
        );
        // Owners are asked without the lock, as they have their own.
        let devices: Vec<u8> = {
            let state = self.0.state.lock();
            state.books.devices().map(|(device, _)| device).collect()
        };
        let of_devices: HashMap<u8, (u64, _, _)> = devices
            .into_iter()
            .map(|device| {
                let records = &self.0.records;
                let asked = records.devices.read();
                let system = asked.get(&device).and_then(|memory| memory());
                let asked = records.device_allocators.read();
                let allocator = asked.get(&device).and_then(|allocator| allocator());
                (device, (idle(Resource::Device(device)), system, allocator))
            })
            .collect();
        let resident = process::resident();
        let allocator_bytes = self
            .0
            .records
            .allocator
            .read()
            .as_ref()
            .map(|unused| unused());
        let pressure = self.pressure();
        let state = self.0.state.lock();
        let books = &state.books;
        let row = |pool: usize, idle: u64| {
            let mut row = books.limit_row(pool);
            row.idle_bytes = idle.min(row.live_bytes);
            row
        };
        let host = row(HOST, idle_host);
        let unaccounted_bytes = resident.now.saturating_sub(host.live_bytes);
        Ledger {
            time_ms: now_ms(),
            uptime_ms: self.0.uptime_ms(),
            host,
            disk: row(DISK, idle_disk),
            files: row(FILES, idle_files),
            devices: books
                .devices()
                .map(|(device, pool)| {
                    let none = (0, None, None);
                    let (idle, system, allocator) =
                        of_devices.get(&device).copied().unwrap_or(none);
                    DeviceRow {
                        device,
                        memory: row(pool, idle),
                        system,
                        allocator,
                    }
                })
                .collect(),
            process: ProcessRow {
                resident_bytes: resident.now,
                peak_resident_bytes: resident.peak,
                unaccounted_bytes,
                file_bytes: resident.file,
                allocator_bytes,
                unclassified_bytes: unaccounted_bytes
                    .saturating_sub(resident.file)
                    .saturating_sub(allocator_bytes.unwrap_or(0)),
            },
            accounts: books.account_rows(HOST),
            types: books.type_rows(self.0.uptime_ms()),
            mark: state.mark,
            pressure,
        }
    }

    /// Adds a sample to the history: resident size, and live bytes of every account and type. Whoever wants graphs and
    /// growth calls this about once a second.
    pub fn sample(&self) {
        let live = {
            let books = &mut self.0.state.lock().books;
            books.sample(self.0.uptime_ms());
            books.live_by_account(HOST)
        };
        let resident = process::resident_bytes().unwrap_or(0);
        self.0.records.history.lock().push(now_ms(), resident, live);
    }

    /// The last samples, oldest first.
    pub fn history(&self) -> History {
        self.0.records.history.lock().snapshot()
    }
}

impl Shared {
    fn uptime_ms(&self) -> u64 {
        self.records.started.elapsed().as_millis() as u64
    }

    pub fn note(&self, kind: EventKind, resource: Resource, account: Option<Account>, amount: u64) {
        self.records
            .events
            .lock()
            .note(now_ms(), kind, resource, account, amount);
    }
}
