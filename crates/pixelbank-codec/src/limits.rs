/// What a file may ask for before anything is allocated for it.
///
/// The defaults let every honest photograph and texture pass; a server that takes files from strangers lowers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest side, in pixels.
    pub max_side: u32,
    /// Pixels of one level.
    pub max_pixels: u64,
    /// Subimages (pages, parts, frames) of a file; those behind are not listed.
    pub max_subimages: u32,
    /// Bytes of one block of metadata (EXIF, XMP, IPTC, ICC); longer ones are passed over.
    pub max_metadata_bytes: u64,
    /// Bytes that one call of a decoder may allocate.
    pub max_working_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_side: 1 << 20,
            max_pixels: 1 << 36,
            max_subimages: 1 << 16,
            max_metadata_bytes: 16 << 20,
            max_working_bytes: 4 << 30,
        }
    }
}
