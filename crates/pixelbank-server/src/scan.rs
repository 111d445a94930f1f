//! Finds the images below the folder, in the background: a walk lists them by their names' endings at once, then
//! every header is read for size and date. Runs again now and then to see what has changed.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::library::{Found, Library, Outcome};
use crate::paths::Root;
use crate::walk::{Step, has_ending, walk};

/// Reads the header of the image at a path below the folder.
pub type Probe = dyn Fn(&OsStr) -> Outcome + Send + Sync;

/// How the scan behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOptions {
    /// Threads that read headers. More make the scan faster and the first requests slower.
    pub threads: usize,
    /// The shortest time between two walks; a folder that takes long to walk is walked less often. `None` walks again
    /// when it is asked to, no sooner.
    pub rescan_interval: Option<Duration>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: (cores / 2).clamp(1, 4),
            rescan_interval: Some(Duration::from_secs(20)),
        }
    }
}

/// Names that end so are taken for images; what they are indeed, their content shows.
const ENDINGS: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "png", "tif", "tiff", "btf", "tf8", "webp", "exr", "gif", "bmp",
    "dib", "pbm", "pgm", "ppm", "pnm", "pam", "pfm", "tga", "qoi", "hdr", "dds", "ico", "cur",
    "jxl", "avif",
];

/// How often what was probed becomes visible. Each time costs those who list the images a new sorted order.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);

/// Images listed at a time.
const BATCH: usize = 2048;

/// The scanning threads; stopped when dropped.
#[derive(Debug)]
pub struct Scanner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    root: Arc<Root>,
    library: Arc<Library>,
    probe: Box<Probe>,
    options: ScanOptions,
    state: Mutex<State>,
    has_changed: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("root", &self.root)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    is_walking: bool,
    is_asked_again: bool,
}

