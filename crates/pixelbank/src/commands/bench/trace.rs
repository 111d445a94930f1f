//! Recorded requests, read one by one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// What each tile of a binary trace occupies.
pub const TILE_BYTES: u32 = 16 << 10;

/// A request for a tile. Tiles of one size are numbered from 0 as they come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub bytes: u32,
    pub index: u32,
}

/// The requests of a file.
pub struct Trace {
    input: BufReader<File>,
    name: String,
    is_text: bool,
    /// Lines or numbers read so far.
    n_read: u64,
    /// Index and bytes by what the file calls a tile.
    tiles: HashMap<Box<[u8]>, Request>,
    n_of_size: HashMap<u32, u32>,
}

/// A line is two numbers; what is longer is no trace.
const LONGEST_LINE: u64 = 1024;

impl Trace {
    /// Opens a file and looks at its beginning to see which kind it is.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| name.clone())?;
        ensure!(
            !file.metadata().with_context(|| name.clone())?.is_dir(),
            "{name}: is a folder"
        );
        let mut input = BufReader::with_capacity(64 << 10, file);
        let start = input.fill_buf().with_context(|| name.clone())?;
        // Numbers of 32 bits have zeros in them unless all are above half a billion.
        let is_text = start
            .iter()
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        ensure!(!start.is_empty(), "{name}: is empty");
        Ok(Self {
            input,
            name,
            is_text,
            n_read: 0,
            tiles: HashMap::new(),
            n_of_size: HashMap::new(),
        })
    }

    /// Different tiles so far.
    pub fn n_tiles(&self) -> usize {
        self.tiles.len()
    }

    /// Where the request last returned stands, for an error message.
    pub fn place(&self) -> String {
        let unit = if self.is_text { "line" } else { "request" };
        format!("{}: {unit} {}", self.name, self.n_read)
    }

    /// The next request; `None` at the end.
    pub fn next(&mut self) -> anyhow::Result<Option<Request>> {
        if self.is_text {
            self.next_line()
        } else {
            self.next_number()
        }
    }

    fn next_number(&mut self) -> anyhow::Result<Option<Request>> {
        let mut word = [0; 4];
        let mut filled = 0;
        while filled < 4 {
            match self
                .input
                .read(&mut word[filled..])
                .with_context(|| self.name.clone())?
            {
                0 => break,
                n => filled += n,
            }
        }
        if filled == 0 {
            return Ok(None);
        }
        ensure!(
            filled == 4,
            "{}: {} bytes, which is no multiple of four: numbers of 32 bits were expected",
            self.name,
            self.n_read * 4 + filled as u64
        );
        self.n_read += 1;
        let number = i32::from_le_bytes(word);
        ensure!(
            number >= 0,
            "{}: the number of a tile is negative: {number}",
            self.place()
        );
        self.tile(&word, TILE_BYTES).map(Some)
    }

    fn next_line(&mut self) -> anyhow::Result<Option<Request>> {
        loop {
            let mut line = Vec::new();
            let input = &mut self.input;
            input
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .with_context(|| self.name.clone())?;
            if line.is_empty() {
                return Ok(None);
            }
            self.n_read += 1;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            // A heading, or nothing.
            if text.is_empty() || self.n_read == 1 && text.eq_ignore_ascii_case("id,bytes") {
                continue;
            }
            let Some((id, bytes)) = text.split_once(',') else {
                bail!(
                    "{}: 'id,bytes' was expected, not '{text:.40}'",
                    self.place()
                );
            };
            let Some(bytes) = bytes.trim().parse().ok().filter(|bytes| *bytes > 0) else {
                bail!(
                    "{}: '{:.40}' is no number of bytes",
                    self.place(),
                    bytes.trim()
                );
            };
            return self.tile(id.trim().as_bytes(), bytes).map(Some);
        }
    }

    fn tile(&mut self, id: &[u8], bytes: u32) -> anyhow::Result<Request> {
        if let Some(known) = self.tiles.get(id) {
            ensure!(
                known.bytes == bytes,
                "{}: a tile of {bytes} bytes, which had {} before",
                self.place(),
                known.bytes
            );
            return Ok(*known);
        }
        let next = self.n_of_size.entry(bytes).or_default();
        let request = Request {
            bytes,
            index: *next,
        };
        *next += 1;
        if let Entry::Vacant(place) = self.tiles.entry(id.into()) {
            place.insert(request);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> anyhow::Result<Vec<Request>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut trace = Trace::open(file.path())?;
        let mut requests = Vec::new();
        while let Some(request) = trace.next()? {
            requests.push(request);
        }
        Ok(requests)
    }

    fn binary(numbers: &[i32]) -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    }

    #[test]
    fn both_kinds_are_told_apart_by_their_content() {
        let of = |bytes, index| Request { bytes, index };
        let (small, large) = (TILE_BYTES, 300_000);
        assert_eq!(
            read(&binary(&[7, 9, 7])).unwrap(),
            [of(small, 0), of(small, 1), of(small, 0)]
        );
        let text = b"id,bytes\n7,300000\r\nnine , 16384\n\n7,300000\n8,300000";
        assert_eq!(
            read(text).unwrap(),
            [of(large, 0), of(small, 0), of(large, 0), of(large, 1)]
        );
    }

    #[test]
    fn errors_say_where_and_what() {
        let cut = [binary(&[1, 2]), vec![0]].concat();
        for (content, place, reason) in [
            (cut.as_slice(), "9 bytes", "no multiple of four"),
            (&binary(&[1, -5]), "request 2", "negative: -5"),
            (b"1,2\n3;4\n", "line 2", "'3;4'"),
            (b"1,2\n3,four\n", "line 2", "'four' is no number"),
            (b"1,0\n", "line 1", "'0' is no number"),
            (b"1,5000\n2,1\n1,6000\n", "line 3", "had 5000 before"),
            (b"", "empty", ""),
        ] {
            let error = format!("{:#}", read(content).unwrap_err());
            assert!(error.contains(place) && error.contains(reason), "{error}");
        }
    }
}
