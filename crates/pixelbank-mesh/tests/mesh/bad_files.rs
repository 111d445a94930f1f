//! Files that are no meshes, or claim what they do not have: each costs an error that names it, and nothing else.

use pixelbank_mesh::{Error, Limits, Options};

use crate::formats::{model, zip};
use crate::shapes::{
    ascii_stl, books, cuboid, live_bytes, obj, parse, parse_with, peak_bytes, stl_of,
};

/// Small files cannot make us reserve more than this, whatever they claim.
const ROOM: u64 = 8 << 20;

fn ply(body: &str) -> Vec<u8> {
    format!("ply\nformat {body}").into_bytes()
}

fn binary_ply(header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = ply(&format!("binary_little_endian 1.0\n{header}end_header\n"));
    bytes.extend(body);
    bytes
}

const XYZ: &str = "property float x\nproperty float y\nproperty float z\n";

fn glb(json: &str, binary: &[u8]) -> Vec<u8> {
    let mut json = json.as_bytes().to_vec();
    json.resize(json.len().next_multiple_of(4), b' ');
    let mut bytes = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(b"JSON");
    bytes.extend(json);
    bytes.extend((binary.len() as u32).to_le_bytes());
    bytes.extend(b"BIN\0");
    bytes.extend(binary);
    bytes
}

/// A GLB with one triangle, with something in it replaced.
fn triangle(from: &str, to: &str) -> Vec<u8> {
    let json = r#"{"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],
        "meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1}]}],
        "accessors":[{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3"},
            {"bufferView":1,"componentType":5123,"count":3,"type":"SCALAR"}],
        "bufferViews":[{"buffer":0,"byteLength":36},{"buffer":0,"byteOffset":36,"byteLength":6}],
        "buffers":[{"byteLength":42}]}"#;
    assert!(from.is_empty() || json.contains(from), "{from}");
    let mut binary: Vec<u8> = [0f32, 0., 0., 1., 0., 0., 0., 1., 0.]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    binary.extend([0, 0, 1, 0, 2, 0]);
    glb(&json.replacen(from, to, 1), &binary)
}

fn three_mf(body: &str) -> Vec<u8> {
    zip(&[("3D/3dmodel.model", &model(body))])
}

