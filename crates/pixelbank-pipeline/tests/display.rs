//! Conversion for display at exact values.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use half::f16;
use moxcms::ColorProfile;
use pixelbank_image::{
    Alpha, Channels, ImageSpec, PixelFormat, SampleType, Size, Transfer, View, ViewMut,
};
use pixelbank_pipeline::Profiles;
use pixelbank_pipeline::display::{Display, Tone};

fn spec(channels: Channels, sample: SampleType) -> ImageSpec {
    let alpha = if channels.has_alpha() {
        Alpha::Straight
    } else {
        Alpha::None
    };
    support::spec(
        PixelFormat::new(channels, sample),
        alpha,
        &[Size::new(1, 1)],
    )
}

fn linear(channels: Channels, sample: SampleType) -> ImageSpec {
    ImageSpec {
        transfer: Transfer::Linear,
        ..spec(channels, sample)
    }
}

/// Converts one row, and says into which format.
fn shown(spec: &ImageSpec, pixels: &[u8]) -> (PixelFormat, Vec<u8>) {
    shown_with(spec, Tone::default(), pixels)
}

fn shown_with(spec: &ImageSpec, tone: Tone, pixels: &[u8]) -> (PixelFormat, Vec<u8>) {
    let bank = support::bank();
    let profiles = Profiles::new(support::holder(&bank));
    let display = Display::new(spec, tone, &profiles).unwrap();
    let size = Size::new((pixels.len() / spec.format.pixel_bytes()) as u32, 1);
    let mut made = vec![0; display.format().image_bytes(size) as usize];
    let mut target = ViewMut::packed(&mut made, size, display.format()).unwrap();
    let source = View::packed(pixels, size, spec.format).unwrap();
    display.run(source, &mut target).unwrap();
    (display.format(), made)
}

#[test]
fn sixteen_bits_are_rounded_to_the_nearest() {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    let (format, made) = shown(
        &spec(Channels::Gray, SampleType::U16),
        bytemuck::cast_slice(&all),
    );
    assert_eq!(format, PixelFormat::GRAY8);
    for (word, byte) in all.iter().zip(made) {
        assert_eq!(
            f64::from(byte),
            (f64::from(*word) / 257.0).round(),
            "{word}"
        );
    }
}

#[test]
fn thirty_two_bits_are_scaled() {
    let values = [0u32, u32::MAX / 2, u32::MAX, 1 << 30, 1 << 31];
    let (_, made) = shown(
        &spec(Channels::Gray, SampleType::U32),
        bytemuck::cast_slice(&values),
    );
    assert_eq!(made, [0, 127, 255, 64, 128]);
}

#[test]
fn light_is_encoded_as_srgb_and_cut_off_at_white() {
    let light = [
        0.0f32,
        0.002,
        0.18,
        0.5,
        1.0,
        12.0,
        -3.0,
        f32::NAN,
        f32::INFINITY,
    ];
    let expected = [0, 7, 118, 188, 255, 255, 0, 0, 255];
    let (_, made) = shown(
        &linear(Channels::Gray, SampleType::F32),
        bytemuck::cast_slice(&light),
    );
    assert_eq!(made, expected);
    let halves = light.map(f16::from_f32);
    let (_, made) = shown(
        &linear(Channels::Gray, SampleType::F16),
        bytemuck::cast_slice(&halves),
    );
    assert_eq!(made, expected);
}

#[test]
fn exposure_doubles_light() {
    let tone = Tone {
        exposure_stops: 1.0,
    };
    let light = [0.25f32, 0.5];
    let spec = linear(Channels::Gray, SampleType::F32);
    let (_, made) = shown_with(&spec, tone, bytemuck::cast_slice(&light));
    assert_eq!(made, [188, 255]);
}

#[test]
fn floats_ready_for_display_are_only_scaled() {
    let values = [0.0f32, 0.5, 1.0, 2.0, -1.0];
    let (_, made) = shown(
        &spec(Channels::Gray, SampleType::F32),
        bytemuck::cast_slice(&values),
    );
    assert_eq!(made, [0, 128, 255, 255, 0]);
}

