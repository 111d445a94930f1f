//! Photographs, and four threads that read them in every way: what the tests of memory measure.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use pixelbank::cache::{Cache, CacheOptions};
use pixelbank::codec::{
    Embed, Input, JpegOptions, JpegWriter, Limits, RowWriter, TiffOptions, TiffPyramidWriter, open,
};
use pixelbank::image::{PixelFormat, Rect, Size, View};
use pixelbank::memory::{Bank, Wait};
use pixelbank::pipeline::render::{Render, Renderer};
use pixelbank_sample::{Scene, StoredRows, Subject};

pub const MIB: u64 = 1 << 20;

/// A handful of photographs of 3 megapixels, some JPEG, some tiled TIFF.
pub fn photographs(dir: &Path) -> Vec<PathBuf> {
    let size = Size::new(2048, 1536);
    (0..6u64)
        .map(|n| {
            let source = StoredRows::new(
                Scene::of(Subject::ALL[n as usize * 3], n, size.width, size.height, 2),
                1,
            );
            let path = dir.join(format!("{n}.{}", if n % 3 == 2 { "tif" } else { "jpg" }));
            let out = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .unwrap();
            let embed = Embed::default();
            let mut writer: Box<dyn RowWriter> = if n % 3 == 2 {
                Box::new(
                    TiffPyramidWriter::new(
                        out,
                        size,
                        PixelFormat::RGB8,
                        &TiffOptions::default(),
                        &embed,
                    )
                    .unwrap(),
                )
            } else {
                Box::new(
                    JpegWriter::new(
                        out,
                        size,
                        PixelFormat::RGB8,
                        &JpegOptions::default(),
                        &embed,
                    )
                    .unwrap(),
                )
            };
            let mut pixels = vec![0; size.pixels() as usize * 3];
            source.fill_rgb8(0, &mut pixels);
            writer
                .write_rows(View::packed(&pixels, size, PixelFormat::RGB8).unwrap())
                .unwrap();
            writer.finish().unwrap();
            path
        })
        .collect()
}

pub fn cache(bank: &Bank) -> Cache {
    let options = CacheOptions::new("photos", |key: &OsStr| {
        open(Input::path(key)?, &Limits::default())
    });
    Cache::new(bank, options).unwrap()
}

/// Thumbnails, tiles at full size, and odd scales, by four threads.
pub fn work(bank: &Bank, cache: &Cache, photographs: &[PathBuf], rounds: u32) {
    let renderer = Renderer::new(bank, "test");
    thread::scope(|scope| {
        for seed in 0..4u32 {
            let renderer = &renderer;
            scope.spawn(move || {
                let mut random = seed.wrapping_mul(2_654_435_761) | 1;
                for _ in 0..rounds {
                    random ^= random << 13;
                    random ^= random >> 17;
                    random ^= random << 5;
                    let path = &photographs[random as usize % photographs.len()];
                    let image = cache.image(path.as_os_str(), &Wait::forever()).unwrap();
                    let full = image.spec(0).size();
                    let at = |range: u32| random / 11 % range.max(1);
                    let request = match random % 4 {
                        0 => Render::new(full.rect(), Size::new(480, 360)),
                        1 => Render::new(full.rect(), Size::new(1111, 833)),
                        _ => {
                            let rect =
                                Rect::new(at(full.width - 512), at(full.height - 512), 512, 512);
                            Render::new(rect, Size::new(512, 512))
                        }
                    };
                    renderer
                        .render(&image, 0, &request, &Wait::forever())
                        .unwrap();
                }
            });
        }
    });
}
