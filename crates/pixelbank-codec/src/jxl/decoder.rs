//! Regions of a JPEG XL file.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jxl_oxide::frame::Encoding;
use jxl_oxide::image::{BitDepth, ExtraChannelType};
use jxl_oxide::{ImageStream, JxlImage, PixelFormat as Layout};
use pixelbank_image::{
    Access, Alpha, Channels, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleKind,
    SampleType, Size, Stored, StoredSample, Transfer,
};

use super::container::Container;
use super::image::{crop, failed, load};
use crate::bands::Bands;
use crate::request::{accept, check_size, find, malformed, read_error, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// Groups have up to 1024 pixels a side. The larger a chunk, the less is decoded twice at its edges.
const CHUNK: Size = Size::new(1024, 1024);

/// Rows that are decoded at a time: whole groups of the usual size.
const STRIP_ROWS: u32 = 512;

/// Pixels of a side of the groups of a lossy picture.
const GROUP: u64 = 256;

/// Pixels around a region that filters look at.
const REACH: u32 = 16;

/// The library's tables, codes and objects: for lossy pictures, mostly matrices of weights.
const LOSSY_BYTES: u64 = 3500 << 10;
const LOSSLESS_BYTES: u64 = 256 << 10;

/// Bytes that it may take for its planes when it is shown the headers alone.
const HEADER_PLANES_BYTES: u64 = 64 << 20;

/// sRGB in the numbers of ITU-T H.273: primaries, transfer, matrix, full range.
const SRGB: [u8; 4] = [1, 13, 0, 1];

/// The transfer function of H.273 that is none.
const LINEAR: u8 = 8;

pub(crate) fn open(input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    guarded(&name, || open_unguarded(input, limits))
}

/// Calls the library, which panics over some damaged files (jxl-color 0.11 over transfer functions that it does not know,
/// for one). What it was working on is dropped with it.
fn guarded<T>(name: &str, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(malformed(name, Format::JpegXl, "its bytes make no sense")))
}

fn open_unguarded(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let container = Container::read(&mut input)?;
    let image = load(&mut input, &container, HEADER_PLANES_BYTES, true)?;
    // Upright, as the library delivers it.
    let size = Size::new(image.width(), image.height());
    let metadata = &image.image_header().metadata;
    check_size(&name, Format::JpegXl, size, limits)?;
    let channels = match image.pixel_format() {
        Layout::Gray => Channels::Gray,
        Layout::Graya => Channels::GrayAlpha,
        Layout::Rgb => Channels::Rgb,
        Layout::Rgba => Channels::Rgba,
        Layout::Cmyk | Layout::Cmyka => {
            return Err(Error::Unsupported {
                name,
                format: Format::JpegXl,
                feature: "CMYK".to_owned(),
            });
        }
    };
    let sample = match metadata.bit_depth {
        BitDepth::IntegerSample {
            bits_per_sample: 0..=8,
        } => SampleType::U8,
        BitDepth::IntegerSample {
            bits_per_sample: 9..=16,
        } => SampleType::U16,
        _ => SampleType::F32,
    };
    let stored = match metadata.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } => {
            StoredSample::new(SampleKind::Unsigned, bits_per_sample as u8)
        }
        BitDepth::FloatSample {
            bits_per_sample, ..
        } => StoredSample::new(SampleKind::Float, bits_per_sample as u8),
    };
    let is_premultiplied = metadata.ec_info.iter().any(|channel| {
        matches!(
            channel.ty,
            ExtraChannelType::Alpha {
                alpha_associated: true
            }
        )
    });
    let cicp = image.rendered_cicp();
    let is_linear = sample.is_float() && cicp.is_some_and(|cicp| cicp[1] == LINEAR);
    let icc = if cicp == Some(SRGB) || is_linear {
        None
    } else {
        let profile = image.rendered_icc();
        (profile.len() as u64 <= limits.max_metadata_bytes && !profile.is_empty())
            .then(|| Arc::from(profile))
    };
    let spec = ImageSpec {
        format: PixelFormat::new(channels, sample),
        stored: Stored::new(stored),
        channels: None,
        alpha: match (channels.has_alpha(), is_premultiplied) {
            (false, _) => Alpha::None,
            (true, false) => Alpha::Straight,
            (true, true) => Alpha::Premultiplied,
        },
        transfer: if is_linear {
            Transfer::Linear
        } else {
            Transfer::Display
        },
        orientation: Orientation::Normal,
        data_window: size.into(),
        display_window: size.into(),
        icc,
        levels: vec![LevelSpec {
            size,
            access: Access::Chunks(CHUNK),
        }],
    };
    let coding = Coding::of(&image);
    drop(image);
    Ok(Box::new(JxlDecoder {
        input,
        name,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::JpegXl,
            subimages: vec![spec],
        }),
        container,
        coding,
        size,
    }))
}