/// Name, bytes, and a word that the message must have.
fn files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let cube = cuboid([1.0; 3]);
    let ascii = ascii_stl(&cube, "a");
    let mut empty_claim = stl_of(&(vec![], vec![]));
    empty_claim[80] = 200;
    let huge = "element face 1\nproperty list uint uint vertex_indices\n";
    let vertices = format!("element vertex 3\n{XYZ}");
    vec![
        ("empty.stl", vec![], "known format"),
        ("short.stl", vec![7; 60], "known format"),
        ("noise.bin", vec![7; 6000], "known format"),
        (
            "picture.stl",
            b"\x89PNG\r\n\x1a\n".repeat(9),
            "known format",
        ),
        ("claims.stl", empty_claim, "200 faces"),
        (
            "comma.stl",
            ascii.replacen("0e0", "0,0", 4).into_bytes(),
            "no coordinate",
        ),
        (
            "cut.stl",
            b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0".to_vec(),
            "first facet",
        ),
        (
            "word.stl",
            [b"solid a\nfacet normal ".to_vec(), vec![b'x'; 1 << 18]].concat(),
            "without end",
        ),
        (
            "zero.obj",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n".to_vec(),
            "line 4",
        ),
        (
            "beyond.obj",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n".to_vec(),
            "line 4",
        ),
        (
            "before.obj",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -4\n".to_vec(),
            "line 4",
        ),
        (
            "texture.obj",
            b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/1 3/1\n".to_vec(),
            "texture coordinate",
        ),
        ("word.obj", b"v 0 0 zero\n".to_vec(), "no number"),
        ("two.obj", b"v 0 0\n".to_vec(), "less than 3"),
        ("nothing.obj", b"# only a comment\n".to_vec(), "no vertices"),
        (
            "line.obj",
            [b"v 0 0 0\n# ".to_vec(), vec![b'x'; 1 << 18]].concat(),
            "a line of more",
        ),
        ("header.ply", b"ply\nformat ascii 1.0\n".to_vec(), "no end"),
        (
            "endless.ply",
            [b"ply\n".to_vec(), vec![b'x'; 2 << 20]].concat(),
            "header",
        ),
        ("encoding.ply", ply("morse 1.0\nend_header\n"), "morse"),
        (
            "points.ply",
            ply("ascii 1.0\nelement point 1\nend_header\n"),
            "no vertices",
        ),
        (
            "plane.ply",
            ply("ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n0\n"),
            "x, y and z",
        ),
        (
            "count.ply",
            ply(&format!(
                "ascii 1.0\nelement vertex 4000000000\n{XYZ}end_header\n0 0 0\n"
            )),
            "claims",
        ),
        (
            "counts.ply",
            binary_ply(&format!("element vertex 99999999999999999999\n{XYZ}"), b""),
            "no number of",
        ),
        (
            "negative.ply",
            ply(&format!("ascii 1.0\nelement vertex -1\n{XYZ}end_header\n")),
            "no number of",
        ),
        (
            "list.ply",
            binary_ply(
                &format!("{vertices}{huge}"),
                &[[0; 36].to_vec(), vec![255; 8]].concat(),
            ),
            "limit",
        ),
        (
            "cut.ply",
            binary_ply(
                &format!("{vertices}{huge}"),
                &[[0; 36].to_vec(), vec![3, 0, 0, 0]].concat(),
            ),
            "ends at",
        ),
        (
            "beyond.ply",
            ply(&format!(
                "ascii 1.0\n{vertices}{huge}end_header\n0 0 0 1 0 0 0 1 0 3 0 1 3"
            )),
            "vertex 3",
        ),
        (
            "minus.ply",
            ply(&format!(
                "ascii 1.0\n{vertices}{}end_header\n0 0 0 1 0 0 0 1 0 3 0 1 -1",
                huge.replace("uint vertex", "int vertex")
            )),
            "vertex -1",
        ),
        (
            "length.ply",
            ply(&format!(
                "ascii 1.0\n{vertices}{huge}end_header\n0 0 0 1 0 0 0 1 0 -3 0 1 2"
            )),
            "length -3",
        ),
        (
            "skipped.ply",
            binary_ply(
                &format!("element x 1\nproperty list uint double y\n{vertices}"),
                &[255; 40],
            ),
            "ends at",
        ),
        (
            "first.ply",
            ply(&format!(
                "ascii 1.0\n{huge}{vertices}end_header\n3 0 1 2 0 0 0 1 0 0 0 1 0"
            )),
            "before vertices",
        ),
        (
            "strips.ply",
            ply(&format!(
                "ascii 1.0\n{vertices}element tristrips 1\nproperty list int int vertex_indices\nend_header\n"
            )),
            "strips",
        ),
        ("json.glb", glb("{", b""), "JSON"),
        (
            "version.glb",
            [b"glTF\x01\0\0\0".to_vec(), vec![0; 40]].concat(),
            "version 1",
        ),
        (
            "chunk.glb",
            [
                b"glTF\x02\0\0\0\0\0\0\0\xff\xff\xff\xffJSON".to_vec(),
                vec![b' '; 40],
            ]
            .concat(),
            "first chunk",
        ),
        (
            "count.glb",
            triangle("\"count\":3", "\"count\":4"),
            "beyond",
        ),
        (
            "counts.glb",
            triangle("\"count\":3", "\"count\":18446744073709551615"),
            "beyond",
        ),
        (
            "offset.glb",
            triangle("\"byteOffset\":36", "\"byteOffset\":18446744073709551612"),
            "beyond",
        ),
        (
            "view.glb",
            triangle("\"byteLength\":36", "\"byteLength\":99"),
            "beyond",
        ),
        (
            "buffer.glb",
            triangle("\"byteLength\":42", "\"byteLength\":4200"),
            "4200",
        ),
        (
            "stride.glb",
            triangle("\"byteLength\":36", "\"byteLength\":36,\"byteStride\":4"),
            "overlap",
        ),
        (
            "zeroes.glb",
            triangle("\"bufferView\":0,", ""),
            "without a buffer",
        ),
        (
            "accessor.glb",
            triangle("\"POSITION\":0", "\"POSITION\":7"),
            "accessor 7",
        ),
        ("kind.glb", triangle("VEC3", "VEC2"), "components"),
        (
            "floats.glb",
            triangle("\"componentType\":5123", "\"componentType\":5126"),
            "beyond",
        ),
        ("mesh.glb", triangle("\"mesh\":0", "\"mesh\":5"), "mesh 5"),
        (
            "node.glb",
            triangle("\"nodes\":[0]", "\"nodes\":[4]"),
            "node 4",
        ),
        (
            "circle.glb",
            triangle("{\"mesh\":0}", "{\"mesh\":0,\"children\":[0]}"),
            "two parents",
        ),
        (
            "twice.glb",
            triangle("\"nodes\":[0]", "\"nodes\":[0,0]"),
            "two parents",
        ),
        (
            "draco.glb",
            triangle(
                "{\"scene\"",
                "{\"extensionsRequired\":[\"KHR_draco_mesh_compression\"],\"scene\"",
            ),
            "draco",
        ),
        (
            "elsewhere.glb",
            triangle(
                "{\"byteLength\":42}",
                "{\"byteLength\":42,\"uri\":\"/etc/hostname\"}",
            ),
            "not beside",
        ),
        (
            "deep.gltf",
            [b"{\"nodes\":".to_vec(), vec![b'['; 100_000]].concat(),
            "JSON",
        ),
        ("not.3mf", b"PK\x03\x04 and no more".to_vec(), "ZIP"),
        ("none.3mf", zip(&[("readme.txt", "hello")]), "3dmodel.model"),
        (
            "xml.3mf",
            three_mf("<resources><object id=\"1\"></resources>"),
            "3dmodel.model",
        ),
        (
            "vertex.3mf",
            three_mf(
                "<resources><object id=\"1\"><mesh><vertices><vertex x=\"1\" y=\"a\" z=\"1\"/></vertices></mesh></object></resources>",
            ),
            "no coordinate",
        ),
        (
            "beyond.3mf",
            three_mf(
                "<resources><object id=\"1\"><mesh><vertices><vertex x=\"1\" y=\"1\" z=\"1\"/></vertices><triangles><triangle v1=\"0\" v2=\"0\" v3=\"1\"/></triangles></mesh></object></resources><build><item objectid=\"1\"/></build>",
            ),
            "vertex 1 of 1",
        ),
        (
            "circle.3mf",
            three_mf(
                "<resources><object id=\"1\"><components><component objectid=\"1\"/></components></object></resources><build><item objectid=\"1\"/></build>",
            ),
            "circle",
        ),
        (
            "twice.3mf",
            three_mf("<resources><object id=\"1\"></object><object id=\"1\"></object></resources>"),
            "twice",
        ),
        (
            "lost.3mf",
            three_mf("<build><item objectid=\"9\"/></build>"),
            "object 9",
        ),
        (
            "place.3mf",
            three_mf("<build><item objectid=\"9\" transform=\"1 0 0\"/></build>"),
            "no transformation",
        ),
        (
            "long.3mf",
            three_mf(&format!(
                "<resources><object id=\"1\" name=\"{}\"/></resources>",
                "x".repeat(1 << 20)
            )),
            "longer than",
        ),
        ("laughs.3mf", three_mf(&laughs()), "parts"),
    ]
}