#[test]
fn premultiplied_colors_are_divided() {
    let mut premultiplied = linear(Channels::Rgba, SampleType::F32);
    premultiplied.alpha = Alpha::Premultiplied;
    let pixels = [0.25f32, 0.5, 0.0, 0.5, 0.3, 0.3, 0.3, 0.0];
    let (format, made) = shown(&premultiplied, bytemuck::cast_slice(&pixels));
    assert_eq!(format, PixelFormat::RGBA8);
    assert_eq!(made[..4], [188, 255, 0, 128]);
    assert_eq!(made[7], 0);

    let mut premultiplied = spec(Channels::GrayAlpha, SampleType::U8);
    premultiplied.alpha = Alpha::Premultiplied;
    let (_, made) = shown(&premultiplied, &[50, 100, 255, 255, 0, 0, 9, 3]);
    assert_eq!(made, [128, 100, 255, 255, 0, 0, 255, 3]);

    let mut premultiplied = spec(Channels::GrayAlpha, SampleType::U16);
    premultiplied.alpha = Alpha::Premultiplied;
    let pixels = [50 * 257u16, 100 * 257];
    let (_, made) = shown(&premultiplied, bytemuck::cast_slice(&pixels));
    assert_eq!(made, [128, 100]);
}

#[test]
fn alpha_that_means_nothing_is_left_out() {
    let mut opaque = spec(Channels::Rgba, SampleType::U8);
    opaque.alpha = Alpha::None;
    let (format, made) = shown(&opaque, &[1, 2, 3, 0, 4, 5, 6, 9]);
    assert_eq!((format, made), (PixelFormat::RGB8, vec![1, 2, 3, 4, 5, 6]));
}

#[test]
fn inks_and_unknown_channels_show_something() {
    let (format, made) = shown(
        &spec(Channels::Cmyk, SampleType::U8),
        &[0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 255, 51],
    );
    assert_eq!(format, PixelFormat::RGB8);
    assert_eq!(made, [255, 255, 255, 0, 255, 255, 0, 0, 0, 204, 0, 0]);
    let words = [0u16, 65_535, 65_535, 51 * 257];
    let (_, made) = shown(
        &spec(Channels::Cmyk, SampleType::U16),
        bytemuck::cast_slice(&words),
    );
    assert_eq!(made, [204, 0, 0]);

    let (format, made) = shown(&spec(Channels::Other(5), SampleType::U8), &[1, 2, 3, 4, 5]);
    assert_eq!((format, made), (PixelFormat::RGB8, vec![1, 2, 3]));
    let (format, made) = shown(&spec(Channels::Other(2), SampleType::U8), &[1, 2]);
    assert_eq!((format, made), (PixelFormat::GRAY8, vec![1]));
}

/// Display P3 to sRGB by matrices in f64 (both with sRGB's curve and D65).
fn p3_to_srgb(rgb: [u8; 3]) -> [f64; 3] {
    let decode = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.040_45 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    };
    let encode = |v: f64| {
        let v = v.clamp(0.0, 1.0);
        255.0
            * if v <= 0.003_130_8 {
                v * 12.92
            } else {
                1.055 * v.powf(1.0 / 2.4) - 0.055
            }
    };
    let [r, g, b] = rgb.map(decode);
    [
        1.224_940_18 * r - 0.224_940_18 * g,
        -0.042_056_96 * r + 1.042_056_96 * g,
        -0.019_637_55 * r - 0.078_636_04 * g + 1.098_273_59 * b,
    ]
    .map(encode)
}

