//! Where the parts of a code stream lie: its main header, and the tile-parts that follow, found by the lengths that they name.

use std::collections::BTreeMap;
use std::ops::Range;

use super::header::{Fault, Fields, STYLE_HIGH_THROUGHPUT, Siz, TileCoding, marker, unsupported};
use crate::{Error, Format, Input};

/// Bytes of the headers that are kept: those of 255 components take far fewer.
const MAX_HEADER_BYTES: usize = 256 << 10;

/// Tile-parts of a file; 16 bytes are kept of each.
const MAX_PARTS: usize = 1 << 18;

/// Bytes that are kept of tiles that are coded in a way of their own.
const MAX_OWN_CODING_BYTES: usize = 1 << 20;

/// The marker and content of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub marker: u16,
    pub content: Box<[u8]>,
}

/// Where a tile-part lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub tile: u16,
    /// Its number among those of its tile.
    number: u8,
    /// How many the tile has, if it says so; 0 otherwise.
    count: u8,
    /// Bytes of its segment SOT and other headers, up to the packets.
    header_bytes: u32,
    /// Where its segment SOT begins.
    at: u64,
    /// Bytes from there to its end.
    bytes: u64,
}

impl Part {
    /// Its segments behind SOT, up to the mark in front of the packets.
    pub fn header(&self) -> Range<u64> {
        self.at + 12..self.at + u64::from(self.header_bytes) - 2
    }

    pub fn packets(&self) -> Range<u64> {
        self.at + u64::from(self.header_bytes)..self.at + self.bytes
    }

    fn packet_bytes(&self) -> u64 {
        self.bytes - u64::from(self.header_bytes)
    }
}

/// A code stream, read up to its packets.
#[derive(Debug)]
pub(super) struct Codestream {
    pub siz: Siz,
    pub coding: TileCoding,
    /// What a tile needs of the main header, behind SIZ.
    pub segments: Vec<Segment>,
    /// By tiles, and in a tile in the order of the file.
    parts: Vec<Part>,
    /// Of tiles with segments of their own.
    own: BTreeMap<u16, TileCoding>,
    /// Where the file ends.
    end: u64,
}

