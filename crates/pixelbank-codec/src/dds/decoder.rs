//! Regions of a texture.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use pixelbank_image::{Access, ImageSpec, LevelSpec, Orientation, Size, Stored};

use super::header::{Header, Pictures};
use crate::bands::Bands;
use crate::request::{accept, find, read_error, zeroed};
use crate::{Band, Decoder, Error, Flow, Format, ImageInfo, Input, Limits, MetadataBlocks, Region};

/// What a cache does well to take at a time: any block could be got at by itself.
const CHUNK: Size = Size::new(256, 256);

/// Bytes that are read at a time where a region has whole rows.
const READ_BYTES: u64 = 64 << 10;

pub(crate) fn open(mut input: Input, limits: &Limits) -> Result<Box<dyn Decoder>, Error> {
    let header = Header::read(&mut input, limits)?;
    let (count, n_levels) = match header.pictures {
        Pictures::Elements(count) => (count, header.levels),
        // A slice has no counterpart in the next level, which has half as many.
        Pictures::Slices(count) => (count, 1),
    };
    let spec = ImageSpec {
        format: header.layout.format(),
        stored: Stored::new(header.layout.stored()),
        channels: None,
        alpha: header.alpha,
        transfer: header.layout.transfer(),
        orientation: Orientation::Normal,
        data_window: header.size.into(),
        display_window: header.size.into(),
        icc: None,
        levels: (0..n_levels)
            .map(|level| LevelSpec {
                size: level_size(header.size, level),
                access: Access::Chunks(CHUNK),
            })
            .collect(),
    };
    let count = count.min(limits.max_subimages.max(1));
    Ok(Box::new(DdsDecoder {
        name: input.name().to_owned(),
        input,
        limits: limits.clone(),
        info: Arc::new(ImageInfo {
            format: Format::Dds,
            subimages: vec![spec; count as usize],
        }),
        header,
    }))
}

fn level_size(size: Size, level: u32) -> Size {
    let halved = |side: u32| (side >> level).max(1);
    Size::new(halved(size.width), halved(size.height))
}

#[derive(Debug)]
struct DdsDecoder {
    input: Input,
    name: String,
    limits: Limits,
    info: Arc<ImageInfo>,
    header: Header,
}

/// What is read for a region: units (pixels or blocks) from `first` on, `count` of them in each direction.
struct Plan {
    /// Where the first of them lies in the file.
    at: u64,
    /// Bytes from one row of units to the next.
    stride: u64,
    /// Bytes of the units of a row that are wanted.
    wanted: u64,
    first_row: u32,
    rows: u32,
    /// Rows of units that are read at a time.
    rows_at_once: u32,
    /// Pixels of a converted row in front of the region.
    skip: u32,
    /// Pixels of a converted row.
    width: u32,
}

impl DdsDecoder {
    /// Bytes of a level of one picture.
    fn level_bytes(&self, level: u32) -> u64 {
        let layout = self.header.layout;
        let size = level_size(self.header.size, level);
        let side = layout.side();
        // Sides are below 2^32 and a unit has at most 16 bytes, so this can pass 2^64 where no limit stopped it before.
        u64::from(size.width.div_ceil(side))
            .saturating_mul(size.height.div_ceil(side).into())
            .saturating_mul(layout.bytes())
    }

    fn level_at(&self, subimage: u32, level: u32) -> u64 {
        let before: u64 = match self.header.pictures {
            Pictures::Elements(_) => {
                let bytes = |levels: u32| {
                    (0..levels).fold(0, |sum: u64, level| {
                        sum.saturating_add(self.level_bytes(level))
                    })
                };
                bytes(self.header.levels)
                    .saturating_mul(subimage.into())
                    .saturating_add(bytes(level))
            }
            Pictures::Slices(_) => self.level_bytes(0).saturating_mul(subimage.into()),
        };
        self.header.data_at.saturating_add(before)
    }

