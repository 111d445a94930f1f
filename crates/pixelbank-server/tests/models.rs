//! 3D models of the served folder: the list, what one is made of, its arrays, and what is refused.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use pixelbank_memory::{Account, Wait};
use serde_json::{Value, json};
use support::{Running, bank, options, serve, start};

const TETRAHEDRON: &str =
    "o first\nv 0 0 0\nv 2 0 0\nv 0 3 0\nv 0 0 4\nf 1 3 2\nf 1 2 4\no second\nf 1 4 3\nf 2 3 4\n";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, bytes).expect("written");
}

/// A binary STL of `n` × `n` squares, two triangles each.
fn grid(n: u32) -> Vec<u8> {
    let mut stl = vec![0; 80];
    stl.extend_from_slice(&(2 * n * n).to_le_bytes());
    for (x, y) in (0..n).flat_map(|x| (0..n).map(move |y| (x as f32, y as f32))) {
        for corners in [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]] {
            stl.extend_from_slice(&[0; 12]);
            for [right, up] in corners {
                for value in [x + right as f32, y + up as f32, 0.0] {
                    stl.extend_from_slice(&value.to_le_bytes());
                }
            }
            stl.extend_from_slice(&[0; 2]);
        }
    }
    stl
}

/// What the account of meshes holds.
fn held(server: &Running) -> u64 {
    let ledger = server.bank.ledger();
    let row = ledger
        .accounts
        .iter()
        .find(|row| row.account == Account::Meshes);
    row.expect("every account has a row").live_bytes
}

#[test]
fn the_list_has_every_model_and_nothing_else() {
    let (folder, outside) = (folder(), folder());
    write(outside.path(), "secret.stl", grid(1));
    for name in [
        "b/two.STL",
        "a.glb",
        "b/c d/ü.3mf",
        "photo.jpg",
        ".hidden/x.obj",
        "stl",
    ] {
        write(folder.path(), name, "x");
    }
    symlink(outside.path(), folder.path().join("out")).expect("linked");
    symlink(
        outside.path().join("secret.stl"),
        folder.path().join("leaves.stl"),
    )
    .expect("linked");
    let server = serve(folder.path());
    let list = server.get("/api/models").json();
    let ids: Vec<_> = list["models"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| model["id"].as_str().expect("text"))
        .collect();
    assert_eq!(ids, ["a.glb", "b%2Fc%20d%2F%C3%BC.3mf", "b%2Ftwo.STL"]);
    assert_eq!(list["models"][1]["path"], "b/c d/ü.3mf");
    assert_eq!(list["models"][0]["bytes"], 1);
    assert_eq!(list["is_complete"], true);
    // Pictures are listed as ever.
    assert_eq!(server.listing()["total"], 1);
}

