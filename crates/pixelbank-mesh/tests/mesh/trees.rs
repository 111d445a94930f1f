//! Rays and nearest points, held against looking at every face.

use std::sync::Arc;

use pixelbank_mesh::{Mesh, Tree};
use proptest::prelude::*;

use crate::shapes::{books, both, cuboid, live_bytes, mesh, moved, sphere, terrain};

const ROOM: u64 = 256 << 20;

fn tree(mesh: Mesh) -> Tree {
    Tree::build(&Arc::new(mesh)).unwrap()
}

#[test]
fn rays_meet_the_first_face() {
    let books = books(ROOM);
    let tree = tree(mesh(
        &books,
        &both(cuboid([1.0; 3]), moved(cuboid([1.0; 3]), [0.0, 0.0, 5.0])),
    ));
    let hit = tree.ray([0.5, 0.25, 100.0], [0.0, 0.0, -2.0]).unwrap();
    assert_eq!((hit.distance, hit.point), (47.0, [0.5, 0.25, 6.0]));
    assert_eq!(tree.mesh().face(hit.face).normal(), [0.0, 0.0, 1.0]);
    // From inside, and along the boundary of what there is.
    assert_eq!(
        tree.ray([0.5, 0.5, 0.5], [0.0, 0.0, 1.0]).unwrap().distance,
        0.5
    );
    assert!(
        tree.ray([0.0, 0.0, 9.0], [0.0, 0.0, -1.0]).is_some(),
        "a corner"
    );
    assert!(
        tree.ray([0.5, 0.0, 9.0], [0.0, 0.0, -1.0]).is_some(),
        "an edge"
    );
    assert!(tree.ray([0.5, 0.5, 9.0], [0.0, 0.0, 1.0]).is_none(), "away");
    assert!(
        tree.ray([2.0, 0.5, 9.0], [0.0, 0.0, -1.0]).is_none(),
        "beside"
    );
    assert!(tree.ray([0.5, 0.5, 9.0], [0.0; 3]).is_none());
    assert!(tree.ray([f64::NAN, 0.5, 9.0], [0.0, 0.0, -1.0]).is_none());
    let far = tree.ray([0.5, 0.25, 1e7], [0.0, 0.0, -1.0]).unwrap();
    assert_eq!(far.point[2], 6.0, "a ray from far away");
}

#[test]
fn nothing_slips_through_where_faces_meet() {
    let books = books(ROOM);
    let tree = tree(mesh(&books, &terrain(64)));
    // Over every vertex and the middle of every edge along x.
    for k in 0..64 * 64 {
        let (x, y) = (f64::from(k % 64) * 0.5, f64::from(k / 64) * 0.5);
        for shift in [0.0, 0.25] {
            assert!(
                tree.ray([x + shift, y, 1000.0], [0.0, 0.0, -1.0]).is_some(),
                "{x} {y} {shift}"
            );
        }
    }
}

#[test]
fn a_tree_is_on_the_books_and_small() {
    let books = books(ROOM);
    let ground = Arc::new(mesh(&books, &terrain(200)));
    let tree = Tree::build(&ground).unwrap();
    assert_eq!(live_bytes(&books), ground.nbytes() + tree.nbytes());
    let a_face = tree.nbytes() as f64 / f64::from(ground.n_faces());
    assert!(a_face < 24.0, "{a_face}");
    drop(tree);
    assert_eq!(live_bytes(&books), ground.nbytes());
    let none = Tree::build(&Arc::new(mesh(&books, &(vec![], vec![])))).unwrap();
    assert!(none.nearest([0.0; 3]).is_none() && none.ray([0.0; 3], [1.0, 0.0, 0.0]).is_none());
}

#[test]
fn faces_in_one_place_make_a_tree_all_the_same() {
    let books = books(ROOM);
    let (positions, faces) = cuboid([1.0; 3]);
    let many = faces.into_iter().cycle().take(100_000).collect();
    let tree = tree(mesh(&books, &(positions, many)));
    assert_eq!(tree.nearest([0.5, 0.5, 3.0]).unwrap().distance, 2.0);
}

/// The nearest point by trying all faces, finely.
fn nearest_by_hand(mesh: &Mesh, to: [f64; 3]) -> f64 {
    let mut least = f64::INFINITY;
    for face in mesh.faces() {
        let [a, b, c] = face.points.map(|point| point.map(f64::from));
        let n = 40;
        for i in 0..=n {
            for j in 0..=n - i {
                let (u, v) = (f64::from(i) / f64::from(n), f64::from(j) / f64::from(n));
                let point = [0, 1, 2].map(|k| a[k] + u * (b[k] - a[k]) + v * (c[k] - a[k]));
                let square: f64 = (0..3).map(|k| (point[k] - to[k]).powi(2)).sum();
                least = least.min(square.sqrt());
            }
        }
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_nearest_point_is_the_nearest(to in prop::array::uniform3(-4.0f64..4.0)) {
        let books = books(ROOM);
        let tree = tree(mesh(&books, &both(sphere(5, 1.0), moved(cuboid([1.0; 3]), [2.0, 0.0, 0.0]))));
        let found = tree.nearest(to).unwrap();
        let by_hand = nearest_by_hand(tree.mesh(), to);
        // Sampled points are no nearer than the nearest, and one of them is near it.
        prop_assert!(found.distance <= by_hand + 1e-9, "{} {}", found.distance, by_hand);
        prop_assert!(found.distance >= by_hand - 0.05, "{} {}", found.distance, by_hand);
        let apart: f64 = (0..3).map(|k| (found.point[k] - to[k]).powi(2)).sum::<f64>().sqrt();
        prop_assert!((apart - found.distance).abs() < 1e-9);
    }

    #[test]
    fn a_ray_to_a_point_of_a_face_meets_it_or_something_before(
        face in 0u32..100, u in 0.0f64..1.0, v in 0.0f64..1.0, from in prop::array::uniform3(-9.0f64..9.0)
    ) {
        let books = books(ROOM);
        let ball = mesh(&books, &sphere(6, 1.0));
        let [a, b, c] = ball.face(face % ball.n_faces()).points.map(|point| point.map(f64::from));
        let (u, v) = if u + v > 1.0 { (1.0 - u, 1.0 - v) } else { (u, v) };
        let target = [0, 1, 2].map(|k| a[k] + u * (b[k] - a[k]) + v * (c[k] - a[k]));
        let direction = [0, 1, 2].map(|k| target[k] - from[k]);
        prop_assume!(direction.iter().map(|d| d * d).sum::<f64>() > 1e-6);
        let tree = tree(ball);
        match tree.ray(from, direction) {
            Some(hit) => prop_assert!(hit.distance <= 1.0 + 1e-6, "{}", hit.distance),
            // Only where it touches the rim of what is seen, by the rounding of the target.
            None => prop_assert!(u.min(v).min(1.0 - u - v) < 1e-6),
        }
    }
}
