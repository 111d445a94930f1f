//! `pixelbank info`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use pixelbank::cache::{CacheOptions, Level};
use pixelbank::codec::{Decoder, Input, Limits, Metadata, open};
use pixelbank::image::{Access, ImageSpec, StoredSample};
use pixelbank::memory::{Account, format_bytes};
use serde_json::{Value, json};

use crate::arguments::{Budget, Info};

/// Bytes that reading a header may take, reserved for one file at a time.
const HEADER_BYTES: u64 = 4 << 20;

/// Describes each file; goes on after one that cannot be read.
pub fn run(options: &Info, budget: &Budget) -> anyhow::Result<ExitCode> {
    let bank = budget.open()?.bank;
    let holder = bank.holder(Account::Scratch, "reading headers", "info");
    let mut out = io::stdout().lock();
    let mut failed = 0;
    let mut documents = Vec::new();
    for path in &options.files {
        let _paid = holder.try_reserve(HEADER_BYTES)?;
        let described = Input::path(path)
            .and_then(|input| open(input, &Limits::default()))
            .and_then(|mut decoder| {
                let blocks = decoder.metadata()?;
                let metadata = Metadata::read(&blocks, decoder.info().format);
                Ok((decoder, metadata))
            });
        match described {
            Ok((decoder, metadata)) if options.json => {
                documents.push(document(path, &*decoder, &metadata))
            }
            Ok((decoder, metadata)) => print(&mut out, path, &*decoder, &metadata)?,
            Err(error) => {
                failed += 1;
                if options.json {
                    documents.push(
                        json!({ "path": path.to_string_lossy(), "error": error.to_string() }),
                    );
                } else {
                    eprintln!("pixelbank: {error}");
                }
            }
        }
    }
    if options.json {
        serde_json::to_writer_pretty(&mut out, &documents)?;
        writeln!(out)?;
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn access(access: Access) -> String {
    match access {
        Access::Chunks(size) => format!("chunks of {size}"),
        Access::Pass => "from the top".to_owned(),
    }
}

fn print(
    out: &mut impl Write,
    path: &Path,
    decoder: &dyn Decoder,
    metadata: &Metadata,
) -> anyhow::Result<()> {
    let info = decoder.info();
    writeln!(out, "{}", path.display())?;
    for (n, spec) in info.subimages.iter().enumerate() {
        let size = spec.orientation.displayed(spec.size());
        let megapixels = size.pixels() as f64 / 1e6;
        let which = if info.subimages.len() > 1 {
            format!("image {n}: ")
        } else {
            String::new()
        };
        write!(
            out,
            "  {which}{} {size}, {megapixels:.1} MP, {}",
            info.format, spec.format
        )?;
        if let Some(channels) = &spec.channels {
            let names: Vec<&str> = channels.list.iter().map(|channel| &*channel.name).collect();
            write!(out, " ({})", names.join(", "))?;
        }
        if spec.stored.sample != StoredSample::of(spec.format.sample) {
            write!(out, ", in the file {}", spec.stored.sample)?;
        }
        if spec.orientation.to_exif() != 1 {
            write!(
                out,
                ", stored as {} (orientation {})",
                spec.size(),
                spec.orientation.to_exif()
            )?;
        }
        if let Some(icc) = &spec.icc {
            write!(out, ", ICC profile of {}", format_bytes(icc.len() as u64))?;
        }
        writeln!(out)?;
        let levels: Vec<String> = spec
            .levels
            .iter()
            .map(|level| level.size.to_string())
            .collect();
        writeln!(
            out,
            "    levels {}, read {}",
            levels.join(", "),
            access(spec.levels[0].access)
        )?;
    }
    let mut group = None;
    for entry in &metadata.entries {
        if group.replace(entry.group) != Some(entry.group) {
            writeln!(out, "  {}", entry.group.name())?;
        }
        writeln!(out, "    {}: {}", entry.name, entry.value)?;
    }
    Ok(())
}

fn document(path: &Path, decoder: &dyn Decoder, metadata: &Metadata) -> Value {
    let info = decoder.info();
    let subimage = |spec: &ImageSpec| {
        let size = spec.orientation.displayed(spec.size());
        json!({
            "width": size.width,
            "height": size.height,
            "format": spec.format.to_string(),
            "channels": spec.format.channels.count(),
            "bytes_per_sample": spec.format.sample.bytes(),
            "file": {
                "sample": spec.stored.sample.to_string(),
                "layout": spec.stored.layout.to_string(),
                "channels": (0..spec.format.channels.count()).map(|number| json!({
                    "name": spec.channel_name(number),
                    "sample": spec.channel_sample(number).to_string(),
                })).collect::<Vec<_>>(),
            },
            "cache": {
                "sample": StoredSample::of(spec.format.sample).to_string(),
                "levels": Level::all(spec, CacheOptions::DEFAULT_TILE).map(|level| json!({
                    "width": level.size.width,
                    "height": level.size.height,
                    "tile_width": level.tile.width,
                    "tile_height": level.tile.height,
                })).collect::<Vec<_>>(),
            },
            "orientation": spec.orientation.to_exif(),
            "icc_bytes": spec.icc.as_ref().map(|icc| icc.len()),
            "levels": spec.levels.iter().map(|level| json!({
                "width": level.size.width,
                "height": level.size.height,
                "access": access(level.access),
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "path": path.to_string_lossy(),
        "format": info.format.to_string(),
        "captured": metadata.captured,
        "camera": metadata.camera,
        "lens": metadata.lens,
        "location": metadata.location.map(|at| json!({
            "latitude": at.latitude,
            "longitude": at.longitude,
            "altitude_m": at.altitude_m,
        })),
        "subimages": info.subimages.iter().map(subimage).collect::<Vec<_>>(),
        "metadata": metadata.entries.iter().map(|entry| json!({
            "group": entry.group.name(),
            "name": entry.name,
            "value": entry.value,
        })).collect::<Vec<_>>(),
    })
}
