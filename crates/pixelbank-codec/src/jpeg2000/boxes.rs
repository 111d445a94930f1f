//! The boxes of a JP2 or JPH file (ISO/IEC 15444-1, annex I): where the code stream lies, and what its components mean.

use std::ops::Range;

use super::header::{Fault, Fields, unsupported};
use crate::boxes::next_box;
use crate::request::{malformed, read_error, zeroed};
use crate::{Error, Format, Input, Limits};

/// Boxes that are looked at.
const MAX_BOXES: u32 = 1 << 12;

/// Names of boxes that carry a name of 16 bytes: what Adobe's programs and GDAL write.
const EXIF: &[u8; 16] = b"JpgTiffExif->JP2";
const XMP: [u8; 16] = [
    0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
];
const IPTC: [u8; 16] = [
    0x33, 0xc7, 0xa4, 0xd2, 0xb8, 0x1d, 0x47, 0x23, 0xa0, 0xba, 0xf1, 0xa3, 0xe0, 0x97, 0xad, 0x38,
];

/// What the values of the colour channels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Srgb,
    Gray,
    /// sRGB's luminance and differences (ITU-R BT.601 over the full range).
    Sycc,
    Cmyk,
    /// As the profile says.
    Profile,
}

/// How a channel is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channel {
    pub component: u16,
    /// The column of the palette that its samples are numbers of.
    pub column: Option<u8>,
}

/// What a channel means: the box `cdef`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Definition {
    pub channel: u16,
    pub kind: u16,
    /// Which colour it is, or belongs to; 0 is the whole picture.
    pub of: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Palette {
    /// Depth of each column.
    pub bits: Vec<u8>,
    /// Rows of a value for each column.
    pub values: Vec<u16>,
}

#[derive(Debug, Default)]
pub(super) struct Container {
    pub codestream: Range<u64>,
    pub space: Option<Space>,
    pub icc: Option<Vec<u8>>,
    pub palette: Option<Palette>,
    pub channels: Vec<Channel>,
    pub definitions: Vec<Definition>,
    pub exif: Option<Range<u64>>,
    pub xmp: Option<Range<u64>>,
    pub iptc: Option<Range<u64>>,
}

impl Container {
    /// Walks the boxes; a file that begins with its code stream has none.
    pub fn read(input: &mut Input, limits: &Limits) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let io = |source| read_error(&name, Format::Jpeg2000, source);
        let length = input.len_bytes().map_err(io)?;
        let mut mark = [0; 2];
        input.read_exact_at(0, &mut mark).map_err(io)?;
        let mut container = Self::default();
        if mark == [0xff, 0x4f] {
            container.codestream = 0..length;
            return Ok(container);
        }
        let mut described = false;
        let mut at = 0;
        for _ in 0..MAX_BOXES {
            if at >= length {
                break;
            }
            let Some((kind, body)) = next_box(input, at, length).map_err(io)? else {
                break;
            };
            match &kind {
                b"jp2h" if !described => {
                    let bytes = body.end.min(length) - body.start;
                    // Profiles are in it, which have a limit of their own.
                    if body.end > length {
                        return Err(malformed(&name, Format::Jpeg2000, "it ends early"));
                    }
                    if bytes > limits.max_metadata_bytes {
                        return Err(Error::LimitExceeded {
                            name,
                            what: "a description (bytes)",
                            requested: bytes,
                            limit: limits.max_metadata_bytes,
                        });
                    }
                    let mut content = zeroed(&name, bytes)?;
                    input.read_exact_at(body.start, &mut content).map_err(io)?;
                    container.describe(&content).map_err(|fault| match fault {
                        Fault::Damaged(reason) => malformed(&name, Format::Jpeg2000, reason),
                        Fault::Unsupported(feature) => Error::Unsupported {
                            name: name.clone(),
                            format: Format::Jpeg2000,
                            feature,
                        },
                    })?;
                    described = true;
                }
                b"jp2c" if container.codestream.is_empty() => {
                    container.codestream = body.start..body.end.min(length);
                }
                b"uuid" if body.end <= length && body.end - body.start >= 16 => {
                    let mut id = [0; 16];
                    input.read_exact_at(body.start, &mut id).map_err(io)?;
                    let content = Some(body.start + 16..body.end);
                    if id == *EXIF {
                        container.exif = container.exif.or(content);
                    } else if id == XMP {
                        container.xmp = container.xmp.or(content);
                    } else if id == IPTC {
                        container.iptc = container.iptc.or(content);
                    }
                }
                _ => {}
            }
            at = body.end;
        }
        if container.codestream.is_empty() {
            return Err(malformed(&name, Format::Jpeg2000, "it has no code stream"));
        }
        if !described {
            return Err(malformed(
                &name,
                Format::Jpeg2000,
                "it does not describe its picture",
            ));
        }
        Ok(container)
    }

    /// The boxes in the header box.
    fn describe(&mut self, mut content: &[u8]) -> Result<(), Fault> {
        let mut unknown_space = None;
        while !content.is_empty() {
            let mut fields = Fields(content);
            let (short, kind) = (fields.u32()?, fields.u32()?.to_be_bytes());
            let length = match short {
                0 => content.len(),
                length => length as usize,
            };
            if length < 8 || length > content.len() {
                return Err("a box of its description has a wrong length".into());
            }
            let (this, rest) = content.split_at(length);
            content = rest;
            let body = &this[8..];
            match &kind {
                b"colr" if self.space.is_none() => match color(body)? {
                    Color::Space(space) => self.space = Some(space),
                    Color::Profile(profile) => {
                        self.space = Some(Space::Profile);
                        self.icc = Some(profile.to_vec());
                    }
                    Color::Unknown(number) => unknown_space = Some(number),
                    Color::Other => {}
                },
                b"pclr" => self.palette = Some(palette(body)?),
                b"cmap" => self.channels = mapping(body)?,
                b"cdef" => self.definitions = definitions(body)?,
                _ => {}
            }
        }
        match (self.space, unknown_space) {
            (None, Some(number)) => Err(unsupported(format!("colour space {number}"))),
            _ => Ok(()),
        }
    }
}

