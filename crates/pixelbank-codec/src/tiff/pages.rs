use std::collections::HashSet;
use std::sync::Arc;

use pixelbank_image::{ImageSpec, LevelSpec, Orientation, Size, Transfer, Window};

use super::directory::{Directory, Field, Source};
use super::page::{Page, optional, tag};
use crate::{Error, Format, ImageInfo, Limits};

/// Levels of one picture: more than a side of `u32` pixels can be halved.
const MAX_LEVELS: usize = 40;

/// Sub-directories of one page that are looked at.
const MAX_SUB_DIRECTORIES: u64 = 64;

/// One picture and the smaller versions of it that the file holds, finest first.
#[derive(Debug)]
pub(super) struct Picture {
    pub levels: Vec<Page>,
    orientation: Orientation,
    icc: Option<Arc<[u8]>>,
    icc_field: Option<Field>,
}

/// Walks the directories of a file.
struct Walk<'a> {
    source: &'a mut Source,
    limits: &'a Limits,
    seen: HashSet<u64>,
    /// Bytes that directories may still take together. Distinct ones cannot take more than the file has, so that a
    /// file whose directories overlap ends too.
    bytes_left: u64,
    pictures: Vec<Picture>,
}

/// All pictures of a file; at least one.
pub(super) fn read(
    source: &mut Source,
    first: u64,
    limits: &Limits,
) -> Result<Vec<Picture>, Error> {
    let mut walk = Walk {
        bytes_left: source.len_bytes,
        source,
        limits,
        seen: HashSet::new(),
        pictures: Vec::new(),
    };
    let mut at = first;
    let mut failure = None;
    while let Some(directory) = walk.next_directory(at)? {
        if walk.pictures.len() >= limits.max_subimages as usize {
            break;
        }
        let next = directory.next;
        match walk.page(&directory, at) {
            Ok(()) => {}
            // A page that cannot be read costs the others nothing. The file as a whole is refused where the page
            // that a viewer would show first is the one.
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) if walk.pictures.is_empty() && !walk.is_reduced(&directory)? => {
                return Err(error);
            }
            Err(error) => failure = Some(error),
        }
        at = next;
    }
    let mut pictures = walk.pictures;
    if pictures.is_empty() {
        return Err(failure.unwrap_or_else(|| source.malformed("it has no page")));
    }
    for picture in &mut pictures {
        picture
            .levels
            .sort_by_key(|level| std::cmp::Reverse(level.size.pixels()));
        picture.levels.shrink_to_fit();
    }
    pictures.shrink_to_fit();
    Ok(pictures)
}

/// What is told of a file with these pictures.
pub(super) fn info(pictures: &[Picture]) -> ImageInfo {
    let subimages = pictures.iter().map(|picture| {
        let first = &picture.levels[0];
        let window = Window {
            x: 0,
            y: 0,
            width: first.size.width,
            height: first.size.height,
        };
        ImageSpec {
            format: first.format,
            stored: first.stored(),
            channels: None,
            alpha: first.alpha,
            transfer: if first.format.sample.is_float() {
                Transfer::Linear
            } else {
                Transfer::Display
            },
            orientation: picture.orientation,
            data_window: window,
            display_window: window,
            icc: picture.icc.clone(),
            levels: picture
                .levels
                .iter()
                .map(|level| LevelSpec {
                    size: level.size,
                    access: level.access(),
                })
                .collect(),
        }
    });
    ImageInfo {
        format: Format::Tiff,
        subimages: subimages.collect(),
    }
}

