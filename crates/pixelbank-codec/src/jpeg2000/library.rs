//! The calls of OpenJPEG, and the only unsafe code of this folder.

use std::ffi::{CStr, c_char, c_void};
use std::io;
use std::ptr::NonNull;

use openjpeg_sys as opj;

use super::color::Plane;
use super::geometry::Area;
use super::tile::TileStream;
use crate::Input;

/// Bytes that the library reads at a time where it does not know how many it needs.
pub(super) const READ_BYTES: usize = 32 << 10;

/// Bytes of a message that are kept.
const MESSAGE_BYTES: usize = 200;

/// Why a tile could not be decoded.
#[derive(Debug)]
pub(super) enum Failure {
    /// What the system said while the file was read.
    Io(io::Error),
    /// What the library said.
    Damaged(String),
}

/// A decoded part of a tile.
#[derive(Debug)]
pub(super) struct Planes {
    image: Image,
    areas: Vec<Area>,
}

impl Planes {
    /// Its components.
    pub fn list(&self) -> Vec<Plane<'_>> {
        let components = self.image.components();
        let both = components.iter().zip(&self.areas);
        both.map(|(component, &area)| Plane {
            // SAFETY: `decode` checked that the component has this many samples and data; the image, which is borrowed
            // for as long as the slice, frees them when it is dropped, and nothing writes to them.
            samples: unsafe { std::slice::from_raw_parts(component.data, area.samples() as usize) },
            area,
        })
        .collect()
    }
}

/// Decodes `window`, a part of a tile on the reference grid, with `level` halvings left out. The samples of each component
/// lie in `areas`, at that resolution.
pub(super) fn decode(
    input: &mut Input,
    stream: &TileStream,
    window: &Area,
    level: u32,
    areas: Vec<Area>,
) -> Result<Planes, Failure> {
    let mut source = Source::new(input, stream);
    let mut said = Said::default();
    let result = decode_with(&mut source, &mut said, window, level);
    if let Some(error) = source.failed.take() {
        return Err(Failure::Io(error));
    }
    let damaged = |reason: &str| Failure::Damaged(reason.to_owned());
    // It goes on after much that it warns of, with pixels that are not those of the file.
    let said = said.error.or(said.warning);
    let image = match (result, said) {
        (Some(image), None) => image,
        (_, Some(message)) => return Err(Failure::Damaged(message)),
        (None, None) => return Err(damaged("it cannot be decoded")),
    };
    let components = image.components();
    let is_whole = components.len() == areas.len()
        && components.iter().zip(&areas).all(|(component, area)| {
            (component.w, component.h) == (area.width(), area.height()) && !component.data.is_null()
        });
    if !is_whole {
        return Err(damaged("the library decoded another part of it"));
    }
    Ok(Planes { image, areas })
}

fn decode_with(
    source: &mut Source<'_>,
    said: &mut Said,
    window: &Area,
    level: u32,
) -> Option<Image> {
    let codec = Codec::new()?;
    let reader = Reader::new(source)?;
    let place = (said as *mut Said).cast::<c_void>();
    // SAFETY: the codec and the reader are live until the end of this function; the messages and the source that they are
    // given pointers to live longer than both and are not touched here meanwhile; the parameters are filled in by the
    // library before they are used; the image is owned from the moment when it is there.
    unsafe {
        opj::opj_set_warning_handler(codec.pointer(), Some(warned), place);
        opj::opj_set_error_handler(codec.pointer(), Some(failed), place);
        let mut parameters = Box::<opj::opj_dparameters_t>::new_uninit();
        opj::opj_set_default_decoder_parameters(parameters.as_mut_ptr());
        let mut parameters = parameters.assume_init();
        parameters.cp_reduce = level;
        let is_ready = opj::opj_setup_decoder(codec.pointer(), &mut *parameters) != 0
            && opj::opj_decoder_set_strict_mode(codec.pointer(), 1) != 0;
        if !is_ready {
            return None;
        }
        let mut image = std::ptr::null_mut();
        let is_read = opj::opj_read_header(reader.pointer(), codec.pointer(), &mut image) != 0;
        let image = Image(NonNull::new(image)?);
        let [x0, y0, x1, y1] = [window.x0, window.y0, window.x1, window.y1].map(|at| at as i32);
        let is_done = is_read
            && opj::opj_set_decode_area(codec.pointer(), image.0.as_ptr(), x0, y0, x1, y1) != 0
            && opj::opj_decode(codec.pointer(), reader.pointer(), image.0.as_ptr()) != 0;
        is_done.then_some(image)
    }
}

#[derive(Debug)]
struct Image(NonNull<opj::opj_image_t>);

// SAFETY: the image is owned, has no ties to a thread, and is only read through `&self`.
unsafe impl Send for Image {}

impl Image {
    fn components(&self) -> &[opj::opj_image_comp_t] {
        // SAFETY: the library keeps as many components as it says; the image is live as long as `self`.
        unsafe {
            let image = self.0.as_ref();
            match NonNull::new(image.comps) {
                Some(first) => std::slice::from_raw_parts(first.as_ptr(), image.numcomps as usize),
                None => &[],
            }
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: it is owned, and not used after.
        unsafe { opj::opj_image_destroy(self.0.as_ptr()) }
    }
}

struct Codec(NonNull<opj::opj_codec_t>);

impl Codec {
    fn new() -> Option<Self> {
        // SAFETY: called without conditions.
        let codec = unsafe { opj::opj_create_decompress(opj::CODEC_FORMAT::OPJ_CODEC_J2K) };
        NonNull::new(codec).map(Self)
    }

