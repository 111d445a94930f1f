//! How pixels are stored, and how they become samples of ours.

use half::f16;
use pixelbank_image::{Channels, PixelFormat, SampleKind, SampleType, StoredSample, Transfer};

/// How pixels are stored: in units of one pixel or of a block of 4×4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Compressed blocks.
    Block(Block),
    /// Whole numbers of up to 32 bits in all, 0 standing for 0 and all bits for 1.
    Masks(Masks),
    /// Samples in the order and the types that we deliver.
    Samples(PixelFormat),
    /// Signed samples of 1 or 2 bytes that stand for -1 to 1, and how many there are.
    Signed { bytes: u8, channels: u8 },
    /// Three floating-point numbers without sign in 32 bits.
    R11G11B10,
    /// Three numbers with a common exponent in 32 bits.
    SharedExponent,
}

/// The compressed kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Bc1,
    Bc2,
    Bc3,
    Bc4 { signed: bool },
    Bc5 { signed: bool },
    Bc6 { signed: bool },
    Bc7,
}

/// Where the channels lie in a pixel, which is a little-endian number of `bytes` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) bytes: u8,
    pub(super) channels: Channels,
    /// For each channel its lowest bit and the number of its bits.
    fields: [(u8, u8); 4],
}

impl Masks {
    /// `None` where a channel's bits are not in one piece or there are none.
    pub(super) fn new(bytes: u8, channels: Channels, masks: &[u32]) -> Option<Self> {
        let mut fields = [(0, 0); 4];
        for (field, &mask) in fields.iter_mut().zip(masks) {
            let shift = mask.trailing_zeros() as u8;
            let bits = mask.count_ones() as u8;
            let is_whole = mask != 0 && (mask >> shift).trailing_ones() as u8 == bits;
            if !is_whole || bits > 16 || shift + bits > bytes * 8 {
                return None;
            }
            *field = (shift, bits);
        }
        Some(Self {
            bytes,
            channels,
            fields,
        })
    }

    fn fields(&self) -> &[(u8, u8)] {
        &self.fields[..self.channels.count()]
    }

    /// Bits of the channel that has most.
    fn most_bits(&self) -> u8 {
        let bits = self.fields().iter().map(|&(_, bits)| bits);
        bits.max().unwrap_or(0)
    }

    fn sample(&self) -> SampleType {
        if self.most_bits() > 8 {
            SampleType::U16
        } else {
            SampleType::U8
        }
    }

    fn convert(&self, stored: &[u8], target: &mut [u8]) {
        let bytes = usize::from(self.bytes);
        let count = self.channels.count();
        let pixels = stored.chunks_exact(bytes);
        let number = |pixel: &[u8]| {
            pixel
                .iter()
                .rev()
                .fold(0u32, |number, &byte| number << 8 | u32::from(byte))
        };
        let field = |number: u32, (shift, bits): (u8, u8), to| {
            widen(number >> shift & ((1 << bits) - 1), bits, to)
        };
        if self.fields().iter().all(|&(_, bits)| bits == 8) {
            for (pixel, target) in pixels.zip(target.chunks_exact_mut(count)) {
                let number = number(pixel);
                for (sample, &(shift, _)) in target.iter_mut().zip(self.fields()) {
                    *sample = (number >> shift) as u8;
                }
            }
        } else if self.sample() == SampleType::U8 {
            for (pixel, target) in pixels.zip(target.chunks_exact_mut(count)) {
                let number = number(pixel);
                for (sample, &place) in target.iter_mut().zip(self.fields()) {
                    *sample = field(number, place, 8) as u8;
                }
            }
        } else {
            for (pixel, target) in pixels.zip(target.chunks_exact_mut(count * 2)) {
                let number = number(pixel);
                for (sample, &place) in target.chunks_exact_mut(2).zip(self.fields()) {
                    sample.copy_from_slice(&(field(number, place, 16) as u16).to_ne_bytes());
                }
            }
        }
    }
}

/// A value of `bits` bits in `to` bits: its bits repeated, as graphics hardware has it, so that all ones stay all ones.
fn widen(value: u32, bits: u8, to: u8) -> u32 {
    if bits >= to {
        return value >> (bits - to);
    }
    let mut wide = value << (to - bits);
    let mut filled = bits;
    while filled < to {
        wide |= wide >> filled;
        filled *= 2;
    }
    wide
}

impl Layout {
    /// Pixels of a side of a unit.
    pub(super) fn side(self) -> u32 {
        match self {
            Self::Block(_) => 4,
            _ => 1,
        }
    }

