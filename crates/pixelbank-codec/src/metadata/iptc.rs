//! IPTC-IIM (version 4.2): the records that agencies wrote before XMP, of which the second is about the picture.

use super::date::{Candidates, Source, from_iptc};
use super::{Group, MAX_VALUE_BYTES, Metadata, text};

/// Datasets that are looked at.
const MAX_DATASETS: usize = 1000;

pub(super) fn read(block: &[u8], metadata: &mut Metadata, dates: &mut Candidates) {
    let records = records_of(block);
    let mut keywords = String::new();
    let (mut day, mut time) = (None, None);
    for (dataset, value) in datasets(records).take(MAX_DATASETS) {
        let value = text(value);
        let (group, name) = match dataset {
            5 => (Group::Description, "Title"),
            25 => {
                if keywords.len() + value.len() < MAX_VALUE_BYTES {
                    if !keywords.is_empty() {
                        keywords.push_str(", ");
                    }
                    keywords.push_str(value.trim());
                }
                continue;
            }
            55 => {
                day = day.or(Some(value));
                continue;
            }
            60 => {
                time = time.or(Some(value));
                continue;
            }
            80 => (Group::Description, "Creator"),
            90 => (Group::Place, "City"),
            92 => (Group::Place, "Location"),
            95 => (Group::Place, "Province or state"),
            101 => (Group::Place, "Country"),
            105 => (Group::Description, "Headline"),
            110 => (Group::Description, "Credit"),
            115 => (Group::Description, "Source"),
            116 => (Group::Description, "Copyright"),
            120 => (Group::Description, "Caption"),
            _ => continue,
        };
        metadata.add(group, name, value);
    }
    metadata.add(Group::Description, "Keywords", keywords);
    if let Some(day) = day {
        dates.offer(Source::Created, from_iptc(&day, time.as_deref()));
    }
}

/// Number and data of every dataset of record 2. One that is cut off, or longer than 32 KiB, ends the list.
fn datasets(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let (&[mark, record, dataset, high, low], behind) = rest.split_first_chunk::<5>()?;
            let length = u16::from_be_bytes([high, low]);
            if mark != 0x1c || length & 0x8000 != 0 {
                return None;
            }
            let (value, behind) = behind.split_at_checked(length.into())?;
            rest = behind;
            if record == 2 {
                return Some((dataset, value));
            }
        }
    })
}

/// The records themselves, where the block is one of Photoshop's resources.
fn records_of(block: &[u8]) -> &[u8] {
    let resources = block.strip_prefix(b"Photoshop 3.0\0").unwrap_or(block);
    if !resources.starts_with(b"8BIM") {
        return block;
    }
    let mut rest = resources;
    while let Some(behind) = rest.strip_prefix(b"8BIM") {
        let found = || -> Option<(bool, &[u8], &[u8])> {
            let (id, behind) = behind.split_first_chunk::<2>()?;
            // A name with its length in front, both padded to an even number of bytes.
            let name = (usize::from(*behind.first()?) + 1).next_multiple_of(2);
            let (length, behind) = behind.get(name..)?.split_first_chunk::<4>()?;
            let length = u32::from_be_bytes(*length) as usize;
            let data = behind.get(..length)?;
            let next = behind.get(length.next_multiple_of(2)..).unwrap_or_default();
            Some((*id == [0x04, 0x04], data, next))
        };
        match found() {
            Some((true, data, _)) => return data,
            Some((false, _, next)) => rest = next,
            None => break,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(number: u8, value: &str) -> Vec<u8> {
        let mut bytes = vec![0x1c, 2, number];
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value.as_bytes());
        bytes
    }

    #[test]
    fn keywords_are_joined_and_the_city_is_a_place() {
        let iim = [
            dataset(25, "harbour"),
            dataset(25, "night"),
            dataset(90, "Stralsund"),
            dataset(55, "20240501"),
        ]
        .concat();
        let mut resource = b"Photoshop 3.0\08BIM\x04\x04\0\0".to_vec();
        resource.extend((iim.len() as u32).to_be_bytes());
        resource.extend(&iim);
        for block in [&iim, &resource] {
            let mut metadata = Metadata::default();
            let mut dates = Candidates::default();
            read(block, &mut metadata, &mut dates);
            let shown: Vec<_> = metadata
                .entries
                .iter()
                .map(|entry| (entry.group, entry.name.as_str(), entry.value.as_str()))
                .collect();
            assert_eq!(
                shown,
                [
                    (Group::Place, "City", "Stralsund"),
                    (Group::Description, "Keywords", "harbour, night"),
                ]
            );
            assert_eq!(dates.best().as_deref(), Some("2024-05-01T00:00:00"));
        }
    }
}
