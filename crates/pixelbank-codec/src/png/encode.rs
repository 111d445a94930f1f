use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use pixelbank_image::{Channels, PixelFormat, SampleType, Size, View};
use png::{BitDepth, ColorType, DeflateCompression, EncodingError, Filter};

use crate::{Embed, Error, Format, RowWriter};

/// How hard [`PngWriter`] tries. Every choice gives the same pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PngCompression {
    /// For answers that somebody waits for: at least ten times as fast as [`Default`](Self::Default); photographs become
    /// a tenth larger, drawings several times.
    Fast,
    /// Files of usual size at usual speed.
    #[default]
    Default,
    /// The smallest files, for what is written once and read often: a few per cent at half the speed.
    Best,
}

/// How [`PngWriter`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PngOptions {
    /// The trade between time and size.
    pub compression: PngCompression,
}

impl PngOptions {
    /// `docs/notes/png-encoding.md` has the figures behind the choice.
    fn settings(self) -> (DeflateCompression, Filter) {
        match self.compression {
            PngCompression::Fast => (DeflateCompression::FdeflateUltraFast, Filter::Up),
            PngCompression::Default => (DeflateCompression::Level(6), Filter::Adaptive),
            PngCompression::Best => (DeflateCompression::Level(8), Filter::Adaptive),
        }
    }
}

/// Writes a PNG row by row, with memory for a few rows only.
///
/// Takes grey and RGB, with or without straight alpha, in 8 or 16 bits.
pub struct PngWriter {
    stream: png::StreamWriter<'static, Shared>,
    out: Shared,
    size: Size,
    format: PixelFormat,
    rows: u32,
    /// A row with its samples in the file's byte order.
    swapped: Vec<u8>,
}

impl std::fmt::Debug for PngWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PngWriter")
            .field("size", &self.size)
            .field("format", &self.format)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl PngWriter {
    /// Starts a file: its header and metadata are written at once.
    ///
    /// # Errors
    /// [`Error::Encode`] for an empty size or a format that PNG cannot hold; [`Error::Io`].
    pub fn new(
        out: impl Write + Send + 'static,
        size: Size,
        format: PixelFormat,
        options: &PngOptions,
        embed: &Embed<'_>,
    ) -> Result<Self, Error> {
        let out = Shared(Arc::new(Mutex::new(Output {
            out: Box::new(out),
            failure: None,
        })));
        let stream = start(out.clone(), size, format, options, embed)?
            .into_stream_writer()
            .map_err(failed)?;
        Ok(Self {
            stream,
            out,
            size,
            format,
            rows: 0,
            swapped: Vec::new(),
        })
    }
}

impl RowWriter for PngWriter {
    fn write_rows(&mut self, rows: View<'_>) -> Result<(), Error> {
        if rows.size().width != self.size.width || rows.format() != self.format {
            return Err(refused(format!(
                "rows of {} pixels {} do not fit an image of {} pixels {}",
                rows.size().width,
                rows.format(),
                self.size.width,
                self.format
            )));
        }
        if rows.size().height > self.size.height - self.rows {
            return Err(refused(format!(
                "{} rows follow the first {} of {}",
                rows.size().height,
                self.rows,
                self.size.height
            )));
        }
        for row in rows.rows() {
            let row = big_endian(row, self.format, &mut self.swapped);
            self.stream
                .write_all(row)
                .map_err(|error| failed(error.into()))?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if self.rows < self.size.height {
            return Err(refused(format!(
                "only {} of {} rows were written",
                self.rows, self.size.height
            )));
        }
        self.stream.finish().map_err(failed)?;
        self.out.end().map_err(|error| failed(error.into()))
    }
}

/// Where the file goes. The library writes the end of the file when its writer is dropped, where an error has no way out
/// and nothing is flushed: so the output is kept here too, with the first error that it gave.
#[derive(Clone)]
struct Shared(Arc<Mutex<Output>>);

struct Output {
    out: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut dyn Write) -> io::Result<T>) -> io::Result<T> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut *output.out);
        if let Err(error) = &done
            && error.kind() != io::ErrorKind::Interrupted
        {
            let kept = io::Error::new(error.kind(), error.to_string());
            output.failure.get_or_insert(kept);
        }
        done
    }

    /// Flushes; fails where anything before did.
    fn end(&self) -> io::Result<()> {
        self.with(|out| out.flush())?;
        let failure = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
            .take();
        failure.map_or(Ok(()), Err)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(|out| out.flush())
    }
}

