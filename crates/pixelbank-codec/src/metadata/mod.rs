//! What a photograph says of itself: EXIF, XMP, IPTC-IIM, and the name of its colour profile.
//!
//! All of it is hostile until proved otherwise. The parsers here borrow from the blocks, follow no pointer twice, and
//! keep at most a few hundred values of at most [`MAX_VALUE_BYTES`] each.

mod date;
mod exif;
mod icc;
mod iptc;
mod xmp;

use pixelbank_image::Orientation;

use crate::{Format, MetadataBlocks};

/// Bytes that are kept of one value.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// Entries that are kept of one file.
const MAX_ENTRIES: usize = 400;

/// What an [`Entry`] is about. In the order in which a person wants to see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// The picture as a file: date, software, colour profile.
    Image,
    /// The camera.
    Camera,
    /// How it was exposed.
    Exposure,
    /// The lens.
    Lens,
    /// Where it was taken.
    Place,
    /// What people say about it: title, caption, keywords, rating, rights.
    Description,
    /// Everything else.
    Other,
}

impl Group {
    /// Its English name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "Image",
            Self::Camera => "Camera",
            Self::Exposure => "Exposure",
            Self::Lens => "Lens",
            Self::Place => "Place",
            Self::Description => "Description",
            Self::Other => "Other",
        }
    }
}

/// One statement, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub group: Group,
    /// What is stated, in English: "Exposure time".
    pub name: String,
    /// Its value, with its unit: "1/250 s".
    pub value: String,
}

/// A place on Earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// Degrees, north positive; -90 to 90.
    pub latitude: f64,
    /// Degrees, east positive; -180 to 180.
    pub longitude: f64,
    /// Metres above sea level.
    pub altitude_m: Option<f64>,
}

/// The metadata of one subimage, understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// When the picture was taken: `2024-05-01T12:33:00`, local time, with the offset from UTC (`+02:00`) where it is
    /// known.
    pub captured: Option<String>,
    /// How the stored pixels must be turned, as EXIF says.
    pub orientation: Orientation,
    /// Maker and model.
    pub camera: Option<String>,
    /// The lens.
    pub lens: Option<String>,
    /// Where the picture was taken.
    pub location: Option<Location>,
    /// Everything that can be shown, by group; at most one of each name.
    pub entries: Vec<Entry>,
}

impl Metadata {
    /// Reads what the blocks of a file hold. Damaged parts count as missing.
    pub fn read(blocks: &MetadataBlocks, format: Format) -> Self {
        let mut metadata = Self::default();
        metadata.add(Group::Image, "Format", format.to_string());
        let mut dates = date::Candidates::default();
        if let Some(block) = &blocks.exif {
            exif::read(block, &mut metadata, &mut dates);
        }
        if let Some(packet) = &blocks.xmp {
            xmp::read(packet, &mut metadata, &mut dates);
        }
        if let Some(records) = &blocks.iptc {
            iptc::read(records, &mut metadata, &mut dates);
        }
        if let Some(block) = &blocks.exif {
            exif::read_windows(block, &mut metadata);
        }
        if let Some(name) = blocks.icc.as_deref().and_then(icc::description) {
            metadata.add(Group::Image, "Colour profile", name);
        }
        for (name, value) in &blocks.texts {
            metadata.add_text(name, value);
        }
        metadata.captured = dates.best();
        if let Some(captured) = &metadata.captured {
            let shown = captured.replacen('T', " ", 1);
            metadata.add(Group::Image, "Date", shown);
        }
        metadata.entries.sort_by_key(|entry| entry.group);
        metadata
    }

    /// Adds an entry, unless it is empty or one of that name is there: the first source wins.
    fn add(&mut self, group: Group, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        let value = clean(&value);
        if value.is_empty()
            || self.entries.len() >= MAX_ENTRIES
            || self.entries.iter().any(|entry| entry.name == name)
        {
            return;
        }
        self.entries.push(Entry { group, name, value });
    }

    /// Adds a text that the format itself had a name for.
    fn add_text(&mut self, name: &str, value: &str) {
        let known = match name.to_ascii_lowercase().as_str() {
            "title" | "documentname" => Some("Title"),
            "author" | "artist" | "creator" | "owner" => Some("Creator"),
            "description" | "imagedescription" | "comment" | "comments" => Some("Caption"),
            "copyright" => Some("Copyright"),
            "software" => {
                self.add(Group::Image, "Software", value);
                return;
            }
            _ => None,
        };
        match known {
            Some(known) => self.add(Group::Description, known, value),
            None => self.add(Group::Other, cut(name), value),
        }
    }
}

/// How the stored pixels must be turned, from an EXIF block. Cheap: looks at one directory and allocates nothing.
pub fn orientation(exif: &[u8]) -> Orientation {
    exif::orientation(exif).unwrap_or_default()
}

/// The thumbnail in an EXIF block: a JPEG stream within it.
pub(crate) fn thumbnail(exif: &[u8]) -> Option<&[u8]> {
    exif::thumbnail(exif)
}

/// Date (as [`Metadata::captured`]) and orientation alone, at a fraction of the cost of [`Metadata::read`]: for indexing
/// many files.
pub fn captured_and_orientation(blocks: &MetadataBlocks) -> (Option<String>, Orientation) {
    let mut dates = date::Candidates::default();
    let mut turned = Orientation::default();
    if let Some(block) = &blocks.exif {
        exif::dates(block, &mut dates);
        turned = orientation(block);
    }
    // What EXIF says of the shutter's moment wins over all others, so they need not be read then.
    if !dates.has_original() {
        let mut unused = Metadata::default();
        if let Some(packet) = &blocks.xmp {
            xmp::read(packet, &mut unused, &mut dates);
        }
        if let Some(records) = &blocks.iptc {
            iptc::read(records, &mut unused, &mut dates);
        }
    }
    (dates.best(), turned)
}

/// A value without control characters, surrounding space and excessive length.
fn clean(value: &str) -> String {
    let value = cut(value.trim_matches(|c: char| c.is_whitespace() || c == '\0'));
    value
        .chars()
        .filter(|&c| !c.is_control() || c == '\n')
        .collect()
}

/// The first [`MAX_VALUE_BYTES`] bytes, less what is needed to end at a character.
fn cut(value: &str) -> &str {
    let mut end = value.len().min(MAX_VALUE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

/// Text of unknown encoding: UTF-8 if it can be, else ISO 8859-1.
fn text(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MAX_VALUE_BYTES)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}
