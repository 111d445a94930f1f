//! Where memory and streams come from. The pool above is the same for every device.

#[cfg(feature = "cuda")]
mod cuda;
mod host;
mod queue;
mod simulated;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

#[cfg(feature = "cuda")]
pub use self::cuda::{Cuda, PinnedHost};
pub use self::host::HostMemory;
pub use self::simulated::SimulatedDevice;
use crate::{Device, Error};

/// A device: what allocates its memory and makes its streams.
///
/// Two of them pass one set of tests (`tests/pool/conformance.rs`), which whoever writes a third should run as well.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Which device it is.
    fn device(&self) -> Device;

    /// Memory in all; half of it is the pool's limit where none is set.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::DeviceLost`].
    fn total_bytes(&self) -> Result<u64, Error>;

    /// Memory that nobody has, whoever asks: the device's own word beside the books. `None` where it does not say.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// What an allocation of `bytes` takes from the device, padding included: what is booked for it.
    fn footprint(&self, bytes: u64) -> u64;

    /// Allocates `bytes`, beginning at a multiple of 4096. The contents are any, but readable.
    ///
    /// # Errors
    /// [`Error::DeviceOutOfMemory`] where there is none, [`Error::DeviceLost`], [`Error::Device`].
    fn allocate(&self, bytes: u64) -> Result<Box<dyn Memory>, Error>;

    /// Makes a stream.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    fn stream(&self) -> Result<Arc<dyn Timeline>, Error>;
}

/// A block of a device's memory; dropping it frees it.
pub trait Memory: Send + Sync + fmt::Debug {
    /// Its first byte, as the device counts: a pointer for host memory.
    fn address(&self) -> u64;
}

/// A stream: work that runs in the order in which it was submitted. Points on it say how far it has come.
///
/// A point covers everything submitted before [`mark`](Self::mark) was called; it may cover more where the device cannot
/// say it exactly.
pub trait Timeline: Send + Sync + fmt::Debug {
    /// A point after all work submitted so far.
    fn mark(&self) -> u64;

    /// Whether all work up to `point` has finished; true on a lost device, where nothing runs any more.
    fn has_passed(&self, point: u64) -> bool;

    /// Lets work submitted to this stream from now on begin only when `other`, a stream of the same device, has passed
    /// `point`. Does not block.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    fn wait_for(&self, other: &Arc<dyn Timeline>, point: u64) -> Result<(), Error>;

    /// Blocks until `point` has passed.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    fn synchronize(&self, point: u64) -> Result<(), Error>;

    /// Runs `job` on the processor in the stream's order. `addresses` are the blocks that it works on.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::Device`].
    fn submit(&self, addresses: Vec<u64>, job: Box<dyn FnOnce() + Send>) -> Result<(), Error>;

    /// What the device's own interface calls it (`CUstream`); zero where there is none.
    fn raw(&self) -> u64 {
        0
    }

    /// For `wait_for`, which needs the other stream's own type.
    fn as_any(&self) -> &dyn Any;
}
