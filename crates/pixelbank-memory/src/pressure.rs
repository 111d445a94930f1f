//! The operating system's word that memory is short, and what is done about it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use serde::{Deserialize, Serialize};

use crate::{Bank, EventKind, Resource, process};

/// How short memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pressure {
    /// There is enough.
    None,
    /// Getting short: a quarter of what is idle is given back.
    Moderate,
    /// Short, tasks stall: half of what is idle is given back.
    High,
    /// About to fail: everything idle is given back.
    Critical,
}

impl Pressure {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The part of idle memory to give back.
    pub const fn trim_fraction(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Moderate => 0.25,
            Self::High => 0.5,
            Self::Critical => 1.0,
        }
    }
}

/// Where pressure is read from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PressureSources {
    /// A file of pressure stall information (`/proc/pressure/memory`, or a cgroup's `memory.pressure`).
    pub stall_file: Option<PathBuf>,
    /// A folder of cgroup v2 with `memory.current`, `memory.max`, `memory.high` and `memory.events`.
    pub cgroup_dir: Option<PathBuf>,
}

impl PressureSources {
    /// What this process can see: its own cgroup where it has one with a limit, otherwise the machine.
    pub fn discover() -> Self {
        let cgroup_dir = process::cgroup_dir().filter(|dir| process::cgroup_limit(dir).is_some());
        let of_cgroup = cgroup_dir.as_ref().map(|dir| dir.join("memory.pressure"));
        let of_machine = PathBuf::from("/proc/pressure/memory");
        let stall_file = of_cgroup
            .into_iter()
            .chain([of_machine])
            .find(|path| path.exists());
        Self {
            stall_file,
            cgroup_dir,
        }
    }
}

/// Reads the sources and remembers the counters of the last reading.
#[derive(Debug)]
struct Gauge {
    sources: PressureSources,
    last_events: Option<Events>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Events {
    high: u64,
    max: u64,
    oom: u64,
}

impl Gauge {
    fn new(sources: PressureSources) -> Self {
        let mut gauge = Self {
            sources,
            last_events: None,
        };
        gauge.last_events = gauge.events();
        gauge
    }

    fn read(&mut self) -> Pressure {
        self.stall().max(self.fullness()).max(self.fresh_events())
    }

    /// The share of the last ten seconds in which some or all tasks waited for memory.
    fn stall(&self) -> Pressure {
        let Some(text) = self
            .sources
            .stall_file
            .as_ref()
            .and_then(|path| fs::read_to_string(path).ok())
        else {
            return Pressure::None;
        };
        let average = |kind: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with(kind))
                .unwrap_or_default();
            let field = line
                .split_ascii_whitespace()
                .find_map(|field| field.strip_prefix("avg10="));
            field.and_then(|value| value.parse().ok()).unwrap_or(0.0)
        };
        let (some, full) = (average("some"), average("full"));
        match (some, full) {
            _ if full >= 20.0 => Pressure::Critical,
            _ if full >= 5.0 || some >= 30.0 => Pressure::High,
            _ if some >= 10.0 => Pressure::Moderate,
            _ => Pressure::None,
        }
    }

    /// How near the cgroup is to its limit. Page cache counts in `memory.current` but gives way by itself, so it is
    /// taken off.
    fn fullness(&self) -> Pressure {
        let Some(dir) = &self.sources.cgroup_dir else {
            return Pressure::None;
        };
        let number = |name: &str| -> Option<u64> {
            fs::read_to_string(dir.join(name)).ok()?.trim().parse().ok()
        };
        let (Some(current), Some(limit)) = (number("memory.current"), process::cgroup_limit(dir))
        else {
            return Pressure::None;
        };
        let stat = fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
        let file: u64 = field(&stat, "inactive_file").unwrap_or(0);
        let used = current.saturating_sub(file) as f64 / limit.max(1) as f64;
        match used {
            _ if used >= 0.97 => Pressure::Critical,
            _ if used >= 0.92 => Pressure::High,
            _ if used >= 0.85 => Pressure::Moderate,
            _ => Pressure::None,
        }
    }

    /// What the kernel did since the last reading: throttled at `high`, hit `max`, killed.
    fn fresh_events(&mut self) -> Pressure {
        let now = self.events();
        let (Some(last), Some(now)) = (std::mem::replace(&mut self.last_events, now), now) else {
            return Pressure::None;
        };
        if now.oom > last.oom {
            Pressure::Critical
        } else if now.max > last.max || now.high > last.high {
            Pressure::High
        } else {
            Pressure::None
        }
    }

    fn events(&self) -> Option<Events> {
        let text =
            fs::read_to_string(self.sources.cgroup_dir.as_ref()?.join("memory.events")).ok()?;
        let get = |name| field(&text, name).unwrap_or(0);
        Some(Events {
            high: get("high"),
            max: get("max"),
            oom: get("oom"),
        })
    }
}

