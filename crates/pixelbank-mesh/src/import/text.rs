//! Words and lines of text files, out of a window on them.

use std::io::Read;

use super::input::Window;
use crate::error::{Fault, malformed};

/// What stands between words. Some writers put zero bytes behind the text.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    byte <= b' '
}

/// Where from `from` on the first byte is that is a space, or that is none; the length where there is no such byte.
#[inline]
fn first<const SPACE: bool>(bytes: &[u8], mut from: usize) -> usize {
    while from < bytes.len() && is_space(bytes[from]) != SPACE {
        from += 1;
    }
    from
}

impl<R: Read> Window<R> {
    /// The next word and where it is, as a range of the bytes at hand; `None` at the end. The word and what stands before
    /// it are still to be consumed.
    #[inline]
    pub(super) fn word(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        let bytes = self.bytes();
        let start = first::<false>(bytes, 0);
        let end = first::<true>(bytes, start);
        // A word is whole where something stands behind it.
        if end < bytes.len() {
            return Ok(Some((start, end)));
        }
        self.consume(start);
        self.word_at_end()
    }

    /// As [`word`](Self::word), where what is at hand may end in the word or before it.
    #[cold]
    fn word_at_end(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        loop {
            let bytes = self.bytes();
            let start = first::<false>(bytes, 0);
            let end = first::<true>(bytes, start);
            let n = bytes.len() - start;
            if end < bytes.len() {
                return Ok(Some((start, end)));
            }
            // It is looked at again from its first letter.
            self.consume(start);
            if !self.fill()? {
                return match (self.is_over(), n) {
                    (true, 0) => Ok(None),
                    (true, n) => Ok(Some((0, n))),
                    (false, _) => {
                        malformed(format!("at byte {}: a word without end", self.position()))
                    }
                };
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
    // With something behind it.
    let mut text = [0; 33];
    if let Some(start) = text[..32].get_mut(..word.len()) {
        start.copy_from_slice(word);
        if let Some((value, _)) = common_number(&text) {
            return Some(value);
        }
    }
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

/// A number at the beginning of a text that goes on behind it, as nearly all are: up to 15 digits, with a point among them or
/// not, an exponent that is not large, and then a space. What it is, and how many bytes it has; the rest is left to those
/// who know all numbers.
///
/// The digits and the power of ten are exact in double precision (Clinger, How to Read Floating Point Numbers Accurately), so
/// one product or quotient is the double that is nearest, and rounded again it is the float that is nearest; unless the
/// double lies in the middle between two floats, where the first rounding may have put it.
#[inline]
pub(super) fn common_number(text: &[u8]) -> Option<(f32, usize)> {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let is_negative = *text.first()? == b'-';
    let mut at = usize::from(is_negative);
    let mut digits = 0;
    let n_before = take_digits(text, &mut at, &mut digits)?;
    let mut n_behind = 0;
    if *text.get(at)? == b'.' {
        at += 1;
        n_behind = take_digits(text, &mut at, &mut digits)?;
        if n_behind == 0 {
            return None;
        }
    }
    if n_before == 0 || n_before + n_behind > 15 {
        return None;
    }
    let mut exponent = -(n_behind as i32);
    if *text.get(at)? | 0x20 == b'e' {
        let is_negative = *text.get(at + 1)? == b'-';
        at += 1 + usize::from(is_negative || *text.get(at + 1)? == b'+');
        let mut power = 0;
        if !(1..=3).contains(&take_digits(text, &mut at, &mut power)?) {
            return None;
        }
        exponent += if is_negative {
            -(power as i32)
        } else {
            power as i32
        };
    }
    if !is_space(*text.get(at)?) {
        return None;
    }
    let power = *POWERS.get(exponent.unsigned_abs() as usize)?;
    let digits = digits as f64;
    let value = if exponent < 0 {
        digits / power
    } else {
        digits * power
    };
    // Of the bits that a float does not have, the highest alone: the middle.
    if value.to_bits() & 0x1FFF_FFFF == 0x1000_0000 {
        return None;
    }
    let value = value as f32;
    Some((if is_negative { -value } else { value }, at))
}

/// Takes the digits at `at`, behind those that there are already, and says how many those are; `None` where the text ends
/// in them.
#[inline(always)]
fn take_digits(text: &[u8], at: &mut usize, digits: &mut u64) -> Option<usize> {
    let start = *at;
    loop {
        let digit = text.get(*at)?.wrapping_sub(b'0');
        if digit > 9 {
            return Some(*at - start);
        }
        // What is too long wraps, and is refused.
        *digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
}

/// A word for a message.
pub(crate) fn shown(word: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&word[..word.len().min(40)]).into_owned();
    text.retain(|letter| !letter.is_control());
    text
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;
    use proptest::prelude::*;

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

    /// Numbers as they are written, and others that are near the middle between two floats.
    fn written() -> impl Strategy<Value = String> {
        let middle = (1u32..0x7F7F_FFFF, 0usize..17).prop_map(|(bits, n)| {
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            format!("{:.*e}", n, (f64::from(low) + f64::from(high)) / 2.0)
        });
        let fixed = (any::<f32>(), 0usize..12).prop_map(|(value, n)| format!("{value:.n$}"));
        prop_oneof![
            middle,
            fixed,
            any::<f32>().prop_map(|value| format!("{value:e}")),
            any::<f64>().prop_map(|value| value.to_string()),
            "[-+]?[0-9]{0,20}[.]?[0-9]{0,3}([eE][-+]?[0-9]{0,3})?",
        ]
    }

    proptest! {
        #[test]
        fn common_numbers_are_the_nearest_float(text in written()) {
            if let Some((value, n)) = common_number(&followed(&text)) {
                prop_assert_eq!(n, text.len());
                prop_assert_eq!(value.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{}", text);
            }
        }
    }

    fn followed(text: &str) -> Vec<u8> {
        format!("{text}\n").into_bytes()
    }

    #[test]
    fn common_numbers_need_nobody_else() {
        for text in [
            "0",
            "-0.5",
            "1.234560e+01",
            "-1.000000E-16",
            "123456789012345",
        ] {
            let (value, n) = common_number(&followed(text)).unwrap();
            assert_eq!((Ok(value), n), (text.parse(), text.len()), "{text}");
        }
        // In the middle between two floats, too long, too large, no numbers, and one that may go on.
        for text in [
            "16777217",
            "1234567890123456",
            "1e23",
            "1e-030",
            "",
            "-",
            ".5",
            "1.",
            "1e",
            "1x",
        ] {
            assert_eq!(common_number(&followed(text)), None, "{text}");
        }
        assert_eq!(common_number(b"12"), None);
        let (zero, _) = common_number(&followed("-0")).unwrap();
        assert!(zero == 0.0 && zero.is_sign_negative());
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
