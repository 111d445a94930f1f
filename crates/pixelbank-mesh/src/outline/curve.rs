//! Curves made flat: each polyline is within the tolerance of its curve.

use crate::error::Fault;

/// The most control points of a curve.
pub(super) const MAX_CONTROLS: usize = 16;

/// How often a curve is halved at most: what is not flat then is smaller than its numbers are exact.
const MAX_HALVINGS: u32 = 40;

/// Control points of a rational Bézier curve: coordinates times the weight, and the weight, which is above zero.
#[derive(Clone, Copy)]
pub(super) struct Control {
    points: [[f64; 3]; MAX_CONTROLS],
    n: usize,
}

impl Control {
    pub(super) fn of(from: &[[f64; 3]]) -> Self {
        let mut points = [[0.0; 3]; MAX_CONTROLS];
        points[..from.len()].copy_from_slice(from);
        Self {
            points,
            n: from.len(),
        }
    }

    fn point(&self, n: usize) -> [f64; 2] {
        let [x, y, weight] = self.points[n];
        [x / weight, y / weight]
    }

    /// Whether all control points are within `tolerance` of the line between the first and the last; the curve lies among
    /// them, as weights are above zero.
    fn is_flat(&self, tolerance: f64) -> bool {
        let [from, to] = [self.point(0), self.point(self.n - 1)];
        let along = [to[0] - from[0], to[1] - from[1]];
        let length_squared = along[0] * along[0] + along[1] * along[1];
        (1..self.n - 1).all(|n| {
            let point = self.point(n);
            let apart = [point[0] - from[0], point[1] - from[1]];
            let part = if length_squared > 0.0 {
                ((apart[0] * along[0] + apart[1] * along[1]) / length_squared).clamp(0.0, 1.0)
            } else {
                0.0
            };
            (apart[0] - along[0] * part).hypot(apart[1] - along[1] * part) <= tolerance
        })
    }

    /// Both halves, by de Casteljau's construction.
    fn halves(&self) -> [Self; 2] {
        let (mut left, mut right) = (*self, *self);
        for round in 1..self.n {
            for k in 0..self.n - round {
                let next = right.points[k + 1];
                for (value, next) in right.points[k].iter_mut().zip(next) {
                    *value = (*value + next) / 2.0;
                }
            }
            left.points[round] = right.points[0];
        }
        [left, right]
    }
}

