//! The server itself: listening, connections, what all requests go through, and the end.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use parking_lot::Mutex;
use pixelbank_cache::{Cache, CacheOptions};
use pixelbank_codec::{Input, Limits};
use pixelbank_memory::{Account, Bank, Reclaim};
use pixelbank_pipeline::render::Renderer;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower_service::Service as _;

use crate::answer::{Body, HttpError};
use crate::app::App;
use crate::auth::{Access, Verdict};
use crate::encoded::EncodedCache;
use crate::error::Error;
use crate::files::Files;
use crate::flight::Workers;
use crate::library::Library;
use crate::metrics::{Metrics, Route};
use crate::models::Models;
use crate::paths::Root;
use crate::scan::{ScanOptions, Scanner};
use crate::web::Web;
use crate::{api, images, probe};

/// How often the ledger's history gets a sample.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// What a client may take to send the head of a request; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take no byte of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of the head of a request: addresses and cookies are far shorter.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// How long a request waits for pixels that it, or somebody else, is loading. A large photograph on a slow disk takes
/// seconds; nobody waits for a minute.
const LOAD_WAIT: Duration = Duration::from_secs(60);

/// What the last answers may take once the server is to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The folder with the images.
    pub root: PathBuf,
    /// The budget.
    pub bank: Bank,
    /// Where to listen; port 0 takes any that is free.
    pub address: SocketAddr,
    /// What clients must bring. Needed wherever others than this machine can connect.
    pub token: Option<String>,
    /// Whether links below the folder may lead anywhere. Without, they are followed within the folder alone.
    pub follow_links: bool,
    /// What the page calls the folder; its name if nothing is given.
    pub title: Option<String>,
    /// A folder with the web page to be used in place of the one in the program.
    pub web: Option<PathBuf>,
    /// Names by which clients may call this server at a loopback address, beside this machine's own: that of a proxy
    /// before it.
    pub allowed_hosts: Vec<String>,
    /// Whether to believe `X-Forwarded-Host` and `X-Forwarded-Proto`. Only behind a proxy that sets them: a client
    /// could write any address into the answers otherwise.
    pub trusts_forwarded: bool,
    /// How long a request waits for memory before it is told to come again. Longer makes fewer clients come again, and
    /// more of them wait.
    pub memory_wait: Duration,
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Threads that decode, scale and encode.
    pub threads: usize,
    /// How the folder is scanned.
    pub scan: ScanOptions,
    /// Where files are laid that hold what does not fit into memory; the system's temporary folder if nothing is given.
    pub scratch_dir: Option<PathBuf>,
}

impl ServeOptions {
    /// Serves the folder at `root` within the budget of `bank`, to this machine alone, at a free port.
    pub fn new(root: impl Into<PathBuf>, bank: Bank) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            root: root.into(),
            bank,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: None,
            follow_links: false,
            title: None,
            web: None,
            allowed_hosts: Vec::new(),
            trusts_forwarded: false,
            memory_wait: Duration::from_secs(2),
            max_connections: 1024,
            threads: cores + 2,
            scan: ScanOptions::default(),
            scratch_dir: None,
        }
    }
}

/// A server that listens already; clients that connect wait until it [runs](Self::run).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
    max_connections: usize,
    app: Arc<App>,
}

