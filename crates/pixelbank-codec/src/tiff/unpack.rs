use std::fmt;

use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder};
use flate2::{Decompress, FlushDecompress};
use weezl::LzwStatus;
use zstd::stream::raw::{DParameter, Decoder as Zstd, InBuffer, Operation, OutBuffer};

use super::directory::Source;
use super::fault::Fault;
use super::fax::{Bits, FaxRows, Layout, PADDING};
use super::page::{Compression, Page};
use crate::Error;
use crate::request::zeroed;

/// Packed bytes that are read at once at most.
const MAX_BUFFER_BYTES: u64 = 256 << 10;

/// Plain bytes go straight to their place, bar those of short rows.
const PLAIN_BUFFER_BYTES: u64 = 4096;

/// Chunks of up to so many bytes are unpacked from Zstandard at once. Streaming would need a buffer as large as the frame
/// looks back, which is 4 MiB for the small tiles of libtiff, too, since it does not write how large they are.
const ZSTD_WHOLE_BYTES: u64 = 4 << 20;

/// Chunks of up to so many bytes are inflated at once, which takes a fifth less time, and a buffer for all of it.
const DEFLATE_WHOLE_BYTES: u64 = 1 << 20;

/// Zstandard frames of larger chunks that look further back are refused: a single one could claim 2 GiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A zeroed buffer, or an error where the system has no more memory.
pub(super) fn allocate(source: &Source, bytes: u64) -> Result<Vec<u8>, Error> {
    zeroed(source.name(), bytes)
}

/// The packed bytes of one chunk, read piece by piece.
#[derive(Debug)]
struct Packed {
    /// Where the bytes behind the buffer lie in the file.
    at: u64,
    left: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    bits_reversed: bool,
}

