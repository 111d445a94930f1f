//! The resting form: vertices and faces in meshoptimizer's codecs, block by block.

use pixelbank_memory::Reservation;

use crate::array::{Array, Growing};
use crate::measure::{Bounds, Face, length, minus, sixfold_volume, wide};
use crate::mesh::{Attributes, FaceArray, Parts, Vec3};
use crate::table::{Table, position_key};
use crate::{Books, Error, Mesh};

/// How a mesh is packed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Packing {
    /// All numbers as they are. A face may begin with another of its corners; their order and that of faces stays.
    #[default]
    Lossless,
    /// Positions on a grid, so that none moves further than this. Everything else as it is.
    Within(f32),
}

/// A mesh at rest: a quarter to a half of its size, and opened in a few milliseconds a million faces.
#[derive(Debug)]
pub struct Packed {
    books: Books,
    blocks: Vec<Block>,
    kind: Kind,
    grid: Option<Grid>,
    max_error: f64,
    n_vertices: u64,
    n_faces: u64,
    parts: Parts,
    /// For the list of blocks.
    paid: Reservation,
}

/// What indices of a block count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The first vertex of all blocks.
    Whole,
    /// The first vertex of the block: each has all vertices that its faces need.
    Pieces,
}

#[derive(Debug)]
struct Block {
    n_vertices: u32,
    n_faces: u32,
    /// Taken from all indices before they are packed: the codec does best where new vertices count up from zero.
    base: u32,
    positions: Array<u8>,
    faces: Array<u8>,
    normals: Option<Array<u8>>,
    colours: Option<Array<u8>>,
    texcoords: Option<Array<u8>>,
}

/// Vertices, and faces, of a block of a whole mesh.
const BLOCK: usize = 1 << 16;

/// Positions as multiples of a step from the origin, the same in all blocks, so that equal positions stay equal.
#[derive(Debug, Clone, Copy)]
struct Grid {
    step: f64,
}

impl Grid {
    /// A point is half a diagonal of a cell from the grid at most; the rest is left for rounding to f32.
    fn within(error: f32) -> Result<Self, Error> {
        if error.is_finite() && error > 0.0 {
            let step = f64::from(error) * 2.0 / 3f64.sqrt() * 0.98;
            Ok(Self { step })
        } else {
            Err(Error::BadRequest(format!(
                "an error of {error} is no distance"
            )))
        }
    }

    fn number(self, position: Vec3) -> Option<[i32; 3]> {
        let numbers = wide(position).map(|value| (value / self.step).round());
        let fits = numbers
            .iter()
            .all(|number| number.abs() < f64::from(i32::MAX));
        fits.then(|| numbers.map(|number| number as i32))
    }

    fn position(self, number: [i32; 3]) -> Vec3 {
        number.map(|number| (f64::from(number) * self.step) as f32)
    }
}

/// Makes a [`Packed`] block by block.
pub(crate) struct Packer {
    packed: Packed,
    error: Option<f32>,
}

/// What packing a block takes at most: the block as numbers, the codecs' output before it is cut to its size, and the
/// codecs' own tables.
fn working_bytes(n_vertices: usize, n_faces: usize) -> u64 {
    (n_vertices * 40 + n_faces * 30 + (64 << 10)) as u64
}

fn refused(error: meshopt::Error) -> Error {
    // Only what we packed ourselves is ever unpacked.
    Error::BadRequest(format!("the mesh cannot be packed or opened: {error}"))
}

impl Packer {
    pub(crate) fn new(books: &Books, packing: Packing) -> Result<Self, Error> {
        let (grid, error) = match packing {
            Packing::Lossless => (None, None),
            Packing::Within(error) => (Some(Grid::within(error)?), Some(error)),
        };
        Ok(Self {
            error,
            packed: Packed {
                books: books.clone(),
                blocks: Vec::new(),
                kind: Kind::Pieces,
                grid,
                max_error: 0.0,
                n_vertices: 0,
                n_faces: 0,
                parts: Parts::default(),
                paid: books.reserve("packed mesh", 0)?,
            },
        })
    }