impl Scanner {
    /// Starts the first scan.
    ///
    /// # Errors
    /// What the system says where no thread can be started.
    pub fn start(
        root: Arc<Root>,
        library: Arc<Library>,
        probe: Box<Probe>,
        options: ScanOptions,
    ) -> io::Result<Self> {
        library.begin_scan();
        let shared = Arc::new(Shared {
            root,
            library,
            probe,
            options,
            state: Mutex::default(),
            has_changed: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("scan".into()).spawn({
            let shared = shared.clone();
            move || shared.run()
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Asks for another walk, right after the one under way if there is one.
    pub fn rescan(&self) {
        self.shared.state.lock().is_asked_again = true;
        self.shared.has_changed.notify_all();
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.shared.state.lock().is_stopping = true;
        self.shared.has_changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let start = Instant::now();
            self.scan();
            // Walking takes 2 % of the time at most, however slow the disk.
            let pause = self
                .options
                .rescan_interval
                .map(|interval| interval.max(start.elapsed() * 50));
            let mut state = self.state.lock();
            if !state.is_asked_again && !state.is_stopping {
                match pause {
                    Some(pause) => {
                        self.has_changed.wait_while_for(
                            &mut state,
                            |s| !s.is_asked_again && !s.is_stopping,
                            pause,
                        );
                    }
                    None => self
                        .has_changed
                        .wait_while(&mut state, |s| !s.is_asked_again && !s.is_stopping),
                }
            }
            if state.is_stopping {
                return;
            }
            state.is_asked_again = false;
        }
    }

    fn scan(&self) {
        self.library.begin_scan();
        self.state.lock().is_walking = true;
        std::thread::scope(|scope| {
            for _ in 0..self.options.threads.max(1) {
                scope.spawn(|| self.probe_all());
            }
            self.walk();
            self.state.lock().is_walking = false;
            self.has_changed.notify_all();
        });
        self.library.end_scan();
    }

    fn is_stopping(&self) -> bool {
        self.state.lock().is_stopping
    }

    /// Lists every image. A folder that cannot be read is passed over: the rest must be seen.
    fn walk(&self) {
        let mut batch = Vec::new();
        let mut published = Instant::now();
        let walked = walk(&self.root, is_image_name, |step| {
            let is_time = match step {
                // What was not reached is not gone.
                Step::Folder if self.is_stopping() => return ControlFlow::Break(()),
                Step::Folder => published.elapsed() > PUBLISH_INTERVAL,
                Step::File(found) => {
                    batch.push(found);
                    batch.len() >= BATCH
                }
            };
            if is_time {
                self.publish(&mut batch);
                published = Instant::now();
            }
            ControlFlow::Continue(())
        });
        if walked.is_continue() {
            self.publish(&mut batch);
            self.library.end_walk();
        }
    }

    fn publish(&self, batch: &mut Vec<Found>) {
        self.library.found(batch);
        batch.clear();
        self.has_changed.notify_all();
    }

    /// Reads headers until the walk has ended and nothing waits.
    fn probe_all(&self) {
        let mut outcomes = Vec::new();
        let mut published = Instant::now();
        loop {
            // Asked before looking, so that what the walk listed last is not missed.
            let (is_walking, is_stopping) = {
                let state = self.state.lock();
                (state.is_walking, state.is_stopping)
            };
            if is_stopping {
                return;
            }
            if let Some(image) = self.library.next_to_probe() {
                let outcome = self.probe_one(&image.path);
                outcomes.push((image, outcome));
                if published.elapsed() > PUBLISH_INTERVAL {
                    self.library.probed(std::mem::take(&mut outcomes));
                    published = Instant::now();
                }
                continue;
            }
            self.library.probed(std::mem::take(&mut outcomes));
            if !is_walking {
                return;
            }
            let mut state = self.state.lock();
            if state.is_walking && !state.is_stopping {
                self.has_changed.wait_for(&mut state, PUBLISH_INTERVAL);
            }
        }
    }

    fn probe_one(&self, path: &[u8]) -> Outcome {
        // A reader's fault must cost one picture, not the scan.
        catch_unwind(AssertUnwindSafe(|| (self.probe)(OsStr::from_bytes(path)))).unwrap_or_else(
            |_| Outcome::Broken("reading this file failed inside the program".to_owned()),
        )
    }
}

fn is_image_name(name: &OsStr) -> bool {
    has_ending(name, ENDINGS)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::sync::mpsc;

    use pixelbank_image::Size;

    use super::*;
    use crate::library::{Listed, Order, Query, Sort};

    /// Wide as the file is long, so that a test sees which file was read.
    fn probe_of(root: Arc<Root>) -> Box<Probe> {
        Box::new(move |path| match root.open_file(path) {
            Ok((_, identity)) if identity.bytes > 0 => Outcome::Readable {
                size: Size::new(identity.bytes as u32, 1),
                captured: None,
            },
            Ok(_) => panic!("a reader's fault"),
            Err(error) => Outcome::Broken(error.to_string()),
        })
    }

    fn start(folder: &Path, follow_links: bool) -> (Scanner, Arc<Library>) {
        let root = Arc::new(Root::open(folder, follow_links).expect("opened"));
        let library = Arc::new(Library::new());
        let options = ScanOptions {
            threads: 2,
            rescan_interval: None,
        };
        let probe = probe_of(root.clone());
        let scanner =
            Scanner::start(root, library.clone(), probe, options).expect("threads can be started");
        (scanner, library)
    }

    fn wait(library: &Library) -> Vec<Listed> {
        while library.scan_state().is_running {
            std::thread::yield_now();
        }
        let query = Query {
            sort: Sort::Name,
            order: Order::Ascending,
            ..Query::default()
        };
        library.page(&query, 0, u64::MAX).images
    }

    fn names(images: &[Listed]) -> Vec<String> {
        let name = |image: &Listed| String::from_utf8_lossy(&image.path).into_owned();
        images.iter().map(name).collect()
    }

    #[test]
    fn lists_what_looks_like_an_image_and_reads_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b c/ü")).expect("made");
        std::fs::create_dir_all(at(".hidden")).expect("made");
        for name in [
            "one.JPG",
            "a/b c/ü/two.tiff",
            ".hidden/x.jpg",
            "._one.jpg",
            "notes.txt",
            "jpg",
            "a/empty.png",
        ] {
            let bytes: &[u8] = if name.contains("empty") {
                b""
            } else {
                b"12345"
            };
            std::fs::write(at(name), bytes).expect("written");
        }
        let (_scanner, library) = start(folder.path(), false);
        let images = wait(&library);
        assert_eq!(
            names(&images),
            ["a/b c/ü/two.tiff", "a/empty.png", "one.JPG"]
        );
        assert_eq!(images[0].size, Some(Size::new(5, 1)));
        assert!(images[1].error.is_some());
    }

    #[test]
    fn links_are_followed_when_allowed_and_loops_end() {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(outside.path().join("far.jpg"), "x").expect("written");
        std::fs::create_dir(folder.path().join("sub")).expect("made");
        std::fs::write(folder.path().join("sub/near.jpg"), "x").expect("written");
        symlink(outside.path(), folder.path().join("out")).expect("linked");
        symlink("..", folder.path().join("sub/up")).expect("linked");
        symlink("nowhere", folder.path().join("dangling.jpg")).expect("linked");
        let (_scanner, library) = start(folder.path(), false);
        assert_eq!(names(&wait(&library)), ["sub/near.jpg"]);
        let (_scanner, library) = start(folder.path(), true);
        assert_eq!(names(&wait(&library)), ["out/far.jpg", "sub/near.jpg"]);
    }

    #[test]
    fn a_rescan_sees_new_changed_and_vanished_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["stays.jpg", "changes.jpg", "goes.jpg"] {
            std::fs::write(at(name), "1").expect("written");
        }
        let (scanner, library) = start(folder.path(), false);
        assert_eq!(wait(&library).len(), 3);
        std::fs::write(at("changes.jpg"), "longer").expect("written");
        std::fs::write(at("comes.jpg"), "123").expect("written");
        std::fs::remove_file(at("goes.jpg")).expect("removed");
        scanner.rescan();
        while library
            .get(b"comes.jpg")
            .is_none_or(|image| image.size.is_none())
        {
            std::thread::yield_now();
        }
        let images = wait(&library);
        assert_eq!(names(&images), ["changes.jpg", "comes.jpg", "stays.jpg"]);
        assert_eq!(images[0].size, Some(Size::new(6, 1)));
    }

    #[test]
    fn stopping_does_not_wait_for_the_whole_scan() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for n in 0..50 {
            std::fs::write(folder.path().join(format!("{n}.jpg")), "1").expect("written");
        }
        let root = Arc::new(Root::open(folder.path(), false).expect("opened"));
        let library = Arc::new(Library::new());
        let (started, has_started) = mpsc::sync_channel(100);
        let (go_on, may_go_on) = mpsc::sync_channel::<()>(1);
        let may_go_on = Mutex::new(may_go_on);
        let probe = Box::new(move |_: &OsStr| {
            started.send(()).expect("heard");
            // Ends when the test drops its end.
            let _ = may_go_on.lock().recv();
            Outcome::Broken("never read".into())
        });
        let options = ScanOptions {
            threads: 1,
            rescan_interval: None,
        };
        let scanner = Scanner::start(root, library, probe, options).expect("started");
        has_started.recv().expect("the first file is being read");
        scanner.shared.state.lock().is_stopping = true;
        drop(go_on);
        drop(scanner);
        assert_eq!(has_started.try_iter().count(), 0);
    }
}
