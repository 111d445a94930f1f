//! Sizes, neighbours, pieces, transformations.

use std::f64::consts::PI;

use pixelbank_mesh::{Axis, Mesh, Neighbour, Transform};
use proptest::prelude::*;

use crate::shapes::{Shape, books, both, cuboid, live_bytes, mesh, moved, soup, sphere, terrain};

const ROOM: u64 = 256 << 20;

fn about(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs()
}

#[test]
fn a_box_has_the_measures_of_a_box() {
    let books = books(ROOM);
    // Far from the origin, where differences of large numbers would show.
    let cube = mesh(
        &books,
        &moved(cuboid([1.0, 2.0, 4.0]), [4096.0, -4096.0, 8192.0]),
    );
    assert_eq!(cube.volume(), 8.0);
    assert_eq!(cube.area(), 28.0);
    assert_eq!(cube.bounds().unwrap().size(), [1.0, 2.0, 4.0]);
    let normals: Vec<_> = cube.faces().map(|face| face.normal()).collect();
    assert_eq!(
        normals[..4],
        [
            [0.0, 0.0, -1.0],
            [0.0, 0.0, -1.0],
            [0.0, 0.0, 1.0],
            [0.0, 0.0, 1.0]
        ]
    );
    let plane = cube.face(2).plane();
    assert_eq!((plane.normal, plane.distance), ([0.0, 0.0, 1.0], 8196.0));
}

#[test]
fn a_ball_nears_the_measures_of_a_ball() {
    let books = books(ROOM);
    let mut ball = mesh(&books, &sphere(64, 3.0));
    assert!(about(ball.volume(), 36.0 * PI, 0.01));
    assert!(about(ball.area(), 36.0 * PI, 0.01));
    let topology = ball.topology().unwrap();
    assert!(topology.is_watertight() && topology.is_consistent());
    assert_eq!(topology.n_edges, u64::from(ball.n_faces()) * 3 / 2);
    ball.compute_normals().unwrap();
    for (normal, position) in ball.normals().unwrap().iter().zip(ball.positions()) {
        let along: f32 = (0..3).map(|axis| normal[axis] * position[axis] / 3.0).sum();
        assert!(along > 0.99, "{normal:?} at {position:?}");
    }
}

#[test]
fn rims_crowds_and_turned_faces_are_told() {
    let books = books(ROOM);
    let (positions, faces) = cuboid([1.0; 3]);
    let open = mesh(&books, &(positions.clone(), faces[1..].to_vec()))
        .topology()
        .unwrap();
    assert_eq!((open.n_open_edges, open.is_watertight()), (3, false));
    let mut turned = faces.clone();
    turned[0].swap(1, 2);
    let turned = mesh(&books, &(positions.clone(), turned))
        .topology()
        .unwrap();
    assert_eq!(
        (
            turned.n_turned_edges,
            turned.is_watertight(),
            turned.is_consistent()
        ),
        (3, true, false)
    );
    let mut crowded = faces.clone();
    crowded.push(faces[0]);
    let doubled = mesh(&books, &(positions, crowded));
    assert_eq!(doubled.topology().unwrap().n_crowded_edges, 3);
    assert_eq!(doubled.n_duplicate_faces().unwrap(), 1);
    assert!(
        !mesh(&books, &(vec![], vec![]))
            .topology()
            .unwrap()
            .is_watertight()
    );
}

