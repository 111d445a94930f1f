use serde::Serialize;

/// Who holds what at one moment, and the most that was held since the start.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Host memory by account, in the order of [`Account::ALL`](crate::Account::ALL).
    pub accounts: Vec<AccountRow>,
    /// Everything by account, type and owner.
    pub types: Vec<TypeRow>,
}

/// One limit of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceRow {
    /// The number given at building.
    pub device: u8,
    /// Its memory.
    #[serde(flatten)]
    pub memory: LimitRow,
}

/// The operating system's view of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProcessRow {
    /// Resident bytes.
    pub resident_bytes: u64,
    /// The most that was resident.
    pub peak_resident_bytes: u64,
    /// Resident bytes less what the ledger holds: code, stacks, libraries, allocator slack. Zero where reserved memory is
    /// not resident yet.
    pub unaccounted_bytes: u64,
}

/// One account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// Which.
    pub account: crate::Account,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeRow {
    /// The account it is on.
    pub account: crate::Account,
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
}
