//! What goes wrong below the server, as a status and a sentence.

use std::io;

use http::StatusCode;
use pixelbank_memory::{Account, Shortage};

use crate::answer::HttpError;
use crate::iiif;

/// The request breaks the standard's rules, or asks for more than we do.
pub(crate) fn of_request(error: &iiif::Error) -> HttpError {
    let status = match error.status() {
        501 => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::BAD_REQUEST,
    };
    HttpError::new(status, format!("{error}."))
}

/// 413 for what can never fit into the budget, 503 for what may fit soon.
pub(crate) fn of_memory(error: &pixelbank_memory::Error) -> HttpError {
    of_memory_for("picture", error)
}

fn of_memory_for(what: &str, error: &pixelbank_memory::Error) -> HttpError {
    use pixelbank_memory::Error;
    match error {
        Error::NeverFits(_) => HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The memory budget is too small for this {what}: {error}."),
        ),
        Error::NoRoom(_) | Error::TimedOut(_) | Error::OutOfMemory { .. } => HttpError::busy(
            format!("There is no memory for this {what} just now: {error}."),
        ),
        Error::Cancelled => HttpError::busy(format!("The work on this {what} was given up.")),
        _ => internal(error),
    }
}

pub(crate) fn of_codec(error: &pixelbank_codec::Error) -> HttpError {
    use pixelbank_codec::Error;
    let status = match error {
        Error::UnknownFormat { .. } => StatusCode::NOT_FOUND,
        Error::Unsupported { .. } => StatusCode::NOT_IMPLEMENTED,
        Error::LimitExceeded { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Io { source, .. } => return of_file(source),
        // The standard has no status of its own for a file that is damaged.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    HttpError::new(status, format!("{error}."))
}

/// A model takes room piece by piece as it is read. Where what it has by itself and what it wants are more than the limit,
/// it can never fit, whatever others give up.
fn fills_the_budget(owner: &str, figures: &Shortage) -> bool {
    let holders = figures.holders.iter();
    let own: u64 = holders
        .filter(|(account, _, holder, _)| *account == Account::Meshes && holder == owner)
        .map(|(_, _, _, amount)| amount)
        .sum();
    own.saturating_add(figures.requested) > figures.limit
}

pub(crate) fn of_mesh(error: &pixelbank_mesh::Error) -> HttpError {
    use pixelbank_mesh::Error;
    let status = match error {
        Error::UnknownFormat { .. } => StatusCode::NOT_FOUND,
        Error::Unsupported { .. } => StatusCode::NOT_IMPLEMENTED,
        Error::LimitExceeded { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Malformed { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Memory { name, source } => {
            return match source {
                pixelbank_memory::Error::NoRoom(figures)
                | pixelbank_memory::Error::TimedOut(figures)
                    if fills_the_budget(name, figures) =>
                {
                    of_memory_for(
                        "model",
                        &pixelbank_memory::Error::NeverFits(figures.clone()),
                    )
                }
                _ => of_memory_for("model", source),
            };
        }
        Error::Io { source, .. } => return of_file(source),
        _ => return internal(error),
    };
    HttpError::new(status, format!("{error}."))
}

pub(crate) fn of_cache(error: &pixelbank_cache::Error) -> HttpError {
    use pixelbank_cache::Error;
    match error {
        Error::Codec(error) | Error::Tile { cause: error, .. } => of_codec(error),
        Error::Memory(error) => of_memory(error),
        Error::GaveUp { .. } => {
            HttpError::busy(format!("This picture takes long to load: {error}."))
        }
        _ => internal(error),
    }
}

pub(crate) fn of_pipeline(error: &pixelbank_pipeline::Error) -> HttpError {
    use pixelbank_pipeline::Error;
    match error {
        Error::Memory(error) => of_memory(error),
        Error::Codec(error) => of_codec(error),
        Error::Cache(error) => of_cache(error),
        Error::Unsupported { .. } => {
            HttpError::new(StatusCode::NOT_IMPLEMENTED, format!("{error}."))
        }
        _ => internal(error),
    }
}

/// A file that cannot be opened. What lies outside of the folder is told as what is not there.
pub(crate) fn of_file(error: &io::Error) -> HttpError {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory => HttpError::not_found("There is no file of this name here."),
        // Too many links in a row, where the name of that kind is not stable.
        _ if error.raw_os_error() == Some(libc::ELOOP) => {
            HttpError::not_found("There is no file of this name here.")
        }
        _ => internal(error),
    }
}

fn internal(error: &dyn std::fmt::Display) -> HttpError {
    HttpError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("This did not work: {error}."),
    )
}
