//! GIF. Every frame of an animation is a subimage, shown as a viewer shows it: on top of those before.

use std::io::{Seek, SeekFrom};
use std::num::NonZeroU64;
use std::sync::Arc;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, MemoryLimit};
use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleKind, Size, Stored,
    StoredSample, Transfer,
};

use crate::bands::emit;
use crate::request::{check_size, check_working, find, malformed, read_error, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What the `gif` crate holds: its reader's buffer, the tables of LZW, palettes.
const CRATE_BYTES: u64 = 64 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let mut reader = start(&mut input, &name, limits, true)?;
    let size = Size::new(u32::from(reader.width()), u32::from(reader.height()));
    check_size(&name, Format::Gif, size, limits)?;
    let mut n_frames = 0u32;
    let mut has_alpha = false;
    let mut restores = false;
    while n_frames < limits.max_subimages {
        let frame = match reader.next_frame_info() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            // What came before can be shown.
            Err(_) if n_frames > 0 => break,
            Err(error) => return Err(failed(&name, error)),
        };
        if n_frames == 0 {
            has_alpha = frame.transparent.is_some() || !place(frame).contains(size.rect());
        }
        has_alpha |= frame.dispose == DisposalMethod::Background;
        restores |= frame.dispose == DisposalMethod::Previous;
        n_frames += 1;
    }
    if n_frames == 0 {
        return Err(malformed(&name, Format::Gif, "it has no frame"));
    }
    let length = |block: Option<&[u8]>| block.map_or(0, <[u8]>::len) as u64;
    let metadata_bytes = length(reader.xmp_metadata()) + length(reader.icc_profile());
    let icc = reader
        .icc_profile()
        .filter(|profile| profile.len() as u64 <= limits.max_metadata_bytes)
        .map(Arc::from);
    drop(reader);
    let spec = ImageSpec {
        format: if has_alpha {
            PixelFormat::RGBA8
        } else {
            PixelFormat::RGB8
        },
        stored: Stored::new(StoredSample::new(SampleKind::Index, 8)),
        channels: None,
        alpha: if has_alpha {
            Alpha::Straight
        } else {
            Alpha::None
        },
        transfer: Transfer::Display,
        orientation: Orientation::Normal,
        data_window: size.into(),
        display_window: size.into(),
        icc,
        levels: vec![LevelSpec {
            size,
            access: Access::Pass,
        }],
    };
    Ok(Box::new(GifDecoder {
        input,
        name,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::Gif,
            subimages: vec![spec; n_frames as usize],
        }),
        restores,
        metadata_bytes,
    }))
}

/// A reader of the `gif` crate, in front of the first frame.
fn start<'a>(
    input: &'a mut Input,
    name: &str,
    limits: &Limits,
    skip_pixels: bool,
) -> Result<gif::Decoder<&'a mut Input>, Error> {
    input
        .seek(SeekFrom::Start(0))
        .map_err(|source| read_error(name, Format::Gif, source))?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.skip_frame_decoding(skip_pixels);
    // Rows are decoded into a buffer of our own, so this bounds metadata alone.
    options.set_memory_limit(MemoryLimit::Bytes(
        NonZeroU64::new(limits.max_metadata_bytes).unwrap_or(NonZeroU64::MIN),
    ));
    options
        .read_info(input)
        .map_err(|error| failed(name, error))
}

/// Where a frame lies on the screen. It may reach beyond.
fn place(frame: &gif::Frame<'_>) -> Rect {
    Rect::new(
        u32::from(frame.left),
        u32::from(frame.top),
        u32::from(frame.width),
        u32::from(frame.height),
    )
}

#[derive(Debug)]
struct GifDecoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    /// Whether a frame wants what it covers back afterwards.
    restores: bool,
    /// Bytes of the metadata that the crate collects while it decodes.
    metadata_bytes: u64,
}

impl Decoder for GifDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let canvas = PixelFormat::RGBA8.image_bytes(region.rect.size());
        let canvases = if self.restores { 2 * canvas } else { canvas };
        // A vector that grows is there twice, the second time doubled; a row has at most 65,535 pixels.
        canvases + 3 * self.metadata_bytes + CRATE_BYTES + (64 << 10)
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        let (spec, _) = find(&self.info, region, &self.name)?;
        let format = spec.format;
        let rect = region.rect;
        if rect.is_empty() {
            return Ok(());
        }
        check_working(&self.name, self.working_bytes(region), &self.limits)?;
        let mut canvas = Canvas {
            rect,
            pixels: zeroed(&self.name, PixelFormat::RGBA8.image_bytes(rect.size()))?,
        };
        let mut reader = start(&mut self.input, &self.name, &self.limits, false)?;
        for index in 0..=region.subimage {
            let frame = reader
                .next_frame_info()
                .map_err(|error| failed(&self.name, error))?
                .ok_or_else(|| malformed(&self.name, Format::Gif, "a frame is missing"))?;
            let dispose = frame.dispose;
            let covered = place(frame).intersect(rect);
            let is_last = index == region.subimage;
            let saved = (dispose == DisposalMethod::Previous && !is_last)
                .then(|| canvas.copy(&self.name, covered))
                .transpose()?;
            draw(&mut reader, &mut canvas, is_last, &self.name)?;
            if is_last {
                break;
            }
            match (dispose, saved) {
                (DisposalMethod::Background, _) => canvas.clear(covered),
                (DisposalMethod::Previous, Some(saved)) => canvas.paste(covered, &saved),
                _ => {}
            }
        }
        drop(reader);
        let mut pixels = canvas.pixels;
        if format == PixelFormat::RGB8 {
            drop_alpha(&mut pixels);
        }
        emit(&pixels, rect, format, sink);
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let mut reader = start(&mut self.input, &self.name, &self.limits, true)?;
        // Extensions may stand between any two frames.
        while let Ok(Some(_)) = reader.next_frame_info() {}
        Ok(MetadataBlocks {
            xmp: reader.xmp_metadata().map(<[u8]>::to_vec),
            icc: reader.icc_profile().map(<[u8]>::to_vec),
            ..MetadataBlocks::default()
        })
    }
}

