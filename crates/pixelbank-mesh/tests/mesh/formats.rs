//! What each format is read as, its usual oddities included, and what is written.

use std::fs;
use std::io::Write;

use pixelbank_mesh::{
    Duplicates, Format, Indices, Input, Merging, Mesh, Options, Packing, Part, load, load_packed,
    read_packed,
};

use crate::shapes::{
    Shape, ascii_stl, books, both, cuboid, live_bytes, mesh, moved, obj, parse, parse_with, soup,
    sphere, stl, stl_of, terrain,
};

const ROOM: u64 = 256 << 20;

fn part(name: &str, first_face: u32, n_faces: u32) -> Part {
    Part {
        name: name.to_owned(),
        first_face,
        n_faces,
    }
}

#[test]
fn binary_stl_comes_back_with_each_vertex_once() {
    let books = books(ROOM);
    let shape = terrain(40);
    let (read, report) = parse(&books, "a.stl", stl_of(&shape)).unwrap();
    assert_eq!(report.format, Format::StlBinary);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(read.n_vertices() as usize, shape.0.len());
    assert_eq!(soup(&read), soup(&mesh(&books, &shape)));
    assert!(matches!(read.indices(), Indices::U16(_)));
}

#[test]
fn a_header_that_lies_is_told_and_the_length_believed() {
    let books = books(ROOM);
    let shape = cuboid([1.0; 3]);
    for claimed in [0, 3, 40, u32::MAX] {
        let (mesh, report) = parse(&books, "a.stl", stl(&shape, claimed)).unwrap();
        assert_eq!(mesh.n_faces(), 12, "{claimed}");
        assert_eq!(report.claimed_faces, Some(u64::from(claimed)));
        assert_eq!(report.is_truncated, claimed > 12);
        assert!(!report.is_clean());
    }
    // Bytes behind the last face are no faces.
    let mut bytes = stl_of(&shape);
    bytes.extend(b"and a comment");
    let (mesh, report) = parse(&books, "a.stl", bytes).unwrap();
    assert_eq!(mesh.n_faces(), 12);
    assert_eq!(
        report.remarks,
        ["13 bytes behind the last face were passed over"]
    );
    // Half a face is none.
    let bytes = stl_of(&shape);
    let (mesh, report) = parse(&books, "a.stl", &bytes[..bytes.len() - 20]).unwrap();
    assert_eq!(mesh.n_faces(), 11);
    assert!(report.is_truncated);
}

#[test]
fn binary_stl_may_begin_like_text() {
    let books = books(ROOM);
    let mut bytes = stl_of(&cuboid([1.0; 3]));
    bytes[..22].copy_from_slice(b"solid facet normal 0 0");
    let (mesh, report) = parse(&books, "a.stl", &bytes).unwrap();
    assert_eq!((mesh.n_faces(), report.format), (12, Format::StlBinary));
    // Even where the header's count is wrong.
    bytes[80] = 99;
    assert_eq!(
        parse(&books, "a.stl", &bytes).unwrap().1.format,
        Format::StlBinary
    );
}

#[test]
fn ascii_stl_is_read_in_whatever_case_and_lines() {
    let books = books(ROOM);
    let shape = sphere(6, 2.0);
    let text = ascii_stl(&shape, "ball");
    let expected = soup(&mesh(&books, &shape));
    let variants = [
        text.clone(),
        text.to_uppercase().replace("BALL", "ball"),
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.replace("      ", "\t").replace("\n", " \n\n"),
        text.replace("  facet", "  FaCeT"),
        format!("\u{feff}{text}"),
        // Without the first line.
        text.split_once('\n').unwrap().1.to_owned(),
        text.replace("normal 0 0 0", "normal nan -nan(ind) 1.#QNAN"),
    ];
    for text in variants {
        let (read, report) = parse(&books, "a.stl", &text).unwrap();
        assert_eq!(report.format, Format::StlAscii, "{}", &text[..60]);
        assert_eq!(soup(&read), expected, "{}", &text[..60]);
        assert!(report.is_clean(), "{report:?}");
    }
    let (mesh, _) = parse(&books, "a.stl", &text).unwrap();
    assert_eq!(mesh.parts(), [part("ball", 0, mesh.n_faces())]);
}

#[test]
fn several_solids_are_parts() {
    let books = books(ROOM);
    let first = ascii_stl(&cuboid([1.0; 3]), "one");
    let second = ascii_stl(&moved(cuboid([1.0; 3]), [5.0, 0.0, 0.0]), "two of them");
    let (mesh, _) = parse(&books, "a.stl", first + &second).unwrap();
    assert_eq!(
        mesh.parts(),
        [part("one", 0, 12), part("two of them", 12, 12)]
    );
    assert_eq!(mesh.components().unwrap().len(), 2);
}

