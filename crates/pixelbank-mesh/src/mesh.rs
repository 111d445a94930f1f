use pixelbank_memory::Reservation;

use crate::array::Array;
use crate::limits::MAX_FACES;
use crate::{Books, Error};

/// A point or a direction.
pub type Vec3 = [f32; 3];

/// A model of triangles in flat arrays: positions, three indices a face, and what else the vertices have.
///
/// Indices have two bytes where all vertices fit into that, else four. There is no object for a face: a [`Face`] is
/// computed when it is asked for. The arrays hold the reservations that pay for them.
///
/// Positions are finite and indices are within, whatever file the mesh came from. Faces are seen counter-clockwise from
/// outside, as all formats that we read have it.
///
/// [`Face`]: crate::Face
#[derive(Debug)]
pub struct Mesh {
    pub(crate) books: Books,
    pub(crate) positions: Array<Vec3>,
    pub(crate) faces: FaceArray,
    pub(crate) attributes: Attributes,
    pub(crate) parts: Parts,
}

/// What vertices have beside their positions. Each is absent, or there for every vertex.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) normals: Option<Array<Vec3>>,
    pub(crate) colours: Option<Array<[u8; 4]>>,
    pub(crate) texcoords: Option<Array<[f32; 2]>>,
}

impl Attributes {
    pub(crate) fn is_empty(&self) -> bool {
        self.normals.is_none() && self.colours.is_none() && self.texcoords.is_none()
    }
}

/// The indices as they are stored.
#[derive(Debug)]
pub(crate) enum FaceArray {
    U16(Array<[u16; 3]>),
    U32(Array<[u32; 3]>),
}

/// The indices of all faces, without a copy.
#[derive(Debug, Clone, Copy)]
pub enum Indices<'a> {
    /// Of up to 65,536 vertices.
    U16(&'a [[u16; 3]]),
    /// Of more.
    U32(&'a [[u32; 3]]),
}

/// A run of faces that the file told apart from others: an object, a group, a solid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the file calls it; may be empty.
    pub name: String,
    /// Its first face.
    pub first_face: u32,
    /// How many faces it has.
    pub n_faces: u32,
}

/// The parts, and what pays for their names.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) list: Vec<Part>,
    pub(crate) paid: Option<Reservation>,
}

/// The most bytes of a part's name that are kept.
pub(crate) const MAX_NAME_BYTES: usize = 200;

impl Parts {
    /// From `first_face` on, faces belong to another part.
    pub(crate) fn begin(
        &mut self,
        books: &Books,
        name: &str,
        first_face: u32,
    ) -> Result<(), Error> {
        self.end(first_face);
        let name = shortened(name, MAX_NAME_BYTES);
        // A growing list has up to as many places again in reserve.
        let bytes = (2 * size_of::<Part>() + name.len()) as u64;
        match &mut self.paid {
            Some(paid) => paid
                .try_grow(bytes)
                .map_err(|source| books.refused(source))?,
            None => self.paid = Some(books.reserve("mesh", bytes)?),
        }
        self.list.push(Part {
            name: name.to_owned(),
            first_face,
            n_faces: 0,
        });
        Ok(())
    }

    /// The last part ends before face `end`.
    pub(crate) fn end(&mut self, end: u32) {
        if let Some(part) = self.list.last_mut() {
            part.n_faces = end - part.first_face;
        }
    }

    /// Gives up what says nothing: parts without faces, and one that is the whole mesh and has no name.
    pub(crate) fn tidied(mut self) -> Self {
        self.list.retain(|part| part.n_faces > 0);
        if self.list.iter().all(|part| part.name.is_empty()) && self.list.len() <= 1 {
            return Self::default();
        }
        self
    }

    pub(crate) fn copied(&self, books: &Books) -> Result<Self, Error> {
        let mut copy = Self::default();
        for part in &self.list {
            copy.begin(books, &part.name, part.first_face)?;
            copy.end(part.first_face + part.n_faces);
        }
        Ok(copy)
    }
}

