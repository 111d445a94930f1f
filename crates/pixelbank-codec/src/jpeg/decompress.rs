//! A safe shell around libjpeg's decompressor.

use std::marker::PhantomData;
use std::ptr::NonNull;

use mozjpeg_sys as sys;
use pixelbank_image::Size;

use super::fault::{Fault, Faults, error_manager, guarded};
use super::source::{Bytes, Client, Source};

/// Scans that a file may have. Encoders write up to a dozen; a thousand of them in a small file keep a decoder busy
/// for minutes.
const MAX_SCANS: i32 = 100;

/// Rows that are handed to libjpeg at once; it fills no more than four in one call.
const ROWS_PER_CALL: usize = 8;

/// How the components of a stream are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamColor {
    /// One component.
    Gray,
    /// Three, luminance and chroma, delivered as RGB.
    YCbCr,
    /// Three, delivered as they are.
    Rgb,
    /// Four, delivered as they are.
    Cmyk,
}

/// What comes out of a decompressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Gray,
    Rgb,
    Cmyk,
}

impl Output {
    /// Bytes of a pixel.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// One stream being decoded.
///
/// After a method has returned a fault no other may be called; this is checked.
#[derive(Debug)]
pub(super) struct Decompress<'a> {
    parts: NonNull<Parts<'a>>,
    state: State,
    output: Output,
    _owns: PhantomData<Parts<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Made, or tables were read.
    New,
    /// The header was read.
    Header,
    /// Rows can be read.
    Rows,
    /// After a fault.
    Dead,
}

/// All that libjpeg keeps pointers to, in one allocation that does not move.
struct Parts<'a> {
    cinfo: sys::jpeg_decompress_struct,
    errors: sys::jpeg_error_mgr,
    progress: sys::jpeg_progress_mgr,
    client: Client<'a>,
}

// SAFETY: libjpeg keeps no state outside its object bar thread-local records of the processor's abilities, which every
// thread makes for itself, and `Parts` is owned by one value. `Bytes` is `Send`.
unsafe impl Send for Decompress<'_> {}

impl<'a> Decompress<'a> {
    /// A decompressor that reads `bytes`.
    pub(super) fn new(bytes: Bytes<'a>) -> Result<Self, Fault> {
        let parts = Box::new(Parts {
            // SAFETY: the structure consists of numbers, raw pointers and enumerations that have a variant 0.
            cinfo: unsafe { std::mem::zeroed() },
            errors: error_manager(),
            progress: sys::jpeg_progress_mgr {
                progress_monitor: Some(check_scans),
                pass_counter: 0,
                pass_limit: 0,
                completed_passes: 0,
                total_passes: 0,
            },
            client: Client {
                faults: Faults::default(),
                source: Source::new(bytes),
                cinfo: std::ptr::null(),
            },
        });
        let parts = NonNull::from(Box::leak(parts));
        let decompress = Self {
            parts,
            state: State::New,
            output: Output::Rgb,
            _owns: PhantomData,
        };
        let p = parts.as_ptr();
        // SAFETY: `p` points to the parts that were just leaked; the pointers stored in `cinfo` lead to its neighbours,
        // which live as long, and `Client` begins with `Faults` as the callbacks demand. `jpeg_create_decompress`
        // clears everything but `err` and `client_data`, so the rest is set behind it.
        unsafe {
            (*p).cinfo.common.err = &raw mut (*p).errors;
            (*p).cinfo.common.client_data = (&raw mut (*p).client).cast();
            (*p).client.cinfo = &raw const (*p).cinfo;
            guarded(&raw mut (*p).client.faults, || {
                sys::jpeg_create_decompress(&raw mut (*p).cinfo);
            })?;
            (*p).cinfo.common.progress = &raw mut (*p).progress;
            (*p).cinfo.src = Source::manager_of(&raw mut (*p).client.source);
        }
        Ok(decompress)
    }

    /// Calls libjpeg, and notes if that ends the object's life.
    fn call<R>(
        &mut self,
        wanted: State,
        call: impl FnOnce(&mut sys::jpeg_decompress_struct) -> R,
    ) -> Result<R, Fault> {
        if self.state != wanted {
            return Err(Fault::Malformed("decoding went on after an error".into()));
        }
        let p = self.parts.as_ptr();
        // SAFETY: the parts live until `self` is dropped, `&mut self` makes this the only access, and the reference to
        // `cinfo` does not cover the faults.
        let result = unsafe { guarded(&raw mut (*p).client.faults, || call(&mut (*p).cinfo)) };
        if result.is_err() {
            self.state = State::Dead;
        }
        result
    }

