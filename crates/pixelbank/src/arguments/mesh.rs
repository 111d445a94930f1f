//! The command line of `pixelbank mesh`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Mesh {
    /// Say what is in model files, what is wrong with them, and what they take in memory
    Info(MeshInfo),
    /// Write a model in another format, mended or moved on the way
    Convert(MeshConvert),
    /// Cut a model at heights into polylines
    Slice(MeshSlice),
    /// Read the outlines of a drawing, SVG or DXF, as polylines
    Outline(MeshOutline),
}

#[derive(Debug, Args)]
pub struct MeshInfo {
    /// Model files: STL, OBJ, PLY, glTF, GLB, 3MF
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

/// How vertices of a file are merged.
#[derive(Debug, Args)]
pub struct Merge {
    /// Make one vertex of those no further apart than this [default: of those in exactly one place]
    #[arg(long, value_name = "DISTANCE", value_parser = distance)]
    pub merge: Option<f32>,
}

/// Axes of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AxisName {
    /// The first coordinate
    X,
    /// The second
    Y,
    /// The third
    Z,
}

#[derive(Debug, Args)]
pub struct MeshConvert {
    /// The model file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// File to write, ending in .stl (binary), .ply (binary) or .glb
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    #[command(flatten)]
    pub merge: Merge,
    /// Keep normals, colours and texture coordinates
    #[arg(long)]
    pub attributes: bool,
    /// Leave out faces that have the vertices of one before them
    #[arg(long)]
    pub drop_duplicates: bool,
    /// Make all of it this many times as large
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub scale: Option<f64>,
    /// Turn it about an axis, counter-clockwise seen from its tip, for example x=90; behind scaling
    #[arg(long, value_name = "AXIS=DEGREES", value_parser = turn)]
    pub rotate: Option<(AxisName, f64)>,
    /// Mirror it along an axis; behind rotating
    #[arg(long, value_name = "AXIS")]
    pub mirror: Option<AxisName>,
    /// Print a JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct MeshSlice {
    /// The model file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Height of a slice; may be given several times
    #[arg(
        long,
        value_name = "Z",
        required_unless_present = "step",
        allow_negative_numbers = true
    )]
    pub at: Vec<f32>,
    /// Slices this far apart, from half a step above the lowest point on
    #[arg(long, value_name = "HEIGHT", conflicts_with = "at", value_parser = distance)]
    pub step: Option<f32>,
    /// File to write the polylines to, ending in .svg, .dxf or .json [default: none, only a summary]
    #[arg(short, long, value_name = "OUT")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub merge: Merge,
    /// Print the polylines as JSON instead of a summary
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct MeshOutline {
    /// The drawing
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How far a polyline may be from the curve that it stands for
    #[arg(long, value_name = "DISTANCE", value_parser = distance, default_value_t = 0.01)]
    pub tolerance: f32,
    /// Join lines whose ends are no further apart than this
    #[arg(long, value_name = "DISTANCE", value_parser = distance, default_value_t = 0.001)]
    pub join: f32,
    /// Leave lines as the file has them
    #[arg(long, conflicts_with = "join")]
    pub apart: bool,
    /// File to write the polylines to, ending in .svg, .dxf or .json [default: none, only a summary]
    #[arg(short, long, value_name = "OUT")]
    pub out: Option<PathBuf>,
    /// Print the polylines as JSON instead of a summary
    #[arg(long)]
    pub json: bool,
}

fn distance(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("'{text}' is no distance: write a number above 0")),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("'{text}' is no factor: write a number above 0")),
    }
}

fn turn(text: &str) -> Result<(AxisName, f64), String> {
    let parts = text.split_once('=').and_then(|(axis, degrees)| {
        let axis = AxisName::from_str(axis, true).ok()?;
        let degrees = degrees
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())?;
        Some((axis, degrees))
    });
    parts.ok_or_else(|| format!("'{text}' is no rotation: write for example z=90"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_name_an_axis_and_degrees() {
        assert_eq!(turn("z=90"), Ok((AxisName::Z, 90.0)));
        assert_eq!(turn("X=-12.5"), Ok((AxisName::X, -12.5)));
        for bad in ["", "z", "90", "w=90", "z=", "z=inf", "z=9o"] {
            assert!(turn(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn distances_are_above_zero() {
        assert_eq!(distance("0.25"), Ok(0.25));
        for bad in ["0", "-1", "NaN", "inf", "1mm"] {
            assert!(distance(bad).is_err() && factor(bad).is_err(), "{bad}");
        }
    }
}
