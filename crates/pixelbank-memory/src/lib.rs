//! One memory budget over everything that a process holds.
//!
//! A [`Bank`] has limits for host bytes, bytes of each device, scratch-disk bytes and open files. Whoever needs memory
//! asks through a [`Holder`] (an account, a type and an owner) and gets a [`Reservation`], stored inside the object that it
//! pays for; dropping the object gives the bytes back. Memory that nobody uses but that may be wanted again stays
//! reserved and is registered with [`Bank::add_reclaimer`]; when a reservation finds no room, the cheapest of it goes first.
//!
//! ```
//! use pixelbank_memory::{Account, Bank, Wait};
//!
//! let bank = Bank::builder().host_bytes(64 << 20).build()?;
//! let holder = bank.holder(Account::Scratch, "strip", "example");
//! let mut strip = holder.buffer(1 << 20, &Wait::never())?;
//! strip[0] = 42;
//! assert_eq!(bank.ledger().host.live_bytes, 1 << 20);
//! drop(strip);
//! assert_eq!(bank.ledger().host.live_bytes, 0);
//! assert!(holder.try_reserve(65 << 20).is_err());
//! # Ok::<(), pixelbank_memory::Error>(())
//! ```
//!
//! There is no global bank: two in one process do not see each other. Not for small objects: a reservation costs a lock
//! and about a hundred nanoseconds, so reserve for a buffer, a file's description, a table; not for each string in it.
#![forbid(unsafe_code)]

mod account;
mod bank;
mod books;
mod buffer;
mod builder;
mod cancel;
mod config;
mod error;
mod events;
mod growth;
mod history;
mod holder;
mod ledger;
mod observe;
mod pressure;
mod process;
mod reclaim;
mod scratch;
mod size;
pub mod sync;
mod trace;

pub use account::{Account, Resource};
pub use bank::Bank;
pub use buffer::Buffer;
pub use builder::BankBuilder;
pub use cancel::{Cancel, CancelGuard, Wait};
pub use config::{Config, ConfigError, PoolSettings};
pub use error::{Error, Shortage};
pub use events::{Event, EventKind};
pub use history::History;
pub use holder::{Holder, Reservation};
pub use ledger::{
    AccountRow, DeviceAllocator, DeviceMemory, DeviceRow, GenerationRow, Ledger, LimitRow, Mark,
    ProcessRow, TypeRow,
};
pub use pressure::{Pressure, PressureMonitor, PressureSources};
pub use process::{available_memory, peak_resident_bytes, resident_bytes};
pub use reclaim::{Idle, Reclaim};
pub use scratch::ScratchFile;
pub use size::{format_bytes, parse_bytes};
pub use trace::Trace;
