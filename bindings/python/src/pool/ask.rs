//! What callers say of an object that they want from a pool.

use pixelbank_pool::{Error, Layout, MAX_RANK, Pool, Request, Shape};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::stream::PyStream;
use crate::core::Share;
use crate::errors::{argument, from_pool};
use crate::waiting::Patience;

/// From this size on memory is looked for, and made, without the interpreter: below it giving that up would cost more.
const QUICK_BYTES: u64 = 1 << 20;

/// The argument `shape`: a tuple of extents, a list, or a single number.
pub fn shape(given: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let mut extents = [0; MAX_RANK];
    let mut n = 0;
    let mut add = |extent: &Bound<'_, PyAny>| -> PyResult<()> {
        let extent: i64 = extent
            .extract()
            .map_err(|error| argument("shape", format!("{given}: {error}")))?;
        let place = extents.get_mut(n).ok_or_else(|| {
            argument(
                "shape",
                format!("{given}: there are up to {MAX_RANK} dimensions"),
            )
        })?;
        *place = extent;
        n += 1;
        Ok(())
    };
    if let Ok(tuple) = given.cast::<PyTuple>() {
        for extent in tuple.iter_borrowed() {
            add(&extent)?;
        }
    } else if let Ok(extents) = given.try_iter() {
        for extent in extents {
            add(&extent?)?;
        }
    } else {
        add(given)?;
    }
    Shape::new(&extents[..n]).map_err(|error| from_pool(&error))
}

/// The argument `layout`.
pub fn layout(given: Option<&str>) -> PyResult<Layout> {
    given.map_or(Ok(Layout::NONE), |letters| {
        Layout::new(letters).map_err(|error| from_pool(&error))
    })
}

/// How an object is asked for, beside what it is.
pub struct Ask<'a, 'py> {
    pub stream: Option<&'a Bound<'py, PyStream>>,
    pub larger_fit: u32,
    pub timeout: Option<f64>,
}

impl Ask<'_, '_> {
    /// Asks the pool of `share` for what has about `bytes`.
    pub fn of<T: Send + 'static>(
        &self,
        py: Python<'_>,
        share: &Share,
        bytes: u64,
        make: impl Fn(&Pool, &Request<'_>) -> Result<T, Error> + Send + Sync + 'static,
    ) -> PyResult<T> {
        let pool = &share.get()?.pool;
        let is_quick = bytes < QUICK_BYTES && self.timeout.is_none();
        let made = match self.stream {
            None if is_quick => {
                let request = Request {
                    larger_fit_percent: self.larger_fit,
                    ..Request::default()
                };
                make(pool, &request)
            }
            stream => {
                let stream = stream.map(|stream| stream.get().handle()).transpose()?;
                let larger_fit_percent = self.larger_fit;
                let request = move |wait| (larger_fit_percent, wait);
                match self.timeout {
                    None => py.detach(|| {
                        let (larger_fit_percent, wait) = request(None);
                        make(
                            pool,
                            &Request {
                                stream: stream.as_deref(),
                                larger_fit_percent,
                                wait,
                            },
                        )
                    }),
                    timeout => {
                        let pool = pool.clone();
                        Patience::new(timeout, None)?.run(py, move |wait| {
                            let (larger_fit_percent, wait) = request(Some(wait.clone()));
                            make(
                                &pool,
                                &Request {
                                    stream: stream.as_deref(),
                                    larger_fit_percent,
                                    wait,
                                },
                            )
                        })?
                    }
                }
            }
        };
        made.map_err(|error| from_pool(&error))
    }
}

/// The line of Python that is being executed, outside of this package: `filter.py:12`.
pub fn place(py: Python<'_>) -> String {
    let find = || -> PyResult<String> {
        let mut frame = py.import("sys")?.call_method0("_getframe")?;
        loop {
            let module = frame.getattr("f_globals")?.get_item("__name__");
            let name: String = module.and_then(|name| name.extract()).unwrap_or_default();
            let back = frame.getattr("f_back")?;
            if back.is_none() || !(name == "pixelbank" || name.starts_with("pixelbank.")) {
                break;
            }
            frame = back;
        }
        let file: String = frame.getattr("f_code")?.getattr("co_filename")?.extract()?;
        let line: u32 = frame.getattr("f_lineno")?.extract()?;
        Ok(format!("{file}:{line}"))
    };
    // Without a frame nothing can be said, and nothing is wrong.
    find().unwrap_or_else(|_| "python".to_owned())
}
