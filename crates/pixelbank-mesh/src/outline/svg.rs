//! SVG: the outlines of its shapes and paths, element by element. Nothing is painted, so styles say nothing here.

use svgtypes::{
    Length, LengthUnit, PathParser, PathSegment, PointsParser, TransformListParser,
    TransformListToken, ViewBox,
};

use super::Job;
use super::pen::Pen;
use crate::error::{Fault, check_limit, malformed};
use crate::import::xml::{AHEAD, Tag, elements};
use crate::{Axis, Transform};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 256;

/// What is not drawn where it stands.
const HIDDEN: [&str; 7] = [
    "defs", "symbol", "clipPath", "mask", "marker", "pattern", "metadata",
];

/// Elements that draw something, but no lines.
const NO_LINES: [&str; 5] = ["text", "image", "use", "foreignObject", "switch"];

pub(super) fn read(job: &mut Job) -> Result<(), Fault> {
    // A path is one attribute, however long it is.
    let max_bytes = job.limits.max_header_bytes.min(job.input.len());
    // The parser's buffer grows by doubling; what is escaped in an attribute is copied once more.
    let _working = job
        .books
        .reserve("reading", 3 * max_bytes + 3 * AHEAD as u64)?;
    // The second axis runs down.
    let mut places = vec![Transform::mirror(Axis::Y)];
    let mut n_hidden = 0u32;
    let mut n_elements = 0;
    let input = job.input;
    elements(input.reader(0), max_bytes, |tag| {
        if tag.name().is_empty() {
            if n_hidden > 0 {
                n_hidden -= 1;
            } else {
                places.pop();
            }
            return Ok(());
        }
        if places.len() + n_hidden as usize > MAX_DEPTH {
            return malformed("its elements are nested too deeply");
        }
        if n_hidden > 0 || HIDDEN.contains(&tag.name()) || is_not_displayed(tag)? {
            n_hidden += 1;
            return Ok(());
        }
        let Some(outer) = places.last().copied() else {
            return malformed("an element behind the end");
        };
        let mut place = transform(tag)?.then(&outer);
        if tag.name() == "svg" {
            if n_elements == 0 {
                job.report.unit_mm = unit(tag)?;
            } else {
                let offset = [
                    length(tag, "x")?.unwrap_or(0.0),
                    length(tag, "y")?.unwrap_or(0.0),
                    0.0,
                ];
                place = Transform::translation(offset).then(&place);
            }
        }
        n_elements += 1;
        check_limit("elements", n_elements, u64::from(u32::MAX))?;
        places.push(place);
        job.pen.place = place;
        if NO_LINES.contains(&tag.name()) {
            job.report.leave_out(tag.name());
            return Ok(());
        }
        match draw(tag, &mut job.pen) {
            Err(Fault::Malformed(reason)) => malformed(format!("'{}': {reason}", tag.name())),
            other => other,
        }
    })?;
    if n_elements == 0 {
        return malformed("it has no element");
    }
    Ok(())
}

fn is_not_displayed(tag: &Tag) -> Result<bool, Fault> {
    let mut is_none = false;
    tag.attributes(|key, value| {
        is_none |= match key {
            "display" => value.trim() == "none",
            "style" => value.split(';').any(|rule| {
                let rule = rule.split_once(':');
                rule.is_some_and(|(name, value)| name.trim() == "display" && value.trim() == "none")
            }),
            _ => false,
        };
        Ok(())
    })?;
    Ok(is_none)
}