    fn cinfo(&self) -> &sys::jpeg_decompress_struct {
        // SAFETY: the parts live until `self` is dropped, and libjpeg writes to them only within `&mut self` methods.
        unsafe { &(*self.parts.as_ptr()).cinfo }
    }

    /// Reads a stream that holds tables alone, then makes `next` the stream to be read.
    pub(super) fn read_tables(&mut self, next: Bytes<'a>) -> Result<(), Fault> {
        // SAFETY: the source is in place, and the object is fresh.
        let found = self.call(State::New, |cinfo| unsafe {
            sys::jpeg_read_header(cinfo, 0)
        })?;
        /// libjpeg's `JPEG_HEADER_TABLES_ONLY`.
        const TABLES_ONLY: sys::c_int = 2;
        if found != TABLES_ONLY {
            self.state = State::Dead;
            return Err(Fault::Malformed("the shared tables hold an image".into()));
        }
        // SAFETY: no callback runs, and `&mut self` makes this the only access.
        unsafe { (*self.parts.as_ptr()).client.source.replace(next) };
        Ok(())
    }

    /// Reads up to the first scan.
    pub(super) fn read_header(&mut self) -> Result<(), Fault> {
        // SAFETY: the source is in place, and the object is fresh or has read tables.
        self.call(State::New, |cinfo| unsafe {
            sys::jpeg_read_header(cinfo, 1)
        })?;
        self.state = State::Header;
        Ok(())
    }

    /// The size of the image, as the header says.
    pub(super) fn size(&self) -> Size {
        Size::new(self.cinfo().image_width, self.cinfo().image_height)
    }

    /// The number of components, as the header says.
    pub(super) fn components(&self) -> i32 {
        self.cinfo().num_components
    }

    /// Whether the whole stream must be read and kept before the first row comes.
    pub(super) fn has_multiple_scans(&self) -> bool {
        // SAFETY: only reads the object; the header was read (`inputctl` exists from creation on in any case).
        self.state != State::Dead && unsafe { sys::jpeg_has_multiple_scans(self.cinfo()) } != 0
    }

    /// Overrides what the markers say of the colours.
    pub(super) fn set_color(&mut self, color: StreamColor) -> Result<(), Fault> {
        let (space, wanted) = match color {
            StreamColor::Gray => (sys::JCS_GRAYSCALE, 1),
            StreamColor::YCbCr => (sys::JCS_YCbCr, 3),
            StreamColor::Rgb => (sys::JCS_RGB, 3),
            StreamColor::Cmyk => (sys::JCS_CMYK, 4),
        };
        let found = self.components();
        if found != wanted {
            return Err(Fault::Malformed(format!(
                "{found} components where {wanted} were announced"
            )));
        }
        self.call(State::Header, |cinfo| cinfo.jpeg_color_space = space)
    }

    /// Starts to decode at 1/`denominator` of the size: 1, 2, 4 or 8.
    ///
    /// A stream of several scans is read to its end here.
    pub(super) fn start(&mut self, denominator: u32, output: Output) -> Result<(), Fault> {
        let multi_scan = self.has_multiple_scans();
        self.call(State::Header, |cinfo| {
            cinfo.scale_num = 1;
            cinfo.scale_denom = denominator;
            cinfo.out_color_space = match output {
                Output::Gray => sys::JCS_GRAYSCALE,
                Output::Rgb => sys::JCS_RGB,
                Output::Cmyk => sys::JCS_CMYK,
            };
            cinfo.dct_method = sys::J_DCT_METHOD::JDCT_ISLOW;
            cinfo.do_fancy_upsampling = 1;
            // Made for previews of files that are still on their way, which are refused here; and a region would come
            // out other than the whole.
            cinfo.do_block_smoothing = 0;
            // SAFETY: the header was read.
            unsafe { sys::jpeg_start_decompress(cinfo) };
        })?;
        self.output = output;
        self.state = State::Rows;
        if multi_scan {
            self.check_complete()?;
        }
        Ok(())
    }

    /// After a stream of several scans was read: did it end by itself, and have all components come?
    fn check_complete(&mut self) -> Result<(), Fault> {
        // SAFETY: no callback runs, and `&mut self` makes this the only access.
        let ended = unsafe { (*self.parts.as_ptr()).client.source.ended() };
        let n_components = usize::try_from(self.components()).unwrap_or_default();
        let cinfo = self.cinfo();
        // SAFETY: libjpeg allocates `num_components` entries when it reads the frame header.
        let components = unsafe { std::slice::from_raw_parts(cinfo.comp_info, n_components) };
        // A component gets its quantisation table with its first scan.
        let missing = components.iter().any(|c| c.quant_table.is_null());
        if ended || missing {
            self.state = State::Dead;
            let reason = if ended {
                "the file ends early"
            } else {
                "a colour component is missing"
            };
            return Err(Fault::Malformed(reason.to_owned()));
        }
        Ok(())
    }

