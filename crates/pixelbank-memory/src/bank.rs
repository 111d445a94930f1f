use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::{Condvar, Mutex, RwLock};

use crate::books::{Books, Place, Refusal};
use crate::events::Events;
use crate::history::Ring;
use crate::trace::{Taken, Trace, Traces};
use crate::{
    Account, Cancel, DeviceMemory, DeviceRow, Error, Event, EventKind, History, Holder, Ledger,
    Mark, Pressure, ProcessRow, Reclaim, Resource, Shortage, Wait, process,
};

/// One memory budget and its books. Clones share it.
#[derive(Clone)]
pub struct Bank(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Notified when an amount is given back, when something becomes idle, and when a waiter leaves the queue.
    freed: Condvar,
    n_waiting: AtomicUsize,
    /// Counts what became idle, so that a waiter sees what happened between its last try and its sleep.
    idle_epoch: AtomicU64,
    reclaimers: RwLock<Vec<Weak<dyn Reclaim>>>,
    trim_hooks: RwLock<Vec<Box<dyn Fn() + Send + Sync>>>,
    /// Says what the allocator keeps and nobody uses.
    allocator: RwLock<Option<Box<Ask<u64>>>>,
    /// Asks each device what it says itself.
    devices: RwLock<HashMap<u8, Box<Ask<Option<DeviceMemory>>>>>,
    history: Mutex<Ring>,
    events: Mutex<Events>,
    pressure: Mutex<Option<Pressure>>,
    pub(crate) traces: Traces,
    started: Instant,
}

/// A question to somebody outside.
type Ask<T> = dyn Fn() -> T + Send + Sync;

struct State {
    books: Books,
    /// Tickets of those that wait, one queue for each resource; the first in line is served first.
    queues: Vec<VecDeque<u64>>,
    next_ticket: u64,
    mark: Option<Mark>,
}

/// How a [`Bank`] is made.
#[derive(Debug, Clone, Default)]
pub struct BankBuilder {
    host_bytes: Option<u64>,
    scratch_bytes: Option<u64>,
    open_files: Option<u64>,
    devices: Vec<(u8, u64)>,
    accounts: Vec<(Account, u64, Option<u64>)>,
}

impl BankBuilder {
    /// Limits the memory of the process. Half of the memory that the process may use where this is not called.
    pub fn host_bytes(mut self, limit_bytes: u64) -> Self {
        self.host_bytes = Some(limit_bytes);
        self
    }

    /// Limits the bytes of scratch files; 0 forbids them, which makes some large files slower to read. 2 GiB where this
    /// is not called.
    pub fn scratch_bytes(mut self, limit_bytes: u64) -> Self {
        self.scratch_bytes = Some(limit_bytes);
        self
    }

    /// Limits how many files are open at once; more need more descriptors, fewer need more reopening. 256 where this is
    /// not called.
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// Adds a device and limits its memory.
    pub fn device_bytes(mut self, device: u8, limit_bytes: u64) -> Self {
        self.devices.push((device, limit_bytes));
        self
    }

    /// Gives an account of host memory a floor, which no other account can take, and a ceiling, which it cannot pass.
    pub fn account(
        mut self,
        account: Account,
        floor_bytes: u64,
        ceiling_bytes: Option<u64>,
    ) -> Self {
        self.accounts.push((account, floor_bytes, ceiling_bytes));
        self
    }

