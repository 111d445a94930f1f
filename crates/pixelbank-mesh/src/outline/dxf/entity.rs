//! Entities of DXF: what is drawn, by the codes of its pairs.

use super::pairs::Pairs;
use crate::array::Growing;
use crate::error::{Fault, malformed};
use crate::measure::{cross, length};
use crate::outline::Job;
use crate::outline::curve::{MAX_CONTROLS, Weighted, bezier_of_span};
use crate::outline::pen::{Pen, Point};
use crate::{Books, Transform};

/// Codes below this have numbers that are kept.
const N_CODES: usize = 256;

/// The numbers of an entity by their codes; no number where the file has none.
struct Numbers([f64; N_CODES]);

impl Numbers {
    fn or(&self, code: usize, default: f64) -> f64 {
        let value = self.0[code];
        if value.is_nan() { default } else { value }
    }

    fn flag(&self, code: usize, bit: u32) -> bool {
        (self.or(code, 0.0) as i64) & i64::from(bit) != 0
    }

    /// The point whose first coordinate has `code`.
    fn point(&self, code: usize) -> Point {
        [code, code + 10, code + 20].map(|code| self.or(code, 0.0))
    }

    /// The direction that the entity's own axes stand on.
    fn normal(&self) -> Point {
        let normal = [210, 220, 230].map(|code| self.or(code, 0.0));
        let length = length(normal);
        if length > 0.0 && length.is_finite() {
            normal.map(|value| value / length)
        } else {
            [0.0, 0.0, 1.0]
        }
    }

    /// From the entity's own coordinates to the world's: the format's "arbitrary axis algorithm".
    fn own_axes(&self) -> Transform {
        let normal = self.normal();
        let is_near_up = normal[0].abs() < 1.0 / 64.0 && normal[1].abs() < 1.0 / 64.0;
        let beside = if is_near_up {
            [0.0, 1.0, 0.0]
        } else {
            [0.0, 0.0, 1.0]
        };
        let x = cross(beside, normal);
        let x = x.map(|value| value / length(x));
        let y = cross(normal, x);
        Transform {
            linear: [0, 1, 2].map(|axis| [x[axis], y[axis], normal[axis]]),
            offset: [0.0; 3],
        }
    }
}

/// A block that is placed, as often as its rows and columns say.
pub(super) struct Insert {
    pub(super) block: Vec<u8>,
    place: Transform,
    steps: [f64; 2],
    counts: [u32; 2],
}

impl Insert {
    fn of(block: Vec<u8>, numbers: &Numbers) -> Self {
        let scale = [41, 42, 43].map(|code| numbers.or(code, 1.0));
        let place = Transform::scale(scale)
            .then(&Transform::rotation([0.0, 0.0, 1.0], numbers.or(50, 0.0)))
            .then(&Transform::translation(numbers.point(10)))
            .then(&numbers.own_axes());
        // Steps count along the block's own axes, without its scale.
        let step = |code: usize, scale: f64| {
            let step = numbers.or(code, 0.0) / scale;
            if step.is_finite() { step } else { 0.0 }
        };
        Self {
            block,
            place,
            steps: [step(44, scale[0]), step(45, scale[1])],
            counts: [70, 71]
                .map(|code| numbers.or(code, 1.0).clamp(1.0, f64::from(u16::MAX)) as u32),
        }
    }

    pub(super) fn places(&self, base: Point) -> impl Iterator<Item = Transform> + use<> {
        let ([n_columns, n_rows], steps, place) = (self.counts, self.steps, self.place);
        (0..n_rows).flat_map(move |row| {
            (0..n_columns).map(move |column| {
                let offset = [f64::from(column) * steps[0], f64::from(row) * steps[1], 0.0];
                let offset = [0, 1, 2].map(|axis| offset[axis] - base[axis]);
                Transform::translation(offset).then(&place)
            })
        })
    }
}

/// A vertex of a polyline, with its bulge: a quarter of the angle of the arc to the next, as a tangent.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Vertex {
    point: Point,
    bulge: f64,
}

/// Reads entities, one after the other, into the same lists.
pub(super) struct Entities {
    vertices: Growing<Vertex>,
    knots: Growing<f64>,
    weights: Growing<f64>,
}

impl Entities {
    pub(super) fn new(books: &Books) -> Self {
        Self {
            vertices: Growing::new(books, "reading"),
            knots: Growing::new(books, "reading"),
            weights: Growing::new(books, "reading"),
        }
    }