    /// Packs faces with vertices of their own.
    pub(crate) fn push_piece(
        &mut self,
        positions: &Growing<Vec3>,
        faces: &Growing<[u32; 3]>,
    ) -> Result<(), Error> {
        let bytes = working_bytes(positions.len(), faces.len());
        let _working = self.packed.books.reserve("packing", bytes)?;
        let mut flat = Vec::with_capacity(positions.len());
        flat.extend((0..positions.len()).map(|n| positions.get(n)));
        let mut corners = Vec::with_capacity(faces.len());
        corners.extend((0..faces.len()).map(|n| faces.get(n)));
        self.push(&flat, &corners, 0, None)
    }

    /// Packs a block. Working memory is reserved by the caller.
    fn push(
        &mut self,
        positions: &[Vec3],
        faces: &[[u32; 3]],
        base: u32,
        attributes: Option<(&Attributes, usize)>,
    ) -> Result<(), Error> {
        let books = self.packed.books.clone();
        let kept = |bytes: Vec<u8>| Array::copied(&books, "packed mesh", &bytes);
        fn encoded<T>(values: &[T]) -> Result<Vec<u8>, Error> {
            if values.is_empty() {
                return Ok(Vec::new());
            }
            meshopt::encode_vertex_buffer_level(values, LEVEL, Some(1)).map_err(refused)
        }
        let packed_positions = match self.packed.grid {
            None => encoded(positions)?,
            Some(grid) => encoded(&self.on_grid(grid, positions)?)?,
        };
        let indices: &[u32] = bytemuck::cast_slice(faces);
        let packed_faces = if faces.is_empty() {
            Vec::new()
        } else {
            // Of indices below the base the codec sees very large ones, so the bound is that of all numbers.
            meshopt::encode_index_buffer(indices, u32::MAX as usize).map_err(refused)?
        };
        let part = |first: usize| first..first + positions.len();
        let block = Block {
            n_vertices: positions.len() as u32,
            n_faces: faces.len() as u32,
            base,
            positions: kept(packed_positions)?,
            faces: kept(packed_faces)?,
            normals: attributes
                .and_then(|(all, first)| Some(&all.normals.as_ref()?[part(first)]))
                .map(|normals| kept(encoded(normals)?))
                .transpose()?,
            colours: attributes
                .and_then(|(all, first)| Some(&all.colours.as_ref()?[part(first)]))
                .map(|colours| kept(encoded(colours)?))
                .transpose()?,
            texcoords: attributes
                .and_then(|(all, first)| Some(&all.texcoords.as_ref()?[part(first)]))
                .map(|texcoords| kept(encoded(texcoords)?))
                .transpose()?,
        };
        let packed = &mut self.packed;
        let more = 2 * size_of::<Block>() as u64;
        packed
            .paid
            .try_grow(more)
            .map_err(|source| books.refused(source))?;
        packed.n_vertices += u64::from(block.n_vertices);
        packed.n_faces += u64::from(block.n_faces);
        packed.blocks.push(block);
        Ok(())
    }

    fn on_grid(&mut self, grid: Grid, positions: &[Vec3]) -> Result<Vec<[i32; 3]>, Error> {
        let allowed = f64::from(self.error.unwrap_or(0.0));
        let too_fine = |position: Vec3| {
            Error::BadRequest(format!(
                "{position:?} cannot be packed within {allowed}: 32-bit floats are not that fine there"
            ))
        };
        let mut numbers = Vec::with_capacity(positions.len());
        for position in positions {
            let number = grid.number(*position).ok_or_else(|| too_fine(*position))?;
            let moved = length(minus(wide(grid.position(number)), wide(*position)));
            if moved.is_nan() || moved > allowed {
                return Err(too_fine(*position));
            }
            self.packed.max_error = self.packed.max_error.max(moved);
            numbers.push(number);
        }
        Ok(numbers)
    }