    /// Opens the books.
    ///
    /// # Errors
    /// [`Error::BadLimit`] where the floors exceed the host limit, a ceiling lies below its floor, or a device is named twice.
    pub fn build(self) -> Result<Bank, Error> {
        let host = self
            .host_bytes
            .unwrap_or_else(|| process::available_memory() / 2);
        let mut limits = vec![
            (Resource::Host, host),
            (Resource::Disk, self.scratch_bytes.unwrap_or(2 << 30)),
            (Resource::Files, self.open_files.unwrap_or(256)),
        ];
        for (device, limit) in self.devices {
            if limits
                .iter()
                .any(|(resource, _)| *resource == Resource::Device(device))
            {
                return Err(Error::BadLimit(format!("device {device} has two limits")));
            }
            limits.push((Resource::Device(device), limit));
        }
        let n_pools = limits.len();
        let mut books = Books::new(limits);
        for (account, floor, ceiling) in self.accounts {
            if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling < floor) {
                return Err(Error::BadLimit(format!(
                    "account {account}: the ceiling of {ceiling} bytes is below the floor of {floor}"
                )));
            }
            books.set_account(HOST, account, floor, ceiling);
        }
        if books.floors(HOST) > host {
            return Err(Error::BadLimit(format!(
                "the floors of all accounts, {} bytes, exceed the limit of {host}",
                books.floors(HOST)
            )));
        }
        Ok(Bank(Arc::new(Shared {
            state: Mutex::new(State {
                books,
                queues: vec![VecDeque::new(); n_pools],
                next_ticket: 0,
                mark: None,
            }),
            freed: Condvar::new(),
            n_waiting: AtomicUsize::new(0),
            idle_epoch: AtomicU64::new(0),
            reclaimers: RwLock::new(Vec::new()),
            trim_hooks: RwLock::new(Vec::new()),
            allocator: RwLock::new(None),
            devices: RwLock::new(HashMap::new()),
            history: Mutex::new(Ring::default()),
            events: Mutex::new(Events::default()),
            pressure: Mutex::new(None),
            traces: Traces::default(),
            started: Instant::now(),
        })))
    }
}

/// The first three pools are those that every bank has.
const HOST: usize = 0;
const DISK: usize = 1;
const FILES: usize = 2;

/// Wakes a waiter now and then whatever happens, since what an owner keeps may become idle without anyone saying so.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);

impl Bank {
    /// Limits to be set.
    pub fn builder() -> BankBuilder {
        BankBuilder::default()
    }

    /// A line of the ledger for host memory: an account, a type of object, and an owner (may be empty).
    pub fn holder(&self, account: Account, kind: &str, owner: &str) -> Holder {
        Holder::new(
            &self.0,
            self.0
                .state
                .lock()
                .books
                .open_row(HOST, account, kind, owner),
        )
    }

    /// A line of the ledger for any resource.
    ///
    /// # Errors
    /// [`Error::BadLimit`] for a device that the bank was not told of.
    pub fn holder_of(
        &self,
        resource: Resource,
        account: Account,
        kind: &str,
        owner: &str,
    ) -> Result<Holder, Error> {
        let mut state = self.0.state.lock();
        let pool = state
            .books
            .pool(resource)
            .ok_or_else(|| Error::BadLimit(format!("{resource}: no limit is set")))?;
        let place = state.books.open_row(pool, account, kind, owner);
        drop(state);
        Ok(Holder::new(&self.0, place))
    }

    /// The limit of a resource, if it has one.
    pub fn limit(&self, resource: Resource) -> Option<u64> {
        let state = self.0.state.lock();
        state
            .books
            .pool(resource)
            .map(|pool| state.books.limit_row(pool).limit_bytes)
    }

    /// Sets a limit anew. Where more is held than it allows, idle memory is reclaimed at once; what is in use stays, and
    /// nothing more is given out until enough of it has gone.
    ///
    /// # Errors
    /// [`Error::BadLimit`] where the floors exceed it, or the resource is not limited by this bank.
    pub fn set_limit(&self, resource: Resource, limit: u64) -> Result<(), Error> {
        let excess = {
            let mut state = self.0.state.lock();
            let pool = state
                .books
                .pool(resource)
                .ok_or_else(|| Error::BadLimit(format!("{resource}: no limit is set")))?;
            if state.books.floors(pool) > limit {
                return Err(Error::BadLimit(format!(
                    "the floors of all accounts exceed {limit} bytes"
                )));
            }
            state.books.set_limit(pool, limit);
            state.books.excess(pool)
        };
        self.note(EventKind::Limit, resource, None, limit);
        self.0.freed.notify_all();
        self.reclaim(resource, excess);
        Ok(())
    }

