//! From the pixels of a file to those of a screen: 8-bit sRGB, grey or RGB, with or without straight alpha.

use half::f16;
use pixelbank_image::{
    Alpha, Channels, ImageSpec, PixelFormat, SampleType, Transfer, View, ViewMut,
};

use crate::Error;
use crate::icc::{Bits, Ink, Kind, Profiles, Transform};
use crate::srgb::ToSrgb;

/// How light becomes brightness.
///
/// Values beyond white are cut off: that shows a picture as its maker's viewer did at the same exposure, and leaves
/// everything below white alone. A curve that saves highlights would change all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Multiplies light by that power of two. Only pictures in linear light heed it.
    pub exposure_stops: f32,
}

impl Default for Tone {
    fn default() -> Self {
        Self {
            exposure_stops: 0.0,
        }
    }
}

/// A conversion of rows for display, planned.
#[derive(Debug)]
pub struct Display {
    from: PixelFormat,
    to: PixelFormat,
    /// Channels of a source pixel that are used as colour: 1, 3, or 4 for CMYK.
    colors: usize,
    /// Whether the channel behind the last colour is used as alpha.
    alpha: bool,
    premultiplied: bool,
    path: Path,
}

#[derive(Debug)]
enum Path {
    /// Nothing changes.
    Same,
    /// 8-bit samples.
    Bytes(Option<Transform>),
    /// Through 16 bits.
    Words(Option<Transform>),
    /// Through floating point; `linear` light is encoded, anything else only scaled.
    Light { linear: bool, gain: f32 },
}

/// Room for one row, used again for the next.
#[derive(Debug, Default)]
pub struct Row {
    bytes: Vec<u8>,
    words: Vec<u16>,
    light: Vec<f32>,
}

/// The 8-bit value nearest to a 16-bit one.
#[inline]
pub(crate) fn narrow(word: u16) -> u8 {
    ((u32::from(word) * 255 + 32_895) >> 16) as u8
}

impl Display {
    /// Plans the conversion of pixels as `spec` describes them: of the channels that it shows.
    ///
    /// Other than three channels without a known meaning show the first as grey, three or more the first three as RGB.
    /// An alpha channel that means nothing is left out. CMYK without a profile is converted by its definition.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for pixels without channels.
    pub fn new(spec: &ImageSpec, tone: Tone, profiles: &Profiles) -> Result<Self, Error> {
        let from = spec.shown_format();
        let alpha = from.channels.has_alpha() && spec.alpha != Alpha::None;
        let colors = match from.channels {
            Channels::Gray | Channels::GrayAlpha => 1,
            Channels::Rgb | Channels::Rgba => 3,
            Channels::Cmyk => 4,
            other => match other.count() {
                0 => {
                    return Err(Error::Unsupported {
                        operation: "display",
                        pixels: from.to_string(),
                    });
                }
                1 | 2 => 1,
                _ => 3,
            },
        };
        let channels = match (colors == 1, alpha) {
            (true, false) => Channels::Gray,
            (true, true) => Channels::GrayAlpha,
            (false, false) => Channels::Rgb,
            (false, true) => Channels::Rgba,
        };
        let to = PixelFormat::new(channels, SampleType::U8);
        let premultiplied = alpha && spec.alpha == Alpha::Premultiplied;
        let linear = spec.transfer == Transfer::Linear;
        let bits = match from.sample {
            SampleType::U8 => Bits::Eight,
            _ => Bits::Sixteen,
        };
        let transform = spec.icc.as_ref().filter(|_| !linear).and_then(|icc| {
            let ink = match colors {
                1 => Ink::Gray,
                3 => Ink::Rgb,
                _ => Ink::Cmyk,
            };
            profiles.transform(icc, Kind { ink, alpha, bits })
        });
        let path = match from.sample {
            _ if linear && colors != 4 => Path::Light {
                linear: true,
                gain: tone.exposure_stops.exp2(),
            },
            SampleType::U8 if from == to && !premultiplied && transform.is_none() => Path::Same,
            SampleType::U8 => Path::Bytes(transform),
            SampleType::F16 | SampleType::F32 if transform.is_none() && colors != 4 => {
                Path::Light {
                    linear: false,
                    gain: 1.0,
                }
            }
            _ => Path::Words(transform),
        };
        Ok(Self {
            from,
            to,
            colors,
            alpha,
            premultiplied,
            path,
        })
    }

    /// What it takes.
    pub fn source_format(&self) -> PixelFormat {
        self.from
    }

