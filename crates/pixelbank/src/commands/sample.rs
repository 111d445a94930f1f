//! `pixelbank sample`.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use pixelbank::codec::{
    Embed, JpegOptions, JpegWriter, PngOptions, PngWriter, RowWriter, Subsampling, TiffCompression,
    TiffOptions, TiffPyramidWriter, WebPOptions, WebPWriter,
};
use pixelbank::image::{PixelFormat, Size, View};
use pixelbank::memory::Cancel;
use pixelbank_sample::{
    ChromaSubsampling, SampleFormat, SamplePlan, SampleSet, Scene, StoredRows, exif_block,
};

use crate::arguments::Sample;
use crate::{interrupt, progress};

/// Rows that are painted at a time.
const BAND_ROWS: u32 = 128;

/// Paints and writes the pictures.
pub fn run(options: &Sample) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&options.dir).with_context(|| options.dir.display().to_string())?;
    let (least, most) = options.megapixels;
    let set = SampleSet {
        count: options.count,
        megapixels: least..=most,
        seed: options.seed,
        jpeg_only: options.jpeg,
    };
    let plans = set.plan();
    let cancel = Cancel::new();
    interrupt::on_interrupt(&cancel)?;
    let bar = progress::bar(
        plans.len() as u64 + u64::from(options.pyramid.is_some()),
        "Photographs",
    );
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        // A picture each: encoders do not share their work out, painters need not.
        for _ in 0..n_threads.min(plans.len()) {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = options.dir.join(&plan.path);
                    let made = write_new(&path, &cancel, |out| write(plan, out, &cancel));
                    if let Err(error) = made {
                        if let Ok(mut failure) = failure.lock() {
                            failure.get_or_insert(error.context(path.display().to_string()));
                        }
                        cancel.cancel();
                    }
                    if cancel.is_cancelled() {
                        return;
                    }
                    bar.inc(1);
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().ok().flatten() {
        return Err(error);
    }
    if let Some(side) = options.pyramid {
        let path = options.dir.join(format!("Pyramid {side}.tif"));
        bar.set_message(format!("{side}×{side} pyramid"));
        write_new(&path, &cancel, |out| {
            write_pyramid(side, options.seed, out, &cancel)
        })
        .with_context(|| path.display().to_string())?;
        bar.inc(1);
    }
    finish(&bar, options, plans.len(), &cancel)
}

