/// The most faces that a mesh can have: its half-edges are numbered by 32 bits.
pub(crate) const MAX_FACES: u64 = 1 << 30;

/// What a file may ask for before anything is allocated for it.
///
/// The defaults let every honest model pass; a program that takes files from strangers lowers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Triangles of a model, polygons cut up and instances counted one by one; at most 2³⁰.
    pub max_faces: u64,
    /// Vertices of a model, as the file has them; at most 2³² − 2.
    pub max_vertices: u64,
    /// Corners of one polygon.
    pub max_polygon_corners: u32,
    /// Objects, groups and instances that are told apart.
    pub max_parts: u32,
    /// Bytes of one line of a text file, or of one element of an XML file.
    pub max_line_bytes: u32,
    /// Bytes of a PLY header or of glTF's JSON. What the JSON becomes in memory is some forty times that, and paid for.
    pub max_header_bytes: u64,
    /// Bytes that the parts of a 3MF file may inflate to.
    pub max_inflated_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_faces: MAX_FACES,
            max_vertices: (1 << 32) - 2,
            max_polygon_corners: 1 << 16,
            max_parts: 1 << 16,
            max_line_bytes: 1 << 16,
            max_header_bytes: 16 << 20,
            max_inflated_bytes: 64 << 30,
        }
    }
}
