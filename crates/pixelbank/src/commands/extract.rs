//! `pixelbank extract`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use pixelbank::cache::{Cache, CacheOptions, Image};
use pixelbank::codec::{Input, Limits, Region, open};
use pixelbank::image::{PixelFormat, Rect, SampleType, Size, ViewMut};
use pixelbank::memory::{Account, Buffer, Cancel, Holder, Wait};
use serde_json::json;

use crate::arguments::{Budget, Extract};
use crate::interrupt;

/// Rows are read and written in bands of about so many bytes.
const BAND_BYTES: u64 = 4 << 20;

/// One array: which pixels of a file, and where they go.
struct Piece {
    region: Region,
    format: PixelFormat,
    target: PathBuf,
}

/// Writes the arrays of all files; goes on after a file that cannot be read.
pub fn run(options: &Extract, budget: &Budget) -> anyhow::Result<ExitCode> {
    let means = budget.open()?;
    let one_array = is_npy(&options.out);
    if one_array && (options.files.len() > 1 || options.all) {
        bail!(
            "{}: one .npy file holds one array; name a folder for several",
            options.out.display()
        );
    }
    check_names(&options.files, one_array)?;
    if !one_array {
        std::fs::create_dir_all(&options.out).with_context(|| options.out.display().to_string())?;
    }
    let mut cache = CacheOptions::new("extract", |key: &OsStr| {
        open(Input::path(key)?, &Limits::default())
    });
    cache.scratch_dir = means.scratch_dir;
    let cache = Cache::new(&means.bank, cache)?;
    let holder = means.bank.holder(Account::Scratch, "rows", "extract");
    let cancel = Cancel::new();
    interrupt::on_interrupt(&cancel)?;
    let wait = Wait::forever().cancelled_by(&cancel);
    let mut failed = 0;
    for source in &options.files {
        let done = cache
            .image(source.as_os_str(), &wait)
            .map_err(anyhow::Error::from)
            .and_then(|image| {
                let mut failed = 0;
                for piece in pieces(options, source, &image)? {
                    if let Err(error) = write(&image, &piece, &holder, &wait) {
                        complain(options, source, Some(&piece), &error)?;
                        failed += 1;
                    } else if options.json {
                        report(source, &piece)?;
                    }
                }
                Ok(failed)
            });
        // Nobody asks for this file again.
        cache.invalidate(source.as_os_str());
        match done {
            Ok(pieces) => failed += pieces,
            Err(error) => {
                complain(options, source, None, &error)?;
                failed += 1;
            }
        }
        if cancel.is_cancelled() {
            bail!("ended before all files were read");
        }
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_npy(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// Files of one name from two folders would overwrite each other.
fn check_names(files: &[PathBuf], one_array: bool) -> anyhow::Result<()> {
    let mut names: HashMap<&OsStr, &Path> = HashMap::new();
    for file in files {
        let Some(name) = file.file_name() else {
            bail!("{}: not a file", file.display());
        };
        if let Some(other) = names.insert(name, file)
            && !one_array
        {
            bail!(
                "{} and {} have one name, so their arrays would have one too: extract them to two folders",
                other.display(),
                file.display()
            );
        }
    }
    Ok(())
}

/// The arrays that are wanted of a file.
fn pieces(options: &Extract, source: &Path, image: &Image) -> anyhow::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let subimages = if options.all {
        0..image.n_subimages()
    } else {
        options.subimage..options.subimage + 1
    };
    for subimage in subimages {
        if subimage >= image.n_subimages() {
            bail!(
                "{}: subimage {subimage} asked for, but there are {}",
                source.display(),
                image.n_subimages()
            );
        }
        let spec = image.spec(subimage);
        // Of all levels, those that the file has; by its number, any that can be made.
        let levels = if options.all {
            0..spec.levels.len() as u32
        } else {
            options.level..options.level + 1
        };
        for level in levels {
            let Some(size) = image.level(subimage, level).map(|at| at.size) else {
                bail!(
                    "{}: level {level} of subimage {subimage} asked for, but there are {}",
                    source.display(),
                    image.n_levels(subimage)
                );
            };
            let rect = options.region.unwrap_or(size.rect());
            rect.within(size)
                .with_context(|| source.display().to_string())?;
            let region = Region {
                subimage,
                level,
                rect,
            };
            let target = if is_npy(&options.out) {
                options.out.clone()
            } else {
                let mut name = source.file_name().unwrap_or_default().to_owned();
                name.push(format!(".{subimage}.{level}.npy"));
                options.out.join(name)
            };
            pieces.push(Piece {
                region,
                format: spec.format,
                target,
            });
        }
    }
    Ok(pieces)
}

/// Reads a piece band by band and writes it; leaves no file behind where that fails.
fn write(image: &Image, piece: &Piece, holder: &Holder, wait: &Wait) -> anyhow::Result<()> {
    let name = || piece.target.display().to_string();
    let mut file = File::create(&piece.target).with_context(name)?;
    let written = write_to(&mut file, image, piece, holder, wait);
    drop(file);
    if written.is_err() {
        let _ = std::fs::remove_file(&piece.target);
    }
    written
}

fn write_to(
    file: &mut File,
    image: &Image,
    piece: &Piece,
    holder: &Holder,
    wait: &Wait,
) -> anyhow::Result<()> {
    let name = || piece.target.display().to_string();
    let rect = piece.region.rect;
    file.write_all(&npy_header(piece.format, rect.size()))
        .with_context(name)?;
    let row_bytes = piece.format.row_bytes(rect.width) as u64;
    let rows = (BAND_BYTES / row_bytes.max(1)).clamp(1, u64::from(rect.height.max(1))) as u32;
    let mut band: Buffer = holder.buffer((row_bytes * u64::from(rows)) as usize, wait)?;
    let mut y = rect.y;
    while u64::from(y) < rect.bottom() {
        let height = rows.min((rect.bottom() - u64::from(y)) as u32);
        let size = Size::new(rect.width, height);
        let pixels = &mut band[..piece.format.image_bytes(size) as usize];
        let region = Region {
            rect: Rect::new(rect.x, y, rect.width, height),
            ..piece.region
        };
        let target = ViewMut::packed(pixels, size, piece.format)?;
        image.read(&region, target, wait)?;
        file.write_all(pixels).with_context(name)?;
        y += height;
    }
    Ok(())
}

/// The head of a file of NumPy's format, version 1.0, for an array of height, width and channels.
fn npy_header(format: PixelFormat, size: Size) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    // Pixels start at a multiple of this, so that the file can be mapped.
    const ALIGNMENT: usize = 64;
    let kind = if format.sample.is_float() { 'f' } else { 'u' };
    let order = match format.sample {
        SampleType::U8 => '|',
        _ if cfg!(target_endian = "little") => '<',
        _ => '>',
    };
    let mut text = format!(
        "{{'descr': '{order}{kind}{}', 'fortran_order': False, 'shape': ({}, {}, {}), }}",
        format.sample.bytes(),
        size.height,
        size.width,
        format.channels.count()
    );
    // The magic, the length of the text, and the line feed at its end.
    let bare = MAGIC.len() + 2 + text.len() + 1;
    let padding = bare.next_multiple_of(ALIGNMENT) - bare;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

fn report(source: &Path, piece: &Piece) -> io::Result<()> {
    let Region {
        subimage,
        level,
        rect,
    } = piece.region;
    let line = json!({
        "source": source.to_string_lossy(),
        "array": piece.target.to_string_lossy(),
        "subimage": subimage,
        "level": level,
        "region": [rect.x, rect.y, rect.width, rect.height],
        "format": piece.format.to_string(),
    });
    writeln!(io::stdout(), "{line}")
}

fn complain(
    options: &Extract,
    source: &Path,
    piece: Option<&Piece>,
    error: &anyhow::Error,
) -> io::Result<()> {
    if !options.json {
        eprintln!("pixelbank: {error:#}");
        return Ok(());
    }
    let line = json!({
        "source": source.to_string_lossy(),
        "subimage": piece.map(|piece| piece.region.subimage),
        "level": piece.map(|piece| piece.region.level),
        "error": format!("{error:#}"),
    });
    writeln!(io::stdout(), "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_arrays_are_as_numpy_writes_them() {
        let header = npy_header(PixelFormat::RGB16, Size::new(1000, 7));
        assert_eq!(header.len() % 64, 0);
        assert!(header.starts_with(b"\x93NUMPY\x01\x00\x76\x00{'descr': '"));
        let text = String::from_utf8_lossy(&header[10..]);
        assert!(text.contains("'shape': (7, 1000, 3), }"), "{text}");
        assert!(text.ends_with(" \n"), "{text:?}");
        let bytes = npy_header(PixelFormat::GRAY8, Size::new(1, 1));
        assert!(String::from_utf8_lossy(&bytes[10..]).contains("'descr': '|u1'"));
    }
}
