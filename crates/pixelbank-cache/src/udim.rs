use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A texture in several files, each of which covers one unit square of texture space: the files that are there for a name
/// with a pattern in it.
///
/// Patterns in the file's name: `<UDIM>` and `%(UDIM)d` (1001, 1002 … 1011 for the square above 1001), `<u>_<v>` written as
/// `u0_v3`, and `<U>_<V>`, which count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Udim {
    files: BTreeMap<(u32, u32), PathBuf>,
}

#[derive(Debug, Clone, Copy)]
enum Pattern {
    /// 1001 + u + 10 v.
    Mari,
    /// `u0_v0`, counted from this number.
    Pair {
        prefix: (&'static str, &'static str),
        first: u32,
    },
}

const PATTERNS: [(&str, Pattern); 4] = [
    ("<UDIM>", Pattern::Mari),
    ("%(UDIM)d", Pattern::Mari),
    (
        "<u>_<v>",
        Pattern::Pair {
            prefix: ("u", "_v"),
            first: 0,
        },
    ),
    (
        "<U>_<V>",
        Pattern::Pair {
            prefix: ("u", "_v"),
            first: 1,
        },
    ),
];

impl Udim {
    /// Whether a name has such a pattern in it.
    pub fn is_pattern(name: &OsStr) -> bool {
        let name = Path::new(name).file_name().unwrap_or_default();
        split(name).is_some()
    }

    /// The files that are there now. Reads the folder once.
    ///
    /// # Errors
    /// `InvalidInput` where the file's name has no pattern, `NotFound` where no file is there for it, and what the system
    /// says of the folder.
    pub fn find(pattern: impl AsRef<Path>) -> io::Result<Self> {
        let path = pattern.as_ref();
        let refused =
            |kind, why: &str| Err(io::Error::new(kind, format!("{}: {why}", path.display())));
        let name = path.file_name().unwrap_or_default();
        let Some((before, pattern, after)) = split(name) else {
            return refused(
                io::ErrorKind::InvalidInput,
                "there is no <UDIM> in its name",
            );
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let name: OsString = entry?.file_name();
            let middle = name
                .as_encoded_bytes()
                .strip_prefix(before.as_bytes())
                .and_then(|rest| rest.strip_suffix(after.as_bytes()))
                .and_then(|middle| std::str::from_utf8(middle).ok());
            if let Some(square) = middle.and_then(|middle| pattern.parse(middle)) {
                files.insert(square, path.with_file_name(name));
            }
        }
        if files.is_empty() {
            return refused(io::ErrorKind::NotFound, "no file is there for this pattern");
        }
        Ok(Self { files })
    }

    /// The file for a point of texture space, if there is one.
    pub fn at(&self, u: f64, v: f64) -> Option<&Path> {
        if !(u >= 0.0 && v >= 0.0) {
            return None;
        }
        self.get(u as u32, v as u32)
    }

    /// The file for a square, counted from 0.
    pub fn get(&self, u: u32, v: u32) -> Option<&Path> {
        self.files.get(&(u, v)).map(PathBuf::as_path)
    }

    /// All squares, counted from 0, and their files.
    pub fn files(&self) -> impl ExactSizeIterator<Item = ((u32, u32), &Path)> {
        self.files
            .iter()
            .map(|(square, path)| (*square, path.as_path()))
    }

    /// How many squares there are from the first to the last, in each direction.
    pub fn n_squares(&self) -> (u32, u32) {
        let squares = self.files.keys();
        squares.fold((0, 0), |(n_u, n_v), (u, v)| {
            (n_u.max(u + 1), n_v.max(v + 1))
        })
    }
}

/// What stands before the pattern, the pattern, and what stands behind it.
fn split(name: &OsStr) -> Option<(&str, Pattern, &str)> {
    let name = name.to_str()?;
    PATTERNS.iter().find_map(|(text, pattern)| {
        let (before, after) = name.split_once(text)?;
        Some((before, *pattern, after))
    })
}

impl Pattern {
    fn parse(self, text: &str) -> Option<(u32, u32)> {
        // Not `parse` alone, which takes signs.
        let number = |text: &str| -> Option<u32> {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number)
        };
        match self {
            Self::Mari => {
                let number = number(text)
                    .filter(|_| text.len() == 4)?
                    .checked_sub(1001)?;
                Some((number % 10, number / 10))
            }
            Self::Pair { prefix, first } => {
                let (u, v) = text.strip_prefix(prefix.0)?.split_once(prefix.1)?;
                Some((
                    number(u)?.checked_sub(first)?,
                    number(v)?.checked_sub(first)?,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], pattern: &str) -> io::Result<Vec<((u32, u32), String)>> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let udim = Udim::find(folder.path().join(pattern))?;
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(udim
            .files()
            .map(|(square, path)| (square, name(path)))
            .collect())
    }

    fn squares(names: &[&str], pattern: &str) -> Vec<(u32, u32)> {
        let found = found(names, pattern).unwrap();
        found.into_iter().map(|(square, _)| square).collect()
    }

    #[test]
    fn every_pattern_finds_its_files_and_no_others() {
        let mari = [
            "a.1001.tif",
            "a.1002.tif",
            "a.1011.tif",
            "a.1000.tif",
            "a.101.tif",
            "a.1001.tif.bak",
            "b.1003.tif",
            "a.+101.tif",
        ];
        assert_eq!(squares(&mari, "a.<UDIM>.tif"), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(squares(&mari, "a.%(UDIM)d.tif"), [(0, 0), (0, 1), (1, 0)]);
        let pairs = ["a_u0_v0.tif", "a_u3_v12.tif", "a_u_v.tif", "a_u1_v1.png"];
        assert_eq!(squares(&pairs, "a_<u>_<v>.tif"), [(0, 0), (3, 12)]);
        assert_eq!(squares(&pairs, "a_<U>_<V>.tif"), [(2, 11)]);
    }

    #[test]
    fn points_lead_to_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["t1001.tif", "t1012.tif"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let udim = Udim::find(folder.path().join("t<UDIM>.tif")).unwrap();
        assert_eq!(udim.n_squares(), (2, 2));
        assert_eq!(udim.at(0.99, 0.0).unwrap(), folder.path().join("t1001.tif"));
        assert_eq!(udim.at(1.0, 1.5).unwrap(), folder.path().join("t1012.tif"));
        for (u, v) in [(1.0, 0.5), (-0.1, 0.0), (f64::NAN, 0.0), (1e30, 0.0)] {
            assert_eq!(udim.at(u, v), None);
        }
    }

    #[test]
    fn what_is_no_pattern_or_finds_nothing_says_so() {
        let none = found(&["a.tif"], "a.tif").unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::InvalidInput);
        let nothing = found(&["a.tif"], "b.<UDIM>.tif").unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::NotFound);
        assert!(nothing.to_string().contains("b.<UDIM>.tif"));
        assert!(Udim::is_pattern(OsStr::new("x/a.<UDIM>.exr")));
        assert!(!Udim::is_pattern(OsStr::new("<UDIM>/a.exr")));
    }
}
