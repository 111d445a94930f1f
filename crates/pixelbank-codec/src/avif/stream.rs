//! A stream of AV1: what its record says, what it consists of, and its picture.

use re_rav1d::dav1d::pixel::YUVRange;
use re_rav1d::dav1d::{self, Picture, PixelLayout, PlanarImageComponent, Settings};

use pixelbank_image::Size;

use crate::heif::Nclx;
use crate::request::malformed;
use crate::{Error, Format};

/// How often a picture is asked for before a stream counts as one without.
const MOST_ATTEMPTS: u32 = 8;

/// How a stream is coded, by the record that the container has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    pub bits: u8,
    pub is_gray: bool,
    /// Whether chroma has half the columns, and half the rows.
    pub halves: (bool, bool),
}

impl Coding {
    /// From an `av1C` box.
    pub(super) fn of(record: &[u8]) -> Option<Self> {
        let &[0x81, _, flags, _, ..] = record else {
            return None;
        };
        let bit = |at: u8| flags >> at & 1 != 0;
        Some(Self {
            bits: match (bit(6), bit(5)) {
                (false, _) => 8,
                (true, false) => 10,
                (true, true) => 12,
            },
            is_gray: bit(4),
            halves: (bit(3), bit(2)),
        })
    }

    pub(super) fn sample_bytes(self) -> u64 {
        if self.bits > 8 { 2 } else { 1 }
    }

    fn layout(self) -> PixelLayout {
        match (self.is_gray, self.halves) {
            (true, _) => PixelLayout::I400,
            (_, (true, true)) => PixelLayout::I420,
            (_, (true, false)) => PixelLayout::I422,
            _ => PixelLayout::I444,
        }
    }
}

/// What a stream consists of, as far as memory depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// Frames, shown or not: each of them may stay in the library's memory.
    pub frames: u32,
    /// Whether grain may be laid over a copy of the picture.
    pub has_grain: bool,
}

