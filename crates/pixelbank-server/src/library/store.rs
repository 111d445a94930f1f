use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use pixelbank_image::Size;

use super::{Found, Listed, ScanState};
use crate::paths::Identity;

/// When a photograph was taken, by the clock of the camera: no time zone is known.
///
/// Held as the decimal number `YYYYMMDDhhmmss`, which sorts and prints as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Captured(u64);

impl Captured {
    /// Year, month, day, hour, minute, second; `None` where they are no date.
    pub fn new([year, month, day, hour, minute, second]: [u16; 6]) -> Option<Self> {
        let is_date = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let join = |whole: u64, part: u16| whole * 100 + u64::from(part);
        is_date.then(|| {
            Self(
                [month, day, hour, minute, second]
                    .into_iter()
                    .fold(u64::from(year), join),
            )
        })
    }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |power: u32, modulus: u64| self.0 / 10u64.pow(power) % modulus;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            part(10, 10_000),
            part(8, 100),
            part(6, 100),
            part(4, 100),
            part(2, 100),
            part(0, 100)
        )
    }
}

/// What reading an image's header gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It can be read.
    Readable {
        /// The size as seen.
        size: Size,
        /// When it was taken, where it says so.
        captured: Option<Captured>,
    },
    /// It cannot, and why: a sentence for a person.
    Broken(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Waiting,
    Taken,
    Readable,
    /// The number of its reason.
    Broken(u32),
}

#[derive(Debug, Clone, Copy)]
struct Row {
    path_start: u32,
    path_bytes: u16,
    is_still_there: bool,
    status: Status,
    size: Size,
    captured: Option<Captured>,
    identity: Identity,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    rows: Vec<Row>,
    /// The paths of all rows, one behind the other.
    paths: Vec<u8>,
    by_path: HashTable<u32>,
    hasher: RandomState,
    /// Files in one state tend to give one reason, and a folder of 100,000 broken files must not hold 100,000 of them.
    reasons: Vec<Box<str>>,
    /// No row before this one waits to be probed.
    first_waiting: usize,
    indexed: u64,
    is_scanning: bool,
    revision: u64,
}

impl Store {
    pub fn begin_scan(&mut self) {
        for row in &mut self.rows {
            row.is_still_there = false;
        }
        self.is_scanning = true;
    }

    pub fn found(&mut self, images: &[Found]) {
        let mut has_changed = false;
        for image in images {
            match self.find(&image.path) {
                None => has_changed |= self.insert(image),
                Some(index) => {
                    let row = &mut self.rows[index as usize];
                    row.is_still_there = true;
                    if row.identity != image.identity {
                        self.indexed -= u64::from(row.is_indexed());
                        row.identity = image.identity;
                        row.status = Status::Waiting;
                        self.first_waiting = self.first_waiting.min(index as usize);
                        has_changed = true;
                    }
                }
            }
        }
        self.revision += u64::from(has_changed);
    }

    fn insert(&mut self, image: &Found) -> bool {
        // Paths are shorter than 4,096 bytes; four gigabytes of them are beyond what a folder holds.
        let (Ok(path_start), Ok(path_bytes), Ok(index)) = (
            u32::try_from(self.paths.len()),
            u16::try_from(image.path.len()),
            u32::try_from(self.rows.len()),
        ) else {
            return false;
        };
        self.paths.extend_from_slice(&image.path);
        self.rows.push(Row {
            path_start,
            path_bytes,
            is_still_there: true,
            status: Status::Waiting,
            size: Size::default(),
            captured: None,
            identity: image.identity,
        });
        self.index(index);
        true
    }

    /// Makes the row findable by its path.
    fn index(&mut self, index: u32) {
        let Self {
            rows,
            paths,
            by_path,
            hasher,
            ..
        } = self;
        let hash_of = |index: u32| hasher.hash_one(path_of(&rows[index as usize], paths));
        by_path.insert_unique(hash_of(index), index, |other| hash_of(*other));
    }

