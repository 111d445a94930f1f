//! Slices at heights.

use std::f64::consts::PI;

use pixelbank_mesh::{Mesh, Packing, Slice};
use proptest::prelude::*;

use crate::shapes::{books, both, cuboid, live_bytes, mesh, moved, sphere, terrain};

const ROOM: u64 = 256 << 20;

fn area(slice: &Slice) -> f64 {
    slice.polylines().map(|line| line.area()).sum()
}

#[test]
fn a_box_is_sliced_into_its_outline() {
    let books = books(ROOM);
    let cube = mesh(&books, &cuboid([2.0, 3.0, 1.0]));
    // At the top the slice is that just below; at the bottom there is nothing below.
    for height in [0.25, 0.5, 1.0] {
        let slice = cube.slice(height).unwrap();
        assert_eq!(slice.len(), 1, "{height}");
        let outline = slice.polylines().next().unwrap();
        assert!(outline.is_closed);
        assert!(
            (outline.area() - 6.0).abs() < 1e-6,
            "{height}: {}",
            outline.area()
        );
        assert!((outline.length() - 10.0).abs() < 1e-6);
    }
    for height in [0.0, -1.0, 1.01] {
        assert!(cube.slice(height).unwrap().is_empty(), "{height}");
    }
    assert!(cube.slice(f32::NAN).is_err());
    assert_eq!(live_bytes(&books), cube.nbytes());
}

#[test]
fn holes_run_the_other_way() {
    let books = books(ROOM);
    let mut hole = moved(cuboid([1.0; 3]), [1.0, 1.0, 0.0]);
    hole.1.iter_mut().for_each(|face| face.swap(1, 2));
    let frame = mesh(&books, &both(cuboid([3.0, 3.0, 1.0]), hole));
    let slice = frame.slice(0.5).unwrap();
    let mut areas: Vec<_> = slice.polylines().map(|line| line.area()).collect();
    areas.sort_unstable_by(f64::total_cmp);
    assert_eq!(areas, [-1.0, 9.0]);
}

#[test]
fn slices_of_a_ball_are_circles_and_add_up_to_it() {
    let books = books(ROOM);
    let ball = mesh(&books, &sphere(64, 2.0));
    let at = |height: f32| area(&ball.slice(height).unwrap());
    assert!((at(1.0) - 3.0 * PI).abs() < 0.05, "{}", at(1.0));
    // Through a ring of vertices as well.
    assert!((at(0.0) - 4.0 * PI).abs() < 0.05, "{}", at(0.0));
    let step = 0.01;
    let sum: f64 = (0..400)
        .map(|k| at(-2.0 + step * (k as f32 + 0.5)) * f64::from(step))
        .sum();
    assert!((sum / ball.volume() - 1.0).abs() < 1e-3, "{sum}");
}

#[test]
fn what_is_open_is_sliced_into_open_lines() {
    let books = books(ROOM);
    let ground = mesh(&books, &terrain(100));
    let slice = ground.slice(0.1).unwrap();
    assert!(slice.len() > 1);
    let n_open = slice.polylines().filter(|line| !line.is_closed).count();
    assert!(n_open > 0, "a hill at the rim");
    for line in slice.polylines() {
        if !line.is_closed {
            let is_at_rim =
                |point: &[f32; 2]| point.iter().any(|value| *value == 0.0 || *value == 50.0);
            assert!(is_at_rim(&line.points[0]) && is_at_rim(line.points.last().unwrap()));
        }
    }
}

#[test]
fn turned_and_crowded_faces_lose_no_line() {
    let books = books(ROOM);
    let (positions, mut faces) = cuboid([1.0; 3]);
    let whole = 4.0;
    for turned in 0..faces.len() {
        faces[turned].swap(1, 2);
        let slice = mesh(&books, &(positions.clone(), faces.clone()))
            .slice(0.5)
            .unwrap();
        assert_eq!(slice.len(), 1, "{turned}");
        let length = slice.polylines().next().unwrap().length();
        assert!((length - whole).abs() < 1e-6, "{turned}: {length}");
    }
    // A hundred thousand faces on one edge.
    let n = 100_000u32;
    let fan: Vec<_> = (0..n).map(|_| [0, 7, 1]).collect();
    let slice = mesh(&books, &(positions, fan)).slice(0.5).unwrap();
    let length: f64 = slice.polylines().map(|line| line.length()).sum();
    assert!(length > 1.0);
}

#[test]
fn what_rests_is_sliced_alike() {
    let books = books(ROOM);
    let ground = mesh(&books, &terrain(300));
    let packed = ground.pack(Packing::Lossless).unwrap();
    let sorted = |slice: Slice| {
        let mut lengths: Vec<_> = slice.polylines().map(|line| line.length()).collect();
        lengths.sort_unstable_by(f64::total_cmp);
        lengths
    };
    let (open, rest) = (
        sorted(ground.slice(3.0).unwrap()),
        sorted(packed.slice(3.0).unwrap()),
    );
    assert_eq!(open.len(), rest.len());
    assert!(open.iter().zip(&rest).all(|(a, b)| (a - b).abs() < 1e-6));
}

fn is_all_closed(mesh: &Mesh, height: f32) -> bool {
    mesh.slice(height)
        .unwrap()
        .polylines()
        .all(|line| line.is_closed)
}

proptest! {
    #[test]
    fn watertight_meshes_have_closed_slices(rings in 3u32..12, height in -1.5f32..1.5, snapped in prop::bool::ANY) {
        let books = books(ROOM);
        let mut shape = sphere(rings, 1.0);
        // On a coarse grid many vertices lie exactly in the plane.
        let height = if snapped { (height * 4.0).round() / 4.0 } else { height };
        if snapped {
            for position in &mut shape.0 {
                position[2] = (position[2] * 4.0).round() / 4.0;
            }
        }
        let ball = mesh(&books, &shape);
        prop_assert!(is_all_closed(&ball, height));
        prop_assert!(area(&ball.slice(height).unwrap()) >= -1e-6);
    }
}
