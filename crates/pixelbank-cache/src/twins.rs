//! Files of equal content under several names, which share the number that stands for them, and so their tiles.

use std::ffi::{OsStr, OsString};
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap};
use pixelbank_image::ImageSpec;
use pixelbank_memory::sync::Mutex;

use crate::source::{Source, Stamp};

/// Files that look alike from outside: equal in length and specification. Filled only where the source can digest.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    alike: Mutex<HashMap<u64, Vec<Known>>>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Known {
    key: OsString,
    id: u64,
    stamp: Stamp,
    digest: Option<u128>,
}

impl Known {
    /// The digest of what was described: `None` where it has changed since.
    fn digest(&mut self, source: &dyn Source) -> Option<u128> {
        if self.digest.is_none() {
            let digest = source.digest(&self.key);
            self.digest = digest.filter(|_| source.stamp(&self.key) == Some(self.stamp));
        }
        self.digest
    }
}

impl Twins {
    /// What is kept of a file here.
    pub fn bytes(key: &OsStr) -> usize {
        // Growing by doubling leaves half of the places free.
        key.len() + 2 * size_of::<Known>() + 48
    }

    /// The number of a file with the same content as `key`, which is new and has the number `id` so far. Files are read
    /// to find out only where another looks alike.
    pub fn id_of(
        &self,
        key: &OsStr,
        id: u64,
        stamp: Option<Stamp>,
        specs: &[Arc<ImageSpec>],
        source: &dyn Source,
    ) -> Option<u64> {
        let stamp = stamp?;
        if !source.shares_identical() {
            return None;
        }
        let shape = self.hasher.hash_one((stamp.bytes, specs));
        let mut known = Known {
            key: key.to_owned(),
            id,
            stamp,
            digest: None,
        };
        // The files that look alike are taken out while they are read, since no lock is held across that.
        let mut alike = self.alike.lock().remove(&shape).unwrap_or_default();
        alike.retain(|other| other.key != key);
        for other in &mut alike {
            let digest = known.digest(source);
            if digest.is_some() && other.digest(source) == digest {
                known.id = other.id;
                break;
            }
        }
        let twin = (known.id != id).then_some(known.id);
        alike.push(known);
        self.alike
            .lock()
            .entry(shape)
            .or_default()
            .append(&mut alike);
        twin
    }

    /// Forgets the files of that number; their names.
    pub fn forget(&self, id: u64) -> Vec<OsString> {
        let mut names = Vec::new();
        let mut alike = self.alike.lock();
        alike.retain(|_, files| {
            files.retain_mut(|file| {
                let is_twin = file.id == id;
                if is_twin {
                    names.push(std::mem::take(&mut file.key));
                }
                !is_twin
            });
            !files.is_empty()
        });
        names
    }

    pub fn clear(&self) {
        self.alike.lock().clear();
    }
}
