//! Animated PNG: where its frames are, and their data as those of a still image.
//!
//! A frame is a PNG file of its own in disguise: the header with another size, then `fdAT` chunks, which are `IDAT` chunks
//! with a number in front. So each is shown to the `png` crate as the file that it could be.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crc32fast::Hasher;
use pixelbank_image::{Rect, Size};

use crate::request::{malformed, read_error};
use crate::{Error, Format, Input, Limits};

/// What becomes of a frame's place once its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dispose {
    Keep,
    Clear,
    /// What was there before comes back.
    Restore,
}

/// A frame, as its control chunk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) rect: Rect,
    pub(super) dispose: Dispose,
    /// Whether it is laid over what is there, where it is transparent; else it replaces it.
    pub(super) is_over: bool,
    /// Where the first chunk of its data begins.
    pub(super) data_at: u64,
    /// Whether its data are the default picture's.
    pub(super) is_default: bool,
}

/// The frames of an animation, in order. What follows a damaged one is left out: it could not be shown.
pub(super) fn list(input: &mut Input, size: Size, limits: &Limits) -> Result<Vec<Frame>, Error> {
    let name = input.name().to_owned();
    input
        .seek(SeekFrom::Start(8))
        .map_err(|source| read_error(&name, Format::Png, source))?;
    let mut reader = BufReader::with_capacity(512, input);
    let mut frames: Vec<Frame> = Vec::new();
    // The frame whose control chunk came last, until its data come.
    let mut announced: Option<Frame> = None;
    let mut at = 8u64;
    while (frames.len() as u64) < u64::from(limits.max_subimages) {
        let mut start = [0; 8];
        if reader.read_exact(&mut start).is_err() {
            break;
        }
        let length = u32::from_be_bytes([start[0], start[1], start[2], start[3]]);
        if length > i32::MAX as u32 {
            break;
        }
        let mut rest = u64::from(length) + 4;
        match &start[4..] {
            b"fcTL" => {
                let mut control = [0; 30];
                if length != 26 || reader.read_exact(&mut control).is_err() {
                    break;
                }
                rest = 0;
                at += 30;
                let Some(frame) = control_of(&control, size) else {
                    break;
                };
                announced = Some(frame);
            }
            kind @ (b"IDAT" | b"fdAT") => {
                if let Some(frame) = announced.take() {
                    let is_default = kind == b"IDAT";
                    if is_default && frame.rect != size.rect() {
                        return Err(malformed(
                            &name,
                            Format::Png,
                            "its first frame is not as large as itself",
                        ));
                    }
                    frames.push(Frame {
                        data_at: at,
                        is_default,
                        ..frame
                    });
                }
            }
            b"IEND" => break,
            _ => {}
        }
        if reader.seek_relative(rest as i64).is_err() {
            break;
        }
        at += 8 + rest;
    }
    Ok(frames)
}

/// The frame that a control chunk describes, if its check sum is right and it lies within the picture.
fn control_of(control: &[u8; 30], size: Size) -> Option<Frame> {
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| control[at + i]));
    let mut crc = Hasher::new();
    crc.update(b"fcTL");
    crc.update(&control[..26]);
    if crc.finalize() != number(26) {
        return None;
    }
    let rect = Rect::new(number(12), number(16), number(4), number(8));
    if rect.is_empty() || !rect.fits(size) {
        return None;
    }
    let dispose = match control[24] {
        0 => Dispose::Keep,
        1 => Dispose::Clear,
        2 => Dispose::Restore,
        _ => return None,
    };
    let is_over = match control[25] {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(Frame {
        rect,
        dispose,
        is_over,
        data_at: 0,
        is_default: false,
    })
}

/// The data of one frame, its chunks made `IDAT` chunks, and an end behind the last of them.
pub(super) struct FrameData<'a> {
    reader: BufReader<&'a mut Input>,
    /// Bytes that are not the file's, and which of them are still to be handed out.
    own: [u8; 12],
    own_from: usize,
    own_to: usize,
    /// Bytes of the current chunk's data that are left.
    left: u64,
    state: State,
    /// The check sums of what was read, and of what it becomes.
    read: Hasher,
    shown: Hasher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    BetweenChunks,
    InChunk,
    AtEnd,
}

impl<'a> FrameData<'a> {
    pub(super) fn new(reader: BufReader<&'a mut Input>) -> Self {
        Self {
            reader,
            own: [0; 12],
            own_from: 0,
            own_to: 0,
            left: 0,
            state: State::BetweenChunks,
            read: Hasher::new(),
            shown: Hasher::new(),
        }
    }

    fn hand_out(&mut self, bytes: &[u8]) {
        self.own[..bytes.len()].copy_from_slice(bytes);
        self.own_from = 0;
        self.own_to = bytes.len();
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let mut start = [0; 8];
        self.reader.read_exact(&mut start)?;
        let [a, b, c, d, kind @ ..] = start;
        let length = u32::from_be_bytes([a, b, c, d]);
        match &kind {
            b"fdAT" if length >= 4 => {
                let mut number = [0; 4];
                self.reader.read_exact(&mut number)?;
                self.read = Hasher::new();
                self.read.update(b"fdAT");
                self.read.update(&number);
                self.shown = Hasher::new();
                self.shown.update(b"IDAT");
                self.left = u64::from(length - 4);
                let [a, b, c, d] = (length - 4).to_be_bytes();
                self.hand_out(&[a, b, c, d, b'I', b'D', b'A', b'T']);
                self.state = State::InChunk;
            }
            // The next frame, or the end; a chunk of the wrong length is none of this frame's either.
            b"fcTL" | b"fdAT" | b"IEND" => {
                self.hand_out(b"\0\0\0\0IEND\xae\x42\x60\x82");
                self.state = State::AtEnd;
            }
            // Bytes of a length and a check sum fit.
            _ => self.reader.seek_relative(i64::from(length) + 4)?,
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        let mut stored = [0; 4];
        self.reader.read_exact(&mut stored)?;
        // Wrong by as much as the one in the file is.
        let wrong = std::mem::take(&mut self.read).finalize() ^ u32::from_be_bytes(stored);
        let shown = std::mem::take(&mut self.shown).finalize() ^ wrong;
        self.hand_out(&shown.to_be_bytes());
        self.state = State::BetweenChunks;
        Ok(())
    }

    /// What comes next; nothing at the end.
    pub(super) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.own_from == self.own_to {
            match self.state {
                State::AtEnd => return Ok(&[]),
                State::BetweenChunks => self.next_chunk()?,
                State::InChunk if self.left == 0 => self.end_chunk()?,
                State::InChunk => {
                    let bytes = self.reader.fill_buf()?;
                    let length = usize::try_from(self.left).unwrap_or(usize::MAX);
                    return Ok(&bytes[..length.min(bytes.len())]);
                }
            }
        }
        Ok(&self.own[self.own_from..self.own_to])
    }

    pub(super) fn consume(&mut self, amount: usize) {
        if self.own_from < self.own_to {
            self.own_from += amount;
            return;
        }
        let bytes = &self.reader.buffer()[..amount];
        self.read.update(bytes);
        self.shown.update(bytes);
        self.left -= amount as u64;
        self.reader.consume(amount);
    }
}
