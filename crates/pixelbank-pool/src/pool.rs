use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use pixelbank_memory::{Account, Bank, DeviceMemory, PoolSettings, Reclaim, Wait};

use crate::backend::{Backend, HostMemory};
use crate::key::{Class, Key};
use crate::local;
use crate::make::{Plan, Shortfall};
use crate::object::{Body, Handle};
use crate::shared::{DeviceState, Idler, Shared};
use crate::stats::Snapshot;
use crate::{
    Device, Error, ImageBuffer, ImageDesc, Outstanding, ProfileScope, Stats, Stream, Tensor,
    TensorDesc,
};

/// Objects that are reused instead of allocated, on one set of books. Clones share it.
///
/// An object whose last handle goes becomes idle: it is kept, first by the thread that let go of it, and serves the next
/// request with an equal key, from whichever thread. Idle objects go, least recently used first, where the pool's limit
/// of their device, or the bank's, needs their bytes. The objects of a pool that has been dropped live on until their
/// handles go.
#[derive(Clone)]
pub struct Pool {
    pub(crate) shared: Arc<Shared>,
    /// Clears the pool with its last clone; objects refer to `shared` alone.
    _last: Arc<Closer>,
}

struct Closer {
    shared: Arc<Shared>,
    /// The bank holds them weakly.
    _idlers: Vec<Arc<dyn Reclaim>>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// How a [`Pool`] is made.
#[derive(Debug, Clone)]
pub struct PoolBuilder {
    bank: Bank,
    devices: Vec<(Arc<dyn Backend>, Option<u64>)>,
    host_limit_bytes: Option<u64>,
    default_device_limit_bytes: Option<u64>,
    at_limit: AtLimit,
    owner: String,
}

/// What goes where more is held than the limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum AtLimit {
    /// As many idle objects as it takes, least recently used first: what is in steady use is found again.
    #[default]
    LeastRecentlyUsed,
    /// All idle objects of the device, as NVCV does: the next requests all allocate, and nothing that the program no
    /// longer uses stays.
    ClearAll,
}

/// Which idle objects are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those in the cache of the calling thread.
    ThisThread,
    /// All.
    AllThreads,
}

/// How an object is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The stream on which the object will be used: an idle one whose last work was on it needs no wait, and one with
    /// work on another stream is used after that work. Without a stream only objects without unfinished work are given
    /// out.
    pub stream: Option<&'a Stream>,
    /// How much larger than needed an object may be, in percent of what is needed: for shapes that vary. 0 reuses equal
    /// objects only, which is the fastest and wastes nothing.
    pub larger_fit_percent: u32,
    /// How long to wait for memory of the bank that others hold; not at all where there is none.
    pub wait: Option<Wait>,
}

impl PoolBuilder {
    /// Limits what is held of host memory, in use and idle. Half of what the process may use where this is not called. 0
    /// keeps nothing; making objects works as before.
    pub fn host_limit(mut self, limit_bytes: u64) -> Self {
        self.host_limit_bytes = Some(limit_bytes);
        self
    }

    /// Adds a device. Its limit is half of its memory where none is given; a limit may be above the device's memory.
    ///
    /// Device memory is booked on the bank's limit of that device; where the bank has none, it gets one of the
    /// device's whole memory.
    pub fn device(mut self, backend: Arc<dyn Backend>, limit_bytes: Option<u64>) -> Self {
        self.devices.push((backend, limit_bytes));
        self
    }

    /// What goes where a limit is reached.
    pub fn at_limit(mut self, at_limit: AtLimit) -> Self {
        self.at_limit = at_limit;
        self
    }

    /// Names the pool in the ledger, for banks with several.
    pub fn owner(mut self, owner: &str) -> Self {
        owner.clone_into(&mut self.owner);
        self
    }

    /// Takes limits from the configuration: `[pool]` in the file, `PIXELBANK_POOL_LIMIT` and its like.
    pub fn settings(mut self, settings: &PoolSettings) -> Self {
        if settings.limit_bytes.is_some() {
            self.host_limit_bytes = settings.limit_bytes;
        }
        self.default_device_limit_bytes = settings.device_limit_bytes;
        if settings.clear_all {
            self.at_limit = AtLimit::ClearAll;
        }
        self
    }