impl Outline {
    /// Of a stream, or of its beginning. `None` where its units make no sense.
    pub(super) fn of(stream: &[u8]) -> Option<Self> {
        const SEQUENCE: u8 = 1;
        const HEADER: u8 = 3;
        const FRAME: u8 = 6;
        let (mut rest, mut outline) = (stream, Self::default());
        while let Some((&head, behind)) = rest.split_first() {
            rest = behind;
            if head & 4 != 0 {
                rest = rest.get(1..)?;
            }
            // Without a length, the unit is the last one.
            let mut length = rest.len();
            if head & 2 != 0 {
                let mut number = 0u64;
                let mut taken = 0;
                loop {
                    let byte = *rest.get(taken)?;
                    number |= u64::from(byte & 0x7f) << (7 * taken);
                    taken += 1;
                    if byte & 0x80 == 0 {
                        break;
                    }
                    if taken == 8 {
                        return None;
                    }
                }
                rest = &rest[taken..];
                length = usize::try_from(number).ok()?;
            }
            match head >> 3 & 15 {
                SEQUENCE => outline.has_grain |= ends_with_grain(rest.get(..length)?),
                HEADER | FRAME => outline.frames += 1,
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        Some(outline)
    }
}

/// The last bit of a sequence's header, in front of the one that ends it.
fn ends_with_grain(header: &[u8]) -> bool {
    let Some(at) = header.iter().rposition(|&byte| byte != 0) else {
        return false;
    };
    let end = header[at].trailing_zeros();
    if end < 7 {
        header[at] >> (end + 1) & 1 != 0
    } else {
        at > 0 && header[at - 1] & 1 != 0
    }
}

/// Bytes of the planes of a picture, as the library lays them out: whole superblocks, and an edge.
pub(super) fn plane_bytes(size: Size, coding: Coding) -> u64 {
    let pixels = padded(size.width) * padded(size.height);
    let samples = match (coding.is_gray, coding.halves) {
        (true, _) => pixels,
        (_, (true, true)) => pixels * 3 / 2,
        (_, (true, false)) => pixels * 2,
        _ => pixels * 3,
    };
    samples * coding.sample_bytes()
}

fn padded(side: u32) -> u64 {
    u64::from(side).next_multiple_of(128)
}

/// An upper bound of what the library holds beside the planes while it decodes a picture: measured with a counting allocator
/// and rounded up.
pub(super) fn library_bytes(size: Size, coding: Coding) -> u64 {
    // Modes and vectors of small blocks, and rows that filters keep.
    let blocks = padded(size.width) * padded(size.height) / 2;
    let rows = padded(size.width) * 64 * coding.sample_bytes();
    blocks + rows + FIXED_BYTES
}

/// Contexts, tables of probabilities and room for coefficients.
const FIXED_BYTES: u64 = 768 << 10;

/// Decodes the picture of a stream, which must be of that size and coding.
pub(super) fn decode(
    name: &str,
    stream: Vec<u8>,
    size: Size,
    coding: Coding,
) -> Result<Picture, Error> {
    let damaged = |reason: &str| malformed(name, Format::Avif, reason);
    let failed = |error: dav1d::Error| match error {
        dav1d::Error::NotEnoughMemory => Error::Io {
            name: name.to_owned(),
            source: std::io::ErrorKind::OutOfMemory.into(),
        },
        _ => malformed(name, Format::Avif, format!("its stream: {error}")),
    };
    if stream.is_empty() {
        return Err(damaged("its stream is empty"));
    }
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    let pixels = u32::try_from(size.pixels()).map_err(|_| damaged("it is too large"))?;
    settings.set_frame_size_limit(pixels);
    let mut decoder = dav1d::Decoder::with_settings(&settings).map_err(failed)?;
    match decoder.send_data(stream, None, None, None) {
        Ok(()) | Err(dav1d::Error::Again) => {}
        Err(error) => return Err(failed(error)),
    }
    let mut attempts = 0;
    let picture = loop {
        match decoder.get_picture() {
            Ok(picture) => break picture,
            // The first may only begin to work off what it has; more than a few mean that it waits for more data.
            Err(dav1d::Error::Again) if attempts < MOST_ATTEMPTS => attempts += 1,
            Err(error) => return Err(failed(error)),
        }
        match decoder.send_pending_data() {
            Ok(()) => match decoder.get_picture() {
                Ok(picture) => break picture,
                Err(dav1d::Error::Again) => return Err(damaged("it ends early")),
                Err(error) => return Err(failed(error)),
            },
            Err(dav1d::Error::Again) => {}
            Err(error) => return Err(failed(error)),
        }
    };
    if Size::new(picture.width(), picture.height()) != size
        || picture.pixel_layout() != coding.layout()
        || picture.bits_per_component().map(|bits| bits.0) != Some(usize::from(coding.bits))
    {
        return Err(damaged(
            "its stream holds a picture of another kind than it says",
        ));
    }
    Ok(picture)
}

/// What the stream says of its colours.
pub(super) fn nclx_of(picture: &Picture) -> Nclx {
    Nclx {
        primaries: picture.color_primaries() as u16,
        transfer: picture.transfer_characteristic() as u16,
        matrix: picture.matrix_coefficients() as u16,
        is_full_range: picture.color_range() == YUVRange::Full,
    }
}

/// A plane of a picture, by rows.
pub(super) struct Plane {
    bytes: dav1d::Plane,
    row_bytes: usize,
}

impl Plane {
    pub(super) fn new(picture: &Picture, component: PlanarImageComponent) -> Self {
        let (row_bytes, _) = picture.plane_data_geometry(component);
        Self {
            bytes: picture.plane(component),
            row_bytes: row_bytes as usize,
        }
    }

    /// A row, as it is stored: a byte a sample, or two in the machine's order.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.bytes[y * self.row_bytes..][..self.row_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_and_nonsense_is_seen() {
        let outline = |stream: &[u8]| Outline::of(stream);
        // A temporal delimiter, a sequence header, a frame, and one that goes on to the end.
        let stream = [0x12, 0, 0x0a, 2, 9, 8, 0x32, 3, 1, 2, 3, 0x30, 7, 7];
        let frames = |frames, has_grain| Some(Outline { frames, has_grain });
        assert_eq!(outline(&stream), frames(2, false));
        assert_eq!(outline(&[]), frames(0, false));
        let too_long = [0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(outline(&too_long), None);
        assert_eq!(outline(&[0x36]), None);
        assert_eq!(outline(&[0x0a, 9, 1]), None);
    }

    #[test]
    fn grain_is_told_by_the_last_bit_of_the_sequence() {
        for (header, grain) in [
            (&[9u8, 0b1100_0000][..], true),
            (&[9, 0b0100_0000], false),
            (&[9, 0b1000_0000], true),
            (&[8, 0b1000_0000], false),
            (&[8, 3, 0, 0], true),
            (&[0, 0], false),
        ] {
            assert_eq!(ends_with_grain(header), grain, "{header:?}");
        }
    }

    #[test]
    fn a_record_says_bits_and_layout() {
        let coding = Coding::of(&[0x81, 0, 0b0000_1100, 0]).unwrap();
        assert_eq!(
            (coding.bits, coding.is_gray, coding.halves),
            (8, false, (true, true))
        );
        let coding = Coding::of(&[0x81, 0, 0b0111_1100, 0]).unwrap();
        assert_eq!((coding.bits, coding.is_gray), (12, true));
        assert_eq!(Coding::of(&[0x01, 0, 0, 0]), None);
        assert_eq!(Coding::of(&[0x81, 0]), None);
    }
}
