//! Reading files.

mod batch;
mod gltf;
mod halves;
mod indexed;
pub(crate) mod input;
mod obj;
mod ply;
mod polygon;
mod recognise;
mod soup;
mod stl_ascii;
mod stl_binary;
pub(crate) mod text;
mod threemf;
pub(crate) mod xml;

use std::path::Path;

pub use input::Input;

use crate::error::Fault;
use crate::{Books, Error, Format, Limits, Mesh, Packed, Packing};

/// What is done with vertices in the same place, or nearly so.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Merging {
    /// One vertex for each place. STL knows no vertices, and other files have a vertex several times where normals or
    /// colours change.
    #[default]
    Exact,
    /// One vertex for places no further apart than this.
    Within(f32),
    /// Vertices stay as the file has them. For STL, the same as `Exact`.
    Keep,
}

/// What is done with faces that have the same three vertices as one before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// They stay, and are counted: 6 bytes a face of working memory, and a sixth of the time.
    #[default]
    Count,
    /// They go, and are counted.
    Drop,
    /// They stay; nobody looks.
    Ignore,
}

/// How files are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// What a file may ask for.
    pub limits: Limits,
    /// What is done with vertices in one place.
    pub merging: Merging,
    /// What is done with copies of faces.
    pub duplicates: Duplicates,
    /// Keep normals, colours and texture coordinates: to show a model. Without them vertices that differ in nothing else
    /// become one, which is what queries about the shape want. STL has none.
    pub attributes: bool,
}

/// What reading a file found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What the file is.
    pub format: Format,
    /// Its bytes.
    pub file_bytes: u64,
    /// How many faces the file says that it has, where it says so.
    pub claimed_faces: Option<u64>,
    /// Faces that it has: polygons of more corners count as often as they were cut.
    pub found_faces: u64,
    /// Polygons of more than three corners, which were cut into triangles.
    pub n_polygons: u64,
    /// Faces left out since a coordinate is infinite or no number.
    pub n_nonfinite: u64,
    /// Faces left out since they have no three different corners.
    pub n_degenerate: u64,
    /// Faces with three different corners and no area. They stay: to leave them out could open the mesh.
    pub n_flat: u64,
    /// Faces with the vertices of one before them; `None` where nobody looked.
    pub n_duplicates: Option<u64>,
    /// Vertices given up since others are in the same place. `None` for STL, where each corner is one.
    pub n_merged: Option<u64>,
    /// Whether the file ends before it should.
    pub is_truncated: bool,
    /// What a length of one means, where the format or the file says so. Coordinates are as the file has them.
    pub unit: Option<&'static str>,
    /// Other things that are not as the format wants them.
    pub remarks: Vec<String>,
}

/// The most remarks that are kept; names in a file are no way to fill memory.
const MAX_REMARKS: usize = 16;

impl Report {
    fn new(format: Format, input: &Input) -> Self {
        Self {
            format,
            file_bytes: input.len(),
            claimed_faces: None,
            found_faces: 0,
            n_polygons: 0,
            n_nonfinite: 0,
            n_degenerate: 0,
            n_flat: 0,
            n_duplicates: None,
            n_merged: None,
            is_truncated: false,
            unit: None,
            remarks: Vec::new(),
        }
    }

    /// Counts what was found in another part of the file as well.
    fn add(&mut self, other: &Self) {
        self.found_faces += other.found_faces;
        self.n_nonfinite += other.n_nonfinite;
        self.n_degenerate += other.n_degenerate;
        self.n_flat += other.n_flat;
        self.is_truncated |= other.is_truncated;
    }

    fn remark(&mut self, text: impl Into<String>) {
        if self.remarks.len() < MAX_REMARKS {
            let text = text.into();
            if !self.remarks.contains(&text) {
                self.remarks.push(text);
            }
        }
    }

    /// Whether the file is exactly as its format wants it, and its faces are sound.
    pub fn is_clean(&self) -> bool {
        self.n_nonfinite == 0
            && self.n_degenerate == 0
            && self.n_flat == 0
            && self.n_duplicates.unwrap_or(0) == 0
            && !self.is_truncated
            && self.remarks.is_empty()
            && self
                .claimed_faces
                .is_none_or(|claimed| claimed == self.found_faces)
    }
}

/// What an importer works with.
pub(crate) struct Job<'a> {
    pub(crate) input: &'a Input,
    pub(crate) books: &'a Books,
    pub(crate) options: &'a Options,
    pub(crate) report: Report,
}

/// A model that was loaded as well as the budget allowed.
#[derive(Debug)]
pub enum Model {
    /// Open.
    Mesh(Mesh),
    /// At rest: there was no room for it open.
    Packed(Packed),
}

/// Loads a file.
///
/// Binary STL is read in blocks and merged on the fly, with 31 bytes a face at most in the end and on the way; a large one
/// in two threads, where there are two processors, of which one lives as long as the call. Of OBJ and PLY, what will be
/// held is reserved before anything is read.
///
/// # Errors
/// [`Error::Memory`] where the budget has no room; where the file says how much it has, before it is read. Else what is
/// wrong with the file.
pub fn load(path: &Path, books: &Books, options: &Options) -> Result<(Mesh, Report), Error> {
    read(&Input::path(path)?, books, options)
}

