//! Wavefront OBJ: lines of positions, and of faces that name them.

use super::Job;
use super::indexed::replace_nonfinite;
use super::input::{Input, Window, window_bytes};
use super::polygon::Cutter;
use super::text::{number, shown};
use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit, malformed};
use crate::mesh::{Attributes, Mesh, Parts, Vec3};
use crate::table::Table;
use crate::{Books, Limits};

/// How much a file has, from a first walk through it.
#[derive(Default)]
struct Counts {
    positions: u64,
    texcoords: u64,
    normals: u64,
    faces: u64,
}

/// Calls `each` with the words of every line that has some: without comments, and with the lines that a backslash at the
/// end continues.
fn for_each_line(
    input: &Input,
    books: &Books,
    limits: &Limits,
    mut each: impl FnMut(&[u8], u64) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let len = window_bytes(input.len()).max(limits.max_line_bytes as usize);
    let mut window = Window::new(books, input.reader(0), 0, len)?;
    let mut joined: Vec<u8> = Vec::new();
    let _joined_paid = books.reserve("reading", len as u64)?;
    let mut n_line = 0;
    while let Some((end, next)) = window.line()? {
        n_line += 1;
        let line = window.bytes()[..end].trim_ascii();
        let (line, goes_on) = match line.strip_suffix(b"\\") {
            Some(line) => (line, true),
            None => (line, false),
        };
        if goes_on || !joined.is_empty() {
            if joined.len() + line.len() + 1 > len / 2 {
                return malformed(format!(
                    "line {n_line} is continued beyond {} bytes",
                    len / 2
                ));
            }
            joined.extend_from_slice(line);
            joined.push(b' ');
        }
        if !goes_on {
            let line = if joined.is_empty() {
                line
            } else {
                joined.trim_ascii()
            };
            let line = match memchr::memchr(b'#', line) {
                Some(n) => line[..n].trim_ascii_end(),
                None => line,
            };
            if !line.is_empty() {
                each(line, n_line)?;
            }
            joined.clear();
        }
        window.consume(next);
    }
    Ok(())
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

fn count(job: &Job) -> Result<Counts, Fault> {
    let mut counts = Counts::default();
    for_each_line(job.input, job.books, &job.options.limits, |line, _| {
        let mut words = words(line);
        match words.next() {
            Some(b"v") => counts.positions += 1,
            Some(b"vt") => counts.texcoords += 1,
            Some(b"vn") => counts.normals += 1,
            Some(b"f") => counts.faces += (words.count() as u64).saturating_sub(2),
            _ => {}
        }
        Ok(())
    })?;
    Ok(counts)
}

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let counts = count(job)?;
    let limits = &job.options.limits;
    let all = counts.positions + counts.texcoords + counts.normals;
    check_limit("vertices", all, limits.max_vertices)?;
    check_limit("faces", counts.faces, limits.max_faces)?;
    if counts.positions == 0 {
        return malformed("it has no vertices");
    }
    let books = job.books;
    let keeps = job.options.attributes;
    let n = |count: u64, is_kept: bool| if is_kept { count as usize } else { 0 };
    let mut obj = Reading {
        positions: Array::zeroed(books, "mesh", counts.positions as usize)?,
        faces: Array::zeroed(books, "mesh", counts.faces as usize)?,
        colours: Array::zeroed(books, "loading", n(counts.positions, keeps))?,
        texcoords: Array::zeroed(books, "loading", n(counts.texcoords, keeps))?,
        normals: Array::zeroed(books, "loading", n(counts.normals, keeps))?,
        corners: keeps.then(|| Growing::new(books, "loading")),
        table: Table::with_capacity(books, 0)?,
        n_positions: 0,
        n_texcoords: 0,
        n_normals: 0,
        n_faces: 0,
        parts: Parts::default(),
        polygon: Vec::new(),
        cutter: Cutter::new(books, limits.max_polygon_corners)?,
        has_colours: false,
    };
    let _polygon_paid = books.reserve("loading", u64::from(limits.max_line_bytes) * 12)?;
    let mut faults = Lines::default();
    let max_parts = u64::from(limits.max_parts);
    let report = &mut job.report;
    for_each_line(job.input, books, limits, |line, n_line| {
        let mut words = words(line);
        match words.next() {
            Some(b"v") => obj.position(words, n_line, &mut faults),
            Some(b"vt") => obj.texcoord(words, n_line),
            Some(b"vn") => obj.normal(words, n_line),
            Some(b"f") => obj.face(words, n_line, report),
            Some(b"o" | b"g") => {
                let name = line[1..].trim_ascii();
                check_limit("parts", obj.parts.list.len() as u64 + 1, max_parts)?;
                let name = String::from_utf8_lossy(&name[..name.len().min(256)]);
                obj.parts.begin(books, &name, obj.n_faces as u32)?;
                Ok(())
            }
            // Materials, smoothing, lines, points, curves: not triangles.
            _ => Ok(()),
        }
    })?;
    if faults.n_nonfinite > 0 {
        let Lines { n_nonfinite, first } = faults;
        job.report.remark(format!(
            "{n_nonfinite} vertices have an infinite coordinate or none, the first in line {first}"
        ));
    }
    obj.into_mesh(job)
}

