use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pixelbank_memory::{Ledger, TypeRow, format_bytes};
use serde::{Deserialize, Serialize};

use crate::table::{plain, signed_bytes};

/// Counts and bytes by type at one moment: to be compared, and kept as JSON. Python's `pixelbank.analyzer` and the web page
/// write and read the same form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    form: u32,
    /// Seconds since 1970.
    pub time_s: f64,
    /// Count and bytes of each type.
    pub types: BTreeMap<String, (u64, u64)>,
}

/// Why a text is no snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It is something else.
    #[error("this is no snapshot: {0}")]
    NotOne(#[from] serde_json::Error),
    /// It comes from another version.
    #[error("a snapshot of form {0}; form {FORM} is understood")]
    OtherForm(u64),
}

const FORM: u32 = 1;

fn name(row: &TypeRow) -> String {
    let TypeRow {
        account,
        kind,
        owner,
        resource,
        ..
    } = row;
    match resource.as_str() {
        "host" => format!("{account}/{kind} of {owner}"),
        _ => format!("{account}/{kind} of {owner} ({resource})"),
    }
}

impl Snapshot {
    /// What a ledger holds.
    pub fn of(ledger: &Ledger) -> Self {
        let mut types = BTreeMap::new();
        let held = |row: &&TypeRow| row.count > 0 || row.live_bytes > 0;
        for row in ledger.types.iter().filter(held) {
            // Two kinds may have one name, put together.
            let (count, bytes): &mut (u64, u64) = types.entry(name(row)).or_default();
            *count += row.count;
            *bytes += row.live_bytes;
        }
        Self {
            form: FORM,
            time_s: ledger.time_ms as f64 / 1000.0,
            types,
        }
    }

    /// As text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("maps of texts and numbers can be written")
    }

    /// From text.
    ///
    /// # Errors
    /// [`SnapshotError`] for what is none, or of another version.
    pub fn from_json(text: &str) -> Result<Self, SnapshotError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        match value.get("form").and_then(serde_json::Value::as_u64) {
            Some(form) if form != u64::from(FORM) => Err(SnapshotError::OtherForm(form)),
            _ => Ok(serde_json::from_value(value)?),
        }
    }
}

/// What is different in the later of two snapshots.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Seconds from the one to the other.
    pub seconds: f64,
    /// What changed, the largest growth first.
    pub changes: Vec<Change>,
}

/// By how much a type grew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which type.
    pub name: String,
    /// Objects more.
    pub count: i64,
    /// Bytes more.
    pub bytes: i64,
}

impl Change {
    /// Whether its `bytes` are open files rather than bytes.
    fn is_counted(&self) -> bool {
        self.name.ends_with(" (files)")
    }
}

impl Diff {
    /// What grew and shrank from `before` to `after`.
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let names: BTreeSet<_> = before.types.keys().chain(after.types.keys()).collect();
        let mut changes: Vec<Change> = names
            .into_iter()
            .filter_map(|name| {
                let of = |snapshot: &Snapshot| snapshot.types.get(name).copied().unwrap_or((0, 0));
                let (earlier, later) = (of(before), of(after));
                (earlier != later).then(|| Change {
                    name: name.clone(),
                    count: later.0.wrapping_sub(earlier.0) as i64,
                    bytes: later.1.wrapping_sub(earlier.1) as i64,
                })
            })
            .collect();
        changes.sort_by_key(|change| std::cmp::Reverse(change.bytes));
        Self {
            seconds: after.time_s - before.time_s,
            changes,
        }
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return write!(f, "Nothing changed in {:.0} s.", self.seconds);
        }
        let per_minute = |bytes: i64| (bytes as f64 * 60.0 / self.seconds.max(1.0)) as i64;
        let rows = self.changes.iter().map(|change| {
            let amount = |amount: i64| match change.is_counted() {
                true => format!("{amount:+}"),
                false => signed_bytes(amount),
            };
            [
                change.name.clone(),
                format!("{:+}", change.count),
                amount(change.bytes),
                amount(per_minute(change.bytes)),
            ]
        });
        let in_bytes = self.changes.iter().filter(|change| !change.is_counted());
        let total: i64 = in_bytes.map(|change| change.bytes).sum();
        let sign = if total < 0 { "less" } else { "more" };
        writeln!(
            f,
            "{} {sign} after {:.0} s",
            format_bytes(total.unsigned_abs()),
            self.seconds
        )?;
        f.write_str(&plain(
            ["type", "count", "bytes", "a minute"],
            rows,
            |column| column == 0,
        ))
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank, Resource};

    use super::*;

    #[test]
    fn what_grew_and_shrank_between_two_moments_is_told() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let tiles = bank.holder(Account::Tiles, "tile", "cache");
        let files = bank
            .holder_of(Resource::Files, Account::Descriptors, "file", "cache")
            .unwrap();
        let first = tiles.try_reserve(1000).unwrap();
        let _same = files.try_reserve(1).unwrap();
        let mut before = Snapshot::of(&bank.ledger());
        drop(first);
        let _second = files.try_reserve(2).unwrap();
        let mut after = Snapshot::of(&bank.ledger());
        (before.time_s, after.time_s) = (100.0, 130.0);
        let read = Snapshot::from_json(&before.to_json()).unwrap();
        assert_eq!(read, before);
        let diff = Diff::between(&read, &after);
        let change = |name: &str, count, bytes| Change {
            name: name.into(),
            count,
            bytes,
        };
        let expected = [
            change("descriptors/file of cache (files)", 1, 2),
            change("tiles/tile of cache", -1, -1000),
        ];
        assert_eq!(
            (diff.changes.as_slice(), diff.seconds),
            (&expected[..], 30.0)
        );
        let text = diff.to_string();
        assert!(
            text.contains("-1000 B") && text.contains("-2 KiB"),
            "{text}"
        );
        assert!(text.starts_with("1000 B less after 30 s"), "{text}");
        let none = Diff::between(&after, &after).to_string();
        assert_eq!(none, "Nothing changed in 0 s.");
    }

    #[test]
    fn what_is_no_snapshot_is_refused_with_a_reason() {
        let refusal = |text: &str| Snapshot::from_json(text).unwrap_err().to_string();
        let later = r#"{"form": 7, "time_s": 1.0, "types": {}}"#;
        assert_eq!(refusal(later), "a snapshot of form 7; form 1 is understood");
        for text in [
            "",
            "[]",
            "{}",
            r#"{"form":1,"time_s":"x","types":{}}"#,
            r#"{"form":1,"time_s":1,"types":{"a":[-1,2]}}"#,
        ] {
            assert!(refusal(text).starts_with("this is no snapshot"), "{text}");
        }
    }
}
