//! DXF: its sections and blocks. A block is read again, from where it stands, as often as it is placed, so that nothing of it
//! is kept.

mod entity;
mod pairs;

use std::collections::HashMap;

use pixelbank_memory::Reservation;

use super::Job;
use crate::Transform;
use crate::error::{Fault, check_limit, malformed};
use entity::Entities;
use pairs::Pairs;

/// How deep blocks may be nested.
const MAX_DEPTH: u32 = 16;

/// A block that can be placed.
#[derive(Clone, Copy)]
struct Block {
    /// Where its entities begin.
    offset: u64,
    base: [f64; 3],
}

/// The blocks by their names, and what they may still cost.
pub(super) struct Blocks {
    by_name: HashMap<Vec<u8>, Block>,
    paid: Reservation,
    max_parts: u64,
    /// Places of blocks so far.
    n_placed: u64,
    /// Bytes of blocks that were read so far, and that may be: what places blocks in blocks can ask for all of them over and
    /// over.
    n_again: u64,
    max_again: u64,
}

pub(super) fn read(job: &mut Job) -> Result<(), Fault> {
    let limits = job.limits;
    let max_again = limits
        .max_inflated_bytes
        .min((1 << 30) + job.input.len().saturating_mul(16));
    let mut blocks = Blocks {
        by_name: HashMap::new(),
        paid: job.books.reserve("reading", 0)?,
        max_parts: u64::from(limits.max_parts),
        n_placed: 0,
        n_again: 0,
        max_again,
    };
    let offset = {
        let mut start = [0; 3];
        let n = job.input.read_at(0, &mut start)?;
        if &start[..n] == b"\xef\xbb\xbf" { 3 } else { 0 }
    };
    let mut pairs = Pairs::new(job.books, job.input, offset, limits.max_line_bytes)?;
    let mut has_section = false;
    while pairs.advance()? {
        if pairs.is(0, b"EOF") {
            break;
        }
        if !pairs.is(0, b"SECTION") {
            continue;
        }
        has_section = true;
        if !pairs.advance()? {
            break;
        }
        match pairs.value() {
            b"HEADER" => header(&mut pairs, job)?,
            b"BLOCKS" => list_blocks(&mut pairs, &mut blocks)?,
            b"ENTITIES" => draw(&mut pairs, Transform::IDENTITY, 0, &mut blocks, job)?,
            _ => {}
        }
    }
    if has_section {
        Ok(())
    } else {
        malformed("it has no section")
    }
}

fn header(pairs: &mut Pairs, job: &mut Job) -> Result<(), Fault> {
    let mut is_units = false;
    while pairs.advance()? && !pairs.is(0, b"ENDSEC") {
        match pairs.code {
            9 => is_units = pairs.value() == b"$INSUNITS",
            70 if is_units => job.report.unit_mm = unit_mm(pairs.number()? as i32),
            _ => {}
        }
    }
    Ok(())
}

/// Millimetres of `$INSUNITS`, of the units that somebody draws in.
fn unit_mm(code: i32) -> Option<f64> {
    Some(match code {
        1 => 25.4,
        2 => 304.8,
        4 => 1.0,
        5 => 10.0,
        6 => 1000.0,
        7 => 1e6,
        8 => 25.4e-6,
        9 => 25.4e-3,
        10 => 914.4,
        11 => 1e-7,
        12 => 1e-6,
        13 => 1e-3,
        14 => 100.0,
        _ => return None,
    })
}

fn list_blocks(pairs: &mut Pairs, blocks: &mut Blocks) -> Result<(), Fault> {
    while pairs.advance()? && !pairs.is(0, b"ENDSEC") {
        if !pairs.is(0, b"BLOCK") {
            continue;
        }
        let mut name = Vec::new();
        let mut block = Block {
            offset: pairs.position(),
            base: [0.0; 3],
        };
        while pairs.advance()? {
            match pairs.code {
                0 => {
                    pairs.hold();
                    break;
                }
                2 => name = pairs.value().to_vec(),
                10 => block.base[0] = pairs.number()?,
                20 => block.base[1] = pairs.number()?,
                30 => block.base[2] = pairs.number()?,
                _ => {}
            }
            block.offset = pairs.position();
        }
        let n = blocks.by_name.len() as u64 + 1;
        check_limit("blocks", n, blocks.max_parts)?;
        // A growing table has up to as many places again in reserve.
        let bytes = name.capacity() + 4 * size_of::<(Vec<u8>, Block)>();
        let grown = blocks.paid.try_grow(bytes as u64);
        grown.map_err(Fault::Memory)?;
        blocks.by_name.insert(name, block);
    }
    Ok(())
}

/// Draws entities to the end of their section or block.
fn draw(
    pairs: &mut Pairs,
    place: Transform,
    depth: u32,
    blocks: &mut Blocks,
    job: &mut Job,
) -> Result<(), Fault> {
    let mut entities = Entities::new(job.books);
    while pairs.advance()? {
        if pairs.code != 0 {
            continue;
        }
        if matches!(pairs.value(), b"ENDSEC" | b"ENDBLK" | b"EOF") {
            break;
        }
        job.pen.place = place;
        let Some(insert) = entities.draw(pairs, job)? else {
            continue;
        };
        let Some(block) = blocks.by_name.get(&insert.block).copied() else {
            job.report.leave_out("INSERT of a block that is not there");
            continue;
        };
        if depth >= MAX_DEPTH {
            return malformed("its blocks are nested too deeply, or in a circle");
        }
        for copy in insert.places(block.base) {
            blocks.n_placed += 1;
            check_limit("parts", blocks.n_placed, blocks.max_parts)?;
            let limits = job.limits;
            let mut inner = Pairs::new(job.books, job.input, block.offset, limits.max_line_bytes)?;
            draw(&mut inner, copy.then(&place), depth + 1, blocks, job)?;
            blocks.n_again += inner.position() - block.offset;
            check_limit("bytes of blocks", blocks.n_again, blocks.max_again)?;
        }
    }
    Ok(())
}