impl Server {
    /// Opens the folder, starts to scan it, and listens.
    ///
    /// # Errors
    /// [`Error`], saying what is wrong with the folder or the address.
    pub fn bind(options: ServeOptions) -> Result<Self, Error> {
        let root = Arc::new(open_root(&options.root, options.follow_links)?);
        let web = Web::new(options.web.as_deref()).map_err(|source| Error::WebFolder {
            path: options.web.clone().unwrap_or_default(),
            source,
        })?;
        if !options.address.ip().is_loopback() && options.token.is_none() {
            return Err(Error::TokenNeeded(options.address.ip()));
        }
        let listener = TcpListener::bind(options.address).map_err(|source| {
            if source.kind() == std::io::ErrorKind::AddrInUse {
                Error::PortTaken(options.address)
            } else {
                Error::Listen {
                    address: options.address,
                    source,
                }
            }
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let title = options.title.unwrap_or_else(|| {
            let name = root.path().file_name().unwrap_or(root.path().as_os_str());
            name.to_string_lossy().into_owned()
        });
        let encoded = Arc::new(EncodedCache::default());
        let reclaim: Arc<dyn Reclaim> = encoded.clone();
        options.bank.add_reclaimer(&reclaim);
        let library = Arc::new(Library::new());
        let probe = probe::probe(&root, &options.bank);
        let cache = open_cache(&root, &options.bank, &title, options.scratch_dir)?;
        let scanner = Scanner::start(root.clone(), library.clone(), probe, options.scan)?;
        let renderer = Renderer::new(&options.bank, &title);
        let app = App {
            title,
            root,
            library,
            scanner,
            cache,
            renderer,
            rendering: options.bank.holder(Account::Scratch, "encoding", ""),
            answers: options.bank.holder(Account::Encoded, "answer", ""),
            catalog: options.bank.holder(Account::Catalog, "list of images", ""),
            catalog_paid: Mutex::new(None),
            models: Models::new(&options.bank),
            bank: options.bank,
            encoded,
            files: Files::default(),
            flights: Arc::default(),
            workers: Workers::new(options.threads),
            streams: Workers::new(options.threads),
            metrics: Metrics::default(),
            access: Access::new(
                address.ip(),
                address.port(),
                options.token.clone(),
                options.allowed_hosts,
            ),
            web,
            trusts_forwarded: options.trusts_forwarded,
            memory_wait: options.memory_wait,
            load_wait: LOAD_WAIT,
        };
        Ok(Self {
            listener,
            address,
            token: options.token,
            max_connections: options.max_connections,
            app: Arc::new(app),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open in a browser, with the token if there is one.
    pub fn url(&self) -> String {
        let host = match self.address {
            address if !address.ip().is_unspecified() => address.to_string(),
            address => format!("127.0.0.1:{}", address.port()),
        };
        let token = self.token.as_ref().map(|token| {
            let token =
                percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
            format!("?token={token}")
        });
        format!("http://{host}/{}", token.unwrap_or_default())
    }

    /// Serves until `shutdown` is ready; then answers what has been asked, for a few seconds at most. Must be called
    /// on a tokio runtime with time and input enabled.
    ///
    /// # Errors
    /// [`Error::System`] where listening fails for good.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let router = api::router(self.app.clone());
        let sampler = tokio::spawn(sample(self.app.clone()));
        let connections = Arc::new(Semaphore::new(self.max_connections));
        let graceful = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&listener, &connections) => accepted,
            };
            let Some((stream, permit)) = accepted else {
                continue;
            };
            let service = Service {
                app: self.app.clone(),
                router: router.clone(),
            };
            let connection = graceful.watch(connect(stream, service));
            tokio::spawn(async move {
                // A connection that breaks is the client's affair.
                let _ = connection.await;
                drop(permit);
            });
        }
        drop(listener);
        let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
        sampler.abort();
        Ok(())
    }
}

fn open_root(path: &Path, follow_links: bool) -> Result<Root, Error> {
    use std::io::ErrorKind;
    let path = path.to_owned();
    Root::open(&path, follow_links).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::NoSuchFolder { path },
        ErrorKind::NotADirectory => Error::NotAFolder { path },
        _ => Error::Folder { path, source },
    })
}

fn open_cache(
    root: &Arc<Root>,
    bank: &Bank,
    title: &str,
    scratch_dir: Option<PathBuf>,
) -> Result<Cache, Error> {
    let root = root.clone();
    let mut options = CacheOptions::new(title, move |key| {
        let input = open_input(&root, key)?;
        pixelbank_codec::open(input, &Limits::default())
    });
    if let Some(dir) = scratch_dir {
        options.scratch_dir = dir;
    }
    Cache::new(bank, options).map_err(|error| Error::Cache(error.to_string()))
}

