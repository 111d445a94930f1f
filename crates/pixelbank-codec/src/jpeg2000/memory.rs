//! What the library allocates for a part of a tile, from above: counted over the structures that it makes of the headers.
//!
//! Sizes are those of OpenJPEG 2.5 on machines of 64 bits, each block with what the allocator adds.

use super::geometry::{Area, cells};
use super::header::{
    Coding, STYLE_BYPASS, STYLE_HIGH_THROUGHPUT, STYLE_TERMINATED, Siz, TileCoding, precincts,
};

/// What the allocator adds to a block, and rounds it up by.
const BLOCK_BYTES: u64 = 24;

/// The codec, its tables, the buffer that it reads by, and a code-block while it is decoded.
const FIXED_BYTES: u64 = super::library::READ_BYTES as u64 + (128 << 10);

/// A component's parameters, for all tiles and for this one, and its resolutions.
const COMPONENT_BYTES: u64 = 4 << 10;
const RESOLUTION_BYTES: u64 = 512;

const PRECINCT_BYTES: u64 = 56;
const CODE_BLOCK_BYTES: u64 = 88;
/// The ten segments that each code-block has room for.
const SEGMENTS_BYTES: u64 = 240;
const SEGMENT_BYTES: u64 = 24;
const CHUNK_BYTES: u64 = 16;
const TREE_BYTES: u64 = 32;
const TREE_NODE_BYTES: u64 = 24;

/// Samples of a side of the pieces in which a part of a tile is put together.
const PIECE_EXPONENT: u32 = 6;

/// Samples around a part that the wavelets look at, at each resolution.
const REACH: u32 = 4;

/// Bytes that a wavelet needs for a row or column: eight or sixteen of them side by side.
const LINE_BYTES: u64 = 64;

/// What is decoded of a tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub tile: Area,
    /// Within it, on the reference grid.
    pub window: Area,
    /// Halvings that are left out.
    pub level: u32,
    /// Bytes of the tile's packets.
    pub packet_bytes: u64,
    /// Bytes of the headers of its tile-parts.
    pub header_bytes: u64,
}

/// An upper bound of the bytes that the library holds while it decodes `part`.
pub(super) fn library_bytes(siz: &Siz, coding: &TileCoding, part: &Part) -> u64 {
    let is_whole = part.window == part.tile;
    let layers = u64::from(coding.layers);
    let mut total = FIXED_BYTES;
    // Packet headers that stand in the tile's header are kept twice.
    total += part.packet_bytes + 2 * part.header_bytes;
    let copies_blocks = layers > 1
        || coding
            .components
            .iter()
            .any(|coding| coding.style & STYLE_HIGH_THROUGHPUT != 0);
    if copies_blocks {
        // A code-block's bytes are put together: as many as all have, at worst.
        total += part.packet_bytes;
    }
    let (mut n_blocks, mut most_precincts, mut most_levels, mut widest) = (0u64, 0, 0, 0);
    let mut largest_scratch = 0;
    for (component, coding) in siz.components.iter().zip(&coding.components) {
        let area = part.tile.divided(component.dx, component.dy);
        let window = part.window.divided(component.dx, component.dy);
        most_levels = most_levels.max(u64::from(coding.levels) + 1);
        total += COMPONENT_BYTES + u64::from(coding.levels + 1) * RESOLUTION_BYTES;
        for resolution in 0..=coding.levels {
            let (columns, rows) = precincts(coding, &area, resolution);
            most_precincts = most_precincts.max(columns.saturating_mul(rows));
            let (structure, blocks) = bands_bytes(coding, &area, resolution, columns * rows);
            total = total.saturating_add(structure);
            n_blocks = n_blocks.saturating_add(blocks);
        }
        let samples = window.reduced(part.level).samples();
        total = total.saturating_add(samples * 4 + BLOCK_BYTES);
        let reduced = area.reduced(part.level);
        widest = widest.max(reduced.width()).max(reduced.height());
        if !is_whole {
            let (blocks, scratch) = window_bytes(coding, &area, &window, part.level);
            total = total.saturating_add(blocks);
            largest_scratch = largest_scratch.max(scratch);
        }
    }
    total += largest_scratch + u64::from(widest) * LINE_BYTES;
    total = total.saturating_add(segment_bytes(coding, n_blocks, part.packet_bytes));
    // Which packets were met: a number of two bytes each.
    let met = most_precincts
        .saturating_mul(siz.components.len() as u64 * most_levels)
        .saturating_mul((layers + 1) * 2);
    total.saturating_add(met)
}

