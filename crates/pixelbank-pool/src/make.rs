//! Making an object where none is idle: room, the books, the device, and what is tried before giving up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Error as MemoryError, Reservation, format_bytes};
use triomphe::UniqueArc;

use crate::backend::Backend;
use crate::find::Wanted;
use crate::key::N_CLASSES;
use crate::object::{Body, Object, Uses};
use crate::shape::Arrangement;
use crate::shared::Shared;
use crate::{Device, Error};

/// What an object will be.
pub(crate) struct Plan {
    pub arrangement: Arrangement,
    /// Whether its bytes are allocated on the device, in units of the device's own.
    pub is_memory: bool,
}

impl Plan {
    pub fn memory(arrangement: Arrangement) -> Self {
        Self {
            arrangement,
            is_memory: true,
        }
    }

    /// An object that is booked with `bytes`.
    pub fn object(bytes: u64) -> Self {
        Self {
            arrangement: Arrangement::opaque(bytes),
            is_memory: false,
        }
    }
}

/// What is short, for a hook that may know where to find some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortfall {
    /// The device.
    pub device: Device,
    /// What could not be had.
    pub bytes: u64,
}

/// Asked before the pool gives up; says how many bytes it freed.
pub(crate) type Hook = Arc<dyn Fn(&Shortfall) -> u64 + Send + Sync>;

/// Bytes that are counted as held before there is an object to hold them.
struct Claim<'a> {
    shared: &'a Shared,
    device: usize,
    bytes: u64,
    is_oversize: bool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.devices[self.device]
            .counter(self.is_oversize)
            .fetch_sub(self.bytes, Ordering::SeqCst);
        self.shared.refresh_flags();
    }
}

/// The weight of a new measurement in the average price of a byte.
const PRICE_GAIN: f64 = 0.25;

impl Shared {
    pub fn make(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        arrangement: Arrangement,
        mut make: impl FnMut(&dyn Backend, u64) -> Result<Body, Error>,
    ) -> Result<UniqueArc<Object>, Error> {
        let is_oversize = self.claim(wanted.device, wanted.bytes);
        let claim = Claim {
            shared: self,
            device: wanted.device,
            bytes: wanted.bytes,
            is_oversize,
        };
        let reservation = self.reserve(wanted)?;
        let started = Instant::now();
        let body = self.make_body(wanted, &mut make)?;
        self.note_price(wanted, started);
        // From here on the object gives the bytes back.
        std::mem::forget(claim);
        let tally = &self.tallies[usize::from(wanted.row)];
        tally.made(wanted.bytes);
        if is_oversize {
            tally.oversize.fetch_add(1, Ordering::Relaxed);
        }
        Ok(UniqueArc::new(Object {
            key: *wanted.key,
            hash: wanted.hash,
            row: wanted.row,
            bytes: wanted.bytes,
            waste: 0,
            is_oversize,
            stamp: 0,
            arrangement,
            body,
            uses: Mutex::new(Uses::new()),
            origin: None,
            shared: Arc::clone(self),
            reservation: Some(reservation),
        }))
    }

    /// Books the bytes. The bank takes idle memory first, the pool's and everybody's; then the hooks are asked.
    fn reserve(&self, wanted: &Wanted<'_>) -> Result<Reservation, Error> {
        let class = usize::from(wanted.row) % N_CLASSES;
        let holder = &self.devices[wanted.device].holders[class];
        match holder.try_reserve(wanted.bytes) {
            Err(MemoryError::NoRoom(_)) => {}
            done => return Ok(done?),
        }
        if self.ask_hooks(wanted)? > 0 {
            match holder.try_reserve(wanted.bytes) {
                Err(MemoryError::NoRoom(_)) => {}
                done => return Ok(done?),
            }
        }
        Ok(match &wanted.request.wait {
            Some(wait) => holder.reserve(wanted.bytes, wait)?,
            None => holder.try_reserve(wanted.bytes)?,
        })
    }

    /// Asks the device. Where it has no memory, idle objects go, the cheapest first; then the hooks are asked.
    fn make_body(
        &self,
        wanted: &Wanted<'_>,
        make: &mut impl FnMut(&dyn Backend, u64) -> Result<Body, Error>,
    ) -> Result<Body, Error> {
        let device = &self.devices[wanted.device];
        let resource = device.device.resource();
        let mut attempt = 0;
        loop {
            let refused = match make(&*device.backend, wanted.bytes) {
                Err(
                    error @ (Error::DeviceOutOfMemory { .. }
                    | Error::Memory(MemoryError::OutOfMemory { .. })),
                ) => error,
                done => return done.map_err(|error| self.note_loss(error)),
            };
            let freed = match attempt {
                0 => self.reclaim(wanted.device, wanted.bytes),
                1 => self.reclaim(wanted.device, u64::MAX),
                2 => self.bank.reclaim(resource, wanted.bytes),
                3 => self.ask_hooks(wanted)?,
                _ => return Err(self.explain(wanted, refused)),
            };
            // What gave nothing is not asked again; what gave something may not have been enough.
            if freed == 0 || attempt == 3 {
                attempt += 1;
            }
        }
    }

    /// Bytes that the hooks say they freed.
    fn ask_hooks(&self, wanted: &Wanted<'_>) -> Result<u64, Error> {
        let shortfall = Shortfall {
            device: wanted.key.device,
            bytes: wanted.bytes,
        };
        // Called without the lock: a hook may add another, or use the pool.
        let hooks: Vec<Hook> = self.hooks.read().clone();
        let mut freed = 0u64;
        for hook in hooks {
            let answer = catch_unwind(AssertUnwindSafe(|| hook(&shortfall)));
            freed = freed.saturating_add(answer.map_err(|panic| {
                let message = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                Error::HookPanicked(message.unwrap_or_else(|| "without a message".to_owned()))
            })?);
        }
        Ok(freed)
    }

    fn explain(&self, wanted: &Wanted<'_>, refused: Error) -> Error {
        if !matches!(refused, Error::DeviceOutOfMemory { .. }) {
            return refused;
        }
        let device = &self.devices[wanted.device];
        let resource = device.device.resource().label();
        let rows = wanted.device * N_CLASSES..(wanted.device + 1) * N_CLASSES;
        let holders: String = self
            .bank
            .ledger()
            .types
            .iter()
            .filter(|row| row.resource == resource && row.live_bytes > 0)
            .take(4)
            .map(|row| {
                format!(
                    "; {} by {}/{}",
                    format_bytes(row.live_bytes),
                    row.account,
                    row.kind
                )
            })
            .collect();
        Error::DeviceOutOfMemory {
            device: device.device,
            bytes: wanted.bytes,
            // Less what this attempt itself has claimed.
            held_bytes: device.all_bytes() - wanted.bytes,
            idle_bytes: self.idle()[rows].iter().map(|sum| sum.bytes).sum(),
            hooks: self.hooks.read().len(),
            holders,
        }
    }

    fn note_price(&self, wanted: &Wanted<'_>, started: Instant) {
        if wanted.bytes == 0 {
            return;
        }
        let price = started.elapsed().as_nanos() as f64 / wanted.bytes as f64;
        let average = &self.devices[wanted.device].price;
        let before = f64::from_bits(average.load(Ordering::Relaxed));
        let after = if before == 0.0 {
            price
        } else {
            before + (price - before) * PRICE_GAIN
        };
        average.store(after.to_bits(), Ordering::Relaxed);
    }
}