impl Packed {
    fn peek(&mut self, source: &mut Source) -> Result<&[u8], Fault> {
        if self.start == self.end && self.left > 0 {
            let n = self.left.min(self.buffer.len() as u64) as usize;
            source.read_at(self.at, &mut self.buffer[..n])?;
            if self.bits_reversed {
                for byte in &mut self.buffer[..n] {
                    *byte = byte.reverse_bits();
                }
            }
            self.at += n as u64;
            self.left -= n as u64;
            self.start = 0;
            self.end = n;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn byte(&mut self, source: &mut Source) -> Result<u8, Fault> {
        let byte = *self
            .peek(source)?
            .first()
            .ok_or("its packed bytes end early")?;
        self.start += 1;
        Ok(byte)
    }

    fn skip(&mut self, bytes: u64) {
        let buffered = bytes.min((self.end - self.start) as u64);
        self.start += buffered as usize;
        let behind = (bytes - buffered).min(self.left);
        self.at += behind;
        self.left -= behind;
    }
}

enum State {
    Plain,
    Deflate(Decompress),
    /// A chunk that was inflated at once. Where that fails, the stream is gone through instead: it gives what it can, and
    /// says where it is damaged.
    DeflateWhole {
        inflate: libdeflater::Decompressor,
        chunk_bytes: usize,
        /// Empty until a chunk is read in parts; one that is wanted as a whole goes straight to its place.
        chunk: Vec<u8>,
        /// What of `chunk` is still to be read; `None` before it is inflated.
        left: Option<std::ops::Range<usize>>,
    },
    Lzw(weezl::decode::Decoder),
    PackBits {
        /// Literal bytes that follow.
        literal: usize,
        /// Copies of `value` that follow.
        repeat: usize,
        value: u8,
    },
    Zstd {
        zstd: Zstd<'static>,
        /// Whether the end of the frame was reached.
        ended: bool,
    },
    /// A chunk that was unpacked at once.
    ZstdWhole {
        zstd: zstd::bulk::Decompressor<'static>,
        chunk: Vec<u8>,
        start: usize,
        end: usize,
    },
    FaxRows(Layout, Option<FaxRows>),
    Fax3(Option<Group3Decoder<Bits>>),
    Fax4(Option<Group4Decoder<Bits>>),
}

/// Turns the packed bytes of one chunk after the other back into rows, holding a piece of them at a time.
pub(super) struct Unpacker {
    packed: Packed,
    state: State,
    width: u32,
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacker")
            .field("packed", &self.packed)
            .finish_non_exhaustive()
    }
}

/// An upper bound of the bytes that an [`Unpacker`] holds for chunks of at most `packed_bytes`.
pub(super) fn working_bytes(page: &Page, packed_bytes: u64) -> u64 {
    // Measured with a counting allocator, and rounded up: zlib-rs keeps a 32 KiB window and its tables in one block;
    // weezl 4,096 links and a buffer; zstd its context and, streaming, the window and two blocks of 128 KiB.
    let state = match page.compression {
        Compression::None | Compression::PackBits | Compression::Jpeg => 0,
        Compression::Deflate if is_deflate_whole(page) => (64 << 10) + page.raw_chunk_bytes(),
        Compression::Deflate => 64 << 10,
        Compression::Lzw => 72 << 10,
        Compression::Zstd if is_zstd_whole(page) => (112 << 10) + page.raw_chunk_bytes(),
        Compression::Zstd => {
            let window = page.raw_chunk_bytes().min(1 << ZSTD_WINDOW_LOG);
            (448 << 10) + window
        }
        Compression::Fax2 | Compression::Fax3 | Compression::Fax3Mixed | Compression::Fax4 => {
            packed_bytes + 8 * u64::from(page.chunk.width)
        }
    };
    state + buffer_bytes(page, packed_bytes)
}

fn is_zstd_whole(page: &Page) -> bool {
    page.compression == Compression::Zstd && page.raw_chunk_bytes() <= ZSTD_WHOLE_BYTES
}

fn is_deflate_whole(page: &Page) -> bool {
    page.compression == Compression::Deflate && page.raw_chunk_bytes() <= DEFLATE_WHOLE_BYTES
}

fn buffer_bytes(page: &Page, packed_bytes: u64) -> u64 {
    packed_bytes.min(match page.compression {
        Compression::None => PLAIN_BUFFER_BYTES,
        Compression::Zstd if is_zstd_whole(page) => packed_bytes,
        Compression::Deflate if is_deflate_whole(page) => packed_bytes,
        _ => (MAX_BUFFER_BYTES / page.planes() as u64).max(4096),
    })
}

impl Unpacker {
    /// Ready to take chunks of at most `packed_bytes`.
    pub(super) fn new(source: &Source, page: &Page, packed_bytes: u64) -> Result<Self, Error> {
        let state = match page.compression {
            Compression::None | Compression::Jpeg => State::Plain,
            Compression::Deflate if is_deflate_whole(page) => State::DeflateWhole {
                inflate: libdeflater::Decompressor::new(),
                chunk_bytes: page.raw_chunk_bytes() as usize,
                chunk: Vec::new(),
                left: None,
            },
            Compression::Deflate => State::Deflate(Decompress::new(true)),
            Compression::Lzw => State::Lzw(
                weezl::decode::Configuration::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
                    .with_yield_on_full_buffer(true)
                    .build(),
            ),
            Compression::PackBits => State::PackBits {
                literal: 0,
                repeat: 0,
                value: 0,
            },
            Compression::Zstd if is_zstd_whole(page) => State::ZstdWhole {
                zstd: zstd::bulk::Decompressor::new().map_err(|error| io_error(source, error))?,
                chunk: allocate(source, page.raw_chunk_bytes())?,
                start: 0,
                end: 0,
            },
            Compression::Zstd => {
                let mut zstd = Zstd::new();
                if let Ok(zstd) = &mut zstd {
                    let limit = DParameter::WindowLogMax(ZSTD_WINDOW_LOG);
                    zstd.set_parameter(limit)
                        .map_err(|error| io_error(source, error))?;
                }
                State::Zstd {
                    zstd: zstd.map_err(|error| io_error(source, error))?,
                    ended: false,
                }
            }
            Compression::Fax2 => State::FaxRows(Layout::Huffman, None),
            Compression::Fax3Mixed => State::FaxRows(Layout::Group3, None),
            Compression::Fax3 => State::Fax3(None),
            Compression::Fax4 => State::Fax4(None),
        };
        Ok(Self {
            packed: Packed {
                at: 0,
                left: 0,
                buffer: allocate(source, buffer_bytes(page, packed_bytes))?,
                start: 0,
                end: 0,
                bits_reversed: page.bits_reversed,
            },
            state,
            width: page.chunk.width,
        })
    }