impl Walk<'_> {
    /// The directory at `at`, unless the chain ends there.
    fn next_directory(&mut self, at: u64) -> Result<Option<Directory>, Error> {
        if at == 0 || !self.seen.insert(at) {
            return Ok(None);
        }
        let directory = match self.source.directory(at) {
            Ok(directory) => directory,
            // The pages before the break are whole.
            Err(Error::Malformed { .. }) if !self.pictures.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.bytes_left.checked_sub(directory.bytes) {
            Some(left) => self.bytes_left = left,
            None => return Ok(None),
        }
        Ok(Some(directory))
    }

    fn is_reduced(&mut self, directory: &Directory) -> Result<bool, Error> {
        let kind = optional(self.source, directory, tag::SUBFILE_TYPE)?;
        Ok(kind.is_some_and(|kind| kind & 1 != 0))
    }

    /// Takes in a page of the main chain and what hangs on it.
    fn page(&mut self, directory: &Directory, at: u64) -> Result<(), Error> {
        let page = Page::read(self.source, directory, at, self.limits)?;
        match self.pictures.last_mut() {
            Some(picture) if is_level(&picture.levels, &page) => picture.levels.push(page),
            _ => self.picture(directory, page)?,
        }
        let Some(&field) = directory.get(tag::SUB_IFDS) else {
            return Ok(());
        };
        let owner = self.pictures.len() - 1;
        for index in 0..field.count.min(MAX_SUB_DIRECTORIES) {
            let Ok(at) = self.source.uint(&field, index) else {
                break;
            };
            let Some(directory) = self.next_directory(at)? else {
                continue;
            };
            let Ok(page) = Page::read(self.source, &directory, at, self.limits) else {
                continue;
            };
            // Smaller versions need not say so here: hanging on the page says it.
            let levels = &mut self.pictures[owner].levels;
            if is_smaller_version(levels, &page) {
                levels.push(page);
            } else if self.pictures.len() < self.limits.max_subimages as usize {
                self.picture(&directory, page)?;
            }
        }
        Ok(())
    }

    fn picture(&mut self, directory: &Directory, page: Page) -> Result<(), Error> {
        let orientation = optional(self.source, directory, tag::ORIENTATION).unwrap_or(None);
        let icc_field = directory.get(tag::ICC).copied();
        let before = self.pictures.last();
        let icc = match icc_field {
            None => None,
            Some(field) => match before {
                // Pages of one document usually carry the same profile, some share the very bytes.
                Some(before) if before.icc_field == Some(field) => before.icc.clone(),
                _ => {
                    let before = before.and_then(|before| before.icc.clone());
                    let bytes = self.source.raw(&field, self.limits.max_metadata_bytes)?;
                    bytes.map(|bytes| match before {
                        Some(before) if *before == *bytes => before,
                        _ => Arc::from(bytes),
                    })
                }
            },
        };
        self.pictures.push(Picture {
            levels: vec![page],
            orientation: Orientation::from_exif(orientation.unwrap_or(1) as u32),
            icc,
            icc_field,
        });
        Ok(())
    }
}

/// Whether a page of the main chain is a further level of the picture before it.
fn is_level(levels: &[Page], page: &Page) -> bool {
    let last = &levels[levels.len() - 1];
    if page.reduced {
        is_smaller_version(levels, page)
    } else if page.texture || (page.tiled && last.tiled && page.chunk == last.chunk) {
        // No word that they belong together: only an unbroken chain of exact halves is believed.
        is_half(last.size, page.size) && is_smaller_version(levels, page)
    } else {
        false
    }
}

fn is_smaller_version(levels: &[Page], page: &Page) -> bool {
    let first = &levels[0];
    levels.len() < MAX_LEVELS
        && page.format == first.format
        && page.alpha == first.alpha
        && page.mask == first.mask
        && same_aspect(first.size, page.size)
        && levels
            .iter()
            .all(|level| differs_enough(level.size, page.size))
}

/// Whether `small` shows the same as `large`: each side may be off by the rounding of repeated halving.
fn same_aspect(large: Size, small: Size) -> bool {
    let across = u64::from(small.height) * u64::from(large.width);
    let down = u64::from(small.width) * u64::from(large.height);
    small.width <= large.width
        && small.height <= large.height
        && across.abs_diff(down) <= u64::from(large.width) + u64::from(large.height)
}

/// Levels that are less than half as large again help nobody, and are more likely variants of the picture.
fn differs_enough(a: Size, b: Size) -> bool {
    let long = |size: Size| u64::from(size.width.max(size.height));
    let (a, b) = (long(a), long(b));
    2 * a.max(b) >= 3 * a.min(b)
}

fn is_half(large: Size, small: Size) -> bool {
    let half = |large: u32, small: u32| small == (large / 2).max(1) || small == large.div_ceil(2);
    half(large.width, small.width) && half(large.height, small.height) && small != large
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_forgiven_and_another_aspect_is_not() {
        let large = Size::new(6001, 3999);
        for small in [
            (3000, 1999),
            (3001, 2000),
            (1500, 999),
            (93, 62),
            (2, 1),
            (1, 1),
        ] {
            assert!(same_aspect(large, Size::new(small.0, small.1)), "{small:?}");
        }
        for other in [(3000, 2100), (1999, 3000), (160, 120), (7000, 4666)] {
            assert!(
                !same_aspect(large, Size::new(other.0, other.1)),
                "{other:?}"
            );
        }
    }

    #[test]
    fn halves_round_either_way() {
        assert!(is_half(Size::new(5, 8), Size::new(2, 4)));
        assert!(is_half(Size::new(5, 8), Size::new(3, 4)));
        assert!(is_half(Size::new(2, 1), Size::new(1, 1)));
        assert!(!is_half(Size::new(8, 8), Size::new(4, 3)));
        assert!(!is_half(Size::new(1, 1), Size::new(1, 1)));
    }
}
