//! glTF 2.0: JSON that says where in binary buffers everything is. As two files, or as one (GLB).

mod accessor;
mod buffers;
mod json;

use accessor::Accessors;
use buffers::Buffers;
use json::{Document, Primitive};

use super::Job;
use super::indexed::into_mesh;
use crate::array::Array;
use crate::error::{Fault, check_limit, malformed};
use crate::measure::wide;
use crate::mesh::{Attributes, Mesh, Parts, Vec3};
use crate::{Format, Transform};

/// What JSON becomes in memory, for each of its bytes at most: an object of a few letters is a structure of some hundred
/// bytes, in a list that has as many places again in reserve.
const JSON_FACTOR: u64 = 128;

/// A mesh of the document, placed.
struct Instance {
    mesh: usize,
    place: Transform,
}

pub(super) fn read(job: &mut Job) -> Result<Mesh, Fault> {
    let limits = &job.options.limits;
    let layout = Layout::of(job)?;
    check_limit("bytes of JSON", layout.json_len, limits.max_header_bytes)?;
    let _paid = job
        .books
        .reserve("reading", layout.json_len.saturating_mul(JSON_FACTOR))?;
    let mut text = vec![0; layout.json_len as usize];
    job.input.read_exact_at(layout.json_at, &mut text)?;
    let document: Document = match serde_json::from_slice(&text) {
        Ok(document) => document,
        Err(error) => return malformed(format!("its JSON: {error}")),
    };
    drop(text);
    if let Some(extension) = document.unsupported_extension() {
        return Err(Fault::Unsupported(extension.to_owned()));
    }
    job.report.unit = Some("metre");
    // Nodes that wait, and those found: each node is in both lists once at most, and lists have as much again in reserve.
    let n_nodes = (document.nodes.len() + document.meshes.len()) as u64;
    let each = 4 * size_of::<Instance>() as u64 + 1;
    let _walk_paid = job.books.reserve("reading", n_nodes * each)?;
    let instances = instances(&document, u64::from(limits.max_parts))?;
    let buffers = Buffers::open(job, &document, layout.binary)?;
    let accessors = Accessors::new(&document, &buffers, job.books);
    assemble(job, &document, &accessors, &instances)
}

/// Where JSON and binary data are in the file.
struct Layout {
    json_at: u64,
    json_len: u64,
    binary: Option<(u64, u64)>,
}

impl Layout {
    fn of(job: &Job) -> Result<Self, Fault> {
        let len = job.input.len();
        if job.report.format == Format::Gltf {
            let mut start = [0; 3];
            let n = job.input.read_at(0, &mut start)?;
            let json_at = if &start[..n] == b"\xef\xbb\xbf" { 3 } else { 0 };
            return Ok(Self {
                json_at,
                json_len: len - json_at,
                binary: None,
            });
        }
        let word = |at: u64| -> Result<u64, Fault> {
            let mut bytes = [0; 4];
            job.input.read_exact_at(at, &mut bytes)?;
            Ok(u64::from(u32::from_le_bytes(bytes)))
        };
        let version = word(4)?;
        if version != 2 {
            return Err(Fault::Unsupported(format!("version {version}")));
        }
        const JSON: u64 = 0x4E4F_534A;
        const BIN: u64 = 0x004E_4942;
        let (json_len, json_kind) = (word(12)?, word(16)?);
        if json_kind != JSON || 20 + json_len > len {
            return malformed("its first chunk is not JSON, or longer than the file");
        }
        // Chunks begin at multiples of four.
        let next = 20 + json_len.next_multiple_of(4);
        let binary = if next + 8 <= len && word(next + 4)? == BIN {
            Some((next + 8, word(next)?.min(len - next - 8)))
        } else {
            None
        };
        Ok(Self {
            json_at: 20,
            json_len,
            binary,
        })
    }
}

