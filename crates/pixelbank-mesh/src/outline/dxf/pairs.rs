use std::io::Read;

use crate::Books;
use crate::error::{Fault, malformed};
use crate::import::input::{Input, Reader, Window, window_bytes};
use crate::import::text::shown;

/// A DXF file as what it is: lines in pairs, a code that says what it is and a value.
pub(super) struct Pairs<'a> {
    window: Window<Reader<'a>>,
    /// Of the present pair: its code, where its value is among the bytes at hand, and where the next pair begins there.
    pub(super) code: i32,
    value: (usize, usize),
    next: usize,
    /// Whether the present pair is to come again.
    is_held: bool,
}

impl<'a> Pairs<'a> {
    /// From `offset` on.
    pub(super) fn new(
        books: &Books,
        input: &'a Input,
        offset: u64,
        max_line_bytes: u32,
    ) -> Result<Self, Fault> {
        let len = window_bytes(input.len()).max(2 * max_line_bytes as usize);
        Ok(Self {
            window: Window::new(books, input.reader(offset), offset, len)?,
            code: 0,
            value: (0, 0),
            next: 0,
            is_held: false,
        })
    }

    /// Goes to the next pair; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        if std::mem::take(&mut self.is_held) {
            return Ok(true);
        }
        self.window.consume(self.next);
        self.next = 0;
        let Some((start, end, behind)) = line(&mut self.window, 0)? else {
            return Ok(false);
        };
        let code = self.window.bytes()[start..end].trim_ascii();
        if code.is_empty() && behind == self.window.bytes().len() {
            // An empty line at the end.
            return Ok(false);
        }
        let number = std::str::from_utf8(code)
            .ok()
            .and_then(|code| code.parse::<i32>().ok());
        let Some(number) = number else {
            let at = self.window.position();
            return malformed(format!(
                "at byte {at}: '{}' is no code of a pair",
                shown(code)
            ));
        };
        self.code = number;
        let Some((start, end, behind)) = line(&mut self.window, behind)? else {
            return Ok(false);
        };
        self.value = (start, end);
        self.next = behind;
        Ok(true)
    }

    /// Lets the present pair come again.
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    /// Where in the file the present pair ends.
    pub(super) fn position(&self) -> u64 {
        self.window.position() + self.next as u64
    }

    /// Its value, without spaces around it.
    pub(super) fn value(&self) -> &[u8] {
        self.window.bytes()[self.value.0..self.value.1].trim_ascii()
    }

    /// Its value as a number.
    pub(super) fn number(&self) -> Result<f64, Fault> {
        match fast_float2::parse::<f64, _>(self.value()) {
            Ok(value) if value.is_finite() => Ok(value),
            _ => malformed(format!(
                "at byte {}: '{}' is no number",
                self.window.position(),
                shown(self.value())
            )),
        }
    }

    /// Whether it is that pair.
    pub(super) fn is(&self, code: i32, value: &[u8]) -> bool {
        self.code == code && self.value() == value
    }
}

/// The line from `from` of the bytes at hand on: where it begins and ends, and where the next one begins. What is at hand may
/// move, so `from` counts from its beginning.
fn line<R: Read>(
    window: &mut Window<R>,
    from: usize,
) -> Result<Option<(usize, usize, usize)>, Fault> {
    let mut looked = from;
    loop {
        let bytes = window.bytes();
        let n = bytes.len();
        if let Some(found) = memchr::memchr(b'\n', &bytes[looked.min(n)..]) {
            let end = looked + found;
            return Ok(Some((from, end, end + 1)));
        }
        looked = n.max(from);
        if !window.fill()? {
            return match (window.is_over(), n) {
                (true, n) if n <= from => Ok(None),
                (true, n) => Ok(Some((from, n, n))),
                (false, _) => malformed(format!(
                    "at byte {}: a line that is longer than is allowed",
                    window.position()
                )),
            };
        }
    }
}
