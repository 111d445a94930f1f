//! Rows of bilevel pages that `fax` has no decoder for, by its code tables: modified Huffman, and Group 3 with rows that
//! build on the one above.

use std::vec::IntoIter;

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

use super::fault::Fault;

/// The bits of a chunk.
pub(super) type Bits = std::iter::Map<IntoIter<u8>, fn(u8) -> Result<u8, std::convert::Infallible>>;

/// Zeros behind the last bit: the tables look further than the codes are long.
pub(super) const PADDING: [u8; 4] = [0; 4];

/// How rows follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// ITU T.4's one-dimensional codes alone; each row begins with a byte (TIFF's compression 2).
    Huffman,
    /// A mark before each row, and a bit that says whether it builds on the one above (T.4's two dimensions).
    Group3,
}

/// Decodes rows from the top.
pub(super) struct FaxRows {
    bits: ByteReader<Bits>,
    layout: Layout,
    width: u16,
    /// Where colours change in the row above, white first; all below the width.
    above: Vec<u16>,
    row: Vec<u16>,
}

impl FaxRows {
    pub(super) fn new(bits: Bits, layout: Layout, width: u16) -> Self {
        let Ok(bits) = ByteReader::new(bits);
        Self {
            bits,
            layout,
            width,
            // As long as they can become, so that they never move: `working_bytes` counts both.
            above: Vec::with_capacity(usize::from(width)),
            row: Vec::with_capacity(usize::from(width)),
        }
    }

    /// Where colours change in the next row.
    pub(super) fn next(&mut self) -> Result<&[u16], Fault> {
        self.row.clear();
        match self.layout {
            Layout::Huffman => {
                let Ok(()) = self.bits.consume(self.bits.bits_to_byte_boundary());
                self.runs()?;
            }
            Layout::Group3 => {
                self.mark()?;
                if self.bit()? {
                    self.runs()?;
                } else {
                    self.changes()?;
                }
            }
        }
        std::mem::swap(&mut self.above, &mut self.row);
        Ok(&self.above)
    }

    /// Passes over the mark that stands before a row, and the zeros that fill up to it.
    fn mark(&mut self) -> Result<(), Fault> {
        const LEAST_ZEROS: u32 = 11;
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros < LEAST_ZEROS {
            return Err("a row of its fax data does not begin with a mark".into());
        }
        Ok(())
    }

    fn bit(&mut self) -> Result<bool, Fault> {
        let bit = self.bits.peek(1).ok_or("its fax data ends early")?;
        let Ok(()) = self.bits.consume(1);
        Ok(bit == 1)
    }

    /// A row by itself: how long each run is.
    fn runs(&mut self) -> Result<(), Fault> {
        let (mut at, mut is_black) = (0, false);
        while at < u32::from(self.width) {
            at += self.run(is_black)?;
            self.push(at)?;
            is_black = !is_black;
        }
        Ok(())
    }

    /// A row that says where it differs from the one above.
    fn changes(&mut self) -> Result<(), Fault> {
        let width = i32::from(self.width);
        // The last place that is known, before the row at first, and the colour from there on.
        let (mut at, mut is_black) = (-1i32, false);
        // Changes above that do not lie behind it.
        let mut passed = 0;
        while at < width {
            while self.above.get(passed).is_some_and(|&x| i32::from(x) <= at) {
                passed += 1;
            }
            // The next one to the other colour.
            let next = passed + (passed % 2 != usize::from(is_black)) as usize;
            let above = |index: usize| self.above.get(index).map_or(width, |&x| i32::from(x));
            match mode::decode(&mut self.bits) {
                Some(Mode::Pass) => at = above(next + 1),
                Some(Mode::Vertical(shift)) => {
                    let to = above(next) + i32::from(shift);
                    if to < at.max(0) {
                        return Err("its fax data goes back".into());
                    }
                    self.push(to as u32)?;
                    (at, is_black) = (to, !is_black);
                }
                Some(Mode::Horizontal) => {
                    let first = at.max(0) as u32 + self.run(is_black)?;
                    self.push(first)?;
                    let second = first + self.run(!is_black)?;
                    self.push(second)?;
                    at = second as i32;
                }
                Some(Mode::Extension) => return Err("its fax data has uncompressed rows".into()),
                Some(Mode::EOF) | None => {
                    return Err("its fax data is damaged or ends early".into());
                }
            }
        }
        Ok(())
    }

