use pixelbank_image::{
    Alpha, Channels, ImageSpec, Orientation, PixelFormat, Rect, SampleType, Size,
};
use pixelbank_memory::Buffer;

use super::Render;
use super::level::choose;
use crate::display::Display;
use crate::orient::{inverse, quarter_turns, then};
use crate::quality::{Finish, Quality};
use crate::resize::{Along, Resize, ResizeSpec};
use crate::rotate::rotated_size;
use crate::{Error, Filter, Profiles};

/// How a [`Render`] is done: the level and pixels that are read, the steps, and the memory that they take.
///
/// The order of steps keeps them small. Pixels are resized as they are stored and turned afterwards; 8-bit colours are
/// converted after they are resized, all others before, since floating-point highlights would ring otherwise and 8 bits
/// are what is resized fastest.
#[derive(Debug)]
pub struct Plan {
    pub(super) subimage: u32,
    pub(super) level: u32,
    /// Of the channels that are shown.
    pub(super) first_channel: u8,
    /// Whether there are others, which are not read.
    pub(super) has_more_channels: bool,
    pub(super) resize: Resize,
    pub(super) display: Display,
    pub(super) finish: Finish,
    /// From stored to what is displayed, mirrored and turned by quarters.
    pub(super) orientation: Orientation,
    /// What remains to be turned, in degrees, and the format that this gives.
    pub(super) turn: Option<(f64, PixelFormat)>,
}

/// Source pixels in another format than 8-bit are read in pieces of about this size, and converted.
const PIECE_BYTES: u64 = 512 << 10;

/// What the blocks of a plan take at most. Zero means that the step needs no room of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// Pixels as they are read, where they must be converted first.
    pub(super) piece: u64,
    /// Pixels to be resized.
    pub(super) source: u64,
    /// Resized pixels.
    pub(super) resized: u64,
    /// Pixels of the right colours.
    pub(super) finished: u64,
    /// What the steps allocate themselves.
    pub(super) inside: u64,
}

impl Room {
    fn bytes(self) -> u64 {
        [self.piece, self.source, self.resized, self.finished]
            .into_iter()
            .map(footprint)
            .fold(self.inside, u64::saturating_add)
    }
}

/// What a buffer of that many bytes takes; more than any budget where the address space does not reach that far.
fn footprint(bytes: u64) -> u64 {
    usize::try_from(bytes)
        .ok()
        .filter(|len| *len <= isize::MAX as usize)
        .map_or(u64::MAX, Buffer::footprint)
}

impl Plan {
    /// Plans `request` for an image of `spec` with these `levels`, finest first, as stored.
    ///
    /// Allocates nothing but a transform for an ICC profile not met before.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for an empty region or size, or a region outside of the image; [`Error::Unsupported`] for
    /// pixels that cannot be displayed.
    pub fn new(
        spec: &ImageSpec,
        levels: &[Size],
        request: &Render,
        profiles: &Profiles,
    ) -> Result<Self, Error> {
        let stored = levels.first().copied().unwrap_or_default();
        let displayed = spec.orientation.displayed(stored);
        let region = request.region;
        if region.is_empty() || !region.fits(displayed) {
            return Err(Error::bad(format!(
                "region {region} is not within the {displayed} image"
            )));
        }
        if request.size.is_empty() || !request.rotation_degrees.is_finite() {
            return Err(Error::bad(format!(
                "cannot make {} turned by {}°",
                request.size, request.rotation_degrees
            )));
        }
        let made = if spec.orientation.transposes() {
            request.size.transposed()
        } else {
            request.size
        };
        let choice = choose(levels, spec.orientation.stored_rect(region, stored), made);

        let mut orientation = spec.orientation;
        if request.mirror {
            orientation = then(orientation, Orientation::FlipHorizontal);
        }
        let degrees = request.rotation_degrees.rem_euclid(360.0);
        let quarters = degrees / 90.0;
        let angle = if quarters.fract() == 0.0 {
            orientation = then(orientation, quarter_turns(quarters as u32));
            None
        } else {
            Some(degrees)
        };

        let display = Display::new(spec, request.tone, profiles)?;
        let finish = Finish::new(
            display.format(),
            request.quality,
            request.flatten,
            request.gray_as_rgb,
        )?;
        let resize = Resize::new(ResizeSpec {
            source: levels[choice.level as usize],
            crop: choice.crop,
            target: made,
            format: display.format(),
            alpha: if display.format().channels.has_alpha() {
                Alpha::Straight
            } else {
                Alpha::None
            },
            filter: request.filter.unwrap_or(if choice.enlarges {
                Filter::CatmullRom
            } else {
                Filter::Lanczos3
            }),
            along: if orientation.transposes() {
                Along::Columns
            } else {
                Along::Rows
            },
        })?;
        let transparent = !request.flatten && request.quality != Quality::Bitonal;
        let turn = angle.map(|degrees| {
            let format = finish.format();
            (
                degrees,
                if transparent {
                    with_alpha(format)
                } else {
                    format
                },
            )
        });
        Ok(Self {
            subimage: 0,
            level: choice.level,
            first_channel: spec.shown().first,
            has_more_channels: spec.shown_format() != spec.format,
            resize,
            display,
            finish,
            orientation,
            turn,
        })
    }