impl Codestream {
    /// Reads the headers of a code stream that lies in `range`, of which the file may have less.
    pub fn read(input: &mut Input, range: Range<u64>) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let file_bytes = input.len_bytes().map_err(|source| Error::Io {
            name: name.clone(),
            source,
        })?;
        let mut reader = Reader {
            input,
            at: range.start,
            end: range.end.min(file_bytes),
        };
        if reader.u16()? != marker::SOC || reader.u16()? != marker::SIZ {
            return Err(reader.fault("its code stream does not begin with its size".into()));
        }
        let siz = reader.segment()?;
        let siz = Siz::read(&siz).map_err(|fault| reader.fault(fault))?;
        let segments = main_header(&mut reader)?;
        let coding = coding(&siz, None, &segments).map_err(|fault| reader.fault(fault))?;
        let mut stream = Self {
            siz,
            coding,
            segments,
            parts: Vec::new(),
            own: BTreeMap::new(),
            end: reader.end,
        };
        stream.find_parts(&mut reader)?;
        stream.parts.sort_by_key(|part| part.tile);
        stream.parts.shrink_to_fit();
        Ok(stream)
    }

    /// Follows the tile-parts to the last, or as far as they make sense: what lies behind is missing.
    fn find_parts(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let (columns, rows) = self.siz.tiles();
        let mut own_bytes = 0;
        // The marker of the first one has been read.
        let mut at = reader.at - 2;
        while let Some(mut part) = next_part(reader, at, columns * rows)? {
            let limit = part.at.saturating_add(part.bytes).min(reader.end);
            let segments = match tile_header(reader, limit)? {
                Some(segments) => segments,
                // It ends, or is damaged, before its packets.
                None => break,
            };
            part.header_bytes = (reader.at - part.at) as u32;
            if !segments.is_empty() {
                let known = self.own.get(&part.tile).unwrap_or(&self.coding);
                match coding(&self.siz, Some(known), &segments) {
                    Ok(new) if new != *known => {
                        own_bytes += size_of::<TileCoding>() + new.heap_bytes();
                        self.own.insert(part.tile, new);
                    }
                    Ok(_) => {}
                    Err(fault) => return Err(reader.fault(fault)),
                }
            }
            if own_bytes > MAX_OWN_CODING_BYTES {
                let feature = "so many tiles that are coded in a way of their own";
                return Err(reader.fault(unsupported(feature)));
            }
            if self.parts.len() == MAX_PARTS {
                return Err(Error::LimitExceeded {
                    name: reader.input.name().to_owned(),
                    what: "a number of parts of tiles",
                    requested: MAX_PARTS as u64 + 1,
                    limit: MAX_PARTS as u64,
                });
            }
            self.parts.push(part);
            at = match part.at.checked_add(part.bytes) {
                Some(at) => at,
                None => break,
            };
        }
        Ok(())
    }

    /// The parts of a tile, if all of them are there.
    pub fn parts(&self, tile: u16) -> Result<&[Part], &'static str> {
        let first = self.parts.partition_point(|part| part.tile < tile);
        let behind = self.parts.partition_point(|part| part.tile <= tile);
        let parts = &self.parts[first..behind];
        let Some(last) = parts.last() else {
            return Err("it is missing");
        };
        let is_in_order = |(index, part): (usize, &Part)| usize::from(part.number) == index;
        if !parts.iter().enumerate().all(is_in_order) {
            return Err("its parts are not in order");
        }
        let count = parts.iter().map(|part| part.count).max().unwrap_or(0);
        let is_cut = last.at + last.bytes > self.end;
        if is_cut || usize::from(count) > parts.len() {
            return Err("it ends early");
        }
        Ok(parts)
    }

    /// Bytes of the packets of a tile, as far as they are there.
    pub fn packet_bytes(&self, tile: u16) -> u64 {
        let parts = self.parts(tile).unwrap_or_default();
        parts.iter().map(Part::packet_bytes).sum()
    }

    /// Bytes of the headers of the parts of a tile.
    pub fn header_bytes(&self, tile: u16) -> u64 {
        let parts = self.parts(tile).unwrap_or_default();
        parts.iter().map(|part| u64::from(part.header_bytes)).sum()
    }

    pub fn coding(&self, tile: u16) -> &TileCoding {
        self.own.get(&tile).unwrap_or(&self.coding)
    }

    /// The ways in which tiles are coded.
    pub fn codings(&self) -> impl Iterator<Item = &TileCoding> {
        self.own.values().chain([&self.coding])
    }

    /// Whether code-blocks are those of HTJ2K, of which the library decodes whole tiles alone: parts of them come out wrong.
    pub fn is_high_throughput(&self) -> bool {
        let all = self.codings().flat_map(|coding| &coding.components);
        all.into_iter()
            .any(|coding| coding.style & STYLE_HIGH_THROUGHPUT != 0)
    }

    pub fn heap_bytes(&self) -> usize {
        let segments = self.segments.iter().map(|segment| segment.content.len());
        let own = self.own.values().map(TileCoding::heap_bytes);
        self.parts.capacity() * size_of::<Part>()
            + self.segments.capacity() * size_of::<Segment>()
            + segments.sum::<usize>()
            + self.coding.heap_bytes()
            + self.own.len() * (size_of::<TileCoding>() + 16)
            + own.sum::<usize>()
            + self.siz.components.capacity() * 16
    }
}

/// What a tile needs of the main header. Ends behind the marker of the first tile-part.
fn main_header(reader: &mut Reader<'_>) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    let mut bytes = 0;
    loop {
        let kind = reader.u16()?;
        match kind {
            marker::SOT => return Ok(segments),
            marker::EOC => return Err(reader.fault("its code stream has no tiles".into())),
            marker::PPM => {
                return Err(reader.fault(unsupported("packet headers in the main header (PPM)")));
            }
            marker::CAP
            | marker::COD
            | marker::COC
            | marker::QCD
            | marker::QCC
            | marker::RGN
            | marker::POC => {
                let content = reader.segment()?.into_boxed_slice();
                bytes += content.len();
                if bytes > MAX_HEADER_BYTES {
                    return Err(reader.fault("its header is longer than makes sense".into()));
                }
                segments.push(Segment {
                    marker: kind,
                    content,
                });
            }
            marker::TLM | marker::PLM | marker::CRG | marker::COM | marker::CPF => {
                reader.skip_segment()?;
            }
            // Extensions: of Part 2, or unknown ones.
            0xff30..=0xffff => {
                return Err(reader.fault(unsupported(format!("the marker {kind:04x}"))));
            }
            _ => return Err(reader.fault("its header has something between its segments".into())),
        }
    }
}

/// What a tile needs of the header of one of its parts, up to its packets. `None` where it ends early or makes no sense.
fn tile_header(reader: &mut Reader<'_>, limit: u64) -> Result<Option<Vec<Segment>>, Error> {
    let mut segments = Vec::new();
    let mut bytes = 0;
    loop {
        if reader.at + 2 > limit {
            return Ok(None);
        }
        let kind = reader.u16()?;
        if kind == marker::SOD {
            return Ok(Some(segments));
        }
        if reader.at + 2 > limit {
            return Ok(None);
        }
        match kind {
            marker::COD | marker::COC | marker::POC => {
                if reader.peek_segment_end()? > limit {
                    return Ok(None);
                }
                let content = reader.segment()?.into_boxed_slice();
                bytes += content.len();
                if bytes > MAX_HEADER_BYTES {
                    return Ok(None);
                }
                segments.push(Segment {
                    marker: kind,
                    content,
                });
            }
            0xff30..=0xff8f => {
                if reader.peek_segment_end()? > limit {
                    return Ok(None);
                }
                reader.skip_segment()?;
            }
            _ => return Ok(None),
        }
    }
}