/// The precincts and code-blocks of the bands of a resolution, and how many code-blocks these are.
fn bands_bytes(coding: &Coding, component: &Area, resolution: u8, n_precincts: u64) -> (u64, u64) {
    let (width, height) = block(coding, resolution);
    let (precinct_width, precinct_height) = band_precinct(coding, resolution);
    let (mut bytes, mut n_blocks) = (0u64, 0u64);
    for band in bands(coding, component, resolution) {
        let (columns, rows) = (
            cells(band.x0, band.x1, width),
            cells(band.y0, band.y1, height),
        );
        let blocks = columns.saturating_mul(rows);
        let nodes = tree_nodes(
            columns.min(1 << (precinct_width - width)),
            rows.min(1 << (precinct_height - height)),
        );
        // Precincts that are cut by the edge have smaller trees.
        let nodes = n_precincts
            .saturating_mul(nodes)
            .min(blocks.saturating_mul(2).saturating_add(n_precincts));
        bytes =
            bytes
                .saturating_add(n_precincts.saturating_mul(
                    PRECINCT_BYTES + 2 * (TREE_BYTES + 2 * BLOCK_BYTES) + BLOCK_BYTES,
                ))
                .saturating_add(nodes.saturating_mul(2 * TREE_NODE_BYTES));
        n_blocks = n_blocks.saturating_add(blocks);
    }
    let each = CODE_BLOCK_BYTES + SEGMENTS_BYTES + BLOCK_BYTES;
    (
        bytes.saturating_add(n_blocks.saturating_mul(each)),
        n_blocks,
    )
}

/// The nodes of a tree over a rectangle of leaves, halved until one is left.
fn tree_nodes(mut columns: u64, mut rows: u64) -> u64 {
    let mut nodes = columns * rows;
    while columns * rows > 1 {
        (columns, rows) = (columns.div_ceil(2), rows.div_ceil(2));
        nodes += columns * rows;
    }
    nodes
}

/// What code-blocks hold of the packets: a list of their pieces that doubles, and more segments than there is room for at
/// first. Each costs bits of the packets, so that these are a bound too.
fn segment_bytes(coding: &TileCoding, n_blocks: u64, packet_bytes: u64) -> u64 {
    let layers = u64::from(coding.layers);
    let is_split = coding
        .components
        .iter()
        .any(|coding| coding.style & (STYLE_BYPASS | STYLE_TERMINATED) != 0);
    // Passes of one code-block: three for each of 37 bit planes at most, and 164 in one packet.
    let segments = if is_split { 164 * layers } else { 2 * layers };
    let chunks = (segments / if is_split { 1 } else { 2 } + 1).next_power_of_two();
    let each = (chunks * CHUNK_BYTES + BLOCK_BYTES)
        .saturating_add(segments.saturating_sub(10).next_multiple_of(10) * SEGMENT_BYTES);
    // A segment costs three bits and more; its entry and its piece are held, twice while their lists grow.
    let by_bits = n_blocks
        .saturating_mul(CHUNK_BYTES + BLOCK_BYTES)
        .saturating_add(packet_bytes.saturating_mul(100));
    n_blocks.saturating_mul(each).min(by_bits)
}