#[test]
fn neighbours_lie_across_the_edges_that_they_share() {
    let books = books(ROOM);
    let ground = mesh(&books, &terrain(20));
    let adjacency = ground.adjacency().unwrap();
    for face in ground.faces() {
        for (k, neighbour) in adjacency.neighbours(face.index).into_iter().enumerate() {
            let edge = [face.corners[k], face.corners[(k + 1) % 3]];
            match neighbour {
                Neighbour::Face(other) => {
                    let corners = ground.face(other).corners;
                    assert!(
                        edge.iter().all(|corner| corners.contains(corner)) && other != face.index
                    );
                }
                Neighbour::None => {}
                Neighbour::Many => panic!("a terrain has no such edge"),
            }
        }
    }
    let topology = ground.topology().unwrap();
    let edges: Vec<_> = adjacency.edges(&ground).collect();
    assert_eq!(edges.len() as u64, topology.n_edges);
    let rim = edges
        .iter()
        .filter(|edge| edge.beyond == Neighbour::None)
        .count();
    assert_eq!((rim, topology.n_open_edges), (80, 80));
    assert!(adjacency.crowded_edges().is_empty());
    let held = ground.nbytes() + adjacency.nbytes();
    assert_eq!(live_bytes(&books), held);
    drop(adjacency);
    assert_eq!(live_bytes(&books), ground.nbytes());
}

#[test]
fn pieces_are_those_that_edges_connect() {
    let books = books(ROOM);
    // Two that meet in a corner, and one apart; faces of all mixed.
    let (positions, mut faces) = both(
        both(cuboid([1.0; 3]), moved(cuboid([1.0; 3]), [1.0, 1.0, 1.0])),
        moved(sphere(5, 1.0), [9.0, 0.0, 0.0]),
    );
    faces.sort_unstable_by_key(|face| face[0].wrapping_mul(2_654_435_761));
    let mut all = mesh(&books, &(positions, faces));
    assert_eq!(all.merge_exact().unwrap().n_vertices, 1);
    let pieces = all.split(10).unwrap();
    assert_eq!(pieces.len(), 3);
    let mut volumes: Vec<_> = pieces.iter().map(Mesh::volume).collect();
    volumes.sort_unstable_by(f64::total_cmp);
    assert!(about(volumes[0], 1.0, 1e-6) && about(volumes[1], 1.0, 1e-6) && volumes[2] > 2.5);
    assert!(
        pieces
            .iter()
            .all(|piece| piece.topology().unwrap().is_watertight())
    );
    assert!(all.split(2).is_err());
    let mut joined: Vec<_> = pieces.iter().flat_map(soup).collect();
    joined.sort_unstable();
    assert_eq!(joined, soup(&all));
    let taken = all.extract(&[3, 3, 0]).unwrap();
    assert_eq!(taken.face(0).points, all.face(3).points);
    assert_eq!(taken.face(2).points, all.face(0).points);
    assert!(all.extract(&[all.n_faces()]).is_err());
}

#[test]
fn transformations_do_what_they_say() {
    let books = books(ROOM);
    let volume_after = |transform: &Transform| {
        let mut cube = mesh(&books, &cuboid([1.0, 2.0, 4.0]));
        cube.compute_normals().unwrap();
        cube.transform(transform).unwrap();
        // Outside stays outside, for faces and for normals.
        let middle = cube.bounds().unwrap();
        for (normal, position) in cube.normals().unwrap().iter().zip(cube.positions()) {
            let out: f32 = (0..3)
                .map(|axis| {
                    normal[axis] * (position[axis] - (middle.min[axis] + middle.max[axis]) / 2.0)
                })
                .sum();
            assert!(out > 0.0, "{transform:?}");
        }
        (cube.volume(), cube.bounds().unwrap())
    };
    let (volume, bounds) = volume_after(&Transform::scale([2.0, 3.0, 0.5]));
    assert_eq!((volume, bounds.max), (24.0, [2.0, 6.0, 2.0]));
    let (volume, bounds) = volume_after(&Transform::mirror(Axis::Y));
    assert_eq!((volume, bounds.min), (8.0, [0.0, -2.0, 0.0]));
    let (volume, bounds) = volume_after(&Transform::rotation([0.0, 0.0, 7.0], 90.0));
    assert_eq!(
        (volume, bounds.min, bounds.max),
        (8.0, [-2.0, 0.0, 0.0], [0.0, 1.0, 4.0])
    );
    let turn = Transform::rotation([1.0, 2.0, 3.0], 33.0);
    assert!(about(volume_after(&turn).0, 8.0, 1e-5));
    let there_and_back = turn
        .then(&Transform::translation([1.0, 2.0, 3.0]))
        .then(&Transform::translation([-1.0, -2.0, -3.0]))
        .then(&Transform::rotation([1.0, 2.0, 3.0], -33.0));
    let back = there_and_back.point([5.0, 6.0, 7.0]);
    assert!((0..3).all(|axis| (back[axis] - [5.0, 6.0, 7.0][axis]).abs() < 1e-12));
    let mut cube = mesh(&books, &cuboid([1.0; 3]));
    assert!(cube.transform(&Transform::scale([1e39, 1.0, 1.0])).is_err());
    assert_eq!(
        cube.volume(),
        1.0,
        "a transformation that fails changes nothing"
    );
    cube.turn_over();
    assert_eq!(cube.volume(), -1.0);
}

