//! From a request to encoded pixels. Everything here blocks, and runs on the threads for that.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use pixelbank_cache::Image;
use pixelbank_codec::{
    Embed, JpegOptions, JpegWriter, PngCompression, PngOptions, PngWriter, Region, RowWriter,
    WebPOptions, WebPWriter, encode_jpeg, encode_png, encode_webp,
};
use pixelbank_image::{Access, Orientation, PixelFormat, Size, TileGrid, View};
use pixelbank_memory::{Cancel, Reservation, Wait};
use pixelbank_pipeline::quality::Quality as Colors;
use pixelbank_pipeline::render::{Plan, Render};
use tokio::sync::mpsc;

use crate::answer::HttpError;
use crate::app::App;
use crate::encoded::Encoded;
use crate::failure;
use crate::files::FileState;
use crate::head::Head;
use crate::iiif::{Format, ImageRequest, OutputLimits, Quality, Resolved, canonical_parameters};
use crate::paths::Identity;

/// An image request that fits the grammar, for a file that is there.
#[derive(Debug)]
pub(crate) struct Job {
    /// The path of the address, as it was sent.
    pub target: Box<str>,
    /// The identifier in it.
    pub id: Box<str>,
    /// What is asked for.
    pub request: ImageRequest,
    /// The file.
    pub file: Arc<FileState>,
    /// Which file it was when somebody looked.
    pub identity: Identity,
    /// In which state it was then.
    pub generation: u32,
    /// Scheme and host of the address.
    pub origin: Box<str>,
}

/// What came of a job.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    /// The whole answer.
    Whole(Arc<Encoded>),
    /// The answer is large: it is to be made again for each client, piece by piece.
    Large(Arc<Head>),
}

/// Answers of more pixels than this are made and sent piece by piece, and not kept. Such a picture of 8-bit RGB takes
/// 12 MB while it is made.
const MAX_WHOLE_PIXELS: u64 = 4 << 20;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait for a slow client.
pub(crate) const MAX_PIECES: usize = 4;

/// The part of a job that needs no pixels.
struct Prepared {
    image: Image,
    size: Size,
    resolved: Resolved,
    plan: Plan,
}

/// How long a job waits: little for room to start, longer for others who load what it needs.
struct Patience {
    to_start: Wait,
    to_load: Wait,
}

impl Patience {
    fn new(app: &App, cancel: &Cancel) -> Self {
        Self {
            to_start: Wait::at_most(app.memory_wait).cancelled_by(cancel),
            to_load: Wait::at_most(app.load_wait).cancelled_by(cancel),
        }
    }
}

/// Makes the whole answer, or says that it is large.
pub(crate) fn produce(app: &App, job: &Job, cancel: &Cancel) -> Result<Made, HttpError> {
    let start = Instant::now();
    let patience = Patience::new(app, cancel);
    let prepared = prepare(app, job, &patience)?;
    let head = head(job, &prepared)?;
    if prepared.plan.size().pixels() > MAX_WHOLE_PIXELS {
        return Ok(Made::Large(Arc::new(head)));
    }
    let (body, paid) = match stored_jpeg(app, &prepared, &patience)? {
        Some(stored) => stored,
        None => render(app, &prepared, &patience)?,
    };
    let footprint = Encoded::footprint(&job.target, body.capacity() as u64);
    let reservation = app
        .answers
        .reserve(footprint, &patience.to_start)
        .map_err(|error| failure::of_memory(&error))?;
    drop(paid);
    let answer = Arc::new(Encoded::new(
        job.target.clone(),
        job.file.clone(),
        job.generation,
        head,
        body,
        reservation,
    ));
    app.encoded
        .insert(&answer, start.elapsed().as_nanos() as u64);
    Ok(Made::Whole(answer))
}

fn prepare(app: &App, job: &Job, patience: &Patience) -> Result<Prepared, HttpError> {
    let image = app
        .cache
        .image(job.file.path(), &patience.to_load)
        .map_err(|error| failure::of_cache(&error))?;
    let spec = image.spec(0);
    let size = spec.orientation.displayed(spec.size());
    let resolved = job
        .request
        .resolve(size, OutputLimits::default())
        .map_err(|error| failure::of_request(&error))?;
    let plan = app
        .renderer
        .plan(&image, 0, &to_render(&resolved))
        .map_err(|error| failure::of_pipeline(&error))?;
    Ok(Prepared {
        image,
        size,
        resolved,
        plan,
    })
}

fn to_render(resolved: &Resolved) -> Render {
    Render {
        mirror: resolved.mirror,
        rotation_degrees: resolved.degrees,
        quality: match resolved.quality {
            Quality::Default | Quality::Color => Colors::Color,
            Quality::Gray => Colors::Gray,
            Quality::Bitonal => Colors::Bitonal,
        },
        flatten: resolved.format == Format::Jpg,
        gray_as_rgb: resolved.format == Format::Webp,
        ..Render::new(resolved.region, resolved.size)
    }
}

