use std::io;
use std::ops::Range;

use super::window::Window;
use crate::{Error, Format, Input};

/// Fields of one directory that are believed; real files have a few dozen.
const MAX_FIELDS: u64 = 4096;

/// The order of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn is_native(self) -> bool {
        (self == Self::Little) == cfg!(target_endian = "little")
    }

    fn uint(self, bytes: &[u8]) -> u64 {
        let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, fold),
            Self::Big => bytes.iter().fold(0, fold),
        }
    }
}

/// One entry of a directory. Its values stay in the file until they are asked for, so that a pyramid of a million
/// tiles costs an open decoder no more than one of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub tag: u16,
    pub kind: u16,
    pub count: u64,
    /// Where its values begin in the file, also where they stand in the entry itself.
    pub at: u64,
}

impl Field {
    /// Bytes of one value; `None` for a type that TIFF does not define.
    pub(super) fn value_bytes(&self) -> Option<u64> {
        Some(match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => return None,
        })
    }

    /// Bytes of all values.
    pub(super) fn bytes(&self) -> u64 {
        self.value_bytes().unwrap_or(0).saturating_mul(self.count)
    }

    fn is_uint(&self) -> bool {
        matches!(self.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18)
    }
}

/// What one image file directory lists.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub fields: Vec<Field>,
    /// Where the next one of the chain lies; 0 at its end.
    pub next: u64,
    /// Bytes that it takes in the file.
    pub bytes: u64,
}

impl Directory {
    pub(super) fn get(&self, tag: u16) -> Option<&Field> {
        self.fields.iter().find(|field| field.tag == tag)
    }
}

/// The file behind a decoder, read at given places.
#[derive(Debug)]
pub(super) struct Source {
    input: Input,
    pub len_bytes: u64,
    pub order: Order,
    big: bool,
    /// The places of chunks that were looked up last.
    pub window: Window,
}

impl Source {
    /// Reads the header; returns the place of the first directory too.
    pub(super) fn open(input: Input) -> Result<(Self, u64), Error> {
        let len_bytes = input.len_bytes().map_err(|source| Error::Io {
            name: input.name().to_owned(),
            source,
        })?;
        let mut source = Self {
            input,
            len_bytes,
            order: Order::Little,
            big: false,
            window: Window::default(),
        };
        let mut header = [0u8; 16];
        source.read_at(0, &mut header[..8])?;
        source.order = match &header[..2] {
            b"II" => Order::Little,
            b"MM" => Order::Big,
            _ => return Err(source.malformed("it does not begin with II or MM")),
        };
        let first = match source.order.uint(&header[2..4]) {
            42 => source.order.uint(&header[4..8]),
            43 => {
                source.read_at(8, &mut header[8..])?;
                source.big = true;
                if source.order.uint(&header[4..6]) != 8 || source.order.uint(&header[6..8]) != 0 {
                    return Err(source.malformed("its BigTIFF header has offsets of another size"));
                }
                source.order.uint(&header[8..])
            }
            version => return Err(source.malformed(format!("its version is {version}"))),
        };
        Ok((source, first))
    }

    pub(super) fn name(&self) -> &str {
        self.input.name()
    }

