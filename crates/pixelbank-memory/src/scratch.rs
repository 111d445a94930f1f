use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{Error, Reservation};

/// A nameless file on the scratch disk, gone with its handle or the process, and the reservation of disk bytes that pays
/// for it. Reads and writes take `&self` and may come from several threads.
#[derive(Debug)]
pub struct ScratchFile {
    file: File,
    reservation: Reservation,
}

impl ScratchFile {
    /// Makes an empty file in `dir` that may grow to the reservation's amount.
    ///
    /// # Errors
    /// [`Error::Scratch`] where the folder cannot be written.
    pub fn create(dir: &Path, reservation: Reservation) -> Result<Self, Error> {
        Ok(Self {
            file: tempfile::tempfile_in(dir)?,
            reservation,
        })
    }

    /// Bytes it may hold.
    pub fn capacity_bytes(&self) -> u64 {
        self.reservation.amount()
    }

    /// Writes all of `data` at `offset`.
    ///
    /// # Errors
    /// [`Error::Scratch`] where that goes beyond the capacity, or the disk is full.
    pub fn write_at(&self, data: &[u8], offset: u64) -> Result<(), Error> {
        if offset.saturating_add(data.len() as u64) > self.capacity_bytes() {
            return Err(Error::Scratch(std::io::Error::other(
                "write beyond what was reserved",
            )));
        }
        Ok(self.file.write_all_at(data, offset)?)
    }

    /// Fills `data` from `offset`.
    ///
    /// # Errors
    /// [`Error::Scratch`] where so much was never written.
    pub fn read_at(&self, data: &mut [u8], offset: u64) -> Result<(), Error> {
        Ok(self.file.read_exact_at(data, offset)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Account, Bank, Resource, ScratchFile};

    #[test]
    fn holds_what_was_written_and_no_more_than_reserved() {
        let dir = tempfile::tempdir().unwrap();
        let bank = Bank::builder()
            .host_bytes(1 << 20)
            .scratch_bytes(1000)
            .build()
            .unwrap();
        let holder = bank
            .holder_of(Resource::Disk, Account::Scratch, "spill", "test")
            .unwrap();
        let file = ScratchFile::create(dir.path(), holder.try_reserve(1000).unwrap()).unwrap();
        file.write_at(b"hello", 500).unwrap();
        let mut back = [0; 5];
        file.read_at(&mut back, 500).unwrap();
        assert_eq!(&back, b"hello");
        assert!(file.write_at(b"hello", 996).is_err());
        assert!(holder.try_reserve(1).is_err(), "the disk limit is used up");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "the file has no name"
        );
        drop(file);
        assert_eq!(bank.ledger().disk.live_bytes, 0);
    }
}
