//! A picture: layers from back to front, painted row by row.

use std::ops::Range;

use wide::f32x4;

use crate::backdrop::Backdrop;
use crate::city::Rank;
use crate::discs::Discs;
use crate::field::{Colour, Field};
use crate::finish::{Finish, Grade};
use crate::frame::{Frame, Span};
use crate::recipes;
use crate::rng::Rng;
use crate::terrain::Terrain;
use crate::trees::Stand;
use crate::water::Water;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Subject {
    /// Rocky mountains by day.
    Mountains,
    /// Mountains mirrored in a lake.
    Lake,
    /// Open sea with the sun low.
    Sea,
    /// Sand dunes.
    Dunes,
    /// Hills and meadows in flower.
    Meadow,
    /// Ranks of conifers in fog.
    FogForest,
    /// Mountains and forest under snow.
    Snow,
    /// Hills above a sea of fog.
    Mist,
    /// The Milky Way above dark ground.
    Stars,
    /// Northern lights.
    Aurora,
    /// The moon through a long lens.
    Moon,
    /// A skyline at dusk, mirrored in water.
    City,
    /// Lights out of focus.
    Bokeh,
    /// Fireworks above a town.
    Fireworks,
    /// A coast from straight above.
    Coast,
    /// Farmland from straight above.
    Fields,
    /// Clouds from an aeroplane.
    AboveClouds,
    /// Red rock in steps.
    Canyon,
    /// One flower, close.
    Flower,
    /// Stones on a beach.
    Pebbles,
    /// A cup of coffee on a table.
    Cup,
    /// Broadleaved woods.
    Autumn,
}

impl Subject {
    /// Every subject, in a fixed order.
    pub const ALL: [Self; 22] = [
        Self::Mountains,
        Self::Lake,
        Self::Sea,
        Self::Dunes,
        Self::Meadow,
        Self::FogForest,
        Self::Snow,
        Self::Mist,
        Self::Stars,
        Self::Aurora,
        Self::Moon,
        Self::City,
        Self::Bokeh,
        Self::Fireworks,
        Self::Coast,
        Self::Fields,
        Self::AboveClouds,
        Self::Canyon,
        Self::Flower,
        Self::Pebbles,
        Self::Cup,
        Self::Autumn,
    ];
}

pub(crate) enum Layer {
    Backdrop(Backdrop),
    Terrain(Box<Terrain>),
    Water(Box<Water>),
    Stand(Box<Stand>),
    Discs(Discs),
    Rank(Rank),
}

/// What a recipe hands over.
pub(crate) struct Composition {
    pub(crate) layers: Vec<Layer>,
    pub(crate) grade: Grade,
    pub(crate) glows: Vec<Glow>,
}

/// Light scattered in the lens around a bright place.
pub(crate) struct Glow {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    pub(crate) colour: Colour,
}

/// State of a walk down a band of rows.
struct Walk {
    cursors: Vec<Vec<u32>>,
}

impl Layer {
    /// Whether the layer hides everything behind it in a row.
    fn covers(&self, y: f32) -> bool {
        match self {
            Self::Backdrop(_) => true,
            Self::Terrain(t) => y > t.covered_below + 1.0,
            Self::Stand(s) => y > s.covered_below() + 1.0,
            Self::Water(_) | Self::Discs(_) | Self::Rank(_) => false,
        }
    }

    fn cursor(&self, span: Span, count: usize) -> Vec<u32> {
        match self {
            Self::Terrain(t) => t.cursor(span, count),
            _ => Vec::new(),
        }
    }

    pub(crate) fn paint(&self, cursor: &mut [u32], span: Span, px: &mut [Colour]) {
        match self {
            Self::Backdrop(b) => b.paint(span, px),
            Self::Terrain(t) => t.paint(cursor, span, px),
            Self::Water(w) => w.paint(span, px),
            Self::Stand(s) => s.paint(span, px),
            Self::Discs(d) => d.paint(span, px),
            Self::Rank(r) => r.paint(span, px),
        }
    }
}

fn walk(layers: &[Layer], span: Span, count: usize) -> Walk {
    Walk {
        cursors: layers.iter().map(|l| l.cursor(span, count)).collect(),
    }
}

fn paint(layers: &[Layer], walk: &mut Walk, span: Span, px: &mut [Colour]) {
    let first = layers
        .iter()
        .rposition(|l| l.covers(span.y as f32))
        .unwrap_or(0);
    for (layer, cursor) in layers.iter().zip(&mut walk.cursors).skip(first) {
        layer.paint(cursor, span, px);
    }
}

