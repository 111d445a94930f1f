//! Identifiers and the files they name: nothing outside of the served folder can be named, and nothing but regular
//! files is opened.
//!
//! `cap-std` opens beneath the folder: on Linux by one `openat2(RESOLVE_BENEATH)`, so that no check can be overtaken
//! by somebody who exchanges a directory for a link in between, and component by component where that call is missing
//! (other systems, containers that forbid it). Links that stay within the folder are followed, links that leave it are
//! refused. Plain `openat2` would be Linux alone, and a check of the canonical path before opening is a race.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest path that systems take.
const MAX_PATH_BYTES: usize = 4096;

/// The identifier of the file at `path` (relative, bytes as the system gave them), ready to stand in an address.
pub fn encode_id(path: &[u8]) -> String {
    percent_encode(path, ENCODED).to_string()
}

/// Why an identifier names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A `%` without two hexadecimal digits behind it.
    #[error("the identifier is not percent-encoded as it should be")]
    Encoding,
    /// No relative path of plain names: empty, absolute, with `.` or `..`, with a NUL, or too long.
    #[error("the identifier names nothing below the served folder")]
    Path,
}

/// The path, relative to the served folder, that a percent-encoded identifier stands for. Whatever comes back has only
/// plain names in it: it is safe to join, though links may still lead elsewhere.
///
/// # Errors
/// [`IdError`], saying what is wrong.
pub fn decode_id(id: &str) -> Result<Vec<u8>, IdError> {
    let has_broken_escape = id.as_bytes().iter().enumerate().any(|(at, byte)| {
        *byte == b'%'
            && !id
                .as_bytes()
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if has_broken_escape {
        return Err(IdError::Encoding);
    }
    let path: Vec<u8> = percent_decode_str(id).collect();
    if is_plain(&path) {
        Ok(path)
    } else {
        Err(IdError::Path)
    }
}

fn is_plain(path: &[u8]) -> bool {
    path.len() < MAX_PATH_BYTES
        && !path.contains(&0)
        && path
            .split(|byte| *byte == b'/')
            .all(|name| !name.is_empty() && name != b"." && name != b"..")
}

/// What makes a file the same file as before: if any of it changes, so may its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its number on its device.
    pub inode: u64,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified_nanos: i64,
}

impl Identity {
    /// When the file was last written.
    pub fn modified(&self) -> SystemTime {
        let since = Duration::from_nanos(u64::try_from(self.modified_nanos).unwrap_or(0));
        UNIX_EPOCH + since
    }
}

/// The served folder.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    dir: Dir,
    follow_links: bool,
}

