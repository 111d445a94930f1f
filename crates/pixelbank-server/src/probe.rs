//! Reads an image's header for the list: size as seen, and date.

use std::ffi::OsStr;
use std::sync::Arc;

use pixelbank_codec::{Limits, captured_and_orientation};
use pixelbank_memory::{Account, Bank, Holder};

use crate::library::{Captured, Outcome};
use crate::paths::Root;
use crate::scan::Probe;
use crate::server::open_input;

/// Longer blocks of metadata are passed over: dates stand in short ones.
const MAX_METADATA_BYTES: u64 = 1 << 20;

/// What reading a header takes at most: buffers, tables of tiles, and the blocks of metadata.
const PROBE_BYTES: u64 = 3 << 20;

/// A reader of headers below `root`.
pub(crate) fn probe(root: &Arc<Root>, bank: &Bank) -> Box<Probe> {
    let root = root.clone();
    let holder = bank.holder(Account::Scratch, "reading headers", "");
    let limits = Limits {
        max_metadata_bytes: MAX_METADATA_BYTES,
        ..Limits::default()
    };
    Box::new(move |path| {
        let _paid = paid(&holder);
        probe_one(&root, path, &limits).unwrap_or_else(|error| Outcome::Broken(error.to_string()))
    })
}

/// The list must become whole however short memory is, and a few megabytes come back at once.
fn paid(holder: &Holder) -> pixelbank_memory::Reservation {
    holder
        .try_reserve(PROBE_BYTES)
        .unwrap_or_else(|_| holder.overdraw(PROBE_BYTES))
}

fn probe_one(
    root: &Root,
    path: &OsStr,
    limits: &Limits,
) -> Result<Outcome, pixelbank_codec::Error> {
    let mut decoder = pixelbank_codec::open(open_input(root, path)?, limits)?;
    let spec = &decoder.info().subimages[0];
    let size = spec.orientation.displayed(spec.size());
    // A picture whose metadata cannot be read is still a picture.
    let captured = decoder
        .metadata()
        .ok()
        .and_then(|blocks| captured_and_orientation(&blocks).0)
        .and_then(|date| parse_date(&date));
    Ok(Outcome::Readable { size, captured })
}

/// `2024-05-01T12:33:00`, whatever follows.
fn parse_date(text: &str) -> Option<Captured> {
    let (date, time) = text.split_once('T')?;
    let mut parts = date
        .splitn(3, '-')
        .chain(time.get(..8)?.splitn(3, ':'))
        .map(|part| part.parse::<u16>().ok());
    let mut parts = || parts.next()?;
    Captured::new([parts()?, parts()?, parts()?, parts()?, parts()?, parts()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_what_follows() {
        for text in [
            "2024-05-01T12:33:09",
            "2024-05-01T12:33:09+02:00",
            "2024-05-01T12:33:09.25Z",
        ] {
            let date = parse_date(text).map(|date| date.to_string());
            assert_eq!(date.as_deref(), Some("2024-05-01T12:33:09"), "{text}");
        }
        for text in [
            "",
            "2024-05-01",
            "2024-05-01T12:33",
            "yesterdayTnoonnoon",
            "2024-05T12:33:09",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
