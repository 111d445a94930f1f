//! Regions of a WebP file.
//!
//! libwebp wants the compressed image in memory and has one buffer for all that comes out, so a region costs its own
//! size. It decodes from the top down to the last row that is asked for.

use std::io::{Read, Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleType, Size, Stored,
    Transfer, View,
};

use super::container::{Coding, Container, Plane};
use super::library::{self, Fault, Part};
use crate::jpeg::orientation_of_exif;
use crate::{
    Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region, request,
};

/// Rows of a band.
const BAND_ROWS: u32 = 64;

/// Pixels that the upsampling of chroma looks beyond the one it computes; even, as crops must begin.
const UPSAMPLING_REACH: u32 = 2;

/// Bytes of EXIF that are looked at for the orientation.
const EXIF_HEAD_BYTES: u64 = 4096;

/// What some writers put in front of EXIF, as in JPEG.
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

#[derive(Debug)]
struct WebPDecoder {
    input: Input,
    limits: Limits,
    info: Arc<ImageInfo>,
    container: Container,
}

/// Opens a WebP file: reads its headers. Of an animation only the first frame is there.
pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let container = Container::read(&mut input)?;
    let size = container.canvas;
    request::check_size(input.name(), Format::WebP, size, limits)?;
    let whole = container.image.rect == size.rect();
    let has_alpha = container.image.coding.has_alpha() || !whole;
    let orientation = match &container.exif {
        Some(range) => {
            let end = range.end.min(range.start + EXIF_HEAD_BYTES);
            let head = read_range(&mut input, range.start..end)?;
            let exif = head.strip_prefix(EXIF_PREFIX).unwrap_or(&head);
            orientation_of_exif(exif).unwrap_or_default()
        }
        None => Orientation::Normal,
    };
    let icc = read_block(&mut input, container.iccp.as_ref(), limits)?;
    let mut levels = vec![size];
    let mut last = size;
    // libwebp's scaling works on whole images.
    while whole && levels.len() < 4 && last.width.min(last.height) > 1 {
        last = last.halved();
        levels.push(last);
    }
    let spec = ImageSpec {
        format: if has_alpha {
            PixelFormat::RGBA8
        } else {
            PixelFormat::RGB8
        },
        stored: Stored::of(SampleType::U8),
        channels: None,
        alpha: if has_alpha {
            Alpha::Straight
        } else {
            Alpha::None
        },
        transfer: Transfer::Display,
        orientation,
        data_window: size.into(),
        display_window: size.into(),
        icc: icc.map(Arc::from),
        levels: levels
            .into_iter()
            .map(|size| LevelSpec {
                size,
                access: Access::Pass,
            })
            .collect(),
    };
    Ok(Box::new(WebPDecoder {
        input,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::WebP,
            subimages: vec![spec],
        }),
        container,
    }))
}

/// What is decoded for a region.
struct Plan {
    format: PixelFormat,
    /// What libwebp is asked for, in the image's own pixels; `None` where the region lies beside the image.
    part: Option<Part>,
    /// Where that lies in the level.
    place: Rect,
    /// The region is not covered by the image, so it is put together in a buffer of its own.
    canvas: bool,
}

impl WebPDecoder {
    fn plan(&self, region: &Region, spec: &ImageSpec, level: Size) -> Plan {
        let format = spec.format;
        if region.level > 0 {
            return Plan {
                format,
                part: Some(Part::Scaled(level)),
                place: level.rect(),
                canvas: false,
            };
        }
        let image = self.container.image.rect;
        let inside = region.rect.intersect(image);
        if inside.is_empty() {
            return Plan {
                format,
                part: None,
                place: Rect::default(),
                canvas: true,
            };
        }
        let reach = match self.container.image.coding {
            Coding::Lossy { .. } => UPSAMPLING_REACH,
            Coding::Lossless { .. } => 0,
        };
        // In pixels of the image, from an even corner.
        let start = |from: u32| from.saturating_sub(reach) & !1;
        let (x, y) = (start(inside.x - image.x), start(inside.y - image.y));
        let end = |end: u64, origin: u32, side: u32| {
            (end as u32 - origin).saturating_add(reach).min(side)
        };
        let right = end(inside.right(), image.x, image.width);
        let bottom = end(inside.bottom(), image.y, image.height);
        let crop = Rect::new(x, y, right - x, bottom - y);
        Plan {
            format,
            part: Some(Part::Crop(crop)),
            place: Rect {
                x: crop.x + image.x,
                y: crop.y + image.y,
                ..crop
            },
            canvas: inside != region.rect,
        }
    }

