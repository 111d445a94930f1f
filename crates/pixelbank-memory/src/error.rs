use std::fmt;
use std::io;

use crate::{Account, Resource, format_bytes};

/// Why memory could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is larger than its account or the whole budget can ever give.
    #[error("{0}: this can never fit")]
    NeverFits(Box<Shortage>),
    /// There is no room now, and nothing idle to take it from.
    #[error("{0}")]
    NoRoom(Box<Shortage>),
    /// There was no room until the deadline.
    #[error("{0}, and none came free in time")]
    TimedOut(Box<Shortage>),
    /// The caller gave up waiting.
    #[error("cancelled while waiting for memory")]
    Cancelled,
    /// The system refused memory that the budget allowed.
    #[error("the system has no {} to give", format_bytes(*.bytes))]
    OutOfMemory {
        /// Bytes asked of the system.
        bytes: u64,
    },
    /// A limit is not usable.
    #[error("{0}")]
    BadLimit(String),
    /// A scratch file could not be made, written or read.
    #[error("scratch file: {0}")]
    Scratch(#[from] io::Error),
}

/// The figures behind a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// What is short.
    pub resource: Resource,
    /// The account that asked.
    pub account: Account,
    /// What it asked for.
    pub requested: u64,
    /// What it could have had.
    pub available: u64,
    /// The limit that stands in the way: the account's ceiling, or that of the whole budget.
    pub limit: u64,
    /// The largest holders: account, type, owner, amount.
    pub holders: Vec<(Account, String, String, u64)>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |n: u64| {
            if self.resource == Resource::Files {
                n.to_string()
            } else {
                format_bytes(n)
            }
        };
        write!(
            f,
            "{} of {} wanted for {}, {} of {} available",
            amount(self.requested),
            self.resource,
            self.account,
            amount(self.available),
            amount(self.limit)
        )?;
        for (i, (account, kind, owner, live)) in self.holders.iter().enumerate() {
            f.write_str(if i == 0 { "; held: " } else { ", " })?;
            write!(f, "{} by {account}/{kind}", amount(*live))?;
            if !owner.is_empty() {
                write!(f, " of {owner}")?;
            }
        }
        Ok(())
    }
}

impl Error {
    /// Whether waiting could have helped.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::NoRoom(_) | Self::TimedOut(_))
    }
}
