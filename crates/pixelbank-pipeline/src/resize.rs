//! Changing the number of pixels: any ratio, any crop with fractional borders, 8 and 16 bits and floating point.
//!
//! A [`Resize`] is cut into blocks, and each [block](Block) is computed from just the source pixels that its kernel
//! reaches. The cut depends on nothing but the operation itself, so a picture made block by block with memory for a few
//! rows has the very bytes of one made at once.

use bytemuck::{cast_slice, cast_slice_mut};
use fast_image_resize as fir;
use half::f16;
use pixelbank_image::{Alpha, Channels, PixelFormat, Rect, SampleType, Size, View, ViewMut};

use crate::{Error, Filter};

/// A part of an image with fractional borders, in pixels; the top left corner of the image is (0, 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    /// The left border.
    pub x: f64,
    /// The upper border.
    pub y: f64,
    /// From the left to the right border.
    pub width: f64,
    /// From the upper to the lower border.
    pub height: f64,
}

impl From<Rect> for Crop {
    fn from(rect: Rect) -> Self {
        Self {
            x: f64::from(rect.x),
            y: f64::from(rect.y),
            width: f64::from(rect.width),
            height: f64::from(rect.height),
        }
    }
}

/// Which way a [`Resize`] is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Along {
    /// Blocks of whole rows, from top to bottom.
    #[default]
    Rows,
    /// Blocks of whole columns, from left to right; for pictures that are turned by a quarter afterwards.
    Columns,
}

/// One step of a [`Resize`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The pixels that it needs, in the source image.
    pub source: Rect,
    /// The pixels that it makes, in the target image.
    pub target: Rect,
}

/// Sizes that no block of a [`Resize`] exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargestBlock {
    /// Of the pixels that a block needs.
    pub source: Size,
    /// Of the pixels that it makes.
    pub target: Size,
}

/// What to resize, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResizeSpec {
    /// The size of the source image.
    pub source: Size,
    /// The part of it that fills the target. Pixels around it take part in what the kernel reaches, so neighbouring
    /// crops give pictures that fit together.
    pub crop: Crop,
    /// The size to make.
    pub target: Size,
    /// The pixels of both.
    pub format: PixelFormat,
    /// Straight alpha is multiplied in before and divided out after; premultiplied alpha is taken as it is.
    pub alpha: Alpha,
    /// The kernel.
    pub filter: Filter,
    /// How blocks are cut.
    pub along: Along,
}

/// A resize, planned.
///
/// ```
/// use pixelbank_image::{Alpha, PixelFormat, Size, View, ViewMut};
/// use pixelbank_pipeline::resize::Resize;
///
/// let (large, small) = (Size::new(64, 48), Size::new(16, 12));
/// let source = vec![200u8; 64 * 48 * 3];
/// let mut target = vec![0u8; 16 * 12 * 3];
/// Resize::whole(large, small, PixelFormat::RGB8, Alpha::None)?.run(
///     View::packed(&source, large, PixelFormat::RGB8)?,
///     &mut ViewMut::packed(&mut target, small, PixelFormat::RGB8)?,
/// )?;
/// assert!(target.iter().all(|&sample| sample == 200));
/// # Ok::<(), pixelbank_pipeline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Resize {
    spec: ResizeSpec,
    /// Target rows (or columns) of every block but the last.
    step: u32,
}

/// Sources up to this size are done in one block: cutting costs the weights of the other axis once more each time.
const ONE_BLOCK_BYTES: u64 = 4 << 20;
/// About what the source of one block takes otherwise.
const BLOCK_BYTES: u64 = 2 << 20;
/// Blocks are not thinner than this, whatever the width.
const MIN_STEP: u32 = 8;

/// One axis of a crop.
#[derive(Debug, Clone, Copy)]
struct Axis {
    source: u32,
    start: f64,
    length: f64,
    target: u32,
    support: f64,
}

impl Axis {
    fn scale(self) -> f64 {
        self.length / f64::from(self.target)
    }

