//! A large binary STL read in two threads: each merges one half of the records, and then the second half's vertices are
//! looked for among the first's. What comes of it is what one thread makes: vertices in the order in which they come.
//!
//! It is a bet. Files have faces near to their neighbours, so that halves have few vertices in common; where one has them
//! in no order, or memory is short, the second half is given up and the first goes on alone.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::batch::{Merger, NONE};
use super::soup::offer;
use super::stl_binary::for_each;
use super::{Job, Report};
use crate::array::{Array, Growing};
use crate::both::{both, both_if};
use crate::error::{Fault, check_limit};
use crate::measure::Bounds;
use crate::mesh::{Mesh, Vec3};
use crate::{Books, Error};

/// Records from which on halves are faster: below, making a thread takes as long as it saves.
const MIN_RECORDS: u64 = 1 << 15;

/// Vertices of the second half from which on joining is done in two threads.
const MANY_VERTICES: usize = 1 << 17;

/// The most vertices a record that the second half may have, as a fraction: closed meshes in order have a half. With more
/// than that, two halves could take more memory than one thread.
const MAX_VERTICES: (u64, u64) = (5, 8);

/// Whether there are two processors for halves of `n` records, and work enough.
pub(super) fn pay(n: u64) -> bool {
    n >= MIN_RECORDS && thread::available_parallelism().is_ok_and(|n| n.get() > 1)
}

