//! What a budget holds, for people.
//!
//! A [`View`] is a ledger with what happened lately, and the form in which it travels: the server answers with it, and
//! [`publish()`] lets other processes of the same user ask for it. [`Table`] is its rows, sorted, as text or CSV; [`Snapshot`]
//! keeps counts and bytes of a moment, and [`Diff`] tells what grew between two.
//!
//! ```
//! use pixelbank_analyzer::{Diff, Snapshot};
//! use pixelbank_memory::{Account, Bank};
//!
//! let bank = Bank::builder().host_bytes(64 << 20).build()?;
//! let before = Snapshot::of(&bank.ledger());
//! let _forgotten = bank.holder(Account::Tiles, "tile", "example").try_reserve(1 << 20)?;
//! let diff = Diff::between(&before, &Snapshot::of(&bank.ledger()));
//! assert_eq!(diff.changes[0].name, "tiles/tile of example");
//! assert_eq!(diff.changes[0].bytes, 1 << 20);
//! # Ok::<(), pixelbank_memory::Error>(())
//! ```
#![forbid(unsafe_code)]

mod beside;
#[cfg(feature = "picture")]
pub mod picture;
#[cfg(unix)]
pub mod publish;
mod snapshot;
mod table;
mod tree;
mod view;

#[cfg(unix)]
pub use publish::{Publication, Published, publish};
pub use snapshot::{Change, Diff, Snapshot, SnapshotError};
pub use table::{Column, Row, Table};
pub use tree::Tree;
pub use view::{View, ViewHistory};
