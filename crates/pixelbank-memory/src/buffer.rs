use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;

use crate::{Error, Reservation};

/// Bytes that hold the reservation that pays for them, aligned to 64.
///
/// From 2 MiB on they are a mapping of their own with huge pages where the system has them: filled in half the time, and
/// given back to the system at once. Smaller ones come from the allocator.
pub struct Buffer {
    bytes: Backing,
    len: usize,
    reservation: Reservation,
}

enum Backing {
    Lines(Vec<Line>),
    Map(MmapMut),
}

/// A cache line, which gives a vector of them its alignment.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

const LINE: usize = size_of::<Line>();
const PAGE: usize = 4096;
const MAP_FROM: usize = 2 << 20;

impl Buffer {
    /// The bytes that a buffer of `len` occupies, rounding included: what must be reserved for it.
    pub const fn footprint(len: usize) -> u64 {
        let unit = if len >= MAP_FROM { PAGE } else { LINE };
        (len.div_ceil(unit) * unit) as u64
    }

    /// Allocates `len` zero bytes, paid for by `reservation`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where the system refuses.
    ///
    /// # Panics
    /// If the reservation is for less than [`footprint`](Self::footprint) of `len`.
    pub fn zeroed(len: usize, mut reservation: Reservation) -> Result<Self, Error> {
        let footprint = Self::footprint(len);
        assert!(
            reservation.amount() >= footprint,
            "{} bytes reserved for {footprint}",
            reservation.amount()
        );
        let refused = || Error::OutOfMemory { bytes: footprint };
        let bytes = if len >= MAP_FROM {
            let map = MmapMut::map_anon(len).map_err(|_| refused())?;
            // Only advice: a kernel without huge pages says no, and ordinary pages serve as well.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            Backing::Map(map)
        } else {
            Backing::Lines(
                bytemuck::allocation::try_zeroed_vec(len.div_ceil(LINE)).map_err(|()| refused())?,
            )
        };
        reservation.set_wasted(footprint - len as u64);
        Ok(Self {
            bytes,
            len,
            reservation,
        })
    }

    /// The bytes it is booked with.
    pub fn reserved_bytes(&self) -> u64 {
        self.reservation.amount()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Backing::Lines(lines) => &bytemuck::cast_slice(lines)[..self.len],
            Backing::Map(map) => &map[..self.len],
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.bytes {
            Backing::Lines(lines) => &mut bytemuck::cast_slice_mut(lines)[..self.len],
            Backing::Map(map) => &mut map[..self.len],
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
