//! Windows, channels, sample types, levels by scale, cursors.

use pixelbank_cache::ReadOptions;
use pixelbank_codec::{Band, Decoder, Flow, Format, ImageInfo, MetadataBlocks, Region};
use pixelbank_image::{
    Alpha, Channels, ImageSpec, LevelSpec, Orientation, SampleType, Stored, Transfer, View, Window,
};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::*;

const FLOAT: PixelFormat = PixelFormat::new(Channels::Rgb, SampleType::F32);

#[test]
fn a_target_may_have_another_sample_type_and_fewer_channels() {
    for access in [TILED, Access::Pass] {
        let image = open(&cache(
            &bank(64 * MIB, MIB),
            &Generated::new(&[(700, 500, access)]),
        ));
        let rect = Rect::new(100, 50, 300, 70);
        let region = Region {
            subimage: 0,
            level: 0,
            rect,
        };
        let bytes = read(&image, 0, rect);
        let mut floats = vec![0f32; bytes.len()];
        let view = ViewMut::packed(bytemuck::cast_slice_mut(&mut floats), rect.size(), FLOAT);
        image
            .read(&region, view.unwrap(), &Wait::forever())
            .unwrap();
        for (float, byte) in floats.iter().zip(&bytes) {
            assert_eq!(*float, f32::from(*byte) * (1.0 / 255.0));
        }
        let mut reds = vec![0; bytes.len() / 3];
        let view = ViewMut::packed(&mut reds, rect.size(), PixelFormat::GRAY8);
        image
            .read(&region, view.unwrap(), &Wait::forever())
            .unwrap();
        assert!(reds.iter().eq(bytes.iter().step_by(3)));
    }
}

#[test]
fn what_is_resident_is_read_without_loading_the_rest() {
    let source = Generated::new(&[(700, 500, TILED)]);
    let image = open(&cache(&bank(64 * MIB, MIB), &source));
    let rect = Rect::new(0, 0, 300, 10);
    let region = Region {
        subimage: 0,
        level: 0,
        rect,
    };
    let mut pixels = vec![0; 300 * 10 * 3];
    let mut read_resident = || {
        let target = ViewMut::packed(&mut pixels, rect.size(), PixelFormat::RGB8).unwrap();
        image.read_resident(&region, 0, target).unwrap()
    };
    assert!(!read_resident());
    assert!(image.resident_tile(0, 0, 0, 0).unwrap().is_none());
    let first = read(&image, 0, Rect::new(0, 0, 10, 10));
    assert!(!read_resident(), "the second tile is not there");
    assert!(image.resident_tile(0, 0, 0, 0).unwrap().is_some());
    assert_eq!(first[..30], read(&image, 0, Rect::new(0, 0, 10, 1))[..]);
    let whole = read(&image, 0, rect);
    assert!(read_resident());
    assert_eq!(pixels, whole);
    let outside = Region {
        rect: Rect::new(690, 0, 20, 10),
        ..region
    };
    let target = ViewMut::packed(&mut pixels, Size::new(20, 10), PixelFormat::RGB8).unwrap();
    assert!(image.read_resident(&outside, 0, target).is_err());
}

/// Four channels, red growing to the right and alpha downwards, its data window away from the origin.
#[derive(Debug)]
struct Offset(Arc<ImageInfo>);

const OFFSET: Window = Window {
    x: -20,
    y: 30,
    width: 200,
    height: 100,
};

impl Offset {
    fn new() -> Self {
        let spec = ImageSpec {
            format: PixelFormat::RGBA8,
            stored: Stored::of(SampleType::U8),
            channels: None,
            alpha: Alpha::Straight,
            transfer: Transfer::Display,
            orientation: Orientation::Normal,
            data_window: OFFSET,
            display_window: OFFSET,
            icc: None,
            levels: vec![LevelSpec {
                size: Size::new(200, 100),
                access: Access::Chunks(Size::new(64, 64)),
            }],
        };
        Self(Arc::new(ImageInfo {
            format: Format::OpenExr,
            subimages: vec![spec],
        }))
    }

    fn pixel(x: u32, y: u32) -> [u8; 4] {
        [x as u8, 100, 50, 2 * y as u8]
    }
}