    /// Draws the entity whose name is the present pair; or says which block it places.
    pub(super) fn draw(
        &mut self,
        pairs: &mut Pairs,
        job: &mut Job,
    ) -> Result<Option<Insert>, Fault> {
        let mut name = [0; 40];
        let n = pairs.value().len().min(name.len());
        name[..n].copy_from_slice(&pairs.value()[..n]);
        let name = &name[..n];
        self.vertices.truncate(0);
        self.knots.truncate(0);
        self.weights.truncate(0);
        let is_spline = name == b"SPLINE";
        let has_vertices = is_spline || name == b"LWPOLYLINE";
        let (numbers, block) = self.numbers(pairs, has_vertices, is_spline)?;
        if numbers.flag(67, 1) {
            // A sheet of paper that shows the drawing.
            return Ok(None);
        }
        let pen = &mut job.pen;
        match name {
            b"LINE" => {
                pen.line_to(numbers.point(10))?;
                pen.line_to(numbers.point(11))?;
                pen.end(false)?;
            }
            b"LWPOLYLINE" => {
                pen.place = numbers.own_axes().then(&pen.place);
                let height = numbers.or(38, 0.0);
                self.polyline(numbers.flag(70, 1), height, pen)?;
            }
            b"POLYLINE" => self.old_polyline(&numbers, pairs, job)?,
            b"CIRCLE" | b"ARC" => {
                pen.place = numbers.own_axes().then(&pen.place);
                let is_arc = name == b"ARC";
                let [from, to] = [50, 51].map(|code| numbers.or(code, 0.0).to_radians());
                let radius = numbers.or(40, 0.0);
                let axes = [[radius, 0.0, 0.0], [0.0, radius, 0.0]];
                let (from, to) = if is_arc {
                    (from, to)
                } else {
                    (0.0, std::f64::consts::TAU)
                };
                turn(numbers.point(10), axes, from, to, pen)?;
            }
            b"ELLIPSE" => {
                let major = numbers.point(11);
                let ratio = numbers.or(40, 1.0);
                let minor = cross(numbers.normal(), major).map(|value| value * ratio);
                let from = numbers.or(41, 0.0);
                let to = numbers.or(42, std::f64::consts::TAU);
                turn(numbers.point(10), [major, minor], from, to, pen)?;
            }
            b"SPLINE" => self.spline(&numbers, job)?,
            b"INSERT" => return Ok(Some(Insert::of(block, &numbers))),
            // What belongs to an entity that was left out, or to a block that was placed.
            b"VERTEX" | b"SEQEND" | b"ATTRIB" | b"ATTDEF" => {}
            _ => job.report.leave_out(&String::from_utf8_lossy(name)),
        }
        Ok(None)
    }

    /// The pairs of an entity: numbers by their codes, those that come repeatedly in lists, and the name of a block.
    fn numbers(
        &mut self,
        pairs: &mut Pairs,
        has_vertices: bool,
        is_spline: bool,
    ) -> Result<(Numbers, Vec<u8>), Fault> {
        let mut numbers = Numbers([f64::NAN; N_CODES]);
        let mut block = Vec::new();
        while pairs.advance()? {
            let code = pairs.code;
            match code {
                0 => {
                    pairs.hold();
                    break;
                }
                2 => block = pairs.value().to_vec(),
                10 if has_vertices => {
                    let point = [pairs.number()?, 0.0, 0.0];
                    self.vertices.push(Vertex { point, bulge: 0.0 })?;
                }
                20 | 30 | 42
                    if has_vertices && self.vertices.len() > 0 && !(is_spline && code == 42) =>
                {
                    let last = self.vertices.len() - 1;
                    let mut vertex = self.vertices.get(last);
                    match code {
                        20 => vertex.point[1] = pairs.number()?,
                        30 => vertex.point[2] = pairs.number()?,
                        _ => vertex.bulge = pairs.number()?,
                    }
                    self.vertices.truncate(last);
                    self.vertices.push(vertex)?;
                }
                40 if is_spline => self.knots.push(pairs.number()?)?,
                41 if is_spline => self.weights.push(pairs.number()?)?,
                10..=79 | 210 | 220 | 230 => numbers.0[code as usize] = pairs.number()?,
                _ => {}
            }
        }
        Ok((numbers, block))
    }

    /// The vertices, joined by lines and arcs.
    fn polyline(&self, is_closed: bool, height: f64, pen: &mut Pen) -> Result<(), Fault> {
        let n = self.vertices.len();
        let at = |n: usize| {
            let Vertex {
                point: [x, y, z],
                bulge,
            } = self.vertices.get(n);
            ([x, y, z + height], bulge)
        };
        for k in 0..n {
            let (from, bulge) = at(k);
            pen.line_to(from)?;
            if bulge != 0.0 && (k + 1 < n || is_closed) {
                bulged(from, at((k + 1) % n).0, bulge, pen)?;
            }
        }
        pen.end(is_closed)
    }

