//! Regions of a JPEG file, at full size and at the sizes that its coding offers.

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, PixelFormat, Rect, SampleType, Size, Stored, Transfer,
    View,
};

use super::decompress::{Decompress, Output};
use super::fault::Fault;
use super::header::Header;
use super::source::{Bytes, READ_BYTES};
use super::{blocks, cmyk, zeroed};
use crate::{
    Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region, request,
};

/// Bytes that a band aims at.
const BAND_BYTES: u64 = 256 << 10;

/// Rows of a band: a power of two, so that bands end where tiles do.
const BAND_ROWS: std::ops::RangeInclusive<u32> = 8..=64;

/// Pixels that upsampling looks beyond the one it computes.
const UPSAMPLING_REACH: u32 = 2;

/// Columns below which cropping does not pay, and upsampling would treat everything as an edge.
const MIN_CROP_COLUMNS: u32 = 64;

/// An open JPEG file.
#[derive(Debug)]
pub(super) struct JpegDecoder {
    input: Input,
    limits: Limits,
    info: Arc<ImageInfo>,
    header: Header,
}

/// Opens a JPEG file: reads its header, and no pixel.
pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let header = Header::read(&mut input, limits)?;
    if header.frame.multi_scan {
        // Every region costs this, so what can never be decoded is refused now.
        let least = header.frame.library_bytes(8);
        request::check_working(input.name(), least, limits)?;
    }
    let size = header.frame.size;
    let spec = ImageSpec {
        format: match header.frame.components.len() {
            1 => PixelFormat::GRAY8,
            _ => PixelFormat::RGB8,
        },
        stored: Stored::of(SampleType::U8),
        channels: None,
        alpha: Alpha::None,
        transfer: Transfer::Display,
        orientation: header.orientation,
        data_window: size.into(),
        display_window: size.into(),
        icc: profile_of(&header),
        levels: level_sizes(size)
            .into_iter()
            .map(|size| LevelSpec {
                size,
                access: Access::Pass,
            })
            .collect(),
    };
    Ok(Box::new(JpegDecoder {
        info: Arc::new(ImageInfo {
            format: Format::Jpeg,
            subimages: vec![spec],
        }),
        input,
        limits: limits.clone(),
        header,
    }))
}

/// The profile of the pixels as delivered: that of CMYK does not describe the RGB which it was converted to.
fn profile_of(header: &Header) -> Option<Arc<[u8]>> {
    (header.frame.components.len() != 4)
        .then(|| header.icc.clone())
        .flatten()
}

/// 1/1, 1/2, 1/4 and 1/8, as long as there is something to halve.
fn level_sizes(size: Size) -> Vec<Size> {
    let mut sizes = vec![size];
    let mut last = size;
    while sizes.len() < 4 && last.width.min(last.height) > 1 {
        last = last.halved();
        sizes.push(last);
    }
    sizes
}

/// How a region is decoded; decides the memory and the order of calls.
struct Plan {
    denominator: u32,
    output: Output,
    format: PixelFormat,
    band_rows: u32,
    /// The columns asked of libjpeg; it may begin further left.
    crop: Option<(u32, u32)>,
    /// Columns in memory, an upper bound.
    max_columns: u32,
}

impl JpegDecoder {
    fn plan(&self, region: &Region, spec: &ImageSpec, level: Size) -> Plan {
        let denominator = 1 << region.level;
        let rect = region.rect;
        let output = match self.header.frame.components.len() {
            1 => Output::Gray,
            3 => Output::Rgb,
            _ => Output::Cmyk,
        };
        let (max_h, _) = self.header.frame.max_sampling();
        let mcu_columns = max_h * 8 / denominator;
        let left = rect.x.saturating_sub(UPSAMPLING_REACH);
        let right = (rect.right() as u32)
            .saturating_add(UPSAMPLING_REACH)
            .max(left.saturating_add(MIN_CROP_COLUMNS))
            .min(level.width);
        let left = left.min(right.saturating_sub(MIN_CROP_COLUMNS));
        let columns = right - left;
        let crop = (columns < level.width).then_some((left, columns));
        let max_columns = columns.saturating_add(mcu_columns).min(level.width);
        let row = spec.format.row_bytes(max_columns) as u64;
        let rows = (BAND_BYTES / row.max(1)) as u32;
        let rows = rows.clamp(*BAND_ROWS.start(), *BAND_ROWS.end());
        Plan {
            denominator,
            output,
            format: spec.format,
            band_rows: (1 << rows.ilog2()).min(rect.height.max(1).next_power_of_two()),
            crop,
            max_columns,
        }
    }

