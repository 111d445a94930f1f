use ddsfile::{
    AlphaMode, Caps2, D3D10ResourceDimension, D3DFormat, Dds, DxgiFormat, NewD3dParams,
    NewDxgiParams,
};
use half::f16;
use pixelbank_codec::Format;
use pixelbank_image::{Channels, PixelFormat, SampleType, Size};

use super::{Known, Sample, format, levels, scene};

/// No multiple of a block.
const SIZE: Size = Size::new(37, 29);

pub fn samples() -> Vec<Sample> {
    let mut samples = uncompressed();
    samples.extend([
        float(
            "half.dds",
            DxgiFormat::R16G16B16A16_Float,
            Channels::Rgba,
            SampleType::F16,
        ),
        float(
            "float-two.dds",
            DxgiFormat::R32G32_Float,
            Channels::Other(2),
            SampleType::F32,
        ),
        old_half(),
        masks_of_pillow(
            "pillow-gray.dds",
            D3DFormat::L8,
            Channels::Gray,
            [0xff00_0000; 4],
        ),
        masks_of_pillow(
            "pillow-gray-alpha.dds",
            D3DFormat::A8L8,
            Channels::GrayAlpha,
            [0xff, 0xff, 0xff, 0xff00_0000],
        ),
        sixteen(),
        signed(),
        packed_floats(),
        blocks(
            "bc1.dds",
            DxgiFormat::BC1_UNorm_sRGB,
            texpresso::Format::Bc1,
        ),
        blocks("bc2.dds", DxgiFormat::BC2_UNorm, texpresso::Format::Bc2),
        blocks("bc3.dds", DxgiFormat::BC3_UNorm, texpresso::Format::Bc3),
        blocks("bc4.dds", DxgiFormat::BC4_UNorm, texpresso::Format::Bc4),
        blocks("bc5.dds", DxgiFormat::BC5_UNorm, texpresso::Format::Bc5),
        foreign(
            "bc7.dds",
            include_bytes!("textures/bc7.dds"),
            include_bytes!("textures/bc7.pixels"),
            PixelFormat::RGBA8,
        ),
        foreign(
            "bc6h.dds",
            include_bytes!("textures/bc6h.dds"),
            include_bytes!("textures/bc6h.pixels"),
            format(Channels::Rgb, SampleType::F16),
        ),
        foreign(
            "bc6h-signed.dds",
            include_bytes!("textures/bc6h-signed.dds"),
            include_bytes!("textures/bc6h-signed.pixels"),
            format(Channels::Rgb, SampleType::F16),
        ),
        cube(),
        array(),
        volume(),
    ]);
    samples
}

pub fn large(size: Size) -> Vec<Sample> {
    let data = scene(size, PixelFormat::RGBA8);
    let coded = texpresso::Format::Bc3;
    let mut stored = vec![0; coded.compressed_size(size.width as usize, size.height as usize)];
    // Any block is valid.
    for (index, byte) in stored.iter_mut().enumerate() {
        *byte = data[index % data.len()];
    }
    let compressed = Sample {
        name: "large-bc3.dds".to_owned(),
        bytes: of_dxgi(DxgiFormat::BC3_UNorm, size, 1, 1, false, stored),
        format: Format::Dds,
        subimages: vec![Known {
            size,
            pixels: PixelFormat::RGBA8,
            data: None,
            tolerance: 0,
        }],
    };
    let bytes = of_dxgi(DxgiFormat::R8G8B8A8_UNorm, size, 1, 1, false, data.clone());
    let plain = Sample::exact(
        "large.dds",
        bytes,
        Format::Dds,
        size,
        PixelFormat::RGBA8,
        data,
    );
    vec![compressed, plain]
}

fn written(mut dds: Dds, data: Vec<u8>) -> Vec<u8> {
    assert_eq!(dds.data.len(), data.len());
    dds.data = data;
    let mut bytes = Vec::new();
    dds.write(&mut bytes).unwrap();
    bytes
}

fn of_d3d(form: D3DFormat, size: Size, data: Vec<u8>) -> Vec<u8> {
    let dds = Dds::new_d3d(NewD3dParams {
        height: size.height,
        width: size.width,
        depth: None,
        format: form,
        mipmap_levels: None,
        caps2: None,
    });
    written(dds.unwrap(), data)
}

