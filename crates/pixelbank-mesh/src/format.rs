use std::fmt;
use std::path::Path;

/// Formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Stereolithography, binary.
    #[serde(rename = "stl-binary")]
    StlBinary,
    /// Stereolithography, text.
    #[serde(rename = "stl-ascii")]
    StlAscii,
    /// Wavefront's.
    Obj,
    /// Stanford's polygon files, text or binary.
    Ply,
    /// Khronos' format, JSON with files beside it.
    Gltf,
    /// The same in one binary file.
    Glb,
    /// The 3D Manufacturing Format.
    #[serde(rename = "3mf")]
    ThreeMf,
    /// Scalable Vector Graphics: outlines, no faces.
    Svg,
    /// AutoCAD's exchange format: outlines, no faces.
    Dxf,
}

impl Format {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::StlBinary => "binary STL",
            Self::StlAscii => "ASCII STL",
            Self::Obj => "OBJ",
            Self::Ply => "PLY",
            Self::Gltf => "glTF",
            Self::Glb => "GLB",
            Self::ThreeMf => "3MF",
            Self::Svg => "SVG",
            Self::Dxf => "DXF",
        }
    }

    /// The format that a file's name promises. Both kinds of STL have one ending; binary is the answer.
    pub fn of_path(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "stl" => Self::StlBinary,
            "obj" => Self::Obj,
            "ply" => Self::Ply,
            "gltf" => Self::Gltf,
            "glb" => Self::Glb,
            "3mf" => Self::ThreeMf,
            "svg" => Self::Svg,
            "dxf" => Self::Dxf,
            _ => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