    pub(super) fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::Malformed {
            name: self.name().to_owned(),
            format: Format::Tiff,
            reason: reason.into(),
        }
    }

    pub(super) fn unsupported(&self, feature: impl Into<String>) -> Error {
        Error::Unsupported {
            name: self.name().to_owned(),
            format: Format::Tiff,
            feature: feature.into(),
        }
    }

    /// Fills `buffer` from byte `at` on.
    pub(super) fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), Error> {
        match self.input.read_exact_at(at, buffer) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.malformed(format!(
                    "it ends before byte {}",
                    at.saturating_add(buffer.len() as u64)
                )))
            }
            Err(source) => Err(Error::Io {
                name: self.name().to_owned(),
                source,
            }),
        }
    }

    /// The directory at `at`.
    pub(super) fn directory(&mut self, at: u64) -> Result<Directory, Error> {
        let (count_bytes, entry_bytes, next_bytes) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let mut small = [0u8; 8];
        self.read_at(at, &mut small[..count_bytes])?;
        let n_fields = self.order.uint(&small[..count_bytes]);
        if n_fields == 0 || n_fields > MAX_FIELDS {
            return Err(self.malformed(format!(
                "the directory at byte {at} claims {n_fields} fields"
            )));
        }
        let body = n_fields * entry_bytes as u64;
        let mut bytes = vec![0; body as usize];
        self.read_at(at + count_bytes as u64, &mut bytes)?;
        // Writers that leave out the last link exist; the chain ends there as well.
        let next = at + count_bytes as u64 + body;
        let next = if next + next_bytes as u64 <= self.len_bytes {
            self.read_at(next, &mut small[..next_bytes])?;
            self.order.uint(&small[..next_bytes])
        } else {
            0
        };
        let value_at = entry_bytes - next_bytes;
        let fields = bytes
            .chunks_exact(entry_bytes)
            .enumerate()
            .filter_map(|(index, entry)| {
                let mut field = Field {
                    tag: self.order.uint(&entry[..2]) as u16,
                    kind: self.order.uint(&entry[2..4]) as u16,
                    count: self.order.uint(&entry[4..value_at]),
                    at: at + (count_bytes + index * entry_bytes + value_at) as u64,
                };
                field.value_bytes()?;
                if field.bytes() > next_bytes as u64 {
                    field.at = self.order.uint(&entry[value_at..]);
                }
                Some(field)
            })
            .collect();
        Ok(Directory {
            fields,
            next,
            bytes: body + (count_bytes + next_bytes) as u64,
        })
    }

    /// Whether all values of `field` lie within the file.
    pub(super) fn holds(&self, field: &Field) -> bool {
        field
            .at
            .checked_add(field.bytes())
            .is_some_and(|end| end <= self.len_bytes)
    }

    /// Value `index` of a field of unsigned whole numbers.
    pub(super) fn uint(&mut self, field: &Field, index: u64) -> Result<u64, Error> {
        let mut value = [0];
        self.uints(field, index..index + 1, &mut value)?;
        Ok(value[0])
    }

    /// The values of `range`, which has as many as `out`.
    pub(super) fn uints(
        &mut self,
        field: &Field,
        range: Range<u64>,
        out: &mut [u64],
    ) -> Result<(), Error> {
        let size = field.value_bytes().unwrap_or(1);
        if !field.is_uint() || range.end > field.count || !self.holds(field) {
            return Err(self.malformed(format!(
                "tag {} has no whole numbers {range:?}, or not within the file",
                field.tag
            )));
        }
        let mut window = [0u8; 1024];
        let mut at = field.at + range.start * size;
        for out in out.chunks_mut(window.len() / size as usize) {
            let bytes = &mut window[..out.len() * size as usize];
            self.read_at(at, bytes)?;
            at += bytes.len() as u64;
            for (value, bytes) in out.iter_mut().zip(bytes.chunks_exact(size as usize)) {
                *value = self.order.uint(bytes);
            }
        }
        Ok(())
    }

    /// The bytes of a field as they stand in the file; `None` where it is longer than `max_bytes` or not all there.
    pub(super) fn raw(&mut self, field: &Field, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        if field.count == 0 || field.bytes() > max_bytes || !self.holds(field) {
            return Ok(None);
        }
        let mut bytes = vec![0; field.bytes() as usize];
        self.read_at(field.at, &mut bytes)?;
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn source(bytes: &[u8]) -> Result<(Source, u64), Error> {
        Source::open(Input::memory(Arc::from(bytes), "test.tif"))
    }

    #[test]
    fn reads_fields_that_stand_in_the_entry_and_elsewhere() {
        let mut bytes = b"MM\0\x2a\0\0\0\x08".to_vec();
        bytes.extend([0, 2]);
        bytes.extend([1, 0, 0, 3, 0, 0, 0, 1, 0x12, 0x34, 0, 0]);
        bytes.extend([1, 1, 0, 4, 0, 0, 0, 2, 0, 0, 0, 38]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 0]);
        let (mut source, first) = source(&bytes).unwrap();
        let directory = source.directory(first).unwrap();
        assert_eq!(directory.next, 0);
        let [a, b] = directory.fields[..] else {
            panic!("two fields, not {}", directory.fields.len())
        };
        assert_eq!(source.uint(&a, 0).unwrap(), 0x1234);
        let mut values = [0; 2];
        source.uints(&b, 0..2, &mut values).unwrap();
        assert_eq!(values, [7, 0x1_0000]);
        assert!(source.uint(&b, 2).is_err(), "only two values");
    }

    #[test]
    fn claims_beyond_the_file_are_refused_before_memory_is_taken() {
        let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
        bytes.extend([1, 0]);
        bytes.extend([0, 1, 4, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0, 0]);
        bytes.extend([0, 0, 0, 0]);
        let (mut source, first) = source(&bytes).unwrap();
        let field = source.directory(first).unwrap().fields[0];
        assert!(source.uint(&field, 0).is_err());
        assert_eq!(source.raw(&field, u64::MAX).unwrap(), None);
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        for bytes in [
            &b""[..],
            b"II",
            b"II\x2a\0",
            b"MM\0\x2c\0\0\0\x08",
            b"II\x2b\0\x04\0\0\0",
        ] {
            assert!(source(bytes).is_err(), "{bytes:?}");
        }
    }
}
