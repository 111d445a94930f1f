//! XML, element by element, none longer than is allowed.

use std::cell::Cell;
use std::io::{self, BufReader, Read};

use quick_xml::events::{BytesEnd, BytesStart, Event};

use crate::error::{Fault, malformed};

/// Where an element begins or ends.
pub(crate) struct Tag<'a> {
    start: Option<&'a BytesStart<'a>>,
    name: &'a str,
}

impl<'a> Tag<'a> {
    pub(crate) fn begins(start: &'a BytesStart<'a>) -> Self {
        Self {
            name: local(start.name().into_inner()),
            start: Some(start),
        }
    }

    pub(crate) fn ends(end: &'a BytesEnd<'a>) -> Self {
        Self {
            name: local(end.name().into_inner()),
            start: None,
        }
    }

    /// Its name, without that of its namespace; empty where an element ends.
    pub(crate) fn name(&self) -> &str {
        if self.start.is_some() { self.name } else { "" }
    }

    /// The name of the element that ends here.
    pub(crate) fn ended(&self) -> &str {
        if self.start.is_none() { self.name } else { "" }
    }

    /// Calls `each` with the local names and the values of all attributes, as they are written.
    pub(crate) fn attributes(
        &self,
        mut each: impl FnMut(&str, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(start) = self.start else {
            return Ok(());
        };
        let mut attributes = start.attributes();
        for attribute in attributes.with_checks(false) {
            match attribute {
                Ok(attribute) => each(local(attribute.key.into_inner()), &attribute.value)?,
                Err(error) => {
                    return malformed(format!("an attribute of '{}': {error}", self.name));
                }
            }
        }
        Ok(())
    }

    /// The value of an attribute, by its local name.
    pub(crate) fn attribute(&self, name: &str) -> Result<Option<String>, Fault> {
        let mut found = None;
        self.attributes(|key, value| {
            if key == name {
                let value = quick_xml::escape::unescape(value);
                found = Some(value.map_or_else(|_| String::new(), |value| value.into_owned()));
            }
            Ok(())
        })?;
        Ok(found)
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Bytes that are read ahead of the parser.
pub(crate) const AHEAD: usize = 64 << 10;

/// Calls `each` where an element begins and where it ends. What lies between elements is passed over.
pub(crate) fn elements(
    reader: impl Read,
    max_element_bytes: u64,
    mut each: impl FnMut(&Tag) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let allowed = max_element_bytes.saturating_add(2 * AHEAD as u64);
    let meter = Meter {
        inner: reader,
        left: Cell::new(allowed),
    };
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(AHEAD, meter));
    reader.config_mut().check_end_names = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        reader.get_ref().get_ref().left.set(allowed);
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(start)) => each(&Tag::begins(&start))?,
            Ok(Event::Empty(start)) => {
                each(&Tag::begins(&start))?;
                each(&Tag::ends(&start.to_end()))?;
            }
            Ok(Event::End(end)) => each(&Tag::ends(&end))?,
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return malformed(error.to_string()),
        }
    }
}

/// Ends elements that no honest file has.
struct Meter<R> {
    inner: R,
    /// Bytes that may still be read for one element.
    left: Cell<u64>,
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(to)?;
        let Some(left) = self.left.get().checked_sub(n as u64) else {
            return Err(io::Error::other(
                "an element that is longer than is allowed",
            ));
        };
        self.left.set(left);
        Ok(n)
    }
}
