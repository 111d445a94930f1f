use std::sync::Arc;

use crate::{Alpha, Orientation, PixelFormat, Size, Transfer, Window};

/// What is known of one subimage without its pixels. Shared by all of its levels, which add only [`LevelSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageSpec {
    /// The layout of pixels as the decoder delivers them.
    pub format: PixelFormat,
    /// What the alpha channel means.
    pub alpha: Alpha,
    /// How values relate to light.
    pub transfer: Transfer,
    /// How the pixels must be turned to be upright; they are delivered as stored.
    pub orientation: Orientation,
    /// Where the stored pixels lie; its size is that of level 0.
    pub data_window: Window,
    /// The frame that a viewer shows; other than the data window in OpenEXR alone.
    pub display_window: Window,
    /// The ICC profile, shared between files that carry the same one.
    pub icc: Option<Arc<[u8]>>,
    /// The resolutions that the decoder delivers by itself, finest first; never empty.
    pub levels: Vec<LevelSpec>,
}

impl ImageSpec {
    /// The size of level 0 as stored.
    pub fn size(&self) -> Size {
        self.levels
            .first()
            .map(|level| level.size)
            .unwrap_or_default()
    }
}

/// What a level does not share with its subimage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LevelSpec {
    /// Pixels of this level.
    pub size: Size,
    /// How its pixels can be got at.
    pub access: Access,
}

/// How the pixels of a level can be got at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Cut into chunks of this size, each decoded by itself: tiled files, and strips of moderate height.
    Chunks(Size),
    /// Only from the top: reading the last row costs decoding all rows before it.
    Pass,
}
