//! A tile as a code stream of its own: a picture of one tile with one part, which has all its packets.

use std::ops::Range;

use super::geometry::Area;
use super::header::{Fault, marker, packets, positions, unsupported};
use super::parts::{Codestream, Part, Segment};
use crate::{Error, Input};

/// Behind the packets, where it is to be seen whether all of them are there: headers that no packet has. The library takes
/// what is missing at the end of a stream for packets without content; with these it runs into lengths that cannot be, and
/// says so. (Where a packet's content is cut, it says so itself, if nothing stands behind.)
const BEHIND: [u8; 64] = {
    let mut bytes = [0xff; 64];
    let mut at = 1;
    while at < bytes.len() {
        // A bit is left out behind eight of them that are set.
        bytes[at] = 0x7f;
        at += 2;
    }
    bytes
};

/// Places of a walk by position that a tile may have. Tiles that are written to be read have far fewer.
const MAX_POSITIONS: u64 = 1 << 26;

/// Bytes of the headers of a tile that are looked at.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// A code stream of pieces, some of them in the file.
#[derive(Debug)]
pub(super) struct TileStream {
    pub front: Vec<u8>,
    pub packets: Vec<Range<u64>>,
    pub behind: Vec<u8>,
}

impl TileStream {
    /// Of a tile whose part of the picture is `area`. Refuses one whose packets cannot all be there; `to_be_counted` is one
    /// that the library fails over where some are not.
    pub fn new(
        input: &mut Input,
        stream: &Codestream,
        tile: u16,
        area: &Area,
        to_be_counted: bool,
    ) -> Result<Result<Self, Fault>, Error> {
        let parts = match stream.parts(tile) {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason.into())),
        };
        if let Err(fault) = check(stream, tile, area) {
            return Ok(Err(fault));
        }
        let mut own = Vec::new();
        for part in parts {
            match own_segments(input, part)? {
                Ok(segments) => own.extend(segments),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let mut first = [0; 2];
        if let Some(at) = parts
            .iter()
            .map(Part::packets)
            .find(|range| range.end - range.start > 2)
        {
            read(input, at.start, &mut first)?;
        }
        let first = u16::from_be_bytes(first);
        Ok(assemble(stream, area, own, parts, first, to_be_counted))
    }
}

fn read(input: &mut Input, at: u64, buffer: &mut [u8]) -> Result<(), Error> {
    input
        .read_exact_at(at, buffer)
        .map_err(|source| crate::request::read_error(input.name(), crate::Format::Jpeg2000, source))
}

/// What can be said of a tile's packets by its headers alone.
fn check(stream: &Codestream, tile: u16, area: &Area) -> Result<(), Fault> {
    let coding = stream.coding(tile);
    if positions(&stream.siz, coding, area) > MAX_POSITIONS {
        return Err(unsupported("precincts of such sides"));
    }
    // A packet has a byte at least.
    let bytes = stream.packet_bytes(tile) + stream.header_bytes(tile);
    let n_packets = packets(&stream.siz, coding, area);
    if n_packets > bytes {
        return Err(Fault::Damaged(format!(
            "it ends early: {n_packets} packets in {bytes} bytes"
        )));
    }
    if bytes > u64::from(u32::MAX >> 1) {
        return Err(unsupported("a tile of more than 2 GiB"));
    }
    if stream.header_bytes(tile) > MAX_HEADER_BYTES {
        return Err("its header is longer than makes sense".into());
    }
    Ok(())
}

/// The segments of a tile-part's header.
fn own_segments(input: &mut Input, part: &Part) -> Result<Result<Vec<Segment>, Fault>, Error> {
    let range = part.header();
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read(input, range.start, &mut bytes)?;
    let mut rest = &bytes[..];
    let mut segments = Vec::new();
    while let [a, b, c, d, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*c, *d])).saturating_sub(2);
        let Some((content, next)) = behind.split_at_checked(length) else {
            return Ok(Err("its header is damaged".into()));
        };
        rest = next;
        let kind = u16::from_be_bytes([*a, *b]);
        match kind {
            marker::COD
            | marker::COC
            | marker::QCD
            | marker::QCC
            | marker::RGN
            | marker::POC
            | marker::PPT => segments.push(Segment {
                marker: kind,
                content: content.into(),
            }),
            marker::PLT | marker::COM => {}
            _ => return Ok(Err(unsupported(format!("the marker {kind:04x}")))),
        }
    }
    Ok(Ok(segments))
}

