//! The moment that a picture was taken, said in several places and notations.

/// Whose word is taken, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// EXIF DateTimeOriginal: the shutter.
    ExifOriginal,
    /// The same in XMP.
    XmpOriginal,
    /// IPTC DateCreated, and photoshop:DateCreated in XMP.
    Created,
    /// EXIF DateTimeDigitized.
    ExifDigitized,
    /// xmp:CreateDate.
    XmpCreated,
    /// EXIF DateTime: when the file was last changed.
    ExifChanged,
}

/// The dates that were found.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    best: Option<(Source, String)>,
}

impl Candidates {
    /// Takes a date into account; `None` is no date.
    pub(super) fn offer(&mut self, source: Source, date: Option<String>) {
        let Some(date) = date else { return };
        if self.best.as_ref().is_none_or(|(best, _)| source < *best) {
            self.best = Some((source, date));
        }
    }

    pub(super) fn has_original(&self) -> bool {
        matches!(self.best, Some((Source::ExifOriginal, _)))
    }

    pub(super) fn best(self) -> Option<String> {
        self.best.map(|(_, date)| date)
    }
}

/// `2024:05:01 12:33:00` as EXIF writes it, with the offset from UTC as EXIF writes that (`+02:00`), in ISO 8601.
pub(super) fn from_exif(date: &[u8], offset: Option<&[u8]>) -> Option<String> {
    let date = std::str::from_utf8(date.get(..19)?).ok()?;
    let (day, time) = (date.get(..10)?, date.get(11..)?);
    let mut iso = join(&day.replace(['-', '/', '.'], ":"), ':', time)?;
    if let Some(offset) = offset
        .and_then(|offset| std::str::from_utf8(offset.get(..6)?).ok())
        .filter(|offset| is_offset(offset))
    {
        iso.push_str(offset);
    }
    Some(iso)
}

/// A date in ISO 8601 as XMP has it: seconds, the time and the offset may be missing; fractions of seconds are dropped.
pub(super) fn from_xmp(date: &str) -> Option<String> {
    let date = date.trim();
    let day = date.get(..10)?;
    let rest = match date.get(10..)? {
        "" => "",
        rest => rest.strip_prefix(['T', ' '])?,
    };
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let time = time.split('.').next()?;
    let time = match time.len() {
        0 => "00:00:00".to_owned(),
        5 => format!("{time}:00"),
        _ => time.to_owned(),
    };
    let mut iso = join(day, '-', &time)?;
    match zone {
        "Z" => iso.push_str("+00:00"),
        zone if is_offset(zone) => iso.push_str(zone),
        _ => {}
    }
    Some(iso)
}

/// `20240501` and `123300+0200`, as IPTC has them.
pub(super) fn from_iptc(day: &str, time: Option<&str>) -> Option<String> {
    let day = format!("{}:{}:{}", day.get(..4)?, day.get(4..6)?, day.get(6..8)?);
    let part = |from: usize, to: usize| time.and_then(|time| time.get(from..to));
    let clock = match (part(0, 2), part(2, 4), part(4, 6)) {
        (Some(hour), Some(minute), Some(second)) => format!("{hour}:{minute}:{second}"),
        _ => "00:00:00".to_owned(),
    };
    let mut iso = join(&day, ':', &clock)?;
    if let (Some(hour), Some(minute)) = (part(6, 9), part(9, 11)) {
        let offset = format!("{hour}:{minute}");
        if is_offset(&offset) {
            iso.push_str(&offset);
        }
    }
    Some(iso)
}

/// Puts day and time together, if both can be.
fn join(day: &str, separator: char, time: &str) -> Option<String> {
    let [year, month, day] = numbers(day, separator)?;
    let [hour, minute, second] = numbers(time, ':')?;
    // Cameras without a clock write zeros. 60 is a leap second.
    let is_real = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    is_real.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

fn numbers(text: &str, separator: char) -> Option<[u32; 3]> {
    let mut parts = text.split(separator);
    let mut next = || -> Option<u32> {
        let part = parts.next()?.trim();
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    Some([next()?, next()?, next()?])
}

/// `+hh:mm` or `-hh:mm`.
fn is_offset(text: &str) -> bool {
    matches!(text.as_bytes(),
        [b'+' | b'-', h @ b'0'..=b'1', l @ b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9']
            if (h - b'0') * 10 + (l - b'0') <= 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_agree() {
        let expected = Some("2024-05-01T12:33:07+02:00".to_owned());
        assert_eq!(
            from_exif(b"2024:05:01 12:33:07\0", Some(b"+02:00\0")),
            expected
        );
        assert_eq!(from_xmp("2024-05-01T12:33:07.25+02:00"), expected);
        assert_eq!(from_iptc("20240501", Some("123307+0200")), expected);
    }

    #[test]
    fn what_is_missing_is_left_out() {
        assert_eq!(
            from_xmp("2024-05-01").as_deref(),
            Some("2024-05-01T00:00:00")
        );
        assert_eq!(
            from_xmp("2024-05-01T12:33").as_deref(),
            Some("2024-05-01T12:33:00")
        );
        assert_eq!(
            from_xmp("2024-05-01T12:33Z").as_deref(),
            Some("2024-05-01T12:33:00+00:00")
        );
        assert_eq!(
            from_exif(b"2024:05:01 12:33:07", None).as_deref(),
            Some("2024-05-01T12:33:07")
        );
    }

    #[test]
    fn no_date_is_no_date() {
        assert_eq!(from_exif(b"0000:00:00 00:00:00", None), None);
        assert_eq!(from_exif(b"    :  :     :  :  ", None), None);
        assert_eq!(from_exif(b"2024:13:01 12:33:07", None), None);
        assert_eq!(from_exif("2024:05:0\u{e4} 12:33:07".as_bytes(), None), None);
        assert_eq!(from_xmp("yesterday at noon"), None);
        assert_eq!(from_iptc("2024", None), None);
    }
}
