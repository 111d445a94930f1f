use std::fmt;

use pixelbank_image::{Channels, PixelFormat, SampleType, Size, View, ViewMut};

use crate::key::{Class, Key, Usage};
use crate::object::Handle;
use crate::shape::Arrangement;
use crate::{DType, Device, Error, Layout, Shape, Tensor};

/// What an image in the pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageDesc {
    /// Width and height in pixels.
    pub size: Size,
    /// Channels, interleaved, and the type of their samples.
    pub format: PixelFormat,
    /// Rows begin at multiples of this many bytes: a power of two up to 4096.
    pub row_align: u32,
    /// What the memory is for.
    pub usage: Usage,
    /// Where it is.
    pub device: Device,
}

impl ImageDesc {
    /// An image in host memory whose rows begin at cache lines.
    pub fn new(size: Size, format: PixelFormat) -> Self {
        Self {
            size,
            format,
            row_align: 64,
            usage: Usage::default(),
            device: Device::Host,
        }
    }

    /// With rows that begin at multiples of this.
    pub fn row_align(mut self, bytes: u32) -> Self {
        self.row_align = bytes;
        self
    }

    /// For this use.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// On this device.
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        let Size { width, height } = self.size;
        let mut key = Key {
            dtype: dtype_of(self.format.sample),
            layout: Layout::HWC,
            row_align: self.row_align,
            usage: self.usage,
            n_words: 3,
            ..Key::bare(Class::Image, self.device)
        };
        key.words[..3].copy_from_slice(&[
            u64::from(width),
            u64::from(height),
            code_of(self.format.channels),
        ]);
        key
    }

    pub(crate) fn arrangement(&self) -> Result<Arrangement, Error> {
        let Size { width, height } = self.size;
        let channels = self.format.channels.count();
        let shape = Shape::new(&[i64::from(height), i64::from(width), channels as i64])?;
        let dtype = dtype_of(self.format.sample);
        Arrangement::new(&shape, dtype, Layout::HWC, self.row_align)
    }
}

fn dtype_of(sample: SampleType) -> DType {
    match sample {
        SampleType::U8 => DType::U8,
        SampleType::U16 => DType::U16,
        SampleType::U32 => DType::U32,
        SampleType::F16 => DType::F16,
        _ => DType::F32,
    }
}

/// A number for each kind of channels: those with a meaning above the plain counts.
fn code_of(channels: Channels) -> u64 {
    let meaning = match channels {
        Channels::Gray => 1,
        Channels::GrayAlpha => 2,
        Channels::Rgb => 3,
        Channels::Rgba => 4,
        Channels::Cmyk => 5,
        _ => 0,
    };
    meaning << 8 | channels.count() as u64
}

/// Rows of pixels on a device. Clones are the same memory.
#[derive(Clone)]
pub struct ImageBuffer {
    tensor: Tensor,
    size: Size,
    format: PixelFormat,
}

impl ImageBuffer {
    pub(crate) fn new(handle: Handle, desc: &ImageDesc) -> Self {
        Self {
            tensor: Tensor(handle),
            size: desc.size,
            format: desc.format,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Channels and samples.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// From one row to the next, in bytes.
    pub fn row_bytes(&self) -> usize {
        self.tensor.strides_bytes()[0] as usize
    }

    /// The same memory as a tensor of height, width and channels.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Its pixels, where the processor can read them. See [`Tensor::as_bytes`].
    pub fn view(&self) -> Option<View<'_>> {
        let bytes = self.tensor.as_bytes()?;
        View::new(bytes, self.size, self.format, self.row_bytes()).ok()
    }

    /// Its pixels, to be written, where the processor can and nobody else has a handle or a view.
    pub fn view_mut(&mut self) -> Option<ViewMut<'_>> {
        let (size, format, row_bytes) = (self.size, self.format, self.row_bytes());
        let bytes = self.tensor.as_bytes_mut()?;
        ViewMut::new(bytes, size, format, row_bytes).ok()
    }
}

impl fmt::Debug for ImageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { width, height } = self.size;
        let device = self.tensor.device();
        write!(
            f,
            "ImageBuffer({width} x {height}, {}, {device})",
            self.format
        )
    }
}
