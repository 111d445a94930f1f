use std::collections::BTreeMap;
use std::fmt::{self, Write};

use pixelbank_memory::{Ledger, TypeRow, format_bytes};

use crate::beside::beside_the_books;

/// Where resident memory is, as a tree: what is on the books by account, type and owner, and what is beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    root: Node,
    others: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    name: String,
    amount: u64,
    is_counted: bool,
    /// How many objects, at the ends of branches.
    count: Option<u64>,
    parts: Vec<Self>,
}

impl Node {
    fn new(name: &str, parts: Vec<Self>) -> Self {
        let mut node = Self {
            name: name.to_owned(),
            amount: parts.iter().map(|part| part.amount).sum(),
            is_counted: parts.first().is_some_and(|part| part.is_counted),
            count: None,
            parts,
        };
        node.parts
            .sort_by_key(|part| std::cmp::Reverse(part.amount));
        node
    }

    fn end(name: &str, amount: u64) -> Self {
        Self {
            name: name.to_owned(),
            amount,
            is_counted: false,
            count: None,
            parts: Vec::new(),
        }
    }

    /// The rows of one resource, by account, type and owner.
    fn of_rows<'a>(name: &str, rows: impl Iterator<Item = &'a TypeRow>) -> Self {
        let mut accounts: BTreeMap<&str, BTreeMap<&str, Vec<Self>>> = BTreeMap::new();
        for row in rows.filter(|row| row.live_bytes > 0) {
            let owner = match row.owner.as_str() {
                "" => "(nobody named)",
                owner => owner,
            };
            let mut end = Self::end(owner, row.live_bytes);
            end.count = Some(row.count);
            end.is_counted = row.resource == "files";
            let account = accounts.entry(row.account.name()).or_default();
            account.entry(&row.kind).or_default().push(end);
        }
        let accounts = accounts.into_iter().map(|(account, kinds)| {
            let kinds = kinds.into_iter().map(|(kind, ends)| Self::new(kind, ends));
            Self::new(account, kinds.collect())
        });
        Self::new(name, accounts.collect())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, whole: u64, lead: &str, next: &str) -> fmt::Result {
        let amount = match self.is_counted {
            true => self.amount.to_string(),
            false => format_bytes(self.amount),
        };
        let share = self.amount as f64 * 100.0 / whole.max(1) as f64;
        write!(f, "{lead}{amount} ({share:.1} %) ── {}", self.name)?;
        match self.count {
            Some(count) => writeln!(f, " [{count}]")?,
            None => f.write_char('\n')?,
        }
        for (number, part) in self.parts.iter().enumerate() {
            let (fork, below) = match number + 1 == self.parts.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            part.write(
                f,
                whole,
                &format!("{next}{fork}"),
                &format!("{next}{below}"),
            )?;
        }
        Ok(())
    }
}

impl Tree {
    /// Of a ledger.
    pub fn of(ledger: &Ledger) -> Self {
        let process = &ledger.process;
        let on_host = ledger.types.iter().filter(|row| row.resource == "host");
        let mut parts = vec![Node::of_rows("on the books", on_host)];
        let beside = beside_the_books(ledger);
        let ends = |resource: &str| -> Vec<Node> {
            let of_it = beside.iter().filter(|part| part.resource == resource);
            of_it.map(|part| Node::end(part.name, part.bytes)).collect()
        };
        parts.extend(ends("host"));
        let mut root = Node::new("resident", parts);
        // What is on the books and was never touched is not resident, so that the parts may be more than the whole.
        root.amount = process.resident_bytes;
        let others = ["disk".to_owned(), "files".to_owned()];
        let devices = ledger
            .devices
            .iter()
            .map(|row| format!("device {}", row.device));
        let others = others.into_iter().chain(devices).filter_map(|resource| {
            let rows = ledger.types.iter().filter(|row| row.resource == resource);
            let node = match ends(&resource) {
                none if none.is_empty() => Node::of_rows(&resource, rows),
                mut parts => {
                    parts.push(Node::of_rows("on the books", rows));
                    Node::new(&resource, parts)
                }
            };
            (node.amount > 0).then_some(node)
        });
        Self {
            root,
            others: others.collect(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in std::iter::once(&self.root).chain(&self.others) {
            node.write(f, node.amount, "", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::{Account, Bank, Resource};

    use super::*;

    #[test]
    fn branches_are_sums_of_what_is_behind_them() {
        let bank = Bank::builder().host_bytes(1 << 30).build().unwrap();
        let hold = |account, kind, owner, mib: u64| {
            let holder = bank.holder(account, kind, owner);
            holder.try_reserve(mib << 20).unwrap()
        };
        let _held = [
            hold(Account::Tiles, "tile", "photos", 30),
            hold(Account::Tiles, "tile", "textures", 20),
            hold(Account::Tiles, "pass", "photos", 10),
            hold(Account::Pool, "tensor", "", 5),
        ];
        let files = bank.holder_of(Resource::Files, Account::Descriptors, "open file", "photos");
        let _open = files.unwrap().try_reserve(7).unwrap();
        let mut ledger = bank.ledger();
        ledger.process.resident_bytes = 100 << 20;
        ledger.process.file_bytes = 25 << 20;
        ledger.process.unclassified_bytes = 10 << 20;
        let expected = "\
100 MiB (100.0 %) ── resident
├─ 65 MiB (65.0 %) ── on the books
│  ├─ 60 MiB (60.0 %) ── tiles
│  │  ├─ 50 MiB (50.0 %) ── tile
│  │  │  ├─ 30 MiB (30.0 %) ── photos [1]
│  │  │  └─ 20 MiB (20.0 %) ── textures [1]
│  │  └─ 10 MiB (10.0 %) ── pass
│  │     └─ 10 MiB (10.0 %) ── photos [1]
│  └─ 5 MiB (5.0 %) ── pool
│     └─ 5 MiB (5.0 %) ── tensor
│        └─ 5 MiB (5.0 %) ── (nobody named) [1]
├─ 25 MiB (25.0 %) ── mapped files
└─ 10 MiB (10.0 %) ── unclassified
7 (100.0 %) ── files
└─ 7 (100.0 %) ── descriptors
   └─ 7 (100.0 %) ── open file
      └─ 7 (100.0 %) ── photos [1]
";
        assert_eq!(Tree::of(&ledger).to_string(), expected);
    }
}
