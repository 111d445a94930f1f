//! The pieces of a mesh, and meshes made of some of its faces.

use crate::array::Array;
use crate::edges::{face_of, for_each_edge};
use crate::mesh::{Attributes, FaceArray, Parts};
use crate::{Books, Error, Mesh};

/// Sets of faces that are joined one by one (union-find, by size, with halved paths).
pub(crate) struct Sets {
    /// The face above each; a root holds its size, with the highest bit set.
    above: Array<u32>,
    n_sets: u32,
}

const ROOT: u32 = 1 << 31;

impl Sets {
    pub(crate) fn new(books: &Books, n: u32) -> Result<Self, Error> {
        let mut above = Array::zeroed(books, "working", n as usize)?;
        above.fill(ROOT | 1);
        Ok(Self { above, n_sets: n })
    }

    pub(crate) fn n_sets(&self) -> u32 {
        self.n_sets
    }

    fn root(&mut self, mut face: u32) -> u32 {
        let above: &mut [u32] = &mut self.above;
        loop {
            let parent = above[face as usize];
            if parent & ROOT != 0 {
                return face;
            }
            let grandparent = above[parent as usize];
            if grandparent & ROOT != 0 {
                return parent;
            }
            above[face as usize] = grandparent;
            face = grandparent;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let size = |set: u32| self.above[set as usize] & !ROOT;
        let (n_a, n_b) = (size(a), size(b));
        let (large, small) = if n_a >= n_b { (a, b) } else { (b, a) };
        self.above[small as usize] = large;
        self.above[large as usize] = ROOT | (n_a + n_b);
        self.n_sets -= 1;
    }

    /// Joins the faces of all these edges of faces.
    pub(crate) fn join_all(&mut self, halves: &[u32]) {
        for pair in halves.windows(2) {
            self.join(face_of(pair[0]).0, face_of(pair[1]).0);
        }
    }
}

/// The pieces of a mesh that no edge connects, in the order of their first faces. It belongs to the mesh as it was.
#[derive(Debug)]
pub struct Components {
    /// All faces, piece by piece, in their order within each.
    faces: Array<u32>,
    /// Where each piece ends.
    ends: Array<u32>,
}

impl Components {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the mesh has no faces.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The faces of one.
    ///
    /// # Panics
    /// If there is no such piece.
    pub fn faces(&self, component: usize) -> &[u32] {
        let start = if component == 0 {
            0
        } else {
            self.ends[component - 1]
        };
        &self.faces[start as usize..self.ends[component] as usize]
    }
}

impl Mesh {
    /// Finds the pieces. Faces that meet in a vertex alone are not connected.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn components(&self) -> Result<Components, Error> {
        let n_faces = self.n_faces();
        let mut sets = Sets::new(&self.books, n_faces)?;
        for_each_edge(self, |_, halves| {
            sets.join_all(halves);
            Ok(())
        })?;
        let mut faces = Array::<u32>::zeroed(&self.books, "components", n_faces as usize)?;
        let mut ends = Array::<u32>::zeroed(&self.books, "components", sets.n_sets() as usize)?;
        // A piece is numbered when its first face is met; its root remembers the number.
        let mut numbers = Array::<u32>::zeroed(&self.books, "working", n_faces as usize)?;
        let mut n_known = 0;
        for face in 0..n_faces {
            let root = sets.root(face) as usize;
            if numbers[root] == 0 {
                n_known += 1;
                numbers[root] = n_known;
            }
            ends[numbers[root] as usize - 1] += 1;
        }
        let mut sum = 0;
        for end in ends.iter_mut() {
            sum += std::mem::replace(end, sum);
        }
        for face in 0..n_faces {
            let number = numbers[sets.root(face) as usize];
            let place = &mut ends[number as usize - 1];
            faces[*place as usize] = face;
            *place += 1;
        }
        Ok(Components { faces, ends })
    }

    /// A mesh of some faces, with the vertices that they need, in the order in which they need them. Parts are not kept.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where there is no face of some number; [`Error::Memory`].
    pub fn extract(&self, faces: &[u32]) -> Result<Self, Error> {
        let mut numbers = Numbers::new(self)?;
        numbers.extract(self, faces)
    }

    /// One mesh for each of the [`components`](Self::components).
    ///
    /// # Errors
    /// [`Error::BadRequest`] where there are more than `max_components`; [`Error::Memory`].
    pub fn split(&self, max_components: usize) -> Result<Vec<Self>, Error> {
        let components = self.components()?;
        if components.len() > max_components {
            return Err(Error::BadRequest(format!(
                "{} pieces, more than {max_components}",
                components.len()
            )));
        }
        let mut numbers = Numbers::new(self)?;
        (0..components.len())
            .map(|component| numbers.extract(self, components.faces(component)))
            .collect()
    }
}

/// Numbers that vertices get in a mesh that is taken out of another. All are zero between two uses.
struct Numbers(Array<u32>);

impl Numbers {
    fn new(mesh: &Mesh) -> Result<Self, Error> {
        Ok(Self(Array::zeroed(
            &mesh.books,
            "working",
            mesh.n_vertices() as usize,
        )?))
    }

    fn extract(&mut self, mesh: &Mesh, faces: &[u32]) -> Result<Mesh, Error> {
        if let Some(face) = faces.iter().find(|face| **face >= mesh.n_faces()) {
            return Err(Error::BadRequest(format!(
                "face {face} of {}",
                mesh.n_faces()
            )));
        }
        let books = &mesh.books;
        let mut n_vertices = 0;
        for face in faces {
            for corner in mesh.faces.get(*face as usize) {
                let number = &mut self.0[corner as usize];
                if *number == 0 {
                    n_vertices += 1;
                    *number = n_vertices;
                }
            }
        }
        let made = (|| {
            let mut taken = Array::<u32>::zeroed(books, "working", n_vertices as usize)?;
            let mut indices = FaceArray::zeroed(books, faces.len(), n_vertices as usize)?;
            for (n, face) in faces.iter().enumerate() {
                let corners = mesh.faces.get(*face as usize);
                let numbers = corners.map(|corner| self.0[corner as usize] - 1);
                indices.set(n, numbers);
                for (number, corner) in numbers.into_iter().zip(corners) {
                    taken[number as usize] = corner;
                }
            }
            Ok(Mesh {
                books: books.clone(),
                positions: gathered(books, &mesh.positions, &taken)?,
                faces: indices,
                attributes: mesh.attributes.gathered(books, &taken)?,
                parts: Parts::default(),
            })
        })();
        for face in faces {
            for corner in mesh.faces.get(*face as usize) {
                self.0[corner as usize] = 0;
            }
        }
        made
    }
}

/// The elements of those numbers.
pub(crate) fn gathered<T: bytemuck::Pod>(
    books: &Books,
    from: &[T],
    numbers: &[u32],
) -> Result<Array<T>, Error> {
    let mut to = Array::zeroed(books, "mesh", numbers.len())?;
    for (to, number) in to.iter_mut().zip(numbers) {
        *to = from[*number as usize];
    }
    Ok(to)
}

impl Attributes {
    pub(crate) fn gathered(&self, books: &Books, numbers: &[u32]) -> Result<Self, Error> {
        let normals = self.normals.as_ref();
        let colours = self.colours.as_ref();
        let texcoords = self.texcoords.as_ref();
        Ok(Self {
            normals: normals
                .map(|all| gathered(books, all, numbers))
                .transpose()?,
            colours: colours
                .map(|all| gathered(books, all, numbers))
                .transpose()?,
            texcoords: texcoords
                .map(|all| gathered(books, all, numbers))
                .transpose()?,
        })
    }
}
