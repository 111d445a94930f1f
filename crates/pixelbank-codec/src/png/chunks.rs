//! The chunks of a PNG file: which of them the pixels depend on, and the metadata in the others.
//!
//! The `png` crate collects metadata while it decodes, and fails where there is more of it than it may keep. So it is
//! shown the pixels' chunks alone, and metadata is read here, where a block that is too long can be passed over.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use super::frames::FrameData;
use crate::request::{malformed, read_error};
use crate::{Error, Format, Input, Limits, MetadataBlocks};

pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Bytes that the chunks in front of the pixels may have in all; IHDR, PLTE and tRNS are below 1,100.
const MAX_HEAD_BYTES: usize = 4096;

/// Text chunks that are kept of one file.
const MAX_TEXTS: usize = 256;

/// What is found by going through the chunks.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The signature and the chunks that the pixels depend on, up to the first IDAT, as they stand in the file.
    pub(super) head: Vec<u8>,
    /// Where the first IDAT chunk begins.
    pub(super) data_at: u64,
    /// Whether the file says that it is an animation.
    pub(super) is_animated: bool,
    /// What stood in the other chunks.
    pub(super) blocks: MetadataBlocks,
}

/// Goes through the chunks; up to the pixels only, unless `to_the_end`.
pub(super) fn walk(input: &mut Input, limits: &Limits, to_the_end: bool) -> Result<Walk, Error> {
    let name = input.name().to_owned();
    let io = |source| read_error(&name, Format::Png, source);
    input.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut reader = BufReader::new(&mut *input);
    let mut walk = Walk::default();
    let mut signature = [0; 8];
    reader.read_exact(&mut signature).map_err(io)?;
    if signature != SIGNATURE {
        return Err(malformed(&name, Format::Png, "its signature is wrong"));
    }
    walk.head.extend(signature);
    let mut at = 8u64;
    let mut in_front = true;
    loop {
        let mut start = [0; 8];
        match reader.read_exact(&mut start) {
            Ok(()) => {}
            // What lies behind the pixels is only metadata, and damaged metadata counts as missing.
            Err(_) if !in_front => break,
            Err(source) => return Err(io(source)),
        }
        let length = u32::from_be_bytes([start[0], start[1], start[2], start[3]]);
        let kind = [start[4], start[5], start[6], start[7]];
        if length > i32::MAX as u32 {
            if !in_front {
                break;
            }
            return Err(malformed(
                &name,
                Format::Png,
                format!("a chunk claims {length} bytes"),
            ));
        }
        // Data and check sum.
        let rest = u64::from(length) + 4;
        match &kind {
            b"IDAT" if in_front => {
                walk.data_at = at;
                if !to_the_end {
                    break;
                }
                in_front = false;
                skip(&mut reader, rest).map_err(io)?;
            }
            b"IEND" if in_front => return Err(malformed(&name, Format::Png, "it has no pixels")),
            b"IEND" => break,
            b"IHDR" | b"PLTE" | b"tRNS" if in_front => {
                if rest as usize + walk.head.len() > MAX_HEAD_BYTES {
                    return Err(malformed(
                        &name,
                        Format::Png,
                        "the chunks in front of its pixels are too long",
                    ));
                }
                walk.head.extend(start);
                let from = walk.head.len();
                walk.head.resize(from + rest as usize, 0);
                reader.read_exact(&mut walk.head[from..]).map_err(io)?;
            }
            b"acTL" if in_front => {
                walk.is_animated = true;
                skip(&mut reader, rest).map_err(io)?;
            }
            b"CgBI" if in_front => {
                return Err(Error::Unsupported {
                    name,
                    format: Format::Png,
                    feature: "Apple's CgBI variant".to_owned(),
                });
            }
            // In PNG's third edition eXIf stands before the pixels, and readers do not look for it behind them.
            b"eXIf" if in_front && walk.blocks.exif.is_none() => {
                if let Some(exif) = data(&mut reader, rest, limits).map_err(io)? {
                    // Some writers keep the marker that JPEG needs.
                    let exif = exif
                        .strip_prefix(b"Exif\0\0")
                        .map(<[u8]>::to_vec)
                        .unwrap_or(exif);
                    walk.blocks.exif = Some(exif);
                }
            }
            b"iCCP" if in_front && walk.blocks.icc.is_none() => {
                if let Some(chunk) = data(&mut reader, rest, limits).map_err(io)? {
                    walk.blocks.icc = profile(&chunk, limits);
                }
            }
            b"tEXt" | b"zTXt" | b"iTXt" => match data(&mut reader, rest, limits) {
                Ok(Some(chunk)) => {
                    if let Some((keyword, value)) = text(&kind, &chunk, limits) {
                        walk.blocks.take_text(keyword, value);
                    }
                }
                Ok(None) => {}
                Err(_) if !in_front => break,
                Err(source) => return Err(io(source)),
            },
            // The fifth bit of the first letter says whether a decoder may do without.
            _ if in_front && kind[0] & 0x20 == 0 => {
                return Err(malformed(
                    &name,
                    Format::Png,
                    format!("unknown critical chunk {}", kind.escape_ascii()),
                ));
            }
            _ => skip(&mut reader, rest).map_err(io)?,
        }
        at += 8 + rest;
    }
    Ok(walk)
}