/// Code-blocks that a part of a tile is decoded from, and the scratch space in which it is put together.
fn window_bytes(coding: &Coding, component: &Area, window: &Area, level: u32) -> (u64, u64) {
    let Some(top) = u32::from(coding.levels).checked_sub(level) else {
        return (0, 0);
    };
    let whole = component.reduced(level);
    let grid = |area: &Area| {
        cells(area.x0, area.x1, PIECE_EXPONENT) * cells(area.y0, area.y1, PIECE_EXPONENT)
    };
    let origin = |area: Area, x: u32, y: u32| Area {
        x0: area.x0 + x,
        y0: area.y0 + y,
        x1: area.x1 + x,
        y1: area.y1 + y,
    };
    let (mut blocks, mut pieces) = (0, 0);
    for resolution in 0..=top as u8 {
        let steps = u32::from(coding.levels - resolution);
        let area = component.reduced(steps);
        let below = component.reduced(steps + 1);
        let (width, height) = block(coding, resolution);
        let halvings = if resolution == 0 { steps } else { steps + 1 };
        for (number, band) in bands(coding, component, resolution).enumerate() {
            // The part of the band that the window needs, and around it what the wavelets look at.
            let seen = window.reduced(halvings);
            let seen = Area {
                x0: seen.x0.saturating_sub(REACH + 1),
                y0: seen.y0.saturating_sub(REACH + 1),
                x1: seen.x1 + REACH + 1,
                y1: seen.y1 + REACH + 1,
            };
            let near = seen.intersection(&band);
            if near.is_empty() {
                continue;
            }
            let around = |start: u32, end: u32, exponent: u32| {
                let start = start >> exponent << exponent;
                let end = ((u64::from(end - 1) >> exponent) + 1) << exponent;
                (start, end.min(u64::from(u32::MAX)) as u32)
            };
            let (x0, x1) = around(near.x0, near.x1, width);
            let (y0, y1) = around(near.y0, near.y1, height);
            let held = Area { x0, y0, x1, y1 }.intersection(&band);
            let n_blocks = cells(x0, x1, width) * cells(y0, y1, height);
            blocks += held.samples() * 4 + n_blocks * 2 * BLOCK_BYTES;
            // Bands lie beside and below those of lower resolutions.
            let number = number as u32 + u32::from(resolution > 0);
            let at = Area {
                x0: held.x0 - band.x0,
                y0: held.y0 - band.y0,
                x1: held.x1 - band.x0,
                y1: held.y1 - band.y0,
            };
            pieces += grid(&origin(
                at,
                if number & 1 != 0 { below.width() } else { 0 },
                if number & 2 != 0 { below.height() } else { 0 },
            ));
        }
        // And what is made of them.
        let made = window.reduced(steps);
        let made = Area {
            x0: made.x0.saturating_sub(2 * REACH),
            y0: made.y0.saturating_sub(2 * REACH),
            x1: made.x1 + 2 * REACH,
            y1: made.y1 + 2 * REACH,
        }
        .intersection(&area);
        if !made.is_empty() {
            let at = made.within(&area);
            let columns = cells(at.x, at.x + at.width, PIECE_EXPONENT);
            pieces += columns * cells(at.y, at.y + at.height, PIECE_EXPONENT);
            // On the way to it its columns are whole already, while low and high rows still lie apart.
            if resolution > 0 {
                let seen = window.reduced(steps + 1);
                let rows = seen.height() + 2 * (REACH + 1);
                pieces += columns * 2 * (u64::from(rows >> PIECE_EXPONENT) + 2);
            }
        }
    }
    let all = cells(0, whole.width(), PIECE_EXPONENT) * cells(0, whole.height(), PIECE_EXPONENT);
    // Tiles that are smaller than a piece have pieces of their own size.
    let piece_samples = u64::from(whole.width().min(1 << PIECE_EXPONENT))
        * u64::from(whole.height().min(1 << PIECE_EXPONENT));
    let scratch = all * 8 + pieces.min(all) * (piece_samples * 4 + BLOCK_BYTES) + 2 * BLOCK_BYTES;
    (blocks, scratch)
}

/// The sides of precincts within a band, as powers of two.
fn band_precinct(coding: &Coding, resolution: u8) -> (u32, u32) {
    let (width, height) = coding.precinct(resolution);
    let half = u32::from(resolution > 0);
    (width - half, height - half)
}

/// The sides of code-blocks, which are no larger than precincts.
fn block(coding: &Coding, resolution: u8) -> (u32, u32) {
    let (width, height) = band_precinct(coding, resolution);
    (coding.block.0.min(width), coding.block.1.min(height))
}

/// The bands that a resolution adds.
fn bands(coding: &Coding, component: &Area, resolution: u8) -> impl Iterator<Item = Area> {
    let steps = u32::from(coding.levels - resolution);
    let component = *component;
    let numbers = if resolution == 0 { 0..1 } else { 1..4 };
    numbers.map(move |number| {
        if number == 0 {
            return component.reduced(steps);
        }
        let side = |value: u32, is_high: bool| {
            let shift = if is_high { 1u64 << steps } else { 0 };
            let value = u64::from(value).saturating_sub(shift);
            ((value + (1u64 << (steps + 1)) - 1) >> (steps + 1)) as u32
        };
        let (x, y) = (number & 1 != 0, number & 2 != 0);
        Area {
            x0: side(component.x0, x),
            y0: side(component.y0, y),
            x1: side(component.x1, x),
            y1: side(component.y1, y),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_have_all_their_nodes() {
        assert_eq!(tree_nodes(1, 1), 1);
        assert_eq!(tree_nodes(4, 4), 21);
        assert_eq!(tree_nodes(5, 1), 5 + 3 + 2 + 1);
        assert_eq!(tree_nodes(0, 3), 0);
    }
}
