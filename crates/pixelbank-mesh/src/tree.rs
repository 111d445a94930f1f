//! Rays and nearest faces, by a hierarchy of boxes.

use std::sync::Arc;

use obvhs::aabb::Aabb;
use obvhs::bvh2::leaf_collapser::collapse;
use obvhs::ploc::{PlocBuilder, PlocSearchDistance, SortPrecision};

use crate::array::Array;
use crate::measure::{Wide, cross, dot, length, minus, plus, times, wide};
use crate::mesh::Vec3;
use crate::{Error, Mesh};

/// A hierarchy of boxes over the faces of a mesh: about 20 bytes a face. It is built on demand; drop it when it has served.
#[derive(Debug)]
pub struct Tree {
    mesh: Arc<Mesh>,
    /// The root first; children of a node beside each other.
    nodes: Array<Node>,
    /// Numbers of faces, in the order of leaves.
    faces: Array<u32>,
}

#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Node {
    min: Vec3,
    /// Of a leaf: the first of its faces. Else its first child.
    first: u32,
    max: Vec3,
    /// Faces of a leaf; 0 for others.
    n_faces: u32,
}

/// Where a ray meets a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The face.
    pub face: u32,
    /// How far from the ray's origin, in lengths of its direction.
    pub distance: f64,
    /// Where.
    pub point: [f64; 3],
}

/// The point of a mesh that is nearest to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearest {
    /// The face that it lies on.
    pub face: u32,
    /// How far it is.
    pub distance: f64,
    /// Where it is.
    pub point: [f64; 3],
}

/// The most faces of a leaf.
const LEAF_FACES: u32 = 8;
/// What going down a node costs, in faces that are looked at instead. More than time alone would say: a leaf of a few faces
/// saves half of the memory.
const STEP_COST: f32 = 4.0;
/// What building takes for each face at most, the result included; `tests/accounting.rs` holds it to that.
const BUILD_BYTES: u64 = 208;

impl Tree {
    /// Builds it. Takes 208 bytes a face while it is built.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn build(mesh: &Arc<Mesh>) -> Result<Self, Error> {
        let books = mesh.books();
        let n = mesh.n_faces();
        let working = books.reserve("building a tree", u64::from(n) * BUILD_BYTES + (64 << 10))?;
        let boxes: Vec<Aabb> = mesh
            .faces()
            .map(|face| Aabb::from_points(&face.points.map(Into::into)))
            .collect();
        let numbers = (0..n).collect();
        let mut built = PlocBuilder::with_capacity(boxes.len()).build(
            PlocSearchDistance::Low,
            &boxes,
            numbers,
            SortPrecision::U64,
            2,
        );
        drop(boxes);
        collapse(&mut built, LEAF_FACES, STEP_COST);
        built.parents = Vec::new();
        built.nodes.shrink_to_fit();
        // The result is reserved beside what building was paid with: it is copied while that is still there.
        let mut nodes = Array::<Node>::zeroed(books, "tree", built.nodes.len())?;
        for (node, from) in nodes.iter_mut().zip(&built.nodes) {
            *node = Node {
                min: from.min.to_array(),
                first: from.first_index,
                max: from.max.to_array(),
                n_faces: from.prim_count,
            };
        }
        let faces = Array::copied(books, "tree", &built.primitive_indices)?;
        drop((built, working));
        Ok(Self {
            mesh: Arc::clone(mesh),
            nodes,
            faces,
        })
    }

    /// The mesh that it stands on.
    pub fn mesh(&self) -> &Arc<Mesh> {
        &self.mesh
    }

    /// Bytes that it is booked with; those of the mesh not counted.
    pub fn nbytes(&self) -> u64 {
        self.nodes.reserved_bytes() + self.faces.reserved_bytes()
    }

    /// The first face that a ray meets, from either side. `None` also for a direction of zero. A ray through an edge or a
    /// vertex of a watertight mesh does not slip through.
    pub fn ray(&self, origin: [f64; 3], direction: [f64; 3]) -> Option<Hit> {
        let mut best: Option<Hit> = None;
        if length(direction) == 0.0 || !is_finite(origin) || !is_finite(direction) {
            return None;
        }
        self.visit(
            f64::INFINITY,
            |node| node.entered_by(origin, direction),
            |face| {
                let hit = intersect(self.mesh.face(face).points, origin, direction)?;
                if best.is_none_or(|best| hit < best.distance) {
                    let point = plus(origin, times(direction, hit));
                    best = Some(Hit {
                        face,
                        distance: hit,
                        point,
                    });
                }
                best.map(|best| best.distance)
            },
        );
        best
    }

    /// The point of the mesh that is nearest to `to`. `None` where the mesh has no faces, or `to` is not finite.
    pub fn nearest(&self, to: [f64; 3]) -> Option<Nearest> {
        let mut best: Option<Nearest> = None;
        if !is_finite(to) {
            return None;
        }
        self.visit(
            f64::INFINITY,
            |node| Some(node.distance_to(to)),
            |face| {
                let point = nearest_on(self.mesh.face(face).points, to);
                let distance = length(minus(point, to));
                if best.is_none_or(|best| distance < best.distance) {
                    best = Some(Nearest {
                        face,
                        distance,
                        point,
                    });
                }
                best.map(|best| best.distance)
            },
        );
        best
    }

    /// Visits faces of leaves no further than the best so far, nearer children first. `look` says the new best, if any.
    fn visit(
        &self,
        mut best: f64,
        distance: impl Fn(&Node) -> Option<f64>,
        mut look: impl FnMut(u32) -> Option<f64>,
    ) {
        let Some(root) = self.nodes.first() else {
            return;
        };
        let Some(start) = distance(root) else {
            return;
        };
        let nodes: &[Node] = &self.nodes;
        let mut stack = Vec::with_capacity(64);
        stack.push((start, 0u32));
        while let Some((at_least, number)) = stack.pop() {
            // Rounding must not cut off the box of an equally good face.
            if at_least > best * (1.0 + 1e-12) {
                continue;
            }
            let node = nodes[number as usize];
            let range = node.first as usize..(node.first + node.n_faces) as usize;
            if node.n_faces > 0 {
                for face in &self.faces[range] {
                    if let Some(found) = look(*face) {
                        best = best.min(found);
                    }
                }
                continue;
            }
            let children = [node.first, node.first + 1];
            let mut reached =
                children.map(|child| distance(&nodes[child as usize]).map(|d| (d, child)));
            if let [Some(a), Some(b)] = reached
                && a.0 < b.0
            {
                reached.swap(0, 1);
            }
            stack.extend(reached.into_iter().flatten());
        }
    }
}

