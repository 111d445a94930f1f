//! Ledgers that other processes of the same user can read: a socket for each bank, by the process's number.
//!
//! A client sends one line, `view`, `mark` or `traces`, and gets one line of JSON. Nothing is computed unless somebody asks.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use pixelbank_memory::{Bank, Mark, Trace};
use serde::de::DeserializeOwned;

use crate::View;

/// As long as either side waits for the other's line.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a client may send, and an answer may be.
const MAX_REQUEST_BYTES: u64 = 64;
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// A bank that others can look at, until this is dropped.
pub struct Published {
    path: PathBuf,
    pid: u32,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Lets other processes of this user look at a bank.
///
/// # Errors
/// What the system says where the folder of sockets, the socket or the thread behind it cannot be had; or that the folder
/// belongs to somebody else.
pub fn publish(bank: &Bank) -> io::Result<Published> {
    publish_in(&folder(), bank)
}

fn publish_in(folder: &Path, bank: &Bank) -> io::Result<Published> {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    make_private(folder)?;
    let pid = std::process::id();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{pid}-{number}.sock"));
    // One that a process of the same number left behind.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let thread = {
        let (bank, is_over) = (bank.clone(), Arc::clone(&is_over));
        std::thread::Builder::new()
            .name("ledger".into())
            .stack_size(256 << 10)
            .spawn(move || {
                for client in listener.incoming() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that sends nonsense or goes away harms only itself; an accept that failed may succeed later.
                    let _ = client.and_then(|client| answer(client, &bank));
                }
            })?
    };
    Ok(Published {
        path,
        pid,
        is_over,
        thread: Some(thread),
    })
}

fn answer(client: UnixStream, bank: &Bank) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&client).take(MAX_REQUEST_BYTES)).read_line(&mut line)?;
    let json = match line.trim_end() {
        "view" => {
            // Whoever looks regularly gives the bank a history by it.
            bank.sample();
            serde_json::to_string(&View::of(bank, None))
        }
        "mark" => serde_json::to_string(&bank.mark()),
        "traces" => serde_json::to_string(&bank.traces()),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    (&client).write_all(json.map_err(io::Error::other)?.as_bytes())
}

impl Drop for Published {
    fn drop(&mut self) {
        // In a forked child the socket is the parent's, and the thread does not exist.
        if self.pid != std::process::id() {
            return;
        }
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread; where nobody can connect any more, it cannot be waited for either.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = fs::remove_file(&self.path);
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Published").field(&self.path).finish()
    }
}

/// Where the sockets are: in the user's folder for such things, or in one of that user among temporary files.
fn folder() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    match runtime.filter(|path| path.is_absolute()) {
        Some(runtime) => runtime.join("pixelbank"),
        None => {
            let user = rustix::process::getuid().as_raw();
            std::env::temp_dir().join(format!("pixelbank-{user}"))
        }
    }
}

