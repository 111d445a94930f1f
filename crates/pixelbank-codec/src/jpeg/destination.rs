//! Where libjpeg's output goes.

use std::io::Write;

use mozjpeg_sys as sys;

use super::fault::{Fault, Faults};

/// Bytes collected before they are written.
const WRITE_BYTES: usize = 32 << 10;

/// What takes the stream.
pub(super) enum Sink {
    /// A buffer that grows.
    Memory(Vec<u8>),
    /// A file or a connection, with a buffer of [`WRITE_BYTES`].
    Writer(Box<dyn Write + Send>, Vec<u8>),
}

impl Sink {
    /// Memory that will hold about `expected` bytes.
    pub(super) fn memory(expected: usize) -> Result<Self, Fault> {
        super::zeroed(expected.max(1 << 10)).map(Self::Memory)
    }

    pub(super) fn writer(out: Box<dyn Write + Send>) -> Result<Self, Fault> {
        Ok(Self::Writer(out, super::zeroed(WRITE_BYTES)?))
    }
}

/// A `jpeg_destination_mgr` with what it writes to.
#[repr(C)]
pub(super) struct Destination {
    manager: sys::jpeg_destination_mgr,
    sink: Sink,
    /// Bytes of a memory sink that are done.
    len: usize,
}

/// What `client_data` of a compressor points to.
#[repr(C)]
pub(super) struct Client {
    pub(super) faults: Faults,
    pub(super) destination: Destination,
}

impl Destination {
    pub(super) fn new(sink: Sink) -> Self {
        Self {
            manager: sys::jpeg_destination_mgr {
                next_output_byte: std::ptr::null_mut(),
                free_in_buffer: 0,
                init_destination: Some(init),
                empty_output_buffer: Some(empty),
                term_destination: Some(finish),
            },
            sink,
            len: 0,
        }
    }

    /// The structure to be put into `cinfo.dest`, given a pointer to a destination.
    ///
    /// # Safety
    /// `destination` points to a live destination.
    pub(super) unsafe fn manager_of(destination: *mut Self) -> *mut sys::jpeg_destination_mgr {
        // SAFETY: only computes the address of a field of a live object.
        unsafe { &raw mut (*destination).manager }
    }

    /// The finished stream, of a memory sink.
    pub(super) fn take(&mut self) -> Vec<u8> {
        match &mut self.sink {
            Sink::Memory(bytes) => {
                let mut bytes = std::mem::take(bytes);
                bytes.truncate(self.len);
                bytes.shrink_to_fit();
                bytes
            }
            Sink::Writer(..) => Vec::new(),
        }
    }

    /// Gives libjpeg the buffer to write to, from `start` on.
    fn offer(&mut self, start: usize) {
        let buffer = match &mut self.sink {
            Sink::Memory(bytes) => bytes,
            Sink::Writer(_, buffer) => buffer,
        };
        let free = &mut buffer[start..];
        self.manager.free_in_buffer = free.len();
        self.manager.next_output_byte = free.as_mut_ptr();
    }

    /// Makes room after the buffer was filled to its end.
    fn make_room(&mut self) -> Result<(), Fault> {
        let start = match &mut self.sink {
            Sink::Memory(bytes) => {
                let len = bytes.len();
                bytes.try_reserve_exact(len).map_err(|_| Fault::Memory)?;
                bytes.resize(2 * len, 0);
                len
            }
            Sink::Writer(out, buffer) => {
                out.write_all(buffer).map_err(Fault::Io)?;
                0
            }
        };
        self.offer(start);
        Ok(())
    }

    /// Takes what is in the buffer as the end of the stream.
    fn end(&mut self) -> Result<(), Fault> {
        let free = self.manager.free_in_buffer;
        match &mut self.sink {
            Sink::Memory(bytes) => self.len = bytes.len() - free,
            Sink::Writer(out, buffer) => {
                let len = buffer.len() - free;
                out.write_all(&buffer[..len]).map_err(Fault::Io)?;
                out.flush().map_err(Fault::Io)?;
            }
        }
        Ok(())
    }
}

/// The client of a compressor.
///
/// # Safety
/// `cinfo` belongs to a compressor that was set up with a [`Client`], and no other reference to it is live.
unsafe fn client<'c>(cinfo: &sys::jpeg_compress_struct) -> &'c mut Client {
    // SAFETY: the caller vouches for `client_data`.
    unsafe { &mut *cinfo.common.client_data.cast::<Client>() }
}

unsafe extern "C-unwind" fn init(cinfo: &mut sys::jpeg_compress_struct) {
    // SAFETY: this callback is installed only together with a client, and callbacks do not overlap.
    let client = unsafe { client(cinfo) };
    client.destination.offer(0);
}

unsafe extern "C-unwind" fn empty(cinfo: &mut sys::jpeg_compress_struct) -> sys::boolean {
    // SAFETY: this callback is installed only together with a client, and callbacks do not overlap.
    let client = unsafe { client(cinfo) };
    if let Err(fault) = client.destination.make_room() {
        client.faults.raise(fault);
    }
    1
}

unsafe extern "C-unwind" fn finish(cinfo: &mut sys::jpeg_compress_struct) {
    // SAFETY: this callback is installed only together with a client, and callbacks do not overlap.
    let client = unsafe { client(cinfo) };
    if let Err(fault) = client.destination.end() {
        client.faults.raise(fault);
    }
}
