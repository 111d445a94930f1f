//! The resting form.

use pixelbank_mesh::{Model, Options, Packing, load_within};
use proptest::prelude::*;

use crate::shapes::{
    ascii_stl, books, cuboid, live_bytes, mesh, obj, parse_with, peak_bytes, soup, stl_of, terrain,
};

const ROOM: u64 = 256 << 20;

#[test]
fn what_is_packed_without_loss_comes_back() {
    let books = books(ROOM);
    // Of one block and of several, and of none.
    for shape in [
        cuboid([1.0; 3]),
        terrain(300),
        (vec![[1.0; 3]; 5], vec![]),
        (vec![], vec![]),
    ] {
        let before = mesh(&books, &shape);
        let packed = before.pack(Packing::Lossless).unwrap();
        assert_eq!(live_bytes(&books), before.nbytes() + packed.nbytes());
        let after = packed.open().unwrap();
        assert_eq!(after.positions(), before.positions());
        for (a, b) in after.indices().iter().zip(before.indices().iter()) {
            // The same face in the same place, perhaps from another corner on.
            assert!(
                (0..3).any(|k| [a[k], a[(k + 1) % 3], a[(k + 2) % 3]] == b),
                "{a:?} {b:?}"
            );
        }
        assert_eq!(
            (packed.max_error(), packed.n_faces()),
            (0.0, u64::from(before.n_faces()))
        );
        assert_eq!(packed.bounds().unwrap(), before.bounds());
        let (area, volume) = packed.area_and_volume().unwrap();
        assert!(
            (area - before.area()).abs() <= 1e-9 * area
                && (volume - before.volume()).abs() <= 1e-9 * volume.abs()
        );
    }
    assert_eq!(live_bytes(&books), 0);
}

#[test]
fn all_that_vertices_have_comes_back() {
    let books = books(ROOM);
    let text = "o a\nv 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nvt 0 0\nvt 1 1\nvn 0 0 1\n\
        f 1/1/1 2/1/1 3/1/1\no b\nf 1/2/1 3/2/1 4/2/1\n";
    let options = Options {
        attributes: true,
        ..Options::default()
    };
    let (before, _) = parse_with(&books, "a.obj", text, &options).unwrap();
    let after = before.pack(Packing::Lossless).unwrap().open().unwrap();
    assert_eq!(after.normals(), before.normals());
    assert_eq!(after.colours(), before.colours());
    assert_eq!(after.texcoords(), before.texcoords());
    assert_eq!(after.parts(), before.parts());
}

#[test]
fn a_terrain_rests_in_few_bytes() {
    let books = books(ROOM);
    let ground = mesh(&books, &terrain(200));
    let a_face = |bytes: u64| bytes as f64 / f64::from(ground.n_faces());
    assert!(
        a_face(ground.nbytes()) < 18.1,
        "{}",
        a_face(ground.nbytes())
    );
    let lossless = ground.pack(Packing::Lossless).unwrap();
    assert!(
        a_face(lossless.nbytes()) < 7.3,
        "{}",
        a_face(lossless.nbytes())
    );
    let near = ground.pack(Packing::Within(0.001)).unwrap();
    assert!(
        near.nbytes() < lossless.nbytes(),
        "{}",
        a_face(near.nbytes())
    );
}

#[test]
fn an_error_that_floats_cannot_keep_is_refused() {
    let books = books(ROOM);
    let far = mesh(&books, &(vec![[1e9, 0.0, 0.0]], vec![]));
    let error = far.pack(Packing::Within(1e-3)).unwrap_err().to_string();
    assert!(error.contains("not that fine"), "{error}");
    assert!(far.pack(Packing::Lossless).is_ok());
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(far.pack(Packing::Within(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_file_larger_than_the_budget_rests_at_once_or_fails_up_front() {
    let folder = tempfile::tempdir().unwrap();
    let shape = terrain(400);
    let stl = folder.path().join("large.stl");
    // 16 MB of file, 5.8 MB open and 8 on the way there; about 2 MB at rest and 5 MB to work with.
    let limit = 7_000_000;
    for bytes in [stl_of(&shape), ascii_stl(&shape, "").into_bytes()] {
        std::fs::write(&stl, &bytes).unwrap();
        let books = books(limit);
        let (model, report) =
            load_within(&stl, &books, &Options::default(), Packing::Lossless).unwrap();
        let Model::Packed(packed) = model else {
            panic!("320,000 faces cannot be open in {limit} bytes");
        };
        assert_eq!((packed.n_faces(), report.found_faces), (320_000, 320_000));
        assert!(peak_bytes(&books) <= limit);
        assert!(packed.open().is_err(), "there is no room");
        assert!(packed.slice(1.0).unwrap().len() > 1);
        books
            .bank()
            .set_limit(pixelbank_memory::Resource::Host, 64 << 20)
            .unwrap();
        let open = packed.open().unwrap();
        assert_eq!(open.n_vertices(), 401 * 401);
        assert_eq!(soup(&open), soup(&mesh(&books, &shape)));
    }
    let text = folder.path().join("large.obj");
    std::fs::write(&text, obj(&shape)).unwrap();
    let books = books(1 << 20);
    let error = load_within(&text, &books, &Options::default(), Packing::Lossless)
        .unwrap_err()
        .to_string();
    assert!(error.contains("wanted for meshes"), "{error}");
    assert!(peak_bytes(&books) <= 1 << 20);
    assert_eq!(live_bytes(&books), 0);
    let small = load_within(
        &stl,
        &crate::shapes::books(ROOM),
        &Options::default(),
        Packing::Lossless,
    )
    .unwrap();
    assert!(matches!(small.0, Model::Mesh(_)));
}

proptest! {
    #[test]
    fn no_position_moves_further_than_was_allowed(
        positions in prop::collection::vec(prop::array::uniform3(-1000.0f32..1000.0), 1..300),
        error in 0.001f32..10.0,
    ) {
        let books = books(ROOM);
        let before = mesh(&books, &(positions, vec![]));
        let packed = before.pack(Packing::Within(error)).unwrap();
        let after = packed.open().unwrap();
        let mut most = 0f64;
        for (a, b) in after.positions().iter().zip(before.positions()) {
            let square: f64 = (0..3).map(|k| (f64::from(a[k]) - f64::from(b[k])).powi(2)).sum();
            most = most.max(square.sqrt());
        }
        prop_assert!(most <= f64::from(error), "{} of {}", most, error);
        prop_assert_eq!(most, packed.max_error());
    }
}
