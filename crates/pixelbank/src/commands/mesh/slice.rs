use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use pixelbank::mesh::{
    Books, Bounds, Duplicates, Error, Model, Options, Packing, Slice, load_within,
};
use serde_json::{Value, json};

use crate::arguments::{Budget, MeshSlice};

/// The most slices of one call.
const MAX_SLICES: f32 = 100_000.0;

pub fn run(options: &MeshSlice, budget: &Budget) -> anyhow::Result<ExitCode> {
    let ending = match &options.out {
        None => None,
        Some(path) => match path.extension().and_then(|ending| ending.to_str()) {
            Some(ending @ ("svg" | "json")) => Some(ending),
            _ => anyhow::bail!(
                "{}: write a name that ends in .svg or .json",
                path.display()
            ),
        },
    };
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
    if let (Some(path), Some(ending)) = (&options.out, ending) {
        let mut out = BufWriter::new(File::create(path)?);
        if ending == "svg" {
            write_svg(&mut out, &slices, bounds)?;
        } else {
            write_json(&mut out, &slices)?;
        }
        out.flush()?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        write_json(&mut out, &slices)?;
    } else {
        for slice in &slices {
            let n_open = slice.polylines().filter(|line| !line.is_closed).count();
            let area: f64 = slice.polylines().map(|line| line.area()).sum();
            let length: f64 = slice.polylines().map(|line| line.length()).sum();
            write!(out, "at {}: {} lines", slice.height(), slice.len())?;
            if n_open > 0 {
                write!(out, ", {n_open} of them open")?;
            }
            writeln!(out, ", length {length:.6}, area {area:.6}")?;
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

fn write_json(out: &mut impl Write, slices: &[Slice]) -> io::Result<()> {
    // One slice at a time, so that the text of all is never in memory.
    out.write_all(b"[")?;
    for (n, slice) in slices.iter().enumerate() {
        let lines: Vec<Value> = slice
            .polylines()
            .map(|line| json!({ "closed": line.is_closed, "area": line.area(), "points": line.points }))
            .collect();
        out.write_all(if n == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(
            &mut *out,
            &json!({ "height": slice.height(), "polylines": lines }),
        )?;
    }
    out.write_all(b"\n]\n")
}

/// One group a slice. In SVG the second axis runs down, so all of it is turned over.
fn write_svg(out: &mut impl Write, slices: &[Slice], bounds: Option<Bounds>) -> io::Result<()> {
    let (min, size) = bounds.map_or(([0.0; 3], [1.0; 3]), |bounds| (bounds.min, bounds.size()));
    let margin = 0.02 * size[0].max(size[1]).max(f32::MIN_POSITIVE);
    let (width, height) = (size[0] + 2.0 * margin, size[1] + 2.0 * margin);
    let top = min[1] + size[1] + margin;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{} {} {width} {height}\">",
        min[0] - margin,
        -top
    )?;
    writeln!(
        out,
        "<g transform=\"scale(1 -1)\" fill-rule=\"evenodd\" stroke=\"#000\">"
    )?;
    for slice in slices {
        writeln!(out, "<g id=\"z{}\">", slice.height())?;
        for (is_closed, fill) in [(true, "#0004"), (false, "none")] {
            let mut lines = slice
                .polylines()
                .filter(|line| line.is_closed == is_closed)
                .peekable();
            if lines.peek().is_none() {
                continue;
            }
            write!(
                out,
                "<path fill=\"{fill}\" vector-effect=\"non-scaling-stroke\" d=\""
            )?;
            for line in lines {
                for (n, [x, y]) in line.points.iter().enumerate() {
                    write!(out, "{}{x} {y}", if n == 0 { "M" } else { "L" })?;
                }
                if is_closed {
                    out.write_all(b"Z")?;
                }
            }
            writeln!(out, "\"/>")?;
        }
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</g>\n</svg>")
}
