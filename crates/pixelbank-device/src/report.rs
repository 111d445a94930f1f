use std::sync::Arc;

use pixelbank_memory::{Bank, DeviceAllocator};

use crate::{Error, on_the_books};

/// Has a bank's ledger ask a device for as long as it is kept.
#[must_use = "the device is asked for as long as this is kept"]
#[derive(Debug)]
pub struct Watch {
    _device: Arc<wgpu::Device>,
}

/// Has the ledger show, beside what the books hold of device number `device`, what wgpu's allocator has of it and handed out.
/// Buffers that wgpu makes for itself and what alignment takes are in that, so that it is more than what was reserved.
///
/// Each look at the ledger walks the allocator's list under its lock: some microseconds for hundreds of textures.
///
/// # Errors
/// [`Error::NotOnTheBooks`] where the bank has no such device, [`Error::NoReport`] on backends that make none.
pub fn watch_wgpu(bank: &Bank, device: u8, watched: &wgpu::Device) -> Result<Watch, Error> {
    on_the_books(bank, device)?;
    if watched.generate_allocator_report().is_none() {
        return Err(Error::NoReport {
            backend: watched.adapter_info().backend.to_string(),
        });
    }
    let watched = Arc::new(watched.clone());
    // Weak: the bank may outlive what draws, and a device should not for its sake.
    let asked = Arc::downgrade(&watched);
    bank.watch_device_allocator(device, move || {
        let report = asked.upgrade()?.generate_allocator_report()?;
        Some(DeviceAllocator {
            allocated_bytes: report.total_allocated_bytes,
            reserved_bytes: report.total_reserved_bytes,
        })
    });
    Ok(Watch { _device: watched })
}
