//! What faces have in common: edges, neighbours, copies. Found by sorting into buckets by the least vertex, in time that
//! no arrangement of faces can make quadratic, and with 14 bytes a face of working memory; copies by lists first.

use crate::array::{Array, Growing};
use crate::components::Sets;
use crate::measure::doubled_area;
use crate::{Error, Indices, Mesh};

/// How the faces of a mesh hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Topology {
    /// Edges, each counted once.
    pub n_edges: u64,
    /// Edges of one face alone: rims.
    pub n_open_edges: u64,
    /// Edges of three faces and more.
    pub n_crowded_edges: u64,
    /// Edges of two faces that run along it in the same direction: one of them is seen from inside.
    pub n_turned_edges: u64,
    /// Pieces that no edge connects.
    pub n_components: u32,
}

impl Topology {
    /// Whether each edge belongs to exactly two faces, and there are faces at all.
    pub fn is_watertight(&self) -> bool {
        self.n_edges > 0 && self.n_open_edges == 0 && self.n_crowded_edges == 0
    }

    /// Whether all neighbours agree on what is outside.
    pub fn is_consistent(&self) -> bool {
        self.n_turned_edges == 0
    }
}

/// What lies beyond an edge of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// Nothing: the edge is a rim.
    None,
    /// One face.
    Face(u32),
    /// Two faces and more.
    Many,
}

/// For each edge of each face, the face beyond it: 12 bytes a face. It is built on demand; drop it when it has served.
/// It belongs to the mesh as it was then.
#[derive(Debug)]
pub struct Adjacency {
    beyond: Array<[u32; 3]>,
    /// Edges of three faces and more, by their vertices.
    crowded: Array<[u32; 2]>,
}

/// An edge and the faces on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Its vertices, in the direction of `face`.
    pub vertices: [u32; 2],
    /// A face that it belongs to.
    pub face: u32,
    /// What lies beyond.
    pub beyond: Neighbour,
}

const NONE: u32 = u32::MAX;
const MANY: u32 = u32::MAX - 1;

/// An edge of one face: which face, and which of its three.
pub(crate) fn face_of(half: u32) -> (u32, usize) {
    (half / 3, (half % 3) as usize)
}

fn ends(indices: Indices, half: u32) -> [u32; 2] {
    let (face, k) = face_of(half);
    let corners = indices.get(face as usize);
    [corners[k], corners[(k + 1) % 3]]
}

/// Calls `each` with the vertices of each edge, the lesser first, and with the edges of faces that lie on it. An edge
/// from a vertex to itself is none.
pub(crate) fn for_each_edge(
    mesh: &Mesh,
    mut each: impl FnMut([u32; 2], &[u32]) -> Result<(), Error>,
) -> Result<(), Error> {
    let n_halves = mesh.n_faces() * 3;
    let indices = mesh.indices();
    let least = |half: u32| {
        let [from, to] = ends(indices, half);
        (from != to).then(|| from.min(to))
    };
    let mut buckets = Buckets::new(mesh, n_halves, least)?;
    let (bucket_ends, numbers): (&[u32], &mut [u32]) = (&buckets.ends, &mut buckets.numbers);
    for vertex in 0..mesh.n_vertices() {
        let halves = bucket(bucket_ends, numbers, vertex);
        let other = |half: u32| {
            let [from, to] = ends(indices, half);
            from.max(to)
        };
        halves.sort_unstable_by_key(|half| (other(*half), *half));
        for group in halves.chunk_by(|a, b| other(*a) == other(*b)) {
            each([vertex, other(group[0])], group)?;
        }
    }
    Ok(())
}

/// Numbers put together by the vertex that each belongs to.
struct Buckets {
    /// Where the bucket of each vertex ends.
    ends: Array<u32>,
    numbers: Array<u32>,
}

impl Buckets {
    fn new(mesh: &Mesh, n: u32, vertex_of: impl Fn(u32) -> Option<u32>) -> Result<Self, Error> {
        let n_vertices = mesh.n_vertices() as usize;
        let mut ends = Array::<u32>::zeroed(&mesh.books, "working", n_vertices)?;
        let mut numbers = Array::<u32>::zeroed(&mesh.books, "working", n as usize)?;
        let (starts, sorted): (&mut [u32], &mut [u32]) = (&mut ends, &mut numbers);
        for number in 0..n {
            if let Some(vertex) = vertex_of(number) {
                starts[vertex as usize] += 1;
            }
        }
        let mut sum = 0;
        for start in starts.iter_mut() {
            sum += std::mem::replace(start, sum);
        }
        // Filling a bucket moves its start to its end.
        for number in 0..n {
            if let Some(vertex) = vertex_of(number) {
                let place = &mut starts[vertex as usize];
                sorted[*place as usize] = number;
                *place += 1;
            }
        }
        Ok(Self { ends, numbers })
    }
}