#[test]
fn a_model_is_described_with_what_each_part_takes() {
    let folder = folder();
    write(folder.path(), "parts/tetra.obj", TETRAHEDRON);
    let server = serve(folder.path());
    let model = server.get("/api/model/parts%2Ftetra.obj").json();
    assert_eq!(
        (&model["faces"], &model["vertices"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(
        model["box"],
        json!({ "min": [0.0, 0.0, 0.0], "max": [2.0, 3.0, 4.0] })
    );
    assert_eq!(
        model["objects"],
        json!([{ "name": "first", "faces": 2 }, { "name": "second", "faces": 2 }])
    );
    assert_eq!(model["report"]["format"], "obj");
    let memory = model["memory"].as_array().expect("a list");
    let bytes = |part: &str| {
        memory
            .iter()
            .find(|row| row["part"] == part)
            .map(|row| row["bytes"].as_u64().expect("a number"))
    };
    assert_eq!(
        (bytes("positions"), bytes("indices"), bytes("normals")),
        (Some(4 * 12), Some(4 * 6), None)
    );
    let sum: u64 = memory
        .iter()
        .map(|row| row["bytes"].as_u64().expect("a number"))
        .sum();
    assert_eq!(model["total_bytes"], sum);
    assert_eq!(held(&server), sum, "the books have what the answer says");
    assert_eq!(model["derived"], Value::Null);
}

#[test]
fn what_is_built_on_demand_is_measured_and_given_back() {
    let folder = folder();
    write(folder.path(), "grid.stl", grid(40));
    let server = serve(folder.path());
    let before = server.get("/api/model/grid.stl").json();
    let model = server.get("/api/model/grid.stl?derived=1").json();
    let derived = model["derived"].as_array().expect("a list");
    let names: Vec<_> = derived
        .iter()
        .map(|row| row["part"].as_str().expect("text"))
        .collect();
    assert_eq!(
        names,
        [
            "neighbours of faces",
            "tree for rays",
            "at rest, without loss"
        ]
    );
    for row in derived {
        assert!(
            row["bytes"].as_u64().is_some_and(|bytes| bytes > 0),
            "{row}"
        );
        assert_eq!(row["error"], Value::Null);
    }
    assert!(derived[2]["bytes"].as_u64() < before["total_bytes"].as_u64());
    assert_eq!(Some(held(&server)), before["total_bytes"].as_u64());
}

#[test]
fn the_arrays_are_sent_as_they_lie_in_memory() {
    let folder = folder();
    write(folder.path(), "t.obj", TETRAHEDRON);
    let ply = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
        property float nx\nproperty float ny\nproperty float nz\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n\
        element face 1\nproperty list uchar int vertex_indices\nend_header\n\
        0 0 0 0 0 1 255 0 0\n1 0 0 0 0 1 0 255 0\n0 1 0 0 0 1 0 0 255\n3 0 1 2\n";
    write(folder.path(), "c.ply", ply);
    let server = serve(folder.path());
    let number = |body: &[u8], at: usize| {
        u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes"))
    };
    let float = |body: &[u8], at: usize| f32::from_bits(number(body, at));

    let answer = server.get("/api/model/t.obj/arrays");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/octet-stream")
    );
    let body = &answer.body;
    assert_eq!(&body[..8], b"PBMESH1\0");
    assert_eq!([8, 12, 16, 20].map(|at| number(body, at)), [4, 4, 2, 0]);
    assert_eq!(body.len(), 24 + 4 * 12 + 4 * 6);
    let indices: Vec<u16> = body[24 + 48..]
        .chunks(2)
        .map(|two| u16::from_le_bytes([two[0], two[1]]))
        .collect();
    let corner = |n: usize| [0, 4, 8].map(|at| float(body, 24 + 12 * usize::from(indices[n]) + at));
    assert_eq!(
        [corner(0), corner(1), corner(2)],
        [[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [2.0, 0.0, 0.0]]
    );

    let body = server.get("/api/model/c.ply/arrays").body;
    assert_eq!([8, 12, 16, 20].map(|at| number(&body, at)), [3, 1, 2, 3]);
    assert_eq!(body.len(), 24 + 3 * (12 + 12 + 4) + 6);
    assert_eq!(float(&body, 24 + 36 + 8), 1.0, "a normal");
    assert_eq!(body[24 + 72..24 + 76], [255, 0, 0, 255], "a colour");
}

#[test]
fn what_can_never_fit_is_413_and_what_may_fit_soon_503() {
    let folder = folder();
    write(folder.path(), "large.stl", grid(400));
    write(folder.path(), "small.stl", grid(100));
    let mut tight = options(folder.path());
    tight.bank = bank(4 << 20);
    tight.memory_wait = std::time::Duration::from_millis(50);
    let server = start(tight);
    server.listing();
    for target in ["/api/model/large.stl", "/api/model/large.stl/arrays"] {
        let refused = server.get(target);
        assert_eq!(refused.status, 413, "{}", refused.text());
        assert!(
            refused.json()["error"]
                .as_str()
                .is_some_and(|text| text.contains("too small for this model"))
        );
    }
    assert_eq!(held(&server), 0);

    let others = server.bank.holder(Account::Bitmaps, "another", "test");
    let taken = others
        .reserve(others_share(&server), &Wait::forever())
        .expect("free");
    let busy = server.get("/api/model/small.stl");
    assert_eq!(busy.status, 503, "{}", busy.text());
    assert!(busy.header("retry-after").is_some());
    drop(taken);
    assert_eq!(server.get("/api/model/small.stl").status, 200);
}

/// All of the budget but for what lists and a few answers take.
fn others_share(server: &Running) -> u64 {
    let host = server.bank.ledger().host;
    host.limit_bytes - host.live_bytes - (64 << 10)
}

#[test]
fn a_model_that_nobody_looks_at_gives_way() {
    let folder = folder();
    write(folder.path(), "grid.stl", grid(100));
    let server = serve(folder.path());
    server.listing();
    assert_eq!(server.get("/api/model/grid.stl").status, 200);
    assert!(held(&server) > 0);
    let others = server.bank.holder(Account::Bitmaps, "another", "test");
    let all_that_is_free = server.bank.ledger().host;
    let more = all_that_is_free.limit_bytes - all_that_is_free.live_bytes + held(&server) / 2;
    let taken = others.reserve(more, &Wait::never());
    assert!(taken.is_ok(), "{taken:?}");
    assert_eq!(held(&server), 0);
}

#[test]
fn a_model_is_loaded_once_and_again_when_its_file_changes() {
    let folder = folder();
    write(folder.path(), "grid.stl", grid(10));
    let server = serve(folder.path());
    assert_eq!(server.get("/api/model/grid.stl").json()["faces"], 200);
    let first = held(&server);
    assert_eq!(server.get("/api/model/grid.stl/arrays").status, 200);
    assert_eq!(held(&server), first);
    write(folder.path(), "grid.stl", grid(12));
    // A file is looked at once a second at most.
    while server.get("/api/model/grid.stl").json()["faces"] != 288 {
        std::thread::yield_now();
    }
}

#[test]
fn nothing_outside_of_the_folder_is_reached() {
    let (folder, outside) = (folder(), folder());
    write(outside.path(), "secret.stl", grid(1));
    write(outside.path(), "secret.bin", [0; 36]);
    symlink(
        outside.path().join("secret.stl"),
        folder.path().join("leaves.stl"),
    )
    .expect("linked");
    symlink(outside.path(), folder.path().join("out")).expect("linked");
    symlink(
        outside.path().join("secret.bin"),
        folder.path().join("leaves.bin"),
    )
    .expect("linked");
    write(folder.path(), "beside.bin", triangle());
    for (name, uri) in [
        ("beside", "beside.bin".to_owned()),
        ("linked", "leaves.bin".to_owned()),
        ("through", "out/secret.bin".to_owned()),
        ("above", "../secret.bin".to_owned()),
        (
            "absolute",
            outside.path().join("secret.bin").display().to_string(),
        ),
    ] {
        write(folder.path(), &format!("gltf/{name}.gltf"), gltf(&uri));
        write(folder.path(), &format!("{name}.gltf"), gltf(&uri));
    }
    let server = serve(folder.path());
    for id in [
        "leaves.stl",
        "out%2Fsecret.stl",
        "..%2Fsecret.stl",
        "%2Fetc%2Fpasswd.stl",
        "missing.stl",
        "..%2F..%2Fx.obj",
    ] {
        let answer = server.get(&format!("/api/model/{id}"));
        assert_eq!(answer.status, 404, "{id}: {}", answer.text());
        assert_eq!(server.get(&format!("/api/model/{id}/arrays")).status, 404);
    }
    let beside = server.get("/api/model/beside.gltf");
    assert_eq!(beside.status, 200, "{}", beside.text());
    assert_eq!(beside.json()["faces"], 1);
    for name in ["linked", "through", "above", "absolute"] {
        let answer = server.get(&format!("/api/model/{name}.gltf"));
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
    }
    // Beside the file, not beside the folder.
    assert_eq!(server.get("/api/model/gltf%2Fbeside.gltf").status, 422);
}

/// Three corners, as glTF wants them.
fn triangle() -> Vec<u8> {
    let corners = [[0f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    corners
        .iter()
        .flatten()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn gltf(uri: &str) -> String {
    json!({
        "asset": { "version": "2.0" },
        "buffers": [{ "uri": uri, "byteLength": 36 }],
        "bufferViews": [{ "buffer": 0, "byteLength": 36 }],
        "accessors": [{ "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3" }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        "nodes": [{ "mesh": 0 }],
        "scenes": [{ "nodes": [0] }],
        "scene": 0,
    })
    .to_string()
}

#[test]
fn what_is_no_model_is_said() {
    let folder = folder();
    write(folder.path(), "photo.jpg", "not a model");
    write(folder.path(), "empty.stl", "");
    write(
        folder.path(),
        "damaged.ply",
        "ply\nformat ascii 1.0\nelement vertex nonsense\nend_header\n",
    );
    std::fs::create_dir(folder.path().join("folder.stl")).expect("made");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe.stl"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("made");
    let server = serve(folder.path());
    for name in ["photo.jpg", "folder.stl", "pipe.stl"] {
        assert_eq!(
            server.get(&format!("/api/model/{name}")).status,
            404,
            "{name}"
        );
    }
    assert_eq!(server.get("/api/model/damaged.ply").status, 422);
    let empty = server.get("/api/model/empty.stl").status;
    assert!([404, 422].contains(&empty), "{empty}");
    assert_eq!(server.get("/api/model/%zz.stl").status, 400);
    assert_eq!(
        server.ask("POST", "/api/model/damaged.ply", &[]).status,
        405
    );
    assert_eq!(held(&server), 0);
}
