//! The library's image: fed with the codestream, and asked for regions.

use std::io::{Read, Seek, SeekFrom};

use jxl_oxide::{
    AllocTracker, CropInfo, InitializeResult, JxlImage, JxlThreadPool, UninitializedJxlImage,
};

use super::container::Container;
use crate::request::{malformed, read_error, zeroed};
use crate::{Error, Format, Input};

/// Bytes that are read at a time.
const READ_BYTES: usize = 32 << 10;

/// Bytes within which the headers must be: a profile can be long.
const MAX_HEADER_BYTES: usize = 4 << 20;

/// An error of the library as one of ours: `limit` is what it was allowed to take.
pub(super) fn failed(
    name: &str,
    limit: u64,
    error: &(dyn std::error::Error + Send + Sync),
) -> Error {
    let reason = error.to_string();
    // Its types of errors are those of its many parts, and not all of them can be named.
    if reason.contains("failed to allocate") || reason.contains("out of memory") {
        return Error::LimitExceeded {
            name: name.to_owned(),
            what: "memory for its planes (bytes)",
            requested: limit.saturating_add(1),
            limit,
        };
    }
    malformed(name, Format::JpegXl, reason)
}

/// Hands the codestream over in pieces until `take` has had enough.
fn feed(
    input: &mut Input,
    container: &Container,
    mut take: impl FnMut(&[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let name = input.name().to_owned();
    let mut piece = zeroed(&name, READ_BYTES as u64)?;
    for part in &container.codestream {
        let io = |source| read_error(&name, Format::JpegXl, source);
        input.seek(SeekFrom::Start(part.start)).map_err(io)?;
        let mut left = part.end - part.start;
        while left > 0 {
            let length = READ_BYTES.min(usize::try_from(left).unwrap_or(READ_BYTES));
            input.read_exact(&mut piece[..length]).map_err(io)?;
            left -= length as u64;
            if take(&piece[..length])? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What is left of a codestream that the library did not take at once, and the image as far as it is known.
enum Progress {
    Start(Box<UninitializedJxlImage>),
    Known(Box<JxlImage>),
    Nothing,
}

/// An image of which all is loaded, or its headers: those of the picture and of its first frame.
pub(super) fn load(
    input: &mut Input,
    container: &Container,
    limit: u64,
    headers_only: bool,
) -> Result<JxlImage, Error> {
    let name = input.name().to_owned();
    let tracker = AllocTracker::with_limit(usize::try_from(limit).unwrap_or(usize::MAX));
    let builder = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(tracker);
    let mut progress = Progress::Start(Box::new(builder.build_uninit()));
    // Bytes that the library left over, with those that follow.
    let mut rest: Vec<u8> = Vec::new();
    let (mut fed, mut next_try) = (0, 0);
    feed(input, container, |piece| {
        rest.extend_from_slice(piece);
        fed += piece.len();
        progress = match std::mem::replace(&mut progress, Progress::Nothing) {
            Progress::Start(mut start) => {
                let taken = start
                    .feed_bytes(&rest)
                    .map_err(|error| failed(&name, limit, &*error))?;
                rest.drain(..taken);
                // Each try begins at the start of the header, so the longer it is, the rarer they are.
                if fed < next_try {
                    Progress::Start(start)
                } else {
                    next_try = fed * 2;
                    match start.try_init() {
                        Ok(InitializeResult::Initialized(image)) => {
                            Progress::Known(Box::new(image))
                        }
                        Ok(InitializeResult::NeedMoreData(_)) if fed > MAX_HEADER_BYTES => {
                            return Err(malformed(&name, Format::JpegXl, "its header is too long"));
                        }
                        Ok(InitializeResult::NeedMoreData(start)) => {
                            Progress::Start(Box::new(start))
                        }
                        Err(error) => return Err(failed(&name, limit, &*error)),
                    }
                }
            }
            Progress::Known(mut image) => {
                let taken = image
                    .feed_bytes(&rest)
                    .map_err(|error| failed(&name, limit, &*error))?;
                rest.drain(..taken);
                Progress::Known(image)
            }
            Progress::Nothing => Progress::Nothing,
        };
        Ok(match &progress {
            Progress::Known(image) if headers_only => image.frame(0).is_some(),
            // Animations go on; the first picture is what is shown of them.
            Progress::Known(image) => image.num_loaded_keyframes() > 0,
            _ => false,
        })
    })?;
    let early = || malformed(&name, Format::JpegXl, "it ends early");
    let image = match progress {
        Progress::Known(image) => *image,
        // The last try may have been before the last bytes came.
        Progress::Start(start) => match start.try_init() {
            Ok(InitializeResult::Initialized(image)) => image,
            Ok(InitializeResult::NeedMoreData(_)) => return Err(early()),
            Err(error) => return Err(failed(&name, limit, &*error)),
        },
        Progress::Nothing => return Err(early()),
    };
    let is_there = if headers_only {
        image.frame(0).is_some()
    } else {
        image.num_loaded_keyframes() > 0
    };
    if is_there { Ok(image) } else { Err(early()) }
}

/// The pixels of a region that the library is asked for.
pub(super) fn crop(rect: pixelbank_image::Rect) -> CropInfo {
    CropInfo {
        left: rect.x,
        top: rect.y,
        width: rect.width,
        height: rect.height,
    }
}
