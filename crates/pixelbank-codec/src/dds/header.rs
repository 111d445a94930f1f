//! What the header says: size, levels, subimages and the layout of pixels.

use std::io::{Read, Seek, SeekFrom};

use pixelbank_image::{Alpha, Channels, PixelFormat, SampleType, Size};

use super::layout::{Block, Layout, Masks};
use crate::request::{check_size, malformed, read_error};
use crate::{Error, Format, Input, Limits};

/// The mark and the header.
const HEADER_BYTES: usize = 128;

/// The longer header of Direct3D 10 follows it.
const DX10_BYTES: usize = 20;

/// The most elements of an array, faces counted, and the most slices of a volume that Direct3D knows.
const MAX_PICTURES: u32 = 2048;

/// Sides below it can be rounded up to whole blocks; Direct3D knows 16,384.
const MAX_SIDE: u32 = 1 << 30;

/// Flags of the pixel format.
const ALPHA_PIXELS: u32 = 1;
const FOUR_CC: u32 = 4;
const LUMINANCE: u32 = 0x2_0000;
const SIGNED: u32 = 0x8_0000;

/// Capabilities.
const CUBE: u32 = 0x200;
const FACES: u32 = 0xfc00;
const VOLUME: u32 = 0x20_0000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) size: Size,
    pub(super) layout: Layout,
    pub(super) alpha: Alpha,
    pub(super) levels: u32,
    pub(super) pictures: Pictures,
    /// Where the pixels begin.
    pub(super) data_at: u64,
}

/// What stands behind each other in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pictures {
    /// Elements of an array or faces of cubes: each with all of its levels.
    Elements(u32),
    /// Slices of a volume: all slices of level 0 first.
    Slices(u32),
}

impl Header {
    pub(super) fn read(input: &mut Input, limits: &Limits) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let io = |source| read_error(&name, Format::Dds, source);
        let damaged = |reason: String| malformed(&name, Format::Dds, reason);
        let mut bytes = [0; HEADER_BYTES + DX10_BYTES];
        input.seek(SeekFrom::Start(0)).map_err(io)?;
        input.read_exact(&mut bytes[..HEADER_BYTES]).map_err(io)?;
        let number = |bytes: &[u8], at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let old = Old {
            flags: number(&bytes, 80),
            four_cc: [bytes[84], bytes[85], bytes[86], bytes[87]],
            bits: number(&bytes, 88),
            masks: [92, 96, 100, 104].map(|at| number(&bytes, at)),
        };
        if number(&bytes, 4) != 124 {
            return Err(damaged(format!(
                "its header claims {} bytes, not 124",
                number(&bytes, 4)
            )));
        }
        let size = Size::new(number(&bytes, 16), number(&bytes, 12));
        check_size(&name, Format::Dds, size, limits)?;
        if size.width.max(size.height) > MAX_SIDE {
            return Err(damaged(format!("its size of {size} is absurd")));
        }
        let (depth, levels) = (number(&bytes, 24).max(1), number(&bytes, 28).max(1));
        let full = 32 - size.width.max(size.height).leading_zeros();
        let caps = number(&bytes, 112);
        let unsupported = |feature: String| Error::Unsupported {
            name: name.clone(),
            format: Format::Dds,
            feature,
        };
        let (layout, alpha, pictures, data_at);
        if old.flags & FOUR_CC != 0 && &old.four_cc == b"DX10" {
            input.read_exact(&mut bytes[HEADER_BYTES..]).map_err(io)?;
            let [dxgi, dimension, flags, elements, mode] =
                [128, 132, 136, 140, 144].map(|at| number(&bytes, at));
            layout = of_dxgi(dxgi).ok_or_else(|| unsupported(format!("DXGI format {dxgi}")))?;
            alpha = match mode & 7 {
                2 => Alpha::Premultiplied,
                // Opaque, or something else than transparency: still the fourth channel.
                _ => Alpha::Straight,
            };
            let elements = elements.max(1);
            pictures = match (dimension, flags & 4 != 0) {
                (4, _) => Pictures::Slices(depth),
                (_, true) => Pictures::Elements(elements.saturating_mul(6)),
                (_, false) => Pictures::Elements(elements),
            };
            data_at = HEADER_BYTES + DX10_BYTES;
        } else {
            layout = old
                .layout()
                .ok_or_else(|| unsupported(format!("pixels of {}", old.describe())))?;
            alpha = match &old.four_cc {
                b"DXT2" | b"DXT4" if old.flags & FOUR_CC != 0 => Alpha::Premultiplied,
                _ => Alpha::Straight,
            };
            pictures = if caps & VOLUME != 0 {
                Pictures::Slices(depth)
            } else if caps & CUBE != 0 {
                Pictures::Elements((caps & FACES).count_ones().max(1))
            } else {
                Pictures::Elements(1)
            };
            data_at = HEADER_BYTES;
        }
        let full = match pictures {
            Pictures::Slices(depth) => full.max(32 - depth.leading_zeros()),
            Pictures::Elements(_) => full,
        };
        if levels > full {
            return Err(damaged(format!(
                "it claims {levels} levels, but {size} can be halved into {full} at most"
            )));
        }
        let (Pictures::Elements(count) | Pictures::Slices(count)) = pictures;
        if count > MAX_PICTURES {
            return Err(damaged(format!(
                "it claims {count} pictures; {MAX_PICTURES} is the most there are"
            )));
        }
        Ok(Self {
            size,
            layout,
            alpha: if layout.format().channels.has_alpha() {
                alpha
            } else {
                Alpha::None
            },
            levels,
            pictures,
            data_at: data_at as u64,
        })
    }
}

