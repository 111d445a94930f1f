use super::header::{Element, Encoding, Header, Kind, Property};
use crate::error::{Fault, malformed};
use crate::import::Job;
use crate::import::input::{Reader, Window, window_bytes};
use crate::import::text::shown;

/// The values behind the header.
pub(super) struct Body<'a> {
    window: Window<Reader<'a>>,
    encoding: Encoding,
}

impl<'a> Body<'a> {
    pub(super) fn new(job: &Job<'a>, header: &Header) -> Result<Self, Fault> {
        let reader = job.input.reader(header.len);
        let len = window_bytes(job.input.len());
        Ok(Self {
            window: Window::new(job.books, reader, header.len, len)?,
            encoding: header.encoding,
        })
    }

    /// The next value.
    #[inline]
    pub(super) fn value(&mut self, kind: Kind) -> Result<f64, Fault> {
        match self.encoding {
            Encoding::Text => self.word(),
            Encoding::Little => self.binary(kind, false),
            Encoding::Big => self.binary(kind, true),
        }
    }

    /// The next value, as the length of a list.
    pub(super) fn count(&mut self, kind: Kind) -> Result<u64, Fault> {
        let count = self.value(kind)?;
        if count >= 0.0 && count.fract() == 0.0 {
            Ok(count as u64)
        } else {
            malformed(format!(
                "at byte {}: a list of length {count}",
                self.window.position()
            ))
        }
    }

    pub(super) fn skip(&mut self, element: &Element) -> Result<(), Fault> {
        if element.properties.is_empty() {
            return Ok(());
        }
        for _ in 0..element.count {
            for property in &element.properties {
                self.skip_property(property)?;
            }
        }
        Ok(())
    }

    pub(super) fn skip_property(&mut self, property: &Property) -> Result<(), Fault> {
        match property {
            Property::Scalar { kind, .. } => {
                self.value(*kind)?;
            }
            Property::List { count, item, .. } => {
                // However long it claims to be, the file ends it.
                for _ in 0..self.count(*count)? {
                    self.value(*item)?;
                }
            }
        }
        Ok(())
    }

    fn early<T>(&self) -> Result<T, Fault> {
        malformed(format!(
            "it ends at byte {}, before all that its header claims",
            self.window.position()
        ))
    }

    fn word(&mut self) -> Result<f64, Fault> {
        let Some((start, end)) = self.window.word()? else {
            return self.early();
        };
        let word = &self.window.bytes()[start..end];
        let value = match fast_float2::parse(word) {
            Ok(value) => value,
            // Spellings of infinity and the like; and what is no number.
            Err(_) => match crate::import::text::number(word) {
                Some(value) => f64::from(value),
                None => {
                    return malformed(format!(
                        "at byte {}: '{}' is no number",
                        self.window.position() + start as u64,
                        shown(word)
                    ));
                }
            },
        };
        self.window.consume(end);
        Ok(value)
    }

    #[inline]
    fn binary(&mut self, kind: Kind, is_big: bool) -> Result<f64, Fault> {
        let len = kind.len();
        if !self.window.want(len)? {
            return self.early();
        }
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(&self.window.bytes()[..len]);
        if is_big {
            bytes[..len].reverse();
        }
        self.window.consume(len);
        let [a, b, c, d, ..] = bytes;
        Ok(match kind {
            Kind::I8 => f64::from(a as i8),
            Kind::U8 => f64::from(a),
            Kind::I16 => f64::from(i16::from_le_bytes([a, b])),
            Kind::U16 => f64::from(u16::from_le_bytes([a, b])),
            Kind::I32 => f64::from(i32::from_le_bytes([a, b, c, d])),
            Kind::U32 => f64::from(u32::from_le_bytes([a, b, c, d])),
            Kind::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            Kind::F64 => f64::from_le_bytes(bytes),
        })
    }
}
