//! The headers of an image's answer.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::SystemTime;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use crate::answer::{HttpError, NOSNIFF, text};
use crate::paths::Identity;

/// Browsers and viewers may use what they have for so long without asking; asking by the entity tag costs little.
pub(crate) const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("max-age=300");

pub(crate) const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// Headers, made once for all who ask.
#[derive(Debug, Clone)]
pub struct Head {
    /// The headers.
    pub headers: HeaderMap,
    /// The entity tag, as in the headers.
    pub etag: Box<str>,
    /// When the file was last written.
    pub modified: SystemTime,
    /// What the addresses in the headers begin with: scheme and host.
    origin: Box<str>,
    /// The path of the canonical address.
    canonical_path: Box<str>,
    /// The whole address of the profile.
    profile: &'static str,
}

impl Head {
    /// Headers for the answer to `target`.
    pub(crate) fn new(
        media_type: &'static str,
        identity: &Identity,
        target: &str,
        origin: &str,
        canonical_path: String,
        profile: &'static str,
    ) -> Result<Self, HttpError> {
        let etag = etag(identity, target);
        let modified = identity.modified();
        let mut headers = revalidation(&etag, modified);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        let link = link(origin, &canonical_path, profile)?;
        headers.insert(header::LINK, link);
        Ok(Self {
            headers,
            etag,
            modified,
            origin: origin.into(),
            canonical_path: canonical_path.into(),
            profile,
        })
    }

    /// The headers for a client that calls the server by `origin`.
    pub(crate) fn headers_for(&self, origin: Origin<'_>) -> Result<HeaderMap, HttpError> {
        let mut headers = self.headers.clone();
        if !origin.is(&self.origin) {
            let origin = origin.checked()?.to_string();
            let link = link(&origin, &self.canonical_path, self.profile)?;
            headers.insert(header::LINK, link);
        }
        Ok(headers)
    }
}

/// What a client needs to ask again whether something has changed.
pub(crate) fn revalidation(etag: &str, modified: SystemTime) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Both are digits and plain letters.
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(modified)) {
        headers.insert(header::LAST_MODIFIED, date);
    }
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers
}

/// A strong entity tag: the file, its state, and what was asked of it. Known without opening the file.
pub(crate) fn etag(identity: &Identity, asked: &str) -> Box<str> {
    let Identity {
        inode,
        bytes,
        modified_nanos,
    } = identity;
    let mut hasher = DefaultHasher::new();
    // Another version of this program may encode in another way.
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    asked.hash(&mut hasher);
    let asked = hasher.finish();
    format!("\"{inode:x}-{bytes:x}-{modified_nanos:x}-{asked:x}\"").into()
}

/// The canonical address and the profile. One header, and no blank before the parameters: there are readers that stop
/// at either.
fn link(origin: &str, canonical_path: &str, profile: &str) -> Result<HeaderValue, HttpError> {
    let link = format!("<{origin}{canonical_path}>;rel=\"canonical\", <{profile}>;rel=\"profile\"");
    HeaderValue::from_str(&link).map_err(|_| no_host())
}

fn no_host() -> HttpError {
    HttpError::new(
        StatusCode::BAD_REQUEST,
        "The host that the request names is no host.",
    )
}

/// Where the client believes this server to be: what addresses in answers begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
}

impl<'a> Origin<'a> {
    /// As the request's headers say.
    pub fn of(headers: &'a HeaderMap, trusts_forwarded: bool) -> Self {
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
        Self { scheme, host }
    }

    /// Refuses hosts that could not stand in an address as they are.
    pub fn checked(self) -> Result<Self, HttpError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_[]".contains(&byte);
        if !self.host.is_empty() && self.host.bytes().all(is_plain) {
            Ok(self)
        } else {
            Err(no_host())
        }
    }

    fn is(&self, text: &str) -> bool {
        text.strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            == Some(self.host)
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity {
        inode: 1,
        bytes: 2,
        modified_nanos: 3_000_000_000,
    };

    #[test]
    fn tags_differ_by_file_state_and_request() {
        let tag = etag(&IDENTITY, "/a");
        assert_eq!(tag, etag(&IDENTITY, "/a"));
        assert_ne!(tag, etag(&IDENTITY, "/b"));
        for other in [
            Identity {
                inode: 9,
                ..IDENTITY
            },
            Identity {
                bytes: 9,
                ..IDENTITY
            },
            Identity {
                modified_nanos: 9,
                ..IDENTITY
            },
        ] {
            assert_ne!(tag, etag(&other, "/a"));
        }
        assert!(tag.starts_with('"') && tag.ends_with('"'));
    }

    #[test]
    fn links_name_the_host_that_was_asked() {
        let head = Head::new(
            "image/png",
            &IDENTITY,
            "/x",
            "http://a:1",
            "/iiif/3/x".into(),
            "p",
        )
        .expect("plain names");
        let link_for = |host: &'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            let headers = head.headers_for(Origin::of(&headers, false));
            headers.map(|h| h[header::LINK].to_str().expect("text").to_owned())
        };
        let expected = "<http://a:1/iiif/3/x>;rel=\"canonical\", <p>;rel=\"profile\"";
        assert_eq!(link_for("a:1").as_deref(), Ok(expected));
        assert_eq!(
            link_for("b").as_deref(),
            Ok(expected.replace("a:1", "b").as_str())
        );
        assert_eq!(
            link_for("b>;c").map_err(|e| e.status),
            Err(StatusCode::BAD_REQUEST)
        );
    }
}
