//! Regions of a JPEG 2000 file, at the resolutions that it has.

use std::ops::Range;
use std::sync::Arc;

use pixelbank_image::{
    Access, ImageSpec, Layout, LevelSpec, Orientation, PixelFormat, Rect, Size, Stored, Transfer,
    View, Window,
};

use super::boxes::Container;
use super::color::Picture;
use super::geometry::Area;
use super::header::{Fault, Siz};
use super::library::{self, Failure};
use super::memory::{self, Part};
use super::parts::Codestream;
use super::tile::TileStream;
use crate::bands::Bands;
use crate::request::{accept, check_size, find, malformed, read_error, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What a chunk is at least, where tiles are smaller: each costs a call of the library.
const LEAST_CHUNK: u32 = 256;

/// What a chunk is at most, where tiles are larger: a part of a tile is decoded by itself.
const MOST_CHUNK: u32 = 1024;

/// Pixels that are decoded at a time, if a region has more. The more, the less often the packets of a tile are read.
const STRIP_PIXELS: u64 = 4 << 20;

/// Rows that are decoded at a time, however wide they are.
const LEAST_STRIP_ROWS: u32 = 64;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let name = input.name().to_owned();
    let mut container = Container::read(&mut input, limits)?;
    let stream = Codestream::read(&mut input, container.codestream.clone())?;
    let size = stream.siz.image.size();
    check_size(&name, Format::Jpeg2000, size, limits)?;
    let picture =
        Picture::new(&stream.siz, &container).map_err(|fault| failed(&name, fault, |what| what))?;
    let levels = levels(&stream);
    if levels.is_empty() {
        let feature = "tiles that cut through samples of less density".to_owned();
        return Err(failed(&name, Fault::Unsupported(feature), |what| what));
    }
    let icc = container.icc.take();
    let (columns, rows) = stream.siz.tiles();
    // Coordinates have 31 bits.
    let window = Window {
        x: stream.siz.image.x0 as i32,
        y: stream.siz.image.y0 as i32,
        ..size.into()
    };
    let spec = ImageSpec {
        format: picture.format,
        stored: Stored {
            sample: picture.stored,
            layout: match stream.siz.tiles() {
                (1, 1) => Layout::Rows,
                _ => Layout::Tiles(stream.siz.tile.size()),
            },
        },
        channels: picture.list.clone(),
        alpha: picture.alpha,
        transfer: Transfer::Display,
        orientation: Orientation::Normal,
        data_window: window,
        display_window: window,
        icc: icc
            .filter(|icc| icc.len() as u64 <= limits.max_metadata_bytes && !icc.is_empty())
            .map(Arc::from),
        levels,
    };
    Ok(Box::new(Jpeg2000Decoder {
        input,
        name,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::Jpeg2000,
            subimages: vec![spec],
        }),
        metadata: [container.exif, container.xmp, container.iptc],
        counted: vec![0; (columns * rows).div_ceil(64) as usize],
        is_whole: stream.is_high_throughput(),
        stream,
        picture,
    }))
}

fn failed(name: &str, fault: Fault, place: impl FnOnce(String) -> String) -> Error {
    match fault {
        Fault::Damaged(reason) => malformed(name, Format::Jpeg2000, place(reason)),
        Fault::Unsupported(feature) => Error::Unsupported {
            name: name.to_owned(),
            format: Format::Jpeg2000,
            feature: place(feature),
        },
    }
}

/// The resolutions that every tile has, as long as a halving leaves something.
fn levels(stream: &Codestream) -> Vec<LevelSpec> {
    let siz = &stream.siz;
    let stored = stream.codings().map(|coding| coding.levels()).min();
    let mut levels: Vec<LevelSpec> = Vec::new();
    for level in 0..=u32::from(stored.unwrap_or(0)) {
        let size = siz.image.reduced(level).size();
        let has_samples = siz.components.iter().all(|component| {
            let area = siz.image.divided(component.dx, component.dy);
            !area.reduced(level).is_empty()
        });
        let is_same = levels.last().is_some_and(|last| last.size == size);
        if size.is_empty() || !has_samples || is_same || !siz.fits_tiles(level) {
            break;
        }
        levels.push(LevelSpec {
            size,
            access: match siz.tiles() {
                (1, 1) if stream.is_high_throughput() => Access::Pass,
                _ => Access::Chunks(chunk(stream, level)),
            },
        });
    }
    levels
}