    pub(crate) fn finish(self) -> Packed {
        self.packed
    }
}

/// The codec's effort for vertices, of three.
const LEVEL: i32 = 3;

impl Mesh {
    /// Makes a resting form of it, parts and all else that vertices have included. The mesh stays; drop it to gain by it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] where a position cannot be kept within the error that is allowed: 32-bit floats are not that
    /// fine so far from the origin; [`Error::Memory`].
    pub fn pack(&self, packing: Packing) -> Result<Packed, Error> {
        let mut packer = Packer::new(&self.books, packing)?;
        packer.packed.kind = Kind::Whole;
        let n_blocks = self.positions.len().max(self.faces.len()).div_ceil(BLOCK);
        let bytes = working_bytes(self.positions.len().min(BLOCK), self.faces.len().min(BLOCK));
        let _working = self.books.reserve("packing", bytes)?;
        let mut next_vertex = 0;
        for block in 0..n_blocks {
            let part = |len: usize| (block * BLOCK).min(len)..((block + 1) * BLOCK).min(len);
            let vertices = part(self.positions.len());
            let faces = part(self.faces.len());
            let base = next_vertex;
            let mut corners = Vec::with_capacity(faces.len());
            for face in faces {
                let face = self.faces.get(face);
                next_vertex = face
                    .into_iter()
                    .fold(next_vertex, |next, index| next.max(index + 1));
                corners.push(face.map(|index| index.wrapping_sub(base)));
            }
            let attributes = Some((&self.attributes, vertices.start));
            packer.push(&self.positions[vertices], &corners, base, attributes)?;
        }
        packer.packed.parts = self.parts.copied(&self.books)?;
        Ok(packer.finish())
    }
}

impl Block {
    fn positions(&self, grid: Option<Grid>) -> Result<Vec<Vec3>, Error> {
        match grid {
            None => decoded(&self.positions, self.n_vertices),
            Some(grid) => {
                let numbers: Vec<[i32; 3]> = decoded(&self.positions, self.n_vertices)?;
                Ok(numbers
                    .into_iter()
                    .map(|number| grid.position(number))
                    .collect())
            }
        }
    }

    fn faces(&self) -> Result<impl Iterator<Item = [u32; 3]>, Error> {
        let indices = if self.n_faces == 0 {
            Vec::new()
        } else {
            meshopt::decode_index_buffer::<u32>(&self.faces, self.n_faces as usize * 3)
                .map_err(refused)?
        };
        let base = self.base;
        Ok((0..self.n_faces as usize)
            .map(move |face| [0, 1, 2].map(|corner| indices[3 * face + corner].wrapping_add(base))))
    }
}

fn decoded<T: Clone + Default>(bytes: &[u8], n: u32) -> Result<Vec<T>, Error> {
    if n == 0 {
        return Ok(Vec::new());
    }
    meshopt::decode_vertex_buffer(bytes, n as usize).map_err(refused)
}

impl Packed {
    /// How many faces.
    pub fn n_faces(&self) -> u64 {
        self.n_faces
    }

    /// How many vertices are stored. One that was [loaded straight](crate::load_packed) has vertices twice where two of
    /// its pieces meet.
    pub fn n_vertices(&self) -> u64 {
        self.n_vertices
    }

    /// Bytes that it is booked with.
    pub fn nbytes(&self) -> u64 {
        let optional = |array: &Option<Array<u8>>| array.as_ref().map_or(0, Array::reserved_bytes);
        let blocks = self.blocks.iter().map(|block| {
            block.positions.reserved_bytes()
                + block.faces.reserved_bytes()
                + optional(&block.normals)
                + optional(&block.colours)
                + optional(&block.texcoords)
        });
        let parts = self.parts.paid.as_ref().map_or(0, Reservation::amount);
        blocks.sum::<u64>() + parts + self.paid.amount()
    }

