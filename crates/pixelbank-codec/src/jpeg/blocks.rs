//! Metadata that lies in application segments, whole or in pieces.

use super::segments::{APP1, APP2, APP13, COM, EOI, SOS, Segments};
use crate::{Error, Input, Limits, MetadataBlocks};

/// What EXIF begins with.
pub(super) const EXIF: &[u8] = b"Exif\0\0";
pub(super) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_EXTENSION: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
pub(super) const ICC: &[u8] = b"ICC_PROFILE\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// An ICC profile, which comes in up to 255 numbered pieces.
#[derive(Debug)]
pub(super) struct Icc {
    pieces: Vec<(u8, Vec<u8>)>,
    count: Option<u8>,
    damaged: bool,
    bytes_left: u64,
}

impl Icc {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            pieces: Vec::new(),
            count: None,
            damaged: false,
            bytes_left: max_bytes,
        }
    }

    /// Whether a segment of this length may be another piece.
    pub(super) fn wants(&mut self, len: u32) -> bool {
        let fits = u64::from(len) <= self.bytes_left;
        self.damaged |= !fits;
        !self.damaged && len as usize > ICC.len() + 2
    }

    /// Takes a segment, if it is a piece.
    pub(super) fn add(&mut self, segment: &[u8]) {
        let Some([number, count, piece @ ..]) = segment.strip_prefix(ICC) else {
            return;
        };
        let known = *self.count.get_or_insert(*count);
        let again = self.pieces.iter().any(|(n, _)| n == number);
        if known != *count || *number == 0 || number > count || again {
            self.damaged = true;
            return;
        }
        self.bytes_left = self.bytes_left.saturating_sub(piece.len() as u64);
        self.pieces.push((*number, piece.to_vec()));
    }

    /// The profile, if it is complete.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if self.damaged || self.pieces.len() != usize::from(self.count?) {
            return None;
        }
        self.pieces.sort_unstable_by_key(|(number, _)| *number);
        Some(
            self.pieces
                .into_iter()
                .flat_map(|(_, piece)| piece)
                .collect(),
        )
    }
}

/// All metadata in front of the first scan. Damage ends the search; what was found by then counts.
pub(super) fn read(input: &mut Input, limits: &Limits) -> Result<MetadataBlocks, Error> {
    let mut found = Found::new(limits.max_metadata_bytes);
    match collect(input, &mut found) {
        Ok(()) | Err(Error::Malformed { .. }) => Ok(found.finish()),
        Err(error) => Err(error),
    }
}

fn collect(input: &mut Input, found: &mut Found) -> Result<(), Error> {
    let mut segments = Segments::new(input)?;
    loop {
        let segment = segments.next()?;
        match segment.marker {
            SOS | EOI => return Ok(()),
            APP1 => found.app1(segments.rest()?),
            APP2 if found.icc.wants(segment.len) => found.icc.add(&segments.rest()?),
            APP13 => found.app13(&segments.rest()?),
            COM => found.comment(&segments.rest()?),
            _ => {}
        }
    }
}

struct Found {
    blocks: MetadataBlocks,
    icc: Icc,
    extension: Option<XmpExtension>,
    photoshop: Vec<u8>,
    text_bytes: u64,
    max_bytes: u64,
}

/// The part of an XMP packet that did not fit into one segment.
struct XmpExtension {
    guid: [u8; 32],
    len: usize,
    packet: Vec<u8>,
    received: usize,
}

impl Found {
    fn new(max_bytes: u64) -> Self {
        Self {
            blocks: MetadataBlocks::default(),
            icc: Icc::new(max_bytes),
            extension: None,
            photoshop: Vec::new(),
            text_bytes: 0,
            max_bytes,
        }
    }

    fn app1(&mut self, segment: Vec<u8>) {
        if segment.len() as u64 > self.max_bytes {
            return;
        }
        if let Some(exif) = segment.strip_prefix(EXIF) {
            self.blocks.exif.get_or_insert_with(|| exif.to_vec());
        } else if let Some(xmp) = segment.strip_prefix(XMP) {
            self.blocks.xmp.get_or_insert_with(|| xmp.to_vec());
        } else if let Some(piece) = segment.strip_prefix(XMP_EXTENSION) {
            self.xmp_extension(piece);
        }
    }

    fn xmp_extension(&mut self, piece: &[u8]) -> Option<()> {
        let (guid, rest) = piece.split_first_chunk::<32>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (offset, part) = rest.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*len);
        let offset = u32::from_be_bytes(*offset) as usize;
        if u64::from(len) > self.max_bytes {
            return None;
        }
        let extension = self.extension.get_or_insert_with(|| XmpExtension {
            guid: *guid,
            len: len as usize,
            packet: Vec::new(),
            received: 0,
        });
        let end = offset.checked_add(part.len())?;
        if extension.guid != *guid || end > extension.len {
            return None;
        }
        if end > extension.packet.len() {
            extension.packet.resize(end, 0);
        }
        extension.packet[offset..end].copy_from_slice(part);
        extension.received += part.len();
        Some(())
    }

    fn app13(&mut self, segment: &[u8]) {
        if let Some(resources) = segment.strip_prefix(PHOTOSHOP)
            && (self.photoshop.len() + resources.len()) as u64 <= self.max_bytes
        {
            self.photoshop.extend_from_slice(resources);
        }
    }

    fn comment(&mut self, text: &[u8]) {
        self.text_bytes += text.len() as u64;
        if self.text_bytes <= self.max_bytes {
            let text = String::from_utf8_lossy(text);
            let text = text.trim_end_matches('\0').to_owned();
            self.blocks.texts.push(("Comment".to_owned(), text));
        }
    }

    fn finish(mut self) -> MetadataBlocks {
        self.blocks.icc = self.icc.finish();
        self.blocks.iptc = iptc_of(&self.photoshop).map(<[u8]>::to_vec);
        if let (Some(xmp), Some(extension)) = (&self.blocks.xmp, &self.extension)
            && extension.received == extension.len
            && contains(xmp, &extension.guid)
            && let Some(joined) = join_xmp(xmp, &extension.packet)
        {
            self.blocks.xmp = Some(joined);
        }
        self.blocks
    }
}

/// The IPTC-IIM records among Photoshop's image resources.
fn iptc_of(mut resources: &[u8]) -> Option<&[u8]> {
    const IPTC: u16 = 0x0404;
    while let Some(rest) = resources.strip_prefix(b"8BIM") {
        let (id, rest) = rest.split_first_chunk::<2>()?;
        // A name with its length in front, both together of even length.
        let name_len = (usize::from(*rest.first()?) + 1).next_multiple_of(2);
        let (len, rest) = rest.get(name_len..)?.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*len) as usize;
        let data = rest.get(..len)?;
        if u16::from_be_bytes(*id) == IPTC {
            return Some(data);
        }
        resources = rest.get(len.next_multiple_of(2)..)?;
    }
    None
}

/// Puts the descriptions of an extension into the main packet, as the XMP specification (part 3, 1.1.3.1) has readers
/// do.
fn join_xmp(main: &[u8], extension: &[u8]) -> Option<Vec<u8>> {
    let main = std::str::from_utf8(main).ok()?;
    let extension = std::str::from_utf8(extension).ok()?;
    let open = extension.find("<rdf:RDF")?;
    let inner = open + extension[open..].find('>')? + 1;
    let inner = &extension[inner..extension.rfind("</rdf:RDF>")?.max(inner)];
    let at = main.rfind("</rdf:RDF>")?;
    Some([&main[..at], inner, &main[at..]].concat().into_bytes())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