/// The bucket of a vertex.
fn bucket<'a>(ends: &[u32], numbers: &'a mut [u32], vertex: u32) -> &'a mut [u32] {
    let start = if vertex == 0 {
        0
    } else {
        ends[vertex as usize - 1]
    };
    &mut numbers[start as usize..ends[vertex as usize] as usize]
}

/// A bit for each face, set where the face has the same three vertices as one before it, in whatever order.
pub(crate) fn copies(mesh: &Mesh) -> Result<Array<u64>, Error> {
    let n_words = (mesh.n_faces() as usize).div_ceil(64);
    let mut marks = Array::zeroed(&mesh.books, "working", n_words)?;
    let is_done = match mesh.indices() {
        Indices::U16(faces) => mark_by_lists(mesh, faces, &mut marks)?,
        Indices::U32(faces) => mark_by_lists(mesh, faces, &mut marks)?,
    };
    if !is_done {
        marks.fill(0);
        mark_by_sorting(mesh, &mut marks)?;
    }
    Ok(marks)
}

fn mark(marks: &mut [u64], face: u32) {
    marks[face as usize / 64] |= 1 << (face % 64);
}

/// Corners in ascending order.
#[inline]
fn ascending<T: Copy>([a, b, c]: [T; 3]) -> [u32; 3]
where
    u32: From<T>,
{
    let [a, b, c] = [u32::from(a), u32::from(b), u32::from(c)];
    let (low, high) = (a.min(b), a.max(b));
    [low.min(c), high.min(c).max(low), high.max(c)]
}

/// Faces that are looked at for each face, on average, before lists are given up for sorting. In meshes it is less than one;
/// a fan around one vertex takes half of all.
const MAX_LOOKS: u64 = 8;

/// Keeps a list of faces for each vertex, those that have it as their last: each face is compared with the few that it
/// meets there. `false` where they are not few.
fn mark_by_lists<T: Copy>(mesh: &Mesh, faces: &[[T; 3]], marks: &mut [u64]) -> Result<bool, Error>
where
    u32: From<T>,
{
    let n_vertices = mesh.n_vertices() as usize;
    // The last face of each list, and of each face the one before it, counted from one.
    let mut lasts = Array::<u32>::zeroed(&mesh.books, "working", n_vertices)?;
    let mut links = Array::<u32>::zeroed(&mesh.books, "working", faces.len())?;
    let (lasts, links): (&mut [u32], &mut [u32]) = (&mut lasts, &mut links);
    let mut looks_left = faces.len() as u64 * MAX_LOOKS;
    for (number, face) in (0..).zip(faces) {
        let corners = ascending(*face);
        let last = &mut lasts[corners[2] as usize];
        let mut link = *last;
        let is_copy = loop {
            let Some(other) = link.checked_sub(1) else {
                break false;
            };
            if ascending(faces[other as usize]) == corners {
                break true;
            }
            if looks_left == 0 {
                return Ok(false);
            }
            looks_left -= 1;
            link = links[other as usize];
        };
        if is_copy {
            mark(marks, number);
        } else {
            links[number as usize] = *last;
            *last = number + 1;
        }
    }
    Ok(true)
}

/// The same by sorting, in time that no arrangement of faces can make quadratic.
fn mark_by_sorting(mesh: &Mesh, marks: &mut [u64]) -> Result<(), Error> {
    let indices = mesh.indices();
    let sorted = |face: u32| ascending(indices.get(face as usize));
    let mut buckets = Buckets::new(mesh, mesh.n_faces(), |face| Some(sorted(face)[0]))?;
    let (bucket_ends, numbers): (&[u32], &mut [u32]) = (&buckets.ends, &mut buckets.numbers);
    for vertex in 0..mesh.n_vertices() {
        let faces = bucket(bucket_ends, numbers, vertex);
        if faces.len() < 2 {
            continue;
        }
        faces.sort_unstable_by_key(|face| (sorted(*face), *face));
        for copies in faces.chunk_by(|a, b| sorted(*a) == sorted(*b)) {
            copies[1..].iter().for_each(|face| mark(marks, *face));
        }
    }
    Ok(())
}

