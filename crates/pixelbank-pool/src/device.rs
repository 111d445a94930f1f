use std::fmt;

use pixelbank_memory::Resource;

/// Where an object's memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Device {
    /// Memory of the process.
    Host,
    /// Memory of the process that the system never moves or pages out, so that CUDA copies to and from it at full speed.
    Pinned,
    /// The NVIDIA device of that number.
    Cuda(u8),
    /// The simulated device of that number: streams, events and memory limits without hardware.
    Simulated(u8),
}

impl Device {
    /// The part of the budget that pays for its memory.
    pub const fn resource(self) -> Resource {
        match self {
            Self::Host | Self::Pinned => Resource::Host,
            Self::Cuda(n) | Self::Simulated(n) => Resource::Device(n),
        }
    }

    /// Whether work on an object there may be on a stream of `other`.
    pub const fn works_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Host, Self::Host) | (Self::Pinned, Self::Pinned | Self::Cuda(_)) => true,
            (Self::Cuda(a), Self::Cuda(b)) | (Self::Simulated(a), Self::Simulated(b)) => a == b,
            _ => false,
        }
    }

    /// Whether the processor can read and write its memory.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::Pinned)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Pinned => f.write_str("pinned"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
            Self::Simulated(n) => write!(f, "simulated:{n}"),
        }
    }
}
