//! Goes through the served folder.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;

use crate::library::Found;
use crate::paths::{Root, identity_of};

/// What a walk comes by.
pub(crate) enum Step {
    /// A folder, before it is looked into.
    Folder,
    /// A file whose name is wanted.
    File(Found),
}

/// Visits every folder, and every file whose name is wanted, hidden ones left out, until `visit` ends it. A folder that
/// cannot be read is passed over: the rest must be seen.
pub(crate) fn walk(
    root: &Root,
    is_wanted: impl Fn(&OsStr) -> bool,
    mut visit: impl FnMut(Step) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut waiting = vec![OsString::new()];
    let mut seen = HashSet::new();
    while let Some(folder) = waiting.pop() {
        visit(Step::Folder)?;
        let mut entered = |entry: Entry| match entry {
            Entry::Folder(path) => {
                waiting.push(path);
                ControlFlow::Continue(())
            }
            Entry::File(found) => visit(Step::File(found)),
        };
        let listed = if root.follows_links() {
            list_following(root, &folder, &mut seen, &is_wanted, &mut entered)
        } else {
            list(root, &folder, &is_wanted, &mut entered)
        };
        listed.unwrap_or(ControlFlow::Continue(()))?;
    }
    ControlFlow::Continue(())
}

enum Entry {
    Folder(OsString),
    File(Found),
}

fn list(
    root: &Root,
    folder: &OsStr,
    is_wanted: &impl Fn(&OsStr) -> bool,
    entered: &mut impl FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let entries = if folder.is_empty() {
        root.dir().entries()?
    } else {
        root.dir().read_dir(folder)?
    };
    for entry in entries {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if is_hidden(&name) {
            continue;
        }
        let step = if kind.is_dir() {
            join(folder, &name).map(Entry::Folder)
        } else if kind.is_file() && is_wanted(&name) {
            let metadata = entry.metadata().ok();
            metadata.and_then(|metadata| found(folder, &name, &metadata))
        } else {
            None
        };
        if step.is_some_and(|step| entered(step).is_break()) {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn list_following(
    root: &Root,
    folder: &OsStr,
    seen: &mut HashSet<(u64, u64)>,
    is_wanted: &impl Fn(&OsStr) -> bool,
    entered: &mut impl FnMut(Entry) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let path = root.path().join(folder);
    let metadata = std::fs::metadata(&path)?;
    // A folder that two links lead to is listed once; that also ends loops.
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(ControlFlow::Continue(()));
    }
    for entry in std::fs::read_dir(&path)? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        if is_hidden(&name) {
            continue;
        }
        let Ok(metadata) = std::fs::metadata(entry.path()) else {
            continue;
        };
        let step = if metadata.is_dir() {
            join(folder, &name).map(Entry::Folder)
        } else if metadata.is_file() && is_wanted(&name) {
            let metadata = cap_std::fs::Metadata::from_just_metadata(metadata);
            found(folder, &name, &metadata)
        } else {
            None
        };
        if step.is_some_and(|step| entered(step).is_break()) {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// A file of a folder; `None` where its path cannot be told.
fn found(folder: &OsStr, name: &OsStr, metadata: &cap_std::fs::Metadata) -> Option<Entry> {
    Some(Entry::File(Found {
        path: join(folder, name)?.into_vec().into(),
        identity: identity_of(metadata),
    }))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Whether a name ends in a dot and one of `endings`, in capitals or not.
pub(crate) fn has_ending(name: &OsStr, endings: &[&str]) -> bool {
    let name = name.as_bytes();
    name.iter()
        .rposition(|byte| *byte == b'.')
        .is_some_and(|dot| {
            endings
                .iter()
                .any(|ending| name[dot + 1..].eq_ignore_ascii_case(ending.as_bytes()))
        })
}

/// `None` where the path gets too long to be opened.
fn join(folder: &OsStr, name: &OsStr) -> Option<OsString> {
    const MAX_BYTES: usize = 4000;
    let mut path = folder.to_owned();
    if !path.is_empty() {
        path.push("/");
    }
    path.push(name);
    (path.len() <= MAX_BYTES).then_some(path)
}
