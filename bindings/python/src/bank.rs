//! `Bank`: the budget, and what is read and made on it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use pixelbank_cache::{CacheOptions, FileSource, Image};
use pixelbank_codec::{Limits, Metadata, Region};
use pixelbank_image::Size;
use pixelbank_memory::{Account, Config, Pressure, Resource};
use pixelbank_pool::Pool;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{self, ReadArguments, account, bytes, open, os_path};
use crate::core::{Core, Options, Share};
use crate::errors::{self, argument};
use crate::image::PyImage;
use crate::mesh::{self, PyMesh};
use crate::pool::PyPool;
use crate::read;
use crate::source::{ArrayPixels, Named, ObjectSource};
use crate::spec::PySpec;
use crate::tile::{PyPin, PyPrefetch, PyTile};
use crate::waiting::{Patience, PyCancel};

/// What the Python class `pixelbank.Bank` is built on.
#[pyclass(frozen, subclass, name = "Bank", module = "pixelbank._core", weakref)]
pub struct PyBank {
    share: Share,
}

impl PyBank {
    pub fn core(&self) -> PyResult<&Arc<Core>> {
        self.share.get()
    }

    pub fn share(&self) -> &Share {
        &self.share
    }

    fn opened(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        patience: &Patience,
    ) -> PyResult<arguments::Opened> {
        open(py, self.core()?, path, patience)
    }
}