/// A part of the screen, RGBA.
struct Canvas {
    rect: Rect,
    pixels: Vec<u8>,
}

impl Canvas {
    /// The bytes of the pixels `x` to `x + width` of row `y`, which must lie in it.
    fn span(&mut self, x: u32, y: u32, width: u32) -> &mut [u8] {
        let start =
            (y - self.rect.y) as usize * self.rect.width as usize + (x - self.rect.x) as usize;
        &mut self.pixels[start * 4..][..width as usize * 4]
    }

    fn copy(&mut self, name: &str, rect: Rect) -> Result<Vec<u8>, Error> {
        let mut copy = zeroed(name, PixelFormat::RGBA8.image_bytes(rect.size()))?;
        let row_bytes = rect.width as usize * 4;
        for (y, row) in (rect.y..).zip(copy.chunks_exact_mut(row_bytes.max(1))) {
            row.copy_from_slice(self.span(rect.x, y, rect.width));
        }
        Ok(copy)
    }

    fn paste(&mut self, rect: Rect, saved: &[u8]) {
        let row_bytes = rect.width as usize * 4;
        for (y, row) in (rect.y..).zip(saved.chunks_exact(row_bytes.max(1))) {
            self.span(rect.x, y, rect.width).copy_from_slice(row);
        }
    }

    fn clear(&mut self, rect: Rect) {
        if !rect.is_empty() {
            for y in rect.y..rect.bottom() as u32 {
                self.span(rect.x, y, rect.width).fill(0);
            }
        }
    }
}

/// Puts the frame that `reader` stands in front of on the canvas. Of the last frame, what lies below the canvas is not
/// decoded.
fn draw(
    reader: &mut gif::Decoder<&mut Input>,
    canvas: &mut Canvas,
    is_last: bool,
    name: &str,
) -> Result<(), Error> {
    let palette = reader
        .palette()
        .map_err(|error| failed(name, error))?
        .to_vec();
    let Some(frame) = reader.current_frame_info() else {
        return Err(malformed(name, Format::Gif, "a frame is missing"));
    };
    let transparent = frame.transparent;
    let is_interlaced = frame.interlaced;
    let area = place(frame);
    if area.is_empty() {
        return Ok(());
    }
    let visible = area.intersect(canvas.rect);
    let mut indices = vec![0; area.width as usize];
    for line in lines(area.height, is_interlaced) {
        let y = area.y + line;
        if is_last && !is_interlaced && u64::from(y) >= canvas.rect.bottom() {
            break;
        }
        let is_whole = reader
            .fill_buffer(&mut indices)
            .map_err(|error| failed(name, error))?;
        if !is_whole {
            return Err(malformed(name, Format::Gif, "a frame has too few pixels"));
        }
        if y < visible.y || u64::from(y) >= visible.bottom() || visible.width == 0 {
            continue;
        }
        let skipped = (visible.x - area.x) as usize;
        let span = canvas.span(visible.x, y, visible.width);
        for (pixel, &index) in span.chunks_exact_mut(4).zip(&indices[skipped..]) {
            if transparent == Some(index) {
                continue;
            }
            // An index beyond the palette counts as black, as in browsers.
            let color = palette
                .get(usize::from(index) * 3..usize::from(index) * 3 + 3)
                .unwrap_or(&[0; 3]);
            pixel[..3].copy_from_slice(color);
            pixel[3] = 255;
        }
    }
    Ok(())
}

/// The rows of a frame in the order of the file.
fn lines(height: u32, is_interlaced: bool) -> impl Iterator<Item = u32> {
    let passes: &[(u32, usize)] = if is_interlaced {
        &[(0, 8), (4, 8), (2, 4), (1, 2)]
    } else {
        &[(0, 1)]
    };
    passes
        .iter()
        .flat_map(move |&(first, step)| (first..height).step_by(step))
}

fn drop_alpha(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for index in 0..count {
        pixels.copy_within(index * 4..index * 4 + 3, index * 3);
    }
    pixels.truncate(count * 3);
}

fn failed(name: &str, error: DecodingError) -> Error {
    match error {
        DecodingError::Io(source) => read_error(name, Format::Gif, source),
        DecodingError::UnexpectedEof => malformed(name, Format::Gif, "it ends early"),
        DecodingError::MemoryLimit => malformed(name, Format::Gif, "its metadata is too long"),
        other => malformed(name, Format::Gif, other),
    }
}
