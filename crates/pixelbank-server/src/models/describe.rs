//! What a model is made of, and what each of its parts takes.

use std::sync::Arc;

use pixelbank_mesh::{Indices, Mesh, Packing, Report, Tree};
use serde::Serialize;

use super::store::Held;

/// The most objects of a file that are told apart in the answer.
const MAX_OBJECTS: usize = 1000;

/// What `/api/model/{id}` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Description {
    id: String,
    path: String,
    faces: u32,
    vertices: u32,
    #[serde(rename = "box")]
    bounds: Option<BoxBody>,
    /// What is held, part by part; they add up to `total_bytes`.
    memory: Vec<PartBody>,
    total_bytes: u64,
    /// What can be built of it, where that was asked for; given up again by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    derived: Option<Vec<DerivedBody>>,
    /// What the file calls its objects.
    objects: Vec<ObjectBody>,
    n_objects: usize,
    report: Report,
    loaded_in_ms: u64,
}

#[derive(Debug, Serialize)]
struct BoxBody {
    min: [f32; 3],
    max: [f32; 3],
}

#[derive(Debug, Serialize)]
struct PartBody {
    part: &'static str,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct DerivedBody {
    part: &'static str,
    bytes: Option<u64>,
    /// Why it could not be built.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ObjectBody {
    name: String,
    faces: u32,
}

/// Describes a model. With `with_derived`, builds what is made of it on demand, one after the other, to say how large it
/// is: that blocks.
pub(crate) fn describe(id: &str, held: &Held, with_derived: bool) -> Description {
    let mesh = &held.mesh;
    let bounds = mesh.bounds().map(|bounds| BoxBody {
        min: bounds.min,
        max: bounds.max,
    });
    let objects = mesh.parts().iter().take(MAX_OBJECTS);
    Description {
        id: id.to_owned(),
        path: String::from_utf8_lossy(&held.path).into_owned(),
        faces: mesh.n_faces(),
        vertices: mesh.n_vertices(),
        bounds,
        memory: parts(mesh),
        total_bytes: mesh.nbytes(),
        derived: with_derived.then(|| derived(mesh)),
        objects: objects
            .map(|part| ObjectBody {
                name: part.name.clone(),
                faces: part.n_faces,
            })
            .collect(),
        n_objects: mesh.parts().len(),
        report: held.report.clone(),
        loaded_in_ms: held.took.as_millis() as u64,
    }
}

fn parts(mesh: &Mesh) -> Vec<PartBody> {
    let index_bytes = match mesh.indices() {
        Indices::U16(faces) => size_of_val(faces),
        Indices::U32(faces) => size_of_val(faces),
    };
    let mut parts: Vec<PartBody> = [
        ("positions", Some(size_of_val(mesh.positions()))),
        ("indices", Some(index_bytes)),
        ("normals", mesh.normals().map(size_of_val)),
        ("colours", mesh.colours().map(size_of_val)),
        ("texture coordinates", mesh.texcoords().map(size_of_val)),
    ]
    .into_iter()
    .filter_map(|(part, bytes)| {
        Some(PartBody {
            part,
            bytes: bytes? as u64,
        })
    })
    .collect();
    // What is booked beyond the arrays: names of objects, and whole pages behind an array's end.
    let named = parts.iter().map(|part| part.bytes).sum();
    let rest = mesh.nbytes().saturating_sub(named);
    if rest > 0 {
        parts.push(PartBody {
            part: "names and rounding",
            bytes: rest,
        });
    }
    parts
}

fn derived(mesh: &Arc<Mesh>) -> Vec<DerivedBody> {
    type Build = fn(&Arc<Mesh>) -> Result<u64, pixelbank_mesh::Error>;
    let builds: [(&str, Build); 3] = [
        ("neighbours of faces", |mesh| Ok(mesh.adjacency()?.nbytes())),
        ("tree for rays", |mesh| Ok(Tree::build(mesh)?.nbytes())),
        ("at rest, without loss", |mesh| {
            Ok(mesh.pack(Packing::Lossless)?.nbytes())
        }),
    ];
    builds
        .into_iter()
        .map(|(part, build)| {
            let built = build(mesh);
            DerivedBody {
                part,
                error: built.as_ref().err().map(ToString::to_string),
                bytes: built.ok(),
            }
        })
        .collect()
}
