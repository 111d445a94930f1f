//! Corners of triangles made into vertices, some hundreds at a time, so that the processor waits for memory once for many.

use bytemuck::Zeroable;
use pixelbank_memory::Reservation;

use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit};
use crate::measure::Bounds;
use crate::mesh::Vec3;
use crate::table::{self, Table, position_key};
use crate::{Books, Error};

/// Triangles of a batch: enough for memory to be kept busy, few enough to stay near the processor.
const N_FACES: usize = 256;
const N_CORNERS: usize = 3 * N_FACES;

/// Slots of [`Recent`] hold from here on down what is decided at the end of the batch, so vertices have lesser numbers.
const PENDING: u32 = u32::MAX - N_CORNERS as u32;

/// No vertex's number.
pub(super) const NONE: u32 = u32::MAX;

/// A position as a key, two words at a time: what is written as it is read needs not wait for itself.
type Key = [u64; 2];

#[inline(always)]
fn key_of(corner: Vec3) -> Key {
    let [x, y, z] = position_key(corner).map(u64::from);
    [y << 32 | x, z]
}

#[inline(always)]
fn words([low, high]: Key) -> [u32; 3] {
    [low as u32, (low >> 32) as u32, high as u32]
}

/// Finds the vertex of each corner. Vertices are numbered in the order in which they come.
pub(super) struct Merger {
    table: Table<3>,
    /// The key of the vertex that was last met with each of some bits of the hash, and above it its number, counted from
    /// one. Neighbours come soon after each other, so most corners are found here, while the table of a large mesh is in no
    /// processor's cache.
    recent: Array<Key>,
    positions: Growing<Vec3>,
    batch: Box<Batch>,
    max_vertices: u64,
    _paid: Reservation,
}

#[derive(Zeroable)]
struct Batch {
    n_faces: usize,
    keys: [[Key; 3]; N_FACES],
    hashes: [[u64; 3]; N_FACES],
    /// What each corner is: the number of a vertex, counted from one, or which corner it is pending with, counted down. In
    /// the end, the number counted from zero.
    found: [[u32; 3]; N_FACES],
    /// Corners whose keys were not among the recent.
    pending: [u32; N_CORNERS],
    /// The vertices that corners which were pending turn out to be, counted from one.
    numbers: [u32; N_CORNERS],
    /// Those of them that are new.
    new: [Vec3; N_CORNERS],
}

/// How many vertices are remembered as met of late, for a mesh of `n` faces: some rows of it, in two bytes a face at most and
/// half a mebibyte.
fn n_recent(n: Option<usize>) -> usize {
    let n = n.unwrap_or(1 << 16).clamp(1 << 10, 1 << 18) / 8;
    1 << n.ilog2()
}

impl Merger {
    /// For a mesh of `n` faces at most, or of nobody knows how many.
    pub(super) fn new(books: &Books, max_vertices: u64, n: Option<usize>) -> Result<Self, Error> {
        let paid = books.reserve("merging", size_of::<Batch>() as u64)?;
        // Closed meshes have half as many vertices as faces, open ones a few more.
        let n_vertices = n.map_or(0, |n| n / 2 + n / 64);
        Ok(Self {
            table: Table::with_capacity(books, n_vertices)?,
            recent: Array::zeroed(books, "merging", n_recent(n))?,
            positions: Growing::for_some(books, "loading", n_vertices),
            batch: bytemuck::zeroed_box(),
            max_vertices: max_vertices.min(u64::from(PENDING)),
            _paid: paid,
        })
    }

    /// Triangles that wait for [`flush`](Self::flush).
    pub(super) fn n_waiting(&self) -> usize {
        self.batch.n_faces
    }

    /// Takes a triangle; `None` where it has no three different corners. `true` where the batch is full, and to be flushed
    /// before the next.
    #[inline(always)]
    pub(super) fn push(&mut self, corners: [Vec3; 3]) -> Option<bool> {
        let [a, b, c] = corners.map(key_of);
        let is_same = |a: Key, b: Key| (a[0] ^ b[0]) | (a[1] ^ b[1]) == 0;
        if is_same(a, b) | is_same(b, c) | is_same(c, a) {
            return None;
        }
        let batch = &mut *self.batch;
        batch.keys[batch.n_faces % N_FACES] = [a, b, c];
        batch.n_faces += 1;
        Some(batch.n_faces == N_FACES)
    }

    /// The faces of the batch, which is then empty.
    #[inline(never)]
    pub(super) fn flush(&mut self) -> Result<&[[u32; 3]], Fault> {
        let n_faces = std::mem::take(&mut self.batch.n_faces).min(N_FACES);
        self.look_among_recent(n_faces);
        let n_pending = self.batch.gather_pending(n_faces);
        self.look_in_table(n_pending)?;
        let Batch { found, numbers, .. } = &mut *self.batch;
        let faces = &mut found[..n_faces];
        for face in &mut *faces {
            *face = face.map(|found| {
                // Read in either case: without a branch that nobody could foresee.
                let pending = numbers[(u32::MAX - found) as usize % N_CORNERS];
                (if found > PENDING { pending } else { found }) - 1
            });
        }
        Ok(faces)
    }