/// The file of that key, with the key as its name in messages: the folder's own place is nobody's business.
pub(crate) fn open_input(root: &Root, key: &OsStr) -> Result<Input, pixelbank_codec::Error> {
    let name = key.to_string_lossy().into_owned();
    match root.open_file(key) {
        Ok((file, _)) => Ok(Input::file(file, name)),
        Err(source) => Err(pixelbank_codec::Error::Io { name, source }),
    }
}

async fn sample(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        app.book_catalog();
        app.bank.sample();
    }
}

/// The next connection, once there is room for one.
async fn accept(
    listener: &tokio::net::TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(_) => {
            // Out of descriptors, most likely: some must be closed before asking again makes sense.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

type Connection = http1::Connection<TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>, Service>;

fn connect(stream: TcpStream, service: Service) -> Connection {
    // An answer is written at once; waiting to fill a packet only delays it.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// What every request of a connection goes through.
#[derive(Debug, Clone)]
struct Service {
    app: Arc<App>,
    router: Router,
}

/// An answer that is there at once needs no allocation of its own.
enum Answer {
    Ready(Option<Response<Body>>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(response) => {
                Poll::Ready(Ok(response.take().expect("polled once after it was ready")))
            }
            Self::Later(future) => future.as_mut().poll(context).map(Ok),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let start = Instant::now();
        let is_iiif = request.uri().path().starts_with("/iiif/");
        if let Some(refusal) = self.refusal(&request, is_iiif) {
            let route = if is_iiif { Route::Iiif } else { Route::Page };
            self.app
                .metrics
                .answered(route, refusal.status(), start.elapsed());
            return Answer::Ready(Some(refusal));
        }
        if is_iiif {
            match images::at_once(&self.app, &request) {
                Some((route, response)) => {
                    self.app
                        .metrics
                        .answered(route, response.status(), start.elapsed());
                    Answer::Ready(Some(response))
                }
                None => {
                    let app = self.app.clone();
                    Answer::Later(Box::pin(async move {
                        let (route, response) = images::answer(&app, request).await;
                        app.metrics
                            .answered(route, response.status(), start.elapsed());
                        response
                    }))
                }
            }
        } else {
            let (app, mut router) = (self.app.clone(), self.router.clone());
            Answer::Later(Box::pin(async move {
                let route = match request.uri().path() {
                    path if path.starts_with("/api/") => Route::Api,
                    _ => Route::Page,
                };
                let Ok(response) = router.call(request).await;
                app.metrics
                    .answered(route, response.status(), start.elapsed());
                response.map(Body::Axum)
            }))
        }
    }
}

impl Service {
    /// The answer to a request that may not go on, or that opens the page with a token.
    fn refusal(&self, request: &Request<Incoming>, is_iiif: bool) -> Option<Response<Body>> {
        let respond = |error: HttpError| {
            if is_iiif {
                images::with_cors(error.into_text())
            } else {
                error.into_json()
            }
        };
        if !hyper::body::Body::is_end_stream(request.body()) {
            let error = HttpError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Requests to this server have no body.",
            );
            let mut response = respond(error);
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            return Some(response);
        }
        // A browser asks for leave without saying who it is.
        if is_iiif && request.method() == Method::OPTIONS {
            return None;
        }
        match self.app.access.judge(request.uri(), request.headers()) {
            Verdict::Allowed => None,
            Verdict::Refused(error) => Some(respond(error)),
            // The page moves on to an address without the token, which would else stay in the browser's history.
            Verdict::AllowedWithCookie(cookie) if request.uri().path() == "/" => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::SEE_OTHER;
                let headers = response.headers_mut();
                headers.insert(header::LOCATION, HeaderValue::from_static("/"));
                headers.insert(header::SET_COOKIE, cookie);
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                Some(response)
            }
            Verdict::AllowedWithCookie(_) => None,
        }
    }
}