    /// The size of what is delivered: of the level, and after [`crop`](Self::crop) of its columns.
    pub(super) fn output_size(&self) -> Size {
        Size::new(self.cinfo().output_width, self.cinfo().output_height)
    }

    /// The largest sampling factors, horizontal and vertical.
    pub(super) fn max_sampling(&self) -> (u32, u32) {
        let factor = |value: i32| u32::try_from(value).unwrap_or(1).max(1);
        let cinfo = self.cinfo();
        (
            factor(cinfo.max_h_samp_factor),
            factor(cinfo.max_v_samp_factor),
        )
    }

    /// Limits the output to columns from `x` on, `width` of them, and returns the first column that will really come,
    /// at or before `x`; the right edge is as asked for. Before the first row.
    pub(super) fn crop(&mut self, x: u32, width: u32) -> Result<u32, Fault> {
        let (mut x, mut width) = (x, width);
        self.call(State::Rows, |cinfo| {
            // SAFETY: decompression has started; libjpeg checks the columns against the width.
            unsafe { sys::jpeg_crop_scanline(cinfo, &mut x, &mut width) };
        })?;
        Ok(x)
    }

    /// Passes over rows; fewer than remain.
    pub(super) fn skip(&mut self, n_rows: u32) -> Result<(), Fault> {
        let left = self.cinfo().output_height - self.cinfo().output_scanline;
        debug_assert!(n_rows < left, "skipping {n_rows} of {left} rows");
        // SAFETY: decompression has started, and the source never suspends.
        self.call(State::Rows, |cinfo| unsafe {
            sys::jpeg_skip_scanlines(cinfo, n_rows)
        })?;
        Ok(())
    }

    /// Decodes the next rows, as many as `rows` has chunks of `row_bytes` bytes; each chunk must hold a row.
    pub(super) fn read(&mut self, rows: &mut [u8], row_bytes: usize) -> Result<(), Fault> {
        let needed = self.output_size().width as usize * self.output.channels();
        assert!(
            row_bytes >= needed && rows.len().is_multiple_of(row_bytes),
            "rows of {row_bytes} bytes for {needed} in {}",
            rows.len()
        );
        let n_rows = rows.len() / row_bytes;
        let base = rows.as_mut_ptr();
        let mut done = 0;
        while done < n_rows {
            let mut pointers = [std::ptr::null_mut(); ROWS_PER_CALL];
            let batch = ROWS_PER_CALL.min(n_rows - done);
            for (i, pointer) in pointers[..batch].iter_mut().enumerate() {
                // SAFETY: row `done + i` is below `n_rows`, so it starts within the slice.
                *pointer = unsafe { base.add((done + i) * row_bytes) };
            }
            // SAFETY: decompression has started; `pointers` holds `batch` pointers to disjoint parts of `rows`, each of
            // at least `needed` bytes, which is what libjpeg writes for a row: `output` set the number of components.
            let got = self.call(State::Rows, |cinfo| unsafe {
                sys::jpeg_read_scanlines(cinfo, pointers.as_mut_ptr(), batch as u32)
            })?;
            if got == 0 {
                self.state = State::Dead;
                return Err(Fault::Malformed("rows are missing".to_owned()));
            }
            done += got as usize;
        }
        Ok(())
    }
}

impl Drop for Decompress<'_> {
    fn drop(&mut self) {
        let p = self.parts.as_ptr();
        // SAFETY: `jpeg_destroy_decompress` may be called in every state, also after an error and for an object whose
        // creation failed (its memory manager is null then); it frees what libjpeg allocated and raises no error. The
        // box was leaked in `new` and is taken back once.
        unsafe {
            sys::jpeg_destroy_decompress(&mut (*p).cinfo);
            drop(Box::from_raw(p));
        }
    }
}

/// Called by libjpeg again and again while it reads.
unsafe extern "C-unwind" fn check_scans(common: &mut sys::jpeg_common_struct) {
    // SAFETY: `client_data` points to the client within `Parts`, see `Decompress::new`; callbacks do not overlap.
    let client = unsafe { &mut *common.client_data.cast::<Client<'_>>() };
    // SAFETY: set in `Decompress::new` to the object that is calling.
    let scan = unsafe { (*client.cinfo).input_scan_number };
    if scan > MAX_SCANS {
        client.faults.raise(Fault::Limit {
            what: "JPEG scans",
            requested: u64::from(scan.unsigned_abs()),
            limit: u64::from(MAX_SCANS.unsigned_abs()),
        });
    }
}
