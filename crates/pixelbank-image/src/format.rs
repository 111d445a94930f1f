use std::fmt;

/// How one sample of a channel is stored, in the machine's byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SampleType {
    /// 8 bits, 0 to 255 standing for 0 to 1.
    U8,
    /// 16 bits, 0 to 65,535 standing for 0 to 1.
    U16,
    /// 32 bits; OpenEXR's identifiers and 32-bit TIFF.
    U32,
    /// IEEE 754 half precision.
    F16,
    /// IEEE 754 single precision.
    F32,
}

impl SampleType {
    /// Bytes of one sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 | Self::F16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }

    /// Whether samples are floating point and may leave 0 to 1.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32)
    }
}

impl fmt::Display for SampleType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit",
            Self::U16 => "16-bit",
            Self::U32 => "32-bit",
            Self::F16 => "half",
            Self::F32 => "float",
        })
    }
}

/// Which channels a pixel has, in memory order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channels {
    /// Luminance, or any single channel.
    Gray,
    /// Luminance and alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
    /// Cyan, magenta, yellow, black; 0 is no ink.
    Cmyk,
    /// That many channels without a known meaning.
    Other(u8),
}

impl Channels {
    /// How many there are.
    pub const fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
            Self::Other(n) => n as usize,
        }
    }

    /// Whether the last channel is alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gray => f.write_str("grey"),
            Self::GrayAlpha => f.write_str("grey and alpha"),
            Self::Rgb => f.write_str("RGB"),
            Self::Rgba => f.write_str("RGBA"),
            Self::Cmyk => f.write_str("CMYK"),
            Self::Other(n) => write!(f, "{n} channels"),
        }
    }
}

/// The layout of one pixel: its channels, interleaved, all of one sample type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    /// The channels in memory order.
    pub channels: Channels,
    /// How each sample is stored.
    pub sample: SampleType,
}

impl PixelFormat {
    /// One 8-bit channel.
    pub const GRAY8: Self = Self::new(Channels::Gray, SampleType::U8);
    /// 8-bit grey and alpha.
    pub const GRAYA8: Self = Self::new(Channels::GrayAlpha, SampleType::U8);
    /// 8-bit red, green, blue.
    pub const RGB8: Self = Self::new(Channels::Rgb, SampleType::U8);
    /// 8-bit red, green, blue, alpha.
    pub const RGBA8: Self = Self::new(Channels::Rgba, SampleType::U8);
    /// 16-bit red, green, blue.
    pub const RGB16: Self = Self::new(Channels::Rgb, SampleType::U16);

    /// Pixels of these `channels`, each stored as `sample`.
    pub const fn new(channels: Channels, sample: SampleType) -> Self {
        Self { channels, sample }
    }

    /// Bytes of one pixel.
    pub const fn pixel_bytes(self) -> usize {
        self.channels.count() * self.sample.bytes()
    }

    /// Bytes of a row of `width` pixels without padding.
    pub const fn row_bytes(self, width: u32) -> usize {
        self.pixel_bytes() * width as usize
    }

    /// Bytes of `size` pixels without padding.
    pub const fn image_bytes(self, size: crate::Size) -> u64 {
        size.pixels().saturating_mul(self.pixel_bytes() as u64)
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.channels, self.sample)
    }
}

/// How the alpha channel relates to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Alpha {
    /// There is no alpha channel, or it means nothing.
    #[default]
    None,
    /// Colour is independent of alpha (PNG, WebP).
    Straight,
    /// Colour is multiplied by alpha (OpenEXR; "associated" in TIFF).
    Premultiplied,
}

/// How sample values relate to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transfer {
    /// As sRGB encodes it, or an ICC profile says: ready for a display.
    #[default]
    Display,
    /// Proportional to light: OpenEXR, Radiance, floating-point TIFF.
    Linear,
}
