//! The channels of a part: their order, which of them make the picture, and how they are interleaved.

use std::sync::Arc;

use exr::meta::attribute::{ChannelList, SampleType as Stored};
use half::f16;
use pixelbank_image::{
    Alpha, Channel, ChannelList as Named, Channels, PixelFormat, SampleType, Shown, StoredSample,
};

/// A channel that is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    /// Bytes of one pixel that stand before it, counting all channels of the file.
    bytes_before: usize,
    stored: Stored,
}

/// The channels that are delivered, in the order of a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    sources: Vec<Source>,
    /// Bytes of one pixel with all channels of the file.
    stored_bytes: usize,
    pub format: PixelFormat,
    pub alpha: Alpha,
    /// Their names and types, where the format does not say all of them.
    pub named: Option<Arc<Named>>,
}

/// Suffixes that stand before others within their layer, whatever their case.
const USUAL: [&str; 20] = [
    "R", "Red", "G", "Green", "B", "Blue", "Y", "real", "imag", "A", "Alpha", "AR", "RA", "AG",
    "GA", "AB", "BA", "Z", "Depth", "Zback",
];

/// The same in a layer of positions or directions.
const SPATIAL: [&str; 21] = [
    "R", "Red", "G", "Green", "B", "Blue", "X", "Y", "Z", "real", "imag", "A", "Alpha", "AR", "RA",
    "AG", "GA", "AB", "BA", "Depth", "Zback",
];

/// The name of a channel in its two parts: the layer with its dot, and what the channel is there.
fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('.').map_or(0, |dot| dot + 1))
}