/// The tiles of a level, or whole numbers of them where they are small, or parts where they are large and parts can be had.
fn chunk(stream: &Codestream, level: u32) -> Size {
    let siz = &stream.siz;
    let (columns, rows) = siz.tiles();
    let is_whole = stream.is_high_throughput();
    let side = |count: u64, tile: u32| {
        let tile = (tile >> level.min(31)).max(1);
        match tile {
            _ if count == 1 && !is_whole => MOST_CHUNK,
            tile if tile < LEAST_CHUNK => tile * LEAST_CHUNK.div_ceil(tile),
            tile if tile > 2 * MOST_CHUNK && !is_whole => MOST_CHUNK,
            tile => tile,
        }
    };
    Size::new(
        side(columns, siz.tile.width()),
        side(rows, siz.tile.height()),
    )
}

#[derive(Debug)]
struct Jpeg2000Decoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    stream: Codestream,
    picture: Picture,
    /// A bit for each tile, set where all its packets are known to be there.
    counted: Vec<u64>,
    /// Whether tiles are decoded whole, whatever is asked of them.
    is_whole: bool,
    /// EXIF, XMP and IPTC.
    metadata: [Option<Range<u64>>; 3],
}

/// A part of a tile that is decoded by one call of the library.
#[derive(Debug, Clone, Copy)]
struct Piece {
    tile: u16,
    /// What the tile has of the picture.
    tile_area: Area,
    /// Its pixels, as a part of the level.
    rect: Rect,
    /// The same in the coordinates of the level.
    pixels: Area,
    /// What the library is asked for, on the reference grid.
    asked: Area,
}

/// The tiles of a level that a region meets.
#[derive(Debug, Clone)]
struct Cut {
    columns: Range<u32>,
    rows: Range<u32>,
}

impl Jpeg2000Decoder {
    fn siz(&self) -> &Siz {
        &self.stream.siz
    }

    /// The tiles that have pixels of the region.
    fn cut(&self, level: u32, rect: Rect) -> Cut {
        let siz = self.siz();
        let whole = siz.image.reduced(level);
        let wanted = whole.part(rect);
        let (columns, rows) = siz.tiles();
        // Pixel L of a level is on the grid where L << level is.
        let index = |pixel: u32, first: u32, side: u32, count: u64| {
            let place = u64::from(pixel) << level;
            let index = place.saturating_sub(u64::from(first)) / u64::from(side);
            index.min(count - 1) as u32
        };
        let column = |pixel| index(pixel, siz.tile.x0, siz.tile.width(), columns);
        let row = |pixel| index(pixel, siz.tile.y0, siz.tile.height(), rows);
        Cut {
            columns: column(wanted.x0)..column(wanted.x1 - 1) + 1,
            rows: row(wanted.y0)..row(wanted.y1 - 1) + 1,
        }
    }

    /// What the tile at a column and row has of a region of a level, if anything.
    fn window(&self, level: u32, rect: Rect, column: u32, row: u32) -> Option<Piece> {
        let siz = self.siz();
        let whole = siz.image.reduced(level);
        let tile_area = siz.tile_area(column, row);
        let reduced = tile_area.reduced(level);
        let pixels = reduced.intersection(&whole.part(rect));
        if pixels.is_empty() {
            return None;
        }
        let (columns, _) = siz.tiles();
        let asked = if pixels == reduced || self.is_whole {
            tile_area
        } else {
            let (dx, dy) = siz.components.iter().fold((1, 1), |(dx, dy), component| {
                (common(dx, component.dx), common(dy, component.dy))
            });
            // From the first pixel that shares its samples on.
            let start = |pixel: u32, density: u32, least: u32| {
                let place = u64::from(pixel / density * density) << level;
                place.max(u64::from(least)) as u32
            };
            let end =
                |pixel: u32, most: u32| (u64::from(pixel) << level).min(u64::from(most)) as u32;
            Area {
                x0: start(pixels.x0, dx, tile_area.x0),
                y0: start(pixels.y0, dy, tile_area.y0),
                x1: end(pixels.x1, tile_area.x1),
                y1: end(pixels.y1, tile_area.y1),
            }
        };
        Some(Piece {
            tile: (u64::from(row) * columns + u64::from(column)) as u16,
            tile_area,
            rect: pixels.within(&whole),
            pixels,
            asked,
        })
    }

