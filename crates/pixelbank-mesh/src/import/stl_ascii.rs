//! ASCII STL, read word by word: writers break lines, letters and words of their own.

use super::Job;
use super::input::{Window, window_bytes};
use super::soup::Soup;
use super::text::{common_number, number, shown};
use crate::Packing;
use crate::error::{Fault, malformed};
use crate::mesh::{MAX_NAME_BYTES, Mesh, Vec3};
use crate::packed::Packed;

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let mut soup = Soup::new(job.books, &job.options.limits, None)?;
    fill(job, &mut soup)?;
    soup.into_mesh()
}

pub(super) fn read_packed(job: &mut Job, packing: Packing) -> Result<Packed, Fault> {
    let mut soup = Soup::packing(job.books, &job.options.limits, packing)?;
    fill(job, &mut soup)?;
    soup.into_packed()
}

/// The corners of the facet that is being read. Facets of more than three are cut as a fan.
#[derive(Default)]
struct Facet {
    corners: [Vec3; 3],
    n: u32,
}

impl Facet {
    fn push(&mut self, corner: Vec3, soup: &mut Soup, job: &mut Job) -> Result<(), Fault> {
        match self.n {
            0..=2 => self.corners[self.n as usize] = corner,
            _ => {
                if self.n == 3 {
                    soup.push(self.corners, &mut job.report)?;
                    job.report.n_polygons += 1;
                    job.report
                        .remark("facets of more than three vertices were cut into triangles");
                }
                self.corners = [self.corners[0], self.corners[2], corner];
                soup.push(self.corners, &mut job.report)?;
            }
        }
        self.n = self.n.saturating_add(1);
        Ok(())
    }

    /// Ends it. `is_proper` where the file says so itself.
    fn end(&mut self, is_proper: bool, soup: &mut Soup, job: &mut Job) -> Result<(), Fault> {
        match self.n {
            0 => {}
            3 => {
                if !is_proper {
                    job.report.remark("facets without an end");
                }
                soup.push(self.corners, &mut job.report)?;
            }
            1 | 2 => job
                .report
                .remark("facets of less than three vertices were left out"),
            _ => {}
        }
        self.n = 0;
        Ok(())
    }
}

fn fill(job: &mut Job, soup: &mut Soup) -> Result<(), Fault> {
    let start = byte_order_mark(job)?;
    let len = window_bytes(job.input.len()).max(job.options.limits.max_line_bytes as usize);
    let mut window = Window::new(job.books, job.input.reader(start), start, len)?;
    let mut facet = Facet::default();
    let mut is_in_solid = false;
    while let Some((start, end)) = window.word()? {
        let word = &window.bytes()[start..end];
        // The commonest first.
        if word.eq_ignore_ascii_case(b"vertex") {
            window.consume(end);
            match corner(&mut window)? {
                Some(corner) => facet.push(corner, soup, job)?,
                None => break,
            }
            continue;
        }
        if word.eq_ignore_ascii_case(b"facet") {
            facet.end(false, soup, job)?;
        } else if word.eq_ignore_ascii_case(b"endfacet") {
            facet.end(true, soup, job)?;
        } else if word.eq_ignore_ascii_case(b"solid") {
            facet.end(false, soup, job)?;
            window.consume(end);
            let name = rest_of_line(&mut window)?;
            soup.begin_part(&name)?;
            is_in_solid = true;
            continue;
        } else if word.eq_ignore_ascii_case(b"endsolid") {
            facet.end(false, soup, job)?;
            window.consume(end);
            rest_of_line(&mut window)?;
            is_in_solid = false;
            continue;
        }
        // Of the others (outer loop, endloop, normal and its numbers, colours of some writers) nothing is needed.
        window.consume(end);
    }
    if facet.n > 0 || is_in_solid {
        job.report.is_truncated = true;
        job.report.remark("the file ends without endsolid");
    }
    facet.end(false, soup, job)?;
    if job.report.found_faces == 0 && job.report.is_truncated {
        return malformed("it ends before its first facet does");
    }
    Ok(())
}

/// Where the text begins.
fn byte_order_mark(job: &Job) -> Result<u64, Fault> {
    let mut start = [0; 3];
    let n = job.input.read_at(0, &mut start)?;
    Ok(if &start[..n] == b"\xef\xbb\xbf" { 3 } else { 0 })
}

/// The three numbers behind `vertex`; `None` where the file ends before or within them.
#[inline]
fn corner<R: std::io::Read>(window: &mut Window<R>) -> Result<Option<Vec3>, Fault> {
    let mut corner = [0.0; 3];
    for value in &mut corner {
        let bytes = window.bytes();
        // As a rule one space, and a number like most.
        if let [b' ', rest @ ..] = bytes
            && let Some((found, n)) = common_number(rest)
        {
            *value = found;
            window.consume(1 + n);
            continue;
        }
        let Some((start, end)) = window.word()? else {
            return Ok(None);
        };
        // The last word may have been cut short with the file. What is a number then is not to be believed.
        if window.is_over() && end == window.bytes().len() {
            return Ok(None);
        }
        let word = &window.bytes()[start..end];
        let Some(found) = number(word) else {
            return malformed(format!(
                "at byte {}: '{}' is no coordinate",
                window.position() + start as u64,
                shown(word)
            ));
        };
        *value = found;
        window.consume(end);
    }
    Ok(Some(corner))
}

fn rest_of_line<R: std::io::Read>(window: &mut Window<R>) -> Result<String, Fault> {
    let Some((end, next)) = window.line()? else {
        return Ok(String::new());
    };
    let name = window.bytes()[..end].trim_ascii();
    let name = String::from_utf8_lossy(&name[..name.len().min(MAX_NAME_BYTES)]).into_owned();
    window.consume(next);
    Ok(name)
}
