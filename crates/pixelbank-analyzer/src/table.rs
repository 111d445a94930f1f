use std::cmp::Ordering;
use std::fmt;

use comfy_table::{CellAlignment, presets};
use pixelbank_memory::{Ledger, format_bytes};
use serde::Serialize;

use crate::beside::beside_the_books;

/// One line of a [`Table`]: a type of one owner, or a part of what is resident, or held on a device, beside the books.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The account, or nothing for what is on no account.
    pub account: &'static str,
    /// What kind of object.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose.
    pub owner: String,
    /// What it occupies: `host`, `disk`, `files` (counted), `device 0`.
    pub resource: String,
    /// Objects.
    pub count: u64,
    /// Bytes now.
    pub bytes: u64,
    /// Of what is resident, or of all that is held of its resource.
    pub share: f64,
    /// The most bytes at once.
    pub peak_bytes: u64,
    /// Of its bytes, those that serve for nothing.
    pub wasted_bytes: u64,
    /// Bytes more in a minute.
    pub growth_bytes_per_minute: Option<i64>,
    /// Of its objects, those that were made since the last mark.
    pub since_mark_count: Option<u64>,
    /// Of its bytes, those that were taken since the last mark.
    pub since_mark_bytes: Option<u64>,
}

/// The heads of the comma-separated values: of the page's and of the Python package's as well.
const CSV_HEAD: [&str; 13] = [
    "account",
    "type",
    "owner",
    "resource",
    "count",
    "live_bytes",
    "average_bytes",
    "share",
    "peak_bytes",
    "wasted_bytes",
    "growth_bytes_per_minute",
    "since_mark_count",
    "since_mark_bytes",
];

impl Row {
    /// Bytes an object.
    pub fn average_bytes(&self) -> u64 {
        self.bytes / self.count.max(1)
    }

    /// What stands in a column, for people.
    pub fn cell(&self, column: Column) -> String {
        let is_counted = self.resource == "files";
        let amount = |bytes: u64| match bytes {
            bytes if is_counted => bytes.to_string(),
            bytes => format_bytes(bytes),
        };
        match column {
            Column::Account => self.account.to_owned(),
            Column::Type => self.kind.clone(),
            Column::Owner => self.owner.clone(),
            Column::Resource => self.resource.clone(),
            Column::Count if self.count == 0 && self.account.is_empty() => String::new(),
            Column::Count => self.count.to_string(),
            Column::Bytes => amount(self.bytes),
            Column::Share => format!("{:.1} %", self.share * 100.0),
            Column::Average if self.count == 0 => String::new(),
            Column::Average => amount(self.average_bytes()),
            Column::Peak if self.account.is_empty() => String::new(),
            Column::Peak => amount(self.peak_bytes),
            Column::Wasted if self.wasted_bytes == 0 => String::new(),
            Column::Wasted => amount(self.wasted_bytes),
            Column::Growth => self
                .growth_bytes_per_minute
                .filter(|growth| *growth != 0)
                .map_or_else(String::new, |growth| match growth {
                    growth if is_counted => format!("{growth:+}"),
                    growth => signed_bytes(growth),
                }),
            Column::SinceMark => self.since_mark_bytes.map_or_else(String::new, amount),
        }
    }

    /// What stands in each column of comma-separated values. What makes no sense for memory beside the books is empty.
    fn csv_cells(&self) -> [String; 13] {
        let is_booked = !self.account.is_empty();
        let figure = |value: Option<u64>| value.map_or_else(String::new, |n| n.to_string());
        let booked = |value: u64| figure(is_booked.then_some(value));
        // Halves are rounded up before they become text: languages differ in what they do with them.
        let share = (self.share * 1e6 + 0.5).floor() / 1e6;
        [
            for_spreadsheets(self.account),
            for_spreadsheets(&self.kind),
            for_spreadsheets(&self.owner),
            self.resource.clone(),
            booked(self.count),
            self.bytes.to_string(),
            figure(self.bytes.checked_div(self.count)),
            format!("{share:.6}"),
            booked(self.peak_bytes),
            booked(self.wasted_bytes),
            self.growth_bytes_per_minute
                .map_or_else(String::new, |n| n.to_string()),
            figure(self.since_mark_count),
            figure(self.since_mark_bytes),
        ]
    }

