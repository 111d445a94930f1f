//! Pictures of nothing, for what measures the cache rather than decoding.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank::codec::{Band, Decoder, Error, Flow, Format, ImageInfo, MetadataBlocks, Region};
use pixelbank::image::{
    Access, Alpha, Channels, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleType,
    Size, Stored, Transfer, View,
};

/// A picture of blank tiles, which counts how many are decoded. Its pixels take no memory.
#[derive(Debug)]
pub struct Blank {
    info: Arc<ImageInfo>,
    decodes: Arc<AtomicU64>,
}

/// Tiles in a row of the picture.
pub const COLUMNS: u32 = 1 << 12;

/// The sides that the cache takes for tiles as they are.
const SIDES: (u32, u32) = (64, 1024);

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Width, height and pixels of tiles of `bytes`, or a little more where no rectangle has just as many; `None` for what is
/// too large for a tile.
pub fn tile(bytes: u32) -> Option<(Size, PixelFormat)> {
    [
        (PixelFormat::GRAY8, SIDES.0),
        (PixelFormat::GRAY8, SIDES.1),
        (PixelFormat::new(Channels::Rgba, SampleType::F32), SIDES.1),
    ]
    .into_iter()
    .map(|(format, width)| {
        let height = bytes.div_ceil(format.row_bytes(width) as u32).max(SIDES.0);
        (Size::new(width, height), format)
    })
    .find(|(size, _)| size.height <= SIDES.1)
}

impl Blank {
    /// One with more tiles than 32 bits can count, of a size and format that [`tile`] gave.
    pub fn new(tile: Size, format: PixelFormat, decodes: &Arc<AtomicU64>) -> Self {
        let size = Size::new(tile.width * COLUMNS, tile.height * (1 << 20));
        let spec = ImageSpec {
            format,
            stored: Stored::of(format.sample),
            channels: None,
            alpha: Alpha::None,
            transfer: Transfer::Display,
            orientation: Orientation::Normal,
            data_window: size.into(),
            display_window: size.into(),
            icc: None,
            levels: vec![LevelSpec {
                size,
                access: Access::Chunks(tile),
            }],
        };
        let info = Arc::new(ImageInfo {
            format: Format::Pnm,
            subimages: vec![spec],
        });
        Self {
            info,
            decodes: Arc::clone(decodes),
        }
    }
}

impl Decoder for Blank {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, _: &Region) -> u64 {
        0
    }

    fn heap_bytes(&self) -> u64 {
        0
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        self.decodes.fetch_add(1, Ordering::Relaxed);
        let (rect, format) = (region.rect, self.info.subimages[0].format);
        let rows = (ZEROS.len() / format.row_bytes(rect.width)) as u32;
        let mut y = rect.y;
        while u64::from(y) < rect.bottom() {
            let height = rows.min((rect.bottom() - u64::from(y)) as u32);
            let band = Rect::new(rect.x, y, rect.width, height);
            let pixels =
                View::packed(&ZEROS, band.size(), format).map_err(|error| Error::BadRequest {
                    name: "blank".to_owned(),
                    reason: error.to_string(),
                })?;
            if let ControlFlow::Break(()) = sink(Band { rect: band, pixels }) {
                break;
            }
            y += height;
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks::default())
    }
}