    fn is_copy(self) -> bool {
        self.length == f64::from(self.target) && self.start == self.start.round()
    }

    /// How far beyond the border of target pixels the kernel looks, in source pixels.
    ///
    /// From the border of an outer pixel to its centre it is half a step, and the kernel reaches from the centre. The
    /// thousandth covers rounding: weights that far out vanish.
    fn reach(self) -> f64 {
        (self.support * self.scale().max(1.0) - self.scale() / 2.0).max(0.0) + 1e-3
    }

    /// The source pixels that target pixels `from..to` depend on.
    fn needs(self, from: u32, to: u32) -> (u32, u32) {
        let start = self.start + f64::from(from) * self.scale();
        let end = self.start + f64::from(to) * self.scale();
        if self.is_copy() {
            return (start as u32, end as u32);
        }
        let reach = self.reach();
        let first = (start - reach).floor().max(0.0) as u32;
        let last = (end + reach).ceil().min(f64::from(self.source)) as u32;
        (
            first.min(self.source - 1),
            last.max(first + 1).min(self.source),
        )
    }

    /// A bound of the number of source pixels that any `length` neighbouring target pixels depend on.
    fn needs_at_most(self, length: u32) -> u32 {
        if length == self.target || self.is_copy() {
            let (first, last) = self.needs(0, length);
            return last - first;
        }
        let span = f64::from(length) * self.scale() + 2.0 * self.reach();
        // A span that begins within a pixel touches one more.
        ((span + 2.0) as u32).min(self.source)
    }

    fn weights_bytes(self, target: u32) -> u64 {
        if self.is_copy() {
            return 0;
        }
        let window = (self.support * self.scale().max(1.0)).ceil() as u64 * 2 + 1;
        // Weights as f64 and again as integers, bounds and slices of both; vectors may have grown to twice that.
        u64::from(target) * (window * (8 + 4) + 96) * 2 + 4096
    }
}

