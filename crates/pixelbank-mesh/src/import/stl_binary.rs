//! Binary STL: 80 bytes of anything, a count, and 50 bytes a face.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::input::{Input, Window, window_bytes};
use super::soup::Soup;
use super::{Job, halves};
use crate::error::{Fault, check_limit, malformed};
use crate::mesh::{Mesh, Vec3};
use crate::packed::Packed;
use crate::{Books, Packing};

pub(super) const HEADER_BYTES: u64 = 84;
pub(super) const RECORD_BYTES: u64 = 50;

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let n = count(job)?;
    if halves::pay(n)
        && let Some(mesh) = halves::read(job, n)?
    {
        return Ok(mesh);
    }
    read_alone(job, n)
}

/// In one thread.
pub(super) fn read_alone(job: &mut Job, n: u64) -> Result<Mesh, Fault> {
    let n_places = usize::try_from(n).unwrap_or(usize::MAX);
    let mut soup = Soup::new(job.books, &job.options.limits, Some(n_places))?;
    fill(job, &mut soup, n)?;
    soup.into_mesh()
}

pub(super) fn read_packed(job: &mut Job, packing: Packing) -> Result<Packed, Fault> {
    let n = count(job)?;
    let mut soup = Soup::packing(job.books, &job.options.limits, packing)?;
    fill(job, &mut soup, n)?;
    soup.into_packed()
}

/// How many records are read. The header's count is believed where the file has so many and where its length does not
/// say otherwise; else the length is.
pub(super) fn count(job: &mut Job) -> Result<u64, Fault> {
    let mut header = [0; HEADER_BYTES as usize];
    job.input.read_exact_at(0, &mut header)?;
    let claimed = u64::from(u32::from_le_bytes([
        header[80], header[81], header[82], header[83],
    ]));
    let room = job.input.len() - HEADER_BYTES;
    let (n_whole, rest) = (room / RECORD_BYTES, room % RECORD_BYTES);
    let report = &mut job.report;
    report.claimed_faces = Some(claimed);
    let n = if claimed > n_whole {
        if n_whole == 0 {
            return malformed(format!("it claims {claimed} faces and has none"));
        }
        report.is_truncated = true;
        report.remark(format!(
            "the header claims {claimed} faces, the file has {n_whole}"
        ));
        n_whole
    } else if claimed < n_whole && rest == 0 {
        // All that follows is whole records: writers that do not know the count beforehand leave it at zero.
        report.remark(format!(
            "the header claims {claimed} faces, the file has {n_whole}"
        ));
        n_whole
    } else {
        if claimed < n_whole || rest > 0 {
            let n_behind = room - claimed * RECORD_BYTES;
            report.remark(format!(
                "{n_behind} bytes behind the last face were passed over"
            ));
        }
        claimed
    };
    check_limit("faces", n, job.options.limits.max_faces)?;
    Ok(n)
}

fn fill(job: &mut Job, soup: &mut Soup, n: u64) -> Result<(), Fault> {
    let (input, books, report) = (job.input, job.books, &mut job.report);
    let stop = AtomicBool::new(false);
    let n_read = for_each(input, books, 0..n, &stop, |corners| {
        soup.push(corners, report)
    })?;
    // It became shorter while it was read.
    job.report.is_truncated |= n_read < n;
    Ok(())
}

/// Hands the corners of some records to `take`. Says how many there were: fewer where the file ends before, or where
/// somebody said `stop`.
pub(super) fn for_each(
    input: &Input,
    books: &Books,
    records: Range<u64>,
    stop: &AtomicBool,
    mut take: impl FnMut([Vec3; 3]) -> Result<(), Fault>,
) -> Result<u64, Fault> {
    let n = records.end - records.start;
    let start = HEADER_BYTES + records.start * RECORD_BYTES;
    let len = window_bytes(n * RECORD_BYTES);
    let mut window = Window::new(books, input.reader(start), start, len)?;
    let mut left = n;
    while left > 0 && !stop.load(Ordering::Relaxed) && window.want(RECORD_BYTES as usize)? {
        let records = window.bytes().chunks_exact(RECORD_BYTES as usize);
        let n_now = (records.len() as u64).min(left);
        for record in records.take(n_now as usize) {
            take(corners(record))?;
        }
        left -= n_now;
        window.consume((n_now * RECORD_BYTES) as usize);
    }
    Ok(n - left)
}

/// The corners of a record; the normal before them and the attribute behind them say nothing that we need.
#[inline]
fn corners(record: &[u8]) -> [Vec3; 3] {
    let value = |n: usize| {
        let at = 12 + 4 * n;
        f32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    [
        [value(0), value(1), value(2)],
        [value(3), value(4), value(5)],
        [value(6), value(7), value(8)],
    ]
}
