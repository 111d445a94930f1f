//! How libjpeg reports errors, turned into values.
//!
//! libjpeg expects its error callback not to return. Ours unwinds, as the `unwinding` build of the C library allows
//! (it is compiled with unwind tables, and every function of the bindings is `extern "C-unwind"`); [`guarded`] stops
//! the unwinding right outside the library. A program built with `panic = "abort"` would abort on a damaged file.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys as sys;

use crate::{Error, Format};

/// Why libjpeg, or what it reads from or writes to, gave up.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The stream is damaged, or ends early.
    Malformed(String),
    /// The stream is valid, but uses something that is not read here.
    Unsupported(String),
    /// Something is counted, and there are more than allowed.
    Limit {
        what: &'static str,
        requested: u64,
        limit: u64,
    },
    /// There is no memory.
    Memory,
    /// Reading or writing failed.
    Io(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Unsupported(feature) => write!(f, "{feature} is not supported"),
            Self::Limit {
                what,
                requested,
                limit,
            } => write!(f, "{what} of {requested} exceeds the limit of {limit}"),
            Self::Memory => f.write_str("out of memory"),
            Self::Io(source) => source.fmt(f),
        }
    }
}

impl Fault {
    /// The error of the file called `name`, of this `format`.
    pub(crate) fn into_error(self, name: &str, format: Format) -> Error {
        let name = name.to_owned();
        match self {
            Self::Malformed(reason) => Error::Malformed {
                name,
                format,
                reason,
            },
            Self::Unsupported(feature) => Error::Unsupported {
                name,
                format,
                feature,
            },
            Self::Limit {
                what,
                requested,
                limit,
            } => Error::LimitExceeded {
                name,
                what,
                requested,
                limit,
            },
            Self::Memory => Error::Io {
                name,
                source: io::ErrorKind::OutOfMemory.into(),
            },
            Self::Io(source) => Error::Io { name, source },
        }
    }

    /// The error of something that is being written.
    pub(super) fn into_encode_error(self) -> Error {
        match self {
            Self::Io(source) => Error::Io {
                name: "JPEG output".to_owned(),
                source,
            },
            other => Error::Encode {
                format: Format::Jpeg,
                reason: other.to_string(),
            },
        }
    }
}

/// What a panic carries when it is ours: the fault itself waits in [`Faults`].
struct Raised;

/// Where the callbacks leave the fault. The first field of whatever `client_data` points to.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pending: Option<Fault>,
}

impl Faults {
    /// Leaves `fault` for [`guarded`] and unwinds to it. To be called below [`guarded`] only.
    pub(super) fn raise(&mut self, fault: Fault) -> ! {
        self.pending = Some(fault);
        resume_unwind(Box::new(Raised))
    }
}

/// Runs `call`, which calls libjpeg, and returns what was raised within.
///
/// After an error the libjpeg object must be destroyed without another call.
///
/// # Safety
/// `faults` is valid for reads and writes once `call` has returned or unwound.
pub(super) unsafe fn guarded<R>(faults: *mut Faults, call: impl FnOnce() -> R) -> Result<R, Fault> {
    // The objects that `call` works on are not used again after unwinding, bar destruction, which libjpeg allows in
    // every state.
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload: Box<dyn Any + Send>| {
        if !payload.is::<Raised>() {
            resume_unwind(payload);
        }
        // SAFETY: the caller vouches for the pointer, and no callback is running any more.
        let pending = unsafe { (*faults).pending.take() };
        pending.unwrap_or_else(|| Fault::Malformed("unknown error".to_owned()))
    })
}

/// Fills an error manager with libjpeg's message table and our callbacks.
///
/// The object that uses it must have `client_data` pointing to something whose first field is [`Faults`], for as long
/// as it lives.
pub(super) fn error_manager() -> sys::jpeg_error_mgr {
    // SAFETY: the structure consists of integers, raw pointers and optional function pointers: all zero is a value of it.
    let mut manager: sys::jpeg_error_mgr = unsafe { std::mem::zeroed() };
    // SAFETY: fills in the fields of the structure it is given and keeps no pointer to it.
    unsafe { sys::jpeg_std_error(&mut manager) };
    manager.error_exit = Some(error_exit);
    manager.emit_message = Some(emit_message);
    manager.output_message = Some(output_message);
    manager
}