fn transform(tag: &Tag) -> Result<Transform, Fault> {
    let Some(text) = tag.attribute("transform")? else {
        return Ok(Transform::IDENTITY);
    };
    let mut all = Transform::IDENTITY;
    for token in TransformListParser::from(text.as_str()) {
        let Ok(token) = token else {
            return malformed(format!("'{}': a transformation that is none", tag.name()));
        };
        let plane = |[a, b, c, d, e, f]: [f64; 6]| Transform {
            linear: [[a, c, 0.0], [b, d, 0.0], [0.0, 0.0, 1.0]],
            offset: [e, f, 0.0],
        };
        let next = match token {
            TransformListToken::Matrix { a, b, c, d, e, f } => plane([a, b, c, d, e, f]),
            TransformListToken::Translate { tx, ty } => plane([1.0, 0.0, 0.0, 1.0, tx, ty]),
            TransformListToken::Scale { sx, sy } => plane([sx, 0.0, 0.0, sy, 0.0, 0.0]),
            TransformListToken::Rotate { angle } => {
                let (sin, cos) = angle.to_radians().sin_cos();
                plane([cos, sin, -sin, cos, 0.0, 0.0])
            }
            TransformListToken::SkewX { angle } => {
                plane([1.0, 0.0, angle.to_radians().tan(), 1.0, 0.0, 0.0])
            }
            TransformListToken::SkewY { angle } => {
                plane([1.0, angle.to_radians().tan(), 0.0, 1.0, 0.0, 0.0])
            }
        };
        // The last of a list comes first.
        all = next.then(&all);
    }
    Ok(all)
}

/// Millimetres of a user unit, where the drawing's width says so.
fn unit(tag: &Tag) -> Result<Option<f64>, Fault> {
    let (Some(width), Some(view)) = (tag.attribute("width")?, tag.attribute("viewBox")?) else {
        return Ok(None);
    };
    let (Ok(width), Ok(view)) = (width.parse::<Length>(), view.parse::<ViewBox>()) else {
        return Ok(None);
    };
    let is_said = !matches!(width.unit, LengthUnit::None | LengthUnit::Px);
    let width_mm = in_pixels(width).map(|pixels| pixels * 25.4 / 96.0);
    Ok(width_mm
        .map(|width_mm| width_mm / view.w)
        .filter(|unit| is_said && unit.is_finite() && *unit > 0.0))
}

fn in_pixels(length: Length) -> Option<f64> {
    let unit = match length.unit {
        LengthUnit::None | LengthUnit::Px => 1.0,
        LengthUnit::In => 96.0,
        LengthUnit::Cm => 96.0 / 2.54,
        LengthUnit::Mm => 96.0 / 25.4,
        LengthUnit::Pt => 96.0 / 72.0,
        LengthUnit::Pc => 16.0,
        // Of a font or a frame that nobody lays out here.
        LengthUnit::Em | LengthUnit::Ex | LengthUnit::Percent => return None,
    };
    Some(length.number * unit)
}

