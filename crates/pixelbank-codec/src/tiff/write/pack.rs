use flate2::{Compress, Compression as Level, FlushCompress, Status};
use pixelbank_image::{PixelFormat, SampleType, Size, View};

use super::{TiffCompression, refused};
use crate::jpeg::{JpegOptions, Subsampling, encode_jpeg};
use crate::{Embed, Error};

/// Packs one tile after the other.
pub(super) struct Packer {
    tile: Size,
    format: PixelFormat,
    method: Method,
    /// The tile as differences between neighbours.
    differences: Vec<u8>,
    packed: Vec<u8>,
}

enum Method {
    Plain,
    Deflate(Compress),
    Lzw(weezl::encode::Encoder),
    Jpeg {
        options: JpegOptions,
        /// What all streams have in common, as a stream of its own; empty before the first tile.
        tables: Vec<u8>,
    },
}

impl Packer {
    pub(super) fn new(
        tile: Size,
        format: PixelFormat,
        compression: TiffCompression,
    ) -> Result<Self, Error> {
        let method = match compression {
            TiffCompression::None => Method::Plain,
            TiffCompression::Deflate => Method::Deflate(Compress::new(Level::default(), true)),
            TiffCompression::Lzw => Method::Lzw(weezl::encode::Encoder::with_tiff_size_switch(
                weezl::BitOrder::Msb,
                8,
            )),
            TiffCompression::Jpeg(quality) => Method::Jpeg {
                options: JpegOptions {
                    quality,
                    subsampling: Subsampling::Quarter,
                    progressive: false,
                },
                tables: Vec::new(),
            },
        };
        Ok(Self {
            tile,
            format,
            method,
            differences: Vec::new(),
            packed: Vec::new(),
        })
    }

    /// The bytes of a tile.
    pub(super) fn pack<'a>(&'a mut self, pixels: &'a [u8]) -> Result<&'a [u8], Error> {
        self.packed.clear();
        match &mut self.method {
            Method::Plain => return Ok(pixels),
            Method::Deflate(deflate) => {
                subtract(pixels, self.tile, self.format, &mut self.differences);
                pack_deflate(deflate, &self.differences, &mut self.packed)?;
            }
            Method::Lzw(lzw) => {
                subtract(pixels, self.tile, self.format, &mut self.differences);
                lzw.reset();
                let packing = lzw.into_vec(&mut self.packed).encode_all(&self.differences);
                packing.status.map_err(|error| refused(error.to_string()))?;
            }
            Method::Jpeg { options, tables } => {
                let view = View::packed(pixels, self.tile, self.format)
                    .map_err(|error| refused(error.to_string()))?;
                let whole = encode_jpeg(view, options, &Embed::default())?;
                let Some((own_tables, stream)) = split(&whole) else {
                    return Err(refused("the JPEG encoder made a stream of an unknown kind"));
                };
                if tables.is_empty() {
                    tables.clone_from(&own_tables);
                }
                // Streams of one quality share their tables; one that did not would keep its own.
                self.packed = if *tables == own_tables { stream } else { whole };
            }
        }
        Ok(&self.packed)
    }

    /// What the streams of all tiles have in common, for the directories.
    pub(super) fn into_tables(self) -> Option<Vec<u8>> {
        match self.method {
            Method::Jpeg { tables, .. } => Some(tables),
            _ => None,
        }
    }
}

fn pack_deflate(deflate: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    deflate.reset();
    loop {
        let read = deflate.total_in() as usize;
        out.reserve((bytes.len() - read) / 2 + 1024);
        let status = deflate
            .compress_vec(&bytes[read..], out, FlushCompress::Finish)
            .map_err(|error| refused(error.to_string()))?;
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

/// Each sample less its left neighbour of the same channel.
fn subtract(pixels: &[u8], tile: Size, format: PixelFormat, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(pixels);
    let stride = format.channels.count();
    for (row, source) in out
        .chunks_exact_mut(format.row_bytes(tile.width))
        .zip(pixels.chunks_exact(format.row_bytes(tile.width)))
    {
        if format.sample == SampleType::U8 {
            let left = source[..source.len() - stride].iter();
            for (sample, left) in row[stride..].iter_mut().zip(left) {
                *sample = sample.wrapping_sub(*left);
            }
        } else {
            let (samples, source) = (row.as_chunks_mut::<2>().0, source.as_chunks::<2>().0);
            let left = source[..source.len() - stride].iter();
            for (sample, left) in samples[stride..].iter_mut().zip(left) {
                let difference =
                    u16::from_ne_bytes(*sample).wrapping_sub(u16::from_ne_bytes(*left));
                *sample = difference.to_ne_bytes();
            }
        }
    }
}

/// Cuts a JPEG stream into its tables, as a stream of their own, and the rest, without application segments.
fn split(whole: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    const SOI: [u8; 2] = [0xff, 0xd8];
    const EOI: [u8; 2] = [0xff, 0xd9];
    let mut rest = whole.strip_prefix(&SOI)?;
    let (mut tables, mut stream) = (SOI.to_vec(), SOI.to_vec());
    while let [0xff, marker, high, low, ..] = *rest {
        let len = 2 + usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(..len)?;
        match marker {
            0xda => {
                stream.extend_from_slice(rest);
                tables.extend_from_slice(&EOI);
                return Some((tables, stream));
            }
            0xdb | 0xc4 => tables.extend_from_slice(segment),
            0xe0..=0xef | 0xfe => {}
            _ => stream.extend_from_slice(segment),
        }
        rest = &rest[len..];
    }
    None
}
