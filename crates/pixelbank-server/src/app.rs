use std::sync::Arc;
use std::time::Instant;

use pixelbank_memory::Bank;

use crate::auth::Access;
use crate::encoded::EncodedCache;
use crate::files::Files;
use crate::library::Library;
use crate::metrics::Metrics;
use crate::paths::Root;
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
    pub encoded: Arc<EncodedCache>,
    pub files: Files,
    pub metrics: Metrics,
    pub access: Access,
    pub web: Web,
    pub trusts_forwarded: bool,
    pub started: Instant,
}
