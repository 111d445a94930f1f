//! Loads one mesh file and prints figures as JSON: `bench/mesh.py` runs it, once a process.
//!
//! `measure_mesh FILE [open|load|rest|quantised|tree|straight]`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pixelbank_memory::{Bank, peak_resident_bytes, resident_bytes};
use pixelbank_mesh::{Books, Format, Input, Mesh, Options, Packing, Tree, load, load_packed, read};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which file?")?;
    let path = Path::new(&path);
    let what = arguments.next().unwrap_or_else(|| "open".to_owned());
    let bank = Bank::builder().host_bytes(8 << 30).build()?;
    let books = Books::new(&bank, "measured");
    warm_up()?;
    let peak_booked = || bank.ledger().host.peak_bytes;
    let start = resident_bytes().unwrap_or(0);
    let begun = Instant::now();
    let ms = |begun: Instant| begun.elapsed().as_secs_f64() * 1000.0;
    let mut figures = serde_json::Map::new();
    let mut put = |name: &str, value: f64| figures.insert(name.to_owned(), value.into());
    if what == "straight" {
        let (packed, _) = load_packed(path, &books, &Options::default(), Packing::Lossless)?;
        put("load_ms", ms(begun));
        put("faces", packed.n_faces() as f64);
        put("rest_bytes", packed.nbytes() as f64);
        put("peak_booked", peak_booked() as f64);
        put(
            "peak_resident",
            (peak_resident_bytes().unwrap_or(0) - start) as f64,
        );
    } else {
        let (mesh, _) = load(path, &books, &Options::default())?;
        put("load_ms", ms(begun));
        put("faces", f64::from(mesh.n_faces()));
        put("vertices", f64::from(mesh.n_vertices()));
        put("bytes", mesh.nbytes() as f64);
        put("peak_booked", peak_booked() as f64);
        put(
            "resident",
            resident_bytes().unwrap_or(0).saturating_sub(start) as f64,
        );
        put(
            "peak_resident",
            peak_resident_bytes().unwrap_or(0).saturating_sub(start) as f64,
        );
        match what.as_str() {
            // For profiles of loading alone.
            "load" => {}
            "rest" => rest(&mesh, Packing::Lossless, &mut put)?,
            "quantised" => rest(&mesh, Packing::Within(0.001), &mut put)?,
            "tree" => {
                let mesh = Arc::new(mesh);
                let begun = Instant::now();
                let tree = Tree::build(&mesh)?;
                put("tree_ms", ms(begun));
                put("tree_bytes", tree.nbytes() as f64);
                let bounds = mesh.bounds().ok_or("no vertices")?;
                let n = 100_000u32;
                let begun = Instant::now();
                let mut n_hits = 0;
                for k in 0..n {
                    let at = |axis: usize, turn: u32| {
                        let part = f64::from(k.wrapping_mul(turn)) / f64::from(u32::MAX);
                        f64::from(bounds.min[axis]) + part * f64::from(bounds.size()[axis])
                    };
                    let from = [at(0, 0x9E37_79B9), at(1, 0x85EB_CA6B), 1e4];
                    n_hits += u32::from(tree.ray(from, [0.0, 0.0, -1.0]).is_some());
                }
                put("rays_per_s", f64::from(n) / begun.elapsed().as_secs_f64());
                put("hits", f64::from(n_hits));
            }
            _ => {
                let begun = Instant::now();
                let topology = mesh.topology()?;
                put("topology_ms", ms(begun));
                put("open_edges", topology.n_open_edges as f64);
                let begun = Instant::now();
                let slice = mesh.slice(1.0)?;
                put("slice_ms", ms(begun));
                put("lines", slice.len() as f64);
                drop((slice, mesh));
                put("left", resident_bytes().unwrap_or(0) as f64 - start as f64);
            }
        }
    }
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

/// Does everything once with next to nothing, so that the program's own pages are in memory before anything is measured.
fn warm_up() -> Result<(), Box<dyn Error>> {
    let bank = Bank::builder().host_bytes(64 << 20).build()?;
    let books = Books::new(&bank, "warming up");
    let text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";
    let (small, _) = read(
        &Input::memory(text.as_bytes().into(), "a.obj"),
        &books,
        &Options::default(),
    )?;
    for format in [Format::StlBinary, Format::Ply] {
        let mut bytes = Vec::new();
        small.write(&mut bytes, format)?;
        let (mesh, _) = read(
            &Input::memory(bytes.into(), "a.stl"),
            &books,
            &Options::default(),
        )?;
        mesh.topology()?;
        mesh.slice(0.5)?;
        mesh.pack(Packing::Lossless)?.open()?;
    }
    Ok(())
}

fn rest(
    mesh: &Mesh,
    packing: Packing,
    put: &mut impl FnMut(&str, f64) -> Option<serde_json::Value>,
) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let packed = mesh.pack(packing)?;
    put("pack_ms", begun.elapsed().as_secs_f64() * 1000.0);
    put("rest_bytes", packed.nbytes() as f64);
    put("max_error", packed.max_error());
    let begun = Instant::now();
    let opened = packed.open()?;
    put("open_ms", begun.elapsed().as_secs_f64() * 1000.0);
    put("opened_faces", f64::from(opened.n_faces()));
    Ok(())
}