/// The meshes that the scene shows, each as often as it does.
fn instances(document: &Document, max_parts: u64) -> Result<Vec<Instance>, Fault> {
    let identity = |mesh| Instance {
        mesh,
        place: Transform::IDENTITY,
    };
    let mut walk = Walk {
        waiting: Vec::new(),
        is_met: vec![false; document.nodes.len()],
    };
    match document.scenes.get(document.scene.unwrap_or(0)) {
        Some(scene) => walk.meet(&scene.nodes, Transform::IDENTITY)?,
        None if document.nodes.is_empty() => {
            let n = document.meshes.len();
            check_limit("parts", n as u64, max_parts)?;
            return Ok((0..n).map(identity).collect());
        }
        None => {
            let mut is_child = vec![false; document.nodes.len()];
            for child in document.nodes.iter().flat_map(|node| &node.children) {
                if let Some(is_child) = is_child.get_mut(*child) {
                    *is_child = true;
                }
            }
            let roots: Vec<usize> = (0..is_child.len())
                .filter(|node| !is_child[*node])
                .collect();
            walk.meet(&roots, Transform::IDENTITY)?;
        }
    }
    let mut found = Vec::new();
    while let Some((number, above)) = walk.waiting.pop() {
        let node = &document.nodes[number];
        let place = node.transform()?.then(&above);
        walk.meet(&node.children, place)?;
        if let Some(mesh) = node.mesh {
            check_limit("parts", found.len() as u64 + 1, max_parts)?;
            found.push(Instance { mesh, place });
        }
    }
    Ok(found)
}

/// Nodes that are still to be visited, and which were met. Nodes form trees: one that is met again would be its own
/// ancestor, or has two parents.
struct Walk {
    waiting: Vec<(usize, Transform)>,
    is_met: Vec<bool>,
}

impl Walk {
    fn meet(&mut self, nodes: &[usize], above: Transform) -> Result<(), Fault> {
        let n = self.is_met.len();
        for number in nodes.iter().rev() {
            match self.is_met.get_mut(*number) {
                None => return malformed(format!("it names node {number} of {n}")),
                Some(true) => {
                    return malformed(format!("node {number} has two parents, or is its own"));
                }
                Some(is_met) => *is_met = true,
            }
            self.waiting.push((*number, above));
        }
        Ok(())
    }
}

/// How many triangles so many corners make; nothing for points and lines.
fn n_triangles(mode: u32, n_corners: u64) -> Option<u64> {
    match mode {
        4 => Some(n_corners / 3),
        5 | 6 => Some(n_corners.saturating_sub(2)),
        _ => None,
    }
}

/// The corners of a triangle, by their place in the list of corners. Every other triangle of a strip is turned.
fn triangle(mode: u32, n: usize) -> [usize; 3] {
    match mode {
        4 => [3 * n, 3 * n + 1, 3 * n + 2],
        5 if n.is_multiple_of(2) => [n, n + 1, n + 2],
        5 => [n, n + 2, n + 1],
        _ => [0, n + 1, n + 2],
    }
}

