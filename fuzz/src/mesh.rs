//! What every fuzz target of a mesh format does with its input.

use pixelbank_memory::Bank;
use pixelbank_mesh::{
    Books, Error, Format, Input, Layer, Limits, Merging, Mesh, Options, OutlineOptions, Packing, read, read_outlines,
    read_packed, write_dxf, write_svg,
};

/// The targets: name, what stands in front of every input, and the name of the file.
pub const FORMATS: &[(&str, &[u8], &str)] = &[
    ("stl_binary", b"", "input.stl"),
    ("stl_ascii", b"solid fuzz\nfacet", "input.stl"),
    ("obj", b"", "input.obj"),
    ("ply", b"ply\n", "input.ply"),
    ("gltf", b"{", "input.gltf"),
    ("glb", b"glTF", "input.glb"),
    ("threemf", b"PK\x03\x04", "input.3mf"),
];

/// The targets of drawings, in the same way.
pub const DRAWINGS: &[(&str, &[u8], &str)] = &[
    ("svg", b"<svg", "input.svg"),
    ("dxf", b"0\nSECTION\n", "input.dxf"),
];

/// Memory of a run. What an input claims beyond that must be refused.
const ROOM: u64 = 64 << 20;

/// Reads in several ways what `target` puts in front of the input. Checks what every mesh must keep to, and that nothing
/// stays on the books.
pub fn load(target: &str, data: &[u8]) {
    let format = FORMATS.iter().find(|(name, ..)| *name == target);
    let (magic, name) = format.map_or((&[][..], "input"), |(_, magic, name)| (*magic, *name));
    let bank = Bank::builder().host_bytes(ROOM).build().expect("a bank");
    let books = Books::new(&bank, name);
    let input = Input::memory([magic, data].concat().into(), name);
    let limits = Limits {
        max_faces: 1 << 18,
        max_vertices: 1 << 18,
        max_parts: 1 << 10,
        max_inflated_bytes: 16 << 20,
        ..Limits::default()
    };
    for (attributes, merging) in [(false, Merging::Exact), (true, Merging::Keep), (true, Merging::Within(0.01))] {
        let options = Options {
            limits: limits.clone(),
            attributes,
            merging,
            ..Options::default()
        };
        if let Ok((mesh, report)) = read(&input, &books, &options) {
            check(&mesh, report.found_faces);
        }
    }
    let options = Options {
        limits,
        ..Options::default()
    };
    if let Ok((packed, report)) = read_packed(&input, &books, &options, Packing::Lossless) {
        let mesh = packed.open().expect("what was packed opens");
        assert!(u64::from(mesh.n_faces()) <= report.found_faces);
    }
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

/// Reads a drawing with lines apart and joined, and reads again what it is written as: the same lines.
pub fn outline(target: &str, data: &[u8]) {
    let (_, magic, name) = DRAWINGS.iter().find(|(name, ..)| *name == target).expect("a target");
    let bank = Bank::builder().host_bytes(ROOM).build().expect("a bank");
    let books = Books::new(&bank, name);
    let input = Input::memory([magic, data].concat().into(), name);
    for joining in [None, Some(0.01)] {
        let options = OutlineOptions {
            limits: Limits {
                max_vertices: 1 << 16,
                max_parts: 1 << 8,
                max_inflated_bytes: 1 << 20,
                max_header_bytes: 1 << 20,
                ..Limits::default()
            },
            tolerance: 0.1,
            joining,
        };
        let Ok((lines, _)) = read_outlines(&input, &books, &options) else {
            continue;
        };
        assert!(lines.iter().all(|line| line.points.len() > 1));
        assert!(lines.iter().flat_map(|line| line.points).flatten().all(|value| value.is_finite()));
        let layers = [Layer { name: "fuzz", height: 1.0, lines: &lines }];
        for (_, _, name) in DRAWINGS {
            let mut bytes = Vec::new();
            if name.ends_with("svg") {
                write_svg(&mut bytes, &layers, None).expect("memory takes everything");
            } else {
                write_dxf(&mut bytes, &layers).expect("memory takes everything");
            }
            let as_it_was = OutlineOptions { joining: None, ..options.clone() };
            match read_outlines(&Input::memory(bytes.into(), name), &books, &as_it_was) {
                Ok((again, _)) => {
                    // SVG has those that are open behind the others.
                    let points = |closed| lines.iter().filter(move |line| line.is_closed == closed);
                    let all: Vec<_> = if name.ends_with("svg") {
                        points(true).chain(points(false)).collect()
                    } else {
                        lines.iter().collect()
                    };
                    assert!(again.iter().eq(all), "{name}");
                }
                // Its text may be larger than the limits allow.
                Err(Error::Memory { .. } | Error::LimitExceeded { .. }) => {}
                Err(Error::Malformed { reason, .. }) => assert!(reason.contains("longer"), "{reason}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(bank.ledger().host.live_bytes, 0);
}

fn check(mesh: &Mesh, found_faces: u64) {
    assert!(u64::from(mesh.n_faces()) <= found_faces);
    assert!(mesh.positions().iter().flatten().all(|value| value.is_finite()));
    assert!(mesh.indices().iter().flatten().all(|corner| corner < mesh.n_vertices()));
    let mut next = 0;
    for part in mesh.parts() {
        assert!(part.first_face >= next);
        next = part.first_face + part.n_faces;
    }
    assert!(next <= mesh.n_faces());
    let topology = mesh.topology().expect("room for it");
    let middle = mesh.bounds().map_or(0.0, |bounds| bounds.min[2] / 2.0 + bounds.max[2] / 2.0);
    match mesh.slice(middle) {
        Ok(slice) if topology.is_watertight() => assert!(slice.polylines().all(|line| line.is_closed)),
        Ok(_) | Err(Error::Memory { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A small file for each target: what stands behind that which the target puts in front.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let bank = Bank::builder().host_bytes(ROOM).build().expect("a bank");
    let positions = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
    let mesh = Mesh::new(&Books::new(&bank, "seed"), &positions, &faces).expect("a tetrahedron");
    let written = |format| {
        let mut bytes = Vec::new();
        mesh.write(&mut bytes, format).expect("memory takes everything");
        bytes
    };
    let ascii = b"solid fuzz\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1e0 0\nendloop\nendfacet\nendsolid fuzz\n";
    let obj = b"o a\nv 0 0 0\nv 1 0 0 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nf 1/1/1 2//1 3 \\\n-1\ng b\nf 1 2 4 # c\n";
    let ply = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0 1 2 3\n1 0 0 1 2 3\n0 1 0 1 2 3\n3 0 1 2\n";
    let gltf = br#"{"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0,"scale":[-1,1,1]}],"meshes":[{"name":"a","primitives":[{"attributes":{"POSITION":0},"mode":5}]}],"accessors":[{"bufferView":0,"componentType":5121,"count":3,"type":"VEC3"}],"bufferViews":[{"buffer":0,"byteLength":9}],"buffers":[{"byteLength":9,"uri":"data:;base64,AAAAAQAAAAEA"}]}"#;
    let model = br#"<model unit="inch"><resources><object id="1" name="a"><mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/></vertices><triangles><triangle v1="0" v2="1" v3="2"/></triangles></mesh></object><object id="2"><components><component objectid="1" transform="1 0 0 0 1 0 0 0 1 0 0 5"/></components></object></resources><build><item objectid="2"/></build></model>"#;
    let all = [
        ("stl_binary", written(Format::StlBinary)),
        ("stl_ascii", ascii.to_vec()),
        ("obj", obj.to_vec()),
        ("ply", ply.to_vec()),
        ("ply", written(Format::Ply)),
        ("gltf", gltf.to_vec()),
        ("glb", written(Format::Glb)),
        ("threemf", stored("3D/3dmodel.model", model)),
    ];
    let behind = |(target, bytes): (&'static str, Vec<u8>)| {
        let (_, magic, _) = FORMATS.iter().find(|(name, ..)| *name == target).expect("a target");
        (target, bytes.strip_prefix(*magic).expect("its beginning").to_vec())
    };
    let shapes = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/pixelbank-mesh/tests/outlines/");
        std::fs::read(format!("{folder}{name}")).expect("a drawing of the tests")
    };
    let dxf = b"0\nSECTION\n2\nBLOCKS\n0\nBLOCK\n2\nB\n10\n1\n20\n1\n0\nARC\n40\n2\n50\n10\n51\n90\n0\nENDBLK\n0\nENDSEC\n0\nSECTION\n2\nENTITIES\n0\nINSERT\n2\nB\n41\n2\n70\n2\n44\n5\n0\nLWPOLYLINE\n70\n1\n10\n0\n20\n0\n42\n1\n10\n5\n20\n5\n210\n1\n0\nENDSEC\n0\nEOF\n";
    let svg = b"<svg viewBox='0 0 9 9'><path transform='rotate(9 1 2)' d='M0 0C1 1 2 2 3 0S4 4 5 5Q1 1 2 2T3 3A4 5 6 0 1 7 8z'/><rect width='5' height='6' rx='1'/></svg>";
    let drawings = [("svg", svg.to_vec()), ("dxf", dxf.to_vec()), ("dxf", shapes("shapes.dxf"))];
    let drawings = drawings.map(|(target, bytes)| {
        let (_, magic, _) = DRAWINGS.iter().find(|(name, ..)| *name == target).expect("a target");
        let behind = bytes.strip_prefix(*magic).map(<[u8]>::to_vec);
        (target, behind.unwrap_or(bytes))
    });
    let whole = all.iter().map(|(_, bytes)| ("any", bytes.clone()));
    whole.chain(all.iter().cloned().map(behind)).chain(drawings).collect()
}

/// A ZIP archive of one file that is not compressed, so that fuzzing changes what is read.
fn stored(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut writer = rawzip::ZipArchiveWriter::new(&mut archive);
    let new = writer.new_file(name).compression_method(rawzip::CompressionMethod::STORE);
    let (mut entry, config) = new.start().expect("memory takes everything");
    let mut data = config.wrap(&mut entry);
    std::io::Write::write_all(&mut data, bytes).expect("memory takes everything");
    let (_, descriptor) = data.finish().expect("memory takes everything");
    entry.finish(descriptor).expect("memory takes everything");
    writer.finish().expect("memory takes everything");
    archive
}
