//! From the components of a code stream to the channels of pixels: palettes, the order of channels, densities, depths, and
//! luminance with colour differences.

use std::sync::Arc;

use pixelbank_image::{
    Alpha, ChannelList, Channels, PixelFormat, SampleKind, SampleType, Shown, StoredSample,
};

use super::boxes::{Channel, Container, Definition, Palette, Space};
use super::geometry::Area;
use super::header::{Component, Fault, Siz, unsupported};

/// How the pixels of a picture are made of its components.
#[derive(Debug)]
pub(super) struct Picture {
    pub format: PixelFormat,
    pub alpha: Alpha,
    pub stored: StoredSample,
    /// Where the depths of channels differ.
    pub list: Option<Arc<ChannelList>>,
    /// In the order of delivery.
    channels: Vec<Channel>,
    palette: Option<Palette>,
    components: Vec<Component>,
    is_sycc: bool,
}

/// A decoded component: its samples, and where they lie at the level's resolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    pub samples: &'a [i32],
    pub area: Area,
}

impl Picture {
    pub fn new(siz: &Siz, container: &Container) -> Result<Self, Fault> {
        let stored = stored_channels(siz, container)?;
        let space = space_of(siz, container, stored.len())?;
        let (order, n_colors, alpha) = order_of(space, &container.definitions, stored.len());
        let channels: Vec<_> = order.iter().map(|&at| stored[at]).collect();
        let palette = container.palette.clone();
        let depth = |channel: &Channel| match (channel.column, &palette) {
            (Some(column), Some(palette)) => palette.bits[usize::from(column)],
            _ => siz.components[usize::from(channel.component)].bits,
        };
        let widest = channels.iter().map(depth).max().unwrap_or(8);
        let deepest = siz.components.iter().map(|component| component.bits).max();
        if let Some(bits @ 17..) = deepest {
            return Err(unsupported(format!("{bits} bits a sample")));
        }
        let sample = if widest > 8 {
            SampleType::U16
        } else {
            SampleType::U8
        };
        let layout = match (n_colors, alpha, channels.len()) {
            (1, Alpha::None, 1) => Channels::Gray,
            (1, _, 2) if alpha != Alpha::None => Channels::GrayAlpha,
            (3, Alpha::None, 3) => Channels::Rgb,
            (3, _, 4) if alpha != Alpha::None => Channels::Rgba,
            (4, Alpha::None, 4) => Channels::Cmyk,
            (_, _, count) => Channels::Other(count as u8),
        };
        let alpha = if layout.has_alpha() {
            alpha
        } else {
            Alpha::None
        };
        let kinds: Vec<_> = channels
            .iter()
            .map(|channel| stored_as(&siz.components[usize::from(channel.component)], channel))
            .collect();
        let widest_kind = kinds.iter().copied().max_by_key(|kind| kind.bits);
        let differ = kinds.iter().any(|kind| *kind != kinds[0]);
        Ok(Self {
            format: PixelFormat::new(layout, sample),
            alpha,
            stored: widest_kind.unwrap_or(StoredSample::of(sample)),
            list: differ.then(|| Arc::new(channel_list(layout, &kinds))),
            is_sycc: space == Some(Space::Sycc) && n_colors == 3,
            channels,
            palette,
            components: siz.components.clone(),
        })
    }

    /// The palette, and lists of components and channels.
    pub fn heap_bytes(&self) -> usize {
        let palette = self.palette.as_ref();
        palette.map_or(0, |palette| {
            palette.values.capacity() * 2 + palette.bits.capacity()
        }) + self.channels.capacity() * size_of::<Channel>()
            + self.components.capacity() * size_of::<Component>()
            + self.list.as_ref().map_or(0, |list| list.heap_bytes())
    }

