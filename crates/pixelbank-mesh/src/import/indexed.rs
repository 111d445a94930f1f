//! What formats with vertices of their own have in common.

use super::Report;
use crate::Books;
use crate::array::Array;
use crate::error::{Fault, malformed};
use crate::mesh::{Mesh, Vec3};

/// Puts vertices that are not finite where the first finite one is. No face uses them, and a mesh has nothing that is not
/// finite; there they do not change its bounds.
pub(super) fn replace_nonfinite(positions: &mut [Vec3]) {
    let is_finite = |position: &Vec3| position.iter().all(|value| value.is_finite());
    let stand_in = positions
        .iter()
        .copied()
        .find(is_finite)
        .unwrap_or([0.0; 3]);
    for position in positions {
        if !is_finite(position) {
            *position = stand_in;
        }
    }
}

/// A mesh of what a file had: indices checked, faces with corners that are not finite left out and counted.
pub(super) fn into_mesh(
    books: &Books,
    mut positions: Array<Vec3>,
    mut faces: Array<[u32; 3]>,
    report: &mut Report,
) -> Result<Mesh, Fault> {
    let is_finite = |corner: u32| {
        positions[corner as usize]
            .iter()
            .all(|value| value.is_finite())
    };
    let n_vertices = positions.len() as u32;
    let mut n_kept = 0;
    for face in 0..faces.len() {
        let corners = faces[face];
        if let Some(corner) = corners.into_iter().find(|corner| *corner >= n_vertices) {
            return malformed(format!("face {face} names vertex {corner} of {n_vertices}"));
        }
        if corners.into_iter().all(is_finite) {
            faces[n_kept] = corners;
            n_kept += 1;
        }
    }
    if n_kept < faces.len() {
        report.n_nonfinite += (faces.len() - n_kept) as u64;
        faces = Array::copied(books, "mesh", &faces[..n_kept])?;
    }
    replace_nonfinite(&mut positions);
    Ok(Mesh::of(books, positions, faces)?)
}
