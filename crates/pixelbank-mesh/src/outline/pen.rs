use super::curve::{Control, for_each_flat, turn_steps};
use crate::error::{Fault, check_limit, malformed};
use crate::lines::{Drawing, Polylines};
use crate::{Books, Error, Limits, Transform};

/// A point of a drawing before it is placed.
pub(super) type Point = [f64; 3];

/// Draws lines and curves, placed, as polylines.
pub(super) struct Pen {
    drawing: Drawing,
    max_points: u64,
    tolerance: f64,
    /// What leads from the drawing's coordinates to those of the result.
    pub(super) place: Transform,
}

impl Pen {
    pub(super) fn new(books: &Books, limits: &Limits, tolerance: f32) -> Self {
        Self {
            drawing: Drawing::new(books, "outline"),
            // An end of a line has a bit less than 32.
            max_points: limits.max_vertices.min((1 << 31) - 1),
            // Points are rounded to floats behind this.
            tolerance: f64::from(tolerance),
            place: Transform::IDENTITY,
        }
    }

    pub(super) fn finish(self) -> Result<Polylines, Error> {
        self.drawing.finish("outline")
    }

    fn placed(&self, point: Point) -> [f64; 2] {
        let [x, y, _] = self.place.point(point);
        [x, y]
    }

    fn put(&mut self, point: [f64; 2]) -> Result<(), Fault> {
        let point = point.map(|value| value as f32);
        if !point.iter().all(|value| value.is_finite()) {
            return malformed("a coordinate that is infinite, too large or no number");
        }
        check_limit(
            "points",
            self.drawing.n_points() as u64 + 1,
            self.max_points,
        )?;
        Ok(self.drawing.push(point)?)
    }

    /// A point, joined to the one before it unless that ended a line.
    pub(super) fn line_to(&mut self, point: Point) -> Result<(), Fault> {
        let point = self.placed(point);
        self.put(point)
    }

    /// Ends a line; one without two points is none.
    pub(super) fn end(&mut self, is_closed: bool) -> Result<(), Fault> {
        Ok(self.drawing.end(is_closed)?)
    }

    /// A Bézier curve from the first of its control points, where the line is already, to the last; each with its weight.
    pub(super) fn bezier(&mut self, points: &[(Point, f64)]) -> Result<(), Fault> {
        let mut placed = [[0.0; 3]; super::curve::MAX_CONTROLS];
        let Some(placed) = placed.get_mut(..points.len()) else {
            return Err(Fault::Unsupported("curves of so high a degree".to_owned()));
        };
        for (placed, (point, weight)) in placed.iter_mut().zip(points) {
            let [x, y] = self.placed(*point);
            *placed = [x * weight, y * weight, *weight];
            if !(placed.iter().all(|value| value.is_finite()) && *weight > 0.0) {
                return malformed(
                    "a curve with a point that is none, or a weight that is not above zero",
                );
            }
        }
        let control = Control::of(placed);
        for_each_flat(&control, self.tolerance, &mut |point| self.put(point))
    }

    /// Points of an ellipse, from where it is at the angle `from` on through an angle of `sweep`. The ellipse is what becomes
    /// of the unit circle where its axes become `axes`. The first point is joined to what is there already. Of the points
    /// `ends` says whether the first and the last are drawn: who knows them exactly draws them.
    pub(super) fn arc(
        &mut self,
        centre: Point,
        axes: [Point; 2],
        from: f64,
        sweep: f64,
        ends: [bool; 2],
    ) -> Result<(), Fault> {
        let origin = self.placed(centre);
        let [u, v] = axes.map(|axis| {
            let [x, y] = self.placed([0, 1, 2].map(|k| centre[k] + axis[k]));
            [x - origin[0], y - origin[1]]
        });
        // The longer half axis: the greater singular value of the map from the unit circle.
        let squares = u[0] * u[0] + u[1] * u[1] + v[0] * v[0] + v[1] * v[1];
        let area = u[0] * v[1] - u[1] * v[0];
        let apart = (squares * squares - 4.0 * area * area).max(0.0).sqrt();
        let radius = ((squares + apart) / 2.0).sqrt();
        if !(radius.is_finite() && from.is_finite() && sweep.is_finite()) {
            return malformed("an arc with a number that is none");
        }
        let n = turn_steps(radius, sweep, self.tolerance);
        check_limit(
            "points",
            (self.drawing.n_points() as u64).saturating_add(n),
            self.max_points,
        )?;
        for step in u64::from(!ends[0])..n + u64::from(ends[1]) {
            let angle = from + sweep * (step as f64 / n as f64);
            let (sin, cos) = angle.sin_cos();
            self.put([0, 1].map(|k| origin[k] + u[k] * cos + v[k] * sin))?;
        }
        Ok(())
    }
}
