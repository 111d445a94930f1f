//! A server of a test's own, and a client that sends just what it is told.
#![allow(dead_code, reason = "every test program uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use pixelbank_memory::Bank;
use pixelbank_server::{ScanOptions, ServeOptions, Server};
use tokio::sync::oneshot;

/// A server that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub url: String,
    pub bank: Bank,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub fn bank(host_bytes: u64) -> Bank {
    Bank::builder()
        .host_bytes(host_bytes)
        .build()
        .expect("limits that fit")
}

/// Options for a folder, with a scan that runs once.
pub fn options(folder: &Path) -> ServeOptions {
    let mut options = ServeOptions::new(folder, bank(128 << 20));
    options.scan = ScanOptions {
        threads: 2,
        rescan_interval: None,
    };
    options
}

pub fn serve(folder: &Path) -> Running {
    start(options(folder))
}

pub fn start(options: ServeOptions) -> Running {
    let bank = options.bank.clone();
    let server = Server::bind(options).expect("the server starts");
    let (address, url) = (server.address(), server.url());
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime
            .block_on(server.run(async {
                let _ = stopped.await;
            }))
            .expect("the server ends well");
    });
    Running {
        address,
        url,
        bank,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(ended.is_some_and(|ended| ended.is_ok()));
        }
    }
}

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let (_, value) = values.next()?;
        assert!(values.next().is_none(), "{name} stands there twice");
        Some(value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

impl Running {
    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout");
        Connection {
            reader: BufReader::new(stream),
            host: self.address.to_string(),
        }
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[])
    }

    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().ask(method, target, headers)
    }

    /// Asks until the scan has ended, and gives the list.
    pub fn listing(&self) -> serde_json::Value {
        loop {
            let list = self.get("/api/images?sort=name").json();
            if list["scan"]["state"] == "done" {
                return list;
            }
        }
    }
}

pub struct Connection {
    pub reader: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_bytes(method, target.as_bytes(), headers)
    }

    pub fn ask_bytes(&mut self, method: &str, target: &[u8], headers: &[(&str, &str)]) -> Answer {
        self.send(method, target, headers);
        self.receive(method)
    }

    pub fn send(&mut self, method: &str, target: &[u8], headers: &[(&str, &str)]) {
        let mut request = [method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"].concat();
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request.extend_from_slice(format!("Host: {}\r\n", self.host).as_bytes());
        }
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        self.reader.get_mut().write_all(&request).expect("sent");
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).expect("a line");
        assert!(line.ends_with(b"\r\n"), "{line:?}");
        line.truncate(line.len() - 2);
        line.into_iter().map(char::from).collect()
    }

    pub fn receive(&mut self, method: &str) -> Answer {
        let status_line = self.line();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no status in {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if method == "HEAD" || status == 204 || status == 304 {
            return answer;
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line();
                let len = usize::from_str_radix(&line, 16).expect("a length");
                let mut chunk = vec![0; len];
                self.reader.read_exact(&mut chunk).expect("a chunk");
                assert_eq!(self.line(), "");
                if len == 0 {
                    break;
                }
                answer.body.extend_from_slice(&chunk);
            }
        } else {
            let len = answer
                .header("content-length")
                .and_then(|len| len.parse().ok())
                .expect("a length");
            answer.body = vec![0; len];
            self.reader.read_exact(&mut answer.body).expect("a body");
        }
        answer
    }
}
