//! EXIF. Directories are walked here, in place; the `exif` crate, whose own reader takes memory by the square of what a
//! hostile block holds, gives the words for coded values.

use std::fmt::Write as _;

use ::exif::{Context, Field, In, Rational, Tag, Value};
use pixelbank_image::Orientation;

use super::date::{Candidates, Source, from_exif};
use super::{Group, Location, Metadata, text};

/// An EXIF block: a small TIFF file without pixels.
#[derive(Clone, Copy)]
struct Block<'a> {
    bytes: &'a [u8],
    is_little_endian: bool,
}

/// A field as it stands in a directory.
#[derive(Clone, Copy)]
struct Raw<'a> {
    block: Block<'a>,
    tag: u16,
    kind: u16,
    count: u32,
    data: &'a [u8],
}

/// The directories that matter, by where they begin.
struct Directories<'a> {
    block: Block<'a>,
    main: usize,
    photo: Option<usize>,
    place: Option<usize>,
}

impl<'a> Block<'a> {
    fn open(bytes: &'a [u8]) -> Option<Directories<'a>> {
        let is_little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let block = Self {
            bytes,
            is_little_endian,
        };
        let main = block.four(4)? as usize;
        let pointer = |tag| {
            block
                .find(main, tag)
                .and_then(|raw| raw.number(0))
                .map(|at| at as usize)
        };
        Some(Directories {
            block,
            main,
            photo: pointer(0x8769),
            place: pointer(0x8825),
        })
    }

    fn two(self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.is_little_endian {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn four(self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.is_little_endian {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    /// The fields of the directory at `at` whose data lie within the block.
    fn fields(self, at: usize) -> impl Iterator<Item = Raw<'a>> {
        let count = self.two(at).unwrap_or(0);
        (0..usize::from(count))
            .map_while(move |index| {
                let entry = at.checked_add(2 + index * 12)?;
                // An entry that is cut off ends the directory.
                self.bytes.get(entry..entry.checked_add(12)?)?;
                Some(self.field(entry))
            })
            .flatten()
    }

    fn field(self, entry: usize) -> Option<Raw<'a>> {
        let (kind, count) = (self.two(entry + 2)?, self.four(entry + 4)?);
        let unit = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = usize::try_from(count).ok()?.checked_mul(unit)?;
        let start = if length <= 4 {
            entry + 8
        } else {
            self.four(entry + 8)? as usize
        };
        Some(Raw {
            block: self,
            tag: self.two(entry)?,
            kind,
            count,
            data: self.bytes.get(start..start.checked_add(length)?)?,
        })
    }

    fn find(self, at: usize, tag: u16) -> Option<Raw<'a>> {
        self.fields(at).find(|raw| raw.tag == tag)
    }
}

impl<'a> Raw<'a> {
    /// A whole number.
    fn number(self, index: usize) -> Option<u32> {
        let data = Block {
            bytes: self.data,
            ..self.block
        };
        match self.kind {
            1 | 7 => self.data.get(index).map(|&byte| byte.into()),
            3 => data.two(index * 2).map(u32::from),
            4 | 13 => data.four(index * 4),
            _ => None,
        }
    }

    fn rational(self, index: usize) -> Option<(f64, f64)> {
        let data = Block {
            bytes: self.data,
            ..self.block
        };
        let (numerator, denominator) = (data.four(index * 8)?, data.four(index * 8 + 4)?);
        match self.kind {
            5 => Some((numerator.into(), denominator.into())),
            10 => Some((f64::from(numerator as i32), f64::from(denominator as i32))),
            _ => None,
        }
    }

    /// A real number.
    fn real(self, index: usize) -> Option<f64> {
        if let Some(number) = self.number(index) {
            return Some(number.into());
        }
        let (numerator, denominator) = self.rational(index)?;
        (denominator != 0.0).then(|| numerator / denominator)
    }

    fn text(self) -> Option<String> {
        let bytes = (matches!(self.kind, 1 | 2 | 7)).then_some(self.data)?;
        let end = bytes.iter().position(|&byte| byte == 0);
        Some(text(&bytes[..end.unwrap_or(bytes.len())]).trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// In the words of the `exif` crate; short numeric values only.
    fn in_words(self, context: Context) -> Option<String> {
        if self.count == 0 || self.count > 8 {
            return None;
        }
        let count = self.count as usize;
        let value = match self.kind {
            1 => Value::Byte(self.data.to_vec()),
            3 => Value::Short(
                (0..count)
                    .map(|i| self.number(i).map(|n| n as u16))
                    .collect::<Option<_>>()?,
            ),
            4 => Value::Long((0..count).map(|i| self.number(i)).collect::<Option<_>>()?),
            5 => Value::Rational(
                (0..count)
                    .map(|i| {
                        let (num, denom) = self.rational(i)?;
                        Some(Rational {
                            num: num as u32,
                            denom: denom as u32,
                        })
                    })
                    .collect::<Option<_>>()?,
            ),
            7 => Value::Undefined(self.data.to_vec(), 0),
            _ => return None,
        };
        let field = Field {
            tag: Tag(context, self.tag),
            ifd_num: In::PRIMARY,
            value,
        };
        Some(field.display_value().to_string())
    }
}

pub(super) fn orientation(exif: &[u8]) -> Option<Orientation> {
    let directories = Block::open(exif)?;
    let field = directories.block.find(directories.main, 0x0112)?;
    Some(Orientation::from_exif(field.number(0)?))
}

/// The JPEG stream that the second directory points to: a small picture of the same.
pub(super) fn thumbnail(exif: &[u8]) -> Option<&[u8]> {
    let Directories { block, main, .. } = Block::open(exif)?;
    let fields = usize::from(block.two(main)?);
    let next = block.four(main.checked_add(2 + fields * 12)?)? as usize;
    if next == 0 {
        return None;
    }
    let number = |tag| block.find(next, tag)?.number(0);
    let (start, length) = (number(0x0201)? as usize, number(0x0202)? as usize);
    let stream = block.bytes.get(start..start.checked_add(length)?)?;
    // Older cameras keep bare pixels here, which are no file.
    stream.starts_with(b"\xff\xd8\xff").then_some(stream)
}

pub(super) fn dates(exif: &[u8], dates: &mut Candidates) {
    let Some(directories) = Block::open(exif) else {
        return;
    };
    let block = directories.block;
    let photo = |tag| {
        directories
            .photo
            .and_then(|at| block.find(at, tag))
            .map(|raw| raw.data)
    };
    let main = |tag| block.find(directories.main, tag).map(|raw| raw.data);
    let mut offer = |source, date: Option<&[u8]>, offset: u16| {
        dates.offer(source, date.and_then(|date| from_exif(date, photo(offset))));
    };
    offer(Source::ExifOriginal, photo(0x9003), 0x9011);
    offer(Source::ExifDigitized, photo(0x9004), 0x9012);
    offer(Source::ExifChanged, main(0x0132), 0x9010);
}

pub(super) fn read(exif: &[u8], metadata: &mut Metadata, candidates: &mut Candidates) {
    dates(exif, candidates);
    let Some(directories) = Block::open(exif) else {
        return;
    };
    let block = directories.block;
    let main = |tag| block.find(directories.main, tag);
    let photo = |tag| directories.photo.and_then(|at| block.find(at, tag));
    if let Some(turned) = orientation(exif) {
        metadata.orientation = turned;
    }
    metadata.camera = camera(
        main(0x010f).and_then(Raw::text),
        main(0x0110).and_then(Raw::text),
    );
    metadata.lens = photo(0xa434).and_then(Raw::text);
    let mut add = |group, name: &str, value: Option<String>| {
        if let Some(value) = value {
            metadata.add(group, name, value);
        }
    };
    add(Group::Image, "Software", main(0x0131).and_then(Raw::text));
    add(
        Group::Image,
        "Colour space",
        photo(0xa001).and_then(|raw| match raw.number(0)? {
            1 => Some("sRGB".to_owned()),
            2 => Some("Adobe RGB".to_owned()),
            _ => None,
        }),
    );
    add(
        Group::Image,
        "Resolution",
        main(0x011a).and_then(|raw| {
            let per = match main(0x0128).and_then(|unit| unit.number(0)).unwrap_or(2) {
                2 => "inch",
                3 => "cm",
                _ => return None,
            };
            Some(format!("{} pixels per {per}", short(raw.real(0)?)))
        }),
    );
    add(
        Group::Image,
        "Orientation",
        in_words(orientation(exif).unwrap_or_default()).map(str::to_owned),
    );
    add(Group::Camera, "Make", main(0x010f).and_then(Raw::text));
    add(Group::Camera, "Model", main(0x0110).and_then(Raw::text));
    add(Group::Camera, "Owner", photo(0xa430).and_then(Raw::text));
    add(
        Group::Camera,
        "Serial number",
        photo(0xa431).and_then(Raw::text),
    );
    add(
        Group::Exposure,
        "Exposure time",
        photo(0x829a)
            .and_then(|raw| raw.rational(0))
            .and_then(exposure_time),
    );
    let real = |tag| photo(tag).and_then(|raw| raw.real(0));
    add(Group::Exposure, "Aperture", real(0x829d).and_then(f_number));
    add(
        Group::Exposure,
        "Sensitivity",
        photo(0x8827)
            .and_then(|raw| raw.number(0))
            // 65535 stands for "see elsewhere".
            .filter(|&iso| iso > 0 && iso < 65535)
            .or_else(|| photo(0x8831)?.number(0))
            .or_else(|| photo(0x8832)?.number(0))
            .map(|iso| format!("ISO {iso}")),
    );
    add(
        Group::Exposure,
        "Exposure compensation",
        real(0x9204).map(|bias| match short(bias) {
            zero if zero == "0" => "0 EV".to_owned(),
            bias if bias.starts_with('-') => format!("{bias} EV"),
            bias => format!("+{bias} EV"),
        }),
    );
    for (tag, name) in [
        (0x8822, "Exposure program"),
        (0xa402, "Exposure mode"),
        (0x9207, "Metering mode"),
        (0x9209, "Flash"),
        (0xa403, "White balance"),
        (0x9208, "Light source"),
        (0xa406, "Scene type"),
        (0xa408, "Contrast"),
        (0xa409, "Saturation"),
        (0xa40a, "Sharpness"),
    ] {
        let words = photo(tag).and_then(|raw| raw.in_words(Context::Exif));
        add(Group::Exposure, name, words.map(|words| capital(&words)));
    }
    add(
        Group::Exposure,
        "Subject distance",
        real(0x9206)
            .filter(|&metres| metres > 0.0)
            .map(|metres| format!("{} m", short(metres))),
    );
    add(
        Group::Exposure,
        "Digital zoom",
        real(0xa404)
            .filter(|&ratio| ratio > 1.0)
            .map(|ratio| format!("{} ×", short(ratio))),
    );
    let millimetres = |value: f64| (value > 0.0).then(|| format!("{} mm", short(value)));
    add(Group::Lens, "Lens make", photo(0xa433).and_then(Raw::text));
    add(Group::Lens, "Lens", photo(0xa434).and_then(Raw::text));
    add(
        Group::Lens,
        "Lens serial number",
        photo(0xa435).and_then(Raw::text),
    );
    add(
        Group::Lens,
        "Lens range",
        photo(0xa432).and_then(lens_range),
    );
    add(
        Group::Lens,
        "Focal length",
        real(0x920a).and_then(millimetres),
    );
    add(
        Group::Lens,
        "Focal length in 35 mm film",
        real(0xa405).and_then(millimetres),
    );
    add(
        Group::Lens,
        "Widest aperture",
        real(0x9205).and_then(|apex| f_number(apex.exp2().sqrt())),
    );
    for (tag, name) in [
        (0x010e, "Caption"),
        (0x013b, "Creator"),
        (0x8298, "Copyright"),
    ] {
        add(Group::Description, name, main(tag).and_then(Raw::text));
    }
    add(
        Group::Description,
        "Comment",
        photo(0x9286).and_then(user_comment),
    );
    if let Some(at) = directories.place {
        place(block, at, metadata);
    }
}

/// What Windows' Explorer keeps in fields of its own, in UTF-16: only where nobody else has said it.
pub(super) fn read_windows(exif: &[u8], metadata: &mut Metadata) {
    let Some(directories) = Block::open(exif) else {
        return;
    };
    for (tag, name) in [
        (0x9c9b, "Title"),
        (0x9c9c, "Comment"),
        (0x9c9d, "Creator"),
        (0x9c9e, "Keywords"),
    ] {
        let field = directories.block.find(directories.main, tag);
        if let Some(value) = field.and_then(|raw| utf16(raw.data, true)) {
            metadata.add(Group::Description, name, value);
        }
    }
}

/// What has been done to make the picture upright.
fn in_words(orientation: Orientation) -> Option<&'static str> {
    match orientation {
        Orientation::Normal => None,
        Orientation::FlipHorizontal => Some("mirrored left to right"),
        Orientation::Rotate180 => Some("turned by 180°"),
        Orientation::FlipVertical => Some("mirrored top to bottom"),
        Orientation::Transpose => Some("mirrored, then turned 90° counter-clockwise"),
        Orientation::Rotate90 => Some("turned 90° clockwise"),
        Orientation::Transverse => Some("mirrored, then turned 90° clockwise"),
        Orientation::Rotate270 => Some("turned 90° counter-clockwise"),
    }
}

/// Maker and model as one would say them: makers often stand in the model too.
fn camera(make: Option<String>, model: Option<String>) -> Option<String> {
    match (make, model) {
        (Some(make), Some(model)) => {
            let brand = make.split_whitespace().next().unwrap_or_default();
            if model.to_lowercase().starts_with(&brand.to_lowercase()) {
                Some(model)
            } else {
                Some(format!("{make} {model}"))
            }
        }
        (make, model) => model.or(make),
    }
}

fn exposure_time((numerator, denominator): (f64, f64)) -> Option<String> {
    let seconds = numerator / denominator;
    if !seconds.is_finite() || seconds <= 0.0 {
        return None;
    }
    Some(if seconds < 0.3 {
        format!("1/{:.0} s", 1.0 / seconds)
    } else {
        format!("{} s", short(seconds))
    })
}

fn f_number(value: f64) -> Option<String> {
    (value.is_finite() && value > 0.0 && value < 1000.0)
        .then(|| format!("f/{}", short((value * 10.0).round() / 10.0)))
}

/// Shortest and longest focal length, widest aperture at both.
fn lens_range(raw: Raw<'_>) -> Option<String> {
    let [short_end, long_end] = [raw.real(0)?, raw.real(1)?];
    let mut range = if short_end == long_end {
        format!("{} mm", short(short_end))
    } else {
        format!("{}–{} mm", short(short_end), short(long_end))
    };
    if let (Some(wide), Some(tele)) = (raw.real(2), raw.real(3)) {
        let _ = if wide == tele {
            write!(range, " f/{}", short(wide))
        } else {
            write!(range, " f/{}–{}", short(wide), short(tele))
        };
    }
    Some(range)
}

/// Begins with the name of its encoding.
fn user_comment(raw: Raw<'_>) -> Option<String> {
    let (encoding, comment) = raw.data.split_at_checked(8)?;
    match encoding {
        b"UNICODE\0" => utf16(comment, raw.block.is_little_endian),
        b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => Some(text(comment)),
        _ => None,
    }
}

fn utf16(bytes: &[u8], is_little_endian: bool) -> Option<String> {
    let units = bytes
        .chunks_exact(2)
        .take(super::MAX_VALUE_BYTES / 2)
        .map(|pair| {
            let pair = [pair[0], pair[1]];
            if is_little_endian {
                u16::from_le_bytes(pair)
            } else {
                u16::from_be_bytes(pair)
            }
        })
        .take_while(|&unit| unit != 0);
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

fn place(block: Block<'_>, at: usize, metadata: &mut Metadata) {
    let find = |tag| block.find(at, tag);
    let degrees = |tag: u16, reference: u16, limit: f64| {
        let raw = find(tag)?;
        let part = |index| raw.real(index);
        let degrees = part(0)? + part(1).unwrap_or(0.0) / 60.0 + part(2).unwrap_or(0.0) / 3600.0;
        let is_negative = matches!(find(reference)?.data.first()?, b'S' | b's' | b'W' | b'w');
        let degrees = if is_negative { -degrees } else { degrees };
        (degrees.abs() <= limit).then_some(degrees)
    };
    let altitude_m = find(6).and_then(|raw| raw.real(0)).map(|metres| {
        match find(5).and_then(|raw| raw.number(0)) {
            Some(1) => -metres,
            _ => metres,
        }
    });
    if let (Some(latitude), Some(longitude)) = (degrees(2, 1, 90.0), degrees(4, 3, 180.0)) {
        metadata.location = Some(Location {
            latitude,
            longitude,
            altitude_m,
        });
        metadata.add(Group::Place, "Position", position(latitude, longitude));
    }
    if let Some(metres) = altitude_m {
        metadata.add(Group::Place, "Altitude", format!("{} m", short(metres)));
    }
    if let Some(direction) = find(0x11).and_then(|raw| raw.real(0)) {
        metadata.add(Group::Place, "Direction", format!("{}°", short(direction)));
    }
}

/// `54.1234° N, 13.5678° E`.
pub(super) fn position(latitude: f64, longitude: f64) -> String {
    let north = if latitude < 0.0 { 'S' } else { 'N' };
    let east = if longitude < 0.0 { 'W' } else { 'E' };
    format!(
        "{:.4}° {north}, {:.4}° {east}",
        latitude.abs(),
        longitude.abs()
    )
}

/// With at most two digits behind the point, and none that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_owned()
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
