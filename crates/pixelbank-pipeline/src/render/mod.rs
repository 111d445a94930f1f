//! A region of an image at any size, turned, and made ready for an encoder: what an image server is asked for.

mod level;
mod plan;
mod run;

use pixelbank_image::{PixelFormat, Rect, Size, View, ViewMut};
use pixelbank_memory::Buffer;

use crate::display::Tone;
use crate::quality::Quality;
use crate::{Error, Filter};

pub use plan::Plan;

/// A picture to be made of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Render {
    /// The part of the image, in pixels of its full resolution as displayed (upright).
    pub region: Rect,
    /// The size to make of it, before it is turned.
    pub size: Size,
    /// Whether to mirror it left to right, before it is turned.
    pub mirror: bool,
    /// Degrees to turn it clockwise. Anything but quarter turns grows the canvas.
    pub rotation_degrees: f64,
    /// What becomes of colours.
    pub quality: Quality,
    /// Blends transparent pixels onto white; otherwise the picture keeps its alpha, and gets one where a turn leaves
    /// corners.
    pub flatten: bool,
    /// Repeats grey as RGB, for encoders that know no grey.
    pub gray_as_rgb: bool,
    /// The kernel; `None` takes Lanczos for making smaller and Catmull-Rom for making larger.
    pub filter: Option<Filter>,
    /// How light becomes brightness, for pictures in linear light.
    pub tone: Tone,
}

impl Render {
    /// `region` at `size`, colours and alpha kept, not turned.
    pub fn new(region: Rect, size: Size) -> Self {
        Self {
            region,
            size,
            mirror: false,
            rotation_degrees: 0.0,
            quality: Quality::Color,
            flatten: false,
            gray_as_rgb: false,
            filter: None,
            tone: Tone::default(),
        }
    }
}

/// Where pixels come from: called with a level, a rectangle in it, and the pixels to fill, which have the rectangle's
/// size and the format of the image's specification.
pub type Read<'a> = dyn FnMut(u32, Rect, ViewMut<'_>) -> Result<(), Error> + 'a;

/// Pixels on the books, ready for a display or an encoder: 8-bit grey or RGB, with or without straight alpha.
#[derive(Debug)]
pub struct Picture {
    pixels: Buffer,
    size: Size,
    format: PixelFormat,
}

impl Picture {
    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The layout of pixels.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// The pixels.
    pub fn view(&self) -> View<'_> {
        View::packed(&self.pixels, self.size, self.format)
            .expect("the buffer was made for this size and format")
    }
}
