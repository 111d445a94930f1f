use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pixelbank_image::{
    Access, Alpha, Channels, ImageSpec, Layout, LevelSpec, PixelFormat, SampleKind, SampleType,
    Size, Stored, StoredSample, TileGrid, Transfer,
};
use re_rav1d::dav1d::Picture;

use super::color::{Matrix, Rows};
use super::stream::{self, Coding, Outline};
use crate::bands::Bands;
use crate::heif::{Color, Container, Item, Nclx, Property, read_parts};
use crate::request::{accept, check_size, find, malformed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What marks the alpha of another picture.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];

/// Pictures of a grid that are listed.
const MAX_PICTURES: usize = 1 << 12;

/// The transfer function of H.273 that is none.
const LINEAR: u16 = 8;

/// Bytes of a stream within which its sequence's header stands.
const HEAD_BYTES: u64 = 256;

/// Lists of a few entries, names, errors.
const FIXED_BYTES: u64 = 16 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let container = Container::read(&mut input, Format::Avif, limits)?;
    let name = input.name().to_owned();
    let unsupported = |feature: String| Error::Unsupported {
        name: name.clone(),
        format: Format::Avif,
        feature,
    };
    let damaged = |reason: &str| malformed(&name, Format::Avif, reason);
    let primary = container
        .item(container.primary)
        .ok_or_else(|| damaged("the picture that it shows is missing"))?;
    if let Some(kind) = container.unknown_but_essential(primary) {
        return Err(unsupported(format!("the property {}", kind.escape_ascii())));
    }
    let properties = || container.properties(primary);
    if properties().any(|property| *property == Property::Crop) {
        return Err(unsupported("a clean aperture".to_owned()));
    }
    let planes = Planes::read(&mut input, &container, primary, limits)?;
    let alpha = container
        .referring(b"auxl", primary.id)
        .find(|item| is_alpha(&container, item));
    let (mut alpha_planes, mut is_premultiplied) = (None, false);
    if let Some(alpha) = alpha {
        let of_alpha = Planes::read(&mut input, &container, alpha, limits)?;
        if of_alpha.grid != planes.grid {
            return Err(unsupported(
                "alpha of another size than the picture".to_owned(),
            ));
        }
        alpha_planes = Some(of_alpha);
        is_premultiplied = container
            .referred(b"prem", primary.id)
            .any(|id| id == alpha.id);
    }
    let (mut icc, mut nclx) = (None, None);
    for property in properties() {
        match property {
            Property::Color(Color::Profile(profile)) => icc = Some(Arc::from(&profile[..])),
            Property::Color(Color::Coded(coded)) => nclx = Some(*coded),
            _ => {}
        }
    }
    if let Some(nclx) = nclx
        && Matrix::of(nclx).is_none()
    {
        return Err(unsupported(format!("matrix coefficients {}", nclx.matrix)));
    }
    let coding = planes.coding;
    let channels = match (coding.is_gray, alpha_planes.is_some()) {
        (true, false) => Channels::Gray,
        (true, true) => Channels::GrayAlpha,
        (false, false) => Channels::Rgb,
        (false, true) => Channels::Rgba,
    };
    let sample = match coding.bits {
        8 => SampleType::U8,
        _ => SampleType::U16,
    };
    let grid = planes.grid;
    let is_grid = planes.items.len() > 1;
    let mut stored = Stored::new(StoredSample::new(SampleKind::Unsigned, coding.bits));
    if is_grid {
        stored.layout = Layout::Tiles(grid.tile);
    }
    let spec = ImageSpec {
        format: PixelFormat::new(channels, sample),
        stored,
        channels: None,
        alpha: match (alpha_planes.is_some(), is_premultiplied) {
            (false, _) => Alpha::None,
            (true, false) => Alpha::Straight,
            (true, true) => Alpha::Premultiplied,
        },
        transfer: match nclx {
            Some(nclx) if nclx.transfer == LINEAR && icc.is_none() => Transfer::Linear,
            _ => Transfer::Display,
        },
        orientation: container.orientation(primary),
        data_window: grid.image.into(),
        display_window: grid.image.into(),
        icc,
        levels: vec![LevelSpec {
            size: grid.image,
            access: if is_grid {
                Access::Chunks(grid.tile)
            } else {
                Access::Pass
            },
        }],
    };
    let described = |kind: &[u8; 4], media_type: &[u8]| {
        let mut items = container.referring(b"cdsc", primary.id);
        let found = items.find(|item| item.kind == *kind && item.media_type == media_type);
        found.cloned()
    };
    Ok(Box::new(AvifDecoder {
        exif: described(b"Exif", b""),
        xmp: described(b"mime", b"application/rdf+xml"),
        info: Arc::new(ImageInfo {
            format: Format::Avif,
            subimages: vec![spec],
        }),
        input,
        name,
        limits: limits.clone(),
        nclx,
        planes,
        alpha: alpha_planes,
    }))
}

