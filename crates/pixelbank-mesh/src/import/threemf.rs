//! 3MF: a ZIP archive with XML in it.

mod archive;
mod model;

use std::collections::HashMap;

use archive::Archive;
use model::{Component, Item};

use super::Job;
use super::indexed::into_mesh;
use crate::Transform;
use crate::array::{Array, Growing};
use crate::error::{Fault, check_limit, malformed};
use crate::measure::wide;
use crate::mesh::{Mesh, Parts, Vec3};

/// An object's number in a model file; files are numbered as they are met.
type Key = (usize, u64);

/// What all model files of an archive have.
struct Resources {
    /// Vertices and faces of all objects, each object's in a row; faces count from the object's first vertex.
    positions: Growing<Vec3>,
    faces: Growing<[u32; 3]>,
    objects: HashMap<Key, Object>,
    /// What the objects and their lists take.
    paid: pixelbank_memory::Reservation,
    max_parts: u64,
    max_vertices: u64,
    max_faces: u64,
}

#[derive(Default)]
struct Object {
    name: String,
    first_vertex: usize,
    n_vertices: usize,
    first_face: usize,
    n_faces: usize,
    components: Vec<Component>,
}

impl Resources {
    /// Takes something of a few words, once more.
    fn pay(&mut self, n_so_far: usize, bytes: usize) -> Result<(), Fault> {
        check_limit("parts", n_so_far as u64 + 1, self.max_parts)?;
        self.paid.try_grow(bytes as u64).map_err(Fault::Memory)
    }
}

/// An object placed.
struct Instance {
    key: Key,
    place: Transform,
}

/// How deep objects may be nested.
const MAX_DEPTH: usize = 32;

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let limits = &job.options.limits;
    let books = job.books;
    let mut archive = Archive::open(job.input, books, limits)?;
    let mut resources = Resources {
        positions: Growing::new(books, "loading"),
        faces: Growing::new(books, "loading"),
        objects: HashMap::new(),
        paid: books.reserve("loading", 0)?,
        max_parts: u64::from(limits.max_parts),
        max_vertices: limits.max_vertices,
        max_faces: limits.max_faces,
    };
    let root = archive.root_model()?;
    let mut files = vec![root];
    let mut items = Vec::new();
    // Objects of a model can be in other files of the archive, which the production extension names.
    let mut n_read = 0;
    while n_read < files.len() {
        let found = model::read(&mut archive, n_read, &mut files, &mut resources)?;
        if n_read == 0 {
            items = found.items;
            job.report.unit = found.unit;
        }
        n_read += 1;
    }
    drop(archive);
    let instances = instances(&items, &mut resources)?;
    assemble(job, instances, resources)
}

/// Every object with faces, as often as it is placed.
fn instances(items: &[Item], resources: &mut Resources) -> Result<Vec<Instance>, Fault> {
    let mut found = Vec::new();
    let mut waiting: Vec<(Key, Transform, usize)> = items
        .iter()
        .rev()
        .map(|item| (item.key, item.place, 0))
        .collect();
    let mut n_visits = 0;
    let mut n_paid = 0;
    while let Some((key, place, depth)) = waiting.pop() {
        // Visits are counted, as few objects can place each other over and over without a face among them.
        n_visits += 1;
        check_limit("parts", n_visits, resources.max_parts)?;
        if depth > MAX_DEPTH {
            return malformed("its objects are nested too deeply, or in a circle");
        }
        let Some(object) = resources.objects.get(&key) else {
            return malformed(format!(
                "it places object {}, which it does not have",
                key.1
            ));
        };
        for component in object.components.iter().rev() {
            waiting.push((component.key, component.place.then(&place), depth + 1));
        }
        if object.n_faces > 0 {
            found.push(Instance { key, place });
        }
        let n = found.len() + waiting.len();
        if n > n_paid {
            // For twice as many, which lists have in reserve.
            resources.pay(n, 2 * (n - n_paid) * size_of::<(Key, Transform, usize)>())?;
            n_paid = n;
        }
    }
    Ok(found)
}

fn assemble(job: &mut Job, instances: Vec<Instance>, resources: Resources) -> Result<Mesh, Fault> {
    let objects = || {
        instances
            .iter()
            .filter_map(|placed| resources.objects.get(&placed.key))
    };
    let n_vertices: u64 = objects().map(|object| object.n_vertices as u64).sum();
    let n_faces: u64 = objects().map(|object| object.n_faces as u64).sum();
    check_limit("vertices", n_vertices, resources.max_vertices)?;
    check_limit("faces", n_faces, resources.max_faces)?;
    let books = job.books;
    let mut positions = Array::<Vec3>::zeroed(books, "mesh", n_vertices as usize)?;
    let mut faces = Array::<[u32; 3]>::zeroed(books, "mesh", n_faces as usize)?;
    let mut parts = Parts::default();
    let (mut next_vertex, mut next_face) = (0, 0);
    for placed in &instances {
        let Some(object) = resources.objects.get(&placed.key) else {
            continue;
        };
        parts.begin(books, &object.name, next_face as u32)?;
        let is_mirrored = placed.place.determinant() < 0.0;
        for face in object.first_face..object.first_face + object.n_faces {
            let [a, b, c] = resources.faces.get(face);
            // Read as they are; a vertex that the object does not have is none of its neighbour's.
            if let Some(bad) = [a, b, c]
                .into_iter()
                .find(|v| *v as usize >= object.n_vertices)
            {
                return malformed(format!(
                    "a triangle of object {} names vertex {bad} of {}",
                    placed.key.1, object.n_vertices
                ));
            }
            let corners = if is_mirrored { [a, c, b] } else { [a, b, c] };
            faces[next_face] = corners.map(|corner| corner + next_vertex as u32);
            next_face += 1;
        }
        for vertex in object.first_vertex..object.first_vertex + object.n_vertices {
            let position = wide(resources.positions.get(vertex));
            positions[next_vertex] = placed.place.point(position).map(|value| value as f32);
            next_vertex += 1;
        }
    }
    parts.end(next_face as u32);
    job.report.found_faces = n_faces;
    let n_objects = resources
        .objects
        .values()
        .filter(|object| object.n_faces > 0)
        .count();
    let placed: std::collections::HashSet<Key> =
        instances.iter().map(|placed| placed.key).collect();
    if placed.len() < n_objects {
        let n = n_objects - placed.len();
        job.report
            .remark(format!("{n} objects are not placed, and were left out"));
    }
    drop((resources, instances));
    let n_before = faces.len();
    let mut mesh = into_mesh(books, positions, faces, &mut job.report)?;
    if mesh.n_faces() as usize == n_before {
        mesh.parts = parts.tidied();
    }
    Ok(mesh)
}