fn skip(reader: &mut BufReader<&mut Input>, bytes: u64) -> std::io::Result<()> {
    // Lengths are below 2^31, so this cannot overflow.
    reader.seek_relative(bytes as i64)
}

/// The data of a chunk, if it is within the limit and its check sum is right; goes past the chunk in any case.
fn data(
    reader: &mut BufReader<&mut Input>,
    rest: u64,
    limits: &Limits,
) -> std::io::Result<Option<Vec<u8>>> {
    if rest - 4 > limits.max_metadata_bytes {
        skip(reader, rest)?;
        return Ok(None);
    }
    let mut bytes = Vec::new();
    // Grows with what is really there, not with what is claimed.
    reader.take(rest).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != rest {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(bytes.len() - 4);
    Ok(Some(bytes))
}

/// The profile in an iCCP chunk.
fn profile(chunk: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let (_, rest) = split_at_nul(chunk)?;
    let (&method, compressed) = rest.split_first()?;
    (method == 0).then(|| inflate(compressed, limits)).flatten()
}

/// Keyword and value of a text chunk.
fn text(kind: &[u8; 4], chunk: &[u8], limits: &Limits) -> Option<(String, Vec<u8>)> {
    let (keyword, rest) = split_at_nul(chunk)?;
    let value = match kind {
        b"tEXt" => latin1(rest),
        b"zTXt" => {
            let (&method, compressed) = rest.split_first()?;
            (method == 0).then_some(())?;
            latin1(&inflate(compressed, limits)?)
        }
        // Whether it is compressed, the method, the language, the translated keyword.
        _ => {
            let (&compressed, rest) = rest.split_first()?;
            let (_, rest) = rest.split_first()?;
            let (_, rest) = split_at_nul(rest)?;
            let (_, rest) = split_at_nul(rest)?;
            match compressed {
                0 => rest.to_vec(),
                _ => inflate(rest, limits)?,
            }
        }
    };
    Some((String::from_utf8(latin1(keyword)).ok()?, value))
}

fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..nul], &bytes[nul + 1..]))
}

/// ISO 8859-1 as UTF-8.
fn latin1(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .map(|&byte| char::from(byte))
        .collect::<String>()
        .into_bytes()
}

fn inflate(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let limit = usize::try_from(limits.max_metadata_bytes).unwrap_or(usize::MAX);
    fdeflate::decompress_to_vec_bounded(bytes, limit).ok()
}

impl MetadataBlocks {
    /// Files a text under what it is: XMP, one of ImageMagick's "raw profiles", or a text.
    fn take_text(&mut self, keyword: String, value: Vec<u8>) {
        match keyword.as_str() {
            "XML:com.adobe.xmp" => self.xmp = Some(value),
            "Raw profile type xmp" => self.xmp = self.xmp.take().or_else(|| raw_profile(&value)),
            "Raw profile type iptc" | "Raw profile type 8bim" => {
                self.iptc = self.iptc.take().or_else(|| raw_profile(&value));
            }
            "Raw profile type exif" | "Raw profile type APP1" if self.exif.is_none() => {
                self.exif = raw_profile(&value)
                    .and_then(|bytes| bytes.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec));
            }
            _ if self.texts.len() < MAX_TEXTS => {
                self.texts
                    .push((keyword, String::from_utf8_lossy(&value).into_owned()));
            }
            _ => {}
        }
    }
}

/// ImageMagick's way of keeping binary data in a text: a line with its kind, one with its length, and hexadecimal
/// digits in lines.
fn raw_profile(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?.trim_start();
    let (_kind, rest) = text.split_once('\n')?;
    let (length, digits) = rest.trim_start().split_once('\n')?;
    let length: usize = length.trim().parse().ok()?;
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    (bytes.len() == length).then_some(bytes)
}

/// A head, then pixels: what the decoder is to see of the file.
pub(super) struct Stitched<'a> {
    head: &'a [u8],
    pixels: Pixels<'a>,
}

enum Pixels<'a> {
    /// As they stand in the file.
    Still(BufReader<&'a mut Input>),
    Frame(FrameData<'a>),
}

impl<'a> Stitched<'a> {
    /// Bytes of its buffer.
    pub(super) const BUFFER_BYTES: usize = 32 << 10;

    /// What follows the head are the file's chunks from `data_at` on; a frame's are disguised as IDAT.
    pub(super) fn new(
        head: &'a [u8],
        input: &'a mut Input,
        data_at: u64,
        is_frame: bool,
    ) -> std::io::Result<Self> {
        input.seek(SeekFrom::Start(data_at))?;
        let reader = BufReader::with_capacity(Self::BUFFER_BYTES, input);
        let pixels = if is_frame {
            Pixels::Frame(FrameData::new(reader))
        } else {
            Pixels::Still(reader)
        };
        Ok(Self { head, pixels })
    }
}

impl Read for Stitched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(buf)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Stitched<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if !self.head.is_empty() {
            return Ok(self.head);
        }
        match &mut self.pixels {
            Pixels::Still(reader) => reader.fill_buf(),
            Pixels::Frame(data) => data.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        if !self.head.is_empty() {
            self.head = &self.head[amount..];
            return;
        }
        match &mut self.pixels {
            Pixels::Still(reader) => reader.consume(amount),
            Pixels::Frame(data) => data.consume(amount),
        }
    }
}

/// The `png` crate asks for it, but goes forward only.
impl Seek for Stitched<'_> {
    fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
