//! Triangles that come one by one, each with its own corners, made into a mesh or into pieces at rest.

use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit};
use crate::mesh::{Mesh, Parts, Vec3};
use crate::packed::{Packed, Packer};
use crate::table::{Table, position_key};
use crate::{Books, Limits, Packing};

use super::Report;

/// Where triangles go. Those that cannot be faces are counted and left out.
pub(super) struct Soup {
    books: Books,
    limits: Limits,
    table: Table<3>,
    /// The key and the number of the vertex that was last met with each of some bits of the hash. Neighbours come soon
    /// after each other, so most corners are found here, while the table of a large mesh is in no processor's cache.
    recent: Array<[u32; 4]>,
    positions: Growing<Vec3>,
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

    #[inline]
    fn push(&mut self, face: [u32; 3]) -> Result<(), Fault> {
        match self {
            Self::Flat(faces, len) if *len < faces.len() => {
                faces[*len] = face;
                *len += 1;
            }
            Self::Flat(..) => {
                return Err(Fault::Malformed(
                    "more faces than there is room for".to_owned(),
                ));
            }
            Self::Growing(faces) => faces.push(face)?,
        }
        Ok(())
    }
}

/// How many vertices are remembered as met of late, for a mesh of `n` faces: some rows of it, in two bytes a face at most and
/// a mebibyte.
fn n_recent(n: Option<usize>) -> usize {
    let n = n.unwrap_or(1 << 16).clamp(1 << 10, 1 << 19) / 8;
    1 << n.ilog2()
}

/// Faces that are merged and packed together where a file goes straight to rest.
const PIECE_FACES: usize = 1 << 16;

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
            // Closed meshes have half as many vertices as faces.
            recent: Array::zeroed(books, "merging", n_recent(n))?,
            table: Table::with_capacity(books, n.map_or(0, |n| (n / 2).min(PIECE_FACES)))?,
            positions: Growing::new(books, "loading"),
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
    #[inline]
    pub(super) fn push(&mut self, corners: [Vec3; 3], report: &mut Report) -> Result<(), Fault> {
        report.found_faces += 1;
        if !corners.iter().flatten().all(|value| value.is_finite()) {
            report.n_nonfinite += 1;
            return Ok(());
        }
        let keys = corners.map(position_key);
        if keys[0] == keys[1] || keys[1] == keys[2] || keys[2] == keys[0] {
            report.n_degenerate += 1;
            return Ok(());
        }
        let mut face = [0; 3];
        let recent: &mut [[u32; 4]] = &mut self.recent;
        let shift = usize::BITS - recent.len().trailing_zeros();
        for (corner, key) in face.iter_mut().zip(keys) {
            let hash = self.table.hash(key);
            let positions = &self.positions;
            let next = positions.len() as u32;
            // The high bits: the table goes by the low ones.
            let met = &mut recent[hash >> shift];
            if met[..3] == key && met[3] != 0 {
                *corner = met[3] - 1;
                continue;
            }
            *corner = self
                .table
                .find_or_insert_hashed(key, hash, next, |number| {
                    position_key(positions.get(number as usize))
                })?;
            *met = [key[0], key[1], key[2], *corner + 1];
            if *corner == next {
                check_limit("vertices", u64::from(next) + 1, self.limits.max_vertices)?;
                // The key has both zeroes as one already.
                self.positions.push(key.map(f32::from_bits))?;
            }
        }
        if self.pieces.is_none() {
            check_limit("faces", self.faces.len() as u64 + 1, self.limits.max_faces)?;
        }
        self.faces.push(face)?;
        if self.pieces.is_some() && self.faces.len() >= PIECE_FACES {
            self.pack_piece()?;
        }
        Ok(())
    }

    /// From here on faces belong to another part. Pieces at rest have none.
    pub(super) fn begin_part(&mut self, name: &str) -> Result<(), Fault> {
        if self.pieces.is_some() {
            return Ok(());
        }
        let n = self.parts.list.len() as u64 + 1;
        check_limit("parts", n, u64::from(self.limits.max_parts))?;
        self.parts
            .begin(&self.books, name, self.faces.len() as u32)?;
        Ok(())
    }

    /// The mesh.
    pub(super) fn into_mesh(mut self) -> Result<Mesh, Fault> {
        self.parts.end(self.faces.len() as u32);
        // What is not needed any more goes before more is wanted.
        drop((self.table, self.recent));
        let positions = self.positions.into_flat("mesh")?;
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
            packer.push_piece(&self.positions, faces)?;
        }
        faces.truncate(0);
        self.positions.truncate(0);
        self.table.clear();
        self.recent.fill([0; 4]);
        Ok(())
    }
}