fn is_alpha(container: &Container, item: &Item) -> bool {
    container.properties(item).any(|property| {
        matches!(property, Property::Auxiliary(purpose) if ALPHA.contains(&&purpose[..]))
    })
}

/// The streams of a picture, or of its alpha.
#[derive(Debug)]
struct Planes {
    grid: TileGrid,
    coding: Coding,
    has_grain: bool,
    /// By rows.
    items: Vec<Item>,
}

impl Planes {
    fn read(
        input: &mut Input,
        container: &Container,
        item: &Item,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let name = input.name().to_owned();
        let damaged = |reason: &str| malformed(&name, Format::Avif, reason);
        let (size, count, items) = match &item.kind {
            b"av01" => {
                let size = container.size(item);
                let size = size.ok_or_else(|| damaged("it does not say its size"))?;
                (size, Size::new(1, 1), vec![item.clone()])
            }
            b"grid" => {
                // Small, whoever wrote it.
                if item.bytes() > 12 {
                    return Err(damaged("its grid makes no sense"));
                }
                let grid = read_parts(input, &item.parts, Format::Avif)?;
                let (count, size) = grid_of(&grid).ok_or_else(|| damaged("its grid ends early"))?;
                let items: Option<Vec<Item>> = container
                    .referred(b"dimg", item.id)
                    .take(MAX_PICTURES + 1)
                    .map(|id| container.item(id).cloned())
                    .collect();
                let items = items.ok_or_else(|| damaged("a part of its grid is missing"))?;
                if items.len() as u64 != count.pixels() || items.len() > MAX_PICTURES {
                    return Err(damaged("its grid has not as many parts as it says"));
                }
                (size, count, items)
            }
            kind => {
                return Err(Error::Unsupported {
                    name,
                    format: Format::Avif,
                    feature: format!("a picture of the kind {}", kind.escape_ascii()),
                });
            }
        };
        check_size(&name, Format::Avif, size, limits)?;
        let mut tile = size;
        let mut coding = None;
        for (at, part) in items.iter().enumerate() {
            let size = container.size(part);
            let record = container
                .properties(part)
                .find_map(|property| match property {
                    Property::Codec([b'a', b'v', b'1', b'C'], record) => Coding::of(record),
                    _ => None,
                });
            let (Some(size), Some(record)) = (size, record) else {
                return Err(damaged("it does not say how its stream is coded"));
            };
            if at == 0 {
                (tile, coding) = (size, Some(record));
            }
            if part.kind != *b"av01" || tile != size || coding != Some(record) {
                return Err(damaged("the parts of its grid differ"));
            }
        }
        check_size(&name, Format::Avif, tile, limits)?;
        let grid = TileGrid::new(size, tile);
        let coding = coding.ok_or_else(|| damaged("it has no picture"))?;
        if (grid.columns(), grid.rows()) != (count.width, count.height) {
            return Err(damaged("the parts of its grid do not cover it"));
        }
        let head = first_bytes(&items[0].parts, HEAD_BYTES);
        let head = read_parts(input, &[head], Format::Avif)?;
        Ok(Self {
            grid,
            coding,
            has_grain: Outline::of(&head).is_some_and(|outline| outline.has_grain),
            items,
        })
    }

    /// Bytes of the planes of one stream; those with grain stand beside those without.
    fn plane_bytes(&self) -> u64 {
        let copies = if self.has_grain { 2 } else { 1 };
        copies * stream::plane_bytes(self.grid.tile, self.coding)
    }

    /// An upper bound of what decoding one of the streams holds beside its planes.
    fn library_bytes(&self) -> u64 {
        let longest = self.items.iter().map(Item::bytes).max().unwrap_or(0);
        stream::library_bytes(self.grid.tile, self.coding) + longest
    }

    fn decode(&self, input: &mut Input, index: usize) -> Result<Picture, Error> {
        let name = input.name().to_owned();
        let bytes = read_parts(input, &self.items[index].parts, Format::Avif)?;
        let outline = Outline::of(&bytes)
            .ok_or_else(|| malformed(&name, Format::Avif, "its stream ends early"))?;
        // What was announced is for one frame.
        if outline.frames > 1 {
            return Err(Error::Unsupported {
                name,
                format: Format::Avif,
                feature: format!("a picture of {} frames", outline.frames),
            });
        }
        if outline.has_grain && !self.has_grain {
            return Err(malformed(
                &name,
                Format::Avif,
                "the parts of its grid differ",
            ));
        }
        let (size, coding) = (self.grid.tile, self.coding);
        // Nothing that it works on outlives the call.
        catch_unwind(AssertUnwindSafe(|| {
            stream::decode(&name, bytes, size, coding)
        }))
        .unwrap_or_else(|_| Err(malformed(&name, Format::Avif, "its stream makes no sense")))
    }
}