fn is_finite(point: Wide) -> bool {
    point.iter().all(|value| value.is_finite())
}

impl Node {
    /// How far along the ray it enters the box; `None` where it never does.
    fn entered_by(&self, origin: Wide, direction: Wide) -> Option<f64> {
        let (mut from, mut to) = (0.0f64, f64::INFINITY);
        for axis in 0..3 {
            let (min, max) = (f64::from(self.min[axis]), f64::from(self.max[axis]));
            if direction[axis] == 0.0 {
                if origin[axis] < min || origin[axis] > max {
                    return None;
                }
                continue;
            }
            let a = (min - origin[axis]) / direction[axis];
            let b = (max - origin[axis]) / direction[axis];
            from = from.max(a.min(b));
            to = to.min(a.max(b));
        }
        // A box without thickness is met at one distance, computed twice.
        (from <= to * (1.0 + 1e-12)).then_some(from)
    }

    fn distance_to(&self, point: Wide) -> f64 {
        let outside = [0, 1, 2].map(|axis| {
            let (min, max) = (f64::from(self.min[axis]), f64::from(self.max[axis]));
            (min - point[axis]).max(point[axis] - max).max(0.0)
        });
        length(outside)
    }
}

/// How far along the ray it meets the triangle. Both faces of an edge compute the same number for it but for its sign, so
/// that one of them is met.
fn intersect(points: [Vec3; 3], origin: Wide, direction: Wide) -> Option<f64> {
    let [a, b, c] = points.map(|point| minus(wide(point), origin));
    let sides = [(a, b), (b, c), (c, a)].map(|(p, q)| dot(direction, cross(p, q)));
    let is_inside = sides.iter().all(|side| *side >= 0.0) || sides.iter().all(|side| *side <= 0.0);
    if !is_inside {
        return None;
    }
    let normal = cross(minus(b, a), minus(c, a));
    let across = dot(normal, direction);
    let distance = dot(normal, a) / across;
    // Seen edge-on, and without area, it is not met.
    (across != 0.0 && distance >= 0.0).then_some(distance)
}

/// The point of a triangle nearest to `to`: by the regions of its corners, sides and inside (Ericson, Real-Time Collision
/// Detection, 5.1.5).
fn nearest_on(points: [Vec3; 3], to: Wide) -> Wide {
    let [a, b, c] = points.map(wide);
    let (ab, ac, ap) = (minus(b, a), minus(c, a), minus(to, a));
    let (d1, d2) = (dot(ab, ap), dot(ac, ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return a;
    }
    let bp = minus(to, b);
    let (d3, d4) = (dot(ab, bp), dot(ac, bp));
    if d3 >= 0.0 && d4 <= d3 {
        return b;
    }
    let along = |from: Wide, side: Wide, part: f64| plus(from, times(side, part));
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        let whole = d1 - d3;
        return along(a, ab, if whole > 0.0 { d1 / whole } else { 0.0 });
    }
    let cp = minus(to, c);
    let (d5, d6) = (dot(ab, cp), dot(ac, cp));
    if d6 >= 0.0 && d5 <= d6 {
        return c;
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        let whole = d2 - d6;
        return along(a, ac, if whole > 0.0 { d2 / whole } else { 0.0 });
    }
    let va = d3 * d6 - d5 * d4;
    let (towards_c, towards_b) = (d4 - d3, d5 - d6);
    if va <= 0.0 && towards_c >= 0.0 && towards_b >= 0.0 {
        let whole = towards_c + towards_b;
        return along(
            b,
            minus(c, b),
            if whole > 0.0 { towards_c / whole } else { 0.0 },
        );
    }
    let whole = va + vb + vc;
    plus(plus(a, times(ab, vb / whole)), times(ac, vc / whole))
}
