use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use pixelbank_image::{Orientation, Size};

use super::boxes::{Bytes, Damage};
use crate::request::{malformed, read_error, zeroed};
use crate::{Error, Format, Input, Limits};

/// Boxes of the file that are looked at for its description.
const MAX_BOXES: u32 = 1 << 10;

/// Items, pieces of items, properties, references: of each there may be so many.
const MAX_ENTRIES: usize = 1 << 16;

/// What is said of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Property {
    /// Its pixels.
    Size(Size),
    /// How its stream is coded: the record of AV1 (or of another codec, by the name of its box).
    Codec([u8; 4], Vec<u8>),
    Color(Color),
    /// Quarter turns counter-clockwise.
    Rotate(u8),
    /// Mirrored: 0 exchanges top and bottom, 1 left and right.
    Mirror(u8),
    /// Only a part is to be shown.
    Crop,
    /// What an auxiliary picture is for.
    Auxiliary(Vec<u8>),
    /// Anything else; whether whoever does not know it must leave the item alone is said elsewhere.
    Other([u8; 4]),
}

/// What the values of a picture mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Color {
    /// An ICC profile.
    Profile(Vec<u8>),
    Coded(Nclx),
}

/// Numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nclx {
    pub primaries: u16,
    pub transfer: u16,
    pub matrix: u16,
    pub is_full_range: bool,
}

/// A picture, a part of one, or a block of metadata.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    pub id: u32,
    /// `av01`, `grid`, `Exif`, `mime` ...
    pub kind: [u8; 4],
    /// The media type of a `mime` item.
    pub media_type: Vec<u8>,
    /// Where its bytes lie, one part after the other.
    pub parts: Vec<Range<u64>>,
    /// Its properties by their number, and whether it cannot be shown without them.
    properties: Vec<(u16, bool)>,
}

impl Item {
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.end - part.start).sum()
    }
}

/// A word that one item has to say of others.
#[derive(Debug, Clone)]
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// What a file consists of.
#[derive(Debug, Default)]
pub(crate) struct Container {
    pub items: Vec<Item>,
    pub primary: u32,
    properties: Vec<Property>,
    references: Vec<Reference>,
}

/// Which properties an item has.
type Association = (u32, Vec<(u16, bool)>);

