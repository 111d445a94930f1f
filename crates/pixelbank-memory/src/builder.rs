use crate::bank::HOST;
use crate::books::Books;
use crate::{Account, Bank, Error, Resource, process};

/// How a [`Bank`] is made.
#[derive(Debug, Clone, Default)]
pub struct BankBuilder {
    host_bytes: Option<u64>,
    scratch_bytes: Option<u64>,
    open_files: Option<u64>,
    devices: Vec<(u8, u64)>,
    accounts: Vec<(Account, u64, Option<u64>)>,
}

impl BankBuilder {
    /// Limits the memory of the process. Half of the memory that the process may use where this is not called.
    pub fn host_bytes(mut self, limit_bytes: u64) -> Self {
        self.host_bytes = Some(limit_bytes);
        self
    }

    /// Limits the bytes of scratch files; 0 forbids them, which makes some large files slower to read. 2 GiB where this
    /// is not called.
    pub fn scratch_bytes(mut self, limit_bytes: u64) -> Self {
        self.scratch_bytes = Some(limit_bytes);
        self
    }

    /// Limits how many files are open at once; more need more descriptors, fewer need more reopening. 256 where this is
    /// not called.
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// Adds a device and limits its memory.
    pub fn device_bytes(mut self, device: u8, limit_bytes: u64) -> Self {
        self.devices.push((device, limit_bytes));
        self
    }

    /// Gives an account of host memory a floor, which no other account can take, and a ceiling, which it cannot pass.
    pub fn account(
        mut self,
        account: Account,
        floor_bytes: u64,
        ceiling_bytes: Option<u64>,
    ) -> Self {
        self.accounts.push((account, floor_bytes, ceiling_bytes));
        self
    }

    /// Opens the books.
    ///
    /// # Errors
    /// [`Error::BadLimit`] where the floors exceed the host limit, a ceiling lies below its floor, or a device is named twice.
    pub fn build(self) -> Result<Bank, Error> {
        let host = self
            .host_bytes
            .unwrap_or_else(|| process::available_memory() / 2);
        let mut limits = vec![
            (Resource::Host, host),
            (Resource::Disk, self.scratch_bytes.unwrap_or(2 << 30)),
            (Resource::Files, self.open_files.unwrap_or(256)),
        ];
        for (device, limit) in self.devices {
            if limits
                .iter()
                .any(|(resource, _)| *resource == Resource::Device(device))
            {
                return Err(Error::BadLimit(format!("device {device} has two limits")));
            }
            limits.push((Resource::Device(device), limit));
        }
        let n_pools = limits.len();
        let mut books = Books::new(limits);
        for (account, floor, ceiling) in self.accounts {
            if let Some(ceiling) = ceiling.filter(|ceiling| *ceiling < floor) {
                return Err(Error::BadLimit(format!(
                    "account {account}: the ceiling of {ceiling} bytes is below the floor of {floor}"
                )));
            }
            books.set_account(HOST, account, floor, ceiling);
        }
        if books.floors(HOST) > host {
            return Err(Error::BadLimit(format!(
                "the floors of all accounts, {} bytes, exceed the limit of {host}",
                books.floors(HOST)
            )));
        }
        Ok(Bank::new(books, n_pools))
    }
}
