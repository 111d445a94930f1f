//! `pixelbank thumb`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use pixelbank::cache::{Cache, CacheOptions, FileSource};
use pixelbank::codec::{
    Embed, JpegOptions, Limits, PngOptions, WebPOptions, encode_jpeg, encode_png, encode_webp,
};
use pixelbank::image::Size;
use pixelbank::memory::{Cancel, Wait};
use pixelbank::pipeline::render::{Render, Renderer};
use serde_json::json;
use walkdir::WalkDir;

use crate::arguments::{Budget, Thumb, ThumbFormat};
use crate::{interrupt, progress};

/// A picture, and the file that its thumbnail goes to.
struct Job {
    source: PathBuf,
    target: PathBuf,
}

/// Makes all thumbnails; goes on after a picture that cannot be read.
pub fn run(options: &Thumb, budget: &Budget) -> anyhow::Result<ExitCode> {
    let means = budget.open()?;
    let jobs = plan(options)?;
    let n_threads = options
        .threads
        .map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        )
        .min(jobs.len().max(1));
    let mut cache = CacheOptions::from_source("thumb", FileSource::new(Limits::default()));
    cache.decode_threads = n_threads;
    cache.scratch_dir = means.scratch_dir;
    let cache = Cache::new(&means.bank, cache)?;
    let renderer = Renderer::new(&means.bank, "thumb");
    let cancel = Cancel::new();
    interrupt::on_interrupt(&cancel)?;
    let bar = progress::bar(jobs.len() as u64, "Thumbnails");
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if cancel.is_cancelled() {
                        return;
                    }
                    let made = make(
                        &cache,
                        &renderer,
                        job,
                        options,
                        &Wait::forever().cancelled_by(&cancel),
                    );
                    // Nobody asks for this picture again.
                    cache.invalidate(job.source.as_os_str());
                    match made {
                        Ok(size) if options.json => bar.suspend(|| report(job, size)),
                        Ok(_) => {}
                        Err(error) => {
                            bar.suspend(|| eprintln!("pixelbank: {error:#}"));
                            if let Ok(mut failures) = failures.lock() {
                                failures.push(job.source.clone());
                            }
                        }
                    }
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let n_failed = failures.into_inner().map_or(0, |failures| failures.len());
    if cancel.is_cancelled() {
        anyhow::bail!("ended before all thumbnails were made");
    }
    if !options.json {
        eprintln!(
            "{} thumbnails in {}",
            jobs.len() - n_failed,
            options.out.display()
        );
    }
    if n_failed > 0 {
        eprintln!(
            "pixelbank: {n_failed} of {} pictures could not be read",
            jobs.len()
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn report(job: &Job, size: Size) {
    let line = json!({
        "source": job.source.to_string_lossy(),
        "thumbnail": job.target.to_string_lossy(),
        "width": size.width,
        "height": size.height,
    });
    let _ = writeln!(io::stdout(), "{line}");
}

/// The pictures of all sources, in order, each with a target of its own.
fn plan(options: &Thumb) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    let mut taken = HashSet::new();
    for source in &options.sources {
        let kind = std::fs::metadata(source).with_context(|| source.display().to_string())?;
        if !kind.is_dir() {
            let name = source.file_name().map(PathBuf::from).unwrap_or_default();
            jobs.push(Job {
                source: source.clone(),
                target: target(options, &name, &mut taken),
            });
            continue;
        }
        for entry in WalkDir::new(source).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() && is_image_name(entry.path()) {
                let relative = entry.path().strip_prefix(source).unwrap_or(entry.path());
                jobs.push(Job {
                    source: entry.path().to_owned(),
                    target: target(options, relative, &mut taken),
                });
            }
        }
    }
    Ok(jobs)
}

/// Endings of the files that a folder's walk takes; a file that is named is read whatever it is called.
fn is_image_name(path: &Path) -> bool {
    const ENDINGS: [&str; 24] = [
        "jpg", "jpeg", "png", "tif", "tiff", "webp", "exr", "gif", "bmp", "pbm", "pgm", "ppm",
        "pnm", "pam", "pfm", "tga", "qoi", "hdr", "jfif", "dds", "ico", "cur", "jxl", "avif",
    ];
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// A name below the output folder that no other picture has.
fn target(options: &Thumb, relative: &Path, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let extension = options.format.extension();
    let plain = options.out.join(relative.with_extension(extension));
    let stem = relative
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let numbered = (2..).map(|n| plain.with_file_name(format!("{stem}-{n}.{extension}")));
    let free = std::iter::once(plain.clone())
        .chain(numbered)
        .find(|path| !taken.contains(path));
    let free = free.unwrap_or(plain);
    taken.insert(free.clone());
    free
}

fn make(
    cache: &Cache,
    renderer: &Renderer,
    job: &Job,
    options: &Thumb,
    wait: &Wait,
) -> anyhow::Result<Size> {
    let image = cache.image(job.source.as_os_str(), wait)?;
    let spec = image.spec(0);
    let full = spec.orientation.displayed(spec.size());
    let size = fit(full, options.size);
    let mut request = Render::new(full.rect(), size);
    request.flatten = options.format == ThumbFormat::Jpg;
    request.gray_as_rgb = options.format == ThumbFormat::Webp;
    let name = || job.source.display().to_string();
    let picture = renderer
        .render(&image, 0, &request, wait)
        .with_context(name)?;
    let embed = Embed::default();
    let bytes = match options.format {
        ThumbFormat::Jpg => encode_jpeg(
            picture.view(),
            &JpegOptions {
                quality: options.quality,
                ..Default::default()
            },
            &embed,
        ),
        ThumbFormat::Png => encode_png(picture.view(), &PngOptions::default(), &embed),
        ThumbFormat::Webp => encode_webp(
            picture.view(),
            &WebPOptions {
                quality: options.quality,
                ..Default::default()
            },
            &embed,
        ),
    }
    .with_context(name)?;
    if let Some(folder) = job.target.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(&job.target, bytes).with_context(|| job.target.display().to_string())?;
    Ok(picture.size())
}

/// The size with the longer side at `side`, or the picture's own where that is smaller.
fn fit(full: Size, side: u32) -> Size {
    let longer = full.width.max(full.height);
    if longer <= side {
        return full;
    }
    let scaled = |pixels: u32| {
        let rounded =
            (u64::from(pixels) * u64::from(side) * 2 + u64::from(longer)) / (2 * u64::from(longer));
        rounded.max(1) as u32
    };
    Size::new(scaled(full.width), scaled(full.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_is_what_was_asked_for() {
        assert_eq!(fit(Size::new(6000, 4000), 480), Size::new(480, 320));
        assert_eq!(fit(Size::new(4000, 6001), 480), Size::new(320, 480));
        assert_eq!(fit(Size::new(100, 50), 480), Size::new(100, 50));
        assert_eq!(fit(Size::new(100_000, 3), 480), Size::new(480, 1));
    }
}
