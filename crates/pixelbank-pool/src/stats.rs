use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_memory::format_bytes;
use serde::Serialize;

use crate::key::{Class, N_CLASSES};
use crate::shared::Shared;
use crate::watch::{Outstanding, as_text};
use crate::{Device, Error};

/// The counts of one class on one device, but for those that threads keep for themselves.
#[derive(Default)]
pub(crate) struct Tally {
    held_count: AtomicU64,
    held_bytes: AtomicU64,
    peak_count: AtomicU64,
    peak_bytes: AtomicU64,
    inserts: AtomicU64,
    pub hits: AtomicU64,
    pub larger_hits: AtomicU64,
    pub misses: AtomicU64,
    pub evictions: AtomicU64,
    pub oversize: AtomicU64,
    pub wasted_bytes: AtomicU64,
}

impl Tally {
    pub fn made(&self, bytes: u64) {
        let count = self.held_count.fetch_add(1, Ordering::Relaxed) + 1;
        let held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak_count.fetch_max(count, Ordering::Relaxed);
        self.peak_bytes.fetch_max(held, Ordering::Relaxed);
        self.inserts.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dropped(&self, bytes: u64) {
        self.held_count.fetch_sub(1, Ordering::Relaxed);
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn reset_peaks(&self) {
        for (peak, now) in [
            (&self.peak_count, &self.held_count),
            (&self.peak_bytes, &self.held_bytes),
        ] {
            peak.store(now.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// What a pool holds and what it has done, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Each device with its limit.
    pub devices: Vec<DeviceStats>,
    /// Each class on each device of which there was ever an object.
    pub classes: Vec<ClassStats>,
}

/// One device of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeviceStats {
    /// Which.
    #[serde(serialize_with = "as_text")]
    pub device: Device,
    /// Idle objects go where more than this is held.
    pub limit_bytes: u64,
    /// In use and idle.
    pub held_bytes: u64,
    /// Idle.
    pub idle_bytes: u64,
}

/// One class of objects on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClassStats {
    /// Which class.
    pub class: Class,
    /// On which device.
    #[serde(serialize_with = "as_text")]
    pub device: Device,
    /// In use: somebody has a handle, or work has not finished.
    pub live_count: u64,
    /// Bytes of those in use.
    pub live_bytes: u64,
    /// Idle objects.
    pub idle_count: u64,
    /// Bytes of the idle ones.
    pub idle_bytes: u64,
    /// The most objects that were held at once, in use and idle.
    pub peak_count: u64,
    /// The most bytes that were held at once.
    pub peak_bytes: u64,
    /// Requests that an idle object served.
    pub hits: u64,
    /// Among them, those that a larger one served.
    pub larger_hits: u64,
    /// Requests for which an object was made.
    pub misses: u64,
    /// Objects that were made. Less than the misses where making failed.
    pub inserts: u64,
    /// Idle objects that were dropped for room.
    pub evictions: u64,
    /// Objects larger than the limit.
    pub oversize: u64,
    /// Of the bytes in use, those beyond what was asked for.
    pub wasted_bytes: u64,
}

impl ClassStats {
    /// Hits among all requests; zero where there were none.
    pub fn hit_rate(&self) -> f64 {
        let requests = self.hits + self.misses;
        if requests == 0 {
            return 0.0;
        }
        self.hits as f64 / requests as f64
    }
}

impl Shared {
    pub fn stats(&self) -> Stats {
        // Idle first: what becomes idle in between is then counted as in use, not twice.
        let idle = self.idle();
        let hits = self.hits();
        let mut classes = Vec::new();
        for (row, tally) in self.tallies.iter().enumerate() {
            let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let (idle, hits) = (idle[row], hits[row]);
            if get(&tally.inserts) == 0 && hits == 0 && get(&tally.misses) == 0 {
                continue;
            }
            classes.push(ClassStats {
                class: Class::ALL[row % N_CLASSES],
                device: self.devices[row / N_CLASSES].device,
                live_count: get(&tally.held_count).saturating_sub(idle.count),
                live_bytes: get(&tally.held_bytes).saturating_sub(idle.bytes),
                idle_count: idle.count,
                idle_bytes: idle.bytes,
                peak_count: get(&tally.peak_count),
                peak_bytes: get(&tally.peak_bytes),
                hits,
                larger_hits: get(&tally.larger_hits),
                misses: get(&tally.misses),
                inserts: get(&tally.inserts),
                evictions: get(&tally.evictions),
                oversize: get(&tally.oversize),
                wasted_bytes: get(&tally.wasted_bytes),
            });
        }
        let devices = self
            .devices
            .iter()
            .enumerate()
            .map(|(i, device)| DeviceStats {
                device: device.device,
                limit_bytes: device.limit_bytes.load(Ordering::SeqCst),
                held_bytes: device.all_bytes(),
                idle_bytes: idle[i * N_CLASSES..(i + 1) * N_CLASSES]
                    .iter()
                    .map(|sum| sum.bytes)
                    .sum(),
            });
        Stats {
            devices: devices.collect(),
            classes,
        }
    }

    /// Bytes in use, on all devices.
    pub fn live_bytes(&self) -> u64 {
        let idle: u64 = self.idle().iter().map(|sum| sum.bytes).sum();
        let held: u64 = self.devices.iter().map(|device| device.all_bytes()).sum();
        held.saturating_sub(idle)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<13} {:<12} {:>7} {:>11} {:>7} {:>11} {:>11} {:>12} {:>10} {:>9} {:>7}",
            "device", "class", "live", "", "idle", "", "peak", "hits", "misses", "evicted", "rate"
        )?;
        for row in &self.classes {
            writeln!(
                f,
                "{:<13} {:<12} {:>7} {:>11} {:>7} {:>11} {:>11} {:>12} {:>10} {:>9} {:>6.1}%",
                row.device.to_string(),
                row.class.name(),
                row.live_count,
                format_bytes(row.live_bytes),
                row.idle_count,
                format_bytes(row.idle_bytes),
                format_bytes(row.peak_bytes),
                row.hits,
                row.misses,
                row.evictions,
                row.hit_rate() * 100.0,
            )?;
        }
        for device in &self.devices {
            writeln!(
                f,
                "{}: {} held, {} of it idle, limit {}",
                device.device,
                format_bytes(device.held_bytes),
                format_bytes(device.idle_bytes),
                format_bytes(device.limit_bytes)
            )?;
        }
        Ok(())
    }
}

/// Everything that can be said of a pool, for a file.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// The counts.
    pub stats: Stats,
    /// Objects in use and where they were made, as far as that was noted.
    pub outstanding: Vec<Outstanding>,
}

impl Snapshot {
    /// Writes it as JSON, all or nothing.
    ///
    /// # Errors
    /// [`Error::Report`] with the path.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source: std::io::Error| Error::Report {
            path: path.display().to_string(),
            source,
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file =
            tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
        serde_json::to_writer_pretty(&mut file, self).map_err(|error| failed(error.into()))?;
        file.write_all(b"\n").map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
