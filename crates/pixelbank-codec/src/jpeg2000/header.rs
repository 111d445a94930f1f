//! The headers of a code stream: how large the picture is, how it is cut, and how its parts are coded.

use super::geometry::Area;

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged(String),
    Unsupported(String),
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.to_owned())
    }
}

pub(super) fn unsupported(feature: impl ToString) -> Fault {
    Fault::Unsupported(feature.to_string())
}

/// Markers of which something is read here.
pub(super) mod marker {
    pub const SOC: u16 = 0xff4f;
    pub const CAP: u16 = 0xff50;
    pub const SIZ: u16 = 0xff51;
    pub const COD: u16 = 0xff52;
    pub const COC: u16 = 0xff53;
    pub const TLM: u16 = 0xff55;
    pub const PLM: u16 = 0xff57;
    pub const PLT: u16 = 0xff58;
    pub const CPF: u16 = 0xff59;
    pub const QCD: u16 = 0xff5c;
    pub const QCC: u16 = 0xff5d;
    pub const RGN: u16 = 0xff5e;
    pub const POC: u16 = 0xff5f;
    pub const PPM: u16 = 0xff60;
    pub const PPT: u16 = 0xff61;
    pub const CRG: u16 = 0xff63;
    pub const COM: u16 = 0xff64;
    pub const SOT: u16 = 0xff90;
    pub const SOD: u16 = 0xff93;
    pub const EOC: u16 = 0xffd9;
}

/// More channels than a pixel can have here.
const MAX_COMPONENTS: usize = 255;

/// What the numbers of tiles can tell apart.
const MAX_TILES: u64 = 65_535;

/// The most resolutions of a component: 32 halvings.
const MAX_LEVELS: u8 = 32;

/// The numbers of a segment, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    pub fn u8(&mut self) -> Result<u8, Fault> {
        let (&first, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(first)
    }

    pub fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from(self.u8()?) << 8 | u16::from(self.u8()?))
    }

    pub fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }
}

const SHORT: &str = "a segment of its header is too short";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub bits: u8,
    pub is_signed: bool,
    /// Columns and rows of the reference grid for each of its samples.
    pub dx: u32,
    pub dy: u32,
}

/// The segment SIZ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Siz {
    pub capabilities: u16,
    /// The picture, on the reference grid.
    pub image: Area,
    /// The first tile before it is cut to the picture.
    pub tile: Area,
    pub components: Vec<Component>,
}

impl Siz {
    pub fn read(segment: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields(segment);
        let capabilities = fields.u16()?;
        let [x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0] = [(); 8]
            .map(|()| fields.u32())
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?
            .try_into()
            .expect("eight were asked for");
        let image = Area { x0, y0, x1, y1 };
        // The library counts with signs.
        if x1.max(y1) > i32::MAX as u32 {
            return Err(unsupported("coordinates of more than 31 bits"));
        }
        if tile_width == 0 || tile_height == 0 {
            return Err("its tiles have no pixels".into());
        }
        let is_grid_right = tile_x0 <= x0
            && tile_y0 <= y0
            && u64::from(tile_x0) + u64::from(tile_width) > u64::from(x0)
            && u64::from(tile_y0) + u64::from(tile_height) > u64::from(y0);
        if !image.is_empty() && !is_grid_right {
            return Err("its first tile lies outside the picture".into());
        }
        let tile = Area {
            x0: tile_x0,
            y0: tile_y0,
            x1: tile_x0.saturating_add(tile_width),
            y1: tile_y0.saturating_add(tile_height),
        };
        let count = usize::from(fields.u16()?);
        if count == 0 {
            return Err("it has no components".into());
        }
        if count > MAX_COMPONENTS {
            return Err(unsupported(format!("{count} components")));
        }
        let mut components = Vec::new();
        for _ in 0..count {
            let depth = fields.u8()?;
            let (dx, dy) = (fields.u8()?, fields.u8()?);
            if dx == 0 || dy == 0 {
                return Err("a component has no density".into());
            }
            components.push(Component {
                bits: (depth & 0x7f) + 1,
                is_signed: depth & 0x80 != 0,
                dx: dx.into(),
                dy: dy.into(),
            });
        }
        let siz = Self {
            capabilities,
            image,
            tile,
            components,
        };
        let (columns, rows) = siz.tiles();
        if columns * rows > MAX_TILES {
            return Err(Fault::Damaged(format!(
                "it has {} tiles, of which the format allows {MAX_TILES}",
                columns * rows
            )));
        }
        Ok(siz)
    }