#[derive(Default)]
struct Lines {
    n_nonfinite: u64,
    first: u64,
}

struct Reading {
    positions: Array<Vec3>,
    faces: Array<[u32; 3]>,
    colours: Array<[u8; 4]>,
    texcoords: Array<[f32; 2]>,
    normals: Array<Vec3>,
    /// Where attributes are kept: position, texture coordinate and normal of each different corner, the latter two counted
    /// from one.
    corners: Option<Growing<[u32; 3]>>,
    table: Table<3>,
    n_positions: usize,
    n_texcoords: usize,
    n_normals: usize,
    n_faces: usize,
    parts: Parts,
    polygon: Vec<[u32; 3]>,
    cutter: Cutter,
    has_colours: bool,
}

fn numbers<'a, const N: usize>(
    words: &mut impl Iterator<Item = &'a [u8]>,
    n_line: u64,
) -> Result<[f32; N], Fault> {
    let mut numbers = [0.0; N];
    for value in &mut numbers {
        let Some(word) = words.next() else {
            return malformed(format!("line {n_line} has less than {N} numbers"));
        };
        *value = match number(word) {
            Some(value) => value,
            None => return malformed(format!("line {n_line}: '{}' is no number", shown(word))),
        };
    }
    Ok(numbers)
}

impl Reading {
    fn position<'a>(
        &mut self,
        mut words: impl Iterator<Item = &'a [u8]>,
        n_line: u64,
        faults: &mut Lines,
    ) -> Result<(), Fault> {
        let mut position: Vec3 = numbers(&mut words, n_line)?;
        if !position.iter().all(|value| value.is_finite()) {
            // Faces that use it are left out by this mark.
            position = [f32::NAN; 3];
            faults.n_nonfinite += 1;
            if faults.n_nonfinite == 1 {
                faults.first = n_line;
            }
        }
        // Some writers put a colour behind it; one number alone is a weight.
        if let Some(colour) = self.colours.get_mut(self.n_positions) {
            let mut rest = words.map_while(number);
            *colour = [255; 4];
            if let (Some(r), Some(g), Some(b)) = (rest.next(), rest.next(), rest.next()) {
                let level = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
                *colour = [level(r), level(g), level(b), 255];
                self.has_colours = true;
            }
        }
        if let Some(place) = self.positions.get_mut(self.n_positions) {
            *place = position;
        }
        self.n_positions += 1;
        Ok(())
    }

    fn texcoord<'a>(
        &mut self,
        mut words: impl Iterator<Item = &'a [u8]>,
        n_line: u64,
    ) -> Result<(), Fault> {
        if let Some(place) = self.texcoords.get_mut(self.n_texcoords) {
            // The second may be missing.
            let [u] = numbers(&mut words, n_line)?;
            *place = [u, words.next().and_then(number).unwrap_or(0.0)];
        }
        self.n_texcoords += 1;
        Ok(())
    }

    fn normal<'a>(
        &mut self,
        mut words: impl Iterator<Item = &'a [u8]>,
        n_line: u64,
    ) -> Result<(), Fault> {
        if let Some(place) = self.normals.get_mut(self.n_normals) {
            *place = numbers(&mut words, n_line)?;
        }
        self.n_normals += 1;
        Ok(())
    }

    fn face<'a>(
        &mut self,
        words: impl Iterator<Item = &'a [u8]>,
        n_line: u64,
        report: &mut super::Report,
    ) -> Result<(), Fault> {
        self.polygon.clear();
        for word in words {
            let mut corner = [0; 3];
            let counts = [self.n_positions, self.n_texcoords, self.n_normals];
            for (k, part) in word.split(|byte| *byte == b'/').enumerate().take(3) {
                if part.is_empty() && k > 0 {
                    continue;
                }
                corner[k] = index(part, counts[k]).ok_or_else(|| {
                    Fault::Malformed(format!(
                        "line {n_line}: '{}' is no {} of the {} so far",
                        shown(word),
                        ["vertex", "texture coordinate", "normal"][k],
                        counts[k]
                    ))
                })?;
            }
            self.polygon.push(corner);
        }
        if self.polygon.len() < 3 {
            report.remark("faces of less than three corners were left out");
            return Ok(());
        }
        let n_triangles = self.polygon.len() - 2;
        report.found_faces += n_triangles as u64;
        report.n_polygons += u64::from(n_triangles > 1);
        let positions: &[Vec3] = &self.positions;
        let position = |corner: &[u32; 3]| positions[corner[0] as usize - 1];
        if self
            .polygon
            .iter()
            .any(|corner| position(corner)[0].is_nan())
        {
            report.n_nonfinite += n_triangles as u64;
            return Ok(());
        }
        if let Some(corners) = &mut self.corners {
            // A vertex for each different corner.
            for corner in &mut self.polygon {
                let next = corners.len() as u32;
                let number = self
                    .table
                    .find_or_insert(*corner, next, |number| corners.get(number as usize))?;
                if number == next {
                    corners.push(*corner)?;
                }
                // Its own number stands behind that of the position.
                corner[1] = number;
            }
        }
        let keeps = self.corners.is_some();
        let (polygon, faces, n_faces) = (&self.polygon, &mut self.faces, &mut self.n_faces);
        self.cutter.cut(
            polygon.len(),
            |k| position(&polygon[k]),
            |corners| {
                let face = corners.map(|corner| {
                    let [position, number, _] = polygon[corner];
                    if keeps { number } else { position - 1 }
                });
                match faces.get_mut(*n_faces) {
                    Some(place) => *place = face,
                    None => return malformed("it changed while it was read"),
                }
                *n_faces += 1;
                Ok(())
            },
        )
    }

    fn into_mesh(mut self, job: &Job) -> Result<Mesh, Fault> {
        let books = job.books;
        self.parts.end(self.n_faces as u32);
        drop(self.table);
        let mut attributes = Attributes::default();
        let mut positions = self.positions;
        if let Some(corners) = self.corners {
            let n = corners.len();
            let mut placed = Array::zeroed(books, "mesh", n)?;
            for (k, place) in placed.iter_mut().enumerate() {
                *place = positions[corners.get(k)[0] as usize - 1];
            }
            // An attribute that some corners do not have is zero there.
            if self.n_normals > 0 {
                let mut normals = Array::<Vec3>::zeroed(books, "mesh", n)?;
                for (k, normal) in normals.iter_mut().enumerate() {
                    if let number @ 1.. = corners.get(k)[2] {
                        *normal = self.normals[number as usize - 1];
                    }
                }
                attributes.normals = Some(normals);
            }
            if self.n_texcoords > 0 {
                let mut texcoords = Array::<[f32; 2]>::zeroed(books, "mesh", n)?;
                for (k, texcoord) in texcoords.iter_mut().enumerate() {
                    if let number @ 1.. = corners.get(k)[1] {
                        *texcoord = self.texcoords[number as usize - 1];
                    }
                }
                attributes.texcoords = Some(texcoords);
            }
            if self.has_colours {
                let mut colours = Array::<[u8; 4]>::zeroed(books, "mesh", n)?;
                for (k, colour) in colours.iter_mut().enumerate() {
                    *colour = self.colours[corners.get(k)[0] as usize - 1];
                }
                attributes.colours = Some(colours);
            }
            positions = placed;
        }
        replace_nonfinite(&mut positions);
        let faces = if self.n_faces == self.faces.len() {
            self.faces
        } else {
            Array::copied(books, "mesh", &self.faces[..self.n_faces])?
        };
        let mut mesh = Mesh::of(books, positions, faces)?;
        mesh.attributes = attributes;
        mesh.parts = self.parts.tidied();
        Ok(mesh)
    }
}

/// The number of a vertex, counted from one as the file does; negative numbers count back from the last so far.
fn index(word: &[u8], n: usize) -> Option<u32> {
    let number: i64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    let counted = if number < 0 {
        n as i64 + 1 + number
    } else {
        number
    };
    (1..=n as i64).contains(&counted).then_some(counted as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_one_or_back_from_the_last() {
        assert_eq!(index(b"1", 3), Some(1));
        assert_eq!(index(b"3", 3), Some(3));
        assert_eq!(index(b"-1", 3), Some(3));
        assert_eq!(index(b"-3", 3), Some(1));
        for bad in ["0", "4", "-4", "", "x", "1.0", "99999999999999999999"] {
            assert_eq!(index(bad.as_bytes(), 3), None, "{bad}");
        }
    }
}