impl Decoder for Offset {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.0
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        PixelFormat::RGBA8.image_bytes(region.rect.size())
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), pixelbank_codec::Error> {
        let rect = region.rect;
        let rows = rect.y..rect.y + rect.height;
        let pixels: Vec<u8> = rows
            .flat_map(|y| (rect.x..rect.x + rect.width).flat_map(move |x| Self::pixel(x, y)))
            .collect();
        let pixels = View::packed(&pixels, rect.size(), PixelFormat::RGBA8).unwrap();
        let ControlFlow::Continue(()) = sink(Band { rect, pixels }) else {
            return Ok(());
        };
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, pixelbank_codec::Error> {
        Ok(MetadataBlocks::default())
    }
}

fn offset_image() -> Image {
    let options = CacheOptions::new("test", |_| Ok(Box::new(Offset::new())));
    open(&Cache::new(&bank(64 * MIB, MIB), options).unwrap())
}

fn read_window(
    image: &Image,
    window: Window,
    format: PixelFormat,
    options: &ReadOptions,
) -> Vec<u8> {
    let size = Size::new(window.width, window.height);
    let mut pixels = vec![77; format.image_bytes(size) as usize];
    let target = ViewMut::packed(&mut pixels, size, format).unwrap();
    image
        .read_window(0, 0, window, options, target, &Wait::forever())
        .unwrap();
    pixels
}

#[test]
fn what_lies_outside_of_the_data_window_is_zero() {
    let image = offset_image();
    for (x, y) in [
        (-30, 20),
        (-20, 30),
        (170, 120),
        (0, 50),
        (500, 0),
        (i32::MIN, i32::MAX),
    ] {
        let window = Window {
            x,
            y,
            width: 40,
            height: 30,
        };
        let pixels = read_window(&image, window, PixelFormat::RGBA8, &ReadOptions::default());
        for (at, pixel) in pixels.chunks(4).enumerate() {
            let column = i64::from(x) + (at % 40) as i64 - i64::from(OFFSET.x);
            let row = i64::from(y) + (at / 40) as i64 - i64::from(OFFSET.y);
            let expected = match (0..200).contains(&column) && (0..100).contains(&row) {
                true => Offset::pixel(column as u32, row as u32),
                false => [0; 4],
            };
            assert_eq!(pixel, expected, "{column}, {row} of {window:?}");
        }
    }
}

#[test]
fn channels_are_picked_and_alpha_is_brought_to_the_kind_asked_for() {
    let image = offset_image();
    let window = Window {
        x: 0,
        y: 60,
        width: 3,
        height: 2,
    };
    let mut options = ReadOptions::default();
    options.first_channel = 1;
    let two = PixelFormat::new(Channels::Other(2), SampleType::U8);
    assert_eq!(
        read_window(&image, window, two, &options),
        [100, 50].repeat(6)
    );
    let mut options = ReadOptions::default();
    options.alpha = Some(Alpha::Premultiplied);
    let pixels = read_window(&image, window, PixelFormat::RGBA8, &options);
    assert_eq!(pixels[..4], [5, 24, 12, 60], "20, 100, 50 times 60 / 255");
    let mut pixels = [0; 18];
    let target = ViewMut::packed(&mut pixels, Size::new(3, 2), PixelFormat::RGB8).unwrap();
    let without_alpha = image.read_window(0, 0, window, &options, target, &Wait::forever());
    assert!(matches!(without_alpha, Err(Error::BadRequest(_))));
}

#[test]
fn the_level_for_a_scale_has_no_fewer_pixels_than_the_scale_asks_for() {
    let image = open(&cache(
        &bank(64 * MIB, MIB),
        &Generated::new(&[(4000, 3000, TILED)]),
    ));
    let levels = [
        (2.0, 0),
        (1.0, 0),
        (0.6, 0),
        (0.5, 1),
        (0.3, 1),
        (0.25, 2),
        (0.0, 6),
    ];
    for (scale, level) in levels {
        assert_eq!(
            image.level_for(0, scale),
            level.min(image.n_levels(0) - 1),
            "{scale}"
        );
    }
}