#[test]
fn display_p3_becomes_srgb() {
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let pixels = [
        [234, 51, 35],
        [255, 0, 0],
        [200, 100, 50],
        [12, 200, 99],
        [128, 128, 128],
        [255, 255, 255],
        [0, 0, 0],
        [30, 60, 220],
    ];
    let p3 = support::with_icc(spec(Channels::Rgb, SampleType::U8), icc.clone());
    let (_, made) = shown(&p3, pixels.as_flattened());
    // The red of sRGB, as Display P3 writes it.
    assert!(
        made[0] >= 254 && made[1] <= 8 && made[2] <= 8,
        "{:?}",
        &made[..3]
    );
    for (pixel, made) in pixels.iter().zip(made.chunks_exact(3)) {
        for (made, expected) in made.iter().zip(p3_to_srgb(*pixel)) {
            assert!(
                (f64::from(*made) - expected).abs() <= 1.5,
                "{pixel:?}: {made} {expected}"
            );
        }
    }

    let p3 = support::with_icc(spec(Channels::Rgba, SampleType::U16), icc);
    let words: Vec<u16> = pixels
        .iter()
        .flat_map(|p| [p[0], p[1], p[2], 77].map(|v| u16::from(v) * 257))
        .collect();
    let (_, made) = shown(&p3, bytemuck::cast_slice(&words));
    for (pixel, made) in pixels.iter().zip(made.chunks_exact(4)) {
        for (made, expected) in made.iter().zip(p3_to_srgb(*pixel)) {
            assert!(
                (f64::from(*made) - expected).abs() <= 1.5,
                "{pixel:?}: {made} {expected}"
            );
        }
        assert_eq!(made[3], 77, "alpha passes through");
    }
}

#[test]
fn profiles_that_change_nothing_are_skipped() {
    let bank = support::bank();
    let profiles = Profiles::new(support::holder(&bank));
    let identity = |spec: &ImageSpec| {
        Display::new(spec, Tone::default(), &profiles)
            .unwrap()
            .is_identity()
    };
    let plain = spec(Channels::Rgb, SampleType::U8);
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    assert!(identity(&support::with_icc(plain.clone(), srgb.clone())));
    assert!(identity(&support::with_icc(
        plain.clone(),
        b"no profile".to_vec()
    )));
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    assert!(!identity(&support::with_icc(plain.clone(), p3.clone())));
    assert!(!identity(&support::with_icc(
        plain,
        ColorProfile::new_adobe_rgb().encode().unwrap()
    )));
    // A colour profile on a grey picture is a mistake of its writer.
    assert!(identity(&support::with_icc(
        spec(Channels::Gray, SampleType::U8),
        p3
    )));
}

#[test]
fn gray_profiles_change_gray() {
    let icc = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
    let expected = |v: f64| {
        let light = v.powf(1.8);
        255.0
            * if light <= 0.003_130_8 {
                light * 12.92
            } else {
                1.055 * light.powf(1.0 / 2.4) - 0.055
            }
    };
    let gray = support::with_icc(spec(Channels::Gray, SampleType::U8), icc.clone());
    let (_, made) = shown(&gray, &[0, 20, 64, 128, 200, 255]);
    for (value, made) in [0u8, 20, 64, 128, 200, 255].into_iter().zip(made) {
        let expected = expected(f64::from(value) / 255.0);
        assert!(
            (f64::from(made) - expected).abs() <= 1.5,
            "{value}: {made} {expected}"
        );
    }
    let gray = support::with_icc(spec(Channels::GrayAlpha, SampleType::U16), icc);
    let (_, made) = shown(&gray, bytemuck::cast_slice(&[32_768u16, 257]));
    assert!((f64::from(made[0]) - expected(0.5)).abs() <= 1.5);
    assert_eq!(made[1], 1);
}

#[test]
fn transforms_are_kept_on_the_books_and_made_once() {
    let bank = support::bank();
    let profiles = Profiles::new(support::holder(&bank));
    let icc = ColorProfile::new_display_p3().encode().unwrap();
    let p3 = support::with_icc(spec(Channels::Rgb, SampleType::U8), icc.clone());
    Display::new(&p3, Tone::default(), &profiles).unwrap();
    let live = bank.ledger().host.live_bytes;
    assert!(live > 0);
    // The same bytes in another file.
    let again = support::with_icc(spec(Channels::Rgb, SampleType::U8), icc);
    Display::new(&again, Tone::default(), &profiles).unwrap();
    assert_eq!(bank.ledger().host.live_bytes, live);
    drop(profiles);
    assert_eq!(bank.ledger().host.live_bytes, 0);
}
