//! Which tiles of a file have been made before: one bit each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_image::{ImageSpec, Size};
use pixelbank_memory::{Holder, Reservation};

use crate::level;

/// By subimage, where one was touched.
#[derive(Debug, Default)]
pub(crate) struct Made(OnceLock<Box<[OnceLock<Option<Bits>>]>>);

#[derive(Debug)]
struct Bits {
    words: Box<[AtomicU64]>,
    _reservation: Reservation,
}

impl Made {
    /// Notes that a tile has been made; whether it had been before. Where there is no room for the note, it had not.
    pub fn note(&self, at: Position<'_>, n_subimages: usize, holder: &Holder) -> bool {
        let subimages = self
            .0
            .get_or_init(|| (0..n_subimages).map(|_| OnceLock::new()).collect());
        let bits = subimages[at.subimage as usize].get_or_init(|| {
            let words = at
                .tiles_before(level::n_levels(at.spec, at.tile))
                .div_ceil(64);
            // Statistics push nothing out.
            let reservation = holder.reserve_free(words * 8 + size_of::<Bits>() as u64)?;
            Some(Bits {
                words: (0..words).map(|_| AtomicU64::new(0)).collect(),
                _reservation: reservation,
            })
        });
        let Some(bits) = bits else { return false };
        let number = at.tiles_before(at.level) + at.index;
        let bit = 1 << (number % 64);
        bits.words[(number / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit != 0
    }
}

/// A tile of a subimage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position<'a> {
    pub spec: &'a ImageSpec,
    /// The size of tiles where the file has none.
    pub tile: Size,
    pub subimage: u32,
    pub level: u32,
    pub index: u64,
}

impl Position<'_> {
    /// The tiles of all levels finer than `level`.
    fn tiles_before(&self, level: u32) -> u64 {
        (0..level)
            .filter_map(|finer| level::level(self.spec, self.tile, finer))
            .map(|finer| finer.grid().n_tiles())
            .sum()
    }
}
