use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::books::{Books, Place, Refusal};
use crate::observe::Records;
use crate::sync::{Condvar, Mutex, RwLock};
use crate::trace::Taken;
use crate::{
    Account, BankBuilder, Cancel, Error, EventKind, Holder, Mark, Reclaim, Resource, Shortage, Wait,
};

/// One memory budget and its books. Clones share it.
#[derive(Clone)]
pub struct Bank(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// Notified when an amount is given back, when something becomes idle, and when a waiter leaves the queue.
    freed: Condvar,
    n_waiting: AtomicUsize,
    /// Counts what became idle, so that a waiter sees what happened between its last try and its sleep.
    idle_epoch: AtomicU64,
    reclaimers: RwLock<Vec<Weak<dyn Reclaim>>>,
    trim_hooks: RwLock<Vec<Box<dyn Fn() + Send + Sync>>>,
    pub(crate) records: Records,
}

pub(crate) struct State {
    pub books: Books,
    /// Tickets of those that wait, one queue for each resource; the first in line is served first.
    queues: Vec<VecDeque<u64>>,
    next_ticket: u64,
    pub mark: Option<Mark>,
}

/// The first three pools are those that every bank has.
pub(crate) const HOST: usize = 0;
pub(crate) const DISK: usize = 1;
pub(crate) const FILES: usize = 2;

/// Wakes a waiter now and then whatever happens, since what an owner keeps may become idle without anyone saying so.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);

impl Bank {
    pub(crate) fn new(books: Books, n_pools: usize) -> Self {
        Self(Arc::new(Shared {
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
            records: Records::default(),
        }))
    }

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

    /// Whether anybody waits for room: if not, nobody needs to be told of memory that became idle.
    #[inline]
    pub fn is_waited_for(&self) -> bool {
        self.0.n_waiting.load(Ordering::SeqCst) > 0
    }

    /// How many callers wait for room at this moment.
    pub fn waiting(&self) -> usize {
        self.0.state.lock().queues.iter().map(VecDeque::len).sum()
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

impl Shared {
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

    pub fn reclaimers_of(&self, resource: Resource) -> Vec<Arc<dyn Reclaim>> {
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
