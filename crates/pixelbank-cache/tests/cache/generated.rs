//! An image that is computed rather than read: every pixel says where it is, so that any reading can be checked, and the
//! decoder counts and can be held up.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use pixelbank_codec::{Band, Decoder, Error, Flow, Format, ImageInfo, MetadataBlocks, Region};
use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleType, Size, Stored,
    Transfer, View,
};

/// What all decoders of one image share.
#[derive(Debug, Default)]
pub struct Counters {
    pub decodes: AtomicU64,
    pub opens: AtomicU64,
    pub open_now: AtomicU64,
    pub most_open: AtomicU64,
    pub rows: AtomicU64,
    /// Added to every pixel: the file's content, as it were.
    pub version: AtomicU64,
}

/// Lets decoding go on row by row of bands.
#[derive(Debug, Default)]
pub struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub fn close(&self) {
        *self.closed.lock().unwrap() = true;
    }

    pub fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let _open = self
            .opened
            .wait_while(self.closed.lock().unwrap(), |closed| *closed)
            .unwrap();
    }
}

#[derive(Debug, Clone)]
pub struct Generated {
    pub levels: Vec<LevelSpec>,
    pub counters: Arc<Counters>,
    pub gate: Arc<Gate>,
    /// A row at which decoding fails, or panics.
    pub damaged_row: Option<u32>,
    pub panics: bool,
    /// How many reads fail before they work again.
    pub io_failures: Option<Arc<AtomicU32>>,
    pub n_subimages: usize,
}

impl Generated {
    pub fn new(levels: &[(u32, u32, Access)]) -> Self {
        let level = |&(width, height, access): &(u32, u32, Access)| LevelSpec {
            size: Size::new(width, height),
            access,
        };
        Self {
            levels: levels.iter().map(level).collect(),
            counters: Arc::default(),
            gate: Arc::default(),
            damaged_row: None,
            panics: false,
            io_failures: None,
            n_subimages: 1,
        }
    }

    pub fn open(&self) -> Box<dyn Decoder> {
        self.counters.opens.fetch_add(1, Ordering::SeqCst);
        let now = self.counters.open_now.fetch_add(1, Ordering::SeqCst) + 1;
        self.counters.most_open.fetch_max(now, Ordering::SeqCst);
        let size = self.levels[0].size;
        let spec = ImageSpec {
            format: PixelFormat::RGB8,
            stored: Stored::of(SampleType::U8),
            channels: None,
            alpha: Alpha::None,
            transfer: Transfer::Display,
            orientation: Orientation::Normal,
            data_window: size.into(),
            display_window: size.into(),
            icc: None,
            levels: self.levels.clone(),
        };
        let info = Arc::new(ImageInfo {
            format: Format::Pnm,
            subimages: vec![spec; self.n_subimages],
        });
        Box::new(Open {
            image: self.clone(),
            info,
        })
    }
}

/// Levels of the file differ in red; within a level the pixel is a plane, so that the mean of four is known.
pub fn pixel(level: u32, x: u32, y: u32, version: u64) -> [u8; 3] {
    [
        (level * 50) as u8 ^ version as u8,
        (x % 251) as u8,
        (y % 241) as u8,
    ]
}

#[derive(Debug)]
struct Open {
    image: Generated,
    info: Arc<ImageInfo>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.image.counters.open_now.fetch_sub(1, Ordering::SeqCst);
    }
}

const BAND_ROWS: u32 = 16;

impl Decoder for Open {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        u64::from(region.rect.width * 3 * BAND_ROWS)
    }

    fn heap_bytes(&self) -> u64 {
        1000
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        // Before it is counted: who saw the count may change the version, which is then another file's.
        let version = self.image.counters.version.load(Ordering::SeqCst);
        self.image.counters.decodes.fetch_add(1, Ordering::SeqCst);
        let rect = region.rect;
        rect.within(self.image.levels[region.level as usize].size)
            .unwrap();
        if let Some(failures) = &self.image.io_failures {
            let fails = |left: u32| left.checked_sub(1);
            if failures
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails)
                .is_ok()
            {
                return Err(Error::Io {
                    name: "generated".into(),
                    source: std::io::ErrorKind::Interrupted.into(),
                });
            }
        }
        let mut y = rect.y;
        while u64::from(y) < rect.bottom() {
            let rows = BAND_ROWS.min((rect.bottom() - u64::from(y)) as u32);
            self.image.gate.pass();
            if self
                .image
                .damaged_row
                .is_some_and(|damaged| (y..y + rows).contains(&damaged))
            {
                assert!(!self.image.panics, "a decoder that panics");
                let reason = "damaged on purpose".to_owned();
                return Err(Error::Malformed {
                    name: "generated".into(),
                    format: Format::Pnm,
                    reason,
                });
            }
            let mut pixels = Vec::new();
            for y in y..y + rows {
                for x in rect.x..rect.right() as u32 {
                    pixels.extend(pixel(region.level, x, y, version));
                }
            }
            self.image
                .counters
                .rows
                .fetch_add(u64::from(rows), Ordering::SeqCst);
            let band = Rect::new(rect.x, y, rect.width, rows);
            let view = View::packed(&pixels, band.size(), PixelFormat::RGB8).unwrap();
            if let ControlFlow::Break(()) = sink(Band {
                rect: band,
                pixels: view,
            }) {
                return Ok(());
            }
            y += rows;
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks::default())
    }
}
