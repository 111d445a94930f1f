use super::directory::{Directory, Order, Source};
use super::entries::{Entry, Layout};
use super::page::{optional, tag};
use crate::{Error, Limits, MetadataBlocks};

/// Fields of the first directory that belong to EXIF, beside the two sub-directories.
pub(super) const EXIF_FIELDS: [u16; 12] = [
    tag::IMAGE_DESCRIPTION,
    tag::MAKE,
    tag::MODEL,
    tag::ORIENTATION,
    tag::X_RESOLUTION,
    tag::Y_RESOLUTION,
    tag::RESOLUTION_UNIT,
    tag::SOFTWARE,
    tag::DATE_TIME,
    tag::ARTIST,
    tag::HOST_COMPUTER,
    tag::COPYRIGHT,
];

const TEXTS: [(u16, &str); 9] = [
    (tag::IMAGE_DESCRIPTION, "ImageDescription"),
    (tag::MAKE, "Make"),
    (tag::MODEL, "Model"),
    (tag::PAGE_NAME, "PageName"),
    (tag::SOFTWARE, "Software"),
    (tag::DATE_TIME, "DateTime"),
    (tag::ARTIST, "Artist"),
    (tag::HOST_COMPUTER, "HostComputer"),
    (tag::COPYRIGHT, "Copyright"),
];

/// The pointer to interoperability data and the notes of the maker, which refer to places in the original file.
pub(super) const NOT_COPIED: [u16; 2] = [40965, 37500];

/// Longer values of EXIF fields are left out; real ones are short.
const MAX_VALUE_BYTES: u64 = 64 << 10;

/// The metadata of the page whose directory lies at `at`.
pub(super) fn read(source: &mut Source, at: u64, limits: &Limits) -> Result<MetadataBlocks, Error> {
    let directory = source.directory(at)?;
    let max = limits.max_metadata_bytes;
    let mut block = |tag| match directory.get(tag) {
        Some(field) => source.raw(field, max),
        None => Ok(None),
    };
    let (xmp, iptc, icc) = (block(tag::XMP)?, block(tag::IPTC)?, block(tag::ICC)?);
    let mut texts = Vec::new();
    for (tag, name) in TEXTS {
        let Some(field) = directory.get(tag).filter(|field| field.kind == 2) else {
            continue;
        };
        let Some(bytes) = source.raw(field, max)? else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(['\0', ' ', '\n']);
        if !text.is_empty() {
            texts.push((name.to_owned(), text.to_owned()));
        }
    }
    Ok(MetadataBlocks {
        exif: exif(source, &directory, max)?,
        xmp,
        iptc,
        icc,
        texts,
    })
}

/// The EXIF fields of the file as a small TIFF structure of their own: handing over the whole file would take memory
/// for all of its pixels.
fn exif(source: &mut Source, directory: &Directory, max: u64) -> Result<Option<Vec<u8>>, Error> {
    let layout = Layout {
        order: source.order,
        big: false,
    };
    let mut block = match source.order {
        Order::Little => b"II\x2a\0\0\0\0\0".to_vec(),
        Order::Big => b"MM\0\x2a\0\0\0\0".to_vec(),
    };
    let mut first = copy_fields(source, directory, |tag| EXIF_FIELDS.contains(&tag))?;
    for pointer in [tag::EXIF_IFD, tag::GPS_IFD] {
        let Ok(Some(at)) = optional(source, directory, pointer) else {
            continue;
        };
        let Ok(sub) = source.directory(at) else {
            continue;
        };
        let entries = copy_fields(source, &sub, |tag| !NOT_COPIED.contains(&tag))?;
        let mut place = [0; 4];
        layout.put(block.len() as u64, &mut place);
        block.extend(layout.directory(entries, block.len() as u64, 0));
        first.push(Entry {
            tag: pointer,
            kind: 4,
            count: 1,
            values: place.to_vec(),
        });
    }
    if first.is_empty() {
        return Ok(None);
    }
    let at = block.len() as u64;
    layout.put(at, &mut block[4..8]);
    block.extend(layout.directory(first, at, 0));
    Ok(Some(block).filter(|block| block.len() as u64 <= max))
}

/// The fields of `directory` that are wanted, with their values in the order of bytes of the file.
pub(super) fn copy_fields(
    source: &mut Source,
    directory: &Directory,
    wanted: impl Fn(u16) -> bool,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for field in &directory.fields {
        // The 64-bit types are none of EXIF's.
        if !wanted(field.tag) || field.kind >= 16 {
            continue;
        }
        if let Some(values) = source.raw(field, MAX_VALUE_BYTES)? {
            entries.push(Entry {
                tag: field.tag,
                kind: field.kind,
                count: field.count,
                values,
            });
        }
    }
    Ok(entries)
}
