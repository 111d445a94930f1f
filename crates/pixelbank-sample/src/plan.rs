//! What a set of sample photographs consists of, before any of it is painted.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::places::{PLACES, Place};
use crate::rng::Rng;
use crate::scene::{Scene, Subject};
use crate::stored::StoredRows;

/// A set of photographs to make.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleSet {
    /// How many pictures.
    pub count: u32,
    /// Smallest and largest picture in megapixels; the set is spread over this range in steps of two.
    pub megapixels: RangeInclusive<f64>,
    /// Equal seeds make equal sets.
    pub seed: u64,
    /// Only JPEG, as from a camera; otherwise the other formats are mixed in.
    pub jpeg_only: bool,
}

/// How colour is thinned out in a JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChromaSubsampling {
    /// Full colour.
    Yuv444,
    /// Half the columns.
    Yuv422,
    /// Half the columns and rows.
    Yuv420,
}

/// The file a picture is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleFormat {
    /// JPEG.
    Jpeg {
        /// 0 to 100.
        quality: u8,
        /// Colour resolution.
        chroma: ChromaSubsampling,
        /// Coarse scans first.
        progressive: bool,
        /// One channel only.
        grey: bool,
    },
    /// PNG with 8 or 16 bits a sample.
    Png {
        /// Bits a sample.
        bits: u8,
    },
    /// Tiled TIFF with a pyramid.
    Tiff {
        /// Bits a sample.
        bits: u8,
    },
    /// Lossy WebP.
    WebP {
        /// 0 to 100.
        quality: u8,
    },
    /// GIF, 256 colours.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// Quite OK Image.
    Qoi,
    /// Truevision TGA.
    Tga,
    /// Portable pixmap.
    Pnm,
    /// Radiance HDR.
    Hdr,
    /// OpenEXR, half floats.
    Exr,
}

impl SampleFormat {
    /// The usual file name extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "jpg",
            Self::Png { .. } => "png",
            Self::Tiff { .. } => "tif",
            Self::WebP { .. } => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Qoi => "qoi",
            Self::Tga => "tga",
            Self::Pnm => "ppm",
            Self::Hdr => "hdr",
            Self::Exr => "exr",
        }
    }

    /// Whether the format has a place for an EXIF block.
    pub fn holds_exif(self) -> bool {
        matches!(
            self,
            Self::Jpeg { .. } | Self::Png { .. } | Self::Tiff { .. } | Self::WebP { .. }
        )
    }
}

/// A moment as cameras write it: the clock on the wall and how far that is from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime {
    /// Calendar year.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Minutes ahead of UTC.
    pub utc_offset_min: i32,
}

/// What the camera noted.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Maker of the camera.
    pub make: &'static str,
    /// Camera.
    pub model: &'static str,
    /// Lens.
    pub lens: &'static str,
    /// Aperture in tenths.
    pub f_number_tenths: u32,
    /// Exposure time in seconds as a fraction.
    pub exposure_s: (u32, u32),
    /// Sensitivity.
    pub iso: u16,
    /// Focal length in millimetres.
    pub focal_length_mm: u32,
    /// When.
    pub taken: LocalTime,
    /// Where, for people.
    pub place: &'static str,
    /// Degrees north, east, and metres above the sea; missing where the camera had no signal.
    pub position: Option<(f64, f64, f64)>,
    /// Who.
    pub artist: &'static str,
}

/// One picture to make.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplePlan {
    /// Below the set's folder.
    pub path: PathBuf,
    /// Width as displayed.
    pub width: u32,
    /// Height as displayed.
    pub height: u32,
    /// EXIF orientation, 1, 3, 6 or 8.
    pub orientation: u8,
    /// File format.
    pub format: SampleFormat,
    /// What it shows.
    pub subject: Subject,
    /// Seed of the scene.
    pub scene_seed: u64,
    /// What the camera noted.
    pub shot: Shot,
}

impl SamplePlan {
    /// Composes the picture; `threads` only changes how long it takes.
    pub fn scene(&self, threads: usize) -> Scene {
        Scene::of(
            self.subject,
            self.scene_seed,
            self.width,
            self.height,
            threads,
        )
    }