    /// Opens the pool.
    ///
    /// # Errors
    /// [`Error::BadArgument`] for a device that is named twice, [`Error::Memory`] for one that the bank cannot book on,
    /// and what the device says where its memory is asked for.
    pub fn build(self) -> Result<Pool, Error> {
        let mut backends = self.devices;
        if !backends
            .iter()
            .any(|(backend, _)| backend.device() == Device::Host)
        {
            backends.insert(0, (Arc::new(HostMemory::default()), self.host_limit_bytes));
        }
        let mut devices: Vec<DeviceState> = Vec::with_capacity(backends.len());
        for (backend, limit) in backends {
            let device = backend.device();
            if devices.iter().any(|known| known.device == device) {
                return Err(Error::BadArgument {
                    argument: "device",
                    reason: format!("{device} is named twice"),
                });
            }
            let total = backend.total_bytes()?;
            let resource = device.resource();
            if self.bank.limit(resource).is_none()
                && let Device::Cuda(n) | Device::Simulated(n) = device
            {
                self.bank.add_device(n, total)?;
            }
            if let Device::Cuda(n) | Device::Simulated(n) = device {
                // Weak: the bank may outlive the pool, and a device should not for its sake.
                let backend = Arc::downgrade(&backend);
                self.bank.watch_device(n, move || {
                    Some(DeviceMemory {
                        total_bytes: total,
                        free_bytes: backend.upgrade()?.free_bytes()?,
                        process_bytes: None,
                    })
                });
            }
            let holders = Class::ALL
                .into_iter()
                .map(|class| {
                    self.bank
                        .holder_of(resource, Account::Pool, class.name(), &self.owner)
                })
                .collect::<Result<_, _>>()?;
            let set = limit.or(if device.is_host() {
                self.host_limit_bytes
            } else {
                self.default_device_limit_bytes
            });
            devices.push(DeviceState {
                device,
                backend,
                limit_bytes: AtomicU64::new(set.unwrap_or(total / 2)),
                held_bytes: AtomicU64::new(0),
                oversize_bytes: AtomicU64::new(0),
                is_lost: AtomicBool::new(false),
                holders,
                price: AtomicU64::new(0),
            });
        }
        let resources: Vec<_> = devices
            .iter()
            .map(|state| state.device.resource())
            .collect();
        let shared = Arc::new(Shared::new(&self.bank, devices, self.at_limit));
        let idlers = resources.into_iter().enumerate().map(|(device, resource)| {
            let idler: Arc<dyn Reclaim> = Arc::new(Idler {
                shared: Arc::downgrade(&shared),
                device,
                resource,
            });
            self.bank.add_reclaimer(&idler);
            idler
        });
        let idlers = idlers.collect();
        let closer = Closer {
            shared: Arc::clone(&shared),
            _idlers: idlers,
        };
        Ok(Pool {
            shared,
            _last: Arc::new(closer),
        })
    }
}

impl Pool {
    /// Limits and devices to be set.
    pub fn builder(bank: &Bank) -> PoolBuilder {
        PoolBuilder {
            bank: bank.clone(),
            devices: Vec::new(),
            host_limit_bytes: None,
            default_device_limit_bytes: None,
            at_limit: AtLimit::default(),
            owner: String::new(),
        }
    }

    /// A pool of host memory, with the limits of the defaults.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`].
    pub fn new(bank: &Bank) -> Result<Self, Error> {
        Self::builder(bank).build()
    }

    /// A tensor, of any contents.
    ///
    /// # Errors
    /// [`Error::BadShape`], [`Error::BadLayout`], [`Error::BadAlignment`] for a description that no memory can have;
    /// [`Error::UnknownDevice`]; [`Error::Memory`] and [`Error::DeviceOutOfMemory`] where there is no room;
    /// [`Error::HookPanicked`]; [`Error::DeviceLost`], [`Error::Device`].
    #[inline]
    #[track_caller]
    pub fn tensor(&self, desc: &TensorDesc) -> Result<Tensor, Error> {
        self.tensor_with(desc, &Request::default())
    }

    /// As [`tensor`](Self::tensor), asked for in a particular way.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor), and [`Error::BadArgument`] for a stream of another device.
    #[inline]
    #[track_caller]
    pub fn tensor_with(&self, desc: &TensorDesc, request: &Request<'_>) -> Result<Tensor, Error> {
        Self::tensor_of(&self.shared, desc, request)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn tensor_of(
        shared: &Arc<Shared>,
        desc: &TensorDesc,
        request: &Request<'_>,
    ) -> Result<Tensor, Error> {
        let key = desc.key();
        let plan = || Ok(Plan::memory(desc.arrangement()?));
        let object = shared.acquire(&key, request, plan, allocate, Location::caller())?;
        Ok(Tensor(Handle::new(object)))
    }

    /// An image, of any contents.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    #[inline]
    #[track_caller]
    pub fn image(&self, desc: &ImageDesc) -> Result<ImageBuffer, Error> {
        self.image_with(desc, &Request::default())
    }

    /// As [`image`](Self::image), asked for in a particular way.
    ///
    /// # Errors
    /// As [`tensor_with`](Self::tensor_with).
    #[inline]
    #[track_caller]
    pub fn image_with(
        &self,
        desc: &ImageDesc,
        request: &Request<'_>,
    ) -> Result<ImageBuffer, Error> {
        let key = desc.key();
        let plan = || Ok(Plan::memory(desc.arrangement()?));
        let object = self
            .shared
            .acquire(&key, request, plan, allocate, Location::caller())?;
        Ok(ImageBuffer::new(Handle::new(object), desc))
    }

    /// A stream of a device. One whose work has finished is used again.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`], [`Error::DeviceLost`], [`Error::Device`].
    #[track_caller]
    pub fn stream(&self, device: Device) -> Result<Stream, Error> {
        let key = Key::bare(Class::Stream, device);
        let make = |backend: &dyn Backend, _| Ok(Body::Stream(backend.stream()?));
        let plan = || Ok(Plan::object(0));
        let object =
            self.shared
                .acquire(&key, &Request::default(), plan, make, Location::caller())?;
        Stream::new(Handle::new(object))
    }

    /// The bank that its objects are booked on.
    pub fn bank(&self) -> &Bank {
        &self.shared.bank
    }

    /// Its devices, the host among them.
    pub fn devices(&self) -> impl Iterator<Item = Device> + '_ {
        self.shared.devices.iter().map(|state| state.device)
    }