/// Calls `each` with points of the curve behind its first, the last among them.
pub(super) fn for_each_flat(
    curve: &Control,
    tolerance: f64,
    each: &mut impl FnMut([f64; 2]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if curve.n < 2 {
        return Ok(());
    }
    // What is still to be drawn, the next last: one for each halving at most.
    let mut waiting = vec![(*curve, 0)];
    while let Some((part, n_halvings)) = waiting.pop() {
        if n_halvings == MAX_HALVINGS || part.is_flat(tolerance) {
            each(part.point(part.n - 1))?;
        } else {
            let [left, right] = part.halves();
            waiting.extend([(right, n_halvings + 1), (left, n_halvings + 1)]);
        }
    }
    Ok(())
}

/// Into how many equal steps a turn through `sweep` is cut, so that no chord is further than `tolerance` from an arc of
/// `radius`.
pub(super) fn turn_steps(radius: f64, sweep: f64, tolerance: f64) -> u64 {
    // Of an angle the arc is radius · (1 − cos(angle / 2)) from its chord. Three steps a turn at least, so that a circle
    // encloses something.
    let angle = if tolerance < radius {
        // As 1 − cos x is 2 sin²(x / 2), without loss where the tolerance is small.
        4.0 * (tolerance / (2.0 * radius)).sqrt().asin()
    } else {
        std::f64::consts::PI
    };
    let most = std::f64::consts::TAU / 3.0;
    let steps = (sweep.abs() / angle.min(most) - 1e-9).ceil();
    // Floats become integers at the nearest that there is.
    (steps as u64).max(1)
}

/// A control point with its weight, of a curve in space.
pub(super) type Weighted = [f64; 4];

/// The control points of a B-spline on its span between knots `span` and `span + 1`, as a Bézier curve of `degree`: values of
/// its blossom (Ramshaw, Blossoming: A Connect-the-Dots Approach to Splines). The span has a length, and `degree` knots on
/// either side.
pub(super) fn bezier_of_span(
    degree: usize,
    span: usize,
    knot: &impl Fn(usize) -> f64,
    control: &impl Fn(usize) -> Weighted,
) -> [Weighted; MAX_CONTROLS] {
    let mut found = [[0.0; 4]; MAX_CONTROLS];
    for (n_late, found) in found.iter_mut().enumerate().take(degree + 1) {
        let mut points = [[0.0; 4]; MAX_CONTROLS];
        for (k, point) in points.iter_mut().enumerate().take(degree + 1) {
            *point = control(span - degree + k);
        }
        for round in 1..=degree {
            let late = usize::from(round > degree - n_late);
            let at = knot(span + late);
            for k in (round..=degree).rev() {
                let (low, high) = (knot(span - degree + k), knot(span + 1 + k - round));
                let part = (at - low) / (high - low);
                let before = points[k - 1];
                for (value, before) in points[k].iter_mut().zip(before) {
                    *value = (1.0 - part) * before + part * *value;
                }
            }
        }
        *found = points[degree];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(points: &[[f64; 3]], tolerance: f64) -> Vec<[f64; 2]> {
        let mut found = vec![];
        for_each_flat(&Control::of(points), tolerance, &mut |point| {
            found.push(point);
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn a_quarter_of_a_circle_is_within_the_tolerance() {
        let half = 0.5f64.sqrt();
        let quarter = [[1.0, 0.0, 1.0], [half, half, half], [0.0, 1.0, 1.0]];
        for tolerance in [0.1, 0.01, 1e-4] {
            let points = flat(&quarter, tolerance);
            let mut last = [1.0, 0.0];
            for point in &points {
                assert!((point[0].hypot(point[1]) - 1.0).abs() < 1e-12);
                let middle = [(last[0] + point[0]) / 2.0, (last[1] + point[1]) / 2.0];
                assert!(1.0 - middle[0].hypot(middle[1]) <= tolerance);
                last = *point;
            }
            // No more than four times as many as it takes.
            let least = turn_steps(1.0, std::f64::consts::FRAC_PI_2, tolerance) as usize;
            assert!(points.len() <= 4 * least, "{} of {least}", points.len());
        }
    }

    #[test]
    fn arcs_are_cut_as_often_as_it_takes() {
        for (radius, sweep, tolerance) in [(1.0, 6.0, 0.01), (1e6, 1.0, 1e-3), (5.0, -3.0, 4.0)] {
            let n = turn_steps(radius, sweep, tolerance);
            let error = |n: u64| radius * (1.0 - (sweep / n as f64 / 2.0).cos());
            assert!(error(n) <= tolerance * 1.000_001, "{radius}");
            assert!(n <= 3 || error(n - 1) > tolerance, "{radius}");
        }
        assert_eq!(turn_steps(1.0, std::f64::consts::TAU, 10.0), 3);
        assert_eq!(turn_steps(1e300, 1.0, 1e-300), u64::MAX);
        assert_eq!(turn_steps(0.0, 1.0, 0.1), 1);
    }

    #[test]
    fn a_span_of_a_spline_is_a_bezier_curve() {
        // A cubic with the knots of a Bézier curve is one.
        let knots = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let points = [
            [0.0, 0.0, 0.0, 1.0],
            [1.0, 2.0, 0.0, 1.0],
            [3.0, 2.0, 5.0, 1.0],
            [4.0, 0.0, 0.0, 1.0],
        ];
        let found = bezier_of_span(3, 3, &|n| knots[n], &|n| points[n]);
        assert_eq!(found[..4], points);
        // Uniform knots: the middle of a span of a quadratic is known.
        let found = bezier_of_span(2, 2, &|n| n as f64, &|n| points[n]);
        assert_eq!(found[0][..2], [0.5, 1.0]);
        assert_eq!(found[1][..2], [1.0, 2.0]);
        assert_eq!(found[2][..2], [2.0, 2.0]);
    }
}
