//! Renders scenes to PNG for looking at them: `look OUT.png SUBJECT|all SEED COLUMNS ROWS WIDTH HEIGHT` makes a contact
//! sheet; `look - speed WIDTH HEIGHT` times every subject; `look OUT.png plan COUNT SEED WIDTH ROW_HEIGHT` shows a set as a grid; `look OUT.png crop SUBJECT SEED WIDTH HEIGHT X Y SIDE` a piece at full size.

use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

use pixelbank_sample::{SampleSet, Scene, Subject};

fn subject(name: &str) -> Option<Subject> {
    Subject::ALL
        .into_iter()
        .find(|s| format!("{s:?}").eq_ignore_ascii_case(name))
}

fn write(path: &str, width: u32, height: u32, data: &[u8]) {
    let mut encoder = png::Encoder::new(
        BufWriter::new(File::create(path).expect("file")),
        width,
        height,
    );
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()
        .expect("header")
        .write_image_data(data)
        .expect("data");
}

/// Processor time of this process so far, children left out (Linux).
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields.get(11..13).map_or(0.0, |f| {
        f.iter().filter_map(|v| v.parse::<f64>().ok()).sum()
    });
    ticks / 100.0
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args[i].parse::<u32>().expect("a number");
    if args[1] == "crop" {
        let (seed, w, h, x, y, side) = (
            number(3).into(),
            number(4),
            number(5),
            number(6),
            number(7),
            number(8),
        );
        let start = Instant::now();
        let scene = Scene::of(subject(&args[2]).expect("subject"), seed, w, h, 2);
        let made = start.elapsed();
        let mut rows = vec![0; w as usize * side as usize * 3];
        let start = Instant::now();
        scene.render_rows(y, &mut rows);
        eprintln!(
            "composed in {made:?}, {:.1} MP/s",
            f64::from(w * side) / 1e6 / start.elapsed().as_secs_f64()
        );
        let mut out = Vec::new();
        for row in rows.chunks(w as usize * 3) {
            out.extend_from_slice(&row[x as usize * 3..(x + side) as usize * 3]);
        }
        write(&args[0], side, side, &out);
        return;
    }
    if args[1] == "speed" {
        // One thread's own time per subject: composing, then painting.
        for subject in Subject::ALL {
            let (w, h) = (number(2), number(3));
            let start = cpu_s();
            let scene = Scene::of(subject, 4, w, h, 1);
            let composed = cpu_s() - start;
            let mut rows = vec![0; w as usize * h as usize * 3];
            let start = cpu_s();
            scene.render_rows(0, &mut rows);
            println!(
                "{subject:?}: composed in {composed:.2} s, painted at {:.1} MP/s",
                f64::from(w * h) / 1e6 / (cpu_s() - start)
            );
        }
        return;
    }
    if args[1] == "plan" {
        // Rows of equal height, as a photo grid shows a set.
        let (count, seed, sheet_w, tall) = (number(2), number(3), number(4), number(5));
        let set = SampleSet {
            count,
            megapixels: 12.0..=48.0,
            seed: seed.into(),
            jpeg_only: false,
        };
        let mut sheet: Vec<u8> = Vec::new();
        let mut line = vec![255u8; (sheet_w * tall * 3) as usize];
        let mut x = 0;
        for plan in set.plan() {
            let w = (tall * plan.width / plan.height).min(sheet_w);
            if x + w > sheet_w {
                sheet.extend(&line);
                line.fill(255);
                x = 0;
            }
            let scene = Scene::of(plan.subject, plan.scene_seed, w * 2, tall * 2, 2);
            let mut picture = vec![0u8; (w * tall * 4 * 3) as usize];
            scene.render_rows(0, &mut picture);
            for j in 0..tall as usize {
                for i in 0..w as usize {
                    for c in 0..3 {
                        let at = |dx: usize, dy: usize| {
                            u32::from(picture[((2 * j + dy) * 2 * w as usize + 2 * i + dx) * 3 + c])
                        };
                        let mean = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4;
                        line[(j * sheet_w as usize + x as usize + i) * 3 + c] = mean as u8;
                    }
                }
            }
            println!(
                "{} {}x{} {} {:?}",
                plan.path.display(),
                plan.width,
                plan.height,
                plan.orientation,
                plan.format
            );
            x += w + 4;
        }
        sheet.extend(&line);
        write(&args[0], sheet_w, sheet.len() as u32 / sheet_w / 3, &sheet);
        return;
    }
    let (seed, columns, rows, w, h) = (number(2), number(3), number(4), number(5), number(6));
    let (sheet_w, sheet_h) = (columns * w, rows * h);
    let mut sheet = vec![0u8; (sheet_w * sheet_h * 3) as usize];
    for i in 0..columns * rows {
        let seed = u64::from(seed + i);
        let start = Instant::now();
        let scene = match subject(&args[1]) {
            Some(s) => Scene::of(s, seed, w, h, 2),
            None => Scene::of(Subject::ALL[i as usize % Subject::ALL.len()], seed, w, h, 2),
        };
        let made = start.elapsed();
        let start = Instant::now();
        let mut picture = vec![0u8; (w * h * 3) as usize];
        scene.render_rows(0, &mut picture);
        eprintln!(
            "{seed} {:?}: {made:?}, {:.1} MP/s",
            scene.subject(),
            f64::from(w * h) / 1e6 / start.elapsed().as_secs_f64()
        );
        let (cx, cy) = ((i % columns) * w, (i / columns) * h);
        for (y, row) in picture.chunks(w as usize * 3).enumerate() {
            let at = ((cy as usize + y) * sheet_w as usize + cx as usize) * 3;
            sheet[at..at + row.len()].copy_from_slice(row);
        }
    }
    write(&args[0], sheet_w, sheet_h, &sheet);
}
