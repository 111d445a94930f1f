//! Faces as views, and what is computed from them: boxes, areas, volumes, normals, planes.

use crate::array::Array;
use crate::mesh::Vec3;
use crate::{Error, Mesh};

/// One face, computed when asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Its number.
    pub index: u32,
    /// Its vertices, counter-clockwise from outside.
    pub corners: [u32; 3],
    /// Their positions.
    pub points: [Vec3; 3],
}

/// The plane `normal · p = distance`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// A unit vector.
    pub normal: Vec3,
    /// How far it is from the origin, along the normal.
    pub distance: f32,
}

/// An axis-aligned box.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bounds {
    /// The least coordinates.
    pub min: Vec3,
    /// The greatest.
    pub max: Vec3,
}

impl Bounds {
    /// The box around points; `None` around none.
    pub fn of(points: &[Vec3]) -> Option<Self> {
        let first = *points.first()?;
        let mut bounds = Self {
            min: first,
            max: first,
        };
        for point in points {
            for (axis, value) in point.iter().enumerate() {
                bounds.min[axis] = bounds.min[axis].min(*value);
                bounds.max[axis] = bounds.max[axis].max(*value);
            }
        }
        Some(bounds)
    }

    /// Whether a point is within, or on the rim.
    #[inline]
    pub(crate) fn contain(&self, point: Vec3) -> bool {
        (0..3).fold(true, |so_far, axis| {
            so_far & (self.min[axis] <= point[axis]) & (point[axis] <= self.max[axis])
        })
    }

    /// Lengths of its sides.
    pub fn size(&self) -> Vec3 {
        [0, 1, 2].map(|axis| self.max[axis] - self.min[axis])
    }

    /// The box around both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            min: [0, 1, 2].map(|axis| self.min[axis].min(other.min[axis])),
            max: [0, 1, 2].map(|axis| self.max[axis].max(other.max[axis])),
        }
    }
}

/// Sums are made in double precision, whatever the positions have.
pub(crate) type Wide = [f64; 3];

pub(crate) fn wide(p: Vec3) -> Wide {
    p.map(f64::from)
}

pub(crate) fn minus(a: Wide, b: Wide) -> Wide {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn plus(a: Wide, b: Wide) -> Wide {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(crate) fn times(a: Wide, factor: f64) -> Wide {
    a.map(|value| value * factor)
}

pub(crate) fn dot(a: Wide, b: Wide) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Wide, b: Wide) -> Wide {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(crate) fn length(a: Wide) -> f64 {
    dot(a, a).sqrt()
}

/// Twice the area, along the normal.
#[inline]
pub(crate) fn doubled_area(points: [Vec3; 3]) -> Wide {
    let [a, b, c] = points.map(wide);
    cross(minus(b, a), minus(c, a))
}

impl Face {
    /// Its area.
    pub fn area(&self) -> f64 {
        length(doubled_area(self.points)) / 2.0
    }

    /// The unit vector that stands on it, outwards; zero for a face without area.
    pub fn normal(&self) -> Vec3 {
        let along = doubled_area(self.points);
        let length = length(along);
        if length > 0.0 {
            along.map(|value| (value / length) as f32)
        } else {
            [0.0; 3]
        }
    }

    /// The plane that it lies in; of a face without area, one with a normal of zero.
    pub fn plane(&self) -> Plane {
        let normal = self.normal();
        Plane {
            normal,
            distance: dot(wide(normal), wide(self.points[0])) as f32,
        }
    }

    /// The middle of its corners.
    pub fn centroid(&self) -> Vec3 {
        let [a, b, c] = self.points.map(wide);
        times(plus(plus(a, b), c), 1.0 / 3.0).map(|value| value as f32)
    }
}

impl Mesh {
    /// A face.
    ///
    /// # Panics
    /// If there is none of that number.
    #[inline]
    pub fn face(&self, index: u32) -> Face {
        let corners = self.faces.get(index as usize);
        Face {
            index,
            corners,
            points: corners.map(|corner| self.positions[corner as usize]),
        }
    }

    /// All faces, computed as they are asked for.
    pub fn faces(&self) -> impl ExactSizeIterator<Item = Face> + '_ {
        let (positions, indices) = (self.positions(), self.indices());
        (0..self.n_faces()).map(move |index| {
            let corners = indices.get(index as usize);
            Face {
                index,
                corners,
                points: corners.map(|corner| positions[corner as usize]),
            }
        })
    }

    /// The box around all vertices; `None` where there are none.
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::of(self.positions())
    }

    /// The sum of the faces' areas.
    pub fn area(&self) -> f64 {
        self.faces().map(|face| face.area()).sum()
    }

    /// What the faces enclose, by the divergence theorem: right for watertight meshes, negative where faces are seen from
    /// inside. What overlaps counts twice.
    pub fn volume(&self) -> f64 {
        // From a point of the mesh's own, so that a part far from the origin loses no digits.
        let Some(origin) = self.bounds().map(|bounds| wide(bounds.min)) else {
            return 0.0;
        };
        self.faces()
            .map(|face| sixfold_volume(&face, origin))
            .sum::<f64>()
            / 6.0
    }

    /// Makes normals of the vertices: those of the faces around, weighted by their areas. Zero where nothing is around.
    ///
    /// # Errors
    /// [`Error::Memory`]; the mesh is then as before.
    pub fn compute_normals(&mut self) -> Result<(), Error> {
        let mut normals = Array::<Vec3>::zeroed(&self.books, "mesh", self.positions.len())?;
        // Only directions count. Scaled by the model's size, so that no square of a coordinate leaves the range of f32.
        let extent = self.bounds().map_or(0.0, |bounds| {
            bounds.size().into_iter().map(f64::from).fold(0.0, f64::max)
        });
        let scale = if extent > 0.0 {
            1.0 / (extent * extent)
        } else {
            0.0
        };
        for face in self.faces() {
            let along = doubled_area(face.points);
            for corner in face.corners {
                let sum = &mut normals[corner as usize];
                for axis in 0..3 {
                    sum[axis] += (along[axis] * scale) as f32;
                }
            }
        }
        for normal in normals.iter_mut() {
            let length = length(wide(*normal));
            if length > 0.0 {
                *normal = normal.map(|value| (f64::from(value) / length) as f32);
            }
        }
        self.attributes.normals = Some(normals);
        Ok(())
    }
}

/// Six times the volume of the tetrahedron between a face and a point.
pub(crate) fn sixfold_volume(face: &Face, origin: Wide) -> f64 {
    let [a, b, c] = face.points.map(|point| minus(wide(point), origin));
    dot(a, cross(b, c))
}