/// A whole PNG file from 8-bit (or 16-bit) pixels at hand.
///
/// # Errors
/// [`Error::Encode`] for an empty size or a format that PNG cannot hold.
pub fn encode_png(
    pixels: View<'_>,
    options: &PngOptions,
    embed: &Embed<'_>,
) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut writer = start(&mut file, pixels.size(), pixels.format(), options, embed)?;
    let mut stream = writer.stream_writer().map_err(failed)?;
    let mut swapped = Vec::new();
    for row in pixels.rows() {
        let row = big_endian(row, pixels.format(), &mut swapped);
        stream
            .write_all(row)
            .map_err(|error| failed(error.into()))?;
    }
    stream.finish().map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

/// Writes everything up to the pixels.
fn start<W: Write>(
    out: W,
    size: Size,
    format: PixelFormat,
    options: &PngOptions,
    embed: &Embed<'_>,
) -> Result<png::Writer<W>, Error> {
    let color = match format.channels {
        Channels::Gray => ColorType::Grayscale,
        Channels::GrayAlpha => ColorType::GrayscaleAlpha,
        Channels::Rgb => ColorType::Rgb,
        Channels::Rgba => ColorType::Rgba,
        _ => return Err(refused(format!("it has no place for {format}"))),
    };
    let depth = match format.sample {
        SampleType::U8 => BitDepth::Eight,
        SampleType::U16 => BitDepth::Sixteen,
        _ => return Err(refused(format!("it has no place for {format}"))),
    };
    let mut info = png::Info::with_size(size.width, size.height);
    info.color_type = color;
    info.bit_depth = depth;
    info.exif_metadata = embed.exif.map(Cow::Borrowed);
    info.icc_profile = embed.icc.map(Cow::Borrowed);
    let mut encoder = png::Encoder::with_info(out, info).map_err(failed)?;
    if let Some(xmp) = embed.xmp {
        let packet = std::str::from_utf8(xmp)
            .map_err(|_| refused("the XMP packet is not UTF-8".to_owned()))?;
        encoder
            .add_itxt_chunk("XML:com.adobe.xmp".to_owned(), packet.to_owned())
            .map_err(failed)?;
    }
    let (compression, filter) = options.settings();
    encoder.set_deflate_compression(compression);
    encoder.set_filter(filter);
    encoder.write_header().map_err(failed)
}

/// PNG stores 16-bit samples with the high byte first.
fn big_endian<'a>(row: &'a [u8], format: PixelFormat, swapped: &'a mut Vec<u8>) -> &'a [u8] {
    if format.sample == SampleType::U16 && cfg!(target_endian = "little") {
        swapped.clear();
        swapped.extend_from_slice(row);
        for sample in swapped.chunks_exact_mut(2) {
            sample.swap(0, 1);
        }
        swapped
    } else {
        row
    }
}

fn refused(reason: String) -> Error {
    Error::Encode {
        format: Format::Png,
        reason,
    }
}

fn failed(error: EncodingError) -> Error {
    match error {
        EncodingError::IoError(source) => Error::Io {
            name: "PNG output".to_owned(),
            source,
        },
        EncodingError::LimitsExceeded => Error::Io {
            name: "PNG output".to_owned(),
            source: io::ErrorKind::OutOfMemory.into(),
        },
        other => refused(other.to_string()),
    }
}