    /// An upper bound of what [`decode`](Decoder::decode) allocates.
    fn plan_bytes(&self, plan: &Plan, rect: Rect) -> u64 {
        let image = &self.container.image;
        let compressed = if self.input.in_memory().is_some() {
            0
        } else {
            image.bytes.end - image.bytes.start
        };
        let canvas = if plan.canvas {
            plan.format.image_bytes(rect.size())
        } else {
            0
        };
        let Some(part) = plan.part else {
            return canvas;
        };
        let out = plan.format.image_bytes(part.size());
        let rows = match part {
            Part::Crop(crop) => crop.bottom(),
            Part::Scaled(_) => u64::from(image.rect.height),
        };
        let library = library_bytes(image.rect.size(), image.coding, rows);
        compressed + canvas + out + library
    }
}

/// What libwebp allocates beside the output (derived from its frame_dec.c, alpha_dec.c, vp8l_dec.c and io_dec.c) to
/// decode the first `rows` rows.
///
/// One thing cannot be told from the header: how many sets of prefix codes a lossless image has. Encoders group blocks
/// of pixels to a few hundred of them at most; a file made for the purpose could have 65,536, of 12 KB each.
fn library_bytes(size: Size, coding: Coding, rows: u64) -> u64 {
    /// The decoder objects and small tables.
    const FIXED: u64 = 48 << 10;
    /// A set of five prefix codes.
    const CODES: u64 = 14 << 10;
    const MAX_CODES: u64 = 256;
    /// An alpha plane has one channel, and its encoder runs with less effort.
    const MAX_ALPHA_CODES: u64 = 64;
    let width = u64::from(size.width);
    let pixels = size.pixels();
    let codes = u64::from(size.width.div_ceil(16)) * u64::from(size.height.div_ceil(16));
    match coding {
        Coding::Lossless { .. } => {
            // The whole image as 32-bit pixels, 17 rows beside it (whose number is counted from the width modulo 65,536,
            // which is no less than that), the data of two transforms and the map of codes for blocks of 16 pixels or
            // more, and the scaler's rows.
            let codes = codes.min(MAX_CODES) * CODES;
            pixels * 4 + width * (17 * 4 + 36) + 3 * (pixels / 4) + codes + FIXED
        }
        Coding::Lossy { alpha } => {
            // For each 16 columns: coefficients, filter parameters and the rows that are being filtered and predicted
            // from; then the rows of upsampling or of scaling.
            let lossy = width.div_ceil(16) * 2100 + width * 40 + FIXED;
            let plane = match alpha {
                Plane::None => 0,
                Plane::Raw => pixels + width * rows,
                // Two planes, and the lossless decoder for them.
                Plane::Compressed => {
                    let codes = codes.min(MAX_ALPHA_CODES) * CODES;
                    pixels + width * rows + pixels * 4 + width * 17 * 4 + 3 * (pixels / 4) + codes
                }
            };
            lossy + plane
        }
    }
}

