use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use pixelbank_image::Size;

use super::ScanState;
use super::store::{Captured, Store};
use crate::paths::Identity;

/// One image of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path below the served folder, in the system's bytes.
    pub path: Box<[u8]>,
    /// The size as seen; `None` while it is not known, or if it cannot be read.
    pub size: Option<Size>,
    /// When it was taken.
    pub captured: Option<Captured>,
    /// Why it cannot be read.
    pub error: Option<Box<str>>,
    /// Which file it is.
    pub identity: Identity,
}

/// A folder that holds images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its path below the served folder, in the system's bytes; empty for that folder itself.
    pub path: Box<[u8]>,
    /// Images in it and in the folders below it.
    pub count: u64,
}

/// By what images are sorted. Equal ones are sorted by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sort {
    /// When they were taken; those that do not say come last, whatever the order.
    #[default]
    Date,
    /// Their path, by bytes.
    Name,
}

/// Upwards or downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// The smallest first.
    Ascending,
    /// The largest first.
    #[default]
    Descending,
}

/// Which images, and how they are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Query {
    /// By what.
    pub sort: Sort,
    /// In which direction.
    pub order: Order,
    /// Only what lies in this folder and below; empty for all.
    pub folder: Box<[u8]>,
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Images in the whole of what was asked for.
    pub total: u64,
    /// The revision that this holds for.
    pub revision: u64,
    /// How far the scan has come.
    pub scan: ScanState,
    /// The images themselves.
    pub images: Vec<Listed>,
}

/// Orders that were made for the present revision.
#[derive(Debug, Default)]
pub(super) struct Orders {
    revision: u64,
    orders: Vec<(Query, Arc<[u32]>)>,
    folders: Option<Arc<[Folder]>>,
}

/// As many as one person browsing uses; each takes four bytes an image.
const MAX_ORDERS: usize = 6;

impl Orders {
    pub fn order(&mut self, store: &Store, query: &Query) -> Arc<[u32]> {
        self.forget_others(store.revision());
        if let Some(at) = self.orders.iter().position(|(known, _)| known == query) {
            // The most recently used stands last.
            self.orders[at..].rotate_left(1);
        } else {
            if self.orders.len() == MAX_ORDERS {
                self.orders.remove(0);
            }
            self.orders.push((query.clone(), sorted(store, query)));
        }
        let last = self.orders.last().expect("just put there");
        last.1.clone()
    }

    pub fn folders(&mut self, store: &Store) -> Arc<[Folder]> {
        self.forget_others(store.revision());
        self.folders
            .get_or_insert_with(|| count_folders(store))
            .clone()
    }

    fn forget_others(&mut self, revision: u64) {
        if self.revision != revision {
            *self = Self {
                revision,
                ..Self::default()
            };
        }
    }

    pub fn heap_bytes(&self) -> u64 {
        let orders: usize = self.orders.iter().map(|(_, order)| order.len() * 4).sum();
        let folders: usize = self
            .folders
            .iter()
            .flat_map(|f| f.iter())
            .map(|f| f.path.len() + size_of::<Folder>())
            .sum();
        (orders + folders) as u64
    }
}

fn sorted(store: &Store, query: &Query) -> Arc<[u32]> {
    let mut order: Vec<u32> = (0..store.len() as u32)
        .filter(|index| is_below(store.path(*index), &query.folder))
        .collect();
    let path = |index: &u32| store.path(*index);
    match (query.sort, query.order) {
        (Sort::Name, Order::Ascending) => order.sort_unstable_by(|a, b| path(a).cmp(path(b))),
        (Sort::Name, Order::Descending) => order.sort_unstable_by(|a, b| path(b).cmp(path(a))),
        (Sort::Date, direction) => {
            let key = |index: &u32| {
                let captured = store.captured(*index);
                let (up, down) = match direction {
                    Order::Ascending => (captured, None),
                    Order::Descending => (None, captured),
                };
                (captured.is_none(), up, Reverse(down))
            };
            order.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then_with(|| path(a).cmp(path(b))));
        }
    }
    order.into()
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
}

fn count_folders(store: &Store) -> Arc<[Folder]> {
    let mut counts: BTreeMap<&[u8], u64> = BTreeMap::from([(b"".as_slice(), 0)]);
    for index in 0..store.len() as u32 {
        let mut path = store.path(index);
        while let Some(end) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..end];
            *counts.entry(path).or_default() += 1;
        }
        *counts.entry(b"").or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(path, count)| Folder {
            path: path.into(),
            count,
        })
        .collect()
}
