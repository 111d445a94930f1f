//! The container of AVIF and HEIF (ISO/IEC 23008-12): which items a file has, where their bytes lie, and what is said of
//! them. Read by seeking: of the pixels nothing is read, and the description is bounded before it is.

#[cfg(feature = "avif")]
mod boxes;
#[cfg(feature = "avif")]
mod items;

#[cfg(feature = "avif")]
pub(crate) use items::{Color, Container, Item, Nclx, Property, read_parts};

/// The brands in the first bytes of a file, if it begins with a list of them: the major one first.
pub(crate) fn brands(head: &[u8]) -> impl Iterator<Item = &[u8; 4]> {
    let is_list = head.get(4..8) == Some(b"ftyp");
    let length = match head.first_chunk::<4>() {
        Some(length) if is_list => u32::from_be_bytes(*length) as usize,
        _ => 0,
    };
    let list = head.get(8..length.min(head.len())).unwrap_or_default();
    let (brands, _) = list.as_chunks::<4>();
    // The second of them is a version.
    brands
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, brand)| brand)
}
