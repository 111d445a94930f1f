//! `Bank.pool`: what the object pool holds and does.

use pixelbank_memory::Account;
use pixelbank_memory::sync::Mutex;
use pixelbank_pool::{Device, Pool, Profile, ProfileScope, Scope};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::to_string;

use super::device;
use crate::arguments::bytes;
use crate::core::Share;
use crate::errors::{ClosedError, argument, from_pool};
use crate::process::Home;

/// The object pool of a bank: `bank.pool`, which prints as a table.
///
/// Amounts are bytes of the CPU's memory where no device is named. The limit of a device says what the pool keeps there, in
/// use and idle together; it never keeps anything from being made.
#[pyclass(frozen, name = "Pool", module = "pixelbank", weakref)]
pub struct PyPool(Share);

impl PyPool {
    pub fn new(share: Share) -> Self {
        Self(share)
    }

    fn pool(&self) -> PyResult<&Pool> {
        Ok(&self.0.get()?.pool)
    }

    /// Bytes held, and of those the idle ones.
    fn host(&self) -> PyResult<(u64, u64)> {
        let stats = self.pool()?.stats();
        let host = stats.devices.iter().find(|row| row.device == Device::Host);
        Ok(host.map_or((0, 0), |row| (row.held_bytes, row.idle_bytes)))
    }
}

#[pymethods]
impl PyPool {
    /// What is held at most before idle objects go, in bytes, or text such as `"512M"` where it is set. Half of what the
    /// process may use at first. Where more is held, setting it lets idle objects go at once; 0 keeps nothing.
    #[getter]
    fn limit_bytes(&self) -> PyResult<u64> {
        self.pool()?
            .limit_bytes(Device::Host)
            .map_err(|error| from_pool(&error))
    }

    #[setter]
    fn set_limit_bytes(&self, limit: &Bound<'_, PyAny>) -> PyResult<()> {
        self.set_limit(limit, "cpu")
    }

    /// As setting `limit_bytes`, for any device: `bank.pool.set_limit("4G", "cuda:0")`.
    ///
    /// Raises `ArgumentError` for a device that the bank does not have.
    #[pyo3(signature = (limit, device="cpu"))]
    fn set_limit(&self, limit: &Bound<'_, PyAny>, device: &str) -> PyResult<()> {
        let py = limit.py();
        let (device, limit) = (device::named(device)?, bytes("limit", limit)?);
        let pool = self.pool()?;
        py.detach(|| pool.set_limit(device, limit))
            .map_err(|error| from_pool(&error))
    }

    /// What is held, in use and idle.
    #[getter]
    fn current_bytes(&self) -> PyResult<u64> {
        Ok(self.host()?.0)
    }

    /// What of it is idle.
    #[getter]
    fn idle_bytes(&self) -> PyResult<u64> {
        Ok(self.host()?.1)
    }

    /// The most that was held at once since the bank was made.
    #[getter]
    fn peak_bytes(&self) -> PyResult<u64> {
        let ledger = self.0.get()?.bank.ledger();
        let account = ledger
            .accounts
            .iter()
            .find(|row| row.account == Account::Pool);
        Ok(account.map_or(0, |row| row.peak_bytes))
    }

    /// Drops what is idle: everything, or with `"thread"` what the calling thread keeps for itself.
    ///
    /// Raises `ArgumentError` for another scope.
    #[pyo3(signature = (scope="all"))]
    fn clear(&self, py: Python<'_>, scope: &str) -> PyResult<()> {
        let (pool, scope) = (self.pool()?, scope_of(scope)?);
        py.detach(|| pool.clear(scope));
        Ok(())
    }

    /// How many objects are idle: all, or with `"thread"` those that the calling thread keeps for itself.
    ///
    /// Raises `ArgumentError` for another scope.
    #[pyo3(signature = (scope="all"))]
    fn size(&self, scope: &str) -> PyResult<u64> {
        Ok(self.pool()?.len(scope_of(scope)?))
    }

    /// Drops idle objects worth `nbytes`, or all, least recently used first. How many bytes that were.
    ///
    /// Raises `ArgumentError` for a device that the bank does not have.
    #[pyo3(signature = (nbytes=None, device="cpu"))]
    fn trim(
        &self,
        py: Python<'_>,
        nbytes: Option<&Bound<'_, PyAny>>,
        device: &str,
    ) -> PyResult<u64> {
        let amount = nbytes.map_or(Ok(u64::MAX), |nbytes| bytes("nbytes", nbytes))?;
        let (pool, device) = (self.pool()?, device::named(device)?);
        py.detach(|| pool.trim(device, amount))
            .map_err(|error| from_pool(&error))
    }

