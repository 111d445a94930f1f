use std::ffi::OsStr;
use std::sync::Arc;

use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use pixelbank_memory::{Bank, DeviceMemory};

use crate::{Error, on_the_books};

/// NVIDIA's library for management, which comes with the driver.
#[derive(Debug, Clone)]
pub struct Nvml(Arc<nvml_wrapper::Nvml>);

impl Nvml {
    /// Loads it.
    ///
    /// # Errors
    /// [`Error::NoDriver`] where it is not installed, or the driver does not run.
    pub fn load() -> Result<Self, Error> {
        // The name without a version is there only where one can build against it.
        Self::load_from("libnvidia-ml.so.1").or_else(|_| Self::load_from("libnvidia-ml.so"))
    }

    fn load_from(library: &str) -> Result<Self, Error> {
        nvml_wrapper::Nvml::builder()
            .lib_path(OsStr::new(library))
            .init()
            .map(|nvml| Self(Arc::new(nvml)))
            .map_err(|wrong| Error::NoDriver {
                reason: wrong.to_string(),
            })
    }

    /// Has the ledger show, beside what the books hold of device number `device`, what the driver says of the one at this place
    /// of the PCI bus (`0000:01:00.0`; of wgpu's adapters it is `AdapterInfo::device_pci_bus_id`): all, free, and what this
    /// process has. In a container with process numbers of its own the last is not known.
    ///
    /// # Errors
    /// [`Error::NotOnTheBooks`] where the bank has no such device, [`Error::NoAnswer`] where the driver knows none there.
    pub fn watch(&self, bank: &Bank, device: u8, pci_bus_id: &str) -> Result<(), Error> {
        on_the_books(bank, device)?;
        let place = pci_bus_id.to_owned();
        self.memory(&place).map_err(|wrong| Error::NoAnswer {
            pci_bus_id: place.clone(),
            reason: wrong.to_string(),
        })?;
        let nvml = self.clone();
        bank.watch_device(device, move || nvml.memory(&place).ok());
        Ok(())
    }

    fn memory(&self, pci_bus_id: &str) -> Result<DeviceMemory, NvmlError> {
        let device = self.0.device_by_pci_bus_id(pci_bus_id)?;
        let memory = device.memory_info()?;
        // Whoever draws and computes is in both lists. Where they may not be seen, the rest is still true.
        let mut processes = device.running_compute_processes().unwrap_or_default();
        processes.extend(device.running_graphics_processes().unwrap_or_default());
        Ok(DeviceMemory {
            total_bytes: memory.total,
            free_bytes: memory.free,
            process_bytes: bytes_of(std::process::id(), &processes),
        })
    }
}

/// What a process has, by lists that may name it more than once, each time with all that it has.
fn bytes_of(pid: u32, processes: &[ProcessInfo]) -> Option<u64> {
    let of_it = processes.iter().filter(|process| process.pid == pid);
    of_it
        .filter_map(|process| match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_its_absence_is_told() {
        let Err(wrong) = Nvml::load_from("libnvidia-ml-that-is-not-there.so.1") else {
            panic!("there is no such library");
        };
        let words = wrong.to_string();
        assert!(words.starts_with("no NVIDIA driver to be asked"), "{words}");
        assert!(words.contains("that-is-not-there"), "{words}");
    }

    #[test]
    fn what_is_not_on_the_books_or_on_the_bus_is_told() {
        // Says something only where there is a driver; without one, that it is missing.
        match Nvml::load() {
            Err(wrong) => assert!(matches!(wrong, Error::NoDriver { .. }), "{wrong}"),
            Ok(nvml) => {
                let bank = Bank::builder().device_bytes(0, 1 << 30).build().unwrap();
                let place = "0000:ff:1f.7";
                let of = |device| nvml.watch(&bank, device, place).unwrap_err();
                assert!(matches!(of(1), Error::NotOnTheBooks { device: 1 }));
                assert!(matches!(of(0), Error::NoAnswer { .. }));
            }
        }
    }

    #[test]
    fn a_process_in_both_lists_is_counted_once() {
        let process = |pid, used_gpu_memory| ProcessInfo {
            pid,
            used_gpu_memory,
            gpu_instance_id: None,
            compute_instance_id: None,
        };
        let listed = [
            process(7, UsedGpuMemory::Used(100)),
            process(8, UsedGpuMemory::Used(900)),
            process(7, UsedGpuMemory::Used(100)),
            process(9, UsedGpuMemory::Unavailable),
        ];
        assert_eq!(bytes_of(7, &listed), Some(100));
        assert_eq!(bytes_of(9, &listed), None);
        assert_eq!(bytes_of(10, &listed), None);
    }
}
