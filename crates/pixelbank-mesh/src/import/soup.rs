//! Triangles that come one by one, each with its own corners, made into a mesh or into pieces at rest.

use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit};
use crate::measure::doubled_area;
use crate::mesh::{Mesh, Parts, Vec3};
use crate::packed::{Packed, Packer};
use crate::{Books, Limits, Packing};

use super::Report;
use super::batch::Merger;

/// Where triangles go. Those that cannot be faces are counted and left out.
pub(super) struct Soup {
    books: Books,
    limits: Limits,
    merger: Merger,
    faces: Faces,
    parts: Parts,
    pieces: Option<Packer>,
}

/// A flat array where it is known how many will come at most, so that the end takes no copy.
enum Faces {
    Flat(Array<[u32; 3]>, usize),
    Growing(Growing<[u32; 3]>),
}

impl Faces {
    fn len(&self) -> usize {
        match self {
            Self::Flat(_, len) => *len,
            Self::Growing(faces) => faces.len(),
        }
    }

    fn extend(&mut self, more: &[[u32; 3]]) -> Result<(), Fault> {
        match self {
            Self::Flat(faces, len) => match faces.get_mut(*len..*len + more.len()) {
                Some(place) => {
                    place.copy_from_slice(more);
                    *len += more.len();
                }
                None => {
                    return Err(Fault::Malformed(
                        "more faces than there is room for".to_owned(),
                    ));
                }
            },
            Self::Growing(faces) => faces.extend(more)?,
        }
        Ok(())
    }
}

/// Faces that are merged and packed together where a file goes straight to rest.
const PIECE_FACES: usize = 1 << 16;

/// Whether all of nine numbers are finite: all are looked at, which is quicker than to stop at the first that is not.
#[inline(always)]
fn is_finite(corners: &[Vec3; 3]) -> bool {
    corners
        .iter()
        .flatten()
        .fold(true, |so_far, value| so_far & value.is_finite())
}

/// Gives a triangle to `merger`, unless it cannot be a face, and counts it. `true` where the batch is full.
#[inline(always)]
pub(super) fn offer(merger: &mut Merger, corners: [Vec3; 3], report: &mut Report) -> bool {
    report.found_faces += 1;
    if !is_finite(&corners) {
        report.n_nonfinite += 1;
        return false;
    }
    let Some(is_full) = merger.push(corners) else {
        report.n_degenerate += 1;
        return false;
    };
    report.n_flat += u64::from(doubled_area(corners) == [0.0; 3]);
    is_full
}

impl Soup {
    /// For a mesh of `n` faces at most, or of nobody knows how many.
    pub(super) fn new(books: &Books, limits: &Limits, n: Option<usize>) -> Result<Self, Fault> {
        Ok(Self {
            books: books.clone(),
            limits: limits.clone(),
            faces: match n {
                Some(n) => Faces::Flat(Array::zeroed(books, "mesh", n)?, 0),
                None => Faces::Growing(Growing::new(books, "loading")),
            },
            merger: Merger::new(books, limits.max_vertices, n)?,
            parts: Parts::default(),
            pieces: None,
        })
    }

    /// For pieces at rest.
    pub(super) fn packing(books: &Books, limits: &Limits, packing: Packing) -> Result<Self, Fault> {
        let mut soup = Self::new(books, limits, None)?;
        soup.pieces = Some(Packer::new(books, packing)?);
        Ok(soup)
    }

    /// Takes a triangle.
    #[inline(always)]
    pub(super) fn push(&mut self, corners: [Vec3; 3], report: &mut Report) -> Result<(), Fault> {
        if offer(&mut self.merger, corners, report) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if self.pieces.is_none() {
            let n = self.n_faces() as u64;
            check_limit("faces", n, self.limits.max_faces)?;
        }
        self.faces.extend(self.merger.flush()?)?;
        if self.pieces.is_some() && self.faces.len() >= PIECE_FACES {
            self.pack_piece()?;
        }
        Ok(())
    }

    /// Those that wait included.
    fn n_faces(&self) -> usize {
        self.faces.len() + self.merger.n_waiting()
    }

    /// From here on faces belong to another part. Pieces at rest have none.
    pub(super) fn begin_part(&mut self, name: &str) -> Result<(), Fault> {
        if self.pieces.is_some() {
            return Ok(());
        }
        let n = self.parts.list.len() as u64 + 1;
        check_limit("parts", n, u64::from(self.limits.max_parts))?;
        self.parts.begin(&self.books, name, self.n_faces() as u32)?;
        Ok(())
    }

    /// The mesh.
    pub(super) fn into_mesh(mut self) -> Result<Mesh, Fault> {
        self.flush()?;
        self.parts.end(self.faces.len() as u32);
        // What is not needed any more goes before more is wanted.
        let positions = self.merger.into_positions().into_flat("mesh")?;
        let faces = match self.faces {
            Faces::Flat(faces, len) if len == faces.len() => faces,
            Faces::Flat(faces, len) => Array::copied(&self.books, "mesh", &faces[..len])?,
            Faces::Growing(faces) => faces.into_flat("mesh")?,
        };
        let mut mesh = Mesh::of(&self.books, positions, faces)?;
        mesh.parts = self.parts.tidied();
        Ok(mesh)
    }

    /// The pieces.
    pub(super) fn into_packed(mut self) -> Result<Packed, Fault> {
        self.flush()?;
        self.pack_piece()?;
        match self.pieces {
            Some(pieces) => Ok(pieces.finish()),
            None => Err(Fault::Unsupported(
                "pieces that were not asked for".to_owned(),
            )),
        }
    }

    fn pack_piece(&mut self) -> Result<(), Fault> {
        let (Some(packer), Faces::Growing(faces)) = (&mut self.pieces, &mut self.faces) else {
            return Ok(());
        };
        if faces.len() > 0 {
            packer.push_piece(self.merger.positions(), faces)?;
        }
        faces.truncate(0);
        self.merger.clear();
        Ok(())
    }
}
