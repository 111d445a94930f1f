//! What libjpeg allocates, from the facts of the frame header.
//!
//! Derived from its sources (jdmainct.c, jdsample.c, jdcoefct.c, jmemmgr.c) and held against an allocator that counts
//! by `tests/native_memory.rs`.

use pixelbank_image::Size;

/// The sampling factors of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) h: u32,
    pub(super) v: u32,
}

/// What decides how much memory a decoder needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) size: Size,
    pub(super) components: Vec<Component>,
    /// Progressive, or components in scans of their own: all coefficients are kept.
    pub(super) multi_scan: bool,
}

/// Tables, control blocks and the pools that hold them, whose sizes do not depend on the image.
const FIXED_BYTES: u64 = 48 << 10;

/// The header of an allocation in libjpeg, its alignment, and the allocator's own header.
const ALLOCATION_BYTES: u64 = 24 + 31 + 16;

impl Frame {
    /// The largest sampling factors, horizontal and vertical.
    pub(super) fn max_sampling(&self) -> (u32, u32) {
        let h = self.components.iter().map(|c| c.h).max().unwrap_or(1);
        let v = self.components.iter().map(|c| c.v).max().unwrap_or(1);
        (h.max(1), v.max(1))
    }

    /// An upper bound of what libjpeg allocates to decode at 1/`denominator` of the size.
    pub(super) fn library_bytes(&self, denominator: u32) -> u64 {
        let (max_h, max_v) = self.max_sampling();
        let (max_h64, max_v64) = (u64::from(max_h), u64::from(max_v));
        let min_dct = u64::from(8 / denominator);
        let output_width = u64::from(self.size.width.div_ceil(denominator));
        let mut bytes = FIXED_BYTES;
        for component in &self.components {
            let (h, v) = (u64::from(component.h), u64::from(component.v));
            let blocks_wide = (u64::from(self.size.width) * h)
                .div_ceil(max_h64 * 8)
                .next_multiple_of(h);
            let blocks_high = (u64::from(self.size.height) * v)
                .div_ceil(max_v64 * 8)
                .next_multiple_of(v);
            // Subsampled components are scaled less, as far as powers of two go.
            let mut dct = min_dct;
            while dct < 8
                && (max_h64 * min_dct) % (h * dct * 2) == 0
                && (max_v64 * min_dct) % (v * dct * 2) == 0
            {
                dct *= 2;
            }
            // One row of blocks, and two more groups of rows as context for the upsampling.
            let group_rows = (v * dct / min_dct).max(1);
            let rows = group_rows * (min_dct + 2);
            bytes += rows * (blocks_wide * dct).next_multiple_of(64) + ALLOCATION_BYTES;
            // Three lists of pointers to them.
            bytes += 3 * group_rows * (min_dct + 4) * 8;
            // The upsampled rows of a group.
            bytes += max_v64 * output_width.next_multiple_of(max_h64).next_multiple_of(64)
                + ALLOCATION_BYTES;
            if self.multi_scan {
                // 64 coefficients of 2 bytes a block, a pointer a row of blocks.
                bytes += blocks_high * (blocks_wide * 128 + 8);
                // Allocations end at 1 GB, at a whole row.
                bytes += (1 + blocks_high * blocks_wide * 128 / (900 << 20)) * ALLOCATION_BYTES;
            }
        }
        bytes
    }
}
