//! All that is known of one image, for the page's panel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use pixelbank_codec::Metadata;
use pixelbank_memory::{Cancel, Wait};
use serde::Serialize;

use crate::answer::HttpError;
use crate::app::App;
use crate::failure;
use crate::paths::{Identity, encode_id};
use crate::produce::{advertised_tile, displayed_size};

/// What `/api/image/{id}` answers.
#[derive(Debug, Serialize)]
pub(crate) struct Detail {
    id: String,
    path: String,
    width: Option<u32>,
    height: Option<u32>,
    bytes: u64,
    format: Option<String>,
    date: Option<String>,
    error: Option<String>,
    modified: String,
    color: Option<String>,
    levels: Vec<[u32; 2]>,
    tile: Option<[u32; 2]>,
    icc: Option<String>,
    metadata: Vec<EntryBody>,
    location: Option<LocationBody>,
}

#[derive(Debug, Serialize)]
struct EntryBody {
    group: &'static str,
    name: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct LocationBody {
    latitude: f64,
    longitude: f64,
}

/// What reading and understanding metadata takes at most: the blocks, and text made of them.
const METADATA_BYTES: u64 = 8 << 20;

/// Reads all that is known of the image at `path`. Blocks.
///
/// A file that cannot be read as an image is described as far as it goes, with the reason.
pub(crate) fn detail(
    app: &App,
    path: &[u8],
    identity: &Identity,
    cancel: &Cancel,
) -> Result<Detail, HttpError> {
    let wait = Wait::at_most(app.load_wait).cancelled_by(cancel);
    let mut detail = Detail {
        id: encode_id(path),
        path: String::from_utf8_lossy(path).into_owned(),
        width: None,
        height: None,
        bytes: identity.bytes,
        format: None,
        date: None,
        error: None,
        modified: humantime::format_rfc3339_seconds(identity.modified()).to_string(),
        color: None,
        levels: Vec::new(),
        tile: None,
        icc: None,
        metadata: Vec::new(),
        location: None,
    };
    let image = match app.cache.image(OsStr::from_bytes(path), &wait) {
        Ok(image) => image,
        Err(error) if error.codec().is_some() => {
            detail.error = Some(error.to_string());
            return Ok(detail);
        }
        Err(error) => return Err(failure::of_cache(&error)),
    };
    let spec = image.spec(0);
    let size = displayed_size(&image);
    let tile = advertised_tile(&image);
    detail.width = Some(size.width);
    detail.height = Some(size.height);
    detail.format = Some(image.format().to_string());
    detail.color = Some(spec.format.to_string());
    detail.tile = Some([tile.width, tile.height]);
    detail.levels = image
        .levels(0)
        .map(|level| spec.orientation.displayed(level.size))
        .map(|size| [size.width, size.height])
        .collect();
    let _paid = app
        .rendering
        .reserve(METADATA_BYTES, &wait)
        .map_err(|error| failure::of_memory(&error))?;
    // A picture whose metadata cannot be read is still a picture.
    let Ok(blocks) = image.metadata(&wait) else {
        return Ok(detail);
    };
    let metadata = Metadata::read(&blocks, image.format());
    detail.icc = metadata
        .entries
        .iter()
        .find(|entry| entry.name == "Colour profile")
        .map(|entry| entry.value.clone());
    // The list shows the camera's clock; so does this.
    detail.date = metadata
        .captured
        .map(|date| date.get(..19).unwrap_or(&date).to_owned());
    detail.location = metadata.location.map(|location| LocationBody {
        latitude: location.latitude,
        longitude: location.longitude,
    });
    detail.metadata = metadata
        .entries
        .into_iter()
        .map(|entry| EntryBody {
            group: entry.group.name(),
            name: entry.name,
            value: entry.value,
        })
        .collect();
    Ok(detail)
}
