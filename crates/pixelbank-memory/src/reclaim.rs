use crate::{Account, Resource};

/// Something that keeps idle objects and can give them back.
///
/// Calls come from whichever thread finds no room, without a lock of the bank held. They must not reserve from the same
/// bank, and must not wait for anything that a thread waiting for memory could hold.
pub trait Reclaim: Send + Sync {
    /// The account that its objects are reserved on.
    fn account(&self) -> Account;

    /// What its objects occupy.
    fn resource(&self) -> Resource {
        Resource::Host
    }

    /// How much is idle now, and what it costs to make the cheapest of it again. Asked often: an estimate will do.
    fn idle(&self) -> Idle;

    /// Drops idle objects worth at least `amount` if there are so many, the cheapest to make again first, and says how
    /// much came free. Never touches what is in use.
    fn reclaim(&self, amount: u64) -> u64;
}

/// What a [`Reclaim`] has to offer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Idle {
    /// Bytes (or files) that could come free.
    pub amount: u64,
    /// Nanoseconds of work to make one byte (or file) of the cheapest of it again.
    pub nanos_per_unit: f64,
}