    /// The length of a run: any number of long codes, then a short one.
    fn run(&mut self, is_black: bool) -> Result<u32, Fault> {
        let mut total = 0;
        while total <= u32::from(self.width) {
            let code = if is_black {
                black::decode(&mut self.bits)
            } else {
                white::decode(&mut self.bits)
            };
            let code = code.ok_or("its fax data is damaged or ends early")?;
            total += u32::from(code);
            if code < 64 {
                return Ok(total);
            }
        }
        Err("a run of its fax data is longer than a row".into())
    }

    /// Notes a change; none behind the row's end, nor more than pixels.
    fn push(&mut self, at: u32) -> Result<(), Fault> {
        let width = usize::from(self.width);
        match at as usize {
            at if at < width && self.row.len() < width => self.row.push(at as u16),
            at if at == width => {}
            _ => return Err("a row of its fax data is too long".into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "000000000001";

    fn rows(bits: &str, layout: Layout, width: u16) -> FaxRows {
        let bits: Vec<u8> = bits.bytes().filter(|byte| *byte != b' ').collect();
        let mut bytes: Vec<u8> = bits
            .chunks(8)
            .map(|bits| {
                (0..8).fold(0, |byte, n| {
                    byte << 1 | u8::from(bits.get(n) == Some(&b'1'))
                })
            })
            .collect();
        bytes.extend(PADDING);
        FaxRows::new(bytes.into_iter().map(Ok as fn(u8) -> _), layout, width)
    }

    #[test]
    fn rows_of_runs_begin_with_a_byte() {
        // 4 white, 4 black, 8 white; 0 white, 2 black, 14 white.
        let mut fax = rows(
            "1011 011 10011 0000  00110101 11 110100 00",
            Layout::Huffman,
            16,
        );
        assert_eq!(fax.next().unwrap(), [4, 8]);
        assert_eq!(fax.next().unwrap(), [0, 2]);
        assert!(fax.next().is_err(), "there are two rows");
    }

    #[test]
    fn a_row_builds_on_the_one_above() {
        let first = format!("{MARK}1 1011 011 10011");
        // The same; one later and one earlier; nothing passed but the end; four runs of its own.
        let same = format!("{MARK}0 1 1 1");
        let shifted = format!("0000{MARK}0 011 010 1");
        let passed = format!("{MARK}0 0001 1");
        let own = format!("{MARK}0 001 0111 11 001 0111 11 1");
        let bits = [first, same, shifted, passed, own].concat();
        let mut fax = rows(&bits, Layout::Group3, 16);
        assert_eq!(fax.next().unwrap(), [4, 8]);
        assert_eq!(fax.next().unwrap(), [4, 8]);
        assert_eq!(fax.next().unwrap(), [5, 7]);
        assert_eq!(fax.next().unwrap(), [0; 0]);
        assert_eq!(fax.next().unwrap(), [2, 4, 6, 8]);
        assert!(fax.next().is_err());
    }

    #[test]
    fn rows_that_are_too_long_or_go_back_are_damaged() {
        for (bits, layout) in [
            // 8 + 8 + 8 of 16.
            ("10011 000101 10011".to_owned(), Layout::Huffman),
            // Runs of nothing without end.
            ("00110101 0000110111".repeat(40), Layout::Huffman),
            // Three before the beginning.
            (format!("{MARK}1 10100 11 {MARK}0 0000010"), Layout::Group3),
            ("0001".to_owned(), Layout::Group3),
        ] {
            let mut fax = rows(&bits, layout, 16);
            let damaged = (0..2).any(|_| matches!(fax.next(), Err(Fault::Damaged(_))));
            assert!(damaged, "{bits}");
        }
    }
}
