//! Small files of every format, made here, with the pixels that must come out of them.
//!
//! To add a format: write a function that returns its samples, and name it in [`all`].

#![allow(dead_code, reason = "each test program uses a part of it")]

mod apng;
#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod dds;
mod exr;
mod gif;
mod hdr;
mod ico;
mod jpeg;
#[cfg(feature = "jpeg2000")]
mod jpeg2000;
#[cfg(feature = "jxl")]
mod jxl;
mod png;
mod pnm;
mod qoi;
mod tga;
mod tiff;
mod webp;

use pixelbank_codec::{Format, Input};
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

/// A file and what is known of it.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
    pub format: Format,
    pub subimages: Vec<Known>,
}

/// What is known of a subimage.
#[derive(Debug, Clone)]
pub struct Known {
    pub size: Size,
    pub pixels: PixelFormat,
    /// The pixels of level 0, packed; `None` where they are only compared with themselves.
    pub data: Option<Vec<u8>>,
    /// How far a sample may be off; 0 for lossless formats.
    pub tolerance: u8,
}

impl Sample {
    /// A file of one subimage that is stored without loss.
    pub fn exact(
        name: &str,
        bytes: Vec<u8>,
        format: Format,
        size: Size,
        pixels: PixelFormat,
        data: Vec<u8>,
    ) -> Self {
        assert_eq!(data.len() as u64, pixels.image_bytes(size), "{name}");
        Self {
            name: name.to_owned(),
            bytes,
            format,
            subimages: vec![Known {
                size,
                pixels,
                data: Some(data),
                tolerance: 0,
            }],
        }
    }

    pub fn input(&self) -> Input {
        Input::memory(self.bytes.clone().into(), self.name.clone())
    }
}

/// Every sample.
pub fn all() -> Vec<Sample> {
    [
        png::samples(),
        gif::samples(),
        bmp::samples(),
        pnm::samples(),
        tga::samples(),
        qoi::samples(),
        hdr::samples(),
        tiff::samples(),
        exr::samples(),
        jpeg::samples(),
        webp::samples(),
        apng::samples(),
        dds::samples(),
        ico::samples(),
        #[cfg(feature = "jxl")]
        jxl::samples(),
        #[cfg(feature = "avif")]
        avif::samples(),
        #[cfg(feature = "jpeg2000")]
        jpeg2000::samples(),
    ]
    .concat()
}

/// Larger files, one for each way of decoding: for memory, which must not be drowned in fixed costs.
pub fn large() -> Vec<Sample> {
    let size = Size::new(1500, 1100);
    [
        png::large(size),
        gif::large(size),
        bmp::large(size),
        pnm::large(size),
        tga::large(size),
        qoi::large(size),
        hdr::large(size),
        tiff::large(size),
        exr::large(size),
        jpeg::large(size),
        webp::large(size),
        apng::large(size),
        dds::large(size),
        ico::large(size),
        #[cfg(feature = "jxl")]
        jxl::large(size),
        #[cfg(feature = "avif")]
        avif::large(size),
        #[cfg(feature = "jpeg2000")]
        jpeg2000::large(size),
    ]
    .concat()
}

/// A file that another program has written and read.
#[cfg(any(feature = "avif", feature = "jpeg2000", feature = "jxl"))]
fn foreign(
    format: Format,
    name: &str,
    bytes: &[u8],
    data: &[u8],
    size: Size,
    pixels: PixelFormat,
    tolerance: u8,
) -> Sample {
    let mut data = data.to_vec();
    if cfg!(target_endian = "big") {
        for sample in data.chunks_exact_mut(pixels.sample.bytes()) {
            sample.reverse();
        }
    }
    let bytes = bytes.to_vec();
    let mut sample = Sample::exact(name, bytes, format, size, pixels, data);
    sample.subimages[0].tolerance = tolerance;
    sample
}

pub fn format(channels: Channels, sample: SampleType) -> PixelFormat {
    PixelFormat::new(channels, sample)
}

/// Pixels with smooth parts, edges and noise, so that every trick of every compressor is used. Runs of equal pixels
/// are among them, and alpha has all values.
pub fn scene(size: Size, pixels: PixelFormat) -> Vec<u8> {
    let count = pixels.channels.count() as u32;
    let mut data = Vec::new();
    for y in 0..size.height {
        for x in 0..size.width {
            for channel in 0..count {
                let smooth = (x * 5 + y * 3 + channel * 40) % 256;
                let noise = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ channel)
                    .wrapping_mul(0xc2b2_ae35)
                    >> 24;
                let value = match (x / 8 + y / 8) % 4 {
                    0 => smooth,
                    1 => noise,
                    2 => 200,
                    _ => (smooth + noise / 16) % 256,
                };
                match pixels.sample {
                    SampleType::U8 => data.push(value as u8),
                    SampleType::U16 => data.extend(((value as u16 * 257) ^ x as u16).to_ne_bytes()),
                    SampleType::F32 => data.extend((value as f32 / 64.0).to_ne_bytes()),
                    other => panic!("no scene of {other}"),
                }
            }
        }
    }
    data
}

/// The scene in few grey levels: for formats of fewer bits.
pub fn levels(size: Size, count: u8) -> Vec<u8> {
    scene(size, PixelFormat::GRAY8)
        .into_iter()
        .map(|value| value % count)
        .collect()
}

/// Bits of `per` values to a byte, the first in the highest, each row beginning a byte.
pub fn pack_bits(values: &[u8], width: u32, bits: u32) -> Vec<Vec<u8>> {
    let per = 8 / bits;
    values
        .chunks(width as usize)
        .map(|row| {
            row.chunks(per as usize)
                .map(|group| {
                    group.iter().enumerate().fold(0u8, |byte, (index, &value)| {
                        byte | value << (8 - bits * (index as u32 + 1))
                    })
                })
                .collect()
        })
        .collect()
}

/// `count` colours that differ in every channel.
pub fn palette(count: usize) -> Vec<[u8; 3]> {
    (0..count)
        .map(|i| [(i * 7) as u8, (255 - i) as u8, (i * i % 251) as u8])
        .collect()
}