    /// What it holds and has done, as plain values: `devices` with their limits, and `classes` of objects with counts and
    /// bytes in use and idle, peaks, hits, misses and evictions.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.pool()?.stats();
        Ok(plain(py, &to_string(&stats).expect("plain figures"))?.cast_into()?)
    }

    /// Counts what happens within a `with` block, in all threads:
    ///
    /// >>> import pixelbank
    /// >>> bank = pixelbank.Bank("64M")
    /// >>> with bank.pool.profile("step") as step:
    /// ...     tensor = bank.tensor((1024,), "uint8")
    /// >>> step.taken, step.peak_bytes
    /// (1, 4096)
    ///
    /// Every use of the pool takes a lock meanwhile.
    fn profile(&self, name: &str) -> PyResult<PyPoolProfile> {
        Ok(PyPoolProfile {
            share: self.0.another()?,
            name: name.to_owned(),
            state: Mutex::default(),
        })
    }

    /// Notes for each object from now on where it was asked for, or ends that. Every use of the pool takes a lock meanwhile.
    #[pyo3(signature = (on=true))]
    fn trace_origins(&self, on: bool) -> PyResult<()> {
        self.pool()?.trace_origins(on);
        Ok(())
    }

    /// Objects in use that were asked for while `trace_origins` was on, the largest first: for each its `class`, `device`,
    /// `extents`, `bytes`, `made_at` (file and line) and `age_seconds`.
    fn outstanding<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let all = self.pool()?.outstanding();
        let rows: Vec<_> = all
            .iter()
            .map(|row| {
                serde_json::json!({
                    "class": row.class,
                    "device": device::name(row.device),
                    "extents": row.extents,
                    "bytes": row.bytes,
                    "made_at": row.made_at,
                    "age_seconds": row.age.as_secs_f64(),
                })
            })
            .collect();
        plain(py, &to_string(&rows).expect("plain figures"))
    }

    fn __str__(&self) -> PyResult<String> {
        Ok(self.pool()?.stats().to_string().trim_end().to_owned())
    }

    fn __repr__(&self) -> PyResult<String> {
        let (held, idle) = self.host()?;
        let limit = self.limit_bytes()?;
        Ok(format!(
            "<Pool: {held} of {limit} bytes held, {idle} of them idle>"
        ))
    }
}

/// A document of JSON as dicts and lists.
fn plain<'py>(py: Python<'py>, document: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (document,))
}

fn scope_of(name: &str) -> PyResult<Scope> {
    match name {
        "all" => Ok(Scope::AllThreads),
        "thread" => Ok(Scope::ThisThread),
        _ => Err(argument(
            "scope",
            format!("'{name}' is neither 'all' nor 'thread'"),
        )),
    }
}

/// What happened in the pool within a `with` block: see `Pool.profile`. The figures are there when the block has ended;
/// before that they raise `ClosedError`.
#[pyclass(frozen, name = "PoolProfile", module = "pixelbank", weakref)]
pub struct PyPoolProfile {
    share: Share,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Ready,
    Open(Home<Option<ProfileScope>>),
    Done(Profile),
}

impl PyPoolProfile {
    fn done<T>(&self, figure: impl Fn(&Profile) -> T) -> PyResult<T> {
        match &*self.state.lock() {
            State::Done(profile) => Ok(figure(profile)),
            _ => Err(ClosedError::new_err("the profile has not ended")),
        }
    }
}

#[pymethods]
impl PyPoolProfile {
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let this = slf.get();
        let scope = this.share.get()?.pool.profile(&this.name);
        let before =
            std::mem::replace(&mut *this.state.lock(), State::Open(Home::new(Some(scope))));
        drop(before);
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut state = self.state.lock();
        if let State::Open(scope) = &mut *state
            && let Some(profile) = scope.get_mut()?.take().and_then(ProfileScope::finish)
        {
            *state = State::Done(profile);
        }
        Ok(())
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// How long it took.
    #[getter]
    fn seconds(&self) -> PyResult<f64> {
        self.done(|profile| profile.duration.as_secs_f64())
    }

    /// Objects handed out.
    #[getter]
    fn taken(&self) -> PyResult<u64> {
        self.done(|profile| profile.taken)
    }

    /// Objects let go of.
    #[getter]
    fn let_go(&self) -> PyResult<u64> {
        self.done(|profile| profile.let_go)
    }

    /// Bytes in use when it began.
    #[getter]
    fn bytes_before(&self) -> PyResult<u64> {
        self.done(|profile| profile.live_bytes_before)
    }

    /// Bytes in use when it ended.
    #[getter]
    fn bytes_after(&self) -> PyResult<u64> {
        self.done(|profile| profile.live_bytes_after)
    }

    /// The most bytes that were in use at once.
    #[getter]
    fn peak_bytes(&self) -> PyResult<u64> {
        self.done(|profile| profile.peak_live_bytes)
    }

    fn __repr__(&self) -> PyResult<String> {
        match &*self.state.lock() {
            State::Done(profile) => Ok(format!(
                "<PoolProfile '{}': {} taken, {} let go of, peak {} bytes>",
                self.name, profile.taken, profile.let_go, profile.peak_live_bytes
            )),
            _ => Ok(format!("<PoolProfile '{}', not ended>", self.name)),
        }
    }
}