    /// Tiles in a row, and rows of tiles.
    pub fn tiles(&self) -> (u64, u64) {
        let count = |start: u32, side: u32, end: u32| {
            u64::from(end.saturating_sub(start)).div_ceil(u64::from(side))
        };
        (
            count(self.tile.x0, self.tile.width(), self.image.x1),
            count(self.tile.y0, self.tile.height(), self.image.y1),
        )
    }

    /// The part of the picture in one tile.
    pub fn tile_area(&self, column: u32, row: u32) -> Area {
        let start = |first: u32, side: u32, index: u32| {
            (u64::from(first) + u64::from(side) * u64::from(index)).min(u64::from(u32::MAX)) as u32
        };
        let (width, height) = (self.tile.width(), self.tile.height());
        let x0 = start(self.tile.x0, width, column);
        let y0 = start(self.tile.y0, height, row);
        Area {
            x0,
            y0,
            x1: x0.saturating_add(width),
            y1: y0.saturating_add(height),
        }
        .intersection(&self.image)
    }

    /// Whether every pixel of a level finds its samples in its own tile, so that tiles can be decoded by themselves.
    pub fn fits_tiles(&self, level: u32) -> bool {
        let (columns, rows) = self.tiles();
        self.components.iter().all(|component| {
            let fits = |count: u64, start: u32, side: u32, density: u32| {
                let unit = u64::from(density) << level.min(31);
                density == 1
                    || count == 1
                    || u64::from(start).is_multiple_of(unit) && u64::from(side).is_multiple_of(unit)
            };
            fits(columns, self.tile.x0, self.tile.width(), component.dx)
                && fits(rows, self.tile.y0, self.tile.height(), component.dy)
        })
    }
}

/// How a component of a tile is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coding {
    /// Halvings that are stored.
    pub levels: u8,
    /// Sides of code-blocks, as powers of two.
    pub block: (u32, u32),
    pub style: u8,
    pub is_reversible: bool,
    /// Sides of precincts, lowest resolution first; the largest for all where it is empty.
    precincts: Vec<u8>,
}

/// Styles of code-blocks: arithmetic coding is passed by, ends with each pass, is that of HTJ2K.
pub(super) const STYLE_BYPASS: u8 = 1;
pub(super) const STYLE_TERMINATED: u8 = 4;
pub(super) const STYLE_HIGH_THROUGHPUT: u8 = 0x40;

impl Coding {
    fn read(fields: &mut Fields<'_>, has_precincts: bool) -> Result<Self, Fault> {
        let levels = fields.u8()?;
        if levels > MAX_LEVELS {
            return Err("it has more than 32 levels".into());
        }
        let block = (
            u32::from(fields.u8()? & 15) + 2,
            u32::from(fields.u8()? & 15) + 2,
        );
        if block.0 > 10 || block.1 > 10 || block.0 + block.1 > 12 {
            return Err("its code-blocks are larger than the format allows".into());
        }
        let style = fields.u8()?;
        if style & STYLE_HIGH_THROUGHPUT != 0 && style & 0x80 != 0 {
            return Err(unsupported("code-blocks of both kinds"));
        }
        let is_reversible = fields.u8()? == 1;
        let mut precincts = Vec::new();
        if has_precincts {
            for resolution in 0..=levels {
                let sides = fields.u8()?;
                // A precinct is cut in two for the bands of all resolutions but the lowest.
                if resolution > 0 && (sides & 15 == 0 || sides >> 4 == 0) {
                    return Err("it has precincts without a side".into());
                }
                precincts.push(sides);
            }
        }
        Ok(Self {
            levels,
            block,
            style,
            is_reversible,
            precincts,
        })
    }

    /// The sides of the precincts of a resolution, as powers of two.
    pub fn precinct(&self, resolution: u8) -> (u32, u32) {
        let sides = self.precincts.get(usize::from(resolution));
        let sides = sides.copied().unwrap_or(0xff);
        (u32::from(sides & 15), u32::from(sides >> 4))
    }
}

/// How a tile is coded: what the segments COD, COC and POC say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TileCoding {
    pub layers: u16,
    pub progression: u8,
    /// Whether the progression changes within the tile.
    pub changes: u16,
    pub has_start_marks: bool,
    pub components: Vec<Coding>,
}

