//! The truth of devices beside the books of a budget.
//!
//! A [`Bank`](pixelbank_memory::Bank) knows what was reserved of a device. What the library that hands out its memory has, and
//! what its driver says, may be more: blocks that are not full, what nobody reserved, other programs. This crate has the bank's
//! ledger ask them; tables, the page and `pixelbank top` then show the difference.
//!
//! A program that draws with wgpu opens its device itself, and reserves what it makes on it:
//!
#![cfg_attr(feature = "wgpu", doc = "```")]
#![cfg_attr(not(feature = "wgpu"), doc = "```text")]
//! use pixelbank_memory::{Account, Bank, Resource};
//!
//! # fn draw(device: &pixelbank_device::wgpu::Device) -> Result<(), Box<dyn std::error::Error>> {
//! let bank = Bank::builder().device_bytes(0, 2 << 30).build()?;
//! // The ledger asks the device for as long as this is kept.
//! let _watch = pixelbank_device::watch_wgpu(&bank, 0, device)?;
//! let textures = bank.holder_of(Resource::Device(0), Account::Textures, "texture", "scene")?;
//! let paid = textures.try_reserve(64 << 20)?;
//! // … a texture of 64 MiB, kept together with what pays for it …
//! # Ok(())
//! # }
//! ```
//!
//! An object pool has the ledger ask CUDA's driver by itself; there is use for this crate beside it where other programs are on
//! the device too: CUDA does not say what is whose, `Nvml` (feature `nvml`) does.
#![forbid(unsafe_code)]

#[cfg(feature = "nvml")]
mod nvml;
#[cfg(feature = "wgpu")]
mod report;

#[cfg(feature = "nvml")]
pub use nvml::Nvml;
#[cfg(feature = "wgpu")]
pub use report::{Watch, watch_wgpu};
/// The version of wgpu that [`watch_wgpu`] knows.
#[cfg(feature = "wgpu")]
pub use wgpu;

/// Why a device cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bank's books have no such device, so that there is nothing to stand beside.
    #[error("the bank has no limit for device {device}: Bank::add_device sets one")]
    NotOnTheBooks {
        /// The number that was given.
        device: u8,
    },
    /// The backend of this device makes no report.
    #[error("wgpu's allocator makes no report on {backend}; on Vulkan and Direct3D 12 it does")]
    NoReport {
        /// What draws.
        backend: String,
    },
    /// NVIDIA's library for management is not there, or does not work.
    #[error("no NVIDIA driver to be asked: {reason}")]
    NoDriver {
        /// What it or the system said.
        reason: String,
    },
    /// The driver does not know this device, or does not answer.
    #[error("NVIDIA's driver does not tell of the device at {pci_bus_id}: {reason}")]
    NoAnswer {
        /// The address that was asked for.
        pci_bus_id: String,
        /// What it said.
        reason: String,
    },
}

#[cfg(any(feature = "nvml", feature = "wgpu"))]
fn on_the_books(bank: &pixelbank_memory::Bank, device: u8) -> Result<(), Error> {
    match bank.limit(pixelbank_memory::Resource::Device(device)) {
        Some(_) => Ok(()),
        None => Err(Error::NotOnTheBooks { device }),
    }
}
