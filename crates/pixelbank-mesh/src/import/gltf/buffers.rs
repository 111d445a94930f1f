use std::path::{Component, Path};

use base64::Engine;
use pixelbank_memory::Reservation;

use super::json::Document;
use crate::Books;
use crate::error::{Fault, check_limit, malformed};
use crate::import::{Input, Job};
use crate::mesh::shortened;

/// The binary data of a document.
pub(super) struct Buffers<'a> {
    list: Vec<Source<'a>>,
}

/// One buffer.
pub(super) enum Source<'a> {
    /// A part of the file itself.
    Within { input: &'a Input, at: u64, len: u64 },
    /// A file beside it, or bytes that stood in the JSON.
    Own {
        input: Input,
        _paid: Option<Reservation>,
    },
}

/// The most buffers of a document; each may be an open file.
const MAX_BUFFERS: u64 = 64;

impl<'a> Buffers<'a> {
    pub(super) fn open(
        job: &Job<'a>,
        document: &Document,
        binary: Option<(u64, u64)>,
    ) -> Result<Self, Fault> {
        check_limit("buffers", document.buffers.len() as u64, MAX_BUFFERS)?;
        let mut list = Vec::new();
        for (n, buffer) in document.buffers.iter().enumerate() {
            let source = match (&buffer.uri, binary) {
                (None, Some((at, len))) if n == 0 => Source::Within {
                    input: job.input,
                    at,
                    len,
                },
                (None, _) => return malformed(format!("buffer {n} is nowhere")),
                (Some(uri), _) => open(uri, job.input, job.books)?,
            };
            if source.len() < buffer.byte_length {
                return malformed(format!(
                    "buffer {n} should have {} bytes and has {}",
                    buffer.byte_length,
                    source.len()
                ));
            }
            list.push(source);
        }
        Ok(Self { list })
    }

    pub(super) fn get(&self, n: usize) -> Result<&Source<'a>, Fault> {
        match self.list.get(n) {
            Some(source) => Ok(source),
            None => malformed(format!("it names buffer {n} of {}", self.list.len())),
        }
    }
}

impl Source<'_> {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Within { len, .. } => *len,
            Self::Own { input, .. } => input.len(),
        }
    }

    /// The input that it is in, and where in it `offset` is.
    pub(super) fn place(&self, offset: u64) -> (&Input, u64) {
        match self {
            Self::Within { input, at, .. } => (input, at + offset),
            Self::Own { input, .. } => (input, offset),
        }
    }
}

fn open<'a>(uri: &str, input: &Input, books: &Books) -> Result<Source<'a>, Fault> {
    if let Some(data) = uri.strip_prefix("data:") {
        let Some((kind, text)) = data.split_once(',') else {
            return malformed("a buffer in the JSON without its bytes");
        };
        if !kind.ends_with(";base64") {
            return Err(Fault::Unsupported(
                "buffers in the JSON other than by Base64".to_owned(),
            ));
        }
        let paid = books.reserve("reading", 2 * text.len() as u64)?;
        let bytes = match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) => bytes,
            Err(error) => return malformed(format!("a buffer in the JSON: {error}")),
        };
        return Ok(Source::Own {
            input: Input::memory(bytes.into(), input.name()),
            _paid: Some(paid),
        });
    }
    let name = percent_encoding::percent_decode_str(uri).decode_utf8_lossy();
    let path = Path::new(name.as_ref());
    let is_local = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if uri.contains("://") || !is_local {
        return malformed(format!("'{}' is not beside the file", shortened(uri, 80)));
    }
    let Some(folder) = input.folder() else {
        return Err(Fault::Unsupported(
            "buffers in other files, read from memory".to_owned(),
        ));
    };
    let open = |folder: cap_std::fs::Dir| {
        // Opening a pipe would wait for somebody to write into it.
        if !folder.metadata(path)?.is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        folder.open(path).map(cap_std::fs::File::into_std)
    };
    let opened = folder.and_then(open);
    match opened
        .map_err(crate::Error::from_io(&name))
        .and_then(|file| Input::file(file, &name))
    {
        Ok(input) => Ok(Source::Own { input, _paid: None }),
        Err(crate::Error::Io { source, .. }) => {
            malformed(format!("'{}': {source}", shortened(&name, 80)))
        }
        Err(error) => Err(error.into()),
    }
}