    /// The rows of a scene in the order that the file stores them.
    pub fn stored_rows(&self, scene: Scene) -> StoredRows {
        StoredRows::new(scene, self.orientation)
    }
}

struct Body {
    make: &'static str,
    model: &'static str,
    lenses: &'static [(&'static str, u32, u32, u32)],
    prefix: &'static str,
}

/// Invented cameras; lenses by name, shortest and longest focal length, and widest aperture in tenths.
const BODIES: &[Body] = &[
    Body {
        make: "Pixelbank",
        model: "Pixelbank Obscura 48",
        lenses: &[
            ("Obscura 24-70mm F2.8", 24, 70, 28),
            ("Obscura 14-24mm F2.8", 14, 24, 28),
            ("Obscura 100-400mm F5.6", 100, 400, 56),
        ],
        prefix: "PXB_",
    },
    Body {
        make: "Heliograph",
        model: "Heliograph H2",
        lenses: &[
            ("Helion 35mm f/1.8", 35, 35, 18),
            ("Helion 90mm Macro f/2.8", 90, 90, 28),
        ],
        prefix: "HLG",
    },
    Body {
        make: "Camera Lucida",
        model: "Lucida Pocket 5",
        lenses: &[("Lucida back camera 6.8mm f/1.8", 7, 7, 18)],
        prefix: "IMG_",
    },
];

const ARTISTS: &[&str] = &["Mira Halvorsen", "Jörg Anders", "Aiko Tanabe"];

impl SampleSet {
    /// The pictures in the order they were taken. Depends on nothing but the set itself.
    pub fn plan(&self) -> Vec<SamplePlan> {
        let mut rng = Rng::new(self.seed ^ 0x0073_616D_706C_6573);
        let trips = trips(self.count, &mut rng);
        let mut plans = Vec::with_capacity(self.count as usize);
        let mut numbers = [
            rng.below(700) as u32 + 100,
            rng.below(2000) as u32 + 1000,
            rng.below(4000) as u32 + 2000,
        ];
        for trip in trips {
            let mut pictures: Vec<(LocalTime, Subject)> = (0..trip.count)
                .map(|i| {
                    let subject =
                        trip.place.subjects[(i as usize + trip.turn) % trip.place.subjects.len()];
                    (moment(&trip, subject, &mut rng), subject)
                })
                .collect();
            pictures.sort_by_key(|p| p.0);
            for (taken, subject) in pictures {
                let index = plans.len();
                let number = &mut numbers[trip.body];
                *number += 1 + rng.below(4) as u32;
                let number = *number % 10_000;
                plans.push(self.picture(index, number, &trip, taken, subject, &mut rng));
            }
        }
        plans
    }

