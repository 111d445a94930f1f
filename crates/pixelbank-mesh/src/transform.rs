use crate::Mesh;
use crate::measure::{Wide, cross, dot, length, times, wide};
use crate::mesh::{FaceArray, Vec3};

/// An affine map: `linear · p + offset`, with the rows of the matrix in `linear`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Rows of the matrix.
    pub linear: [[f64; 3]; 3],
    /// What is added.
    pub offset: [f64; 3],
}

/// An axis of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The first coordinate.
    X,
    /// The second.
    Y,
    /// The third, upwards for CAM programs.
    Z,
}

impl Transform {
    /// Moves nothing.
    pub const IDENTITY: Self = Self {
        linear: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        offset: [0.0; 3],
    };

    /// Moves by `offset`.
    pub fn translation(offset: [f64; 3]) -> Self {
        Self {
            offset,
            ..Self::IDENTITY
        }
    }

    /// Scales each axis from the origin. A negative factor mirrors.
    pub fn scale(factors: [f64; 3]) -> Self {
        let mut scaled = Self::IDENTITY;
        for (axis, factor) in factors.into_iter().enumerate() {
            scaled.linear[axis][axis] = factor;
        }
        scaled
    }

    /// Mirrors at the plane through the origin that stands on `axis`.
    pub fn mirror(axis: Axis) -> Self {
        let mut factors = [1.0; 3];
        factors[axis as usize] = -1.0;
        Self::scale(factors)
    }

    /// Turns about a line through the origin, counter-clockwise seen against `direction`, which needs no unit length. A
    /// direction of zero turns nothing.
    pub fn rotation(direction: [f64; 3], degrees: f64) -> Self {
        let norm = length(direction);
        if norm == 0.0 {
            return Self::IDENTITY;
        }
        let [x, y, z] = times(direction, 1.0 / norm);
        // Quarter turns are exact, so that a box stays a box.
        let (sin, cos) = match degrees.rem_euclid(360.0) {
            0.0 => (0.0, 1.0),
            90.0 => (1.0, 0.0),
            180.0 => (0.0, -1.0),
            270.0 => (-1.0, 0.0),
            other => other.to_radians().sin_cos(),
        };
        // Rodrigues' formula.
        let rest = 1.0 - cos;
        Self {
            linear: [
                [
                    cos + x * x * rest,
                    x * y * rest - z * sin,
                    x * z * rest + y * sin,
                ],
                [
                    y * x * rest + z * sin,
                    cos + y * y * rest,
                    y * z * rest - x * sin,
                ],
                [
                    z * x * rest - y * sin,
                    z * y * rest + x * sin,
                    cos + z * z * rest,
                ],
            ],
            offset: [0.0; 3],
        }
    }

    /// This map, and `next` after it.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let column = |k: usize| self.linear.map(|row| row[k]);
        let columns = [column(0), column(1), column(2)].map(|column| next.direction(column));
        Self {
            linear: [0, 1, 2].map(|row| [0, 1, 2].map(|k| columns[k][row])),
            offset: next.point(self.offset),
        }
    }

    /// Where a point goes.
    pub fn point(&self, p: [f64; 3]) -> [f64; 3] {
        let moved = self.direction(p);
        [0, 1, 2].map(|axis| moved[axis] + self.offset[axis])
    }

    fn direction(&self, v: Wide) -> Wide {
        self.linear.map(|row| dot(row, v))
    }

    /// By what factor volumes grow; negative where it mirrors.
    pub fn determinant(&self) -> f64 {
        dot(self.linear[0], cross(self.linear[1], self.linear[2]))
    }

    /// Where a unit normal goes, as a unit vector: by the matrix of cofactors, which exists even where the inverse does
    /// not.
    pub(crate) fn normal(&self, normal: Vec3) -> Vec3 {
        let [a, b, c] = self.linear;
        let cofactors = [cross(b, c), cross(c, a), cross(a, b)];
        let turned = cofactors.map(|row| dot(row, wide(normal)));
        let sign = if self.determinant() < 0.0 { -1.0 } else { 1.0 };
        let length = length(turned);
        if length > 0.0 {
            turned.map(|value| (sign * value / length) as f32)
        } else {
            [0.0; 3]
        }
    }
}

impl Mesh {
    /// Moves all vertices, in place. Where the map mirrors, faces are turned over, so that outside stays outside.
    ///
    /// # Errors
    /// [`Error::BadRequest`](crate::Error::BadRequest) where a coordinate would leave the range of 32-bit floats; the mesh
    /// is then as before.
    pub fn transform(&mut self, by: &Transform) -> Result<(), crate::Error> {
        let moved = |position: Vec3| by.point(wide(position)).map(|value| value as f32);
        let is_finite = |position: &Vec3| moved(*position).iter().all(|value| value.is_finite());
        if !self.positions.iter().all(is_finite) {
            return Err(crate::Error::BadRequest(
                "the transformed mesh does not fit into 32-bit floats".to_owned(),
            ));
        }
        for position in self.positions.iter_mut() {
            *position = moved(*position);
        }
        if let Some(normals) = &mut self.attributes.normals {
            for normal in normals.iter_mut() {
                *normal = by.normal(*normal);
            }
        }
        if by.determinant() < 0.0 {
            self.reverse_faces();
        }
        Ok(())
    }

    /// Makes outside of inside: the corners of each face in the opposite order, the first staying where it is, and
    /// normals the other way round.
    pub fn turn_over(&mut self) {
        self.reverse_faces();
        if let Some(normals) = &mut self.attributes.normals {
            for normal in normals.iter_mut() {
                *normal = normal.map(|value| -value);
            }
        }
    }

    fn reverse_faces(&mut self) {
        match &mut self.faces {
            FaceArray::U16(faces) => faces.iter_mut().for_each(|face| face.swap(1, 2)),
            FaceArray::U32(faces) => faces.iter_mut().for_each(|face| face.swap(1, 2)),
        }
    }
}
