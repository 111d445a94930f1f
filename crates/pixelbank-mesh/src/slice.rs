//! Cutting a mesh at a height into polylines.

use crate::array::{Array, Growing};
use crate::mesh::Vec3;
use crate::{Books, Error, Mesh, Packed};

/// The lines in which a mesh meets a horizontal plane.
///
/// A closed line runs counter-clockwise, seen from above, around what is inside the mesh, and clockwise around holes.
#[derive(Debug)]
pub struct Slice {
    height: f32,
    points: Array<[f32; 2]>,
    /// Where each line ends; the highest bit marks closed ones.
    ends: Array<u32>,
}

const CLOSED: u32 = 1 << 31;

/// One line of a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polyline<'a> {
    /// Its points. Of a closed line the first is not repeated at the end.
    pub points: &'a [[f32; 2]],
    /// Whether the last point is joined to the first.
    pub is_closed: bool,
}

impl Polyline<'_> {
    /// What a closed line encloses: positive where it runs counter-clockwise.
    pub fn area(&self) -> f64 {
        if !self.is_closed {
            return 0.0;
        }
        let Some(&origin) = self.points.first() else {
            return 0.0;
        };
        let from = |point: [f32; 2]| {
            [
                f64::from(point[0]) - f64::from(origin[0]),
                f64::from(point[1]) - f64::from(origin[1]),
            ]
        };
        let pairs = self.points.windows(2).map(|pair| {
            let ([x1, y1], [x2, y2]) = (from(pair[0]), from(pair[1]));
            x1 * y2 - x2 * y1
        });
        // The closing side meets the origin, and adds nothing.
        pairs.sum::<f64>() / 2.0
    }

    /// Its length.
    pub fn length(&self) -> f64 {
        let side = |a: [f32; 2], b: [f32; 2]| f64::from(a[0] - b[0]).hypot(f64::from(a[1] - b[1]));
        let sides: f64 = self
            .points
            .windows(2)
            .map(|pair| side(pair[0], pair[1]))
            .sum();
        match (self.is_closed, self.points.first(), self.points.last()) {
            (true, Some(first), Some(last)) => sides + side(*last, *first),
            _ => sides,
        }
    }
}

impl Slice {
    /// The height of the plane.
    pub fn height(&self) -> f32 {
        self.height
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the plane meets nothing.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The lines.
    pub fn polylines(&self) -> impl ExactSizeIterator<Item = Polyline<'_>> {
        (0..self.ends.len()).map(|line| {
            let start = if line == 0 {
                0
            } else {
                self.ends[line - 1] & !CLOSED
            };
            let end = self.ends[line];
            Polyline {
                points: &self.points[start as usize..(end & !CLOSED) as usize],
                is_closed: end & CLOSED != 0,
            }
        })
    }

    /// Bytes that it is booked with.
    pub fn nbytes(&self) -> u64 {
        self.points.reserved_bytes() + self.ends.reserved_bytes()
    }
}

/// An end of a segment, on an edge of the mesh: sorting puts the ends on one edge together.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct End {
    /// The vertices of the edge, the lesser first.
    edge: [u32; 2],
    /// Twice the segment's number; one more at its far end.
    side: u32,
}

impl End {
    /// The order in which those of one edge are together, and of them those of one direction.
    fn rank(&self) -> ([u32; 2], u32, u32) {
        (self.edge, self.side & 1, self.side)
    }
}

impl Mesh {
    /// The lines in which the mesh meets the plane `z = height`.
    ///
    /// A vertex that lies exactly in the plane counts as above it, so the slice is the one just below the height: a box from
    /// 0 to 1 has its outline at 1 and nothing at 0. That leaves no special cases: lines of a watertight mesh are closed,
    /// all of them. Others end at rims, and at edges of three faces lines go on by any of them.
    ///
    /// Takes 57 bytes of working memory for each face that is cut, and 16 for each point of the result.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where the height is no number; [`Error::Memory`].
    pub fn slice(&self, height: f32) -> Result<Slice, Error> {
        check(height)?;
        let mut ends = Growing::<End>::new(&self.books, "slicing");
        for corners in self.indices().iter() {
            if let Some(edges) = crossing(corners, |vertex| {
                self.positions[vertex as usize][2] >= height
            }) {
                for edge in edges {
                    let side = ends.len() as u32;
                    ends.push(End { edge, side })?;
                }
            }
        }
        let by_side = ends.into_flat("slicing")?;
        let mut by_edge = Array::copied(&self.books, "slicing", &by_side)?;
        by_edge.sort_unstable_by_key(|end| end.rank());
        join(&self.books, &by_side, &by_edge, height, |[a, b]| {
            between(
                self.positions[a as usize],
                self.positions[b as usize],
                height,
            )
        })
    }

    /// Slices at several heights.
    ///
    /// # Errors
    /// As [`slice`](Self::slice).
    pub fn slices(&self, heights: &[f32]) -> Result<Vec<Slice>, Error> {
        heights.iter().map(|height| self.slice(*height)).collect()
    }
}

impl Packed {
    /// As [`Mesh::slice`], while only the faces that are cut are open.
    ///
    /// # Errors
    /// As there.
    pub fn slice(&self, height: f32) -> Result<Slice, Error> {
        check(height)?;
        let cut = self.filtered(|points| {
            let n_above = points.iter().filter(|point| point[2] >= height).count();
            n_above == 1 || n_above == 2
        })?;
        cut.slice(height)
    }
}