    /// Bytes that are held of a device at most before idle objects go.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`].
    pub fn limit_bytes(&self, device: Device) -> Result<u64, Error> {
        let i = self.shared.device_index(device)?;
        Ok(self.shared.devices[i].limit_bytes.load(Ordering::SeqCst))
    }

    /// Sets the limit of a device. Where more is held, idle objects go at once; 0 keeps nothing.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`].
    pub fn set_limit(&self, device: Device, limit_bytes: u64) -> Result<(), Error> {
        let i = self.shared.device_index(device)?;
        self.shared.set_limit(i, limit_bytes);
        Ok(())
    }

    /// Drops idle objects, which takes their bytes off the books.
    pub fn clear(&self, scope: Scope) {
        match scope {
            Scope::ThisThread => self.shared.clear_thread(),
            Scope::AllThreads => self.shared.clear(),
        }
    }

    /// How many objects are idle.
    pub fn len(&self, scope: Scope) -> u64 {
        self.idle(scope).0
    }

    /// Whether none is idle.
    pub fn is_empty(&self, scope: Scope) -> bool {
        self.len(scope) == 0
    }

    /// Bytes of the idle objects.
    pub fn bytes(&self, scope: Scope) -> u64 {
        self.idle(scope).1
    }

    fn idle(&self, scope: Scope) -> (u64, u64) {
        let sums = match scope {
            Scope::AllThreads => self.shared.idle(),
            Scope::ThisThread => local::with(&self.shared, |local| {
                (0..self.shared.tallies.len())
                    .map(|row| local.idle(row))
                    .collect()
            })
            .unwrap_or_default(),
        };
        sums.iter().fold((0, 0), |(count, bytes), sum| {
            (count + sum.count, bytes + sum.bytes)
        })
    }

    /// Gives up to `amount` idle bytes of a device up, least recently used first, and says how much it was.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`].
    pub fn trim(&self, device: Device, amount: u64) -> Result<u64, Error> {
        let i = self.shared.device_index(device)?;
        Ok(self.shared.reclaim(i, amount))
    }

    /// What it holds and what it has done.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Sets the peaks to what is held now.
    pub fn reset_peaks(&self) {
        self.shared
            .tallies
            .iter()
            .for_each(|tally| tally.reset_peaks());
    }

    /// Counts what happens until the scope ends, the exact peak of bytes in use among it. Every use takes a lock
    /// meanwhile.
    pub fn profile(&self, name: &str) -> ProfileScope {
        ProfileScope::open(&self.shared, name)
    }

    /// Notes for each object from now on where it was made, so that [`outstanding`](Self::outstanding) can say it. Every
    /// use takes a lock meanwhile.
    pub fn trace_origins(&self, on: bool) {
        self.shared.watch.set_traces_origins(on);
        self.shared.refresh_flags();
    }

    /// Objects in use that were made while [`trace_origins`](Self::trace_origins) was on, the largest first.
    pub fn outstanding(&self) -> Vec<Outstanding> {
        self.shared.watch.outstanding()
    }

    /// Everything that can be said, for a file.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            time_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as u64),
            stats: self.stats(),
            outstanding: self.outstanding(),
        }
    }

    /// Has `hook` asked for memory before an object is refused for want of it, when nothing idle is left. It says how
    /// many bytes it freed; the pool then tries again. It is called without a lock, from the thread that asked.
    pub fn before_out_of_memory(&self, hook: impl Fn(&Shortfall) -> u64 + Send + Sync + 'static) {
        self.shared.hooks.write().push(Arc::new(hook));
    }
}

fn allocate(backend: &dyn Backend, bytes: u64) -> Result<Body, Error> {
    Ok(Body::Memory(backend.allocate(bytes)?))
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("devices", &self.stats().devices)
            .finish_non_exhaustive()
    }
}
