use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pixelbank_cache::Cache;
use pixelbank_memory::{Bank, Holder, Reservation};
use pixelbank_pipeline::render::Renderer;

use crate::answer::HttpError;
use crate::auth::Access;
use crate::encoded::EncodedCache;
use crate::files::Files;
use crate::flight::{Flights, Workers};
use crate::library::Library;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::paths::Root;
use crate::produce::Made;
use crate::scan::Scanner;
use crate::web::Web;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub title: String,
    pub root: Arc<Root>,
    pub library: Arc<Library>,
    pub scanner: Scanner,
    pub bank: Bank,
    pub cache: Cache,
    pub renderer: Renderer,
    /// What encoding takes.
    pub rendering: Holder,
    /// Answers in encoded form.
    pub answers: Holder,
    /// The list of images.
    pub catalog: Holder,
    pub catalog_paid: Mutex<Option<Reservation>>,
    pub encoded: Arc<EncodedCache>,
    pub files: Files,
    pub models: Models,
    pub flights: Arc<Flights<Result<Made, HttpError>>>,
    pub workers: Workers,
    /// Threads for large answers, which slow clients may hold for long.
    pub streams: Workers,
    pub metrics: Metrics,
    pub access: Access,
    pub web: Web,
    pub trusts_forwarded: bool,
    /// How long a request waits for room to start.
    pub memory_wait: Duration,
    /// How long it waits for what is being loaded.
    pub load_wait: Duration,
}

impl App {
    /// Books what the list takes by now. It cannot be reclaimed and must not fail, so it may overdraw.
    pub fn book_catalog(&self) {
        let bytes = self.library.heap_bytes();
        let mut paid = self.catalog_paid.lock();
        if paid.as_ref().is_some_and(|paid| paid.amount() == bytes) {
            return;
        }
        paid.take();
        let reservation = self.catalog.try_reserve(bytes);
        *paid = Some(reservation.unwrap_or_else(|_| self.catalog.overdraw(bytes)));
    }
}
