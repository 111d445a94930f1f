//! Renders from a cache, on one budget.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_cache::{Cache, CacheOptions, Image};
use pixelbank_codec::{Band, Decoder, Flow, Format, ImageInfo, MetadataBlocks, Region};
use pixelbank_image::{
    Access, Channel, ChannelList, Channels, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect,
    SampleType, Shown, Size, StoredSample, View,
};
use pixelbank_memory::{Bank, Wait};
use pixelbank_pipeline::Error;
use pixelbank_pipeline::render::{Render, Renderer};

const TILE: Size = Size::new(64, 64);

/// A file in memory whose level 0 alone is stored.
#[derive(Debug)]
struct Stored {
    info: Arc<ImageInfo>,
    pixels: Arc<[u8]>,
}

impl Decoder for Stored {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, _: &Region) -> u64 {
        0
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), pixelbank_codec::Error> {
        let spec = &self.info.subimages[0];
        let all = View::packed(&self.pixels, spec.size(), spec.format).unwrap();
        for y in (0..region.rect.height).step_by(16) {
            let height = 16.min(region.rect.height - y);
            let rect = Rect::new(region.rect.x, region.rect.y + y, region.rect.width, height);
            let pixels = all.crop(rect).unwrap();
            if let ControlFlow::Break(()) = sink(Band { rect, pixels }) {
                break;
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, pixelbank_codec::Error> {
        Ok(MetadataBlocks::default())
    }
}

fn image(
    bank: &Bank,
    size: Size,
    access: Access,
    orientation: Orientation,
) -> (Cache, Image, Arc<[u8]>) {
    let pixels: Arc<[u8]> = support::scene(size, 3).into();
    let plain = support::spec(PixelFormat::RGB8, pixelbank_image::Alpha::None, &[size]);
    let spec = ImageSpec {
        orientation,
        levels: vec![LevelSpec { size, access }],
        ..plain
    };
    let (cache, image) = open(bank, spec, &pixels);
    (cache, image, pixels)
}

fn open(bank: &Bank, spec: ImageSpec, pixels: &Arc<[u8]>) -> (Cache, Image) {
    let info = Arc::new(ImageInfo {
        format: Format::Png,
        subimages: vec![spec],
    });
    let stored = Arc::clone(pixels);
    let mut options = CacheOptions::new("test", move |_| {
        Ok(Box::new(Stored {
            info: Arc::clone(&info),
            pixels: Arc::clone(&stored),
        }))
    });
    options.tile = TILE;
    let cache = Cache::new(bank, options).unwrap();
    let image = cache.image("picture".as_ref(), &Wait::forever()).unwrap();
    (cache, image)
}

#[test]
fn of_many_channels_those_of_the_picture_are_shown() {
    let bank = support::bank();
    let size = Size::new(150, 90);
    let colors = support::scene(size, 3);
    // Something else stands before the colours.
    let pixels: Arc<[u8]> = colors
        .chunks_exact(3)
        .flat_map(|rgb| [77, rgb[0], rgb[1], rgb[2]])
        .collect();
    let format = PixelFormat::new(Channels::Other(4), SampleType::U8);
    let channel = |name: &str| Channel {
        name: name.into(),
        sample: StoredSample::of(SampleType::U8),
    };
    let channels = ChannelList {
        list: ["Z", "x.R", "x.G", "x.B"].map(channel).into(),
        shown: Shown {
            first: 1,
            channels: Channels::Rgb,
        },
    };
    let spec = ImageSpec {
        channels: Some(Arc::new(channels)),
        levels: vec![LevelSpec {
            size,
            access: Access::Chunks(TILE),
        }],
        ..support::spec(format, pixelbank_image::Alpha::None, &[size])
    };
    let (_cache, image) = open(&bank, spec, &pixels);
    assert_eq!(image.spec(0).channel_name(2), "x.G");
    let renderer = Renderer::new(&bank, "test");
    let all = View::packed(&colors, size, PixelFormat::RGB8).unwrap();
    // The second is just a tile, which has channels that nobody wants to see.
    for rect in [Rect::new(5, 7, 100, 60), Rect::new(64, 0, 64, 64)] {
        let request = Render::new(rect, rect.size());
        let picture = renderer
            .render(&image, 0, &request, &Wait::forever())
            .unwrap();
        assert_eq!(picture.view().format(), PixelFormat::RGB8);
        assert_eq!(packed(picture.view()), packed(all.crop(rect).unwrap()));
    }
}

fn packed(view: View<'_>) -> Vec<u8> {
    view.rows().flatten().copied().collect()
}

#[test]
fn a_tile_is_handed_over_uncopied() {
    let bank = support::bank();
    let size = Size::new(300, 200);
    let (_cache, image, pixels) = image(&bank, size, Access::Chunks(TILE), Orientation::Normal);
    let renderer = Renderer::new(&bank, "test");
    let all = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
    for (x, y) in [(0, 0), (64, 64), (256, 192)] {
        let rect = Rect::new(x, y, 64, 64).intersect(size.rect());
        let request = Render::new(rect, rect.size());
        let picture = renderer
            .render(&image, 0, &request, &Wait::never())
            .unwrap();
        assert_eq!(packed(picture.view()), packed(all.crop(rect).unwrap()));
        let tile = image.tile(0, 0, x / 64, y / 64, &Wait::never()).unwrap();
        assert_eq!(picture.view().data().as_ptr(), tile.view().data().as_ptr());
    }
    // The same pixels off the grid are a copy.
    let rect = Rect::new(10, 20, 64, 64);
    let picture = renderer
        .render(&image, 0, &Render::new(rect, rect.size()), &Wait::never())
        .unwrap();
    assert_eq!(packed(picture.view()), packed(all.crop(rect).unwrap()));
}

#[test]
fn coarser_tiles_are_the_cache_s_own() {
    let bank = support::bank();
    let size = Size::new(512, 384);
    for access in [Access::Chunks(TILE), Access::Pass] {
        let (_cache, image, _) = image(&bank, size, access, Orientation::Normal);
        let renderer = Renderer::new(&bank, "test");
        let request = Render::new(Rect::new(256, 0, 256, 256), Size::new(64, 64));
        let plan = renderer.plan(&image, 0, &request).unwrap();
        assert!(plan.is_copy());
        assert_eq!(
            (plan.level(), plan.source_rect()),
            (2, Rect::new(64, 0, 64, 64))
        );
        let picture = renderer.run(&image, &plan, &Wait::forever()).unwrap();
        let tile = image.tile(0, 2, 1, 0, &Wait::forever()).unwrap();
        assert_eq!(packed(picture.view()), packed(tile.view()));
    }
}

#[test]
fn bands_of_a_large_picture_stay_within_a_small_budget() {
    // 12 MB of pixels in a file that can only be read from the top, in a budget of 8 MiB, upright and lying.
    let size = Size::new(2000, 2000);
    for orientation in [
        Orientation::Normal,
        Orientation::Rotate180,
        Orientation::Rotate90,
    ] {
        let bank = Bank::builder()
            .host_bytes(8 << 20)
            .scratch_bytes(64 << 20)
            .build()
            .unwrap();
        let (_cache, image, pixels) = image(&bank, size, Access::Pass, orientation);
        let renderer = Renderer::new(&bank, "test");
        let request = Render::new(Rect::new(0, 0, 2000, 2000), Size::new(2000, 2000));
        let plan = renderer.plan(&image, 0, &request).unwrap();
        let error = renderer.run(&image, &plan, &Wait::never()).unwrap_err();
        assert!(
            matches!(error.memory(), Some(pixelbank_memory::Error::NeverFits(_))),
            "{error}"
        );
        let mut made = Vec::new();
        renderer
            .rows(&image, &plan, &Wait::forever(), &mut |band| {
                made.extend_from_slice(&packed(band));
                Ok(())
            })
            .unwrap();
        let mut seen = vec![0; pixels.len()];
        let mut target =
            pixelbank_image::ViewMut::packed(&mut seen, size, PixelFormat::RGB8).unwrap();
        let all = View::packed(&pixels, size, PixelFormat::RGB8).unwrap();
        pixelbank_pipeline::orient::orient(orientation, all, &mut target).unwrap();
        assert!(made == seen, "{orientation:?}");
        let ledger = bank.ledger();
        assert!(
            ledger.host.peak_bytes <= 8 << 20,
            "{}",
            ledger.host.peak_bytes
        );
    }
}

#[test]
fn what_is_not_there_is_said() {
    let bank = support::bank();
    let (_cache, image, _) = image(&bank, Size::new(64, 64), Access::Pass, Orientation::Normal);
    let renderer = Renderer::new(&bank, "test");
    let request = Render::new(Rect::new(0, 0, 64, 64), Size::new(10, 10));
    let error = renderer.plan(&image, 1, &request).unwrap_err();
    assert!(matches!(error, Error::BadRequest { .. }), "{error}");
}