impl Root {
    /// Opens the folder at `path`. With `follow_links`, links below it may lead anywhere.
    ///
    /// # Errors
    /// What the system says: not there, not a folder, not readable.
    pub fn open(path: &Path, follow_links: bool) -> io::Result<Self> {
        let path = path.canonicalize()?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        // Opening a folder shows only that it may be entered; listing it needs leave of its own.
        dir.entries()?;
        Ok(Self {
            path,
            dir,
            follow_links,
        })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder itself.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Whether links may lead anywhere.
    pub fn follows_links(&self) -> bool {
        self.follow_links
    }

    /// Opens the regular file at `path`, relative to the folder, and says which it is.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::PermissionDenied`] for links that leave the folder,
    /// [`io::ErrorKind::InvalidInput`] for what is not a regular file or no plain path.
    pub fn open_file(&self, path: &OsStr) -> io::Result<(File, Identity)> {
        if !is_plain(path.as_bytes()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // Opening a pipe would wait for somebody to write into it.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        let file = if self.follow_links {
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
            options.read(true).open(self.path.join(path))?
        } else {
            self.dir.open_with(path, &options)?.into_std()
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let identity = identity_of(&cap_std::fs::Metadata::from_just_metadata(metadata));
        Ok((file, identity))
    }

    /// Opens the folder at `path`, relative to the served one; that itself where `path` is empty.
    ///
    /// # Errors
    /// As [`Root::open_file`].
    pub fn open_folder(&self, path: &OsStr) -> io::Result<File> {
        let dir = if path.is_empty() {
            self.dir.try_clone()?
        } else if !is_plain(path.as_bytes()) {
            return Err(io::ErrorKind::InvalidInput.into());
        } else if self.follow_links {
            Dir::open_ambient_dir(self.path.join(path), ambient_authority())?
        } else {
            self.dir.open_dir(path)?
        };
        Ok(dir.into_std_file())
    }

    /// Which file is at `path` now, without opening it.
    ///
    /// # Errors
    /// As [`Root::open_file`].
    pub fn identify(&self, path: &OsStr) -> io::Result<Identity> {
        if !is_plain(path.as_bytes()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let metadata = if self.follow_links {
            cap_std::fs::Metadata::from_just_metadata(std::fs::metadata(self.path.join(path))?)
        } else {
            self.dir.metadata(path)?
        };
        if metadata.is_file() {
            Ok(identity_of(&metadata))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ))
        }
    }
}

pub(crate) fn identity_of(metadata: &cap_std::fs::Metadata) -> Identity {
    Identity {
        inode: metadata.ino(),
        bytes: metadata.size(),
        modified_nanos: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn any_plain_path_survives_the_address() {
        let all_bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        for path in [
            b"a.jpg".as_slice(),
            b"a/b c/100%.jpg",
            "ü/😀\"'.png".as_bytes(),
            b"..a/b..",
            b"\xff\xfe.jpg",
            &all_bytes,
        ] {
            let id = encode_id(path);
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
                "{id}"
            );
            assert_eq!(decode_id(&id).as_deref(), Ok(path));
        }
        assert_eq!(encode_id(b"a/b.jpg"), "a%2Fb.jpg");
    }

    #[test]
    fn identifiers_that_could_lead_out_are_refused() {
        for id in [
            "",
            ".",
            "..",
            "%2e%2e",
            "..%2Fx",
            "a%2F..%2Fb",
            "a%2F..",
            "%2Fetc%2Fpasswd",
            "a%2F%2Fb",
            "a%2F",
            "a%00b",
            ".%2Fa",
            "a%2F.%2Fb",
        ] {
            assert_eq!(decode_id(id), Err(IdError::Path), "{id}");
        }
        for id in ["%", "%2", "%zz", "a%2gb", "100%"] {
            assert_eq!(decode_id(id), Err(IdError::Encoding), "{id}");
        }
        assert_eq!(decode_id(&"a".repeat(5000)), Err(IdError::Path));
        // Decoded once, never twice.
        assert_eq!(decode_id("%252e%252e").as_deref(), Ok(b"%2e%2e".as_slice()));
    }

    struct Tree {
        _outside: tempfile::TempDir,
        inside: tempfile::TempDir,
    }

    fn tree() -> Tree {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let inside = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(outside.path().join("secret.jpg"), "secret").expect("written");
        let at = |name: &str| inside.path().join(name);
        std::fs::create_dir(at("dir")).expect("made");
        std::fs::write(at("dir/plain.jpg"), "plain").expect("written");
        symlink(outside.path().join("secret.jpg"), at("leaves.jpg")).expect("linked");
        symlink(outside.path(), at("out")).expect("linked");
        symlink("../dir/plain.jpg", at("dir/stays.jpg")).expect("linked");
        symlink("loop.jpg", at("loop.jpg")).expect("linked");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.jpg"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .expect("made");
        Tree {
            _outside: outside,
            inside,
        }
    }

    fn opens(root: &Root, path: &str) -> bool {
        let opened = root.open_file(OsStr::new(path));
        let identified = root.identify(OsStr::new(path));
        assert_eq!(opened.is_ok(), identified.is_ok(), "{path}");
        if let (Ok((_, by_file)), Ok(by_name)) = (&opened, &identified) {
            assert_eq!(by_file, by_name);
        }
        opened.is_ok()
    }

    #[test]
    fn links_stay_within_the_folder_unless_allowed() {
        let tree = tree();
        let root = Root::open(tree.inside.path(), false).expect("opened");
        assert!(opens(&root, "dir/plain.jpg"));
        assert!(opens(&root, "dir/stays.jpg"));
        assert!(!opens(&root, "leaves.jpg"));
        assert!(!opens(&root, "out/secret.jpg"));
        let root = Root::open(tree.inside.path(), true).expect("opened");
        assert!(opens(&root, "leaves.jpg"));
        assert!(opens(&root, "out/secret.jpg"));
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_waits() {
        let tree = tree();
        for follow_links in [false, true] {
            let root = Root::open(tree.inside.path(), follow_links).expect("opened");
            for path in [
                "pipe.jpg",
                "loop.jpg",
                "dir",
                "missing.jpg",
                "../x",
                "/etc/hosts",
            ] {
                assert!(!opens(&root, path), "{path}");
            }
        }
    }
}
