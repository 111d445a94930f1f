//! What the operating system says of the process and its limits. Linux reads `/proc` and cgroup v2; elsewhere the
//! answers are `None` and cautious defaults.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Resident bytes of this process, or `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// The most bytes that were ever resident, or `None` where the system does not say.
pub fn peak_resident_bytes() -> Option<u64> {
    kilobytes_field(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// The memory that this process may use: the machine's, or the least limit of the cgroups it lives in.
pub fn available_memory() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| kilobytes_field(&text, "MemTotal:"));
    let cgroup = cgroup_dir().and_then(|dir| cgroup_limit(&dir));
    // Where nothing is known, as much as any machine of today has.
    machine.into_iter().chain(cgroup).min().unwrap_or(4 << 30)
}

/// Resident bytes of a process and what they are, by its `/proc/…/status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Resident {
    pub now: u64,
    pub peak: u64,
    /// Pages of files, and shared ones.
    pub file: u64,
}

/// This process's; zero where the system does not say.
pub(crate) fn resident() -> Resident {
    fs::read_to_string("/proc/self/status").map_or_else(|_| Resident::default(), |text| read(&text))
}

fn read(status: &str) -> Resident {
    let field = |name| kilobytes_field(status, name).unwrap_or(0);
    Resident {
        now: field("VmRSS:"),
        peak: field("VmHWM:"),
        file: field("RssFile:") + field("RssShmem:"),
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

fn kilobytes_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The folder of the cgroup (version 2) that this process belongs to.
pub(crate) fn cgroup_dir() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let dir = Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    dir.join("memory.current").exists().then_some(dir)
}

/// The least `memory.max` or `memory.high` of the cgroup and those above it.
pub(crate) fn cgroup_limit(dir: &Path) -> Option<u64> {
    let read = |dir: &Path, name: &str| -> Option<u64> {
        // "max" is no limit and no number.
        fs::read_to_string(dir.join(name)).ok()?.trim().parse().ok()
    };
    dir.ancestors()
        .take_while(|dir| dir.join("cgroup.controllers").exists())
        .flat_map(|dir| [read(dir, "memory.max"), read(dir, "memory.high")])
        .flatten()
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        for dir in [root.path(), &root.path().join("a"), &inner] {
            fs::write(dir.join("cgroup.controllers"), "memory\n").unwrap();
        }
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(cgroup_limit(&inner), None);
        fs::write(root.path().join("a/memory.max"), "1000000\n").unwrap();
        fs::write(inner.join("memory.high"), "2000000\n").unwrap();
        assert_eq!(cgroup_limit(&inner), Some(1_000_000));
    }

    #[test]
    fn a_status_says_what_is_resident_and_what_of_it_are_files() {
        let status = "Name:\tx\nVmHWM:\t   900 kB\nVmRSS:\t   800 kB\nRssAnon:\t   500 kB\nRssFile:\t   290 kB\nRssShmem:\t    10 kB\n";
        let expected = Resident {
            now: 800 << 10,
            peak: 900 << 10,
            file: 300 << 10,
        };
        assert_eq!(read(status), expected);
        assert_eq!(read("Name:\tkernel thread\n"), Resident::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn resident_size_follows_what_is_touched() {
        let before = resident_bytes().unwrap();
        let touched = vec![1u8; 64 << 20];
        let grown = resident_bytes().unwrap().saturating_sub(before);
        assert!(
            grown >= 56 << 20,
            "64 MiB were touched, {grown} bytes came on"
        );
        assert!(peak_resident_bytes().unwrap() >= before + (56 << 20));
        drop(touched);
    }
}
