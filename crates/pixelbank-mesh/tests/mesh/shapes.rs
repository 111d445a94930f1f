//! Shapes to test with, and writers of formats that the crate only reads.

use std::fmt::Write;

use pixelbank_memory::Bank;
use pixelbank_mesh::{Books, Error, Input, Mesh, Options, Report, Vec3, read};

/// Books of a budget of their own.
pub fn books(limit_bytes: u64) -> Books {
    let bank = Bank::builder().host_bytes(limit_bytes).build().unwrap();
    Books::new(&bank, "test")
}

pub fn live_bytes(books: &Books) -> u64 {
    books.bank().ledger().host.live_bytes
}

pub fn peak_bytes(books: &Books) -> u64 {
    books.bank().ledger().host.peak_bytes
}

/// Positions and faces.
pub type Shape = (Vec<Vec3>, Vec<[u32; 3]>);

/// A box from the origin to `size`, outside out.
pub fn cuboid(size: Vec3) -> Shape {
    let corner = |n: u32| [0, 1, 2].map(|axis| if n >> axis & 1 == 1 { size[axis] } else { 0.0 });
    let quads = [
        [0, 2, 3, 1],
        [4, 5, 7, 6],
        [0, 1, 5, 4],
        [2, 6, 7, 3],
        [0, 4, 6, 2],
        [1, 3, 7, 5],
    ];
    let faces = quads
        .into_iter()
        .flat_map(|[a, b, c, d]| [[a, b, c], [a, c, d]]);
    ((0..8).map(corner).collect(), faces.collect())
}

/// A hilly grid of `n` × `n` squares, two faces each, in rows: what heights measured on a table look like.
pub fn terrain(n: u32) -> Shape {
    let height = |x: f32, y: f32| {
        20.0 * (x * 0.031).sin() * (y * 0.023).cos() + 3.0 * (x * 0.17 + y * 0.11).sin()
    };
    let row = n + 1;
    let positions = (0..row * row).map(|k| {
        let (x, y) = ((k % row) as f32 * 0.5, (k / row) as f32 * 0.5);
        [x, y, height(x, y)]
    });
    let faces = (0..n * n).flat_map(|k| {
        let a = k / n * row + k % n;
        [[a, a + 1, a + row + 1], [a, a + row + 1, a + row]]
    });
    (positions.collect(), faces.collect())
}

/// A sphere of `n` rings, watertight.
pub fn sphere(n: u32, radius: f32) -> Shape {
    let around = 2 * n;
    let mut positions = vec![[0.0, 0.0, radius], [0.0, 0.0, -radius]];
    for ring in 1..n {
        let (sin, cos) = (std::f32::consts::PI * ring as f32 / n as f32).sin_cos();
        for k in 0..around {
            let (y, x) = (std::f32::consts::TAU * k as f32 / around as f32).sin_cos();
            positions.push([radius * sin * x, radius * sin * y, radius * cos]);
        }
    }
    let at = |ring: u32, k: u32| match ring {
        0 => 0,
        ring if ring == n => 1,
        ring => 2 + (ring - 1) * around + k % around,
    };
    let mut faces = Vec::new();
    for ring in 0..n {
        for k in 0..around {
            let [a, b, c, d] = [
                at(ring, k),
                at(ring + 1, k),
                at(ring + 1, k + 1),
                at(ring, k + 1),
            ];
            faces.extend(
                [[a, b, c], [a, c, d]]
                    .into_iter()
                    .filter(|[a, b, c]| a != b && b != c && c != a),
            );
        }
    }
    (positions, faces)
}

pub fn moved((positions, faces): Shape, by: Vec3) -> Shape {
    let positions = positions
        .into_iter()
        .map(|p| [0, 1, 2].map(|axis| p[axis] + by[axis]));
    (positions.collect(), faces)
}

pub fn both((mut positions, mut faces): Shape, (more, others): Shape) -> Shape {
    let first = positions.len() as u32;
    positions.extend(more);
    faces.extend(
        others
            .into_iter()
            .map(|face| face.map(|corner| corner + first)),
    );
    (positions, faces)
}

pub fn mesh(books: &Books, (positions, faces): &Shape) -> Mesh {
    Mesh::new(books, positions, faces).unwrap()
}

/// A binary STL whose header claims `claimed` faces.
pub fn stl((positions, faces): &Shape, claimed: u32) -> Vec<u8> {
    let mut bytes = vec![b' '; 80];
    bytes.extend(claimed.to_le_bytes());
    for face in faces {
        bytes.extend([0; 12]);
        for value in face.iter().flat_map(|corner| positions[*corner as usize]) {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend([0; 2]);
    }
    bytes
}

pub fn stl_of(shape: &Shape) -> Vec<u8> {
    stl(shape, shape.1.len() as u32)
}

/// ASCII STL of one solid.
pub fn ascii_stl((positions, faces): &Shape, name: &str) -> String {
    let mut text = format!("solid {name}\n");
    for face in faces {
        text.push_str("  facet normal 0 0 0\n    outer loop\n");
        for [x, y, z] in face.map(|corner| positions[corner as usize]) {
            writeln!(text, "      vertex {x:e} {y:e} {z:e}").unwrap();
        }
        text.push_str("    endloop\n  endfacet\n");
    }
    text + &format!("endsolid {name}\n")
}

pub fn obj((positions, faces): &Shape) -> String {
    let mut text = String::new();
    for [x, y, z] in positions {
        writeln!(text, "v {x} {y} {z}").unwrap();
    }
    for [a, b, c] in faces {
        writeln!(text, "f {} {} {}", a + 1, b + 1, c + 1).unwrap();
    }
    text
}

/// Reads bytes as the file `name`.
pub fn parse(books: &Books, name: &str, bytes: impl AsRef<[u8]>) -> Result<(Mesh, Report), Error> {
    parse_with(books, name, bytes, &Options::default())
}

pub fn parse_with(
    books: &Books,
    name: &str,
    bytes: impl AsRef<[u8]>,
    options: &Options,
) -> Result<(Mesh, Report), Error> {
    read(&Input::memory(bytes.as_ref().into(), name), books, options)
}

/// The corners of all faces, each beginning with its least, sorted: what two meshes of the same faces have in common.
pub fn soup(mesh: &Mesh) -> Vec<[[u32; 3]; 3]> {
    let mut all: Vec<_> = mesh
        .faces()
        .map(|face| {
            // Both zeroes are one.
            let mut corners = face
                .points
                .map(|point| point.map(|value| (value + 0.0).to_bits()));
            let least = (0..3).min_by_key(|k| corners[*k]).unwrap();
            corners.rotate_left(least);
            corners
        })
        .collect();
    all.sort_unstable();
    all
}
