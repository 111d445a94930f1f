//! Pixels that are no file, read as a file is read.

use std::sync::Arc;

use pixelbank_codec::{Band, Decoder, Error, Flow, ImageInfo, MetadataBlocks, Region};
use pixelbank_image::{View, ViewMut};

/// Something that has pixels, or makes them.
pub trait Pixels: Send + Sync {
    fn info(&self) -> &Arc<ImageInfo>;

    /// How often the bytes of a region are held while it is read into a band, the band included.
    fn copies(&self) -> u64;

    /// Writes a region that is there into `target`, which has its size and format.
    fn fill(&self, name: &str, region: &Region, target: &mut ViewMut<'_>) -> Result<(), Error>;
}

pub struct Reader<P> {
    pixels: Arc<P>,
    name: String,
}

impl<P: Pixels> Reader<P> {
    pub fn new(pixels: Arc<P>, name: &str) -> Self {
        Self {
            pixels,
            name: name.to_owned(),
        }
    }

    fn bad(&self, reason: impl ToString) -> Error {
        Error::BadRequest {
            name: self.name.clone(),
            reason: reason.to_string(),
        }
    }

    /// Refuses what the image does not have.
    fn check(&self, region: &Region) -> Result<(), Error> {
        let spec = self.pixels.info().subimages.get(region.subimage as usize);
        let level = spec.and_then(|spec| spec.levels.get(region.level as usize));
        let missing = || format!("no level {} of subimage {}", region.level, region.subimage);
        let level = level.ok_or_else(|| self.bad(missing()))?;
        let within = region.rect.within(level.size);
        within.map(drop).map_err(|error| self.bad(error))
    }
}

impl<P: Pixels> Decoder for Reader<P> {
    fn info(&self) -> &Arc<ImageInfo> {
        self.pixels.info()
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let format = self.pixels.info().subimages[0].format;
        self.pixels.copies() * format.image_bytes(region.rect.size())
    }

    fn heap_bytes(&self) -> u64 {
        1 << 10
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        self.check(region)?;
        let (format, size) = (self.pixels.info().subimages[0].format, region.rect.size());
        let mut bytes = vec![0; format.image_bytes(size) as usize];
        let target = ViewMut::packed(&mut bytes, size, format);
        let mut target = target.map_err(|error| self.bad(error))?;
        self.pixels.fill(&self.name, region, &mut target)?;
        let pixels = View::packed(&bytes, size, format).map_err(|error| self.bad(error))?;
        // The only band: whether another one is wanted changes nothing.
        let _ = sink(Band {
            rect: region.rect,
            pixels,
        });
        Ok(())
    }

    fn decode_into(&mut self, region: &Region, mut target: ViewMut<'_>) -> Result<(), Error> {
        self.check(region)?;
        self.pixels.fill(&self.name, region, &mut target)
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks::default())
    }
}

impl<P> std::fmt::Debug for Reader<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reader").field(&self.name).finish()
    }
}
