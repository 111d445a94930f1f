use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, Channels, ImageSpec, LevelSpec, PixelFormat, Rect, Stored, Transfer,
};

use super::chunks::walk;
use super::compose::Canvas;
use super::frames::{self, Dispose, Frame};
use super::picture::Picture;
use crate::request::{accept, find};
use crate::{
    Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region,
    orientation,
};

/// A PNG file, or one within another file.
#[derive(Debug)]
pub(crate) struct PngFile {
    picture: Picture,
    /// The default picture, then the frames that are others.
    subimages: Vec<ImageSpec>,
    /// Of an animation.
    frames: Vec<Frame>,
    /// The number of the first frame that is a subimage of its own: 1 where frame 0 is the default picture.
    first_frame: u32,
}

impl PngFile {
    /// Reads the chunks in front of the pixels; those of an animation too. Its metadata is looked at for orientation
    /// and profile alone.
    pub(crate) fn open(input: &mut Input, limits: &Limits) -> Result<Self, Error> {
        let found = walk(input, limits, false)?;
        let picture = Picture::open(input, found.head, found.data_at, limits)?;
        let (size, format) = (picture.size(), picture.format());
        let spec = ImageSpec {
            format,
            stored: Stored::new(picture.stored()),
            channels: None,
            alpha: alpha_of(format),
            transfer: Transfer::Display,
            orientation: found
                .blocks
                .exif
                .as_deref()
                .map(orientation)
                .unwrap_or_default(),
            data_window: size.into(),
            display_window: size.into(),
            icc: found.blocks.icc.map(Arc::from),
            levels: vec![LevelSpec {
                size,
                access: Access::Pass,
            }],
        };
        let frames = if found.is_animated {
            frames::list(input, size, limits)?
        } else {
            Vec::new()
        };
        let first_frame = frames
            .first()
            .map_or(0, |frame| u32::from(frame.is_default));
        let may_show_through = frames
            .first()
            .is_some_and(|first| first.rect != size.rect() || first.dispose == Dispose::Restore)
            || frames.iter().any(|frame| frame.dispose == Dispose::Clear);
        let shown = if may_show_through {
            with_alpha(format)
        } else {
            format
        };
        let more = (frames.len() as u32 - first_frame).min(limits.max_subimages.saturating_sub(1));
        let frame_spec = ImageSpec {
            format: shown,
            alpha: alpha_of(shown),
            ..spec.clone()
        };
        let mut subimages = vec![spec];
        subimages.extend(std::iter::repeat_n(frame_spec, more as usize));
        Ok(Self {
            picture,
            subimages,
            frames,
            first_frame,
        })
    }

    pub(crate) fn subimages(&self) -> &[ImageSpec] {
        &self.subimages
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        std::mem::size_of_val(&self.frames[..]) as u64
    }

    /// The frame that a subimage other than the default picture shows.
    fn frame(&self, subimage: u32) -> usize {
        (self.first_frame + subimage - 1) as usize
    }

    /// An upper bound of the heap bytes of decoding `rect` of a subimage.
    pub(crate) fn working_bytes(&self, subimage: u32, rect: Rect) -> u64 {
        if subimage == 0 {
            return self.picture.working_bytes(self.picture.size(), rect);
        }
        let canvas = self.subimages[subimage as usize]
            .format
            .image_bytes(rect.size());
        let frame = self.frame(subimage);
        let most = self.frames[self.first_of(frame, rect)..=frame]
            .iter()
            .map(|frame| {
                self.picture
                    .working_bytes(frame.rect.size(), frame.rect.intersect(rect))
            })
            .max();
        // Beside it, a head of at most 4 KiB.
        canvas + most.unwrap_or(0) + (4 << 10)
    }

    /// Decodes `rect`, which must have pixels.
    pub(crate) fn decode(
        &self,
        input: &mut Input,
        subimage: u32,
        rect: Rect,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if subimage == 0 {
            return self.picture.decode(input, rect, sink);
        }
        let format = self.subimages[subimage as usize].format;
        let mut canvas = Canvas::new(input.name(), rect, format)?;
        let last = self.frame(subimage);
        for index in self.first_of(last, rect)..=last {
            let frame = &self.frames[index];
            let covered = frame.rect.intersect(rect);
            if covered.is_empty() {
                continue;
            }
            if index != last && frame.dispose == Dispose::Clear {
                canvas.clear(covered);
                continue;
            }
            // What is taken back need not be drawn.
            if index != last && frame.dispose == Dispose::Restore {
                continue;
            }
            let within = Rect {
                x: covered.x - frame.rect.x,
                y: covered.y - frame.rect.y,
                ..covered
            };
            let picture = self.picture.of_frame(frame);
            picture.decode(input, within, &mut |band| {
                let place = Rect {
                    x: band.rect.x + frame.rect.x,
                    y: band.rect.y + frame.rect.y,
                    ..band.rect
                };
                canvas.draw(place, band.pixels, frame.is_over);
                Flow::Continue(())
            })?;
        }
        canvas.emit(sink);
        Ok(())
    }

    /// The first frame that matters for what is seen in `rect` when frame `last` is shown.
    fn first_of(&self, last: usize, rect: Rect) -> usize {
        let is_opaque = !self.picture.format().channels.has_alpha();
        (0..=last)
            .rev()
            .find(|&index| {
                let frame = &self.frames[index];
                let hides = match frame.dispose {
                    // Cleared again, its place is as if nothing had ever been there.
                    Dispose::Clear if index != last => true,
                    Dispose::Restore if index != last => false,
                    _ => is_opaque || !frame.is_over,
                };
                hides && frame.rect.contains(rect)
            })
            .unwrap_or(0)
    }
}

fn alpha_of(format: PixelFormat) -> Alpha {
    if format.channels.has_alpha() {
        Alpha::Straight
    } else {
        Alpha::None
    }
}

fn with_alpha(format: PixelFormat) -> PixelFormat {
    PixelFormat {
        channels: match format.channels {
            Channels::Gray | Channels::GrayAlpha => Channels::GrayAlpha,
            _ => Channels::Rgba,
        },
        ..format
    }
}

/// Opens a PNG file.
pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let file = PngFile::open(&mut input, limits)?;
    Ok(Box::new(PngDecoder {
        name: input.name().to_owned(),
        input,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::Png,
            subimages: file.subimages.clone(),
        }),
        file,
    }))
}

#[derive(Debug)]
struct PngDecoder {
    input: Input,
    name: String,
    limits: Limits,
    file: PngFile,
    info: Arc<ImageInfo>,
}

impl Decoder for PngDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match find(&self.info, region, &self.name) {
            Ok(_) => self.file.working_bytes(region.subimage, region.rect),
            Err(_) => 0,
        }
    }

    fn heap_bytes(&self) -> u64 {
        (64 << 10) + self.file.heap_bytes()
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        self.file
            .decode(&mut self.input, region.subimage, region.rect, sink)
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(walk(&mut self.input, &self.limits, true)?.blocks)
    }
}
