//! 3D models.

use std::path::PathBuf;
use std::sync::Arc;

use pixelbank_image::SampleType;
use pixelbank_mesh::{Books, Duplicates, Error, Indices, Merging, Mesh, Options, Report, load};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arrays::view_of;
use crate::core::Core;
use crate::errors::{self, argument};
use crate::process::Home;
use crate::waiting::Patience;

/// A 3D model of triangles in flat arrays, on the books of a bank: no object for a face.
///
/// `vertices` and `faces` are its memory, read-only and not copied; an array of either keeps it.
#[pyclass(frozen, name = "Mesh", module = "pixelbank", weakref)]
pub struct PyMesh {
    mesh: Home<Arc<Mesh>>,
    report: Report,
}

type Corner = (f32, f32, f32);

/// Loads a file; what its errors are called is said at `Bank.load_mesh`.
pub fn open(
    py: Python<'_>,
    core: &Core,
    path: PathBuf,
    options: Options,
    patience: &Patience,
) -> PyResult<PyMesh> {
    let bank = core.bank.clone();
    let loaded = patience.run(py, move |wait| {
        let books = Books::waiting(&bank, &path.to_string_lossy(), wait.clone());
        load(&path, &books, &options)
    })?;
    let (mesh, report) = loaded.map_err(|error| from_mesh(&error))?;
    Ok(PyMesh {
        mesh: Home::new(Arc::new(mesh)),
        report,
    })
}

/// What the arguments of loading say.
pub fn options(attributes: bool, merge: Option<f32>, drop_duplicates: bool) -> PyResult<Options> {
    let merging = match merge {
        None => Merging::Exact,
        Some(distance) if distance.is_finite() && distance > 0.0 => Merging::Within(distance),
        Some(distance) => {
            return Err(argument(
                "merge",
                format!("{distance}; a distance is wanted"),
            ));
        }
    };
    Ok(Options {
        merging,
        attributes,
        duplicates: match drop_duplicates {
            true => Duplicates::Drop,
            false => Duplicates::default(),
        },
        ..Options::default()
    })
}

fn from_mesh(error: &Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Malformed { .. } => errors::DamagedError::new_err(text),
        Error::UnknownFormat { .. } => errors::UnknownFormatError::new_err(text),
        Error::Unsupported { .. } => errors::UnsupportedError::new_err(text),
        Error::LimitExceeded { .. } => errors::LimitError::new_err(text),
        Error::Memory { source, .. } => errors::from_memory(source),
        Error::Io { source, name } => errors::from_io(source, name),
        _ => argument("mesh", text),
    }
}

impl PyMesh {
    fn inner(&self) -> PyResult<&Arc<Mesh>> {
        self.mesh.get()
    }
}

#[pymethods]
impl PyMesh {
    /// How many triangles it has.
    #[getter]
    fn n_faces(&self) -> PyResult<u32> {
        Ok(self.inner()?.n_faces())
    }

    /// How many vertices it has.
    #[getter]
    fn n_vertices(&self) -> PyResult<u32> {
        Ok(self.inner()?.n_vertices())
    }

    /// Bytes that it holds, all on the bank's account `meshes`.
    #[getter]
    fn nbytes(&self) -> PyResult<u64> {
        Ok(self.inner()?.nbytes())
    }

    /// `(n_vertices, 3)` of `float32`: where each vertex lies, in the file's unit. Read-only, not copied.
    #[getter]
    fn vertices<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let positions = slf.get().inner()?.positions();
        #[allow(unsafe_code)]
        // SAFETY: the mesh keeps its arrays where they are, its object the mesh, and the array the object.
        unsafe {
            let first = positions.as_ptr().cast();
            view_of(slf.as_any(), first, &[positions.len(), 3], SampleType::F32)
        }
    }

    /// `(n_faces, 3)` of `uint16`, or of `uint32` where there are more than 65,536 vertices: the vertices of each triangle,
    /// counter-clockwise seen from outside. Read-only, not copied.
    #[getter]
    fn faces<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (first, len, sample) = match slf.get().inner()?.indices() {
            Indices::U16(faces) => (faces.as_ptr().cast(), faces.len(), SampleType::U16),
            Indices::U32(faces) => (faces.as_ptr().cast(), faces.len(), SampleType::U32),
        };
        #[allow(unsafe_code)]
        // SAFETY: as for `vertices`.
        unsafe {
            view_of(slf.as_any(), first, &[len, 3], sample)
        }
    }

    /// The corners of the smallest box around it, `((x, y, z), (x, y, z))`; None where there is nothing.
    #[getter]
    fn bounds(&self) -> PyResult<Option<(Corner, Corner)>> {
        let bounds = self.inner()?.bounds();
        Ok(bounds.map(|bounds| (bounds.min.into(), bounds.max.into())))
    }

    /// The area of all triangles together.
    #[getter]
    fn area(&self, py: Python<'_>) -> PyResult<f64> {
        let mesh = self.inner()?;
        Ok(py.detach(|| mesh.area()))
    }

    /// What it encloses; means something where it is watertight.
    #[getter]
    fn volume(&self, py: Python<'_>) -> PyResult<f64> {
        let mesh = self.inner()?;
        Ok(py.detach(|| mesh.volume()))
    }

    /// Whether every edge joins two triangles.
    ///
    /// Raises `BudgetError` where there is no room for the table of edges.
    #[getter]
    fn is_watertight(&self, py: Python<'_>) -> PyResult<bool> {
        let mesh = self.inner()?;
        let topology = py.detach(|| mesh.topology());
        Ok(topology.map_err(|error| from_mesh(&error))?.is_watertight())
    }

    /// The file's parts: name, first face, number of faces.
    #[getter]
    fn parts(&self) -> PyResult<Vec<(String, u32, u32)>> {
        let parts = self.inner()?.parts().iter();
        Ok(parts
            .map(|part| (part.name.clone(), part.first_face, part.n_faces))
            .collect())
    }

    /// What reading the file found: its format, how many faces were left out and why, whether it ends early, its unit.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = serde_json::to_string(&self.report).expect("plain figures");
        py.import("json")?.call_method1("loads", (text,))
    }

    /// The outlines at a height, z: arrays `(n, 2)` of `float32`, and whether each is closed; those around the inside run
    /// counter-clockwise, those around holes clockwise.
    fn slice<'py>(&self, py: Python<'py>, height: f32) -> PyResult<Bound<'py, PyList>> {
        if !height.is_finite() {
            return Err(argument("height", height));
        }
        let mesh = self.inner()?;
        let slice = py
            .detach(|| mesh.slice(height))
            .map_err(|error| from_mesh(&error))?;
        let lines = PyList::empty(py);
        for line in slice.polylines() {
            lines.append((crate::arrays::points(py, line.points)?, line.is_closed))?;
        }
        Ok(lines)
    }

    /// Writes it as what the path's ending says: `.stl` (binary), `.ply` (binary) or `.glb`.
    ///
    /// Raises `ArgumentError` for another ending, `ReadError` where the system cannot write.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let mesh = self.inner()?;
        py.detach(|| mesh.save(&path))
            .map_err(|error| from_mesh(&error))
    }

    fn __repr__(&self) -> PyResult<String> {
        let mesh = self.inner()?;
        Ok(format!(
            "<Mesh: {} faces, {} vertices, {} bytes>",
            mesh.n_faces(),
            mesh.n_vertices(),
            mesh.nbytes()
        ))
    }
}
