//! Calls that may take long: made without the interpreter, with an ear for signals and deadlines.

use std::ffi::c_ulong;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use pixelbank_memory::{Cancel, Wait};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::{errors, threads};

/// How often the main thread looks for signals while it waits.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Ends what waits: to be given to calls as `cancel=`, and used from another thread.
#[pyclass(frozen, name = "Cancel", module = "pixelbank")]
#[derive(Default)]
pub struct PyCancel(Cancel);

#[pymethods]
impl PyCancel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Says that the work is no longer wanted.
    ///
    /// Calls that were given this object end soon with `WaitError`. Saying it again does nothing.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it has been said.
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// How long a caller waits, as its arguments say.
#[derive(Default)]
pub struct Patience {
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
}

impl Patience {
    pub fn new(timeout: Option<f64>, cancel: Option<&Bound<'_, PyCancel>>) -> PyResult<Self> {
        let timeout = timeout
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds).map_err(|_| {
                    errors::argument(
                        "timeout",
                        format!("{seconds} seconds; 0 or more are wanted"),
                    )
                })
            })
            .transpose()?;
        let cancel = cancel.map(|cancel| cancel.get().0.clone());
        Ok(Self { timeout, cancel })
    }

    /// Does `work` without the interpreter. On the main thread Ctrl-C ends the wait, and with a deadline it ends then,
    /// even where the work itself knows of neither; it is cancelled then, and what it holds goes when it ends.
    pub fn run<T: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Wait) -> T + Send + 'static,
    ) -> PyResult<T> {
        let is_main = is_main_thread(py)?;
        if !is_main && self.timeout.is_none() && self.cancel.is_none() {
            return Ok(py.detach(|| work(&Wait::forever())));
        }
        let cancel = self.cancel.clone().unwrap_or_default();
        let wait = match self.timeout {
            Some(timeout) => Wait::at_most(timeout),
            None => Wait::forever(),
        }
        .cancelled_by(&cancel);
        let deadline = wait.deadline();
        let (sender, mut receiver) = sync_channel(1);
        threads::run(move || {
            let _ = sender.send(work(&wait));
        })?;
        loop {
            let patience = match deadline {
                // A little longer than the work itself is told to wait: its own error says more.
                Some(deadline) => (deadline + BETWEEN_LOOKS)
                    .saturating_duration_since(Instant::now())
                    .min(BETWEEN_LOOKS),
                None => BETWEEN_LOOKS,
            };
            // By unique reference, which may go where a shared one may not.
            let receiver = &mut receiver;
            match py.detach(move || receiver.recv_timeout(patience)) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(errors::FileError::new_err("a decoder panicked"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if is_main && let Err(interrupt) = py.check_signals() {
                cancel.cancel();
                return Err(interrupt);
            }
            let is_late =
                deadline.is_some_and(|deadline| Instant::now() >= deadline + BETWEEN_LOOKS);
            if is_late || cancel.is_cancelled() {
                cancel.cancel();
                return Err(errors::WaitError::new_err(match is_late {
                    true => "not done in time",
                    false => "cancelled",
                }));
            }
        }
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN: PyOnceLock<(u32, c_ulong)> = PyOnceLock::new();
    let ask = || -> PyResult<(u32, c_ulong)> {
        let main = py.import("threading")?.call_method0("main_thread")?;
        Ok((
            crate::process::generation(),
            main.getattr("ident")?.extract()?,
        ))
    };
    let mut main = *MAIN.get_or_try_init(py, ask)?;
    if main.0 != crate::process::generation() {
        // Whichever thread forked is the main one here.
        main = ask()?;
    }
    #[allow(unsafe_code)]
    // SAFETY: asks for a number, and needs nothing.
    let own = unsafe { ffi::PyThread_get_thread_ident() };
    Ok(own == main.1)
}
