//! `pixelbank mesh`.

mod convert;
mod drawing;
mod info;
mod outline;
mod slice;

use std::process::ExitCode;

use pixelbank::mesh::Merging;

use crate::arguments::{Budget, Merge, Mesh};

pub fn run(mesh: &Mesh, budget: &Budget) -> anyhow::Result<ExitCode> {
    match mesh {
        Mesh::Info(options) => info::run(options, budget),
        Mesh::Convert(options) => convert::run(options, budget),
        Mesh::Slice(options) => slice::run(options, budget),
        Mesh::Outline(options) => outline::run(options, budget),
    }
}

impl Merge {
    fn merging(&self) -> Merging {
        self.merge.map_or(Merging::Exact, Merging::Within)
    }
}

/// Whose memory a file's mesh is on the books as: the file's name.
fn owner(path: &std::path::Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