/// The channels' places in the file in the order in which OpenImageIO has them: by layers, the one without a name first; in a
/// layer red, green, blue and alpha come first, and what has no meaning last.
fn ordered(names: &[String]) -> Vec<usize> {
    let has = |layer: &str, wanted: &str| {
        names.iter().any(|name| {
            let (of, suffix) = split(name);
            of == layer && suffix.eq_ignore_ascii_case(wanted)
        })
    };
    let rank = |layer: &str, suffix: &str| {
        let is_spatial = has(layer, "X") && (has(layer, "Y") || has(layer, "Z"));
        let ranks: &[&str] = if is_spatial { &SPATIAL } else { &USUAL };
        let at = ranks
            .iter()
            .position(|known| suffix.eq_ignore_ascii_case(known));
        at.unwrap_or(usize::MAX)
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_cached_key(|&index| {
        let (layer, suffix) = split(&names[index]);
        (layer, rank(layer, suffix), suffix)
    });
    order
}

/// Red, green and blue, or luminance, with the alpha that follows them, of the first layer that has them; or else the first
/// layer as it is. `names` are in order.
fn shown(names: &[&str]) -> Option<Shown> {
    let is = |at: usize, layer: &str, wanted: &[&str]| {
        names.get(at).is_some_and(|name| {
            let (of, suffix) = split(name);
            of == layer && wanted.iter().any(|one| suffix.eq_ignore_ascii_case(one))
        })
    };
    const ALPHA: &[&str] = &["A", "Alpha"];
    let found = (0..names.len()).find_map(|at| {
        let (layer, _) = split(names[at]);
        if is(at, layer, &["R", "Red"])
            && is(at + 1, layer, &["G", "Green"])
            && is(at + 2, layer, &["B", "Blue"])
        {
            let channels = match is(at + 3, layer, ALPHA) {
                true => Channels::Rgba,
                false => Channels::Rgb,
            };
            return Some((at, channels));
        }
        // Luminance with chroma is colour of another kind, and between X and Z it is none.
        let others = ["RY", "BY", "X"];
        let is_alone = !(0..names.len()).any(|other| is(other, layer, &others));
        if is(at, layer, &["Y"]) && is_alone {
            let channels = match is(at + 1, layer, ALPHA) {
                true => Channels::GrayAlpha,
                false => Channels::Gray,
            };
            return Some((at, channels));
        }
        None
    });
    let (first, channels) = match found {
        Some(found) => found,
        None => {
            let (layer, _) = split(names.first()?);
            let n = names.iter().filter(|name| split(name).0 == layer).count();
            let channels = match n {
                1 => Channels::Gray,
                n => Channels::Other(u8::try_from(n).ok()?),
            };
            (0, channels)
        }
    };
    Some(Shown {
        first: u8::try_from(first).ok()?,
        channels,
    })
}

fn stored_sample(stored: Stored) -> StoredSample {
    StoredSample::of(match stored {
        Stored::F16 => SampleType::F16,
        Stored::F32 => SampleType::F32,
        Stored::U32 => SampleType::U32,
    })
}

impl Selection {
    /// All channels of a part, in OpenImageIO's order. `None` for a part without channels, or with more than a pixel can
    /// have.
    pub(super) fn new(list: &ChannelList) -> Option<Self> {
        let names: Vec<String> = list
            .list
            .iter()
            .map(|channel| channel.name.to_string())
            .collect();
        let n = u8::try_from(names.len()).ok()?;
        let mut before = 0;
        let all: Vec<Source> = list
            .list
            .iter()
            .map(|channel| {
                let bytes_before = before;
                before += channel.sample_type.bytes_per_sample();
                Source {
                    bytes_before,
                    stored: channel.sample_type,
                }
            })
            .collect();
        let order = ordered(&names);
        let names: Vec<&str> = order.iter().map(|&index| &*names[index]).collect();
        let sources: Vec<Source> = order.iter().map(|&index| all[index]).collect();
        let shown = shown(&names)?;
        let channels = if shown.channels.count() == names.len() {
            shown.channels
        } else {
            Channels::Other(n)
        };
        let first = sources.first()?.stored;
        let uniform = sources.iter().all(|source| source.stored == first);
        let sample = match first {
            _ if !uniform => SampleType::F32,
            Stored::F16 => SampleType::F16,
            Stored::F32 => SampleType::F32,
            Stored::U32 => SampleType::U32,
        };
        let usual: &[&str] = match channels {
            Channels::Gray => &["Y"],
            Channels::GrayAlpha => &["Y", "A"],
            Channels::Rgb => &["R", "G", "B"],
            Channels::Rgba => &["R", "G", "B", "A"],
            _ => &[],
        };
        let named = (!uniform || names != usual).then(|| {
            let channel = |(name, source): (&&str, &Source)| Channel {
                name: (*name).into(),
                sample: stored_sample(source.stored),
            };
            Arc::new(Named {
                list: names.iter().zip(&sources).map(channel).collect(),
                shown,
            })
        });
        Some(Self {
            sources,
            stored_bytes: before,
            format: PixelFormat::new(channels, sample),
            named,
            alpha: if shown.channels.has_alpha() {
                Alpha::Premultiplied
            } else {
                Alpha::None
            },
        })
    }

    /// Interleaves one row of a block that is `width` pixels wide, from column `first` on, as many pixels as `out` has.
    /// Rows of blocks hold the samples of one channel after those of another.
    pub(super) fn deliver_row(&self, row: &[u8], width: usize, first: usize, out: &mut [u8]) {
        let pixel_bytes = self.format.pixel_bytes();
        let sample_bytes = self.format.sample.bytes();
        let n = out.len() / pixel_bytes;
        for (index, source) in self.sources.iter().enumerate() {
            let stored_bytes = source.stored.bytes_per_sample();
            let start = source.bytes_before * width + first * stored_bytes;
            let samples = &row[start..start + n * stored_bytes];
            let at = index * sample_bytes;
            if stored_bytes == sample_bytes && !self.converts(source) {
                match stored_bytes {
                    2 => scatter::<2>(samples, &mut out[at..], pixel_bytes),
                    _ => scatter::<4>(samples, &mut out[at..], pixel_bytes),
                }
            } else {
                let pixels = out.chunks_exact_mut(pixel_bytes);
                for (pixel, sample) in pixels.zip(samples.chunks_exact(stored_bytes)) {
                    let value = to_float(source.stored, sample);
                    pixel[at..at + 4].copy_from_slice(&value.to_ne_bytes());
                }
            }
        }
    }

    fn converts(&self, source: &Source) -> bool {
        self.format.sample == SampleType::F32 && source.stored != Stored::F32
    }

    /// Bytes of one row of a block of that width, with all channels.
    pub(super) fn stored_row_bytes(&self, width: usize) -> usize {
        self.stored_bytes * width
    }

    /// Heap bytes of the list of sources.
    pub(super) fn heap_bytes(&self) -> u64 {
        (self.sources.capacity() * size_of::<Source>()) as u64
    }
}

fn scatter<const N: usize>(samples: &[u8], out: &mut [u8], pixel_bytes: usize) {
    for (sample, pixel) in samples
        .as_chunks::<N>()
        .0
        .iter()
        .zip(out.chunks_mut(pixel_bytes))
    {
        pixel[..N].copy_from_slice(sample);
    }
}

fn to_float(stored: Stored, sample: &[u8]) -> f32 {
    match (stored, sample) {
        (Stored::F16, &[a, b]) => f16::from_ne_bytes([a, b]).to_f32(),
        (Stored::F32, &[a, b, c, d]) => f32::from_ne_bytes([a, b, c, d]),
        (Stored::U32, &[a, b, c, d]) => u32::from_ne_bytes([a, b, c, d]) as f32,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use exr::meta::attribute::{ChannelDescription, Text};

    use super::*;

    fn select(channels: &[(&str, Stored)]) -> Selection {
        let list = channels
            .iter()
            .map(|(name, stored)| ChannelDescription::new(Text::from(*name), *stored, true))
            .collect();
        Selection::new(&ChannelList::new(list)).unwrap()
    }

    fn names(of: &Selection) -> Vec<&str> {
        let list = &of.named.as_ref().unwrap().list;
        list.iter().map(|channel| &*channel.name).collect()
    }

    #[test]
    fn channels_are_in_the_order_of_openimageio() {
        let half = Stored::F16;
        // In the order of the file, which sorts by bytes.
        let chosen = select(&[
            ("A", half),
            ("B", half),
            ("G", half),
            ("N.X", half),
            ("N.Y", half),
            ("N.Z", half),
            ("R", half),
            ("Z", Stored::F32),
            ("id", Stored::U32),
        ]);
        assert_eq!(
            names(&chosen),
            ["R", "G", "B", "A", "Z", "id", "N.X", "N.Y", "N.Z"]
        );
        assert_eq!(
            chosen.format,
            PixelFormat::new(Channels::Other(9), SampleType::F32)
        );
        let before: Vec<_> = chosen
            .sources
            .iter()
            .map(|source| source.bytes_before)
            .collect();
        assert_eq!(before, [12, 4, 2, 0, 14, 18, 6, 8, 10]);
        let samples: Vec<String> = chosen.named.as_ref().unwrap().list[3..6]
            .iter()
            .map(|channel| channel.sample.to_string())
            .collect();
        assert_eq!(samples, ["half", "float", "uint32"]);
        assert_eq!(chosen.alpha, Alpha::Premultiplied);
    }

    #[test]
    fn the_main_layer_is_shown_or_else_the_first_that_can_be() {
        let shown = |all: &[&str]| {
            let all: Vec<_> = all.iter().map(|name| (*name, Stored::F16)).collect();
            let chosen = select(&all);
            let shown = chosen.named.as_ref().map(|named| named.shown);
            shown.map_or((0, chosen.format.channels), |shown| {
                (shown.first, shown.channels)
            })
        };
        assert_eq!(shown(&["A", "B", "G", "R"]), (0, Channels::Rgba));
        assert_eq!(shown(&["B", "G", "R", "a.B"]), (0, Channels::Rgb));
        let layer = ["depth.Z", "x.A", "x.B", "x.G", "x.R"];
        assert_eq!(shown(&layer), (1, Channels::Rgba));
        assert_eq!(shown(&["A", "Y"]), (0, Channels::GrayAlpha));
        assert_eq!(shown(&["BY", "RY", "Y"]), (0, Channels::Other(3)));
        assert_eq!(shown(&["N.x", "N.y", "N.z"]), (0, Channels::Other(3)));
        assert_eq!(shown(&["Z"]), (0, Channels::Gray));
        assert_eq!(shown(&["Z", "Y"]), (0, Channels::Gray));
    }

    #[test]
    fn what_the_layout_says_already_is_not_kept() {
        let half = Stored::F16;
        let plain = [("A", half), ("B", half), ("G", half), ("R", half)];
        assert_eq!(select(&plain).named, None);
        assert_eq!(select(&[("Y", half)]).named, None);
        assert!(select(&[("Z", half)]).named.is_some());
    }

    #[test]
    fn mixed_samples_become_float() {
        let chosen = select(&[("B", Stored::F16), ("G", Stored::U32), ("R", Stored::F32)]);
        assert_eq!(
            chosen.format,
            PixelFormat::new(Channels::Rgb, SampleType::F32)
        );
        let mut row = Vec::new();
        row.extend(
            [f16::from_f32(0.5), f16::from_f32(2.0)]
                .map(f16::to_ne_bytes)
                .concat(),
        );
        row.extend([7u32, 8].map(u32::to_ne_bytes).concat());
        row.extend([1.25f32, -1.0].map(f32::to_ne_bytes).concat());
        let mut out = [0; 12];
        chosen.deliver_row(&row, 2, 1, &mut out);
        assert_eq!(out[..], [-1.0f32, 8.0, 2.0].map(f32::to_ne_bytes).concat());
    }
}
