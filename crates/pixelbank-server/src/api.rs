//! What the web page asks for, as JSON, and the figures for machines.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use pixelbank_analyzer::View;
use pixelbank_memory::{Cancel, Mark, Trace};
use serde::{Deserialize, Serialize};

use crate::answer::{Body, CancelOnDrop, HttpError, NOSNIFF, text};
use crate::app::App;
use crate::detail::{Detail, detail};
use crate::images;
use crate::library::{self, Listed, Order, Sort};
use crate::metrics;
use crate::models;
use crate::paths::encode_id;

/// Images that one request lists at most.
const MAX_LISTED: u64 = 2000;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/api/images", get(images))
        .route("/api/aspects", get(aspects))
        .route("/api/folders", get(folders))
        .route("/api/image/{*id}", get(image))
        .route("/api/models", get(models::list))
        .route("/api/model/{*id}", get(models::model))
        .route("/api/ledger", get(ledger))
        .route("/api/mark", post(mark))
        .route("/api/traces", get(traces))
        .route("/api/rescan", post(rescan))
        .route("/metrics", get(prometheus))
        .route("/healthz", get(|| async { "ok" }))
        .fallback(page)
        .method_not_allowed_fallback(|| async {
            ApiError(HttpError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "This address does not know that method.",
            ))
        })
        .with_state(app)
}

/// An error that is told as JSON.
#[derive(Debug)]
pub(crate) struct ApiError(pub HttpError);

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        Self(error)
    }
}

impl From<QueryRejection> for ApiError {
    fn from(error: QueryRejection) -> Self {
        Self(HttpError::new(StatusCode::BAD_REQUEST, error.body_text()))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_json().map(axum::body::Body::new)
    }
}

/// JSON that must not be kept: it is about this moment.
pub(crate) struct Fresh<T>(pub T);

impl<T: Serialize> IntoResponse for Fresh<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        response
    }
}

#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    offset: u64,
    #[serde(default = "default_limit")]
    limit: u64,
    #[serde(default)]
    sort: SortWord,
    order: Option<OrderWord>,
    #[serde(default)]
    folder: String,
}

