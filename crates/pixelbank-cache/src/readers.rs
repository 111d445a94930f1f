//! Decoders: opened where they are needed, and kept for the next who needs them as long as the limits allow.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_codec::Decoder;
use pixelbank_memory::sync::Mutex;
use pixelbank_memory::{Account, Bank, Holder, Idle, Reclaim, Reservation, Resource, Wait};

use crate::source::Source;
use crate::{Error, stats};

/// A decoder with the receipts for its file and its memory.
pub(crate) struct Reader {
    pub decoder: Box<dyn Decoder>,
    /// The file's number, which another one takes once the file was invalidated.
    pub file: u64,
    _open_file: Reservation,
    memory: Reservation,
}

/// All decoders of one cache that nobody uses, and what opening new ones takes.
pub(crate) struct Readers {
    source: Box<dyn Source>,
    memory: Holder,
    open_files: Holder,
    /// Least recently used first. Their files stay open until the limit on open files wants them closed.
    idle: Mutex<IdleReaders>,
    opens: AtomicU64,
}

#[derive(Default)]
struct IdleReaders {
    list: VecDeque<Reader>,
    bytes: u64,
}

impl IdleReaders {
    fn remove(&mut self, at: usize) -> Option<Reader> {
        let reader = self.list.remove(at)?;
        self.bytes -= reader.memory.amount();
        Some(reader)
    }

    fn push(&mut self, reader: Reader) {
        self.bytes += reader.memory.amount();
        self.list.push_back(reader);
    }
}

/// While a header is read, nobody knows how large it is; the limits bound it, and this covers every honest one.
const HEADER_BYTES: u64 = 256 << 10;

impl Readers {
    pub fn new(bank: &Bank, name: &str, source: Box<dyn Source>) -> Result<Self, Error> {
        Ok(Self {
            source,
            memory: bank.holder(Account::Descriptors, "decoder", name),
            open_files: bank.holder_of(
                Resource::Files,
                Account::Descriptors,
                "image file",
                name,
            )?,
            idle: Mutex::default(),
            opens: AtomicU64::new(0),
        })
    }

    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    pub fn opens(&self) -> u64 {
        self.opens.load(Ordering::Relaxed)
    }

    /// A decoder for the file of that name and number: one that waited, or a new one.
    pub fn take(&self, key: &OsStr, file: u64, wait: &Wait) -> Result<Reader, Error> {
        {
            let mut idle = self.idle.lock();
            // The most recently used one is the likeliest to have its buffers warm.
            let found = idle.list.iter().rposition(|reader| reader.file == file);
            if let Some(reader) = found.and_then(|found| idle.remove(found)) {
                return Ok(reader);
            }
        }
        self.open(key, file, wait)
    }

    pub fn open(&self, key: &OsStr, file: u64, wait: &Wait) -> Result<Reader, Error> {
        let open_file = self.open_files.reserve(1, wait)?;
        let mut memory = self.memory.reserve(HEADER_BYTES, wait)?;
        let decoder = self.source.open(key)?;
        stats::add(&self.opens, 1);
        let bytes = decoder.heap_bytes();
        memory.shrink_to(bytes);
        let missing = bytes.saturating_sub(memory.amount());
        if missing > 0 {
            memory.try_grow(missing)?;
        }
        Ok(Reader {
            decoder,
            file,
            _open_file: open_file,
            memory,
        })
    }

    /// Keeps a decoder for the next who needs it.
    pub fn give_back(&self, reader: Reader) {
        self.idle.lock().push(reader);
    }

    /// Closes the idle decoders of a file, or of all.
    pub fn close(&self, file: Option<u64>) {
        let mut closed = Vec::new();
        let mut idle = self.idle.lock();
        for reader in std::mem::take(&mut *idle).list {
            if file.is_none_or(|file| reader.file == file) {
                closed.push(reader);
            } else {
                idle.push(reader);
            }
        }
        // Closing calls the system, and the books: not under this lock.
        drop(idle);
    }

    /// The bytes of idle decoders.
    pub fn idle_bytes(&self) -> u64 {
        self.idle.lock().bytes
    }

    /// Closes the decoder that has been idle for the longest time; the bytes that it held.
    pub fn close_oldest(&self) -> Option<u64> {
        let reader = self.idle.lock().remove(0)?;
        Some(reader.memory.amount())
    }
}

/// The open files; the memory of decoders is given back together with descriptions, by the table of files.
impl Reclaim for Readers {
    fn account(&self) -> Account {
        Account::Descriptors
    }

    fn resource(&self) -> Resource {
        Resource::Files
    }

    fn idle(&self) -> Idle {
        // Some 50 µs to open a file and read its header.
        Idle {
            amount: self.idle.lock().list.len() as u64,
            nanos_per_unit: 50_000.0,
        }
    }

    fn reclaim(&self, amount: u64) -> u64 {
        let mut closed = 0;
        while closed < amount && self.close_oldest().is_some() {
            closed += 1;
        }
        closed
    }
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}