/// How the picture is stored, as far as memory depends on it.
#[derive(Debug, Clone, Copy)]
struct Coding {
    is_lossless: bool,
    /// Channels that are stored whole, and the bytes of a sample of theirs.
    whole_channels: u64,
    whole_bytes: u64,
    /// Channels that are computed for the groups of a region, if any.
    computed_channels: u64,
    /// Whether the picture is put together of several frames, which are all kept.
    has_frames: bool,
}

impl Coding {
    fn of(image: &JxlImage) -> Self {
        let metadata = &image.image_header().metadata;
        let extra = metadata.ec_info.len() as u64;
        let frame = image.frame(0).map(|frame| frame.header());
        let is_lossless = frame.is_none_or(|header| header.encoding == Encoding::Modular);
        // XYB has three channels, whatever comes out.
        let color = if metadata.grayscale() && !metadata.xyb_encoded {
            1
        } else {
            3
        };
        let is_computed = !is_lossless
            || metadata.xyb_encoded
            || matches!(metadata.bit_depth, BitDepth::FloatSample { .. });
        Self {
            is_lossless,
            whole_channels: if is_lossless { color } else { 0 } + extra,
            whole_bytes: if metadata.modular_16bit_buffers { 2 } else { 4 },
            computed_channels: if is_computed { 3 + extra } else { 0 },
            has_frames: frame
                .is_none_or(|header| !header.is_last || !header.frame_type.is_normal_frame()),
        }
    }
}

#[derive(Debug)]
struct JxlDecoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    container: Container,
    coding: Coding,
    size: Size,
}

impl JxlDecoder {
    /// The parts that a region is decoded in.
    fn strips(rect: Rect) -> impl Iterator<Item = Rect> {
        let mut y = u64::from(rect.y);
        std::iter::from_fn(move || {
            let end = (y / u64::from(STRIP_ROWS) + 1) * u64::from(STRIP_ROWS);
            let end = end.min(rect.bottom());
            let height = (end > y).then_some((end - y) as u32)?;
            let strip = Rect::new(rect.x, y as u32, rect.width, height);
            y = end;
            Some(strip)
        })
    }

    /// An upper bound of the planes that the library holds for a region. It is told to keep to it.
    fn plane_bytes(&self, rect: Rect) -> u64 {
        let coding = self.coding;
        let pixels = self.size.pixels();
        // Whole groups.
        let padded = |start: u32, end: u64, side: u32| {
            let start = u64::from(start.saturating_sub(REACH)) / GROUP * GROUP;
            let end = (end + u64::from(REACH)).next_multiple_of(GROUP);
            end.min(u64::from(side).next_multiple_of(8)) - start
        };
        let strip = |strip: Rect| {
            padded(strip.x, strip.right(), self.size.width)
                * padded(strip.y, strip.bottom(), self.size.height)
        };
        let strip = if coding.has_frames {
            pixels
        } else {
            Self::strips(rect).map(strip).max().unwrap_or(0)
        };
        // All planes as they are stored, and once more while they are turned into others; beside them what there is for each
        // block of 8×8 of the whole picture.
        let computed = strip * coding.computed_channels * 4 * 2;
        let blocks = if coding.is_lossless { 0 } else { pixels / 2 };
        // As a whole and in groups, which measured a little more than twice.
        let whole = pixels * coding.whole_channels * coding.whole_bytes * 5 / 2;
        let planes = (computed + blocks + whole) * if coding.has_frames { 3 } else { 1 };
        let fixed = if coding.is_lossless {
            LOSSLESS_BYTES
        } else {
            LOSSY_BYTES
        };
        planes + fixed
    }

