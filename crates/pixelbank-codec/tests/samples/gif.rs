use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, Frame};
use pixelbank_codec::Format;
use pixelbank_image::{PixelFormat, Rect, Size};

use super::{Known, Sample, levels, palette};

const SIZE: Size = Size::new(40, 30);

pub fn samples() -> Vec<Sample> {
    vec![
        still("still.gif", SIZE, false),
        still("interlaced.gif", SIZE, true),
        still("one-pixel.gif", Size::new(1, 1), false),
        animation(),
    ]
}

pub fn large(size: Size) -> Vec<Sample> {
    vec![still("large.gif", size, false)]
}

fn encode(size: Size, colors: &[[u8; 3]], frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(
        &mut bytes,
        size.width as u16,
        size.height as u16,
        &colors.concat(),
    )
    .unwrap();
    for frame in frames {
        encoder.write_frame(frame).unwrap();
    }
    drop(encoder);
    bytes
}

fn still(name: &str, size: Size, interlaced: bool) -> Sample {
    let colors = palette(200);
    let indices = levels(size, 200);
    let data = indices
        .iter()
        .flat_map(|&index| colors[index as usize])
        .collect();
    let stored = if interlaced {
        [(0, 8), (4, 8), (2, 4), (1, 2)]
            .into_iter()
            .flat_map(|(first, step)| (first..size.height).step_by(step))
            .flat_map(|y| {
                let start = (y * size.width) as usize;
                indices[start..start + size.width as usize].to_vec()
            })
            .collect()
    } else {
        indices
    };
    let frame = Frame {
        width: size.width as u16,
        height: size.height as u16,
        buffer: Cow::Owned(stored),
        interlaced,
        ..Frame::default()
    };
    let bytes = encode(size, &colors, &[frame]);
    Sample::exact(name, bytes, Format::Gif, size, PixelFormat::RGB8, data)
}

/// Frames that leave parts alone, are thrown away, and reach over the edge.
fn animation() -> Sample {
    let colors = palette(8);
    let steps: [(Rect, DisposalMethod, Option<u8>); 5] = [
        (Rect::new(4, 2, 30, 20), DisposalMethod::Keep, Some(3)),
        (Rect::new(10, 8, 12, 12), DisposalMethod::Previous, None),
        (Rect::new(0, 0, 8, 8), DisposalMethod::Background, Some(1)),
        (Rect::new(35, 25, 10, 10), DisposalMethod::Any, None),
        (Rect::new(1, 1, 5, 5), DisposalMethod::Keep, Some(0)),
    ];
    let mut frames = Vec::new();
    let mut canvas = vec![[0u8; 4]; SIZE.pixels() as usize];
    let mut subimages = Vec::new();
    for (rect, dispose, transparent) in steps {
        let indices = levels(rect.size(), 8);
        frames.push(Frame {
            left: rect.x as u16,
            top: rect.y as u16,
            width: rect.width as u16,
            height: rect.height as u16,
            dispose,
            transparent,
            buffer: Cow::Owned(indices.clone()),
            ..Frame::default()
        });
        let before = canvas.clone();
        let inside = |x: u32, y: u32| {
            (x < SIZE.width && y < SIZE.height).then(|| (y * SIZE.width + x) as usize)
        };
        let places: Vec<Option<usize>> = (rect.y..rect.y + rect.height)
            .flat_map(|y| (rect.x..rect.x + rect.width).map(move |x| (x, y)))
            .map(|(x, y)| inside(x, y))
            .collect();
        for (place, &index) in places.iter().zip(&indices) {
            if let (Some(place), true) = (*place, transparent != Some(index)) {
                let [r, g, b] = colors[index as usize];
                canvas[place] = [r, g, b, 255];
            }
        }
        subimages.push(Known {
            size: SIZE,
            pixels: PixelFormat::RGBA8,
            data: Some(canvas.concat()),
            tolerance: 0,
        });
        match dispose {
            DisposalMethod::Background => {
                for place in places.into_iter().flatten() {
                    canvas[place] = [0; 4];
                }
            }
            DisposalMethod::Previous => canvas = before,
            _ => {}
        }
    }
    Sample {
        name: "animation.gif".to_owned(),
        bytes: encode(SIZE, &colors, &frames),
        format: Format::Gif,
        subimages,
    }
}
