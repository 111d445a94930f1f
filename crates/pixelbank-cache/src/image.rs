use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use pixelbank_codec::{Format, MetadataBlocks, Region};
use pixelbank_image::{Alpha, ImageSpec, Rect, Size, ViewMut, Window};
use pixelbank_memory::{Resource, Wait, format_bytes};

use crate::cache::Inner;
use crate::files::File;
use crate::level::Source;
use crate::load::{Place, copy_common};
use crate::prefetch::{Job, Prefetch};
use crate::readers::Reader;
use crate::{Cursor, Error, FileStats, Level, Tile, level, stats};

/// An image in a [`Cache`](crate::Cache). Holds what is known of it, not its pixels.
#[derive(Clone)]
pub struct Image {
    cache: Arc<Inner>,
    file: Arc<File>,
}

impl Image {
    pub(crate) fn new(cache: Arc<Inner>, file: Arc<File>) -> Self {
        Self { cache, file }
    }

    /// The key it was opened by.
    pub fn key(&self) -> &OsStr {
        &self.file.key
    }

    /// The format that the file's content shows.
    pub fn format(&self) -> Format {
        self.file.format
    }

    /// Pages, parts or frames.
    pub fn n_subimages(&self) -> u32 {
        self.file.specs.len() as u32
    }

