//! Which models there are below the served folder.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use pixelbank_memory::{Cancel, Reservation, Wait};
use serde::{Serialize, Serializer};

use crate::answer::HttpError;
use crate::app::App;
use crate::failure;
use crate::library::Found;
use crate::paths::encode_id;
use crate::walk::{Step, has_ending, walk};

/// Names that end so are taken for models; what they are indeed, their content shows.
const ENDINGS: &[&str] = &["stl", "obj", "ply", "gltf", "glb", "3mf"];

/// The most models that are listed.
const MAX_LISTED: usize = 5000;

/// As long as a list is believed; a folder that takes long to walk is believed longer.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// What `/api/models` answers; clones are the same list.
#[derive(Debug, Clone)]
pub(crate) struct ListBody(Arc<Models>);

impl Serialize for ListBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[derive(Debug, Serialize)]
struct Models {
    models: Vec<ModelBody>,
    /// Whether there are no more.
    is_complete: bool,
}

#[derive(Debug, Serialize)]
struct ModelBody {
    id: String,
    path: String,
    bytes: u64,
    modified: String,
}

impl ModelBody {
    fn of(found: &Found) -> Self {
        Self {
            id: encode_id(&found.path),
            path: String::from_utf8_lossy(&found.path).into_owned(),
            bytes: found.identity.bytes,
            modified: humantime::format_rfc3339_seconds(found.identity.modified()).to_string(),
        }
    }

    fn heap_bytes(&self) -> u64 {
        let text = self.id.capacity() + self.path.capacity() + self.modified.capacity();
        (size_of::<Self>() + text) as u64
    }
}

/// A list, when it was made, and what pays for it.
#[derive(Debug)]
pub(crate) struct Listed {
    body: ListBody,
    until: Instant,
    _paid: Reservation,
}

impl Listed {
    /// Walks through the folder. Blocks.
    pub fn walk(app: &App, cancel: &Cancel) -> Result<Self, HttpError> {
        let wait = Wait::at_most(app.memory_wait).cancelled_by(cancel);
        let holder = app
            .bank
            .holder(pixelbank_memory::Account::Catalog, "list of models", "");
        let refused = |error| failure::of_memory(&error);
        let mut paid = holder.reserve(0, &wait).map_err(refused)?;
        let start = Instant::now();
        let mut models = Vec::new();
        let mut is_complete = true;
        let mut error = None;
        let _ = walk(
            &app.root,
            |name| has_ending(name, ENDINGS),
            |step| {
                let found = match step {
                    Step::Folder if cancel.is_cancelled() => {
                        error = Some(given_up());
                        return ControlFlow::Break(());
                    }
                    Step::Folder => return ControlFlow::Continue(()),
                    Step::File(found) => found,
                };
                if models.len() == MAX_LISTED {
                    is_complete = false;
                    return ControlFlow::Break(());
                }
                let model = ModelBody::of(&found);
                // A growing list has up to as many places again in reserve.
                if let Err(refusal) = paid.try_grow(2 * model.heap_bytes()) {
                    error = Some(refused(refusal));
                    return ControlFlow::Break(());
                }
                models.push(model);
                ControlFlow::Continue(())
            },
        );
        if let Some(error) = error {
            return Err(error);
        }
        models.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            body: ListBody(Arc::new(Models {
                models,
                is_complete,
            })),
            until: Instant::now() + TRUSTED_FOR.max(start.elapsed() * 20),
            _paid: paid,
        })
    }

    pub fn body(&self) -> ListBody {
        self.body.clone()
    }

    /// The list, unless it is too old to be believed.
    pub fn recent(&self) -> Option<ListBody> {
        (Instant::now() < self.until).then(|| self.body())
    }
}

fn given_up() -> HttpError {
    HttpError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Looking for models was given up.",
    )
}