/// The beginning of a text, of `max` bytes at most.
pub(crate) fn shortened(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The most vertices whose numbers fit into two bytes.
const N_SHORT: usize = 1 << 16;

impl FaceArray {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U16(faces) => faces.len(),
            Self::U32(faces) => faces.len(),
        }
    }

    /// In two bytes an index where `n_vertices` allows.
    pub(crate) fn narrowed(
        books: &Books,
        faces: Array<[u32; 3]>,
        n_vertices: usize,
    ) -> Result<Self, Error> {
        if n_vertices > N_SHORT {
            return Ok(Self::U32(faces));
        }
        let mut short = Array::zeroed(books, "mesh", faces.len())?;
        for (short, long) in short.iter_mut().zip(faces.iter()) {
            *short = long.map(|index| index as u16);
        }
        Ok(Self::U16(short))
    }

    /// An array of `len` faces to be filled, of the width that `n_vertices` takes.
    pub(crate) fn zeroed(books: &Books, len: usize, n_vertices: usize) -> Result<Self, Error> {
        Ok(if n_vertices > N_SHORT {
            Self::U32(Array::zeroed(books, "mesh", len)?)
        } else {
            Self::U16(Array::zeroed(books, "mesh", len)?)
        })
    }

    #[inline]
    pub(crate) fn get(&self, face: usize) -> [u32; 3] {
        match self {
            Self::U16(faces) => faces[face].map(u32::from),
            Self::U32(faces) => faces[face],
        }
    }

    /// Indices must fit into the array's width.
    #[inline]
    pub(crate) fn set(&mut self, face: usize, corners: [u32; 3]) {
        match self {
            Self::U16(faces) => faces[face] = corners.map(|index| index as u16),
            Self::U32(faces) => faces[face] = corners,
        }
    }
}

impl<'a> Indices<'a> {
    /// How many faces.
    pub fn len(&self) -> usize {
        match self {
            Self::U16(faces) => faces.len(),
            Self::U32(faces) => faces.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The corners of a face.
    ///
    /// # Panics
    /// If there is no such face.
    #[inline]
    pub fn get(&self, face: usize) -> [u32; 3] {
        match self {
            Self::U16(faces) => faces[face].map(u32::from),
            Self::U32(faces) => faces[face],
        }
    }

    /// All faces in their order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = [u32; 3]> + 'a {
        (0..self.len()).map(move |face| self.get(face))
    }
}

impl Mesh {
    /// A mesh of these positions and faces, copied.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where a position is not finite, an index beyond the positions, or there are more than 2³² − 2
    /// positions or 2³⁰ faces; [`Error::Memory`].
    pub fn new(books: &Books, positions: &[Vec3], faces: &[[u32; 3]]) -> Result<Self, Error> {
        if let Some(n) = positions
            .iter()
            .position(|p| p.iter().any(|value| !value.is_finite()))
        {
            return Err(Error::BadRequest(format!("position {n} is not finite")));
        }
        if positions.len() >= u32::MAX as usize || faces.len() as u64 > MAX_FACES {
            return Err(Error::BadRequest(
                "more than 2^32 - 2 vertices or 2^30 faces".to_owned(),
            ));
        }
        let n_vertices = positions.len() as u32;
        if let Some(n) = faces
            .iter()
            .position(|face| face.iter().any(|i| *i >= n_vertices))
        {
            return Err(Error::BadRequest(format!(
                "face {n} is {:?}, of {n_vertices} vertices",
                faces[n]
            )));
        }
        let mut stored = FaceArray::zeroed(books, faces.len(), positions.len())?;
        for (n, face) in faces.iter().enumerate() {
            stored.set(n, *face);
        }
        Ok(Self {
            books: books.clone(),
            positions: Array::copied(books, "mesh", positions)?,
            faces: stored,
            attributes: Attributes::default(),
            parts: Parts::default(),
        })
    }

    /// A mesh of arrays that are known to be right.
    pub(crate) fn of(
        books: &Books,
        positions: Array<Vec3>,
        faces: Array<[u32; 3]>,
    ) -> Result<Self, Error> {
        let faces = FaceArray::narrowed(books, faces, positions.len())?;
        Ok(Self {
            books: books.clone(),
            positions,
            faces,
            attributes: Attributes::default(),
            parts: Parts::default(),
        })
    }