    /// Finds corners among the recent. One that is not there takes its slot at once, so that others of its vertex in this
    /// batch find it.
    fn look_among_recent(&mut self, n_faces: usize) {
        let seeds = self.table.seeds();
        let recent: &mut [Key] = &mut self.recent;
        let shift = u64::BITS - recent.len().trailing_zeros();
        let batch = &mut *self.batch;
        let keys = batch.keys[..n_faces].as_flattened();
        let hashes = batch.hashes[..n_faces].as_flattened_mut();
        for (hash, key) in hashes.iter_mut().zip(keys) {
            *hash = table::hash(words(*key), seeds);
        }
        let found = batch.found[..n_faces].as_flattened_mut();
        // Where each store goes is known before anything is loaded: a processor that had to wait for that would do one
        // corner after the other.
        let mut pending = u32::MAX;
        for ((found, key), hash) in found.iter_mut().zip(keys).zip(&*hashes) {
            // The high bits: the table goes by the low ones.
            let slot = &mut recent[(hash >> shift) as usize];
            let [low, high] = *slot;
            let met = (high >> 32) as u32;
            let is_met =
                ((low ^ key[0]) | u64::from(high as u32 ^ key[1] as u32) == 0) & (met != 0);
            *found = if is_met { met } else { pending };
            *slot = [key[0], u64::from(*found) << 32 | key[1]];
            pending -= 1;
        }
    }

    fn look_in_table(&mut self, n_pending: usize) -> Result<(), Fault> {
        let Batch {
            keys,
            hashes,
            pending,
            numbers,
            new,
            ..
        } = &mut *self.batch;
        let (keys, hashes) = (keys.as_flattened(), hashes.as_flattened());
        let pending = &pending[..n_pending];
        let (table, positions) = (&mut self.table, &self.positions);
        std::hint::black_box(
            table.look_ahead(
                pending
                    .iter()
                    .map(|corner| hashes[*corner as usize % N_CORNERS]),
                numbers,
                |number| positions.get(number as usize)[0].to_bits(),
            ),
        );
        let n_before = positions.len();
        let mut n = n_before;
        for corner in pending {
            let corner = *corner as usize % N_CORNERS;
            let (key, hash) = (words(keys[corner]), hashes[corner]);
            let at = |number: u32| match (number as usize).checked_sub(n_before) {
                Some(number) => new[number % N_CORNERS].map(f32::to_bits),
                None => position_key(positions.get(number as usize)),
            };
            let found = table.find_or_insert_hashed(key, hash, n as u32, at)?;
            numbers[corner] = found + 1;
            if found as usize == n {
                check_limit("vertices", n as u64 + 1, self.max_vertices)?;
                // The key has both zeroes as one already.
                new[(n - n_before) % N_CORNERS] = key.map(f32::from_bits);
                n += 1;
            }
        }
        let recent: &mut [Key] = &mut self.recent;
        let shift = u64::BITS - recent.len().trailing_zeros();
        for corner in pending {
            let slot = &mut recent[(hashes[*corner as usize % N_CORNERS] >> shift) as usize];
            if slot[1] >> 32 == u64::from(u32::MAX - corner) {
                let number = numbers[*corner as usize % N_CORNERS];
                slot[1] = u64::from(number) << 32 | slot[1] & u64::from(u32::MAX);
            }
        }
        self.positions.extend(&new[..n - n_before])?;
        Ok(())
    }

    /// Which vertices those of another merger are, from its `first` on: their numbers here, or [`NONE`]. Nothing is here
    /// that is not within `bounds`.
    pub(super) fn find_all(
        &self,
        bounds: Bounds,
        others: &Growing<Vec3>,
        first: usize,
        numbers: &mut [u32],
    ) {
        let (table, positions) = (&self.table, &self.positions);
        let at = |number: u32| position_key(positions.get(number as usize));
        let (mut keys, mut hashes) = ([[0; 3]; N_CORNERS], [0; N_CORNERS]);
        let (mut wanted, mut scratch) = ([0; N_CORNERS], [0; N_CORNERS]);
        for (numbers, first) in numbers
            .chunks_mut(N_CORNERS)
            .zip((first..).step_by(N_CORNERS))
        {
            let mut n = 0;
            for number in 0..numbers.len() {
                let other = others.get(first + number);
                wanted[n] = number;
                keys[n] = position_key(other);
                n += usize::from(bounds.contain(other));
            }
            numbers.fill(NONE);
            for (hash, key) in hashes.iter_mut().zip(&keys[..n]) {
                *hash = table::hash(*key, table.seeds());
            }
            let look = |number| at(number)[0];
            let hashes = &hashes[..n];
            std::hint::black_box(table.look_ahead(hashes.iter().copied(), &mut scratch, look));
            for ((number, key), hash) in wanted.iter().zip(&keys).zip(hashes) {
                if let Some(found) = table.find_hashed(*key, *hash, at) {
                    numbers[*number] = found;
                }
            }
        }
    }

    /// The vertices.
    pub(super) fn positions(&self) -> &Growing<Vec3> {
        &self.positions
    }

    /// The vertices alone: what finding them took goes.
    pub(super) fn into_positions(self) -> Growing<Vec3> {
        self.positions
    }

    /// Begins with vertices from zero again. Nothing may be waiting.
    pub(super) fn clear(&mut self) {
        self.positions.truncate(0);
        self.table.clear();
        self.recent.fill([0; 2]);
    }
}

impl Batch {
    /// Lists the corners that are pending for themselves, and says how many those are.
    fn gather_pending(&mut self, n_faces: usize) -> usize {
        let mut n = 0;
        for (found, corner) in self.found[..n_faces].as_flattened().iter().zip(0..) {
            self.pending[n % N_CORNERS] = corner;
            n += usize::from(*found == u32::MAX - corner);
        }
        n
    }
}