    /// Limits the memory of a device that was found after the bank was made.
    ///
    /// # Errors
    /// [`Error::BadLimit`] where the device has a limit already; [`set_limit`](Self::set_limit) changes that.
    pub fn add_device(&self, device: u8, limit_bytes: u64) -> Result<(), Error> {
        let mut state = self.0.state.lock();
        if state.books.pool(Resource::Device(device)).is_some() {
            return Err(Error::BadLimit(format!(
                "device {device} has a limit already"
            )));
        }
        state.books.add_pool(Resource::Device(device), limit_bytes);
        state.queues.push(VecDeque::new());
        Ok(())
    }

    /// Registers someone who keeps idle objects. The bank holds it weakly.
    pub fn add_reclaimer(&self, reclaimer: &Arc<dyn Reclaim>) {
        let mut reclaimers = self.0.reclaimers.write();
        reclaimers.retain(|weak| weak.strong_count() > 0);
        reclaimers.push(Arc::downgrade(reclaimer));
    }

    /// Calls `hook` after every trim: the place to let the allocator return its free pages.
    pub fn after_trim(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.0.trim_hooks.write().push(Box::new(hook));
    }

    /// Has the ledger ask `unused` what the allocator keeps and nobody uses: resident pages less what is allocated.
    pub fn watch_allocator(&self, unused: impl Fn() -> u64 + Send + Sync + 'static) {
        *self.0.allocator.write() = Some(Box::new(unused));
    }

    /// Has the ledger ask `memory` what the device itself says, and show it beside the books.
    pub fn watch_device(
        &self,
        device: u8,
        memory: impl Fn() -> Option<DeviceMemory> + Send + Sync + 'static,
    ) {
        self.0.devices.write().insert(device, Box::new(memory));
    }

    /// Takes up to `amount` of idle memory back, the cheapest to make again first, and says how much came free.
    pub fn reclaim(&self, resource: Resource, amount: u64) -> u64 {
        self.0.reclaim(resource, amount, |_| true)
    }

    /// Takes back a part of everything idle, `fraction` from 0 to 1, in every account, and lets the allocator return what
    /// it has free. Says how many bytes of host memory came free.
    pub fn trim(&self, fraction: f64) -> u64 {
        let freed = self.give_up(fraction);
        self.note(EventKind::Trimmed, Resource::Host, None, freed);
        freed
    }

    pub(crate) fn give_up(&self, fraction: f64) -> u64 {
        let mut freed = 0;
        for reclaimer in self.0.reclaimers_of(Resource::Host) {
            let target = (reclaimer.idle().amount as f64 * fraction.clamp(0.0, 1.0)).ceil() as u64;
            if target > 0 {
                freed += reclaimer.reclaim(target);
            }
        }
        for hook in self.0.trim_hooks.read().iter() {
            hook();
        }
        freed
    }

    /// Tells those who wait that something has become idle. Costs one load when nobody waits, so owners call it whenever
    /// the last user of an object lets go.
    #[inline]
    pub fn became_idle(&self) {
        self.0.became_idle();
    }

    /// How many callers wait for room at this moment.
    pub fn waiting(&self) -> usize {
        self.0.state.lock().queues.iter().map(VecDeque::len).sum()
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
        self.0.events.lock().list()
    }

    /// Has every reservation of so many bytes and more remember where it is made, which takes some 10 µs each; `None` stops
    /// that. Those made before are not known.
    pub fn trace_from(&self, bytes: Option<u64>) {
        self.0.traces.set(bytes);
    }

    /// The reservations that are held and remember where they were made, the largest first. Putting stacks into words takes
    /// milliseconds each.
    pub fn traces(&self) -> Vec<Trace> {
        self.0.traces.list()
    }

    /// How short memory was when a [`PressureMonitor`](crate::PressureMonitor) last looked; `None` where none was started.
    pub fn pressure(&self) -> Option<Pressure> {
        *self.0.pressure.lock()
    }