/// Makes a folder that only this user can enter, or sees that it is one.
fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.uid() == rustix::process::getuid().as_raw();
    if !found.is_dir() || !is_ours || found.mode() & 0o077 != 0 {
        let text = format!(
            "{}: not a folder that only this user can enter",
            folder.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

/// A bank of some process that can be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publication {
    /// The process.
    pub pid: u32,
    /// Which of its banks, from 1.
    pub number: u32,
    path: PathBuf,
}

impl Publication {
    /// All of this user's, in the order of their processes. What processes that have ended left behind is removed.
    ///
    /// # Errors
    /// What the system says where the folder cannot be read; there being none is no error.
    pub fn all() -> io::Result<Vec<Self>> {
        Self::all_in(&folder())
    }

    fn all_in(folder: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found: Vec<Self> = entries
            .filter_map(|entry| Self::of_path(entry.ok()?.path()))
            .filter(|publication| {
                let is_alive = publication.is_alive();
                if !is_alive {
                    let _ = fs::remove_file(&publication.path);
                }
                is_alive
            })
            .collect();
        found.sort();
        Ok(found)
    }

    fn of_path(path: PathBuf) -> Option<Self> {
        let (pid, number) = path
            .file_name()?
            .to_str()?
            .strip_suffix(".sock")?
            .split_once('-')?;
        let (pid, number) = (pid.parse().ok()?, number.parse().ok()?);
        Some(Self { pid, number, path })
    }

    /// Whether the process is there, or may be: one of another's namespace cannot be told, but answers.
    fn is_alive(&self) -> bool {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| {
            rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
        }) || UnixStream::connect(&self.path).is_ok()
    }

    /// What the bank holds now.
    ///
    /// # Errors
    /// What the system says, for example that the process has ended; or that the answer is not understood.
    pub fn view(&self) -> io::Result<View> {
        self.ask("view")
    }

    /// Sets a mark in the bank's books.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn mark(&self) -> io::Result<Mark> {
        self.ask("mark")
    }

    /// The bank's large reservations, and where they were made.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn traces(&self) -> io::Result<Vec<Trace>> {
        self.ask("traces")
    }

    fn ask<T: DeserializeOwned>(&self, request: &str) -> io::Result<T> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{request}\n").as_bytes())?;
        let mut answer = String::new();
        stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
        if answer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&answer)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use pixelbank_memory::Account;

    use super::*;

    fn bank() -> Bank {
        Bank::builder().host_bytes(1 << 20).build().unwrap()
    }

    #[test]
    fn a_bank_can_be_looked_at_until_it_is_withdrawn() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sockets");
        let (one, two) = (bank(), bank());
        let _held = one
            .holder(Account::Tiles, "tile", "cache")
            .try_reserve(1000)
            .unwrap();
        let published = [&one, &two].map(|bank| publish_in(&folder, bank).unwrap());
        let mut found = Publication::all_in(&folder).unwrap();
        assert_eq!(found.len(), 2);
        found.sort_by_key(|publication| publication.number);
        assert!(
            found
                .iter()
                .all(|publication| publication.pid == std::process::id())
        );
        let view = found[0].view().unwrap();
        assert_eq!(view.ledger.types[0].live_bytes, 1000);
        assert_eq!(found[0].mark().unwrap().generation, 1);
        assert_eq!(one.ledger().mark.map(|mark| mark.generation), Some(1));
        assert_eq!(two.ledger().mark, None);
        two.trace_from(Some(1));
        let holder = two.holder(Account::Pool, "tensor", "");
        let _tensor = holder.try_reserve(5).unwrap();
        assert_eq!(found[1].traces().unwrap(), two.traces());
        drop(published);
        assert!(found[0].view().is_err());
        assert_eq!(Publication::all_in(&folder).unwrap(), []);
    }

    #[test]
    fn clients_that_send_nonsense_or_nothing_harm_only_themselves() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sockets");
        let bank = bank();
        let _published = publish_in(&folder, &bank).unwrap();
        let it = Publication::all_in(&folder).unwrap().remove(0);
        drop(UnixStream::connect(&it.path).unwrap());
        for nonsense in [&b"nonsense\n"[..], &[0xff; 1000], b"\n", &[b'v'; 64]] {
            let mut client = UnixStream::connect(&it.path).unwrap();
            // It may have hung up before all was sent.
            let _ = client.write_all(nonsense);
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            assert_eq!(answer, b"");
        }
        assert!(it.view().is_ok());
    }

    #[test]
    fn what_a_process_left_behind_is_removed_and_what_is_foreign_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sockets");
        make_private(&folder).unwrap();
        // No process has a number as high as this.
        let stale = folder.join("2147483647-1.sock");
        drop(UnixListener::bind(&stale).unwrap());
        let foreign = folder.join("notes.txt");
        fs::write(&foreign, "x").unwrap();
        assert_eq!(Publication::all_in(&folder).unwrap(), []);
        assert!(!stale.exists() && foreign.exists());
        assert_eq!(Publication::all_in(&dir.path().join("none")).unwrap(), []);
    }

    #[test]
    fn a_folder_that_others_can_enter_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("sockets");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let error = publish_in(&folder, &bank()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }
}