#[test]
fn a_cursor_keeps_its_tile_in_use_and_asks_for_others() {
    let bank = bank(64 * MIB, MIB);
    let cache = cache(&bank, &Generated::new(&[(1000, 1000, TILED)]));
    let image = open(&cache);
    let mut cursor = image.cursor();
    let wait = Wait::forever();
    let corner = |cursor: &mut pixelbank_cache::Cursor, column, row| {
        let tile = cursor.tile(0, 0, column, row, &wait).unwrap();
        tile.view().row(0)[..3].to_vec()
    };
    assert_eq!(corner(&mut cursor, 1, 1), pixel(0, 128, 64, 0));
    let stats = cache.stats();
    assert_eq!(corner(&mut cursor, 1, 1), pixel(0, 128, 64, 0));
    assert_eq!(cache.stats(), stats, "what is at hand is not looked up");
    bank.trim(1.0);
    assert_eq!(cache.stats().tile_bytes, 128 * 64 * 3, "and stays");
    assert_eq!(corner(&mut cursor, 0, 2), pixel(0, 0, 128, 0));
    bank.trim(1.0);
    assert_eq!(
        cache.stats().tile_bytes,
        128 * 64 * 3,
        "the one before goes"
    );
    assert!(cursor.tile(0, 0, 99, 0, &wait).is_err());
}

#[test]
fn a_small_region_of_a_large_untiled_file_stays_inside_a_small_budget() {
    let bank = bank(32 * MIB, 1024 * MIB);
    let cache = cache(&bank, &Generated::new(&[(8192, 8192, Access::Pass)]));
    let image = open(&cache);
    for rect in [Rect::new(8100, 8100, 64, 64), Rect::new(0, 0, 64, 64)] {
        assert_eq!(read(&image, 0, rect), expected(0, rect, 0));
    }
    assert!(bank.ledger().host.peak_bytes <= 32 * MIB);
    assert_eq!(bank.ledger().host.overdrafts, 0);
    assert_eq!(cache.stats().passes, 1, "the pass was kept on disk");
}

fn whole(level: u32, size: Size) -> Region {
    Region {
        subimage: 0,
        level,
        rect: size.rect(),
    }
}

#[test]
fn what_was_prefetched_is_there() {
    for access in [TILED, Access::Pass, Access::Chunks(Size::new(700, 16))] {
        let cache = cache(&bank(64 * MIB, MIB), &Generated::new(&[(700, 500, access)]));
        let image = open(&cache);
        let region = whole(0, Size::new(700, 500));
        let ahead = image.prefetch(&region, 0).unwrap();
        ahead.wait(&Wait::forever()).unwrap();
        assert!(ahead.is_finished());
        assert_eq!(cache.stats().misses, 0, "nobody has asked for a tile yet");
        assert_eq!(read(&image, 0, region.rect), expected(0, region.rect, 0));
        assert_eq!(cache.stats().misses, 0);
        let outside = whole(0, Size::new(701, 500));
        assert!(image.prefetch(&outside, 0).is_err());
    }
}

#[test]
fn a_prefetch_that_is_dropped_ends_and_one_that_is_detached_does_not() {
    let picture = Generated::new(&[(1024, 1024, TILED)]);
    let bank = bank(64 * MIB, MIB);
    let mut options = CacheOptions::new("test", {
        let picture = picture.clone();
        move |_| Ok(picture.open())
    });
    options.decode_threads = 1;
    let cache = Cache::new(&bank, options).unwrap();
    let image = open(&cache);
    picture.gate.close();
    let region = whole(0, Size::new(1024, 1024));
    let first = image.prefetch(&region, 0).unwrap();
    while picture.counters.decodes.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    // While the only thread is held up, two more wait: the later one is more urgent.
    let later = image.prefetch(&whole(3, Size::new(128, 128)), 1).unwrap();
    let urgent = image.prefetch(&whole(4, Size::new(64, 64)), 9).unwrap();
    let never = image.prefetch(&whole(2, Size::new(256, 256)), 1).unwrap();
    drop(never);
    drop(first);
    picture.gate.open();
    later.wait(&Wait::forever()).unwrap();
    assert!(urgent.is_finished());
    urgent.detach();
    let made = cache.stats().tiles_made;
    assert!(
        made < 200,
        "{made} tiles: the finest level was not gone through twice"
    );
}