    /// How far the position that moved furthest has moved; 0 where nothing was given up.
    pub fn max_error(&self) -> f64 {
        self.max_error
    }

    /// Makes a mesh of it again. Where it was loaded straight into this form, vertices of different pieces in the same place
    /// become one.
    ///
    /// # Errors
    /// [`Error::Memory`]; [`Error::BadRequest`] where pieces have more vertices or faces together than a mesh can.
    pub fn open(&self) -> Result<Mesh, Error> {
        match self.kind {
            Kind::Whole => self.open_whole(),
            Kind::Pieces => self.open_pieces(),
        }
    }

    /// What unpacking one block takes at most.
    fn working(&self) -> Result<Reservation, Error> {
        let bytes = self
            .blocks
            .iter()
            .map(|block| u64::from(block.n_vertices) * 24 + u64::from(block.n_faces) * 12);
        self.books.reserve("opening", bytes.max().unwrap_or(0))
    }

    fn all_positions(&self, kind: &str) -> Result<Array<Vec3>, Error> {
        let mut positions = Array::zeroed(&self.books, kind, self.n_vertices as usize)?;
        let mut first = 0;
        for block in &self.blocks {
            let n = block.n_vertices as usize;
            positions[first..first + n].copy_from_slice(&block.positions(self.grid)?);
            first += n;
        }
        Ok(positions)
    }

    fn open_whole(&self) -> Result<Mesh, Error> {
        let _working = self.working()?;
        let (n_vertices, n_faces) = (self.n_vertices as usize, self.n_faces as usize);
        let positions = self.all_positions("mesh")?;
        let mut faces = FaceArray::zeroed(&self.books, n_faces, n_vertices)?;
        let mut next = 0;
        for block in &self.blocks {
            for face in block.faces()? {
                faces.set(next, face);
                next += 1;
            }
        }
        let first = self.blocks.first();
        Ok(Mesh {
            books: self.books.clone(),
            positions,
            faces,
            attributes: Attributes {
                normals: match first.and_then(|block| block.normals.as_ref()) {
                    Some(_) => Some(self.all(|block| block.normals.as_ref())?),
                    None => None,
                },
                colours: match first.and_then(|block| block.colours.as_ref()) {
                    Some(_) => Some(self.all(|block| block.colours.as_ref())?),
                    None => None,
                },
                texcoords: match first.and_then(|block| block.texcoords.as_ref()) {
                    Some(_) => Some(self.all(|block| block.texcoords.as_ref())?),
                    None => None,
                },
            },
            parts: self.parts.copied(&self.books)?,
        })
    }

    fn all<T: bytemuck::Pod + Default>(
        &self,
        attribute: impl Fn(&Block) -> Option<&Array<u8>>,
    ) -> Result<Array<T>, Error> {
        let mut all = Array::zeroed(&self.books, "mesh", self.n_vertices as usize)?;
        let mut first = 0;
        for block in &self.blocks {
            let n = block.n_vertices as usize;
            if let Some(bytes) = attribute(block) {
                all[first..first + n].copy_from_slice(&decoded::<T>(bytes, block.n_vertices)?);
            }
            first += n;
        }
        Ok(all)
    }

