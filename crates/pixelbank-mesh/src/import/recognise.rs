use std::path::Path;

use super::input::Input;
use super::stl_binary::{HEADER_BYTES, RECORD_BYTES};
use crate::{Error, Format};

/// Bytes that recognition looks at.
const HEAD_BYTES: usize = 2048;

/// What an input is, by its content; OBJ, which begins with anything, also by its name.
pub(super) fn format(input: &Input) -> Result<Format, Error> {
    let mut head = [0; HEAD_BYTES];
    let n = input.read_at(0, &mut head).map_err(|source| Error::Io {
        name: input.name().to_owned(),
        source,
    })?;
    let head = &head[..n];
    let named = Format::of_path(Path::new(input.name()));
    by_content(head, input.len(), named).ok_or_else(|| Error::UnknownFormat {
        name: input.name().to_owned(),
    })
}

fn by_content(head: &[u8], len: u64, named: Option<Format>) -> Option<Format> {
    if head.starts_with(b"glTF") {
        return Some(Format::Glb);
    }
    if head.starts_with(b"ply\n") || head.starts_with(b"ply\r") {
        return Some(Format::Ply);
    }
    if head.starts_with(b"PK\x03\x04") {
        return Some(Format::ThreeMf);
    }
    // A header of 80 bytes may say anything, "solid" as well; a length that is exactly right says more.
    if claimed_faces(head).is_some_and(|n| HEADER_BYTES + n * RECORD_BYTES == len) {
        return Some(Format::StlBinary);
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let is_text = !head.contains(&0);
    if is_text && text.starts_with(b"{") {
        return Some(Format::Gltf);
    }
    if named == Some(Format::Obj) {
        return Some(Format::Obj);
    }
    let begins_as_solid = text
        .get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"solid"));
    let has = |words: &[&[u8]]| {
        words.iter().any(|word| {
            head.windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word))
        })
    };
    if is_text && (begins_as_solid || has(&[b"facet"])) && has(&[b"facet", b"endsolid"]) {
        return Some(Format::StlAscii);
    }
    match named {
        // One that ends early, or whose header lies.
        Some(Format::StlBinary) if len >= HEADER_BYTES && !(is_text && begins_as_solid) => {
            Some(Format::StlBinary)
        }
        // Text that breaks off within its first lines, or a solid without a facet.
        Some(Format::StlBinary) if begins_as_solid => Some(Format::StlAscii),
        // The parser of the format that it is named for says best what is wrong with it.
        Some(Format::Gltf) => Some(Format::Gltf),
        None if is_text && has(&[b"\nv ", b"\r\nv "]) && has(&[b"\nf ", b"\nvn ", b"\nv "]) => {
            Some(Format::Obj)
        }
        _ => None,
    }
}

fn claimed_faces(head: &[u8]) -> Option<u64> {
    let count = head.get(80..84)?;
    Some(u64::from(u32::from_le_bytes(count.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(header: &[u8], claimed: u32, n: usize) -> Vec<u8> {
        let mut bytes = vec![0; 84 + 50 * n];
        bytes[..header.len()].copy_from_slice(header);
        bytes[80..84].copy_from_slice(&claimed.to_le_bytes());
        bytes
    }

    #[test]
    fn content_decides_where_names_lie() {
        let stl = Some(Format::StlBinary);
        let check = |bytes: &[u8], named, expected| {
            let head = &bytes[..bytes.len().min(HEAD_BYTES)];
            assert_eq!(by_content(head, bytes.len() as u64, named), expected);
        };
        check(&binary(b"solid facet normal", 2, 2), None, stl);
        check(&binary(b"solid", 7, 2), stl, stl);
        check(&binary(b"made by", 7, 2), stl, stl);
        check(&binary(b"made by", 7, 2), None, None);
        check(
            b"SOLID a\r\nFACET NORMAL 0 0 1",
            stl,
            Some(Format::StlAscii),
        );
        check(
            b"\n  \n facet normal 0 0 1\nouter loop",
            None,
            Some(Format::StlAscii),
        );
        check(
            b"solid nothing\nendsolid nothing",
            None,
            Some(Format::StlAscii),
        );
        check(b"solid", stl, Some(Format::StlAscii));
        check(b"# a\nv 0 0 0\n", None, Some(Format::Obj));
        check(b"", Some(Format::Obj), Some(Format::Obj));
        check(b"ply\nformat", stl, Some(Format::Ply));
        check(b" {\"asset\":{}}", None, Some(Format::Gltf));
        check(b"GIF89a", None, None);
        check(b"", stl, None);
    }
}
