use std::fmt;
use std::sync::Arc;

use crate::bank::Shared;
use crate::books::Place;
use crate::{Account, Buffer, Error, Wait};

/// A line of the ledger: an account, a type of object and an owner. Whoever allocates keeps one and reserves through
/// it. Clones share the line.
#[derive(Clone)]
pub struct Holder(Arc<Line>);

struct Line {
    bank: Arc<Shared>,
    place: Place,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bank.close(self.place);
    }
}

/// A receipt for an amount of one account; the amount goes back when it is dropped. Keep it inside the object that it
/// pays for.
#[must_use = "the amount goes back at once when the reservation is dropped"]
pub struct Reservation {
    line: Arc<Line>,
    amount: u64,
}

impl Holder {
    pub(crate) fn new(bank: &Arc<Shared>, place: Place) -> Self {
        Self(Arc::new(Line {
            bank: Arc::clone(bank),
            place,
        }))
    }

    /// The account it reserves on.
    pub fn account(&self) -> Account {
        self.0.place.account
    }

    /// Reserves `amount` now, taking idle memory from others where there is no room.
    ///
    /// # Errors
    /// [`Error::NeverFits`] or [`Error::NoRoom`], with the figures and the largest holders.
    pub fn try_reserve(&self, amount: u64) -> Result<Reservation, Error> {
        self.0.bank.try_take(self.0.place, amount, 1)?;
        Ok(self.receipt(amount))
    }

    /// Reserves `amount`, waiting for it as long as `wait` allows. Those who wait are served in the order in which they
    /// came; one who does not wait may be served before them.
    ///
    /// Blocks. A thread that holds reservations while it waits for more can deadlock with others that do the same, so
    /// reserve once for a whole piece of work, or wait with a deadline.
    ///
    /// # Errors
    /// [`Error::NeverFits`] at once; [`Error::NoRoom`] where `wait` is over already; [`Error::TimedOut`];
    /// [`Error::Cancelled`].
    pub fn reserve(&self, amount: u64, wait: &Wait) -> Result<Reservation, Error> {
        self.0.bank.take(self.0.place, amount, wait)?;
        Ok(self.receipt(amount))
    }

    /// Reserves `amount` if it is free, without taking idle memory from anybody: for what is kept only in case.
    pub fn reserve_free(&self, amount: u64) -> Option<Reservation> {
        self.0
            .bank
            .take_free(self.0.place, amount)
            .then(|| self.receipt(amount))
    }

    /// Reserves `amount` even beyond the limit, which the ledger then shows: for what must not fail.
    pub fn overdraw(&self, amount: u64) -> Reservation {
        self.0.bank.overdraw(self.0.place, amount);
        self.receipt(amount)
    }

    /// Reserves and allocates `len` zero bytes.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve), and [`Error::OutOfMemory`].
    pub fn buffer(&self, len: usize, wait: &Wait) -> Result<Buffer, Error> {
        Buffer::zeroed(len, self.reserve(Buffer::footprint(len), wait)?)
    }

    fn receipt(&self, amount: u64) -> Reservation {
        Reservation {
            line: Arc::clone(&self.0),
            amount,
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holder").field(&self.0.place).finish()
    }
}

impl Reservation {
    /// Bytes (or files) that it stands for.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// Takes `more` on top, now.
    ///
    /// # Errors
    /// As [`Holder::try_reserve`]; the reservation is then as before.
    pub fn try_grow(&mut self, more: u64) -> Result<(), Error> {
        self.line.bank.try_take(self.line.place, more, 0)?;
        self.amount += more;
        Ok(())
    }

    /// Gives back all but `amount`; does nothing where that is no less.
    pub fn shrink_to(&mut self, amount: u64) {
        if amount < self.amount {
            self.line
                .bank
                .give_back(self.line.place, self.amount - amount, 0);
            self.amount = amount;
        }
    }

    /// Cuts `amount` off into a reservation of its own.
    ///
    /// # Panics
    /// If it stands for less than `amount`.
    pub fn split(&mut self, amount: u64) -> Self {
        assert!(
            amount <= self.amount,
            "{amount} of a reservation of {}",
            self.amount
        );
        self.line.bank.count_one(self.line.place);
        self.amount -= amount;
        Self {
            line: Arc::clone(&self.line),
            amount,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.line.bank.give_back(self.line.place, self.amount, 1);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("account", &self.line.place.account)
            .field("amount", &self.amount)
            .finish()
    }
}
