//! Files that are rewritten under the cache's eyes.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;

use pixelbank_cache::Watch;

use super::disk::{files, folder, gray, shade, source, write};
use super::*;

/// Far beyond what any news takes; a test that comes to it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_file_that_is_written_replaced_or_removed_is_seen_without_being_looked_for() {
    let folder = folder();
    let bank = bank(MIB, MIB);
    let cache = files(&bank, source());
    let (a, b) = (
        write(folder.path(), "a.pgm", &gray(20, 5)),
        write(folder.path(), "b.pgm", &gray(20, 6)),
    );
    let real = fs::canonicalize(folder.path()).unwrap();
    let (send, news) = mpsc::sync_channel::<PathBuf>(64);
    let mut watch = Watch::new(&cache, move |path| {
        let _ = send.try_send(path.to_owned());
    })
    .unwrap();
    watch.add(folder.path()).unwrap();
    assert_eq!(shade(&cache, &a).unwrap(), 5);
    assert_eq!(shade(&cache, &b).unwrap(), 6);

    // In place. The file may be seen half written, so what counts is what is there in the end.
    fs::write(&a, gray(20, 7)).unwrap();
    let told = news.recv_timeout(PATIENCE).unwrap();
    assert_eq!(told, real.join("a.pgm"));
    while shade(&cache, &a).ok() != Some(7) {
        assert_eq!(news.recv_timeout(PATIENCE).unwrap(), real.join("a.pgm"));
    }

    // Renamed over it.
    let new = write(folder.path(), "new", &gray(20, 8));
    fs::rename(new, &b).unwrap();
    while news.recv_timeout(PATIENCE).unwrap() != real.join("b.pgm") {}
    assert_eq!(shade(&cache, &b).unwrap(), 8);

    fs::remove_file(&b).unwrap();
    while news.recv_timeout(PATIENCE).unwrap() != real.join("b.pgm") {}
    assert!(shade(&cache, &b).is_err());
}

#[test]
fn a_folder_that_is_not_there_cannot_be_watched_and_one_can_be_left_alone() {
    let folder = folder();
    let bank = bank(MIB, MIB);
    let cache = files(&bank, source());
    let mut watch = Watch::new(&cache, |_| {}).unwrap();
    let error = watch.add(folder.path().join("nothing")).unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
    assert!(watch.remove(folder.path()).is_err());
    watch.add(folder.path()).unwrap();
    watch.remove(folder.path()).unwrap();
}
