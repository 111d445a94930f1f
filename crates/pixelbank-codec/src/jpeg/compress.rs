//! A safe shell around libjpeg's compressor.

use std::ptr::NonNull;

use mozjpeg_sys as sys;
use pixelbank_image::{Size, View};

use super::destination::{Client, Destination, Sink};
use super::fault::{Fault, Faults, error_manager, guarded};

/// Rows that are handed to libjpeg at once.
const ROWS_PER_CALL: usize = 16;

/// What a stream is to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) size: Size,
    /// 1 for grey, 3 for RGB.
    pub(super) channels: usize,
    pub(super) quality: u8,
    /// Pixels that share a chroma sample, horizontally and vertically.
    pub(super) subsampling: (u8, u8),
    pub(super) progressive: bool,
}

/// One stream being written.
///
/// After a method has returned a fault no other may be called; this is checked.
#[derive(Debug)]
pub(super) struct Compress {
    parts: NonNull<Parts>,
    settings: Settings,
    rows_left: u32,
    dead: bool,
}

/// All that libjpeg keeps pointers to, in one allocation that does not move.
struct Parts {
    cinfo: sys::jpeg_compress_struct,
    errors: sys::jpeg_error_mgr,
    client: Client,
}

// SAFETY: libjpeg keeps no state outside its object bar thread-local records of the processor's abilities, which every
// thread makes for itself, and `Parts` is owned by one value. `Sink` is `Send`.
unsafe impl Send for Compress {}

impl Compress {
    /// Writes the header to `sink`.
    pub(super) fn start(sink: Sink, settings: Settings) -> Result<Self, Fault> {
        let parts = Box::new(Parts {
            // SAFETY: the structure consists of numbers, raw pointers and enumerations that have a variant 0.
            cinfo: unsafe { std::mem::zeroed() },
            errors: error_manager(),
            client: Client {
                faults: Faults::default(),
                destination: Destination::new(sink),
            },
        });
        let mut compress = Self {
            parts: NonNull::from(Box::leak(parts)),
            settings,
            rows_left: settings.size.height,
            dead: false,
        };
        let p = compress.parts.as_ptr();
        // SAFETY: `p` points to the parts that were just leaked; the pointers stored in `cinfo` lead to its neighbours,
        // which live as long, and `Client` begins with `Faults` as the callbacks demand. `jpeg_create_compress` clears
        // everything but `err` and `client_data`, so the rest is set behind it.
        unsafe {
            (*p).cinfo.common.err = &raw mut (*p).errors;
            (*p).cinfo.common.client_data = (&raw mut (*p).client).cast();
            guarded(&raw mut (*p).client.faults, || {
                sys::jpeg_create_compress(&raw mut (*p).cinfo);
            })?;
            (*p).cinfo.dest = Destination::manager_of(&raw mut (*p).client.destination);
        }
        compress.call(|cinfo| {
            // SAFETY: the object was created and its destination set; the calls come in the order that libjpeg demands.
            unsafe { configure(cinfo, settings) };
        })?;
        Ok(compress)
    }

    /// Calls libjpeg, and notes if that ends the object's life.
    fn call<R>(
        &mut self,
        call: impl FnOnce(&mut sys::jpeg_compress_struct) -> R,
    ) -> Result<R, Fault> {
        if self.dead {
            return Err(Fault::Malformed("writing went on after an error".into()));
        }
        let p = self.parts.as_ptr();
        // SAFETY: the parts live until `self` is dropped, `&mut self` makes this the only access, and the reference to
        // `cinfo` does not cover the faults.
        let result = unsafe { guarded(&raw mut (*p).client.faults, || call(&mut (*p).cinfo)) };
        self.dead |= result.is_err();
        result
    }

    /// Rows that are still to come.
    pub(super) fn rows_left(&self) -> u32 {
        self.rows_left
    }

    /// Writes an application segment; `body` may have up to 65,533 bytes. Before the first row.
    pub(super) fn marker(&mut self, marker: u8, body: &[u8]) -> Result<(), Fault> {
        assert!(body.len() <= 65_533, "a segment of {} bytes", body.len());
        self.call(|cinfo| {
            let len = body.len() as sys::c_uint;
            // SAFETY: compression has started, and `body` has `len` bytes.
            unsafe { sys::jpeg_write_marker(cinfo, marker.into(), body.as_ptr(), len) };
        })
    }

