//! ICC profiles: from the colours that a file means to sRGB.

use std::fmt;
use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ToneReprCurve, Transform8BitExecutor,
    Transform16BitExecutor, TransformOptions,
};
use parking_lot::Mutex;
use pixelbank_memory::{Holder, Reservation};

/// Transforms kept at most, least recently used out first. A folder of photographs has a handful.
const KEPT: usize = 16;

/// The transforms made from ICC profiles, kept by the profile's bytes: making one takes longer than a small picture.
///
/// What is kept is on the books; where they have no room, a transform is made anew each time.
#[derive(Debug)]
pub struct Profiles {
    holder: Holder,
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    icc: Arc<[u8]>,
    kind: Kind,
    transform: Option<Transform>,
    _reservation: Reservation,
}

/// What a transform takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) ink: Ink,
    pub(crate) alpha: bool,
    pub(crate) bits: Bits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Gray,
    Rgb,
    Cmyk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    Eight,
    Sixteen,
}

/// From a profile to sRGB; alpha passes through.
#[derive(Clone)]
pub(crate) enum Transform {
    /// 8-bit RGB(A) or CMYK to RGB(A).
    Bytes(Arc<Transform8BitExecutor>),
    /// 16-bit RGB(A) or CMYK to RGB(A).
    Words(Arc<Transform16BitExecutor>),
    /// Grey of 8 or 16 bits to 8 bits.
    Gray(Arc<[u8]>),
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::Words(_) => "Words",
            Self::Gray(_) => "Gray",
        })
    }
}

impl Profiles {
    /// Keeps transforms on the account of `holder`.
    pub fn new(holder: Holder) -> Self {
        Self {
            holder,
            kept: Mutex::default(),
        }
    }

    /// The transform for pixels of this kind; `None` where the profile is sRGB, is damaged, or belongs to other
    /// channels than the image has: the values then count as sRGB.
    pub(crate) fn transform(&self, icc: &Arc<[u8]>, kind: Kind) -> Option<Transform> {
        {
            let mut kept = self.kept.lock();
            let found = kept.iter().position(|entry| {
                entry.kind == kind && (Arc::ptr_eq(&entry.icc, icc) || *entry.icc == **icc)
            });
            if let Some(found) = found {
                let entry = kept.remove(found);
                let transform = entry.transform.clone();
                kept.push(entry);
                return transform;
            }
        }
        // Outside the lock: two who ask at once may both make it, and one is dropped.
        let profile = ColorProfile::new_from_slice(icc).ok();
        let transform = profile.as_ref().and_then(|profile| make(profile, kind));
        let held = profile
            .filter(|_| transform.is_some())
            .map_or(0, |profile| bytes(&profile, icc, kind));
        // The bytes stay alive for the comparison, even when no file has them any more.
        let bytes = icc.len() as u64 + held;
        if let Ok(reservation) = self.holder.try_reserve(bytes) {
            let mut kept = self.kept.lock();
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push(Kept {
                icc: Arc::clone(icc),
                kind,
                transform: transform.clone(),
                _reservation: reservation,
            });
        }
        transform
    }
}

/// An upper bound of the heap bytes of a transform.
fn bytes(profile: &ColorProfile, icc: &[u8], kind: Kind) -> u64 {
    match (kind.ink, kind.bits) {
        (Ink::Gray, Bits::Eight) => 512,
        (Ink::Gray, Bits::Sixteen) => (64 << 10) + 512,
        // Curves alone: for each of three channels a table from the profile and one to sRGB.
        (Ink::Rgb, Bits::Eight) if profile.is_matrix_shaper() => 256 << 10,
        (Ink::Rgb, Bits::Sixteen) if profile.is_matrix_shaper() => 1216 << 10,
        // Grids of the profile, of 8 or 16 bits there and of 32 here, and one made from them.
        _ => 8 * icc.len() as u64 + (2 << 20),
    }
}

fn make(profile: &ColorProfile, kind: Kind) -> Option<Transform> {
    let space = match kind.ink {
        Ink::Gray => DataColorSpace::Gray,
        Ink::Rgb => DataColorSpace::Rgb,
        Ink::Cmyk => DataColorSpace::Cmyk,
    };
    if profile.color_space != space {
        return None;
    }
    match kind.ink {
        Ink::Gray => gray_table(profile, kind.bits).map(Transform::Gray),
        Ink::Rgb if is_srgb(profile) => None,
        Ink::Rgb => color(
            profile,
            kind,
            if kind.alpha {
                Layout::Rgba
            } else {
                Layout::Rgb
            },
        ),
        // Four channels are laid out as RGBA are.
        Ink::Cmyk => color(profile, kind, Layout::Rgba),
    }
}

fn color(profile: &ColorProfile, kind: Kind, from: Layout) -> Option<Transform> {
    let to = if kind.alpha {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    match kind.bits {
        Bits::Eight => profile
            .create_transform_8bit(from, &srgb, to, options)
            .ok()
            .map(Transform::Bytes),
        Bits::Sixteen => profile
            .create_transform_16bit(from, &srgb, to, options)
            .ok()
            .map(Transform::Words),
    }
}

/// There are many sRGB profiles, so what counts is what a profile does.
fn is_srgb(profile: &ColorProfile) -> bool {
    let kind = Kind {
        ink: Ink::Rgb,
        alpha: false,
        bits: Bits::Eight,
    };
    let Some(Transform::Bytes(transform)) = color(profile, kind, Layout::Rgb) else {
        return false;
    };
    let mut probe = Vec::new();
    for red in (0..=255u8).step_by(51) {
        for green in (0..=255u8).step_by(51) {
            for blue in (0..=255u8).step_by(51) {
                probe.extend([red, green, blue]);
            }
        }
    }
    for gray in (0..=255u8).step_by(5) {
        probe.extend([gray; 3]);
    }
    let mut made = vec![0; probe.len()];
    transform.transform(&probe, &mut made).is_ok()
        && probe
            .iter()
            .zip(&made)
            .all(|(before, after)| before.abs_diff(*after) <= 1)
}

/// What becomes of every grey value.
fn gray_table(profile: &ColorProfile, bits: Bits) -> Option<Arc<[u8]>> {
    let mut srgb = ColorProfile::new_gray_with_gamma(2.2);
    srgb.gray_trc = ColorProfile::new_srgb()
        .red_trc
        .or(Some(ToneReprCurve::Lut(Vec::new())));
    let transform = profile
        .create_transform_16bit(
            Layout::Gray,
            &srgb,
            Layout::Gray,
            TransformOptions::default(),
        )
        .ok()?;
    let before: Vec<u16> = match bits {
        Bits::Eight => (0..=255).map(|value| value * 257).collect(),
        Bits::Sixteen => (0..=u16::MAX).collect(),
    };
    let mut after = vec![0; before.len()];
    transform.transform(&before, &mut after).ok()?;
    Some(after.into_iter().map(crate::display::narrow).collect())
}
