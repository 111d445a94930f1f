use std::borrow::Cow;
use std::sync::Arc;

use crate::channels::usual_name;
use crate::{
    Alpha, ChannelList, Orientation, PixelFormat, Shown, Size, Stored, StoredSample, Transfer,
    Window,
};

/// What is known of one subimage without its pixels. Shared by all of its levels, which add only [`LevelSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageSpec {
    /// The layout of pixels as the decoder delivers them.
    pub format: PixelFormat,
    /// What the file has in its place.
    pub stored: Stored,
    /// The channels one by one, where `format` and `stored` do not say all of them.
    pub channels: Option<Arc<ChannelList>>,
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

    /// The name of a channel, counted from 0 in the order of delivery: that of the file, or the usual one.
    pub fn channel_name(&self, number: usize) -> Cow<'_, str> {
        let named = self.channels.as_ref().and_then(|all| all.list.get(number));
        match named {
            Some(channel) => Cow::Borrowed(&channel.name),
            None => usual_name(self.format.channels, number),
        }
    }

    /// How the file stores the samples of a channel.
    pub fn channel_sample(&self, number: usize) -> StoredSample {
        let listed = self.channels.as_ref().and_then(|all| all.list.get(number));
        listed.map_or(self.stored.sample, |channel| channel.sample)
    }

    /// The channels that make the picture: all of them, unless the file has others beside.
    pub fn shown(&self) -> Shown {
        match &self.channels {
            Some(all) => all.shown,
            None => Shown {
                first: 0,
                channels: self.format.channels,
            },
        }
    }

    /// The layout of the pixels of that picture.
    pub fn shown_format(&self) -> PixelFormat {
        PixelFormat::new(self.shown().channels, self.format.sample)
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
