//! Polygons cut into triangles.

use earcut::Earcut;
use earcut::utils3d::project3d_to_2d;

use crate::Books;
use crate::array::Array;
use crate::error::{Fault, check_limit};
use crate::mesh::Vec3;

/// Cuts polygons. Those with a reflex corner are cut along diagonals that lie inside, others as fans.
pub(super) struct Cutter {
    earcut: Earcut<f64>,
    flat: Vec<[f64; 2]>,
    points: Vec<[f64; 3]>,
    triangles: Vec<u32>,
    max_corners: u32,
    /// Pays for what polygons that are not convex take.
    paid: Array<u8>,
    books: Books,
}

/// What cutting takes for each corner at most.
const CORNER_BYTES: usize = 320;

impl Cutter {
    pub(super) fn new(books: &Books, max_corners: u32) -> Result<Self, Fault> {
        Ok(Self {
            earcut: Earcut::new(),
            flat: Vec::new(),
            points: Vec::new(),
            triangles: Vec::new(),
            max_corners,
            paid: Array::zeroed(books, "loading", 0)?,
            books: books.clone(),
        })
    }

    /// Calls `each` with the corners of every triangle of a polygon, by their numbers in it: always two less than it has
    /// corners, wherever those are.
    pub(super) fn cut(
        &mut self,
        n_corners: usize,
        point: impl Fn(usize) -> Vec3,
        mut each: impl FnMut([usize; 3]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        check_limit(
            "corners of a polygon",
            n_corners as u64,
            u64::from(self.max_corners),
        )?;
        if n_corners == 3 {
            return each([0, 1, 2]);
        }
        if n_corners < 3 {
            return Ok(());
        }
        if n_corners.saturating_mul(CORNER_BYTES) > self.paid.len() {
            // Twice as much, so that ever larger polygons do not pay each time.
            let bytes = n_corners.saturating_mul(2 * CORNER_BYTES);
            self.paid = Array::zeroed(&self.books, "loading", 0)?;
            self.paid = Array::zeroed(&self.books, "loading", bytes)?;
        }
        self.points.clear();
        self.points
            .extend((0..n_corners).map(|corner| point(corner).map(f64::from)));
        let is_flat = self.points.iter().flatten().all(|value| value.is_finite())
            && project3d_to_2d(&self.points, n_corners, &mut self.flat);
        if is_flat && !is_convex(&self.flat) {
            self.triangles.clear();
            self.earcut
                .earcut_slice(&self.flat, &[], &mut self.triangles);
            // One that crosses itself may lose triangles; a fan keeps the count, and is as good.
            if self.triangles.len() == 3 * (n_corners - 2) {
                for triangle in self.triangles.chunks_exact(3) {
                    each([triangle[0], triangle[1], triangle[2]].map(|corner| corner as usize))?;
                }
                return Ok(());
            }
        }
        (1..n_corners - 1).try_for_each(|corner| each([0, corner, corner + 1]))
    }
}

/// Whether a polygon turns to one side only, at each corner.
fn is_convex(points: &[[f64; 2]]) -> bool {
    let n = points.len();
    (0..n).all(|k| {
        let ([ax, ay], [bx, by], [cx, cy]) = (points[k], points[(k + 1) % n], points[(k + 2) % n]);
        (bx - ax) * (cy - by) - (by - ay) * (cx - bx) >= 0.0
    })
}

#[cfg(test)]
mod tests {
    use pixelbank_memory::Bank;

    use super::*;

    fn area(points: &[Vec3]) -> (usize, f64) {
        let bank = Bank::builder().host_bytes(64 << 20).build().unwrap();
        let mut cutter = Cutter::new(&Books::new(&bank, "test"), 1 << 16).unwrap();
        let (mut n, mut sum) = (0, 0.0);
        cutter
            .cut(
                points.len(),
                |k| points[k],
                |corners| {
                    let [a, b, c] = corners.map(|corner| points[corner].map(f64::from));
                    // Signed, so that a triangle that is turned over shows.
                    sum += ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2.0;
                    n += 1;
                    Ok(())
                },
            )
            .unwrap();
        (n, sum)
    }

    #[test]
    fn areas_stay_and_no_triangle_is_turned_over() {
        let square = [
            [0.0, 0.0, 0.0],
            [2.0, 0.0, 0.0],
            [2.0, 2.0, 0.0],
            [0.0, 2.0, 0.0],
        ];
        assert_eq!(area(&square), (2, 4.0));
        // An arrow whose fan from the first corner would leave it.
        let arrow = [
            [2.0, 1.0, 5.0],
            [0.0, 2.0, 5.0],
            [1.0, 1.0, 5.0],
            [0.0, 0.0, 5.0],
        ];
        assert_eq!(area(&arrow), (2, 1.0));
        let comb: Vec<Vec3> = (0..50)
            .map(|k| [k as f32, if k % 2 == 0 { 10.0 } else { 1.0 }, 0.0])
            .chain([[49.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
            .rev()
            .collect();
        let (n, sum) = area(&comb);
        assert_eq!(n, 50);
        assert!((sum - 49.0 * 5.5).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn what_has_no_area_or_no_place_is_cut_all_the_same() {
        assert_eq!(area(&[[0.0; 3]; 7]), (5, 0.0));
        assert_eq!(area(&[[f32::NAN; 3]; 5]).0, 3);
    }
}