impl Resize {
    /// All of a `source` image to `target`, with the default filter.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn whole(
        source: Size,
        target: Size,
        format: PixelFormat,
        alpha: Alpha,
    ) -> Result<Self, Error> {
        Self::new(ResizeSpec {
            source,
            crop: source.rect().into(),
            target,
            format,
            alpha,
            filter: Filter::default(),
            along: Along::Rows,
        })
    }

    /// Plans it. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for empty sizes and crops that reach outside; [`Error::Unsupported`] for 32-bit integers
    /// and more than four channels, unless it is a mere copy.
    pub fn new(spec: ResizeSpec) -> Result<Self, Error> {
        let ResizeSpec {
            source,
            crop,
            target,
            ..
        } = spec;
        if source.is_empty() || target.is_empty() {
            return Err(Error::bad(format!("cannot resize {source} to {target}")));
        }
        let inside = |start: f64, length: f64, limit: u32| {
            start >= 0.0 && length > 0.0 && start + length <= f64::from(limit) + 1e-6
        };
        if !inside(crop.x, crop.width, source.width) || !inside(crop.y, crop.height, source.height)
        {
            return Err(Error::bad(format!("{crop:?} lies outside {source}")));
        }
        let mut resize = Self { spec, step: 0 };
        if !resize.is_copy() && pixel_type(spec.format).is_none() {
            return Err(Error::Unsupported {
                operation: "resizing",
                pixels: spec.format.to_string(),
            });
        }
        resize.step = resize.choose_step();
        Ok(resize)
    }

    /// What is resized, and how.
    pub fn spec(&self) -> &ResizeSpec {
        &self.spec
    }

    /// Whether no pixel is changed: the crop has whole borders and the size of the target.
    pub fn is_copy(&self) -> bool {
        self.horizontal().is_copy() && self.vertical().is_copy()
    }

    /// The number of blocks.
    pub fn n_blocks(&self) -> u32 {
        self.extent().div_ceil(self.step)
    }

    /// Block `index`, counted from the top or the left.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, index: u32) -> Block {
        assert!(
            index < self.n_blocks(),
            "block {index} of {}",
            self.n_blocks()
        );
        let target = self.spec.target;
        let from = index * self.step;
        let length = self.step.min(self.extent() - from);
        let target = match self.spec.along {
            Along::Rows => Rect::new(0, from, target.width, length),
            Along::Columns => Rect::new(from, 0, length, target.height),
        };
        let (left, right) = self.horizontal().needs(target.x, target.x + target.width);
        let (top, bottom) = self.vertical().needs(target.y, target.y + target.height);
        Block {
            source: Rect::new(left, top, right - left, bottom - top),
            target,
        }
    }

    /// An upper bound of the heap bytes that [`run_block`](Self::run_block) holds beside its views, for any block, if
    /// the views are packed and aligned to their samples.
    pub fn working_bytes(&self) -> u64 {
        if self.is_copy() {
            return 0;
        }
        let largest = self.largest_block();
        let (source, target) = (largest.source, largest.target);
        let worked = computed_format(self.spec.format);
        let between = if worked.sample == SampleType::U8 {
            Size::new(source.width, target.height)
        } else {
            Size::new(target.width, source.height)
        };
        // The kernels' buffers have a pixel more, to align them.
        let pixel = worked.pixel_bytes() as u64;
        let mut bytes = worked.image_bytes(between).saturating_add(pixel);
        if self.multiplies_alpha() {
            bytes = bytes.saturating_add(worked.image_bytes(source) + pixel);
        }
        if self.spec.format.sample == SampleType::F16 {
            bytes = bytes
                .saturating_add(worked.image_bytes(source))
                .saturating_add(worked.image_bytes(target));
        }
        bytes
            .saturating_add(self.horizontal().weights_bytes(target.width))
            .saturating_add(self.vertical().weights_bytes(target.height))
    }

    /// Sizes that no block exceeds; those of the block where there is one.
    pub fn largest_block(&self) -> LargestBlock {
        let target = self.spec.target;
        let (width, height) = match self.spec.along {
            Along::Rows => (target.width, self.step.min(target.height)),
            Along::Columns => (self.step.min(target.width), target.height),
        };
        LargestBlock {
            source: Size::new(
                self.horizontal().needs_at_most(width),
                self.vertical().needs_at_most(height),
            ),
            target: Size::new(width, height),
        }
    }

    /// Resizes everything, block after block.
    ///
    /// # Errors
    /// [`Error::Image`] where the views have not the sizes and the format of the plan.
    pub fn run(&self, source: View<'_>, target: &mut ViewMut<'_>) -> Result<(), Error> {
        self.expect("source", source.size(), source.format(), self.spec.source)?;
        self.expect("target", target.size(), target.format(), self.spec.target)?;
        let mut kernels = Kernels::default();
        for index in 0..self.n_blocks() {
            let block = self.block(index);
            self.run_block(
                &mut kernels,
                index,
                source.crop(block.source)?,
                &mut target.reborrow().crop(block.target)?,
            )?;
        }
        Ok(())
    }

    /// Makes block `index`: `source` holds its [`Block::source`] pixels and `target` receives its [`Block::target`].
    ///
    /// # Errors
    /// [`Error::Image`] where the views have not the sizes and the format of the block.
    ///
    /// # Panics
    /// If there is no such block.
    pub fn run_block(
        &self,
        kernels: &mut Kernels,
        index: u32,
        source: View<'_>,
        target: &mut ViewMut<'_>,
    ) -> Result<(), Error> {
        let block = self.block(index);
        self.expect(
            "source",
            source.size(),
            source.format(),
            block.source.size(),
        )?;
        self.expect(
            "target",
            target.size(),
            target.format(),
            block.target.size(),
        )?;
        if self.is_copy() {
            target.copy_from(source)?;
            return Ok(());
        }
        if self.spec.format.sample == SampleType::F16 {
            return self.run_half(kernels, &block, source, target);
        }
        let sample = self.spec.format.sample.bytes();
        let mut unpacked = Vec::new();
        let source = if source.is_packed() && is_aligned(source.data(), sample) {
            source.data()
        } else {
            packed_copy(source, &mut unpacked)
        };
        if target.as_view().is_packed() && is_aligned(target.as_view().data(), sample) {
            return self.convolve(kernels, &block, source, target.data_mut());
        }
        let mut packed = aligned_bytes(self.spec.format.image_bytes(target.size()));
        let bytes: &mut [u8] = cast_slice_mut(&mut packed);
        self.convolve(kernels, &block, source, bytes)?;
        target.copy_from(View::packed(bytes, block.target.size(), self.spec.format)?)?;
        Ok(())
    }

    /// Half precision has no kernels of its own, so it goes through single precision.
    fn run_half(
        &self,
        kernels: &mut Kernels,
        block: &Block,
        source: View<'_>,
        target: &mut ViewMut<'_>,
    ) -> Result<(), Error> {
        let channels = self.spec.format.channels.count();
        let mut wide = vec![0f32; source.size().pixels() as usize * channels];
        let mut made = vec![0f32; target.size().pixels() as usize * channels];
        for (row, wide) in source
            .rows()
            .zip(wide.chunks_exact_mut(source.size().width as usize * channels))
        {
            for (sample, wide) in row.chunks_exact(2).zip(wide) {
                *wide = f16::from_ne_bytes([sample[0], sample[1]]).to_f32();
            }
        }
        self.convolve(kernels, block, cast_slice(&wide), cast_slice_mut(&mut made))?;
        for (y, made) in made
            .chunks_exact(target.size().width as usize * channels)
            .enumerate()
        {
            for (sample, made) in target.row_mut(y as u32).chunks_exact_mut(2).zip(made) {
                sample.copy_from_slice(&f16::from_f32(*made).to_ne_bytes());
            }
        }
        Ok(())
    }

    /// Both slices are packed and aligned.
    fn convolve(
        &self,
        kernels: &mut Kernels,
        block: &Block,
        source: &[u8],
        target: &mut [u8],
    ) -> Result<(), Error> {
        let unsupported = || Error::Unsupported {
            operation: "resizing",
            pixels: self.spec.format.to_string(),
        };
        let pixels = pixel_type(self.spec.format).ok_or_else(unsupported)?;
        let (from, to) = (block.source, block.target);
        let format = computed_format(self.spec.format);
        let source = &source[..format.image_bytes(from.size()) as usize];
        let target = &mut target[..format.image_bytes(to.size()) as usize];
        let (x, width) = within_strip(self.horizontal(), to.x, to.width, from.x, from.width);
        let (y, height) = within_strip(self.vertical(), to.y, to.height, from.y, from.height);
        let options = fir::ResizeOptions::new()
            .resize_alg(fir::ResizeAlg::Convolution(self.spec.filter.kernel()))
            .use_alpha(self.multiplies_alpha())
            .crop(x, y, width, height);
        let source = fir::images::ImageRef::new(from.width, from.height, source, pixels)
            .map_err(|_| unsupported())?;
        let mut target = fir::images::Image::from_slice_u8(to.width, to.height, target, pixels)
            .map_err(|_| unsupported())?;
        kernels
            .resizer
            .resize(&source, &mut target, &options)
            .map_err(|error| Error::bad(format!("cannot resize: {error}")))
    }

    fn multiplies_alpha(&self) -> bool {
        self.spec.alpha == Alpha::Straight && self.spec.format.channels.has_alpha()
    }

    fn horizontal(&self) -> Axis {
        Axis {
            source: self.spec.source.width,
            start: self.spec.crop.x,
            length: self.spec.crop.width,
            target: self.spec.target.width,
            support: self.spec.filter.support(),
        }
    }

    fn vertical(&self) -> Axis {
        Axis {
            source: self.spec.source.height,
            start: self.spec.crop.y,
            length: self.spec.crop.height,
            target: self.spec.target.height,
            support: self.spec.filter.support(),
        }
    }

    fn extent(&self) -> u32 {
        match self.spec.along {
            Along::Rows => self.spec.target.height,
            Along::Columns => self.spec.target.width,
        }
    }

    fn choose_step(&self) -> u32 {
        let (cut, across) = match self.spec.along {
            Along::Rows => (self.vertical(), self.horizontal()),
            Along::Columns => (self.horizontal(), self.vertical()),
        };
        // When a picture is enlarged, the target is what takes the room.
        let line = across.length.max(f64::from(across.target)) as u64 + 1;
        let line_bytes = line.saturating_mul(self.spec.format.pixel_bytes() as u64);
        let lines = cut.length.max(f64::from(cut.target)) as u64 + 1;
        if line_bytes.saturating_mul(lines) <= ONE_BLOCK_BYTES {
            return self.extent();
        }
        let per_target = line_bytes as f64 * cut.scale().max(1.0);
        let step = (BLOCK_BYTES as f64 / per_target) as u32;
        (step / MIN_STEP * MIN_STEP).clamp(MIN_STEP, self.extent().max(MIN_STEP))
    }

    fn expect(
        &self,
        what: &'static str,
        size: Size,
        format: PixelFormat,
        planned: Size,
    ) -> Result<(), Error> {
        if size == planned && format == self.spec.format {
            return Ok(());
        }
        Err(pixelbank_image::Error::Mismatch {
            what,
            left: format!("{size} {format}"),
            right: format!("{planned} {}", self.spec.format),
        }
        .into())
    }
}