#[pymethods]
impl PyBank {
    #[new]
    #[pyo3(signature = (host=None, *, scratch=None, open_files=None, devices=None, accounts=None, pool=None, search=Vec::new(), missing=None, tile=None, threads=None, retries=0, max_failures=None, share_identical=false, scratch_dir=None, watch_pressure=false, publish=true))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        host: Option<&Bound<'_, PyAny>>,
        scratch: Option<&Bound<'_, PyAny>>,
        open_files: Option<u64>,
        devices: Option<&Bound<'_, PyDict>>,
        accounts: Option<&Bound<'_, PyDict>>,
        pool: Option<&Bound<'_, PyAny>>,
        search: Vec<PathBuf>,
        missing: Option<PathBuf>,
        tile: Option<(u32, u32)>,
        threads: Option<usize>,
        retries: u32,
        max_failures: Option<u64>,
        share_identical: bool,
        scratch_dir: Option<PathBuf>,
        watch_pressure: bool,
        publish: bool,
    ) -> PyResult<Self> {
        let mut config =
            Config::load().map_err(|error| errors::ArgumentError::new_err(error.to_string()))?;
        let amount =
            |name: &str, given: Option<&Bound<'_, PyAny>>, set: &mut Option<u64>| -> PyResult<()> {
                if let Some(given) = given {
                    *set = Some(bytes(name, given)?);
                }
                Ok(())
            };
        amount("host", host, &mut config.host_bytes)?;
        amount("scratch", scratch, &mut config.scratch_bytes)?;
        amount("pool", pool, &mut config.pool.limit_bytes)?;
        config.open_files = open_files.or(config.open_files);
        for (name, limits) in accounts.into_iter().flatten() {
            let account = account(&name.extract::<String>()?)?;
            let limits = match limits.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() {
                Ok((floor, ceiling)) => (
                    bytes("accounts", &floor)?,
                    Some(bytes("accounts", &ceiling)?),
                ),
                Err(_) => (0, Some(bytes("accounts", &limits)?)),
            };
            config.accounts.insert(account, limits);
        }
        let bank = config.open().map_err(|error| errors::from_memory(&error))?;
        let mut files = FileSource::new(Limits::default()).share_identical(share_identical);
        for folder in search {
            files = files.search(folder);
        }
        if let Some(missing) = missing {
            files = files.missing(missing);
        }
        let mut pool = Pool::builder(&bank).settings(&config.pool).owner("python");
        for (name, limit) in devices.into_iter().flatten() {
            let (backend, limit) = crate::pool::device(&name, &limit)?;
            pool = pool.device(backend, limit);
        }
        let core = Core::new(py, &bank, files, |source| {
            let mut cache = CacheOptions::from_source("python", source);
            if let Some((width, height)) = tile {
                cache.tile = Size::new(width, height);
            }
            if let Some(threads) = threads {
                cache.decode_threads = threads.max(1);
            }
            cache.retries = retries;
            cache.max_failures = max_failures;
            if let Some(folder) = scratch_dir.or(config.scratch_dir.clone()) {
                cache.scratch_dir = folder;
            }
            Options {
                cache,
                pool,
                watches_pressure: watch_pressure,
                is_published: publish,
            }
        })?;
        Ok(Self {
            share: Share::new(core),
        })
    }

    /// Reads a region of an image into a new array of shape (height, width, channels), or into `out`.
    ///
    /// `path` is a file's path (`str` or `os.PathLike`), a URL that `fsspec` reads, the bytes of an encoded file, or an
    /// open file. `region` is `(x, y, width, height)` in stored pixels of `level`; all of it where there is none.
    /// `channels` are some that follow each other: a number, a name, a slice, or a list of either. `dtype` is `uint8`,
    /// `uint16`, `uint32`, `float16` or `float32`; 0 to 1 of a float are all values of an integer. `alpha` brings colour to
    /// the kind `"straight"` or `"premultiplied"`.
    ///
    /// `out` is a writable array or buffer of that shape, with the pixels of a row one behind the other; its dtype is that
    /// of the result. It must not be resized while it is written, which goes on for a moment where the call ends by a
    /// deadline or Ctrl-C.
    ///
    /// The array's memory comes from the pool, and is on the books until the array has gone; up to 4 KiB are NumPy's own. `timeout` is in seconds;
    /// `cancel` is a `Cancel`.
    ///
    /// Raises `MissingError`, `ReadError` or an `FileError` for the file, `ArgumentError` for what it does not have,
    /// `BudgetError` where there is no room, and `WaitError`.
    #[pyo3(signature = (path, region=None, *, level=0, subimage=0, channels=None, dtype=None, alpha=None, out=None, timeout=None, cancel=None))]
    #[allow(clippy::too_many_arguments)]
    fn read<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        region: Option<(i64, i64, i64, i64)>,
        level: i64,
        subimage: i64,
        channels: Option<&Bound<'py, PyAny>>,
        dtype: Option<&Bound<'py, PyAny>>,
        alpha: Option<&str>,
        out: Option<&Bound<'py, PyAny>>,
        timeout: Option<f64>,
        cancel: Option<&Bound<'py, PyCancel>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let patience = Patience::new(timeout, cancel)?;
        let opened = self.opened(py, path, &patience)?;
        let arguments = ReadArguments {
            region,
            level,
            subimage,
            channels,
            dtype,
            alpha,
        };
        read::read(py, self.core()?, &opened.image, &arguments, out, &patience)
    }

    /// Opens an image: reads its header, where that is not known yet, and no pixels.
    ///
    /// `path` as for `read`. Raises `MissingError`, `ReadError`, an `FileError`, or `WaitError`.
    #[pyo3(signature = (path, *, subimage=0, timeout=None))]
    fn open(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        subimage: i64,
        timeout: Option<f64>,
    ) -> PyResult<PyImage> {
        let opened = self.opened(py, path, &Patience::new(timeout, None)?)?;
        let subimage = arguments::subimage(&opened.image, subimage)?;
        Ok(PyImage::new(self.share.another()?, opened, subimage, 0))
    }

    /// What is known of an image without its pixels.
    ///
    /// Raises as `open`.
    #[pyo3(signature = (path, *, subimage=0))]
    fn spec(&self, py: Python<'_>, path: &Bound<'_, PyAny>, subimage: i64) -> PyResult<PySpec> {
        let opened = self.opened(py, path, &Patience::default())?;
        let subimage = arguments::subimage(&opened.image, subimage)?;
        Ok(PySpec::new(opened.image, subimage))
    }

    /// One tile, as it is kept: read-only memory, not copied.
    ///
    /// `column` and `row` count tiles of `spec.tile` pixels. Raises as `read`.
    #[pyo3(signature = (path, column, row, *, level=0, subimage=0, timeout=None, cancel=None))]
    #[allow(clippy::too_many_arguments)]
    fn tile(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        column: u32,
        row: u32,
        level: i64,
        subimage: i64,
        timeout: Option<f64>,
        cancel: Option<&Bound<'_, PyCancel>>,
    ) -> PyResult<PyTile> {
        let patience = Patience::new(timeout, cancel)?;
        let opened = self.opened(py, path, &patience)?;
        let subimage = arguments::subimage(&opened.image, subimage)?;
        let (level, _) = arguments::level(&opened.image, subimage, level)?;
        let grid = opened
            .image
            .level(subimage, level)
            .map(|level| level.grid())
            .filter(|grid| column < grid.columns() && row < grid.rows())
            .ok_or_else(|| {
                argument(
                    "column, row",
                    format!("there is no tile ({column}, {row}) of level {level}"),
                )
            })?;
        let failed = |error| errors::from_cache(py, &error);
        let image = opened.image.clone();
        let resident = image.resident_tile(subimage, level, column, row);
        let tile = match resident.map_err(failed)? {
            Some(tile) => tile,
            None => patience
                .run(py, move |wait| {
                    image.tile(subimage, level, column, row, wait)
                })?
                .map_err(failed)?,
        };
        Ok(PyTile::new(tile, grid.rect(column, row)))
    }

    /// The file's metadata as JSON, read now.
    fn _metadata(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> PyResult<String> {
        let opened = self.opened(py, path, &Patience::default())?;
        let (image, format) = (opened.image.clone(), opened.image.format());
        let blocks = Patience::default()
            .run(py, move |wait| image.metadata(wait))?
            .map_err(|error| errors::from_cache(py, &error))?;
        let metadata = Metadata::read(&blocks, format);
        let entries = metadata.entries.iter();
        let document = serde_json::json!({
            "captured": metadata.captured,
            "orientation": metadata.orientation.to_exif(),
            "camera": metadata.camera,
            "lens": metadata.lens,
            "location": metadata.location.map(|at| serde_json::json!({
                "latitude": at.latitude, "longitude": at.longitude, "altitude_m": at.altitude_m,
            })),
            "entries": entries.map(|entry| (entry.group.name(), &entry.name, &entry.value)).collect::<Vec<_>>(),
        });
        Ok(document.to_string())
    }

    /// Loads a region behind the caller's back, so that reading it finds it in memory; all of the level where `region` is
    /// None. Of several that wait, those of the higher `priority` (0 to 255) are loaded first.
    ///
    /// Raises as `open`, and `ArgumentError` for a region that does not fit the level, or the budget.
    #[pyo3(signature = (path, region=None, *, level=0, subimage=0, priority=128))]
    fn prefetch(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        region: Option<(i64, i64, i64, i64)>,
        level: i64,
        subimage: i64,
        priority: u8,
    ) -> PyResult<PyPrefetch> {
        let opened = self.opened(py, path, &Patience::default())?;
        let region = named_region(&opened.image, region, level, subimage)?;
        let prefetch = opened
            .image
            .prefetch(&region, priority)
            .map_err(|error| errors::from_cache(py, &error))?;
        Ok(PyPrefetch::new(prefetch))
    }

    /// Loads a region and keeps it in memory until the pin is released, which is a context manager.
    ///
    /// Raises as `read`.
    #[pyo3(signature = (path, region=None, *, level=0, subimage=0, timeout=None, cancel=None))]
    #[allow(clippy::too_many_arguments)]
    fn pin(
        &self,
        py: Python<'_>,
        path: &Bound<'_, PyAny>,
        region: Option<(i64, i64, i64, i64)>,
        level: i64,
        subimage: i64,
        timeout: Option<f64>,
        cancel: Option<&Bound<'_, PyCancel>>,
    ) -> PyResult<PyPin> {
        let patience = Patience::new(timeout, cancel)?;
        let opened = self.opened(py, path, &patience)?;
        let region = named_region(&opened.image, region, level, subimage)?;
        let image = opened.image.clone();
        let pin = patience
            .run(py, move |wait| image.pin(&region, wait))?
            .map_err(|error| errors::from_cache(py, &error))?;
        Ok(PyPin::new(pin))
    }

    /// Loads a 3D model: STL, OBJ, PLY, glTF, GLB or 3MF, by its content.
    ///
    /// Vertices in one place become one, or those no further apart than `merge`. `attributes` keeps normals, colours and
    /// texture coordinates, and the vertices that differ in nothing else. `drop_duplicates` leaves faces out that have the
    /// vertices of one before.
    ///
    /// Raises `MissingError`, `ReadError`, `DamagedError`, `UnknownFormatError`, `UnsupportedError` or `LimitError` for
    /// the file, `BudgetError` where there is no room for it, and `WaitError`.
    #[pyo3(signature = (path, *, attributes=false, merge=None, drop_duplicates=false, timeout=None, cancel=None))]
    #[allow(clippy::too_many_arguments)]
    fn load_mesh(
        &self,
        py: Python<'_>,
        path: PathBuf,
        attributes: bool,
        merge: Option<f32>,
        drop_duplicates: bool,
        timeout: Option<f64>,
        cancel: Option<&Bound<'_, PyCancel>>,
    ) -> PyResult<PyMesh> {
        let options = mesh::options(attributes, merge, drop_duplicates)?;
        let patience = Patience::new(timeout, cancel)?;
        mesh::open(py, self.core()?, path, options, &patience)
    }

    /// Gives something other than a file a name, under which it is read like one.
    ///
    /// `source` is an array (height × width × channels, not copied: it must not change while it is known), the bytes of an
    /// encoded file, or an object as `pixelbank.Source` describes. What had the name before is forgotten, and its tiles.
    ///
    /// Raises `ArgumentError` for what is no image.
    fn add(&self, name: &str, source: &Bound<'_, PyAny>) -> PyResult<()> {
        let core = self.core()?;
        if name.is_empty() {
            return Err(argument("name", "it is empty"));
        }
        let is_encoded = source.is_instance_of::<pyo3::types::PyBytes>();
        let named = if is_encoded {
            arguments::encoded(core, source)?
        } else if pyo3::buffer::PyUntypedBuffer::get(source).is_ok() {
            Named::Array(Arc::new(ArrayPixels::new(source)?))
        } else {
            Named::Object(Arc::new(ObjectSource::new(source)?))
        };
        let before = core.sources.add(name.into(), named);
        core.cache.invalidate(name.as_ref());
        drop(before);
        Ok(())
    }

    /// Forgets what is known of a file, its tiles included, or of all files; and what was given that name by `add`.
    ///
    /// Call it when a file has changed. Whoever is reading finishes with the old pixels.
    #[pyo3(signature = (path=None))]
    fn invalidate(&self, path: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let core = self.core()?;
        let Some(path) = path else {
            core.cache.invalidate_all();
            return Ok(());
        };
        let key: OsString = os_path(path)?;
        let before = core.sources.remove(&key);
        core.cache.invalidate(&key);
        drop(before);
        Ok(())
    }

    /// Forgets every file that is not any more what it was when it was first read, by length, inode and time; their paths.
    fn invalidate_changed(&self, py: Python<'_>) -> PyResult<Vec<PathBuf>> {
        let cache = self.core()?.cache.clone();
        let changed = py.detach(move || cache.invalidate_changed());
        Ok(changed.into_iter().map(PathBuf::from).collect())
    }

    /// Who holds what, as JSON.
    fn _ledger(&self, py: Python<'_>) -> PyResult<String> {
        let bank = self.share.even_closed()?.bank.clone();
        let ledger = py.detach(move || bank.ledger());
        Ok(serde_json::to_string(&ledger).expect("plain figures"))
    }

    /// What happened to the budget, as JSON.
    fn _events(&self) -> PyResult<String> {
        let events = self.share.even_closed()?.bank.events();
        Ok(serde_json::to_string(&events).expect("plain figures"))
    }

    /// Sets a mark, and says which: the ledger tells from now on what was taken since.
    fn mark(&self) -> PyResult<u32> {
        Ok(self.core()?.bank.mark().generation)
    }

    /// Notes what is held now, from which the ledger tells growth: to be called about once a second.
    fn sample(&self, py: Python<'_>) -> PyResult<()> {
        let bank = self.core()?.bank.clone();
        py.detach(move || bank.sample());
        Ok(())
    }

    /// How short the system is of memory: `none`, `moderate`, `high` or `critical`; None unless that is watched.
    #[getter]
    fn pressure(&self) -> PyResult<Option<&'static str>> {
        Ok(self.core()?.bank.pressure().map(Pressure::name))
    }

    /// What the cache did, as JSON.
    fn _stats(&self) -> PyResult<String> {
        Ok(serde_json::to_string(&self.core()?.cache.stats()).expect("plain figures"))
    }

    /// What the cache did with each file, as JSON.
    fn _file_stats(&self) -> PyResult<String> {
        Ok(serde_json::to_string(&self.core()?.cache.file_stats()).expect("plain figures"))
    }

    /// The bytes that may be held of host memory. Setting a lower limit reclaims idle memory at once; what is in use stays.
    #[getter]
    fn limit_bytes(&self) -> PyResult<u64> {
        Ok(self.core()?.bank.limit(Resource::Host).unwrap_or(0))
    }

    #[setter]
    fn set_limit_bytes(&self, limit: &Bound<'_, PyAny>) -> PyResult<()> {
        let limit = bytes("limit_bytes", limit)?;
        let bank = &self.core()?.bank;
        bank.set_limit(Resource::Host, limit)
            .map_err(|error| errors::from_memory(&error))
    }

    /// Gives idle memory back to the system: all of it, or a fraction. The bytes that were given back.
    #[pyo3(signature = (fraction=1.0))]
    fn trim(&self, py: Python<'_>, fraction: f64) -> PyResult<u64> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(argument(
                "fraction",
                format!("{fraction}; 0 to 1 is wanted"),
            ));
        }
        let bank = self.core()?.bank.clone();
        Ok(py.detach(move || bank.trim(fraction)))
    }

    /// Gives up what is idle, and refuses every later call with `ClosedError`. What is still in use (arrays, tiles,
    /// tensors) stays valid.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let core = self.share.even_closed()?;
        py.detach(|| core.close());
        Ok(())
    }

    /// What the object pool holds and does, and its limits.
    #[getter]
    fn pool(&self) -> PyResult<PyPool> {
        self.share.get()?;
        Ok(PyPool::new(self.share.another()?))
    }

    /// The accounts' names.
    #[staticmethod]
    fn _accounts() -> Vec<&'static str> {
        Account::ALL.map(Account::name).to_vec()
    }
}

fn named_region(
    image: &Image,
    region: Option<(i64, i64, i64, i64)>,
    level: i64,
    subimage: i64,
) -> PyResult<Region> {
    let arguments = ReadArguments {
        region,
        level,
        subimage,
        channels: None,
        dtype: None,
        alpha: None,
    };
    Ok(arguments::Request::new(image, &arguments, None)?.region)
}
