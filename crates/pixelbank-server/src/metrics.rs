//! Figures for Prometheus: what the server has done, and who holds what memory now.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use pixelbank_cache::Stats;
use pixelbank_memory::Ledger;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::encoded::EncodedStats;
use crate::library::ScanState;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Route {
    Image,
    Info,
    Iiif,
    Api,
    Page,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Route,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Route,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AccountLabels {
    account: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabels {
    account: &'static str,
    r#type: String,
    owner: String,
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    what: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

type Amount = Gauge<u64, AtomicU64>;

/// The counters, and the gauges that are set when somebody asks.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    reading: Mutex<Reading>,
}

#[derive(Debug)]
struct Reading {
    registry: Registry,
    account_bytes: Family<AccountLabels, Amount>,
    type_bytes: Family<TypeLabels, Amount>,
    type_count: Family<TypeLabels, Amount>,
    limit: Family<ResourceLabels, Amount>,
    live: Family<ResourceLabels, Amount>,
    peak: Family<ResourceLabels, Amount>,
    resident_bytes: Amount,
    unaccounted_bytes: Amount,
    image_cache: Family<CacheLabels, Counter>,
    encoded_entries: Amount,
    encoded_hits: Counter,
    encoded_misses: Counter,
    encoded_evictions: Counter,
    images_found: Amount,
    images_indexed: Amount,
    is_scanning: Amount,
}

fn latency_buckets() -> Histogram {
    // From a tile that is at hand to a print-sized picture.
    Histogram::new([
        0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
        2.5, 5.0, 10.0,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("pixelbank");
        let requests = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        let seconds = Family::new_with_constructor(latency_buckets as fn() -> Histogram);
        registry.register(
            "request_seconds",
            "Time until the head of an answer was ready",
            seconds.clone(),
        );
        let reading = Reading::new(registry);
        Self {
            requests,
            seconds,
            reading: Mutex::new(reading),
        }
    }
}

impl Reading {
    fn new(mut registry: Registry) -> Self {
        let mut amount = |name: &str, help: &str| {
            let gauge = Amount::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let resident_bytes = amount("resident_bytes", "Resident size of the process");
        let unaccounted_bytes = amount(
            "unaccounted_bytes",
            "Resident size less what the ledger holds",
        );
        let encoded_entries = amount("encoded_entries", "Answers kept in encoded form");
        let images_found = amount("images_found", "Images listed");
        let images_indexed = amount("images_indexed", "Images whose header has been read");
        let is_scanning = amount("scanning", "1 while the folder is being scanned");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let encoded_hits = counter("encoded_hits", "Answers found in encoded form");
        let encoded_misses = counter("encoded_misses", "Answers not found in encoded form");
        let encoded_evictions = counter("encoded_evictions", "Answers dropped to make room");
        let account_bytes = Family::default();
        registry.register(
            "account_bytes",
            "Host memory reserved, by account",
            account_bytes.clone(),
        );
        let type_bytes = Family::default();
        registry.register(
            "type_bytes",
            "Bytes (or files) reserved, by account, type and owner",
            type_bytes.clone(),
        );
        let type_count = Family::default();
        registry.register(
            "type_count",
            "Objects, by account, type and owner",
            type_count.clone(),
        );
        let image_cache = Family::default();
        registry.register(
            "image_cache",
            "What the image cache did: tiles, files, bytes or nanoseconds",
            image_cache.clone(),
        );
        let mut by_resource = |name: &str, help: &str| {
            let family = Family::<ResourceLabels, Amount>::default();
            registry.register(name, help, family.clone());
            family
        };
        Self {
            limit: by_resource("budget_limit", "Limit of the budget: bytes, or files"),
            live: by_resource("budget_live", "Reserved now: bytes, or files"),
            peak: by_resource("budget_peak", "The most reserved at once: bytes, or files"),
            registry,
            account_bytes,
            type_bytes,
            type_count,
            resident_bytes,
            unaccounted_bytes,
            image_cache,
            encoded_entries,
            encoded_hits,
            encoded_misses,
            encoded_evictions,
            images_found,
            images_indexed,
            is_scanning,
        }
    }

    fn set(&self, ledger: &Ledger, cache: &Stats, encoded: &EncodedStats, scan: ScanState) {
        let raise = |counter: &Counter, to: u64| {
            counter.inc_by(to.saturating_sub(counter.get()));
        };
        // What comes and goes stands among the rows of the ledger.
        let counted = |name: &str| !["files", "tile_bytes", "peak_tile_bytes"].contains(&name);
        for (what, figure) in cache.figures().filter(|(name, _)| counted(name)) {
            raise(
                &self.image_cache.get_or_create(&CacheLabels { what }),
                figure,
            );
        }
        for row in &ledger.accounts {
            let account = row.account.name();
            self.account_bytes
                .get_or_create(&AccountLabels { account })
                .set(row.live_bytes);
        }
        // Rows of owners that are gone must not stay.
        self.type_bytes.clear();
        self.type_count.clear();
        for row in &ledger.types {
            let labels = TypeLabels {
                account: row.account.name(),
                r#type: row.kind.clone(),
                owner: row.owner.clone(),
                resource: row.resource.clone(),
            };
            self.type_bytes.get_or_create(&labels).set(row.live_bytes);
            self.type_count.get_or_create(&labels).set(row.count);
        }
        let rows = [
            ("host", ledger.host),
            ("disk", ledger.disk),
            ("files", ledger.files),
        ];
        for (resource, row) in rows {
            let labels = ResourceLabels { resource };
            self.limit.get_or_create(&labels).set(row.limit_bytes);
            self.live.get_or_create(&labels).set(row.live_bytes);
            self.peak.get_or_create(&labels).set(row.peak_bytes);
        }
        self.resident_bytes.set(ledger.process.resident_bytes);
        self.unaccounted_bytes.set(ledger.process.unaccounted_bytes);
        self.encoded_entries.set(encoded.entries);
        raise(&self.encoded_hits, encoded.hits);
        raise(&self.encoded_misses, encoded.misses);
        raise(&self.encoded_evictions, encoded.evictions);
        self.images_found.set(scan.found);
        self.images_indexed.set(scan.indexed);
        self.is_scanning.set(u64::from(scan.is_running));
    }
}

/// The media type of what [`Metrics::text`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, route: Route, status: StatusCode, after: Duration) {
        let status = status.as_u16();
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        self.seconds
            .get_or_create(&RouteLabels { route })
            .observe(after.as_secs_f64());
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    pub fn text(
        &self,
        ledger: &Ledger,
        cache: &Stats,
        encoded: &EncodedStats,
        scan: ScanState,
    ) -> String {
        let reading = self.reading.lock();
        reading.set(ledger, cache, encoded, scan);
        let mut text = String::new();
        encode(&mut text, &reading.registry).expect("writing to a string cannot fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_cache::{Cache, CacheOptions};
    use pixelbank_memory::{Account, Bank};

    use super::*;

    #[test]
    fn the_text_says_who_holds_what_and_what_was_answered() {
        let bank = Bank::builder()
            .host_bytes(1 << 20)
            .build()
            .expect("limits that fit");
        let holder = bank.holder(Account::Tiles, "tile", "a \"quoted\" name");
        let reservation = holder.try_reserve(4096).expect("room");
        let metrics = Metrics::default();
        metrics.answered(Route::Image, StatusCode::OK, Duration::from_millis(2));
        let scan = ScanState {
            is_running: true,
            found: 7,
            indexed: 3,
        };
        let encoded = EncodedStats {
            hits: 5,
            ..EncodedStats::default()
        };
        let cache = Cache::new(
            &bank,
            CacheOptions::new("test", |_| unreachable!("nobody asks")),
        )
        .expect("threads");
        let text = || metrics.text(&bank.ledger(), &cache.stats(), &encoded, scan);
        let first = text();
        for line in [
            "pixelbank_requests_total{route=\"Image\",status=\"200\"} 1",
            "pixelbank_request_seconds_count{route=\"Image\"} 1",
            "pixelbank_account_bytes{account=\"tiles\"} 4096",
            "pixelbank_budget_limit{resource=\"host\"} 1048576",
            "pixelbank_encoded_hits_total 5",
            "pixelbank_image_cache_total{what=\"tiles_made\"} 0",
            "pixelbank_images_found 7",
            "pixelbank_scanning 1",
        ] {
            assert!(first.lines().any(|l| l == line), "{line} in\n{first}");
        }
        assert!(first.contains(r#"owner="a \"quoted\" name""#), "{first}");
        drop(reservation);
        drop(holder);
        let second = text();
        assert!(second.contains("pixelbank_encoded_hits_total 5\n"));
        assert!(!second.contains("quoted"), "{second}");
    }
}
