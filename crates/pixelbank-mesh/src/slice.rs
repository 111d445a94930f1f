//! Cutting a mesh at a height into polylines.

use crate::array::{Array, Growing};
use crate::lines::Drawing;
use crate::mesh::Vec3;
use crate::{Books, Error, Mesh, Packed, Polyline, Polylines};

/// The lines in which a mesh meets a horizontal plane.
///
/// A closed line runs counter-clockwise, seen from above, around what is inside the mesh, and clockwise around holes.
#[derive(Debug)]
pub struct Slice {
    height: f32,
    lines: Polylines,
}

impl Slice {
    /// The height of the plane.
    pub fn height(&self) -> f32 {
        self.height
    }

    /// The lines, all together.
    pub fn lines(&self) -> &Polylines {
        &self.lines
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether the plane meets nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines.
    pub fn polylines(&self) -> impl ExactSizeIterator<Item = Polyline<'_>> {
        self.lines.iter()
    }

    /// Bytes that it is booked with.
    pub fn nbytes(&self) -> u64 {
        self.lines.nbytes()
    }
}

/// An end of a segment, on an edge of the mesh: sorting puts the ends on one edge together.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct End {
    /// The vertices of the edge, the lesser first; whatever else says which ends meet.
    pub(crate) edge: [u32; 2],
    /// Twice the segment's number; one more at its far end.
    pub(crate) side: u32,
}

impl End {
    /// The order in which those of one edge are together, and of them those of one direction.
    pub(crate) fn rank(&self) -> ([u32; 2], u32, u32) {
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
        let positions: &[Vec3] = &self.positions;
        let point =
            |[a, b]: [u32; 2]| between(positions[a as usize], positions[b as usize], height);
        let mut lines = Drawing::new(&self.books, "slice");
        join(
            &self.books,
            &by_side,
            &by_edge,
            &mut lines,
            point,
            |_, _| Ok(()),
        )?;
        let lines = lines.finish("slice")?;
        Ok(Slice { height, lines })
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

/// Joins segments whose ends meet into lines. `point` says where the ends on an edge are, `along` puts what lies between the
/// ends of a segment, seen from one of its sides.
pub(crate) fn join(
    books: &Books,
    by_side: &[End],
    by_edge: &[End],
    line: &mut Drawing,
    point: impl Fn([u32; 2]) -> [f32; 2],
    along: impl Fn(u32, &mut Drawing) -> Result<(), Error>,
) -> Result<(), Error> {
    let n_segments = by_side.len() / 2;
    let mut is_used = Array::<u8>::zeroed(books, "slicing", n_segments)?;
    // How many of the ends with one edge and direction are known to be used, at the first of them: an edge may have any
    // number of faces, and each is looked at once.
    let mut n_passed = Array::<u32>::zeroed(books, "slicing", by_edge.len())?;
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
            along(side, line)?;
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
    Ok(())
}