/// The pixel format of the header before Direct3D 10.
struct Old {
    flags: u32,
    four_cc: [u8; 4],
    bits: u32,
    masks: [u32; 4],
}

impl Old {
    fn describe(&self) -> String {
        if self.flags & FOUR_CC != 0 {
            format!("kind {}", self.four_cc.escape_ascii())
        } else {
            format!("{} bits with flags {:#x}", self.bits, self.flags)
        }
    }

    fn layout(&self) -> Option<Layout> {
        if self.flags & FOUR_CC != 0 {
            return of_four_cc(self.four_cc);
        }
        if !matches!(self.bits, 8 | 16 | 24 | 32) {
            return None;
        }
        let bytes = (self.bits / 8) as u8;
        let [red, green, blue, alpha] = self.masks;
        let has_alpha = self.flags & ALPHA_PIXELS != 0 && alpha != 0;
        let masks = |channels, masks: &[u32]| Masks::new(bytes, channels, masks).map(Layout::Masks);
        if self.flags & SIGNED != 0 {
            // V8U8, Q8W8V8U8 and V16U16; other layouts never left the drivers.
            return match (self.bits, red, green) {
                (16, 0xff, 0xff00) => Some(Layout::Signed {
                    bytes: 1,
                    channels: 2,
                }),
                (32, 0xff, 0xff00) => Some(Layout::Signed {
                    bytes: 1,
                    channels: 4,
                }),
                (32, 0xffff, 0xffff_0000) => Some(Layout::Signed {
                    bytes: 2,
                    channels: 2,
                }),
                _ => None,
            };
        }
        let is_luminance = self.flags & LUMINANCE != 0;
        let is_there = [red, green, blue].map(|mask| mask != 0);
        // Of luminance, red is it, whatever the other two say.
        match (is_there, has_alpha) {
            // Where its masks make no sense, as Pillow's do not, there is one layout for each number of bits.
            (_, true) if is_luminance => masks(Channels::GrayAlpha, &[red, alpha])
                .or_else(|| masks(Channels::GrayAlpha, &[0xff, 0xff00])),
            (_, false) if is_luminance => masks(Channels::Gray, &[red])
                .or_else(|| masks(Channels::Gray, &[0xffff >> (16 - self.bits.min(16))])),
            ([true, true, true], true) => masks(Channels::Rgba, &[red, green, blue, alpha]),
            ([true, true, true], false) => masks(Channels::Rgb, &[red, green, blue]),
            ([true, true, false], false) => masks(Channels::Other(2), &[red, green]),
            ([true, false, false], true) => masks(Channels::GrayAlpha, &[red, alpha]),
            ([true, false, false], false) => masks(Channels::Gray, &[red]),
            ([false, false, false], _) if alpha != 0 => masks(Channels::Gray, &[alpha]),
            _ => None,
        }
    }
}

fn samples(channels: Channels, sample: SampleType) -> Layout {
    Layout::Samples(PixelFormat::new(channels, sample))
}

