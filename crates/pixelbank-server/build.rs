//! Puts the web page into the program: writes a table of the files below `web/dist` for `src/web.rs` to include. The
//! table is empty where the page has not been built, and the program then says so to whoever opens it.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let web = here.join("../../web");
    let dist = web.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A path that is not there yet counts as changed at every build, so its folder is watched until it is.
    let watched = if dist.is_dir() { &dist } else { &web };
    if watched.is_dir() {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let mut table = String::from("&[\n");
    if dist.is_dir() {
        list(&dist.canonicalize()?, "", &mut table)?;
    }
    table.push_str("]\n");
    fs::write(out.join("assets.rs"), table)
}

fn list(folder: &Path, prefix: &str, table: &mut String) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = entry.path();
        if path.is_dir() {
            list(&path, &format!("{prefix}{name}/"), table)?;
            continue;
        }
        let mut hasher = DefaultHasher::new();
        fs::read(&path)?.hash(&mut hasher);
        let (name, hash) = (format!("{prefix}{name}"), hasher.finish());
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "Asset {{ name: {name:?}, etag: \"\\\"{hash:016x}\\\"\", bytes: include_bytes!({path:?}) }},",
        );
    }
    Ok(())
}