    /// Makes the pixels of a row, from column `x` and row `y` of the level on.
    pub fn row(&self, planes: &[Plane<'_>], x: u32, y: u32, out: &mut [u8]) {
        let n_channels = self.channels.len();
        let pixel_bytes = self.format.pixel_bytes();
        let width = (out.len() / pixel_bytes) as u32;
        for (at, channel) in self.channels.iter().enumerate() {
            let number = usize::from(channel.component);
            let component = &self.components[number];
            let plane = &planes[number];
            let line = plane.line(y / component.dy);
            let samples = (x..x + width).map(|x| plane.at(line, x / component.dx));
            let low = if component.is_signed {
                1 << (component.bits - 1)
            } else {
                0
            };
            let top = (1i32 << component.bits) - 1;
            let values = samples.map(|sample| sample.saturating_add(low).clamp(0, top) as u32);
            match (channel.column, &self.palette) {
                (Some(column), Some(palette)) => {
                    let n_columns = palette.bits.len();
                    let last = palette.values.len() / n_columns - 1;
                    let column = usize::from(column);
                    let values = values.map(|index| {
                        let row = (index as usize).min(last);
                        u32::from(palette.values[row * n_columns + column])
                    });
                    write(
                        values,
                        palette.bits[column],
                        self.format.sample,
                        at,
                        n_channels,
                        out,
                    );
                }
                _ => write(
                    values,
                    component.bits,
                    self.format.sample,
                    at,
                    n_channels,
                    out,
                ),
            }
        }
        if self.is_sycc {
            match self.format.sample {
                SampleType::U8 => sycc_row::<1>(out, pixel_bytes),
                _ => sycc_row::<2>(out, pixel_bytes),
            }
        }
    }
}

impl<'a> Plane<'a> {
    /// A row of samples, or the one next to it that there is.
    fn line(&self, y: u32) -> &'a [i32] {
        let row = y.clamp(self.area.y0, self.area.y1 - 1) - self.area.y0;
        let width = self.area.width() as usize;
        &self.samples[row as usize * width..][..width]
    }

    fn at(&self, line: &[i32], x: u32) -> i32 {
        line[(x.clamp(self.area.x0, self.area.x1 - 1) - self.area.x0) as usize]
    }
}

/// The channels as the file numbers them.
fn stored_channels(siz: &Siz, container: &Container) -> Result<Vec<Channel>, Fault> {
    let count = siz.components.len();
    let channels = match (&container.palette, container.channels.is_empty()) {
        (None, _) => (0..count as u16)
            .map(|component| Channel {
                component,
                column: None,
            })
            .collect(),
        (Some(_), true) => return Err("it does not say what its palette is for".into()),
        (Some(_), false) => container.channels.clone(),
    };
    let n_columns = container
        .palette
        .as_ref()
        .map_or(0, |palette| palette.bits.len());
    for channel in &channels {
        if usize::from(channel.component) >= count {
            return Err("a channel is made of a component that is not there".into());
        }
        if channel
            .column
            .is_some_and(|column| usize::from(column) >= n_columns)
        {
            return Err("a channel is made of a column that its palette does not have".into());
        }
    }
    match u8::try_from(channels.len()) {
        Ok(_) => Ok(channels),
        Err(_) => Err(unsupported(format!("{} channels", channels.len()))),
    }
}

/// What the colours are; `None` where only their number tells.
fn space_of(siz: &Siz, container: &Container, n_channels: usize) -> Result<Option<Space>, Fault> {
    let space = match (container.space, &container.icc) {
        (Some(Space::Profile), Some(icc)) => match icc.get(16..20) {
            Some(b"GRAY") => Some(Space::Gray),
            Some(b"RGB ") => Some(Space::Srgb),
            Some(b"CMYK") => Some(Space::Cmyk),
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(unsupported(format!("a profile of '{}'", other.trim())));
            }
            None => None,
        },
        // A bare stream with colours of less density than luminance.
        (None, _) => match siz.components[..] {
            [luma, blue, red, ..]
                if (luma.dx, luma.dy) == (1, 1) && (blue.dx, blue.dy) != (1, 1) && blue == red =>
            {
                Some(Space::Sycc)
            }
            _ => None,
        },
        (space, _) => space,
    };
    // Files with fewer channels than their space has colours exist: grey ones that say sRGB.
    Ok(space.filter(|space| n_channels >= n_colors(*space)))
}

fn n_colors(space: Space) -> usize {
    match space {
        Space::Gray => 1,
        Space::Srgb | Space::Sycc | Space::Profile => 3,
        Space::Cmyk => 4,
    }
}

/// Which channels are delivered in which order, how many of them are colours, and what alpha means: colours first, alpha
/// behind them, then all others.
fn order_of(
    space: Option<Space>,
    definitions: &[Definition],
    count: usize,
) -> (Vec<usize>, usize, Alpha) {
    let n_colors = match space {
        Some(space) => n_colors(space),
        None => match count {
            1 | 2 => 1,
            3 | 4 => 3,
            _ => count,
        },
    };
    let defined = |kind: u16, of: u16| {
        let mut all = definitions.iter();
        all.find(|one| (one.kind, one.of) == (kind, of) && usize::from(one.channel) < count)
            .map(|one| usize::from(one.channel))
    };
    let mut order: Vec<usize> = Vec::new();
    for color in 0..n_colors {
        // What is not defined, or by mistake twice, stands where it always does.
        let at = defined(0, color as u16 + 1).unwrap_or(color);
        order.push(at);
    }
    let mut seen = vec![false; count];
    if !order
        .iter()
        .all(|&at| !std::mem::replace(&mut seen[at], true))
    {
        order = (0..n_colors).collect();
        seen = (0..count).map(|at| at < n_colors).collect();
    }
    let alpha = match (defined(1, 0), defined(2, 0)) {
        (Some(at), _) => Some((at, Alpha::Straight)),
        (None, Some(at)) => Some((at, Alpha::Premultiplied)),
        (None, None) if definitions.is_empty() && n_colors < count => {
            Some((n_colors, Alpha::Straight))
        }
        (None, None) => None,
    };
    let alpha = alpha.filter(|(at, _)| !seen[*at]);
    if let Some((at, _)) = alpha {
        seen[at] = true;
        order.push(at);
    }
    order.extend((0..count).filter(|&at| !seen[at]));
    (
        order,
        n_colors,
        alpha.map_or(Alpha::None, |(_, alpha)| alpha),
    )
}

