//! Making one vertex of several in the same place, or nearly so.

use crate::array::Array;
use crate::components::gathered;
use crate::edges::copies;
use crate::measure::{length, minus, wide};
use crate::mesh::{FaceArray, Vec3};
use crate::table::{self, Table, position_key};
use crate::{Books, Error, Mesh};

/// What merging did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Merged {
    /// Vertices that were given up.
    pub n_vertices: u32,
    /// Faces that had no three different corners any more, and were dropped.
    pub n_faces: u32,
}

/// Which vertices stay, and what becomes of the others.
pub(crate) struct Plan {
    /// The new number of each vertex.
    pub(crate) new: Array<u32>,
    /// The old number of each vertex that stays.
    pub(crate) old: Array<u32>,
    n_kept: u32,
}

impl Plan {
    fn new(books: &Books, n_vertices: u32) -> Result<Self, Error> {
        let numbers = || Array::zeroed(books, "merging", n_vertices as usize);
        Ok(Self {
            new: numbers()?,
            old: numbers()?,
            n_kept: 0,
        })
    }

    /// One vertex for those that are no further than `tolerance` from one that came before and stays.
    pub(crate) fn within(books: &Books, positions: &[Vec3], tolerance: f32) -> Result<Self, Error> {
        let tolerance = f64::from(tolerance);
        let n_vertices = positions.len() as u32;
        // Cells as wide as the tolerance: whoever is near enough is in one of the 27 around. Those that stay are further
        // from each other than the tolerance, so that a cell has a handful at most.
        let cell_of = |vertex: u32| {
            wide(positions[vertex as usize])
                .map(|value| (value / tolerance).floor().clamp(-9e15, 9e15) as i64)
        };
        let mut plan = Plan::new(books, n_vertices)?;
        let mut table = Table::<6>::with_capacity(books, 0)?;
        let numbers = || Array::<u32>::zeroed(books, "merging", n_vertices as usize);
        // A list for each cell: the last that stays in it, and for each the one before it; counted from one.
        let (mut last, mut before) = (numbers()?, numbers()?);
        let mut n_cells = 0;
        // The first that stays in a cell tells which cell it is.
        let mut first = numbers()?;
        for vertex in 0..n_vertices {
            let cell = cell_of(vertex);
            let here = wide(positions[vertex as usize]);
            let key_of = |number: u32| cell_key(cell_of(first[number as usize]));
            let mut nearest: Option<(f64, u32)> = None;
            for neighbour in around(cell) {
                let Some(found) = table.find(cell_key(neighbour), key_of) else {
                    continue;
                };
                let mut link = last[found as usize];
                while link != 0 {
                    let number = link - 1;
                    let there = wide(positions[plan.old[number as usize] as usize]);
                    let distance = length(minus(here, there));
                    if distance <= tolerance && nearest.is_none_or(|(least, _)| distance < least) {
                        nearest = Some((distance, number));
                    }
                    link = before[number as usize];
                }
            }
            if let Some((_, number)) = nearest {
                plan.put(vertex, number);
                continue;
            }
            let number = plan.n_kept;
            plan.put(vertex, number);
            let found = table.find_or_insert(cell_key(cell), n_cells, key_of)?;
            if found == n_cells {
                first[found as usize] = vertex;
                n_cells += 1;
            }
            before[number as usize] = std::mem::replace(&mut last[found as usize], number + 1);
        }
        Ok(plan)
    }

    /// `vertex` becomes `number`, which is new where it is the count so far.
    fn put(&mut self, vertex: u32, number: u32) {
        self.new[vertex as usize] = number;
        if number == self.n_kept {
            self.old[number as usize] = vertex;
            self.n_kept += 1;
        }
    }
}

/// Vertices that are looked for together, so that the processor waits for memory once for many.
const N_AT_ONCE: usize = 256;

impl Mesh {
    /// Makes one vertex of all in exactly the same place, and drops faces without three different corners. Positive and
    /// negative zero are the same place. The first of several stays, and the order.
    ///
    /// Vertices that differ in normal, colour or texture coordinates stay apart: give those up first
    /// ([`drop_attributes`](Self::drop_attributes)) where only the shape matters.
    ///
    /// # Errors
    /// [`Error::Memory`]; the mesh is then as before.
    pub fn merge_exact(&mut self) -> Result<Merged, Error> {
        if self.attributes.is_empty() {
            return self.merge_equal(|mesh, vertex| position_key(mesh.positions[vertex]));
        }
        self.merge_equal(|mesh, vertex| {
            let [x, y, z] = position_key(mesh.positions[vertex]);
            let attributes = &mesh.attributes;
            let [nx, ny, nz] = position_key(
                attributes
                    .normals
                    .as_ref()
                    .map_or([0.0; 3], |all| all[vertex]),
            );
            let colour = attributes
                .colours
                .as_ref()
                .map_or([0; 4], |all| all[vertex]);
            let [u, v] = attributes
                .texcoords
                .as_ref()
                .map_or([0.0; 2], |all| all[vertex]);
            let [u, v, _] = position_key([u, v, 0.0]);
            [x, y, z, nx, ny, nz, u32::from_le_bytes(colour), u, v]
        })
    }

