//! Times of single operations: `cargo bench -p pixelbank-pipeline`. Prints the best and the median of the runs that fit
//! into half a second each; the best is the one to compare on a machine that others use too.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use pixelbank_image::{
    Access, Alpha, Channels, ImageSpec, LevelSpec, Orientation, PixelFormat, Rect, SampleType,
    Size, Stored, Transfer, View, ViewMut,
};
use pixelbank_memory::{Account, Bank, Wait};
use pixelbank_pipeline::Profiles;
use pixelbank_pipeline::display::{Display, Tone};
use pixelbank_pipeline::orient::orient;
use pixelbank_pipeline::render::{Plan, Render};
use pixelbank_pipeline::resize::Resize;
use pixelbank_pipeline::rotate::{rotate, rotated_size};

fn time(name: &str, mut operation: impl FnMut()) {
    operation();
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) || times.len() < 5 {
        let start = Instant::now();
        operation();
        times.push(start.elapsed());
    }
    times.sort();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name:48} best {:>9.0} µs   median {:>9.0} µs",
        micros(times[0]),
        micros(times[times.len() / 2])
    );
}

fn noise(bytes: u64) -> Vec<u8> {
    let mut state = 1u32;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn spec(size: Size, format: PixelFormat, alpha: Alpha, transfer: Transfer) -> ImageSpec {
    ImageSpec {
        format,
        stored: Stored::of(format.sample),
        channels: None,
        alpha,
        transfer,
        orientation: Orientation::Normal,
        data_window: size.into(),
        display_window: size.into(),
        icc: None,
        levels: vec![LevelSpec {
            size,
            access: Access::Chunks(Size::new(256, 256)),
        }],
    }
}

fn resizes() {
    let rgba16 = PixelFormat::new(Channels::Rgba, SampleType::U16);
    for (name, from, to, format, alpha) in [
        (
            "resize 500×375 → 256×192 RGB8",
            (500, 375),
            (256, 192),
            PixelFormat::RGB8,
            Alpha::None,
        ),
        (
            "resize 2000×1500 → 480×360 RGB8",
            (2000, 1500),
            (480, 360),
            PixelFormat::RGB8,
            Alpha::None,
        ),
        (
            "resize 512×512 → 256×256 RGB8",
            (512, 512),
            (256, 256),
            PixelFormat::RGB8,
            Alpha::None,
        ),
        (
            "resize 512×512 → 256×256 RGBA8",
            (512, 512),
            (256, 256),
            PixelFormat::RGBA8,
            Alpha::Straight,
        ),
        (
            "resize 6000×4000 → 2400×1600 RGB8, in blocks",
            (6000, 4000),
            (2400, 1600),
            PixelFormat::RGB8,
            Alpha::None,
        ),
        (
            "resize 2000×1500 → 1000×750 RGBA16",
            (2000, 1500),
            (1000, 750),
            rgba16,
            Alpha::Straight,
        ),
    ] {
        let (from, to) = (Size::new(from.0, from.1), Size::new(to.0, to.1));
        let source = noise(format.image_bytes(from));
        let mut target = vec![0; format.image_bytes(to) as usize];
        let resize = Resize::whole(from, to, format, alpha).unwrap();
        time(name, || {
            let source = View::packed(&source, from, format).unwrap();
            let mut target = ViewMut::packed(&mut target, to, format).unwrap();
            resize.run(source, &mut target).unwrap();
        });
    }
}

fn renders(bank: &Bank) {
    let holder = bank.holder(Account::Scratch, "render", "bench");
    let profiles = Profiles::new(holder.clone());
    let size = Size::new(750, 500);
    let pixels = noise(PixelFormat::RGB8.image_bytes(size));
    let plain = spec(size, PixelFormat::RGB8, Alpha::None, Transfer::Display);
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let lying = ImageSpec {
        orientation: Orientation::Rotate90,
        ..plain.clone()
    };
    let colored = ImageSpec {
        icc: Some(p3.into()),
        ..plain.clone()
    };
    let thumbnail = Render::new(size.rect(), Size::new(480, 320));
    let upright = Render::new(Rect::new(0, 0, 500, 750), Size::new(320, 480));
    let tile = Render::new(Rect::new(256, 0, 256, 256), Size::new(256, 256));
    for (name, spec, request) in [
        ("render tile 256×256, copied", &plain, tile),
        ("render thumbnail 750×500 → 480×320", &plain, thumbnail),
        ("render thumbnail, turned upright", &lying, upright),
        ("render thumbnail, Display P3", &colored, thumbnail),
    ] {
        time(name, || {
            let plan = Plan::new(spec, &[size], &request, &profiles).unwrap();
            let read = &mut |_, rect, mut to: ViewMut<'_>| {
                let all = View::packed(&pixels, size, PixelFormat::RGB8)?;
                Ok(to.copy_from(all.crop(rect)?)?)
            };
            black_box(plan.run(&holder, &Wait::never(), read).unwrap());
        });
    }
}

