//! What the segments in front of the first scan say of a file.

use std::sync::Arc;

use pixelbank_image::{Orientation, Size};

use super::blocks::{EXIF, Icc};
use super::memory::{Component, Frame};
use super::segments::{APP1, APP2, APP14, EOI, SOF0, SOF2, SOS, Segments};
use crate::{Error, Format, Input, Limits, request};

/// Bytes of EXIF that are looked at for the orientation, which stands in the first directory.
const EXIF_HEAD_BYTES: u32 = 4096;

/// The facts that decoding depends on, and those that belong to an image's specification.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) frame: Frame,
    /// Adobe's marker is there: CMYK is stored inverted.
    pub(super) adobe: bool,
    pub(super) orientation: Orientation,
    pub(super) icc: Option<Arc<[u8]>>,
}

impl Header {
    pub(super) fn read(input: &mut Input, limits: &Limits) -> Result<Self, Error> {
        let mut segments = Segments::new(input)?;
        let mut frame = None;
        let mut adobe = false;
        let mut orientation = None;
        let mut icc = Icc::new(limits.max_metadata_bytes);
        loop {
            let segment = segments.next()?;
            match segment.marker {
                SOF0..=SOF2 => {
                    if frame.is_some() {
                        return Err(segments.malformed("it has two frame headers"));
                    }
                    let body = segments.rest()?;
                    let read = read_frame(&body, segment.marker == SOF2);
                    frame = Some(read.map_err(|problem| problem.error(&mut segments))?);
                }
                0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                    let feature = match segment.marker {
                        0xC3 | 0xC7 | 0xCB | 0xCF => "lossless coding",
                        0xC9 | 0xCA => "arithmetic coding",
                        _ => "hierarchical coding",
                    };
                    return Err(Problem::Unsupported(feature.into()).error(&mut segments));
                }
                APP1 if orientation.is_none() => {
                    let head = segments.read(EXIF_HEAD_BYTES)?;
                    if let Some(exif) = head.strip_prefix(EXIF) {
                        orientation = super::orientation::of_exif(exif);
                    }
                }
                APP2 if icc.wants(segment.len) => icc.add(&segments.rest()?),
                APP14 => {
                    adobe |= segments.read(12)?.starts_with(b"Adobe");
                }
                SOS => break,
                EOI => return Err(segments.malformed("it ends before the image data")),
                _ => {}
            }
        }
        let scan = segments.rest()?;
        let Some(mut frame) = frame else {
            return Err(segments.malformed("image data comes before the frame header"));
        };
        let in_scan = scan.first().copied().unwrap_or_default();
        frame.multi_scan |= usize::from(in_scan) < frame.components.len();
        request::check_size(segments.name(), Format::Jpeg, frame.size, limits)?;
        Ok(Self {
            frame,
            adobe,
            orientation: orientation.unwrap_or_default(),
            icc: icc.finish().map(Arc::from),
        })
    }
}

/// What can be wrong with a frame header.
#[derive(Debug, PartialEq)]
enum Problem {
    Malformed(&'static str),
    Unsupported(String),
}

impl Problem {
    fn error(self, segments: &mut Segments<'_>) -> Error {
        match self {
            Self::Malformed(reason) => segments.malformed(reason),
            Self::Unsupported(feature) => Error::Unsupported {
                name: segments.name().to_owned(),
                format: Format::Jpeg,
                feature,
            },
        }
    }
}

fn read_frame(body: &[u8], progressive: bool) -> Result<Frame, Problem> {
    let [precision, h1, h0, w1, w0, n_components, ref rest @ ..] = *body else {
        return Err(Problem::Malformed("its frame header is too short"));
    };
    let n_components = usize::from(n_components);
    if rest.len() != 3 * n_components {
        return Err(Problem::Malformed("its frame header has the wrong length"));
    }
    if precision != 8 {
        return Err(Problem::Unsupported(format!("{precision} bits a sample")));
    }
    if !matches!(n_components, 1 | 3 | 4) {
        return Err(Problem::Unsupported(format!("{n_components} components")));
    }
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .map(|component| Component {
            h: u32::from(component[1] >> 4),
            v: u32::from(component[1] & 15),
        })
        .collect();
    if components
        .iter()
        .any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v))
    {
        return Err(Problem::Malformed("a sampling factor is not 1 to 4"));
    }
    let frame = Frame {
        size: Size::new(
            u32::from(u16::from_be_bytes([w1, w0])),
            u32::from(u16::from_be_bytes([h1, h0])),
        ),
        components,
        multi_scan: progressive,
    };
    let (max_h, max_v) = frame.max_sampling();
    if frame
        .components
        .iter()
        .any(|c| max_h % c.h != 0 || max_v % c.v != 0)
    {
        return Err(Problem::Unsupported("fractional subsampling".into()));
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_headers_are_checked() {
        let good = [8, 0, 100, 0, 200, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
        let frame = read_frame(&good, false).unwrap();
        assert_eq!(frame.size, Size::new(200, 100));
        assert_eq!(frame.max_sampling(), (2, 2));
        let with = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            read_frame(&bytes, false)
        };
        let malformed = |r: Result<Frame, Problem>| matches!(r, Err(Problem::Malformed(_)));
        let unsupported = |r: Result<Frame, Problem>| matches!(r, Err(Problem::Unsupported(_)));
        assert!(unsupported(with(0, 12)));
        assert!(malformed(with(5, 4)));
        assert!(malformed(with(7, 0x02)));
        assert!(malformed(with(7, 0x52)));
        assert!(unsupported(with(10, 0x13)));
        assert!(malformed(read_frame(&good[..5], false)));
        assert!(unsupported(read_frame(
            &[8, 0, 1, 0, 1, 2, 1, 17, 0, 2, 17, 0],
            false
        )));
    }
}
