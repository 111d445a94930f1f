//! The edges between the crates of this workspace, held against the map in `ARCHITECTURE.md`.
//!
//! A crate may depend on what stands beside its name here, and on nothing else of ours: a lower layer that knows a
//! higher one could not be used, tested or reasoned about without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each crate, lowest first, with those of our crates that it may know.
const ALLOWED: &[(&str, &[&str])] = &[
    ("pixelbank-memory", &[]),
    ("pixelbank-analyzer", &["pixelbank-memory"]),
    // The analyzer shows what it asks; nothing of ours is above it: whoever draws links it.
    (
        "pixelbank-device",
        &["pixelbank-analyzer", "pixelbank-memory"],
    ),
    ("pixelbank-image", &["pixelbank-memory"]),
    ("pixelbank-mesh", &["pixelbank-memory"]),
    ("pixelbank-codec", &["pixelbank-image", "pixelbank-memory"]),
    ("pixelbank-pool", &["pixelbank-image", "pixelbank-memory"]),
    (
        "pixelbank-cache",
        &["pixelbank-codec", "pixelbank-image", "pixelbank-memory"],
    ),
    // It makes photographs out of nothing: pixels, never files or budgets.
    ("pixelbank-sample", &[]),
    (
        "pixelbank-pipeline",
        &[
            "pixelbank-cache",
            "pixelbank-codec",
            "pixelbank-image",
            "pixelbank-memory",
        ],
    ),
    (
        "pixelbank-server",
        &[
            "pixelbank-pipeline",
            "pixelbank-mesh",
            "pixelbank-cache",
            "pixelbank-codec",
            "pixelbank-image",
            "pixelbank-analyzer",
            "pixelbank-memory",
        ],
    ),
    (
        "pixelbank-python",
        &[
            "pixelbank-analyzer",
            "pixelbank-mesh",
            "pixelbank-pool",
            "pixelbank-cache",
            "pixelbank-codec",
            "pixelbank-image",
            "pixelbank-memory",
        ],
    ),
    (
        "pixelbank",
        &[
            "pixelbank-sample",
            "pixelbank-server",
            "pixelbank-pipeline",
            "pixelbank-cache",
            "pixelbank-codec",
            "pixelbank-pool",
            "pixelbank-mesh",
            "pixelbank-image",
            "pixelbank-analyzer",
            "pixelbank-memory",
        ],
    ),
];

/// Libraries that only the crates named may link: async belongs to the server, and the program that starts it; what takes long to
/// build and few need, to one crate that is a choice.
const CONFINED: &[(&str, &[&str])] = &[
    ("axum", &["pixelbank-server"]),
    ("tokio", &["pixelbank-server", "pixelbank"]),
    ("anyhow", &["pixelbank"]),
    ("clap", &["pixelbank"]),
    ("wgpu", &["pixelbank-device"]),
    ("nvml-wrapper", &["pixelbank-device"]),
];

/// One declared dependency of a crate of ours.
struct Edge {
    from: String,
    to: String,
    is_dev: bool,
}

/// The workspace's crates and every dependency that their manifests declare.
fn workspace() -> (BTreeSet<String>, Vec<Edge>) {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs the tests, so it can be started");
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");

    let mut crates = BTreeSet::new();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().expect("a list of packages") {
        let from = text(&package["name"]);
        for dependency in package["dependencies"]
            .as_array()
            .expect("a list of dependencies")
        {
            edges.push(Edge {
                from: from.clone(),
                to: text(&dependency["name"]),
                is_dev: dependency["kind"] == "dev",
            });
        }
        crates.insert(from);
    }
    (crates, edges)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

#[test]
fn every_crate_has_its_place_in_the_map() {
    let (crates, _) = workspace();
    let mapped: BTreeSet<String> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(crates, mapped);
}

#[test]
fn no_crate_knows_a_crate_that_it_must_not_know() {
    let (crates, edges) = workspace();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let ours = edges.iter().filter(|edge| crates.contains(&edge.to));
    // A crate may name itself for its tests, to switch features on.
    let others = ours.filter(|edge| edge.from != edge.to);
    // Tests hold to the map too: a lower layer that needs a higher one to be tested is not a layer of its own.
    let forbidden: Vec<String> = others
        .filter(|edge| !allowed[edge.from.as_str()].contains(&edge.to.as_str()))
        .map(|edge| format!("{} must not know {}", edge.from, edge.to))
        .collect();
    assert!(forbidden.is_empty(), "{}", forbidden.join("\n"));
}

#[test]
fn libraries_that_belong_to_one_layer_stay_there() {
    let (_, edges) = workspace();
    for (library, owners) in CONFINED {
        let strangers: Vec<&str> = edges
            .iter()
            .filter(|edge| !edge.is_dev && edge.to == *library)
            .map(|edge| edge.from.as_str())
            .filter(|from| !owners.contains(from))
            .collect();
        assert!(
            strangers.is_empty(),
            "{library} must not be linked by {strangers:?}"
        );
    }
}
