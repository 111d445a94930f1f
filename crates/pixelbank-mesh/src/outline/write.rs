//! Polylines as files that other programs draw.

use std::io::{self, Write};

use crate::lines::Polylines;

/// Lines that are drawn together, under a name.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// How high it lies; SVG has no room for that.
    pub height: f32,
    /// What is on it.
    pub lines: &'a Polylines,
}

/// Writes layers as SVG to `out`, which should have a buffer: a group each, closed lines filled by the rule of even and odd.
/// `bounds` are the least and the greatest coordinates that are shown; those of all lines where there are none. In SVG the
/// second axis runs down, so all of it is turned over.
///
/// # Errors
/// What `out` says.
pub fn write_svg(
    out: &mut impl Write,
    layers: &[Layer],
    bounds: Option<[[f32; 2]; 2]>,
) -> io::Result<()> {
    let of_lines = || {
        let all = layers.iter().filter_map(|layer| layer.lines.bounds());
        all.reduce(|[min, max], [low, high]| {
            [
                [min[0].min(low[0]), min[1].min(low[1])],
                [max[0].max(high[0]), max[1].max(high[1])],
            ]
        })
    };
    let [min, max] = bounds.or_else(of_lines).unwrap_or([[0.0; 2], [1.0; 2]]);
    let size = [max[0] - min[0], max[1] - min[1]];
    let margin = 0.02 * size[0].max(size[1]).max(f32::MIN_POSITIVE);
    let (width, height) = (size[0] + 2.0 * margin, size[1] + 2.0 * margin);
    let top = max[1] + margin;
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
    for layer in layers {
        writeln!(out, "<g id=\"{}\">", quick_xml::escape::escape(layer.name))?;
        for (is_closed, fill) in [(true, "#0004"), (false, "none")] {
            let mut lines = layer
                .lines
                .iter()
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

/// Writes layers as DXF to `out`, which should have a buffer: a polyline each, on a layer of that name and at its height.
/// It is the oldest form that is still read everywhere (R12).
///
/// # Errors
/// What `out` says.
pub fn write_dxf(out: &mut impl Write, layers: &[Layer]) -> io::Result<()> {
    out.write_all(
        b"0\nSECTION\n2\nHEADER\n9\n$ACADVER\n1\nAC1009\n0\nENDSEC\n0\nSECTION\n2\nENTITIES\n",
    )?;
    for layer in layers {
        // In names of layers there are letters, digits, and few signs.
        let name: String = layer
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_$".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let height = layer.height;
        for line in layer.lines.iter() {
            writeln!(
                out,
                "0\nPOLYLINE\n8\n{name}\n66\n1\n10\n0.0\n20\n0.0\n30\n{height:?}\n70\n{}",
                u8::from(line.is_closed)
            )?;
            for [x, y] in line.points {
                writeln!(
                    out,
                    "0\nVERTEX\n8\n{name}\n10\n{x:?}\n20\n{y:?}\n30\n{height:?}"
                )?;
            }
            writeln!(out, "0\nSEQEND\n8\n{name}")?;
        }
    }
    out.write_all(b"0\nENDSEC\n0\nEOF\n")
}