fn of_dxgi(
    form: DxgiFormat,
    size: Size,
    levels: u32,
    layers: u32,
    is_cubemap: bool,
    data: Vec<u8>,
) -> Vec<u8> {
    let dds = Dds::new_dxgi(NewDxgiParams {
        height: size.height,
        width: size.width,
        depth: None,
        format: form,
        mipmap_levels: Some(levels),
        array_layers: Some(layers),
        caps2: None,
        is_cubemap,
        resource_dimension: D3D10ResourceDimension::Texture2D,
        alpha_mode: AlphaMode::Straight,
    });
    written(dds.unwrap(), data)
}

/// Name, format, channels, bytes of a pixel; and of each channel its lowest bit and its bits.
type Layout<'a> = (&'a str, D3DFormat, Channels, usize, &'a [(u32, u32)]);

/// Layouts whose pixels are numbers.
fn uncompressed() -> Vec<Sample> {
    use Channels::{Gray, GrayAlpha, Rgb, Rgba};
    let layouts: [Layout<'_>; 12] = [
        (
            "bgra.dds",
            D3DFormat::A8R8G8B8,
            Rgba,
            4,
            &[(16, 8), (8, 8), (0, 8), (24, 8)],
        ),
        (
            "rgba.dds",
            D3DFormat::A8B8G8R8,
            Rgba,
            4,
            &[(0, 8), (8, 8), (16, 8), (24, 8)],
        ),
        (
            "bgrx.dds",
            D3DFormat::X8R8G8B8,
            Rgb,
            4,
            &[(16, 8), (8, 8), (0, 8)],
        ),
        (
            "bgr.dds",
            D3DFormat::R8G8B8,
            Rgb,
            3,
            &[(16, 8), (8, 8), (0, 8)],
        ),
        (
            "565.dds",
            D3DFormat::R5G6B5,
            Rgb,
            2,
            &[(11, 5), (5, 6), (0, 5)],
        ),
        (
            "1555.dds",
            D3DFormat::A1R5G5B5,
            Rgba,
            2,
            &[(10, 5), (5, 5), (0, 5), (15, 1)],
        ),
        (
            "4444.dds",
            D3DFormat::A4R4G4B4,
            Rgba,
            2,
            &[(8, 4), (4, 4), (0, 4), (12, 4)],
        ),
        (
            "8332.dds",
            D3DFormat::A8R3G3B2,
            Rgba,
            2,
            &[(5, 3), (2, 3), (0, 2), (8, 8)],
        ),
        ("gray.dds", D3DFormat::L8, Gray, 1, &[(0, 8)]),
        ("alpha.dds", D3DFormat::A8, Gray, 1, &[(0, 8)]),
        (
            "gray-alpha.dds",
            D3DFormat::A8L8,
            GrayAlpha,
            2,
            &[(0, 8), (8, 8)],
        ),
        ("44.dds", D3DFormat::A4L4, GrayAlpha, 1, &[(0, 4), (4, 4)]),
    ];
    layouts
        .into_iter()
        .map(|(name, form, channels, bytes, fields)| {
            let pixels = format(channels, SampleType::U8);
            let scene = scene(SIZE, pixels);
            let mut stored = Vec::new();
            let mut data = Vec::new();
            for pixel in scene.chunks_exact(channels.count()) {
                let mut number = 0;
                for (&value, &(shift, bits)) in pixel.iter().zip(fields) {
                    let kept = u32::from(value) >> (8 - bits);
                    number |= kept << shift;
                    // The bits of the value, again and again.
                    let text = format!("{kept:0width$b}", width = bits as usize);
                    let repeated: String = text.chars().cycle().take(8).collect();
                    data.push(u8::from_str_radix(&repeated, 2).unwrap());
                }
                stored.extend(&number.to_le_bytes()[..bytes]);
            }
            let bytes = of_d3d(form, SIZE, stored);
            Sample::exact(name, bytes, Format::Dds, SIZE, pixels, data)
        })
        .collect()
}

