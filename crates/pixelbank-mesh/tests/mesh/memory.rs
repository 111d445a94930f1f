//! What loading and holding takes on the books, a face.

use pixelbank_mesh::{Duplicates, Input, Options, Packing, read, read_packed};

use crate::shapes::{ascii_stl, books, live_bytes, obj, parse, peak_bytes, stl_of, terrain};

/// Faces of the terrain that figures are given for.
const N: u64 = 80_000;

fn a_face(bytes: u64) -> f64 {
    bytes as f64 / N as f64
}

#[test]
fn a_terrain_is_loaded_in_31_bytes_a_face() {
    let shape = terrain(200);
    for (name, bytes, most) in [
        ("binary.stl", stl_of(&shape), 31.0),
        ("ascii.stl", ascii_stl(&shape, "").into_bytes(), 33.0),
        ("text.obj", obj(&shape).into_bytes(), 48.0),
    ] {
        let books = books(1 << 30);
        let (mesh, report) = parse(&books, name, bytes).unwrap();
        assert!(report.is_clean());
        assert_eq!(live_bytes(&books), mesh.nbytes());
        // 12 bytes a vertex, and six a face, as all vertices fit into two bytes.
        assert!(
            a_face(mesh.nbytes()) < 12.1,
            "{name}: {}",
            a_face(mesh.nbytes())
        );
        assert!(
            a_face(peak_bytes(&books)) < most,
            "{name}: {}",
            a_face(peak_bytes(&books))
        );
        drop(mesh);
        assert_eq!(live_bytes(&books), 0);
    }
}

#[test]
fn what_takes_four_bytes_an_index_is_loaded_in_31_bytes_a_face_too() {
    let shape = terrain(400);
    let n = shape.1.len() as f64;
    for duplicates in [Duplicates::Ignore, Duplicates::Count] {
        let books = books(1 << 30);
        let options = Options {
            duplicates,
            ..Options::default()
        };
        let input = Input::memory(stl_of(&shape).into(), "a.stl");
        let (mesh, _) = read(&input, &books, &options).unwrap();
        assert!((mesh.nbytes() as f64 / n) < 18.1);
        assert!(
            peak_bytes(&books) as f64 / n < 31.0,
            "{}",
            peak_bytes(&books) as f64 / n
        );
    }
}

#[test]
fn going_straight_to_rest_takes_one_piece_at_a_time() {
    let shape = terrain(600);
    let books = books(1 << 30);
    let input = Input::memory(stl_of(&shape).into(), "a.stl");
    let (packed, _) = read_packed(&input, &books, &Options::default(), Packing::Lossless).unwrap();
    let beside = peak_bytes(&books) - packed.nbytes();
    assert!(
        beside < 6 << 20,
        "{beside} bytes beside {}",
        packed.nbytes()
    );
}
