//! The EXIF block of a planned picture.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};

use crate::plan::{LocalTime, SamplePlan};

/// Failures of the generator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The metadata could not be put together.
    #[error("the EXIF block could not be written: {0}")]
    Exif(#[from] exif::Error),
}

/// The EXIF block of a picture as a TIFF stream, to be put into a JPEG's APP1 (after `Exif\0\0`), a PNG's `eXIf`, a
/// WebP's `EXIF` chunk, or a TIFF's own directories.
///
/// # Errors
/// Only if the writer refuses a field, which would be a mistake here.
pub fn exif_block(plan: &SamplePlan) -> Result<Vec<u8>, SampleError> {
    let fields = fields(plan);
    let mut writer = Writer::new();
    for field in &fields {
        writer.push_field(field);
    }
    let mut out = Cursor::new(Vec::new());
    writer.write(&mut out, true)?;
    Ok(out.into_inner())
}

fn text(s: &str) -> Value {
    Value::Ascii(vec![s.as_bytes().to_vec()])
}

fn ratio(num: u32, denom: u32) -> Value {
    Value::Rational(vec![Rational { num, denom }])
}

fn fields(plan: &SamplePlan) -> Vec<Field> {
    let shot = &plan.shot;
    let (stored_width, stored_height) = if matches!(plan.orientation, 6 | 8) {
        (plan.height, plan.width)
    } else {
        (plan.width, plan.height)
    };
    let date = date_text(&shot.taken);
    let offset = offset_text(shot.taken.utc_offset_min);
    let description = format!("{:?}, {}", plan.subject, shot.place);
    // The comment begins with its character code; text beyond ASCII is not portable there.
    let mut comment = b"ASCII\0\0\0".to_vec();
    comment.extend(format!("Procedural photograph, seed {:016x}", plan.scene_seed).bytes());
    let mut all = vec![
        (Tag::ImageDescription, text(&description)),
        (Tag::Make, text(shot.make)),
        (Tag::Model, text(shot.model)),
        (
            Tag::Orientation,
            Value::Short(vec![u16::from(plan.orientation)]),
        ),
        (Tag::XResolution, ratio(300, 1)),
        (Tag::YResolution, ratio(300, 1)),
        (Tag::ResolutionUnit, Value::Short(vec![2])),
        (
            Tag::Software,
            text(concat!("pixelbank-sample ", env!("CARGO_PKG_VERSION"))),
        ),
        (Tag::DateTime, text(&date)),
        (Tag::Artist, text(shot.artist)),
        (
            Tag::Copyright,
            text(&format!(
                "{} {}, no rights reserved (CC0)",
                shot.taken.year, shot.artist
            )),
        ),
        (
            Tag::ExposureTime,
            ratio(shot.exposure_s.0, shot.exposure_s.1),
        ),
        (Tag::FNumber, ratio(shot.f_number_tenths, 10)),
        (Tag::ExposureProgram, Value::Short(vec![3])),
        (Tag::PhotographicSensitivity, Value::Short(vec![shot.iso])),
        (Tag::ExifVersion, Value::Undefined(b"0232".to_vec(), 0)),
        (Tag::DateTimeOriginal, text(&date)),
        (Tag::DateTimeDigitized, text(&date)),
        (Tag::OffsetTime, text(&offset)),
        (Tag::OffsetTimeOriginal, text(&offset)),
        (Tag::MeteringMode, Value::Short(vec![5])),
        (Tag::Flash, Value::Short(vec![16])),
        (Tag::FocalLength, ratio(shot.focal_length_mm, 1)),
        (Tag::UserComment, Value::Undefined(comment, 0)),
        (Tag::ColorSpace, Value::Short(vec![1])),
        (Tag::PixelXDimension, Value::Long(vec![stored_width])),
        (Tag::PixelYDimension, Value::Long(vec![stored_height])),
        (Tag::WhiteBalance, Value::Short(vec![0])),
        (Tag::LensModel, text(shot.lens)),
    ];
    if let Some((latitude, longitude, altitude_m)) = shot.position {
        all.extend([
            (Tag::GPSVersionID, Value::Byte(vec![2, 3, 0, 0])),
            (
                Tag::GPSLatitudeRef,
                text(if latitude < 0.0 { "S" } else { "N" }),
            ),
            (Tag::GPSLatitude, degrees(latitude)),
            (
                Tag::GPSLongitudeRef,
                text(if longitude < 0.0 { "W" } else { "E" }),
            ),
            (Tag::GPSLongitude, degrees(longitude)),
            (Tag::GPSAltitudeRef, Value::Byte(vec![0])),
            (
                Tag::GPSAltitude,
                ratio((altitude_m * 100.0).round() as u32, 100),
            ),
        ]);
    }
    all.into_iter()
        .map(|(tag, value)| Field {
            tag,
            ifd_num: In::PRIMARY,
            value,
        })
        .collect()
}

fn date_text(t: &LocalTime) -> String {
    format!(
        "{:04}:{:02}:{:02} {:02}:{:02}:{:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

fn offset_text(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Degrees, minutes and ten-thousandths of seconds.
fn degrees(value: f64) -> Value {
    let total = (value.abs() * 3600.0 * 10_000.0).round() as u64;
    let (whole, rest) = (total / 36_000_000, total % 36_000_000);
    Value::Rational(vec![
        Rational {
            num: whole as u32,
            denom: 1,
        },
        Rational {
            num: (rest / 600_000) as u32,
            denom: 1,
        },
        Rational {
            num: (rest % 600_000) as u32,
            denom: 10_000,
        },
    ])
}
