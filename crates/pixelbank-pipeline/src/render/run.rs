use pixelbank_image::{Rect, Size, View, ViewMut};
use pixelbank_memory::{Buffer, Holder, Reservation, Wait};

use super::{Picture, Plan, Read};
use crate::Error;
use crate::display::Row;
use crate::orient::orient;
use crate::resize::Kernels;
use crate::rotate::rotate;

/// The buffers of a plan, used again for each block.
struct Tools {
    piece: Buffer,
    source: Buffer,
    resized: Buffer,
    finished: Buffer,
    kernels: Kernels,
    row: Row,
    colored: Vec<u8>,
}

/// Takes a buffer out of what was reserved for all.
fn buffer(reservation: &mut Reservation, bytes: u64) -> Result<Buffer, Error> {
    let len = usize::try_from(bytes).map_err(|_| pixelbank_memory::Error::OutOfMemory { bytes })?;
    let part = reservation.split(Buffer::footprint(len));
    Ok(Buffer::zeroed(len, part)?)
}

fn go_on(wait: &Wait) -> Result<(), Error> {
    if wait.is_cancelled() {
        return Err(pixelbank_memory::Error::Cancelled.into());
    }
    Ok(())
}

impl Plan {
    /// Makes the picture, in memory of `holder` that is reserved at once ([`bytes`](Self::bytes)) before anything is
    /// read. Checks between bands whether `wait` was cancelled.
    ///
    /// # Errors
    /// [`Error::Memory`] where there is no room, or the caller gave up; what `read` says.
    pub fn run(&self, holder: &Holder, wait: &Wait, read: &mut Read<'_>) -> Result<Picture, Error> {
        let mut reservation = holder.reserve(self.bytes(), wait)?;
        let size = self.upright_size();
        let format = self.finish.format();
        let mut pixels = buffer(&mut reservation, format.image_bytes(size))?;
        {
            let mut tools = self.tools(&mut reservation)?;
            for index in 0..self.resize.n_blocks() {
                go_on(wait)?;
                let all = ViewMut::packed(&mut pixels, size, format)?;
                let band = all.crop(self.band(index))?;
                self.block(index, &mut tools, wait, read, band)?;
            }
        }
        let upright = Picture::of_buffer(pixels, size, format);
        let Some((degrees, format)) = self.turn else {
            return Ok(upright);
        };
        go_on(wait)?;
        let size = self.size();
        let mut pixels = buffer(&mut reservation, format.image_bytes(size))?;
        let mut turned = ViewMut::packed(&mut pixels, size, format)?;
        rotate(upright.view(), degrees, &mut turned)?;
        Ok(Picture::of_buffer(pixels, size, format))
    }