fn default_limit() -> u64 {
    500
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SortWord {
    #[default]
    Date,
    Name,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderWord {
    Asc,
    Desc,
}

impl Listing {
    fn query(&self, library: &library::Library) -> library::Query {
        let sort = match self.sort {
            SortWord::Date => Sort::Date,
            SortWord::Name => Sort::Name,
        };
        let order = match (self.order, sort) {
            (Some(OrderWord::Asc), _) | (None, Sort::Name) => Order::Ascending,
            (Some(OrderWord::Desc), _) | (None, Sort::Date) => Order::Descending,
        };
        library::Query {
            sort,
            order,
            folder: folder_bytes(&self.folder, library),
        }
    }
}

/// The folder that is shown as `name`. One whose name is no UTF-8 is shown with replacement characters, and the page
/// knows no other name for it.
fn folder_bytes(name: &str, library: &library::Library) -> Box<[u8]> {
    if name.contains(char::REPLACEMENT_CHARACTER) {
        let (_, folders) = library.folders();
        let shown = |path: &[u8]| String::from_utf8_lossy(path) == name;
        if let Some(folder) = folders.iter().find(|folder| shown(&folder.path)) {
            return folder.path.clone();
        }
    }
    name.as_bytes().into()
}

#[derive(Debug, Serialize)]
struct ImagesBody {
    total: u64,
    offset: u64,
    scan: ScanBody,
    revision: u64,
    images: Vec<ImageBody>,
}

#[derive(Debug, Serialize)]
struct ScanBody {
    state: &'static str,
    found: u64,
    indexed: u64,
}

impl From<library::ScanState> for ScanBody {
    fn from(scan: library::ScanState) -> Self {
        Self {
            state: if scan.is_running { "scanning" } else { "done" },
            found: scan.found,
            indexed: scan.indexed,
        }
    }
}

#[derive(Debug, Serialize)]
struct ImageBody {
    id: String,
    path: String,
    width: Option<u32>,
    height: Option<u32>,
    date: Option<String>,
    error: Option<Box<str>>,
}

impl From<Listed> for ImageBody {
    fn from(image: Listed) -> Self {
        Self {
            id: encode_id(&image.path),
            path: String::from_utf8_lossy(&image.path).into_owned(),
            width: image.size.map(|size| size.width),
            height: image.size.map(|size| size.height),
            date: image.captured.map(|date| date.to_string()),
            error: image.error,
        }
    }
}

async fn images(
    State(app): State<Arc<App>>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Fresh<ImagesBody>, ApiError> {
    let Query(listing) = listing?;
    if listing.limit > MAX_LISTED {
        return Err(HttpError::new(
            StatusCode::BAD_REQUEST,
            format!("limit can be {MAX_LISTED} at most"),
        )
        .into());
    }
    let query = listing.query(&app.library);
    let page = app.library.page(&query, listing.offset, listing.limit);
    Ok(Fresh(ImagesBody {
        total: page.total,
        offset: listing.offset,
        scan: page.scan.into(),
        revision: page.revision,
        images: page.images.into_iter().map(ImageBody::from).collect(),
    }))
}

async fn image(State(app): State<Arc<App>>, uri: Uri) -> Result<Fresh<Detail>, ApiError> {
    // As it was sent: axum would decode it, and identifiers hold encoded slashes.
    let id = uri.path().strip_prefix("/api/image/").unwrap_or_default();
    let path = images::path_of(id)?;
    let file = app.files.get(&path);
    let (identity, _) = images::look(&app, &file).await?;
    let cancel = Cancel::new();
    let _given_up = CancelOnDrop(cancel.clone());
    let work = {
        let app = app.clone();
        move || detail(&app, &path, &identity, &cancel)
    };
    let detail = app.workers.run(work).await;
    Ok(Fresh(detail.unwrap_or_else(|| Err(images::failed()))?))
}

#[derive(Debug, Serialize)]
struct AspectsBody {
    revision: u64,
    total: u64,
    aspects_permille: Vec<u64>,
}

async fn aspects(
    State(app): State<Arc<App>>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Fresh<AspectsBody>, ApiError> {
    let Query(listing) = listing?;
    let (revision, sizes) = app.library.sizes(&listing.query(&app.library));
    // A picture that is 2,000 times as high as wide still has an aspect: 0 means that none is known.
    let aspects_permille: Vec<_> = sizes
        .into_iter()
        .map(|size| {
            size.map_or(0, |size| {
                (u64::from(size.width) * 1000 / u64::from(size.height.max(1))).max(1)
            })
        })
        .collect();
    Ok(Fresh(AspectsBody {
        revision,
        total: aspects_permille.len() as u64,
        aspects_permille,
    }))
}

#[derive(Debug, Serialize)]
struct FoldersBody {
    revision: u64,
    folders: Vec<FolderBody>,
}

#[derive(Debug, Serialize)]
struct FolderBody {
    path: String,
    name: String,
    count: u64,
}

async fn folders(State(app): State<Arc<App>>) -> Fresh<FoldersBody> {
    let (revision, folders) = app.library.folders();
    let folders = folders
        .iter()
        .map(|folder| {
            let path = String::from_utf8_lossy(&folder.path).into_owned();
            let name = match path.rsplit('/').next() {
                None | Some("") => app.title.clone(),
                Some(name) => name.to_owned(),
            };
            FolderBody {
                name,
                count: folder.count,
                path,
            }
        })
        .collect();
    Fresh(FoldersBody { revision, folders })
}

#[derive(Debug, Deserialize)]
struct LedgerQuery {
    history: Option<u8>,
}

async fn ledger(
    State(app): State<Arc<App>>,
    query: Result<Query<LedgerQuery>, QueryRejection>,
) -> Result<Fresh<View>, ApiError> {
    let Query(query) = query?;
    let interval_ms = crate::server::SAMPLE_INTERVAL.as_millis() as u64;
    let with_history = query.history != Some(0);
    Ok(Fresh(View::of(
        &app.bank,
        with_history.then_some(interval_ms),
    )))
}

async fn mark(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Fresh<Mark>, ApiError> {
    refuse_other_sites(&headers)?;
    Ok(Fresh(app.bank.mark()))
}

async fn traces(State(app): State<Arc<App>>) -> Result<Fresh<Vec<Trace>>, ApiError> {
    let bank = app.bank.clone();
    let traces = app.workers.run(move || bank.traces()).await;
    Ok(Fresh(traces.ok_or_else(images::failed)?))
}

/// Browsers say where a request comes from; a page from elsewhere has no business with what changes something.
fn refuse_other_sites(headers: &HeaderMap) -> Result<(), ApiError> {
    let site = header::HeaderName::from_static("sec-fetch-site");
    if text(headers, site).is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(HttpError::new(
            StatusCode::FORBIDDEN,
            "This is for the server's own page alone.",
        )
        .into());
    }
    Ok(())
}

async fn rescan(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<(StatusCode, Fresh<ScanBody>), ApiError> {
    refuse_other_sites(&headers)?;
    app.scanner.rescan();
    Ok((StatusCode::ACCEPTED, Fresh(app.library.scan_state().into())))
}

async fn prometheus(State(app): State<Arc<App>>) -> impl IntoResponse {
    let text = app.metrics.text(
        &app.bank.ledger(),
        &app.cache.stats(),
        &app.encoded.stats(),
        app.library.scan_state(),
    );
    ([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text)
}

async fn page(
    State(app): State<Arc<App>>,
    method: http::Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if uri.path().starts_with("/api/") {
        return ApiError(HttpError::not_found("There is no such address here.")).into_response();
    }
    if method != http::Method::GET && method != http::Method::HEAD {
        return ApiError(HttpError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Pages can only be read.",
        ))
        .into_response();
    }
    let response: http::Response<Body> = app.web.respond(uri.path(), &headers);
    response.map(axum::body::Body::new)
}
