use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_image::{ImageSpec, Rect, View, ViewMut};

use crate::Error;

/// A file format that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG (ITU T.81), in JFIF, EXIF or bare form.
    Jpeg,
    /// Portable Network Graphics.
    Png,
    /// TIFF and BigTIFF.
    Tiff,
    /// WebP, lossy and lossless.
    WebP,
    /// OpenEXR.
    OpenExr,
    /// GIF.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// PBM, PGM, PPM, PAM and PFM.
    Pnm,
    /// Truevision TGA.
    Tga,
    /// Quite OK Image.
    Qoi,
    /// Radiance HDR (RGBE).
    Hdr,
    /// DirectDraw Surface: textures, compressed or not.
    Dds,
    /// Windows icons and cursors.
    Ico,
    /// JPEG XL; read with the feature `jxl`.
    JpegXl,
    /// AVIF; read with the feature `avif`.
    Avif,
    /// JPEG 2000, HTJ2K among it; read with the feature `jpeg2000`.
    Jpeg2000,
    /// No file: pixels that a program has in memory, or makes when they are asked for.
    Raw,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::OpenExr => "OpenEXR",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Pnm => "PNM",
            Self::Tga => "TGA",
            Self::Qoi => "QOI",
            Self::Hdr => "Radiance HDR",
            Self::Dds => "DDS",
            Self::Ico => "ICO",
            Self::JpegXl => "JPEG XL",
            Self::Avif => "AVIF",
            Self::Jpeg2000 => "JPEG 2000",
            Self::Raw => "raw pixels",
        })
    }
}

/// What a header says of a whole file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageInfo {
    /// The format that the content shows, whatever the file is called.
    pub format: Format,
    /// One per page, part or frame; never empty.
    pub subimages: Vec<ImageSpec>,
}

/// The pixels that a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Which page, part or frame.
    pub subimage: u32,
    /// Which of the levels of its [`ImageSpec`].
    pub level: u32,
    /// Which pixels of that level, as stored.
    pub rect: Rect,
}

/// A part of what was asked for, ready.
#[derive(Debug, Clone, Copy)]
pub struct Band<'a> {
    /// Where it lies in the level.
    pub rect: Rect,
    /// Its pixels, in the format of the specification.
    pub pixels: View<'a>,
}

/// Whether a decoder is to go on.
pub type Flow = ControlFlow<()>;

/// The metadata of a file as it stands there, undecoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataBlocks {
    /// EXIF, from the TIFF header (`II*\0` or `MM\0*`) on.
    pub exif: Option<Vec<u8>>,
    /// An XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// IPTC-IIM records.
    pub iptc: Option<Vec<u8>>,
    /// An ICC profile.
    pub icc: Option<Vec<u8>>,
    /// Texts and numbers of the format itself (PNG text, TIFF tags, EXR attributes), name and value.
    pub texts: Vec<(String, String)>,
}

/// An open image file.
///
/// A decoder serves one call at a time; open the file twice to decode it twice at once. It keeps what its header says,
/// never pixels, except where the format has no rows to go by (then [`working_bytes`](Self::working_bytes) says so).
pub trait Decoder: Send + fmt::Debug {
    /// What the header says.
    fn info(&self) -> &Arc<ImageInfo>;

    /// An upper bound of the heap bytes that [`decode`](Self::decode) of `region` holds at any moment, its band
    /// included. The caller reserves them first.
    fn working_bytes(&self, region: &Region) -> u64;

    /// An upper bound of the heap bytes that the decoder holds between calls: tables, offsets, read buffers.
    fn heap_bytes(&self) -> u64 {
        64 << 10
    }

    /// Decodes `region` and hands it over in bands.
    ///
    /// Bands are disjoint, lie within the region, cover it, and come from top to bottom, those of one height from left
    /// to right. [`ControlFlow::Break`] from `sink` ends the call early with `Ok`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a region that is not there, [`Error::Malformed`] where the data is damaged or ends
    /// early (bands that came before are right), [`Error::Io`].
    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error>;

    /// Decodes `region` straight into `target`, which has its size and the format of the specification: what costs a copy
    /// less where the decoder can. Holds no more than [`working_bytes`](Self::working_bytes). After an error, the pixels of
    /// `target` are any.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and [`Error::BadRequest`] for a target of another size or format.
    fn decode_into(&mut self, region: &Region, target: ViewMut<'_>) -> Result<(), Error> {
        copy_bands(self, region, target)
    }

    /// The metadata, read again from the file at each call; blocks longer than the limit are passed over.
    ///
    /// # Errors
    /// [`Error::Io`]; damaged metadata counts as missing.
    fn metadata(&mut self) -> Result<MetadataBlocks, Error>;

    /// A small picture of the first subimage that the file carries along: an encoded file of its own, to be opened as
    /// [`Input::memory`](crate::Input::memory). It may be older than the picture, of another shape, or damaged.
    ///
    /// Unless a format has a better place, that of EXIF: a JPEG stream. Read again at each call; allocates no more than
    /// [`metadata`](Self::metadata).
    ///
    /// # Errors
    /// [`Error::Io`]; a damaged block counts as missing.
    fn thumbnail(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let exif = self.metadata()?.exif;
        Ok(exif
            .as_deref()
            .and_then(crate::metadata::thumbnail)
            .map(<[u8]>::to_vec))
    }

    /// The JPEG stream of exactly this chunk, where the file holds it as one whose decoding gives just the pixels of
    /// `region` (no padding beyond the edge): so it can be passed on without decoding. `None` otherwise.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::BadRequest`].
    fn jpeg_stream(&mut self, region: &Region) -> Result<Option<Vec<u8>>, Error> {
        let _ = region;
        Ok(None)
    }
}

/// Decodes by bands, which are copied to their places.
pub(crate) fn copy_bands<D: Decoder + ?Sized>(
    decoder: &mut D,
    region: &Region,
    mut target: ViewMut<'_>,
) -> Result<(), Error> {
    let mut failed = None;
    decoder.decode(region, &mut |band| {
        let within = Rect {
            x: band.rect.x - region.rect.x,
            y: band.rect.y - region.rect.y,
            ..band.rect
        };
        let place = target.reborrow().crop(within);
        match place.and_then(|mut place| place.copy_from(band.pixels)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(()), |error| {
        Err(Error::BadRequest {
            name: "the target of decoding".to_owned(),
            reason: error.to_string(),
        })
    })
}