    fn open_pieces(&self) -> Result<Mesh, Error> {
        if self.n_faces > crate::limits::MAX_FACES || self.n_vertices >= u64::from(u32::MAX) {
            return Err(Error::BadRequest(format!(
                "{} faces are more than a mesh can have",
                self.n_faces
            )));
        }
        let working = self.working()?;
        let mut faces = Array::<[u32; 3]>::zeroed(&self.books, "mesh", self.n_faces as usize)?;
        let mut positions = Growing::<Vec3>::new(&self.books, "opening");
        let mut table = Table::<3>::with_capacity(&self.books, BLOCK)?;
        let mut n_faces = 0;
        for block in &self.blocks {
            let mut numbers = block.positions(self.grid)?;
            // A number takes the place of the first coordinate.
            for position in &mut numbers {
                let key = position_key(*position);
                let next = positions.len() as u32;
                let number = table.find_or_insert(key, next, |number| {
                    position_key(positions.get(number as usize))
                })?;
                if number == next {
                    positions.push(*position)?;
                }
                position[0] = f32::from_bits(number);
            }
            for face in block.faces()? {
                let [a, b, c] = face.map(|corner| numbers[corner as usize][0].to_bits());
                // On a grid two corners can have become one.
                if a != b && b != c && c != a {
                    faces[n_faces] = [a, b, c];
                    n_faces += 1;
                }
            }
        }
        drop((table, working));
        let positions = positions.into_flat("mesh")?;
        if n_faces < faces.len() {
            faces = Array::copied(&self.books, "mesh", &faces[..n_faces])?;
        }
        Mesh::of(&self.books, positions, faces)
    }

    /// Calls `each` with the corners of every face, while at most one block is unpacked; of a packed mesh, all positions
    /// are, as its faces can name any of them.
    ///
    /// # Errors
    /// [`Error::Memory`], and what `each` says.
    pub fn for_each_face(
        &self,
        mut each: impl FnMut([Vec3; 3]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _working = self.working()?;
        let all = match self.kind {
            Kind::Whole => Some(self.all_positions("opening")?),
            Kind::Pieces => None,
        };
        for block in &self.blocks {
            let own = match all {
                Some(_) => Vec::new(),
                None => block.positions(self.grid)?,
            };
            let positions: &[Vec3] = all.as_deref().unwrap_or(&own);
            for face in block.faces()? {
                each(face.map(|corner| positions[corner as usize]))?;
            }
        }
        Ok(())
    }

    /// The box around all vertices.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn bounds(&self) -> Result<Option<Bounds>, Error> {
        let _working = self.working()?;
        let mut all: Option<Bounds> = None;
        for block in &self.blocks {
            if let Some(bounds) = Bounds::of(&block.positions(self.grid)?) {
                all = Some(all.map_or(bounds, |all| all.and(bounds)));
            }
        }
        Ok(all)
    }

    /// Area and volume together, as of an open mesh.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn area_and_volume(&self) -> Result<(f64, f64), Error> {
        let origin = self.bounds()?.map_or([0.0; 3], |bounds| wide(bounds.min));
        let (mut area, mut volume) = (0.0, 0.0);
        self.for_each_face(|points| {
            let face = Face {
                index: 0,
                corners: [0; 3],
                points,
            };
            area += face.area();
            volume += sixfold_volume(&face, origin);
            Ok(())
        })?;
        Ok((area, volume / 6.0))
    }

    /// A mesh of the faces for which `is_wanted` says so.
    pub(crate) fn filtered(&self, is_wanted: impl Fn([Vec3; 3]) -> bool) -> Result<Mesh, Error> {
        let mut positions = Growing::<Vec3>::new(&self.books, "opening");
        let mut faces = Growing::<[u32; 3]>::new(&self.books, "opening");
        let mut table = Table::<3>::with_capacity(&self.books, 0)?;
        self.for_each_face(|points| {
            if !is_wanted(points) {
                return Ok(());
            }
            let mut face = [0; 3];
            for (corner, point) in face.iter_mut().zip(points) {
                let next = positions.len() as u32;
                *corner = table.find_or_insert(position_key(point), next, |number| {
                    position_key(positions.get(number as usize))
                })?;
                if *corner == next {
                    positions.push(point)?;
                }
            }
            faces.push(face)
        })?;
        drop(table);
        Mesh::of(
            &self.books,
            positions.into_flat("mesh")?,
            faces.into_flat("mesh")?,
        )
    }
}
