//! Animated PNG, written by the `png` crate; what a viewer shows is worked out here in floating point.

use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, Rect, SampleType, Size};
use png::{BitDepth, BlendOp, ColorType, DisposeOp};

use super::{Known, Sample, format, scene};

const SIZE: Size = Size::new(33, 27);

type Step = (Rect, DisposeOp, BlendOp);

/// Frames that cover a part, lie over others, and go away again in every way.
fn steps() -> Vec<Step> {
    use BlendOp::{Over, Source};
    use DisposeOp::{Background, None, Previous};
    vec![
        (SIZE.rect(), None, Source),
        (Rect::new(4, 3, 20, 15), None, Over),
        (Rect::new(0, 0, 18, 20), Previous, Source),
        (Rect::new(9, 8, 24, 19), Background, Over),
        (Rect::new(10, 0, 5, 27), None, Over),
        (Rect::new(2, 2, 30, 22), Previous, Over),
        (Rect::new(1, 20, 31, 6), None, Source),
        (SIZE.rect(), None, Source),
        (Rect::new(3, 3, 9, 9), Background, Over),
        (Rect::new(0, 0, 1, 1), None, Over),
    ]
}

pub fn samples() -> Vec<Sample> {
    use DisposeOp::None;
    let opaque: Vec<Step> = steps()
        .into_iter()
        .map(|(rect, _, blend)| (rect, None, blend))
        .collect();
    let mut partial = steps();
    partial.remove(0);
    vec![
        animation(
            "animation-rgba8.png",
            Channels::Rgba,
            SampleType::U8,
            &steps(),
            false,
        ),
        animation(
            "animation-rgba16.png",
            Channels::Rgba,
            SampleType::U16,
            &steps(),
            false,
        ),
        animation(
            "animation-graya8.png",
            Channels::GrayAlpha,
            SampleType::U8,
            &steps(),
            true,
        ),
        animation(
            "animation-rgb8.png",
            Channels::Rgb,
            SampleType::U8,
            &steps(),
            false,
        ),
        animation(
            "animation-gray16.png",
            Channels::Gray,
            SampleType::U16,
            &steps(),
            true,
        ),
        animation(
            "animation-opaque.png",
            Channels::Rgb,
            SampleType::U8,
            &opaque,
            false,
        ),
        animation(
            "animation-partial.png",
            Channels::Rgb,
            SampleType::U8,
            &partial,
            true,
        ),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    let Size { width, height } = size;
    let steps = [
        (size.rect(), DisposeOp::None, BlendOp::Source),
        (
            Rect::new(100, 50, width - 300, height - 100),
            DisposeOp::None,
            BlendOp::Over,
        ),
        (
            Rect::new(0, 0, width / 2, height / 2),
            DisposeOp::Background,
            BlendOp::Over,
        ),
        (Rect::new(50, 50, 200, 200), DisposeOp::None, BlendOp::Over),
    ];
    vec![made(
        "large-animation.png",
        size,
        Channels::Rgba,
        SampleType::U8,
        &steps,
        false,
    )]
}

fn animation(
    name: &str,
    channels: Channels,
    sample: SampleType,
    steps: &[Step],
    is_separate: bool,
) -> Sample {
    made(name, SIZE, channels, sample, steps, is_separate)
}

fn color_type(channels: Channels) -> ColorType {
    match channels {
        Channels::Gray => ColorType::Grayscale,
        Channels::GrayAlpha => ColorType::GrayscaleAlpha,
        Channels::Rgb => ColorType::Rgb,
        _ => ColorType::Rgba,
    }
}

/// If `is_separate`, the default picture is no part of the animation.
fn made(
    name: &str,
    size: Size,
    channels: Channels,
    sample: SampleType,
    steps: &[Step],
    is_separate: bool,
) -> Sample {
    let stored = format(channels, sample);
    let shows_through =
        steps.iter().any(|step| step.1 == DisposeOp::Background) || steps[0].0 != size.rect();
    let shown = match channels {
        Channels::Gray if shows_through => format(Channels::GrayAlpha, sample),
        Channels::Rgb if shows_through => format(Channels::Rgba, sample),
        _ => stored,
    };
    // What each frame holds, of the format that is stored.
    let pictures: Vec<Vec<u8>> = steps
        .iter()
        .enumerate()
        .map(|(index, (rect, ..))| {
            let mut pixels = scene(rect.size(), stored);
            for (at, byte) in pixels.iter_mut().enumerate() {
                *byte = byte.wrapping_add((index * 37 + at / 64) as u8);
            }
            pixels
        })
        .collect();
    let default = scene(size, stored);

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_color(color_type(channels));
    encoder.set_depth(match sample {
        SampleType::U16 => BitDepth::Sixteen,
        _ => BitDepth::Eight,
    });
    encoder.set_animated(steps.len() as u32, 0).unwrap();
    encoder.set_sep_def_img(is_separate).unwrap();
    let mut writer = encoder.write_header().unwrap();
    if is_separate {
        writer
            .write_image_data(&big_endian(&default, sample))
            .unwrap();
    }
    for ((rect, dispose, blend), picture) in steps.iter().zip(&pictures) {
        writer.reset_frame_position().unwrap();
        writer.set_frame_dimension(rect.width, rect.height).unwrap();
        writer.set_frame_position(rect.x, rect.y).unwrap();
        writer.set_dispose_op(*dispose).unwrap();
        writer.set_blend_op(*blend).unwrap();
        writer
            .write_image_data(&big_endian(picture, sample))
            .unwrap();
    }
    writer.finish().unwrap();

    let mut screen = Screen::new(size, shown);
    let mut subimages = Vec::new();
    if is_separate {
        subimages.push(known(size, stored, default));
    }
    for (index, ((rect, dispose, blend), picture)) in steps.iter().zip(&pictures).enumerate() {
        let before = (*dispose == DisposeOp::Previous).then(|| screen.pixels.clone());
        screen.draw(*rect, picture, stored, *blend);
        if index == 0 && !is_separate {
            subimages.push(known(size, stored, picture.clone()));
        } else {
            subimages.push(known(size, shown, screen.bytes()));
        }
        match dispose {
            DisposeOp::None => {}
            DisposeOp::Background => screen.clear(*rect),
            DisposeOp::Previous => screen.pixels = before.unwrap(),
        }
    }
    Sample {
        name: name.to_owned(),
        bytes,
        format: Format::Png,
        subimages,
    }
}

fn known(size: Size, pixels: PixelFormat, data: Vec<u8>) -> Known {
    Known {
        size,
        pixels,
        data: Some(data),
        tolerance: 0,
    }
}

fn big_endian(pixels: &[u8], sample: SampleType) -> Vec<u8> {
    match sample {
        SampleType::U16 => pixels
            .chunks_exact(2)
            .flat_map(|pair| u16::from_ne_bytes([pair[0], pair[1]]).to_be_bytes())
            .collect(),
        _ => pixels.to_vec(),
    }
}

/// What a viewer shows: samples of 0 to 255 or 65,535, alpha last if there is any.
struct Screen {
    size: Size,
    format: PixelFormat,
    pixels: Vec<f64>,
}

impl Screen {
    fn new(size: Size, format: PixelFormat) -> Self {
        let pixels = vec![0.0; format.channels.count() * size.pixels() as usize];
        Self {
            size,
            format,
            pixels,
        }
    }

    fn max(&self) -> f64 {
        match self.format.sample {
            SampleType::U16 => 65535.0,
            _ => 255.0,
        }
    }

    /// Where the samples of each pixel of `rect` are.
    fn places(&self, rect: Rect) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (width, count) = (self.size.width, self.format.channels.count());
        (rect.y..rect.y + rect.height)
            .flat_map(move |y| (rect.x..rect.x + rect.width).map(move |x| (x, y)))
            .map(move |(x, y)| (y * width + x) as usize * count)
            .map(move |at| at..at + count)
    }

    fn clear(&mut self, rect: Rect) {
        for place in self.places(rect) {
            self.pixels[place].fill(0.0);
        }
    }

    fn draw(&mut self, rect: Rect, picture: &[u8], stored: PixelFormat, blend: BlendOp) {
        let max = self.max();
        let has_alpha = self.format.channels.has_alpha();
        let bytes = stored.sample.bytes();
        let places = self.places(rect);
        for (place, pixel) in places.zip(picture.chunks_exact(stored.pixel_bytes())) {
            let mut above = [max; 4];
            for (above, sample) in above.iter_mut().zip(pixel.chunks_exact(bytes)) {
                *above = match *sample {
                    [low] => low.into(),
                    [a, b] => u16::from_ne_bytes([a, b]).into(),
                    _ => panic!("samples of PNG have one or two bytes"),
                };
            }
            let target = &mut self.pixels[place];
            let last = target.len() - 1;
            let (alpha, below_alpha) = (above[last] / max, target[last] / max);
            let replaces = blend == BlendOp::Source || alpha == 1.0 || below_alpha == 0.0;
            if !has_alpha || replaces {
                target.copy_from_slice(&above[..=last]);
                continue;
            }
            let joint = alpha + (1.0 - alpha) * below_alpha;
            for (b, a) in target[..last].iter_mut().zip(above) {
                *b = ((a * alpha + *b * (1.0 - alpha) * below_alpha) / joint).round();
            }
            target[last] = (joint * max).round();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let samples = self.pixels.iter();
        match self.format.sample {
            SampleType::U16 => samples
                .flat_map(|&value| (value as u16).to_ne_bytes())
                .collect(),
            _ => samples.map(|&value| value as u8).collect(),
        }
    }
}