    /// Bytes of a unit.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Block(Block::Bc1 | Block::Bc4 { .. }) => 8,
            Self::Block(_) => 16,
            Self::Masks(masks) => masks.bytes.into(),
            Self::Samples(format) => format.pixel_bytes() as u64,
            Self::Signed { bytes, channels } => u64::from(bytes) * u64::from(channels),
            Self::R11G11B10 | Self::SharedExponent => 4,
        }
    }

    /// The format that pixels are delivered in.
    pub(super) fn format(self) -> PixelFormat {
        let half = |channels| PixelFormat::new(channels, SampleType::F16);
        let float = |channels| PixelFormat::new(channels, SampleType::F32);
        match self {
            Self::Block(block) => match block {
                Block::Bc1 | Block::Bc2 | Block::Bc3 | Block::Bc7 => PixelFormat::RGBA8,
                Block::Bc4 { signed: false } => PixelFormat::GRAY8,
                Block::Bc4 { signed: true } => float(Channels::Gray),
                Block::Bc5 { signed: false } => {
                    PixelFormat::new(Channels::Other(2), SampleType::U8)
                }
                Block::Bc5 { signed: true } => float(Channels::Other(2)),
                Block::Bc6 { .. } => half(Channels::Rgb),
            },
            Self::Masks(masks) => PixelFormat::new(masks.channels, masks.sample()),
            Self::Samples(format) => format,
            Self::Signed { channels, .. } => float(match channels {
                1 => Channels::Gray,
                4 => Channels::Rgba,
                n => Channels::Other(n),
            }),
            Self::R11G11B10 | Self::SharedExponent => half(Channels::Rgb),
        }
    }

    /// What values mean: those beyond 0 to 1 are amounts of light, or no light at all.
    /// The samples of the file: of compressed kinds, what they stand for.
    pub(super) fn stored(self) -> StoredSample {
        match self {
            Self::Signed { bytes, .. } => StoredSample::new(SampleKind::Signed, 8 * bytes),
            Self::Block(Block::Bc4 { signed: true } | Block::Bc5 { signed: true }) => {
                StoredSample::new(SampleKind::Signed, 8)
            }
            Self::Masks(masks) => StoredSample::new(SampleKind::Unsigned, masks.most_bits()),
            Self::R11G11B10 => StoredSample::new(SampleKind::Float, 11),
            Self::SharedExponent => StoredSample::new(SampleKind::Float, 14),
            other => StoredSample::of(other.format().sample),
        }
    }

    pub(super) fn transfer(self) -> Transfer {
        if self.format().sample.is_float() {
            Transfer::Linear
        } else {
            Transfer::Display
        }
    }

    /// Its name, for people.
    pub(super) fn name(self) -> String {
        match self {
            Self::Block(block) => match block {
                Block::Bc1 => "BC1".to_owned(),
                Block::Bc2 => "BC2".to_owned(),
                Block::Bc3 => "BC3".to_owned(),
                Block::Bc4 { signed: false } => "BC4".to_owned(),
                Block::Bc4 { signed: true } => "BC4, signed".to_owned(),
                Block::Bc5 { signed: false } => "BC5".to_owned(),
                Block::Bc5 { signed: true } => "BC5, signed".to_owned(),
                Block::Bc6 { signed: false } => "BC6H".to_owned(),
                Block::Bc6 { signed: true } => "BC6H, signed".to_owned(),
                Block::Bc7 => "BC7".to_owned(),
            },
            _ => format!("none, {} bits per pixel", self.bytes() * 8),
        }
    }

    /// Turns a row of units into `side` rows of pixels, packed one behind the other in `target`.
    pub(super) fn convert(self, stored: &[u8], target: &mut [u8]) {
        match self {
            Self::Block(block) => block.convert(stored, target),
            Self::Masks(masks) => masks.convert(stored, target),
            Self::Samples(format) => copy_little_endian(stored, target, format.sample),
            Self::Signed { bytes, .. } => signed(stored, target, bytes),
            Self::R11G11B10 => to_halves(stored, target, r11g11b10),
            Self::SharedExponent => to_halves(stored, target, shared_exponent),
        }
    }
}

impl Block {
    fn convert(self, stored: &[u8], target: &mut [u8]) {
        let layout = Layout::Block(self);
        let pixel = layout.format().pixel_bytes();
        let blocks = stored.chunks_exact(layout.bytes() as usize);
        let row = blocks.len() * 4 * pixel;
        for (index, block) in blocks.enumerate() {
            let at = index * 4 * pixel;
            let place = &mut target[at..];
            match self {
                Self::Bc1 => bcdec_rs::bc1(block, place, row),
                Self::Bc2 => bcdec_rs::bc2(block, place, row),
                Self::Bc3 => bcdec_rs::bc3(block, place, row),
                Self::Bc7 => bcdec_rs::bc7(block, place, row),
                Self::Bc4 { signed: false } => bcdec_rs::bc4(block, place, row, false),
                Self::Bc5 { signed: false } => bcdec_rs::bc5(block, place, row, false),
                Self::Bc4 { signed: true } => {
                    let mut values = [0f32; 16];
                    bcdec_rs::bc4_float(block, &mut values, 4, true);
                    scatter(bytemuck::bytes_of(&values), place, row);
                }
                Self::Bc5 { signed: true } => {
                    let mut values = [0f32; 32];
                    bcdec_rs::bc5_float(block, &mut values, 8, true);
                    scatter(bytemuck::cast_slice(&values), place, row);
                }
                Self::Bc6 { signed } => {
                    let mut values = [0u16; 48];
                    bcdec_rs::bc6h_half(block, &mut values, 12, signed);
                    scatter(bytemuck::cast_slice(&values), place, row);
                }
            }
        }
    }
}

