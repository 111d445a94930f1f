//! Of the document, what meshes need.

use serde::Deserialize;

use crate::Transform;
use crate::error::{Fault, malformed};
use crate::mesh::shortened;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Document {
    pub(super) scene: Option<usize>,
    pub(super) scenes: Vec<Scene>,
    pub(super) nodes: Vec<Node>,
    pub(super) meshes: Vec<MeshEntry>,
    pub(super) accessors: Vec<Accessor>,
    pub(super) buffer_views: Vec<View>,
    pub(super) buffers: Vec<BufferEntry>,
    extensions_required: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scene {
    pub(super) nodes: Vec<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) children: Vec<usize>,
    pub(super) mesh: Option<usize>,
    // Boxed, so that a node that says nothing is small: a file can have one in three bytes.
    matrix: Option<Box<[f64; 16]>>,
    translation: Option<Box<[f64; 3]>>,
    rotation: Option<Box<[f64; 4]>>,
    scale: Option<Box<[f64; 3]>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MeshEntry {
    pub(super) name: Option<String>,
    pub(super) primitives: Vec<Primitive>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Primitive {
    pub(super) attributes: Named,
    pub(super) indices: Option<usize>,
    mode: Option<u32>,
    extensions: Extensions,
}

/// The accessors of a primitive's attributes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    #[serde(rename = "POSITION")]
    pub(super) position: Option<usize>,
    #[serde(rename = "NORMAL")]
    pub(super) normal: Option<usize>,
    #[serde(rename = "COLOR_0")]
    pub(super) colour: Option<usize>,
    #[serde(rename = "TEXCOORD_0")]
    pub(super) texcoord: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extensions {
    #[serde(rename = "KHR_draco_mesh_compression")]
    draco: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Accessor {
    pub(super) buffer_view: Option<usize>,
    pub(super) byte_offset: u64,
    pub(super) component_type: u32,
    pub(super) normalized: bool,
    pub(super) count: u64,
    #[serde(rename = "type")]
    pub(super) kind: Option<Shape>,
    pub(super) sparse: Option<serde::de::IgnoredAny>,
}

/// How many components an element has.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Shape {
    #[serde(rename = "SCALAR")]
    Scalar,
    #[serde(rename = "VEC2")]
    Vec2,
    #[serde(rename = "VEC3")]
    Vec3,
    #[serde(rename = "VEC4")]
    Vec4,
    #[serde(other)]
    Matrix,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct View {
    pub(super) buffer: usize,
    pub(super) byte_offset: u64,
    pub(super) byte_length: u64,
    pub(super) byte_stride: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BufferEntry {
    pub(super) uri: Option<String>,
    pub(super) byte_length: u64,
}

/// Extensions that a file may need without our having to do anything, or that we do.
const SUPPORTED: &[&str] = &["KHR_mesh_quantization", "KHR_texture_transform"];

impl Document {
    /// An extension that the file needs and we do not have. Those of materials and lights change no shape.
    pub(super) fn unsupported_extension(&self) -> Option<&str> {
        let is_harmless = |name: &str| {
            SUPPORTED.contains(&name)
                || name.starts_with("KHR_materials_")
                || name.starts_with("KHR_lights_")
        };
        let mut names = self.extensions_required.iter().map(String::as_str);
        names
            .find(|name| !is_harmless(name))
            .map(|name| shortened(name, 60))
    }
}

impl Primitive {
    /// Triangles, where nothing is said.
    pub(super) fn mode(&self) -> u32 {
        self.mode.unwrap_or(4)
    }

    pub(super) fn has_unsupported_compression(&self) -> bool {
        self.extensions.draco.is_some()
    }
}

impl Node {
    pub(super) fn transform(&self) -> Result<Transform, Fault> {
        let transform = match &self.matrix {
            // By columns.
            Some(m) => Transform {
                linear: [0, 1, 2].map(|row| [m[row], m[4 + row], m[8 + row]]),
                offset: [m[12], m[13], m[14]],
            },
            None => {
                let scaled = Transform::scale(self.scale.as_deref().copied().unwrap_or([1.0; 3]));
                let turned = scaled.then(&turned(
                    self.rotation
                        .as_deref()
                        .copied()
                        .unwrap_or([0.0, 0.0, 0.0, 1.0]),
                ));
                turned.then(&Transform::translation(
                    self.translation.as_deref().copied().unwrap_or([0.0; 3]),
                ))
            }
        };
        let all = transform.linear.iter().flatten().chain(&transform.offset);
        if all.clone().all(|value| value.is_finite()) {
            Ok(transform)
        } else {
            malformed("a node without a finite place")
        }
    }
}

/// The rotation of a unit quaternion.
fn turned([x, y, z, w]: [f64; 4]) -> Transform {
    Transform {
        linear: [
            [
                1.0 - 2.0 * (y * y + z * z),
                2.0 * (x * y - z * w),
                2.0 * (x * z + y * w),
            ],
            [
                2.0 * (x * y + z * w),
                1.0 - 2.0 * (x * x + z * z),
                2.0 * (y * z - x * w),
            ],
            [
                2.0 * (x * z - y * w),
                2.0 * (y * z + x * w),
                1.0 - 2.0 * (x * x + y * y),
            ],
        ],
        offset: [0.0; 3],
    }
}