fn head(job: &Job, prepared: &Prepared) -> Result<Head, HttpError> {
    let version = job.request.version;
    let parameters = canonical_parameters(version, &prepared.resolved, prepared.size);
    let canonical_path = format!("/iiif/{}/{}/{parameters}", version.number(), job.id);
    Head::new(
        prepared.resolved.format.media_type(),
        &job.identity,
        &job.target,
        &job.origin,
        canonical_path,
        version.profile(),
    )
}

/// The file's own JPEG stream, where the answer is exactly one of its tiles: nothing is decoded then.
fn stored_jpeg(
    app: &App,
    prepared: &Prepared,
    patience: &Patience,
) -> Result<Option<(Vec<u8>, Reservation)>, HttpError> {
    let Prepared {
        image,
        resolved,
        plan,
        ..
    } = prepared;
    let spec = image.spec(0);
    let is_plain = resolved.format == Format::Jpg
        && matches!(resolved.quality, Quality::Default | Quality::Color)
        && spec.orientation == Orientation::Normal
        && !resolved.mirror
        && resolved.degrees == 0.0
        && plan.is_copy();
    let (Some(level), true) = (spec.levels.get(plan.level() as usize), is_plain) else {
        return Ok(None);
    };
    let Access::Chunks(chunk) = level.access else {
        return Ok(None);
    };
    let rect = plan.source_rect();
    let grid = TileGrid::new(level.size, chunk);
    let (column, row) = (rect.x / chunk.width, rect.y / chunk.height);
    if column >= grid.columns() || row >= grid.rows() || grid.rect(column, row) != rect {
        return Ok(None);
    }
    // A JPEG stream is smaller than its pixels, but for pathological ones.
    let paid = app
        .rendering
        .reserve(spec.format.image_bytes(rect.size()), &patience.to_start)
        .map_err(|error| failure::of_memory(&error))?;
    let region = Region {
        subimage: 0,
        level: plan.level(),
        rect,
    };
    let stream = image
        .jpeg_stream(&region, &patience.to_load)
        .map_err(|error| failure::of_cache(&error))?;
    Ok(stream.map(|stream| (stream, paid)))
}

/// Renders and encodes the whole picture.
fn render(
    app: &App,
    prepared: &Prepared,
    patience: &Patience,
) -> Result<(Vec<u8>, Reservation), HttpError> {
    let Prepared {
        image,
        resolved,
        plan,
        ..
    } = prepared;
    let (size, format) = (plan.size(), plan.format());
    // Room for everything is asked for at once and briefly: two requests that each held a part would wait for each
    // other. The plan then takes its part itself, and what it lacks by then it may wait for.
    let encoding_bytes = encoding_bytes(resolved.format, size, format);
    let mut paid = app
        .rendering
        .reserve(
            encoding_bytes.saturating_add(plan.bytes()),
            &patience.to_start,
        )
        .map_err(|error| failure::of_memory(&error))?;
    paid.shrink_to(encoding_bytes);
    let picture = app
        .renderer
        .run(image, plan, &patience.to_load)
        .map_err(|error| failure::of_pipeline(&error))?;
    let mut encoded = encode(resolved.format, picture.view()).map_err(|e| failure::of_codec(&e))?;
    encoded.shrink_to_fit();
    Ok((encoded, paid))
}

fn encode(format: Format, pixels: View<'_>) -> Result<Vec<u8>, pixelbank_codec::Error> {
    match format {
        Format::Jpg => encode_jpeg(pixels, &JpegOptions::default(), &Embed::default()),
        Format::Png => encode_png(pixels, &PNG, &Embed::default()),
        Format::Webp => encode_webp(pixels, &WebPOptions::default(), &Embed::default()),
    }
}

/// Somebody waits for it.
const PNG: PngOptions = PngOptions {
    compression: PngCompression::Fast,
};

/// What an encoder and its output take at most for a whole picture.
fn encoding_bytes(format: Format, size: Size, pixels: PixelFormat) -> u64 {
    const STATE_BYTES: u64 = 512 << 10;
    let raw = pixels.image_bytes(size);
    match format {
        // Noise at the quality that we use stays below its pixels; PNG stores what it cannot compress, row by row with
        // a filter's byte and the blocks' heads.
        Format::Jpg | Format::Png => STATE_BYTES + raw + raw / 64,
        // libwebp holds the picture as planes, predictions and coefficients of each macroblock, and its output.
        Format::Webp => 2 * STATE_BYTES + 8 * size.pixels() + raw,
    }
}

