//! JPEG against the library below it: what do bands, checks and safety cost?
//!
//! `cargo bench -p pixelbank-codec --bench jpeg`. Prints the median of CPU milliseconds (one thread) of alternating
//! rounds, and the ratio to libjpeg called directly with the same settings.

mod measure;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;

use measure::{cpu_ms, decode, median, picture};
use mozjpeg_sys as sys;
use pixelbank_codec::{Embed, JpegOptions, encode_jpeg};
use pixelbank_image::{PixelFormat, Rect, Size, View};

/// Medians of both, run in turn, for one of `count` calls.
fn compare(
    name: &str,
    rounds: usize,
    count: usize,
    mut ours: impl FnMut(),
    mut floor: impl FnMut(),
) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let works: [&mut dyn FnMut(); 2] = [&mut ours, &mut floor];
        for (times, work) in times.iter_mut().zip(works) {
            let start = cpu_ms();
            for _ in 0..count {
                work();
            }
            times.push((cpu_ms() - start) / count as f64);
        }
    }
    let [ours, floor] = times.map(median);
    let _ = writeln!(
        std::io::stdout(),
        "{name:<44} {ours:>9.3} ms   floor {floor:>9.3} ms   ratio {:.3}",
        ours / floor
    );
}

/// The shortest way through libjpeg: from memory, all rows into one small buffer.
fn floor_decode(stream: &[u8], denominator: u32, rows_wanted: Option<(u32, u32)>) -> u64 {
    // SAFETY: the calls come in libjpeg's order, the buffer holds a row, and the stream is known to be good, so the
    // standard error manager, which would exit, is not called upon.
    unsafe {
        let mut errors: sys::jpeg_error_mgr = std::mem::zeroed();
        let mut cinfo: sys::jpeg_decompress_struct = std::mem::zeroed();
        cinfo.common.err = sys::jpeg_std_error(&mut errors);
        sys::jpeg_create_decompress(&mut cinfo);
        sys::jpeg_mem_src(&mut cinfo, stream.as_ptr(), stream.len() as sys::c_ulong);
        sys::jpeg_read_header(&mut cinfo, 1);
        cinfo.scale_num = 1;
        cinfo.scale_denom = denominator;
        sys::jpeg_start_decompress(&mut cinfo);
        let row_bytes = cinfo.output_width as usize * 3;
        let mut buffer = vec![0_u8; row_bytes * 4];
        let mut rows: Vec<*mut u8> = buffer
            .chunks_mut(row_bytes)
            .map(<[u8]>::as_mut_ptr)
            .collect();
        let (first, end) = rows_wanted.unwrap_or((0, cinfo.output_height));
        if first > 0 {
            sys::jpeg_skip_scanlines(&mut cinfo, first);
        }
        let mut sum = 0;
        while cinfo.output_scanline < end {
            sys::jpeg_read_scanlines(&mut cinfo, rows.as_mut_ptr(), 4);
            sum += u64::from(buffer[0]);
        }
        sys::jpeg_destroy_decompress(&mut cinfo);
        sum
    }
}

/// The shortest way to a stream: one allocation that is large enough.
fn floor_encode(pixels: &[u8], size: Size, quality: i32, out: &mut [u8]) -> usize {
    // SAFETY: the calls come in libjpeg's order, rows lie within `pixels`, and `out` is large enough for the stream.
    unsafe {
        let mut errors: sys::jpeg_error_mgr = std::mem::zeroed();
        let mut cinfo: sys::jpeg_compress_struct = std::mem::zeroed();
        cinfo.common.err = sys::jpeg_std_error(&mut errors);
        sys::jpeg_create_compress(&mut cinfo);
        let mut target = out.as_mut_ptr();
        let mut len = out.len() as sys::c_ulong;
        sys::jpeg_mem_dest(&mut cinfo, &mut target, &mut len);
        let profile = sys::JCP_FASTEST as sys::c_int;
        sys::jpeg_c_set_int_param(&mut cinfo, sys::JINT_COMPRESS_PROFILE, profile);
        cinfo.image_width = size.width;
        cinfo.image_height = size.height;
        cinfo.input_components = 3;
        cinfo.in_color_space = sys::JCS_RGB;
        sys::jpeg_set_defaults(&mut cinfo);
        sys::jpeg_set_quality(&mut cinfo, quality, 1);
        sys::jpeg_start_compress(&mut cinfo, 1);
        while cinfo.next_scanline < size.height {
            let row = pixels
                .as_ptr()
                .add(cinfo.next_scanline as usize * size.width as usize * 3);
            sys::jpeg_write_scanlines(&mut cinfo, &row, 1);
        }
        sys::jpeg_finish_compress(&mut cinfo);
        sys::jpeg_destroy_compress(&mut cinfo);
        len as usize
    }
}

fn main() {
    let size = Size::new(6000, 4000);
    let pixels = picture(size, 5);
    let view = View::packed(&pixels, size, PixelFormat::RGB8).expect("enough bytes");
    let options = JpegOptions::default();
    let embed = Embed::default();
    let photo: Arc<[u8]> = encode_jpeg(view, &options, &embed).expect("encodes").into();
    println!("24 MP at quality 85: {} bytes", photo.len());
    for (name, level) in [("1/1", 0), ("1/2", 1), ("1/4", 2), ("1/8", 3)] {
        compare(
            &format!("decode 24 MP at {name} by bands"),
            9,
            1,
            || {
                black_box(decode(&photo, level, None));
            },
            || {
                black_box(floor_decode(&photo, 1 << level, None));
            },
        );
    }
    compare(
        "decode 512×512 from the middle of 24 MP",
        9,
        1,
        || {
            black_box(decode(&photo, 0, Some(Rect::new(2700, 1800, 512, 512))));
        },
        || {
            black_box(floor_decode(&photo, 1, Some((1800, 2312))));
        },
    );
    compare(
        "encode 24 MP",
        5,
        1,
        || {
            let _ = black_box(encode_jpeg(view, &options, &embed));
        },
        {
            let mut out = vec![0; 16 << 20];
            let pixels = &pixels;
            move || {
                black_box(floor_encode(pixels, size, 85, &mut out));
            }
        },
    );

    let tile = Size::new(256, 256);
    let cut: Vec<u8> = (0..256)
        .flat_map(|y| &pixels[((1000 + y) * 6000 + 3000) * 3..][..256 * 3])
        .copied()
        .collect();
    let view = View::packed(&cut, tile, PixelFormat::RGB8).expect("enough bytes");
    let stream: Arc<[u8]> = encode_jpeg(view, &options, &embed).expect("encodes").into();
    println!("256×256 at quality 85: {} bytes", stream.len());
    compare(
        "encode 256×256",
        15,
        100,
        || {
            let _ = black_box(encode_jpeg(view, &options, &embed));
        },
        {
            let mut out = vec![0; 1 << 20];
            let cut = &cut;
            move || {
                black_box(floor_encode(cut, tile, 85, &mut out));
            }
        },
    );
    compare(
        "decode 256×256",
        15,
        100,
        || {
            black_box(decode(&stream, 0, None));
        },
        || {
            black_box(floor_decode(&stream, 1, None));
        },
    );
}
