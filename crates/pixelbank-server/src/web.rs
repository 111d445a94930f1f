//! The web page: files that the build put into the program, or those of a folder while the page is being developed.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::answer::{Body, HttpError, NOSNIFF, is_not_modified};

struct Asset {
    name: &'static str,
    etag: &'static str,
    bytes: &'static [u8],
}

/// What `build.rs` found below `web/dist`, sorted by folder and name.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const NOT_BUILT: &str = include_str!("not_built.html");

/// Scripts, styles and pictures from this server alone; nobody may put the page into a frame. Style attributes stay
/// allowed: viewers place their elements with them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Where the page comes from.
#[derive(Debug)]
pub struct Web {
    folder: Option<Dir>,
}

impl Web {
    /// The page in the program, or the one in `folder`.
    ///
    /// # Errors
    /// What the system says where the folder cannot be opened.
    pub fn new(folder: Option<&Path>) -> std::io::Result<Self> {
        let folder = folder
            .map(|path| Dir::open_ambient_dir(path, ambient_authority()))
            .transpose()?;
        Ok(Self { folder })
    }

    /// The file at `path` (that of the address, beginning with a slash).
    pub fn respond(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let name = match path.strip_prefix('/').unwrap_or(path) {
            "" => "index.html",
            name => name,
        };
        let mut response = match &self.folder {
            Some(folder) => from_folder(folder, name),
            None => from_program(name, headers),
        };
        let security = [
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        for (name, value) in security {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response.headers_mut().insert(
            header::HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        );
        response
            .headers_mut()
            .insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        response
    }
}

fn from_program(name: &str, headers: &HeaderMap) -> Response<Body> {
    let find = |name: &str| ASSETS.iter().find(|asset| asset.name == name);
    let Some(plain) = find(name) else {
        if name == "index.html" {
            return ok(
                "index.html",
                Bytes::from_static(NOT_BUILT.as_bytes()),
                "no-store",
            );
        }
        return missing();
    };
    // Compressed twins lie beside some files.
    let accepted = crate::answer::text(headers, header::ACCEPT_ENCODING).unwrap_or("");
    let twin = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .find_map(|(coding, ending)| {
            let asks = accepted
                .split(',')
                .any(|item| item.trim().split(';').next() == Some(coding));
            let asset = asks.then(|| find(&format!("{name}.{ending}")))??;
            Some((asset, coding))
        });
    let asset = twin.map_or(plain, |(asset, _)| asset);
    // The names of what is below `assets/` change with the content.
    let cache_control = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = if is_not_modified(headers, asset.etag, None) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(cache_control),
        );
        response
    } else {
        ok(name, Bytes::from_static(asset.bytes), cache_control)
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some((_, coding)) = twin {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// The folder holds a page of ordinary size; it is read as a whole at each request, so that a change shows at once.
fn from_folder(folder: &Dir, name: &str) -> Response<Body> {
    let mut bytes = Vec::new();
    let read = folder.open(name).and_then(|mut file| {
        if !file.metadata()?.is_file() {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => ok(name, bytes.into(), "no-store"),
        Err(_) => missing(),
    }
}

fn ok(name: &str, bytes: Bytes, cache_control: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(name)),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(cache_control),
    );
    response
}

fn missing() -> Response<Body> {
    HttpError::not_found("There is no such page here.").into_text()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_is_there_whether_built_or_not() {
        let web = Web::new(None).expect("opened");
        let response = web.respond("/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str();
        assert!(policy.is_ok_and(|p| p.starts_with("default-src 'none'")));
        assert_eq!(
            web.respond("/no/such.js", &HeaderMap::new()).status(),
            StatusCode::NOT_FOUND
        );
    }

    #[test]
    fn a_folder_shows_changes_at_once_and_nothing_outside() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("dist")).expect("made");
        std::fs::write(folder.path().join("secret.txt"), "secret").expect("written");
        std::fs::write(folder.path().join("dist/app.js"), "1").expect("written");
        let web = Web::new(Some(&folder.path().join("dist"))).expect("opened");
        let get = |path: &str| web.respond(path, &HeaderMap::new()).status();
        assert_eq!(get("/app.js"), StatusCode::OK);
        assert_eq!(get("/"), StatusCode::NOT_FOUND);
        std::fs::write(folder.path().join("dist/index.html"), "1").expect("written");
        assert_eq!(get("/"), StatusCode::OK);
        for outside in [
            "/../secret.txt",
            "/assets/../../secret.txt",
            "//etc/hosts",
            "/.",
        ] {
            assert_eq!(get(outside), StatusCode::NOT_FOUND, "{outside}");
        }
    }
}