enum Color<'a> {
    Space(Space),
    Profile(&'a [u8]),
    /// A number that we do not know.
    Unknown(u32),
    /// Said in a way that is none of the format's first part.
    Other,
}

fn color(body: &[u8]) -> Result<Color<'_>, Fault> {
    let mut fields = Fields(body);
    let method = fields.u8()?;
    fields.u16()?;
    Ok(match method {
        1 => match fields.u32()? {
            16 => Color::Space(Space::Srgb),
            17 => Color::Space(Space::Gray),
            18 => Color::Space(Space::Sycc),
            12 => Color::Space(Space::Cmyk),
            other => Color::Unknown(other),
        },
        2 | 3 => Color::Profile(fields.0),
        _ => Color::Other,
    })
}

fn palette(body: &[u8]) -> Result<Palette, Fault> {
    let mut fields = Fields(body);
    let (rows, columns) = (usize::from(fields.u16()?), usize::from(fields.u8()?));
    if !(1..=1024).contains(&rows) || columns == 0 {
        return Err("its palette has no colours".into());
    }
    let mut bits = Vec::new();
    for _ in 0..columns {
        let depth = fields.u8()?;
        if depth & 0x80 != 0 || depth >= 16 {
            return Err(unsupported("a palette of other than up to 16 bits"));
        }
        bits.push(depth + 1);
    }
    let mut values = Vec::new();
    for _ in 0..rows {
        for &bits in &bits {
            let value = if bits > 8 {
                fields.u16()?
            } else {
                u16::from(fields.u8()?)
            };
            values.push(value.min(((1u32 << bits) - 1) as u16));
        }
    }
    Ok(Palette { bits, values })
}

fn mapping(body: &[u8]) -> Result<Vec<Channel>, Fault> {
    let mut fields = Fields(body);
    let mut channels = Vec::new();
    while !fields.0.is_empty() {
        let (component, kind, column) = (fields.u16()?, fields.u8()?, fields.u8()?);
        let column = match kind {
            0 => None,
            1 => Some(column),
            _ => return Err(unsupported(format!("a mapping of kind {kind}"))),
        };
        channels.push(Channel { component, column });
    }
    Ok(channels)
}

fn definitions(body: &[u8]) -> Result<Vec<Definition>, Fault> {
    let mut fields = Fields(body);
    let count = fields.u16()?;
    (0..count)
        .map(|_| {
            Ok(Definition {
                channel: fields.u16()?,
                kind: fields.u16()?,
                of: fields.u16()?,
            })
        })
        .collect()
}