/// Loads what `input` has: as [`load`].
///
/// # Errors
/// As [`load`].
pub fn read(input: &Input, books: &Books, options: &Options) -> Result<(Mesh, Report), Error> {
    let format = recognise::format(input)?;
    let mut job = Job {
        input,
        books,
        options,
        report: Report::new(format, input),
    };
    let loaded = match format {
        Format::StlBinary => stl_binary::read(&mut job),
        Format::StlAscii => stl_ascii::read(&mut job),
        Format::Obj => obj::read(&mut job),
        Format::Ply => ply::read(&mut job),
        Format::Gltf | Format::Glb => gltf::read(&mut job),
        Format::ThreeMf => threemf::read(&mut job),
        Format::Svg | Format::Dxf => Err(Fault::Unsupported("faces".to_owned())),
    };
    let finished = loaded.and_then(|mesh| finish(mesh, &mut job));
    let mesh = finished.map_err(|fault| fault.named(input.name(), format))?;
    Ok((mesh, job.report))
}

/// Merges, and looks at the faces.
fn finish(mut mesh: Mesh, job: &mut Job) -> Result<Mesh, Fault> {
    let is_soup = matches!(job.report.format, Format::StlBinary | Format::StlAscii);
    let merged = match job.options.merging {
        Merging::Within(tolerance) => Some(mesh.merge_within(tolerance)?),
        // STL comes merged, and without such faces.
        Merging::Exact if !is_soup => Some(mesh.merge_exact()?),
        Merging::Keep if !is_soup => Some(mesh.drop_cornerless()?),
        Merging::Exact | Merging::Keep => None,
    };
    if let Some(merged) = merged {
        job.report.n_merged = Some(u64::from(merged.n_vertices));
        job.report.n_degenerate += u64::from(merged.n_faces);
    }
    job.report.n_duplicates = match job.options.duplicates {
        Duplicates::Count => Some(u64::from(mesh.n_duplicate_faces()?)),
        Duplicates::Drop => Some(u64::from(mesh.drop_duplicate_faces()?)),
        Duplicates::Ignore => None,
    };
    // STL's were counted as they came.
    let is_as_counted = is_soup
        && merged.is_none()
        && (job.options.duplicates != Duplicates::Drop || job.report.n_duplicates == Some(0));
    if !is_as_counted {
        job.report.n_flat = u64::from(mesh.n_flat_faces());
    }
    Ok(mesh)
}

/// Loads a file straight into its resting form, in memory of a few megabytes beside it.
///
/// Pieces of 65,536 faces are merged and packed one by one, so vertices where pieces meet are there twice until the mesh
/// is [opened](Packed::open), which merges them. Copies of faces are not looked for.
///
/// # Errors
/// As [`load`]; [`Error::Unsupported`] for formats whose faces name vertices anywhere in the file: that takes all of the
/// vertices open, so load them and [pack](Mesh::pack).
pub fn load_packed(
    path: &Path,
    books: &Books,
    options: &Options,
    packing: Packing,
) -> Result<(Packed, Report), Error> {
    read_packed(&Input::path(path)?, books, options, packing)
}

/// Loads what `input` has into its resting form: as [`load_packed`].
///
/// # Errors
/// As [`load_packed`].
pub fn read_packed(
    input: &Input,
    books: &Books,
    options: &Options,
    packing: Packing,
) -> Result<(Packed, Report), Error> {
    let format = recognise::format(input)?;
    let mut job = Job {
        input,
        books,
        options,
        report: Report::new(format, input),
    };
    let packed = match format {
        Format::StlBinary => stl_binary::read_packed(&mut job, packing),
        Format::StlAscii => stl_ascii::read_packed(&mut job, packing),
        _ => Err(Fault::Unsupported(
            "loading straight into the resting form".to_owned(),
        )),
    };
    let packed = packed.map_err(|fault| fault.named(input.name(), format))?;
    Ok((packed, job.report))
}

/// Loads a file as well as the budget allows: open where there is room, at rest where there is not and the format can be
/// read that way.
///
/// # Errors
/// As [`load`], where even the resting form has no room or the format cannot be read into it.
pub fn load_within(
    path: &Path,
    books: &Books,
    options: &Options,
    packing: Packing,
) -> Result<(Model, Report), Error> {
    let input = Input::path(path)?;
    match read(&input, books, options) {
        Ok((mesh, report)) => Ok((Model::Mesh(mesh), report)),
        Err(open @ Error::Memory { .. }) => match read_packed(&input, books, options, packing) {
            Ok((packed, report)) => Ok((Model::Packed(packed), report)),
            // What the other way would have taken is of more use than that there is none.
            Err(Error::Unsupported { .. }) => Err(open),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}
