//! The directory of an icon, and the pictures that it lists.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, ImageSpec, LevelSpec, Orientation, PixelFormat, Size, Stored, Transfer,
};

use super::bitmap::Bitmap;
use crate::png::{self, PngFile};
use crate::request::{accept, malformed, read_error};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// Icons have about a dozen.
const MAX_PICTURES: u16 = 1024;

/// As of other files whose rows can be got at one by one.
const CHUNK: Size = Size::new(256, 256);

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let io = |source| read_error(&name, Format::Ico, source);
    let mut head = [0; 6];
    input
        .seek(SeekFrom::Start(0))
        .and_then(|_| input.read_exact(&mut head))
        .map_err(io)?;
    let is_cursor = head[2] == 2;
    let count = u16::from_le_bytes([head[4], head[5]]);
    if count > MAX_PICTURES {
        return Err(malformed(
            &name,
            Format::Ico,
            format!("it claims {count} pictures, more than {MAX_PICTURES}"),
        ));
    }
    let count = u32::from(count).min(limits.max_subimages.max(1));
    let mut directory = vec![0; count as usize * 16];
    input.read_exact(&mut directory).map_err(io)?;
    let mut pictures = Vec::new();
    let mut subimages = Vec::new();
    let mut hotspot = None;
    for entry in directory.chunks_exact(16) {
        let four = |at: usize| u64::from(u32::from_le_bytes([0, 1, 2, 3].map(|i| entry[at + i])));
        let range = four(12)..four(12) + four(8);
        let (picture, spec) = open_picture(&mut input, range, limits)?;
        pictures.push(picture);
        subimages.push(spec);
        if is_cursor && hotspot.is_none() {
            hotspot = Some([4, 6].map(|at| u16::from_le_bytes([entry[at], entry[at + 1]])));
        }
    }
    Ok(Box::new(IcoDecoder {
        input,
        name,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::Ico,
            subimages,
        }),
        pictures,
        hotspot,
    }))
}

#[derive(Debug)]
enum Picture {
    Png { file: PngFile, range: Range<u64> },
    Bitmap(Bitmap),
}

fn open_picture(
    input: &mut Input,
    range: Range<u64>,
    limits: &Limits,
) -> Result<(Picture, ImageSpec), Error> {
    let name = input.name().to_owned();
    let io = |source| read_error(&name, Format::Ico, source);
    let mut mark = [0; 8];
    input
        .seek(SeekFrom::Start(range.start))
        .and_then(|_| input.read_exact(&mut mark))
        .map_err(io)?;
    if mark == png::SIGNATURE {
        // Of an animation within, the default picture is what an icon shows.
        let still = Limits {
            max_subimages: 1,
            ..limits.clone()
        };
        let file = input
            .within(range.clone(), |input| PngFile::open(input, &still))
            .map_err(io)??;
        let spec = file.subimages()[0].clone();
        return Ok((Picture::Png { file, range }, spec));
    }
    let bitmap = Bitmap::open(input, &range, limits)?;
    let spec = ImageSpec {
        format: PixelFormat::RGBA8,
        stored: Stored::new(bitmap.stored()),
        channels: None,
        alpha: Alpha::Straight,
        transfer: Transfer::Display,
        orientation: Orientation::Normal,
        data_window: bitmap.size.into(),
        display_window: bitmap.size.into(),
        icc: None,
        levels: vec![LevelSpec {
            size: bitmap.size,
            access: Access::Chunks(CHUNK),
        }],
    };
    Ok((Picture::Bitmap(bitmap), spec))
}

#[derive(Debug)]
struct IcoDecoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    pictures: Vec<Picture>,
    /// The pixel that a cursor points with, counted from the left and from the top.
    hotspot: Option<[u16; 2]>,
}

impl Decoder for IcoDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match self.pictures.get(region.subimage as usize) {
            Some(Picture::Png { file, .. }) => file.working_bytes(0, region.rect),
            Some(Picture::Bitmap(bitmap)) => bitmap.working_bytes(region.rect),
            None => 0,
        }
    }

    fn heap_bytes(&self) -> u64 {
        let of_picture = |picture: &Picture| match picture {
            // The chunks in front of its pixels.
            Picture::Png { file, .. } => file.heap_bytes() + (4 << 10),
            Picture::Bitmap(bitmap) => bitmap.heap_bytes(),
        };
        let pictures: u64 = self.pictures.iter().map(of_picture).sum();
        (64 << 10) + pictures + std::mem::size_of_val(&self.pictures[..]) as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        match &mut self.pictures[region.subimage as usize] {
            Picture::Png { file, range } => self
                .input
                .within(range.clone(), |input| {
                    file.decode(input, 0, region.rect, sink)
                })
                .map_err(|source| read_error(&self.name, Format::Ico, source))?,
            Picture::Bitmap(bitmap) => bitmap.decode(&mut self.input, region.rect, sink),
        }
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let texts = self
            .hotspot
            .map(|[x, y]| ("Hotspot".to_owned(), format!("{x}, {y}")));
        Ok(MetadataBlocks {
            texts: texts.into_iter().collect(),
            ..MetadataBlocks::default()
        })
    }
}
