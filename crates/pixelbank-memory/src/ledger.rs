use serde::{Deserialize, Serialize};

use crate::{Account, Pressure};

/// Who holds what at one moment, and the most that was held since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Milliseconds since the bank was made.
    pub uptime_ms: u64,
    /// Memory of the process.
    pub host: LimitRow,
    /// Scratch files.
    pub disk: LimitRow,
    /// Open files, counted rather than in bytes.
    pub files: LimitRow,
    /// Memory of each device.
    pub devices: Vec<DeviceRow>,
    /// What the operating system says, and what the ledger cannot see.
    pub process: ProcessRow,
    /// Host memory by account, in the order of [`Account::ALL`].
    pub accounts: Vec<AccountRow>,
    /// Everything by account, type and owner.
    pub types: Vec<TypeRow>,
    /// The last [mark](crate::Bank::mark), if there is one.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// How short memory was when a [`PressureMonitor`](crate::PressureMonitor) last looked; `None` where none looks.
    #[serde(default)]
    pub pressure: Option<Pressure>,
}

/// One limit of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LimitRow {
    /// The limit.
    pub limit_bytes: u64,
    /// Reserved now.
    pub live_bytes: u64,
    /// The most that was reserved at once.
    pub peak_bytes: u64,
    /// Of what is reserved, that which is kept for reuse and could be reclaimed.
    pub idle_bytes: u64,
    /// Reserved beyond the limit now.
    pub overdrawn_bytes: u64,
    /// How often a reservation went beyond the limit by [`Holder::overdraw`](crate::Holder::overdraw).
    pub overdrafts: u64,
    /// How often a reservation was refused.
    pub refusals: u64,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The number given at building.
    pub device: u8,
    /// Its memory.
    #[serde(flatten)]
    pub memory: LimitRow,
    /// What the device itself says, where somebody [asks it](crate::Bank::watch_device).
    #[serde(default)]
    pub system: Option<DeviceMemory>,
    /// What says the allocator that this process has its memory from, where somebody
    /// [asks it](crate::Bank::watch_device_allocator).
    #[serde(default)]
    pub allocator: Option<DeviceAllocator>,
}

/// A device's own word on its memory: what is neither free nor on the books is its driver's, or other programs'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMemory {
    /// All that it has.
    pub total_bytes: u64,
    /// What nobody has.
    pub free_bytes: u64,
    /// Of what is not free, that which this process has, its driver's share included, where the device tells processes apart.
    #[serde(default)]
    pub process_bytes: Option<u64>,
}

/// The word of a library that hands out a device's memory within this process, as graphics interfaces do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceAllocator {
    /// What it has handed out, rounded up as it does.
    pub allocated_bytes: u64,
    /// What it has from the device, unused parts of its blocks included.
    pub reserved_bytes: u64,
}

/// The operating system's view of the process.
///
/// Resident bytes less what the ledger holds are `unaccounted_bytes`; of them, `file_bytes` and `allocator_bytes` can be told
/// apart, and `unclassified_bytes` is the rest. None is less than zero, where reserved memory is not resident yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Resident bytes.
    pub resident_bytes: u64,
    /// The most that was resident.
    pub peak_resident_bytes: u64,
    /// Resident bytes less what the ledger holds.
    pub unaccounted_bytes: u64,
    /// Resident pages of files that are mapped, the program's code among them, and of memory shared with others.
    #[serde(default)]
    pub file_bytes: u64,
    /// What the allocator keeps for itself and for later, where it was made known by
    /// [`Bank::watch_allocator`](crate::Bank::watch_allocator).
    #[serde(default)]
    pub allocator_bytes: Option<u64>,
    /// What nothing explains: stacks, and what is allocated without a reservation.
    #[serde(default)]
    pub unclassified_bytes: u64,
}

/// One account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// Which.
    pub account: Account,
    /// Bytes that no other account can take.
    pub floor_bytes: u64,
    /// The most that it may hold.
    pub ceiling_bytes: Option<u64>,
    /// Reserved now.
    pub live_bytes: u64,
    /// The most that was reserved at once.
    pub peak_bytes: u64,
    /// Reservations.
    pub count: u64,
}

/// One type of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRow {
    /// The account it is on.
    pub account: Account,
    /// What it occupies: `host`, `disk`, `files`, `device 0`.
    pub resource: String,
    /// What kind of object.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// Objects.
    pub count: u64,
    /// Reserved now.
    pub live_bytes: u64,
    /// The most that was reserved at once.
    pub peak_bytes: u64,
    /// Of what is reserved, that which serves for nothing: padding, the unused part of objects that are reused.
    #[serde(default)]
    pub wasted_bytes: u64,
    /// How fast it grew over the last one to two minutes that were [sampled](crate::Bank::sample); `None` before there are
    /// ten seconds to judge by.
    #[serde(default)]
    pub growth_bytes_per_minute: Option<i64>,
    /// What is held now and was reserved since the last mark; `None` where none was set.
    #[serde(default)]
    pub since_mark: Option<GenerationRow>,
    /// What is held now by the mark that it was reserved behind, oldest first; what is older than the first is not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<GenerationRow>,
}

/// What is held of what was reserved between two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRow {
    /// The number of the earlier mark.
    pub generation: u32,
    /// Objects.
    pub count: u64,
    /// Their bytes.
    pub live_bytes: u64,
}

/// A moment behind which everything that is reserved can be told from what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its number, from 1.
    pub generation: u32,
    /// Milliseconds since 1970.
    pub time_ms: u64,
}