impl Container {
    /// Reads the description of a file of this `format`.
    pub fn read(input: &mut Input, format: Format, limits: &Limits) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let io = |source| read_error(&name, format, source);
        let damaged = |reason: &str| malformed(&name, format, reason);
        let file_bytes = input.len_bytes().map_err(io)?;
        let range = find_meta(input, file_bytes)
            .map_err(io)?
            .ok_or_else(|| damaged("it does not describe a picture"))?;
        let bytes = range.end - range.start;
        if range.end > file_bytes {
            return Err(damaged("its description ends early"));
        }
        if bytes > limits.max_metadata_bytes {
            return Err(Error::LimitExceeded {
                name,
                what: "a description (bytes)",
                requested: bytes,
                limit: limits.max_metadata_bytes,
            });
        }
        let mut meta = zeroed(&name, bytes)?;
        input
            .seek(SeekFrom::Start(range.start))
            .and_then(|_| input.read_exact(&mut meta))
            .map_err(io)?;
        let container = parse(&meta, range.start).map_err(damaged)?;
        let is_outside = |item: &Item| {
            item.parts.iter().any(|part| part.end > file_bytes) || item.bytes() > file_bytes
        };
        if container.items.iter().any(is_outside) {
            return Err(damaged("an item lies beyond the end of the file"));
        }
        Ok(container)
    }

    pub fn item(&self, id: u32) -> Option<&Item> {
        let at = self.items.binary_search_by_key(&id, |item| item.id);
        at.ok().map(|at| &self.items[at])
    }

    fn item_mut(&mut self, id: u32) -> Option<&mut Item> {
        let at = self.items.binary_search_by_key(&id, |item| item.id);
        at.ok().map(|at| &mut self.items[at])
    }

    pub fn properties<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a Property> {
        item.properties
            .iter()
            .filter_map(|(number, _)| self.properties.get(usize::from(*number)))
    }

    /// A property that the item cannot be shown without and that we do not know.
    pub fn unknown_but_essential(&self, item: &Item) -> Option<[u8; 4]> {
        item.properties.iter().find_map(|(number, is_essential)| {
            match self.properties.get(usize::from(*number)) {
                Some(Property::Other(kind)) if *is_essential => Some(*kind),
                _ => None,
            }
        })
    }

    pub fn size(&self, item: &Item) -> Option<Size> {
        self.properties(item).find_map(|property| match property {
            Property::Size(size) => Some(*size),
            _ => None,
        })
    }

    /// Turned first, mirrored afterwards, as the standard has it.
    pub fn orientation(&self, item: &Item) -> Orientation {
        let (mut turns, mut mirror) = (0, None);
        for property in self.properties(item) {
            match property {
                Property::Rotate(quarters) => turns = *quarters,
                Property::Mirror(axis) => mirror = Some(*axis),
                _ => {}
            }
        }
        Orientation::from_exif(match (turns & 3, mirror) {
            (0, None) => 1,
            (1, None) => 8,
            (2, None) => 3,
            (_, None) => 6,
            (0, Some(0)) => 4,
            (1, Some(0)) => 5,
            (2, Some(0)) => 2,
            (_, Some(0)) => 7,
            (0, Some(_)) => 2,
            (1, Some(_)) => 7,
            (2, Some(_)) => 4,
            (_, Some(_)) => 5,
        })
    }

    /// The items that `from` names in references of this kind, in order.
    pub fn referred(&self, kind: &[u8; 4], from: u32) -> impl Iterator<Item = u32> {
        self.references
            .iter()
            .filter(move |reference| reference.kind == *kind && reference.from == from)
            .flat_map(|reference| reference.to.iter().copied())
    }

    /// The items that name `to` in references of this kind.
    pub fn referring(&self, kind: &[u8; 4], to: u32) -> impl Iterator<Item = &Item> {
        self.references
            .iter()
            .filter(move |reference| reference.kind == *kind && reference.to.contains(&to))
            .filter_map(|reference| self.item(reference.from))
    }
}

/// The bytes of the parts of an item, one after the other.
pub(crate) fn read_parts(
    input: &mut Input,
    parts: &[Range<u64>],
    format: Format,
) -> Result<Vec<u8>, Error> {
    let name = input.name().to_owned();
    let bytes = parts.iter().map(|part| part.end - part.start).sum();
    let mut bytes = zeroed(&name, bytes)?;
    let mut rest = &mut bytes[..];
    for part in parts {
        let (front, behind) = rest.split_at_mut((part.end - part.start) as usize);
        input
            .seek(SeekFrom::Start(part.start))
            .and_then(|_| input.read_exact(front))
            .map_err(|source| read_error(&name, format, source))?;
        rest = behind;
    }
    Ok(bytes)
}

/// Where the content of the description lies.
fn find_meta(input: &mut Input, file_bytes: u64) -> std::io::Result<Option<Range<u64>>> {
    let mut at = 0u64;
    for _ in 0..MAX_BOXES {
        if at >= file_bytes {
            break;
        }
        let mut head = [0; 16];
        input.seek(SeekFrom::Start(at))?;
        input.read_exact(&mut head[..8])?;
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let kind = [head[4], head[5], head[6], head[7]];
        let (head_bytes, length) = match short {
            0 => (8, file_bytes - at),
            1 => {
                input.read_exact(&mut head[8..])?;
                let long = head[8..].iter();
                (16, long.fold(0, |all, &byte| all << 8 | u64::from(byte)))
            }
            length => (8, u64::from(length)),
        };
        if length < head_bytes {
            break;
        }
        let end = at.saturating_add(length);
        if &kind == b"meta" {
            return Ok(Some(at + head_bytes..end));
        }
        at = end;
    }
    Ok(None)
}

