//! Whose memory is looked at: a server, by its address, or a process of this user, by its number.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use pixelbank::analyzer::{Publication, View};
use pixelbank::memory::{Mark, Trace, format_bytes};
use serde::de::DeserializeOwned;
use ureq::http::StatusCode;

use crate::arguments::Target;

/// Longer than any ledger takes; a server that is this busy is told as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: u64 = 16 << 20;

pub enum Watched {
    Process(Publication),
    Server(Server),
}

pub struct Server {
    agent: ureq::Agent,
    /// `http://127.0.0.1:8000`
    origin: String,
    token: Option<String>,
}

impl Watched {
    /// What the command line names. Where it names nothing, the only process there is.
    pub fn find(target: &Target) -> anyhow::Result<Self> {
        match &target.target {
            None => Self::only(Publication::all()?, "that shows its memory"),
            Some(text) => match process(text) {
                Some((pid, number)) => {
                    let mut of_it = Publication::all()?;
                    of_it.retain(|it| it.pid == pid && number.is_none_or(|n| n == it.number));
                    Self::only(
                        of_it,
                        &format!("with the number {text} that shows its memory"),
                    )
                }
                None => Ok(Self::Server(Server::at(text, target.token.clone())?)),
            },
        }
    }

    fn only(mut found: Vec<Publication>, which: &str) -> anyhow::Result<Self> {
        match (found.pop(), found.as_slice()) {
            (Some(one), []) => Ok(Self::Process(one)),
            (None, _) => bail!("there is no process of yours {which}"),
            (Some(last), others) => {
                let mut list = String::new();
                for it in others.iter().chain([&last]) {
                    let held = match it.view() {
                        Ok(view) => format_bytes(view.ledger.host.live_bytes),
                        Err(error) => error.to_string(),
                    };
                    list += &format!("\n  {}-{}  {}  {held}", it.pid, it.number, command(it.pid));
                }
                bail!("there are several; say which:{list}")
            }
        }
    }

    /// What is held now, with the last minutes where they are wanted and known.
    pub fn view(&self, with_history: bool) -> anyhow::Result<View> {
        match self {
            Self::Process(process) => process.view().with_context(|| self.to_string()),
            Self::Server(server) => {
                let query = if with_history { "" } else { "?history=0" };
                server.ask("GET", &format!("/api/ledger{query}"))
            }
        }
    }

    /// Its large reservations, and where they were made.
    pub fn traces(&self) -> anyhow::Result<Vec<Trace>> {
        match self {
            Self::Process(process) => process.traces().with_context(|| self.to_string()),
            Self::Server(server) => server.ask("GET", "/api/traces"),
        }
    }

    /// Sets a mark in its books.
    pub fn mark(&self) -> anyhow::Result<Mark> {
        match self {
            Self::Process(process) => process.mark().with_context(|| self.to_string()),
            Self::Server(server) => server.ask("POST", "/api/mark"),
        }
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(it) => write!(f, "process {} ({})", it.pid, command(it.pid)),
            Self::Server(server) => f.write_str(&server.origin),
        }
    }
}

/// `1234`, or `1234-2` for the second bank of that process.
fn process(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once('-') {
        Some((pid, number)) => Some((pid.parse().ok()?, Some(number.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// What the system calls a process.
fn command(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|_| "gone".to_owned(), |name| name.trim_end().to_owned())
}

impl Server {
    fn at(address: &str, token: Option<String>) -> anyhow::Result<Self> {
        let bare = match address.split_once("://") {
            None => address,
            Some(("http", bare)) => bare,
            Some((scheme, _)) => bail!("{address}: servers are reached by http, not by {scheme}"),
        };
        // What the server prints when it starts may have its token in it.
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        let in_path = path.split_once("token=").map(|(_, token)| token.to_owned());
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self {
            agent: config.into(),
            origin: format!("http://{host}"),
            token: token.or(in_path),
        })
    }

    fn ask<T: DeserializeOwned>(&self, method: &str, path: &str) -> anyhow::Result<T> {
        let url = format!("{}{path}", self.origin);
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(())
            .with_context(|| format!("{url}: no address"))?;
        let asked = self.agent.run(request);
        let mut response = asked.with_context(|| self.origin.clone())?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => bail!("{}: wants a token (--token)", self.origin),
            other => bail!("{url}: {other}"),
        }
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let text = body.read_to_string().with_context(|| self.origin.clone())?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{}: this is no Pixelbank, or of another version",
                self.origin
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_processes_or_addresses() {
        assert_eq!(process("1234"), Some((1234, None)));
        assert_eq!(process("1234-2"), Some((1234, Some(2))));
        for address in ["localhost:8000", "127.0.0.1:8000", "my-host", "http://h:1/"] {
            assert_eq!(process(address), None, "{address}");
        }
        let server = Server::at("http://h:1/?token=abc", None).unwrap();
        assert_eq!(
            (server.origin.as_str(), server.token.as_deref()),
            ("http://h:1", Some("abc"))
        );
        let given = Server::at("h:1/?token=abc", Some("given".into())).unwrap();
        assert_eq!(given.token.as_deref(), Some("given"));
        assert!(Server::at("https://h", None).is_err());
    }
}
