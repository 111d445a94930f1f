//! A scene's rows in the order in which a file stores them.

use crate::scene::Scene;

/// The source that encoders read from: any rows, in any order, with no state, turned as EXIF orientation demands.
///
/// Reading costs memory for the rows asked for and nothing else. Ask for at least 64 rows at a time: each call sets up
/// its walk down the picture anew, and the rows are shared out between threads.
pub struct StoredRows {
    scene: Scene,
    orientation: u8,
}

impl StoredRows {
    /// Orientations other than 3, 6 and 8 count as 1.
    pub fn new(scene: Scene, orientation: u8) -> Self {
        Self { scene, orientation }
    }

    /// The picture as displayed.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    fn turned(&self) -> bool {
        matches!(self.orientation, 6 | 8)
    }

    /// Width as stored.
    pub fn width(&self) -> u32 {
        if self.turned() {
            self.scene.height()
        } else {
            self.scene.width()
        }
    }

    /// Height as stored.
    pub fn height(&self) -> u32 {
        if self.turned() {
            self.scene.width()
        } else {
            self.scene.height()
        }
    }

    /// Fills whole rows of RGB, 8 bits a sample, from `first_row` on; the length of `rows` says how many.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows or reaches past the last one.
    pub fn fill_rgb8(&self, first_row: u32, rows: &mut [u8]) {
        self.fill(first_row, rows, |v| {
            ((u32::from(v) * 255 + 32_895) >> 16) as u8
        });
    }

    /// Fills whole rows of RGB, 16 bits a sample in native order.
    ///
    /// # Panics
    /// As [`Self::fill_rgb8`].
    pub fn fill_rgb16(&self, first_row: u32, rows: &mut [u16]) {
        self.fill(first_row, rows, |v| v);
    }

    fn fill<T: Copy + Default + Send>(
        &self,
        first_row: u32,
        rows: &mut [T],
        convert: impl Fn(u16) -> T + Copy + Send,
    ) {
        let row_samples = self.width() as usize * 3;
        assert!(rows.len().is_multiple_of(row_samples), "rows must be whole");
        let count = rows.len() / row_samples;
        assert!(
            first_row as usize + count <= self.height() as usize,
            "rows must lie inside the picture"
        );
        if count == 0 {
            return;
        }
        let share = count.div_ceil(self.scene.threads());
        std::thread::scope(|scope| {
            for (i, part) in rows.chunks_mut(share * row_samples).enumerate() {
                let from = first_row + (i * share) as u32;
                scope.spawn(move || self.fill_part(from, part, convert));
            }
        });
    }

    fn fill_part<T: Copy + Default>(&self, first: u32, rows: &mut [T], convert: impl Fn(u16) -> T) {
        let (width, height) = (self.scene.width(), self.scene.height());
        let row_samples = self.width() as usize * 3;
        let count = (rows.len() / row_samples) as u32;
        let put = |rows: &mut [T], at: usize, sample: [u16; 3]| {
            for (out, v) in rows[at..at + 3].iter_mut().zip(sample) {
                *out = convert(v);
            }
        };
        match self.orientation {
            3 => self.scene.walk_pixels(
                0..width,
                height - first - count..height - first,
                |x, y, sample| {
                    let at = (height - 1 - y - first) as usize * row_samples
                        + (width - 1 - x) as usize * 3;
                    put(rows, at, sample);
                },
            ),
            // Stored rows are displayed columns: from the right for 6, from the left for 8.
            6 => self.scene.walk_pixels(
                width - first - count..width - first,
                0..height,
                |x, y, sample| {
                    put(
                        rows,
                        (width - 1 - x - first) as usize * row_samples + y as usize * 3,
                        sample,
                    );
                },
            ),
            8 => self
                .scene
                .walk_pixels(first..first + count, 0..height, |x, y, sample| {
                    put(
                        rows,
                        (x - first) as usize * row_samples + (height - 1 - y) as usize * 3,
                        sample,
                    );
                }),
            _ => self
                .scene
                .walk_pixels(0..width, first..first + count, |x, y, sample| {
                    put(
                        rows,
                        (y - first) as usize * row_samples + x as usize * 3,
                        sample,
                    );
                }),
        }
    }
}