/// Objects that each place the one before ten times.
fn laughs() -> String {
    let objects: String = (2..12)
        .map(|id| {
            let placed = format!("<component objectid=\"{}\"/>", id - 1).repeat(10);
            format!("<object id=\"{id}\"><components>{placed}</components></object>")
        })
        .collect();
    format!(
        "<resources><object id=\"1\"></object>{objects}</resources><build><item objectid=\"11\"/></build>"
    )
}

#[test]
fn each_costs_an_error_that_names_it() {
    for (name, bytes, word) in files() {
        let books = books(256 << 20);
        let error = match parse(&books, name, &bytes) {
            Ok((mesh, report)) => panic!("{name} was read: {} faces, {report:?}", mesh.n_faces()),
            Err(error) => error,
        };
        let message = error.to_string();
        assert!(
            message.starts_with(name) && message.contains(word),
            "{name}: {message}"
        );
        assert!(!matches!(error, Error::Memory { .. }), "{name}: {message}");
        assert_eq!(live_bytes(&books), 0, "{name}");
    }
}

#[test]
fn what_is_claimed_is_not_reserved() {
    for (name, bytes, _) in files() {
        let books = books(1 << 30);
        let _ = parse(&books, name, &bytes);
        // The largest bad file has two mebibytes; JSON pays for 128 times its length.
        let allowed = ROOM + 128 * bytes.len().min(200_000) as u64;
        assert!(
            peak_bytes(&books) < allowed,
            "{name}: {} of {allowed}",
            peak_bytes(&books)
        );
    }
}

