use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use pixelbank::mesh::{
    Books, Layer, OutlineOptions, OutlineReport, Polylines, load_outlines, write_dxf, write_svg,
};
use serde_json::{Value, json};

use super::drawing::{Drawing, polylines, summary};
use crate::arguments::{Budget, MeshOutline};

pub fn run(options: &MeshOutline, budget: &Budget) -> anyhow::Result<ExitCode> {
    let drawing = options.out.as_deref().map(Drawing::of_path).transpose()?;
    let bank = budget.open()?.bank;
    let books = Books::new(&bank, &super::owner(&options.file));
    let how = OutlineOptions {
        tolerance: options.tolerance,
        joining: (!options.apart).then_some(options.join),
        ..OutlineOptions::default()
    };
    let (lines, report) = load_outlines(&options.file, &books, &how)?;
    let document = || document(&lines, &report);
    if let (Some(path), Some(drawing)) = (&options.out, drawing) {
        let layers = [Layer {
            name: "outline",
            height: 0.0,
            lines: &lines,
        }];
        let mut out = BufWriter::new(File::create(path)?);
        match drawing {
            Drawing::Svg => write_svg(&mut out, &layers, None)?,
            Drawing::Dxf => write_dxf(&mut out, &layers)?,
            Drawing::Json => serde_json::to_writer(&mut out, &document())?,
        }
        out.flush()?;
    }
    let mut out = io::stdout().lock();
    if options.json {
        serde_json::to_writer(&mut out, &document())?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = options.file.display();
    writeln!(out, "{path}: {}, {}", report.format, summary(&lines))?;
    if let Some(unit_mm) = report.unit_mm {
        writeln!(out, "    in units of {unit_mm} mm")?;
    }
    if let Some([min, max]) = lines.bounds() {
        let side = |axis: usize| format!("{} to {}", min[axis], max[axis]);
        writeln!(out, "    box {}, {}", side(0), side(1))?;
    }
    for (name, n) in &report.left_out {
        writeln!(out, "    left out: {n} of {name}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(lines: &Polylines, report: &OutlineReport) -> Value {
    json!({ "file": report, "bounds": lines.bounds(), "polylines": polylines(lines) })
}