    /// Takes the next rows: of the full width, no more than are left.
    pub(super) fn write(&mut self, rows: View<'_>) -> Result<(), Fault> {
        let size = rows.size();
        assert!(
            size.width == self.settings.size.width
                && size.height <= self.rows_left
                && rows.format().pixel_bytes() == self.settings.channels,
            "{size} pixels of {} for {} rows of {:?}",
            rows.format(),
            self.rows_left,
            self.settings
        );
        let mut y = 0;
        while y < size.height {
            let mut pointers = [std::ptr::null(); ROWS_PER_CALL];
            let batch = (size.height - y).min(ROWS_PER_CALL as u32);
            for (pointer, y) in pointers.iter_mut().zip(y..y + batch) {
                *pointer = rows.row(y).as_ptr();
            }
            // SAFETY: compression has started; `pointers` holds `batch` pointers to rows of `width` pixels with
            // `channels` bytes each, which is what libjpeg was told to expect.
            let taken = self.call(|cinfo| unsafe {
                sys::jpeg_write_scanlines(cinfo, pointers.as_ptr(), batch)
            })?;
            if taken == 0 {
                self.dead = true;
                return Err(Fault::Malformed("rows were not taken".to_owned()));
            }
            y += taken;
            self.rows_left -= taken;
        }
        Ok(())
    }

    /// Writes the end, after all rows; returns the stream if it went to memory.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Fault> {
        // SAFETY: compression has started; libjpeg checks that all rows have come.
        self.call(|cinfo| unsafe { sys::jpeg_finish_compress(cinfo) })?;
        // SAFETY: no callback runs, and `self` is the only access.
        Ok(unsafe { (*self.parts.as_ptr()).client.destination.take() })
    }
}

/// Sets everything and writes the header.
///
/// # Safety
/// `cinfo` was created, has its destination, and nothing has been started.
unsafe fn configure(cinfo: &mut sys::jpeg_compress_struct, settings: Settings) {
    // Without mozjpeg's additions: what they save in bytes costs several times as much time.
    // SAFETY: as the caller says; must come before the defaults are set, which depend on it.
    unsafe {
        sys::jpeg_c_set_int_param(
            cinfo,
            sys::JINT_COMPRESS_PROFILE,
            sys::JCP_FASTEST as sys::c_int,
        );
    }
    cinfo.image_width = settings.size.width;
    cinfo.image_height = settings.size.height;
    cinfo.input_components = settings.channels as sys::c_int;
    cinfo.in_color_space = match settings.channels {
        1 => sys::JCS_GRAYSCALE,
        _ => sys::JCS_RGB,
    };
    // SAFETY: as the caller says; the input's colours are set.
    unsafe {
        sys::jpeg_set_defaults(cinfo);
        sys::jpeg_set_quality(cinfo, settings.quality.into(), 1);
    }
    if settings.channels == 3 {
        let (h, v) = settings.subsampling;
        // SAFETY: `jpeg_set_defaults` has allocated the components and set their number, which is 3 for RGB.
        let luma = unsafe { &mut *cinfo.comp_info };
        luma.h_samp_factor = h.into();
        luma.v_samp_factor = v.into();
    }
    cinfo.dct_method = sys::J_DCT_METHOD::JDCT_ISLOW;
    // SAFETY: as the caller says; the parameters are complete.
    unsafe {
        if settings.progressive {
            sys::jpeg_simple_progression(cinfo);
        }
        sys::jpeg_start_compress(cinfo, 1);
    }
}

impl Drop for Compress {
    fn drop(&mut self) {
        let p = self.parts.as_ptr();
        // SAFETY: `jpeg_destroy_compress` may be called in every state, also after an error and for an object whose
        // creation failed (its memory manager is null then); it frees what libjpeg allocated and raises no error. The
        // box was leaked in `start` and is taken back once.
        unsafe {
            sys::jpeg_destroy_compress(&mut (*p).cinfo);
            drop(Box::from_raw(p));
        }
    }
}