    /// What it makes: 8-bit grey or RGB, with straight alpha where the source has alpha.
    pub fn format(&self) -> PixelFormat {
        self.to
    }

    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        matches!(self.path, Path::Same)
    }

    /// Whether pixels keep their layout and only their colours are converted, so that it may as well come after a
    /// resize, when there are fewer of them.
    pub fn keeps_layout(&self) -> bool {
        self.from == self.to && !self.premultiplied && !matches!(self.path, Path::Light { .. })
    }

    /// An upper bound of the heap bytes that a [`Row`] holds after converting `width` pixels.
    pub fn row_bytes(&self, width: u32) -> u64 {
        let used = self.used() as u64;
        u64::from(width)
            * match self.path {
                Path::Same => 0,
                Path::Bytes(_) => used,
                // Before and after a profile's transform.
                Path::Words(_) => 2 * (used + self.to.channels.count() as u64),
                Path::Light { .. } => 4 * used,
            }
    }

    /// Converts all rows.
    ///
    /// # Errors
    /// [`Error::Image`] where sizes or formats do not fit.
    pub fn run(&self, source: View<'_>, target: &mut ViewMut<'_>) -> Result<(), Error> {
        let mismatch = |what, left: String, right: String| -> Error {
            pixelbank_image::Error::Mismatch { what, left, right }.into()
        };
        if source.size() != target.size() {
            return Err(mismatch(
                "sizes",
                source.size().to_string(),
                target.size().to_string(),
            ));
        }
        for (got, planned) in [(source.format(), self.from), (target.format(), self.to)] {
            if got != planned {
                return Err(mismatch(
                    "pixel formats",
                    got.to_string(),
                    planned.to_string(),
                ));
            }
        }
        let mut room = Row::default();
        for y in 0..source.size().height {
            self.row(&mut room, source.row(y), target.row_mut(y));
        }
        Ok(())
    }

    /// Converts one row.
    ///
    /// # Panics
    /// If the rows have not the same number of whole pixels.
    pub fn row(&self, room: &mut Row, source: &[u8], target: &mut [u8]) {
        let pixels = source.len() / self.from.pixel_bytes();
        assert_eq!(
            target.len(),
            pixels * self.to.pixel_bytes(),
            "rows differ in length"
        );
        match &self.path {
            Path::Same => target.copy_from_slice(source),
            Path::Bytes(transform) => self.bytes(room, transform.as_ref(), source, target),
            Path::Words(transform) => self.words(room, transform.as_ref(), source, target),
            Path::Light { linear, gain } => self.light(room, *linear, *gain, source, target),
        }
    }

    /// Channels that are used: colours, and alpha behind them.
    fn used(&self) -> usize {
        self.colors + usize::from(self.alpha)
    }

    fn bytes(
        &self,
        room: &mut Row,
        transform: Option<&Transform>,
        source: &[u8],
        target: &mut [u8],
    ) {
        let (channels, used) = (self.from.channels.count(), self.used());
        // Without a change of layout nothing need be gathered first.
        let gathered: &[u8] = if channels == used && !self.premultiplied {
            source
        } else {
            empty(&mut room.bytes, source.len() / channels * used);
            for pixel in source.chunks_exact(channels) {
                room.bytes.extend_from_slice(&pixel[..used]);
            }
            if self.premultiplied {
                for pixel in room.bytes.chunks_exact_mut(used) {
                    let alpha = u32::from(pixel[used - 1]).max(1);
                    for sample in &mut pixel[..used - 1] {
                        *sample = ((u32::from(*sample) * 255 + alpha / 2) / alpha).min(255) as u8;
                    }
                }
            }
            &room.bytes
        };
        match transform {
            Some(Transform::Bytes(transform)) => {
                // It fails for rows that are no whole pixels alone.
                if transform.transform(gathered, target).is_err() {
                    target.fill(0);
                }
            }
            Some(Transform::Gray(table)) => {
                target.copy_from_slice(gathered);
                for gray in target.iter_mut().step_by(used) {
                    *gray = table[usize::from(*gray)];
                }
            }
            _ if self.colors == 4 => {
                for (ink, rgb) in gathered.chunks_exact(4).zip(target.chunks_exact_mut(3)) {
                    let light = 255 - u32::from(ink[3]);
                    for (ink, color) in ink.iter().zip(rgb) {
                        *color = (((255 - u32::from(*ink)) * light + 127) / 255) as u8;
                    }
                }
            }
            _ => target.copy_from_slice(gathered),
        }
    }

    fn words(
        &self,
        room: &mut Row,
        transform: Option<&Transform>,
        source: &[u8],
        target: &mut [u8],
    ) {
        let used = self.used();
        let plain = transform.is_none() && self.colors != 4 && !self.premultiplied;
        if plain && self.from.sample == SampleType::U16 && used == self.from.channels.count() {
            for (word, byte) in source.as_chunks::<2>().0.iter().zip(target) {
                *byte = narrow(u16::from_ne_bytes(*word));
            }
            return;
        }
        let gathered = source.len() / self.from.pixel_bytes() * used;
        empty(&mut room.words, gathered + target.len());
        self.gather(source, &mut room.words, |sample, bytes| match sample {
            SampleType::U8 => u16::from(bytes[0]) * 257,
            SampleType::U16 => u16::from_ne_bytes([bytes[0], bytes[1]]),
            SampleType::U32 => {
                let value = u64::from(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
                ((value * 65_535 + (1 << 31)) / u64::from(u32::MAX)) as u16
            }
            _ => (float(sample, bytes).clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16,
        });
        if self.premultiplied {
            for pixel in room.words.chunks_exact_mut(used) {
                let alpha = u32::from(pixel[used - 1]).max(1);
                for sample in &mut pixel[..used - 1] {
                    let straight =
                        (u64::from(*sample) * 65_535 + u64::from(alpha / 2)) / u64::from(alpha);
                    *sample = straight.min(65_535) as u16;
                }
            }
        }
        match transform {
            Some(Transform::Words(transform)) => {
                // `words` and `light` are apart, so the result has a row of its own behind the source.
                let len = room.words.len();
                let made = target.len();
                room.words.resize(len + made, 0);
                let (from, to) = room.words.split_at_mut(len);
                if transform.transform(from, to).is_err() {
                    to.fill(0);
                }
                for (word, byte) in to.iter().zip(target) {
                    *byte = narrow(*word);
                }
            }
            Some(Transform::Gray(table)) => {
                for (from, to) in room
                    .words
                    .chunks_exact(used)
                    .zip(target.chunks_exact_mut(used))
                {
                    to[0] = table[usize::from(from[0])];
                    if let (Some(from), Some(to)) = (from.get(1), to.get_mut(1)) {
                        *to = narrow(*from);
                    }
                }
            }
            _ if self.colors == 4 => {
                for (ink, rgb) in room.words.chunks_exact(4).zip(target.chunks_exact_mut(3)) {
                    let light = 65_535 - u64::from(ink[3]);
                    for (ink, color) in ink.iter().zip(rgb) {
                        *color =
                            narrow((((65_535 - u64::from(*ink)) * light + 32_767) / 65_535) as u16);
                    }
                }
            }
            _ => {
                for (word, byte) in room.words.iter().zip(target) {
                    *byte = narrow(*word);
                }
            }
        }
    }

    fn light(&self, room: &mut Row, linear: bool, gain: f32, source: &[u8], target: &mut [u8]) {
        let used = self.used();
        empty(
            &mut room.light,
            source.len() / self.from.pixel_bytes() * used,
        );
        self.gather(source, &mut room.light, |sample, bytes| match sample {
            SampleType::U8 => f32::from(bytes[0]) / 255.0,
            SampleType::U16 => f32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) / 65_535.0,
            SampleType::U32 => {
                let value = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                (f64::from(value) / f64::from(u32::MAX)) as f32
            }
            _ => float(sample, bytes),
        });
        let to_srgb = ToSrgb::new();
        for (from, to) in room
            .light
            .chunks_exact(used)
            .zip(target.chunks_exact_mut(used))
        {
            let mut scale = gain;
            if self.alpha {
                let alpha = from[used - 1];
                to[used - 1] = plain_byte(alpha);
                if self.premultiplied && alpha > 0.0 {
                    scale /= alpha;
                }
            }
            for (light, byte) in from[..self.colors].iter().zip(to) {
                *byte = if linear {
                    to_srgb.encode(light * scale)
                } else {
                    plain_byte(light * scale)
                };
            }
        }
    }

    /// Appends the channels that are used, each read by `read`.
    fn gather<T>(&self, source: &[u8], to: &mut Vec<T>, read: impl Fn(SampleType, &[u8]) -> T) {
        let sample = self.from.sample;
        for pixel in source.chunks_exact(self.from.pixel_bytes()) {
            to.extend(
                pixel
                    .chunks_exact(sample.bytes())
                    .take(self.used())
                    .map(|bytes| read(sample, bytes)),
            );
        }
    }
}

/// Empties a vector and makes room for just `len`: growing by doubling would take more than was reserved.
fn empty<T>(room: &mut Vec<T>, len: usize) {
    room.clear();
    if room.capacity() < len {
        *room = Vec::new();
        room.reserve_exact(len);
    }
}

/// A floating-point sample.
fn float(sample: SampleType, bytes: &[u8]) -> f32 {
    if sample == SampleType::F16 {
        f16::from_ne_bytes([bytes[0], bytes[1]]).to_f32()
    } else {
        f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}

/// 0 to 1 as 0 to 255, rounded; what is no number is 0.
fn plain_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}