    /// Begins with the chunk of `len` bytes at `at`.
    pub(super) fn start(&mut self, source: &mut Source, at: u64, len: u64) -> Result<(), Fault> {
        self.packed.at = at;
        self.packed.left = len;
        (self.packed.start, self.packed.end) = (0, 0);
        match &mut self.state {
            State::Plain => {}
            State::Deflate(inflate) => inflate.reset(true),
            State::DeflateWhole { left, .. } => *left = None,
            State::Lzw(lzw) => lzw.reset(),
            State::PackBits {
                literal, repeat, ..
            } => (*literal, *repeat) = (0, 0),
            State::Zstd { zstd, ended } => {
                *ended = false;
                zstd.reinit()
                    .map_err(|error| Fault::Damaged(error.to_string()))?;
            }
            State::ZstdWhole {
                zstd,
                chunk,
                start,
                end,
            } => {
                // The buffer is as large as the largest chunk that was announced.
                let bytes = self.packed.peek(source)?;
                (*start, *end) = (0, 0);
                *end = zstd
                    .decompress_to_buffer(bytes, chunk.as_mut_slice())
                    .map_err(|error| Fault::Damaged(format!("its zstd frame: {error}")))?;
            }
            State::FaxRows(layout, fax) => {
                let bits = all_bits(&mut self.packed, source, &PADDING)?;
                *fax = Some(FaxRows::new(bits, *layout, self.width as u16));
            }
            State::Fax3(fax) => {
                // TIFF ends the last row with nothing, where the decoder waits for the mark that ends a row.
                let bits = all_bits(&mut self.packed, source, &[0, 1])?;
                *fax = Some(Group3Decoder::new(bits).map_err(|_| "its fax data does not begin")?);
            }
            State::Fax4(fax) => {
                let bits = all_bits(&mut self.packed, source, &[])?;
                let Ok(decoder) = Group4Decoder::new(bits, self.width as u16);
                *fax = Some(decoder);
            }
        }
        Ok(())
    }

