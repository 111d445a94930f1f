//! The channels of a subimage, where the layout of its pixels does not say all there is to say of them.

use std::borrow::Cow;

use crate::{Channels, StoredSample};

/// A channel of a file that names its channels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Channel {
    /// Its name, with that of its layer in front: `diffuse.R`.
    pub name: Box<str>,
    /// How the file stores its samples.
    pub sample: StoredSample,
}

/// Which channels of a pixel make the picture that a viewer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The first of them; the others follow it.
    pub first: u8,
    /// What they mean.
    pub channels: Channels,
}

/// The channels of a subimage in the order in which they are delivered. Kept where they have names of their own, or samples
/// of several types; shared by all files that have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelList {
    /// One for each channel of a pixel.
    pub list: Box<[Channel]>,
    /// Those of the main layer, or else of the first that can be shown.
    pub shown: Shown,
}

impl ChannelList {
    /// Bytes of the list with its names.
    pub fn heap_bytes(&self) -> usize {
        let names = self.list.iter().map(|channel| channel.name.len());
        size_of_val(&*self.list) + names.sum::<usize>()
    }
}

/// The name of a channel of a file that names none.
pub(crate) fn usual_name(channels: Channels, number: usize) -> Cow<'static, str> {
    let usual: &[&str] = match channels {
        Channels::Gray => &["Y"],
        Channels::GrayAlpha => &["Y", "A"],
        Channels::Rgb | Channels::Rgba => &["R", "G", "B", "A"],
        Channels::Cmyk => &["C", "M", "Y", "K"],
        Channels::Other(_) => &[],
    };
    match usual.get(number) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("channel{number}")),
    }
}
