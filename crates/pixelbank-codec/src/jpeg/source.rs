//! Where libjpeg's input comes from.

use std::io::{self, Read, Seek, SeekFrom};

use mozjpeg_sys as sys;

use super::fault::{Fault, Faults};
use crate::Input;

/// Bytes read from a file at once.
pub(super) const READ_BYTES: usize = 64 << 10;

/// What libjpeg finds behind the end of the input: an end-of-image marker. Whether data was missing shows in what it
/// was reading then, see [`Source::ended`].
static END: [u8; 2] = [0xFF, 0xD9];

/// A stream from its first byte on.
#[derive(Debug)]
pub(super) enum Bytes<'a> {
    /// All of it.
    Slice(&'a [u8]),
    /// A file, with a buffer of [`READ_BYTES`] to read through.
    File(&'a mut Input, Vec<u8>),
}

impl<'a> Bytes<'a> {
    /// A file from its beginning.
    pub(super) fn file(input: &'a mut Input) -> Result<Self, Fault> {
        input.seek(SeekFrom::Start(0)).map_err(Fault::Io)?;
        Ok(Self::File(input, super::zeroed(READ_BYTES)?))
    }
}

/// A `jpeg_source_mgr` with what it reads from.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Source<'a> {
    manager: Manager,
    bytes: Bytes<'a>,
    ended: bool,
}

/// The C structure, given `Debug`.
#[repr(transparent)]
struct Manager(sys::jpeg_source_mgr);

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes ready", self.0.bytes_in_buffer)
    }
}

/// What `client_data` of a decompressor points to: the faults, and the source behind them.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Client<'a> {
    pub(super) faults: Faults,
    pub(super) source: Source<'a>,
    /// The object that the client belongs to, for callbacks that get no more than its beginning.
    pub(super) cinfo: *const sys::jpeg_decompress_struct,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: Bytes<'a>) -> Self {
        let mut source = Self {
            manager: Manager(sys::jpeg_source_mgr {
                next_input_byte: END.as_ptr(),
                bytes_in_buffer: 0,
                init_source: Some(nothing),
                fill_input_buffer: Some(fill_input_buffer),
                skip_input_data: Some(skip_input_data),
                resync_to_restart: Some(sys::jpeg_resync_to_restart),
                term_source: Some(nothing),
            }),
            bytes: Bytes::Slice(&[]),
            ended: false,
        };
        source.replace(bytes);
        source
    }

    /// Starts over with another stream.
    pub(super) fn replace(&mut self, bytes: Bytes<'a>) {
        let ready: &[u8] = match &bytes {
            Bytes::Slice(slice) => slice,
            Bytes::File(..) => &[],
        };
        self.manager.0.next_input_byte = ready.as_ptr();
        self.manager.0.bytes_in_buffer = ready.len();
        self.bytes = bytes;
        self.ended = false;
    }

    /// The structure to be put into `cinfo.src`, given a pointer to a source.
    ///
    /// # Safety
    /// `source` points to a live source.
    pub(super) unsafe fn manager_of(source: *mut Self) -> *mut sys::jpeg_source_mgr {
        // SAFETY: only computes the address of a field of a live object.
        unsafe { &raw mut (*source).manager.0 }
    }

    /// Whether libjpeg has asked for bytes behind the end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Puts the next bytes in reach of libjpeg, at least one.
    fn fill(&mut self) -> io::Result<()> {
        let filled = match &mut self.bytes {
            Bytes::Slice(_) => 0,
            Bytes::File(input, buffer) => loop {
                match input.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            },
        };
        let ready: &[u8] = match &self.bytes {
            Bytes::File(_, buffer) if filled > 0 => &buffer[..filled],
            _ => {
                self.ended = true;
                &END
            }
        };
        self.manager.0.next_input_byte = ready.as_ptr();
        self.manager.0.bytes_in_buffer = ready.len();
        Ok(())
    }

    /// Passes over `n_bytes`.
    fn skip(&mut self, n_bytes: usize) -> io::Result<()> {
        let ready = self.manager.0.bytes_in_buffer;
        let step = n_bytes.min(ready);
        // SAFETY: the pointer is followed by `bytes_in_buffer` bytes, and `step` is no more than that.
        self.manager.0.next_input_byte = unsafe { self.manager.0.next_input_byte.add(step) };
        self.manager.0.bytes_in_buffer -= step;
        let beyond = n_bytes - step;
        if beyond > 0
            && let Bytes::File(input, _) = &mut self.bytes
        {
            // Beyond the end the next read finds nothing.
            input.seek(SeekFrom::Current(beyond as i64))?;
        }
        Ok(())
    }
}

/// The client of a decompressor.
///
/// # Safety
/// `cinfo` belongs to a decompressor that was set up with a [`Client`], and no other reference to it is live.
unsafe fn client<'c>(cinfo: &sys::jpeg_decompress_struct) -> &'c mut Client<'c> {
    // SAFETY: the caller vouches for `client_data`.
    unsafe { &mut *cinfo.common.client_data.cast::<Client<'c>>() }
}

unsafe extern "C-unwind" fn nothing(_: &mut sys::jpeg_decompress_struct) {}

unsafe extern "C-unwind" fn fill_input_buffer(
    cinfo: &mut sys::jpeg_decompress_struct,
) -> sys::boolean {
    // SAFETY: this callback is installed only together with a client, and callbacks do not overlap.
    let client = unsafe { client(cinfo) };
    if let Err(error) = client.source.fill() {
        client.faults.raise(Fault::Io(error));
    }
    1
}

unsafe extern "C-unwind" fn skip_input_data(
    cinfo: &mut sys::jpeg_decompress_struct,
    n_bytes: sys::c_long,
) {
    let Ok(n_bytes) = usize::try_from(n_bytes) else {
        return;
    };
    // SAFETY: this callback is installed only together with a client, and callbacks do not overlap.
    let client = unsafe { client(cinfo) };
    if let Err(error) = client.source.skip(n_bytes) {
        client.faults.raise(Fault::Io(error));
    }
}