fn stored_as(component: &Component, channel: &Channel) -> StoredSample {
    let kind = match (channel.column, component.is_signed) {
        (Some(_), _) => SampleKind::Index,
        (None, true) => SampleKind::Signed,
        (None, false) => SampleKind::Unsigned,
    };
    StoredSample::new(kind, component.bits)
}

fn channel_list(layout: Channels, kinds: &[StoredSample]) -> ChannelList {
    let names: &[&str] = match layout {
        Channels::Gray | Channels::GrayAlpha => &["Y", "A"],
        Channels::Rgb | Channels::Rgba => &["R", "G", "B", "A"],
        Channels::Cmyk => &["C", "M", "Y", "K"],
        _ => &[],
    };
    let name = |at: usize| match names.get(at) {
        Some(name) => (*name).into(),
        None => format!("channel{at}").into_boxed_str(),
    };
    let list = kinds.iter().enumerate();
    ChannelList {
        list: list
            .map(|(at, &sample)| pixelbank_image::Channel {
                name: name(at),
                sample,
            })
            .collect(),
        shown: Shown {
            first: 0,
            channels: layout,
        },
    }
}

/// Writes the values of one channel to their places in a row of pixels, as samples of all bits.
fn write(
    values: impl Iterator<Item = u32>,
    bits: u8,
    sample: SampleType,
    at: usize,
    n_channels: usize,
    out: &mut [u8],
) {
    if sample == SampleType::U8 {
        let places = out[at..].iter_mut().step_by(n_channels);
        match bits {
            8 => places
                .zip(values)
                .for_each(|(place, value)| *place = value as u8),
            _ => places
                .zip(values)
                .for_each(|(place, value)| *place = widen(value, bits, 8) as u8),
        }
        return;
    }
    let (places, _) = out.as_chunks_mut::<2>();
    let places = places[at..].iter_mut().step_by(n_channels);
    match bits {
        16 => places
            .zip(values)
            .for_each(|(place, value)| *place = (value as u16).to_ne_bytes()),
        _ => places
            .zip(values)
            .for_each(|(place, value)| *place = (widen(value, bits, 16) as u16).to_ne_bytes()),
    }
}

/// A number of `from` bits as one of `to` bits, as the samples of TIFF are widened.
fn widen(value: u32, from: u8, to: u8) -> u32 {
    let highest = |bits: u8| (1u64 << bits) - 1;
    (u64::from(value) * highest(to) / highest(from)) as u32
}

/// Luminance and colour differences in place of which red, green and blue are put (ITU-R BT.601).
fn sycc_row<const BYTES: usize>(row: &mut [u8], pixel_bytes: usize) {
    let top = ((1u32 << (8 * BYTES)) - 1) as f32;
    let middle = (1u32 << (8 * BYTES - 1)) as f32;
    for pixel in row.chunks_exact_mut(pixel_bytes) {
        let (samples, _) = pixel.as_chunks_mut::<BYTES>();
        let [y, blue, red, ..] = samples else {
            return;
        };
        let value = |sample: &[u8; BYTES]| match sample.as_slice() {
            [a, b] => f32::from(u16::from_ne_bytes([*a, *b])),
            [a, ..] => f32::from(*a),
            [] => 0.0,
        };
        let (light, cb, cr) = (value(y), value(blue) - middle, value(red) - middle);
        let put = |place: &mut [u8; BYTES], value: f32| {
            let value = value.round().clamp(0.0, top) as u16;
            match place.as_mut_slice() {
                wide @ [_, _] => wide.copy_from_slice(&value.to_ne_bytes()),
                [one, ..] => *one = value as u8,
                [] => {}
            }
        };
        put(y, light + 1.402 * cr);
        put(blue, light - 0.344_136 * cb - 0.714_136 * cr);
        put(red, light + 1.772 * cb);
    }
}