    pub(crate) fn set_pressure(&self, pressure: Pressure) {
        *self.0.pressure.lock() = Some(pressure);
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
        let of_devices: HashMap<u8, (u64, Option<DeviceMemory>)> = devices
            .into_iter()
            .map(|device| {
                let asked = self.0.devices.read();
                let system = asked.get(&device).and_then(|memory| memory());
                (device, (idle(Resource::Device(device)), system))
            })
            .collect();
        let resident = process::resident();
        let allocator_bytes = self.0.allocator.read().as_ref().map(|unused| unused());
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
                    let (idle, system) = of_devices.get(&device).copied().unwrap_or((0, None));
                    DeviceRow {
                        device,
                        memory: row(pool, idle),
                        system,
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
        self.0.history.lock().push(now_ms(), resident, live);
    }

    /// The last samples, oldest first.
    pub fn history(&self) -> History {
        self.0.history.lock().snapshot()
    }
}

impl fmt::Debug for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.state.lock().books.limit_row(HOST);
        f.debug_struct("Bank")
            .field("host", &host)
            .finish_non_exhaustive()
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

impl Shared {
    fn uptime_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn note(&self, kind: EventKind, resource: Resource, account: Option<Account>, amount: u64) {
        self.events
            .lock()
            .note(now_ms(), kind, resource, account, amount);
    }

    /// Books `amount` without waiting, after reclaiming idle memory where that helps: for a new object, or on top of what
    /// one of that generation holds. Says the generation.
    pub fn try_take(
        self: &Arc<Self>,
        place: Place,
        amount: u64,
        of: Option<u32>,
    ) -> Result<u32, Error> {
        let first = self.state.lock().books.take(place, amount, of);
        let mut refusal = match first {
            Ok(generation) => return Ok(generation),
            Err(refusal) => refusal,
        };
        loop {
            if refusal == Refusal::Never {
                let mut state = self.state.lock();
                return Err(Error::NeverFits(self.refuse(&mut state, place, amount)));
            }
            let freed = self.reclaim_for(place, &refusal);
            let mut state = self.state.lock();
            match state.books.take(place, amount, of) {
                Ok(generation) => return Ok(generation),
                Err(_) if freed == 0 => {
                    return Err(Error::NoRoom(self.refuse(&mut state, place, amount)));
                }
                Err(still) => refusal = still,
            }
        }
    }

    /// Books `amount`, waiting for others to give back as long as `wait` allows. First come, first served.
    pub fn take(self: &Arc<Self>, place: Place, amount: u64, wait: &Wait) -> Result<u32, Error> {
        match self.try_take(place, amount, None) {
            Err(Error::NoRoom(_)) if !wait.is_over() => self.queue(place, amount, wait),
            done => done,
        }
    }

    /// Counts a refusal, and says what was short.
    fn refuse(&self, state: &mut State, place: Place, amount: u64) -> Box<Shortage> {
        state.books.count_refusal(place.pool);
        let shortage = state.books.shortage(place, amount);
        self.note(
            EventKind::Refused,
            shortage.resource,
            Some(place.account),
            amount,
        );
        shortage
    }

    fn queue(self: &Arc<Self>, place: Place, amount: u64, wait: &Wait) -> Result<u32, Error> {
        let _wake = wait.cancel().map(|cancel: &Cancel| {
            let shared = Arc::downgrade(self);
            cancel.on_cancel(move || {
                if let Some(shared) = shared.upgrade() {
                    let _state = shared.state.lock();
                    shared.freed.notify_all();
                }
            })
        });
        self.n_waiting.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queues[place.pool].push_back(ticket);
        let result = loop {
            if wait.is_cancelled() {
                break Err(Error::Cancelled);
            }
            let epoch = self.idle_epoch.load(Ordering::SeqCst);
            if state.queues[place.pool].front() == Some(&ticket) {
                match state.books.take(place, amount, None) {
                    Ok(generation) => break Ok(generation),
                    Err(Refusal::Never) => {
                        break Err(Error::NeverFits(state.books.shortage(place, amount)));
                    }
                    Err(refusal) => {
                        // The lock is let go while others' idle memory is taken.
                        drop(state);
                        let freed = self.reclaim_for(place, &refusal);
                        state = self.state.lock();
                        if freed > 0 {
                            continue;
                        }
                        if let Ok(generation) = state.books.take(place, amount, None) {
                            break Ok(generation);
                        }
                    }
                }
            }
            if wait.is_over() {
                break Err(Error::TimedOut(self.refuse(&mut state, place, amount)));
            }
            if self.idle_epoch.load(Ordering::SeqCst) == epoch {
                let latest = Instant::now() + LONGEST_SLEEP;
                let until = wait
                    .deadline()
                    .map_or(latest, |deadline| deadline.min(latest));
                self.freed.wait_until(&mut state, until);
            }
        };
        state.queues[place.pool].retain(|other| *other != ticket);
        self.n_waiting.fetch_sub(1, Ordering::SeqCst);
        drop(state);
        // The next in line may fit where this one did not.
        self.freed.notify_all();
        result
    }