fn float(name: &str, form: DxgiFormat, channels: Channels, sample: SampleType) -> Sample {
    let pixels = format(channels, sample);
    let values = scene(SIZE, format(channels, SampleType::F32));
    let data: Vec<u8> = match sample {
        SampleType::F16 => values
            .chunks_exact(4)
            .flat_map(|value| {
                let value = f32::from_ne_bytes(value.try_into().unwrap());
                f16::from_f32(value).to_ne_bytes()
            })
            .collect(),
        _ => values,
    };
    let stored = swapped(&data, sample.bytes());
    let bytes = of_dxgi(form, SIZE, 1, 1, false, stored);
    Sample::exact(name, bytes, Format::Dds, SIZE, pixels, data)
}

/// By the number of its format in Direct3D 9, where other formats have four letters.
fn old_half() -> Sample {
    let gray = float(
        "old-half.dds",
        DxgiFormat::R16_Float,
        Channels::Gray,
        SampleType::F16,
    );
    let stored = swapped(gray.subimages[0].data.as_deref().unwrap(), 2);
    let mut bytes = of_d3d(D3DFormat::L16, SIZE, stored);
    bytes[80..84].copy_from_slice(&4u32.to_le_bytes());
    bytes[84..88].copy_from_slice(&111u32.to_le_bytes());
    Sample { bytes, ..gray }
}

/// Grey with masks that lie beyond the pixel.
fn masks_of_pillow(name: &str, form: D3DFormat, channels: Channels, masks: [u32; 4]) -> Sample {
    let pixels = format(channels, SampleType::U8);
    let data = scene(SIZE, pixels);
    let mut bytes = of_d3d(form, SIZE, data.clone());
    let flags = if channels.has_alpha() {
        0x2_0001
    } else {
        0x2_0000u32
    };
    bytes[80..84].copy_from_slice(&flags.to_le_bytes());
    for (place, mask) in bytes[92..108].chunks_exact_mut(4).zip(masks) {
        place.copy_from_slice(&mask.to_le_bytes());
    }
    Sample::exact(name, bytes, Format::Dds, SIZE, pixels, data)
}

/// Samples of the machine's order of bytes as little-endian ones, or back.
fn swapped(data: &[u8], bytes: usize) -> Vec<u8> {
    let mut data = data.to_vec();
    if cfg!(target_endian = "big") {
        for sample in data.chunks_exact_mut(bytes) {
            sample.reverse();
        }
    }
    data
}

/// 10, 10, 10 and 2 bits.
fn sixteen() -> Sample {
    let stored: Vec<u32> = (0..SIZE.pixels() as u32)
        .map(|i| i.wrapping_mul(0x9e37_79b1))
        .collect();
    let data = stored
        .iter()
        .flat_map(|pixel| {
            let wide = |value: u32| (value << 6 | value >> 4) as u16;
            let color = [0, 10, 20].map(|shift| wide(pixel >> shift & 0x3ff));
            let alpha = (pixel >> 30) as u16 * 0x5555;
            [color[0], color[1], color[2], alpha]
        })
        .flat_map(u16::to_ne_bytes)
        .collect();
    let stored = stored.into_iter().flat_map(u32::to_le_bytes).collect();
    Sample::exact(
        "1010102.dds",
        of_dxgi(DxgiFormat::R10G10B10A2_UNorm, SIZE, 1, 1, false, stored),
        Format::Dds,
        SIZE,
        format(Channels::Rgba, SampleType::U16),
        data,
    )
}

fn signed() -> Sample {
    let stored: Vec<u8> = scene(SIZE, format(Channels::Other(2), SampleType::U8));
    let data = stored
        .iter()
        .flat_map(|&value| (f32::from(value as i8) / 127.0).max(-1.0).to_ne_bytes())
        .collect();
    Sample::exact(
        "signed.dds",
        of_dxgi(DxgiFormat::R8G8_SNorm, SIZE, 1, 1, false, stored),
        Format::Dds,
        SIZE,
        format(Channels::Other(2), SampleType::F32),
        data,
    )
}