/// How a tile is coded, given the segments that say so, and how it is unless they do.
fn coding(
    siz: &Siz,
    unless: Option<&TileCoding>,
    segments: &[Segment],
) -> Result<TileCoding, Fault> {
    let of = |kind| {
        segments
            .iter()
            .filter(move |segment| segment.marker == kind)
    };
    let mut style = of(marker::COD);
    let mut coding = match (style.next(), unless) {
        (Some(segment), None) => TileCoding::read(&segment.content, siz.components.len())?,
        (Some(segment), Some(unless)) => {
            let mut coding = unless.clone();
            coding.replace(&segment.content)?;
            coding
        }
        (None, Some(unless)) => unless.clone(),
        (None, None) => return Err("it does not say how it is coded".into()),
    };
    if style.next().is_some() {
        return Err("it says twice how it is coded".into());
    }
    for segment in of(marker::COC) {
        coding.read_component(&segment.content)?;
    }
    for segment in of(marker::POC) {
        coding.read_changes(&segment.content)?;
    }
    Ok(coding)
}

/// The tile-part whose marker is at `at`; leaves the reader behind its segment SOT. `None` where there is none.
fn next_part(reader: &mut Reader<'_>, at: u64, n_tiles: u64) -> Result<Option<Part>, Error> {
    if at.checked_add(14).is_none_or(|end| end > reader.end) {
        return Ok(None);
    }
    let mut bytes = [0; 12];
    reader.at = at;
    reader.read(&mut bytes)?;
    let mut fields = Fields(&bytes);
    let mut next = || -> Result<Part, Fault> {
        let (kind, length) = (fields.u16()?, fields.u16()?);
        if (kind, length) != (marker::SOT, 10) {
            return Err("no part of a tile".into());
        }
        Ok(Part {
            tile: fields.u16()?,
            bytes: fields.u32()?.into(),
            number: fields.u8()?,
            count: fields.u8()?,
            header_bytes: 0,
            at,
        })
    };
    let Ok(mut part) = next() else {
        return Ok(None);
    };
    if part.bytes == 0 {
        // To the end of the stream, bar its last marker.
        let mut last = [0; 2];
        reader.at = reader.end - 2;
        reader.read(&mut last)?;
        reader.at = at + 12;
        let is_ended = u16::from_be_bytes(last) == marker::EOC;
        part.bytes = reader.end - at - if is_ended { 2 } else { 0 };
    }
    let is_sound = part.bytes >= 14 && u64::from(part.tile) < n_tiles;
    Ok(is_sound.then_some(part))
}

/// Reads a code stream from the front.
struct Reader<'a> {
    input: &'a mut Input,
    at: u64,
    end: u64,
}

impl Reader<'_> {
    fn fault(&self, fault: Fault) -> Error {
        let name = self.input.name().to_owned();
        match fault {
            Fault::Damaged(reason) => Error::Malformed {
                name,
                format: Format::Jpeg2000,
                reason,
            },
            Fault::Unsupported(feature) => Error::Unsupported {
                name,
                format: Format::Jpeg2000,
                feature,
            },
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        let next = self.at.checked_add(buffer.len() as u64);
        let Some(next) = next.filter(|next| *next <= self.end) else {
            return Err(self.fault("it ends early".into()));
        };
        self.input
            .read_exact_at(self.at, buffer)
            .map_err(|source| {
                crate::request::read_error(self.input.name(), Format::Jpeg2000, source)
            })?;
        self.at = next;
        Ok(())
    }

    fn u16(&mut self) -> Result<u16, Error> {
        let mut bytes = [0; 2];
        self.read(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// The content of the segment whose marker was read.
    fn segment(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.segment_bytes()?;
        let mut content = vec![0; usize::from(length)];
        self.read(&mut content)?;
        Ok(content)
    }

    fn skip_segment(&mut self) -> Result<(), Error> {
        let length = self.segment_bytes()?;
        self.at += u64::from(length);
        Ok(())
    }

    /// Where the segment ends whose marker was read.
    fn peek_segment_end(&mut self) -> Result<u64, Error> {
        let at = self.at;
        let length = self.segment_bytes()?;
        let end = self.at + u64::from(length);
        self.at = at;
        Ok(end)
    }

    /// Bytes of the content of a segment, behind its length.
    fn segment_bytes(&mut self) -> Result<u16, Error> {
        let length = self.u16()?;
        length
            .checked_sub(2)
            .ok_or_else(|| self.fault("a segment of its header is too short".into()))
    }
}