/// Four letters, or the number of a Direct3D 9 format.
fn of_four_cc(four_cc: [u8; 4]) -> Option<Layout> {
    use SampleType::{F16, F32, U16};
    Some(match &four_cc {
        b"DXT1" => Layout::Block(Block::Bc1),
        b"DXT2" | b"DXT3" => Layout::Block(Block::Bc2),
        b"DXT4" | b"DXT5" => Layout::Block(Block::Bc3),
        b"ATI1" | b"BC4U" => Layout::Block(Block::Bc4 { signed: false }),
        b"BC4S" => Layout::Block(Block::Bc4 { signed: true }),
        b"ATI2" | b"BC5U" => Layout::Block(Block::Bc5 { signed: false }),
        b"BC5S" => Layout::Block(Block::Bc5 { signed: true }),
        _ => match u32::from_le_bytes(four_cc) {
            36 => samples(Channels::Rgba, U16),
            110 => Layout::Signed {
                bytes: 2,
                channels: 4,
            },
            111 => samples(Channels::Gray, F16),
            112 => samples(Channels::Other(2), F16),
            113 => samples(Channels::Rgba, F16),
            114 => samples(Channels::Gray, F32),
            115 => samples(Channels::Other(2), F32),
            116 => samples(Channels::Rgba, F32),
            _ => return None,
        },
    })
}

/// The formats of DXGI that hold numbers between 0 and 1, or floating-point numbers. Typeless ones are taken for the
/// former.
fn of_dxgi(format: u32) -> Option<Layout> {
    use Channels::{Gray, Other, Rgb, Rgba};
    use SampleType::{F16, F32, U8, U16};
    let masks = |bytes, channels, masks: &[u32]| Masks::new(bytes, channels, masks);
    Some(match format {
        2 => samples(Rgba, F32),
        6 => samples(Rgb, F32),
        10 => samples(Rgba, F16),
        9 | 11 => samples(Rgba, U16),
        13 => Layout::Signed {
            bytes: 2,
            channels: 4,
        },
        16 => samples(Other(2), F32),
        23 | 24 => Layout::Masks(masks(
            4,
            Rgba,
            &[0x3ff, 0xf_fc00, 0x3ff0_0000, 0xc000_0000],
        )?),
        26 => Layout::R11G11B10,
        27..=29 => samples(Rgba, U8),
        31 => Layout::Signed {
            bytes: 1,
            channels: 4,
        },
        34 => samples(Other(2), F16),
        33 | 35 => samples(Other(2), U16),
        37 => Layout::Signed {
            bytes: 2,
            channels: 2,
        },
        40 | 41 => samples(Gray, F32),
        48 | 49 => samples(Other(2), U8),
        51 => Layout::Signed {
            bytes: 1,
            channels: 2,
        },
        54 => samples(Gray, F16),
        53 | 55 | 56 => samples(Gray, U16),
        58 => Layout::Signed {
            bytes: 2,
            channels: 1,
        },
        60 | 61 | 65 => samples(Gray, U8),
        63 => Layout::Signed {
            bytes: 1,
            channels: 1,
        },
        67 => Layout::SharedExponent,
        70..=72 => Layout::Block(Block::Bc1),
        73..=75 => Layout::Block(Block::Bc2),
        76..=78 => Layout::Block(Block::Bc3),
        79 | 80 => Layout::Block(Block::Bc4 { signed: false }),
        81 => Layout::Block(Block::Bc4 { signed: true }),
        82 | 83 => Layout::Block(Block::Bc5 { signed: false }),
        84 => Layout::Block(Block::Bc5 { signed: true }),
        85 => Layout::Masks(masks(2, Rgb, &[0xf800, 0x7e0, 0x1f])?),
        86 => Layout::Masks(masks(2, Rgba, &[0x7c00, 0x3e0, 0x1f, 0x8000])?),
        87 | 90 | 91 => Layout::Masks(masks(4, Rgba, &[0xff_0000, 0xff00, 0xff, 0xff00_0000])?),
        88 | 92 | 93 => Layout::Masks(masks(4, Rgb, &[0xff_0000, 0xff00, 0xff])?),
        94 | 95 => Layout::Block(Block::Bc6 { signed: false }),
        96 => Layout::Block(Block::Bc6 { signed: true }),
        97..=99 => Layout::Block(Block::Bc7),
        115 => Layout::Masks(masks(2, Rgba, &[0xf00, 0xf0, 0xf, 0xf000])?),
        _ => return None,
    })
}
