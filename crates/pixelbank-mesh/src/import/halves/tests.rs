//! Two threads against one: the same mesh to the bit, the same report, the same errors.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pixelbank_memory::Bank;
use proptest::prelude::*;

use super::*;
use crate::import::stl_binary::{RECORD_BYTES, count, read_alone};
use crate::import::{Input, finish};
use crate::{Format, Limits, Options};

/// What loading gave, in words that can be compared.
type Loaded = Result<(Vec<[u32; 3]>, Vec<[u32; 3]>, Report), String>;

fn load(input: &Input, books: &Books, limits: Limits, is_in_two: bool) -> Loaded {
    let options = Options {
        limits,
        ..Options::default()
    };
    let mut job = Job {
        input,
        books,
        options: &options,
        report: Report::new(Format::StlBinary, input),
    };
    let mesh = count(&mut job).and_then(|n| {
        let at_once = if is_in_two { read(&mut job, n)? } else { None };
        let mesh = match at_once {
            Some(mesh) => mesh,
            None => read_alone(&mut job, n)?,
        };
        finish(mesh, &mut job)
    });
    let mesh = mesh.map_err(|fault| fault.named(input.name(), Format::StlBinary).to_string())?;
    let bits = |position: &Vec3| position.map(f32::to_bits);
    let positions = mesh.positions().iter().map(bits).collect();
    Ok((positions, mesh.indices().iter().collect(), job.report))
}

fn stl(faces: &[[Vec3; 3]]) -> Vec<u8> {
    let mut bytes = vec![0; 80];
    bytes.extend((faces.len() as u32).to_le_bytes());
    for face in faces {
        bytes.extend([0; 12]);
        bytes.extend(
            face.as_flattened()
                .iter()
                .flat_map(|value| value.to_le_bytes()),
        );
        bytes.extend([0; 2]);
    }
    bytes
}

fn books(limit_bytes: u64) -> Books {
    let bank = Bank::builder().host_bytes(limit_bytes).build().unwrap();
    Books::new(&bank, "test")
}

fn live_bytes(books: &Books) -> u64 {
    books.bank().ledger().host.live_bytes
}

/// Loads the file both ways, and returns what both gave.
fn both_ways(faces: &[[Vec3; 3]], limits: &Limits) -> Loaded {
    let input = Input::memory(stl(faces).into(), "a.stl");
    let books = books(256 << 20);
    let [alone, at_once] =
        [false, true].map(|is_in_two| load(&input, &books, limits.clone(), is_in_two));
    assert_eq!(at_once, alone);
    assert_eq!(live_bytes(&books), 0);
    at_once
}

/// A grid of `n` × `n` squares in rows.
fn terrain(n: u32) -> Vec<[Vec3; 3]> {
    let at = |x: u32, y: u32| [x as f32, y as f32, (x as f32 * 0.3).sin() + y as f32];
    (0..n * n)
        .flat_map(|k| {
            let (x, y) = (k % n, k / n);
            let (a, b, c, d) = (at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1));
            [[a, b, c], [a, c, d]]
        })
        .collect()
}

/// Far from each other whatever was near.
fn strewn(faces: Vec<[Vec3; 3]>) -> Vec<[Vec3; 3]> {
    let n = faces.len();
    // A prime that does not divide it: each comes once.
    let step = 3001;
    assert!(n > step && !n.is_multiple_of(step));
    (0..n).map(|k| faces[k * step % n]).collect()
}

fn soups() -> impl Strategy<Value = Vec<[Vec3; 3]>> {
    let value = prop_oneof![
        30 => (-3i8..3).prop_map(f32::from),
        3 => Just(-0.0),
        1 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
    ];
    let corner = prop::array::uniform3(value);
    prop::collection::vec(prop::array::uniform3(corner), 1..900)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn soups_are_what_one_thread_makes_of_them(faces in soups()) {
        both_ways(&faces, &Limits::default()).unwrap();
    }

    #[test]
    fn limits_are_the_same(faces in soups(), max_vertices in 0u64..200) {
        // Whichever it is, both have it.
        let _ = both_ways(&faces, &Limits { max_vertices, ..Limits::default() });
    }
}