    pub fn take_free(&self, place: Place, amount: u64) -> Option<u32> {
        self.state.lock().books.take(place, amount, None).ok()
    }

    pub fn overdraw(&self, place: Place, amount: u64) -> u32 {
        let (generation, beyond) = {
            let books = &mut self.state.lock().books;
            let (generation, is_beyond) = books.overdraw(place, amount);
            let resource = books.resource(place.pool).filter(|_| is_beyond);
            (generation, resource)
        };
        if let Some(resource) = beyond {
            self.note(EventKind::Overdrawn, resource, Some(place.account), amount);
        }
        generation
    }

    pub fn give_back(&self, place: Place, generation: u32, amount: u64, count: u64) {
        self.state
            .lock()
            .books
            .give_back(place, generation, amount, count);
        if self.n_waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_all();
        }
    }

    /// Counts one object more at `place` without bytes: half of splitting a reservation.
    pub fn count_one(&self, place: Place, generation: u32) {
        self.state.lock().books.count_one(place, generation);
    }

    pub fn waste(&self, place: Place, more: u64, less: u64) {
        self.state.lock().books.waste(place, more, less);
    }

    /// Another handle to an open line, for a reservation that remembers where it is made.
    pub fn open_again(&self, place: Place, amount: u64) -> Option<Taken> {
        let row = self.state.lock().books.open_again(place)?;
        Some(Taken::here(place.account, row, amount))
    }

    pub fn close(&self, place: Place) {
        self.state.lock().books.close_row(place);
    }

    fn became_idle(&self) {
        if self.n_waiting.load(Ordering::SeqCst) > 0 {
            let _state = self.state.lock();
            self.idle_epoch.fetch_add(1, Ordering::SeqCst);
            self.freed.notify_all();
        }
    }

    fn reclaimers_of(&self, resource: Resource) -> Vec<Arc<dyn Reclaim>> {
        let reclaimers = self.reclaimers.read();
        reclaimers
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|r| r.resource() == resource)
            .collect()
    }

    /// Takes idle memory that helps against `refusal`.
    fn reclaim_for(&self, place: Place, refusal: &Refusal) -> u64 {
        let resource = match self.state.lock().books.resource(place.pool) {
            Some(resource) => resource,
            None => return 0,
        };
        match *refusal {
            Refusal::Never => 0,
            Refusal::Ceiling(missing) => {
                self.reclaim(resource, missing, |account| account == place.account)
            }
            Refusal::Limit(missing) => self.reclaim(resource, missing, |account| {
                account == place.account
                    || self.state.lock().books.gives_to_others(place.pool, account)
            }),
        }
    }

    /// Takes from the one whose cheapest idle memory is the cheapest of all, a slice at a time, since prices rise as it
    /// gives.
    fn reclaim(&self, resource: Resource, amount: u64, eligible: impl Fn(Account) -> bool) -> u64 {
        const SLICE: u64 = 4 << 20;
        let mut reclaimers = self.reclaimers_of(resource);
        let mut freed = 0;
        while freed < amount {
            let cheapest = reclaimers
                .iter()
                .enumerate()
                .filter(|(_, reclaimer)| eligible(reclaimer.account()))
                .map(|(i, reclaimer)| (i, reclaimer.idle()))
                .filter(|(_, idle)| idle.amount > 0)
                .min_by(|(_, a), (_, b)| a.nanos_per_unit.total_cmp(&b.nanos_per_unit));
            let Some((i, _)) = cheapest else { break };
            match reclaimers[i].reclaim((amount - freed).min(SLICE)) {
                // It said more than it could do; the others may still help.
                0 => drop(reclaimers.swap_remove(i)),
                got => {
                    let account = Some(reclaimers[i].account());
                    self.note(EventKind::Reclaimed, resource, account, got);
                    freed += got;
                }
            }
        }
        freed
    }
}
