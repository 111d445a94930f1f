use std::fmt;

use serde::{Deserialize, Serialize};

/// A named part of the budget, with an optional floor and ceiling for host bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Account {
    /// What is known of files and images without their pixels.
    Descriptors,
    /// Decoded tiles.
    Tiles,
    /// Whole decoded images.
    Bitmaps,
    /// Pixels encoded for delivery: responses of a server.
    Encoded,
    /// Images on a device.
    Textures,
    /// Reusable tensors, images, batches.
    Pool,
    /// Video frames.
    Video,
    /// Working memory of decoders and operations, and what was spilled to scratch files.
    Scratch,
    /// Meshes.
    Meshes,
    /// The index of a library of pictures.
    Catalog,
}

impl Account {
    /// All accounts, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Descriptors,
        Self::Tiles,
        Self::Bitmaps,
        Self::Encoded,
        Self::Textures,
        Self::Pool,
        Self::Video,
        Self::Scratch,
        Self::Meshes,
        Self::Catalog,
    ];

    /// The name in reports, configuration files and variables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Tiles => "tiles",
            Self::Bitmaps => "bitmaps",
            Self::Encoded => "encoded",
            Self::Textures => "textures",
            Self::Pool => "pool",
            Self::Video => "video",
            Self::Scratch => "scratch",
            Self::Meshes => "meshes",
            Self::Catalog => "catalog",
        }
    }

    /// The account of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.name() == name)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// Bytes of the process's memory.
    Host,
    /// Bytes of scratch files.
    Disk,
    /// Open files, counted.
    Files,
    /// Bytes of the device of that number.
    Device(u8),
}

impl Resource {
    /// The name in reports: `host`, `disk`, `files`, `device 0`.
    pub fn label(self) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::Disk => "disk".to_owned(),
            Self::Files => "files".to_owned(),
            Self::Device(n) => format!("device {n}"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host memory"),
            Self::Disk => f.write_str("scratch disk"),
            Self::Files => f.write_str("open files"),
            Self::Device(n) => write!(f, "memory of device {n}"),
        }
    }
}
