//! A region of an image at any size, turned, and made ready for an encoder: what an image server is asked for.
//!
//! A [`Renderer`] serves images of a cache. A [`Plan`] alone takes its pixels from anywhere.
//!
//! ```no_run
//! use pixelbank_cache::{Cache, CacheOptions};
//! use pixelbank_codec::{Input, Limits};
//! use pixelbank_image::{Rect, Size};
//! use pixelbank_memory::{Bank, Wait};
//! use pixelbank_pipeline::render::{Render, Renderer};
//!
//! let bank = Bank::builder().host_bytes(128 << 20).build()?;
//! let cache = Cache::new(&bank, CacheOptions::new("photos", |key| {
//!     pixelbank_codec::open(Input::path(key)?, &Limits::default())
//! }))?;
//! let photo = cache.image("holiday.jpg".as_ref(), &Wait::forever())?;
//! let renderer = Renderer::new(&bank, "example");
//! let request = Render::new(Rect::new(0, 0, 4000, 3000), Size::new(400, 300));
//! let plan = renderer.plan(&photo, 0, &request)?;
//! println!("level {}, {} bytes", plan.level(), plan.bytes());
//! let thumbnail = renderer.run(&photo, &plan, &Wait::forever())?;
//! assert_eq!(thumbnail.size(), Size::new(400, 300));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod level;
mod plan;
mod renderer;
mod run;

use pixelbank_cache::Tile;
use pixelbank_image::{PixelFormat, Rect, Size, View, ViewMut};
use pixelbank_memory::Buffer;

use crate::display::Tone;
use crate::quality::Quality;
use crate::{Error, Filter};

pub use plan::Plan;
pub use renderer::Renderer;

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
pub struct Picture(Pixels);

#[derive(Debug)]
enum Pixels {
    /// Made for this picture.
    Own {
        pixels: Buffer,
        size: Size,
        format: PixelFormat,
    },
    /// Just a tile of the cache.
    Tile(Tile),
}

impl Picture {
    fn of_buffer(pixels: Buffer, size: Size, format: PixelFormat) -> Self {
        Self(Pixels::Own {
            pixels,
            size,
            format,
        })
    }

    fn of_tile(tile: Tile) -> Self {
        Self(Pixels::Tile(tile))
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.view().size()
    }

    /// The layout of pixels.
    pub fn format(&self) -> PixelFormat {
        self.view().format()
    }

    /// The pixels.
    pub fn view(&self) -> View<'_> {
        match &self.0 {
            Pixels::Own {
                pixels,
                size,
                format,
            } => View::packed(pixels, *size, *format)
                .expect("the buffer was made for this size and format"),
            Pixels::Tile(tile) => tile.view(),
        }
    }
}