impl Mesh {
    /// Counts edges and pieces, and finds whether the mesh is watertight.
    ///
    /// Takes 18 bytes a face of working memory.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn topology(&self) -> Result<Topology, Error> {
        let mut found = Topology {
            n_edges: 0,
            n_open_edges: 0,
            n_crowded_edges: 0,
            n_turned_edges: 0,
            n_components: 0,
        };
        let mut sets = Sets::new(&self.books, self.n_faces())?;
        let indices = self.indices();
        for_each_edge(self, |_, halves| {
            found.n_edges += 1;
            match *halves {
                [_] => found.n_open_edges += 1,
                [a, b] if ends(indices, a) == ends(indices, b) => found.n_turned_edges += 1,
                [_, _] => {}
                _ => found.n_crowded_edges += 1,
            }
            sets.join_all(halves);
            Ok(())
        })?;
        found.n_components = sets.n_sets();
        Ok(found)
    }

    /// How many faces have the same three vertices as one before them.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn n_duplicate_faces(&self) -> Result<u32, Error> {
        Ok(copies(self)?.iter().map(|word| word.count_ones()).sum())
    }

    /// How many faces have three vertices and no area.
    pub fn n_flat_faces(&self) -> u32 {
        self.faces()
            .filter(|face| doubled_area(face.points) == [0.0; 3])
            .count() as u32
    }

    /// Builds the neighbours of all faces.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn adjacency(&self) -> Result<Adjacency, Error> {
        let mut beyond =
            Array::<[u32; 3]>::zeroed(&self.books, "adjacency", self.n_faces() as usize)?;
        beyond.fill([NONE; 3]);
        let mut crowded = Growing::new(&self.books, "adjacency");
        for_each_edge(self, |vertices, halves| {
            let places = || halves.iter().map(|half| face_of(*half));
            match *halves {
                [_] => {}
                [a, b] => {
                    for (from, to) in [(a, b), (b, a)] {
                        let (face, k) = face_of(from);
                        beyond[face as usize][k] = face_of(to).0;
                    }
                }
                _ => {
                    places().for_each(|(face, k)| beyond[face as usize][k] = MANY);
                    crowded.push(vertices)?;
                }
            }
            Ok(())
        })?;
        Ok(Adjacency {
            beyond,
            crowded: crowded.into_flat("adjacency")?,
        })
    }
}

impl Adjacency {
    /// What lies beyond the three edges of a face: from its first corner to its second, and so on.
    ///
    /// # Panics
    /// If there is no such face.
    pub fn neighbours(&self, face: u32) -> [Neighbour; 3] {
        self.beyond[face as usize].map(|beyond| match beyond {
            NONE => Neighbour::None,
            MANY => Neighbour::Many,
            face => Neighbour::Face(face),
        })
    }

    /// The edges of `mesh` that belong to one face or two, each once, computed as they are asked for. Those of more are
    /// [`crowded_edges`](Self::crowded_edges).
    ///
    /// # Panics
    /// If `mesh` has fewer faces than the mesh that this was built of.
    pub fn edges<'a>(&'a self, mesh: &'a Mesh) -> impl Iterator<Item = Edge> + 'a {
        (0..self.beyond.len() as u32).flat_map(move |face| {
            let corners = mesh.faces.get(face as usize);
            let neighbours = self.neighbours(face);
            (0..3).filter_map(move |k| {
                let edge = Edge {
                    vertices: [corners[k], corners[(k + 1) % 3]],
                    face,
                    beyond: neighbours[k],
                };
                let is_first = match edge.beyond {
                    Neighbour::None => true,
                    Neighbour::Face(other) => face < other,
                    Neighbour::Many => false,
                };
                (is_first && edge.vertices[0] != edge.vertices[1]).then_some(edge)
            })
        })
    }

    /// Vertices of the edges that three faces and more have in common, the lesser first.
    pub fn crowded_edges(&self) -> &[[u32; 2]] {
        &self.crowded
    }

    /// Bytes that it is booked with.
    pub fn nbytes(&self) -> u64 {
        self.beyond.reserved_bytes() + self.crowded.reserved_bytes()
    }
}
