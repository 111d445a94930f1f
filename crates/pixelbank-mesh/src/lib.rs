//! Compact 3D meshes inside a memory budget.
//!
//! A [`Mesh`] has flat arrays (positions, indices of two or four bytes, what else its vertices have) and no object for a
//! face: faces, edges, normals and planes are computed when they are asked for. Everything is paid for by the account
//! `meshes` of a [`Bank`](pixelbank_memory::Bank) before it is allocated. Neighbours ([`Adjacency`]) and a hierarchy for
//! rays ([`Tree`]) are built on demand, on the books, and dropped when they have served. A mesh that is not looked at
//! rests [`Packed`].
//!
//! ```
//! use pixelbank_memory::Bank;
//! use pixelbank_mesh::{Books, Input, Options, read};
//!
//! let bank = Bank::builder().host_bytes(16 << 20).build()?;
//! let books = Books::new(&bank, "tetrahedron.obj");
//! let text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
//! let input = Input::memory(text.as_bytes().into(), "tetrahedron.obj");
//!
//! let (mesh, report) = read(&input, &books, &Options::default())?;
//! assert_eq!((mesh.n_vertices(), mesh.n_faces()), (4, 4));
//! assert!(report.is_clean());
//! assert!(mesh.topology()?.is_watertight());
//! assert!((mesh.volume() - 1.0 / 6.0).abs() < 1e-12);
//!
//! let slice = mesh.slice(0.5)?;
//! let triangle = slice.polylines().next().unwrap();
//! assert!(triangle.is_closed && (triangle.area() - 0.125).abs() < 1e-6);
//!
//! assert_eq!(bank.ledger().host.live_bytes, mesh.nbytes() + slice.nbytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not for editing: there are no operations on single faces, and no boolean ones on solids.
#![forbid(unsafe_code)]

mod array;
mod books;
mod both;
mod components;
mod edges;
mod error;
mod export;
mod format;
mod import;
mod limits;
mod lines;
mod measure;
mod merge;
mod mesh;
mod outline;
mod packed;
mod slice;
mod table;
mod transform;
mod tree;

pub use books::Books;
pub use components::Components;
pub use edges::{Adjacency, Edge, Neighbour, Topology};
pub use error::Error;
pub use format::Format;
pub use import::{
    Duplicates, Input, Merging, Model, Options, Report, load, load_packed, load_within, read,
    read_packed,
};
pub use limits::Limits;
pub use lines::{Polyline, Polylines};
pub use measure::{Bounds, Face, Plane};
pub use merge::Merged;
pub use mesh::{Indices, Mesh, Part, Vec3};
pub use outline::{
    Layer, OutlineOptions, OutlineReport, load_outlines, read_outlines, write_dxf, write_svg,
};
pub use packed::{Packed, Packing};
pub use slice::Slice;
pub use transform::{Axis, Transform};
pub use tree::{Hit, Nearest, Tree};