fn assemble(
    job: &mut Job,
    document: &Document,
    accessors: &Accessors,
    instances: &[Instance],
) -> Result<Mesh, Fault> {
    let limits = &job.options.limits;
    let mesh_of = |placed: &Instance| match document.meshes.get(placed.mesh) {
        Some(mesh) => Ok(mesh),
        None => malformed(format!(
            "it names mesh {} of {}",
            placed.mesh,
            document.meshes.len()
        )),
    };
    let (mut n_vertices, mut n_faces) = (0u64, 0u64);
    let mut has = (false, false, false);
    for placed in instances {
        for primitive in &mesh_of(placed)?.primitives {
            let Some((vertices, corners)) = sizes(primitive, accessors)? else {
                continue;
            };
            let Some(triangles) = n_triangles(primitive.mode(), corners) else {
                job.report.remark("points and lines were left out");
                continue;
            };
            n_vertices = n_vertices.saturating_add(vertices);
            n_faces = n_faces.saturating_add(triangles);
            check_limit("vertices", n_vertices, limits.max_vertices)?;
            check_limit("faces", n_faces, limits.max_faces)?;
            let attributes = &primitive.attributes;
            has.0 |= attributes.normal.is_some();
            has.1 |= attributes.colour.is_some();
            has.2 |= attributes.texcoord.is_some();
        }
    }
    let books = job.books;
    let n = n_vertices as usize;
    let mut positions = Array::<Vec3>::zeroed(books, "mesh", n)?;
    let mut faces = Array::<[u32; 3]>::zeroed(books, "mesh", n_faces as usize)?;
    let mut attributes = Attributes::default();
    if job.options.attributes {
        if has.0 {
            attributes.normals = Some(Array::zeroed(books, "mesh", n)?);
        }
        if has.1 {
            let mut colours = Array::<[u8; 4]>::zeroed(books, "mesh", n)?;
            colours.fill([255; 4]);
            attributes.colours = Some(colours);
        }
        if has.2 {
            attributes.texcoords = Some(Array::zeroed(books, "mesh", n)?);
        }
    }
    let mut parts = Parts::default();
    let (mut next_vertex, mut next_face) = (0, 0);
    for placed in instances {
        let mesh = mesh_of(placed)?;
        let before = next_face;
        parts.begin(
            books,
            mesh.name.as_deref().unwrap_or_default(),
            next_face as u32,
        )?;
        for primitive in &mesh.primitives {
            let (Some((vertices, corners)), mode) =
                (sizes(primitive, accessors)?, primitive.mode())
            else {
                continue;
            };
            let Some(triangles) = n_triangles(mode, corners) else {
                continue;
            };
            let range = next_vertex..next_vertex + vertices as usize;
            fill(primitive, accessors, &mut positions, &mut attributes, range)?;
            let corner = indices(primitive, accessors, corners)?;
            for n in 0..triangles as usize {
                let corners = triangle(mode, n).map(|k| match &corner {
                    Some(indices) => indices[k],
                    None => k as u32,
                });
                if let Some(bad) = corners
                    .into_iter()
                    .find(|corner| u64::from(*corner) >= vertices)
                {
                    return malformed(format!("a triangle names vertex {bad} of {vertices}"));
                }
                faces[next_face] = corners.map(|corner| corner + next_vertex as u32);
                next_face += 1;
            }
            for position in &mut positions[next_vertex..next_vertex + vertices as usize] {
                *position = placed
                    .place
                    .point(wide(*position))
                    .map(|value| value as f32);
            }
            if let Some(normals) = &mut attributes.normals {
                for normal in &mut normals[next_vertex..next_vertex + vertices as usize] {
                    *normal = placed.place.normal(*normal);
                }
            }
            next_vertex += vertices as usize;
        }
        if placed.place.determinant() < 0.0 {
            faces[before..next_face]
                .iter_mut()
                .for_each(|face| face.swap(1, 2));
        }
    }
    parts.end(next_face as u32);
    job.report.found_faces = n_faces;
    let mut mesh = into_mesh(books, positions, faces, &mut job.report)?;
    if u64::from(mesh.n_faces()) == n_faces {
        mesh.parts = parts.tidied();
    }
    mesh.attributes = attributes;
    Ok(mesh)
}

/// How many vertices and corners a primitive has; nothing where it has no positions, as the standard allows.
fn sizes(primitive: &Primitive, accessors: &Accessors) -> Result<Option<(u64, u64)>, Fault> {
    if primitive.has_unsupported_compression() {
        return Err(Fault::Unsupported("compressed primitives".to_owned()));
    }
    let Some(position) = primitive.attributes.position else {
        return Ok(None);
    };
    let vertices = accessors.get(position)?.count();
    let corners = match primitive.indices {
        Some(indices) => accessors.get(indices)?.count(),
        None => vertices,
    };
    Ok(Some((vertices, corners)))
}

fn fill(
    primitive: &Primitive,
    accessors: &Accessors,
    positions: &mut [Vec3],
    attributes: &mut Attributes,
    range: std::ops::Range<usize>,
) -> Result<(), Fault> {
    let named = &primitive.attributes;
    let Some(position) = named.position else {
        return Ok(());
    };
    let place = |n: usize| range.start + n;
    accessors.read::<3>(position, range.len(), |n, value| {
        positions[place(n)] = value
    })?;
    if let (Some(normals), Some(normal)) = (&mut attributes.normals, named.normal) {
        accessors.read::<3>(normal, range.len(), |n, value| normals[place(n)] = value)?;
    }
    if let (Some(texcoords), Some(texcoord)) = (&mut attributes.texcoords, named.texcoord) {
        accessors.read::<2>(texcoord, range.len(), |n, value| {
            texcoords[place(n)] = value
        })?;
    }
    if let (Some(colours), Some(colour)) = (&mut attributes.colours, named.colour) {
        // Alpha may be missing; it is one then.
        accessors.read::<4>(colour, range.len(), |n, value| {
            colours[place(n)] = value.map(|level| (level.clamp(0.0, 1.0) * 255.0).round() as u8);
        })?;
    }
    Ok(())
}

fn indices(
    primitive: &Primitive,
    accessors: &Accessors,
    n: u64,
) -> Result<Option<Array<u32>>, Fault> {
    let Some(accessor) = primitive.indices else {
        return Ok(None);
    };
    let mut indices = Array::zeroed(accessors.books(), "loading", n as usize)?;
    accessors.read_indices(accessor, |k, index| indices[k] = index)?;
    Ok(Some(indices))
}