    /// The size of the picture that comes out.
    pub fn size(&self) -> Size {
        let upright = self.upright_size();
        match self.turn {
            Some((degrees, _)) => rotated_size(upright, degrees),
            None => upright,
        }
    }

    /// The pixels of the picture that comes out.
    pub fn format(&self) -> PixelFormat {
        self.turn.map_or(self.finish.format(), |(_, format)| format)
    }

    /// The level that is read.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// The part of that level that is read, as stored.
    pub fn source_rect(&self) -> Rect {
        let last = self.resize.n_blocks() - 1;
        let (first, last) = (self.resize.block(0).source, self.resize.block(last).source);
        Rect::new(
            first.x,
            first.y,
            (last.right() - u64::from(first.x)) as u32,
            (last.bottom() - u64::from(first.y)) as u32,
        )
    }

    /// Whether stored pixels are passed on as they are, though perhaps turned by quarters.
    pub fn is_copy(&self) -> bool {
        self.resize.is_copy()
            && self.display.is_identity()
            && self.finish.is_identity()
            && self.turn.is_none()
    }

    /// Whether the picture can be made in bands of rows: all but those turned by something else than quarters.
    pub fn has_rows(&self) -> bool {
        self.turn.is_none()
    }

    /// An upper bound of the host memory that [`run`](Self::run) takes, the picture included. What the reader takes
    /// comes on top.
    pub fn bytes(&self) -> u64 {
        let upright = self.finish.format().image_bytes(self.upright_size());
        let turned = match self.turn {
            Some(_) => self.format().image_bytes(self.size()),
            None => 0,
        };
        footprint(upright)
            .saturating_add(footprint(turned))
            .saturating_add(self.room().bytes())
    }

    /// The same for [`rows`](Self::rows), whose bands stay small whatever the size of the picture.
    pub fn rows_bytes(&self) -> u64 {
        if !self.has_rows() {
            return self.bytes();
        }
        footprint(self.band_bytes()).saturating_add(self.room().bytes())
    }

    /// The size of the picture before it is turned by something else than quarters.
    pub(super) fn upright_size(&self) -> Size {
        self.orientation.displayed(self.resize.spec().target)
    }

    /// Where a block comes to lie in the upright picture: whole rows.
    pub(super) fn band(&self, index: u32) -> Rect {
        let target = self.resize.block(index).target;
        // What was stored is what the opposite orientation displays.
        inverse(self.orientation).stored_rect(target, self.upright_size())
    }

    pub(super) fn band_bytes(&self) -> u64 {
        self.finish
            .format()
            .image_bytes(self.resize.largest_block().target)
    }

    /// Whether colours are converted before the resize.
    pub(super) fn converts_first(&self) -> bool {
        !self.display.keeps_layout()
    }

    /// Whether they are converted after it.
    pub(super) fn converts_last(&self) -> bool {
        self.display.keeps_layout() && !self.display.is_identity()
    }

    pub(super) fn resizes(&self) -> bool {
        !self.resize.is_copy()
    }

    pub(super) fn colors(&self) -> bool {
        self.converts_last() || !self.finish.is_identity()
    }

    pub(super) fn orients(&self) -> bool {
        self.orientation != Orientation::Normal
    }

    /// Rows of a piece of the source.
    pub(super) fn piece_rows(&self, source: Size) -> u32 {
        let row = self.display.source_format().row_bytes(source.width) as u64;
        (PIECE_BYTES / row.max(1)).clamp(1, u64::from(source.height)) as u32
    }

    pub(super) fn room(&self) -> Room {
        let (resizes, colors, orients) = (self.resizes(), self.colors(), self.orients());
        let largest = self.resize.largest_block();
        let (source, target) = (largest.source, largest.target);
        let working = self.display.format();
        let when = |needed: bool, bytes: u64| if needed { bytes } else { 0 };
        let piece = Size::new(source.width, self.piece_rows(source));
        let widest = source.width.max(target.width);
        // One more row for colours between conversion and finish.
        let colored = when(colors, working.row_bytes(widest) as u64);
        Room {
            piece: when(
                self.converts_first(),
                self.display.source_format().image_bytes(piece),
            ),
            source: when(resizes || colors || orients, working.image_bytes(source)),
            resized: when(resizes && (colors || orients), working.image_bytes(target)),
            finished: when(colors && orients, self.finish.format().image_bytes(target)),
            inside: self
                .resize
                .working_bytes()
                .saturating_add(self.display.row_bytes(widest) + colored),
        }
    }
}

fn with_alpha(format: PixelFormat) -> PixelFormat {
    let channels = match format.channels {
        Channels::Gray | Channels::GrayAlpha => Channels::GrayAlpha,
        _ => Channels::Rgba,
    };
    PixelFormat::new(channels, SampleType::U8)
}