    fn compare(&self, other: &Self, column: Column) -> Ordering {
        match column {
            Column::Account => self.account.cmp(other.account),
            Column::Type => self.kind.cmp(&other.kind),
            Column::Owner => self.owner.cmp(&other.owner),
            Column::Resource => self.resource.cmp(&other.resource),
            Column::Count => other.count.cmp(&self.count),
            Column::Bytes => other.bytes.cmp(&self.bytes),
            Column::Share => other.share.total_cmp(&self.share),
            Column::Average => other.average_bytes().cmp(&self.average_bytes()),
            Column::Peak => other.peak_bytes.cmp(&self.peak_bytes),
            Column::Wasted => other.wasted_bytes.cmp(&self.wasted_bytes),
            Column::Growth => other
                .growth_bytes_per_minute
                .cmp(&self.growth_bytes_per_minute),
            Column::SinceMark => other.since_mark_bytes.cmp(&self.since_mark_bytes),
        }
    }
}

/// A column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The account.
    Account,
    /// What kind of object.
    Type,
    /// Whose.
    Owner,
    /// What it occupies.
    Resource,
    /// Objects.
    Count,
    /// Bytes now.
    Bytes,
    /// Of what is resident.
    Share,
    /// Bytes an object.
    Average,
    /// The most bytes at once.
    Peak,
    /// Bytes that serve for nothing.
    Wasted,
    /// Bytes more in a minute.
    Growth,
    /// Bytes taken since the last mark.
    SinceMark,
}

impl Column {
    /// All, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Account,
        Self::Type,
        Self::Owner,
        Self::Resource,
        Self::Count,
        Self::Bytes,
        Self::Share,
        Self::Average,
        Self::Peak,
        Self::Wasted,
        Self::Growth,
        Self::SinceMark,
    ];

    /// Its heading, and its name where somebody chooses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Type => "type",
            Self::Owner => "owner",
            Self::Resource => "resource",
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Share => "share",
            Self::Average => "average",
            Self::Peak => "peak",
            Self::Wasted => "wasted",
            Self::Growth => "growth",
            Self::SinceMark => "since-mark",
        }
    }

    /// Whether it holds text, which begins at the left and is sorted upwards.
    pub const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Account | Self::Type | Self::Owner | Self::Resource
        )
    }
}

/// Who holds what, in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The rows, those that hold something now.
    pub rows: Vec<Row>,
    /// Those that hold nothing any more, of which the peak is left.
    past: Vec<Row>,
    sorted: (Column, bool),
    has_mark: bool,
}

impl Table {
    /// Of a ledger: every type that holds something, and what is resident beside the books, the largest first.
    pub fn of(ledger: &Ledger) -> Self {
        let mut whole = std::collections::BTreeMap::new();
        for row in &ledger.types {
            *whole.entry(row.resource.as_str()).or_insert(0) += row.live_bytes;
        }
        let beside = beside_the_books(ledger);
        for part in &beside {
            *whole.entry(part.resource.as_str()).or_insert(0) += part.bytes;
        }
        whole.insert("host", ledger.process.resident_bytes);
        let share = |resource: &str, bytes: u64| {
            bytes as f64 / whole.get(resource).copied().unwrap_or(0).max(1) as f64
        };
        let (mut rows, past): (Vec<Row>, Vec<Row>) = ledger
            .types
            .iter()
            .map(|row| Row {
                account: row.account.name(),
                kind: row.kind.clone(),
                owner: row.owner.clone(),
                resource: row.resource.clone(),
                count: row.count,
                bytes: row.live_bytes,
                share: share(&row.resource, row.live_bytes),
                peak_bytes: row.peak_bytes,
                wasted_bytes: row.wasted_bytes,
                growth_bytes_per_minute: row.growth_bytes_per_minute,
                since_mark_count: row.since_mark.map(|since| since.count),
                since_mark_bytes: row.since_mark.map(|since| since.live_bytes),
            })
            .partition(|row| row.bytes > 0);
        rows.extend(beside.iter().map(|part| Row {
            account: "",
            kind: part.name.to_owned(),
            owner: String::new(),
            resource: part.resource.clone(),
            count: 0,
            bytes: part.bytes,
            share: share(&part.resource, part.bytes),
            peak_bytes: 0,
            wasted_bytes: 0,
            growth_bytes_per_minute: None,
            since_mark_count: None,
            since_mark_bytes: None,
        }));
        let mut table = Self {
            rows,
            past,
            sorted: (Column::Bytes, false),
            has_mark: ledger.mark.is_some(),
        };
        table.sort(Column::Bytes, false);
        table
    }

    /// Sorts by a column: texts upwards, figures downwards, or the other way round. Equal rows keep their order.
    pub fn sort(&mut self, column: Column, is_reversed: bool) {
        self.sorted = (column, is_reversed);
        self.rows.sort_by(|a, b| in_order(a, b, self.sorted));
    }