    /// Fills `out`, which is a whole number of rows.
    pub(super) fn read(&mut self, source: &mut Source, out: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0;
        let packed = &mut self.packed;
        while done < out.len() {
            let rest = &mut out[done..];
            match &mut self.state {
                State::Plain => {
                    if packed.start == packed.end && rest.len() >= packed.buffer.len() {
                        // Straight to where it belongs.
                        if packed.left < rest.len() as u64 {
                            return Err("it is shorter than its pixels".into());
                        }
                        source.read_at(packed.at, rest)?;
                        if packed.bits_reversed {
                            rest.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
                        }
                        packed.skip(rest.len() as u64);
                        done = out.len();
                        continue;
                    }
                    let bytes = packed.peek(source)?;
                    if bytes.is_empty() {
                        return Err("it is shorter than its pixels".into());
                    }
                    let n = bytes.len().min(rest.len());
                    rest[..n].copy_from_slice(&bytes[..n]);
                    packed.start += n;
                    done += n;
                }
                State::Deflate(inflate) => {
                    let bytes = packed.peek(source)?;
                    let (read, written) = (inflate.total_in(), inflate.total_out());
                    let status = inflate
                        .decompress(bytes, rest, FlushDecompress::None)
                        .map_err(|error| Fault::Damaged(format!("its deflate stream: {error}")))?;
                    let read = inflate.total_in() - read;
                    let written = inflate.total_out() - written;
                    packed.start += read as usize;
                    done += written as usize;
                    let ended = status == flate2::Status::StreamEnd || (read == 0 && written == 0);
                    if ended && done < out.len() {
                        return Err("its deflate stream ends early".into());
                    }
                }
                State::DeflateWhole {
                    inflate,
                    chunk_bytes,
                    chunk,
                    left,
                } => {
                    let Some(left) = left else {
                        let is_whole = rest.len() == *chunk_bytes;
                        if !is_whole && chunk.is_empty() {
                            *chunk = allocate(source, *chunk_bytes as u64)?;
                        }
                        let place = if is_whole { &mut *rest } else { &mut chunk[..] };
                        // What is read at once is as large as the largest chunk that was announced.
                        let inflated = inflate.zlib_decompress(packed.peek(source)?, place);
                        match inflated {
                            Ok(bytes) if is_whole => {
                                *left = Some(0..0);
                                done += bytes;
                                if bytes < *chunk_bytes {
                                    return Err("its deflate stream ends early".into());
                                }
                            }
                            Ok(bytes) => *left = Some(0..bytes),
                            Err(_) => self.state = State::Deflate(Decompress::new(true)),
                        }
                        continue;
                    };
                    if left.len() < rest.len() {
                        return Err("its deflate stream ends early".into());
                    }
                    rest.copy_from_slice(&chunk[left.start..left.start + rest.len()]);
                    left.start += rest.len();
                    done = out.len();
                }
                State::Lzw(lzw) => {
                    let result = lzw.decode_bytes(packed.peek(source)?, rest);
                    packed.start += result.consumed_in;
                    done += result.consumed_out;
                    match result.status {
                        Ok(LzwStatus::Ok) => {}
                        Ok(LzwStatus::NoProgress | LzwStatus::Done) if done == out.len() => {}
                        Ok(LzwStatus::NoProgress | LzwStatus::Done) => {
                            return Err("its LZW stream ends early".into());
                        }
                        Err(_) => return Err("its LZW stream has an impossible code".into()),
                    }
                }
                State::PackBits {
                    literal,
                    repeat,
                    value,
                } => {
                    if *repeat > 0 {
                        let n = rest.len().min(*repeat);
                        rest[..n].fill(*value);
                        *repeat -= n;
                        done += n;
                    } else if *literal > 0 {
                        let bytes = packed.peek(source)?;
                        if bytes.is_empty() {
                            return Err("its packed bytes end early".into());
                        }
                        let n = rest.len().min(*literal).min(bytes.len());
                        rest[..n].copy_from_slice(&bytes[..n]);
                        packed.start += n;
                        *literal -= n;
                        done += n;
                    } else {
                        match packed.byte(source)? as i8 {
                            -128 => {}
                            n @ 0.. => *literal = n as usize + 1,
                            n => {
                                *repeat = 1 + usize::from(n.unsigned_abs());
                                *value = packed.byte(source)?;
                            }
                        }
                    }
                }
                State::Zstd { zstd, ended } => {
                    let mut input = InBuffer::around(packed.peek(source)?);
                    let mut output = OutBuffer::around(rest);
                    let hint = zstd
                        .run(&mut input, &mut output)
                        .map_err(|error| Fault::Damaged(format!("its zstd frame: {error}")))?;
                    let (read, written) = (input.pos(), output.pos());
                    packed.start += read;
                    done += written;
                    *ended = hint == 0;
                    if (*ended || (read == 0 && written == 0)) && done < out.len() {
                        return Err("its zstd frame ends early".into());
                    }
                }
                State::ZstdWhole {
                    chunk, start, end, ..
                } => {
                    if *end - *start < rest.len() {
                        return Err("its zstd frame ends early".into());
                    }
                    rest.copy_from_slice(&chunk[*start..*start + rest.len()]);
                    *start += rest.len();
                    done = out.len();
                }
                State::FaxRows(_, fax) => {
                    let row = row_bytes(self.width).min(rest.len());
                    let fax = fax.as_mut().ok_or("it was not started")?;
                    paint(fax.next()?, self.width, &mut rest[..row]);
                    done += row;
                }
                State::Fax3(fax) => {
                    let row = row_bytes(self.width).min(rest.len());
                    let fax = fax.as_mut().ok_or("it was not started")?;
                    // The end of the document is found behind its last row.
                    fax.advance()
                        .map_err(|_| "its fax data is damaged or ends early")?;
                    paint(fax.transitions(), self.width, &mut rest[..row]);
                    done += row;
                }
                State::Fax4(fax) => {
                    let row = row_bytes(self.width).min(rest.len());
                    let fax = fax.as_mut().ok_or("it was not started")?;
                    match fax.advance() {
                        Ok(DecodeStatus::Incomplete) => {}
                        _ => return Err("its fax data is damaged or ends early".into()),
                    }
                    paint(fax.transition(), self.width, &mut rest[..row]);
                    done += row;
                }
            }
        }
        Ok(())
    }