    /// The windows of a region, by rows of windows of one height.
    fn strips(&self, level: u32, rect: Rect) -> Vec<Rect> {
        let cut = self.cut(level, rect);
        let whole = self.siz().image.reduced(level);
        let mut strips = Vec::new();
        for row in cut.rows {
            let area = self.siz().tile_area(cut.columns.start, row).reduced(level);
            let from = area.y0.max(whole.y0 + rect.y) - whole.y0;
            let to = (area.y1 - whole.y0).min((rect.bottom()) as u32);
            if from >= to {
                continue;
            }
            let widest = rect
                .width
                .min(self.siz().tile.width().div_ceil(1 << level.min(31)) + 1);
            let rows = (STRIP_PIXELS / u64::from(widest.max(1))).max(u64::from(LEAST_STRIP_ROWS));
            let all = u64::from(to - from);
            let rows = if self.is_whole { all } else { rows.min(all) } as u32;
            let mut y = from;
            while y < to {
                let height = rows.min(to - y);
                strips.push(Rect::new(rect.x, y, rect.width, height));
                y += height;
            }
        }
        strips
    }

    fn part(&self, window: &Piece, level: u32) -> Part {
        Part {
            tile: window.tile_area,
            window: window.asked,
            level,
            packet_bytes: self.stream.packet_bytes(window.tile),
            header_bytes: self.stream.header_bytes(window.tile),
        }
    }

    fn working(&self, level: u32, rect: Rect, format: PixelFormat) -> u64 {
        let cut = self.cut(level, rect);
        let is_one_column = cut.columns.len() == 1;
        let mut most = 0;
        for strip in self.strips(level, rect) {
            let cut = self.cut(level, strip);
            for row in cut.rows {
                for column in cut.columns.clone() {
                    let Some(window) = self.window(level, strip, column, row) else {
                        continue;
                    };
                    let coding = self.stream.coding(window.tile);
                    let part = self.part(&window, level);
                    let decoded = memory::library_bytes(self.siz(), coding, &part);
                    let size = window.rect.size();
                    let delivered = if is_one_column {
                        Bands::buffer_bytes(size, format)
                    } else {
                        format.image_bytes(size)
                    };
                    most = most.max(decoded.saturating_add(delivered));
                }
            }
        }
        most
    }

    /// Decodes a window; the error names its place.
    fn planes(&mut self, window: &Piece, region: &Region) -> Result<library::Planes, Error> {
        let place = |reason: String| {
            let Region {
                subimage, level, ..
            } = region;
            format!(
                "subimage {subimage}, level {level}, tile {}: {reason}",
                window.tile
            )
        };
        if !self.is_counted(window.tile) {
            // All headers of packets are read, but next to nothing is decoded of them.
            let level = self.least_level(&window.tile_area);
            let piece = match self.is_whole {
                true => *window,
                false => self.first_pixel(window, level),
            };
            self.call(&piece, level, true, &place)?;
            self.counted[usize::from(window.tile / 64)] |= 1 << (window.tile % 64);
        }
        self.call(window, region.level, false, &place)
    }

    /// Whether it is known that all packets of a tile are there.
    fn is_counted(&self, tile: u16) -> bool {
        self.counted[usize::from(tile / 64)] >> (tile % 64) & 1 != 0
    }

    /// The lowest resolution at which a tile has anything.
    fn least_level(&self, tile: &Area) -> u32 {
        let levels = 0..self.info.subimages[0].levels.len() as u32;
        let has_samples = |level: &u32| {
            let mut all = self.siz().components.iter();
            all.all(|one| !tile.divided(one.dx, one.dy).reduced(*level).is_empty())
        };
        levels.rev().find(has_samples).unwrap_or(0)
    }

    /// The first corner of what is asked of a tile, at another level.
    fn first_pixel(&self, piece: &Piece, level: u32) -> Piece {
        let tile = piece.tile_area;
        let side = |first: u32, end: u32| {
            let all = self.siz().components.iter();
            let density = all.map(|component| component.dx.max(component.dy)).max();
            let side = u64::from(density.unwrap_or(1)) << level.min(31);
            (u64::from(first) + side).min(u64::from(end)) as u32
        };
        Piece {
            asked: Area {
                x1: side(tile.x0, tile.x1),
                y1: side(tile.y0, tile.y1),
                ..tile
            },
            ..*piece
        }
    }

