use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use pixelbank_image::{PixelFormat, Size, View};
use pixelbank_memory::{Bank, Buffer};

/// Which tile of which level of which image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileKey {
    pub file: u64,
    pub subimage: u32,
    pub level: u32,
    pub index: u64,
}

impl std::hash::Hash for TileKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        // Two words rather than four: `file` is a keyed hash itself, so folding the level into it loses nothing.
        let level = u64::from(self.subimage) << 32 | u64::from(self.level);
        state.write_u64(self.file.wrapping_add(level));
        state.write_u64(self.index);
    }
}

/// A handle to decoded pixels. They stay in memory, on the books, as long as a handle is held.
#[derive(Clone)]
pub struct Tile(pub(super) Arc<Pixels>);

/// Eviction looks at many tiles for the counts alone, handles included: these lie in one cache line, ahead of the rest.
#[repr(C)]
pub(super) struct Pixels {
    /// Ticks of the store's clock in which it was asked for, since the store last looked.
    pub uses: AtomicU32,
    /// The tick in which it was last asked for.
    pub last_use: AtomicU64,
    buffer: Buffer,
    size: Size,
    format: PixelFormat,
    bank: Bank,
}

impl Pixels {
    pub fn bytes(&self) -> u64 {
        self.buffer.reserved_bytes()
    }

    /// Notes that it was asked for. Several times within one tick count once: four rows read from a tile one after the
    /// other are one use of it, not four.
    #[inline]
    pub fn touch(&self, tick: u64) {
        if self.last_use.load(Ordering::Relaxed) != tick {
            self.last_use.store(tick, Ordering::Relaxed);
            self.uses.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The handles that the store itself has of a tile: one to find it by, one to evict it by.
pub(super) const HANDLES_OF_STORE: usize = 2;

impl Tile {
    pub(crate) fn new(bank: &Bank, buffer: Buffer, size: Size, format: PixelFormat) -> Self {
        Self(Arc::new(Pixels {
            uses: AtomicU32::new(0),
            last_use: AtomicU64::new(0),
            buffer,
            size,
            format,
            bank: bank.clone(),
        }))
    }

    /// The pixels, in the format of the image's specification. Tiles at the right and bottom edge are cut off there.
    pub fn view(&self) -> View<'_> {
        View::packed(&self.0.buffer, self.0.size, self.0.format)
            .expect("a tile's buffer is made for its size")
    }
}

impl Drop for Tile {
    fn drop(&mut self) {
        // The last one besides the store's: from now on it is idle, and somebody may be waiting for its bytes.
        if Arc::strong_count(&self.0) == HANDLES_OF_STORE + 1 {
            self.0.bank.became_idle();
        }
    }
}

impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({} {})", self.0.size, self.0.format)
    }
}
