//! What every decoder checks before it works: the size that a header claims, the region that a caller asks for, and
//! the memory that both together cost.

use std::io;

use pixelbank_image::{ImageSpec, LevelSpec, Size};

use crate::{Decoder, Error, Format, ImageInfo, Limits, Region};

/// Refuses a level that is empty or larger than allowed.
pub(crate) fn check_size(
    name: &str,
    format: Format,
    size: Size,
    limits: &Limits,
) -> Result<(), Error> {
    if size.is_empty() {
        return Err(malformed(
            name,
            format,
            format!("its size is {size}, so it has no pixels"),
        ));
    }
    let side = size.width.max(size.height);
    if side > limits.max_side {
        return Err(Error::LimitExceeded {
            name: name.to_owned(),
            what: "a side",
            requested: u64::from(side),
            limit: u64::from(limits.max_side),
        });
    }
    if size.pixels() > limits.max_pixels {
        return Err(Error::LimitExceeded {
            name: name.to_owned(),
            what: "a number of pixels",
            requested: size.pixels(),
            limit: limits.max_pixels,
        });
    }
    Ok(())
}

/// Refuses a call that would need more memory than allowed.
pub(crate) fn check_working(name: &str, bytes: u64, limits: &Limits) -> Result<(), Error> {
    if bytes > limits.max_working_bytes {
        return Err(Error::LimitExceeded {
            name: name.to_owned(),
            what: "working memory (bytes)",
            requested: bytes,
            limit: limits.max_working_bytes,
        });
    }
    Ok(())
}

/// The subimage and level that `region` lies in.
///
/// # Errors
/// [`Error::BadRequest`] where one of them is not there or the rectangle reaches outside.
pub(crate) fn find<'a>(
    info: &'a ImageInfo,
    region: &Region,
    name: &str,
) -> Result<(&'a ImageSpec, LevelSpec), Error> {
    let bad = |reason: String| Error::BadRequest {
        name: name.to_owned(),
        reason,
    };
    let spec = info
        .subimages
        .get(region.subimage as usize)
        .ok_or_else(|| {
            bad(format!(
                "subimage {} asked for, but there are {}",
                region.subimage,
                info.subimages.len()
            ))
        })?;
    let level = spec.levels.get(region.level as usize).ok_or_else(|| {
        bad(format!(
            "level {} asked for, but there are {}",
            region.level,
            spec.levels.len()
        ))
    })?;
    region
        .rect
        .within(level.size)
        .map_err(|error| bad(error.to_string()))?;
    Ok((spec, *level))
}

/// Whether a region has pixels that must be decoded.
///
/// # Errors
/// Those of [`find`] and [`check_working`]: what every decoder refuses before it works.
pub(crate) fn accept(
    decoder: &dyn Decoder,
    region: &Region,
    name: &str,
    limits: &Limits,
) -> Result<bool, Error> {
    find(decoder.info(), region, name)?;
    if region.rect.is_empty() {
        return Ok(false);
    }
    check_working(name, decoder.working_bytes(region), limits)?;
    Ok(true)
}

/// A damaged file.
pub(crate) fn malformed(name: &str, format: Format, reason: impl ToString) -> Error {
    Error::Malformed {
        name: name.to_owned(),
        format,
        reason: reason.to_string(),
    }
}

/// What reading failed with: an early end is the file's fault, anything else the system's.
pub(crate) fn read_error(name: &str, format: Format, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        malformed(name, format, "it ends early")
    } else {
        Error::Io {
            name: name.to_owned(),
            source,
        }
    }
}

/// `len` zeroed bytes, or an error where the system has no memory for them.
pub(crate) fn zeroed(name: &str, len: u64) -> Result<Vec<u8>, Error> {
    let out_of_memory = || Error::Io {
        name: name.to_owned(),
        source: io::ErrorKind::OutOfMemory.into(),
    };
    let len = usize::try_from(len).map_err(|_| out_of_memory())?;
    // Fresh pages of the system are zero already, which filling them again would not notice.
    bytemuck::try_zeroed_vec(len).map_err(|()| out_of_memory())
}