/// Reads a description whose first byte is at `start` of the file.
fn parse(meta: &[u8], start: u64) -> Result<Container, Damage> {
    let mut container = Container::default();
    let mut locations = Vec::new();
    let mut associations = Vec::new();
    let mut inside: Option<Range<u64>> = None;
    let mut is_primary_named = false;
    let mut boxes = Bytes(meta);
    boxes.version()?;
    while let Some((kind, mut content)) = boxes.next_box()? {
        match &kind {
            b"pitm" => {
                let (version, _) = content.version()?;
                container.primary = content.id(version > 0)?;
                is_primary_named = true;
            }
            b"iinf" => container.items = items(content)?,
            b"iloc" => locations = self::locations(content)?,
            b"iprp" => {
                (container.properties, associations) = properties(content)?;
            }
            b"iref" => container.references = references(content)?,
            b"idat" => {
                let at = start + (content.0.as_ptr().addr() - meta.as_ptr().addr()) as u64;
                inside = Some(at..at + content.0.len() as u64);
            }
            _ => {}
        }
    }
    if !is_primary_named {
        return Err("it does not say which picture it shows");
    }
    for location in locations {
        let base = match location.method {
            0 => 0,
            1 => {
                inside
                    .as_ref()
                    .ok_or("an item lies in a box that is missing")?
                    .start
            }
            // Within another item: nobody writes it.
            _ => continue,
        };
        let Some(item) = container.item_mut(location.id) else {
            continue;
        };
        for (offset, length) in location.extents {
            let from = base.checked_add(offset).ok_or("an item lies nowhere")?;
            let end = from.checked_add(length).ok_or("an item lies nowhere")?;
            if location.method == 1 && inside.as_ref().is_some_and(|inside| end > inside.end) {
                return Err("an item ends beyond its box");
            }
            item.parts.push(from..end);
        }
    }
    for (id, list) in associations {
        if let Some(item) = container.item_mut(id) {
            item.properties.extend(list);
        }
    }
    Ok(container)
}

fn few(entries: usize) -> Result<(), Damage> {
    if entries > MAX_ENTRIES {
        return Err("it has more parts than make sense");
    }
    Ok(())
}

fn items(mut content: Bytes<'_>) -> Result<Vec<Item>, Damage> {
    let (version, _) = content.version()?;
    content.id(version > 0)?;
    let mut items: Vec<Item> = Vec::new();
    while let Some((kind, mut entry)) = content.next_box()? {
        if &kind != b"infe" {
            continue;
        }
        let (version, _) = entry.version()?;
        // Older ones describe files to be downloaded.
        if version < 2 {
            continue;
        }
        let id = entry.id(version > 2)?;
        entry.u16()?;
        let kind = *entry.take(4)?.first_chunk().ok_or("a box ends early")?;
        entry.text();
        let media_type = if &kind == b"mime" {
            entry.text().to_vec()
        } else {
            Vec::new()
        };
        items.push(Item {
            id,
            kind,
            media_type,
            ..Item::default()
        });
        few(items.len())?;
    }
    items.sort_by_key(|item| item.id);
    items.dedup_by_key(|item| item.id);
    Ok(items)
}

struct Location {
    id: u32,
    /// 0: counted from the start of the file; 1: within the description.
    method: u16,
    extents: Vec<(u64, u64)>,
}