#[test]
fn meshes_in_order_and_in_none_are_what_one_thread_makes_of_them() {
    let ordered = terrain(60);
    for faces in [
        ordered.clone(),
        strewn(ordered.clone()),
        ordered[..1].to_vec(),
    ] {
        let (positions, found, report) = both_ways(&faces, &Limits::default()).unwrap();
        assert!(positions.len() <= 61 * 61);
        assert_eq!(found.len(), faces.len());
        assert_eq!(report.found_faces, faces.len() as u64);
    }
}

#[test]
fn the_second_half_is_given_up_where_its_vertices_are_too_many() {
    // Each face has corners of its own.
    let apart = |k: usize| [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].map(|[x, y]| [x, y, k as f32]);
    let faces: Vec<_> = (0..20_000).map(apart).collect();
    let (positions, ..) = both_ways(&faces, &Limits::default()).unwrap();
    assert_eq!(positions.len(), 60_000);
}

#[test]
fn faces_left_out_of_the_first_half_leave_no_gap() {
    let mut faces = terrain(60);
    for face in faces[1000..2000].iter_mut().step_by(3) {
        face[1] = face[0];
    }
    faces[7000][2][1] = f32::NAN;
    let (_, found, report) = both_ways(&faces, &Limits::default()).unwrap();
    assert_eq!([report.n_degenerate, report.n_nonfinite], [334, 1]);
    assert_eq!(found.len(), faces.len() - 335);
}

#[test]
fn whatever_has_room_in_one_thread_is_loaded() {
    let input = Input::memory(stl(&terrain(60)).into(), "a.stl");
    let wanted = load(&input, &books(64 << 20), Limits::default(), false).unwrap();
    let (mut n_refused, mut n_loaded) = (0, 0);
    for limit_bytes in (50_000..800_000).step_by(10_000) {
        let books = books(limit_bytes);
        let [alone, at_once] =
            [false, true].map(|is_in_two| load(&input, &books, Limits::default(), is_in_two));
        if alone.is_ok() {
            assert_eq!(at_once.as_ref(), Ok(&wanted), "{limit_bytes}");
            n_loaded += 1;
        } else {
            let refused = at_once.unwrap_err();
            assert!(refused.starts_with("test: "), "{limit_bytes}: {refused}");
            n_refused += 1;
        }
        assert_eq!(live_bytes(&books), 0);
    }
    assert!(n_refused > 5 && n_loaded > 5, "{n_refused} {n_loaded}");
}

#[test]
fn a_file_that_became_shorter_ends_where_it_ends() {
    let bytes = stl(&terrain(60));
    for n_left in [0, 1000, 3600, 5000, 7199] {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let input = Input::file(File::open(&path).unwrap(), "a.stl").unwrap();
        // Behind the back of the input, which knows its length.
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(84 + n_left * RECORD_BYTES + 20).unwrap();
        let books = books(64 << 20);
        let [alone, at_once] =
            [false, true].map(|is_in_two| load(&input, &books, Limits::default(), is_in_two));
        assert_eq!(at_once, alone);
        let (_, faces, report) = at_once.unwrap();
        assert!(report.is_truncated);
        assert_eq!(faces.len() as u64, n_left);
    }
}

#[test]
fn a_panic_in_one_half_ends_the_other() {
    let input = Input::memory(stl(&terrain(60)).into(), "a.stl");
    let books = books(64 << 20);
    let stop = AtomicBool::new(false);
    let panic = || {
        let _alarm = Alarm(&stop);
        panic!("on purpose");
    };
    // Reads the same records again and again, until it is told to stop.
    let go_on = || {
        while for_each(&input, &books, 0..7200, &stop, |_| Ok(())).unwrap() == 7200 {}
    };
    for is_first in [true, false] {
        stop.store(false, Ordering::Relaxed);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            if is_first {
                both(panic, go_on);
            } else {
                both(go_on, panic);
            }
        }));
        assert!(ended.is_err());
        assert_eq!(live_bytes(&books), 0);
    }
}
