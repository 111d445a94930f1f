//! What a ledger becomes in other forms is the same wherever it is made: `tests/data/ledger` is held against the page
//! and the Python package too.

use pixelbank_analyzer::{Snapshot, Table, View};
use serde_json::Value;

const LEDGER: &str = include_str!("../../../tests/data/ledger/ledger.json");
const SNAPSHOT: &str = include_str!("../../../tests/data/ledger/snapshot.json");
const CSV: &str = include_str!("../../../tests/data/ledger/ledger.csv");
const REFUSED: &str = include_str!("../../../tests/data/ledger/refused.json");

fn view() -> View {
    serde_json::from_str(LEDGER).expect("a view")
}

#[test]
fn the_ledger_is_what_a_server_gives() {
    let written = serde_json::to_value(view()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(LEDGER).unwrap());
}

#[test]
fn its_snapshot_is_that_of_the_page_and_of_python() {
    let snapshot = Snapshot::of(&view().ledger);
    let written: Value = serde_json::from_str(&snapshot.to_json()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(SNAPSHOT).unwrap());
    assert_eq!(Snapshot::from_json(SNAPSHOT).unwrap(), snapshot);
}

#[test]
fn what_is_no_snapshot_is_one_nowhere() {
    for text in serde_json::from_str::<Vec<String>>(REFUSED).unwrap() {
        assert!(Snapshot::from_json(&text).is_err(), "{text}");
    }
}

#[test]
fn its_lines_are_those_of_the_page_and_of_python() {
    assert_eq!(Table::of(&view().ledger).to_csv(), CSV);
}
