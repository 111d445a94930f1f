use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use pixelbank::mesh::{
    Books, Bounds, Duplicates, Error, Layer, Model, Options, Packing, Slice, load_within,
    write_dxf, write_svg,
};
use serde_json::json;

use super::drawing::{Drawing, polylines, summary};
use crate::arguments::{Budget, MeshSlice};

/// The most slices of one call.
const MAX_SLICES: f32 = 100_000.0;

pub fn run(options: &MeshSlice, budget: &Budget) -> anyhow::Result<ExitCode> {
    let drawing = options.out.as_deref().map(Drawing::of_path).transpose()?;
    let bank = budget.open()?.bank;
    let books = Books::new(&bank, &super::owner(&options.file));
    let how = Options {
        merging: options.merge.merging(),
        duplicates: Duplicates::Ignore,
        ..Options::default()
    };
    let (model, _) = load_within(&options.file, &books, &how, Packing::Lossless)?;
    let bounds = match &model {
        Model::Mesh(mesh) => mesh.bounds(),
        Model::Packed(packed) => packed.bounds()?,
    };
    let slices = heights(options, bounds)?
        .into_iter()
        .map(|height| match &model {
            Model::Mesh(mesh) => mesh.slice(height),
            Model::Packed(packed) => packed.slice(height),
        })
        .collect::<Result<Vec<Slice>, Error>>()?;
    if let (Some(path), Some(drawing)) = (&options.out, drawing) {
        let mut out = BufWriter::new(File::create(path)?);
        write(&mut out, drawing, &slices, bounds)?;
        out.flush()?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        write_json(&mut out, &slices)?;
    } else {
        for slice in &slices {
            writeln!(out, "at {}: {}", slice.height(), summary(slice.lines()))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn heights(options: &MeshSlice, bounds: Option<Bounds>) -> anyhow::Result<Vec<f32>> {
    let (Some(step), Some(bounds)) = (options.step, bounds) else {
        return Ok(options.at.clone());
    };
    let n = (bounds.size()[2] / step).ceil();
    if n > MAX_SLICES {
        anyhow::bail!("{n} slices are too many: take a larger --step");
    }
    let heights = (0..n as u32).map(|k| bounds.min[2] + step * (k as f32 + 0.5));
    Ok(heights.filter(|height| *height <= bounds.max[2]).collect())
}

fn write(
    out: &mut impl Write,
    drawing: Drawing,
    slices: &[Slice],
    bounds: Option<Bounds>,
) -> io::Result<()> {
    let names: Vec<String> = slices
        .iter()
        .map(|slice| format!("z{}", slice.height()))
        .collect();
    let layers: Vec<Layer> = slices
        .iter()
        .zip(&names)
        .map(|(slice, name)| Layer {
            name,
            height: slice.height(),
            lines: slice.lines(),
        })
        .collect();
    match drawing {
        Drawing::Svg => {
            let flat = |point: [f32; 3]| [point[0], point[1]];
            let shown = bounds.map(|bounds| [flat(bounds.min), flat(bounds.max)]);
            write_svg(out, &layers, shown)
        }
        Drawing::Dxf => write_dxf(out, &layers),
        Drawing::Json => write_json(out, slices),
    }
}

fn write_json(out: &mut impl Write, slices: &[Slice]) -> io::Result<()> {
    // One slice at a time, so that the text of all is never in memory.
    out.write_all(b"[")?;
    for (n, slice) in slices.iter().enumerate() {
        out.write_all(if n == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(
            &mut *out,
            &json!({ "height": slice.height(), "polylines": polylines(slice.lines()) }),
        )?;
    }
    out.write_all(b"\n]\n")
}
