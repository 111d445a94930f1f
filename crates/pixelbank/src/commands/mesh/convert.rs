use std::io::{self, Write};
use std::process::ExitCode;

use pixelbank::memory::format_bytes;
use pixelbank::mesh::{Axis, Books, Duplicates, Format, Options, Transform, load};
use serde_json::json;

use crate::arguments::{AxisName, Budget, MeshConvert};

pub fn run(options: &MeshConvert, budget: &Budget) -> anyhow::Result<ExitCode> {
    // Before what may take long: the name to write to.
    if !matches!(
        Format::of_path(&options.out),
        Some(Format::StlBinary | Format::Ply | Format::Glb)
    ) {
        anyhow::bail!(
            "{}: write a name that ends in .stl, .ply or .glb",
            options.out.display()
        );
    }
    let bank = budget.open()?.bank;
    let books = Books::new(&bank, &super::owner(&options.file));
    let how = Options {
        merging: options.merge.merging(),
        duplicates: if options.drop_duplicates {
            Duplicates::Drop
        } else {
            Duplicates::Ignore
        },
        attributes: options.attributes,
        ..Options::default()
    };
    let (mut mesh, report) = load(&options.file, &books, &how)?;
    if let Some(transform) = transform(options) {
        mesh.transform(&transform)?;
    }
    mesh.save(&options.out)?;
    let bytes = std::fs::metadata(&options.out)?.len();
    let mut out = io::stdout().lock();
    if options.json {
        let document = json!({
            "path": options.out.to_string_lossy(),
            "bytes": bytes,
            "faces": mesh.n_faces(),
            "vertices": mesh.n_vertices(),
            "file": report,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{}: {}, {} faces, {} vertices",
            options.out.display(),
            format_bytes(bytes),
            mesh.n_faces(),
            mesh.n_vertices()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn transform(options: &MeshConvert) -> Option<Transform> {
    let scale = options.scale.map(|factor| Transform::scale([factor; 3]));
    let rotate = options.rotate.map(|(axis, degrees)| {
        let mut direction = [0.0; 3];
        direction[axis as usize] = 1.0;
        Transform::rotation(direction, degrees)
    });
    let mirror = options.mirror.map(|axis| {
        Transform::mirror(match axis {
            AxisName::X => Axis::X,
            AxisName::Y => Axis::Y,
            AxisName::Z => Axis::Z,
        })
    });
    [scale, rotate, mirror]
        .into_iter()
        .flatten()
        .reduce(|first, next| first.then(&next))
}