#[test]
fn an_ascii_stl_that_breaks_off_keeps_what_is_whole() {
    let books = books(ROOM);
    let text = ascii_stl(&cuboid([1.0; 3]), "");
    let (mesh, report) = parse(&books, "a.stl", text.replace("endsolid", "")).unwrap();
    assert_eq!(mesh.n_faces(), 12);
    assert!(report.is_truncated);
    // Within the last vertex: what is left of a number may be another.
    let end = text.rfind("vertex").unwrap();
    for cut in [end + 3, end + 9, end + 17] {
        let (mesh, report) = parse(&books, "a.stl", &text[..cut]).unwrap();
        assert_eq!(mesh.n_faces(), 11, "{cut}");
        assert!(report.is_truncated);
    }
}

#[test]
fn faces_that_are_none_are_counted() {
    let books = books(ROOM);
    let mut shape = cuboid([1.0; 3]);
    shape.0.extend([
        [f32::NAN, 0.0, 0.0],
        [f32::INFINITY, 0.0, 0.0],
        [0.5, 0.0, 0.0],
    ]);
    // No number, infinite, two corners in one place, three in a line, and two copies, one of them turned over.
    shape.1.extend([
        [0, 1, 8],
        [0, 9, 1],
        [0, 1, 1],
        [0, 10, 1],
        [2, 3, 0],
        [0, 3, 2],
    ]);
    for (name, bytes) in [
        ("a.stl", stl_of(&shape)),
        ("a.stl", ascii_stl(&shape, "").into_bytes()),
        ("a.obj", obj(&shape).into_bytes()),
    ] {
        let (mesh, report) = parse(&books, name, &bytes).unwrap();
        let counts = (
            report.n_nonfinite,
            report.n_degenerate,
            report.n_flat,
            report.n_duplicates,
        );
        assert_eq!(counts, (2, 1, 1, Some(2)), "{name}");
        assert_eq!((report.found_faces, mesh.n_faces()), (18, 15), "{name}");
        assert!(
            mesh.positions()
                .iter()
                .flatten()
                .all(|value| value.is_finite())
        );
        assert_eq!(mesh.bounds().unwrap().max, [1.0; 3]);
        let options = Options {
            duplicates: Duplicates::Drop,
            ..Options::default()
        };
        let (mesh, report) = parse_with(&books, name, &bytes, &options).unwrap();
        assert_eq!(
            (report.n_duplicates, mesh.n_faces()),
            (Some(2), 13),
            "{name}"
        );
    }
    assert_eq!(live_bytes(&books), 0);
}