/// Every prefix of a good file is read or refused, and so is one with any byte changed; nothing stays on the books.
#[test]
fn good_files_cut_short_or_changed_do_no_harm() {
    let cube = cuboid([1.0; 3]);
    let books = books(64 << 20);
    let mut written = Vec::new();
    pixelbank_mesh::Mesh::new(&books, &cube.0, &cube.1)
        .unwrap()
        .write(&mut written, pixelbank_mesh::Format::Ply)
        .unwrap();
    let archive = three_mf(
        "<resources><object id=\"1\"><mesh><vertices><vertex x=\"1\" y=\"2\" z=\"1\"/></vertices></mesh></object></resources><build><item objectid=\"1\"/></build>",
    );
    let good: [(&str, Vec<u8>); 6] = [
        ("a.stl", stl_of(&cube)),
        ("b.stl", ascii_stl(&cube, "cube").into_bytes()),
        ("c.obj", obj(&cube).into_bytes()),
        ("d.ply", written),
        ("e.glb", triangle("", "")),
        ("f.3mf", archive),
    ];
    for (name, bytes) in good {
        assert!(parse(&books, name, &bytes).is_ok(), "{name}");
        for cut in 0..bytes.len() {
            let _ = parse(&books, name, &bytes[..cut]);
        }
        for place in 0..bytes.len() {
            for value in [0, b'-', 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = value;
                let _ = parse(&books, name, &changed);
            }
        }
        assert_eq!(live_bytes(&books), 0, "{name}");
    }
}

#[test]
fn limits_are_checked_before_memory_is_taken() {
    let cube = cuboid([1.0; 3]);
    let limited = |limits: Limits, name: &str, bytes: &[u8]| {
        let books = books(64 << 20);
        let options = Options {
            limits,
            ..Options::default()
        };
        match parse_with(&books, name, bytes, &options) {
            Err(Error::LimitExceeded {
                what,
                requested,
                limit,
                ..
            }) => (what, requested, limit),
            other => panic!("{name}: {other:?}"),
        }
    };
    let few_faces = Limits {
        max_faces: 11,
        ..Limits::default()
    };
    let few_vertices = Limits {
        max_vertices: 7,
        ..Limits::default()
    };
    for (name, bytes) in [
        ("a.stl", stl_of(&cube)),
        ("b.stl", ascii_stl(&cube, "").into_bytes()),
        ("c.obj", obj(&cube).into_bytes()),
    ] {
        assert_eq!(
            limited(few_faces.clone(), name, &bytes),
            ("faces", 12, 11),
            "{name}"
        );
        assert_eq!(
            limited(few_vertices.clone(), name, &bytes),
            ("vertices", 8, 7),
            "{name}"
        );
    }
    let square = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n";
    let simple = Limits {
        max_polygon_corners: 3,
        ..Limits::default()
    };
    assert_eq!(
        limited(simple, "a.obj", square),
        ("corners of a polygon", 4, 3)
    );
    let short = Limits {
        max_inflated_bytes: 100,
        ..Limits::default()
    };
    let books = books(64 << 20);
    let options = Options {
        limits: short,
        ..Options::default()
    };
    let error = parse_with(
        &books,
        "a.3mf",
        three_mf("<resources></resources>"),
        &options,
    )
    .unwrap_err();
    assert!(error.to_string().contains("inflates"), "{error}");
}