    pub fn end_walk(&mut self) {
        if self.rows.iter().all(|row| row.is_still_there) {
            return;
        }
        let paths = std::mem::take(&mut self.paths);
        let rows = std::mem::take(&mut self.rows);
        self.by_path.clear();
        self.indexed = 0;
        for mut row in rows.into_iter().filter(|row| row.is_still_there) {
            let path = path_of(&row, &paths);
            // Shorter than before, so every offset still fits.
            row.path_start = self.paths.len() as u32;
            self.paths.extend_from_slice(path);
            self.indexed += u64::from(row.is_indexed());
            self.rows.push(row);
            self.index(self.rows.len() as u32 - 1);
        }
        self.first_waiting = 0;
        self.revision += 1;
    }

    pub fn end_scan(&mut self) {
        self.is_scanning = false;
    }

    pub fn next_to_probe(&mut self) -> Option<Found> {
        while let Some(row) = self.rows.get_mut(self.first_waiting) {
            self.first_waiting += 1;
            if row.status == Status::Waiting {
                row.status = Status::Taken;
                return Some(Found {
                    path: path_of(row, &self.paths).into(),
                    identity: row.identity,
                });
            }
        }
        None
    }

    pub fn probed(&mut self, outcomes: Vec<(Found, Outcome)>) {
        let mut has_changed = false;
        for (found, outcome) in outcomes {
            let Some(index) = self.find(&found.path) else {
                continue;
            };
            let row = &self.rows[index as usize];
            if row.identity != found.identity || row.status != Status::Taken {
                continue;
            }
            let (status, size, captured) = match outcome {
                Outcome::Readable { size, captured } => (Status::Readable, size, captured),
                Outcome::Broken(reason) => {
                    (Status::Broken(self.intern(reason)), Size::default(), None)
                }
            };
            let row = &mut self.rows[index as usize];
            (row.status, row.size, row.captured) = (status, size, captured);
            self.indexed += 1;
            has_changed = true;
        }
        self.revision += u64::from(has_changed);
    }

    fn intern(&mut self, reason: String) -> u32 {
        const MAX_REASONS: usize = 1000;
        let known = self.reasons.iter().position(|other| **other == *reason);
        let index = known.unwrap_or_else(|| {
            if self.reasons.len() < MAX_REASONS {
                self.reasons.push(reason.into());
            } else if self.reasons.len() == MAX_REASONS {
                self.reasons.push("cannot be read".into());
            }
            self.reasons.len() - 1
        });
        index as u32
    }

    pub fn find(&self, path: &[u8]) -> Option<u32> {
        self.by_path
            .find(self.hasher.hash_one(path), |index| {
                self.path(*index) == path
            })
            .copied()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn path(&self, index: u32) -> &[u8] {
        path_of(&self.rows[index as usize], &self.paths)
    }

    pub fn captured(&self, index: u32) -> Option<Captured> {
        self.rows[index as usize].captured
    }

    pub fn size(&self, index: u32) -> Option<Size> {
        let row = &self.rows[index as usize];
        (row.status == Status::Readable).then_some(row.size)
    }

    pub fn listed(&self, index: u32) -> Listed {
        let row = &self.rows[index as usize];
        Listed {
            path: self.path(index).into(),
            size: self.size(index),
            captured: row.captured,
            error: match row.status {
                Status::Broken(reason) => Some(self.reasons[reason as usize].clone()),
                _ => None,
            },
            identity: row.identity,
        }
    }

    pub fn scan_state(&self) -> ScanState {
        ScanState {
            is_running: self.is_scanning,
            found: self.rows.len() as u64,
            indexed: self.indexed,
        }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn heap_bytes(&self) -> u64 {
        let reasons: usize = self.reasons.iter().map(|r| r.len() + 16).sum();
        (self.rows.capacity() * size_of::<Row>()
            + self.paths.capacity()
            + self.by_path.allocation_size()
            + reasons) as u64
    }
}

impl Row {
    fn is_indexed(&self) -> bool {
        matches!(self.status, Status::Readable | Status::Broken(_))
    }
}

fn path_of<'a>(row: &Row, paths: &'a [u8]) -> &'a [u8] {
    let start = row.path_start as usize;
    &paths[start..start + usize::from(row.path_bytes)]
}