    fn plan(&self, region: &Region, level: Size) -> Plan {
        let layout = self.header.layout;
        let (side, bytes) = (layout.side(), layout.bytes());
        let rect = region.rect;
        let end = |end: u64| end.div_ceil(side.into()) as u32;
        let (column, row) = (rect.x / side, rect.y / side);
        let columns = end(rect.right()) - column;
        let rows = end(rect.bottom()) - row;
        let stride = u64::from(level.width.div_ceil(side)) * bytes;
        let wanted = u64::from(columns) * bytes;
        let rows_at_once = if wanted == stride {
            ((READ_BYTES / stride) as u32).clamp(1, rows.max(1))
        } else {
            1
        };
        Plan {
            at: self
                .level_at(region.subimage, region.level)
                .saturating_add(u64::from(row) * stride + u64::from(column) * bytes),
            stride,
            wanted,
            first_row: row,
            rows,
            rows_at_once,
            skip: rect.x - column * side,
            width: columns * side,
        }
    }

    /// The pixels of one row of units.
    fn converted(&self, plan: &Plan) -> Size {
        Size::new(plan.width, self.header.layout.side())
    }
}

impl Decoder for DdsDecoder {
    fn info(&self) -> &Arc<ImageInfo> {
        &self.info
    }

    fn working_bytes(&self, region: &Region) -> u64 {
        let Ok((spec, level)) = find(&self.info, region, &self.name) else {
            return 0;
        };
        let plan = self.plan(region, level.size);
        Bands::buffer_bytes(region.rect.size(), spec.format)
            + plan.wanted * u64::from(plan.rows_at_once)
            + spec.format.image_bytes(self.converted(&plan))
            + 1024
    }

    fn decode(
        &mut self,
        region: &Region,
        sink: &mut dyn FnMut(Band<'_>) -> Flow,
    ) -> Result<(), Error> {
        if !accept(self, region, &self.name, &self.limits)? {
            return Ok(());
        }
        let (spec, level) = find(&self.info, region, &self.name)?;
        let (format, rect) = (spec.format, region.rect);
        let plan = self.plan(region, level.size);
        let layout = self.header.layout;
        let mut bands = Bands::new(&self.name, rect, format)?;
        let mut stored = zeroed(&self.name, plan.wanted * u64::from(plan.rows_at_once))?;
        let mut pixels = zeroed(&self.name, format.image_bytes(self.converted(&plan)))?;
        let row_bytes = format.row_bytes(plan.width);
        let cut = format.row_bytes(plan.skip)..format.row_bytes(plan.skip + rect.width);
        let mut done = 0;
        while done < plan.rows {
            let count = plan.rows_at_once.min(plan.rows - done);
            let stored = &mut stored[..(plan.wanted * u64::from(count)) as usize];
            let at = plan.at.saturating_add(u64::from(done) * plan.stride);
            self.input
                .seek(SeekFrom::Start(at))
                .and_then(|_| self.input.read_exact(stored))
                .map_err(|source| read_error(&self.name, Format::Dds, source))?;
            for (index, units) in (0..).zip(stored.chunks_exact(plan.wanted as usize)) {
                layout.convert(units, &mut pixels);
                let top = (plan.first_row + done + index) * layout.side();
                for (y, row) in (top..).zip(pixels.chunks_exact(row_bytes)) {
                    if y < rect.y || u64::from(y) >= rect.bottom() {
                        continue;
                    }
                    bands.next_row().copy_from_slice(&row[cut.clone()]);
                    if bands.push(sink).is_break() {
                        return Ok(());
                    }
                }
            }
            done += count;
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<MetadataBlocks, Error> {
        Ok(MetadataBlocks {
            texts: vec![("Compression".to_owned(), self.header.layout.name())],
            ..MetadataBlocks::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_halve_down_to_one() {
        let size = Size::new(5, 2);
        let sizes = [0, 1, 2, 3].map(|level| level_size(size, level));
        let expected = [(5, 2), (2, 1), (1, 1), (1, 1)].map(|(w, h)| Size::new(w, h));
        assert_eq!(sizes, expected);
    }
}
