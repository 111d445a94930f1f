//! Words and lines of text files, out of a window on them.

use std::io::Read;

use super::input::Window;
use crate::error::{Fault, malformed};

/// What stands between words. Some writers put zero bytes behind the text.
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    byte <= b' '
}

impl<R: Read> Window<R> {
    /// The next word and where it is, as a range of the bytes at hand; `None` at the end. The word and what stands before
    /// it are still to be consumed.
    #[inline]
    pub(super) fn word(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        let mut from = 0;
        loop {
            let bytes = self.bytes();
            let mut start = from;
            while start < bytes.len() && is_space(bytes[start]) {
                start += 1;
            }
            let mut end = start;
            while end < bytes.len() && !is_space(bytes[end]) {
                end += 1;
            }
            // A word is whole where something stands behind it.
            if end < bytes.len() {
                return Ok(Some((start, end)));
            }
            if start == bytes.len() {
                self.consume(start);
                from = 0;
            } else {
                // It is looked at again from its first letter.
                self.consume(start);
                from = 0;
                let n = self.bytes().len();
                if !self.fill()? {
                    if self.is_over() {
                        return Ok(Some((0, n)));
                    }
                    return malformed(format!("at byte {}: a word without end", self.position()));
                }
                continue;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next line without its end, as a range of the bytes at hand, and how many bytes to consume with it; `None` at
    /// the end.
    pub(super) fn line(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        let mut from = 0;
        loop {
            let bytes = self.bytes();
            if let Some(n) = memchr::memchr2(b'\n', b'\r', &bytes[from..]) {
                return Ok(Some((from + n, from + n + 1)));
            }
            let n = bytes.len();
            from = n;
            if !self.fill()? {
                return match (self.is_over(), n) {
                    (true, 0) => Ok(None),
                    (true, n) => Ok(Some((n, n))),
                    (false, _) => malformed(format!(
                        "at byte {}: a line of more than {n} bytes",
                        self.position()
                    )),
                };
            }
        }
    }
}

/// A number of a text file. What is no number at all is `None`; spellings of infinity and of no number, and numbers that
/// are too large, are not finite.
#[inline]
pub(super) fn number(word: &[u8]) -> Option<f32> {
    if let Ok(value) = fast_float2::parse(word) {
        return Some(value);
    }
    let unsigned = word
        .strip_prefix(b"-")
        .or(word.strip_prefix(b"+"))
        .unwrap_or(word);
    // Microsoft's library has written nan(ind), 1.#QNAN, 1.#INF and the like.
    let is_special = unsigned.starts_with(b"1.#")
        || unsigned.get(..3).is_some_and(|start| {
            start.eq_ignore_ascii_case(b"nan") || start.eq_ignore_ascii_case(b"inf")
        });
    is_special.then_some(f32::NAN)
}

/// A word for a message.
pub(super) fn shown(word: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&word[..word.len().min(40)]).into_owned();
    text.retain(|letter| !letter.is_control());
    text
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;

    use super::*;
    use crate::Books;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(to.len()).min(1);
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn window(text: &'static [u8], len: usize) -> Window<Slow<'static>> {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        Window::new(&Books::new(&bank, "test"), Slow(text), 0, len).unwrap()
    }

    #[test]
    fn words_are_whole_however_they_arrive() {
        let mut window = window(b"  one two\r\n\tthree  \0", 8);
        let mut words = Vec::new();
        while let Some((start, end)) = window.word().unwrap() {
            words.push(String::from_utf8_lossy(&window.bytes()[start..end]).into_owned());
            window.consume(end);
        }
        assert_eq!(words, ["one", "two", "three"]);
    }

    #[test]
    fn the_last_word_needs_nothing_behind_it_but_has_an_end() {
        let mut short = window(b"a bc", 8);
        let (_, end) = short.word().unwrap().unwrap();
        short.consume(end);
        let (start, end) = short.word().unwrap().unwrap();
        assert_eq!(&short.bytes()[start..end], b"bc");
        short.consume(end);
        assert!(short.word().unwrap().is_none());
        assert!(window(b"123456789", 8).word().is_err());
    }

    #[test]
    fn lines_end_in_either_way() {
        let mut window = window(b"one\r\ntwo\nlast", 8);
        let mut lines = Vec::new();
        while let Some((end, next)) = window.line().unwrap() {
            lines.push(String::from_utf8_lossy(&window.bytes()[..end]).into_owned());
            window.consume(next);
        }
        assert_eq!(lines, ["one", "", "two", "last"]);
        assert!(self::window(b"123456789\n", 8).line().is_err());
    }

    #[test]
    fn numbers_are_read_as_they_are_found() {
        assert_eq!(number(b"-1.5e3"), Some(-1500.0));
        assert_eq!(number(b"+2"), Some(2.0));
        for special in [
            "nan",
            "-NaN",
            "nan(ind)",
            "-1.#QNAN",
            "inf",
            "-Infinity",
            "1e99",
        ] {
            assert!(
                !number(special.as_bytes()).unwrap().is_finite(),
                "{special}"
            );
        }
        for bad in ["", "-", "1,5", "x", "1.5mm", "--1", "1.2.3"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad}");
        }
    }
}
