//! The one EXIF value that decides how an image is shown.

use pixelbank_image::Orientation;

/// The tag of the orientation.
const ORIENTATION: u16 = 274;
/// A 16-bit number.
const SHORT: u16 = 3;
/// A 32-bit number, which some writers use against the rule.
const LONG: u16 = 4;

/// The orientation in the first directory of EXIF data, which begins with its TIFF header. `None` where it is missing
/// or not to be understood.
pub(crate) fn of_exif(exif: &[u8]) -> Option<Orientation> {
    let big_endian = match exif.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let bytes = exif.get(at..)?.first_chunk()?;
        Some(if big_endian {
            u16::from_be_bytes(*bytes)
        } else {
            u16::from_le_bytes(*bytes)
        })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let bytes = exif.get(at..)?.first_chunk()?;
        Some(if big_endian {
            u32::from_be_bytes(*bytes)
        } else {
            u32::from_le_bytes(*bytes)
        })
    };
    let directory = usize::try_from(u32_at(4)?).ok()?;
    let n_entries = usize::from(u16_at(directory)?);
    for index in 0..n_entries {
        let entry = directory.checked_add(2 + 12 * index)?;
        if u16_at(entry)? == ORIENTATION {
            let value = match u16_at(entry + 2)? {
                SHORT => u32::from(u16_at(entry + 8)?),
                LONG => u32_at(entry + 8)?,
                _ => return None,
            };
            return Some(Orientation::from_exif(value));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(big_endian: bool, kind: u16, value: u32) -> Vec<u8> {
        let short = |v: u16| {
            if big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let long = |v: u32| {
            if big_endian {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let mut bytes = if big_endian {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        bytes.extend(long(8));
        bytes.extend(short(2));
        for (tag, kind, value) in [(271, SHORT, 5), (ORIENTATION, kind, value)] {
            bytes.extend(short(tag));
            bytes.extend(short(kind));
            bytes.extend(long(1));
            if kind == SHORT {
                bytes.extend(short(value as u16));
                bytes.extend([0, 0]);
            } else {
                bytes.extend(long(value));
            }
        }
        bytes.extend(long(0));
        bytes
    }

    #[test]
    fn found_in_both_byte_orders_and_widths() {
        for value in 1..=8 {
            for big_endian in [false, true] {
                for kind in [SHORT, LONG] {
                    let found = of_exif(&exif(big_endian, kind, value));
                    assert_eq!(found, Some(Orientation::from_exif(value)));
                }
            }
        }
    }

    #[test]
    fn damaged_exif_has_none() {
        let good = exif(false, SHORT, 6);
        // The value is complete from byte 32 on.
        for len in 0..32 {
            assert_eq!(of_exif(&good[..len]), None, "{len}");
        }
        let mut far = good;
        far[4..8].fill(0xFF);
        assert_eq!(of_exif(&far), None);
    }
}
