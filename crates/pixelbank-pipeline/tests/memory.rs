//! What a plan says it takes is an upper bound of what it takes: against a counting allocator, in a process of its own.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use pixelbank_image::{
    Alpha, Channels, Orientation, PixelFormat, Rect, SampleType, Size, Transfer,
};
use pixelbank_memory::Wait;
use pixelbank_pipeline::Profiles;
use pixelbank_pipeline::display::{Display, Tone};
use pixelbank_pipeline::quality::Quality;
use pixelbank_pipeline::render::{Plan, Render};
use support::Pyramid;

struct Counting;

static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    let live = LIVE.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the pointer came from this allocator, so from the system's, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while the bytes are copied.
        count(size);
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, since the counts are of the whole process. Buffers stay below the size from which they are mappings,
/// which no allocator sees.
#[test]
fn plans_take_no_more_than_they_say() {
    let size = Size::new(600, 400);
    let f32_rgba = PixelFormat::new(Channels::Rgba, SampleType::F32);
    let sources = [
        (PixelFormat::RGB8, Alpha::None, Transfer::Display),
        (PixelFormat::RGBA8, Alpha::Straight, Transfer::Display),
        (PixelFormat::RGBA8, Alpha::Premultiplied, Transfer::Display),
        (PixelFormat::GRAY8, Alpha::None, Transfer::Linear),
        (PixelFormat::RGB16, Alpha::None, Transfer::Display),
        (f32_rgba, Alpha::Premultiplied, Transfer::Linear),
    ];
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut checked = 0;
    for (format, alpha, transfer) in sources {
        for orientation in [Orientation::Normal, Orientation::Rotate90] {
            for icc in [false, true] {
                let pixels = support::scene(size, format.pixel_bytes());
                let mut pyramid = Pyramid::of(pixels, size, format, alpha).oriented(orientation);
                pyramid.spec.transfer = transfer;
                if icc {
                    pyramid.spec = support::with_icc(pyramid.spec, p3.clone());
                }
                let seen = orientation.displayed(size);
                for (made, degrees, quality) in [
                    (seen, 0.0, Quality::Color),
                    (Size::new(200, 150), 0.0, Quality::Color),
                    (Size::new(200, 150), 0.0, Quality::Bitonal),
                    (Size::new(7, 300), 33.0, Quality::Gray),
                    (Size::new(700, 500), 0.0, Quality::Gray),
                ] {
                    let request = Render {
                        rotation_degrees: degrees,
                        quality,
                        ..Render::new(Rect::new(0, 0, seen.width, seen.height), made)
                    };
                    check(&pyramid, &request);
                    checked += 1;
                }
            }
        }
    }
    assert_eq!(checked, 120);
    transforms_are_booked_with_what_they_hold();
}

fn transforms_are_booked_with_what_they_hold() {
    let rgb: moxcms::ColorProfile = moxcms::ColorProfile::new_adobe_rgb();
    let gray = moxcms::ColorProfile::new_gray_with_gamma(1.8);
    for (profile, channels) in [
        (&rgb, Channels::Rgb),
        (&rgb, Channels::Rgba),
        (&gray, Channels::Gray),
    ] {
        for sample in [SampleType::U8, SampleType::U16] {
            let format = PixelFormat::new(channels, sample);
            let alpha = if channels.has_alpha() {
                Alpha::Straight
            } else {
                Alpha::None
            };
            let spec = support::spec(format, alpha, &[Size::new(1, 1)]);
            let spec = support::with_icc(spec, profile.encode().unwrap());
            let bank = support::bank();
            let profiles = Profiles::new(support::holder(&bank));
            let before = LIVE.load(Ordering::Relaxed);
            let display = Display::new(&spec, Tone::default(), &profiles).unwrap();
            let held = LIVE.load(Ordering::Relaxed) - before;
            let booked = bank.ledger().host.live_bytes;
            assert!(!display.is_identity());
            assert!(held <= booked, "{held} held, {booked} booked for {format}");
            let slack = 3 * held + (64 << 10);
            assert!(booked <= slack, "{held} held, {booked} booked for {format}");
        }
    }
}

fn check(pyramid: &Pyramid, request: &Render) {
    let bank = support::bank();
    let holder = support::holder(&bank);
    let profiles = Profiles::new(holder.clone());
    let plan = Plan::new(&pyramid.spec, &pyramid.sizes, request, &profiles).unwrap();
    let profiles_bytes = bank.ledger().host.live_bytes;
    let mut read = |level, rect, to: pixelbank_image::ViewMut<'_>| pyramid.read(level, rect, to);
    // The kernels' table is made once a process.
    plan.run(&holder, &Wait::never(), &mut read).unwrap();

    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let picture = plan.run(&holder, &Wait::never(), &mut read).unwrap();
    let taken = PEAK.load(Ordering::Relaxed) - before;
    // A few hundred bytes are the bank's own and those of handles.
    assert!(
        taken <= plan.bytes() + 512,
        "{taken} of {} for {request:?}",
        plan.bytes()
    );
    assert!(
        2 * taken + (64 << 10) >= plan.bytes(),
        "{} is too much to reserve for {taken}: {request:?} {:?}",
        plan.bytes(),
        pyramid.spec.format
    );
    drop(picture);
    assert_eq!(bank.ledger().host.live_bytes, profiles_bytes);

    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    plan.rows(&holder, &Wait::never(), &mut read, &mut |_| Ok(()))
        .unwrap();
    let taken = PEAK.load(Ordering::Relaxed) - before;
    assert!(
        taken <= plan.rows_bytes() + 512,
        "{taken} of {}",
        plan.rows_bytes()
    );
    assert_eq!(
        LIVE.load(Ordering::Relaxed),
        before,
        "nothing is left behind"
    );
}