#[test]
fn a_cancelled_prefetch_stops_at_the_next_tile() {
    let picture = Generated::new(&[(1024, 1024, TILED)]);
    let mut options = CacheOptions::new("test", {
        let picture = picture.clone();
        move |_| Ok(picture.open())
    });
    options.decode_threads = 2;
    let cache = Cache::new(&bank(64 * MIB, MIB), options).unwrap();
    let image = open(&cache);
    picture.gate.close();
    let ahead = image.prefetch(&whole(0, Size::new(1024, 1024)), 0).unwrap();
    // Both threads are at a tile each.
    while picture.counters.decodes.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    ahead.cancel();
    picture.gate.open();
    let outcome = ahead.wait(&Wait::forever());
    assert!(matches!(outcome, Err(Error::GaveUp { .. })), "{outcome:?}");
    // The helper may be at its tile still.
    let made = cache.stats().tiles_made;
    assert!((1..=2).contains(&made), "{made}");
}

#[test]
fn what_is_pinned_stays_until_it_is_let_go() {
    let bank = bank(2 * MIB, MIB);
    let cache = cache(&bank, &Generated::new(&[(2048, 2048, TILED)]));
    let image = open(&cache);
    let region = Region {
        rect: Rect::new(0, 0, 512, 256),
        ..whole(0, Size::new(1, 1))
    };
    let pin = image.pin(&region, &Wait::forever()).unwrap();
    assert_eq!(pin.n_tiles(), 16);
    for y in (256..2048).step_by(64) {
        read(&image, 0, Rect::new(0, y, 2048, 64));
    }
    bank.trim(1.0);
    let misses = cache.stats().misses;
    read(pin.image(), 0, region.rect);
    assert_eq!(cache.stats().misses, misses);
    drop(pin);
    bank.trim(1.0);
    read(&image, 0, region.rect);
    assert_eq!(cache.stats().misses, misses + 16);
    let error = image
        .pin(&whole(0, Size::new(2048, 2048)), &Wait::never())
        .unwrap_err();
    assert!(error.to_string().contains("the budget is 2 MiB"), "{error}");
}

#[test]
fn sixty_four_threads_with_large_tiles_stay_inside_the_budget() {
    let bank = bank(64 * MIB, 0);
    let image = open(&cache(
        &bank,
        &Generated::new(&[(8192, 8192, Access::Chunks(Size::new(1024, 1024)))]),
    ));
    let (image, sum) = (&image, AtomicU64::new(0));
    let sum = &sum;
    thread::scope(|scope| {
        for n in 0..64 {
            scope.spawn(move || {
                let tile = image.tile(0, 0, n % 8, n / 8, &Wait::forever()).unwrap();
                assert_eq!(
                    tile.view().row(0)[..3],
                    pixel(0, n % 8 * 1024, n / 8 * 1024, 0)
                );
                sum.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(
        sum.load(Ordering::SeqCst),
        64,
        "each of them got its three MiB"
    );
    let host = bank.ledger().host;
    assert!(host.peak_bytes <= 64 * MIB);
    assert_eq!(host.overdrafts, 0);
}

#[test]
fn a_tile_that_is_handed_in_is_read_instead_of_the_file() {
    let picture = Generated::new(&[(300, 200, TILED)]);
    let cache = cache(&bank(MIB, MIB), &picture);
    let image = open(&cache);
    let wait = Wait::forever();
    let add = |column, shade| {
        image.add_tile(0, 0, (column, 3), &wait, |mut pixels| {
            // The last row of tiles is cut off.
            assert_eq!(pixels.size().height, 8);
            pixels.row_mut(7).fill(shade);
            Ok(())
        })
    };
    drop(add(1, 9).unwrap());
    assert_eq!(read(&image, 0, Rect::new(128, 199, 2, 1)), [9; 6]);
    assert_eq!(picture.counters.decodes.load(Ordering::SeqCst), 0);
    let second = add(1, 10).unwrap();
    assert_eq!(second.view().row(7)[0], 9, "the first one stays");
    assert!(add(3, 0).is_err());
    let refused = image.add_tile(0, 0, (0, 0), &wait, |_| {
        Err(Error::BadRequest("the caller has none".to_owned()))
    });
    assert!(refused.is_err());
    assert_eq!(cache.stats().tile_bytes, 128 * 8 * 3);
}
