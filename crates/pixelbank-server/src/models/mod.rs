//! 3D models of the served folder: which there are, what one is made of in memory, and its arrays for display.
//!
//! A model is loaded into the books like a picture is: on the threads for work, within the budget, refused with the same
//! statuses. What was loaded stays as long as nobody needs its memory.

mod arrays;
mod describe;
mod listing;
mod store;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, Uri};
use pixelbank_memory::{Cancel, Wait};
use pixelbank_mesh::{Books, Duplicates, Format, Input, Limits, Options, read};
use serde::Deserialize;

use crate::answer::HttpError;
use crate::api::{ApiError, Fresh};
use crate::app::App;
use crate::paths::encode_id;
use crate::{failure, images};

use listing::ListBody;
pub(crate) use store::Models;
use store::{Held, Loaded};

/// What the parts of a 3MF file may inflate to: the time that it takes is not on the books.
const MAX_INFLATED_BYTES: u64 = 4 << 30;

/// `/api/models`.
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Fresh<ListBody>, ApiError> {
    if let Some(list) = app.models.listed() {
        return Ok(Fresh(list));
    }
    let start = |cancel: Cancel| {
        let app = app.clone();
        async move {
            let work = {
                let app = app.clone();
                move || app.models.list(&app, &cancel)
            };
            app.workers
                .run(work)
                .await
                .unwrap_or_else(|| Err(images::failed()))
        }
    };
    let list = app.models.walks.join("", start).await;
    Ok(Fresh(list.unwrap_or_else(|| Err(images::failed()))?))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelQuery {
    /// 1 to build what is made on demand, and say how large it is.
    derived: Option<u8>,
}

/// `/api/model/{id}` and `/api/model/{id}/arrays`; slashes within an identifier are encoded.
pub(crate) async fn model(
    State(app): State<Arc<App>>,
    query: Result<Query<ModelQuery>, QueryRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Query(query) = query?;
    // As it was sent: axum would decode it.
    let target = uri.path().strip_prefix("/api/model/").unwrap_or_default();
    let (id, wants_arrays) = match target.strip_suffix("/arrays") {
        Some(id) => (id, true),
        None => (target, false),
    };
    let held = held(&app, id).await?;
    if wants_arrays {
        return Ok(arrays::respond(&held));
    }
    let id = id.to_owned();
    let with_derived = query.derived == Some(1);
    let describe = move || describe::describe(&id, &held, with_derived);
    let description = app.workers.run(describe).await.ok_or_else(images::failed)?;
    Ok(Fresh(description).into_response())
}

/// The model of that identifier: as it was loaded before, or loaded now, once for all who ask.
async fn held(app: &Arc<App>, id: &str) -> Result<Held, HttpError> {
    let path = images::path_of(id)?;
    if Format::of_path(Path::new(OsStr::from_bytes(&path))).is_none() {
        return Err(HttpError::not_found("There is no model of this name here."));
    }
    let (identity, _) = images::look(app, &app.files.get(&path)).await?;
    if let Some(held) = app.models.get(&path, &identity) {
        return Ok(held);
    }
    let start = |cancel: Cancel| {
        let (app, path) = (app.clone(), path.clone());
        async move {
            let work = {
                let app = app.clone();
                move || load(&app, &path, &cancel)
            };
            app.workers
                .run(work)
                .await
                .unwrap_or_else(|| Err(images::failed()))
        }
    };
    // One file has many spellings; its model is loaded once.
    let loaded = app.models.flights.join(&encode_id(&path), start).await;
    loaded.unwrap_or_else(|| Err(images::failed()))
}

/// Loads the model at `path`. Blocks.
fn load(app: &App, path: &[u8], cancel: &Cancel) -> Result<Held, HttpError> {
    let start = Instant::now();
    let name = String::from_utf8_lossy(path).into_owned();
    let parent = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => &path[..slash],
        None => b"",
    };
    let opened = app.root.open_file(OsStr::from_bytes(path));
    let (file, identity) = opened.map_err(|error| failure::of_file(&error))?;
    let folder = app.root.open_folder(OsStr::from_bytes(parent));
    let folder = folder.map_err(|error| failure::of_file(&error))?;
    let wait = Wait::at_most(app.memory_wait).cancelled_by(cancel);
    let books = Books::waiting(&app.bank, &name, wait);
    let options = Options {
        limits: Limits {
            max_inflated_bytes: MAX_INFLATED_BYTES,
            ..Limits::default()
        },
        duplicates: Duplicates::Ignore,
        attributes: true,
        ..Options::default()
    };
    let read = Input::opened(file, Some(folder), &name)
        .and_then(|input| read(&input, &books, &options))
        .map_err(|error| failure::of_mesh(&error));
    if cancel.is_cancelled() {
        return Err(HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The work on this model was given up.",
        ));
    }
    let (mesh, report) = read?;
    Ok(app.models.keep(Loaded {
        path: path.into(),
        identity,
        mesh: Arc::new(mesh),
        report,
        took: start.elapsed(),
    }))
}
