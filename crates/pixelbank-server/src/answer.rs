//! What all answers have in common: the body, the errors, conditional requests.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use pixelbank_memory::Cancel;
use tokio::sync::mpsc;

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// All of it, at hand. `None` once it was sent.
    Whole(Option<Bytes>),
    /// Piece by piece; an error ends the connection, so that the client sees that something is missing.
    Pieces(Pieces),
    /// What axum made.
    Axum(axum::body::Body),
}

/// An answer under way. Dropping it, as happens when the client goes away, ends the work on the rest.
#[derive(Debug)]
pub struct Pieces {
    /// The piece that has come already.
    pub first: Option<Bytes>,
    /// Those that follow.
    pub rest: mpsc::Receiver<Result<Bytes, HttpError>>,
    /// Cancels the work.
    pub _on_drop: CancelOnDrop,
}

/// Cancels when it is dropped.
#[derive(Debug)]
pub struct CancelOnDrop(pub Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Body {
    /// No bytes.
    pub const fn empty() -> Self {
        Self::Whole(None)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                if let Some(first) = pieces.first.take() {
                    return Poll::Ready(Some(Ok(Frame::data(first))));
                }
                pieces.rest.poll_recv(context).map(|piece| {
                    piece.map(|piece| piece.map(Frame::data).map_err(|e| e.message.into()))
                })
            }
            Self::Axum(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(Self::Error::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Pieces(_) => false,
            Self::Axum(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Pieces(_) => SizeHint::default(),
            Self::Axum(body) => body.size_hint(),
        }
    }
}

/// A request that cannot be answered: the status and a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// The status.
    pub status: StatusCode,
    /// What was wrong, and what to do.
    pub message: String,
    /// After how many seconds it is worth asking again.
    pub retry_after_s: Option<u32>,
}

impl HttpError {
    /// An error of that status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after_s: None,
        }
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 503, with when to ask again.
    pub fn busy(message: impl Into<String>) -> Self {
        Self {
            retry_after_s: Some(2),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }

    /// As plain text.
    pub fn into_text(self) -> Response<Body> {
        let text = format!("{}\n", self.message);
        self.respond("text/plain; charset=utf-8", text.into())
    }

    /// As `{"error": …}`.
    pub fn into_json(self) -> Response<Body> {
        let json = serde_json::json!({ "error": self.message }).to_string();
        self.respond("application/json", json.into())
    }

    fn respond(self, media_type: &'static str, body: Bytes) -> Response<Body> {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

/// Browsers must not guess another media type than the one we say.
pub const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// A header's value as text, if it is there and is text.
pub fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the client has what `etag` (or, if it asks by date alone, `modified`) stands for, so that 304 will do.
pub fn is_not_modified(headers: &HeaderMap, etag: &str, modified: Option<SystemTime>) -> bool {
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        return tags.filter_map(|value| value.to_str().ok()).any(|list| {
            list.split(',').map(str::trim).any(|tag| {
                // Weak comparison, as RFC 9110 wants it here.
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
            })
        });
    }
    let since = text(headers, header::IF_MODIFIED_SINCE)
        .and_then(|date| httpdate::parse_http_date(date).ok());
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    match (since, modified) {
        (Some(since), Some(modified)) => seconds(modified) <= seconds(since),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn tags_are_compared_one_by_one_and_weakly() {
        let matches = |value| is_not_modified(&with(header::IF_NONE_MATCH, value), "\"a\"", None);
        assert!(matches("\"a\""));
        assert!(matches("\"b\", W/\"a\""));
        assert!(matches("*"));
        assert!(!matches("\"ab\""));
        assert!(!matches("a"));
        assert!(!matches(""));
    }

    #[test]
    fn dates_count_only_without_tags() {
        let modified = Some(UNIX_EPOCH + Duration::from_millis(784_111_777_500));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let mut headers = with(header::IF_MODIFIED_SINCE, date);
        assert!(is_not_modified(&headers, "\"a\"", modified));
        let later = modified.map(|time| time + Duration::from_secs(1));
        assert!(!is_not_modified(&headers, "\"a\"", later));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\""));
        assert!(!is_not_modified(&headers, "\"a\"", modified));
        assert!(!is_not_modified(
            &with(header::IF_MODIFIED_SINCE, "yesterday"),
            "\"a\"",
            modified
        ));
    }
}
