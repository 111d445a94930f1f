//! Devices by name.

use std::sync::Arc;

use pixelbank_pool::{Backend, Cuda, Device, SimulatedDevice};
use pyo3::prelude::*;

use crate::arguments::bytes;
use crate::errors::{argument, from_pool};

/// The device of that name: `cpu`, `cuda:0`, `simulated:0`.
pub fn named(name: &str) -> PyResult<Device> {
    let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
    let number = number.parse().map_err(|_| {
        argument(
            "device",
            format!("'{name}': a number from 0 to 255 is wanted behind the colon"),
        )
    })?;
    match kind {
        "cpu" | "host" if number == 0 => Ok(Device::Host),
        "pinned" if number == 0 => Ok(Device::Pinned),
        "cuda" => Ok(Device::Cuda(number)),
        "simulated" => Ok(Device::Simulated(number)),
        _ => Err(argument(
            "device",
            format!("'{name}' is none of cpu, pinned, cuda:N, simulated:N"),
        )),
    }
}

/// What a device is called in Python.
pub fn name(device: Device) -> String {
    match device {
        Device::Host => "cpu".to_owned(),
        other => other.to_string(),
    }
}

/// What a bank's `devices` names, opened, and its limit.
pub fn open(
    name: &Bound<'_, PyAny>,
    limit: &Bound<'_, PyAny>,
) -> PyResult<(Arc<dyn Backend>, Option<u64>)> {
    let name: String = name.extract()?;
    let limit = match limit.is_none() {
        true => None,
        false => Some(bytes("devices", limit)?),
    };
    let backend: Arc<dyn Backend> = match named(&name)? {
        Device::Cuda(number) => Arc::new(Cuda::new(number).map_err(|error| from_pool(&error))?),
        Device::Simulated(number) => {
            let bytes = limit.ok_or_else(|| {
                argument(
                    "devices",
                    format!("'{name}' needs a limit: it has no memory of its own"),
                )
            })?;
            Arc::new(SimulatedDevice::new(number, bytes))
        }
        _ => return Err(argument("devices", format!("'{name}' is there already"))),
    };
    Ok((backend, limit))
}