/// The number behind `name` in lines of `name number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix(' ')?
            .trim()
            .parse()
            .ok()
    })
}

/// A thread that watches for pressure and trims a bank's idle memory by its level. Ends when dropped.
#[derive(Debug)]
pub struct PressureMonitor {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl PressureMonitor {
    /// Starts watching. Readings are taken each second, and at once when the kernel reports a stall, where this process
    /// may ask for that.
    ///
    /// # Errors
    /// What the system says where a thread or an event descriptor cannot be had.
    pub fn start(bank: &Bank, sources: PressureSources) -> std::io::Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let stopped = stop.try_clone()?;
        let bank = bank.clone();
        bank.feel(Pressure::None);
        let thread = std::thread::Builder::new()
            .name("pressure".into())
            .spawn(move || {
                let trigger = sources.stall_file.as_ref().and_then(stall_trigger);
                let mut gauge = Gauge::new(sources);
                while wait(&stopped, trigger.as_ref()) {
                    bank.feel(gauge.read());
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Bank {
    /// Notes how short memory is, and gives back as much of what is idle as that asks for.
    fn feel(&self, pressure: Pressure) {
        self.set_pressure(pressure);
        if pressure > Pressure::None {
            let freed = self.give_up(pressure.trim_fraction());
            self.note(EventKind::Pressure, Resource::Host, None, freed);
        }
    }
}

impl Drop for PressureMonitor {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks the kernel to report when tasks stalled for 100 ms within a second.
fn stall_trigger(path: &PathBuf) -> Option<File> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    file.write_all(b"some 100000 1000000\0").ok()?;
    Some(file)
}

/// Waits for a second or a stall; false when it is time to stop.
fn wait(stop: &OwnedFd, trigger: Option<&File>) -> bool {
    let second = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let mut watched = vec![PollFd::new(stop, PollFlags::IN)];
    if let Some(trigger) = trigger {
        watched.push(PollFd::from_borrowed_fd(trigger.as_fd(), PollFlags::PRI));
    }
    match poll(&mut watched, Some(&second)) {
        Ok(_) => !watched[0].revents().contains(PollFlags::IN),
        // A signal, or a system without poll: wait by hand, at the price of stopping late.
        Err(_) => {
            std::thread::sleep(Duration::from_secs(1));
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_gives_its_level() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let stall = |some: f64, full: f64| {
            write(
                "psi",
                &format!(
                    "some avg10={some:.2} avg60=0.00 avg300=0.00 total=1\nfull avg10={full:.2} avg60=0.00 avg300=0.00 total=1\n"
                ),
            );
        };
        write("cgroup.controllers", "memory");
        write("memory.max", "1000");
        write("memory.current", "500");
        write("memory.stat", "anon 400\ninactive_file 100\n");
        write("memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\n");
        stall(0.0, 0.0);
        let mut gauge = Gauge::new(PressureSources {
            stall_file: Some(dir.path().join("psi")),
            cgroup_dir: Some(dir.path().to_owned()),
        });
        assert_eq!(gauge.read(), Pressure::None);
        stall(12.0, 0.0);
        assert_eq!(gauge.read(), Pressure::Moderate);
        stall(12.0, 25.0);
        assert_eq!(gauge.read(), Pressure::Critical);
        stall(0.0, 0.0);
        write("memory.current", "1040");
        assert_eq!(
            gauge.read(),
            Pressure::High,
            "940 of 1000 without the page cache"
        );
        write("memory.current", "500");
        write("memory.events", "low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\n");
        assert_eq!(
            gauge.read(),
            Pressure::High,
            "the limit was hit since the last reading"
        );
        assert_eq!(gauge.read(), Pressure::None, "and not again");
    }

    #[test]
    fn missing_sources_mean_no_pressure() {
        let mut gauge = Gauge::new(PressureSources {
            stall_file: Some("/nonexistent/psi".into()),
            cgroup_dir: Some("/nonexistent".into()),
        });
        assert_eq!(gauge.read(), Pressure::None);
    }

    #[test]
    fn the_monitor_stops_when_dropped() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let monitor = PressureMonitor::start(&bank, PressureSources::discover()).unwrap();
        drop(monitor);
    }
}
