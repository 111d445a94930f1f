//! Files that are known to be bad: each must give the right kind of error, with a message that says what is wrong and
//! with which file. `bad/make.py` makes them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use pixelbank_codec::{Error, Format, Input, Limits, Region, open};

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Malformed,
    TooLarge,
    Unknown,
    Unsupported,
}

use Kind::{Malformed, TooLarge, Unknown, Unsupported};

/// Every file, the kind of its error and a part of the message.
const EXPECTED: &[(&str, Kind, &str)] = &[];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Opens a file and decodes all of it.
fn read(path: &Path) -> Result<(), Error> {
    let mut decoder = open(Input::path(path)?, &Limits::default())?;
    let n_subimages = decoder.info().subimages.len() as u32;
    for subimage in 0..n_subimages {
        let rect = decoder.info().subimages[subimage as usize].size().rect();
        let region = Region {
            subimage,
            level: 0,
            rect,
        };
        decoder.decode(&region, &mut |_| ControlFlow::Continue(()))?;
    }
    Ok(())
}

fn kind(error: &Error) -> Option<Kind> {
    match error {
        Error::Malformed { .. } => Some(Malformed),
        Error::LimitExceeded { .. } => Some(TooLarge),
        Error::UnknownFormat { .. } => Some(Unknown),
        Error::Unsupported { .. } => Some(Unsupported),
        _ => None,
    }
}

#[test]
fn every_bad_file_gives_its_error() {
    let mut failures = Vec::new();
    for &(name, expected, phrase) in EXPECTED {
        match read(&folder().join(name)) {
            Ok(()) => failures.push(format!("{name}: read without an error")),
            Err(error) => {
                let message = error.to_string();
                if kind(&error) != Some(expected)
                    || !message.contains(phrase)
                    || !message.contains(name)
                {
                    failures.push(format!("{name}: {:?}: {message}", kind(&error)));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_bad_file_is_in_the_table() {
    let files: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "make.py")
        .collect();
    let table: BTreeSet<String> = EXPECTED
        .iter()
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    assert_eq!(files, table);
    assert_eq!(table.len(), EXPECTED.len(), "a file stands twice");
}

#[test]
fn a_folder_a_missing_and_an_unreadable_file_are_the_systems_errors() {
    for path in [folder(), folder().join("not-there.png")] {
        let error = read(&path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn a_file_is_what_its_bytes_say_not_its_name() {
    let png: &[u8] = &{
        let pixels = [10u8, 20, 30, 40, 50, 60];
        let size = pixelbank_image::Size::new(2, 1);
        let view = pixelbank_image::View::packed(&pixels, size, pixelbank_image::PixelFormat::RGB8)
            .unwrap();
        pixelbank_codec::encode_png(view, &Default::default(), &Default::default()).unwrap()
    };
    for name in ["photo.jpg", "photo.tga", "photo", "photo.txt"] {
        let decoder = open(Input::memory(png.into(), name), &Limits::default()).unwrap();
        assert_eq!(decoder.info().format, Format::Png, "{name}");
    }
}