    fn working(&self, rect: Rect, format: PixelFormat) -> u64 {
        let row = format.row_bytes(rect.width) as u64;
        // The compressed bytes, in vectors that grow with them.
        let compressed = self.container.codestream_bytes() * 3 / 2;
        self.plane_bytes(rect) + compressed + row + Bands::buffer_bytes(rect.size(), format)
    }
}

impl Decoder for JxlDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match find(&self.info, region, &self.name) {
            Ok((spec, _)) => self.working(region.rect, spec.format),
            Err(_) => 0,
        }
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let (spec, _) = find(&self.info, region, &self.name)?;
        let (format, rect) = (spec.format, region.rect);
        let limit = self.plane_bytes(rect);
        let mut image = guarded(&self.name, || {
            load(&mut self.input, &self.container, limit, false)
        })?;
        let mut bands = Bands::new(&self.name, rect, format)?;
        let mut samples = Samples::new(&self.name, format, rect.width)?;
        for strip in Self::strips(rect) {
            image.set_image_region(crop(strip));
            let render = guarded(&self.name, || {
                image
                    .render_frame(0)
                    .map_err(|error| failed(&self.name, limit, &*error))
            })?;
            let mut stream = render.stream();
            let is_right = stream.width() == strip.width
                && stream.height() == strip.height
                && stream.channels() as usize == format.channels.count();
            if !is_right {
                return Err(malformed(
                    &self.name,
                    Format::JpegXl,
                    format!(
                        "its pixels are {}×{} of {} channels, not {} of {}",
                        stream.width(),
                        stream.height(),
                        stream.channels(),
                        strip.size(),
                        format.channels
                    ),
                ));
            }
            for _ in 0..strip.height {
                samples.next_row(&mut stream, bands.next_row());
                if bands.push(sink).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let (exif, xmp) = (self.container.exif.clone(), self.container.xmp.clone());
        Ok(MetadataBlocks {
            exif: self.block(exif)?,
            xmp: self.block(xmp)?,
            icc: self.info.subimages[0].icc.as_deref().map(<[u8]>::to_vec),
            ..MetadataBlocks::default()
        })
    }
}

impl JxlDecoder {
    fn block(&mut self, range: Option<Range<u64>>) -> Result<Option<Vec<u8>>, Error> {
        let Some(range) =
            range.filter(|range| range.end - range.start <= self.limits.max_metadata_bytes)
        else {
            return Ok(None);
        };
        let mut bytes = zeroed(&self.name, range.end - range.start)?;
        self.input
            .seek(SeekFrom::Start(range.start))
            .and_then(|_| self.input.read_exact(&mut bytes))
            .map_err(|source| read_error(&self.name, Format::JpegXl, source))?;
        Ok(Some(bytes))
    }
}

/// A row of samples of the type that the library writes.
enum Samples {
    Eight,
    Sixteen(Vec<u16>),
    Float(Vec<f32>),
}

impl Samples {
    fn new(name: &str, format: PixelFormat, width: u32) -> Result<Self, Error> {
        let count = width as usize * format.channels.count();
        let no_memory = |()| Error::Io {
            name: name.to_owned(),
            source: std::io::ErrorKind::OutOfMemory.into(),
        };
        Ok(match format.sample {
            SampleType::U8 => Self::Eight,
            SampleType::U16 => Self::Sixteen(bytemuck::try_zeroed_vec(count).map_err(no_memory)?),
            _ => Self::Float(bytemuck::try_zeroed_vec(count).map_err(no_memory)?),
        })
    }

    fn next_row(&mut self, stream: &mut ImageStream<'_>, target: &mut [u8]) {
        match self {
            Self::Eight => {
                stream.write_to_buffer(target);
            }
            Self::Sixteen(row) => {
                stream.write_to_buffer(row);
                target.copy_from_slice(bytemuck::cast_slice(row));
            }
            Self::Float(row) => {
                stream.write_to_buffer(row);
                target.copy_from_slice(bytemuck::cast_slice(row));
            }
        }
    }
}
