use std::io::{Read, Seek, SeekFrom};

use crate::request::malformed;
use crate::{Decoder, Error, Format, Input, Limits};

/// Enough of a file to recognise it by.
const HEAD_BYTES: u64 = 64;

/// What the last bytes of a TGA file of version 2 say.
const TGA_SIGNATURE: &[u8] = b"TRUEVISION-XFILE.\0";

/// Opens an image, whatever its name, by its content.
///
/// Reads the header alone and allocates no more than it needs. GIF is the exception: its frames can only be counted
/// by reading through the file.
///
/// # Errors
/// [`Error::UnknownFormat`], [`Error::Malformed`], [`Error::Unsupported`], [`Error::LimitExceeded`] or [`Error::Io`].
pub fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let format = recognise(&mut input)?;
    match format {
        Format::Png => crate::png::open(input, limits),
        Format::Gif => crate::simple::gif::open(input, limits),
        Format::Bmp => crate::simple::bmp::open(input, limits),
        Format::Pnm => crate::simple::pnm::open(input, limits),
        Format::Tga => crate::simple::tga::open(input, limits),
        Format::Qoi => crate::simple::qoi::open(input, limits),
        Format::Hdr => crate::simple::hdr::open(input, limits),
        Format::Jpeg => crate::jpeg::open(input, limits),
        Format::Tiff => crate::tiff::open(input, limits),
        Format::WebP => crate::webp::open(input, limits),
        Format::OpenExr => crate::exr::open(input, limits),
        Format::Dds => crate::dds::open(input, limits),
        Format::Ico => crate::ico::open(input, limits),
        #[cfg(feature = "jxl")]
        Format::JpegXl => crate::jxl::open(input, limits),
        #[cfg(not(feature = "jxl"))]
        Format::JpegXl => Err(left_out(&input, format)),
        #[cfg(feature = "avif")]
        Format::Avif => crate::avif::open(input, limits),
        #[cfg(not(feature = "avif"))]
        Format::Avif => Err(left_out(&input, format)),
        #[cfg(feature = "jpeg2000")]
        Format::Jpeg2000 => crate::jpeg2000::open(input, limits),
        #[cfg(not(feature = "jpeg2000"))]
        Format::Jpeg2000 => Err(left_out(&input, format)),
        // No bytes show it.
        Format::Raw => Err(Error::UnknownFormat {
            name: input.name().to_owned(),
        }),
    }
}

/// A format that this program was built without.
#[cfg(not(all(feature = "avif", feature = "jxl", feature = "jpeg2000")))]
fn left_out(input: &Input, format: Format) -> Error {
    Error::Unsupported {
        name: input.name().to_owned(),
        format,
        feature: "this build of the program".to_owned(),
    }
}

/// The format that the content shows; leaves the input at its start.
fn recognise(input: &mut Input) -> Result<Format, Error> {
    let name = input.name().to_owned();
    let io = |source| Error::Io {
        name: name.clone(),
        source,
    };
    input.seek(SeekFrom::Start(0)).map_err(io)?;
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(io)?;
    let format = match by_magic(&head) {
        Some(format) => Some(format),
        None if tga_header(&head) && (named_tga(&name) || has_tga_footer(input).map_err(io)?) => {
            Some(Format::Tga)
        }
        None => None,
    };
    input.seek(SeekFrom::Start(0)).map_err(io)?;
    match format {
        Some(format) => Ok(format),
        None if head.is_empty() => Err(match by_name(&name) {
            Some(format) => malformed(&name, format, "it is empty"),
            None => Error::UnknownFormat { name },
        }),
        None => Err(Error::UnknownFormat { name }),
    }
}

/// The formats that begin with a mark of their own. The longer marks stand first, so that `BM` and `P6`, which any text
/// could begin with, come last and have the bytes behind them looked at.
fn by_magic(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if head.starts_with(b"\xff\xd8\xff") {
        Some(Format::Jpeg)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        Some(Format::WebP)
    } else if matches!(
        head.get(..4),
        Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+")
    ) {
        Some(Format::Tiff)
    } else if head.starts_with(b"\x76\x2f\x31\x01") {
        Some(Format::OpenExr)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        Some(Format::Gif)
    } else if head.starts_with(b"#?RADIANCE") || head.starts_with(b"#?RGBE") {
        Some(Format::Hdr)
    } else if head.starts_with(b"qoif") {
        Some(Format::Qoi)
    } else if head.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") || head.starts_with(b"\xff\x0a") {
        Some(Format::JpegXl)
    } else if crate::heif::brands(head).any(|brand| matches!(brand, b"avif" | b"avis")) {
        Some(Format::Avif)
    } else if head.starts_with(b"\0\0\0\x0cjP  \r\n\x87\n") || head.starts_with(b"\xff\x4f\xff\x51")
    {
        Some(Format::Jpeg2000)
    } else if head.starts_with(b"DDS ") {
        Some(Format::Dds)
    } else if icon_header(head) {
        Some(Format::Ico)
    } else if head.starts_with(b"BM") && bmp_header(head) {
        Some(Format::Bmp)
    } else if pnm_header(head) {
        Some(Format::Pnm)
    } else {
        None
    }
}