    fn picture(
        &self,
        index: usize,
        number: u32,
        trip: &Trip,
        taken: LocalTime,
        subject: Subject,
        rng: &mut Rng,
    ) -> SamplePlan {
        let body = &BODIES[trip.body];
        let format = if self.jpeg_only {
            camera_jpeg(rng)
        } else {
            self.format(index, rng)
        };
        let (mut width, mut height) = self.size(format, rng);
        let upright = matches!(
            subject,
            Subject::Flower
                | Subject::FogForest
                | Subject::Aurora
                | Subject::Stars
                | Subject::City
                | Subject::Cup
        );
        if rng.chance(if upright { 0.45 } else { 0.2 }) {
            (width, height) = (height, width);
        }
        // A camera turned on its side stores what its sensor saw and notes which way was up.
        let orientation = if !format.holds_exif() || matches!(format, SampleFormat::Tiff { .. }) {
            1
        } else if height > width {
            *rng.pick(&[6, 6, 6, 8, 8, 1])
        } else if rng.chance(0.04) {
            3
        } else {
            1
        };
        let stem = match rng.below(14) {
            0 => format!("{} {number:04}", trip.place.folder.trim_end_matches(" 🌊")),
            1 => format!("{}{number:04} (1)", body.prefix),
            2 => format!("{}{number:04}-übersicht", body.prefix),
            3 if subject == Subject::Sea => format!("Sonnenuntergang 🌅 {number:04}"),
            3 if subject == Subject::Flower => format!("Blüte 🌼 {number:04}"),
            _ => format!("{}{number:04}", body.prefix),
        };
        let folder = format!(
            "{}/{}-{:02} {}",
            trip.year, trip.year, trip.month, trip.place.folder
        );
        let (lens, shortest, longest, widest) = *rng.pick(body.lenses);
        let dark = matches!(
            subject,
            Subject::Stars | Subject::Aurora | Subject::City | Subject::Fireworks | Subject::Bokeh
        );
        let f_number_tenths = if dark || body.lenses.len() == 1 {
            widest
        } else {
            *rng.pick(&[widest, 40, 56, 80, 110])
        }
        .max(widest);
        let exposure_s = match subject {
            Subject::Stars => *rng.pick(&[(15, 1), (20, 1), (25, 1)]),
            Subject::Aurora => *rng.pick(&[(4, 1), (6, 1), (8, 1)]),
            Subject::Fireworks => *rng.pick(&[(2, 1), (3, 1)]),
            Subject::City | Subject::Bokeh => *rng.pick(&[(1, 4), (1, 15), (1, 30)]),
            Subject::Cup | Subject::FogForest => *rng.pick(&[(1, 60), (1, 125)]),
            _ => *rng.pick(&[(1, 125), (1, 250), (1, 320), (1, 500), (1, 1000), (1, 1600)]),
        };
        let position = (!rng.chance(0.12)).then(|| {
            let spread = if subject == Subject::AboveClouds {
                0.4
            } else {
                0.02
            };
            (
                trip.place.latitude + f64::from(rng.bell()) * spread,
                trip.place.longitude + f64::from(rng.bell()) * spread,
                (trip.place.altitude_m + f64::from(rng.bell()) * trip.place.altitude_m * 0.04)
                    .max(1.0),
            )
        });
        SamplePlan {
            path: PathBuf::from(format!("{folder}/{stem}.{}", format.extension())),
            width,
            height,
            orientation,
            format,
            subject,
            scene_seed: rng.bits(),
            shot: Shot {
                make: body.make,
                model: body.model,
                lens,
                f_number_tenths,
                exposure_s,
                iso: if dark {
                    *rng.pick(&[800, 1600, 3200, 6400])
                } else {
                    *rng.pick(&[64, 100, 100, 200, 400])
                },
                focal_length_mm: shortest + rng.below((longest - shortest + 1) as usize) as u32,
                taken,
                place: trip.place.name,
                position,
                artist: ARTISTS[trip.body],
            },
        }
    }

    /// Mostly JPEG; every other format comes up early, so that a small set has several and one of 50 has all.
    fn format(&self, index: usize, rng: &mut Rng) -> SampleFormat {
        match (index / 50, index % 50) {
            (_, 3 | 33) => SampleFormat::Png { bits: 8 },
            (_, 6 | 40) => SampleFormat::WebP { quality: 86 },
            (_, 9) => SampleFormat::Tiff { bits: 8 },
            (_, 13) => SampleFormat::Png { bits: 16 },
            (_, 26) => SampleFormat::Tiff { bits: 16 },
            (0, 16) => SampleFormat::Gif,
            (0, 19) => SampleFormat::Bmp,
            (0, 22) => SampleFormat::Qoi,
            (0, 29) => SampleFormat::Tga,
            (0, 36) => SampleFormat::Pnm,
            (0, 43) => SampleFormat::Hdr,
            (0, 47) => SampleFormat::Exr,
            (_, 11) => SampleFormat::Jpeg {
                quality: 90,
                chroma: ChromaSubsampling::Yuv420,
                progressive: true,
                grey: false,
            },
            (_, 24) => SampleFormat::Jpeg {
                quality: 90,
                chroma: ChromaSubsampling::Yuv444,
                progressive: false,
                grey: true,
            },
            _ => camera_jpeg(rng),
        }
    }

