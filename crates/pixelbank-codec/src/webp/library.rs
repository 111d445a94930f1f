//! Safe shells around the calls of libwebp.

use std::ffi::{c_int, c_void};

use libwebp_sys as sys;
use pixelbank_image::{Channels, PixelFormat, Rect, Size, View};

/// Why libwebp gave up.
#[derive(Debug)]
pub(super) enum Fault {
    Malformed(&'static str),
    Unsupported(&'static str),
    Memory,
    /// Of the encoder, by its own name.
    Refused(String),
}

/// What part of an image is decoded, and how large.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// These pixels; the corner must be even.
    Crop(Rect),
    /// All of it, scaled to this size.
    Scaled(Size),
}

impl Part {
    /// The pixels that come out.
    pub(super) fn size(self) -> Size {
        match self {
            Self::Crop(rect) => rect.size(),
            Self::Scaled(size) => size,
        }
    }
}

/// Decodes a part of an image, which begins with the header of its first chunk, into `out`: packed rows of
/// [`Part::size`], RGBA if `alpha`, else RGB.
pub(super) fn decode(data: &[u8], part: Part, alpha: bool, out: &mut [u8]) -> Result<(), Fault> {
    let size = part.size();
    let row_bytes = size.width as usize * if alpha { 4 } else { 3 };
    assert_eq!(out.len(), row_bytes * size.height as usize, "{part:?}");
    let mut config = sys::WebPDecoderConfig::new()
        .map_err(|()| Fault::Unsupported("this version of the library"))?;
    let options = &mut config.options;
    match part {
        Part::Crop(rect) => {
            options.use_cropping = 1;
            options.crop_left = rect.x as c_int;
            options.crop_top = rect.y as c_int;
            options.crop_width = rect.width as c_int;
            options.crop_height = rect.height as c_int;
        }
        Part::Scaled(size) => {
            options.use_scaling = 1;
            options.scaled_width = size.width as c_int;
            options.scaled_height = size.height as c_int;
        }
    }
    config.output.colorspace = if alpha {
        sys::WEBP_CSP_MODE::MODE_RGBA
    } else {
        sys::WEBP_CSP_MODE::MODE_RGB
    };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = sys::WebPRGBABuffer {
        rgba: out.as_mut_ptr(),
        stride: row_bytes as c_int,
        size: out.len(),
    };
    // SAFETY: `data` is valid for its length. The configuration was initialised by the library, which checks the crop
    // against the image and the buffer's size and stride against what it will write, and returns an error where they do
    // not fit. It keeps no pointer, and with external memory nothing is left to be freed.
    let status = unsafe { sys::WebPDecode(data.as_ptr(), data.len(), &mut config) };
    use sys::VP8StatusCode as Status;
    match status {
        Status::VP8_STATUS_OK => Ok(()),
        Status::VP8_STATUS_OUT_OF_MEMORY => Err(Fault::Memory),
        Status::VP8_STATUS_UNSUPPORTED_FEATURE => Err(Fault::Unsupported("an unknown feature")),
        Status::VP8_STATUS_SUSPENDED | Status::VP8_STATUS_NOT_ENOUGH_DATA => {
            Err(Fault::Malformed("it ends early"))
        }
        Status::VP8_STATUS_INVALID_PARAM => {
            Err(Fault::Malformed("its parts contradict each other"))
        }
        _ => Err(Fault::Malformed("its image data is damaged")),
    }
}

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    Lossy { quality: u8, method: u8 },
    Lossless { level: u8 },
}

/// Encodes RGB or RGBA pixels of 8 bits to a file in memory.
pub(super) fn encode(pixels: View<'_>, effort: Effort) -> Result<Vec<u8>, Fault> {
    let refused = |what: &str| Fault::Refused(what.to_owned());
    let mut config = sys::WebPConfig::new().map_err(|()| refused("library version"))?;
    match effort {
        Effort::Lossy { quality, method } => {
            config.quality = quality.into();
            config.method = method.into();
        }
        Effort::Lossless { level } => {
            // SAFETY: only sets fields of the initialised configuration.
            let set = unsafe { sys::WebPConfigLosslessPreset(&mut config, level.into()) };
            if set == 0 {
                return Err(refused("lossless level"));
            }
            // Colours under full transparency are kept too.
            config.exact = 1;
        }
    }
    let mut picture = Picture::new().ok_or_else(|| refused("library version"))?;
    picture.import(pixels, matches!(effort, Effort::Lossless { .. }))?;
    picture.encode(&config)
}

/// A `WebPPicture` that frees its planes.
struct Picture(sys::WebPPicture);

impl Picture {
    fn new() -> Option<Self> {
        sys::WebPPicture::new().ok().map(Self)
    }

    fn import(&mut self, pixels: View<'_>, argb: bool) -> Result<(), Fault> {
        let size = pixels.size();
        self.0.use_argb = argb.into();
        self.0.width = size.width as c_int;
        self.0.height = size.height as c_int;
        let data = pixels.data().as_ptr();
        let stride = pixels.row_bytes() as c_int;
        // SAFETY: the picture was initialised and holds no planes yet; a view has `height` rows of `width` pixels with
        // `row_bytes` from one to the next, of the format that is matched here. The pixels are copied.
        let imported = unsafe {
            match pixels.format() {
                PixelFormat::RGBA8 => sys::WebPPictureImportRGBA(&mut self.0, data, stride),
                format => {
                    assert_eq!(format.channels, Channels::Rgb, "checked by the caller");
                    sys::WebPPictureImportRGB(&mut self.0, data, stride)
                }
            }
        };
        if imported == 0 {
            Err(self.fault())
        } else {
            Ok(())
        }
    }

    fn encode(&mut self, config: &sys::WebPConfig) -> Result<Vec<u8>, Fault> {
        let mut bytes: Vec<u8> = Vec::new();
        self.0.writer = Some(append);
        self.0.custom_ptr = (&raw mut bytes).cast();
        // SAFETY: configuration and picture were initialised and filled; `append` gets `custom_ptr`, which points to
        // `bytes` until the call returns.
        let encoded = unsafe { sys::WebPEncode(config, &mut self.0) };
        self.0.custom_ptr = std::ptr::null_mut();
        if encoded == 0 {
            return Err(self.fault());
        }
        bytes.shrink_to_fit();
        Ok(bytes)
    }

    fn fault(&self) -> Fault {
        use sys::WebPEncodingError as E;
        match self.0.error_code {
            E::VP8_ENC_ERROR_OUT_OF_MEMORY | E::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY => {
                Fault::Memory
            }
            other => Fault::Refused(format!("{other:?}")),
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture was initialised; freeing one without planes is allowed.
        unsafe { sys::WebPPictureFree(&mut self.0) };
    }
}

/// Called by libwebp with the next bytes of the file; 0 makes it give up.
unsafe extern "C" fn append(
    data: *const u8,
    len: usize,
    picture: *const sys::WebPPicture,
) -> c_int {
    if len == 0 {
        return 1;
    }
    // SAFETY: the library passes the picture that it encodes, whose `custom_ptr` is the vector of `encode`.
    let bytes = unsafe {
        let target: *mut c_void = (*picture).custom_ptr;
        &mut *target.cast::<Vec<u8>>()
    };
    if bytes.try_reserve(len).is_err() {
        return 0;
    }
    // SAFETY: the library passes `len` bytes.
    bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(data, len) });
    1
}