    /// A polyline whose vertices are entities of their own.
    fn old_polyline(
        &mut self,
        head: &Numbers,
        pairs: &mut Pairs,
        job: &mut Job,
    ) -> Result<(), Fault> {
        let is_mesh = head.flag(70, 16 | 64);
        let is_in_space = head.flag(70, 8);
        self.vertices.truncate(0);
        while pairs.advance()? {
            if pairs.code != 0 {
                continue;
            }
            if !pairs.is(0, b"VERTEX") {
                // Behind the last there is one that says so.
                if !pairs.is(0, b"SEQEND") {
                    pairs.hold();
                }
                break;
            }
            let (numbers, _) = self.numbers(pairs, false, false)?;
            // Of a curve that was fitted, the points that it was fitted to are there as well.
            if !is_mesh && !numbers.flag(70, 16) {
                self.vertices.push(Vertex {
                    point: numbers.point(10),
                    bulge: if is_in_space {
                        0.0
                    } else {
                        numbers.or(42, 0.0)
                    },
                })?;
            }
        }
        if is_mesh {
            job.report.leave_out("POLYLINE that is a mesh");
            return Ok(());
        }
        if !is_in_space {
            job.pen.place = head.own_axes().then(&job.pen.place);
        }
        self.polyline(head.flag(70, 1), 0.0, &mut job.pen)
    }

    fn spline(&self, numbers: &Numbers, job: &mut Job) -> Result<(), Fault> {
        let degree = numbers.or(71, 3.0);
        let (n, n_knots) = (self.vertices.len(), self.knots.len());
        if n == 0 {
            job.report.leave_out("SPLINE without control points");
            return Ok(());
        }
        if !(1.0..MAX_CONTROLS as f64).contains(&degree) {
            return Err(Fault::Unsupported(format!("splines of degree {degree}")));
        }
        let degree = degree as usize;
        if n <= degree || n_knots != n + degree + 1 {
            return malformed(format!(
                "a spline of degree {degree} with {n} points and {n_knots} knots"
            ));
        }
        if (1..n_knots).any(|k| self.knots.get(k) < self.knots.get(k - 1)) {
            return malformed("a spline whose knots do not ascend");
        }
        let has_weights = self.weights.len() == n;
        let control = |k: usize| -> Weighted {
            let [x, y, z] = self.vertices.get(k).point;
            let weight = if has_weights {
                self.weights.get(k)
            } else {
                1.0
            };
            [x * weight, y * weight, z * weight, weight]
        };
        let mut is_begun = false;
        for span in degree..n {
            if self.knots.get(span) >= self.knots.get(span + 1) {
                continue;
            }
            let found = bezier_of_span(degree, span, &|k| self.knots.get(k), &control);
            let mut points = [([0.0; 3], 0.0); MAX_CONTROLS];
            for (point, [x, y, z, weight]) in points.iter_mut().zip(found) {
                *point = ([x / weight, y / weight, z / weight], weight);
            }
            if !is_begun {
                job.pen.line_to(points[0].0)?;
                is_begun = true;
            }
            job.pen.bezier(&points[..=degree])?;
        }
        // One that is said to be closed ends where it begins.
        job.pen.end(numbers.flag(70, 1))
    }
}

/// From one angle on to another, counter-clockwise; all the way round where they are the same, or a turn apart.
fn turn(centre: Point, axes: [Point; 2], from: f64, to: f64, pen: &mut Pen) -> Result<(), Fault> {
    let whole = std::f64::consts::TAU;
    let sweep = (to - from).rem_euclid(whole);
    let is_whole = !(1e-9..whole - 1e-9).contains(&sweep);
    let sweep = if is_whole { whole } else { sweep };
    pen.arc(centre, axes, from, sweep, [true, !is_whole])?;
    pen.end(is_whole)
}

/// What is between the ends of an arc that is said by its bulge.
fn bulged(from: Point, to: Point, bulge: f64, pen: &mut Pen) -> Result<(), Fault> {
    let chord = [to[0] - from[0], to[1] - from[1]];
    let away = (1.0 - bulge * bulge) / (4.0 * bulge);
    let centre = [
        (from[0] + to[0]) / 2.0 - chord[1] * away,
        (from[1] + to[1]) / 2.0 + chord[0] * away,
        from[2],
    ];
    let apart = [from[0] - centre[0], from[1] - centre[1]];
    if !centre.iter().chain(&apart).all(|value| value.is_finite()) {
        return malformed("an arc with a bulge that is none");
    }
    // The beginning of the arc is one axis, so that its angle needs not be found.
    let axes = [[apart[0], apart[1], 0.0], [-apart[1], apart[0], 0.0]];
    pen.arc(centre, axes, 0.0, 4.0 * bulge.atan(), [false; 2])
}