    fn plan_bytes(&self, plan: &Plan) -> u64 {
        let band = plan.format.row_bytes(plan.max_columns) as u64 * u64::from(plan.band_rows);
        let cmyk = match plan.output {
            Output::Cmyk => 4 * u64::from(plan.max_columns),
            _ => 0,
        };
        let source = if self.input.in_memory().is_some() {
            0
        } else {
            READ_BYTES as u64
        };
        self.header.frame.library_bytes(plan.denominator) + band + cmyk + source
    }
}

impl Decoder for JpegDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match request::find(&self.info, region, self.input.name()) {
            Ok((spec, level)) => self.plan_bytes(&self.plan(region, spec, level.size)),
            Err(_) => 0,
        }
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let (spec, level) = request::find(&self.info, region, self.input.name())?;
        let plan = self.plan(region, spec, level.size);
        request::check_working(self.input.name(), self.plan_bytes(&plan), &self.limits)?;
        if region.rect.is_empty() {
            return Ok(());
        }
        let in_memory = self.input.in_memory();
        let result = match &in_memory {
            Some(bytes) => run(Bytes::Slice(bytes), &self.header, &plan, region.rect, sink),
            None => Bytes::file(&mut self.input)
                .and_then(|bytes| run(bytes, &self.header, &plan, region.rect, sink)),
        };
        result.map_err(|fault| fault.into_error(self.input.name(), Format::Jpeg))
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        blocks::read(&mut self.input, &self.limits)
    }
}

fn run(
    bytes: Bytes<'_>,
    header: &Header,
    plan: &Plan,
    rect: Rect,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<(), Fault> {
    let mut jpeg = Decompress::new(bytes)?;
    jpeg.read_header()?;
    if jpeg.size() != header.frame.size
        || jpeg.components() as usize != header.frame.components.len()
        || jpeg.has_multiple_scans() != header.frame.multi_scan
        || jpeg.max_sampling() != header.frame.max_sampling()
    {
        // What was reserved may not suffice.
        return Err(Fault::Malformed(
            "it has changed since it was opened".to_owned(),
        ));
    }
    jpeg.start(plan.denominator, plan.output)?;
    let left = match plan.crop {
        Some((x, width)) => jpeg.crop(x, width)?,
        None => 0,
    };
    let columns = jpeg.output_size().width;
    debug_assert!(columns <= plan.max_columns, "{columns} columns");
    if rect.y > 0 {
        jpeg.skip(rect.y)?;
    }

    let row_bytes = plan.format.row_bytes(columns);
    let band_rows = plan.band_rows.min(rect.height);
    let mut buffer = zeroed(row_bytes * band_rows as usize)?;
    let mut ink = match plan.output {
        Output::Cmyk => zeroed(4 * columns as usize)?,
        _ => Vec::new(),
    };
    let within = Rect::new(rect.x - left, 0, rect.width, 0);
    let mut y = rect.y;
    while u64::from(y) < rect.bottom() {
        // Bands end at multiples of their height in the level, whatever row the region begins with.
        let to_edge = plan.band_rows - y % plan.band_rows;
        let height = to_edge.min((rect.bottom() - u64::from(y)) as u32);
        let rows = &mut buffer[..row_bytes * height as usize];
        if plan.output == Output::Cmyk {
            for row in rows.chunks_exact_mut(row_bytes) {
                jpeg.read(&mut ink, 4 * columns as usize)?;
                cmyk::to_rgb(&ink, row, header.adobe);
            }
        } else {
            jpeg.read(rows, row_bytes)?;
        }
        let pixels = View::packed(rows, Size::new(columns, height), plan.format)
            .and_then(|view| view.crop(Rect { height, ..within }))
            .expect("the buffer holds whole rows, which reach across the region");
        let band = Band {
            rect: Rect::new(rect.x, y, rect.width, height),
            pixels,
        };
        if let ControlFlow::Break(()) = sink(band) {
            return Ok(());
        }
        y += height;
    }
    Ok(())
}