    fn merge_equal<const N: usize>(
        &mut self,
        key: impl Fn(&Self, usize) -> [u32; N],
    ) -> Result<Merged, Error> {
        let mut plan = Plan::new(&self.books, self.n_vertices())?;
        let n = self.n_vertices();
        // Files that know vertices have few of them twice; those that split them at seams have up to six for one.
        let mut table = Table::with_capacity(&self.books, n as usize / 2)?;
        let (mut hashes, mut scratch) = ([0; N_AT_ONCE], [0; N_AT_ONCE]);
        for start in (0..n).step_by(N_AT_ONCE) {
            let vertices = start..n.min(start + N_AT_ONCE as u32);
            let hashes = &mut hashes[..vertices.len()];
            for (hash, vertex) in hashes.iter_mut().zip(vertices.clone()) {
                *hash = table::hash(key(self, vertex as usize), table.seeds());
            }
            let old = |number: u32| plan.old[number as usize] as usize;
            let look = |number: u32| key(self, old(number))[0];
            std::hint::black_box(table.look_ahead(hashes.iter().copied(), &mut scratch, look));
            for (vertex, hash) in vertices.zip(&*hashes) {
                let key_of = |number: u32| key(self, plan.old[number as usize] as usize);
                let own = key(self, vertex as usize);
                let number = table.find_or_insert_hashed(own, *hash, plan.n_kept, key_of)?;
                plan.put(vertex, number);
            }
        }
        drop(table);
        self.apply(plan)
    }

    /// Makes one vertex of those that are no further than `tolerance` from one that came before and stays; drops faces
    /// without three different corners. Positions that stay do not move, and no vertex moves further than the tolerance.
    /// Normals, colours and texture coordinates are those of the vertex that stays.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where the tolerance is not a positive number; [`Error::Memory`]; the mesh is then as before.
    pub fn merge_within(&mut self, tolerance: f32) -> Result<Merged, Error> {
        if !(tolerance.is_finite() && tolerance > 0.0) {
            return Err(Error::BadRequest(format!(
                "a tolerance of {tolerance} is no distance"
            )));
        }
        let plan = Plan::within(&self.books, &self.positions, tolerance)?;
        self.apply(plan)
    }

    /// Drops faces without three different corners.
    pub(crate) fn drop_cornerless(&mut self) -> Result<Merged, Error> {
        let n_faces = self.replace_faces(self.positions.len(), |_, corners| proper(corners))?;
        Ok(Merged {
            n_vertices: 0,
            n_faces,
        })
    }

    /// Drops faces with the vertices of one before them, and says how many those were. Vertices stay, needed or not.
    ///
    /// # Errors
    /// [`Error::Memory`]; the mesh is then as before.
    pub fn drop_duplicate_faces(&mut self) -> Result<u32, Error> {
        let marks = copies(self)?;
        let is_copy = |face: usize| marks[face / 64] >> (face % 64) & 1 == 1;
        self.replace_faces(self.positions.len(), |face, corners| {
            (!is_copy(face)).then_some(corners)
        })
    }

    fn apply(&mut self, plan: Plan) -> Result<Merged, Error> {
        let n_kept = plan.n_kept as usize;
        let n_vertices = self.n_vertices() - plan.n_kept;
        if n_vertices == 0 {
            return self.drop_cornerless();
        }
        let kept = &plan.old[..n_kept];
        let positions = gathered(&self.books, &self.positions, kept)?;
        let attributes = self.attributes.gathered(&self.books, kept)?;
        let n_faces = self.replace_faces(n_kept, |_, corners| {
            proper(corners.map(|corner| plan.new[corner as usize]))
        })?;
        self.positions = positions;
        self.attributes = attributes;
        Ok(Merged {
            n_vertices,
            n_faces,
        })
    }

    /// Puts `map` of each face in its place, drops those of which it says nothing, and says how many those were. On an
    /// error nothing has changed.
    fn replace_faces(
        &mut self,
        n_vertices: usize,
        map: impl Fn(usize, [u32; 3]) -> Option<[u32; 3]>,
    ) -> Result<u32, Error> {
        let n_faces = self.faces.len();
        let mapped = |face: usize| map(face, self.faces.get(face));
        let n_left = (0..n_faces).filter(|face| mapped(*face).is_some()).count();
        if n_left == n_faces && n_vertices == self.positions.len() {
            for face in 0..n_faces {
                if let Some(corners) = map(face, self.faces.get(face)) {
                    self.faces.set(face, corners);
                }
            }
            return Ok(0);
        }
        let mut faces = FaceArray::zeroed(&self.books, n_left, n_vertices)?;
        let mut next = 0;
        for face in 0..n_faces {
            if let Some(corners) = mapped(face) {
                faces.set(next, corners);
                next += 1;
            }
        }
        // Parts follow each other, so one walk counts what is left of each and between them.
        let (mut face, mut n_kept) = (0, 0);
        let mut kept_before = |end: u32| {
            let passed = (face..end as usize)
                .filter(|face| mapped(*face).is_some())
                .count();
            face = face.max(end as usize);
            n_kept += passed as u32;
            n_kept
        };
        for part in &mut self.parts.list {
            let end = part.first_face + part.n_faces;
            part.first_face = kept_before(part.first_face);
            part.n_faces = kept_before(end) - part.first_face;
        }
        self.faces = faces;
        Ok((n_faces - n_left) as u32)
    }
}

/// The corners, where they are three different ones.
fn proper([a, b, c]: [u32; 3]) -> Option<[u32; 3]> {
    (a != b && b != c && c != a).then_some([a, b, c])
}

fn cell_key(cell: [i64; 3]) -> [u32; 6] {
    let [x, y, z] = cell.map(|value| [value as u32, (value >> 32) as u32]);
    [x[0], x[1], y[0], y[1], z[0], z[1]]
}

/// A cell and the 26 around it.
fn around([x, y, z]: [i64; 3]) -> impl Iterator<Item = [i64; 3]> {
    (-1..=1).flat_map(move |dx| {
        (-1..=1).flat_map(move |dy| (-1..=1).map(move |dz| [x + dx, y + dy, z + dz]))
    })
}