fn packed_floats() -> Sample {
    // Sign, exponent and the upper bits of the mantissa of a half float, without the sign.
    let values = [0.0f32, 1.0, 0.5, 3.5, 1024.0, 0.015625];
    let pixels: Vec<[f16; 3]> = (0..SIZE.pixels() as usize)
        .map(|i| [0, 1, 3].map(|step| f16::from_f32(values[(i + step * (i / 7)) % 6])))
        .collect();
    let stored = pixels
        .iter()
        .flat_map(|[red, green, blue]| {
            let [red, green, blue] = [red, green, blue].map(|value| u32::from(value.to_bits()));
            (red >> 4 | green >> 4 << 11 | blue >> 5 << 22).to_le_bytes()
        })
        .collect();
    let data = pixels
        .concat()
        .into_iter()
        .flat_map(f16::to_ne_bytes)
        .collect();
    Sample::exact(
        "11-11-10.dds",
        of_dxgi(DxgiFormat::R11G11B10_Float, SIZE, 1, 1, false, stored),
        Format::Dds,
        SIZE,
        format(Channels::Rgb, SampleType::F16),
        data,
    )
}

/// Compressed by another library, and read by it too. Which of the ways to round between two colours is right, nobody
/// has laid down.
fn blocks(name: &str, form: DxgiFormat, coded: texpresso::Format) -> Sample {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let mut stored = vec![0; coded.compressed_size(width, height)];
    let scene = scene(SIZE, PixelFormat::RGBA8);
    coded.compress(
        &scene,
        width,
        height,
        texpresso::Params::default(),
        &mut stored,
    );
    let mut rgba = vec![0; width * height * 4];
    coded.decompress(&stored, width, height, &mut rgba);
    let (pixels, count) = match coded {
        texpresso::Format::Bc4 => (PixelFormat::GRAY8, 1),
        texpresso::Format::Bc5 => (format(Channels::Other(2), SampleType::U8), 2),
        _ => (PixelFormat::RGBA8, 4),
    };
    let data = rgba
        .chunks_exact(4)
        .flat_map(|pixel| pixel[..count].to_vec())
        .collect();
    let bytes = of_dxgi(form, SIZE, 1, 1, false, stored);
    let mut sample = Sample::exact(name, bytes, Format::Dds, SIZE, pixels, data);
    sample.subimages[0].tolerance = 2;
    sample
}

/// Blocks of all modes, drawn by lot, and what two other readers make of them: see `make_textures.py`.
fn foreign(name: &str, bytes: &[u8], data: &[u8], pixels: PixelFormat) -> Sample {
    let size = Size::new(24, 24);
    let data = swapped(data, pixels.sample.bytes());
    Sample::exact(name, bytes.to_vec(), Format::Dds, size, pixels, data)
}

/// Pictures with all of their levels, each of a grey of its own.
fn stacked(size: Size, n_levels: u32, n_pictures: u32) -> (Vec<u8>, Vec<Known>) {
    let mut stored = Vec::new();
    let mut known = Vec::new();
    for picture in 0..n_pictures {
        for level in 0..n_levels {
            let level_size = Size::new((size.width >> level).max(1), (size.height >> level).max(1));
            let data: Vec<u8> = levels(level_size, 200)
                .iter()
                .map(|value| value.wrapping_add((picture * 31 + level * 7) as u8))
                .collect();
            stored.extend(&data);
            if level == 0 {
                known.push(Known {
                    size,
                    pixels: PixelFormat::GRAY8,
                    data: Some(data),
                    tolerance: 0,
                });
            }
        }
    }
    (stored, known)
}

fn cube() -> Sample {
    let size = Size::new(20, 20);
    let (stored, subimages) = stacked(size, 5, 6);
    Sample {
        name: "cube.dds".to_owned(),
        bytes: of_dxgi(DxgiFormat::R8_UNorm, size, 5, 6, true, stored),
        format: Format::Dds,
        subimages,
    }
}

fn array() -> Sample {
    let size = Size::new(9, 17);
    let (stored, subimages) = stacked(size, 2, 3);
    Sample {
        name: "array.dds".to_owned(),
        bytes: of_dxgi(DxgiFormat::R8_UNorm, size, 2, 3, false, stored),
        format: Format::Dds,
        subimages,
    }
}

/// Its second level follows all slices of the first.
fn volume() -> Sample {
    let size = Size::new(6, 5);
    let (stored, subimages) = stacked(size, 1, 4);
    let dds = Dds::new_d3d(NewD3dParams {
        height: size.height,
        width: size.width,
        depth: Some(4),
        format: D3DFormat::L8,
        mipmap_levels: None,
        caps2: Some(Caps2::VOLUME),
    });
    Sample {
        name: "volume.dds".to_owned(),
        bytes: written(dds.unwrap(), stored),
        format: Format::Dds,
        subimages,
    }
}