fn others(bank: &Bank) {
    let profiles = Profiles::new(bank.holder(Account::Scratch, "profile", "bench"));
    let size = Size::new(4000, 3000);
    let format = PixelFormat::RGB8;
    let source = noise(format.image_bytes(size));
    let mut target = vec![0; source.len()];
    for (name, orientation) in [
        ("orient 12 MP RGB8, quarter turn", Orientation::Rotate90),
        ("orient 12 MP RGB8, mirror", Orientation::FlipHorizontal),
        ("orient 12 MP RGB8, copy", Orientation::Normal),
    ] {
        time(name, || {
            let source = View::packed(&source, size, format).unwrap();
            let mut target =
                ViewMut::packed(&mut target, orientation.displayed(size), format).unwrap();
            orient(orientation, source, &mut target).unwrap();
        });
    }
    let small = Size::new(1000, 1000);
    let canvas = rotated_size(small, 30.0);
    time("rotate 1 MP RGB8 by 30°", || {
        let source = View::packed(&source, small, format).unwrap();
        let mut target = ViewMut::packed(&mut target, canvas, format).unwrap();
        rotate(source, 30.0, &mut target).unwrap();
    });
    let one = Size::new(1000, 1000);
    for (name, channels, sample, transfer) in [
        (
            "display 1 MP RGB16",
            Channels::Rgb,
            SampleType::U16,
            Transfer::Display,
        ),
        (
            "display 1 MP linear RGB half",
            Channels::Rgb,
            SampleType::F16,
            Transfer::Linear,
        ),
        (
            "display 1 MP linear RGB float",
            Channels::Rgb,
            SampleType::F32,
            Transfer::Linear,
        ),
    ] {
        let format = PixelFormat::new(channels, sample);
        let source = match sample {
            SampleType::F32 => {
                let light: Vec<f32> = noise(3_000_000)
                    .into_iter()
                    .map(|v| f32::from(v) / 200.0)
                    .collect();
                bytemuck::cast_slice(&light).to_vec()
            }
            SampleType::F16 => {
                let light: Vec<half::f16> = noise(3_000_000)
                    .into_iter()
                    .map(|v| half::f16::from_f32(f32::from(v) / 200.0))
                    .collect();
                bytemuck::cast_slice(&light).to_vec()
            }
            _ => noise(format.image_bytes(one)),
        };
        let spec = spec(one, format, Alpha::None, transfer);
        let display = Display::new(&spec, Tone::default(), &profiles).unwrap();
        time(name, || {
            let source = View::packed(&source, one, format).unwrap();
            let mut target = ViewMut::packed(&mut target, one, PixelFormat::RGB8).unwrap();
            display.run(source, &mut target).unwrap();
        });
    }
    let mut spec = spec(one, PixelFormat::RGB8, Alpha::None, Transfer::Display);
    spec.icc = Some(
        moxcms::ColorProfile::new_adobe_rgb()
            .encode()
            .unwrap()
            .into(),
    );
    let display = Display::new(&spec, Tone::default(), &profiles).unwrap();
    time("display 1 MP RGB8, Adobe RGB", || {
        let source = View::packed(&source, one, PixelFormat::RGB8).unwrap();
        let mut target = ViewMut::packed(&mut target, one, PixelFormat::RGB8).unwrap();
        display.run(source, &mut target).unwrap();
    });
}

fn main() {
    let bank = Bank::builder().host_bytes(256 << 20).build().unwrap();
    resizes();
    renders(&bank);
    others(&bank);
}