fn assemble(
    stream: &Codestream,
    area: &Area,
    own: Vec<Segment>,
    parts: &[Part],
    first: u16,
    to_be_counted: bool,
) -> Result<TileStream, Fault> {
    const START_OF_PACKET: u16 = 0xff91;
    let packets: Vec<_> = parts.iter().map(Part::packets).collect();
    let packet_bytes: u64 = packets.iter().map(|range| range.end - range.start).sum();
    let has_start_marks = first == START_OF_PACKET;
    let mut front = Vec::new();
    put(&mut front, marker::SOC);
    let siz = &stream.siz;
    let mut content = Vec::new();
    put(&mut content, siz.capabilities);
    for value in [
        area.x1,
        area.y1,
        area.x0,
        area.y0,
        area.width(),
        area.height(),
        area.x0,
        area.y0,
    ] {
        content.extend(value.to_be_bytes());
    }
    put(&mut content, siz.components.len() as u16);
    for component in &siz.components {
        let sign = if component.is_signed { 0x80 } else { 0 };
        content.extend([
            (component.bits - 1) | sign,
            component.dx as u8,
            component.dy as u8,
        ]);
    }
    put_segment(&mut front, marker::SIZ, &content)?;
    // How all components are coded stands in front of what is said of single ones.
    for is_general in [true, false] {
        for segment in &stream.segments {
            let is_first = matches!(segment.marker, marker::CAP | marker::COD | marker::QCD);
            if is_first == is_general {
                put_known(&mut front, segment, has_start_marks)?;
            }
        }
    }
    let mut header = Vec::new();
    let mut n_packed = 0u16;
    for is_general in [true, false] {
        for segment in &own {
            let is_first = matches!(segment.marker, marker::COD | marker::QCD);
            if is_first != is_general {
                continue;
            }
            if segment.marker == marker::PPT {
                // Numbered through the parts of the tile, which are one now.
                let packed = segment.content.get(1..).unwrap_or_default();
                put_packed(&mut header, &mut n_packed, packed)?;
            } else {
                put_known(&mut header, segment, has_start_marks)?;
            }
        }
    }
    let mut behind = Vec::new();
    if n_packed > 0 && to_be_counted {
        put_packed(&mut header, &mut n_packed, &BEHIND)?;
    } else if to_be_counted {
        behind.extend(BEHIND);
    }
    let part_bytes = 14 + header.len() as u64 + packet_bytes + behind.len() as u64;
    put(&mut front, marker::SOT);
    front.extend([0, 10, 0, 0]);
    front.extend((part_bytes as u32).to_be_bytes());
    front.extend([0, 1]);
    front.extend(header);
    put(&mut front, marker::SOD);
    put(&mut behind, marker::EOC);
    Ok(TileStream {
        front,
        packets,
        behind,
    })
}

fn put(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend(value.to_be_bytes());
}

fn put_segment(bytes: &mut Vec<u8>, kind: u16, content: &[u8]) -> Result<(), Fault> {
    let Ok(length) = u16::try_from(content.len() + 2) else {
        return Err("a segment of its header is too long".into());
    };
    put(bytes, kind);
    put(bytes, length);
    bytes.extend(content);
    Ok(())
}

/// A segment as it stands in the file, but for marks in front of packets: they may be left out where they are allowed, and
/// where they are not left out, their absence is damage.
fn put_known(bytes: &mut Vec<u8>, segment: &Segment, has_start_marks: bool) -> Result<(), Fault> {
    let at = bytes.len() + 4;
    put_segment(bytes, segment.marker, &segment.content)?;
    if segment.marker == marker::COD && !has_start_marks {
        bytes[at] &= !2;
    }
    Ok(())
}

fn put_packed(bytes: &mut Vec<u8>, number: &mut u16, packed: &[u8]) -> Result<(), Fault> {
    let Ok(index) = u8::try_from(*number) else {
        return Err(unsupported("packet headers in more than 255 segments"));
    };
    *number += 1;
    let mut content = vec![index];
    content.extend(packed);
    put_segment(bytes, marker::PPT, &content)
}