/// So many bytes of the first part of an item.
fn first_bytes(parts: &[Range<u64>], max: u64) -> Range<u64> {
    let first = parts.first().cloned().unwrap_or_default();
    first.start..first.end.min(first.start.saturating_add(max))
}

/// Columns and rows, and the size of the picture, as a grid describes them.
fn grid_of(bytes: &[u8]) -> Option<(Size, Size)> {
    let &[0, flags, rows, columns, ref sides @ ..] = bytes else {
        return None;
    };
    let size = if flags & 1 == 0 {
        let &[a, b, c, d] = sides.first_chunk()?;
        Size::new(
            u16::from_be_bytes([a, b]).into(),
            u16::from_be_bytes([c, d]).into(),
        )
    } else {
        let &[a, b, c, d, e, f, g, h] = sides.first_chunk()?;
        Size::new(
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        )
    };
    Some((Size::new(u32::from(columns) + 1, u32::from(rows) + 1), size))
}

#[derive(Debug)]
struct AvifDecoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    /// What the container says of colours; the stream says it otherwise.
    nclx: Option<Nclx>,
    planes: Planes,
    alpha: Option<Planes>,
    exif: Option<Item>,
    xmp: Option<Item>,
}

impl Decoder for AvifDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let Ok((spec, _)) = find(&self.info, region, &self.name) else {
            return 0;
        };
        let alpha = self.alpha.as_ref();
        // One after the other, with the picture of the first kept.
        let library = (self.planes.library_bytes()).max(alpha.map_or(0, Planes::library_bytes));
        self.planes.plane_bytes()
            + alpha.map_or(0, Planes::plane_bytes)
            + library
            + Rows::room_bytes(self.planes.grid.tile.width)
            + Bands::buffer_bytes(region.rect.size(), spec.format)
            + FIXED_BYTES
    }

    fn heap_bytes(&self) -> u64 {
        let list = |planes: &Planes| {
            let item = |item: &Item| size_of::<Item>() + 64 + 32 * item.parts.len();
            planes.items.iter().map(item).sum::<usize>()
        };
        (4096 + list(&self.planes) + self.alpha.as_ref().map_or(0, list)) as u64
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let (spec, _) = find(&self.info, region, &self.name)?;
        let format = spec.format;
        let grid = self.planes.grid;
        let (columns, rows) = grid.touching(region.rect);
        for row in rows {
            for column in columns.clone() {
                let tile = grid.rect(column, row);
                let part = tile.intersect(region.rect);
                let index = grid.index(column, row) as usize;
                let color = self.planes.decode(&mut self.input, index)?;
                let alpha = match &self.alpha {
                    Some(alpha) => Some(alpha.decode(&mut self.input, index)?),
                    None => None,
                };
                let nclx = self.nclx.unwrap_or_else(|| stream::nclx_of(&color));
                let matrix = Matrix::of(nclx).ok_or_else(|| Error::Unsupported {
                    name: self.name.clone(),
                    format: Format::Avif,
                    feature: format!("matrix coefficients {}", nclx.matrix),
                })?;
                let of_alpha = (alpha.as_ref().zip(self.alpha.as_ref()))
                    .map(|(picture, planes)| (picture, planes.coding));
                let mut rows = Rows::new(
                    &color,
                    self.planes.coding,
                    nclx,
                    matrix,
                    of_alpha,
                    format.sample,
                );
                let (x, y) = (part.x - tile.x, part.y - tile.y);
                let mut bands = Bands::new(&self.name, part, format)?;
                for line in 0..part.height {
                    rows.convert(y + line, x, bands.next_row());
                    if bands.push(sink).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        let exif = self.block(&self.exif.clone())?;
        // The place of the TIFF header, counted from behind this number, stands in front.
        let exif = exif.and_then(|exif| {
            let (offset, rest) = exif.split_first_chunk::<4>()?;
            let offset = usize::try_from(u32::from_be_bytes(*offset)).ok()?;
            rest.get(offset..).map(<[u8]>::to_vec)
        });
        Ok(MetadataBlocks {
            exif,
            xmp: self.block(&self.xmp.clone())?,
            icc: self.info.subimages[0].icc.as_deref().map(<[u8]>::to_vec),
            ..MetadataBlocks::default()
        })
    }
}

impl AvifDecoder {
    fn block(&mut self, item: &Option<Item>) -> Result<Option<Vec<u8>>, Error> {
        match item {
            Some(item) if item.bytes() <= self.limits.max_metadata_bytes => {
                match read_parts(&mut self.input, &item.parts, Format::Avif) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(Error::Malformed { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            }
            _ => Ok(None),
        }
    }
}
