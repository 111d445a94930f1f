//! What can be said of an image's colour as a whole.

use pixelbank_image::{PixelFormat, SampleType, ViewMut};
use pixelbank_memory::Wait;

use crate::{Error, Image};

impl Image {
    /// The mean of each channel of a subimage, by its coarsest level: integers stand for 0 to 1.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn average(&self, subimage: u32, wait: &Wait) -> Result<Vec<f64>, Error> {
        let coarsest = self.n_levels(subimage).saturating_sub(1);
        let channels = self.spec(subimage).format.channels;
        let mut sums = vec![0.0; channels.count()];
        let mut n_pixels = 0;
        self.each_tile(subimage, coarsest, wait, &mut |tile| {
            let view = tile.view();
            let format = PixelFormat::new(channels, SampleType::F32);
            let mut floats = vec![0f32; view.size().pixels() as usize * channels.count()];
            let bytes = bytemuck::cast_slice_mut(&mut floats);
            ViewMut::packed(bytes, view.size(), format)?.convert_from(view, 0)?;
            for pixel in floats.chunks_exact(sums.len()) {
                for (sum, sample) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(*sample);
                }
            }
            n_pixels += view.size().pixels();
            Ok(true)
        })?;
        Ok(sums.iter().map(|sum| sum / n_pixels as f64).collect())
    }

    /// The bytes of the pixel that every pixel of a subimage is like; `None` where two differ. Goes through the finest level
    /// until it finds two, so only an image that really is of one colour is read whole.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// If there is no such subimage.
    pub fn constant(&self, subimage: u32, wait: &Wait) -> Result<Option<Vec<u8>>, Error> {
        let pixel_bytes = self.spec(subimage).format.pixel_bytes();
        let mut first: Option<Vec<u8>> = None;
        let mut is_constant = true;
        self.each_tile(subimage, 0, wait, &mut |tile| {
            for row in tile.view().rows() {
                let first = first.get_or_insert_with(|| row[..pixel_bytes].to_vec());
                is_constant &= row.chunks_exact(pixel_bytes).all(|pixel| pixel == first);
            }
            Ok(is_constant)
        })?;
        Ok(first.filter(|_| is_constant))
    }

    /// Shows `look` the tiles of a level one by one, until it has seen enough.
    fn each_tile(
        &self,
        subimage: u32,
        level: u32,
        wait: &Wait,
        look: &mut dyn FnMut(&crate::Tile) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let grid = self
            .level(subimage, level)
            .map(|level| level.grid())
            .ok_or_else(|| Error::BadRequest("there is no such level".to_owned()))?;
        for row in 0..grid.rows() {
            for column in 0..grid.columns() {
                if !look(&self.tile(subimage, level, column, row, wait)?)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
