use pixelbank_memory::{DeviceRow, Ledger};

/// A part of what is held beside the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Of what: `host`, `device 0`.
    pub resource: String,
    pub name: &'static str,
    pub bytes: u64,
}

/// What the system, devices and their allocators know of and the books do not, where it is anything.
pub(crate) fn beside_the_books(ledger: &Ledger) -> Vec<Beside> {
    let process = &ledger.process;
    let of_process = [
        ("mapped files", process.file_bytes),
        ("allocator's unused", process.allocator_bytes.unwrap_or(0)),
        ("unclassified", process.unclassified_bytes),
    ]
    .map(|(name, bytes)| ("host".to_owned(), name, bytes));
    let of_devices = ledger.devices.iter().flat_map(|row| {
        let parts = of_device(row);
        parts.map(|(name, bytes)| (format!("device {}", row.device), name, bytes))
    });
    of_process
        .into_iter()
        .chain(of_devices)
        .filter(|(_, _, bytes)| *bytes > 0)
        .map(|(resource, name, bytes)| Beside {
            resource,
            name,
            bytes,
        })
        .collect()
}

/// The books hold what the allocator handed out, the allocator has that and more from the device, the process that and what
/// its driver needs: each knows of the one before, and what it has beyond is a part of its own.
fn of_device(row: &DeviceRow) -> [(&'static str, u64); 4] {
    let booked = row.memory.live_bytes;
    let allocator = row.allocator.unwrap_or_default();
    let ours = booked.max(allocator.reserved_bytes);
    let (of_process, used) = row.system.map_or((None, ours), |system| {
        let used = system.total_bytes.saturating_sub(system.free_bytes);
        (system.process_bytes, used)
    });
    let (driver, others) = match of_process {
        Some(process) => (
            process.saturating_sub(ours),
            used.saturating_sub(ours.max(process)),
        ),
        // Who has the rest, nobody says.
        None => (0, used.saturating_sub(ours)),
    };
    [
        (
            "allocator's unused",
            allocator
                .reserved_bytes
                .saturating_sub(allocator.allocated_bytes),
        ),
        (
            "unclassified",
            allocator.allocated_bytes.saturating_sub(booked),
        ),
        ("driver", driver),
        match of_process {
            Some(_) => ("other programs", others),
            None => ("driver and other programs", others),
        },
    ]
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank, DeviceAllocator, DeviceMemory, Resource};

    use super::*;

    fn told(allocator: Option<(u64, u64)>, system: Option<(u64, u64, Option<u64>)>) -> String {
        let bank = Bank::builder().device_bytes(1, 1 << 20).build().unwrap();
        let textures = bank.holder_of(Resource::Device(1), Account::Textures, "texture", "");
        let _held = textures.unwrap().try_reserve(1000).unwrap();
        bank.watch_device_allocator(1, move || {
            allocator.map(|(allocated_bytes, reserved_bytes)| DeviceAllocator {
                allocated_bytes,
                reserved_bytes,
            })
        });
        bank.watch_device(1, move || {
            system.map(|(total_bytes, free_bytes, process_bytes)| DeviceMemory {
                total_bytes,
                free_bytes,
                process_bytes,
            })
        });
        let parts = beside_the_books(&bank.ledger()).into_iter();
        let of_device = parts.filter(|part| part.resource == "device 1");
        let words = of_device.map(|part| format!("{} {}", part.name, part.bytes));
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_word_on_a_device_explains_what_the_one_before_does_not() {
        assert_eq!(told(None, None), "");
        let allocator = "allocator's unused 2800, unclassified 200";
        assert_eq!(told(Some((1200, 4000)), None), allocator);
        let all = Some((9000, 2000, Some(5000)));
        assert_eq!(
            told(Some((1200, 4000)), all),
            format!("{allocator}, driver 1000, other programs 2000")
        );
        assert_eq!(told(None, all), "driver 4000, other programs 2000");
        let no_process = Some((9000, 2000, None));
        assert_eq!(told(None, no_process), "driver and other programs 6000");
        // What was reserved ahead, and words from different moments: nothing is less than nothing.
        assert_eq!(
            told(Some((0, 500)), Some((9000, 8900, Some(10)))),
            "allocator's unused 500"
        );
    }
}