#[test]
fn obj_counts_from_one_or_back_and_cuts_polygons() {
    let books = books(ROOM);
    let text = "# a box without a lid\r\no tray\r\n\
        v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1 0.5\nv 1 0 1\nv 1 1 1\nv 0 1 1\n\
        vt 0 0\nvn 0 0 1\n\
        f 4 3 2 1\ng sides\nusemtl none\nf -8/1 -7/1/1 -3//1 \\\n -4\nf 2 3 7 6\nf 3 4 8 7 # back\nf 4 1 5 8\n";
    let (mesh, report) = parse(&books, "tray.obj", text).unwrap();
    assert_eq!(
        (mesh.n_vertices(), mesh.n_faces(), report.n_polygons),
        (8, 10, 5)
    );
    assert_eq!(mesh.parts(), [part("tray", 0, 2), part("sides", 2, 8)]);
    assert_eq!(mesh.topology().unwrap().n_open_edges, 4);
    assert!((mesh.area() - 5.0).abs() < 1e-6);
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn attributes_are_kept_where_they_are_wanted() {
    let books = books(ROOM);
    // One square, with a seam along its diagonal.
    let text = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nvt 0 0\nvt 1 1\nvn 0 0 1\n\
        f 1/1/1 2/1/1 3/1/1\nf 1/2/1 3/2/1 4/2/1\n";
    let (plain, _) = parse(&books, "a.obj", text).unwrap();
    assert_eq!(plain.n_vertices(), 4);
    assert!(plain.texcoords().is_none() && plain.normals().is_none() && plain.colours().is_none());
    let options = Options {
        attributes: true,
        ..Options::default()
    };
    let (full, _) = parse_with(&books, "a.obj", text, &options).unwrap();
    assert_eq!(full.n_vertices(), 6);
    assert_eq!(full.texcoords().unwrap()[0], [0.0, 0.0]);
    assert_eq!(full.texcoords().unwrap()[3], [1.0, 1.0]);
    assert_eq!(full.normals().unwrap(), [[0.0, 0.0, 1.0]; 6]);
    assert_eq!(full.colours().unwrap()[1], [0, 255, 0, 255]);
    // Through the formats that keep them.
    for format in [Format::Ply, Format::Glb] {
        let mut bytes = Vec::new();
        full.write(&mut bytes, format).unwrap();
        let (again, report) = parse_with(&books, "a", &bytes, &options).unwrap();
        assert_eq!(report.format, format);
        assert_eq!(again.positions(), full.positions(), "{format}");
        assert_eq!(again.normals(), full.normals(), "{format}");
        assert_eq!(again.colours(), full.colours(), "{format}");
        assert_eq!(again.texcoords(), full.texcoords(), "{format}");
        let (plain, _) = parse(&books, "a", &bytes).unwrap();
        assert_eq!(plain.n_vertices(), 4, "{format}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let books = books(ROOM);
    for shape in [cuboid([1.0, 2.0, 3.0]), terrain(300), (vec![], vec![])] {
        let mesh = mesh(&books, &shape);
        for format in [Format::StlBinary, Format::Ply, Format::Glb] {
            let mut bytes = Vec::new();
            mesh.write(&mut bytes, format).unwrap();
            let (again, report) = match parse(&books, "a", &bytes) {
                Ok(read) => read,
                // PLY says that it has no vertices, GLB that it has no meshes; neither is damaged.
                Err(error) => panic!("{format}: {error}"),
            };
            assert!(report.is_clean(), "{format}: {report:?}");
            assert_eq!(soup(&again), soup(&mesh), "{format}");
        }
        assert!(mesh.write(&mut Vec::new(), Format::Obj).is_err());
    }
}

#[test]
fn files_are_replaced_once_they_are_written() {
    let books = books(ROOM);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.stl");
    fs::write(&path, "before").unwrap();
    let cube = mesh(&books, &cuboid([1.0; 3]));
    cube.save(&path).unwrap();
    let (again, _) = load(&path, &books, &Options::default()).unwrap();
    assert_eq!(soup(&again), soup(&cube));
    assert!(cube.save(&folder.path().join("a.obj")).is_err());
    assert!(cube.save(&folder.path().join("nowhere/a.stl")).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn ply(encoding: &str, faces: &str) -> String {
    format!(
        "ply\r\nformat {encoding} 1.0\r\ncomment with what others write as well\r\nelement vertex 4\r\n\
        property double x\r\nproperty float y\r\nproperty short z\r\nproperty uchar red\r\nproperty uchar green\r\n\
        property uchar blue\r\nelement edge 1\r\nproperty int a\r\nproperty list uchar int more\r\n{faces}\
        property float quality\r\nproperty list uchar uint vertex_index\r\nend_header\r\n"
    )
}

fn is_the_square(mesh: &Mesh) {
    assert_eq!(
        mesh.positions(),
        [[0.0; 3], [2.0, 0.0, 0.0], [2.0, 2.0, 0.0], [0.0, 2.0, 0.0]]
    );
    assert_eq!(mesh.n_faces(), 2);
    assert_eq!(mesh.area(), 4.0);
    assert_eq!(mesh.colours().unwrap()[3], [7, 8, 9, 255]);
}

#[test]
fn ply_is_read_as_text_and_in_both_orders_of_bytes() {
    let books = books(ROOM);
    let options = Options {
        attributes: true,
        ..Options::default()
    };
    let square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)];
    let header = |encoding| ply(encoding, "element face 1\r\n");
    let text = header("ascii")
        + "0 0 0 1 2 3\n2 0 0 1 2 3 2.0 2.0 0 4 5 6\n0 2 0 7 8 9\n17 3 1 2 3\n0.5 4 0 1 2 3";
    is_the_square(&parse_with(&books, "a.ply", text, &options).unwrap().0);
    let mut little = header("binary_little_endian").into_bytes();
    let mut big = header("binary_big_endian").into_bytes();
    for (n, (x, y)) in square.into_iter().enumerate() {
        little.extend(f64::to_le_bytes(x));
        little.extend(f32::to_le_bytes(y));
        big.extend(f64::to_be_bytes(x));
        big.extend(f32::to_be_bytes(y));
        let rest = [0, 0, [1, 1, 4, 7][n], [2, 2, 5, 8][n], [3, 3, 6, 9][n]];
        little.extend(rest);
        big.extend(rest);
    }
    for bytes in [&mut little, &mut big] {
        // An edge, with a list that is passed over.
        bytes.extend([1, 2, 3, 4, 2, 9, 9, 9, 9, 8, 8, 8, 8]);
        bytes.extend([0; 4]);
        bytes.push(4);
    }
    for corner in 0..4 {
        little.extend(u32::to_le_bytes(corner));
        big.extend(u32::to_be_bytes(corner));
    }
    for bytes in [little, big] {
        let (mesh, report) = parse_with(&books, "a.ply", &bytes, &options).unwrap();
        is_the_square(&mesh);
        assert_eq!(report.n_polygons, 1);
    }
}

/// A glTF of one triangle in a buffer of its own, shown twice: as it is, and mirrored and moved.
fn gltf(uri: &str) -> String {
    format!(
        r#"{{"asset": {{"version": "2.0"}}, "scene": 0, "scenes": [{{"nodes": [0]}}],
        "nodes": [{{"children": [1, 2], "translation": [10, 0, 0]}}, {{"mesh": 0}},
            {{"mesh": 0, "scale": [-1, 1, 1], "rotation": [0, 0, 0.7071067811865476, 0.7071067811865476]}}],
        "meshes": [{{"name": "flag", "primitives": [{{"attributes": {{"POSITION": 0}}, "indices": 1}}]}}],
        "accessors": [
            {{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}},
            {{"bufferView": 1, "componentType": 5121, "count": 3, "type": "SCALAR"}}],
        "bufferViews": [{{"buffer": 0, "byteLength": 48, "byteStride": 16}},
            {{"buffer": 0, "byteOffset": 48, "byteLength": 3}}],
        "buffers": [{{"byteLength": 51, "uri": "{uri}"}}]}}"#
    )
}

fn flag() -> Vec<u8> {
    let mut bytes = Vec::new();
    for position in [[0.0f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]] {
        bytes.extend(position.into_iter().flat_map(f32::to_le_bytes));
        bytes.extend([0xAA; 4]);
    }
    bytes.extend([0, 1, 2]);
    bytes
}

#[test]
fn gltf_shows_its_scene() {
    let books = books(ROOM);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gltf");
    fs::write(folder.path().join("a flag.bin"), flag()).unwrap();
    fs::write(&path, gltf("a%20flag.bin")).unwrap();
    let (mesh, report) = load(&path, &books, &Options::default()).unwrap();
    assert_eq!(report.unit, Some("metre"));
    assert_eq!(mesh.parts(), [part("flag", 0, 1), part("flag", 1, 1)]);
    assert_eq!(
        mesh.face(0).points,
        [[10.0, 0.0, 0.0], [11.0, 0.0, 0.0], [10.0, 2.0, 0.0]]
    );
    // Mirrored along x, turned by a quarter, moved: and still seen from the front.
    let turned = mesh.face(1);
    let far = turned.points.iter().map(|p| p[1]).fold(0.0, f32::min);
    assert!((far + 1.0).abs() < 1e-6, "{turned:?}");
    assert!(turned.normal()[2] > 0.99 && mesh.face(0).normal()[2] > 0.99);
    // The same from the JSON.
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, flag());
    let uri = format!("data:application/octet-stream;base64,{data}");
    let (again, _) = parse(&books, "a.gltf", gltf(&uri)).unwrap();
    assert_eq!(soup(&again), soup(&mesh));
}

