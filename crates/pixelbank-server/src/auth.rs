//! Who may ask: everybody on this machine, and elsewhere whoever has the token.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderValue};
use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::answer::{HttpError, text};

/// The rules of one server.
#[derive(Debug, Clone)]
pub struct Access {
    token: Option<String>,
    cookie_name: String,
    /// Whether only names of this machine may stand in `Host`.
    is_local: bool,
    allowed_hosts: Vec<String>,
}

/// What the rules say of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Allowed,
    /// It brought the token in its address: it may go on, and the answer sets this cookie.
    AllowedWithCookie(HeaderValue),
    /// It may not.
    Refused(HttpError),
}

impl Access {
    /// The rules for a server that listens at `address` and `port`. Without a token everybody may ask who reaches the
    /// address; names other than this machine's own and `allowed_hosts` are then refused at a loopback address, since
    /// a page from elsewhere can give its own name our address and so read what we say (DNS rebinding).
    pub fn new(
        address: IpAddr,
        port: u16,
        token: Option<String>,
        allowed_hosts: Vec<String>,
    ) -> Self {
        Self {
            is_local: address.is_loopback() && token.is_none(),
            token,
            // Cookies know no ports, and two servers may run on one machine.
            cookie_name: format!("pixelbank-{port}"),
            allowed_hosts,
        }
    }

    /// Judges a request by its address and headers.
    pub fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Verdict {
        if self.is_local
            && let Err(error) = self.check_host(headers)
        {
            return Verdict::Refused(error);
        }
        let Some(token) = &self.token else {
            return Verdict::Allowed;
        };
        if self.cookies(headers).any(|value| is_equal(value, token)) {
            return Verdict::Allowed;
        }
        let bearer = text(headers, header::AUTHORIZATION).and_then(|value| {
            let (scheme, value) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| value.trim())
        });
        if bearer.is_some_and(|value| is_equal(value, token)) {
            return Verdict::Allowed;
        }
        if query_token(uri).is_some_and(|value| is_equal(&value, token)) {
            return self.with_cookie(token);
        }
        Verdict::Refused(HttpError::new(
            StatusCode::UNAUTHORIZED,
            "This server asks for a token: open the address that it printed when it started, \
             which ends with ?token= and the token.",
        ))
    }

    fn with_cookie(&self, token: &str) -> Verdict {
        let value: String =
            percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        let cookie = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000",
            self.cookie_name
        );
        HeaderValue::from_str(&cookie).map_or(Verdict::Allowed, Verdict::AllowedWithCookie)
    }

    fn cookies<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = String> + 'a {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name)
            .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        let Some(host) = text(headers, header::HOST) else {
            return Err(HttpError::new(
                StatusCode::BAD_REQUEST,
                "A request must say which host it is for.",
            ));
        };
        let name = host_name(host);
        let is_own = name.eq_ignore_ascii_case("localhost")
            || name
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let is_allowed = |allowed: &String| allowed.eq_ignore_ascii_case(name);
        if is_own || self.allowed_hosts.iter().any(is_allowed) {
            return Ok(());
        }
        Err(HttpError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "This server answers only to the names of the machine that it runs on. \
             Open it as http://localhost, or allow this name when starting it.",
        ))
    }
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match (host.starts_with('['), host.find(']')) {
        (true, Some(end)) => &host[..=end],
        _ => host.split(':').next().unwrap_or(host),
    }
}

fn query_token(uri: &Uri) -> Option<String> {
    let value = uri
        .query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// Compares in a time that depends on the lengths alone: how long a refusal takes must not say how much was right.
fn is_equal(given: impl AsRef<str>, token: &str) -> bool {
    let (given, token) = (given.as_ref().as_bytes(), token.as_bytes());
    let differences = given
        .iter()
        .zip(token)
        .fold(0u8, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    given.len() == token.len() && differences == 0
}

/// A token that nobody can guess: 128 bits from the system, in hexadecimal.
///
/// # Errors
/// What the system says where it has no randomness to give.
pub fn generate_token() -> std::io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn judge(access: &Access, uri: &str, headers: &[(header::HeaderName, &str)]) -> Option<u16> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("plain")))
            .collect();
        match access.judge(&uri.parse().expect("an address"), &headers) {
            Verdict::Allowed => None,
            Verdict::AllowedWithCookie(_) => Some(200),
            Verdict::Refused(error) => Some(error.status.as_u16()),
        }
    }

    #[test]
    fn names_from_elsewhere_are_refused_at_a_loopback_address() {
        let v6 = Access::new(Ipv6Addr::LOCALHOST.into(), 8080, None, vec![]);
        let access = Access::new(
            Ipv4Addr::LOCALHOST.into(),
            8080,
            None,
            vec!["photos.lan".into()],
        );
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST:1",
            "127.0.0.1:9",
            "127.1.2.3",
            "[::1]:80",
            "photos.lan:80",
        ] {
            assert_eq!(judge(&access, "/", &[(header::HOST, host)]), None, "{host}");
        }
        assert_eq!(judge(&v6, "/", &[(header::HOST, "[::1]:8080")]), None);
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "[::2]",
            "127.0.0.1.nip.io",
            "",
        ] {
            assert_eq!(
                judge(&access, "/", &[(header::HOST, host)]),
                Some(421),
                "{host}"
            );
        }
        assert_eq!(judge(&access, "/", &[]), Some(400));
    }

    #[test]
    fn a_token_opens_by_query_cookie_or_bearer_and_nothing_else_does() {
        let access = Access::new(
            Ipv4Addr::UNSPECIFIED.into(),
            80,
            Some("s3cret+/".into()),
            vec![],
        );
        let with = |uri: &str, headers: &[(header::HeaderName, &str)]| judge(&access, uri, headers);
        assert_eq!(with("/", &[]), Some(401));
        assert_eq!(with("/?token=s3cret%2B%2F", &[]), Some(200));
        assert_eq!(with("/?a=b&token=s3cret+/", &[]), Some(200));
        assert_eq!(
            with("/", &[(header::AUTHORIZATION, "Bearer s3cret+/")]),
            None
        );
        assert_eq!(
            with("/", &[(header::COOKIE, "a=b; pixelbank-80=s3cret%2B%2F")]),
            None
        );
        for wrong in [
            "/?token=",
            "/?token=s3cret",
            "/?token=s3cret%2B%2Fx",
            "/?xtoken=s3cret%2B%2F",
        ] {
            assert_eq!(with(wrong, &[]), Some(401), "{wrong}");
        }
        assert_eq!(
            with("/", &[(header::AUTHORIZATION, "Basic s3cret+/")]),
            Some(401)
        );
        assert_eq!(
            with("/", &[(header::COOKIE, "pixelbank-81=s3cret+/")]),
            Some(401)
        );
    }

    #[test]
    fn tokens_differ_and_are_long() {
        let (a, b) = (
            generate_token().expect("random"),
            generate_token().expect("random"),
        );
        assert_ne!(a, b);
        assert_eq!(a.len(), 32);
    }
}
