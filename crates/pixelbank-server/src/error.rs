use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Why the server cannot start or go on. Messages are for whoever started it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder to be served does not exist.
    #[error("{}: there is no such folder", path.display())]
    NoSuchFolder {
        /// As it was given.
        path: PathBuf,
    },
    /// What was to be served is a file.
    #[error("{}: this is a file; give the folder that it lies in", path.display())]
    NotAFolder {
        /// As it was given.
        path: PathBuf,
    },
    /// The folder cannot be read.
    #[error("{}: this folder cannot be read: {source}", path.display())]
    Folder {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder with the web page cannot be read.
    #[error("{}: the folder with the web page cannot be read: {source}", path.display())]
    WebFolder {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program listens there.
    #[error(
        "port {} at {} is taken by another program; choose another one, or port 0 for any that is free",
        .0.port(),
        .0.ip()
    )]
    PortTaken(SocketAddr),
    /// Listening there is not possible.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Others than this machine can reach the address, and there is no token to keep them out.
    #[error("{0} can be reached from other machines, so the server needs a token there")]
    TokenNeeded(IpAddr),
    /// The image cache could not be made.
    #[error("the image cache cannot be set up: {0}")]
    Cache(String),
    /// A thread cannot be started, or the like.
    #[error("the system refuses what the server needs: {0}")]
    System(#[from] io::Error),
}