    /// How many vertices.
    pub fn n_vertices(&self) -> u32 {
        self.positions.len() as u32
    }

    /// How many faces, triangles all of them.
    pub fn n_faces(&self) -> u32 {
        self.faces.len() as u32
    }

    /// Whether there are no faces.
    pub fn is_empty(&self) -> bool {
        self.faces.len() == 0
    }

    /// Positions of the vertices, `n_vertices` × 3.
    pub fn positions(&self) -> &[Vec3] {
        &self.positions
    }

    /// The indices of all faces, `n_faces` × 3.
    pub fn indices(&self) -> Indices<'_> {
        match &self.faces {
            FaceArray::U16(faces) => Indices::U16(faces),
            FaceArray::U32(faces) => Indices::U32(faces),
        }
    }

    /// Normals of the vertices, unit vectors, where the file had them or [`compute_normals`](Self::compute_normals)
    /// made them.
    pub fn normals(&self) -> Option<&[Vec3]> {
        self.attributes.normals.as_deref()
    }

    /// Colours of the vertices: red, green, blue, alpha; not premultiplied.
    pub fn colours(&self) -> Option<&[[u8; 4]]> {
        self.attributes.colours.as_deref()
    }

    /// Texture coordinates of the vertices, with the origin where the file's format has it.
    pub fn texcoords(&self) -> Option<&[[f32; 2]]> {
        self.attributes.texcoords.as_deref()
    }

    /// Gives up normals, colours and texture coordinates, and their memory.
    pub fn drop_attributes(&mut self) {
        self.attributes = Attributes::default();
    }

    /// The runs of faces that the file told apart; empty where it did not.
    pub fn parts(&self) -> &[Part] {
        &self.parts.list
    }

    /// Bytes that it is booked with: what it occupies, rounding included.
    pub fn nbytes(&self) -> u64 {
        let faces = match &self.faces {
            FaceArray::U16(faces) => faces.reserved_bytes(),
            FaceArray::U32(faces) => faces.reserved_bytes(),
        };
        let Attributes {
            normals,
            colours,
            texcoords,
        } = &self.attributes;
        faces
            + self.positions.reserved_bytes()
            + normals.as_ref().map_or(0, Array::reserved_bytes)
            + colours.as_ref().map_or(0, Array::reserved_bytes)
            + texcoords.as_ref().map_or(0, Array::reserved_bytes)
            + self.parts.paid.as_ref().map_or(0, Reservation::amount)
    }

    /// Whose memory it is made of.
    pub fn books(&self) -> &Books {
        &self.books
    }
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;

    use super::*;

    #[test]
    fn indices_are_as_short_as_the_vertices_allow() {
        let bank = Bank::builder().host_bytes(16 << 20).build().unwrap();
        let books = Books::new(&bank, "test");
        for (n, is_short) in [(N_SHORT, true), (N_SHORT + 1, false)] {
            let positions = vec![[0.0; 3]; n];
            let last = n as u32 - 1;
            let mesh = Mesh::new(&books, &positions, &[[0, 1, last]]).unwrap();
            assert_eq!(matches!(mesh.indices(), Indices::U16(_)), is_short, "{n}");
            assert_eq!(mesh.indices().get(0), [0, 1, last]);
        }
        assert_eq!(bank.ledger().host.live_bytes, 0);
    }

    #[test]
    fn what_is_not_a_mesh_is_refused() {
        let bank = Bank::builder().host_bytes(1 << 20).build().unwrap();
        let books = Books::new(&bank, "test");
        let square = [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        assert!(Mesh::new(&books, &square, &[[0, 1, 3]]).is_err());
        assert!(Mesh::new(&books, &[[f32::NAN, 0.0, 0.0]], &[]).is_err());
        assert!(Mesh::new(&books, &square, &[[0, 1, 2]]).is_ok());
    }
}