fn locations(mut content: Bytes<'_>) -> Result<Vec<Location>, Damage> {
    let (version, _) = content.version()?;
    if version > 2 {
        return Err("its items lie where a newer version says");
    }
    let (sizes, more) = (content.u8()?, content.u8()?);
    let index_bytes = if version > 0 { more & 15 } else { 0 };
    let count = content.id(version > 1)?;
    let mut locations = Vec::new();
    let mut n_pieces = 0;
    for _ in 0..count {
        few(locations.len())?;
        let id = content.id(version > 1)?;
        let method = if version > 0 { content.u16()? & 15 } else { 0 };
        let elsewhere = content.u16()?;
        let base = content.sized(more >> 4)?;
        let n_extents = content.u16()?;
        n_pieces += usize::from(n_extents);
        few(n_pieces)?;
        let mut extents = Vec::new();
        for _ in 0..n_extents {
            content.sized(index_bytes)?;
            let offset = content.sized(sizes >> 4)?;
            let length = content.sized(sizes & 15)?;
            let at = base.checked_add(offset).ok_or("an item lies nowhere")?;
            extents.push((at, length));
        }
        if elsewhere == 0 {
            locations.push(Location {
                id,
                method,
                extents,
            });
        }
    }
    Ok(locations)
}

fn references(mut content: Bytes<'_>) -> Result<Vec<Reference>, Damage> {
    let (version, _) = content.version()?;
    let mut references = Vec::new();
    let mut n_named = 0;
    while let Some((kind, mut entry)) = content.next_box()? {
        let from = entry.id(version > 0)?;
        let count = entry.u16()?;
        n_named += 1 + usize::from(count);
        few(n_named)?;
        let to = (0..count)
            .map(|_| entry.id(version > 0))
            .collect::<Result<_, _>>()?;
        references.push(Reference { kind, from, to });
    }
    Ok(references)
}

/// The properties, and which item has which.
fn properties(mut content: Bytes<'_>) -> Result<(Vec<Property>, Vec<Association>), Damage> {
    let (mut properties, mut associations) = (Vec::new(), Vec::new());
    while let Some((kind, mut inner)) = content.next_box()? {
        match &kind {
            b"ipco" => {
                while let Some((kind, property)) = inner.next_box()? {
                    properties.push(self::property(kind, property)?);
                    few(properties.len())?;
                }
            }
            b"ipma" => {
                let (version, flags) = inner.version()?;
                let count = inner.u32()?;
                for _ in 0..count {
                    few(associations.len())?;
                    let id = inner.id(version > 0)?;
                    let n = inner.u8()?;
                    let mut list = Vec::new();
                    for _ in 0..n {
                        let word = if flags & 1 != 0 {
                            inner.u16()?
                        } else {
                            let byte = u16::from(inner.u8()?);
                            (byte & 0x80) << 8 | byte & 0x7f
                        };
                        // Counted from 1; 0 is none.
                        if let Some(number) = (word & 0x7fff).checked_sub(1) {
                            list.push((number, word & 0x8000 != 0));
                        }
                    }
                    associations.push((id, list));
                }
            }
            _ => {}
        }
    }
    Ok((properties, associations))
}

fn property(kind: [u8; 4], mut content: Bytes<'_>) -> Result<Property, Damage> {
    Ok(match &kind {
        b"ispe" => {
            content.version()?;
            Property::Size(Size::new(content.u32()?, content.u32()?))
        }
        b"av1C" | b"hvcC" => Property::Codec(kind, content.0.to_vec()),
        b"irot" => Property::Rotate(content.u8()? & 3),
        b"imir" => Property::Mirror(content.u8()? & 1),
        b"clap" => Property::Crop,
        b"auxC" => {
            content.version()?;
            Property::Auxiliary(content.text().to_vec())
        }
        b"colr" => match content.take(4)? {
            b"nclx" => Property::Color(Color::Coded(Nclx {
                primaries: content.u16()?,
                transfer: content.u16()?,
                matrix: content.u16()?,
                is_full_range: content.u8()? & 0x80 != 0,
            })),
            b"prof" | b"rICC" => Property::Color(Color::Profile(content.0.to_vec())),
            _ => Property::Other(kind),
        },
        _ => Property::Other(kind),
    })
}
