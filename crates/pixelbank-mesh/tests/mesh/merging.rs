//! Triangles that become vertices and faces, against the plainest way to do it.

use std::collections::{HashMap, HashSet};

use pixelbank_mesh::{Report, Vec3};
use proptest::prelude::*;

use crate::shapes::{Shape, ascii_stl, books, mesh, parse, stl_of, terrain};

/// What a file of these faces must give: vertices in the order in which they come, each once; faces in theirs; how many
/// were left out since they are not finite, or have no three different corners; how many have no area.
fn merged((positions, faces): &Shape) -> (Vec<Vec3>, Vec<[u32; 3]>, [u64; 3]) {
    let mut numbers = HashMap::new();
    let (mut vertices, mut kept) = (Vec::new(), Vec::new());
    let mut counts = [0; 3];
    for face in faces {
        let corners = face.map(|corner| positions[corner as usize]);
        if corners.iter().flatten().any(|value| !value.is_finite()) {
            counts[0] += 1;
            continue;
        }
        // Equal as numbers: both zeroes are one.
        let [a, b, c] = corners;
        if a == b || b == c || c == a {
            counts[1] += 1;
            continue;
        }
        let sides = [b, c].map(|end| [0, 1, 2].map(|k| f64::from(end[k]) - f64::from(a[k])));
        let is_flat = [(1, 2), (2, 0), (0, 1)]
            .iter()
            .all(|(i, j)| sides[0][*i] * sides[1][*j] == sides[0][*j] * sides[1][*i]);
        counts[2] += u64::from(is_flat);
        kept.push(corners.map(|corner| {
            let key = corner.map(|value| (value + 0.0).to_bits());
            *numbers.entry(key).or_insert_with(|| {
                vertices.push(corner);
                vertices.len() as u32 - 1
            })
        }));
    }
    (vertices, kept, counts)
}

fn is_merged_as_it_should(shape: &Shape, name: &str, bytes: Vec<u8>) {
    let books = books(1 << 30);
    let (found, report) = parse(&books, name, bytes).unwrap();
    let (vertices, faces, counts) = merged(shape);
    assert_eq!(found.positions(), vertices);
    assert_eq!(found.indices().iter().collect::<Vec<_>>(), faces);
    let Report {
        n_nonfinite,
        n_degenerate,
        n_flat,
        n_duplicates,
        ..
    } = report;
    assert_eq!([n_nonfinite, n_degenerate, n_flat], counts);
    assert_eq!(n_duplicates, Some(copies(&faces)));
}

/// Faces with the vertices of one before them.
fn copies(faces: &[[u32; 3]]) -> u64 {
    let mut met = HashSet::new();
    let mut is_new = |face: &[u32; 3]| {
        let mut corners = *face;
        corners.sort_unstable();
        met.insert(corners)
    };
    faces.len() as u64 - faces.iter().filter(|face| is_new(face)).count() as u64
}

/// An order without any: neighbours are far from each other.
fn shuffled((positions, mut faces): Shape) -> Shape {
    let n = faces.len();
    let mut state = 1u64;
    for place in (1..n).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        faces.swap(place, (state >> 33) as usize % (place + 1));
    }
    (positions, faces)
}

#[test]
fn vertices_are_numbered_as_they_come_whatever_the_order_of_faces() {
    for shape in [terrain(200), shuffled(terrain(200))] {
        is_merged_as_it_should(&shape, "a.stl", stl_of(&shape));
        is_merged_as_it_should(&shape, "a.stl", ascii_stl(&shape, "").into_bytes());
    }
}

#[test]
fn a_fan_around_the_last_vertex_has_its_copies_counted() {
    let n = 3000;
    let positions: Vec<Vec3> = (0..=n)
        .map(|k| {
            let angle = k as f32;
            [angle.cos(), angle.sin(), angle]
        })
        .collect();
    let mut faces: Vec<[u32; 3]> = (1..n).map(|k| [k - 1, k, n]).collect();
    faces.extend([[n, 0, 1], [1, n, 0], [7, 8, 9], [n, 1500, 1499]]);
    let books = books(1 << 24);
    let mut fan = mesh(&books, &(positions, faces.clone()));
    assert_eq!(u64::from(fan.n_duplicate_faces().unwrap()), copies(&faces));
    assert_eq!(fan.drop_duplicate_faces().unwrap(), 3);
    assert_eq!(fan.indices().get(n as usize - 1), [7, 8, 9]);
}

/// Few places, so that corners meet, with both zeroes and what is no number.
fn crowd() -> impl Strategy<Value = Shape> {
    let value = prop::sample::select(vec![
        -1.0,
        -0.0,
        0.0,
        1e-40,
        0.5,
        1.0,
        3e38,
        f32::NAN,
        f32::INFINITY,
    ]);
    let rare = prop_oneof![9 => (-2i8..2).prop_map(f32::from), 1 => value];
    let corners = prop::collection::vec(prop::array::uniform3(rare), 0..900);
    corners.prop_map(|corners| {
        let n = corners.len() as u32 / 3;
        (
            corners,
            (0..n).map(|k| [3 * k, 3 * k + 1, 3 * k + 2]).collect(),
        )
    })
}

proptest! {
    #[test]
    fn what_meets_becomes_one(shape in crowd()) {
        prop_assume!(!shape.1.is_empty());
        is_merged_as_it_should(&shape, "a.stl", stl_of(&shape));
    }
}
