//! What is shared by the tests of this format: files made field by field, and reading regions whole.

mod damage;
mod kinds;
mod pyramids;

use std::ops::ControlFlow;
use std::sync::Arc;

use pixelbank_image::{Rect, Size};

use super::directory::Order;
use super::entries::{Entry, Layout};
use super::page::tag;
use crate::reading::{check_regions, read, whole};
use crate::{Decoder, Error, Input, Limits, Region};

/// One page of a file to be made.
#[derive(Debug, Clone, Default)]
struct TestPage {
    /// Tag, type, values; the places and sizes of chunks are filled in.
    fields: Vec<(u16, u16, Vec<u64>)>,
    chunks: Vec<Vec<u8>>,
    tiled: bool,
    subs: Vec<TestPage>,
}

impl TestPage {
    fn new(size: Size, tile: Option<Size>, samples: u16, bits: u16) -> Self {
        let mut fields = vec![
            (tag::WIDTH, 4, vec![size.width.into()]),
            (tag::HEIGHT, 4, vec![size.height.into()]),
            (tag::BITS_PER_SAMPLE, 3, vec![bits.into(); samples.into()]),
            (tag::COMPRESSION, 3, vec![1]),
            (tag::PHOTOMETRIC, 3, vec![if samples >= 3 { 2 } else { 1 }]),
            (tag::SAMPLES_PER_PIXEL, 3, vec![samples.into()]),
        ];
        if let Some(tile) = tile {
            fields.push((tag::TILE_WIDTH, 4, vec![tile.width.into()]));
            fields.push((tag::TILE_LENGTH, 4, vec![tile.height.into()]));
        }
        Self {
            fields,
            chunks: Vec::new(),
            tiled: tile.is_some(),
            subs: Vec::new(),
        }
    }

    fn set(&mut self, tag: u16, kind: u16, values: &[u64]) {
        self.fields.retain(|field| field.0 != tag);
        self.fields.push((tag, kind, values.to_vec()));
    }

    /// An 8-bit page whose chunks are cut from `pixels`, padded with 0xee and packed by `pack`.
    fn pixels(
        pixels: &[u8],
        size: Size,
        tile: Size,
        samples: u16,
        pack: impl Fn(&[u8]) -> Vec<u8>,
    ) -> Self {
        let mut page = Self::new(size, Some(tile), samples, 8);
        let n = usize::from(samples);
        for y in (0..size.height).step_by(tile.height as usize) {
            for x in (0..size.width).step_by(tile.width as usize) {
                let mut chunk = vec![0xee; tile.pixels() as usize * n];
                for row in 0..tile.height.min(size.height - y) {
                    let from = ((y + row) as usize * size.width as usize + x as usize) * n;
                    let len = tile.width.min(size.width - x) as usize * n;
                    let to = (row * tile.width) as usize * n;
                    chunk[to..to + len].copy_from_slice(&pixels[from..from + len]);
                }
                page.chunks.push(pack(&chunk));
            }
        }
        page
    }
}

/// Lays out pages; returns the file and the place of each directory of the main chain.
fn file(pages: &[TestPage], layout: Layout) -> (Vec<u8>, Vec<u64>) {
    let version = if layout.big { 43 } else { 42 };
    let mut out = match layout.order {
        Order::Little => b"II".to_vec(),
        Order::Big => b"MM".to_vec(),
    };
    let push = |out: &mut Vec<u8>, value, len| {
        let start = out.len();
        out.resize(start + len, 0);
        layout.put(value, &mut out[start..]);
    };
    push(&mut out, version, 2);
    let mut link = if layout.big {
        push(&mut out, 8, 2);
        push(&mut out, 0, 2);
        8
    } else {
        4
    };
    let size = if layout.big { 8 } else { 4 };
    push(&mut out, 0, size);
    let mut places = Vec::new();
    for page in pages {
        let at = write_page(&mut out, page, layout);
        layout.put(at, &mut out[link..link + size]);
        link = at as usize + layout.link_at(n_entries(page));
        places.push(at);
    }
    (out, places)
}

fn n_entries(page: &TestPage) -> usize {
    page.fields.len() + 2 + usize::from(!page.subs.is_empty())
}

fn write_page(out: &mut Vec<u8>, page: &TestPage, layout: Layout) -> u64 {
    let subs: Vec<u64> = page
        .subs
        .iter()
        .map(|sub| write_page(out, sub, layout))
        .collect();
    let mut offsets = Vec::new();
    for chunk in &page.chunks {
        offsets.push(out.len() as u64);
        out.extend_from_slice(chunk);
    }
    let sizes: Vec<u64> = page.chunks.iter().map(|chunk| chunk.len() as u64).collect();
    let (offset_tag, size_tag) = if page.tiled {
        (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS)
    } else {
        (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
    };
    let kind = if layout.big { 16 } else { 4 };
    let mut fields = page.fields.clone();
    fields.push((offset_tag, kind, offsets));
    fields.push((size_tag, kind, sizes));
    if !subs.is_empty() {
        fields.push((tag::SUB_IFDS, if layout.big { 18 } else { 13 }, subs));
    }
    let entries = fields
        .into_iter()
        .map(|(tag, kind, values)| {
            let width = match kind {
                1 | 2 | 7 => 1,
                3 => 2,
                4 | 13 => 4,
                _ => 8,
            };
            let mut bytes = vec![0; width * values.len()];
            for (value, bytes) in values.iter().zip(bytes.chunks_mut(width)) {
                layout.put(*value, bytes);
            }
            Entry {
                tag,
                kind,
                count: values.len() as u64,
                values: bytes,
            }
        })
        .collect();
    let at = out.len() as u64;
    let directory = layout.directory(entries, at, 0);
    out.extend(directory);
    at
}

const LITTLE: Layout = Layout {
    order: Order::Little,
    big: false,
};

fn open(bytes: &[u8]) -> Result<Box<dyn Decoder>, Error> {
    super::open(
        Input::memory(Arc::from(bytes), "test.tif"),
        &Limits::default(),
    )
}

/// Bytes that no compression makes trivial, and in which every place differs from its neighbours.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491u32;
    (0..len)
        .map(|index| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (index as u32).wrapping_mul(7).wrapping_add(state & 15) as u8
        })
        .collect()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}
