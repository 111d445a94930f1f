#![allow(unsafe_code)]

use std::alloc::{self, Layout};
use std::ptr::NonNull;
use std::sync::Arc;

use memmap2::MmapMut;

use super::queue::QueueStream;
use super::{Backend, Memory, Timeline};
use crate::{Device, Error};

const PAGE: u64 = 4096;
/// From here on a block is a mapping of its own with huge pages, which leaves the process when it is freed.
const MAP_FROM: u64 = 2 << 20;

/// The memory of the process, in blocks of whole pages.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct HostMemory;

impl Backend for HostMemory {
    fn device(&self) -> Device {
        Device::Host
    }

    fn total_bytes(&self) -> Result<u64, Error> {
        Ok(pixelbank_memory::available_memory())
    }

    fn footprint(&self, bytes: u64) -> u64 {
        bytes.next_multiple_of(PAGE)
    }

    fn allocate(&self, bytes: u64) -> Result<Box<dyn Memory>, Error> {
        Ok(Box::new(HostBlock::new(bytes)?))
    }

    fn stream(&self) -> Result<Arc<dyn Timeline>, Error> {
        Ok(QueueStream::open(Device::Host, None)?)
    }
}

/// A block of zeros, until somebody writes to it.
#[derive(Debug)]
pub(super) enum HostBlock {
    Pages { first: NonNull<u8>, layout: Layout },
    Map { first: NonNull<u8>, _map: MmapMut },
}

// SAFETY: the block is memory that nobody else refers to; who may read and write it is for the objects above to say.
unsafe impl Send for HostBlock {}
// SAFETY: as above; this type itself only hands out the address.
unsafe impl Sync for HostBlock {}

impl HostBlock {
    pub fn new(bytes: u64) -> Result<Self, Error> {
        let refused = || pixelbank_memory::Error::OutOfMemory { bytes };
        let len = usize::try_from(bytes.next_multiple_of(PAGE)).map_err(|_| refused())?;
        if bytes >= MAP_FROM {
            let mut map = MmapMut::map_anon(len).map_err(|_| refused())?;
            // Only advice: a kernel without huge pages says no, and ordinary pages serve as well.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            let first = NonNull::new(map.as_mut_ptr()).ok_or_else(refused)?;
            return Ok(Self::Map { first, _map: map });
        }
        let layout = Layout::from_size_align(len.max(PAGE as usize), PAGE as usize)
            .map_err(|_| refused())?;
        // SAFETY: the layout is at least a page.
        let first = NonNull::new(unsafe { alloc::alloc_zeroed(layout) }).ok_or_else(refused)?;
        Ok(Self::Pages { first, layout })
    }
}

impl Drop for HostBlock {
    fn drop(&mut self) {
        if let Self::Pages { first, layout } = self {
            // SAFETY: it was allocated with this layout, and is freed once, here.
            unsafe { alloc::dealloc(first.as_ptr(), *layout) };
        }
    }
}

impl Memory for HostBlock {
    fn address(&self) -> u64 {
        match self {
            Self::Pages { first, .. } | Self::Map { first, .. } => {
                first.as_ptr().expose_provenance() as u64
            }
        }
    }
}