/// Called by libjpeg for an error; never returns.
unsafe extern "C-unwind" fn error_exit(cinfo: &mut sys::jpeg_common_struct) {
    let code = message_code(cinfo);
    let message = message(cinfo);
    let fault = match code {
        sys::JERR_OUT_OF_MEMORY => Fault::Memory,
        sys::JERR_SOF_UNSUPPORTED
        | sys::JERR_ARITH_NOTIMPL
        | sys::JERR_BAD_PRECISION
        | sys::JERR_COMPONENT_COUNT
        | sys::JERR_CCIR601_NOTIMPL
        | sys::JERR_CONVERSION_NOTIMPL
        | sys::JERR_FRACT_SAMPLE_NOTIMPL
        | sys::JERR_NOT_COMPILED
        | sys::JERR_NOTIMPL => Fault::Unsupported(format!("this kind of coding ({message})")),
        _ => Fault::Malformed(message),
    };
    // SAFETY: `client_data` points to our `Faults`, as `error_manager` demands.
    let faults = unsafe { &mut *cinfo.client_data.cast::<Faults>() };
    faults.raise(fault);
}

/// Called by libjpeg for warnings (a negative level) and for traces.
///
/// libjpeg would go on after damaged data and fill the rest with grey. A reader who gets no error takes that for the
/// picture, so damage ends the decoding. Warnings about oddities that cost no pixel are passed over.
unsafe extern "C-unwind" fn emit_message(cinfo: &mut sys::jpeg_common_struct, level: sys::c_int) {
    if level >= 0 {
        return;
    }
    let damage = matches!(
        message_code(cinfo),
        sys::JWRN_HIT_MARKER
            | sys::JWRN_HUFF_BAD_CODE
            | sys::JWRN_JPEG_EOF
            | sys::JWRN_MUST_RESYNC
            | sys::JWRN_BOGUS_PROGRESSION
    );
    if damage {
        let message = message(cinfo);
        // SAFETY: `client_data` points to our `Faults`, as `error_manager` demands.
        let faults = unsafe { &mut *cinfo.client_data.cast::<Faults>() };
        faults.raise(Fault::Malformed(message));
    }
}

/// Nothing is ever printed.
unsafe extern "C-unwind" fn output_message(_: &mut sys::jpeg_common_struct) {}

fn message_code(cinfo: &sys::jpeg_common_struct) -> sys::c_int {
    // SAFETY: libjpeg calls its callbacks with the error manager in place.
    unsafe { (*cinfo.err).msg_code }
}

/// The text of the current message.
fn message(cinfo: &mut sys::jpeg_common_struct) -> String {
    /// libjpeg's `JMSG_LENGTH_MAX`; the bindings say 80, which is too short.
    const LENGTH_MAX: usize = 200;
    type Declared = unsafe extern "C-unwind" fn(&mut sys::jpeg_common_struct, &[u8; 80]);
    type Real = unsafe extern "C-unwind" fn(&mut sys::jpeg_common_struct, *mut u8);
    // SAFETY: libjpeg calls its callbacks with the error manager in place.
    let format: Option<Declared> = unsafe { (*cinfo.err).format_message };
    let Some(format) = format else {
        return "unknown error".to_owned();
    };
    let mut buffer = [0u8; LENGTH_MAX];
    // SAFETY: in C the second parameter is `char *`, and references and pointers are passed alike.
    let format = unsafe { std::mem::transmute::<Declared, Real>(format) };
    // SAFETY: it writes no more than `LENGTH_MAX` bytes, terminating zero included, and cannot fail.
    unsafe { format(cinfo, buffer.as_mut_ptr()) };
    let text = buffer.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    text.strip_prefix("Corrupt JPEG data: ")
        .unwrap_or(&text)
        .to_owned()
}