/// Vertices of a few places, so that many are equal or near.
fn crowd() -> impl Strategy<Value = Shape> {
    let places = prop::collection::vec(prop::array::uniform3(-3i8..4), 1..60);
    (
        places,
        prop::collection::vec(prop::array::uniform3(0u32..60), 0..100),
    )
        .prop_map(|(places, faces)| {
            let n = places.len() as u32;
            let positions = places
                .into_iter()
                .map(|place| place.map(|value| f32::from(value) * 0.25));
            (
                positions.collect(),
                faces
                    .into_iter()
                    .map(|face| face.map(|corner| corner % n))
                    .collect(),
            )
        })
}

proptest! {
    #[test]
    fn merging_moves_no_corner_further_than_allowed(shape in crowd(), tolerance in 0.01f32..1.0) {
        let books = books(ROOM);
        let before = mesh(&books, &shape);
        let mut exact = mesh(&books, &shape);
        let merged = exact.merge_exact().unwrap();
        let mut places: Vec<_> = shape.0.iter().map(|p| p.map(|v| (v + 0.0).to_bits())).collect();
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(exact.n_vertices() as usize, places.len());
        prop_assert_eq!(before.n_faces() - exact.n_faces(), merged.n_faces);
        let mut near = mesh(&books, &shape);
        near.merge_within(tolerance).unwrap();
        let apart = |a: [f32; 3], b: [f32; 3]| (0..3).map(|k| f64::from(a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
        let kept = near.positions();
        for (n, a) in kept.iter().enumerate() {
            for b in &kept[..n] {
                prop_assert!(apart(*a, *b) > f64::from(tolerance), "{:?} and {:?} stay", a, b);
            }
        }
        for position in before.positions() {
            prop_assert!(kept.iter().any(|other| apart(*position, *other) <= f64::from(tolerance)));
        }
        prop_assert!(near.indices().iter().flatten().all(|corner| corner < near.n_vertices()));
    }

    #[test]
    fn edges_are_as_counted_by_hand(shape in crowd()) {
        let books = books(ROOM);
        let topology = mesh(&books, &shape).topology().unwrap();
        let mut edges = std::collections::HashMap::new();
        for [a, b, c] in &shape.1 {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                if from != to {
                    edges.entry((from.min(to), from.max(to))).or_insert_with(Vec::new).push(from < to);
                }
            }
        }
        let count = |is: fn(&Vec<bool>) -> bool| edges.values().filter(|edge| is(edge)).count() as u64;
        prop_assert_eq!(topology.n_edges, edges.len() as u64);
        prop_assert_eq!(topology.n_open_edges, count(|edge| edge.len() == 1));
        prop_assert_eq!(topology.n_crowded_edges, count(|edge| edge.len() > 2));
        prop_assert_eq!(topology.n_turned_edges, count(|edge| edge.len() == 2 && edge[0] == edge[1]));
    }
}
