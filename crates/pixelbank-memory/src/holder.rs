use std::fmt;
use std::sync::Arc;

use crate::bank::Shared;
use crate::books::Place;
use crate::trace::Taken;
use crate::{Account, Buffer, Error, Wait};

/// A line of the ledger: an account, a type of object and an owner. Whoever allocates keeps one and reserves through
/// it. Clones share the line.
#[derive(Clone)]
pub struct Holder(Arc<Line>);

struct Line {
    bank: Arc<Shared>,
    place: Place,
    /// Where the one reservation of this line was made, if that was asked for: such a reservation has a line of its own.
    _taken: Option<Arc<Taken>>,
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
    /// How many marks had been set when it was taken.
    generation: u32,
    /// As much of it as serves for nothing; more than this type holds is not told.
    wasted: u32,
}

impl Holder {
    pub(crate) fn new(bank: &Arc<Shared>, place: Place) -> Self {
        Self(Arc::new(Line {
            bank: Arc::clone(bank),
            place,
            _taken: None,
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
        let generation = self.0.bank.try_take(self.0.place, amount, None)?;
        Ok(self.receipt(amount, generation))
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
        let generation = self.0.bank.take(self.0.place, amount, wait)?;
        Ok(self.receipt(amount, generation))
    }

    /// Reserves `amount` if it is free, without taking idle memory from anybody: for what is kept only in case.
    pub fn reserve_free(&self, amount: u64) -> Option<Reservation> {
        let generation = self.0.bank.take_free(self.0.place, amount)?;
        Some(self.receipt(amount, generation))
    }

    /// Reserves `amount` even beyond the limit, which the ledger then shows: for what must not fail.
    pub fn overdraw(&self, amount: u64) -> Reservation {
        let generation = self.0.bank.overdraw(self.0.place, amount);
        self.receipt(amount, generation)
    }

    /// Reserves and allocates `len` zero bytes.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve), and [`Error::OutOfMemory`].
    pub fn buffer(&self, len: usize, wait: &Wait) -> Result<Buffer, Error> {
        Buffer::zeroed(len, self.reserve(Buffer::footprint(len), wait)?)
    }

    fn receipt(&self, amount: u64, generation: u32) -> Reservation {
        let line = match self.0.bank.records.traces.wants(amount) {
            true => self.traced(amount),
            false => Arc::clone(&self.0),
        };
        Reservation {
            line,
            amount,
            generation,
            wasted: 0,
        }
    }
}

impl Holder {
    #[cold]
    fn traced(&self, amount: u64) -> Arc<Line> {
        let Line { bank, place, .. } = &*self.0;
        let taken = bank.open_again(*place, amount).map(Arc::new);
        if let Some(taken) = &taken {
            bank.records.traces.add(Arc::downgrade(taken));
        }
        Arc::new(Line {
            bank: Arc::clone(bank),
            place: *place,
            _taken: taken,
        })
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
        self.line
            .bank
            .try_take(self.line.place, more, Some(self.generation))?;
        self.amount += more;
        Ok(())
    }

    /// Gives back all but `amount`; does nothing where that is no less.
    pub fn shrink_to(&mut self, amount: u64) {
        if amount < self.amount {
            let less = self.amount - amount;
            self.line
                .bank
                .give_back(self.line.place, self.generation, less, 0);
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
        self.line.bank.count_one(self.line.place, self.generation);
        self.amount -= amount;
        Self {
            line: Arc::clone(&self.line),
            amount,
            generation: self.generation,
            wasted: 0,
        }
    }

    /// Says how much of it serves for nothing at this time (padding, the unused part of an object that is reused for a
    /// smaller one), which the ledger shows beside the type.
    pub fn set_wasted(&mut self, bytes: u64) {
        let wasted = u32::try_from(bytes).unwrap_or(u32::MAX);
        if wasted != self.wasted {
            let less = std::mem::replace(&mut self.wasted, wasted);
            self.line
                .bank
                .waste(self.line.place, u64::from(wasted), u64::from(less));
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.set_wasted(0);
        self.line
            .bank
            .give_back(self.line.place, self.generation, self.amount, 1);
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