    /// The columns that say something for these rows.
    pub fn columns(&self) -> Vec<Column> {
        let any = |column: Column| self.rows.iter().any(|row| !row.cell(column).is_empty());
        Column::ALL
            .into_iter()
            .filter(|column| match column {
                Column::Wasted | Column::Growth => any(*column),
                Column::Resource => self.rows.iter().any(|row| row.resource != "host"),
                Column::SinceMark => self.has_mark,
                _ => true,
            })
            .collect()
    }

    /// As comma-separated values, figures in bytes, all columns; and with what holds nothing any more, for its peak.
    pub fn to_csv(&self) -> String {
        let mut rows: Vec<&Row> = self.rows.iter().chain(&self.past).collect();
        rows.sort_by(|a, b| in_order(a, b, self.sorted));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: &[String]| {
            writer
                .write_record(record)
                .expect("writing to memory cannot fail");
        };
        write(&CSV_HEAD.map(str::to_owned));
        rows.iter().for_each(|row| write(&row.csv_cells()));
        let bytes = writer.into_inner().expect("writing to memory cannot fail");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn in_order(a: &Row, b: &Row, (column, is_reversed): (Column, bool)) -> Ordering {
    let order = a.compare(b, column);
    if is_reversed { order.reverse() } else { order }
}

/// Names come from files: a spreadsheet would take one like `=HYPERLINK(…)` for a formula and follow it.
fn for_spreadsheets(name: &str) -> String {
    match name.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let rows = self
            .rows
            .iter()
            .map(|row| columns.iter().map(|column| row.cell(*column)));
        f.write_str(&plain(
            columns.iter().map(|column| column.name()),
            rows,
            |column| columns[column].is_text(),
        ))
    }
}

/// Columns of text without lines around them; those that `is_text` begin at the left, the others end at the right.
pub(crate) fn plain<'a, R: IntoIterator<Item = String>>(
    head: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = R>,
    is_text: impl Fn(usize) -> bool,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if !is_text(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// `+1.5 MiB`, `-20 B`.
pub(crate) fn signed_bytes(bytes: i64) -> String {
    let sign = if bytes < 0 { '-' } else { '+' };
    format!("{sign}{}", format_bytes(bytes.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank, Resource};

    use super::*;

    #[test]
    fn rows_are_sorted_shown_and_written_for_programs() {
        let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
        let holder = bank.holder(Account::Tiles, "tile", "a, \"b\"");
        let mut many: Vec<_> = (0..100)
            .map(|_| holder.try_reserve(1 << 20).unwrap())
            .collect();
        many[0].set_wasted(2048);
        let _one = bank
            .holder(Account::Bitmaps, "bitmap", "scene")
            .try_reserve(300 << 20)
            .unwrap();
        let _file = bank
            .holder_of(Resource::Files, Account::Descriptors, "open file", "scene")
            .unwrap()
            .try_reserve(3)
            .unwrap();
        bank.mark();
        let _new = holder.try_reserve(1 << 20).unwrap();
        let mut table = Table::of(&bank.ledger());
        let names = |table: &Table| -> Vec<String> {
            let booked = table.rows.iter().filter(|row| !row.account.is_empty());
            booked.map(|row| row.kind.clone()).collect()
        };
        assert_eq!(names(&table), ["bitmap", "tile", "open file"]);
        assert!(table.rows.iter().any(|row| row.kind == "mapped files"));
        table.sort(Column::Count, false);
        assert_eq!(names(&table), ["tile", "bitmap", "open file"]);
        table.sort(Column::Type, true);
        assert_eq!(names(&table), ["tile", "open file", "bitmap"]);
        let text = table.to_string();
        let line = |name: &str| {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
            let line = text.lines().find(|line| line.contains(name));
            line.map(words).unwrap_or_else(Vec::<String>::new)
        };
        assert_eq!(
            line("account")[..5],
            ["account", "type", "owner", "resource", "count"]
        );
        // A mark was set, so the last column says what came since.
        assert_eq!(line("\"b\"").last().map(String::as_str), Some("MiB"));
        assert!(text.contains("2 KiB"), "what is wasted: {text}");
        assert!(
            line("open file").contains(&"3".to_owned()),
            "files are counted, not bytes"
        );
        let csv = table.to_csv();
        assert!(csv.starts_with("account,type,owner,resource,count,live_bytes,"));
        let quoted = "tiles,tile,\"a, \"\"b\"\"\",host,101,105906176,";
        assert!(csv.contains(quoted), "{csv}");
    }
}
