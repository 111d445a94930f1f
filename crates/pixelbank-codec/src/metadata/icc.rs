//! The name of an ICC profile (ICC.1:2022, sections 7 and 10.15; the older form from ICC.1:2001, 6.5.17).

/// The profile's description, in English if it has several.
pub(super) fn description(profile: &[u8]) -> Option<String> {
    let count = four(profile, 128)?.min(200) as usize;
    let entry = (0..count)
        .map(|index| 132 + index * 12)
        .find(|&entry| profile.get(entry..entry + 4) == Some(b"desc"))?;
    let start = four(profile, entry + 4)? as usize;
    let length = four(profile, entry + 8)? as usize;
    let tag = profile.get(start..start.checked_add(length)?)?;
    match tag.get(..4)? {
        b"desc" => {
            let length = four(tag, 8)? as usize;
            let text = tag.get(12..12usize.checked_add(length)?)?;
            let end = text.iter().position(|&byte| byte == 0);
            Some(super::text(&text[..end.unwrap_or(text.len())]))
        }
        b"mluc" => {
            let count = four(tag, 8)?.min(100) as usize;
            let record = |index: usize| tag.get(16 + index * 12..28 + index * 12);
            let english =
                (0..count).find(|&index| record(index).is_some_and(|r| r.starts_with(b"en")));
            let record = record(english.unwrap_or(0))?;
            let length = four(record, 4)? as usize;
            let start = four(record, 8)? as usize;
            let units = tag
                .get(start..start.checked_add(length)?)?
                .chunks_exact(2)
                .take(super::MAX_VALUE_BYTES / 2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .take_while(|&unit| unit != 0);
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

fn four(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