    /// Calls the library.
    fn call(
        &mut self,
        piece: &Piece,
        level: u32,
        to_be_counted: bool,
        place: &dyn Fn(String) -> String,
    ) -> Result<library::Planes, Error> {
        let stream = TileStream::new(
            &mut self.input,
            &self.stream,
            piece.tile,
            &piece.tile_area,
            to_be_counted,
        )?
        .map_err(|fault| failed(&self.name, fault, place))?;
        let areas = self.stream.siz.components.iter().map(|component| {
            let area = piece.asked.divided(component.dx, component.dy);
            area.reduced(level)
        });
        let areas: Vec<_> = areas.collect();
        library::decode(&mut self.input, &stream, &piece.asked, level, areas).map_err(|failure| {
            match failure {
                Failure::Io(source) => read_error(&self.name, Format::Jpeg2000, source),
                Failure::Damaged(reason) => malformed(&self.name, Format::Jpeg2000, place(reason)),
            }
        })
    }

    fn block(&mut self, range: Option<Range<u64>>) -> Result<Option<Vec<u8>>, Error> {
        let Some(range) =
            range.filter(|range| range.end - range.start <= self.limits.max_metadata_bytes)
        else {
            return Ok(None);
        };
        let mut bytes = zeroed(&self.name, range.end - range.start)?;
        self.input
            .read_exact_at(range.start, &mut bytes)
            .map_err(|source| read_error(&self.name, Format::Jpeg2000, source))?;
        Ok(Some(bytes))
    }
}

/// The least number that both divide.
fn common(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

impl Decoder for Jpeg2000Decoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        match find(&self.info, region, &self.name) {
            Ok((spec, _)) if !region.rect.is_empty() => {
                self.working(region.level, region.rect, spec.format)
            }
            _ => 0,
        }
    }

    fn heap_bytes(&self) -> u64 {
        let held = self.stream.heap_bytes() + self.picture.heap_bytes() + self.name.len();
        let held = held + self.counted.capacity() * 8;
        (size_of::<Self>() + held) as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let level = region.level;
        let format = self.picture.format;
        let is_one_column = self.cut(level, region.rect).columns.len() == 1;
        for strip in self.strips(level, region.rect) {
            let cut = self.cut(level, strip);
            for row in cut.rows {
                for column in cut.columns.clone() {
                    let Some(window) = self.window(level, strip, column, row) else {
                        continue;
                    };
                    let planes = self.planes(&window, region)?;
                    let rows = if is_one_column {
                        Bands::rows(window.rect.size(), format)
                    } else {
                        window.rect.height
                    };
                    if deliver(&self.picture, &self.name, &planes, &window, rows, sink)?.is_break()
                    {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let [exif, xmp, iptc] = self.metadata.clone();
        Ok(MetadataBlocks {
            exif: self.block(exif)?,
            xmp: self.block(xmp)?,
            iptc: self.block(iptc)?,
            icc: self.info.subimages[0].icc.as_deref().map(<[u8]>::to_vec),
            ..MetadataBlocks::default()
        })
    }
}

/// Hands over the pixels of a window, in bands of so many rows.
fn deliver(
    picture: &Picture,
    name: &str,
    planes: &library::Planes,
    window: &Piece,
    rows: u32,
    sink: &mut dyn FnMut(Band<'_>) -> Flow,
) -> Result<Flow, Error> {
    let planes = planes.list();
    let row_bytes = picture.format.row_bytes(window.rect.width);
    let mut buffer = zeroed(name, row_bytes as u64 * u64::from(rows))?;
    let mut done = 0;
    while done < window.rect.height {
        let height = rows.min(window.rect.height - done);
        for (y, row) in (0..height).zip(buffer.chunks_exact_mut(row_bytes)) {
            picture.row(&planes, window.pixels.x0, window.pixels.y0 + done + y, row);
        }
        let rect = Rect::new(
            window.rect.x,
            window.rect.y + done,
            window.rect.width,
            height,
        );
        let pixels = View::packed(
            &buffer[..row_bytes * height as usize],
            rect.size(),
            picture.format,
        )
        .expect("the buffer was made for these rows");
        let flow = sink(Band { rect, pixels });
        if flow.is_break() {
            return Ok(flow);
        }
        done += height;
    }
    Ok(Flow::Continue(()))
}
