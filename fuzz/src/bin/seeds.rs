//! Writes the inputs that fuzzing begins with: the good and the bad files of the codec crate's tests, and
//! small meshes.
//!
//! `cargo run --bin seeds` in this folder fills `corpus/`.

#[path = "../../../crates/pixelbank-codec/tests/samples/mod.rs"]
mod samples;

use std::fs;
use std::io;
use std::path::Path;

use pixelbank_codec::MetadataBlocks;

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<(String, Vec<u8>)> = samples::all()
        .into_iter()
        .map(|sample| (sample.name, sample.bytes))
        .collect();
    for entry in fs::read_dir(here.join("../crates/pixelbank-codec/tests/bad"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read(entry.path())?));
    }
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let mut n_seeds = 0;
    for (name, bytes) in &files {
        write("any", name, bytes)?;
        let ending = name.rsplit('.').next().unwrap_or_default();
        for (target, magic, endings) in pixelbank_fuzz::FORMATS {
            if let (true, Some(rest)) = (endings.contains(&ending), bytes.strip_prefix(*magic)) {
                write(target, name, rest)?;
                n_seeds += 1;
            }
        }
        if let Some(blocks) = metadata(bytes, name) {
            for (kind, block) in [blocks.exif, blocks.xmp, blocks.iptc, blocks.icc]
                .into_iter()
                .enumerate()
            {
                if let Some(block) = block {
                    let seed = [&[kind as u8], &block[..]].concat();
                    write("metadata", &format!("{kind}-{name}"), &seed)?;
                    n_seeds += 1;
                }
            }
        }
    }
    // One small block of each kind, for files without metadata.
    write(
        "metadata",
        "exif",
        b"\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    )?;
    write(
        "metadata",
        "xmp",
        br#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li>a</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF>"#
            .iter()
            .fold(vec![1], |mut seed, &byte| {
                seed.push(byte);
                seed
            })
            .as_slice(),
    )?;
    write(
        "metadata",
        "iptc",
        b"\x02\x1c\x02\x19\0\x03abc\x1c\x02\x37\0\x0820240501",
    )?;
    for (n, (target, bytes)) in pixelbank_fuzz::mesh::seeds().into_iter().enumerate() {
        write(&format!("mesh_{target}"), &n.to_string(), &bytes)?;
        n_seeds += 1;
    }
    println!("{n_seeds} seeds of {} files, and of meshes", files.len());
    Ok(())
}

fn metadata(bytes: &[u8], name: &str) -> Option<MetadataBlocks> {
    let input = pixelbank_codec::Input::memory(bytes.into(), name);
    let mut decoder = pixelbank_codec::open(input, &pixelbank_codec::Limits::default()).ok()?;
    decoder.metadata().ok()
}