impl TileCoding {
    /// From the segment COD.
    pub fn read(segment: &[u8], n_components: usize) -> Result<Self, Fault> {
        let mut fields = Fields(segment);
        let style = fields.u8()?;
        let progression = fields.u8()?;
        if progression > 4 {
            return Err(format!("it has a progression of kind {progression}")
                .as_str()
                .into());
        }
        let layers = fields.u16()?;
        if layers == 0 {
            return Err("it has no layers".into());
        }
        fields.u8()?;
        let coding = Coding::read(&mut fields, style & 1 != 0)?;
        Ok(Self {
            layers,
            progression,
            changes: 0,
            has_start_marks: style & 2 != 0,
            components: vec![coding; n_components],
        })
    }

    /// The segment COD of a tile, which takes the place of everything but changes of progression.
    pub fn replace(&mut self, segment: &[u8]) -> Result<(), Fault> {
        let new = Self::read(segment, self.components.len())?;
        *self = Self {
            changes: self.changes,
            ..new
        };
        Ok(())
    }

    /// The segment COC.
    pub fn read_component(&mut self, segment: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields(segment);
        let number = self.component(&mut fields)?;
        let style = fields.u8()?;
        self.components[number] = Coding::read(&mut fields, style & 1 != 0)?;
        Ok(())
    }

    /// The segment POC.
    pub fn read_changes(&mut self, segment: &[u8]) -> Result<(), Fault> {
        let entry = if self.components.len() < 257 { 7 } else { 9 };
        if segment.is_empty() || !segment.len().is_multiple_of(entry) {
            return Err("it has changes of progression of a wrong length".into());
        }
        self.changes += (segment.len() / entry) as u16;
        // As many as the library has room for.
        if self.changes > 31 {
            return Err(unsupported("more than 31 changes of progression"));
        }
        Ok(())
    }

    fn component(&self, fields: &mut Fields<'_>) -> Result<usize, Fault> {
        let number = usize::from(fields.u8()?);
        if number >= self.components.len() {
            return Err("it speaks of a component that it does not have".into());
        }
        Ok(number)
    }

    /// Bytes that it holds beside itself.
    pub fn heap_bytes(&self) -> usize {
        let precincts = self.components.iter().map(|c| c.precincts.capacity());
        self.components.capacity() * size_of::<Coding>() + precincts.sum::<usize>()
    }

    /// The halvings that all components have.
    pub fn levels(&self) -> u8 {
        self.components.iter().map(|c| c.levels).min().unwrap_or(0)
    }
}

/// The precincts of a resolution of a component of a tile: how many in a row, and how many rows.
pub(super) fn precincts(coding: &Coding, component: &Area, resolution: u8) -> (u64, u64) {
    let area = component.reduced(u32::from(coding.levels - resolution));
    let (width, height) = coding.precinct(resolution);
    (
        super::geometry::cells(area.x0, area.x1, width),
        super::geometry::cells(area.y0, area.y1, height),
    )
}

/// The packets of a tile: a layer of a precinct each.
pub(super) fn packets(siz: &Siz, coding: &TileCoding, tile: &Area) -> u64 {
    let parts = siz.components.iter().zip(&coding.components);
    let precincts = parts.flat_map(|(component, coding)| {
        let area = tile.divided(component.dx, component.dy);
        (0..=coding.levels).map(move |resolution| {
            let (columns, rows) = precincts(coding, &area, resolution);
            columns.saturating_mul(rows)
        })
    });
    precincts
        .fold(0u64, u64::saturating_add)
        .saturating_mul(coding.layers.into())
}

/// The places that a walk by position looks at: the library steps by the least sides of all precincts, those of different
/// resolutions together, at each of which it looks at every resolution.
pub(super) fn positions(siz: &Siz, coding: &TileCoding, tile: &Area) -> u64 {
    if coding.progression < 2 && coding.changes == 0 {
        return 0;
    }
    let (mut step_x, mut step_y, mut resolutions) = (u64::MAX, u64::MAX, 0);
    for (component, coding) in siz.components.iter().zip(&coding.components) {
        for resolution in 0..=coding.levels {
            let (width, height) = coding.precinct(resolution);
            let steps = u32::from(coding.levels - resolution);
            step_x = step_x.min(u64::from(component.dx) << (width + steps).min(40));
            step_y = step_y.min(u64::from(component.dy) << (height + steps).min(40));
            resolutions += 1;
        }
    }
    let steps = |side: u32, step: u64| u64::from(side) / step + 2;
    steps(tile.width(), step_x)
        .saturating_mul(steps(tile.height(), step_y))
        .saturating_mul(resolutions)
}
