//! One pass: from the reservation of its memory to its last tile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pixelbank_codec::Region;
use pixelbank_image::PixelFormat;
use pixelbank_memory::{Buffer, Resource, Wait};

use super::Pass;
use super::cutter::{Cutter, Keep, Stage};
use crate::cache::Inner;
use crate::files::File;
use crate::level::{self, Level, Source};
use crate::spill::LevelKey;
use crate::{Error, stats};

/// How long a pass waits for memory. Those who wait for the pass have deadlines of their own.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A pass on its way to a worker. Ends the pass when dropped, however that comes about.
pub(super) struct Job {
    pub cache: Arc<Inner>,
    pub file: Arc<File>,
    pub key: LevelKey,
    pub pass: Arc<Pass>,
    pub result: Result<(), Error>,
}

impl Drop for Job {
    fn drop(&mut self) {
        let mut active = self.cache.passes.active.lock();
        if active
            .get(&self.key)
            .is_some_and(|pass| Arc::ptr_eq(pass, &self.pass))
        {
            active.remove(&self.key);
        }
        drop(active);
        self.pass.finish(self.result.clone());
    }
}

impl Job {
    pub fn run(mut self) {
        if self.pass.cancel.is_cancelled() {
            return;
        }
        stats::add(&self.cache.counters.passes, 1);
        self.result = Err(Error::Codec(Arc::new(pixelbank_codec::Error::BadRequest {
            name: self.file.key.to_string_lossy().into_owned(),
            reason: "the decoder panicked".to_owned(),
        })));
        self.result = self.decode();
        if let Err(Error::Codec(_)) = self.result {
            self.cache.count_failure(&self.file);
        }
    }

    fn decode(&self) -> Result<(), Error> {
        let (cache, file) = (&self.cache, &self.file);
        let wait = Wait::at_most(PATIENCE).cancelled_by(&self.pass.cancel);
        let spec = &file.specs[self.key.subimage as usize];
        let source = Source::Pass {
            native: self.key.level,
        };
        let made: Vec<(u32, Level)> = (self.key.level..level::n_levels(spec, file.tile))
            .filter_map(|number| Some((number, level::level(spec, file.tile, number)?)))
            .filter(|(_, level)| level.source == source)
            .collect();
        let size = made[0].1.size;
        let region = Region {
            subimage: self.key.subimage,
            level: self.key.level,
            rect: size.rect(),
        };
        cache.refuse_hopeless(file)?;
        let mut reader = cache.files.readers.take(&file.key, file.id, &wait)?;
        let strip_bytes = |level: &Level| {
            spec.format.row_bytes(level.size.width)
                * level.tile.height.min(level.size.height) as usize
        };
        let strips: u64 = made
            .iter()
            .map(|(_, level)| Buffer::footprint(strip_bytes(level)))
            .sum();
        let tile_bytes = spec.format.image_bytes(made[0].1.tile) as usize;
        // One reservation for all, so that two passes never hold a part each and wait for the rest.
        let mut working = cache.working.reserve(
            reader.decoder.working_bytes(&region) + strips + Buffer::footprint(tile_bytes),
            &wait,
        )?;
        let packed = Buffer::zeroed(tile_bytes, working.split(Buffer::footprint(tile_bytes)))?;
        let keep = self.decide(&made, spec.format);
        let mut stages = Vec::new();
        for (level, shape) in made {
            let bytes = strip_bytes(&shape);
            let strip = Buffer::zeroed(bytes, working.split(Buffer::footprint(bytes)))?;
            let spill = match keep {
                Keep::Disk => {
                    cache
                        .spills
                        .make(LevelKey { level, ..self.key }, shape.grid(), spec.format)
                }
                Keep::Memory => None,
            };
            stages.push(Stage {
                level,
                shape,
                strip,
                filled: 0,
                row: 0,
                spill,
            });
        }
        let mut cutter = Cutter {
            job: self,
            format: spec.format,
            stages,
            packed,
            keep,
            last: Instant::now(),
        };
        cache.decode(file, &mut reader, &region, &mut |band, pixels| {
            if self.pass.cancel.is_cancelled() || cutter.is_pointless() {
                return Err(Error::GaveUp {
                    what: "a pass nobody waits for".to_owned(),
                });
            }
            cutter.take(band, pixels)
        })?;
        cache.files.give_back(file, reader);
        Ok(())
    }

    /// Where to keep tiles that nobody waits for.
    fn decide(&self, made: &[(u32, Level)], format: PixelFormat) -> Keep {
        let bytes: u64 = made
            .iter()
            .map(|(_, level)| format.image_bytes(level.size))
            .sum();
        // A pass of more than a quarter of the budget would push everybody else's tiles out.
        let limit = self.cache.bank.limit(Resource::Host).unwrap_or(0);
        if bytes <= limit / 4 {
            Keep::Memory
        } else {
            Keep::Disk
        }
    }
}
