use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;

use pixelbank_codec::{Format, MetadataBlocks, Region};
use pixelbank_image::{ImageSpec, ViewMut};
use pixelbank_memory::Wait;

use crate::cache::Inner;
use crate::files::File;
use crate::load::{Place, copy_common};
use crate::{Error, Level, Tile};

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
        self.file.info.format
    }

    /// Pages, parts or frames.
    pub fn n_subimages(&self) -> u32 {
        self.file.info.subimages.len() as u32
    }

    /// What the file says of a subimage.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn spec(&self, subimage: u32) -> &ImageSpec {
        &self.file.info.subimages[subimage as usize]
    }

    /// The resolutions at which a subimage can be read, finest first: those of the file, then each half of the one before
    /// until one tile holds it.
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn levels(&self, subimage: u32) -> &[Level] {
        &self.file.levels[subimage as usize]
    }

    /// Copies a region of a level into `target`, which has its size and the specification's format. `region.level` counts
    /// in [`levels`](Self::levels). Blocks while tiles are loaded.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a region or target that does not fit; what is wrong with the file or the budget;
    /// [`Error::GaveUp`].
    pub fn read(&self, region: &Region, mut target: ViewMut<'_>, wait: &Wait) -> Result<(), Error> {
        let place = self.place(region.subimage, region.level)?;
        let (level, rect) = (place.the_level(), region.rect);
        rect.within(level.size)?;
        if target.size() != rect.size() || target.format() != place.format() {
            return Err(Error::BadRequest(format!(
                "a target of {} {} for {} {}",
                target.size(),
                target.format(),
                rect.size(),
                place.format()
            )));
        }
        let grid = level.grid();
        let (columns, rows) = grid.touching(rect);
        let positions: Vec<(u32, u32)> = rows
            .flat_map(|row| columns.clone().map(move |column| (column, row)))
            .collect();
        self.cache.tiles(place, &positions, wait, &mut |at, tile| {
            let (column, row) = positions[at];
            copy_common(tile.view(), grid.rect(column, row), target.reborrow(), rect)
        })
    }

    /// One tile of a level, not copied.
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
        let grid = place.the_level().grid();
        if column >= grid.columns() || row >= grid.rows() {
            return Err(Error::BadRequest(format!(
                "no tile in column {column}, row {row} of {}",
                place.describe()
            )));
        }
        let mut found = None;
        self.cache
            .tiles(place, &[(column, row)], wait, &mut |_, tile| {
                found = Some(tile.clone());
                Ok(())
            })?;
        found.ok_or_else(|| Error::BadRequest("a tile was asked for and none came".to_owned()))
    }

    /// The JPEG stream of exactly this region of a level of the file, where it holds one: to be passed on undecoded.
    ///
    /// # Errors
    /// What is wrong with the file or the budget.
    pub fn jpeg_stream(&self, region: &Region, wait: &Wait) -> Result<Option<Vec<u8>>, Error> {
        let place = self.place(region.subimage, region.level)?;
        if region.level as usize >= self.spec(region.subimage).levels.len() {
            return Ok(None);
        }
        let mut reader = self.cache.files.reader(place.file, wait)?;
        let stream = reader.decoder.jpeg_stream(region)?;
        self.cache.files.give_back(reader);
        Ok(stream)
    }

    /// The file's metadata, read from it now.
    ///
    /// # Errors
    /// What is wrong with the file or the budget.
    pub fn metadata(&self, wait: &Wait) -> Result<MetadataBlocks, Error> {
        let mut reader = self.cache.files.reader(&self.file, wait)?;
        let blocks = reader.decoder.metadata()?;
        self.cache.files.give_back(reader);
        Ok(blocks)
    }

    fn place(&self, subimage: u32, level: u32) -> Result<Place<'_>, Error> {
        let place = Place {
            file: &self.file,
            subimage,
            level,
        };
        match self.file.levels.get(subimage as usize) {
            Some(levels) if (level as usize) < levels.len() => Ok(place),
            _ => Err(Error::BadRequest(format!(
                "{} has no level {level} of subimage {subimage}",
                self.file.key.to_string_lossy()
            ))),
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Image").field(&self.file).finish()
    }
}
