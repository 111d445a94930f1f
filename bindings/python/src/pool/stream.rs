//! `Stream`.

use std::cell::Cell;
use std::sync::Arc;

use pixelbank_memory::sync::Mutex;
use pixelbank_pool::{Device, Stream, Tensor};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::tensor::PyTensor;
use super::{default, device};
use crate::bank::PyBank;
use crate::errors::{argument, from_pool};
use crate::leaving;
use crate::process::Home;
use crate::waiting::{Patience, PyCancel};

/// A queue of work on a device, of which each begins when what was put on it before has finished. `"cpu"` has a thread for
/// each stream; on CUDA it is a stream of the driver's.
///
/// A stream goes back to the pool when nobody has it any more; its work goes on. `bank` is the default one where none is
/// given.
///
/// Raises `ArgumentError` for a device that the bank does not have, and `DeviceError`.
///
/// >>> import pixelbank
/// >>> stream, tensor = pixelbank.Stream(), pixelbank.Tensor((2,))
/// >>> stream.submit(lambda: tensor.fill(3), tensor)
/// >>> stream.synchronize()
/// >>> tensor.numpy()
/// array([3., 3.], dtype=float32)
#[pyclass(frozen, name = "Stream", module = "pixelbank", weakref)]
pub struct PyStream {
    stream: Home<Arc<Stream>>,
    failure: Arc<Failure>,
}

/// What the first of its jobs raised that raised anything, until somebody is told.
#[derive(Default)]
struct Failure(Mutex<Option<PyErr>>);

impl Failure {
    fn note(&self, py: Python<'_>, error: PyErr) {
        let mut first = self.0.lock();
        if first.is_none() {
            *first = Some(error);
            return;
        }
        drop(first);
        error.write_unraisable(py, None);
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        if let Some(error) = self.0.get_mut().take() {
            leaving::attach(|py| error.write_unraisable(py, None));
        }
    }
}

thread_local! {
    static IN_JOB: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in the middle of a job, which the pool may be waiting for.
pub fn is_in_job() -> bool {
    IN_JOB.get()
}

struct InJob;

impl InJob {
    fn new() -> Self {
        IN_JOB.set(true);
        Self
    }
}

impl Drop for InJob {
    fn drop(&mut self) {
        IN_JOB.set(false);
    }
}

impl PyStream {
    pub fn handle(&self) -> PyResult<Arc<Stream>> {
        Ok(Arc::clone(self.stream.get()?))
    }
}

#[pymethods]
impl PyStream {
    #[new]
    #[pyo3(signature = (device=None, *, bank=None), text_signature = "(device='cpu', *, bank=None)")]
    fn make(
        py: Python<'_>,
        device: Option<&str>,
        bank: Option<&Bound<'_, PyBank>>,
    ) -> PyResult<Self> {
        let share = default::share_of(py, bank)?;
        let device = device.map_or(Ok(Device::Host), device::named)?;
        let stream = share.get()?.pool.stream(device);
        Ok(Self {
            stream: Home::new(Arc::new(stream.map_err(|error| from_pool(&error))?)),
            failure: Arc::default(),
        })
    }

    /// Where it runs: `"cpu"`, `"cuda:0"`.
    #[getter]
    fn device(&self) -> PyResult<String> {
        Ok(device::name(self.stream.get()?.device()))
    }

    /// The driver's own handle (`CUstream` as a number, for `torch.cuda.ExternalStream`); 0 on the CPU.
    #[getter]
    fn raw(&self) -> PyResult<u64> {
        Ok(self.stream.get()?.raw())
    }

    /// Has `job()` called, from another thread, after everything that was put on the stream before. The tensors stay in
    /// use until it has finished, whether anybody has them or not.
    ///
    /// What it raises, `synchronize` raises; what comes after it runs all the same. On CUDA it must not use CUDA. Where
    /// more than a thousand jobs wait, this waits as well.
    ///
    /// Raises `ArgumentError` for what cannot be called and for tensors of another device, and `DeviceError`.
    #[pyo3(signature = (job, *tensors))]
    fn submit(
        &self,
        py: Python<'_>,
        job: &Bound<'_, PyAny>,
        tensors: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        if !job.is_callable() {
            return Err(argument("job", "it cannot be called"));
        }
        let tensors = tensors
            .iter()
            .map(|tensor| match tensor.cast::<PyTensor>() {
                Ok(tensor) => Ok(tensor.get().tensor()?.clone()),
                Err(_) => Err(argument(
                    "tensors",
                    format!("{} is no tensor", tensor.get_type()),
                )),
            })
            .collect::<PyResult<Vec<Tensor>>>()?;
        let (stream, failure) = (self.handle()?, Arc::clone(&self.failure));
        let job = job.clone().unbind();
        let work = move || {
            let mut job = Some(job);
            let done = leaving::attach(|py| {
                let _in_job = InJob::new();
                if let Err(error) = job.take().expect("called once").call0(py) {
                    failure.note(py, error);
                }
            });
            if done.is_none() {
                // The interpreter has gone, and what it knew of the object with it.
                std::mem::forget(job);
            }
        };
        py.detach(move || {
            let tensors: Vec<&Tensor> = tensors.iter().collect();
            stream.submit(&tensors, work)
        })
        .map_err(|error| from_pool(&error))
    }

    /// Lets what is put on this stream from now on begin after everything that is on `other` now. Does not wait itself.
    ///
    /// Raises `ArgumentError` for a stream of another device, and `DeviceError`.
    fn wait_for(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<()> {
        let (stream, other) = (self.handle()?, other.get().handle()?);
        py.detach(move || stream.wait_for(&other))
            .map_err(|error| from_pool(&error))
    }

    /// Whether everything that was put on it has finished.
    fn is_done(&self) -> PyResult<bool> {
        Ok(self.stream.get()?.is_finished())
    }

    /// Waits until everything that was put on it so far has finished.
    ///
    /// Raises what the first of its jobs raised, `WaitError` where it was not done within `timeout` seconds or `cancel`
    /// ended the wait, and `DeviceError`.
    #[pyo3(signature = (*, timeout=None, cancel=None))]
    fn synchronize(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        cancel: Option<&Bound<'_, PyCancel>>,
    ) -> PyResult<()> {
        let patience = Patience::new(timeout, cancel)?;
        let stream = self.handle()?;
        if !stream.is_finished() {
            patience
                .run(py, move |_| stream.synchronize())?
                .map_err(|error| from_pool(&error))?;
        }
        let failed = self.failure.0.lock().take();
        failed.map_or(Ok(()), Err)
    }

    fn __repr__(&self) -> PyResult<String> {
        let state = match self.is_done()? {
            true => "done",
            false => "busy",
        };
        Ok(format!("<Stream on {}, {state}>", self.device()?))
    }
}
