//! IIIF over HTTP: from an address to an answer.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use pixelbank_memory::Cancel;
use tokio::sync::mpsc;

use crate::answer::{Body, CancelOnDrop, HttpError, NOSNIFF, Pieces, is_not_modified};
use crate::app::App;
use crate::encoded::Encoded;
use crate::failure;
use crate::files::FileState;
use crate::head::{ANY_ORIGIN, Origin, etag, revalidation};
use crate::iiif::{ImageDescription, ImageRequest, Target, Version, info_json, split_target};
use crate::metrics::Route;
use crate::paths::{IdError, Identity, decode_id};
use crate::produce::{self, Job, Made};

/// The answer, where it is at hand in encoded form and the file was looked at just now.
pub(crate) fn at_once(app: &App, request: &Request<Incoming>) -> Option<(Route, Response<Body>)> {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    if path.ends_with("/info.json") {
        return None;
    }
    let encoded = app.encoded.get(path)?;
    if !encoded.is_current() || !app.files.is_trusted(&encoded.file) {
        return None;
    }
    let headers = request.headers();
    let origin = Origin::of(headers, app.trusts_forwarded);
    let response = respond(&encoded, headers, origin).ok()?;
    Some((Route::Image, response))
}

/// What is sent for an answer in encoded form: all of it, or that it has not changed.
fn respond(
    encoded: &Arc<Encoded>,
    asked: &HeaderMap,
    origin: Origin<'_>,
) -> Result<Response<Body>, HttpError> {
    let head = &encoded.head;
    if is_not_modified(asked, &head.etag, Some(head.modified)) {
        return Ok(not_modified(&head.etag, head.modified));
    }
    let mut response = Response::new(Body::from(encoded.body()));
    *response.headers_mut() = head.headers_for(origin)?;
    Ok(response)
}

fn not_modified(etag: &str, modified: SystemTime) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = revalidation(etag, modified);
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    response
}

/// The answer to any request below `/iiif/`.
pub(crate) async fn answer(app: &Arc<App>, request: Request<Incoming>) -> (Route, Response<Body>) {
    let (route, result) = match *request.method() {
        Method::GET | Method::HEAD => route(app, &request).await,
        Method::OPTIONS => (Route::Iiif, Ok(preflight())),
        _ => (Route::Iiif, Err(wrong_method())),
    };
    let mut response = result.unwrap_or_else(HttpError::into_text);
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, OPTIONS"),
        );
    }
    (route, with_cors(response))
}

async fn route(
    app: &Arc<App>,
    request: &Request<Incoming>,
) -> (Route, Result<Response<Body>, HttpError>) {
    match split_target(request.uri().path()) {
        None => (
            Route::Iiif,
            Err(HttpError::not_found(
                "No IIIF address has this form; slashes within an identifier must be written %2F.",
            )),
        ),
        Some(Target::Base { version, id }) => {
            (Route::Iiif, redirect(app, request, version.number(), id))
        }
        Some(Target::Info { version, id }) => (Route::Info, info(app, request, version, id).await),
        Some(Target::Image {
            version,
            id,
            parameters,
        }) => {
            let parsed = ImageRequest::parse_encoded(version, parameters);
            let result = match parsed {
                Ok(parsed) => image(app, request, id, parsed).await,
                Err(error) => Err(failure::of_request(&error)),
            };
            (Route::Image, result)
        }
    }
}