/// Reads `n` records. `None` where memory is short for doing it at once: nothing is held then, and nothing waited for.
pub(super) fn read(job: &mut Job, n: u64) -> Result<Option<Mesh>, Fault> {
    // Whoever waits for room while the other half has it waits for himself.
    let books = Books::new(job.books.bank(), job.books.owner());
    match at_once(job, &books, n) {
        Ok((mesh, counts)) => {
            job.report.add(&counts);
            Ok(Some(mesh))
        }
        Err(Fault::Memory(_) | Fault::Named(Error::Memory { .. })) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn at_once(job: &Job, books: &Books, n: u64) -> Result<(Mesh, Report), Fault> {
    let middle = n / 2;
    let mut faces = Array::zeroed(books, "mesh", usize::try_from(n).unwrap_or(usize::MAX))?;
    let max_vertices = job.options.limits.max_vertices;
    let mut first = Half::new(job, books, middle, max_vertices)?;
    let most = max_vertices.min((n - middle) * MAX_VERTICES.0 / MAX_VERTICES.1);
    let mut second = Half::new(job, books, n - middle, most)?;
    let stop = AtomicBool::new(false);
    let (front, back) = faces.split_at_mut(middle as usize);
    let (is_whole, second) = both(
        || {
            let filled = first.fill(job, books, 0..middle, front, &stop);
            // Nobody wants the other half any more.
            stop.fetch_or(!matches!(filled, Ok(true)), Ordering::Relaxed);
            filled
        },
        || {
            // What is wrong there, the first will meet when it goes on alone.
            let filled = second.fill(job, books, middle..n, back, &stop);
            matches!(filled, Ok(true)).then(|| second.finished())
        },
    );
    let is_whole = is_whole?;
    let (positions, n_faces, report) = match second {
        Some(second) if is_whole => join(books, first, second, &mut faces, max_vertices)?,
        _ => {
            let is_whole = is_whole
                && first.fill(job, books, middle..n, &mut faces, &AtomicBool::new(false))?;
            first.report.is_truncated = !is_whole;
            let positions = first.merger.into_positions().into_flat("mesh")?;
            (positions, first.n_faces, first.report)
        }
    };
    let faces = if n_faces == faces.len() {
        faces
    } else {
        Array::copied(books, "mesh", &faces[..n_faces])?
    };
    Ok((Mesh::of(job.books, positions, faces)?, report))
}

/// One half of the records, as far as it has come.
struct Half {
    merger: Merger,
    n_faces: usize,
    report: Report,
    /// Around its vertices, once it is done.
    bounds: Option<Bounds>,
}

/// A half that is done: what finding vertices took is gone.
struct Finished {
    positions: Growing<Vec3>,
    n_faces: usize,
    report: Report,
}

impl Half {
    fn new(job: &Job, books: &Books, n: u64, max_vertices: u64) -> Result<Self, Fault> {
        Ok(Self {
            merger: Merger::new(books, max_vertices, usize::try_from(n).ok())?,
            n_faces: 0,
            report: Report::new(job.report.format, job.input),
            bounds: None,
        })
    }

    /// Merges some records, and puts their faces into `faces` behind those that there are. Whether it came to their end.
    fn fill(
        &mut self,
        job: &Job,
        books: &Books,
        records: Range<u64>,
        faces: &mut [[u32; 3]],
        stop: &AtomicBool,
    ) -> Result<bool, Fault> {
        let _alarm = Alarm(stop);
        let n = records.end - records.start;
        let (merger, report, n_faces) = (&mut self.merger, &mut self.report, &mut self.n_faces);
        let mut flush = |merger: &mut Merger| -> Result<(), Fault> {
            let more = merger.flush()?;
            faces[*n_faces..][..more.len()].copy_from_slice(more);
            *n_faces += more.len();
            Ok(())
        };
        let n_read = for_each(job.input, books, records, stop, |corners| {
            if offer(merger, corners, report) {
                flush(merger)?;
            }
            Ok(())
        })?;
        flush(merger)?;
        let bounds = merger.positions().pieces().filter_map(Bounds::of);
        self.bounds = bounds.reduce(Bounds::and);
        Ok(n_read == n)
    }

    fn finished(self) -> Finished {
        Finished {
            positions: self.merger.into_positions(),
            n_faces: self.n_faces,
            report: self.report,
        }
    }
}

/// Stops the other half where this one panics.
struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// Makes one mesh of two halves, whose faces begin at the beginning and in the middle of `faces`: its vertices, and how many
/// faces there are.
fn join(
    books: &Books,
    first: Half,
    second: Finished,
    faces: &mut [[u32; 3]],
    max_vertices: u64,
) -> Result<(Array<Vec3>, usize, Report), Fault> {
    let mut report = first.report;
    report.add(&second.report);
    let n_others = second.positions.len();
    let is_much = n_others > MANY_VERTICES;
    let mut numbers = Array::<u32>::zeroed(books, "merging", n_others)?;
    // Most of the other half is elsewhere.
    if let Some(bounds) = first.bounds {
        let find = |from, numbers: &mut [u32]| {
            first
                .merger
                .find_all(bounds, &second.positions, from, numbers)
        };
        let (front, back) = numbers.split_at_mut(n_others / 2);
        both_if(is_much, || find(0, front), || find(n_others / 2, back));
    } else {
        numbers.fill(NONE);
    }
    let positions = first.merger.into_positions();
    let n_first = positions.len() as u32;
    // Those that the first half has not come behind its own, in the order in which they came.
    let mut n_vertices = n_first;
    for number in numbers.iter_mut().filter(|number| **number == NONE) {
        *number = n_vertices;
        n_vertices += 1;
    }
    let requested = u64::from(n_vertices).min(max_vertices.saturating_add(1));
    check_limit("vertices", requested, max_vertices)?;
    let mut flat = Array::<Vec3>::zeroed(books, "mesh", n_vertices as usize)?;
    // Faces that were left out of the first half leave a gap, which is closed.
    let middle = faces.len() / 2;
    let others = &mut faces[first.n_faces..middle + second.n_faces];
    let gap = middle - first.n_faces;
    let numbers: &[u32] = &numbers;
    both_if(
        is_much,
        || {
            let (front, back) = flat.split_at_mut(n_first as usize);
            let mut rest = front;
            for piece in positions.pieces() {
                let (now, later) = rest.split_at_mut(piece.len());
                now.copy_from_slice(piece);
                rest = later;
            }
            let others = second.positions.pieces().flatten();
            for (number, position) in numbers.iter().zip(others) {
                if *number >= n_first {
                    back[(number - n_first) as usize] = *position;
                }
            }
        },
        || {
            for face in 0..second.n_faces {
                others[face] = others[face + gap].map(|corner| numbers[corner as usize]);
            }
        },
    );
    Ok((flat, first.n_faces + second.n_faces, report))
}

#[cfg(test)]
mod tests;