    fn size(&self, format: SampleFormat, rng: &mut Rng) -> (u32, u32) {
        let (low, high) = (
            self.megapixels.start().max(0.01),
            self.megapixels.end().max(0.01),
        );
        let steps = (high / low).log2().max(0.0).floor() as usize + 1;
        let megapixels = (low * (1u32 << rng.below(steps).min(20)) as f64).min(high);
        // The formats that are held whole while being written stay small, as they are in practice.
        let megapixels = match format {
            SampleFormat::Gif => megapixels.min(0.4),
            SampleFormat::Bmp
            | SampleFormat::Qoi
            | SampleFormat::Tga
            | SampleFormat::Pnm
            | SampleFormat::Hdr
            | SampleFormat::Exr => megapixels.min(2.0),
            SampleFormat::Jpeg {
                progressive: true, ..
            } => megapixels.min(6.0),
            _ => megapixels,
        };
        let aspect = match rng.below(12) {
            0..=5 => 3.0 / 2.0,
            6..=8 => 4.0 / 3.0,
            9 => 16.0 / 9.0,
            10 => 1.0,
            _ => 2.0,
        };
        let width = (megapixels * 1e6 * aspect).sqrt();
        let mut width = ((width / 16.0).round() as u32 * 16).max(16);
        if matches!(format, SampleFormat::WebP { .. }) {
            width = width.min(16_368);
        }
        let height = ((megapixels * 1e6 / f64::from(width) / 8.0).round() as u32 * 8).max(16);
        (width, height)
    }
}

fn camera_jpeg(rng: &mut Rng) -> SampleFormat {
    let chroma = match rng.below(10) {
        0 => ChromaSubsampling::Yuv444,
        1 => ChromaSubsampling::Yuv422,
        _ => ChromaSubsampling::Yuv420,
    };
    SampleFormat::Jpeg {
        quality: 88 + rng.below(5) as u8,
        chroma,
        progressive: false,
        grey: false,
    }
}

struct Trip {
    place: &'static Place,
    year: u16,
    month: u8,
    day: u8,
    days: u8,
    count: u32,
    body: usize,
    /// Where in the place's list of subjects to begin.
    turn: usize,
}

/// Shares the pictures out to trips of a dozen or so, in order of time.
fn trips(count: u32, rng: &mut Rng) -> Vec<Trip> {
    let wanted = (count.div_ceil(6) as usize).clamp(1, PLACES.len() * 2);
    let mut order: Vec<usize> = (0..PLACES.len()).collect();
    let mut trips: Vec<Trip> = (0..wanted)
        .map(|i| {
            if i % PLACES.len() == 0 {
                for k in (1..order.len()).rev() {
                    order.swap(k, rng.below(k + 1));
                }
            }
            let place = &PLACES[order[i % PLACES.len()]];
            let share = count / wanted as u32 + u32::from((i as u32) < count % wanted as u32);
            Trip {
                place,
                year: 2021 + rng.below(5) as u16,
                month: *rng.pick(place.months),
                day: rng.below(26) as u8 + 1,
                days: rng.below(2) as u8 + 1,
                count: share,
                body: rng.below(BODIES.len()),
                turn: rng.below(place.subjects.len()),
            }
        })
        .collect();
    trips.sort_by_key(|t| (t.year, t.month, t.day));
    trips
}

fn moment(trip: &Trip, subject: Subject, rng: &mut Rng) -> LocalTime {
    let hours: &[u8] = match subject {
        Subject::Stars | Subject::Aurora | Subject::Moon | Subject::Fireworks => &[21, 22, 23],
        Subject::City | Subject::Bokeh => &[19, 20, 21],
        Subject::Sea | Subject::Mist => &[6, 7, 18, 19],
        Subject::FogForest => &[7, 8, 9],
        Subject::Cup => &[8, 9, 15, 16],
        _ => &[9, 10, 11, 13, 14, 15, 16, 17],
    };
    LocalTime {
        year: trip.year,
        month: trip.month,
        day: trip.day + rng.below(usize::from(trip.days)) as u8,
        hour: *rng.pick(hours),
        minute: rng.below(60) as u8,
        second: rng.below(60) as u8,
        utc_offset_min: trip.place.utc_offset_min,
    }
}
