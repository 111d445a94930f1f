use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use pixelbank_image::{PixelFormat, Size, View};
use pixelbank_memory::{Bank, Buffer};

use super::marks::{Lent, Marked, Marks, Registry};
use super::seat::Held;

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
///
/// A thread holds the first few tiles that it finds for next to nothing; what it holds beyond is counted, as clones are.
#[derive(Clone)]
pub struct Tile {
    pub(super) pixels: Held<Pixels>,
    /// After the pixels, so that whoever hears of it finds them idle.
    notice: Notice,
}

/// Tells a bank, when it is dropped, that something in it became idle.
#[derive(Default)]
struct Notice(Option<Bank>);

/// Eviction looks at many tiles for the counts alone, handles included: these lie in one cache line, ahead of the rest.
#[repr(C)]
pub(crate) struct Pixels {
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

impl Marked for Pixels {
    fn registry() -> &'static Registry<Self> {
        static REGISTRY: LazyLock<Registry<Pixels>> = LazyLock::new(Registry::new);
        &REGISTRY
    }

    #[inline]
    fn of_this_thread() -> Option<&'static Marks<Self>> {
        thread_local! {
            static LENT: Lent<Pixels> = Pixels::registry().lend();
        }
        LENT.try_with(|lent| lent.0).ok()
    }
}

impl Tile {
    pub(crate) fn new(bank: &Bank, buffer: Buffer, size: Size, format: PixelFormat) -> Self {
        Self::from(Held::from(Arc::new(Pixels {
            uses: AtomicU32::new(0),
            last_use: AtomicU64::new(0),
            buffer,
            size,
            format,
            bank: bank.clone(),
        })))
    }

    /// The pixels, in the format of the image's specification. Tiles at the right and bottom edge are cut off there.
    pub fn view(&self) -> View<'_> {
        let pixels = &*self.pixels;
        View::packed(&pixels.buffer, pixels.size, pixels.format)
            .expect("a tile's buffer is made for its size")
    }
}

impl From<Held<Pixels>> for Tile {
    #[inline]
    fn from(pixels: Held<Pixels>) -> Self {
        Self {
            pixels,
            notice: Notice::default(),
        }
    }
}

impl Drop for Tile {
    #[inline]
    fn drop(&mut self) {
        // It may be the last one besides the store's: then it is idle from now on, and somebody waits for its bytes.
        let pixels = &*self.pixels;
        if pixels.bank.is_waited_for() && self.pixels.n_owners() <= HANDLES_OF_STORE + 1 {
            self.notice = Notice(Some(pixels.bank.clone()));
        }
    }
}

impl Clone for Notice {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Drop for Notice {
    #[inline]
    fn drop(&mut self) {
        if let Some(bank) = &self.0 {
            bank.became_idle();
        }
    }
}

impl fmt::Debug for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tile({} {})", self.pixels.size, self.pixels.format)
    }
}