    /// What the file says of a subimage.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn spec(&self, subimage: u32) -> &ImageSpec {
        &self.file.specs[subimage as usize]
    }

    /// How many resolutions there are to read a subimage at: those of the file, then each half of the one before until one
    /// tile holds it.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn n_levels(&self, subimage: u32) -> u32 {
        level::n_levels(self.spec(subimage), self.file.tile)
    }

    /// One of these resolutions, as the cache keeps it; `None` where there is none of that number.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn level(&self, subimage: u32, number: u32) -> Option<Level> {
        level::level(self.spec(subimage), self.file.tile, number)
    }

    /// All of them, finest first.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn levels(&self, subimage: u32) -> impl Iterator<Item = Level> {
        (0..).map_while(move |number| self.level(subimage, number))
    }

    /// The coarsest level with at least `scale` times the pixels of level 0 along each side: what to read for a picture of
    /// that scale. The finest one where `scale` is 1 or more.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn level_for(&self, subimage: u32, scale: f64) -> u32 {
        let full = self.spec(subimage).size();
        let serves = |level: &Level| {
            f64::from(level.size.width) >= scale * f64::from(full.width)
                && f64::from(level.size.height) >= scale * f64::from(full.height)
        };
        let n = self.levels(subimage).take_while(serves).count() as u32;
        n.saturating_sub(1)
    }

    /// What the cache did with this file since it was described.
    pub fn stats(&self) -> FileStats {
        self.file.counters.snapshot(&self.file.key)
    }

    /// Copies a region of a level into `target`, which has its size. Its format may be another than the specification's:
    /// samples are converted, and where it has fewer channels, it gets the first ones. `region.level` counts in
    /// [`levels`](Self::levels). Blocks while tiles are loaded.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a region or target that does not fit; what is wrong with the file or the budget;
    /// [`Error::GaveUp`].
    pub fn read(&self, region: &Region, target: ViewMut<'_>, wait: &Wait) -> Result<(), Error> {
        let place = self.place(region.subimage, region.level)?;
        region.rect.within(place.the_level.size)?;
        self.copy(place, region.rect, 0, target, wait)
    }

    /// The same from another channel on: the target's channels are those that follow `first_channel`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_channels(
        &self,
        region: &Region,
        first_channel: u8,
        target: ViewMut<'_>,
        wait: &Wait,
    ) -> Result<(), Error> {
        let place = self.place(region.subimage, region.level)?;
        region.rect.within(place.the_level.size)?;
        self.copy(place, region.rect, usize::from(first_channel), target, wait)
    }

    /// As [`read_channels`](Self::read_channels), but only from tiles that are in memory: neither loads anything nor waits.
    /// Whether all of them were; if not, the target holds a part of the region. For callers who hold something that
    /// nobody should wait for.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn read_resident(
        &self,
        region: &Region,
        first_channel: u8,
        mut target: ViewMut<'_>,
    ) -> Result<bool, Error> {
        let place = self.place(region.subimage, region.level)?;
        region.rect.within(place.the_level.size)?;
        let first = usize::from(first_channel);
        let missing = self.copy_resident(&place, region.rect, first, &mut target, true)?;
        Ok(missing.is_empty())
    }

    /// Copies what lies in `window` of a level into `target`, which has its size; what lies outside of the image is zero.
    /// The corner of level 0 is that of the specification's data window, halved with every level and rounded down.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_window(
        &self,
        subimage: u32,
        level: u32,
        window: Window,
        options: &ReadOptions,
        mut target: ViewMut<'_>,
        wait: &Wait,
    ) -> Result<(), Error> {
        let place = self.place(subimage, level)?;
        let spec = place.spec();
        let wanted = Size::new(window.width, window.height);
        if target.size() != wanted {
            return Err(Error::BadRequest(format!(
                "a target of {} for {wanted}",
                target.size()
            )));
        }
        let corner = (
            i64::from(spec.data_window.x >> level.min(31)),
            i64::from(spec.data_window.y >> level.min(31)),
        );
        let size = place.the_level.size;
        let (x, width) = overlap(i64::from(window.x) - corner.0, window.width, size.width);
        let (y, height) = overlap(i64::from(window.y) - corner.1, window.height, size.height);
        if (width, height) != (window.width, window.height) {
            target.clear();
        }
        if width == 0 || height == 0 {
            return Ok(());
        }
        let inside = Rect::new(
            x.saturating_neg().max(0) as u32,
            y.saturating_neg().max(0) as u32,
            width,
            height,
        );
        let rect = Rect::new(x.max(0) as u32, y.max(0) as u32, width, height);
        let first = usize::from(options.first_channel);
        self.copy(place, rect, first, target.reborrow().crop(inside)?, wait)?;
        if let Some(alpha) = options.alpha {
            let shown = spec.shown();
            let has_alpha =
                shown.channels == target.format().channels && shown.first == options.first_channel;
            if !has_alpha && shown.channels.has_alpha() {
                return Err(Error::BadRequest(
                    "colour can only be brought to another kind of alpha together with it"
                        .to_owned(),
                ));
            }
            target.crop(inside)?.convert_alpha(spec.alpha, alpha);
        }
        Ok(())
    }

    fn copy(
        &self,
        place: Place<'_>,
        rect: Rect,
        first_channel: usize,
        mut target: ViewMut<'_>,
        wait: &Wait,
    ) -> Result<(), Error> {
        let missing = self.copy_resident(&place, rect, first_channel, &mut target, false)?;
        if missing.is_empty() {
            return Ok(());
        }
        let grid = place.the_level.grid();
        stats::add(&self.cache.counters.misses, missing.len() as u64);
        self.cache.tiles(place, &missing, wait, &mut |at, tile| {
            let (column, row) = missing[at];
            let at = grid.rect(column, row);
            copy_common(tile.view(), at, first_channel, target.reborrow(), rect)
        })
    }

    /// Copies from the tiles that are in memory; column and row of those that are not, only the first one of them where
    /// `all_or_none`.
    fn copy_resident(
        &self,
        place: &Place<'_>,
        rect: Rect,
        first_channel: usize,
        target: &mut ViewMut<'_>,
        all_or_none: bool,
    ) -> Result<Vec<(u32, u32)>, Error> {
        let has = place.format().channels.count();
        let wants = first_channel + target.format().channels.count();
        if target.size() != rect.size() || wants > has {
            return Err(Error::BadRequest(format!(
                "a target of {} {} from channel {first_channel} on for {} {}",
                target.size(),
                target.format(),
                rect.size(),
                place.format()
            )));
        }
        let grid = place.the_level.grid();
        let (columns, rows) = grid.touching(rect);
        let mut missing = Vec::new();
        for row in rows {
            for column in columns.clone() {
                match self.cache.store.get(&place.spot(grid.index(column, row))) {
                    Some(tile) => {
                        let at = grid.rect(column, row);
                        copy_common(tile.view(), at, first_channel, target.reborrow(), rect)?;
                    }
                    None => missing.push((column, row)),
                }
                if all_or_none && !missing.is_empty() {
                    return Ok(missing);
                }
            }
        }
        Ok(missing)
    }

    /// One tile of a level, not copied.
    ///
    /// Whoever asks for one tile after the other, from left to right and row by row, finds the next ones loaded: some
    /// calls load a few tiles more than was asked for, on several threads.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn tile(
        &self,
        subimage: u32,
        level: u32,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        let place = self.place(subimage, level)?;
        let grid = place.tile_grid(column, row)?;
        if let Some(tile) = self.cache.store.get(&place.spot(grid.index(column, row))) {
            return Ok(tile);
        }
        self.load_tile(place, column, row, wait)
    }

    #[cold]
    fn load_tile(
        &self,
        place: Place<'_>,
        column: u32,
        row: u32,
        wait: &Wait,
    ) -> Result<Tile, Error> {
        stats::add(&self.cache.counters.misses, 1);
        if !matches!(place.the_level.source, Source::Pass { .. }) {
            return self.cache.load_run(place, column, row, wait);
        }
        let mut found = None;
        self.cache
            .tiles(place, &[(column, row)], wait, &mut |_, tile| {
                found = Some(tile.clone());
                Ok(())
            })?;
        found.ok_or_else(|| Error::BadRequest("a tile was asked for and none came".to_owned()))
    }

    /// The same, where it is in memory: neither loads anything nor waits.
    ///
    /// # Errors
    /// [`Error::BadRequest`].
    pub fn resident_tile(
        &self,
        subimage: u32,
        level: u32,
        column: u32,
        row: u32,
    ) -> Result<Option<Tile>, Error> {
        let place = self.place(subimage, level)?;
        let grid = place.tile_grid(column, row)?;
        Ok(self.cache.store.get(&place.spot(grid.index(column, row))))
    }

    /// Puts a tile into the cache that the caller has the pixels of: `fill` writes them where they stay. Whoever asks for
    /// it later gets it without the file being read, until the budget wants its bytes back. The tile that is there already
    /// wins.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a tile that is not there, what is wrong with the budget, and what `fill` says.
    pub fn add_tile(
        &self,
        subimage: u32,
        level: u32,
        (column, row): (u32, u32),
        wait: &Wait,
        fill: impl FnOnce(ViewMut<'_>) -> Result<(), Error>,
    ) -> Result<Tile, Error> {
        let place = self.place(subimage, level)?;
        let grid = place.tile_grid(column, row)?;
        let (size, format) = (grid.rect(column, row).size(), place.format());
        let started = Instant::now();
        let mut buffer = self.cache.blank(place, column, row, wait)?;
        fill(ViewMut::packed(&mut buffer, size, format)?)?;
        let tile = Tile::new(&self.cache.bank, buffer, size, format);
        let spot = place.spot(grid.index(column, row));
        let nanos = started.elapsed().as_nanos() as u64;
        Ok(self.cache.store.insert(&spot, tile, nanos))
    }

    /// Loads a region of a level behind the caller's back, so that reading it finds it there. Of several that wait, those
    /// of the higher `priority` are loaded first.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a region that does not fit the level, or whose pixels cannot fit the budget.
    pub fn prefetch(&self, region: &Region, priority: u8) -> Result<Prefetch, Error> {
        let positions = self.positions(region)?;
        let (cache, file) = (Arc::clone(&self.cache), Arc::clone(&self.file));
        let (subimage, level) = (region.subimage, region.level);
        let shared = Arc::default();
        let job = Job::new(Arc::clone(&shared));
        self.cache.prefetchers.submit(priority, move || {
            job.run(|wait| match Place::new(&file, subimage, level) {
                Some(place) => cache.tiles(place, &positions, wait, &mut |_, _| Ok(())),
                None => Ok(()),
            });
        });
        Ok(Prefetch::new(shared))
    }

    /// Loads a region of a level and keeps it in memory for as long as the pin is held.
    ///
    /// # Errors
    /// As [`prefetch`](Self::prefetch), and as [`read`](Self::read).
    pub fn pin(&self, region: &Region, wait: &Wait) -> Result<Pin, Error> {
        let positions = self.positions(region)?;
        let place = self.place(region.subimage, region.level)?;
        let mut tiles = Vec::with_capacity(positions.len());
        self.cache.tiles(place, &positions, wait, &mut |_, tile| {
            tiles.push(tile.clone());
            Ok(())
        })?;
        Ok(Pin {
            image: self.clone(),
            tiles,
        })
    }

    /// Column and row of the tiles that a region touches, if they can be in memory together.
    fn positions(&self, region: &Region) -> Result<Vec<(u32, u32)>, Error> {
        let place = self.place(region.subimage, region.level)?;
        region.rect.within(place.the_level.size)?;
        let bytes = place.format().image_bytes(region.rect.size());
        let limit = self.cache.bank.limit(Resource::Host).unwrap_or(u64::MAX);
        if bytes > limit {
            return Err(Error::BadRequest(format!(
                "{} of {} are {}, and the budget is {}",
                region.rect,
                place.describe(),
                format_bytes(bytes),
                format_bytes(limit)
            )));
        }
        let (columns, rows) = place.the_level.grid().touching(region.rect);
        let positions = rows.flat_map(|row| columns.clone().map(move |column| (column, row)));
        Ok(positions.collect())
    }

    /// A way to look at tiles one after the other that keeps the last one at hand.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.clone())
    }

    /// The JPEG stream of exactly this region of a level of the file, where it holds one: to be passed on undecoded.
    ///
    /// # Errors
    /// What is wrong with the file or the budget.
    pub fn jpeg_stream(&self, region: &Region, wait: &Wait) -> Result<Option<Vec<u8>>, Error> {
        let place = self.place(region.subimage, region.level)?;
        if region.level as usize >= place.spec().levels.len() {
            return Ok(None);
        }
        let mut reader = self.reader(wait)?;
        let stream = reader.decoder.jpeg_stream(region)?;
        self.cache.files.give_back(&self.file, reader);
        Ok(stream)
    }

    /// The file's metadata, read from it now.
    ///
    /// # Errors
    /// What is wrong with the file or the budget.
    pub fn metadata(&self, wait: &Wait) -> Result<MetadataBlocks, Error> {
        let mut reader = self.reader(wait)?;
        let blocks = reader.decoder.metadata()?;
        self.cache.files.give_back(&self.file, reader);
        Ok(blocks)
    }

    fn reader(&self, wait: &Wait) -> Result<Reader, Error> {
        let readers = &self.cache.files.readers;
        readers.take(&self.file.key, self.file.id, wait)
    }

    #[inline(always)]
    fn place(&self, subimage: u32, level: u32) -> Result<Place<'_>, Error> {
        Place::new(&self.file, subimage, level).ok_or_else(|| self.no_level(subimage, level))
    }

    #[cold]
    fn no_level(&self, subimage: u32, level: u32) -> Error {
        Error::BadRequest(format!(
            "{} has no level {level} of subimage {subimage}",
            self.file.key.to_string_lossy()
        ))
    }
}

/// A region that stays in memory: see [`Image::pin`].
#[derive(Debug)]
pub struct Pin {
    image: Image,
    tiles: Vec<Tile>,
}

impl Pin {
    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The tiles that are held.
    pub fn n_tiles(&self) -> usize {
        self.tiles.len()
    }
}

/// How [`Image::read_window`] delivers pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The image's channel that becomes the first of the target.
    pub first_channel: u8,
    /// What alpha is to mean in the target, which must have all channels that the image shows then
    /// ([`ImageSpec::shown`]); as in the file where it is `None`.
    pub alpha: Option<Alpha>,
}

/// Where a span that begins at `start` lies within `0..size`: its first place (negative where the span begins before),
/// and the length of what they have in common.
fn overlap(start: i64, length: u32, size: u32) -> (i64, u32) {
    let end = (start + i64::from(length)).min(i64::from(size));
    (start, (end - start.max(0)).max(0) as u32)
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Image").field(&self.file).finish()
    }
}
