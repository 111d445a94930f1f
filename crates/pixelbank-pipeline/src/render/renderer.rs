use std::sync::Arc;

use pixelbank_cache::Image;
use pixelbank_codec::Region;
use pixelbank_image::{Size, TileGrid, View};
use pixelbank_memory::{Account, Bank, Holder, Wait};

use super::{Picture, Plan, Render};
use crate::{Error, Profiles};

/// Renders from images in a cache, on the books of one bank. Cheap to clone; clones share their ICC transforms.
#[derive(Debug, Clone)]
pub struct Renderer {
    holder: Holder,
    profiles: Arc<Profiles>,
}

impl Renderer {
    /// A renderer that books its working memory on the scratch account of `bank` for `owner`.
    pub fn new(bank: &Bank, owner: &str) -> Self {
        let profiles = bank.holder(Account::Descriptors, "color transform", owner);
        Self {
            holder: bank.holder(Account::Scratch, "render", owner),
            profiles: Arc::new(Profiles::new(profiles)),
        }
    }

    /// Plans `request` without reading a pixel: ask the plan for its bytes before it is run.
    ///
    /// # Errors
    /// As [`Plan::new`]; [`Error::BadRequest`] for a subimage that is not there.
    pub fn plan(&self, image: &Image, subimage: u32, request: &Render) -> Result<Plan, Error> {
        if subimage >= image.n_subimages() {
            return Err(Error::bad(format!(
                "there is no image {subimage}, only {}",
                image.n_subimages()
            )));
        }
        let levels: Vec<Size> = image.levels(subimage).map(|level| level.size).collect();
        let plan = Plan::new(image.spec(subimage), &levels, request, &self.profiles)?;
        Ok(Plan { subimage, ..plan })
    }

    /// Makes the picture of a plan for the same image. Just a tile of the cache is handed over uncopied and unbooked.
    ///
    /// Blocks while memory is short and tiles are loaded: give `wait` a deadline, since others who wait may hold what
    /// this call waits for.
    ///
    /// # Errors
    /// [`Error::Memory`] or [`Error::Cache`] where memory is short, the caller gave up, or the file is damaged.
    pub fn run(&self, image: &Image, plan: &Plan, wait: &Wait) -> Result<Picture, Error> {
        if let Some((column, row)) = self.whole_tile(image, plan) {
            let tile = image.tile(plan.subimage, plan.level, column, row, wait)?;
            return Ok(Picture::of_tile(tile));
        }
        plan.run(&self.holder, wait, &mut |level, rect, to| {
            let subimage = plan.subimage;
            let region = Region {
                subimage,
                level,
                rect,
            };
            Ok(image.read_channels(&region, plan.first_channel, to, wait)?)
        })
    }

    /// Makes the picture in bands of rows and hands each to `write`, in little memory however large it is
    /// ([`Plan::rows_bytes`]).
    ///
    /// # Errors
    /// As [`run`](Self::run), and what `write` says.
    pub fn rows(
        &self,
        image: &Image,
        plan: &Plan,
        wait: &Wait,
        write: &mut dyn FnMut(View<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut read = |level, rect, to: pixelbank_image::ViewMut<'_>| {
            let subimage = plan.subimage;
            let region = Region {
                subimage,
                level,
                rect,
            };
            Ok(image.read_channels(&region, plan.first_channel, to, wait)?)
        };
        plan.rows(&self.holder, wait, &mut read, write)
    }

    /// Plans and runs.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`run`](Self::run).
    pub fn render(
        &self,
        image: &Image,
        subimage: u32,
        request: &Render,
        wait: &Wait,
    ) -> Result<Picture, Error> {
        self.run(image, &self.plan(image, subimage, request)?, wait)
    }

    /// The column and row of the tile that the plan passes on as it is.
    fn whole_tile(&self, image: &Image, plan: &Plan) -> Option<(u32, u32)> {
        if !plan.is_copy() || plan.orients() || plan.has_more_channels {
            return None;
        }
        let level = image.level(plan.subimage, plan.level)?;
        let rect = plan.source_rect();
        let grid = TileGrid::new(level.size, level.tile);
        let (column, row) = (rect.x / level.tile.width, rect.y / level.tile.height);
        (grid.rect(column, row) == rect).then_some((column, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails to compile where it does not hold.
    #[test]
    fn renderers_plans_and_pictures_move_between_threads() {
        fn is_sync<T: Send + Sync>() {}
        is_sync::<Renderer>();
        is_sync::<Plan>();
        is_sync::<Picture>();
    }
}
