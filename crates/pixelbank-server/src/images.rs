//! IIIF over HTTP: from an address to an answer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use pixelbank_codec::{Input, Limits};

use crate::answer::{Body, HttpError, NOSNIFF, is_not_modified, text};
use crate::app::App;
use crate::encoded::{Encoded, Links};
use crate::iiif::{Target, split_target};
use crate::library::Outcome;
use crate::metrics::Route;
use crate::paths::{IdError, Root, decode_id};
use crate::scan::Probe;

/// Browsers and viewers may ask again so long after; by the entity tag that costs neither side much.
pub(crate) const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("max-age=300");

const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// Where the client believes this server to be: what addresses in answers begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
}

impl<'a> Origin<'a> {
    fn of(headers: &'a HeaderMap, trusts_forwarded: bool) -> Result<Self, HttpError> {
        let forwarded = |name: &'static str| {
            let name = header::HeaderName::from_static(name);
            let value = text(headers, name).filter(|_| trusts_forwarded)?;
            // Each proxy adds its own behind those before it; the first is the one the client spoke to.
            value.split(',').next().map(str::trim)
        };
        let scheme = match forwarded("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        };
        let host = forwarded("x-forwarded-host")
            .or_else(|| text(headers, header::HOST))
            .unwrap_or("localhost");
        Ok(Self { scheme, host })
    }

    /// Refuses hosts that could not stand in an address as they are.
    fn checked(self) -> Result<Self, HttpError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte);
        if !self.host.is_empty() && self.host.bytes().all(is_plain) {
            Ok(self)
        } else {
            Err(HttpError::new(
                StatusCode::BAD_REQUEST,
                "The host of the request is no host.",
            ))
        }
    }

    fn is(&self, text: &str) -> bool {
        text.strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            == Some(self.host)
    }
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

/// Reads an image's header for the list.
pub(crate) fn probe(root: &Arc<Root>) -> Box<Probe> {
    let root = root.clone();
    Box::new(move |path| probe_one(&root, path))
}

fn probe_one(root: &Root, path: &OsStr) -> Outcome {
    let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
    let file = match root.open_file(path) {
        Ok((file, _)) => file,
        Err(error) => return Outcome::Broken(format!("{name}: {error}")),
    };
    match pixelbank_codec::open(Input::file(file, name), &Limits::default()) {
        Ok(decoder) => {
            let spec = &decoder.info().subimages[0];
            Outcome::Readable {
                size: spec.orientation.displayed(spec.levels[0].size),
                captured: None,
            }
        }
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

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
    let origin = Origin::of(headers, app.trusts_forwarded).ok()?;
    let response = respond(&encoded, headers, origin).ok()?;
    Some((Route::Image, response))
}

/// What is sent for an answer in encoded form: all of it, or that it has not changed.
fn respond(
    encoded: &Arc<Encoded>,
    asked: &HeaderMap,
    origin: Origin<'_>,
) -> Result<Response<Body>, HttpError> {
    let is_known =
        asked.contains_key(header::IF_NONE_MATCH) || asked.contains_key(header::IF_MODIFIED_SINCE);
    let body = if is_known && is_not_modified(asked, &encoded.etag, encoded.modified) {
        None
    } else {
        Some(encoded.body())
    };
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = encoded.headers.clone();
    if !origin.is(&encoded.origin) {
        let link = link_header(&encoded.links, origin.checked()?)?;
        response.headers_mut().insert(header::LINK, link);
    }
    match body {
        Some(body) => *response.body_mut() = Body::from(body),
        None => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
    }
    Ok(response)
}

/// The canonical address and the profile. One header, and no blank before the parameters: there are readers that stop at
/// either.
fn link_header(links: &Links, origin: Origin<'_>) -> Result<HeaderValue, HttpError> {
    let Links {
        canonical_path,
        profile,
    } = links;
    let link = format!("<{origin}{canonical_path}>;rel=\"canonical\", <{profile}>;rel=\"profile\"");
    HeaderValue::from_str(&link).map_err(|_| {
        HttpError::new(
            StatusCode::BAD_REQUEST,
            "The host of the request is no host.",
        )
    })
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
        Some(Target::Info { .. }) => (Route::Info, Err(HttpError::not_found(""))),
        Some(Target::Image { .. }) => (Route::Image, Err(HttpError::not_found(""))),
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
    let origin = Origin::of(request.headers(), app.trusts_forwarded)?.checked()?;
    let location = format!("{origin}/iiif/{version}/{id}/info.json");
    let location = HeaderValue::from_str(&location)
        .map_err(|_| HttpError::new(StatusCode::BAD_REQUEST, "The identifier is no identifier."))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

fn path_of(id: &str) -> Result<Vec<u8>, HttpError> {
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