fn finish(
    bar: &ProgressBar,
    options: &Sample,
    n: usize,
    cancel: &Cancel,
) -> anyhow::Result<ExitCode> {
    bar.finish_and_clear();
    if cancel.is_cancelled() {
        bail!("ended before all photographs were made");
    }
    eprintln!("{n} photographs in {}", options.dir.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes a file under another name first, so that nobody takes a part of it for the whole.
fn write_new(
    path: &Path,
    cancel: &Cancel,
    write: impl FnOnce(BufWriter<File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let partial: PathBuf = path.with_file_name(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&partial)?;
    let written = write(BufWriter::with_capacity(1 << 20, file));
    if written.is_err() || cancel.is_cancelled() {
        let _ = std::fs::remove_file(&partial);
        return if cancel.is_cancelled() {
            Ok(())
        } else {
            written
        };
    }
    Ok(std::fs::rename(&partial, path)?)
}

/// Paints the rows band by band and passes each on.
fn rows(
    source: &StoredRows,
    cancel: &Cancel,
    mut take: impl FnMut(View<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut pixels = Vec::new();
    let mut y = 0;
    while y < source.height() && !cancel.is_cancelled() {
        let size = Size::new(source.width(), BAND_ROWS.min(source.height() - y));
        pixels.resize(PixelFormat::RGB8.image_bytes(size) as usize, 0);
        source.fill_rgb8(y, &mut pixels);
        take(View::packed(&pixels, size, PixelFormat::RGB8)?)?;
        y += size.height;
    }
    Ok(())
}

/// The same with 16 bits.
fn rows16(
    source: &StoredRows,
    cancel: &Cancel,
    mut take: impl FnMut(View<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut pixels: Vec<u16> = Vec::new();
    let mut y = 0;
    while y < source.height() && !cancel.is_cancelled() {
        let size = Size::new(source.width(), BAND_ROWS.min(source.height() - y));
        pixels.resize(size.pixels() as usize * 3, 0);
        source.fill_rgb16(y, &mut pixels);
        let bytes: Vec<u8> = pixels
            .iter()
            .flat_map(|sample| sample.to_ne_bytes())
            .collect();
        take(View::packed(&bytes, size, PixelFormat::RGB16)?)?;
        y += size.height;
    }
    Ok(())
}

fn write(plan: &SamplePlan, out: BufWriter<File>, cancel: &Cancel) -> anyhow::Result<()> {
    let source = plan.stored_rows(plan.scene(1));
    let size = Size::new(source.width(), source.height());
    let exif = exif_block(plan)?;
    let embed = Embed {
        exif: Some(&exif),
        ..Embed::default()
    };
    let mut deep = false;
    let mut writer: Box<dyn RowWriter> = match plan.format {
        SampleFormat::Jpeg {
            quality,
            chroma,
            progressive,
            grey,
        } => {
            let subsampling = match chroma {
                ChromaSubsampling::Yuv444 => Subsampling::Full,
                ChromaSubsampling::Yuv422 => Subsampling::Half,
                ChromaSubsampling::Yuv420 => Subsampling::Quarter,
            };
            let options = JpegOptions {
                quality,
                subsampling,
                progressive,
            };
            if grey {
                let mut writer = Box::new(JpegWriter::new(
                    out,
                    size,
                    PixelFormat::GRAY8,
                    &options,
                    &embed,
                )?);
                rows(&source, cancel, |band| {
                    let luma = luma(band);
                    Ok(writer.write_rows(View::packed(&luma, band.size(), PixelFormat::GRAY8)?)?)
                })?;
                return end(writer, cancel);
            }
            Box::new(JpegWriter::new(
                out,
                size,
                PixelFormat::RGB8,
                &options,
                &embed,
            )?)
        }
        SampleFormat::Png { bits } => {
            deep = bits == 16;
            let format = if deep {
                PixelFormat::RGB16
            } else {
                PixelFormat::RGB8
            };
            Box::new(PngWriter::new(
                out,
                size,
                format,
                &PngOptions::default(),
                &embed,
            )?)
        }
        SampleFormat::Tiff { bits } => {
            deep = bits == 16;
            let format = if deep {
                PixelFormat::RGB16
            } else {
                PixelFormat::RGB8
            };
            Box::new(TiffPyramidWriter::new(
                out,
                size,
                format,
                &TiffOptions::default(),
                &embed,
            )?)
        }
        SampleFormat::WebP { quality } => {
            let options = WebPOptions {
                quality,
                ..WebPOptions::default()
            };
            Box::new(WebPWriter::new(
                out,
                size,
                PixelFormat::RGB8,
                &options,
                &embed,
            )?)
        }
        other => return write_whole(other, &source, out, cancel),
    };
    if deep {
        rows16(&source, cancel, |band| Ok(writer.write_rows(band)?))?;
    } else {
        rows(&source, cancel, |band| Ok(writer.write_rows(band)?))?;
    }
    end(writer, cancel)
}

/// A writer that has not got all rows must not be finished.
fn end(writer: Box<dyn RowWriter>, cancel: &Cancel) -> anyhow::Result<()> {
    if cancel.is_cancelled() {
        Ok(())
    } else {
        Ok(writer.finish()?)
    }
}

fn luma(rgb: View<'_>) -> Vec<u8> {
    let luma = |p: &[u8]| {
        ((u32::from(p[0]) * 299 + u32::from(p[1]) * 587 + u32::from(p[2]) * 114 + 500) / 1000) as u8
    };
    rgb.rows()
        .flat_map(|row| row.chunks_exact(3).map(luma))
        .collect()
}

/// Formats that have no writer by rows; the pictures of a set that use them are small.
fn write_whole(
    format: SampleFormat,
    source: &StoredRows,
    mut out: BufWriter<File>,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let (width, height) = (source.width(), source.height());
    let mut pixels =
        Vec::with_capacity(PixelFormat::RGB8.image_bytes(Size::new(width, height)) as usize);
    rows(source, cancel, |band| {
        pixels.extend_from_slice(band.data());
        Ok(())
    })?;
    if cancel.is_cancelled() {
        return Ok(());
    }
    let linear = |sample: u8| {
        let value = f32::from(sample) / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    match format {
        SampleFormat::Hdr => {
            let light: Vec<image::Rgb<f32>> = pixels
                .chunks_exact(3)
                .map(|p| image::Rgb([linear(p[0]), linear(p[1]), linear(p[2])]))
                .collect();
            image::codecs::hdr::HdrEncoder::new(&mut out).encode(
                &light,
                width as usize,
                height as usize,
            )?;
        }
        SampleFormat::Exr => write_exr(&pixels, width as usize, height as usize, linear, &mut out)?,
        other => {
            let kind = match other {
                SampleFormat::Gif => image::ImageFormat::Gif,
                SampleFormat::Bmp => image::ImageFormat::Bmp,
                SampleFormat::Qoi => image::ImageFormat::Qoi,
                SampleFormat::Tga => image::ImageFormat::Tga,
                SampleFormat::Pnm => image::ImageFormat::Pnm,
                other => bail!("there is no writer for {other:?}"),
            };
            image::write_buffer_with_format(
                &mut out,
                &pixels,
                width,
                height,
                image::ExtendedColorType::Rgb8,
                kind,
            )?;
        }
    }
    Ok(out.flush()?)
}

fn write_exr(
    pixels: &[u8],
    width: usize,
    height: usize,
    linear: impl Fn(u8) -> f32 + Sync,
    out: &mut (impl Write + Seek),
) -> anyhow::Result<()> {
    use exr::prelude::{Encoding, Image, LayerAttributes, SpecificChannels, WritableImage};
    let light = |at: exr::prelude::Vec2<usize>| {
        let pixel = &pixels[(at.y() * width + at.x()) * 3..][..3];
        let half = |sample| half::f16::from_f32(linear(sample));
        (half(pixel[0]), half(pixel[1]), half(pixel[2]))
    };
    let layer = exr::prelude::Layer::new(
        (width, height),
        LayerAttributes::named("sample"),
        Encoding::FAST_LOSSLESS,
        SpecificChannels::rgb(light),
    );
    Ok(Image::from_layer(layer).write().to_buffered(out)?)
}

/// One large picture as scanners and telescopes make them: tiles of JPEG, with all smaller versions.
fn write_pyramid(
    side: u32,
    seed: u64,
    out: BufWriter<File>,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let source = StoredRows::new(
        Scene::of(pixelbank_sample::Subject::ALL[0], seed, side, side, threads),
        1,
    );
    let options = TiffOptions {
        compression: TiffCompression::Jpeg(90),
        ..TiffOptions::default()
    };
    let mut writer = Box::new(TiffPyramidWriter::new(
        out,
        Size::new(side, side),
        PixelFormat::RGB8,
        &options,
        &Embed::default(),
    )?);
    rows(&source, cancel, |band| Ok(writer.write_rows(band)?))?;
    end(writer, cancel)
}
