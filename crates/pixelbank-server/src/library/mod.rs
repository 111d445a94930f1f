//! The list of the images below the folder: paths, sizes, dates and what is wrong with those that cannot be read.
//!
//! Made for 100,000 entries: a row and its path take about 110 bytes. Sorted orders are made when they are asked for
//! and kept until the list changes, which the scan makes it do a few times a second at most.

mod listing;
mod store;

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use pixelbank_image::Size;

pub use listing::{Folder, Listed, Order, Page, Query, Sort};
pub use store::{Captured, Outcome};

use crate::paths::Identity;
use listing::Orders;
use store::Store;

/// How far the scan has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanState {
    /// Whether a scan is under way.
    pub is_running: bool,
    /// Images listed.
    pub found: u64,
    /// Of those, images whose header has been read, successfully or not.
    pub indexed: u64,
}

/// An image as the scan found it in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path below the served folder, in the system's bytes.
    pub path: Box<[u8]>,
    /// Which file it is.
    pub identity: Identity,
}

/// The list, shared by the scan and the requests.
#[derive(Debug, Default)]
pub struct Library {
    store: RwLock<Store>,
    orders: Mutex<Orders>,
}

impl Library {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a scan; what it does not [`find`](Self::found) again is removed when the walk ends.
    pub fn begin_scan(&self) {
        self.store.write().begin_scan();
    }

    /// Lists images, or notes that they are still there. Those that are new or have changed wait to be probed.
    pub fn found(&self, images: &[Found]) {
        self.store.write().found(images);
    }

    /// Removes what the walk has not found again.
    pub fn end_walk(&self) {
        self.store.write().end_walk();
    }

    /// Marks the scan as done.
    pub fn end_scan(&self) {
        self.store.write().end_scan();
    }

    /// Takes the next image to be probed, of those that nobody has taken.
    pub fn next_to_probe(&self) -> Option<Found> {
        self.store.write().next_to_probe()
    }

    /// Notes what probing found. Images that were removed or have changed since are passed over.
    pub fn probed(&self, outcomes: Vec<(Found, Outcome)>) {
        self.store.write().probed(outcomes);
    }

    /// How far the scan has come.
    pub fn scan_state(&self) -> ScanState {
        self.store.read().scan_state()
    }

    /// Grows whenever the list changes; that a scan begins or ends alone is no change.
    #[cfg(test)]
    pub fn revision(&self) -> u64 {
        self.store.read().revision()
    }

    /// Heap bytes that the list takes, its sorted orders included.
    pub fn heap_bytes(&self) -> u64 {
        self.store.read().heap_bytes() + self.orders.lock().heap_bytes()
    }

    /// One image by its path.
    #[cfg(test)]
    pub fn get(&self, path: &[u8]) -> Option<Listed> {
        let store = self.store.read();
        store.find(path).map(|index| store.listed(index))
    }

    /// A part of the list in some order.
    pub fn page(&self, query: &Query, offset: u64, limit: u64) -> Page {
        let store = self.store.read();
        let order = self.order(&store, query);
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(order.len());
        let end = start
            .saturating_add(usize::try_from(limit).unwrap_or(usize::MAX))
            .min(order.len());
        Page {
            total: order.len() as u64,
            revision: store.revision(),
            scan: store.scan_state(),
            images: order[start..end]
                .iter()
                .map(|index| store.listed(*index))
                .collect(),
        }
    }

    /// Width by height of every image in some order, and the revision that this holds for; `None` where it is not
    /// known.
    pub fn sizes(&self, query: &Query) -> (u64, Vec<Option<Size>>) {
        let store = self.store.read();
        let order = self.order(&store, query);
        let sizes = order.iter().map(|index| store.size(*index)).collect();
        (store.revision(), sizes)
    }

    /// Every folder that holds images, itself or below, sorted by path, and the revision that this holds for.
    pub fn folders(&self) -> (u64, Arc<[Folder]>) {
        let store = self.store.read();
        (store.revision(), self.orders.lock().folders(&store))
    }

    fn order(&self, store: &Store, query: &Query) -> Arc<[u32]> {
        // Held while sorting, so that many who ask at once for a new order sort it once.
        self.orders.lock().order(store, query)
    }
}

#[cfg(test)]
mod tests;