/// A length among the attributes, in user units.
fn length(tag: &Tag, name: &str) -> Result<Option<f64>, Fault> {
    let Some(text) = tag.attribute(name)? else {
        return Ok(None);
    };
    let text = text.trim();
    if text == "auto" {
        return Ok(None);
    }
    let Ok(length) = text.parse::<Length>() else {
        return malformed(format!("'{}': {name} is no length", tag.name()));
    };
    match in_pixels(length) {
        Some(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(Fault::Unsupported(format!(
            "lengths as {name} of '{}': {text}",
            tag.name()
        ))),
    }
}

fn draw(tag: &Tag, pen: &mut Pen) -> Result<(), Fault> {
    let at = |name: &str| Ok::<f64, Fault>(length(tag, name)?.unwrap_or(0.0));
    match tag.name() {
        "path" => match tag.attribute("d")? {
            Some(path) => draw_path(&path, pen),
            None => Ok(()),
        },
        "line" => {
            pen.line_to([at("x1")?, at("y1")?, 0.0])?;
            pen.line_to([at("x2")?, at("y2")?, 0.0])?;
            pen.end(false)
        }
        "polyline" | "polygon" => {
            let points = tag.attribute("points")?.unwrap_or_default();
            for (x, y) in PointsParser::from(points.as_str()) {
                pen.line_to([x, y, 0.0])?;
            }
            pen.end(tag.name() == "polygon")
        }
        "circle" => {
            let radius = at("r")?;
            ellipse([at("cx")?, at("cy")?], [radius; 2], pen)
        }
        "ellipse" => {
            // One that is missing is as the other.
            let (rx, ry) = (length(tag, "rx")?, length(tag, "ry")?);
            let radii = [rx.or(ry).unwrap_or(0.0), ry.or(rx).unwrap_or(0.0)];
            ellipse([at("cx")?, at("cy")?], radii, pen)
        }
        "rect" => {
            let (rx, ry) = (length(tag, "rx")?, length(tag, "ry")?);
            let size = [at("width")?, at("height")?];
            let radii = [rx.or(ry).unwrap_or(0.0), ry.or(rx).unwrap_or(0.0)];
            rectangle([at("x")?, at("y")?], size, radii, pen)
        }
        _ => Ok(()),
    }
}

fn ellipse([x, y]: [f64; 2], [rx, ry]: [f64; 2], pen: &mut Pen) -> Result<(), Fault> {
    if rx > 0.0 && ry > 0.0 {
        let axes = [[rx, 0.0, 0.0], [0.0, ry, 0.0]];
        pen.arc([x, y, 0.0], axes, 0.0, std::f64::consts::TAU, [true, false])?;
        pen.end(true)?;
    }
    Ok(())
}

fn rectangle(
    [x, y]: [f64; 2],
    [width, height]: [f64; 2],
    radii: [f64; 2],
    pen: &mut Pen,
) -> Result<(), Fault> {
    if !(width > 0.0 && height > 0.0) {
        return Ok(());
    }
    let rx = radii[0].clamp(0.0, width / 2.0);
    let ry = radii[1].clamp(0.0, height / 2.0);
    let quarter = std::f64::consts::FRAC_PI_2;
    let corners = [
        (x + width - rx, y + ry, -quarter),
        (x + width - rx, y + height - ry, 0.0),
        (x + rx, y + height - ry, quarter),
        (x + rx, y + ry, 2.0 * quarter),
    ];
    for (x, y, from) in corners {
        if rx > 0.0 && ry > 0.0 {
            pen.arc(
                [x, y, 0.0],
                [[rx, 0.0, 0.0], [0.0, ry, 0.0]],
                from,
                quarter,
                [true; 2],
            )?;
        } else {
            // Without radii both ends of a rounding are the corner.
            let (sin, cos) = (from + quarter / 2.0).sin_cos();
            pen.line_to([x + rx * cos.signum(), y + ry * sin.signum(), 0.0])?;
        }
    }
    pen.end(true)
}

fn draw_path(path: &str, pen: &mut Pen) -> Result<(), Fault> {
    let mut at = [0.0; 2];
    let mut start = [0.0; 2];
    // The last control point of a curve, which a smooth one behind it mirrors.
    let mut cubic = None;
    let mut quadratic = None;
    let mut is_begun = false;
    for segment in PathParser::from(path) {
        let Ok(segment) = segment else {
            return malformed("a path that breaks off or has something else in it");
        };
        let base = if segment.is_abs() { [0.0; 2] } else { at };
        let to = |x: f64, y: f64| [base[0] + x, base[1] + y];
        let mirrored = |control: Option<[f64; 2]>| {
            control.map_or(at, |control| {
                [2.0 * at[0] - control[0], 2.0 * at[1] - control[1]]
            })
        };
        let (was_cubic, was_quadratic) = (cubic.take(), quadratic.take());
        if !is_begun
            && !matches!(
                segment,
                PathSegment::MoveTo { .. } | PathSegment::ClosePath { .. }
            )
        {
            // Behind a closed part a line goes on from where that began.
            pen.line_to([at[0], at[1], 0.0])?;
            is_begun = true;
        }
        let mut curve = |points: &[[f64; 2]]| {
            let mut weighted = [([0.0; 3], 1.0); 4];
            for (weighted, [x, y]) in weighted.iter_mut().zip(std::iter::once(&at).chain(points)) {
                weighted.0 = [*x, *y, 0.0];
            }
            pen.bezier(&weighted[..=points.len()])
        };
        let end = match segment {
            PathSegment::MoveTo { x, y, .. } => {
                pen.end(false)?;
                start = to(x, y);
                is_begun = false;
                at = start;
                continue;
            }
            PathSegment::ClosePath { .. } => {
                pen.end(true)?;
                is_begun = false;
                at = start;
                continue;
            }
            PathSegment::LineTo { x, y, .. } => to(x, y),
            PathSegment::HorizontalLineTo { x, .. } => [base[0] + x, at[1]],
            PathSegment::VerticalLineTo { y, .. } => [at[0], base[1] + y],
            PathSegment::CurveTo {
                x1,
                y1,
                x2,
                y2,
                x,
                y,
                ..
            } => {
                cubic = Some(to(x2, y2));
                curve(&[to(x1, y1), to(x2, y2), to(x, y)])?;
                at = to(x, y);
                continue;
            }
            PathSegment::SmoothCurveTo { x2, y2, x, y, .. } => {
                cubic = Some(to(x2, y2));
                curve(&[mirrored(was_cubic), to(x2, y2), to(x, y)])?;
                at = to(x, y);
                continue;
            }
            PathSegment::Quadratic { x1, y1, x, y, .. } => {
                quadratic = Some(to(x1, y1));
                curve(&[to(x1, y1), to(x, y)])?;
                at = to(x, y);
                continue;
            }
            PathSegment::SmoothQuadratic { x, y, .. } => {
                let control = mirrored(was_quadratic);
                quadratic = Some(control);
                curve(&[control, to(x, y)])?;
                at = to(x, y);
                continue;
            }
            PathSegment::EllipticalArc {
                rx,
                ry,
                x_axis_rotation,
                large_arc,
                sweep,
                x,
                y,
                ..
            } => {
                let end = to(x, y);
                let arc = SvgArc {
                    from: at,
                    to: end,
                    radii: [rx, ry],
                    turned: x_axis_rotation.to_radians(),
                    is_large: large_arc,
                    is_positive: sweep,
                };
                arc.draw(pen)?;
                end
            }
        };
        pen.line_to([end[0], end[1], 0.0])?;
        at = end;
    }
    pen.end(false)
}

/// An arc of an ellipse as paths have it: by its ends.
struct SvgArc {
    from: [f64; 2],
    to: [f64; 2],
    radii: [f64; 2],
    turned: f64,
    is_large: bool,
    is_positive: bool,
}

impl SvgArc {
    /// Draws what is between its ends. One without radii, or between equal points, is a line. (SVG 2, B.2.4 and B.2.5.)
    fn draw(&self, pen: &mut Pen) -> Result<(), Fault> {
        let [mut rx, mut ry] = self.radii.map(f64::abs);
        let (sin, cos) = self.turned.sin_cos();
        let half = [0, 1].map(|k| (self.from[k] - self.to[k]) / 2.0);
        // In the ellipse's own axes, as parts of its radii, so that nothing overflows.
        let along = (cos * half[0] + sin * half[1]) / rx;
        let across = (cos * half[1] - sin * half[0]) / ry;
        let mut apart = along * along + across * across;
        if !(rx > 0.0 && ry > 0.0 && apart > 0.0 && apart.is_finite()) {
            return Ok(());
        }
        let (mut along, mut across) = (along, across);
        if apart > 1.0 {
            let larger = apart.sqrt();
            (rx, ry, along, across, apart) = (
                rx * larger,
                ry * larger,
                along / larger,
                across / larger,
                1.0,
            );
        }
        let side = if self.is_large == self.is_positive {
            -1.0
        } else {
            1.0
        };
        let away = side * ((1.0 - apart) / apart).sqrt();
        // Of the circle that the ellipse is when its radii are one.
        let centre = [away * across, -away * along];
        let angle = |sign: f64| (sign * across - centre[1]).atan2(sign * along - centre[0]);
        let from = angle(1.0);
        let mut sweep = angle(-1.0) - from;
        if self.is_positive && sweep < 0.0 {
            sweep += std::f64::consts::TAU;
        } else if !self.is_positive && sweep > 0.0 {
            sweep -= std::f64::consts::TAU;
        }
        let axes = [[rx * cos, rx * sin, 0.0], [-ry * sin, ry * cos, 0.0]];
        let middle = [0, 1].map(|k| (self.from[k] + self.to[k]) / 2.0);
        let centre = [0, 1].map(|k| middle[k] + axes[0][k] * centre[0] + axes[1][k] * centre[1]);
        pen.arc([centre[0], centre[1], 0.0], axes, from, sweep, [false; 2])
    }
}