#[test]
fn gltf_buffers_are_only_those_beside_the_file() {
    let books = books(ROOM);
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let outside = folder.path().join("flag.bin");
    fs::write(&outside, flag()).unwrap();
    std::os::unix::fs::symlink(&outside, inner.join("link.bin")).unwrap();
    let path = inner.join("a.gltf");
    let absolute = outside.to_string_lossy().into_owned();
    for uri in [
        "../flag.bin",
        "%2e%2e/flag.bin",
        "link.bin",
        &absolute,
        "https://x.example/flag.bin",
        "none.bin",
    ] {
        fs::write(&path, gltf(uri)).unwrap();
        let error = load(&path, &books, &Options::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a.gltf") && error.contains(".bin"),
            "{error}"
        );
    }
    assert_eq!(live_bytes(&books), 0);
}

/// A 3MF archive of these files.
pub fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, text) in files {
        let new = archive
            .new_file(name)
            .compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = new.start().unwrap();
        let encoder =
            flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
        let mut writer = config.wrap(encoder);
        writer.write_all(text.as_bytes()).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn object(id: u32, (positions, faces): &Shape) -> String {
    let vertices = positions
        .iter()
        .map(|[x, y, z]| format!("<vertex x=\"{x}\" y=\"{y}\" z=\"{z}\"/>"));
    let triangles = faces
        .iter()
        .map(|[a, b, c]| format!("<triangle v1=\"{a}\" v2='{b}' v3=\"{c}\" pid=\"1\"/>"));
    format!(
        "<object id=\"{id}\" name=\"piece &amp; {id}\"><mesh><vertices>{}</vertices><triangles>{}</triangles></mesh></object>",
        vertices.collect::<String>(),
        triangles.collect::<String>()
    )
}

pub fn model(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><!-- made up --><m:model unit=\"inch\" xmlns:m=\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\">{}</m:model>",
        body.replace('<', "<m:").replace("<m:/", "</m:")
    )
}