impl Decoder for WebPDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match request::find(&self.info, region, self.input.name()) {
            Ok((spec, level)) => self.plan_bytes(&self.plan(region, spec, level.size), region.rect),
            Err(_) => 0,
        }
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let name = self.input.name().to_owned();
        let (spec, level) = request::find(&self.info, region, &name)?;
        let plan = self.plan(region, spec, level.size);
        request::check_working(&name, self.plan_bytes(&plan, region.rect), &self.limits)?;
        if region.rect.is_empty() {
            return Ok(());
        }
        let Some(part) = plan.part else {
            let empty = request::zeroed(&name, plan.format.image_bytes(region.rect.size()))?;
            emit(&empty, region.rect, plan.format, region.rect, sink);
            return Ok(());
        };
        let mut pixels = request::zeroed(&name, plan.format.image_bytes(part.size()))?;
        {
            let range = self.container.image.bytes.clone();
            let in_memory = self.input.in_memory();
            let read;
            let data = match &in_memory {
                Some(bytes) => bytes
                    .get(range.start as usize..range.end as usize)
                    .unwrap_or_default(),
                None => {
                    read = read_range(&mut self.input, range)?;
                    &read
                }
            };
            let alpha = plan.format == PixelFormat::RGBA8;
            library::decode(data, part, alpha, &mut pixels)
                .map_err(|fault| into_error(fault, &name))?;
        }
        if plan.canvas {
            let canvas = compose(&name, &pixels, &plan, region.rect)?;
            emit(&canvas, region.rect, plan.format, region.rect, sink);
        } else {
            emit(&pixels, plan.place, plan.format, region.rect, sink);
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let Self {
            input,
            container,
            limits,
            ..
        } = self;
        let exif = read_block(input, container.exif.as_ref(), limits)?;
        Ok(MetadataBlocks {
            exif: exif.map(|exif| match exif.strip_prefix(EXIF_PREFIX) {
                Some(stripped) => stripped.to_vec(),
                None => exif,
            }),
            xmp: read_block(input, container.xmp.as_ref(), limits)?,
            icc: read_block(input, container.iccp.as_ref(), limits)?,
            ..MetadataBlocks::default()
        })
    }
}

/// Puts the decoded part into a transparent region that it does not fill.
fn compose(name: &str, pixels: &[u8], plan: &Plan, rect: Rect) -> Result<Vec<u8>, Error> {
    let mut canvas = request::zeroed(name, plan.format.image_bytes(rect.size()))?;
    let inside = plan.place.intersect(rect);
    let pixel = plan.format.pixel_bytes();
    let bytes = plan.format.row_bytes(inside.width);
    for y in inside.y..inside.bottom() as u32 {
        let offset = |place: Rect| {
            let row = (y - place.y) as usize * plan.format.row_bytes(place.width);
            row + (inside.x - place.x) as usize * pixel
        };
        let from = offset(plan.place);
        let to = offset(rect);
        canvas[to..to + bytes].copy_from_slice(&pixels[from..from + bytes]);
    }
    Ok(canvas)
}

/// Hands over `rect` from `pixels`, which are those of `place`.
fn emit(
    pixels: &[u8],
    place: Rect,
    format: PixelFormat,
    rect: Rect,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) {
    let view = View::packed(pixels, place.size(), format).expect("made for this size");
    let mut y = rect.y;
    while u64::from(y) < rect.bottom() {
        let height = (BAND_ROWS - y % BAND_ROWS).min((rect.bottom() - u64::from(y)) as u32);
        let band = Rect::new(rect.x, y, rect.width, height);
        let within = Rect {
            x: band.x - place.x,
            y: band.y - place.y,
            ..band
        };
        let pixels = view.crop(within).expect("the place covers the region");
        if let ControlFlow::Break(()) = sink(Band { rect: band, pixels }) {
            return;
        }
        y += height;
    }
}

fn into_error(fault: Fault, name: &str) -> Error {
    let name = name.to_owned();
    let format = Format::WebP;
    match fault {
        Fault::Malformed(reason) => request::malformed(&name, format, reason),
        Fault::Refused(reason) => request::malformed(&name, format, reason),
        Fault::Unsupported(feature) => Error::Unsupported {
            name,
            format,
            feature: feature.to_owned(),
        },
        Fault::Memory => Error::Io {
            name,
            source: std::io::ErrorKind::OutOfMemory.into(),
        },
    }
}

/// A block of metadata, unless it is too long.
fn read_block(
    input: &mut Input,
    range: Option<&Range<u64>>,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, Error> {
    match range {
        Some(range) if range.end - range.start <= limits.max_metadata_bytes => {
            read_range(input, range.clone()).map(Some)
        }
        _ => Ok(None),
    }
}

fn read_range(input: &mut Input, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let name = input.name().to_owned();
    let mut bytes = request::zeroed(&name, range.end - range.start)?;
    input
        .seek(SeekFrom::Start(range.start))
        .and_then(|_| input.read_exact(&mut bytes))
        .map_err(|source| request::read_error(&name, Format::WebP, source))?;
    Ok(bytes)
}
