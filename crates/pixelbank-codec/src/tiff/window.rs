/// Entries of the arrays that are read at once: the neighbours of a tile are likely to be asked for as well.
pub(super) const WINDOW: usize = 32;

/// A part of a level's arrays, as the file has them. One is kept with the file, between calls too: whoever goes through
/// the tiles of a level one by one has the arrays read by the windowful.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The directory that they belong to, by its place in the file.
    pub directory: u64,
    pub first: u64,
    pub len: usize,
    pub offsets: [u64; WINDOW],
    pub counts: [u64; WINDOW],
}