    /// Reads on to the end of the stream behind the last row, where its checksum stands: without this, a damaged chunk
    /// could pass. A last strip may have as many rows as the others, of which `spare_bytes` are not in the image.
    pub(super) fn finish(&mut self, source: &mut Source, spare_bytes: u64) -> Result<(), Fault> {
        if !matches!(
            self.state,
            State::Deflate(_) | State::Zstd { ended: false, .. }
        ) {
            return Ok(());
        }
        let mut spare = [0; 1024];
        let mut total = 0;
        while total <= spare_bytes {
            let packed = self.packed.peek(source)?;
            let (read, written, ended) = match &mut self.state {
                State::Deflate(inflate) => {
                    let before = (inflate.total_in(), inflate.total_out());
                    let status = inflate
                        .decompress(packed, &mut spare, FlushDecompress::None)
                        .map_err(|error| Fault::Damaged(format!("its deflate stream: {error}")))?;
                    let read = inflate.total_in() - before.0;
                    let written = inflate.total_out() - before.1;
                    (read, written, status == flate2::Status::StreamEnd)
                }
                State::Zstd { zstd, .. } => {
                    let mut input = InBuffer::around(packed);
                    let mut output = OutBuffer::around(&mut spare[..]);
                    let hint = zstd
                        .run(&mut input, &mut output)
                        .map_err(|error| Fault::Damaged(format!("its zstd frame: {error}")))?;
                    (input.pos() as u64, output.pos() as u64, hint == 0)
                }
                _ => return Ok(()),
            };
            self.packed.start += read as usize;
            total += written;
            if ended {
                return Ok(());
            }
            if read == 0 && written == 0 {
                return Err("its stream ends early".into());
            }
        }
        Err("it holds more than its pixels".into())
    }

    /// Passes over `rows` of `row_bytes` each, through `scratch` (at least one row) where they must be unpacked.
    pub(super) fn skip_rows(
        &mut self,
        source: &mut Source,
        rows: u32,
        row_bytes: usize,
        scratch: &mut [u8],
    ) -> Result<(), Fault> {
        let bytes = u64::from(rows) * row_bytes as u64;
        match &mut self.state {
            State::Plain => {
                self.packed.skip(bytes);
                return Ok(());
            }
            State::ZstdWhole { start, end, .. } => {
                *start = (*end).min(*start + bytes as usize);
                return Ok(());
            }
            State::DeflateWhole {
                left: Some(left), ..
            } => {
                left.start = left.end.min(left.start + bytes as usize);
                return Ok(());
            }
            _ => {}
        }
        let at_once = scratch.len() / row_bytes;
        let mut left = rows as usize;
        while left > 0 {
            let n = left.min(at_once);
            self.read(source, &mut scratch[..n * row_bytes])?;
            left -= n;
        }
        Ok(())
    }
}

fn io_error(source: &Source, error: std::io::Error) -> Error {
    Error::Io {
        name: source.name().to_owned(),
        source: error,
    }
}

fn row_bytes(width: u32) -> usize {
    width.div_ceil(8) as usize
}

fn all_bits(packed: &mut Packed, source: &mut Source, behind: &[u8]) -> Result<Bits, Fault> {
    let mut bytes = allocate(source, packed.left + behind.len() as u64)?;
    let mut done = 0;
    let end = bytes.len() - behind.len();
    bytes[end..].copy_from_slice(behind);
    while done < end {
        let piece = packed.peek(source)?;
        bytes[done..done + piece.len()].copy_from_slice(piece);
        done += piece.len();
        packed.start = packed.end;
    }
    Ok(bytes.into_iter().map(Ok as fn(u8) -> _))
}

/// Sets the bits of black runs: those from each odd transition to the next.
fn paint(transitions: &[u16], width: u32, row: &mut [u8]) {
    row.fill(0);
    for run in transitions.chunks(2) {
        let from = u32::from(run[0]).min(width);
        let to = run.get(1).map_or(width, |&to| u32::from(to).min(width));
        for x in from..to.max(from) {
            row[x as usize / 8] |= 0x80 >> (x % 8);
        }
    }
}
