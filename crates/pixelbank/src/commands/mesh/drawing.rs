//! What slices and outlines have in common: the files that they are written to, and what is said of them.

use std::path::Path;

use pixelbank::mesh::Polylines;
use serde_json::{Value, json};

/// Files of polylines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    Svg,
    Dxf,
    Json,
}

impl Drawing {
    /// What a name's ending asks for.
    pub fn of_path(path: &Path) -> anyhow::Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("dxf") => Ok(Self::Dxf),
            Some("json") => Ok(Self::Json),
            _ => anyhow::bail!(
                "{}: write a name that ends in .svg, .dxf or .json",
                path.display()
            ),
        }
    }
}

pub fn polylines(lines: &Polylines) -> Vec<Value> {
    let lines = lines.iter();
    lines
        .map(|line| json!({ "closed": line.is_closed, "area": line.area(), "points": line.points }))
        .collect()
}

/// How many there are, how long, and what they enclose.
pub fn summary(lines: &Polylines) -> String {
    let n_open = lines.iter().filter(|line| !line.is_closed).count();
    // Nothing adds up to a negative zero.
    let area: f64 = lines.iter().map(|line| line.area()).sum::<f64>() + 0.0;
    let length: f64 = lines.iter().map(|line| line.length()).sum::<f64>() + 0.0;
    let s = if lines.len() == 1 { "" } else { "s" };
    let open = match n_open {
        0 => String::new(),
        n => format!(", {n} of them open"),
    };
    format!(
        "{} line{s}{open}, length {length:.6}, area {area:.6}",
        lines.len()
    )
}