/// A piece of an answer, or why there are no more.
pub(crate) type Piece = Result<Bytes, HttpError>;

/// Makes a large answer band by band, and sends what is encoded in pieces.
pub(crate) fn stream(app: &App, job: &Job, cancel: &Cancel, pieces: &mpsc::Sender<Piece>) {
    if let Err(error) = try_stream(app, job, cancel, pieces) {
        // Nobody may listen any more; then it was cancelled and the reason is known.
        let _ = pieces.blocking_send(Err(error));
    }
}

fn try_stream(
    app: &App,
    job: &Job,
    cancel: &Cancel,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), HttpError> {
    let patience = Patience::new(app, cancel);
    let prepared = prepare(app, job, &patience)?;
    let Prepared {
        image,
        resolved,
        plan,
        ..
    } = &prepared;
    let (size, format) = (plan.size(), plan.format());
    let bytes =
        writing_bytes(resolved.format, size, format) + PIECE_BYTES as u64 * (MAX_PIECES as u64 + 3);
    let mut paid = app
        .rendering
        .reserve(bytes.saturating_add(plan.rows_bytes()), &patience.to_start)
        .map_err(|error| failure::of_memory(&error))?;
    paid.shrink_to(bytes);
    let output = Output {
        pieces: pieces.clone(),
        waiting: Vec::with_capacity(PIECE_BYTES),
    };
    let mut writer =
        writer(resolved.format, output, size, format).map_err(|e| failure::of_codec(&e))?;
    // A client may take its time, so this may last; each tile that is loaded meanwhile has its own deadline.
    let wait = Wait::forever().cancelled_by(cancel);
    app.renderer
        .rows(image, plan, &wait, &mut |rows| Ok(writer.write_rows(rows)?))
        .map_err(|error| failure::of_pipeline(&error))?;
    writer.finish().map_err(|error| failure::of_codec(&error))
}

fn writer(
    format: Format,
    output: Output,
    size: Size,
    pixels: PixelFormat,
) -> Result<Box<dyn RowWriter>, pixelbank_codec::Error> {
    let embed = Embed::default();
    Ok(match format {
        Format::Jpg => Box::new(JpegWriter::new(
            output,
            size,
            pixels,
            &JpegOptions::default(),
            &embed,
        )?),
        Format::Png => Box::new(PngWriter::new(output, size, pixels, &PNG, &embed)?),
        Format::Webp => Box::new(WebPWriter::new(
            output,
            size,
            pixels,
            &WebPOptions::default(),
            &embed,
        )?),
    })
}

/// What a writer of rows takes at most.
fn writing_bytes(format: Format, size: Size, pixels: PixelFormat) -> u64 {
    const STATE_BYTES: u64 = 1 << 20;
    match format {
        // Rows of blocks of each channel, twice for the chroma's context.
        Format::Jpg | Format::Png => STATE_BYTES + 64 * pixels.row_bytes(size.width) as u64,
        // The frame is collected first.
        Format::Webp => encoding_bytes(format, size, pixels) + pixels.image_bytes(size),
    }
}

/// Cuts what an encoder writes into pieces. Waits while the client is slow, and fails once it has gone.
struct Output {
    pieces: mpsc::Sender<Piece>,
    waiting: Vec<u8>,
}

impl Output {
    fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.waiting, Vec::with_capacity(PIECE_BYTES));
        self.pieces
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(PIECE_BYTES - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..n]);
        if self.waiting.len() == PIECE_BYTES {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// The size of an image as seen, and the tiles to ask for.
pub(crate) fn describe(
    app: &App,
    path: &OsStr,
    cancel: &Cancel,
) -> Result<(Size, Size), HttpError> {
    let patience = Patience::new(app, cancel);
    let image = app
        .cache
        .image(path, &patience.to_load)
        .map_err(|error| failure::of_cache(&error))?;
    Ok((displayed_size(&image), advertised_tile(&image)))
}

pub(crate) fn displayed_size(image: &Image) -> Size {
    let spec = image.spec(0);
    spec.orientation.displayed(spec.size())
}

/// The file's own tiles, where it has some of a useful size; otherwise 512 × 512, four tiles of the cache, which asks for
/// fewer requests than 256 and still wastes little at the edges of a screen.
pub(crate) fn advertised_tile(image: &Image) -> Size {
    const USEFUL: std::ops::RangeInclusive<u32> = 128..=1024;
    let spec = image.spec(0);
    match spec.levels.first().map(|level| level.access) {
        Some(Access::Chunks(chunk))
            if USEFUL.contains(&chunk.width) && USEFUL.contains(&chunk.height) =>
        {
            spec.orientation.displayed(chunk)
        }
        _ => Size::new(512, 512),
    }
}
