//! Figures for Prometheus: what the server has done, and who holds what memory now.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use pixelbank_cache::Stats;
use pixelbank_memory::{Ledger, Resource};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

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
    resource: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    resource: String,
    what: &'static str,
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
    account_peak_bytes: Family<AccountLabels, Amount>,
    type_bytes: Family<TypeLabels, Amount>,
    type_count: Family<TypeLabels, Amount>,
    type_peak: Family<TypeLabels, Amount>,
    type_wasted: Family<TypeLabels, Amount>,
    limit: Family<ResourceLabels, Amount>,
    live: Family<ResourceLabels, Amount>,
    peak: Family<ResourceLabels, Amount>,
    idle: Family<ResourceLabels, Amount>,
    overdrafts: Family<ResourceLabels, Counter>,
    refusals: Family<ResourceLabels, Counter>,
    device_bytes: Family<DeviceLabels, Amount>,
    resident_bytes: Amount,
    unaccounted_bytes: Amount,
    file_bytes: Amount,
    allocator_bytes: Amount,
    unclassified_bytes: Amount,
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
        let requests = add(&mut registry, "requests", "Requests answered");
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

/// A new metric, which the registry has a handle of as well.
fn add<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Reading {
    fn new(mut registry: Registry) -> Self {
        let to = &mut registry;
        Self {
            account_bytes: add(to, "account_bytes", "Host memory reserved, by account"),
            account_peak_bytes: add(
                to,
                "account_peak_bytes",
                "The most host memory reserved at once, by account",
            ),
            type_bytes: add(
                to,
                "type_bytes",
                "Bytes (or files) reserved, by account, type and owner",
            ),
            type_count: add(to, "type_count", "Objects, by account, type and owner"),
            type_peak: add(
                to,
                "type_peak",
                "The most bytes (or files) reserved at once, by account, type and owner",
            ),
            type_wasted: add(
                to,
                "type_wasted",
                "Reserved bytes that serve for nothing, by account, type and owner",
            ),
            limit: add(to, "budget_limit", "Limit of the budget: bytes, or files"),
            live: add(to, "budget_live", "Reserved now: bytes, or files"),
            peak: add(
                to,
                "budget_peak",
                "The most reserved at once: bytes, or files",
            ),
            idle: add(
                to,
                "budget_idle",
                "Reserved, and could be reclaimed: bytes, or files",
            ),
            overdrafts: add(
                to,
                "budget_overdrafts",
                "Reservations that went beyond the limit",
            ),
            refusals: add(to, "budget_refusals", "Reservations that were refused"),
            device_bytes: add(
                to,
                "device_bytes",
                "What devices and their allocators say themselves",
            ),
            resident_bytes: add(to, "resident_bytes", "Resident size of the process"),
            unaccounted_bytes: add(
                to,
                "unaccounted_bytes",
                "Resident size less what the ledger holds",
            ),
            file_bytes: add(
                to,
                "file_bytes",
                "Resident pages of mapped files, and shared ones",
            ),
            allocator_bytes: add(to, "allocator_bytes", "What the allocator keeps unused"),
            unclassified_bytes: add(
                to,
                "unclassified_bytes",
                "What is left of the resident size",
            ),
            image_cache: add(
                to,
                "image_cache",
                "What the image cache did: tiles, files, bytes or nanoseconds",
            ),
            encoded_entries: add(to, "encoded_entries", "Answers kept in encoded form"),
            encoded_hits: add(to, "encoded_hits", "Answers found in encoded form"),
            encoded_misses: add(to, "encoded_misses", "Answers not found in encoded form"),
            encoded_evictions: add(to, "encoded_evictions", "Answers dropped to make room"),
            images_found: add(to, "images_found", "Images listed"),
            images_indexed: add(to, "images_indexed", "Images whose header has been read"),
            is_scanning: add(to, "scanning", "1 while the folder is being scanned"),
            registry,
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
            let labels = AccountLabels { account };
            self.account_bytes
                .get_or_create(&labels)
                .set(row.live_bytes);
            self.account_peak_bytes
                .get_or_create(&labels)
                .set(row.peak_bytes);
        }
        let by_type = [
            &self.type_bytes,
            &self.type_count,
            &self.type_peak,
            &self.type_wasted,
        ];
        // Rows of owners that are gone must not stay.
        for family in by_type {
            family.clear();
        }
        for row in &ledger.types {
            let labels = TypeLabels {
                account: row.account.name(),
                r#type: row.kind.clone(),
                owner: row.owner.clone(),
                resource: row.resource.clone(),
            };
            let figures = [row.live_bytes, row.count, row.peak_bytes, row.wasted_bytes];
            for (family, figure) in by_type.iter().zip(figures) {
                family.get_or_create(&labels).set(figure);
            }
        }
        let of_process = [
            (Resource::Host, ledger.host),
            (Resource::Disk, ledger.disk),
            (Resource::Files, ledger.files),
        ];
        let of_devices = ledger
            .devices
            .iter()
            .map(|row| (Resource::Device(row.device), row.memory));
        for (resource, row) in of_process.into_iter().chain(of_devices) {
            let labels = ResourceLabels {
                resource: resource.label(),
            };
            self.limit.get_or_create(&labels).set(row.limit_bytes);
            self.live.get_or_create(&labels).set(row.live_bytes);
            self.peak.get_or_create(&labels).set(row.peak_bytes);
            self.idle.get_or_create(&labels).set(row.idle_bytes);
            raise(&self.overdrafts.get_or_create(&labels), row.overdrafts);
            raise(&self.refusals.get_or_create(&labels), row.refusals);
        }
        // Who is not asked any more says nothing.
        self.device_bytes.clear();
        for row in &ledger.devices {
            let (system, allocator) = (row.system, row.allocator);
            for (what, bytes) in [
                ("total", system.map(|word| word.total_bytes)),
                ("free", system.map(|word| word.free_bytes)),
                ("process", system.and_then(|word| word.process_bytes)),
                ("allocated", allocator.map(|word| word.allocated_bytes)),
                ("reserved", allocator.map(|word| word.reserved_bytes)),
            ] {
                if let Some(bytes) = bytes {
                    let resource = Resource::Device(row.device).label();
                    let labels = DeviceLabels { resource, what };
                    self.device_bytes.get_or_create(&labels).set(bytes);
                }
            }
        }
        let process = &ledger.process;
        self.resident_bytes.set(process.resident_bytes);
        self.unaccounted_bytes.set(process.unaccounted_bytes);
        self.file_bytes.set(process.file_bytes);
        self.allocator_bytes
            .set(process.allocator_bytes.unwrap_or(0));
        self.unclassified_bytes.set(process.unclassified_bytes);
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
    use pixelbank_memory::{Account, Bank, DeviceAllocator};

    use super::*;

    #[test]
    fn the_text_says_who_holds_what_and_what_was_answered() {
        let bank = Bank::builder()
            .host_bytes(1 << 20)
            .device_bytes(0, 1 << 20)
            .build()
            .expect("limits that fit");
        bank.watch_device_allocator(0, || {
            Some(DeviceAllocator {
                allocated_bytes: 300,
                reserved_bytes: 400,
            })
        });
        let holder = bank.holder(Account::Tiles, "tile", "a \"quoted\" name");
        let reservation = holder.try_reserve(4096).expect("room");
        assert!(holder.try_reserve(2 << 20).is_err());
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
            "pixelbank_account_peak_bytes{account=\"tiles\"} 4096",
            "pixelbank_budget_refusals_total{resource=\"host\"} 1",
            "pixelbank_budget_live{resource=\"device 0\"} 0",
            "pixelbank_device_bytes{resource=\"device 0\",what=\"reserved\"} 400",
            "pixelbank_encoded_hits_total 5",
            "pixelbank_image_cache_total{what=\"tiles_made\"} 0",
            "pixelbank_images_found 7",
            "pixelbank_scanning 1",
        ] {
            assert!(first.lines().any(|l| l == line), "{line} in\n{first}");
        }
        assert!(!first.contains("what=\"total\""), "nobody was asked that");
        assert!(first.contains(r#"owner="a \"quoted\" name""#), "{first}");
        drop(reservation);
        drop(holder);
        let second = text();
        assert!(second.contains("pixelbank_encoded_hits_total 5\n"));
        assert!(!second.contains("quoted"), "{second}");
    }
}
