use crate::error::{Fault, check_limit, malformed};
use crate::import::Input;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Text,
    Little,
    Big,
}

/// Types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }
}

/// What elements of a kind have, one after the other.
#[derive(Debug, PartialEq)]
pub(super) enum Property {
    Scalar {
        name: String,
        kind: Kind,
    },
    List {
        name: String,
        count: Kind,
        item: Kind,
    },
}

/// A kind of element, and how many of it follow.
#[derive(Debug, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) properties: Vec<Property>,
}

impl Element {
    /// The bytes that each takes at least.
    pub(super) fn least_bytes(&self, encoding: Encoding) -> u64 {
        let bytes = self
            .properties
            .iter()
            .map(|property| match (encoding, property) {
                // A letter and what stands behind it.
                (Encoding::Text, _) => 2,
                (_, Property::Scalar { kind, .. }) => kind.len() as u64,
                (_, Property::List { count, .. }) => count.len() as u64,
            });
        bytes.sum()
    }
}

#[derive(Debug)]
pub(super) struct Header {
    pub(super) encoding: Encoding,
    pub(super) elements: Vec<Element>,
    /// Its bytes.
    pub(super) len: u64,
}

/// The most kinds of elements, and properties of one: honest files have a dozen.
const MAX_KINDS: usize = 256;

impl Header {
    pub(super) fn read(input: &Input, max_bytes: u64) -> Result<Self, Fault> {
        // Found in steps, so that a file without an end of its header takes no more memory than that is worth.
        let mut text = Vec::new();
        let end = loop {
            let from = text.len();
            let len = from + 4096;
            check_limit("bytes of the header", from as u64, max_bytes.min(1 << 20))?;
            text.resize(len, 0);
            let n = input.read_at(from as u64, &mut text[from..])?;
            text.truncate(from + n);
            // The words may lie across two steps.
            let found = memchr::memmem::find(&text[from.saturating_sub(16)..], b"end_header");
            if let Some(at) = found.map(|at| at + from.saturating_sub(16)) {
                if let Some(line) = text[at..].iter().position(|byte| *byte == b'\n') {
                    break at + line + 1;
                }
                // Lines of old Macintoshes end so.
                if let Some(line) = text[at..].iter().position(|byte| *byte == b'\r')
                    && (n < 4096 || at + line + 1 < text.len())
                {
                    break at + line + 1;
                }
            }
            if n == 0 {
                return malformed("its header has no end");
            }
        };
        let mut header = Self::parse(&text[..end])?;
        header.len = end as u64;
        Ok(header)
    }

    fn parse(text: &[u8]) -> Result<Self, Fault> {
        let text = String::from_utf8_lossy(text);
        let mut encoding = None;
        let mut elements: Vec<Element> = Vec::new();
        for line in text.split(['\n', '\r']) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words[..] {
                ["format", name, _version] => {
                    encoding = Some(match name {
                        "ascii" => Encoding::Text,
                        "binary_little_endian" => Encoding::Little,
                        "binary_big_endian" => Encoding::Big,
                        _ => return malformed(format!("'{name}' is no encoding")),
                    });
                }
                ["element", name, count] => {
                    let Ok(count) = count.parse() else {
                        return malformed(format!("'{count}' is no number of elements"));
                    };
                    check_limit(
                        "kinds of elements",
                        elements.len() as u64 + 1,
                        MAX_KINDS as u64,
                    )?;
                    elements.push(Element {
                        name: name.to_owned(),
                        count,
                        properties: Vec::new(),
                    });
                }
                ["property", ref rest @ ..] => {
                    let Some(element) = elements.last_mut() else {
                        return malformed("a property before the first element");
                    };
                    let n = element.properties.len() as u64 + 1;
                    check_limit("properties of an element", n, MAX_KINDS as u64)?;
                    element.properties.push(property(rest)?);
                }
                _ => {}
            }
        }
        match encoding {
            Some(encoding) => Ok(Self {
                encoding,
                elements,
                len: 0,
            }),
            None => malformed("its header names no encoding"),
        }
    }

    pub(super) fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }
}

fn property(words: &[&str]) -> Result<Property, Fault> {
    let kind = |name: &str| match Kind::of(name) {
        Some(kind) => Ok(kind),
        None => malformed(format!("'{name}' is no type of values")),
    };
    match *words {
        ["list", count, item, name] => {
            let count = kind(count)?;
            if !count.is_integer() {
                return malformed("a list whose length is no integer");
            }
            Ok(Property::List {
                name: name.to_owned(),
                count,
                item: kind(item)?,
            })
        }
        [value, name] => Ok(Property::Scalar {
            name: name.to_owned(),
            kind: kind(value)?,
        }),
        _ => malformed(format!("'property {}' says nothing", words.join(" "))),
    }
}
