//! Polylines in flat arrays.

use crate::array::{Array, Growing};
use crate::{Books, Error};

/// Lines of points in a plane, some closed: what slices and drawings are made of.
#[derive(Debug)]
pub struct Polylines {
    points: Array<[f32; 2]>,
    /// Where each line ends; the highest bit marks closed ones.
    ends: Array<u32>,
}

const CLOSED: u32 = 1 << 31;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polyline<'a> {
    /// Its points. Of a closed line the first is not repeated at the end.
    pub points: &'a [[f32; 2]],
    /// Whether the last point is joined to the first.
    pub is_closed: bool,
}

impl Polyline<'_> {
    /// What a closed line encloses: positive where it runs counter-clockwise.
    pub fn area(&self) -> f64 {
        if !self.is_closed {
            return 0.0;
        }
        let Some(&origin) = self.points.first() else {
            return 0.0;
        };
        let from = |point: [f32; 2]| {
            [
                f64::from(point[0]) - f64::from(origin[0]),
                f64::from(point[1]) - f64::from(origin[1]),
            ]
        };
        let pairs = self.points.windows(2).map(|pair| {
            let ([x1, y1], [x2, y2]) = (from(pair[0]), from(pair[1]));
            x1 * y2 - x2 * y1
        });
        // The closing side meets the origin, and adds nothing.
        pairs.sum::<f64>() / 2.0
    }

    /// Its length.
    pub fn length(&self) -> f64 {
        let side = |a: [f32; 2], b: [f32; 2]| f64::from(a[0] - b[0]).hypot(f64::from(a[1] - b[1]));
        let sides: f64 = self
            .points
            .windows(2)
            .map(|pair| side(pair[0], pair[1]))
            .sum();
        match (self.is_closed, self.points.first(), self.points.last()) {
            (true, Some(first), Some(last)) => sides + side(*last, *first),
            _ => sides,
        }
    }
}

impl Polylines {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Points of all lines.
    pub fn n_points(&self) -> usize {
        self.points.len()
    }

    /// The lines.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Polyline<'_>> {
        let (points, ends): (&[[f32; 2]], &[u32]) = (&self.points, &self.ends);
        (0..ends.len()).map(move |line| one(points, ends, line))
    }

    /// One of the lines.
    pub fn get(&self, line: usize) -> Option<Polyline<'_>> {
        (line < self.ends.len()).then(|| one(&self.points, &self.ends, line))
    }

    /// The least and the greatest coordinates; `None` where there are no lines.
    pub fn bounds(&self) -> Option<[[f32; 2]; 2]> {
        let first = *self.points.first()?;
        Some(self.points.iter().fold([first; 2], |[min, max], point| {
            [
                [min[0].min(point[0]), min[1].min(point[1])],
                [max[0].max(point[0]), max[1].max(point[1])],
            ]
        }))
    }

    /// Bytes that they are booked with.
    pub fn nbytes(&self) -> u64 {
        self.points.reserved_bytes() + self.ends.reserved_bytes()
    }
}

fn one<'a>(points: &'a [[f32; 2]], ends: &[u32], line: usize) -> Polyline<'a> {
    let start = line
        .checked_sub(1)
        .map_or(0, |before| ends[before] & !CLOSED);
    let end = ends[line];
    Polyline {
        points: &points[start as usize..(end & !CLOSED) as usize],
        is_closed: end & CLOSED != 0,
    }
}

/// Points as they come, and where lines end.
pub(crate) struct Drawing {
    points: Growing<[f32; 2]>,
    ends: Growing<u32>,
}

impl Drawing {
    pub(crate) fn new(books: &Books, kind: &str) -> Self {
        Self {
            points: Growing::new(books, kind),
            ends: Growing::new(books, kind),
        }
    }

    /// Points so far.
    pub(crate) fn n_points(&self) -> usize {
        self.points.len()
    }

    fn start(&self) -> usize {
        match self.ends.len() {
            0 => 0,
            n => (self.ends.get(n - 1) & !CLOSED) as usize,
        }
    }

    /// A point, unless it is the one before it: edges that meet in a vertex in the plane have one point.
    pub(crate) fn push(&mut self, point: [f32; 2]) -> Result<(), Error> {
        let n = self.points.len();
        if n > self.start() && self.points.get(n - 1) == point {
            return Ok(());
        }
        self.points.push(point)
    }

    /// Ends the line, and forgets it where it has no length.
    pub(crate) fn end(&mut self, is_closed: bool) -> Result<(), Error> {
        let start = self.start();
        if is_closed && self.points.len() - start > 1 {
            let last = self.points.len() - 1;
            if self.points.get(last) == self.points.get(start) {
                self.points.truncate(last);
            }
        }
        if self.points.len() - start < 2 {
            self.points.truncate(start);
            return Ok(());
        }
        let end = self.points.len() as u32;
        self.ends.push(if is_closed { end | CLOSED } else { end })
    }

    /// The lines.
    pub(crate) fn finish(self, kind: &str) -> Result<Polylines, Error> {
        Ok(Polylines {
            points: self.points.into_flat(kind)?,
            ends: self.ends.into_flat(kind)?,
        })
    }
}