#[test]
fn a_3mf_places_its_objects() {
    let books = books(ROOM);
    let rels = "<Relationships><Relationship Type=\"http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel\" Target=\"/3D/main.model\"/></Relationships>";
    let cube = object(1, &cuboid([1.0; 3]));
    let body = format!(
        "<resources>{cube}<object id=\"2\"><components><component objectid=\"1\"/>\
        <component objectid=\"7\" path=\"/3D/other.model\" transform=\"1 0 0 0 1 0 0 0 1 5 0 0\"/></components></object></resources>\
        <build><item objectid=\"2\" transform=\"-2 0 0 0 2 0 0 0 2 100 0 0\"/></build>"
    );
    let other = model(&format!(
        "<resources>{}</resources>",
        object(7, &cuboid([2.0; 3]))
    ));
    let archive = zip(&[
        ("_rels/.rels", rels),
        ("3D/main.model", &model(&body)),
        ("3D/other.model", &other),
    ]);
    let (mesh, report) = parse(&books, "a.3mf", archive).unwrap();
    assert_eq!((mesh.n_faces(), report.unit), (24, Some("inch")));
    assert_eq!(
        mesh.parts(),
        [part("piece & 1", 0, 12), part("piece & 7", 12, 12)]
    );
    let bounds = mesh.bounds().unwrap();
    assert_eq!(
        (bounds.min, bounds.max),
        ([86.0, 0.0, 0.0], [100.0, 4.0, 4.0])
    );
    // Mirrored, and still outside out.
    assert!((mesh.volume() - 8.0 * (1.0 + 8.0)).abs() < 1e-6);
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn vertices_are_merged_as_it_is_asked() {
    let books = books(ROOM);
    // Two halves of a square that meet but for a hair.
    let text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 0 0\nv 1 1 0.001\nv 0 1 0\nf 1 2 3\nf 4 5 6\n";
    let with = |merging| {
        let options = Options {
            merging,
            ..Options::default()
        };
        let (mesh, report) = parse_with(&books, "a.obj", text, &options).unwrap();
        (mesh.n_vertices(), report.n_merged)
    };
    assert_eq!(with(Merging::Keep), (6, Some(0)));
    assert_eq!(with(Merging::Exact), (5, Some(1)));
    assert_eq!(with(Merging::Within(0.01)), (4, Some(2)));
}

#[test]
fn parts_survive_merging_and_dropped_faces() {
    let books = books(ROOM);
    let two = both(cuboid([1.0; 3]), moved(cuboid([1.0; 3]), [3.0, 0.0, 0.0]));
    let text = obj(&two)
        .replacen("f ", "o one\nf 1 1 2\nf ", 1)
        .replace("f 9 11 12\n", "o two\nf 9 11 12\n");
    let (mesh, report) = parse(&books, "a.obj", text).unwrap();
    assert_eq!(report.n_degenerate, 1);
    assert_eq!(mesh.parts(), [part("one", 0, 12), part("two", 12, 12)]);
}

#[test]
fn stl_goes_straight_to_rest() {
    let books = books(ROOM);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.stl");
    // Of more than one piece.
    let shape = terrain(200);
    let open = mesh(&books, &shape);
    for bytes in [stl_of(&shape), ascii_stl(&shape, "x").into_bytes()] {
        fs::write(&path, bytes).unwrap();
        let (packed, report) =
            load_packed(&path, &books, &Options::default(), Packing::Lossless).unwrap();
        assert_eq!(packed.n_faces(), 80_000);
        assert!(
            packed.n_vertices() > 40_401,
            "pieces have vertices of their own"
        );
        assert!(report.is_clean());
        let again = packed.open().unwrap();
        assert_eq!(again.n_vertices(), 40_401);
        assert_eq!(soup(&again), soup(&open));
    }
    let input = Input::memory(obj(&shape).as_bytes().into(), "a.obj");
    let refused = read_packed(&input, &books, &Options::default(), Packing::Lossless);
    assert!(refused.unwrap_err().to_string().contains("not supported"));
}
