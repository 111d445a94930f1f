//! A bank with a pool, and the books looked at when both go.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pixelbank_memory::{Bank, Resource};
use pixelbank_pool::{
    AtLimit, Backend, DType, Device, HostMemory, Pool, Scope, Tensor, TensorDesc,
};

pub const MIB: u64 = 1 << 20;

/// A pool of one device beside the host's.
pub struct Rig {
    pub bank: Bank,
    pub pool: Pool,
    pub device: Device,
}

impl Rig {
    /// Of host memory alone.
    pub fn host() -> Self {
        let backend: Arc<dyn Backend> = Arc::new(HostMemory::default());
        Self::new(&backend)
    }

    /// With a limit of 16 MiB for the pool, and one of 64 MiB for everything on the device.
    pub fn new(backend: &Arc<dyn Backend>) -> Self {
        Self::with(backend, 16 * MIB, AtLimit::LeastRecentlyUsed)
    }

    pub fn with(backend: &Arc<dyn Backend>, limit_bytes: u64, at_limit: AtLimit) -> Self {
        let device = backend.device();
        let mut builder = Bank::builder().host_bytes(64 * MIB);
        if let Device::Cuda(n) | Device::Simulated(n) = device {
            builder = builder.device_bytes(n, 64 * MIB);
        }
        let bank = builder.build().unwrap();
        let pool = Pool::builder(&bank)
            .device(Arc::clone(backend), Some(limit_bytes))
            .at_limit(at_limit)
            .build()
            .unwrap();
        Self { bank, pool, device }
    }

    /// A tensor of whole MiB.
    pub fn desc(&self, mib: u64) -> TensorDesc {
        TensorDesc::new([mib * MIB], DType::U8).on(self.device)
    }

    pub fn tensor(&self, mib: u64) -> Tensor {
        self.pool.tensor(&self.desc(mib)).unwrap()
    }

    /// What the bank has booked for the pool's device.
    pub fn booked_bytes(&self) -> u64 {
        let ledger = self.bank.ledger();
        match self.device.resource() {
            Resource::Device(n) => {
                let row = ledger.devices.iter().find(|row| row.device == n);
                row.unwrap().memory.live_bytes
            }
            _ => ledger.host.live_bytes,
        }
    }

    pub fn idle_bytes(&self) -> u64 {
        self.pool.bytes(Scope::AllThreads)
    }

    /// What the pool says that it holds on its device, which must be what the bank has booked.
    pub fn held_bytes(&self) -> u64 {
        let stats = self.pool.stats();
        let held = stats.devices.iter().find(|row| row.device == self.device);
        let held = held.unwrap().held_bytes;
        let by_class: u64 = stats
            .classes
            .iter()
            .filter(|row| row.device == self.device)
            .map(|row| row.live_bytes + row.idle_bytes)
            .sum();
        assert_eq!(held, by_class, "{stats}");
        assert_eq!(held, self.booked_bytes(), "{stats}");
        held
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.held_bytes();
        self.pool.clear(Scope::AllThreads);
        let stats = self.pool.stats();
        assert_eq!(
            self.booked_bytes(),
            0,
            "something is still in use:\n{stats}"
        );
    }
}

/// Work that does not finish until it is let through.
pub struct Gate {
    opener: SyncSender<()>,
    passed: Receiver<()>,
}

impl Gate {
    /// The gate, and the job that waits at it.
    pub fn new() -> (Self, impl FnOnce() + Send + 'static) {
        let (opener, waiting) = sync_channel::<()>(1);
        let (passing, passed) = sync_channel(1);
        let job = move || {
            // An error is a gate that was dropped: open.
            let _ = waiting.recv();
            let _ = passing.send(());
        };
        (Self { opener, passed }, job)
    }

    /// Opens it, and waits until the job has gone through.
    pub fn open(self) {
        self.opener.send(()).unwrap();
        self.passed.recv().unwrap();
    }
}
