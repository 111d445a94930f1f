//! A device without hardware, for testing what is built on the pool: it has a limit, streams that run on threads, and
//! sees work that runs at once on the same block, which a real device would answer with wrong results.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pixelbank_memory::sync::Mutex;

use super::queue::{Observer, QueueStream};
use super::{Backend, Memory, Timeline};
use crate::{Device, Error};

/// A simulated device. Clones are the same device.
#[derive(Clone)]
pub struct SimulatedDevice(Arc<Inner>);

struct Inner {
    device: Device,
    total_bytes: u64,
    allocated: AtomicU64,
    peak: AtomicU64,
    allocations: AtomicU64,
    next_address: AtomicU64,
    is_lost: AtomicBool,
    hazards: AtomicU64,
    /// Blocks that work runs on, with the stream and how many jobs of it.
    busy: Mutex<HashMap<u64, (u64, u32)>>,
}

/// Memory is handed out in units of this size, as drivers do.
const GRANULE: u64 = 512;

impl SimulatedDevice {
    /// Device number `n` with `total_bytes` of memory.
    pub fn new(n: u8, total_bytes: u64) -> Self {
        Self(Arc::new(Inner {
            device: Device::Simulated(n),
            total_bytes,
            allocated: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            allocations: AtomicU64::new(0),
            next_address: AtomicU64::new(1 << 40),
            is_lost: AtomicBool::new(false),
            hazards: AtomicU64::new(0),
            busy: Mutex::default(),
        }))
    }

    /// Bytes that are allocated now: what the books must say.
    pub fn allocated_bytes(&self) -> u64 {
        self.0.allocated.load(Ordering::SeqCst)
    }

    /// The most that was allocated at once.
    pub fn peak_bytes(&self) -> u64 {
        self.0.peak.load(Ordering::SeqCst)
    }

    /// How often memory was allocated.
    pub fn allocations(&self) -> u64 {
        self.0.allocations.load(Ordering::SeqCst)
    }

    /// How often work of one stream began on a block on which work of another was running.
    pub fn hazards(&self) -> u64 {
        self.0.hazards.load(Ordering::SeqCst)
    }

    /// Takes the device away: everything asked of it from now on fails; what is on it can still be dropped.
    pub fn lose(&self) {
        self.0.is_lost.store(true, Ordering::SeqCst);
    }
}

impl Backend for SimulatedDevice {
    fn device(&self) -> Device {
        self.0.device
    }

    fn total_bytes(&self) -> Result<u64, Error> {
        self.0.check()?;
        Ok(self.0.total_bytes)
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(self.0.total_bytes - self.allocated_bytes())
    }

    fn footprint(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(GRANULE)
    }

    fn allocate(&self, bytes: u64) -> Result<Box<dyn Memory>, Error> {
        self.0.check()?;
        let bytes = self.footprint(bytes);
        let taken = self
            .0
            .allocated
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                now.checked_add(bytes)
                    .filter(|sum| *sum <= self.0.total_bytes)
            });
        let before = taken.map_err(|_| Error::DeviceOutOfMemory {
            device: self.0.device,
            bytes,
            held_bytes: 0,
            idle_bytes: 0,
            hooks: 0,
            holders: String::new(),
        })?;
        self.0.peak.fetch_max(before + bytes, Ordering::SeqCst);
        self.0.allocations.fetch_add(1, Ordering::SeqCst);
        let span = bytes.next_multiple_of(4096).max(4096);
        Ok(Box::new(Block {
            address: self.0.next_address.fetch_add(span, Ordering::SeqCst),
            bytes,
            device: Arc::clone(&self.0),
        }))
    }

    fn stream(&self) -> Result<Arc<dyn Timeline>, Error> {
        self.0.check()?;
        let observer: Arc<dyn Observer> = self.0.clone();
        Ok(QueueStream::open(self.0.device, Some(observer))?)
    }
}

impl Observer for Inner {
    fn check(&self) -> Result<(), Error> {
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(Error::DeviceLost(self.device));
        }
        Ok(())
    }

    fn begin(&self, stream: u64, addresses: &[u64]) {
        let mut busy = self.busy.lock();
        for address in addresses {
            let (owner, jobs) = busy.entry(*address).or_insert((stream, 0));
            if *owner != stream {
                self.hazards.fetch_add(1, Ordering::SeqCst);
            }
            *jobs += 1;
        }
    }

    fn end(&self, _stream: u64, addresses: &[u64]) {
        let mut busy = self.busy.lock();
        for address in addresses {
            if let Some((_, jobs)) = busy.get_mut(address) {
                *jobs -= 1;
                if *jobs == 0 {
                    busy.remove(address);
                }
            }
        }
    }
}

struct Block {
    address: u64,
    bytes: u64,
    device: Arc<Inner>,
}

impl Memory for Block {
    fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // Freed while work runs on it: the worst that a pool could do.
        if self.device.busy.lock().contains_key(&self.address) {
            self.device.hazards.fetch_add(1, Ordering::SeqCst);
        }
        self.device
            .allocated
            .fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({:#x}, {} bytes)", self.address, self.bytes)
    }
}

impl fmt::Debug for SimulatedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDevice")
            .field("device", &self.0.device)
            .field("total_bytes", &self.0.total_bytes)
            .field("allocated_bytes", &self.allocated_bytes())
            .finish_non_exhaustive()
    }
}