/// Puts the four rows of a block where they belong.
fn scatter(block: &[u8], target: &mut [u8], row: usize) {
    let length = block.len() / 4;
    for (from, to) in block.chunks_exact(length).zip(target.chunks_mut(row)) {
        to[..length].copy_from_slice(from);
    }
}

fn copy_little_endian(stored: &[u8], target: &mut [u8], sample: SampleType) {
    target.copy_from_slice(stored);
    if cfg!(target_endian = "big") {
        for sample in target.chunks_exact_mut(sample.bytes()) {
            sample.reverse();
        }
    }
}

/// -1 has two codes, the lowest two.
fn signed(stored: &[u8], target: &mut [u8], bytes: u8) {
    let targets = target.chunks_exact_mut(4);
    if bytes == 1 {
        for (target, &value) in targets.zip(stored) {
            let value = (f32::from(value as i8) / 127.0).max(-1.0);
            target.copy_from_slice(&value.to_ne_bytes());
        }
    } else {
        for (target, value) in targets.zip(stored.chunks_exact(2)) {
            let value = i16::from_le_bytes([value[0], value[1]]);
            let value = (f32::from(value) / 32767.0).max(-1.0);
            target.copy_from_slice(&value.to_ne_bytes());
        }
    }
}

fn to_halves(stored: &[u8], target: &mut [u8], unpack: impl Fn(u32) -> [f16; 3]) {
    for (target, pixel) in target.chunks_exact_mut(6).zip(stored.chunks_exact(4)) {
        let pixel = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
        target.copy_from_slice(bytemuck::bytes_of(&unpack(pixel)));
    }
}

/// 11, 11 and 10 bits: the exponent of a half float, and the upper bits of its mantissa.
fn r11g11b10(pixel: u32) -> [f16; 3] {
    [
        f16::from_bits(((pixel & 0x7ff) << 4) as u16),
        f16::from_bits(((pixel >> 11 & 0x7ff) << 4) as u16),
        f16::from_bits(((pixel >> 22) << 5) as u16),
    ]
}

/// Three mantissas of 9 bits without a hidden bit, and an exponent of 5 bits in the highest. All values are half floats.
fn shared_exponent(pixel: u32) -> [f16; 3] {
    let scale = ((pixel >> 27) as f32 - 24.0).exp2();
    [0, 9, 18].map(|shift| f16::from_f32((pixel >> shift & 0x1ff) as f32 * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_repeats_the_bits() {
        assert_eq!(widen(0b10110, 5, 8), 0b1011_0101);
        assert_eq!(widen(1, 1, 8), 255);
        assert_eq!(widen(2, 2, 16), 0xaaaa);
        assert_eq!(widen(0x3ff, 10, 16), 0xffff);
        assert_eq!(widen(0xabcd, 16, 8), 0xab);
    }

    #[test]
    fn masks_with_holes_or_beyond_the_pixel_are_refused() {
        assert!(Masks::new(2, Channels::Rgb, &[0xf800, 0x7e0, 0x1f]).is_some());
        assert!(Masks::new(2, Channels::Rgb, &[0xf800, 0x7e0, 0]).is_none());
        assert!(Masks::new(2, Channels::Rgb, &[0xf800, 0x5e0, 0x1f]).is_none());
        assert!(Masks::new(2, Channels::Gray, &[0xf_8000]).is_none());
        assert!(Masks::new(4, Channels::Gray, &[u32::MAX]).is_none());
    }

    #[test]
    fn small_floats_are_the_numbers_that_they_stand_for() {
        // 1.0 in each: exponent 15, mantissa 0.
        let one = 15 << 6 | 15 << 17 | 15 << 27;
        assert_eq!(r11g11b10(one), [f16::ONE; 3]);
        // 256 · 2^(16 - 24) = 1, 511 · 2^-8, 0.
        let shared = shared_exponent(16 << 27 | 511 << 9 | 256).map(f16::to_f32);
        assert_eq!(shared, [1.0, 511.0 / 256.0, 0.0]);
        assert_eq!(shared_exponent(31 << 27 | 511).map(f16::to_f32)[0], 65408.0);
        assert_eq!(shared_exponent(1)[0].to_f32(), (-24f32).exp2());
    }
}
