use crate::Error;

/// Why a chunk could not be unpacked; the caller knows which one it was.
#[derive(Debug)]
pub(super) enum Fault {
    File(Error),
    Damaged(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.to_owned())
    }
}
