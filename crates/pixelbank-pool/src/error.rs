use std::io;

use crate::Device;

/// Why an object could not be made, wrapped or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A shape that no memory can have.
    #[error("shape {shape}: {reason}")]
    BadShape {
        /// The shape as it was given.
        shape: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An alignment that is not a power of two, or more than a page.
    #[error("{argument} of {align}: {reason}")]
    BadAlignment {
        /// The argument's name.
        argument: &'static str,
        /// Its value.
        align: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A layout that does not name each dimension.
    #[error("layout '{layout}': {reason}")]
    BadLayout {
        /// The layout as it was given.
        layout: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An element type that nobody knows.
    #[error("element type {0}")]
    UnknownDType(String),
    /// An argument of another kind that makes no sense.
    #[error("{argument}: {reason}")]
    BadArgument {
        /// The argument's name.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The pool was not given this device.
    #[error("{0}: the pool has no such device")]
    UnknownDevice(Device),
    /// The device or its driver is not there.
    #[error("{device} is not available: {reason}")]
    Unavailable {
        /// The device.
        device: Device,
        /// What is missing.
        reason: String,
    },
    /// The device has gone away; what is on it cannot be used any more, only dropped.
    #[error("{0} is lost: its objects cannot be used any more")]
    DeviceLost(Device),
    /// The device has no memory left, after everything that could go has gone.
    #[error(
        "{device} has no {bytes} bytes to give; the pool keeps {held_bytes} bytes on it, {idle_bytes} of them idle; {hooks} hooks were asked{holders}"
    )]
    DeviceOutOfMemory {
        /// The device.
        device: Device,
        /// What was asked of it.
        bytes: u64,
        /// What the pool holds there.
        held_bytes: u64,
        /// Idle bytes among them: zero, unless work on them has not finished.
        idle_bytes: u64,
        /// Hooks that were asked for memory.
        hooks: usize,
        /// The largest holders, for people.
        holders: String,
    },
    /// The driver refused something else.
    #[error("{device}: {operation}: {reason}")]
    Device {
        /// The device.
        device: Device,
        /// What was asked of it.
        operation: &'static str,
        /// What it said.
        reason: String,
    },
    /// Memory of somebody else that cannot be taken in.
    #[error("foreign memory: {argument}: {reason}")]
    Foreign {
        /// Which of its properties.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A batch has no room left.
    #[error("the batch holds {capacity} already, which is its capacity")]
    BatchFull {
        /// Its capacity.
        capacity: usize,
    },
    /// A hook panicked; the books are as if it had freed nothing.
    #[error("a hook called before giving up panicked: {0}")]
    HookPanicked(String),
    /// Making a caller's own object failed.
    #[error("making {what}: {source}")]
    External {
        /// The type that was to be made.
        what: &'static str,
        /// Why it could not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The budget refused, with its figures and the largest holders.
    #[error(transparent)]
    Memory(#[from] pixelbank_memory::Error),
    /// A report could not be written.
    #[error("{path}: {source}")]
    Report {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether memory was short, so that it may work when others have let go.
    pub fn is_out_of_memory(&self) -> bool {
        use pixelbank_memory::Error as Memory;
        match self {
            Self::DeviceOutOfMemory { .. } => true,
            Self::Memory(memory) => {
                memory.is_temporary()
                    || matches!(memory, Memory::NeverFits(_) | Memory::OutOfMemory { .. })
            }
            _ => false,
        }
    }
}