    fn pointer(&self) -> *mut opj::opj_codec_t {
        self.0.as_ptr()
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: it is owned, and not used after.
        unsafe { opj::opj_destroy_codec(self.0.as_ptr()) }
    }
}

/// The library's view of a source.
struct Reader(NonNull<opj::opj_stream_t>);

impl Reader {
    /// Calls back into `source`, which must outlive it and not be touched as long as it lives.
    fn new(source: &mut Source<'_>) -> Option<Self> {
        // SAFETY: the stream is owned and live; the functions get the source that is set here, of which the caller keeps
        // the promise above; there is nothing to be freed for it.
        unsafe {
            let reader = Self(NonNull::new(opj::opj_stream_create(READ_BYTES, 1))?);
            opj::opj_stream_set_read_function(reader.pointer(), Some(read));
            opj::opj_stream_set_skip_function(reader.pointer(), Some(skip));
            opj::opj_stream_set_seek_function(reader.pointer(), Some(seek));
            opj::opj_stream_set_user_data_length(reader.pointer(), source.bytes());
            let place = (source as *mut Source<'_>).cast();
            opj::opj_stream_set_user_data(reader.pointer(), place, None);
            Some(reader)
        }
    }

    fn pointer(&self) -> *mut opj::opj_stream_t {
        self.0.as_ptr()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: it is owned, and not used after.
        unsafe { opj::opj_stream_destroy(self.0.as_ptr()) }
    }
}

/// What the library is given to read.
struct Source<'a> {
    input: &'a mut Input,
    stream: &'a TileStream,
    at: u64,
    failed: Option<io::Error>,
}

impl<'a> Source<'a> {
    fn new(input: &'a mut Input, stream: &'a TileStream) -> Self {
        Self {
            input,
            stream,
            at: 0,
            failed: None,
        }
    }

    fn bytes(&self) -> u64 {
        let packets = self
            .stream
            .packets
            .iter()
            .map(|range| range.end - range.start);
        self.stream.front.len() as u64 + packets.sum::<u64>() + self.stream.behind.len() as u64
    }

    /// Fills `target` from where it stands; fewer bytes at the end.
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        let mut start = 0u64;
        let Self {
            input, stream, at, ..
        } = self;
        let mut take = |length: u64, copy: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>| {
            let end = start + length;
            if *at >= start && *at < end && filled < target.len() {
                let count = (end - *at).min((target.len() - filled) as u64) as usize;
                copy(*at - start, &mut target[filled..filled + count])?;
                filled += count;
                *at += count as u64;
            }
            start = end;
            io::Result::Ok(())
        };
        let from = |bytes: &[u8], at: u64, target: &mut [u8]| {
            target.copy_from_slice(&bytes[at as usize..][..target.len()]);
            Ok(())
        };
        take(stream.front.len() as u64, &mut |at, target| {
            from(&stream.front, at, target)
        })?;
        for range in &stream.packets {
            take(range.end - range.start, &mut |at, target| {
                input.read_exact_at(range.start + at, target)
            })?;
        }
        take(stream.behind.len() as u64, &mut |at, target| {
            from(&stream.behind, at, target)
        })?;
        Ok(filled)
    }
}

/// What the library takes for the end of a stream.
const AT_END: usize = usize::MAX;

unsafe extern "C" fn read(buffer: *mut c_void, count: usize, source: *mut c_void) -> usize {
    // SAFETY: the library passes on the source that it was given, which nobody else uses meanwhile, and a buffer of its own
    // with that many bytes, which it has initialised, or which are only written to.
    let (source, buffer) = unsafe {
        buffer.cast::<u8>().write_bytes(0, count);
        (
            &mut *source.cast::<Source<'_>>(),
            std::slice::from_raw_parts_mut(buffer.cast::<u8>(), count),
        )
    };
    match source.read(buffer) {
        Ok(0) => AT_END,
        Ok(count) => count,
        Err(error) => {
            source.failed = Some(error);
            AT_END
        }
    }
}

unsafe extern "C" fn skip(count: i64, source: *mut c_void) -> i64 {
    // SAFETY: the library passes on the source that it was given, which nobody else uses meanwhile.
    let source = unsafe { &mut *source.cast::<Source<'_>>() };
    match source.at.checked_add_signed(count) {
        Some(at) => {
            source.at = at;
            count
        }
        None => -1,
    }
}

unsafe extern "C" fn seek(at: i64, source: *mut c_void) -> i32 {
    // SAFETY: the library passes on the source that it was given, which nobody else uses meanwhile.
    let source = unsafe { &mut *source.cast::<Source<'_>>() };
    match u64::try_from(at) {
        Ok(at) => {
            source.at = at;
            1
        }
        Err(_) => 0,
    }
}

/// The first messages of the library.
#[derive(Debug, Default)]
struct Said {
    error: Option<String>,
    warning: Option<String>,
}

unsafe extern "C" fn warned(message: *const c_char, said: *mut c_void) {
    // SAFETY: the library passes on the place that it was given, and a string that ends.
    let (said, message) = unsafe { (&mut *said.cast::<Said>(), CStr::from_ptr(message)) };
    said.warning.get_or_insert_with(|| text(message));
}

unsafe extern "C" fn failed(message: *const c_char, said: *mut c_void) {
    // SAFETY: the library passes on the place that it was given, and a string that ends.
    let (said, message) = unsafe { (&mut *said.cast::<Said>(), CStr::from_ptr(message)) };
    said.error.get_or_insert_with(|| text(message));
}

fn text(message: &CStr) -> String {
    let message = String::from_utf8_lossy(message.to_bytes());
    message.trim().chars().take(MESSAGE_BYTES).collect()
}