/// The picture so far, one pixel in `step` both ways: what water mirrors and what exposure is measured on.
pub(crate) fn preview(layers: &[Layer], frame: &Frame, step: u32) -> Field {
    let (width, height) = (
        frame.width.div_ceil(step) as usize,
        frame.height.div_ceil(step) as usize,
    );
    let mut field = Field::new(width, height);
    let field_width = field.width;
    let span = |y: usize| Span {
        y: (y as u32 * step).min(frame.height - 1) as i32,
        x0: 0,
        step: step as i32,
    };
    let mut state = walk(layers, span(0), width);
    for (y, row) in field.data.chunks_mut(field_width).enumerate().take(height) {
        paint(layers, &mut state, span(y), &mut row[..width]);
    }
    field
}

/// A procedural photograph, ready to be painted at one size.
///
/// Holds low-resolution fields and outlines but no frame: a process that paints 48 megapixels band by band peaks at 64 to
/// 90 MiB, one that paints 16384 × 16384 at 85 to 120.
pub struct Scene {
    frame: Frame,
    layers: Vec<Layer>,
    finish: Finish,
    subject: Subject,
}

impl Scene {
    /// Composes the picture of a seed at a size in displayed orientation. The subject follows from the seed.
    pub fn new(seed: u64, width: u32, height: u32) -> Self {
        let mut rng = Rng::new(seed);
        let subject = *rng.pick(&Subject::ALL);
        Self::of(subject, seed, width, height, 2)
    }

    /// Composes a picture of a chosen subject. `threads` only changes how long it takes.
    pub fn of(subject: Subject, seed: u64, width: u32, height: u32, threads: usize) -> Self {
        let frame = Frame {
            width: width.max(16),
            height: height.max(16),
            threads: threads.max(1),
        };
        let mut rng = Rng::new(seed).fork(subject as u64);
        let composition = recipes::compose(subject, &frame, &mut rng);
        let step = (frame.width.max(frame.height) / 160).max(1);
        let preview = preview(&composition.layers, &frame, step);
        let cell = frame.width.max(frame.height) as f32 / 96.0;
        let (w, h) = (
            (frame.width as f32 / cell) as usize + 3,
            (frame.height as f32 / cell) as usize + 3,
        );
        let veil = Field::build(w, h, 1, |i, j| {
            let mut sum = f32x4::ZERO;
            for g in &composition.glows {
                let d = (i as f32 * cell - g.x).hypot(j as f32 * cell - g.y) / g.radius;
                sum += g.colour * f32x4::splat((-d).exp() * 0.7 + 0.3 / (1.0 + d * d));
            }
            sum
        });
        let finish = Finish::new(
            &composition.grade,
            &preview,
            veil,
            cell,
            (frame.ratio() * 0.3).min(1.0),
            seed,
        );
        Self {
            frame,
            layers: composition.layers,
            finish,
            subject,
        }
    }

    /// Width as displayed.
    pub fn width(&self) -> u32 {
        self.frame.width
    }

    /// Height as displayed.
    pub fn height(&self) -> u32 {
        self.frame.height
    }

    /// What the picture shows.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    pub(crate) fn threads(&self) -> usize {
        self.frame.threads
    }

    /// Paints whole rows from `y0` on, on the calling thread; `rows` holds RGB, 8 bits a sample, and its length says how
    /// many rows. A row's pixels depend on nothing but the scene, however the picture is cut into bands.
    ///
    /// # Panics
    /// If `rows` is not a whole number of rows or reaches past the bottom.
    pub fn render_rows(&self, y0: u32, rows: &mut [u8]) {
        let row_bytes = self.frame.width as usize * 3;
        assert!(rows.len().is_multiple_of(row_bytes), "rows must be whole");
        let count = (rows.len() / row_bytes) as u32;
        self.walk_pixels(0..self.frame.width, y0..y0 + count, |x, y, sample| {
            let at = (y - y0) as usize * row_bytes + x as usize * 3;
            let out = &mut rows[at..at + 3];
            out[0] = to_8bit(sample[0]);
            out[1] = to_8bit(sample[1]);
            out[2] = to_8bit(sample[2]);
        });
    }

    /// Calls `emit(x, y, sample)` for every pixel of a rectangle, row by row.
    ///
    /// # Panics
    /// If the rectangle reaches outside the picture.
    #[inline(always)]
    pub(crate) fn walk_pixels(
        &self,
        columns: Range<u32>,
        rows: Range<u32>,
        mut emit: impl FnMut(u32, u32, [u16; 3]),
    ) {
        assert!(
            columns.end <= self.frame.width && rows.end <= self.frame.height,
            "the rectangle must lie inside the picture"
        );
        let x0 = columns.start;
        let span = |y: u32| Span {
            y: y as i32,
            x0: x0 as i32,
            step: 1,
        };
        let mut px = vec![f32x4::ZERO; columns.len()];
        let mut state = walk(&self.layers, span(rows.start), px.len());
        for y in rows {
            paint(&self.layers, &mut state, span(y), &mut px);
            self.finish
                .row(y, x0, &px, |i, sample| emit(x0 + i as u32, y, sample));
        }
    }
}

#[inline(always)]
fn to_8bit(v: u16) -> u8 {
    ((u32::from(v) * 255 + 32_895) >> 16) as u8
}