fn check(height: f32) -> Result<(), Error> {
    if height.is_finite() {
        Ok(())
    } else {
        Err(Error::BadRequest(format!("{height} is no height")))
    }
}

/// The two edges in which a face crosses the plane, in the direction that has the inside on the left, seen from above.
fn crossing(corners: [u32; 3], is_above: impl Fn(u32) -> bool) -> Option<[[u32; 2]; 2]> {
    let above = corners.map(&is_above);
    // The corner that is alone on its side.
    let alone = match above {
        [true, false, false] | [false, true, true] => 0,
        [false, true, false] | [true, false, true] => 1,
        [false, false, true] | [true, true, false] => 2,
        _ => return None,
    };
    let [a, b, c] = [0, 1, 2].map(|k| corners[(alone + k) % 3]);
    let edge = |a: u32, b: u32| [a.min(b), a.max(b)];
    let (leaving, entering) = (edge(a, b), edge(c, a));
    Some(if above[alone] {
        [leaving, entering]
    } else {
        [entering, leaving]
    })
}

/// Where an edge meets the plane. Both faces of an edge give its ends in the same order, and so get the same point.
fn between(a: Vec3, b: Vec3, height: f32) -> [f32; 2] {
    let [a, b] = [a, b].map(|point| point.map(f64::from));
    let along = (f64::from(height) - a[2]) / (b[2] - a[2]);
    [0, 1].map(|axis| (a[axis] + (b[axis] - a[axis]) * along) as f32)
}

/// Points as they come, and where lines end.
struct Line {
    points: Growing<[f32; 2]>,
    ends: Growing<u32>,
}

impl Line {
    fn start(&self) -> usize {
        match self.ends.len() {
            0 => 0,
            n => (self.ends.get(n - 1) & !CLOSED) as usize,
        }
    }

    /// A point, unless it is the one before it: edges that meet in a vertex in the plane have one point.
    fn push(&mut self, point: [f32; 2]) -> Result<(), Error> {
        let n = self.points.len();
        if n > self.start() && self.points.get(n - 1) == point {
            return Ok(());
        }
        self.points.push(point)
    }

    /// Ends the line, and forgets it where it has no length.
    fn end(&mut self, is_closed: bool) -> Result<(), Error> {
        let start = self.start();
        if is_closed && self.points.len() - start > 1 {
            let last = self.points.len() - 1;
            if self.points.get(last) == self.points.get(start) {
                self.points.truncate(last);
            }
        }
        if self.points.len() - start < 2 {
            self.points.truncate(start);
            return Ok(());
        }
        let end = self.points.len() as u32;
        self.ends.push(if is_closed { end | CLOSED } else { end })
    }
}

fn join(
    books: &Books,
    by_side: &[End],
    by_edge: &[End],
    height: f32,
    point: impl Fn([u32; 2]) -> [f32; 2],
) -> Result<Slice, Error> {
    let n_segments = by_side.len() / 2;
    let mut is_used = Array::<u8>::zeroed(books, "slicing", n_segments)?;
    // How many of the ends with one edge and direction are known to be used, at the first of them: an edge may have any
    // number of faces, and each is looked at once.
    let mut n_passed = Array::<u32>::zeroed(books, "slicing", by_edge.len())?;
    let mut line = Line {
        points: Growing::new(books, "slice"),
        ends: Growing::new(books, "slice"),
    };
    // Lines that have a beginning come first, so that none is begun in its middle.
    let singles = || {
        let groups = by_edge.chunk_by(|a, b| a.edge == b.edge);
        groups
            .filter(|group| group.len() == 1)
            .map(|group| group[0].side)
    };
    let forwards = singles().filter(|side| side & 1 == 0);
    let backwards = singles().filter(|side| side & 1 == 1);
    let all = (0..n_segments as u32).map(|segment| segment * 2);
    for beginning in forwards.chain(backwards).chain(all) {
        if is_used[beginning as usize / 2] != 0 {
            continue;
        }
        let begins_at = by_side[beginning as usize].edge;
        line.push(point(begins_at))?;
        let mut side = beginning;
        let is_closed = loop {
            is_used[side as usize / 2] = 1;
            let edge = by_side[side as usize ^ 1].edge;
            if edge == begins_at {
                break true;
            }
            line.push(point(edge))?;
            // The next goes on in the same direction, if there is one that does.
            let next = [side & 1, side & 1 ^ 1].into_iter().find_map(|parity| {
                let first = by_edge.partition_point(|end| end.rank() < (edge, parity, 0));
                let passed = n_passed.get_mut(first)?;
                loop {
                    let end = by_edge.get(first + *passed as usize)?;
                    if end.edge != edge || end.side & 1 != parity {
                        return None;
                    }
                    *passed += 1;
                    if is_used[end.side as usize / 2] == 0 {
                        return Some(end.side);
                    }
                }
            });
            match next {
                Some(next) => side = next,
                None => break false,
            }
        };
        line.end(is_closed)?;
    }
    let Line { points, ends } = line;
    Ok(Slice {
        height,
        points: points.into_flat("slice")?,
        ends: ends.into_flat("slice")?,
    })
}