    /// Makes the picture in bands of whole rows, from the top, and hands each to `write`: the same pixels as
    /// [`run`](Self::run) makes, in memory for a band alone ([`rows_bytes`](Self::rows_bytes)).
    ///
    /// A picture for which [`has_rows`](Self::has_rows) is false is made as a whole and is one band.
    ///
    /// # Errors
    /// As `run`, and what `write` says.
    pub fn rows(
        &self,
        holder: &Holder,
        wait: &Wait,
        read: &mut Read<'_>,
        write: &mut dyn FnMut(View<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.has_rows() {
            return write(self.run(holder, wait, read)?.view());
        }
        let mut reservation = holder.reserve(self.rows_bytes(), wait)?;
        let mut pixels = buffer(&mut reservation, self.band_bytes())?;
        let mut tools = self.tools(&mut reservation)?;
        let n_blocks = self.resize.n_blocks();
        let reversed = self.band(0).y > self.band(n_blocks - 1).y;
        for step in 0..n_blocks {
            go_on(wait)?;
            let index = if reversed { n_blocks - 1 - step } else { step };
            let (size, format) = (self.band(index).size(), self.finish.format());
            let band = ViewMut::packed(&mut pixels, size, format)?;
            self.block(index, &mut tools, wait, read, band)?;
            write(View::packed(&pixels, size, format)?)?;
        }
        Ok(())
    }

    fn tools(&self, reservation: &mut Reservation) -> Result<Tools, Error> {
        let room = self.room();
        Ok(Tools {
            piece: buffer(reservation, room.piece)?,
            source: buffer(reservation, room.source)?,
            resized: buffer(reservation, room.resized)?,
            finished: buffer(reservation, room.finished)?,
            kernels: Kernels::default(),
            row: Row::default(),
            colored: Vec::new(),
        })
    }

    /// Makes one block. Each step writes into its own buffer, and the last one into the band.
    fn block(
        &self,
        index: u32,
        tools: &mut Tools,
        wait: &Wait,
        read: &mut Read<'_>,
        mut band: ViewMut<'_>,
    ) -> Result<(), Error> {
        let block = self.resize.block(index);
        let (source, target) = (block.source.size(), block.target.size());
        let working = self.display.format();
        let (resizes, colors, orients) = (self.resizes(), self.colors(), self.orients());
        let Tools {
            piece,
            source: source_buffer,
            resized,
            finished,
            kernels,
            row,
            colored,
        } = tools;

        if !(resizes || colors || orients) {
            return self.fetch(block.source, piece, row, wait, read, band);
        }
        let pixels = ViewMut::packed(source_buffer, source, working)?;
        self.fetch(block.source, piece, row, wait, read, pixels)?;
        let mut current = View::packed(source_buffer, source, working)?;

        if resizes {
            if !(colors || orients) {
                return self.resize.run_block(kernels, index, current, &mut band);
            }
            let mut pixels = ViewMut::packed(resized, target, working)?;
            self.resize
                .run_block(kernels, index, current, &mut pixels)?;
            current = View::packed(resized, target, working)?;
        }
        if colors {
            if !orients {
                self.color(row, colored, current, band);
                return Ok(());
            }
            let format = self.finish.format();
            let pixels = ViewMut::packed(finished, target, format)?;
            self.color(row, colored, current, pixels);
            current = View::packed(finished, target, format)?;
        }
        orient(self.orientation, current, &mut band)
    }

    /// Reads the pixels of `rect`, converted to 8 bits where that comes first.
    fn fetch(
        &self,
        rect: Rect,
        piece: &mut Buffer,
        row: &mut Row,
        wait: &Wait,
        read: &mut Read<'_>,
        mut to: ViewMut<'_>,
    ) -> Result<(), Error> {
        if !self.converts_first() {
            return read(self.level, rect, to);
        }
        let format = self.display.source_format();
        let rows = self.piece_rows(rect.size());
        for top in (0..rect.height).step_by(rows as usize) {
            go_on(wait)?;
            let size = Size::new(rect.width, rows.min(rect.height - top));
            let part = Rect::new(rect.x, rect.y + top, size.width, size.height);
            read(self.level, part, ViewMut::packed(piece, size, format)?)?;
            let pixels = View::packed(piece, size, format)?;
            for (y, pixels) in (top..).zip(pixels.rows()) {
                self.display.row(row, pixels, to.row_mut(y));
            }
        }
        Ok(())
    }

    /// Converts colours after the resize, and finishes them.
    fn color(&self, row: &mut Row, colored: &mut Vec<u8>, from: View<'_>, mut to: ViewMut<'_>) {
        let both = self.converts_last() && !self.finish.is_identity();
        for (y, pixels) in (0..).zip(from.rows()) {
            if both {
                if colored.len() != pixels.len() {
                    *colored = vec![0; pixels.len()];
                }
                self.display.row(row, pixels, colored);
                self.finish.row(colored, to.row_mut(y));
            } else if self.converts_last() {
                self.display.row(row, pixels, to.row_mut(y));
            } else {
                self.finish.row(pixels, to.row_mut(y));
            }
        }
    }
}
