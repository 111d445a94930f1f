//! Outlines: drawings of curves in a plane, read as polylines.

mod curve;
mod dxf;
mod joining;
mod pen;
mod svg;
mod write;

use std::path::Path;

pub use write::{Layer, write_dxf, write_svg};

use crate::error::Fault;
use crate::import::Input;
use crate::lines::Polylines;
use crate::{Books, Error, Format, Limits};
use pen::Pen;

/// How drawings are read.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlineOptions {
    /// What a file may ask for: of the limits, those on vertices (here points), parts (here elements, blocks and their
    /// places), bytes of a line, of a header (here an element of SVG), and bytes inflated (here read again, as often as
    /// blocks are placed).
    pub limits: Limits,
    /// How far a polyline may be from the curve that it stands for, in the drawing's units. A tenth of it takes three times
    /// as many points.
    pub tolerance: f32,
    /// Ends of lines that are no further apart than this are joined, and move by no more; `None` leaves all lines as
    /// the file has them. Drawings of CAD programs have each side of an outline as a line of its own.
    pub joining: Option<f32>,
}

impl Default for OutlineOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            tolerance: 0.01,
            joining: Some(0.001),
        }
    }
}

/// What reading a drawing found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct OutlineReport {
    /// What the file is.
    pub format: Format,
    /// Its bytes.
    pub file_bytes: u64,
    /// Lines and curves that it has, before any were joined.
    pub found_lines: u64,
    /// Millimetres that a length of one means, where the file says so. Coordinates are as the file has them.
    pub unit_mm: Option<f64>,
    /// Elements that are no lines, or of kinds that are not read, and were left out: names, and how many of each.
    pub left_out: Vec<(String, u64)>,
}

/// The most names of what was left out that are kept; the last stands for all others.
const MAX_LEFT_OUT: usize = 32;

impl OutlineReport {
    fn leave_out(&mut self, name: &str) {
        let is_full = self.left_out.len() >= MAX_LEFT_OUT;
        let name = crate::mesh::shortened(name, 40);
        match self.left_out.iter_mut().find(|(other, _)| other == name) {
            Some((_, n)) => *n += 1,
            None if is_full => {
                if let Some((other, n)) = self.left_out.last_mut() {
                    "others".clone_into(other);
                    *n += 1;
                }
            }
            None => self.left_out.push((name.to_owned(), 1)),
        }
    }
}

/// What a reader of drawings works with.
struct Job<'a> {
    input: &'a Input,
    books: &'a Books,
    limits: &'a Limits,
    report: OutlineReport,
    pen: Pen,
}

/// Loads the outlines in a file: SVG or DXF.
///
/// The first axis runs to the right and the second up, in SVG as well, whose own runs down: its second coordinates are
/// negative ones of the file's, so that what is written by [`write_svg`] comes back as it was. Curves become polylines within
/// the tolerance. DXF is seen from above, and heights are given up.
///
/// # Errors
/// [`Error::Memory`] where the budget has no room; [`Error::BadRequest`] for a tolerance or a distance that is none; else what
/// is wrong with the file.
pub fn load_outlines(
    path: &Path,
    books: &Books,
    options: &OutlineOptions,
) -> Result<(Polylines, OutlineReport), Error> {
    read_outlines(&Input::path(path)?, books, options)
}

/// Reads the outlines that `input` has: as [`load_outlines`].
///
/// # Errors
/// As there.
pub fn read_outlines(
    input: &Input,
    books: &Books,
    options: &OutlineOptions,
) -> Result<(Polylines, OutlineReport), Error> {
    let is_distance = |value: f32| value.is_finite() && value > 0.0;
    let joining = options.joining;
    if !is_distance(options.tolerance) || joining.is_some_and(|value| !is_distance(value)) {
        return Err(Error::BadRequest(format!(
            "tolerance {} and joining {joining:?}: distances are above zero",
            options.tolerance
        )));
    }
    let format = recognised(input)?;
    let mut job = Job {
        input,
        books,
        limits: &options.limits,
        report: OutlineReport {
            format,
            file_bytes: input.len(),
            found_lines: 0,
            unit_mm: None,
            left_out: Vec::new(),
        },
        pen: Pen::new(books, &options.limits, options.tolerance),
    };
    let read = match format {
        Format::Svg => svg::read(&mut job),
        _ => dxf::read(&mut job),
    };
    read.map_err(|fault| fault.named(input.name(), format))?;
    let mut lines = job.pen.finish()?;
    job.report.found_lines = lines.len() as u64;
    if let Some(distance) = joining {
        lines = joining::joined(books, lines, distance)?;
    }
    Ok((lines, job.report))
}

/// Bytes that recognition looks at.
const HEAD_BYTES: usize = 4096;

fn recognised(input: &Input) -> Result<Format, Error> {
    let mut head = [0; HEAD_BYTES];
    let n = input
        .read_at(0, &mut head)
        .map_err(Error::from_io(input.name()))?;
    let head = &head[..n];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    if head.starts_with(b"AutoCAD Binary DXF") {
        let fault = Fault::Unsupported("binary encoding".to_owned());
        return Err(fault.named(input.name(), Format::Dxf));
    }
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    let named = Format::of_path(Path::new(input.name()));
    let is_svg = text.starts_with(b"<") && (has(b"<svg") || has(b":svg"));
    // Pairs of lines; comments have 999.
    let is_dxf = (text.starts_with(b"0") || text.starts_with(b"999")) && has(b"SECTION");
    match named {
        _ if is_svg => Ok(Format::Svg),
        _ if is_dxf => Ok(Format::Dxf),
        Some(format @ (Format::Svg | Format::Dxf)) => Ok(format),
        _ => Err(Error::UnknownFormat {
            name: input.name().to_owned(),
        }),
    }
}
