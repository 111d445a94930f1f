use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use pixelbank::memory::{Bank, format_bytes};
use pixelbank::mesh::{Books, Error, Mesh, Model, Options, Packed, Packing, Report, load_within};
use serde_json::{Value, json};

use crate::arguments::{Budget, MeshInfo};

/// Describes each file; goes on after one that cannot be read.
pub fn run(options: &MeshInfo, budget: &Budget) -> anyhow::Result<ExitCode> {
    let bank = budget.open()?.bank;
    let mut out = io::stdout().lock();
    let mut failed = 0;
    let mut documents = Vec::new();
    for path in &options.files {
        match describe(path, &bank) {
            Ok(document) if options.json => documents.push(document),
            Ok(document) => print(&mut out, &document)?,
            Err(error) => {
                failed += 1;
                if options.json {
                    documents.push(
                        json!({ "path": path.to_string_lossy(), "error": error.to_string() }),
                    );
                } else {
                    eprintln!("pixelbank: {error}");
                }
            }
        }
    }
    if options.json {
        serde_json::to_writer_pretty(&mut out, &documents)?;
        writeln!(out)?;
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn describe(path: &Path, bank: &Bank) -> Result<Value, Error> {
    let books = Books::new(bank, &super::owner(path));
    let (model, report) = load_within(path, &books, &Options::default(), Packing::Lossless)?;
    let mut document = match &model {
        Model::Mesh(mesh) => open(mesh)?,
        Model::Packed(packed) => at_rest(packed)?,
    };
    document["path"] = json!(path.to_string_lossy());
    document["file"] = file(&report);
    Ok(document)
}

fn open(mesh: &Mesh) -> Result<Value, Error> {
    let topology = mesh.topology()?;
    // What packing takes may be more than there is room for; then nobody knows.
    let rest_bytes = mesh
        .pack(Packing::Lossless)
        .ok()
        .map(|packed| packed.nbytes());
    let n_faces = u64::from(mesh.n_faces());
    Ok(json!({
        "faces": n_faces,
        "vertices": mesh.n_vertices(),
        "bounds": mesh.bounds(),
        "area": mesh.area(),
        "volume": mesh.volume(),
        "topology": topology,
        "watertight": topology.is_watertight(),
        "consistent": topology.is_consistent(),
        "parts": mesh.parts().iter().map(|part| json!({
            "name": part.name, "first_face": part.first_face, "faces": part.n_faces,
        })).collect::<Vec<_>>(),
        "memory": { "bytes": mesh.nbytes(), "state": "open", "rest_bytes": rest_bytes },
    }))
}

fn at_rest(packed: &Packed) -> Result<Value, Error> {
    let (area, volume) = packed.area_and_volume()?;
    Ok(json!({
        "faces": packed.n_faces(),
        "bounds": packed.bounds()?,
        "area": area,
        "volume": volume,
        "memory": { "bytes": packed.nbytes(), "state": "at rest", "rest_bytes": packed.nbytes() },
    }))
}

fn file(report: &Report) -> Value {
    let mut file = json!(report);
    file["clean"] = json!(report.is_clean());
    file
}

fn print(out: &mut impl Write, document: &Value) -> io::Result<()> {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let file = &document["file"];
    writeln!(out, "{}", document["path"].as_str().unwrap_or_default())?;
    write!(
        out,
        "  {}, {}: {} faces",
        file["format"].as_str().unwrap_or_default(),
        format_bytes(count(&file["file_bytes"])),
        count(&document["faces"])
    )?;
    match document["vertices"].as_u64() {
        Some(n) => writeln!(out, ", {n} vertices")?,
        None => writeln!(out)?,
    }
    if let (Some(min), Some(max)) = (
        document["bounds"]["min"].as_array(),
        document["bounds"]["max"].as_array(),
    ) {
        let sides: Vec<String> = (0..3)
            .map(|axis| {
                format!(
                    "{} to {}",
                    number(&min[axis]) as f32,
                    number(&max[axis]) as f32
                )
            })
            .collect();
        let unit = file["unit"]
            .as_str()
            .map_or_else(String::new, |unit| format!(", in units of a {unit}"));
        writeln!(out, "    box {}{unit}", sides.join(", "))?;
    }
    writeln!(
        out,
        "    area {:.6}, volume {:.6}",
        number(&document["area"]),
        number(&document["volume"])
    )?;
    let topology = &document["topology"];
    if topology.is_object() {
        let is = |key: &str| document[key] == true;
        let shape = match (is("watertight"), is("consistent")) {
            (true, true) => "watertight",
            (true, false) => "watertight, but some faces are seen from inside",
            (false, _) => "not watertight",
        };
        write!(out, "    {shape}")?;
        for (key, what) in [
            ("n_open_edges", "open edges"),
            ("n_crowded_edges", "edges of three faces and more"),
            ("n_turned_edges", "edges between faces of opposite sides"),
        ] {
            if count(&topology[key]) > 0 {
                write!(out, ", {} {what}", count(&topology[key]))?;
            }
        }
        match count(&topology["n_components"]) {
            1 => writeln!(out, ", in one piece")?,
            n => writeln!(out, ", in {n} pieces")?,
        }
    }
    for part in document["parts"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "    part '{}': {} faces",
            part["name"].as_str().unwrap_or_default(),
            count(&part["faces"])
        )?;
    }
    let memory = &document["memory"];
    let a_face = |bytes: u64| bytes as f64 / count(&document["faces"]).max(1) as f64;
    write!(
        out,
        "    memory {} {}, {:.1} bytes a face",
        format_bytes(count(&memory["bytes"])),
        memory["state"].as_str().unwrap_or_default(),
        a_face(count(&memory["bytes"]))
    )?;
    match memory["rest_bytes"].as_u64() {
        Some(rest) if memory["state"] == "open" => {
            writeln!(out, "; {} at rest, {:.1}", format_bytes(rest), a_face(rest))?;
        }
        _ => writeln!(out)?,
    }
    if let Some(claimed) = file["claimed_faces"]
        .as_u64()
        .filter(|n| *n != count(&file["found_faces"]))
    {
        writeln!(
            out,
            "    the file claims {claimed} faces and has {}",
            count(&file["found_faces"])
        )?;
    }
    for (key, what) in [
        (
            "n_nonfinite",
            "faces left out: a coordinate is infinite or no number",
        ),
        ("n_degenerate", "faces left out: no three different corners"),
        ("n_flat", "faces without area"),
        ("n_duplicates", "faces with the vertices of one before them"),
    ] {
        if count(&file[key]) > 0 {
            writeln!(out, "    {} {what}", count(&file[key]))?;
        }
    }
    for remark in file["remarks"].as_array().into_iter().flatten() {
        writeln!(out, "    {}", remark.as_str().unwrap_or_default())?;
    }
    Ok(())
}
