//! Which channels of a part make its pixels, and how they are interleaved.

use exr::meta::attribute::{ChannelList, SampleType as Stored};
use half::f16;
use pixelbank_image::{Alpha, Channels, PixelFormat, SampleType};

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
}

impl Selection {
    /// Red, green, blue and alpha, or luminance and alpha, of the main layer or else of the first that has them; or
    /// else all channels of the first layer, in the order of the file. `None` for a part without channels, or with more
    /// than a pixel can have.
    pub(super) fn new(list: &ChannelList) -> Option<Self> {
        let names: Vec<String> = list
            .list
            .iter()
            .map(|channel| channel.name.to_string())
            .collect();
        let prefix = |name: &str| name.rfind('.').map_or(0, |dot| dot + 1);
        let mut layers: Vec<&str> = Vec::new();
        for name in &names {
            let layer = &name[..prefix(name)];
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
        // The main layer has no prefix.
        layers.sort_by_key(|layer| !layer.is_empty());
        let find = |layer: &str, wanted: &str| {
            names.iter().position(|name| {
                let at = prefix(name);
                &name[..at] == layer && name[at..].eq_ignore_ascii_case(wanted)
            })
        };
        let meant = layers.iter().find_map(|layer| {
            let alpha = find(layer, "A");
            let rgb = ["R", "G", "B"].map(|name| find(layer, name));
            if let [Some(r), Some(g), Some(b)] = rgb {
                let channels = if alpha.is_some() {
                    Channels::Rgba
                } else {
                    Channels::Rgb
                };
                return Some((
                    channels,
                    [r, g, b].into_iter().chain(alpha).collect::<Vec<_>>(),
                ));
            }
            let y = find(layer, "Y")?;
            // Luminance with chroma is colour of another kind.
            if find(layer, "RY").is_some() || find(layer, "BY").is_some() {
                return None;
            }
            let channels = if alpha.is_some() {
                Channels::GrayAlpha
            } else {
                Channels::Gray
            };
            Some((channels, [y].into_iter().chain(alpha).collect()))
        });
        let (channels, indices) = match meant {
            Some(meant) => meant,
            None => {
                let layer = *layers.first()?;
                let indices: Vec<usize> = (0..names.len())
                    .filter(|&index| &names[index][..prefix(&names[index])] == layer)
                    .collect();
                let channels = match indices.len() {
                    1 => Channels::Gray,
                    n => Channels::Other(u8::try_from(n).ok()?),
                };
                (channels, indices)
            }
        };
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
        let sources: Vec<Source> = indices.iter().map(|&index| all[index]).collect();
        let first = sources.first()?.stored;
        let sample = match first {
            Stored::F16 => SampleType::F16,
            Stored::F32 => SampleType::F32,
            Stored::U32 => SampleType::U32,
        };
        let uniform = sources.iter().all(|source| source.stored == first);
        let format = PixelFormat::new(channels, if uniform { sample } else { SampleType::F32 });
        Some(Self {
            sources,
            stored_bytes: before,
            format,
            alpha: if channels.has_alpha() {
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

    #[test]
    fn the_main_layer_comes_first_and_pixels_in_their_order() {
        let half = Stored::F16;
        let chosen = select(&[
            ("A", half),
            ("B", half),
            ("G", half),
            ("R", half),
            ("Z", half),
        ]);
        assert_eq!(
            chosen.format,
            PixelFormat::new(Channels::Rgba, SampleType::F16)
        );
        let before: Vec<_> = chosen
            .sources
            .iter()
            .map(|source| source.bytes_before)
            .collect();
        assert_eq!(before, [6, 4, 2, 0]);
        let chosen = select(&[("B", half), ("G", half), ("R", half), ("a.B", half)]);
        assert_eq!(chosen.format.channels, Channels::Rgb);
        let chosen = select(&[
            ("depth.Z", half),
            ("x.B", half),
            ("x.G", half),
            ("x.R", half),
        ]);
        assert_eq!(chosen.format.channels, Channels::Rgb);
        let chosen = select(&[("A", half), ("Y", half)]);
        assert_eq!(chosen.format.channels, Channels::GrayAlpha);
        let chosen = select(&[("BY", half), ("RY", half), ("Y", half)]);
        assert_eq!(chosen.format.channels, Channels::Other(3));
        let chosen = select(&[("Z", Stored::F32)]);
        assert_eq!(
            chosen.format,
            PixelFormat::new(Channels::Gray, SampleType::F32)
        );
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