/// The kernels and their working memory, to be used again for the next block. Holds at most
/// [`Resize::working_bytes`].
#[derive(Debug, Default)]
pub struct Kernels {
    resizer: fir::Resizer,
}

/// Where target pixels `at..at + length` lie within source pixels `strip..strip + strip_length`.
fn within_strip(axis: Axis, at: u32, length: u32, strip: u32, strip_length: u32) -> (f64, f64) {
    let start = axis.start + f64::from(at) * axis.scale() - f64::from(strip);
    let start = start.max(0.0);
    let length = f64::from(length) * axis.scale();
    (start, length.min(f64::from(strip_length) - start))
}

/// The format that is computed in, if the given one can be resized.
fn computed_format(format: PixelFormat) -> PixelFormat {
    match format.sample {
        SampleType::F16 => PixelFormat::new(format.channels, SampleType::F32),
        _ => format,
    }
}

fn pixel_type(format: PixelFormat) -> Option<fir::PixelType> {
    use fir::PixelType as P;
    let by_channels = match format.sample {
        SampleType::U8 => [P::U8, P::U8x2, P::U8x3, P::U8x4],
        SampleType::U16 => [P::U16, P::U16x2, P::U16x3, P::U16x4],
        SampleType::F16 | SampleType::F32 => [P::F32, P::F32x2, P::F32x3, P::F32x4],
        _ => return None,
    };
    if format.channels == Channels::Other(0) {
        return None;
    }
    by_channels.get(format.channels.count() - 1).copied()
}

fn is_aligned(bytes: &[u8], sample: usize) -> bool {
    bytes.as_ptr().addr().is_multiple_of(sample)
}

/// Room for `bytes`, aligned for every sample type.
fn aligned_bytes(bytes: u64) -> Vec<u32> {
    vec![0; bytes.div_ceil(4) as usize]
}

fn packed_copy<'a>(view: View<'_>, room: &'a mut Vec<u32>) -> &'a [u8] {
    let row_bytes = view.format().row_bytes(view.size().width);
    *room = aligned_bytes(view.format().image_bytes(view.size()));
    let bytes: &mut [u8] = cast_slice_mut(room);
    for (row, copy) in view.rows().zip(bytes.chunks_exact_mut(row_bytes)) {
        copy.copy_from_slice(row);
    }
    bytes
}
