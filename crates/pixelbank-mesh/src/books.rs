use std::sync::Arc;

use pixelbank_memory::{Account, Bank, Holder, Reservation, Wait};

use crate::Error;

/// Whose memory a mesh is made of: a bank, the name of the owner in its ledger, and how long to wait for room.
///
/// Everything that a mesh holds, and what working on it takes, is reserved on the account `meshes` of the bank. Clones
/// are cheap and mean the same bank and owner.
#[derive(Debug, Clone)]
pub struct Books(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bank: Bank,
    owner: String,
    wait: Wait,
}

impl Books {
    /// Books on `bank` for `owner`, usually a file's name. Whoever finds no room fails at once.
    pub fn new(bank: &Bank, owner: &str) -> Self {
        Self::waiting(bank, owner, Wait::never())
    }

    /// The same, but a reservation waits for room as long as `wait` says.
    ///
    /// Loading reserves several times, so two that wait for each other need a deadline.
    pub fn waiting(bank: &Bank, owner: &str, wait: Wait) -> Self {
        Self(Arc::new(Inner {
            bank: bank.clone(),
            owner: owner.to_owned(),
            wait,
        }))
    }

    /// The bank.
    pub fn bank(&self) -> &Bank {
        &self.0.bank
    }

    /// The owner's name in the ledger.
    pub fn owner(&self) -> &str {
        &self.0.owner
    }

    /// The same bank for another owner.
    #[must_use]
    pub fn of(&self, owner: &str) -> Self {
        Self::waiting(&self.0.bank, owner, self.0.wait.clone())
    }

    /// The line of the ledger for objects of `kind`.
    pub(crate) fn holder(&self, kind: &str) -> Holder {
        self.0.bank.holder(Account::Meshes, kind, &self.0.owner)
    }

    pub(crate) fn wait(&self) -> &Wait {
        &self.0.wait
    }

    /// Reserves bytes for something that does not live in an array.
    pub(crate) fn reserve(&self, kind: &str, bytes: u64) -> Result<Reservation, Error> {
        self.holder(kind)
            .reserve(bytes, self.wait())
            .map_err(|source| self.refused(source))
    }

    /// The bank's refusal, with the owner's name.
    pub(crate) fn refused(&self, source: pixelbank_memory::Error) -> Error {
        Error::Memory {
            name: self.owner().to_owned(),
            source,
        }
    }
}