/// 303 to the description, as the standard wants it.
fn redirect(
    app: &App,
    request: &Request<Incoming>,
    version: u8,
    id: &str,
) -> Result<Response<Body>, HttpError> {
    path_of(id)?;
    let origin = Origin::of(request.headers(), app.trusts_forwarded).checked()?;
    let location = format!("{origin}/iiif/{version}/{id}/info.json");
    let location = HeaderValue::from_str(&location)
        .map_err(|_| HttpError::new(StatusCode::BAD_REQUEST, "The identifier is no identifier."))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// The description of an image.
async fn info(
    app: &Arc<App>,
    request: &Request<Incoming>,
    version: Version,
    id: &str,
) -> Result<Response<Body>, HttpError> {
    let headers = request.headers();
    let origin = Origin::of(headers, app.trusts_forwarded).checked()?;
    let file = app.files.get(&path_of(id)?);
    let (identity, _) = look(app, &file).await?;
    let media_type = if wants_json_ld(headers) {
        "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\""
    } else {
        "application/json"
    };
    let media_type = match version {
        Version::V2 => media_type.split(';').next().unwrap_or(media_type),
        Version::V3 => media_type,
    };
    let base_uri = format!("{origin}/iiif/{}/{id}", version.number());
    let etag = etag(&identity, &format!("{base_uri} {media_type}"));
    let modified = identity.modified();
    let mut response = if is_not_modified(headers, &etag, Some(modified)) {
        not_modified(&etag, modified)
    } else {
        let cancel = Cancel::new();
        let _given_up = CancelOnDrop(cancel.clone());
        let work = {
            let app = app.clone();
            move || produce::describe(&app, file.path(), &cancel)
        };
        let (size, tile) = app
            .workers
            .run(work)
            .await
            .unwrap_or_else(|| Err(failed()))?;
        let description = ImageDescription {
            base_uri: &base_uri,
            size,
            tile,
        };
        let mut response = Response::new(Body::from(Bytes::from(info_json(version, &description))));
        *response.headers_mut() = revalidation(&etag, modified);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Whether the client names JSON-LD and does not refuse it.
fn wants_json_ld(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next() == Some("application/ld+json")
                && !parts.any(|part| {
                    part.starts_with("q=0")
                        && !part.contains(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
                })
        })
}

/// The pixels that were asked for.
async fn image(
    app: &Arc<App>,
    request: &Request<Incoming>,
    id: &str,
    parsed: ImageRequest,
) -> Result<Response<Body>, HttpError> {
    let headers = request.headers();
    let target = request.uri().path();
    let origin = Origin::of(headers, app.trusts_forwarded).checked()?;
    let file = app.files.get(&path_of(id)?);
    let (identity, generation) = look(app, &file).await?;
    // Who has this tag has had the answer, so it was right; a date alone proves nothing.
    let tag = etag(&identity, target);
    if is_not_modified(headers, &tag, None) {
        return Ok(not_modified(&tag, identity.modified()));
    }
    // The file was looked at anew; the answer may be right still.
    if let Some(encoded) = app.encoded.get(target) {
        if encoded.is_current() {
            return respond(&encoded, headers, origin);
        }
        app.encoded.remove(target);
    }
    let job = Arc::new(Job {
        target: target.into(),
        id: id.into(),
        request: parsed,
        file,
        identity,
        generation,
        origin: origin.to_string().into(),
    });
    let made = app
        .flights
        .join(target, |cancel| make(app.clone(), job.clone(), cancel))
        .await
        .unwrap_or_else(|| Err(failed()))?;
    match made {
        Made::Whole(encoded) => respond(&encoded, headers, origin),
        Made::Large(head) => {
            if is_not_modified(headers, &head.etag, Some(head.modified)) {
                return Ok(not_modified(&head.etag, head.modified));
            }
            let body = if request.method() == Method::HEAD {
                Body::empty()
            } else {
                large(app, job).await?
            };
            let mut response = Response::new(body);
            *response.headers_mut() = head.headers_for(origin)?;
            Ok(response)
        }
    }
}

async fn make(app: Arc<App>, job: Arc<Job>, cancel: Cancel) -> Result<Made, HttpError> {
    let work = {
        let app = app.clone();
        move || produce::produce(&app, &job, &cancel)
    };
    app.workers.run(work).await.unwrap_or_else(|| Err(failed()))
}

/// Starts to make a large answer. Comes back with the first piece, so that what goes wrong before has a status.
async fn large(app: &Arc<App>, job: Arc<Job>) -> Result<Body, HttpError> {
    let (sender, mut rest) = mpsc::channel(produce::MAX_PIECES);
    let cancel = Cancel::new();
    let on_drop = CancelOnDrop(cancel.clone());
    let work = {
        let app = app.clone();
        move || produce::stream(&app, &job, &cancel, &sender)
    };
    let task = {
        let app = app.clone();
        async move { app.streams.run(work).await }
    };
    tokio::spawn(task);
    let first = rest.recv().await.unwrap_or_else(|| Err(failed()))?;
    Ok(Body::Pieces(Pieces {
        first: Some(first),
        rest,
        _on_drop: on_drop,
    }))
}

/// Which file it is, and in which state; looks at it where that was not done just now.
pub(crate) async fn look(
    app: &Arc<App>,
    file: &Arc<FileState>,
) -> Result<(Identity, u32), HttpError> {
    if app.files.is_trusted(file)
        && let Some(known) = app.files.known(file)
    {
        return Ok(known);
    }
    let (app, file) = (app.clone(), file.clone());
    let looked = tokio::task::spawn_blocking(move || {
        app.files
            .look(&app.root, &file, || app.cache.invalidate(file.path()))
    });
    match looked.await {
        Ok(result) => result.map_err(|error| failure::of_file(&error)),
        Err(_) => Err(failed()),
    }
}

/// A panic: a fault of ours, which has been reported where it happened.
pub(crate) fn failed() -> HttpError {
    HttpError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong inside the program.",
    )
}

pub(crate) fn path_of(id: &str) -> Result<Vec<u8>, HttpError> {
    decode_id(id).map_err(|error| {
        let status = match error {
            IdError::Encoding => StatusCode::BAD_REQUEST,
            // Whether something is there outside of the folder is nobody's business.
            IdError::Path => StatusCode::NOT_FOUND,
        };
        HttpError::new(status, format!("{error}."))
    })
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Accept, Authorization, If-Modified-Since, If-None-Match, Range",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn wrong_method() -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Images can only be read: GET, HEAD or OPTIONS.",
    )
}

/// Every page on the web may read what is below `/iiif/`: that is what the standard is for.
pub(crate) fn with_cors(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}