/// Behind `BM` stands, at byte 14, the length of the header that follows: a small number.
fn bmp_header(head: &[u8]) -> bool {
    match head.get(14..18) {
        Some(length) => matches!(
            u32::from_le_bytes([length[0], length[1], length[2], length[3]]),
            12..=256
        ),
        // Cut off before: nothing else begins so and is so short.
        None => true,
    }
}

/// A reserved word of 0, 1 for icons or 2 for cursors, their number; then for the first of them a reserved byte of 0, and
/// a place behind the directory.
fn icon_header(head: &[u8]) -> bool {
    let [0, 0, 1 | 2, 0, count_low, count_high, entry @ ..] = head else {
        return false;
    };
    let count = u32::from(u16::from_le_bytes([*count_low, *count_high]));
    match entry.get(..16) {
        Some(entry) => {
            let at = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]);
            count > 0 && entry[3] == 0 && at >= 6 + 16 * count
        }
        None => false,
    }
}

/// `P1` to `P7`, or `PF` and `Pf` for floats, then white space or a comment.
fn pnm_header(head: &[u8]) -> bool {
    matches!(
        head,
        [
            b'P',
            b'1'..=b'7' | b'F' | b'f',
            b' ' | b'\t' | b'\n' | b'\r' | b'#',
            ..
        ]
    )
}

/// Whether the first 18 bytes make sense as a TGA header, which has no mark.
fn tga_header(head: &[u8]) -> bool {
    let Some(head) = head.get(..18) else {
        return false;
    };
    let map_type = head[1];
    let kind = head[2];
    let map_bits = head[7];
    let size = [(12, 13), (14, 15)].map(|(low, high)| u16::from_le_bytes([head[low], head[high]]));
    let depth = head[16];
    matches!(kind, 1..=3 | 9..=11)
        && (map_type == 1 || (map_type == 0 && kind % 8 != 1))
        && (map_type == 0 || matches!(map_bits, 15 | 16 | 24 | 32))
        && matches!(depth, 8 | 15 | 16 | 24 | 32)
        && !size.contains(&0)
        // Bits 6 and 7 mean interleaving, which nobody ever wrote.
        && head[17] & 0xc0 == 0
}

fn has_tga_footer(input: &mut Input) -> std::io::Result<bool> {
    let length = input.len_bytes()?;
    let signature = TGA_SIGNATURE.len() as u64;
    if length < signature {
        return Ok(false);
    }
    input.seek(SeekFrom::Start(length - signature))?;
    let mut tail = Vec::new();
    input.by_ref().take(signature).read_to_end(&mut tail)?;
    Ok(tail == TGA_SIGNATURE)
}

fn extension(name: &str) -> Option<String> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(ending.to_ascii_lowercase())
}

fn named_tga(name: &str) -> bool {
    matches!(
        extension(name).as_deref(),
        Some("tga" | "targa" | "icb" | "vda" | "vst")
    )
}

/// What a file without content was meant to be: used for the message alone.
fn by_name(name: &str) -> Option<Format> {
    Some(match extension(name)?.as_str() {
        "jpg" | "jpeg" | "jpe" => Format::Jpeg,
        "png" => Format::Png,
        "tif" | "tiff" => Format::Tiff,
        "webp" => Format::WebP,
        "exr" => Format::OpenExr,
        "gif" => Format::Gif,
        "bmp" | "dib" => Format::Bmp,
        "pbm" | "pgm" | "ppm" | "pnm" | "pam" | "pfm" => Format::Pnm,
        "tga" | "targa" | "icb" | "vda" | "vst" => Format::Tga,
        "qoi" => Format::Qoi,
        "hdr" | "pic" => Format::Hdr,
        "dds" => Format::Dds,
        "ico" | "cur" => Format::Ico,
        "jxl" => Format::JpegXl,
        "avif" | "avifs" => Format::Avif,
        "jp2" | "j2k" | "j2c" | "jpc" | "jpf" | "jpx" | "jph" | "jhc" => Format::Jpeg2000,
        _ => return None,
    })
}
